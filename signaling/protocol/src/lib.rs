//! The words all parts of Hearken share: ids, browser messages, media control messages, caption events.
//!
//! A leaf: plain data and its (de)serialisation, no behaviour. Every other crate may depend on it, it
//! depends on none of them. `signaling/PROTOCOL.md` explains the browser messages in prose; the TypeScript
//! types in `web-client/src/protocol/generated.ts` are made from this crate (`tests/typescript.rs`).

mod browser;
mod captions;
mod ids;
mod media;
mod sensitive;
mod speech;
mod statistics;
mod time;

pub use browser::*;
pub use captions::*;
pub use ids::*;
pub use media::*;
pub use sensitive::Sensitive;
pub use speech::*;
pub use statistics::*;
pub use time::{Timestamp, TimestampError};

/// Version of the browser protocol that this server speaks.
pub const PROTOCOL_VERSION: u32 = 1;

/// Largest WebSocket message a client may send, except an offer, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// Largest WebSocket message that carries an SDP, in bytes: an untrimmed offer of 25 slot pairs is 158 KB
/// in Chromium.
pub const SDP_MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// Longest line that somebody types instead of speaking, in characters.
pub const TYPED_CHARACTERS_MAX: usize = 500;

/// Lines of each typist of which it is remembered what became of them; a client has fewer that it does not know of.
pub const TYPED_ENDS_MAX: usize = 64;
