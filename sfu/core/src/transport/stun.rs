//! STUN messages as ICE uses them (RFC 8489, RFC 8445 §7): reading without allocation, writing, and both
//! checksums. What is done about a message is decided in `ice`.
//!
//! In: datagrams from anybody. Nothing here panics on them or believes them: whoever reads an attribute
//! decides whether [`Message::is_authentic`] comes first.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rtc_crypto::Mac;
use subtle::ConstantTimeEq;

pub(crate) const HEADER_BYTES: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const FINGERPRINT_XOR: u32 = 0x5354_554e;
const INTEGRITY_BYTES: usize = 20;

/// Attributes beyond this many make a message malformed; browsers send about ten.
const ATTRIBUTES_MAX: usize = 32;

/// Unknown attributes that an error response names at most.
const UNKNOWN_ATTRIBUTES_MAX: usize = 8;

pub(crate) const BINDING_REQUEST: u16 = 0x0001;
pub(crate) const BINDING_INDICATION: u16 = 0x0011;
pub(crate) const BINDING_SUCCESS: u16 = 0x0101;
pub(crate) const BINDING_ERROR: u16 = 0x0111;

pub(crate) mod attribute {
    //! Attribute types (RFC 8489 §18.3, RFC 8445 §16.1).
    pub(crate) const USERNAME: u16 = 0x0006;
    pub(crate) const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub(crate) const ERROR_CODE: u16 = 0x0009;
    pub(crate) const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
    pub(crate) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub(crate) const PRIORITY: u16 = 0x0024;
    pub(crate) const USE_CANDIDATE: u16 = 0x0025;
    pub(crate) const FINGERPRINT: u16 = 0x8028;
    pub(crate) const ICE_CONTROLLED: u16 = 0x8029;
    pub(crate) const ICE_CONTROLLING: u16 = 0x802a;
}

/// Error codes (RFC 8489 §14.8, RFC 8445 §7.3.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorCode {
    BadRequest,
    Unauthenticated,
    UnknownAttribute,
    RoleConflict,
}

impl ErrorCode {
    fn class_and_number(self) -> [u8; 2] {
        match self {
            Self::BadRequest => [4, 0],
            Self::Unauthenticated => [4, 1],
            Self::UnknownAttribute => [4, 20],
            Self::RoleConflict => [4, 87],
        }
    }
}

/// A well-formed message with a right FINGERPRINT, borrowed from its datagram.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    pub(crate) transaction: [u8; 12],
    bytes: &'a [u8],
    /// Where MESSAGE-INTEGRITY starts; the attributes behind it don't count (RFC 8489 §14.5).
    integrity_at: Option<usize>,
    /// Where the attributes that count end.
    attributes_end: usize,
}

