//! The captioning process: intake, Opus, voice activity, whisper; and the supervisor that keeps it running.
//!
//! ```text
//!  hearken serve                                   hearken captions (child process, nice 5)
//!  ─────────────                                   ────────────────────────────────────────
//!  SpeechPackets ─► Supervisor ── socket pair ──►  intake ─► voice ─► captions-core ─► whisper pool
//!  CaptionNews  ◄─────────┘     ◄────────────────────────────────────────┘
//! ```
//!
//! whisper.cpp can abort a process; it is the child's that it aborts, and calls go on. The child ends when its
//! socket closes. Caption text is never logged.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod child;
mod clock;
#[cfg(test)]
mod fixtures;
mod headroom;
mod intake;
mod keeper;
mod link;
mod metrics;
pub mod model;
mod outbox;
mod pipeline;
mod pool;
mod process;
mod processor;
mod prompt;
mod restarts;
mod supervisor;
mod tongues;
mod voice;
mod whisper;
mod wire;

pub use child::{
    EXIT_MODEL, EXIT_PROCESSOR, EXIT_USAGE, WorkerConfig, WorkerError, main_from_environment, run,
};
pub use clock::Clock;
pub use headroom::{Headroom, Room};
pub use intake::{Heard, Intake, IntakeCounters};
pub use pipeline::Pipeline;
pub use pool::{Done, Pool};
pub use processor::ProcessorError;
pub use restarts::Restarts;
pub use supervisor::{ModelChanger, Supervisor, SupervisorConfig};
pub use voice::VoiceDetector;
pub use whisper::{Context, WhisperError, WhisperModel, WhisperTranscriber};
pub use wire::{FromWorker, Report, ToWorker, WireError};
