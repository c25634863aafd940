//! The VP9 payload descriptor (RFC 9628 §4.2): everything forwarding needs stands in it, so that frames may be
//! encrypted.

use super::layers::LAYERS_MAX;
use super::picture::{FrameSize, PictureId, PictureNumbers, PictureShift};
use super::svc::LayeredFrame;
use super::temporal::{Opening, TemporalPlace};

/// Reference indices of a frame in flexible mode.
const REFERENCES_MAX: usize = 3;

/// Where the parts of a descriptor are and what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Vp9Descriptor {
    /// Decoding needs an earlier picture (P).
    is_inter_picture: bool,
    /// B and E.
    starts_frame: bool,
    ends_frame: bool,
    /// Larger layers do without it (Z).
    is_top_reference: bool,
    layer: Option<Layer>,
    picture_id: Option<PictureId>,
    tl0_picture_index: Option<u8>,
    tl0_at: usize,
    structure: Option<Structure>,
}

/// Layer indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layer {
    temporal: u8,
    /// Higher temporal layers refer to nothing before it that lies above it (U).
    opens: bool,
    spatial: u8,
    /// Predicted from the layer below in the same picture (D).
    is_inter_layer: bool,
}

/// The scalability structure, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Structure {
    count: u8,
    sizes: [Option<FrameSize>; LAYERS_MAX],
}

impl Vp9Descriptor {
    /// Reads the beginning of a payload; `None` when it is too short, or of more layers than there can be here.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let flags = *payload.first()?;
        let has = |flag: u8| flags & flag != 0;
        let is_flexible = has(0x10);
        let mut descriptor = Self {
            is_inter_picture: has(0x40),
            starts_frame: has(0x08),
            ends_frame: has(0x04),
            is_top_reference: has(0x01),
            layer: None,
            picture_id: None,
            tl0_picture_index: None,
            tl0_at: 0,
            structure: None,
        };
        let mut at = 1;
        if has(0x80) {
            let (id, len) = PictureId::read(payload.get(at..)?)?;
            descriptor.picture_id = Some(id);
            at += len;
        }
        if has(0x20) {
            let byte = *payload.get(at)?;
            let spatial = byte >> 1 & 7;
            if usize::from(spatial) >= LAYERS_MAX {
                return None;
            }
            descriptor.layer = Some(Layer {
                temporal: byte >> 5,
                opens: byte & 0x10 != 0,
                spatial,
                is_inter_layer: byte & 1 != 0,
            });
            at += 1;
            if !is_flexible {
                descriptor.tl0_at = at;
                descriptor.tl0_picture_index = Some(*payload.get(at)?);
                at += 1;
            }
        }
        if is_flexible && has(0x40) {
            for reference in 1.. {
                let is_last = payload.get(at)? & 1 == 0;
                at += 1;
                if is_last {
                    break;
                }
                if reference == REFERENCES_MAX {
                    return None;
                }
            }
        }
        if has(0x02) {
            let (structure, len) = Structure::parse(payload.get(at..)?)?;
            descriptor.structure = Some(structure);
            at += len;
        }
        (at < payload.len()).then_some(descriptor)
    }

    /// The first packet of a picture that needs no earlier one.
    pub(crate) fn starts_key_picture(&self) -> bool {
        let is_lowest = self
            .layer
            .is_none_or(|layer| layer.spatial == 0 && !layer.is_inter_layer);
        self.starts_frame && !self.is_inter_picture && is_lowest
    }

    /// Of all layers, where they are told here.
    pub(crate) fn sizes(&self) -> [Option<FrameSize>; LAYERS_MAX] {
        self.structure
            .map_or([None; LAYERS_MAX], |structure| structure.sizes)
    }

    pub(crate) fn numbers(&self) -> PictureNumbers {
        PictureNumbers {
            picture_id: self.picture_id,
            tl0_picture_index: self.tl0_picture_index,
            ..PictureNumbers::default()
        }
    }

    /// Which layers it belongs to; `None` without layer indices.
    pub(crate) fn layered(&self) -> Option<LayeredFrame> {
        let Layer { spatial, .. } = self.layer?;
        let is_for_itself = self.is_inter_picture && self.is_top_reference;
        let needed_by = if is_for_itself {
            1 << spatial
        } else {
            // All layers from this one up.
            u8::MAX << spatial
        };
        let picture = self.picture_id.map_or(0, PictureId::value);
        Some(LayeredFrame {
            spatial,
            count: self
                .structure
                .map(|structure| structure.count.min(LAYERS_MAX as u8)),
            ends_frame: self.ends_frame,
            frame: u32::from(picture) << 3 | u32::from(spatial),
            needed_by,
            active: u8::MAX,
        })
    }

    /// Where it stands among the temporal layers; `None` without layer indices. Receivers reckon with pictures that
    /// are left out, so that ids keep their distances.
    pub(crate) fn temporal(&self) -> Option<TemporalPlace> {
        let layer = self.layer?;
        let opens = layer.opens || !self.is_inter_picture;
        Some(TemporalPlace {
            layer: layer.temporal,
            starts_frame: self.starts_frame,
            frame: self.layered()?.frame,
            opens: opens.then_some(Opening {
                from: layer.temporal,
                to: u8::MAX,
            }),
            is_counted: false,
        })
    }

    /// Shifts the counters in a copy of the payload that this descriptor was read from.
    pub(crate) fn shift(&self, shift: PictureShift, payload: &mut [u8]) {
        if let Some(id) = self.picture_id {
            id.shifted(shift).write(&mut payload[1..]);
        }
        if let Some(index) = self.tl0_picture_index {
            payload[self.tl0_at] = index.wrapping_add(shift.tl0_picture_index);
        }
    }
}

