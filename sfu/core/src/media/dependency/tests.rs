use proptest::prelude::*;

use super::*;

/// Writes bits one by one, apart from the code under test.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: u32, count: usize) -> &mut Self {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 != 0));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            bits.iter()
                .enumerate()
                .fold(0, |byte, (at, bit)| byte | u8::from(*bit) << (7 - at))
        };
        self.0.chunks(8).map(byte).collect()
    }
}

fn head(start: bool, end: bool, template: u32, frame: u16) -> Bits {
    let mut bits = Bits::default();
    bits.put(start.into(), 1)
        .put(end.into(), 1)
        .put(template, 6)
        .put(frame.into(), 16);
    bits
}

/// Three spatial layers of one temporal layer each, predicted from each other in key pictures only: a template for
/// key and one for other frames of each; three decode targets, each with a chain.
fn structure(bits: &mut Bits, offset: u32) {
    bits.put(offset, 6).put(2, 5);
    for next in [0, 2, 0, 2, 0, 3] {
        bits.put(next, 2);
    }
    // Of each template: for layer 0, 1 and 2 (0: not present, 2: switch, 3: required).
    for [a, b, c] in [[2, 3, 3], [2, 0, 0], [0, 2, 3], [0, 2, 0], [0, 0, 2], [0, 0, 2]] {
        bits.put(a, 2).put(b, 2).put(c, 2);
    }
    for references in [&[][..], &[3], &[1], &[3], &[1], &[3]] {
        for reference in references {
            bits.put(1, 1).put(reference - 1, 4);
        }
        bits.put(0, 1);
    }
    // Three chains of 0 to 3, in two bits; then which one protects which target, numbers below 3.
    bits.put(0b11, 2);
    bits.put(0, 1).put(0b10, 2).put(0b11, 2);
    for template in 0..6_u32 {
        bits.put(template, 4).put(0, 4).put(1, 4);
    }
    bits.put(1, 1);
    for (width, height) in [(320_u32, 180_u32), (640, 360), (1280, 720)] {
        bits.put(width - 1, 16).put(height - 1, 16);
    }
}

fn key_frame(frame: u16, mask: Option<u32>) -> Vec<u8> {
    key_frame_at(60, frame, mask)
}

/// Its templates begin with this number.
pub(super) fn key_frame_at(offset: u32, frame: u16, mask: Option<u32>) -> Vec<u8> {
    let mut bits = head(true, false, offset, frame);
    bits.put(1, 1).put(mask.is_some().into(), 1).put(0, 3);
    structure(&mut bits, offset);
    if let Some(mask) = mask {
        bits.put(mask, 3);
    }
    bits.bytes()
}

fn known() -> TemplateStructure {
    TemplateStructure::read(&key_frame(7, None)).unwrap()
}

fn written(bytes: &[u8], shift: u16, target: Option<u8>) -> Vec<u8> {
    let descriptor = DependencyDescriptor::parse(bytes, Some(&known())).unwrap();
    let shift = PictureShift {
        frame_number: shift,
        ..PictureShift::default()
    };
    let mut out = [0xff; DESCRIPTOR_BYTES_MAX];
    let len = descriptor.write(bytes, shift, target, &mut out).unwrap();
    out[..len].to_vec()
}

#[test]
fn a_key_frame_brings_the_structure() {
    let bytes = key_frame(7, None);
    assert!(bytes.len() > 16, "it takes the two-byte form");
    let structure = known();
    let heights = structure.sizes().map(|size| size.unwrap().height);
    assert_eq!(heights, [180, 360, 720]);
    let descriptor = DependencyDescriptor::parse(&bytes, None).unwrap();
    assert!(descriptor.starts_key_picture());
    let frame = descriptor.layered().unwrap();
    assert_eq!((frame.spatial, frame.count, frame.needed_by), (0, Some(3), 0b111));
    assert_eq!(frame.active, 0b111);
}

