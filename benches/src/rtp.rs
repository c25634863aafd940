//! The little that the load generator reads of RTP and RTCP.

/// An RTP header (RFC 3550 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader {
    /// What the payload is.
    pub payload_type: u8,
    /// Its number.
    pub sequence: u16,
    /// When it was captured.
    pub timestamp: u32,
    /// Whose it is.
    pub ssrc: u32,
    /// The transport-wide number, if it has one.
    pub transport_sequence: Option<u16>,
    /// Where the payload begins.
    pub bytes: usize,
}

impl RtpHeader {
    /// Reads a header; `extension` is the id of the transport-wide number.
    pub fn parse(packet: &[u8], extension: Option<u8>) -> Option<Self> {
        let first = *packet.first()?;
        let mut bytes = 12 + 4 * usize::from(first & 0x0f);
        let mut transport_sequence = None;
        if first & 0x10 != 0 {
            let start = bytes + 4;
            let head = word(packet, bytes)?;
            bytes = start + 4 * (head & 0xffff) as usize;
            if head >> 16 == 0xbede {
                transport_sequence = extension.and_then(|id| find_u16(packet.get(start..bytes)?, id));
            }
        }
        Some(Self {
            payload_type: packet.get(1)? & 0x7f,
            sequence: (word(packet, 0)? & 0xffff) as u16,
            timestamp: word(packet, 4)?,
            ssrc: word(packet, 8)?,
            transport_sequence,
            bytes,
        })
    }
}

/// A one-byte-header extension of two bytes (RFC 8285 §4.2).
fn find_u16(mut extensions: &[u8], id: u8) -> Option<u16> {
    while let [first, rest @ ..] = extensions {
        if *first == 0 {
            extensions = rest;
            continue;
        }
        let (value, after) = rest.split_at_checked(usize::from(first & 0x0f) + 1)?;
        if first >> 4 == id {
            return Some(u16::from_be_bytes(*value.first_chunk()?));
        }
        extensions = after;
    }
    None
}

/// The packets of a compound, each with its type, from its first byte on (RFC 3550 §6.1).
pub fn control_packets(mut compound: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let [_, kind, high, low, ..] = *compound else {
            return None;
        };
        let len = 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        let (packet, rest) = compound.split_at_checked(len)?;
        compound = rest;
        Some((kind, packet))
    })
}

/// Four bytes, most significant first.
pub fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_wide_number_is_found_behind_other_extensions() {
        let packet = [
            0x90, 0xe0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0, 2, 0x40, b'1', 0, 0x31, 0x12, 0x34, 0,
            0, 9,
        ];
        let header = RtpHeader::parse(&packet, Some(3)).unwrap();
        assert_eq!(
            (
                header.payload_type,
                header.sequence,
                header.transport_sequence,
                header.bytes
            ),
            (96, 7, Some(0x1234), 24)
        );
        assert_eq!(
            RtpHeader::parse(&packet[..20], Some(3)).and_then(|header| header.transport_sequence),
            None
        );
    }

    #[test]
    fn a_compound_falls_apart_into_its_packets() {
        let compound = [
            0x80, 201, 0, 1, 0, 0, 0, 1, 0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 7, 0x80,
        ];
        let kinds: Vec<_> = control_packets(&compound)
            .map(|(kind, body)| (kind, body.len()))
            .collect();
        assert_eq!(kinds, [(201, 8), (206, 12)]);
    }
}
