//! One stretch of speech between two pauses: its sound, and its words as they settle.

use std::time::Duration;

use hearken_protocol::Timestamp;

use crate::agreement::Agreement;
use crate::captions::{CaptionWriter, Span};
use crate::segmenter::{FRAME_SAMPLES, SAMPLE_RATE};

/// Whisper says nothing at all about less than a second of sound.
const JOB_SAMPLES_MIN: usize = SAMPLE_RATE + SAMPLE_RATE / 10;
/// So much sound after the last voice has to be decoded for a hypothesis to hold for the whole segment.
const TAIL_SAMPLES: usize = SAMPLE_RATE / 10;

/// What is kept of each frame besides its samples.
#[derive(Debug, Clone, Copy)]
struct FrameNote {
    voiced: bool,
    level: f32,
}

#[derive(Debug)]
pub(crate) struct Segment {
    /// Counts the segments of its speaker.
    pub number: u64,
    /// When the first sample was heard.
    at: Timestamp,
    /// Bounded by the policy's hard limit and the pre-roll.
    samples: Vec<i16>,
    /// One per frame after the pre-roll.
    notes: Vec<FrameNote>,
    voiced_frames: usize,
    pre_roll: usize,
    /// Where the latest job ended, and the latest finished one.
    pub asked_until: usize,
    decoded_until: usize,
    /// When it ended, for the policy on what is late.
    pub closed_at: Option<Timestamp>,
    /// Since when a job for it is due and was not given.
    pub due_since: Option<Timestamp>,
    pub agreement: Agreement,
    pub captions: CaptionWriter,
}

impl Segment {
    /// Begins with sound from before the first voice.
    pub fn new(number: u64, at: Timestamp, pre_roll: Vec<i16>) -> Self {
        Self {
            number,
            at,
            pre_roll: pre_roll.len(),
            samples: pre_roll,
            notes: Vec::new(),
            voiced_frames: 0,
            asked_until: 0,
            decoded_until: 0,
            closed_at: None,
            due_since: None,
            agreement: Agreement::default(),
            captions: CaptionWriter::default(),
        }
    }

    /// Appends a frame.
    pub fn push(&mut self, samples: &[i16], voiced: bool, level: f32) {
        self.samples.extend_from_slice(samples);
        self.notes.push(FrameNote { voiced, level });
        self.voiced_frames += usize::from(voiced);
    }

    /// Cuts off the last frames: they become the beginning of segment `number`.
    pub fn split_off(&mut self, frames_back: usize, number: u64) -> Self {
        let kept = self.notes.len().saturating_sub(frames_back);
        let notes = self.notes.split_off(kept);
        let samples = self
            .samples
            .split_off((self.pre_roll + kept * FRAME_SAMPLES).min(self.samples.len()));
        let mut rest = Self::new(number, self.at_sample(self.samples.len()), Vec::new());
        rest.voiced_frames = notes.iter().filter(|note| note.voiced).count();
        self.voiced_frames -= rest.voiced_frames;
        (rest.samples, rest.notes) = (samples, notes);
        // What was decoded beyond the cut says too much: it has to be decoded again.
        if self.decoded_until > self.samples.len() {
            self.decoded_until = 0;
        }
        rest
    }

    /// The sound after the last voice, at most `length`: the pre-roll of what comes next.
    pub fn tail(&self, length: usize) -> &[i16] {
        let silence = self.samples.len() - self.voiced_until();
        &self.samples[self.samples.len() - length.min(silence / 2)..]
    }

    /// All of the sound so far, for a job.
    pub fn sound(&self) -> Vec<f32> {
        let mut sound: Vec<f32> = self
            .samples
            .iter()
            .map(|sample| f32::from(*sample) / 32_768.0)
            .collect();
        sound.resize(sound.len().max(JOB_SAMPLES_MIN), 0.0);
        sound
    }

    /// Samples so far.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Voice in it, pauses not counted.
    pub fn voice(&self) -> Duration {
        samples_to_duration(self.voiced_frames * FRAME_SAMPLES)
    }

    /// Standard deviation of the loudness of its voiced frames in dB: small for hums and tones.
    pub fn level_variation(&self) -> f32 {
        let levels: Vec<f32> = self
            .notes
            .iter()
            .filter(|note| note.voiced)
            .map(|note| note.level)
            .collect();
        let count = levels.len().max(1) as f32;
        let mean = levels.iter().sum::<f32>() / count;
        (levels.iter().map(|level| (level - mean).powi(2)).sum::<f32>() / count).sqrt()
    }

    /// Where the last voice ends, in samples.
    pub fn voiced_until(&self) -> usize {
        let frames = self
            .notes
            .iter()
            .rposition(|note| note.voiced)
            .map_or(0, |last| last + 1);
        (self.pre_roll + frames * FRAME_SAMPLES).min(self.samples.len())
    }

    /// A hypothesis about the first `until` samples is in.
    pub fn decoded(&mut self, until: usize) {
        self.decoded_until = self.decoded_until.max(until);
    }

    /// Whether a job that ended at `until` says all there is to say.
    pub fn is_covered_by(&self, until: usize) -> bool {
        until >= (self.voiced_until() + TAIL_SAMPLES).min(self.samples.len())
    }

    /// Whether the latest hypothesis says all there is to say.
    pub fn is_decoded(&self) -> bool {
        self.decoded_until > 0 && self.is_covered_by(self.decoded_until)
    }

    /// From the first voice to the last.
    pub fn span(&self) -> Span {
        Span {
            from: self.at_sample(self.pre_roll),
            until: self.at_sample(self.voiced_until()),
        }
    }

    fn at_sample(&self, sample: usize) -> Timestamp {
        self.at + samples_to_duration(sample)
    }
}

/// How long so many samples last.
pub(crate) fn samples_to_duration(samples: usize) -> Duration {
    Duration::from_micros(samples as u64 * 1_000_000 / SAMPLE_RATE as u64)
}

/// How many samples last so long.
pub(crate) fn duration_to_samples(duration: Duration) -> usize {
    usize::try_from(duration.as_millis()).unwrap_or(usize::MAX / SAMPLE_RATE) * (SAMPLE_RATE / 1000)
}
