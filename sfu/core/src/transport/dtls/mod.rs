//! DTLS 1.2 behind a small seam, so that another implementation can take its place.
//!
//! In: datagrams from addresses that ICE has verified. Out: datagrams, and once the keys for SRTP with the
//! fingerprint of the peer's certificate. Does not judge that fingerprint and knows no addresses.

mod fuzzing;
mod guarded;
mod identity;
mod records;
mod session;

use std::time::Instant;

use rtc_crypto::SecretVec;

pub(crate) use fuzzing::next_in_handshake;
pub use identity::{Identity, IdentityError};
pub(crate) use session::DtlsSession;

use super::{DropReason, Fingerprint, SrtpProfile};

#[cfg(test)]
pub(in crate::transport) use records::tests::fragmented;

/// For fuzzing, see [`crate::fuzzing`].
pub(crate) fn look_at_hello(datagram: &[u8]) {
    records::look_at(datagram);
}

/// One peer's DTLS association.
pub(crate) trait Dtls: Send {
    /// Takes a datagram whose first byte says DTLS; outputs may follow.
    fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) -> Result<(), DropReason>;

    /// Sends a flight again if it is time.
    fn handle_timeout(&mut self, now: Instant);

    /// When [`Self::handle_timeout`] wants to be called.
    fn poll_timeout(&self) -> Option<Instant>;

    /// What is to be done next.
    fn poll_output(&mut self) -> Option<DtlsOutput>;

    /// Tells the peer that this is the end; its datagram is the last output.
    fn close(&mut self, now: Instant);
}

/// What comes out of an association.
pub(crate) enum DtlsOutput {
    /// To be sent to the peer.
    Datagram(Vec<u8>),
    /// The handshake is through.
    Established(Established),
    /// The peer closed it, or it failed.
    Closed(DtlsClosed),
}

/// What a handshake yields.
pub(crate) struct Established {
    pub(crate) profile: SrtpProfile,
    /// As RFC 5764 §4.2 has it, of the profile's length.
    pub(crate) keying_material: SecretVec,
    /// Of the certificate whose key signed the handshake.
    pub(crate) peer: Fingerprint,
}

/// Why an association is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DtlsClosed {
    /// By the peer's alert, after the handshake.
    ByPeer,
    /// In the handshake.
    Failed,
}
