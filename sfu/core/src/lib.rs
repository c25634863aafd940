//! The media plane's decisions: which packet goes where. No sockets, no clock.
//!
//! One [`Core`] per shard holds the sessions pinned to it. The shell feeds it datagrams and commands with the
//! time, and drains what it wants sent: [`Outbox`] (datagrams), [`Core::poll_event`] (news for signaling),
//! [`Core::poll_speech`] (Opus packets for the captions). Same input, same output: time and randomness come
//! from outside.
//!
//! ```text
//!  datagram ─► transport ─► uplink ─► track ─┬─► downlink of subscriber 1 ─► transport ─► outbox
//!              (opened      (which    (one    ├─► downlink of subscriber 2 ─► …
//!               in place)   stream,   cache)  └─► speech
//!                           NACK,
//!                           TWCC)
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod answer;
pub mod client;
mod core;
mod counters;
#[doc(hidden)]
pub mod fuzzing;
mod labelled;
mod media;
mod outbox;
mod prefetch;
pub mod sdp;
pub mod transport;

pub use crate::core::{Core, CoreConfig, PACKETS_PER_SECOND_MAX};
pub use crate::counters::{Counters, DropCause, Drops, Traffic, Volume};
pub use crate::outbox::{Content, Outbox, QueuedDatagram};
