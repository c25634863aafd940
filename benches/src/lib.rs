//! What the load generator and the benchmarks share: the public protocol from a client's side, synthetic media,
//! and readings of the server's process.
//!
//! A client of `PROTOCOL.md` and nothing else: it knows no server crate but the SFU's client-side transport.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod answer;
mod api;
mod caption_delay;
mod offer;
mod peer;
mod process;
mod run;
mod scoring;
mod script;
mod speech;
mod synthetic;

pub use answer::Answer;
pub use api::{ApiClient, Links, Signaling};
pub use caption_delay::{CaptionReport, Spoken, measure_captions};
pub use offer::{Sections, offer};
pub use process::{CaptionModel, Cost, ServerProcess};
pub use run::{Report, Shape, run};
pub use script::Script;
pub use speech::{Recording, recordings};
pub use synthetic::{PacketKind, Publisher, Schedule};
