//! Recorded speech as a browser would send it, the model to hear it with, and scoring.

#![allow(dead_code, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use hearken_captions_core::{
    Hypothesis, JobId, Policy, SAMPLE_RATE, TranscribeError, Transcriber, normalised,
};
use hearken_captions_worker::{Pipeline, WhisperModel, WhisperTranscriber};
use hearken_protocol::{CaptionEvent, CaptionStatus, ParticipantId, SessionId, SpeechPacket, Timestamp};

/// Samples in a packet: 20 ms.
pub const PACKET_SAMPLES: usize = SAMPLE_RATE / 50;
/// When the virtual time of tests begins.
pub const START: Timestamp = Timestamp(1_700_000_000_000);
/// Where Debian's `pocketsphinx-testdata` puts its recordings.
const RECORDINGS: &str = "/usr/share/pocketsphinx/test/data/librivox";
const RECORDING_STEM: &str = "sense_and_sensibility_01_austen_64kb-";

/// The model's file: `HEARKEN_MODEL` (a path), or the default one in the cache folder.
pub fn model_path() -> PathBuf {
    let named = std::env::var("HEARKEN_MODEL").unwrap_or_else(|_| "tiny.en-q8_0".into());
    path_of(&named)
}

/// A model's file by its path, or by its name in the cache folder.
fn path_of(named: &str) -> PathBuf {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let path = if named.contains('/') {
        PathBuf::from(named)
    } else {
        home.join(format!(".cache/hearken/models/ggml-{named}.bin"))
    };
    assert!(
        path.is_file(),
        "no caption model at {}: run `hearken model fetch {named}`",
        path.display()
    );
    path
}

/// The model that knows many languages, loaded once for all tests of a program.
pub fn base_model() -> &'static WhisperModel {
    static MODEL: OnceLock<WhisperModel> = OnceLock::new();
    MODEL.get_or_init(|| WhisperModel::load(&path_of("base-q8_0")).unwrap())
}

/// The model, loaded once for all tests of a program.
pub fn model() -> &'static WhisperModel {
    static MODEL: OnceLock<WhisperModel> = OnceLock::new();
    MODEL.get_or_init(|| WhisperModel::load(&model_path()).unwrap())
}

/// A recording of `pocketsphinx-testdata` by its number (0870, 0880, 0890, 0920, 0930), 16 kHz mono.
pub fn recording(number: &str) -> Vec<i16> {
    wav(&Path::new(RECORDINGS).join(format!("{RECORDING_STEM}{number}.wav")))
}

/// What is said in it.
pub fn transcript(number: &str) -> &'static str {
    match number {
        "0870" => {
            "and mister john dashwood had then leisure to consider how much there might be prudently in his power to do for them"
        }
        "0880" => "he was not an ill disposed young man",
        "0890" => "unless to be rather cold hearted and rather selfish is to be ill disposed",
        "0920" => {
            "had he married a more amiable woman he might have been made still more respectable than he was"
        }
        "0930" => "he might even have been made amiable himself",
        _ => panic!("no recording {number}"),
    }
}

/// Samples of a 16 kHz mono WAV file of 16-bit samples.
pub fn wav(path: &Path) -> Vec<i16> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| {
        panic!(
            "no recording at {} ({error}): install Debian's pocketsphinx-testdata",
            path.display()
        )
    });
    assert_eq!(bytes[24..28], 16_000u32.to_le_bytes(), "16 kHz");
    let mut at = 12;
    while &bytes[at..at + 4] != b"data" {
        at += 8 + u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
    }
    bytes[at + 8..]
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

/// What a synthetic voice of espeak-ng makes of a text, 16 kHz mono.
pub fn spoken(voice: &str, text: &str) -> Vec<i16> {
    let output = std::process::Command::new("espeak-ng")
        .args(["-v", voice, "-s", "140", "--stdout", text])
        .output()
        .expect("Debian's espeak-ng is installed");
    assert!(output.status.success(), "espeak-ng speaks {voice}");
    let rate = u32::from_le_bytes(output.stdout[24..28].try_into().unwrap());
    let samples: Vec<f32> = output.stdout[44..]
        .chunks_exact(2)
        .map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])))
        .collect();
    // Between the samples on a straight line: what that costs in the treble a recogniser does not miss.
    let step = rate as f32 / SAMPLE_RATE as f32;
    let length = (samples.len() as f32 / step) as usize;
    (0..length.saturating_sub(1))
        .map(|index| {
            let at = index as f32 * step;
            let (whole, part) = (at as usize, at.fract());
            (samples[whole] * (1.0 - part) + samples[whole + 1] * part) as i16
        })
        .collect()
}

/// So many seconds of nothing.
pub fn silence(seconds: f32) -> Vec<i16> {
    vec![0; (seconds * SAMPLE_RATE as f32) as usize]
}

/// Sound as Opus packets of 20 ms, beginning at `START`.
pub fn packets(speaker: u64, sound: &[i16]) -> Vec<SpeechPacket> {
    packets_of(PACKET_SAMPLES, speaker, sound)
}

