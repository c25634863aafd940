//! Why a datagram was thrown away, and how often. Bad input from the network is a count, never an error.

use crate::labelled::labelled;

labelled! {
    /// Why a datagram was thrown away.
    pub enum DropReason {
        /// The first byte belongs to no protocol spoken here (RFC 7983), or there is none.
        UnknownProtocol = "unknown_protocol",
        /// RTP, RTCP or DTLS from an address that no authenticated STUN check came from.
        UnknownAddress = "unknown_address",
        /// Not a STUN message, or one with a wrong FINGERPRINT.
        MalformedStun = "malformed_stun",
        /// A response or an indication, or a method that ICE does not have.
        UnexpectedStun = "unexpected_stun",
        /// USERNAME or MESSAGE-INTEGRITY are absent or wrong.
        UnauthenticStun = "unauthentic_stun",
        /// Authentic, but it lacks PRIORITY or has attributes that nobody here knows.
        RefusedStun = "refused_stun",
        /// The peer took the controlled role, which is ours.
        StunRoleConflict = "stun_role_conflict",
        /// Not DTLS records, or fragments that don't fit their message.
        MalformedDtls = "malformed_dtls",
        /// More handshake data than any honest handshake has.
        DtlsOverflow = "dtls_overflow",
        /// The handshake is not through yet.
        NoKeys = "no_keys",
        /// Shorter than its own header says, or another version.
        MalformedRtp = "malformed_rtp",
        /// Not made with this session's key.
        UnauthenticRtp = "unauthentic_rtp",
        /// Seen before, or too old to tell.
        ReplayedRtp = "replayed_rtp",
        /// Too short, or not encrypted.
        MalformedRtcp = "malformed_rtcp",
        /// Not made with this session's key.
        UnauthenticRtcp = "unauthentic_rtcp",
        /// Seen before, or too old to tell.
        ReplayedRtcp = "replayed_rtcp",
        /// The peer has used up its number of streams.
        TooManyStreams = "too_many_streams",
        /// The transport is closed.
        Closed = "closed",
    }
}

/// How many datagrams were dropped for each reason.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DropCounts([u64; DropReason::ALL.len()]);

impl DropCounts {
    /// Counts one more.
    pub fn add(&mut self, reason: DropReason) {
        self.0[reason as usize] += 1;
    }

    /// How many so far.
    pub fn get(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// Every reason with its count, zeros too.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.into_iter().zip(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_count_and_label() {
        let mut counts = DropCounts::default();
        for (times, reason) in DropReason::ALL.into_iter().enumerate() {
            for _ in 0..times {
                counts.add(reason);
            }
        }
        assert!(counts.iter().enumerate().all(|(times, (reason, count))| {
            count == times as u64 && counts.get(reason) == count && !reason.label().is_empty()
        }));
        let labels: std::collections::HashSet<_> =
            DropReason::ALL.iter().map(|reason| reason.label()).collect();
        assert_eq!(labels.len(), DropReason::ALL.len());
    }
}
