//! A camera of three spatial and three temporal layers in one stream (L3T3_KEY), as libwebrtc's encoders make them: each
//! spatial layer refers to the one below in key pictures only.

use std::collections::HashMap;

use hearken_protocol::{TrackSource, VideoCodec};

use crate::wire::{self, DEPENDENCY, MID, RID, Rtp};
use crate::world::World;

pub const SPATIAL: u8 = 3;
const TEMPORAL: u8 = 3;
/// Of the smallest, medium and largest layer, beside key pictures.
const PACKETS: [usize; 3] = [1, 3, 8];
const PACKET_BYTES: usize = 700;
const EVERY_MS: u64 = 40;

/// Which of a picture's layers: the picture as it is counted here, and the spatial layer.
pub type Name = (u32, u8);

/// What of the pattern a frame is, as templates of the dependency descriptor have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Key,
    Base,
    Middle,
    /// On the base layer.
    TopFirst,
    /// On the middle one.
    TopSecond,
}

impl Kind {
    /// In the order of layers, as the specification wants templates.
    const ALL: [Self; 5] = [
        Self::Key,
        Self::Base,
        Self::Middle,
        Self::TopFirst,
        Self::TopSecond,
    ];

    pub fn temporal(self) -> u8 {
        match self {
            Self::Key | Self::Base => 0,
            Self::Middle => 1,
            Self::TopFirst | Self::TopSecond => 2,
        }
    }

    /// How many pictures back that is which it refers to.
    pub fn back(self) -> Option<u32> {
        match self {
            Self::Key => None,
            Self::Base => Some(4),
            Self::Middle => Some(2),
            Self::TopFirst | Self::TopSecond => Some(1),
        }
    }

    /// What a decode target is told of a frame of this spatial layer: not present, discardable or switch.
    fn indication(self, spatial: u8, (of, up_to): (u8, u8)) -> u32 {
        let temporal = self.temporal();
        match self {
            Self::Key if of >= spatial => 2,
            Self::Key => 0,
            _ if of != spatial || up_to < temporal => 0,
            _ if up_to == temporal && temporal > 0 => 1,
            _ => 2,
        }
    }
}

/// Bits in the order of the specification, written apart from the core.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: u32, count: usize) {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 != 0));
    }

    fn bytes(&self) -> Vec<u8> {
        let place = |(at, bit): (usize, &bool)| u8::from(*bit) << (7 - at);
        let byte = |bits: &[bool]| bits.iter().enumerate().map(place).sum();
        self.0.chunks(8).map(byte).collect()
    }
}

/// See the module.
pub struct Camera {
    codec: VideoCodec,
    /// Sends the dependency descriptor.
    describes: bool,
    /// Where in the pattern of four pictures it is.
    place: usize,
    picture: u32,
    first_picture: u16,
    frame: u16,
    index: u64,
    /// How many packets each frame has, and what it needs.
    pub made: HashMap<Name, (usize, Vec<Name>)>,
}

/// By template, what a receiver is told of a frame's references: differences of frame numbers.
pub fn differences(template: u8) -> Vec<i64> {
    let kind = Kind::ALL[usize::from(template % 5)];
    difference(template / 5, kind)
        .map(i64::from)
        .into_iter()
        .collect()
}

/// What stands behind the descriptor in each packet.
#[derive(Debug, Clone, Copy)]
pub struct Tag {
    pub name: Name,
    pub kind: Kind,
}

/// Bytes of a payload before its tag.
const DESCRIPTOR_BYTES: usize = 16;

impl Tag {
    fn write(self) -> Vec<u8> {
        let kind = Kind::ALL.iter().position(|kind| *kind == self.kind).unwrap();
        let mut bytes = self.name.0.to_be_bytes().to_vec();
        bytes.extend([self.name.1, kind as u8]);
        bytes
    }

    pub fn read(payload: &[u8]) -> Self {
        let bytes = &payload[DESCRIPTOR_BYTES..];
        Self {
            name: (u32::from_be_bytes(bytes[..4].try_into().unwrap()), bytes[4]),
            kind: Kind::ALL[usize::from(bytes[5])],
        }
    }
}

impl Camera {
    pub fn new(codec: VideoCodec, describes: bool) -> Self {
        Self {
            codec,
            describes,
            place: 0,
            picture: 0,
            first_picture: 0x7fd0,
            frame: 65_500,
            index: 0xfff0,
            made: HashMap::new(),
        }
    }

    /// Lets time pass with 25 pictures a second.
    pub fn run(&mut self, world: &mut World, publisher: usize, ms: u64) {
        for _ in 0..ms / EVERY_MS {
            self.shoot(world, publisher);
            world.run(EVERY_MS);
        }
    }

    /// One picture of all layers: a key picture when somebody asked for one.
    fn shoot(&mut self, world: &mut World, publisher: usize) {
        let taken_ms = world.now_ms();
        let sender = world.peers[publisher].sender(TrackSource::Camera, 0);
        let (ssrc, timestamp) = (sender.ssrc, sender.timestamp(taken_ms));
        let kind = if std::mem::take(&mut sender.key_frame_wanted) {
            self.place = 0;
            Kind::Key
        } else {
            [Kind::Base, Kind::TopFirst, Kind::Middle, Kind::TopSecond][self.place % 4]
        };
        self.place += 1;
        self.picture += 1;
        for spatial in 0..SPATIAL {
            self.frame = self.frame.wrapping_add(1);
            let tag = Tag {
                name: (self.picture, spatial),
                kind,
            };
            let packets = PACKETS[usize::from(spatial)] * if kind == Kind::Key { 4 } else { 1 };
            self.made.insert(tag.name, (packets, needs(tag)));
            for packet in 0..packets {
                let ends = packet + 1 == packets;
                let rtp = Rtp {
                    sequence: self.index as u16,
                    timestamp,
                    ssrc,
                    marker: ends && spatial + 1 == SPATIAL,
                    ..self.packet(tag, packet == 0, ends)
                };
                let sealed = world.peers[publisher].seal(rtp, self.index).unwrap();
                self.index += 1;
                world.send_from(publisher, sealed);
            }
        }
    }

