//! Packets and SDP as a browser writes and reads them: written apart from the core, so that both must agree.

mod sdp;

pub use self::sdp::*;

pub const OPUS: u8 = 111;
pub const VP8: u8 = 96;
pub const MID: u8 = 4;
pub const TWCC: u8 = 3;
pub const RID: u8 = 10;
pub const RRID: u8 = 11;
pub const LEVEL: u8 = 1;
pub const DEPENDENCY: u8 = 12;
pub const VP9: u8 = 98;
pub const H264: u8 = 100;
pub const AV1: u8 = 45;

#[derive(Debug, Clone)]
pub struct Rtp {
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub marker: bool,
    pub extensions: Vec<(u8, Vec<u8>)>,
    pub payload: Vec<u8>,
}

impl Rtp {
    /// The packet and the length of its header.
    pub fn write(&self) -> (Vec<u8>, usize) {
        let mut packet = vec![0x80, u8::from(self.marker) << 7 | self.payload_type];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        if !self.extensions.is_empty() {
            packet[0] |= 0x10;
            let is_long = self.extensions.iter().any(|(_, value)| value.len() > 16);
            let mut body = Vec::new();
            for (id, value) in &self.extensions {
                if is_long {
                    body.extend([*id, value.len() as u8]);
                } else {
                    body.push(id << 4 | (value.len() - 1) as u8);
                }
                body.extend(value);
            }
            body.resize(body.len().next_multiple_of(4), 0);
            packet.extend(if is_long { [0x10, 0] } else { [0xbe, 0xde] });
            packet.extend(((body.len() / 4) as u16).to_be_bytes());
            packet.extend(body);
        }
        let header = packet.len();
        packet.extend(&self.payload);
        (packet, header)
    }

    pub fn read(packet: &[u8]) -> Self {
        assert_eq!(packet[0] & 0xcf, 0x80, "no CSRC");
        let mut at = 12;
        let mut extensions = Vec::new();
        if packet[0] & 0x10 != 0 {
            let is_long = packet[12..14] == [0x10, 0];
            assert!(is_long || packet[12..14] == [0xbe, 0xde]);
            let end = 16 + 4 * usize::from(u16::from_be_bytes([packet[14], packet[15]]));
            at = 16;
            while at < end {
                if packet[at] == 0 {
                    at += 1;
                    continue;
                }
                let (id, len) = if is_long {
                    at += 1;
                    (packet[at - 1], usize::from(packet[at]))
                } else {
                    (packet[at] >> 4, usize::from(packet[at] & 15) + 1)
                };
                extensions.push((id, packet[at + 1..at + 1 + len].to_vec()));
                at += 1 + len;
            }
        }
        let mut end = packet.len();
        if packet[0] & 0x20 != 0 {
            end -= usize::from(packet[end - 1]);
            assert_eq!(end, at, "nothing but padding");
        }
        Self {
            payload_type: packet[1] & 0x7f,
            sequence: u16::from_be_bytes([packet[2], packet[3]]),
            timestamp: u32::from_be_bytes(packet[4..8].try_into().unwrap()),
            ssrc: u32::from_be_bytes(packet[8..12].try_into().unwrap()),
            marker: packet[1] & 0x80 != 0,
            extensions,
            payload: packet[at..end].to_vec(),
        }
    }
}

/// An Opus packet of 20 ms, as far as its first byte says.
pub fn opus(stamp: &Stamp, bytes: usize) -> Vec<u8> {
    let mut payload = vec![0xf8];
    payload.extend(stamp.write());
    payload.resize(bytes, 0x33);
    payload
}

/// Redundant audio: earlier payloads with how many ticks ago, oldest first, and the packet's own.
pub fn red(copies: &[(u32, Vec<u8>)], own: &[u8], opus: u8) -> Vec<u8> {
    let mut payload = Vec::new();
    for (offset, copy) in copies {
        payload.push(0x80 | opus);
        payload.extend(&(offset << 10 | copy.len() as u32).to_be_bytes()[1..]);
    }
    payload.push(opus);
    payload.extend(copies.iter().flat_map(|(_, copy)| copy.clone()));
    payload.extend(own);
    payload
}

/// Takes redundant audio apart: the copies and the packet's own.
pub fn read_red(payload: &[u8], opus: u8) -> (Vec<(u32, Vec<u8>)>, Vec<u8>) {
    let mut rest = payload;
    let mut lengths = Vec::new();
    while rest[0] & 0x80 != 0 {
        assert_eq!(rest[0] & 0x7f, opus);
        let word = u32::from_be_bytes([0, rest[1], rest[2], rest[3]]);
        lengths.push((word >> 10, (word & 0x3ff) as usize));
        rest = &rest[4..];
    }
    assert_eq!(rest[0], opus);
    rest = &rest[1..];
    let mut copies = Vec::new();
    for (offset, len) in lengths {
        copies.push((offset, rest[..len].to_vec()));
        rest = &rest[len..];
    }
    (copies, rest.to_vec())
}

/// What a test payload says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Who sent it.
    pub publisher: u64,
    /// When it was taken, in ms of the virtual world.
    pub taken_ms: u64,
    pub layer: u8,
}

