//! Speakers with a script, a transcriber that hears the script in the sound, and a virtual clock.

#![allow(clippy::unwrap_used, dead_code)]

use std::time::Duration;

use hearken_captions_core::{
    Captioner, FRAME_SAMPLES, Frame, Hypothesis, Job, Policy, SpeakerKey, TranscribeError, Transcriber, Word,
};
use hearken_protocol::{CaptionEvent, CaptionStatus, Language, ParticipantId, SessionId, Timestamp};

/// Every word takes so long to say.
pub const WORD: Duration = Duration::from_millis(320);
const START: Timestamp = Timestamp(1_000_000);
const MARK: i16 = i16::MAX;

/// What one speaker says, and when.
struct Script {
    from: Duration,
    words: Vec<String>,
}

/// Hears which frames are in the sound, and says the words of those.
pub struct ScriptedTranscriber {
    scripts: Vec<Script>,
    /// Changes what was heard before it is handed out.
    pub spoil: fn(Vec<String>, usize) -> Vec<String>,
    pub log_probability: f32,
    pub fails: bool,
    /// What it says the words are written in.
    pub language: fn(&Job) -> Option<Language>,
    pub jobs: usize,
}

impl Transcriber for ScriptedTranscriber {
    fn transcribe(&mut self, job: &Job) -> Result<Hypothesis, TranscribeError> {
        self.jobs += 1;
        if self.fails {
            return Err(TranscribeError("no".into()));
        }
        let samples: Vec<i16> = job
            .sound
            .iter()
            .map(|sample| (sample * 32_768.0) as i16)
            .collect();
        let frames: Vec<(usize, u64)> = samples
            .windows(3)
            .filter(|window| window[0] == MARK)
            .map(|window| (window[1] as usize, window[2] as u64))
            .collect();
        let Some((first, last)) = frames.first().zip(frames.last()) else {
            return Ok(Hypothesis::silence());
        };
        let script = &self.scripts[first.0];
        let mut words = Vec::new();
        for (index, word) in script.words.iter().enumerate() {
            let middle = script.from + WORD * index as u32 + WORD / 2;
            let frame = middle.as_millis() as u64 / 16;
            if frame >= first.1 && frame <= last.1 {
                words.push(word.clone());
            }
        }
        let words = (self.spoil)(words, self.jobs);
        Ok(Hypothesis {
            words: words.into_iter().map(Word::certain).collect(),
            average_log_probability: self.log_probability,
            no_speech_probability: 0.0,
            language: (self.language)(job),
        })
    }
}

pub struct World {
    pub captioner: Captioner,
    pub transcriber: ScriptedTranscriber,
    /// What a job costs, per second of sound.
    pub cost: Duration,
    pub now: Duration,
    pub events: Vec<(Duration, CaptionEvent)>,
    busy: Option<(Duration, Job)>,
    frame: u64,
}

pub fn key(speaker: usize) -> SpeakerKey {
    SpeakerKey {
        session: SessionId(7),
        participant: ParticipantId(speaker as u64),
    }
}

impl World {
    pub fn new() -> Self {
        Self {
            captioner: Captioner::new(3, Policy::default()),
            transcriber: ScriptedTranscriber {
                scripts: Vec::new(),
                spoil: |words, _| words,
                log_probability: -0.2,
                fails: false,
                language: |_| None,
                jobs: 0,
            },
            cost: Duration::from_millis(100),
            now: Duration::ZERO,
            events: Vec::new(),
            busy: None,
            frame: 0,
        }
    }

    /// The next speaker says these words from then on, without a pause.
    pub fn says(&mut self, from: Duration, text: &str) {
        let words = text.split_whitespace().map(str::to_owned).collect();
        self.transcriber.scripts.push(Script { from, words });
    }

    /// The same speaker says these words from now on.
    pub fn says_more(&mut self, speaker: usize, words: &[&str]) {
        self.transcriber.scripts[speaker] = Script {
            from: self.now,
            words: words.iter().map(|word| (*word).to_owned()).collect(),
        };
    }

    pub fn run(&mut self, length: Duration) {
        let end = self.now + length;
        while self.now < end {
            self.now += Duration::from_millis(16);
            for speaker in 0..self.transcriber.scripts.len() {
                self.hear(speaker);
            }
            self.frame += 1;
            self.captioner.tick(START + self.now);
            self.work();
        }
    }

    fn hear(&mut self, speaker: usize) {
        let script = &self.transcriber.scripts[speaker];
        let speaking = self.now > script.from && self.now <= script.from + WORD * script.words.len() as u32;
        let loud = [8_000, 3_000, 6_000, 2_000][self.frame as usize % 4];
        let mut samples = [if speaking { loud } else { 10 }; FRAME_SAMPLES];
        samples[..3].copy_from_slice(&[MARK, speaker as i16, self.frame as i16]);
        let voice = if speaking { 0.9 } else { 0.05 };
        let at = START + (self.now - Duration::from_millis(16));
        let frame = Frame {
            at,
            voice,
            samples: &samples,
        };
        self.captioner.hear(START + self.now, key(speaker), frame);
        self.collect();
    }

    /// Finishes the job that is done and starts the next.
    pub fn work(&mut self) {
        if let Some((until, job)) = &self.busy
            && self.now >= *until
        {
            let result = self.transcriber.transcribe(job);
            self.captioner.finish_job(job.id, result);
            self.busy = None;
        }
        if self.busy.is_none()
            && let Some(job) = self.captioner.next_job(START + self.now)
        {
            let cost = self.cost.mul_f64(job.duration().as_secs_f64());
            self.busy = Some((self.now + cost, job));
        }
        self.collect();
    }

    /// The job that is being done is done at once.
    pub fn relieve(&mut self) {
        if let Some((until, _)) = &mut self.busy {
            *until = self.now;
        }
    }

    fn collect(&mut self) {
        while let Some(event) = self.captioner.poll_event() {
            self.events.push((self.now, event));
        }
    }

    /// The final text of a speaker, captions separated by ` / `.
    pub fn finals(&self, speaker: usize) -> String {
        let finals = self.final_events(speaker);
        let texts: Vec<&str> = finals.iter().map(|event| event.stable.as_str()).collect();
        texts.join(" / ")
    }

    /// The captions of a speaker, as they ended.
    pub fn final_events(&self, speaker: usize) -> Vec<&CaptionEvent> {
        self.events
            .iter()
            .map(|(_, event)| event)
            .filter(|event| event.participant == key(speaker).participant)
            .filter(|event| event.status == CaptionStatus::Final)
            .collect()
    }

    /// Whether every caption kept the promises of the protocol: revisions count up, what is stable only grows,
    /// nothing follows a final.
    pub fn assert_promises(&self) {
        let mut latest = std::collections::BTreeMap::<_, &CaptionEvent>::new();
        for (_, event) in &self.events {
            if let Some(before) = latest.get(&event.id) {
                assert_ne!(
                    before.status,
                    CaptionStatus::Final,
                    "{:?} changed after it was final",
                    event.id
                );
                assert_eq!(event.revision, before.revision + 1);
                assert_eq!(event.started_at, before.started_at);
                assert_eq!(event.participant, before.participant);
                assert!(
                    event.stable.starts_with(before.stable.as_str()),
                    "stable text was taken back"
                );
            } else {
                assert_eq!(event.revision, 1);
            }
            assert!(event.status == CaptionStatus::Partial || event.tentative.is_empty());
            assert!(event.ended_at >= event.started_at);
            latest.insert(event.id, event);
        }
        for (id, event) in latest {
            assert_eq!(event.status, CaptionStatus::Final, "{id:?} was never final");
        }
    }
}
