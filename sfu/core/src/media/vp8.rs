//! The VP8 payload descriptor (RFC 7741 §4.2) and the little of the frame behind it that forwarding needs.

/// Where the parts of a descriptor are and what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Vp8Descriptor {
    /// First packet of a frame.
    pub(crate) starts_frame: bool,
    /// First packet of a key frame.
    pub(crate) starts_key_frame: bool,
    /// The key frame's size in pixels, when this packet begins one.
    pub(crate) size: Option<FrameSize>,
    pub(crate) picture_id: Option<PictureId>,
    pub(crate) tl0_picture_index: Option<u8>,
    /// 5 bits.
    pub(crate) key_index: Option<u8>,
    picture_id_at: usize,
    tl0_at: usize,
    key_index_at: usize,
}

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameSize {
    pub(crate) width: u16,
    pub(crate) height: u16,
}

/// Counts pictures, in 7 or 15 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PictureId {
    Short(u8),
    Long(u16),
}

impl PictureId {
    pub(crate) fn value(self) -> u16 {
        match self {
            Self::Short(value) => u16::from(value),
            Self::Long(value) => value,
        }
    }
}

/// What is added to a run's counters to make them go on where the last run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Vp8Shift {
    picture_id: u16,
    tl0_picture_index: u8,
    key_index: u8,
}

/// The counters of the newest packet that was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Vp8Counters {
    picture_id: Option<u16>,
    tl0_picture_index: Option<u8>,
    key_index: Option<u8>,
}

impl Vp8Descriptor {
    /// Reads the beginning of a payload; `None` when it is too short.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let mut at = 1;
        let mut descriptor = Self {
            starts_frame: first & 0x17 == 0x10,
            starts_key_frame: false,
            size: None,
            picture_id: None,
            tl0_picture_index: None,
            key_index: None,
            picture_id_at: 0,
            tl0_at: 0,
            key_index_at: 0,
        };
        if first & 0x80 != 0 {
            let present = *payload.get(1)?;
            at = 2;
            if present & 0x80 != 0 {
                descriptor.picture_id_at = at;
                let high = *payload.get(at)?;
                if high & 0x80 != 0 {
                    let low = *payload.get(at + 1)?;
                    descriptor.picture_id = Some(PictureId::Long(u16::from_be_bytes([high & 0x7f, low])));
                    at += 2;
                } else {
                    descriptor.picture_id = Some(PictureId::Short(high));
                    at += 1;
                }
            }
            if present & 0x40 != 0 {
                descriptor.tl0_at = at;
                descriptor.tl0_picture_index = Some(*payload.get(at)?);
                at += 1;
            }
            if present & 0x30 != 0 {
                let byte = *payload.get(at)?;
                if present & 0x10 != 0 {
                    descriptor.key_index_at = at;
                    descriptor.key_index = Some(byte & 0x1f);
                }
                at += 1;
            }
        }
        let frame = payload.get(at..).filter(|frame| !frame.is_empty())?;
        // RFC 6386 §9.1: bit 0 of the frame tag is clear in key frames; size behind tag and start code.
        descriptor.starts_key_frame = descriptor.starts_frame && frame[0] & 1 == 0;
        if descriptor.starts_key_frame {
            descriptor.size = frame.get(6..10).map(|size| FrameSize {
                width: u16::from_le_bytes([size[0], size[1]]) & 0x3fff,
                height: u16::from_le_bytes([size[2], size[3]]) & 0x3fff,
            });
        }
        Some(descriptor)
    }

    /// Shifts the counters in a copy of the payload that this descriptor was read from.
    pub(crate) fn shift(&self, shift: Vp8Shift, payload: &mut [u8]) {
        match self.picture_id {
            Some(PictureId::Long(value)) => {
                let shifted = value.wrapping_add(shift.picture_id) | 0x8000;
                payload[self.picture_id_at..self.picture_id_at + 2].copy_from_slice(&shifted.to_be_bytes());
            }
            Some(PictureId::Short(value)) => {
                payload[self.picture_id_at] = value.wrapping_add(shift.picture_id as u8) & 0x7f;
            }
            None => {}
        }
        if let Some(index) = self.tl0_picture_index {
            payload[self.tl0_at] = index.wrapping_add(shift.tl0_picture_index);
        }
        if let Some(index) = self.key_index {
            let byte = &mut payload[self.key_index_at];
            *byte = *byte & 0xe0 | index.wrapping_add(shift.key_index) & 0x1f;
        }
    }
}

