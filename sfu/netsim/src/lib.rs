//! A seeded model of one direction of a network link, for tests.
//!
//! In: when a packet is sent and how big it is. Out: whether and when it arrives. It loses packets singly or in
//! bursts, delays and reorders them, and queues them before a bottleneck of limited rate. The same seed and the
//! same packets always give the same result; it has no sockets, no clock and no threads. The program
//! `netsim-proxy` puts it between real sockets.
//!
//! ```text
//!            full: overflowed                lost                held back: reordered
//!                  ▲                          ▲                          ▲
//!  send ──► queue ─┴─► bottleneck (rate) ──► loss ──► delay + jitter ────┴──► arrives
//! ```

mod conditions;
mod link;
mod loss;

pub use conditions::{Bottleneck, Conditions, ConditionsError, Queue, Reordering};
pub use link::{Link, Tally, Verdict};
pub use loss::Loss;
