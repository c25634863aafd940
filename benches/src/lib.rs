//! What the load generator and the benchmarks share: the public protocol from a client's side, synthetic media,
//! and readings of the server's process.
//!
//! A client of `PROTOCOL.md` and nothing else: it knows no server crate but the SFU's client-side transport.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod answer;
mod api;
mod caption_delay;
pub mod captions;
mod janus;
mod janus_room;
mod join;
mod offer;
mod peer;
mod process;
mod receiving;
mod rtp;
mod run;
mod scoring;
mod script;
mod server;
mod speech;
mod synthetic;
mod tally;

pub use answer::Answer;
pub use api::{ApiClient, Links, Signaling};
pub use caption_delay::{CaptionReport, Spoken, measure_captions};
pub use janus::JanusProcess;
pub use join::{JoinReport, measure_joins};
pub use offer::{Sections, Ssrcs, offer, publisher_offer};
pub use process::{CaptionModel, Cost, ServerProcess};
pub use run::{Harm, Load, Report, Shape, run};
pub use script::Script;
pub use server::{Server, ServerKind};
pub use speech::{Recording, recordings};
pub use synthetic::{PacketKind, Publisher, Schedule, Sound, Stamp, VideoShape};