/// As packets that wait for a line, or are lost, while a key frame of another size comes.
#[test]
fn what_came_before_another_structure_is_read_by_that_of_before() {
    let mut structures = Structures::default();
    structures.note(10, &key_frame_at(60, 7, None));
    let (old, new) = (head(true, true, 63, 8).bytes(), head(true, true, 9, 10).bytes());
    structures.note(11, &old);
    structures.note(12, &key_frame_at(6, 9, None));
    let read = |structures: &Structures| {
        let spatial = |sequence, bytes: &[u8]| {
            let descriptor = DependencyDescriptor::parse(bytes, structures.of(sequence))?;
            descriptor.layered().map(|frame| frame.spatial)
        };
        [(11, &old), (13, &new), (13, &old), (11, &new), (9, &old)]
            .map(|(sequence, bytes)| spatial(sequence, bytes))
    };
    let expected = [Some(1), Some(1), None, None, None];
    assert_eq!(read(&structures), expected);
    // Said again, the same counts as before, also when it comes late.
    structures.note(20, &key_frame_at(6, 17, None));
    structures.note(10, &key_frame_at(60, 7, None));
    assert_eq!(read(&structures), expected);
    structures.note(30, &key_frame_at(20, 27, None));
    assert_eq!(read(&structures)[..2], [None, Some(1)], "two are remembered");
}

#[test]
fn between_key_frames_a_layer_is_only_for_itself() {
    for (template, spatial) in [(61, 0), (63, 1), (1, 2)] {
        let bytes = head(true, true, template, 9).bytes();
        let descriptor = DependencyDescriptor::parse(&bytes, Some(&known())).unwrap();
        let frame = descriptor.layered().unwrap();
        assert!(!descriptor.starts_key_picture() && frame.ends_frame);
        assert_eq!((frame.spatial, frame.needed_by), (spatial, 1 << spatial));
        assert!(frame.ends_picture_of(spatial));
    }
}

#[test]
fn a_frame_may_differ_from_its_template() {
    let mut bits = head(true, true, 61, 9);
    // Custom indications, references and chains.
    bits.put(0, 2).put(0b111, 3);
    bits.put(3, 2).put(3, 2).put(0, 2);
    bits.put(1, 2).put(5, 4).put(2, 2).put(200, 8).put(0, 2);
    bits.put(1, 8).put(2, 8).put(3, 8);
    let bytes = bits.bytes();
    let descriptor = DependencyDescriptor::parse(&bytes, Some(&known())).unwrap();
    assert_eq!(descriptor.layered().unwrap().needed_by, 0b011);
    assert_eq!(
        DependencyDescriptor::parse(&bytes[..bytes.len() - 2], Some(&known())),
        None
    );
}

#[test]
fn without_the_structure_or_with_an_unknown_template_nothing_is_understood() {
    let bytes = head(true, true, 61, 9).bytes();
    assert_eq!(DependencyDescriptor::parse(&bytes, None), None);
    let unknown = head(true, true, 5, 9).bytes();
    assert_eq!(DependencyDescriptor::parse(&unknown, Some(&known())), None);
}

#[test]
fn who_gets_a_smaller_layer_is_told_which_targets_are_left() {
    for (target, active) in [(0, 0b001), (1, 0b011), (2, 0b111)] {
        let bytes = written(&key_frame(7, None), 1000, Some(target));
        let read = DependencyDescriptor::parse(&bytes, None).unwrap();
        assert_eq!(read.active.unwrap_or(0b111), active);
        assert_eq!(read.frame_number, 1007);
        assert_eq!(
            TemplateStructure::read(&bytes),
            Some(known()),
            "the structure stays"
        );
    }
}

#[test]
fn targets_that_the_publisher_has_switched_off_stay_off() {
    let bytes = key_frame(7, Some(0b011));
    let read = |target| {
        DependencyDescriptor::parse(&written(&bytes, 0, target), None)
            .unwrap()
            .active
    };
    assert_eq!(
        [read(None), read(Some(2)), read(Some(0))],
        [Some(0b011), Some(0b011), Some(0b001)]
    );
    let frame = DependencyDescriptor::parse(&bytes, None)
        .unwrap()
        .layered()
        .unwrap();
    assert_eq!(frame.active, 0b011);
}