impl<'a> Message<'a> {
    /// `None` for whatever is not one whole STUN message with a right FINGERPRINT, which ICE demands
    /// (RFC 8445 §7).
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let message = Self::parse_unchecked(bytes)?;
        let fingerprint_at = bytes.len().checked_sub(8).filter(|at| *at >= HEADER_BYTES)?;
        let (kind, value) = attribute_at(bytes, fingerprint_at)?;
        let expected = crc32(&bytes[..fingerprint_at]) ^ FINGERPRINT_XOR;
        (kind == attribute::FINGERPRINT && value == expected.to_be_bytes()).then_some(message)
    }

    fn parse_unchecked(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() < HEADER_BYTES || bytes[0] > 3 || bytes[4..8] != MAGIC_COOKIE {
            return None;
        }
        let body_bytes = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        if body_bytes % 4 != 0 || HEADER_BYTES + body_bytes != bytes.len() {
            return None;
        }
        let mut at = HEADER_BYTES;
        let mut integrity_at = None;
        for _ in 0..=ATTRIBUTES_MAX {
            if at == bytes.len() {
                let mut transaction = [0; 12];
                transaction.copy_from_slice(&bytes[8..HEADER_BYTES]);
                let kind = u16::from_be_bytes([bytes[0], bytes[1]]);
                let attributes_end = integrity_at.unwrap_or(bytes.len());
                return Some(Self {
                    kind,
                    transaction,
                    bytes,
                    integrity_at,
                    attributes_end,
                });
            }
            let (kind, value) = attribute_at(bytes, at)?;
            if kind == attribute::MESSAGE_INTEGRITY && integrity_at.is_none() {
                if value.len() != INTEGRITY_BYTES {
                    return None;
                }
                integrity_at = Some(at);
            }
            at += 4 + value.len().next_multiple_of(4);
        }
        None
    }

    /// Type and value of each attribute in front of MESSAGE-INTEGRITY.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let bytes = &self.bytes[..self.attributes_end];
        let mut at = HEADER_BYTES;
        std::iter::from_fn(move || {
            let (kind, value) = attribute_at(bytes, at)?;
            at += 4 + value.len().next_multiple_of(4);
            Some((kind, value))
        })
    }

    /// The first attribute of this type in front of MESSAGE-INTEGRITY.
    pub(crate) fn attribute(&self, wanted: u16) -> Option<&'a [u8]> {
        self.attributes()
            .find(|(kind, _)| *kind == wanted)
            .map(|(_, value)| value)
    }

    /// USERNAME, split at its colon: the receiver's ufrag and the sender's.
    pub(crate) fn username(&self) -> Option<(&'a str, &'a str)> {
        std::str::from_utf8(self.attribute(attribute::USERNAME)?)
            .ok()?
            .split_once(':')
    }

    /// PRIORITY, if there is one of four bytes.
    pub(crate) fn priority(&self) -> Option<u32> {
        Some(u32::from_be_bytes(
            self.attribute(attribute::PRIORITY)?.try_into().ok()?,
        ))
    }

    /// XOR-MAPPED-ADDRESS (RFC 8489 §14.2).
    pub(crate) fn mapped_address(&self) -> Option<SocketAddr> {
        let value = self.attribute(attribute::XOR_MAPPED_ADDRESS)?;
        let (head, address) = value.split_at_checked(4)?;
        let port = u16::from_be_bytes([head[2] ^ MAGIC_COOKIE[0], head[3] ^ MAGIC_COOKIE[1]]);
        let mask = xor_mask(&self.transaction);
        let ip = match (head[1], address.len()) {
            (1, 4) => IpAddr::V4(Ipv4Addr::from(std::array::from_fn::<u8, 4, _>(|i| {
                address[i] ^ mask[i]
            }))),
            (2, 16) => IpAddr::V6(Ipv6Addr::from(std::array::from_fn::<u8, 16, _>(|i| {
                address[i] ^ mask[i]
            }))),
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }

    /// Whether there is a MESSAGE-INTEGRITY at all.
    pub(crate) fn has_integrity(&self) -> bool {
        self.integrity_at.is_some()
    }

    /// Whether MESSAGE-INTEGRITY was made with this key (RFC 8489 §14.5): the length in the header counts
    /// up to it.
    pub(crate) fn is_authentic(&self, key: &mut dyn Mac) -> bool {
        let Some(at) = self.integrity_at else { return false };
        let length = ((at + 4 + INTEGRITY_BYTES - HEADER_BYTES) as u16).to_be_bytes();
        let mut tag = [0; INTEGRITY_BYTES];
        let signed = key.sign(&[&self.bytes[..2], &length, &self.bytes[4..at]], &mut tag);
        signed.is_ok() && bool::from(tag[..].ct_eq(&self.bytes[at + 4..at + 4 + INTEGRITY_BYTES]))
    }

    /// Types of the comprehension-required attributes that nobody here knows (RFC 8489 §14).
    pub(crate) fn unknown_attributes(&self) -> Vec<u16> {
        let known = [
            attribute::USERNAME,
            attribute::PRIORITY,
            attribute::USE_CANDIDATE,
            attribute::XOR_MAPPED_ADDRESS,
        ];
        self.attributes()
            .map(|(kind, _)| kind)
            .filter(|kind| *kind < 0x8000 && !known.contains(kind))
            .take(UNKNOWN_ATTRIBUTES_MAX)
            .collect()
    }
}

