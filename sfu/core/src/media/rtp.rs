//! RTP headers as they come and as they go (RFC 3550 §5.1, RFC 8285). Nothing here allocates.

use std::ops::Range;

const FIXED_HEADER_BYTES: usize = 12;
const ONE_BYTE_PROFILE: u16 = 0xBEDE;
const TWO_BYTE_PROFILE: u16 = 0x1000;
/// Ids 1 to 14 and values of 1 to 16 bytes fit the one-byte form.
const ONE_BYTE_ID_MAX: u8 = 14;
const ONE_BYTE_LEN_MAX: usize = 16;

/// Bytes that [`OutgoingHeader::write`] needs at most, besides a dependency descriptor: fixed header, extension
/// header, and the extensions in the two-byte form with padding behind them.
pub(crate) const OUTGOING_HEADER_BYTES_MAX: usize = FIXED_HEADER_BYTES + 4 + 3 + 4 + 2 + 3;

/// A received header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RtpHeader {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// Where the payload lies, padding removed.
    pub(crate) payload: Range<usize>,
    extensions: Range<usize>,
    extension_profile: u16,
}

impl RtpHeader {
    /// Reads a decrypted packet; `None` when its lengths don't fit together.
    pub(crate) fn parse(packet: &[u8]) -> Option<Self> {
        let fixed = packet.get(..FIXED_HEADER_BYTES)?;
        if fixed[0] >> 6 != 2 {
            return None;
        }
        let mut offset = FIXED_HEADER_BYTES + 4 * usize::from(fixed[0] & 0x0f);
        let mut extensions = 0..0;
        let mut extension_profile = 0;
        if fixed[0] & 0x10 != 0 {
            let head = packet.get(offset..offset + 4)?;
            extension_profile = u16::from_be_bytes([head[0], head[1]]);
            let words = usize::from(u16::from_be_bytes([head[2], head[3]]));
            extensions = offset + 4..offset + 4 + 4 * words;
            offset = extensions.end;
        }
        let mut end = packet.len();
        if fixed[0] & 0x20 != 0 {
            let padding = usize::from(*packet.last()?);
            end = end.checked_sub(padding.max(1))?;
        }
        (offset <= end).then(|| Self {
            marker: fixed[1] & 0x80 != 0,
            payload_type: fixed[1] & 0x7f,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            payload: offset..end,
            extensions,
            extension_profile,
        })
    }

    /// The header extensions of the packet that this header was read from.
    pub(crate) fn extensions<'a>(&self, packet: &'a [u8]) -> Extensions<'a> {
        let one_byte = self.extension_profile == ONE_BYTE_PROFILE;
        let known = one_byte || self.extension_profile & 0xfff0 == TWO_BYTE_PROFILE;
        let rest = if known {
            packet.get(self.extensions.clone()).unwrap_or_default()
        } else {
            &[]
        };
        Extensions { rest, one_byte }
    }
}

/// Header extensions, id and value; stops at the first that does not fit.
#[derive(Debug, Clone)]
pub(crate) struct Extensions<'a> {
    rest: &'a [u8],
    one_byte: bool,
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (&first, rest) = self.rest.split_first()?;
            if first == 0 {
                self.rest = rest;
                continue;
            }
            let (id, len, rest) = if self.one_byte {
                // Id 15 means: stop (RFC 8285 §4.2).
                if first >> 4 == 15 {
                    return None;
                }
                (first >> 4, usize::from(first & 0x0f) + 1, rest)
            } else {
                let (&len, rest) = rest.split_first()?;
                (first, usize::from(len), rest)
            };
            let value = rest.get(..len)?;
            self.rest = &rest[len..];
            return Some((id, value));
        }
    }
}

/// The ids one side gave to the header extensions that matter here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ExtensionIds {
    pub(crate) mid: Option<u8>,
    pub(crate) rid: Option<u8>,
    pub(crate) repaired_rid: Option<u8>,
    pub(crate) audio_level: Option<u8>,
    pub(crate) transport_cc: Option<u8>,
    pub(crate) video_orientation: Option<u8>,
    pub(crate) dependency: Option<u8>,
}

