//! Doors to the parsers for the fuzz targets of `sfu/fuzz`: each reads the bytes in every way that the core does,
//! and forgets the result. Nothing else uses them.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use crate::transport::{Identity, dtls, stun};

pub use crate::media::fuzzing::{THREE_LAYERS, rtcp, rtp};

/// A STUN message (RFC 8489).
pub fn stun(bytes: &[u8]) {
    black_box(stun::stun_local_ufrag(bytes));
    if let Some(message) = stun::Message::parse(bytes) {
        black_box((message.username(), message.priority(), message.mapped_address()));
        black_box((message.has_integrity(), message.unknown_attributes()));
    }
}

/// A datagram of DTLS records, as far as it is looked at before the library has it: handshake fragments, and the
/// profiles that a ClientHello offers. Then the same, without its first byte, in the library: instead of what a client
/// would send next, after as many rounds of a handshake as the first byte says, or as changes of that.
pub fn client_hello(bytes: &[u8], identity: &Arc<Identity>, now: Instant) {
    dtls::look_at_hello(bytes);
    dtls::next_in_handshake(bytes, identity, now);
}
