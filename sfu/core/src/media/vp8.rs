//! The VP8 payload descriptor (RFC 7741 §4.2) and the little of the frame behind it that forwarding needs.

use super::picture::{FrameSize, PictureId, PictureNumbers, PictureShift};
use super::temporal::{Opening, TemporalPlace};

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
    temporal: Option<Temporal>,
    picture_id_at: usize,
    tl0_at: usize,
    key_index_at: usize,
}

/// TID and Y.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Temporal {
    layer: u8,
    /// Predicted from layer 0 only.
    is_sync: bool,
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
            temporal: None,
            picture_id_at: 0,
            tl0_at: 0,
            key_index_at: 0,
        };
        if first & 0x80 != 0 {
            let present = *payload.get(1)?;
            at = 2;
            if present & 0x80 != 0 {
                descriptor.picture_id_at = at;
                let (id, len) = PictureId::read(payload.get(at..)?)?;
                descriptor.picture_id = Some(id);
                at += len;
            }
            if present & 0x40 != 0 {
                descriptor.tl0_at = at;
                descriptor.tl0_picture_index = Some(*payload.get(at)?);
                at += 1;
            }
            if present & 0x30 != 0 {
                let byte = *payload.get(at)?;
                if present & 0x20 != 0 {
                    descriptor.temporal = Some(Temporal {
                        layer: byte >> 6,
                        is_sync: byte & 0x20 != 0,
                    });
                }
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

    pub(crate) fn numbers(&self) -> PictureNumbers {
        PictureNumbers {
            picture_id: self.picture_id,
            tl0_picture_index: self.tl0_picture_index,
            key_index: self.key_index,
            frame_number: None,
        }
    }

    /// Where the frame stands among the temporal layers; `None` without the counters that receivers need to do
    /// without some.
    pub(crate) fn temporal(&self) -> Option<TemporalPlace> {
        let (temporal, picture) = (self.temporal?, self.picture_id?);
        self.tl0_picture_index?;
        let opens = if self.starts_key_frame {
            Some(Opening { from: 0, to: u8::MAX })
        } else {
            let below = temporal.layer.checked_sub(1).filter(|_| temporal.is_sync);
            below.map(|from| Opening {
                from,
                to: temporal.layer,
            })
        };
        Some(TemporalPlace {
            layer: temporal.layer,
            starts_frame: self.starts_frame,
            frame: picture.value().into(),
            opens,
            is_counted: true,
        })
    }

    /// Shifts the counters in a copy of the payload that this descriptor was read from.
    pub(crate) fn shift(&self, shift: PictureShift, payload: &mut [u8]) {
        if let Some(id) = self.picture_id {
            id.shifted(shift).write(&mut payload[self.picture_id_at..]);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::picture::PictureCounters;
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
        let mut counters = PictureCounters::default();
        let old = Vp8Descriptor::parse(&key_frame(0x7fff, 255, 31)).unwrap();
        counters.note(&old.numbers(), PictureShift::default());
        let mut payload = key_frame(500, 20, 4);
        let new = Vp8Descriptor::parse(&payload).unwrap();
        let shift = counters.shift_to_follow(&new.numbers());
        new.shift(shift, &mut payload);
        let sent = Vp8Descriptor::parse(&payload).unwrap();
        assert_eq!(sent.picture_id, Some(PictureId::Long(0)));
        assert_eq!((sent.tl0_picture_index, sent.key_index), (Some(0), Some(0)));
        assert_eq!(payload[5] & 0xe0, 0x20);
    }

    #[test]
    fn a_frame_of_a_higher_temporal_layer_opens_it_only_if_it_needs_no_other() {
        let place = |temporal: u8, starts: u8| {
            let payload = [0x80 | starts, 0xf0, 0x80, 9, 1, temporal, 1, 0, 0];
            Vp8Descriptor::parse(&payload).unwrap().temporal().unwrap()
        };
        let sync = place(1 << 6 | 0x20, 0x10);
        assert_eq!((sync.layer, sync.frame, sync.starts_frame), (1, 9, true));
        assert_eq!(sync.opens, Some(Opening { from: 0, to: 1 }));
        assert_eq!(place(2 << 6, 0x10).opens, None);
        assert_eq!(place(0, 0x10).opens, None);
        assert!(!place(2 << 6, 0).starts_frame);
        let key = Vp8Descriptor::parse(&key_frame(1, 1, 1))
            .unwrap()
            .temporal()
            .unwrap();
        assert_eq!((key.layer, key.opens.unwrap().to), (0, u8::MAX));
        let without = Vp8Descriptor::parse(&[0x90, 0x20, 2 << 6, 1]).unwrap();
        assert_eq!(without.temporal(), None);
    }

    #[test]
    fn short_picture_ids_stay_short() {
        let mut payload = [0x90, 0x80, 0x7e, 0x11];
        let descriptor = Vp8Descriptor::parse(&payload).unwrap();
        descriptor.shift(
            PictureShift {
                picture_id: 5,
                ..PictureShift::default()
            },
            &mut payload,
        );
        assert_eq!(payload[2], 3);
    }

    proptest! {
        #[test]
        fn no_bytes_upset_the_reader(mut payload in proptest::collection::vec(any::<u8>(), 0..16)) {
            if let Some(descriptor) = Vp8Descriptor::parse(&payload) {
                let shift = PictureShift { picture_id: 77, tl0_picture_index: 3, key_index: 9, ..PictureShift::default() };
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
