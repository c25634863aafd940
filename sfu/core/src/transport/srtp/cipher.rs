//! The SRTP transforms on bare primitives: AES-GCM (RFC 7714) and AES-CM with HMAC-SHA1-80 (RFC 3711).
//!
//! Works in place on caller-owned buffers and allocates nothing after construction. Knows neither roll-over
//! nor replay: the packet index comes from outside.

use rtc_crypto::{
    AeadAlgorithm, AeadCipher, BlockCipherAlgorithm, CryptoError, HmacAlgorithm, Mac, RTCCrypto,
    StreamCipher, StreamCipherAlgorithm,
};

use super::SrtpProfile;
use crate::prefetch::prefetch;

const GCM_TAG_BYTES: usize = 16;
const SHA1_TAG_BYTES: usize = 10;
const SHA1_KEY_BYTES: usize = 20;

/// Header of an RTCP packet up to the sender's SSRC: authenticated, not encrypted.
pub(super) const RTCP_HEADER_BYTES: usize = 8;

/// The E flag and the SRTCP index.
pub(super) const RTCP_INDEX_BYTES: usize = 4;

/// What a session key is for (RFC 3711 §4.3.2).
#[derive(Clone, Copy)]
enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// A packet that was not made with this key, or cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unauthentic;

/// One direction's session keys.
pub(super) enum PacketCipher {
    Gcm { rtp: Gcm, rtcp: Gcm },
    CounterMode { rtp: CounterMode, rtcp: CounterMode },
}

pub(super) struct Gcm {
    cipher: Box<dyn AeadCipher>,
    salt: [u8; 12],
}

pub(super) struct CounterMode {
    cipher: Box<dyn StreamCipher>,
    authentication: Box<dyn Mac>,
    salt: [u8; 14],
}

impl PacketCipher {
    /// Derives the session keys from one direction's master key and salt, whose lengths are the profile's.
    pub(super) fn new(
        crypto: &dyn RTCCrypto,
        profile: SrtpProfile,
        key: &[u8],
        salt: &[u8],
    ) -> Result<Self, CryptoError> {
        let derive = |label, length| derive(crypto, label, key, salt, length);
        Ok(match profile {
            SrtpProfile::AeadAes128Gcm | SrtpProfile::AeadAes256Gcm => {
                let gcm = |encryption, salting| {
                    Gcm::new(crypto, &derive(encryption, key.len())?, &derive(salting, 12)?)
                };
                Self::Gcm {
                    rtp: gcm(Label::RtpEncryption, Label::RtpSalt)?,
                    rtcp: gcm(Label::RtcpEncryption, Label::RtcpSalt)?,
                }
            }
            SrtpProfile::Aes128CmSha1_80 => {
                let counter_mode = |encryption, authentication, salting| {
                    CounterMode::new(
                        crypto,
                        &derive(encryption, key.len())?,
                        &derive(authentication, SHA1_KEY_BYTES)?,
                        &derive(salting, 14)?,
                    )
                };
                Self::CounterMode {
                    rtp: counter_mode(Label::RtpEncryption, Label::RtpAuthentication, Label::RtpSalt)?,
                    rtcp: counter_mode(Label::RtcpEncryption, Label::RtcpAuthentication, Label::RtcpSalt)?,
                }
            }
        })
    }

    /// Asks the processor for the key of RTP.
    pub(super) fn prefetch(&self) {
        match self {
            Self::Gcm { rtp, .. } => prefetch(&*rtp.cipher),
            Self::CounterMode { rtp, .. } => {
                prefetch(&*rtp.cipher);
                prefetch(&*rtp.authentication);
            }
        }
    }

    /// Bytes that an RTP packet grows by.
    pub(super) fn rtp_overhead(&self) -> usize {
        match self {
            Self::Gcm { .. } => GCM_TAG_BYTES,
            Self::CounterMode { .. } => SHA1_TAG_BYTES,
        }
    }

    /// Bytes that a compound RTCP packet grows by.
    pub(super) fn rtcp_overhead(&self) -> usize {
        self.rtp_overhead() + RTCP_INDEX_BYTES
    }

