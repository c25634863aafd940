//! What the load generator and the benchmarks share: the public protocol from a client's side, synthetic media,
//! and readings of the server's process.
//!
//! A client of `PROTOCOL.md` and nothing else: it knows no server crate but the SFU's client-side transport.

mod api;
mod offer;
mod peer;
mod process;
mod run;
mod synthetic;

pub use api::{ApiClient, Links, Signaling};
pub use process::{Cost, ServerProcess};
pub use run::{Report, Shape, run};
pub use synthetic::{PacketKind, Publisher, Schedule};
