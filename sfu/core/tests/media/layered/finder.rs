//! Finds out which frames need which, from what stands in their packets alone, as libwebrtc does: by the dependency
//! descriptor where there is one, else by VP9's payload descriptor in flexible mode.

use std::collections::{BTreeMap, BTreeSet};

use super::camera::{Name, Tag, differences};
use crate::peer::Other;
use crate::wire::DEPENDENCY;

/// A frame as receivers know it.
#[derive(Debug, Clone)]
struct Frame {
    id: i64,
    needs: Vec<i64>,
    tag: Tag,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Finder {
    newest: Option<i64>,
    /// Numbers of packets that have come, by frame, and what its first one says.
    parts: BTreeMap<Name, (BTreeSet<u64>, Option<Frame>)>,
    waiting: Vec<Frame>,
    decoded: BTreeSet<i64>,
}

impl Finder {
    /// Takes a packet of a frame of so many; returns the frames that can be decoded now.
    pub fn take(&mut self, other: &Other, packets: usize) -> Vec<Tag> {
        let payload = &other.packet.payload;
        let tag = Tag::read(payload);
        let frame = self.read(other, tag);
        let (had, first) = self.parts.entry(tag.name).or_default();
        if !had.insert(other.index) {
            return Vec::new();
        }
        *first = first.take().or(frame);
        if had.len() < packets {
            return Vec::new();
        }
        self.waiting.extend(first.take());
        let mut ready = Vec::new();
        while let Some(at) = self.waiting.iter().position(|frame| self.is_ready(frame)) {
            let frame = self.waiting.remove(at);
            if self.decoded.last().is_none_or(|last| *last < frame.id) {
                self.decoded.insert(frame.id);
                ready.push(frame.tag);
            }
        }
        ready
    }

    fn is_ready(&self, frame: &Frame) -> bool {
        frame.needs.iter().all(|needed| self.decoded.contains(needed))
    }

    /// What a packet says of its frame; nothing, if it is not the first of it.
    fn read(&mut self, other: &Other, tag: Tag) -> Option<Frame> {
        let mut extensions = other.packet.extensions.iter();
        let descriptor = extensions.find(|(id, _)| *id == DEPENDENCY);
        match descriptor {
            Some((_, descriptor)) => self.read_descriptor(descriptor, tag),
            None => self.read_payload(&other.packet.payload, tag),
        }
    }

    fn read_descriptor(&mut self, descriptor: &[u8], tag: Tag) -> Option<Frame> {
        if descriptor[0] & 0x80 == 0 {
            return None;
        }
        let number = u16::from_be_bytes([descriptor[1], descriptor[2]]);
        let near = self.newest.unwrap_or(number.into());
        let id = near + i64::from(number.wrapping_sub(near as u16) as i16);
        self.newest = Some(near.max(id));
        let differences = differences(descriptor[0] & 0x3f);
        Some(Frame {
            id,
            needs: differences.iter().map(|difference| id - difference).collect(),
            tag,
        })
    }

    fn read_payload(&mut self, payload: &[u8], tag: Tag) -> Option<Frame> {
        let has = |flag: u8| payload[0] & flag != 0;
        assert!(
            has(0x80) && has(0x20) && has(0x10),
            "picture id, layers, flexible mode"
        );
        if !has(0x08) {
            return None;
        }
        let number = u16::from_be_bytes([payload[1] & 0x7f, payload[2]]);
        let near = self.newest.unwrap_or(number.into());
        let step = (number.wrapping_sub(near as u16) << 1) as i16 >> 1;
        let picture = near + i64::from(step);
        self.newest = Some(near.max(picture));
        // As libwebrtc makes one number of picture and layer.
        let id = |picture: i64, spatial: u8| picture * 5 + i64::from(spatial);
        let spatial = payload[3] >> 1 & 7;
        let mut needs = Vec::new();
        if has(0x40) {
            needs.push(id(picture - i64::from(payload[4] >> 1), spatial));
            assert_eq!(payload[4] & 1, 0, "one reference");
        }
        if payload[3] & 1 != 0 {
            needs.push(id(picture, spatial - 1));
        }
        Some(Frame {
            id: id(picture, spatial),
            needs,
            tag,
        })
    }
}