    /// Seals `packet` in place: all but the last [`Self::rtp_overhead`] bytes are the plain packet, the tag
    /// goes there.
    pub(super) fn seal_rtp(
        &mut self,
        packet: &mut [u8],
        header_bytes: usize,
        index: u64,
    ) -> Result<(), Unauthentic> {
        let split = packet.len().checked_sub(self.rtp_overhead()).ok_or(Unauthentic)?;
        let (plain, tag) = packet.split_at_mut(split);
        let (header, payload) = plain.split_at_mut_checked(header_bytes).ok_or(Unauthentic)?;
        let ssrc = ssrc_at(header, 8)?;
        match self {
            Self::Gcm { rtp, .. } => rtp
                .cipher
                .seal_in_place(&rtp.rtp_nonce(ssrc, index), header, payload, tag)
                .map_err(|_| Unauthentic),
            Self::CounterMode { rtp, .. } => {
                rtp.apply(ssrc, index, payload)?;
                let roll_over = ((index >> 16) as u32).to_be_bytes();
                tag.copy_from_slice(&rtp.tag(&[plain, &roll_over])?);
                Ok(())
            }
        }
    }

    /// Opens `packet` in place and returns it without its tag.
    pub(super) fn open_rtp<'a>(
        &mut self,
        packet: &'a mut [u8],
        header_bytes: usize,
        index: u64,
    ) -> Result<&'a mut [u8], Unauthentic> {
        let split = packet.len().checked_sub(self.rtp_overhead()).ok_or(Unauthentic)?;
        let (sealed, tag) = packet.split_at_mut(split);
        if header_bytes > sealed.len() {
            return Err(Unauthentic);
        }
        let ssrc = ssrc_at(sealed, 8)?;
        match self {
            Self::Gcm { rtp, .. } => {
                let (header, payload) = sealed.split_at_mut(header_bytes);
                let nonce = rtp.rtp_nonce(ssrc, index);
                rtp.cipher
                    .open_in_place(&nonce, header, payload, tag)
                    .map_err(|_| Unauthentic)?;
            }
            Self::CounterMode { rtp, .. } => {
                let roll_over = ((index >> 16) as u32).to_be_bytes();
                rtp.verify(&[sealed, &roll_over], tag)?;
                rtp.apply(ssrc, index, &mut sealed[header_bytes..])?;
            }
        }
        Ok(sealed)
    }

    /// Seals a compound RTCP packet that lies at the start of `packet`; the last [`Self::rtcp_overhead`]
    /// bytes are room for tag and index.
    pub(super) fn seal_rtcp(&mut self, packet: &mut [u8], index: u32) -> Result<(), Unauthentic> {
        let split = packet
            .len()
            .checked_sub(self.rtcp_overhead())
            .ok_or(Unauthentic)?;
        let flagged_index = (index | 1 << 31).to_be_bytes();
        let (plain, trailer) = packet.split_at_mut(split);
        let (header, payload) = plain.split_at_mut_checked(RTCP_HEADER_BYTES).ok_or(Unauthentic)?;
        let ssrc = ssrc_at(header, 4)?;
        match self {
            Self::Gcm { rtcp, .. } => {
                let (tag, index_bytes) = trailer.split_at_mut(GCM_TAG_BYTES);
                index_bytes.copy_from_slice(&flagged_index);
                let nonce = rtcp.rtcp_nonce(ssrc, index);
                let associated = rtcp_associated_data(header, flagged_index);
                rtcp.cipher
                    .seal_in_place(&nonce, &associated, payload, tag)
                    .map_err(|_| Unauthentic)
            }
            Self::CounterMode { rtcp, .. } => {
                let (index_bytes, tag) = trailer.split_at_mut(RTCP_INDEX_BYTES);
                index_bytes.copy_from_slice(&flagged_index);
                rtcp.apply(ssrc, u64::from(index), payload)?;
                tag.copy_from_slice(&rtcp.tag(&[plain, index_bytes])?);
                Ok(())
            }
        }
    }

    /// The SRTCP index of a packet that [`Self::open_rtcp`] may open; `None` when it is too short or not
    /// encrypted, which WebRTC does not allow (RFC 8827 §6.5).
    pub(super) fn rtcp_index(&self, packet: &[u8]) -> Option<u32> {
        let split = packet
            .len()
            .checked_sub(self.rtcp_overhead())
            .filter(|split| *split >= RTCP_HEADER_BYTES)?;
        let at = match self {
            Self::Gcm { .. } => split + GCM_TAG_BYTES,
            Self::CounterMode { .. } => split,
        };
        let word = u32::from_be_bytes(packet.get(at..at + RTCP_INDEX_BYTES)?.try_into().ok()?);
        (word >> 31 == 1).then_some(word & 0x7fff_ffff)
    }

    /// Opens a compound RTCP packet in place and returns it without tag and index. `index` is what
    /// [`Self::rtcp_index`] said.
    pub(super) fn open_rtcp<'a>(
        &mut self,
        packet: &'a mut [u8],
        index: u32,
    ) -> Result<&'a mut [u8], Unauthentic> {
        let split = packet
            .len()
            .checked_sub(self.rtcp_overhead())
            .ok_or(Unauthentic)?;
        let (sealed, trailer) = packet.split_at_mut(split);
        if sealed.len() < RTCP_HEADER_BYTES {
            return Err(Unauthentic);
        }
        let ssrc = ssrc_at(sealed, 4)?;
        match self {
            Self::Gcm { rtcp, .. } => {
                let (header, payload) = sealed.split_at_mut(RTCP_HEADER_BYTES);
                let associated = rtcp_associated_data(header, (index | 1 << 31).to_be_bytes());
                let nonce = rtcp.rtcp_nonce(ssrc, index);
                let tag = &trailer[..GCM_TAG_BYTES];
                rtcp.cipher
                    .open_in_place(&nonce, &associated, payload, tag)
                    .map_err(|_| Unauthentic)?;
            }
            Self::CounterMode { rtcp, .. } => {
                let (index_bytes, tag) = trailer.split_at(RTCP_INDEX_BYTES);
                rtcp.verify(&[sealed, index_bytes], tag)?;
                rtcp.apply(ssrc, u64::from(index), &mut sealed[RTCP_HEADER_BYTES..])?;
            }
        }
        Ok(sealed)
    }
}

