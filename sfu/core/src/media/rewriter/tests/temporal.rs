//! Packets of a stream with temporal layers, some of which come late, at changing paces.

use std::collections::HashMap;

use proptest::prelude::*;

use super::super::*;
use super::{Q, begin};
use crate::media::vp8::Vp8Descriptor;

/// The picture with this number in the pattern of libwebrtc, in one or two packets.
fn picture(picture: u16) -> ([Vp8Descriptor; 2], usize) {
    let (layer, sync) =
        [(0, 0), (2, 1), (1, 1), (2, 0), (0, 0), (2, 0), (1, 0), (2, 0)][usize::from(picture % 8)];
    let descriptor = |starts: u8| {
        let id = (picture | 0x8000).to_be_bytes();
        let temporal = layer << 6 | sync << 5;
        Vp8Descriptor::parse(&[
            0x80 | starts << 4,
            0xe0,
            id[0],
            id[1],
            (picture / 4) as u8,
            temporal,
            1,
        ])
        .unwrap()
    };
    (
        [descriptor(1), descriptor(0)],
        1 + usize::from(picture.is_multiple_of(3)),
    )
}

/// A packet that comes later than those after it: when, its number and itself.
type Late = (u64, u64, Vp8Descriptor);

/// What a receiver gets of the stream.
struct Subscriber {
    rewriter: Rewriter,
    wanted: Pace,
    /// One beyond the newest that has come.
    newest_in: u64,
    /// By number on the way out: that on the way in, and the picture's id.
    given: HashMap<u64, (u64, u16)>,
    /// Those that went out empty.
    filled: HashMap<u64, u64>,
}

impl Subscriber {
    fn new(first: u16) -> Self {
        let mut rewriter = Rewriter::new(first);
        begin(&mut rewriter, Q, 0, 0, 0);
        Self {
            rewriter,
            wanted: Pace::FULL,
            newest_in: 0,
            given: HashMap::new(),
            filled: HashMap::new(),
        }
    }

    fn take(&mut self, sequence: u64, packet: &Vp8Descriptor) -> Result<(), TestCaseError> {
        let place = packet.temporal().unwrap();
        let is_late = sequence < self.newest_in;
        self.newest_in = self.newest_in.max(sequence);
        if place.starts_frame {
            let next = place.pace_after(self.rewriter.pace(), self.wanted, 2);
            if next != self.rewriter.pace() {
                self.rewriter.change_pace(next, sequence);
            }
        }
        let numbers = packet.numbers();
        let out = self.rewriter.rewrite(&Incoming {
            stream: Q,
            sequence,
            timestamp: 0,
            numbers: Some(&numbers),
            layers: None,
            temporal: Some(&place),
        });
        let Some(out) = out else {
            prop_assert!(place.layer > 0, "layer 0 is for everybody");
            return Ok(());
        };
        self.rewriter.sent(out.index);
        if out.is_filler {
            prop_assert!(is_late && place.layer > 0);
            prop_assert_eq!(self.filled.insert(out.index, sequence), None);
            prop_assert!(!self.given.contains_key(&out.index));
            return Ok(());
        }
        prop_assert!(!self.filled.contains_key(&out.index));
        let id = numbers.picture_id.unwrap().shifted(out.picture_shift).value();
        let before = self.given.insert(out.index, (sequence, id));
        prop_assert!(before.is_none_or(|before| before.0 == sequence));
        if !is_late && let Some(last) = self.given.get(&(out.index.wrapping_sub(1))) {
            prop_assert!(
                id.wrapping_sub(last.1) & 0x7fff <= 1,
                "no picture seems to be missing"
            );
        }
        Ok(())
    }

    /// Everything is found again under the number that it got; `all` that came, and what is on its way still.
    fn check(&self, first: u16, all: &[Vp8Descriptor], late: &[Late]) -> Result<(), TestCaseError> {
        for index in u64::from(first & 0x7fff)..=self.given.keys().max().copied().unwrap() {
            let Some(source) = self.rewriter.source(index as u16) else {
                continue;
            };
            let packet = &all[source.sequence as usize];
            let place = packet.temporal().unwrap();
            if let Some((sequence, id)) = self.given.get(&index) {
                let picture = packet.picture_id.unwrap().shifted(source.rewritten.picture_shift);
                prop_assert_eq!((source.sequence, picture.value()), (*sequence, *id));
                prop_assert!(source.rewritten.pace.takes(place.layer));
            } else if let Some(sequence) = self.filled.get(&index) {
                prop_assert_eq!(source.sequence, *sequence);
                prop_assert!(!source.rewritten.pace.takes(place.layer));
            } else {
                // No number is left over: it is on its way still.
                prop_assert!(late.iter().any(|(_, sequence, _)| *sequence == source.sequence));
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn numbers_close_up_over_temporal_layers_and_nothing_left_out_is_found_again(
        pictures in proptest::collection::vec((0u8..4, 0u8..20, 1u64..9), 8..300),
        first: u16,
    ) {
        let mut subscriber = Subscriber::new(first);
        let mut late: Vec<Late> = Vec::new();
        let mut all = Vec::new();
        for (number, (pace, chance, delay)) in (0u16..).zip(pictures) {
            if chance < 3 {
                subscriber.wanted = [Pace(0), Pace(1), Pace::FULL, Pace::FULL][usize::from(pace)];
            }
            let (packets, count) = picture(number);
            let mut now = Vec::new();
            for packet in &packets[..count] {
                let sequence = all.len() as u64;
                all.push(*packet);
                if chance == 19 && number > 0 {
                    late.push((u64::from(number) + delay, sequence, *packet));
                } else {
                    now.push((sequence, *packet));
                }
            }
            let due = late.extract_if(.., |(at, _, _)| *at <= u64::from(number));
            now.extend(due.map(|(_, sequence, packet)| (sequence, packet)));
            for (sequence, packet) in now {
                subscriber.take(sequence, &packet)?;
            }
        }
        subscriber.check(first, &all, &late)?;
    }
}
