//! SRTP and SRTCP: one context per direction, with roll-over, replay windows and bounds.
//!
//! In place and without allocation per packet. A packet that fails changes nothing: streams come into being
//! and windows move only after authentication.

mod cipher;
mod replay;

use std::collections::HashMap;
use std::fmt;

use rtc_crypto::{RTCCrypto, SecretVec};

use super::DropReason;
use cipher::{PacketCipher, RTCP_HEADER_BYTES};
use replay::ReplayWindow;

/// Bytes that sealing adds to an RTP packet, at most.
pub const SRTP_OVERHEAD_MAX: usize = 16;

/// Bytes that sealing adds to a compound RTCP packet, at most.
pub const SRTCP_OVERHEAD_MAX: usize = SRTP_OVERHEAD_MAX + 4;

/// Streams that one peer may send in one transport's life: 4 sections with 3 layers and RTX each make 24,
/// Firefox changes an SSRC now and then. Full: packets of further streams are dropped, since forgetting a
/// stream would let its packets be replayed.
const STREAMS_MAX: usize = 256;

/// A protection profile that both sides can do (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SrtpProfile {
    /// Six times as fast as SHA1: always, if the client can.
    AeadAes128Gcm,
    /// For a client that has no 128-bit GCM.
    AeadAes256Gcm,
    /// For a client that has no GCM at all.
    Aes128CmSha1_80,
}

impl SrtpProfile {
    fn key_bytes(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::Aes128CmSha1_80 => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    fn salt_bytes(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::Aes128CmSha1_80 => 14,
        }
    }

    /// Bytes of keying material to export from DTLS (RFC 5764 §4.2).
    pub(crate) fn keying_material_bytes(self) -> usize {
        2 * (self.key_bytes() + self.salt_bytes())
    }
}

/// Why a packet could not be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The handshake is not through, or the transport is closed.
    #[error("there are no keys")]
    NoKeys,
    /// Lengths that don't fit: header longer than the packet, no room for the tag, not a packet at all.
    #[error("the buffer does not hold a packet and room for its tag")]
    Malformed,
    /// 2^48 packets or 2^31 control packets: the key is worn out (RFC 3711 §9.2).
    #[error("the key is worn out")]
    Exhausted,
}

/// Which end of the DTLS handshake this is: says which half of the keying material seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DtlsRole {
    Client,
    Server,
}

/// Both directions.
pub(crate) struct SrtpSession {
    outgoing: Sealer,
    incoming: Opener,
}

impl SrtpSession {
    /// `None` when the material has the wrong length or the primitives refuse it.
    pub(crate) fn new(
        crypto: &dyn RTCCrypto,
        profile: SrtpProfile,
        role: DtlsRole,
        material: &SecretVec,
    ) -> Option<Self> {
        // RFC 5764 §4.2: client key, server key, client salt, server salt.
        let (keys, salts) = material.as_ref().split_at_checked(2 * profile.key_bytes())?;
        if salts.len() != 2 * profile.salt_bytes() {
            return None;
        }
        let (client_key, server_key) = keys.split_at(profile.key_bytes());
        let (client_salt, server_salt) = salts.split_at(profile.salt_bytes());
        let client = PacketCipher::new(crypto, profile, client_key, client_salt).ok()?;
        let server = PacketCipher::new(crypto, profile, server_key, server_salt).ok()?;
        let (outgoing, incoming) = match role {
            DtlsRole::Client => (client, server),
            DtlsRole::Server => (server, client),
        };
        Some(Self {
            outgoing: Sealer {
                cipher: outgoing,
                rtcp_index: 0,
            },
            incoming: Opener::new(incoming),
        })
    }

    /// See [`super::Transport::prefetch_key`].
    pub(crate) fn prefetch_key(&self) {
        self.outgoing.cipher.prefetch();
    }

    /// See [`super::Transport::seal_rtp`].
    pub(crate) fn seal_rtp(
        &mut self,
        packet: &mut [u8],
        header_bytes: usize,
        len: usize,
        index: u64,
    ) -> Result<usize, SealError> {
        self.outgoing.seal_rtp(packet, header_bytes, len, index)
    }

    /// See [`super::Transport::seal_rtcp`].
    pub(crate) fn seal_rtcp(&mut self, compound: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        self.outgoing.seal_rtcp(compound, out)
    }

