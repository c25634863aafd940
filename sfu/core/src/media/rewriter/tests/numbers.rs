//! Whatever switches, waits, is given up or comes late: no number is given to two packets.

use std::collections::{HashMap, VecDeque};

use proptest::prelude::*;

use super::super::*;
use crate::media::picture::{PictureId, PictureNumbers};
use crate::media::vp8::Vp8Descriptor;

#[derive(Debug, Clone)]
enum Step {
    Forward {
        layer: usize,
        skip: u64,
    },
    Late {
        back: u64,
    },
    Switch {
        layer: usize,
    },
    Pause,
    /// What comes from now on waits.
    Hold,
    /// So many of those that wait go out; when none does any more, nothing is to wait.
    Release {
        count: usize,
    },
    GiveUp,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3usize, 0..3u64).prop_map(|(layer, skip)| Step::Forward { layer, skip }),
        2 => (1..20u64).prop_map(|back| Step::Late { back }),
        1 => (0..3usize).prop_map(|layer| Step::Switch { layer }),
        1 => Just(Step::Pause),
        1 => Just(Step::Hold),
        2 => (0..6usize).prop_map(|count| Step::Release { count }),
        1 => Just(Step::GiveUp),
    ]
}

fn payload(picture: u16) -> [u8; 7] {
    let id = (picture | 0x8000).to_be_bytes();
    [0x90, 0x80, id[0], id[1], 0x10, 0, 0]
}

fn vp8(picture: u16) -> Vp8Descriptor {
    Vp8Descriptor::parse(&payload(picture)).unwrap()
}

fn numbers(sequence: u64) -> PictureNumbers {
    vp8(sequence as u16).numbers()
}

/// A packet that has its numbers.
#[derive(Debug, Clone, Copy)]
struct Numbered {
    out: Rewritten,
    stream: StreamId,
    sequence: u64,
}

/// A slot that gets one of three streams, with one picture per packet.
struct Slot {
    rewriter: Rewriter,
    /// The next number of each stream.
    next: [u64; 3],
    selected: usize,
    /// The next packet of the stream begins a run.
    begins: bool,
    is_held: bool,
    waiting: VecDeque<Numbered>,
    /// Those of before what waits.
    counters: PictureCounters,
    given: HashMap<u64, (StreamId, u64)>,
    pictures: HashMap<u64, u16>,
    highest: Option<u64>,
}

impl Slot {
    fn new(first: u16, starts: [u16; 3]) -> Self {
        Self {
            rewriter: Rewriter::new(first),
            next: starts.map(|start| u64::from(start) + 0x1_0000),
            selected: 0,
            begins: true,
            is_held: false,
            waiting: VecDeque::new(),
            counters: PictureCounters::default(),
            given: HashMap::new(),
            pictures: HashMap::new(),
            highest: None,
        }
    }

    /// Returns what goes out.
    fn take(&mut self, step: Step) -> Vec<Numbered> {
        match step {
            Step::Switch { layer } => (self.selected, self.begins) = (layer, true),
            Step::Pause | Step::GiveUp => self.give_up(),
            Step::Hold => self.is_held = true,
            Step::Release { count } => return self.release(count),
            Step::Forward { layer, skip } => {
                self.next[layer] += 1 + skip;
                let sequence = self.next[layer];
                if self.begins && layer == self.selected {
                    self.begin(layer, sequence);
                }
                return self.forward(layer, sequence);
            }
            Step::Late { back } => return self.forward(self.selected, self.next[self.selected] - back),
        }
        Vec::new()
    }

    fn give_up(&mut self) {
        if !self.waiting.is_empty() {
            self.rewriter.take_back(self.counters);
            self.waiting.clear();
        }
        self.rewriter.close();
        (self.begins, self.is_held) = (true, false);
    }

    fn release(&mut self, count: usize) -> Vec<Numbered> {
        let sends: Vec<_> = self.waiting.drain(..count.min(self.waiting.len())).collect();
        self.is_held &= !self.waiting.is_empty();
        for Numbered { out, sequence, .. } in &sends {
            if self.rewriter.is_unsent(out.index) {
                self.counters.note(&numbers(*sequence), out.picture_shift);
            }
            self.rewriter.sent(out.index);
        }
        sends
    }

    fn begin(&mut self, layer: usize, sequence: u64) {
        let start = RunStart {
            stream: StreamId(layer as u64 + 1),
            sequence,
            timestamp: 0,
            numbers: numbers(sequence),
            target: None,
            pace: Pace::FULL,
        };
        self.rewriter.begin(&start, 0);
        self.begins = false;
    }

    fn forward(&mut self, layer: usize, sequence: u64) -> Vec<Numbered> {
        let stream = StreamId(layer as u64 + 1);
        let before = self.rewriter.counters();
        let rewritten = self.rewriter.rewrite(&Incoming {
            stream,
            sequence,
            timestamp: 0,
            numbers: Some(&numbers(sequence)),
            layers: None,
            temporal: None,
        });
        let Some(out) = rewritten else {
            return Vec::new();
        };
        let numbered = Numbered {
            out,
            stream,
            sequence,
        };
        if !self.is_held {
            self.rewriter.sent(out.index);
            return vec![numbered];
        }
        if self.waiting.is_empty() {
            self.counters = before;
        }
        self.waiting.push_back(numbered);
        Vec::new()
    }

    /// Picture ids go up with the sequence numbers, each of which is given once, and found again.
    fn check(&mut self, numbered: Numbered) -> Result<(), TestCaseError> {
        let Numbered {
            out,
            stream,
            sequence,
        } = numbered;
        let first_time = self.given.insert(out.index, (stream, sequence));
        prop_assert!(first_time.is_none_or(|before| before == (stream, sequence)));
        if let Some(source) = self.rewriter.source(out.index as u16) {
            prop_assert_eq!((source.stream, source.sequence), (stream, sequence));
        }
        let mut payload = payload(sequence as u16);
        vp8(sequence as u16).shift(out.picture_shift, &mut payload);
        let Some(PictureId::Long(picture)) = Vp8Descriptor::parse(&payload).unwrap().picture_id else {
            panic!("long ids stay long")
        };
        self.pictures.insert(out.index, picture);
        if let Some(before) = self.highest.filter(|before| out.index > *before) {
            let ids = picture.wrapping_sub(self.pictures[&before]) & 0x7fff;
            prop_assert_eq!(u64::from(ids), out.index - before);
        }
        self.highest = self.highest.max(Some(out.index));
        Ok(())
    }
}

proptest! {
    #[test]
    fn no_number_is_given_to_two_packets(
        steps in proptest::collection::vec(step(), 1..400),
        starts in any::<[u16; 3]>(),
        first: u16,
    ) {
        let mut slot = Slot::new(first, starts);
        for step in steps {
            for numbered in slot.take(step) {
                slot.check(numbered)?;
            }
        }
    }
}
