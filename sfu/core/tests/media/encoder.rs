//! The temporal layers that libwebrtc makes of VP8, as far as what needs what goes, and how it tells of them.

use std::collections::HashMap;

/// A frame that an encoder makes.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    pub temporal: u8,
    pub is_sync: bool,
    /// When those that it is predicted from were taken.
    pub needs: Vec<u64>,
    is_flat: bool,
    /// Of the dependency descriptor, where there is one.
    template: Option<u8>,
}

/// A structure as key frames bring it.
struct Structure {
    targets: u32,
    /// What each decode target is told of frames: not present, discardable, switch, required.
    templates: &'static [&'static str],
    /// How many frames back those are that they need.
    differences: &'static [&'static [u32]],
    /// From one template to the next: the same layer, the next one, or the end.
    next_layers: &'static [u32],
}

const LAYERED: Structure = Structure {
    targets: 3,
    templates: &["SSS", "SRR", "SSS", "-SR", "-DR", "--S", "--D"],
    differences: &[&[], &[4], &[4], &[2], &[2, 4], &[1], &[1, 3]],
    next_layers: &[0, 0, 1, 0, 1, 0, 3],
};

/// L1T1, in which no frame but a key frame is one to begin with.
const FLAT: Structure = Structure {
    targets: 1,
    templates: &["S", "R"],
    differences: &[&[], &[1]],
    next_layers: &[0, 3],
};

impl Frame {
    /// The dependency descriptor of one of its packets.
    pub fn descriptor(&self, number: u16, starts: bool, ends: bool) -> Option<Vec<u8>> {
        let mut bits: Vec<bool> = Vec::new();
        let mut put = |value: u32, count: u32| bits.extend((0..count).rev().map(|bit| value >> bit & 1 != 0));
        put(starts.into(), 1);
        put(ends.into(), 1);
        put(self.template?.into(), 6);
        put(number.into(), 16);
        if self.needs.is_empty() && starts {
            put(0b1_0000, 5);
            put(0, 6);
            let structure = if self.is_flat { FLAT } else { LAYERED };
            put(structure.targets - 1, 5);
            structure.next_layers.iter().for_each(|next| put(*next, 2));
            for indication in structure.templates.concat().chars() {
                put("-DSR".find(indication).unwrap() as u32, 2);
            }
            for differences in structure.differences {
                differences
                    .iter()
                    .for_each(|difference| put(0x10 | (difference - 1), 5));
                put(0, 1);
            }
            // Neither chains nor sizes.
            put(0, 3);
        }
        let byte =
            |bits: &[bool]| (0..8).fold(0, |byte, at| byte << 1 | u8::from(bits.get(at) == Some(&true)));
        Some(bits.chunks(8).map(byte).collect())
    }

    /// Of three layers, the lowest has two fifths of the bits in a quarter of the frames.
    pub fn bytes(&self, usual: usize) -> usize {
        match (self.temporal, self.needs.is_empty() || self.is_flat) {
            (_, true) => usual,
            (0, false) => usual * 8 / 5,
            _ => usual * 4 / 5,
        }
    }
}

/// Where it tells of its layers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tells {
    #[default]
    InPayload,
    /// In the dependency descriptor, and nothing in that of the payload.
    InDescriptor,
    Nowhere,
}

/// Three temporal layers. Every eighth frame the higher ones begin anew.
#[derive(Debug, Clone, Default)]
pub struct Encoder {
    place: usize,
    /// The newest frames of layers 0 and 1.
    last: u64,
    golden: u64,
    /// All frames are of layer 0.
    is_flat: bool,
    pub tells: Tells,
    /// By when they were taken.
    pub made: HashMap<u64, Frame>,
}

impl Encoder {
    pub fn without_layers() -> Self {
        Self {
            is_flat: true,
            ..Self::default()
        }
    }

    pub fn described() -> Self {
        Self {
            tells: Tells::InDescriptor,
            ..Self::default()
        }
    }

    /// One layer, and so it tells.
    pub fn described_without_layers() -> Self {
        Self {
            tells: Tells::InDescriptor,
            ..Self::without_layers()
        }
    }

    /// One layer, of which it tells nothing.
    pub fn silent() -> Self {
        Self {
            tells: Tells::Nowhere,
            ..Self::without_layers()
        }
    }

    pub fn next(&mut self, key: bool, taken_ms: u64) -> Frame {
        if key {
            self.place = 0;
        }
        let place = self.place;
        let temporal = if self.is_flat {
            0
        } else {
            [0, 2, 1, 2][self.place % 4]
        };
        let is_sync = !self.is_flat && matches!(self.place, 1 | 2);
        let needs = match (key, temporal == 0 || is_sync) {
            (true, _) => Vec::new(),
            (false, true) => vec![self.last],
            (false, false) => vec![self.last, self.golden],
        };
        match temporal {
            0 => self.last = taken_ms,
            1 => self.golden = taken_ms,
            _ => {}
        }
        if key {
            self.golden = taken_ms;
        }
        self.place = (self.place + 1) % 8;
        let frame = Frame {
            temporal,
            is_sync,
            needs,
            is_flat: self.is_flat,
            template: (self.tells == Tells::InDescriptor).then_some(match (key, place) {
                (true, _) => 0,
                (_, _) if self.is_flat => 1,
                (_, 4) => 1,
                (_, 0) => 2,
                (_, 2) => 3,
                (_, 6) => 4,
                (_, 1) => 5,
                _ => 6,
            }),
        };
        self.made.insert(taken_ms, frame.clone());
        frame
    }
}