impl Stamp {
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = self.publisher.to_be_bytes().to_vec();
        bytes.extend(self.taken_ms.to_be_bytes());
        bytes.push(self.layer);
        bytes
    }

    pub fn read(bytes: &[u8]) -> Self {
        Self {
            publisher: u64::from_be_bytes(bytes[..8].try_into().unwrap()),
            taken_ms: u64::from_be_bytes(bytes[8..16].try_into().unwrap()),
            layer: bytes[16],
        }
    }
}

/// A VP8 packet: descriptor with a long picture id, TL0PICIDX and KEYIDX, then a frame's beginning or middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp8Packet {
    pub picture: u16,
    pub tl0: u8,
    pub key_index: u8,
    /// The temporal layer, and whether it is predicted from layer 0 only.
    pub temporal: u8,
    pub sync: bool,
    /// Without counters and layers.
    pub is_minimal: bool,
    pub starts: bool,
    pub key: bool,
    pub height: u16,
    pub stamp: Stamp,
}

impl Vp8Packet {
    pub fn write(&self, bytes: usize) -> Vec<u8> {
        let id = (self.picture | 0x8000).to_be_bytes();
        let mut payload = vec![
            0x80 | u8::from(self.starts) << 4,
            0xf0,
            id[0],
            id[1],
            self.tl0,
            self.temporal << 6 | u8::from(self.sync) << 5 | self.key_index & 31,
        ];
        if self.is_minimal {
            payload = vec![u8::from(self.starts) << 4];
        }
        let width = self.height * 16 / 9;
        payload.extend([u8::from(!(self.key && self.starts)), 0, 0, 0x9d, 0x01, 0x2a]);
        payload.extend(width.to_le_bytes());
        payload.extend(self.height.to_le_bytes());
        payload.extend(self.stamp.write());
        payload.resize(bytes.max(payload.len()), 0x55);
        payload
    }

    pub fn read(payload: &[u8]) -> Self {
        if payload[0] & 0x80 == 0 {
            let mut long = vec![payload[0] | 0x80, 0, 0, 0, 0, 0];
            long.extend(&payload[1..]);
            return Self {
                is_minimal: true,
                ..Self::read(&long)
            };
        }
        Self {
            is_minimal: false,
            picture: u16::from_be_bytes([payload[2] & 0x7f, payload[3]]),
            tl0: payload[4],
            key_index: payload[5] & 31,
            temporal: payload[5] >> 6,
            sync: payload[5] & 0x20 != 0,
            starts: payload[0] & 0x10 != 0,
            key: payload[0] & 0x10 != 0 && payload[6] & 1 == 0,
            height: u16::from_le_bytes([payload[14], payload[15]]),
            stamp: Stamp::read(&payload[16..]),
        }
    }
}

/// An RTCP packet without its first word: count or format, kind, body.
pub fn rtcp(compound: &[u8]) -> Vec<(u8, u8, Vec<u8>)> {
    let mut rest = compound;
    let mut packets = Vec::new();
    while rest.len() >= 4 {
        let len = 4 + 4 * usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        packets.push((rest[0] & 31, rest[1], rest[4..len].to_vec()));
        rest = &rest[len..];
    }
    packets
}

pub fn rtcp_packet(count: u8, kind: u8, words: &[u32]) -> Vec<u8> {
    let mut packet = vec![0x80 | count, kind];
    packet.extend((words.len() as u16).to_be_bytes());
    packet.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    packet
}

/// Tells when packets with transport-wide numbers arrived, in ms; in order of their numbers, from the first on.
pub fn transport_feedback(arrivals: &[(u16, Option<u64>)], message: u8) -> Vec<u8> {
    let reference = arrivals.iter().find_map(|(_, at)| *at).unwrap() / 64;
    let mut body = [0, 0, 0, 1, 0, 0, 0, 1].to_vec();
    body.extend(arrivals[0].0.to_be_bytes());
    body.extend((arrivals.len() as u16).to_be_bytes());
    body.extend(&(reference as u32).to_be_bytes()[1..]);
    body.push(message);
    for seven in arrivals.chunks(7) {
        let symbols = seven.iter().enumerate();
        let chunk = symbols.fold(0xc000_u16, |chunk, (at, (_, arrival))| {
            chunk | u16::from(arrival.is_some()) << (13 - 2 * at)
        });
        body.extend(chunk.to_be_bytes());
    }
    let mut last = reference * 64;
    for arrival in arrivals.iter().filter_map(|(_, at)| *at) {
        let delta = (arrival as i64 - last as i64) * 4;
        body.extend((delta as i16).to_be_bytes());
        last = arrival;
    }
    body.resize(body.len().next_multiple_of(4), 0);
    let mut packet = vec![0x80 | 15, 205];
    packet.extend(((body.len() / 4) as u16).to_be_bytes());
    packet.extend(body);
    packet
}

pub fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// The sequence numbers of a NACK's body.
pub fn lost(body: &[u8]) -> Vec<u16> {
    let mut lost = Vec::new();
    for entry in body[8..].chunks(4) {
        let first = u16::from_be_bytes([entry[0], entry[1]]);
        let mask = u16::from_be_bytes([entry[2], entry[3]]);
        lost.push(first);
        lost.extend(
            (0..16)
                .filter(|bit| mask & 1 << bit != 0)
                .map(|bit| first.wrapping_add(bit + 1)),
        );
    }
    lost
}