impl Structure {
    /// Reads N_S, Y, G and what follows them; says how long it is.
    fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let head = *bytes.first()?;
        let count = (head >> 5) + 1;
        let mut sizes = [None; LAYERS_MAX];
        let mut at = 1;
        if head & 0x10 != 0 {
            for number in 0..usize::from(count) {
                let size = bytes.get(at..at + 4)?;
                if let Some(known) = sizes.get_mut(number) {
                    *known = Some(FrameSize {
                        width: u16::from_be_bytes([size[0], size[1]]),
                        height: u16::from_be_bytes([size[2], size[3]]),
                    });
                }
                at += 4;
            }
        }
        if head & 0x08 != 0 {
            let pictures = *bytes.get(at)?;
            at += 1;
            for _ in 0..pictures {
                let references = usize::from(*bytes.get(at)? >> 2 & 3);
                at += 1 + references;
            }
        }
        (at <= bytes.len()).then_some((Self { count, sizes }, at))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const I: u8 = 0x80;
    const P: u8 = 0x40;
    const L: u8 = 0x20;
    const F: u8 = 0x10;
    const B: u8 = 0x08;
    const E: u8 = 0x04;
    const V: u8 = 0x02;
    const Z: u8 = 0x01;

    /// Three layers of 180, 360 and 720 lines, one picture in the group.
    fn key_picture() -> Vec<u8> {
        let mut payload = vec![I | L | F | B | V, 0x92, 0x34, 0x00, 0x5c];
        payload[4] = 2 << 5 | 0x18;
        for (width, height) in [(320u16, 180u16), (640, 360), (1280, 720)] {
            payload.extend(width.to_be_bytes());
            payload.extend(height.to_be_bytes());
        }
        payload.extend([1, 0x04, 1, 0xaa, 0xbb]);
        payload
    }

