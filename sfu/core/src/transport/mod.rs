//! One peer's transport: ICE-lite, DTLS and SRTP, without a socket or a clock.
//!
//! ```text
//!              ┌ 0..=3    STUN ─► ice ──────────────┐ pair verified
//!  datagram ───┤ 20..=63  DTLS ─► dtls ─► keys ─┐   │
//!  (RFC 7983)  └ 128..=191 RTP, RTCP ──────► srtp ◄─┴─► packets, opened in place
//! ```
//!
//! Nothing from an address counts before an authentic STUN check came from it; no media goes to one before the peer
//! has answered a check of ours there; no key counts before the peer's certificate has the fingerprint of its offer.

mod candidate;
mod consent;
mod credentials;
mod drop_reason;
pub(crate) mod dtls;
#[cfg(test)]
pub(crate) mod fixtures;
mod framing;
mod ice;
pub(crate) mod srtp;
pub(crate) mod stun;
#[cfg(test)]
mod tests;
#[expect(clippy::module_inception, reason = "the noun of this folder")]
mod transport;

pub use candidate::{Candidate, Protocol};
pub use consent::CHALLENGE_SECRET_BYTES;
pub use credentials::{Fingerprint, ICE_SEED_BYTES, IceCredentials};
pub use drop_reason::{DropCounts, DropReason};
pub use dtls::{Identity, IdentityError};
pub use framing::{Deframer, FRAME_BYTES_MAX, FRAME_HEADER_BYTES, FrameTooLong, frame_header};
pub(crate) use ice::PAIRS_MAX;
pub use ice::Pair;
pub use srtp::{SRTCP_OVERHEAD_MAX, SRTP_OVERHEAD_MAX, SealError, SrtpProfile};
pub use stun::stun_local_ufrag;
pub use transport::{DisconnectReason, Incoming, Transmit, Transport, TransportConfig, TransportEvent};