    /// Opens in place; returns header and payload.
    pub(crate) fn open_rtp<'a>(&mut self, packet: &'a mut [u8]) -> Result<&'a mut [u8], DropReason> {
        self.incoming.open_rtp(packet)
    }

    /// Opens in place; returns the compound packet.
    pub(crate) fn open_rtcp<'a>(&mut self, packet: &'a mut [u8]) -> Result<&'a mut [u8], DropReason> {
        self.incoming.open_rtcp(packet)
    }
}

impl fmt::Debug for SrtpSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SrtpSession([redacted])")
    }
}

struct Sealer {
    cipher: PacketCipher,
    /// One count for all SSRCs: each sees its own rise, with gaps.
    rtcp_index: u32,
}

impl Sealer {
    fn seal_rtp(
        &mut self,
        packet: &mut [u8],
        header_bytes: usize,
        len: usize,
        index: u64,
    ) -> Result<usize, SealError> {
        if index >= 1 << 48 {
            return Err(SealError::Exhausted);
        }
        let total = len
            .checked_add(self.cipher.rtp_overhead())
            .ok_or(SealError::Malformed)?;
        let packet = packet.get_mut(..total).ok_or(SealError::Malformed)?;
        self.cipher
            .seal_rtp(packet, header_bytes, index)
            .map_err(|_| SealError::Malformed)?;
        Ok(total)
    }

    fn seal_rtcp(&mut self, compound: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        if compound.len() < RTCP_HEADER_BYTES {
            return Err(SealError::Malformed);
        }
        let index = self.rtcp_index + 1;
        if index >= 1 << 31 {
            return Err(SealError::Exhausted);
        }
        self.rtcp_index = index;
        let start = out.len();
        out.extend_from_slice(compound);
        out.resize(out.len() + self.cipher.rtcp_overhead(), 0);
        self.cipher
            .seal_rtcp(&mut out[start..], index)
            .map_err(|_| SealError::Malformed)
    }
}

struct Opener {
    cipher: PacketCipher,
    rtp: HashMap<u32, ReplayWindow>,
    rtcp: HashMap<u32, ReplayWindow>,
}

impl Opener {
    fn new(cipher: PacketCipher) -> Self {
        Self {
            cipher,
            rtp: HashMap::new(),
            rtcp: HashMap::new(),
        }
    }

    fn open_rtp<'a>(&mut self, packet: &'a mut [u8]) -> Result<&'a mut [u8], DropReason> {
        let header_bytes = rtp_header_bytes(packet).ok_or(DropReason::MalformedRtp)?;
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let ssrc = u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]);
        let is_full = self.rtp.len() >= STREAMS_MAX;
        let mut fresh = ReplayWindow::default();
        let known = self.rtp.get_mut(&ssrc);
        let is_known = known.is_some();
        let window = known.unwrap_or(&mut fresh);
        let index = window.estimate(sequence).ok_or(DropReason::ReplayedRtp)?;
        if !window.accepts(index) {
            return Err(DropReason::ReplayedRtp);
        }
        if !is_known && is_full {
            return Err(DropReason::TooManyStreams);
        }
        let open = self
            .cipher
            .open_rtp(packet, header_bytes, index)
            .map_err(|_| DropReason::UnauthenticRtp)?;
        window.insert(index);
        if !is_known {
            self.rtp.insert(ssrc, fresh);
        }
        Ok(open)
    }

    fn open_rtcp<'a>(&mut self, packet: &'a mut [u8]) -> Result<&'a mut [u8], DropReason> {
        let index = self.cipher.rtcp_index(packet).ok_or(DropReason::MalformedRtcp)?;
        let ssrc = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
        let stream = self.rtcp.get(&ssrc).copied();
        let mut window = stream.unwrap_or_default();
        if !window.accepts(u64::from(index)) {
            return Err(DropReason::ReplayedRtcp);
        }
        if stream.is_none() && self.rtcp.len() >= STREAMS_MAX {
            return Err(DropReason::TooManyStreams);
        }
        let open = self
            .cipher
            .open_rtcp(packet, index)
            .map_err(|_| DropReason::UnauthenticRtcp)?;
        window.insert(u64::from(index));
        self.rtcp.insert(ssrc, window);
        Ok(open)
    }
}