    #[test]
    fn a_key_picture_tells_its_layers_and_sizes() {
        let descriptor = Vp9Descriptor::parse(&key_picture()).unwrap();
        assert!(descriptor.starts_key_picture());
        assert_eq!(descriptor.picture_id, Some(PictureId::Long(0x1234)));
        assert_eq!(
            descriptor.sizes().map(|size| size.unwrap().height),
            [180, 360, 720]
        );
        let frame = descriptor.layered().unwrap();
        assert_eq!((frame.spatial, frame.count), (0, Some(3)));
        assert!((0..3).all(|target| frame.is_needed_by(target)));
    }

    #[test]
    fn between_key_pictures_a_layer_is_only_for_itself() {
        let middle = [I | P | L | F | B | E | Z, 0x12, 1 << 1, 2, 0xaa];
        let descriptor = Vp9Descriptor::parse(&middle).unwrap();
        assert!(!descriptor.starts_key_picture());
        let frame = descriptor.layered().unwrap();
        assert_eq!(
            [0, 1, 2].map(|target| frame.is_needed_by(target)),
            [false, true, false]
        );
        assert!(frame.ends_picture_of(1) && !frame.ends_picture_of(2));
        let needed_above = [I | P | L | F | B | E, 0x12, 1 << 1, 2, 0xaa];
        let frame = Vp9Descriptor::parse(&needed_above).unwrap().layered().unwrap();
        assert_eq!(
            [0, 1, 2].map(|target| frame.is_needed_by(target)),
            [false, true, true]
        );
    }

    #[test]
    fn a_larger_layer_of_a_key_picture_begins_nothing() {
        let upper = [I | L | F | B, 0x12, 1 << 1 | 1, 0xaa];
        assert!(!Vp9Descriptor::parse(&upper).unwrap().starts_key_picture());
    }

    #[test]
    fn a_picture_opens_the_layers_above_it_where_it_says_so() {
        let place = |flags: u8, indices: u8| {
            let payload = [I | L | F | flags, 0x12, indices, 2, 0xaa];
            Vp9Descriptor::parse(&payload).unwrap().temporal().unwrap()
        };
        let above = |from| Some(Opening { from, to: u8::MAX });
        let sync = place(P | B, 1 << 5 | 0x10);
        assert_eq!((sync.layer, sync.starts_frame, sync.opens), (1, true, above(1)));
        assert_eq!(place(P, 2 << 5).opens, None);
        assert_eq!(place(B, 0).opens, above(0));
    }

    #[test]
    fn counters_are_shifted_in_both_modes() {
        let shift = PictureShift {
            picture_id: 2,
            tl0_picture_index: 3,
            ..PictureShift::default()
        };
        let mut fixed = vec![I | P | L | B, 0xff, 0xff, 0x00, 0xfe, 0xaa];
        Vp9Descriptor::parse(&fixed).unwrap().shift(shift, &mut fixed);
        assert_eq!(fixed, [I | P | L | B, 0x80, 0x01, 0x00, 0x01, 0xaa]);
        let mut flexible = vec![I | P | L | F | B, 0x7f, 0x00, 2, 0xaa];
        Vp9Descriptor::parse(&flexible)
            .unwrap()
            .shift(shift, &mut flexible);
        assert_eq!(flexible, [I | P | L | F | B, 0x01, 0x00, 2, 0xaa]);
    }

    #[test]
    fn too_many_references_and_a_structure_cut_short_are_refused() {
        assert_eq!(Vp9Descriptor::parse(&[P | F, 3, 3, 3, 0xaa]), None);
        let whole = key_picture();
        for len in 0..whole.len() - 1 {
            assert_eq!(Vp9Descriptor::parse(&whole[..len]), None, "{len}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_upset_the_reader(mut payload in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some(descriptor) = Vp9Descriptor::parse(&payload) {
                descriptor.shift(PictureShift { picture_id: 7, tl0_picture_index: 1, ..Default::default() }, &mut payload);
                prop_assert_eq!(
                    Vp9Descriptor::parse(&payload).unwrap().layered().map(|frame| frame.spatial),
                    descriptor.layered().map(|frame| frame.spatial)
                );
            }
        }
    }
}