/// What the extensions of one packet say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ExtensionValues<'a> {
    pub(crate) mid: Option<&'a [u8]>,
    pub(crate) rid: Option<&'a [u8]>,
    pub(crate) repaired_rid: Option<&'a [u8]>,
    /// Voice flag and level as one byte (RFC 6464 §3).
    pub(crate) audio_level: Option<u8>,
    pub(crate) transport_sequence: Option<u16>,
    /// Which way up the camera was held (3GPP TS 26.114 §7.4.5).
    pub(crate) video_orientation: Option<u8>,
    /// The dependency descriptor; empty when there is none.
    pub(crate) dependency: &'a [u8],
}

impl ExtensionIds {
    /// These ids, and those of `other` where there is none here.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            mid: self.mid.or(other.mid),
            rid: self.rid.or(other.rid),
            repaired_rid: self.repaired_rid.or(other.repaired_rid),
            audio_level: self.audio_level.or(other.audio_level),
            transport_cc: self.transport_cc.or(other.transport_cc),
            video_orientation: self.video_orientation.or(other.video_orientation),
            dependency: self.dependency.or(other.dependency),
        }
    }

    pub(crate) fn read<'a>(&self, extensions: Extensions<'a>) -> ExtensionValues<'a> {
        let mut values = ExtensionValues::default();
        for (id, value) in extensions {
            let id = Some(id);
            if id == self.transport_cc {
                values.transport_sequence = value.first_chunk().map(|bytes| u16::from_be_bytes(*bytes));
            } else if id == self.audio_level {
                values.audio_level = value.first().copied();
            } else if id == self.video_orientation {
                values.video_orientation = value.first().copied();
            } else if id == self.dependency {
                values.dependency = value;
            } else if id == self.mid {
                values.mid = Some(value);
            } else if id == self.rid {
                values.rid = Some(value);
            } else if id == self.repaired_rid {
                values.repaired_rid = Some(value);
            }
        }
        values
    }
}

/// A header to be written, extensions with the receiver's ids.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutgoingHeader<'a> {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// Extensions of one byte, with the receiver's id: level of a sound, orientation of a picture.
    pub(crate) byte_extension: Option<(u8, u8)>,
    pub(crate) transport_sequence: Option<(u8, u16)>,
    /// The dependency descriptor, with the receiver's id; long ones need the two-byte form.
    pub(crate) dependency: Option<(u8, &'a [u8])>,
}

