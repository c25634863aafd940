//! Media: what comes from publishers, what goes to subscribers, and the choices in between.
//!
//! The path of a packet, [`uplink`] → [`outgoing`] by way of [`session`], allocates nothing and formats
//! nothing.

mod allowance;
mod bandwidth;
mod cache;
mod copy_log;
mod dependency;
pub(crate) mod downlink;
mod dropped;
mod dynacast;
pub(crate) mod fuzzing;
mod h264;
mod key_frame_budget;
mod key_frames;
mod layers;
mod loss;
mod nack;
pub(crate) mod negotiated;
mod opus;
pub(crate) mod outgoing;
mod pacer;
pub(crate) mod participant;
mod picture;
mod rate;
mod reception;
mod red;
mod redundancy;
mod rewriter;
mod round_trip;
mod rtcp;
pub(crate) mod rtp;
mod sequence;
pub(crate) mod session;
mod slots;
mod source_allowance;
mod speaker;
mod speech;
pub(crate) mod statistics;
mod steadiness;
mod svc;
mod temporal;
pub(crate) mod time;
mod timeline;
pub(crate) mod train;
mod twcc;
pub(crate) mod uplink;
mod vp8;
mod vp9;

/// Ticks per second of Opus (RFC 7587 §4.1).
const OPUS_RATE: u32 = 48_000;
/// Ticks per second of every video codec.
const VIDEO_RATE: u32 = 90_000;