impl Vp8Counters {
    /// The shift under which `first`, the start of a run, comes right after what was sent last. What was
    /// never sent before goes out as it is.
    pub(crate) fn shift_to_follow(&self, first: &Vp8Descriptor) -> Vp8Shift {
        let picture_id = match (self.picture_id, first.picture_id) {
            (Some(last), Some(id)) => last.wrapping_add(1).wrapping_sub(id.value()),
            _ => 0,
        };
        let after = |last: Option<u8>, now: Option<u8>| match (last, now) {
            (Some(last), Some(now)) => last.wrapping_add(1).wrapping_sub(now),
            _ => 0,
        };
        Vp8Shift {
            picture_id,
            tl0_picture_index: after(self.tl0_picture_index, first.tl0_picture_index),
            key_index: after(self.key_index, first.key_index),
        }
    }

    /// Notes what the newest packet was sent with.
    pub(crate) fn note(&mut self, descriptor: &Vp8Descriptor, shift: Vp8Shift) {
        match descriptor.picture_id {
            Some(PictureId::Long(value)) => {
                self.picture_id = Some(value.wrapping_add(shift.picture_id) & 0x7fff);
            }
            Some(PictureId::Short(value)) => {
                self.picture_id = Some(u16::from(value.wrapping_add(shift.picture_id as u8) & 0x7f));
            }
            None => {}
        }
        if let Some(index) = descriptor.tl0_picture_index {
            self.tl0_picture_index = Some(index.wrapping_add(shift.tl0_picture_index));
        }
        if let Some(index) = descriptor.key_index {
            self.key_index = Some(index.wrapping_add(shift.key_index) & 0x1f);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key_frame(picture_id: u16, tl0: u8, key_index: u8) -> Vec<u8> {
        let id = (picture_id | 0x8000).to_be_bytes();
        let mut payload = vec![0x90, 0xf0, id[0], id[1], tl0, 0x20 | key_index];
        payload.extend([0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01]);
        payload
    }

    #[test]
    fn a_key_frame_tells_its_size_and_counters() {
        let descriptor = Vp8Descriptor::parse(&key_frame(0x1234, 7, 3)).unwrap();
        assert!(descriptor.starts_key_frame);
        assert_eq!(
            descriptor.size,
            Some(FrameSize {
                width: 640,
                height: 360
            })
        );
        assert_eq!(descriptor.picture_id, Some(PictureId::Long(0x1234)));
        assert_eq!(
            (descriptor.tl0_picture_index, descriptor.key_index),
            (Some(7), Some(3))
        );
    }

    #[test]
    fn an_inter_frame_and_a_later_partition_start_no_key_frame() {
        let inter = Vp8Descriptor::parse(&[0x10, 0x11, 0, 0]).unwrap();
        assert!(inter.starts_frame && !inter.starts_key_frame);
        let later = Vp8Descriptor::parse(&[0x00, 0x10, 0, 0]).unwrap();
        assert!(!later.starts_frame && !later.starts_key_frame);
    }

    #[test]
    fn counters_go_on_over_a_switch_and_wrap() {
        let mut counters = Vp8Counters::default();
        let old = Vp8Descriptor::parse(&key_frame(0x7fff, 255, 31)).unwrap();
        counters.note(&old, Vp8Shift::default());
        let mut payload = key_frame(500, 20, 4);
        let new = Vp8Descriptor::parse(&payload).unwrap();
        let shift = counters.shift_to_follow(&new);
        new.shift(shift, &mut payload);
        let sent = Vp8Descriptor::parse(&payload).unwrap();
        assert_eq!(sent.picture_id, Some(PictureId::Long(0)));
        assert_eq!((sent.tl0_picture_index, sent.key_index), (Some(0), Some(0)));
        assert_eq!(payload[5] & 0xe0, 0x20);
    }

    #[test]
    fn short_picture_ids_stay_short() {
        let mut payload = [0x90, 0x80, 0x7e, 0x11];
        let descriptor = Vp8Descriptor::parse(&payload).unwrap();
        descriptor.shift(
            Vp8Shift {
                picture_id: 5,
                ..Vp8Shift::default()
            },
            &mut payload,
        );
        assert_eq!(payload[2], 3);
    }

    proptest! {
        #[test]
        fn no_bytes_upset_the_reader(mut payload in proptest::collection::vec(any::<u8>(), 0..16)) {
            if let Some(descriptor) = Vp8Descriptor::parse(&payload) {
                let shift = Vp8Shift { picture_id: 77, tl0_picture_index: 3, key_index: 9 };
                descriptor.shift(shift, &mut payload);
                let shifted = Vp8Descriptor::parse(&payload).unwrap();
                prop_assert_eq!(shifted.starts_key_frame, descriptor.starts_key_frame);
                if let (Some(PictureId::Long(a)), Some(b)) = (descriptor.picture_id, shifted.picture_id) {
                    prop_assert_eq!(a.wrapping_add(77) & 0x7fff, b.value());
                }
            }
        }
    }
}