impl OutgoingHeader<'_> {
    /// Writes to the beginning of `packet`, which must have [`OUTGOING_HEADER_BYTES_MAX`] bytes and those of the
    /// dependency descriptor, and says how many were used.
    pub(crate) fn write(&self, packet: &mut [u8]) -> usize {
        packet[0] = 0x80;
        packet[1] = u8::from(self.marker) << 7 | self.payload_type;
        packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        let body = FIXED_HEADER_BYTES + 4;
        let mut end = body;
        let byte = self.byte_extension.map(|(id, value)| (id, [value]));
        let sequence = self
            .transport_sequence
            .map(|(id, sequence)| (id, sequence.to_be_bytes()));
        let values = [
            byte.as_ref().map(|(id, value)| (*id, &value[..])),
            sequence.as_ref().map(|(id, value)| (*id, &value[..])),
            self.dependency,
        ];
        let is_short = |(id, value): &(u8, &[u8])| *id <= ONE_BYTE_ID_MAX && value.len() <= ONE_BYTE_LEN_MAX;
        // Everybody reads the short form; the long one is for whoever asked for what needs it (RFC 8285 §4.1.2).
        let is_long = self.dependency.is_some_and(|dependency| !is_short(&dependency));
        for (id, value) in values
            .into_iter()
            .flatten()
            .filter(|(_, value)| !value.is_empty())
        {
            let len = value.len() as u8;
            if is_long {
                packet[end..end + 2].copy_from_slice(&[id, len]);
                end += 2;
            } else if is_short(&(id, value)) {
                packet[end] = id << 4 | (len - 1);
                end += 1;
            } else {
                continue;
            }
            packet[end..end + value.len()].copy_from_slice(value);
            end += value.len();
        }
        if end == body {
            return FIXED_HEADER_BYTES;
        }
        let padded = end.next_multiple_of(4);
        packet[end..padded].fill(0);
        packet[0] |= 0x10;
        let profile = if is_long {
            TWO_BYTE_PROFILE
        } else {
            ONE_BYTE_PROFILE
        };
        packet[12..14].copy_from_slice(&profile.to_be_bytes());
        packet[14..16].copy_from_slice(&(((padded - body) / 4) as u16).to_be_bytes());
        padded
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outgoing() -> OutgoingHeader<'static> {
        OutgoingHeader {
            marker: true,
            payload_type: 111,
            sequence: 65_535,
            timestamp: 0xdead_beef,
            ssrc: 7,
            byte_extension: Some((3, 0x85)),
            transport_sequence: Some((5, 0x1234)),
            dependency: None,
        }
    }

    #[test]
    fn a_long_dependency_descriptor_takes_the_two_byte_form_and_a_short_one_does_not() {
        let ids = ExtensionIds {
            audio_level: Some(3),
            transport_cc: Some(5),
            dependency: Some(12),
            ..ExtensionIds::default()
        };
        for (len, profile) in [
            (3, ONE_BYTE_PROFILE),
            (16, ONE_BYTE_PROFILE),
            (17, TWO_BYTE_PROFILE),
            (255, TWO_BYTE_PROFILE),
        ] {
            let descriptor = vec![0x5a; len];
            let header = OutgoingHeader {
                dependency: Some((12, &descriptor)),
                ..outgoing()
            };
            let mut packet = vec![0xff; OUTGOING_HEADER_BYTES_MAX + len];
            let written = header.write(&mut packet);
            packet.truncate(written);
            let read = RtpHeader::parse(&packet).unwrap();
            assert_eq!(read.extension_profile, profile, "{len}");
            let values = ids.read(read.extensions(&packet));
            assert_eq!(values.dependency, descriptor);
            assert_eq!(
                (values.audio_level, values.transport_sequence),
                (Some(0x85), Some(0x1234))
            );
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut packet = [0xff; OUTGOING_HEADER_BYTES_MAX + 3];
        let len = outgoing().write(&mut packet);
        let header = RtpHeader::parse(&packet[..len + 3]).unwrap();
        assert_eq!(
            (header.marker, header.payload_type, header.sequence),
            (true, 111, 65_535)
        );
        assert_eq!(
            (header.timestamp, header.ssrc, header.payload.clone()),
            (0xdead_beef, 7, len..len + 3)
        );
        let ids = ExtensionIds {
            audio_level: Some(3),
            transport_cc: Some(5),
            ..ExtensionIds::default()
        };
        let values = ids.read(header.extensions(&packet));
        assert_eq!(
            (values.audio_level, values.transport_sequence),
            (Some(0x85), Some(0x1234))
        );
    }

    #[test]
    fn an_extension_that_was_not_agreed_on_is_not_written() {
        let mut packet = [0; OUTGOING_HEADER_BYTES_MAX];
        let header = OutgoingHeader {
            byte_extension: None,
            transport_sequence: Some((15, 1)),
            ..outgoing()
        };
        assert_eq!(header.write(&mut packet), 12);
        assert_eq!(packet[0], 0x80);
    }

    #[test]
    fn two_byte_extensions_and_padding_are_read() {
        let mut packet = vec![0xb0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        packet.extend([0x10, 0x00, 0, 2, 20, 1, b'q', 0, 4, 2, b'1', b'0']);
        packet.extend([1, 2, 3, 0, 0, 3]);
        let header = RtpHeader::parse(&packet).unwrap();
        assert_eq!(&packet[header.payload.clone()], [1, 2, 3]);
        let ids = ExtensionIds {
            mid: Some(4),
            rid: Some(20),
            ..ExtensionIds::default()
        };
        let values = ids.read(header.extensions(&packet));
        assert_eq!((values.mid, values.rid), (Some(&b"10"[..]), Some(&b"q"[..])));
    }

    #[test]
    fn padding_longer_than_the_packet_is_refused() {
        let packet = [0xa0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9];
        assert_eq!(RtpHeader::parse(&packet), None);
    }

    proptest! {
        #[test]
        fn no_bytes_upset_the_reader(packet in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(header) = RtpHeader::parse(&packet) {
                let _ = &packet[header.payload.clone()];
                prop_assert!(header.extensions(&packet).count() < 80);
            }
        }
    }
}