impl Gcm {
    fn new(crypto: &dyn RTCCrypto, key: &[u8], salt: &[u8]) -> Result<Self, CryptoError> {
        let algorithm = if key.len() == 32 {
            AeadAlgorithm::Aes256Gcm
        } else {
            AeadAlgorithm::Aes128Gcm
        };
        let mut this = Self {
            cipher: crypto.new_aead(algorithm, key)?,
            salt: [0; 12],
        };
        this.salt.copy_from_slice(salt);
        Ok(this)
    }

    /// RFC 7714 §8.1: two zero bytes, SSRC, roll-over counter, sequence number; xor the salt.
    fn rtp_nonce(&self, ssrc: u32, index: u64) -> [u8; 12] {
        let mut nonce = self.salt;
        xor(&mut nonce[2..6], &ssrc.to_be_bytes());
        xor(&mut nonce[6..12], &index.to_be_bytes()[2..]);
        nonce
    }

    /// RFC 7714 §9.1: two zero bytes, SSRC, two zero bytes, index; xor the salt.
    fn rtcp_nonce(&self, ssrc: u32, index: u32) -> [u8; 12] {
        self.rtp_nonce(ssrc, u64::from(index))
    }
}

impl CounterMode {
    fn new(
        crypto: &dyn RTCCrypto,
        key: &[u8],
        authentication: &[u8],
        salt: &[u8],
    ) -> Result<Self, CryptoError> {
        let mut this = Self {
            cipher: crypto.new_stream_cipher(StreamCipherAlgorithm::Aes128Ctr, key)?,
            authentication: crypto.new_hmac(HmacAlgorithm::Sha1, authentication)?,
            salt: [0; 14],
        };
        this.salt.copy_from_slice(salt);
        Ok(this)
    }

    /// RFC 3711 §4.1.1: salt, SSRC and index at their places, the low 16 bits count blocks.
    fn apply(&mut self, ssrc: u32, index: u64, data: &mut [u8]) -> Result<(), Unauthentic> {
        let mut counter = [0; 16];
        counter[..14].copy_from_slice(&self.salt);
        xor(&mut counter[4..8], &ssrc.to_be_bytes());
        xor(&mut counter[8..14], &index.to_be_bytes()[2..]);
        self.cipher
            .apply_keystream(&counter, data)
            .map_err(|_| Unauthentic)
    }