/// The attribute that starts at `at`: its type, and its value without padding. `None` past the end.
fn attribute_at(bytes: &[u8], at: usize) -> Option<(u16, &[u8])> {
    let head = bytes.get(at..at + 4)?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let padded = bytes.get(at + 4..at + 4 + length.next_multiple_of(4))?;
    Some((u16::from_be_bytes([head[0], head[1]]), &padded[..length]))
}

/// For first contact: the receiver's ufrag in the USERNAME of a STUN request, unverified. Later datagrams
/// go by their addresses, and STUN by this too. `None` for anything else.
pub fn stun_local_ufrag(datagram: &[u8]) -> Option<&str> {
    let message = Message::parse_unchecked(datagram)?;
    (message.kind == BINDING_REQUEST).then_some(())?;
    message.username().map(|(local, _)| local)
}

/// A message under construction.
pub(crate) struct Builder {
    bytes: Vec<u8>,
}

impl Builder {
    pub(crate) fn new(kind: u16, transaction: [u8; 12]) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&MAGIC_COOKIE);
        bytes.extend_from_slice(&transaction);
        Self { bytes }
    }

    pub(crate) fn attribute(self, kind: u16, value: &[u8]) -> Self {
        self.attribute_of(kind, &[value])
    }

    /// Both ufrags, the receiver's first.
    pub(crate) fn username(self, to: &str, from: &str) -> Self {
        self.attribute_of(attribute::USERNAME, &[to.as_bytes(), b":", from.as_bytes()])
    }

    fn attribute_of(mut self, kind: u16, parts: &[&[u8]]) -> Self {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        self.bytes.extend_from_slice(&kind.to_be_bytes());
        self.bytes.extend_from_slice(&(length as u16).to_be_bytes());
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    pub(crate) fn mapped_address(self, address: SocketAddr) -> Self {
        let transaction: [u8; 12] = std::array::from_fn(|index| self.bytes[8 + index]);
        let mask = xor_mask(&transaction);
        let port = (address.port() ^ u16::from_be_bytes([MAGIC_COOKIE[0], MAGIC_COOKIE[1]])).to_be_bytes();
        let mut value = [0; 20];
        value[2..4].copy_from_slice(&port);
        let length = match address.ip().to_canonical() {
            IpAddr::V4(ip) => {
                value[1] = 1;
                value[4..8].copy_from_slice(&ip.octets());
                8
            }
            IpAddr::V6(ip) => {
                value[1] = 2;
                value[4..20].copy_from_slice(&ip.octets());
                20
            }
        };
        for (byte, mask) in value[4..length].iter_mut().zip(mask) {
            *byte ^= mask;
        }
        self.attribute(attribute::XOR_MAPPED_ADDRESS, &value[..length])
    }

    pub(crate) fn error(self, code: ErrorCode) -> Self {
        let [class, number] = code.class_and_number();
        self.attribute(attribute::ERROR_CODE, &[0, 0, class, number])
    }

    pub(crate) fn unknown_attributes(self, kinds: &[u16]) -> Self {
        let value: Vec<u8> = kinds.iter().flat_map(|kind| kind.to_be_bytes()).collect();
        self.attribute(attribute::UNKNOWN_ATTRIBUTES, &value)
    }

    /// Adds MESSAGE-INTEGRITY and FINGERPRINT.
    pub(crate) fn finish(mut self, key: &mut dyn Mac) -> Vec<u8> {
        self.set_length(4 + INTEGRITY_BYTES);
        let mut tag = [0; INTEGRITY_BYTES];
        // Signing fails only for a wrong output length. A tag of zeros would be refused by the receiver.
        let _ = key.sign(&[&self.bytes], &mut tag);
        self.attribute(attribute::MESSAGE_INTEGRITY, &tag)
            .finish_unsigned()
    }

    /// Adds FINGERPRINT only: for errors to whoever is not known.
    pub(crate) fn finish_unsigned(mut self) -> Vec<u8> {
        self.set_length(8);
        let fingerprint = crc32(&self.bytes) ^ FINGERPRINT_XOR;
        self.attribute(attribute::FINGERPRINT, &fingerprint.to_be_bytes())
            .bytes
    }

    fn set_length(&mut self, more: usize) {
        let length = (self.bytes.len() - HEADER_BYTES + more) as u16;
        self.bytes[2..4].copy_from_slice(&length.to_be_bytes());
    }
}

