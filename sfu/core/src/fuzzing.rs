//! Doors to the parsers for the fuzz targets of `sfu/fuzz`: each reads the bytes in every way that the core does,
//! and forgets the result. Nothing else uses them.

use std::hint::black_box;

use crate::transport::{dtls, stun};

pub use crate::media::fuzzing::{rtcp, rtp};

/// A STUN message (RFC 8489).
pub fn stun(bytes: &[u8]) {
    black_box(stun::stun_local_ufrag(bytes));
    if let Some(message) = stun::Message::parse(bytes) {
        black_box((message.username(), message.priority(), message.mapped_address()));
        black_box((message.has_integrity(), message.unknown_attributes()));
    }
}

/// A datagram of DTLS records, as far as it is looked at before the library has it: handshake fragments, and the
/// profiles that a ClientHello offers.
pub fn client_hello(bytes: &[u8]) {
    dtls::look_at_hello(bytes);
}