    fn tag(&mut self, input: &[&[u8]]) -> Result<[u8; SHA1_TAG_BYTES], Unauthentic> {
        let mut full = [0; 20];
        self.authentication
            .sign(input, &mut full)
            .map_err(|_| Unauthentic)?;
        Ok(std::array::from_fn(|index| full[index]))
    }

    fn verify(&mut self, input: &[&[u8]], tag: &[u8]) -> Result<(), Unauthentic> {
        let expected = self.tag(input)?;
        if rtc_crypto::constant_time_eq(&expected, tag) {
            Ok(())
        } else {
            Err(Unauthentic)
        }
    }
}

/// Header and flagged index: what GCM authenticates of an SRTCP packet beside the ciphertext
/// (RFC 7714 §9.2).
fn rtcp_associated_data(header: &[u8], flagged_index: [u8; 4]) -> [u8; RTCP_HEADER_BYTES + RTCP_INDEX_BYTES] {
    let mut associated = [0; RTCP_HEADER_BYTES + RTCP_INDEX_BYTES];
    associated[..RTCP_HEADER_BYTES].copy_from_slice(header);
    associated[RTCP_HEADER_BYTES..].copy_from_slice(&flagged_index);
    associated
}

fn ssrc_at(bytes: &[u8], at: usize) -> Result<u32, Unauthentic> {
    let ssrc = bytes.get(at..at + 4).and_then(|ssrc| ssrc.try_into().ok());
    ssrc.map(u32::from_be_bytes).ok_or(Unauthentic)
}

fn xor(bytes: &mut [u8], mask: &[u8]) {
    for (byte, mask) in bytes.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

/// The key derivation of RFC 3711 §4.3 with a derivation rate of 0. A 96-bit salt counts as padded with
/// zeros on its right (RFC 7714 §11).
fn derive(
    crypto: &dyn RTCCrypto,
    label: Label,
    key: &[u8],
    salt: &[u8],
    length: usize,
) -> Result<Vec<u8>, CryptoError> {
    let algorithm = if key.len() == 32 {
        BlockCipherAlgorithm::Aes256
    } else {
        BlockCipherAlgorithm::Aes128
    };
    let mut input = [0; 16];
    input[..salt.len()].copy_from_slice(salt);
    input[7] ^= label as u8;
    let mut output = Vec::with_capacity(48);
    for block_number in 0..length.div_ceil(16) {
        let mut block = input;
        block[15] = block_number as u8;
        crypto.block_encrypt(algorithm, key, &mut block)?;
        output.extend_from_slice(&block);
    }
    output.truncate(length);
    Ok(output)
}

#[cfg(test)]
mod tests {
    use rtc_crypto::RTCCryptoProvider;

    use super::*;

    /// RFC 3711 §B.3.
    #[test]
    fn session_keys_are_those_of_rfc_3711() {
        let key = [
            0xe1, 0xf9, 0x7a, 0x0d, 0x3e, 0x01, 0x8b, 0xe0, 0xd6, 0x4f, 0xa3, 0x2c, 0x06, 0xde, 0x41, 0x39,
        ];
        let salt = [
            0x0e, 0xc6, 0x75, 0xad, 0x49, 0x8a, 0xfe, 0xeb, 0xb6, 0x96, 0x0b, 0x3a, 0xab, 0xe6,
        ];
        let provider = rtc_crypto::providers::RingProvider::new();
        let derive = |label, length| derive(provider.crypto(), label, &key, &salt, length).unwrap();
        assert_eq!(
            derive(Label::RtpEncryption, 16),
            [
                0xc6, 0x1e, 0x7a, 0x93, 0x74, 0x4f, 0x39, 0xee, 0x10, 0x73, 0x4a, 0xfe, 0x3f, 0xf7, 0xa0,
                0x87
            ]
        );
        assert_eq!(
            derive(Label::RtpSalt, 14),
            [
                0x30, 0xcb, 0xbc, 0x08, 0x86, 0x3d, 0x8c, 0x85, 0xd4, 0x9d, 0xb3, 0x4a, 0x9a, 0xe1
            ]
        );
        assert_eq!(
            derive(Label::RtpAuthentication, 20),
            [
                0xce, 0xbe, 0x32, 0x1f, 0x6f, 0xf7, 0x71, 0x6b, 0x6f, 0xd4, 0xab, 0x49, 0xaf, 0x25, 0x6a,
                0x15, 0x6d, 0x38, 0xba, 0xa4
            ]
        );
    }
}