/// Length of an RTP header with its CSRCs and extensions (RFC 3550 §5.1); `None` when the packet is shorter
/// or of another version.
pub(crate) fn rtp_header_bytes(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    if first >> 6 != 2 {
        return None;
    }
    let mut length = 12 + 4 * usize::from(first & 0x0f);
    if first & 0x10 != 0 {
        let words = packet.get(length + 2..length + 4)?;
        length += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    (length <= packet.len()).then_some(length)
}

#[cfg(test)]
mod tests {
    use rtc_crypto::RTCCryptoProvider;
    use rtc_srtp::context::Context;
    use rtc_srtp::protection_profile::ProtectionProfile;

    use super::*;

    const PROFILES: [SrtpProfile; 3] = [
        SrtpProfile::AeadAes128Gcm,
        SrtpProfile::AeadAes256Gcm,
        SrtpProfile::Aes128CmSha1_80,
    ];

    fn material(profile: SrtpProfile) -> SecretVec {
        SecretVec::new(
            (0..profile.keying_material_bytes())
                .map(|byte| byte as u8)
                .collect(),
        )
    }

    fn pair(profile: SrtpProfile) -> (SrtpSession, SrtpSession) {
        let provider = rtc_crypto::providers::RingProvider::new();
        let session = |role| SrtpSession::new(provider.crypto(), profile, role, &material(profile)).unwrap();
        (session(DtlsRole::Client), session(DtlsRole::Server))
    }

    fn rtp(sequence: u16, ssrc: u32) -> Vec<u8> {
        let mut packet = vec![
            0x90, 96, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0xbe, 0xde, 0, 1, 0x10, 0x55, 0, 0,
        ];
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
        packet.extend_from_slice(b"what is said in the group stays in the group");
        packet
    }

    fn sealed(session: &mut SrtpSession, plain: &[u8], index: u64) -> Vec<u8> {
        let mut packet = plain.to_vec();
        packet.resize(plain.len() + SRTP_OVERHEAD_MAX, 0);
        let total = session.seal_rtp(&mut packet, 20, plain.len(), index).unwrap();
        packet.truncate(total);
        packet
    }

    #[test]
    fn both_directions_open_what_the_other_sealed() {
        for profile in PROFILES {
            let (mut client, mut server) = pair(profile);
            for index in [65_534, 65_535, 65_536, 65_540, 65_538] {
                let plain = rtp(index as u16, 7);
                assert_eq!(
                    server.open_rtp(&mut sealed(&mut client, &plain, index)).unwrap(),
                    plain
                );
                assert_eq!(
                    client.open_rtp(&mut sealed(&mut server, &plain, index)).unwrap(),
                    plain
                );
            }
            let compound = [
                0x80, 201, 0, 1, 0, 0, 0, 1, 0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 7,
            ];
            let mut datagram = Vec::new();
            client.seal_rtcp(&compound, &mut datagram).unwrap();
            assert_ne!(datagram[8..20], compound[8..20]);
            assert_eq!(server.open_rtcp(&mut datagram).unwrap(), compound);
        }
    }

    #[test]
    fn a_replayed_packet_is_dropped_once_it_was_opened() {
        for profile in PROFILES {
            let (mut client, mut server) = pair(profile);
            let packet = sealed(&mut client, &rtp(5, 7), 5);
            server.open_rtp(&mut packet.clone()).unwrap();
            assert_eq!(server.open_rtp(&mut packet.clone()), Err(DropReason::ReplayedRtp));
            let mut control = Vec::new();
            client
                .seal_rtcp(&[0x80, 201, 0, 1, 0, 0, 0, 1], &mut control)
                .unwrap();
            server.open_rtcp(&mut control.clone()).unwrap();
            assert_eq!(
                server.open_rtcp(&mut control.clone()),
                Err(DropReason::ReplayedRtcp)
            );
        }
    }

    #[test]
    fn a_changed_packet_is_dropped_and_changes_nothing() {
        for profile in PROFILES {
            let (mut client, mut server) = pair(profile);
            let packet = sealed(&mut client, &rtp(5, 7), 5);
            for at in 0..packet.len() {
                let mut forged = packet.clone();
                forged[at] ^= 0x40;
                assert!(server.open_rtp(&mut forged).is_err(), "byte {at}");
                assert!(
                    server.open_rtp(&mut packet[..at].to_vec()).is_err(),
                    "cut at {at}"
                );
            }
            server.open_rtp(&mut packet.clone()).unwrap();
            let mut control = Vec::new();
            client
                .seal_rtcp(&[0x80, 201, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4], &mut control)
                .unwrap();
            for at in 0..control.len() {
                let mut forged = control.clone();
                forged[at] ^= 0x80;
                assert!(server.open_rtcp(&mut forged).is_err(), "byte {at}");
                assert!(
                    server.open_rtcp(&mut control[..at].to_vec()).is_err(),
                    "cut at {at}"
                );
            }
            server.open_rtcp(&mut control).unwrap();
        }
    }

    #[test]
    fn streams_beyond_the_limit_are_dropped() {
        let (mut client, mut server) = pair(SrtpProfile::AeadAes128Gcm);
        for ssrc in 0..STREAMS_MAX as u32 {
            server
                .open_rtp(&mut sealed(&mut client, &rtp(1, ssrc), 1))
                .unwrap();
        }
        let mut packet = sealed(&mut client, &rtp(1, 9999), 1);
        assert_eq!(server.open_rtp(&mut packet), Err(DropReason::TooManyStreams));
        server.open_rtp(&mut sealed(&mut client, &rtp(2, 3), 2)).unwrap();
    }

    #[test]
    fn lengths_that_do_not_fit_are_errors() {
        let (mut client, _) = pair(SrtpProfile::AeadAes128Gcm);
        let mut packet = rtp(1, 1);
        let len = packet.len();
        assert_eq!(
            client.seal_rtp(&mut packet, 20, len, 1),
            Err(SealError::Malformed)
        );
        packet.resize(len + SRTP_OVERHEAD_MAX, 0);
        assert_eq!(
            client.seal_rtp(&mut packet, len + 1, len, 1),
            Err(SealError::Malformed)
        );
        assert_eq!(client.seal_rtp(&mut packet, 4, len, 1), Err(SealError::Malformed));
        assert_eq!(
            client.seal_rtp(&mut packet, 20, len, 1 << 48),
            Err(SealError::Exhausted)
        );
        assert_eq!(
            client.seal_rtcp(&[0x80], &mut Vec::new()),
            Err(SealError::Malformed)
        );
    }

    /// A second implementation agrees, on every profile and for both kinds of packet.
    #[test]
    fn another_implementation_opens_what_was_sealed_and_the_other_way_round() {
        let profiles = [
            ProtectionProfile::AeadAes128Gcm,
            ProtectionProfile::AeadAes256Gcm,
            ProtectionProfile::Aes128CmHmacSha1_80,
        ];
        let provider = rtc_crypto::providers::RingProvider::new();
        for (profile, other) in PROFILES.into_iter().zip(profiles) {
            let material = material(profile);
            let (keys, salts) = material.as_ref().split_at(2 * profile.key_bytes());
            let context = |start: usize| {
                let key = &keys[start * profile.key_bytes()..][..profile.key_bytes()];
                let salt = &salts[start * profile.salt_bytes()..][..profile.salt_bytes()];
                Context::new(key, salt, other, None, None, provider.crypto()).unwrap()
            };
            let (mut client, _) = pair(profile);
            let (mut their_client_side, mut their_server_side) = (context(0), context(1));
            let plain = rtp(77, 7);
            assert_eq!(
                their_client_side
                    .decrypt_rtp(&sealed(&mut client, &plain, 77))
                    .unwrap()[..],
                plain[..]
            );
            let theirs = their_server_side.encrypt_rtp(&plain).unwrap();
            assert_eq!(client.open_rtp(&mut theirs.to_vec()).unwrap(), plain);
            let compound = [
                0x80, 201, 0, 1, 0, 0, 0, 1, 0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 7,
            ];
            let mut control = Vec::new();
            client.seal_rtcp(&compound, &mut control).unwrap();
            assert_eq!(
                their_client_side.decrypt_rtcp(&control).unwrap()[..],
                compound[..]
            );
            let theirs = their_server_side.encrypt_rtcp(&compound).unwrap();
            assert_eq!(client.open_rtcp(&mut theirs.to_vec()).unwrap(), compound);
        }
    }
}
