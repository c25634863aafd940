//! VP9 in groups of pictures (RFC 9628 §4.2, F = 0): what a picture refers to is not said, but
//! reckoned from how far its id is from that of the key picture. So ids may be shifted, but never close up over what is
//! left out; and TL0PICIDX counts pictures of layer 0, which are never left out.

use super::super::*;
use super::{F, Q, begin};
use crate::media::temporal::TemporalPlace;
use crate::media::vp9::Vp9Descriptor;

/// Of a group of four: temporal layers 0, 2, 1, 2, each of which begins anew where U says so.
const GROUP: [(u8, u8); 4] = [(0, 1), (2, 1), (1, 1), (2, 0)];

/// The only packet of the picture with this number. The first is a key picture, which tells the group.
fn picture(number: u16, first_id: u16, first_index: u8) -> Vec<u8> {
    let (temporal, opens) = GROUP[usize::from(number % 4)];
    let is_key = number == 0;
    let flags = 0x80 | 0x20 | 0x0c | if is_key { 0x02 } else { 0x40 };
    let [high, low] = (first_id.wrapping_add(number) & 0x7fff | 0x8000).to_be_bytes();
    let index = first_index.wrapping_add((number / 4) as u8);
    let mut payload = vec![flags, high, low, temporal << 5 | opens << 4, index];
    if is_key {
        // One spatial layer without a size; four pictures, each with its layer and how far back it refers.
        payload.extend([0x08, 4]);
        for ((temporal, opens), back) in GROUP.into_iter().zip([4, 1, 2, 1]) {
            payload.extend([temporal << 5 | opens << 4 | 1 << 2, back]);
        }
    }
    payload.push(0xaa);
    payload
}

/// What a subscriber gets of a picture: packet number, picture id and TL0PICIDX, as they stand in the payload.
fn send(
    rewriter: &mut Rewriter,
    stream: StreamId,
    sequence: u64,
    mut payload: Vec<u8>,
) -> Option<(u64, u16, u8)> {
    let descriptor = Vp9Descriptor::parse(&payload).unwrap();
    let (numbers, place) = (descriptor.numbers(), descriptor.temporal().unwrap());
    let out = rewriter.rewrite(&Incoming {
        stream,
        sequence,
        timestamp: 0,
        numbers: Some(&numbers),
        layers: None,
        temporal: Some(&place),
    })?;
    rewriter.sent(out.index);
    descriptor.shift(out.picture_shift, &mut payload);
    let written = Vp9Descriptor::parse(&payload).unwrap().numbers();
    let id = written.picture_id.unwrap().value();
    Some((out.index, id, written.tl0_picture_index.unwrap()))
}

fn place(payload: &[u8]) -> TemporalPlace {
    Vp9Descriptor::parse(payload).unwrap().temporal().unwrap()
}

#[test]
fn a_group_tells_its_layers_without_saying_what_refers_to_what() {
    let key = Vp9Descriptor::parse(&picture(0, 9, 7)).unwrap();
    assert!(key.starts_key_picture());
    assert_eq!(key.numbers().tl0_picture_index, Some(7));
    for number in 1..9 {
        let payload = picture(number, 9, 7);
        assert!(!Vp9Descriptor::parse(&payload).unwrap().starts_key_picture());
        let (layer, opens) = GROUP[usize::from(number % 4)];
        let place = place(&payload);
        assert_eq!((place.layer, place.opens.is_some()), (layer, opens == 1));
        assert!(!place.is_counted, "receivers reckon with those that are left out");
    }
}

#[test]
fn ids_keep_their_distances_over_temporal_layers_that_are_left_out() {
    // Both counters go round within the run.
    let (first_id, first_index) = (0x7ff8, 0xfd);
    let mut rewriter = Rewriter::new(7);
    begin(&mut rewriter, Q, 100, 0, 0);
    let mut got = Vec::new();
    for number in 0..48 {
        let payload = picture(number, first_id, first_index);
        let sequence = 100 + u64::from(number);
        let wanted = match number {
            0..8 => Pace::FULL,
            8..20 => Pace(0),
            20..32 => Pace(1),
            _ => Pace::FULL,
        };
        let pace = place(&payload).pace_after(rewriter.pace(), wanted, 2);
        if pace != rewriter.pace() {
            rewriter.change_pace(pace, sequence);
        }
        let Some(sent) = send(&mut rewriter, Q, sequence, payload) else {
            continue;
        };
        got.push((number, sent));
    }
    let layers = |pictures: std::ops::Range<u16>| {
        let within = got.iter().filter(|(number, _)| pictures.contains(number));
        let mut counts = [0; 3];
        within.for_each(|(number, _)| counts[usize::from(GROUP[usize::from(number % 4)].0)] += 1);
        counts
    };
    assert_eq!([layers(0..8), layers(8..20)], [[2, 2, 4], [3, 0, 0]]);
    assert_eq!([layers(20..32), layers(32..48)], [[3, 3, 0], [4, 4, 8]]);
    for (at, (number, (index, id, tl0))) in got.iter().enumerate() {
        assert_eq!(*index, 7 + at as u64, "no packet seems to be missing");
        assert_eq!(*id, first_id.wrapping_add(*number) & 0x7fff);
        assert_eq!(*tl0, first_index.wrapping_add((number / 4) as u8));
    }
}

#[test]
fn another_stream_goes_on_behind_the_last_picture_in_its_own_distances() {
    let mut rewriter = Rewriter::new(7);
    begin(&mut rewriter, Q, 100, 0, 0);
    rewriter.change_pace(Pace(0), 100);
    let last =
        (0..7).filter_map(|number| send(&mut rewriter, Q, 100 + u64::from(number), picture(number, 5, 250)));
    assert_eq!(last.last(), Some((8, 9, 251)));
    let key = Vp9Descriptor::parse(&picture(0, 30_000, 3)).unwrap();
    let start = RunStart {
        stream: F,
        sequence: 900,
        timestamp: 0,
        numbers: key.numbers(),
        target: None,
        pace: Pace(1),
    };
    rewriter.begin(&start, 0);
    let got = (0..9).filter_map(|number| {
        send(
            &mut rewriter,
            F,
            900 + u64::from(number),
            picture(number, 30_000, 3),
        )
    });
    let expected = [
        (9, 10, 252),
        (10, 12, 252),
        (11, 14, 253),
        (12, 16, 253),
        (13, 18, 254),
    ];
    assert_eq!(got.collect::<Vec<_>>(), expected);
}