    fn packet(&self, tag: Tag, starts: bool, ends: bool) -> Rtp {
        let mut payload = match self.codec {
            VideoCodec::Vp9 => self.payload_descriptor(tag, starts, ends),
            VideoCodec::Av1 => vec![0x10],
            VideoCodec::Vp8 | VideoCodec::H264 => unreachable!("no layers in one stream"),
        };
        payload.resize(DESCRIPTOR_BYTES, 0);
        payload.extend(tag.write());
        // Of three temporal layers, the lowest has two fifths of the bits in a quarter of the frames.
        let bytes = match tag.kind {
            Kind::Key => PACKET_BYTES,
            Kind::Base => PACKET_BYTES * 8 / 5,
            Kind::Middle | Kind::TopFirst | Kind::TopSecond => PACKET_BYTES * 4 / 5,
        };
        payload.resize(bytes, 0x77);
        let mut extensions = vec![(MID, b"1".to_vec()), (RID, b"q".to_vec())];
        if self.describes {
            extensions.push((DEPENDENCY, self.dependency_descriptor(tag, starts, ends)));
        }
        Rtp {
            payload_type: if self.codec == VideoCodec::Vp9 {
                wire::VP9
            } else {
                wire::AV1
            },
            sequence: 0,
            timestamp: 0,
            ssrc: 0,
            marker: false,
            extensions,
            payload,
        }
    }

    /// Of VP9 in flexible mode (RFC 9628 §4.2).
    fn payload_descriptor(&self, tag: Tag, starts: bool, ends: bool) -> Vec<u8> {
        let (picture, spatial) = tag.name;
        let is_key = tag.kind == Kind::Key;
        let tells = is_key && starts && spatial == 0;
        let flags = [
            (0x80, true),
            (0x40, !is_key),
            (0x20, true),
            (0x10, true),
            (0x08, starts),
        ];
        let flags = flags
            .into_iter()
            .chain([(0x04, ends), (0x02, tells), (0x01, !is_key)]);
        let flags = flags.filter(|(_, is_set)| *is_set).map(|(flag, _)| flag).sum();
        let id = self.first_picture.wrapping_add(picture as u16) | 0x8000;
        let [high, low] = id.to_be_bytes();
        let is_on_layer_below = is_key && spatial > 0;
        let layers = tag.kind.temporal() << 5 | 0x10 | spatial << 1 | u8::from(is_on_layer_below);
        let mut bytes = vec![flags, high, low, layers];
        bytes.extend(tag.kind.back().map(|back| (back as u8) << 1));
        if tells {
            bytes.push((SPATIAL - 1) << 5);
        }
        bytes
    }

    fn dependency_descriptor(&self, tag: Tag, starts: bool, ends: bool) -> Vec<u8> {
        let (_, spatial) = tag.name;
        let kind = Kind::ALL.iter().position(|kind| *kind == tag.kind).unwrap();
        let mut bits = Bits::default();
        bits.put(starts.into(), 1);
        bits.put(ends.into(), 1);
        bits.put(u32::from(spatial) * 5 + kind as u32, 6);
        bits.put(self.frame.into(), 16);
        if tag.kind != Kind::Key || spatial > 0 || !starts {
            return bits.bytes();
        }
        // Only the structure: offset 0, nine targets.
        bits.put(0b1_0000, 5);
        bits.put(0, 6);
        bits.put(u32::from(SPATIAL * TEMPORAL) - 1, 5);
        let next = [0, 1, 1, 0, 2, 0, 1, 1, 0, 2, 0, 1, 1, 0, 3];
        next.into_iter().for_each(|next| bits.put(next, 2));
        let templates: Vec<(u8, Kind)> = (0..SPATIAL)
            .flat_map(|spatial| Kind::ALL.map(|kind| (spatial, kind)))
            .collect();
        for (spatial, kind) in &templates {
            let targets = (0..SPATIAL).flat_map(|of| (0..TEMPORAL).map(move |up_to| (of, up_to)));
            targets.for_each(|target| bits.put(kind.indication(*spatial, target), 2));
        }
        for (spatial, kind) in &templates {
            let difference = difference(*spatial, *kind);
            difference
                .into_iter()
                .for_each(|difference| bits.put(0x10 | (difference - 1), 5));
            bits.put(0, 1);
        }
        // No chains; sizes.
        bits.put(0, 3);
        bits.put(1, 1);
        for height in [180_u32, 360, 720] {
            bits.put(height * 16 / 9 - 1, 16);
            bits.put(height - 1, 16);
        }
        bits.bytes()
    }
}

/// How many frames back that is which a frame refers to.
fn difference(spatial: u8, kind: Kind) -> Option<u32> {
    let below = (spatial > 0).then_some(1);
    kind.back().map_or(below, |back| Some(back * u32::from(SPATIAL)))
}

fn needs(tag: Tag) -> Vec<Name> {
    let (picture, spatial) = tag.name;
    let below = spatial.checked_sub(1).map(|below| (picture, below));
    let needed = tag
        .kind
        .back()
        .map_or(below, |back| Some((picture - back, spatial)));
    needed.into_iter().collect()
}
