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

/// What each decode target is told of frames: not present, discardable, switch, required.
const TEMPLATES: [&str; 7] = ["SSS", "SRR", "SSS", "-SR", "-DR", "--S", "--D"];
/// How many frames back those are that they need.
const DIFFERENCES: [&[u32]; 7] = [&[], &[4], &[4], &[2], &[2, 4], &[1], &[1, 3]];
/// From one template to the next: the same layer, the next one, or the end.
const NEXT_LAYERS: [u32; 7] = [0, 0, 1, 0, 1, 0, 3];

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
            put(2, 5);
            NEXT_LAYERS.into_iter().for_each(|next| put(next, 2));
            for indication in TEMPLATES.concat().chars() {
                put("-DSR".find(indication).unwrap() as u32, 2);
            }
            for differences in DIFFERENCES {
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

/// Three temporal layers. Every eighth frame the higher ones begin anew.
#[derive(Debug, Clone, Default)]
pub struct Encoder {
    place: usize,
    /// The newest frames of layers 0 and 1.
    last: u64,
    golden: u64,
    /// All frames are of layer 0.
    is_flat: bool,
    /// It tells of its layers in the dependency descriptor, and nothing in that of the payload.
    pub is_described: bool,
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
            is_described: true,
            ..Self::default()
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
            template: self.is_described.then_some(match (key, place) {
                (true, _) => 0,
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