fn xor_mask(transaction: &[u8; 12]) -> [u8; 16] {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&MAGIC_COOKIE);
    mask[4..].copy_from_slice(transaction);
    mask
}

/// CRC-32 of ITU V.42, as FINGERPRINT has it.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let mut value = index as u32;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 != 0 {
                    (value >> 1) ^ 0xedb8_8320
                } else {
                    value >> 1
                };
                bit += 1;
            }
            table[index] = value;
            index += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, byte| {
        TABLE[usize::from((crc as u8) ^ byte)] ^ (crc >> 8)
    })
}

#[cfg(test)]
mod tests {
    use rtc_crypto::{HmacAlgorithm, RTCCryptoProvider};

    use super::*;

    fn key(password: &str) -> Box<dyn Mac> {
        let provider = rtc_crypto::providers::RingProvider::new();
        provider
            .crypto()
            .new_hmac(HmacAlgorithm::Sha1, password.as_bytes())
            .unwrap()
    }

    /// RFC 5769 §2.1, the sample request.
    const SAMPLE_REQUEST: &[u8] = &[
        0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa,
        0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20,
        0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00,
        0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a,
        0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c, 0xbf,
        0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28,
        0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
    ];

    #[test]
    fn the_sample_request_of_rfc_5769_is_read_and_verified() {
        let message = Message::parse(SAMPLE_REQUEST).unwrap();
        assert_eq!(message.kind, BINDING_REQUEST);
        assert_eq!(message.username(), Some(("evtj", "h6vY")));
        assert_eq!(message.priority(), Some(0x6e00_01ff));
        assert!(message.is_authentic(&mut *key("VOkJxbRl1RmTxUk/WvJxBt")));
        assert!(!message.is_authentic(&mut *key("VOkJxbRl1RmTxUk/WvJxBu")));
        assert_eq!(stun_local_ufrag(SAMPLE_REQUEST), Some("evtj"));
    }

    #[test]
    fn addresses_of_both_families_survive_the_way() {
        for address in ["192.0.2.1:32853", "[2001:db8:1234:5678:11:2233:4455:6677]:32853"] {
            let address: SocketAddr = address.parse().unwrap();
            let bytes = Builder::new(BINDING_SUCCESS, [7; 12])
                .mapped_address(address)
                .finish(&mut *key("password"));
            let message = Message::parse(&bytes).unwrap();
            assert_eq!(message.mapped_address(), Some(address));
            assert!(message.is_authentic(&mut *key("password")));
        }
    }

    #[test]
    fn attributes_behind_the_integrity_do_not_count() {
        let signed = Builder::new(BINDING_REQUEST, [1; 12])
            .attribute(attribute::PRIORITY, &[0, 0, 0, 9])
            .finish(&mut *key("p"));
        let mut forged = Builder {
            bytes: signed[..signed.len() - 8].to_vec(),
        };
        forged = forged.attribute(attribute::USE_CANDIDATE, &[]);
        let bytes = forged.finish_unsigned();
        let message = Message::parse(&bytes).unwrap();
        assert!(message.is_authentic(&mut *key("p")));
        assert_eq!(message.attribute(attribute::USE_CANDIDATE), None);
        assert_eq!(message.priority(), Some(9));
    }

    #[test]
    fn no_cut_or_changed_byte_gets_past_the_fingerprint() {
        for length in 0..SAMPLE_REQUEST.len() {
            assert!(Message::parse(&SAMPLE_REQUEST[..length]).is_none());
            let _ = stun_local_ufrag(&SAMPLE_REQUEST[..length]);
        }
        for at in 0..SAMPLE_REQUEST.len() {
            for bit in 0..8 {
                let mut bytes = SAMPLE_REQUEST.to_vec();
                bytes[at] ^= 1 << bit;
                assert!(Message::parse(&bytes).is_none(), "byte {at} bit {bit}");
                let _ = stun_local_ufrag(&bytes);
            }
        }
    }
}
