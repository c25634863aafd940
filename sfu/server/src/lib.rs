//! Shards, sockets, batching and metrics around the media plane core.
//!
//! Each shard is one thread with a [`hearken_sfu_core::Core`] and one port, for UDP and for TCP. Orders go in and news come out by
//! bounded channels; a session is pinned to a shard when it is opened, so that no packet ever crosses threads.
//!
//! ```text
//!  MediaServer::send ──orders──►┌────────── shard thread ──────────┐──► media events
//!                               │ poll: sockets, orders, deadline  │
//!  UDP ──recvmmsg, GRO────────► │   Core ──► Outbox ──► sendmmsg ──┼──► UDP, GSO
//!  TCP ──frames───────────────► │                └────► queues ────┼──► TCP (pictures dropped when late)
//!                               └──────────────────────────────────┘──► speech (dropped when full)
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod alarm;
mod announced;
#[cfg(test)]
mod fixtures;
mod listening;
mod metrics;
mod poller;
mod priority;
mod sender;
mod server;
mod shard;
mod socket;
mod tcp;
mod wake;

pub use hearken_sfu_core::PACKETS_PER_SECOND_MAX;

pub use announced::{Announced, AnnouncedError};
pub use metrics::ShellDropCause;
pub use server::{MediaConfig, MediaPlaneStopped, MediaServer, Outputs, SendError, StartError};