#[test]
fn any_other_packet_keeps_its_bytes_but_for_the_frame_number() {
    let bytes = head(false, true, 63, 65_535).bytes();
    assert_eq!(written(&bytes, 2, Some(1)), [0x7f, 0, 1]);
}

/// One spatial layer in three temporal ones, as libwebrtc makes of VP8: a frame opens all layers, its own, or none.
#[test]
fn a_frame_opens_the_temporal_layers_that_it_is_a_switch_of() {
    let kinds = ["SSS", "SRR", "-SR", "-DS", "--S", "--D"];
    let mut bits = head(true, true, 0, 7);
    bits.put(0b1_0000, 5).put(0, 6).put(2, 5);
    for next in [0, 1, 0, 1, 0, 3] {
        bits.put(next, 2);
    }
    for indication in kinds.concat().chars() {
        bits.put("-DSR".find(indication).unwrap() as u32, 2);
    }
    // No references, no chains, no sizes.
    bits.put(0, kinds.len() + 3);
    let structure = TemplateStructure::read(&bits.bytes()).unwrap();
    let place = |template| {
        let bytes = head(true, true, template, 8).bytes();
        let descriptor = DependencyDescriptor::parse(&bytes, Some(&structure)).unwrap();
        let place = descriptor.temporal().unwrap();
        assert!(place.starts_frame && !place.is_counted);
        (place.layer, place.opens.map(|opening| (opening.from, opening.to)))
    };
    let places = [0, 1, 2, 3, 4, 5].map(place);
    let expected = [
        (0, Some((0, 2))),
        (0, Some((0, 0))),
        (1, Some((0, 1))),
        (1, Some((1, 2))),
        (2, Some((1, 2))),
        (2, None),
    ];
    assert_eq!(places, expected);
}

proptest! {
    #[test]
    fn rewritten_descriptors_say_the_same_with_another_frame_number(
        frame: u16,
        shift: u16,
        target in proptest::option::of(0..3u8),
        mask in proptest::option::of(1..8u32),
        template in prop_oneof![60..64u32, 0..2u32],
        kind in 0..3,
        custom in any::<[u8; 3]>(),
    ) {
        let bytes = match kind {
            0 => key_frame(frame, mask),
            1 => head(true, false, template, frame).bytes(),
            _ => {
                let mut bits = head(false, true, template, frame);
                bits.put(0, 1).put(mask.is_some().into(), 1).put(0b001, 3);
                if let Some(mask) = mask {
                    bits.put(mask, 3);
                }
                for chain in custom {
                    bits.put(chain.into(), 8);
                }
                bits.bytes()
            }
        };
        let before = DependencyDescriptor::parse(&bytes, Some(&known())).unwrap();
        let out = written(&bytes, shift, target);
        let after = DependencyDescriptor::parse(&out, Some(&known())).unwrap();
        prop_assert_eq!(after.frame_number, frame.wrapping_add(shift));
        let allowed = target.map_or(0b111, |target| 0b111 >> (2 - target));
        if before.active.is_some() || kind == 0 {
            prop_assert_eq!(after.active.unwrap_or(0b111), before.active.unwrap_or(0b111) & allowed);
        }
        let same = DependencyDescriptor { frame_number: frame, active: before.active, ..after };
        prop_assert_eq!(same, before);
    }

    #[test]
    fn no_bytes_upset_the_reader_or_the_writer(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..256),
        has_structure: bool,
        target in proptest::option::of(0..3u8),
        shift: u16,
    ) {
        if let Some(flags) = bytes.get_mut(3).filter(|_| has_structure) {
            *flags |= 0x80;
        }
        let own = TemplateStructure::read(&bytes);
        for structure in [own.as_ref(), Some(&known()), None] {
            let Some(descriptor) = DependencyDescriptor::parse(&bytes, structure) else { continue };
            let _ = descriptor.layered();
            let mut out = [0; DESCRIPTOR_BYTES_MAX];
            let shift = PictureShift { frame_number: shift, ..PictureShift::default() };
            if let Some(len) = descriptor.write(&bytes, shift, target, &mut out) {
                let again = DependencyDescriptor::parse(&out[..len], structure);
                prop_assert!(again.is_some());
            }
        }
    }
}
