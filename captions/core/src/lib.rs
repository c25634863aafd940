//! What was said and when it is final: segmentation, stabilisation, back-log policy.
//!
//! In go frames of sound with their voice probability, out come decoding jobs and caption events:
//!
//! ```text
//!  frames ─► segmenter ─► segments ─► jobs ─► (a Transcriber, elsewhere) ─► hypotheses
//!            speech or      one        the most urgent first                    │ guards, plausibility
//!            silence        stretch                                             ▼
//!                                                  caption events ◄─ captions ◄─ agreement
//! ```
//!
//! A pure state machine: no clock, no threads, no sockets, no Opus, no whisper. Nothing here can fail on
//! what comes in; memory per speaker and the number of speakers are bounded.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod agreement;
mod captioner;
mod captions;
mod plausibility;
mod policy;
mod repetition;
mod segment;
mod segmenter;
mod showing;
mod speaker;
mod transcriber;
mod words;

pub use captioner::{Captioner, Counters, SPEAKERS_MAX};
pub use policy::Policy;
pub use repetition::{cut_repetition, drop_unheard, max_tokens};
pub use segmenter::{FRAME, FRAME_SAMPLES, Frame, SAMPLE_RATE};
pub use speaker::SpeakerKey;
pub use transcriber::{Hypothesis, Job, JobId, TranscribeError, Transcriber};
pub use words::{Word, normalised};