/// The same, with so many samples in each packet.
pub fn packets_of(packet_samples: usize, speaker: u64, sound: &[i16]) -> Vec<SpeechPacket> {
    let milliseconds = (packet_samples * 1_000 / SAMPLE_RATE) as u64;
    let rtp = (packet_samples * 3) as u32;
    let mut encoder =
        opus::Encoder::new(SAMPLE_RATE as u32, opus::Channels::Mono, opus::Application::Voip).unwrap();
    encoder.set_bitrate(opus::Bitrate::Bits(32_000)).unwrap();
    encoder.set_inband_fec(true).unwrap();
    encoder.set_packet_loss_perc(10).unwrap();
    let packets = sound.chunks_exact(packet_samples).enumerate();
    packets
        .map(|(index, samples)| SpeechPacket {
            session: SessionId(1),
            participant: ParticipantId(speaker),
            stream: 0xabcd,
            sequence: 65_530 + index as u64,
            rtp_timestamp: 0xffff_f000u32.wrapping_add(index as u32 * rtp),
            received_at: START + Duration::from_millis(milliseconds * (index as u64 + 1)),
            payload: encoder.encode_vec(samples, 1_500).unwrap().into(),
        })
        .collect()
}

/// What a decoding takes, about, on one core of an ordinary machine. Always the same, so that neither the machine nor
/// what else runs on it matters.
const JOB_TIME: Duration = Duration::from_millis(200);

/// A pipeline with a model, driven in virtual time: every job takes [`JOB_TIME`].
pub struct Rehearsal {
    pub pipeline: Pipeline,
    transcriber: WhisperTranscriber,
    /// When the virtual transcriber is free again, and what it will say then.
    busy: Option<(Timestamp, JobId, Result<Hypothesis, TranscribeError>)>,
    pub now: Timestamp,
    pub events: Vec<(Timestamp, CaptionEvent)>,
    pub jobs: usize,
}

impl Rehearsal {
    pub fn new(policy: Policy) -> Self {
        Self::with(model(), policy)
    }

    pub fn with(model: &WhisperModel, policy: Policy) -> Self {
        Self {
            pipeline: Pipeline::new(1, policy),
            transcriber: model.transcriber().unwrap(),
            busy: None,
            now: START,
            events: Vec::new(),
            jobs: 0,
        }
    }

    /// Plays packets of any number of speakers as they come in, and a second more.
    pub fn play(&mut self, mut packets: Vec<SpeechPacket>) {
        packets.sort_by_key(|packet| packet.received_at);
        for packet in packets {
            self.run_until(packet.received_at);
            self.pipeline.packet(self.now, packet);
            self.work();
        }
        self.run_until(self.now + Duration::from_secs(4));
    }

    fn run_until(&mut self, until: Timestamp) {
        while self.now < until {
            self.now = (self.now + Duration::from_millis(5)).min(until);
            if self.now.0.is_multiple_of(50) {
                self.pipeline.tick(self.now);
            }
            self.work();
        }
    }

    fn work(&mut self) {
        if self.busy.as_ref().is_some_and(|(at, ..)| *at <= self.now)
            && let Some((_, job, result)) = self.busy.take()
        {
            self.pipeline.finish_job(job, result);
        }
        if self.busy.is_none()
            && let Some(job) = self.pipeline.next_job(self.now)
        {
            let result = self.transcriber.transcribe(&job);
            self.jobs += 1;
            self.busy = Some((self.now + JOB_TIME, job.id, result));
        }
        while let Some(event) = self.pipeline.poll_event() {
            self.events.push((self.now, event));
        }
    }

    /// All finals of a speaker as one text.
    pub fn finals(&self, speaker: u64) -> String {
        let of = |event: &&CaptionEvent| {
            event.status == CaptionStatus::Final && event.participant == ParticipantId(speaker)
        };
        let events = self.events.iter().map(|(_, event)| event);
        events
            .filter(of)
            .map(|event| event.stable.0.clone())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Words as they are scored.
pub fn words(text: &str) -> Vec<String> {
    let text = text
        .replace('-', " ")
        .replace("Mr.", "mister")
        .replace("Mrs.", "missus");
    text.split_whitespace()
        .map(normalised)
        .filter(|word| !word.is_empty())
        .collect()
}

/// Substitutions, insertions and deletions between two texts, in words.
pub fn word_errors(reference: &str, heard: &str) -> usize {
    let (reference, heard) = (words(reference), words(heard));
    let mut distances: Vec<usize> = (0..=heard.len()).collect();
    for (i, word) in reference.iter().enumerate() {
        let mut diagonal = distances[0];
        distances[0] = i + 1;
        for (j, other) in heard.iter().enumerate() {
            let substituted = diagonal + usize::from(word != other);
            diagonal = distances[j + 1];
            distances[j + 1] = substituted.min(distances[j] + 1).min(diagonal + 1);
        }
    }
    distances[heard.len()]
}

/// Share of the reference's words that are right, 0 to 1.
pub fn share_right(reference: &str, heard: &str) -> f64 {
    1.0 - word_errors(reference, heard) as f64 / words(reference).len() as f64
}
