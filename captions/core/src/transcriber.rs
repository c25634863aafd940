//! The seam to the speech model: what a job asks for, what comes back.

use std::sync::Arc;
use std::time::Duration;

use hearken_protocol::{GroupSpeech, Language, ParticipantId, SessionId};

use crate::speaker::SpeakerKey;
use crate::words::Word;

/// Names a job; never used again by the same captioner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// Sound to be turned into words.
#[derive(Clone, PartialEq)]
pub struct Job {
    /// To be handed back with the result.
    pub id: JobId,
    /// Who spoke.
    pub speaker: SpeakerKey,
    /// Which of the speaker's utterances the sound is from: several jobs hear ever more of one.
    pub utterance: u64,
    /// How the speaker's group speaks.
    pub speech: Arc<GroupSpeech>,
    /// 16 kHz mono, −1 to 1.
    pub sound: Vec<f32>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Speech is personal: its length is all that a log may say.
        f.debug_struct("Job")
            .field("id", &self.id)
            .field("duration", &self.duration())
            .finish()
    }
}

impl Job {
    /// Sound of nobody in particular, in English: for trying a model out.
    pub fn of_nobody(sound: Vec<f32>) -> Self {
        let speaker = SpeakerKey {
            session: SessionId(0),
            participant: ParticipantId(0),
        };
        Self {
            id: JobId(0),
            speaker,
            utterance: 0,
            speech: Arc::default(),
            sound,
        }
    }

    /// Length of the sound.
    pub fn duration(&self) -> Duration {
        Duration::from_micros(self.sound.len() as u64 * 1_000_000 / crate::SAMPLE_RATE as u64)
    }
}

/// What the model takes the sound for.
#[derive(Clone, PartialEq)]
pub struct Hypothesis {
    /// In order; empty if it heard nothing.
    pub words: Vec<Word>,
    /// Mean of the natural logarithms of the tokens' probabilities: 0 is certain.
    pub average_log_probability: f32,
    /// How likely it is that nobody spoke, 0 to 1.
    pub no_speech_probability: f32,
    /// What the words are written in, if the model says so.
    pub language: Option<Language>,
}

impl Hypothesis {
    /// Nothing was said.
    pub fn silence() -> Self {
        Self {
            words: Vec::new(),
            average_log_probability: 0.0,
            no_speech_probability: 1.0,
            language: None,
        }
    }
}

/// The model could not do it. The caption stays as it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the speech model failed: {0}")]
pub struct TranscribeError(pub String);

/// A speech model: whisper in production, a script in tests.
pub trait Transcriber {
    /// Turns sound into words, taking as long as it takes.
    ///
    /// # Errors
    /// When the model fails on this sound; the next may go well.
    fn transcribe(&mut self, job: &Job) -> Result<Hypothesis, TranscribeError>;
}
