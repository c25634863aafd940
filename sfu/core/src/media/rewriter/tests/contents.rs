//! Streams with layers of both kinds, whose packets come late or never, while layers, paces and streams change and
//! what waits is given up: what was sent under a number is found by it again, or nothing is.

use std::collections::HashMap;

use proptest::prelude::*;

use super::super::*;
use super::{F, Q};
use crate::media::picture::{PictureId, PictureNumbers};
use crate::media::svc::LayeredFrame;
use crate::media::temporal::TemporalPlace;

/// What happens as a packet comes.
#[derive(Debug, Clone, Copy)]
enum Change {
    Pace(Pace),
    /// To another layer of the same stream.
    Target(Option<u8>),
    /// To the other stream.
    Stream,
    Close,
    Hold,
    Release,
    GiveUp,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => prop_oneof![Just(Pace(0)), Just(Pace(1)), Just(Pace::FULL)].prop_map(Change::Pace),
        4 => (0..3u8).prop_map(|layer| Change::Target(Some(layer))),
        1 => Just(Change::Target(None)),
        1 => Just(Change::Stream),
        1 => Just(Change::Close),
        2 => Just(Change::Hold),
        2 => Just(Change::Release),
        1 => Just(Change::GiveUp),
    ]
}

/// One packet of each stream.
#[derive(Debug, Clone, Copy)]
struct Step {
    spatial: u8,
    temporal: u8,
    /// By so many steps it comes late; `None`: never.
    delay: Option<usize>,
    change: Option<Change>,
}

fn step() -> impl Strategy<Value = Step> {
    let delay = prop_oneof![
        30 => Just(Some(0)),
        2 => (1..8usize).prop_map(Some),
        1 => (100..500usize).prop_map(Some),
        1 => Just(None),
    ];
    let change = proptest::option::weighted(0.02, change());
    (0..3u8, 0..3u8, delay, change).prop_map(|(spatial, temporal, delay, change)| Step {
        spatial,
        temporal,
        delay,
        change,
    })
}

/// What a packet says of itself: one frame each, so all is told apart by its number.
fn describe(step: &Step, sequence: u64) -> (PictureNumbers, LayeredFrame, TemporalPlace) {
    let numbers = PictureNumbers {
        picture_id: Some(PictureId::Long(sequence as u16 & 0x7fff)),
        ..PictureNumbers::default()
    };
    let layers = LayeredFrame {
        spatial: step.spatial,
        count: Some(3),
        ends_frame: true,
        frame: sequence as u32,
        needed_by: 1 << step.spatial,
        active: 7,
    };
    let place = TemporalPlace {
        layer: step.temporal,
        starts_frame: true,
        frame: sequence as u32,
        opens: None,
        is_counted: true,
    };
    (numbers, layers, place)
}

/// Everything that decides what a receiver sees under a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Content {
    stream: StreamId,
    sequence: u64,
    picture_shift: PictureShift,
    is_filler: bool,
}

struct Subscriber {
    rewriter: Rewriter,
    is_other_stream: bool,
    begins: bool,
    /// The counters of before what waits.
    held: Option<PictureCounters>,
    given: HashMap<u64, Content>,
}

impl Subscriber {
    fn selected(&self) -> StreamId {
        if self.is_other_stream { F } else { Q }
    }

    fn apply(&mut self, change: Change, step: &Step, sequence: u64) {
        match change {
            Change::Pace(pace) => self.rewriter.change_pace(pace, sequence),
            Change::Target(target) => {
                if self.rewriter.current() == Some(self.selected()) {
                    let start = self.start(step, sequence, target);
                    self.rewriter.retarget(&start);
                }
            }
            Change::Stream => (self.is_other_stream, self.begins) = (!self.is_other_stream, true),
            Change::Hold => self.held = self.held.or(Some(self.rewriter.counters())),
            Change::Release => self.release(),
            Change::Close => {
                self.release();
                self.rewriter.close();
                self.begins = true;
            }
            Change::GiveUp => {
                if let Some(counters) = self.held.take() {
                    self.rewriter.take_back(counters);
                    self.begins = true;
                    self.given.retain(|index, _| !self.rewriter.is_unsent(*index));
                }
            }
        }
    }

    fn release(&mut self) {
        self.held = None;
        for index in self.given.keys() {
            self.rewriter.sent(*index);
        }
    }

    fn start(&self, step: &Step, sequence: u64, target: Option<u8>) -> RunStart {
        RunStart {
            stream: self.selected(),
            sequence,
            timestamp: 0,
            numbers: describe(step, sequence).0,
            target,
            pace: self.rewriter.pace(),
        }
    }

    fn take(&mut self, stream: StreamId, step: &Step, sequence: u64) -> Result<(), TestCaseError> {
        if self.begins && stream == self.selected() && step.delay == Some(0) {
            let start = self.start(step, sequence, Some(step.spatial));
            self.rewriter.begin(&start, 0);
            self.begins = false;
        }
        let (numbers, layers, place) = describe(step, sequence);
        let rewritten = self.rewriter.rewrite(&Incoming {
            stream,
            sequence,
            timestamp: 0,
            numbers: Some(&numbers),
            layers: Some(&layers),
            temporal: Some(&place),
        });
        self.begins |= self.rewriter.current().is_none();
        let Some(out) = rewritten else {
            return Ok(());
        };
        let content = Content {
            stream,
            sequence,
            picture_shift: out.picture_shift,
            is_filler: out.is_filler,
        };
        let before = self.given.insert(out.index, content);
        prop_assert_eq!(before, None, "{} is given twice, now as {:?}", out.index, content);
        if self.held.is_none() {
            self.rewriter.sent(out.index);
        }
        Ok(())
    }

    /// What is found under a number is what went out under it.
    fn check(&self, steps: &[Step]) -> Result<(), TestCaseError> {
        for (index, content) in &self.given {
            let Some(source) = self.rewriter.locate(*index) else {
                continue;
            };
            let step = &steps[source.sequence as usize];
            let (_, layers, place) = describe(step, source.sequence);
            let Rewritten { target, pace, .. } = source.rewritten;
            let found = Content {
                stream: source.stream,
                sequence: source.sequence,
                picture_shift: source.rewritten.picture_shift,
                is_filler: !is_let_through(target, pace, Some(&layers), Some(&place)),
            };
            prop_assert_eq!(found, *content, "under {}", index);
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn whatever_comes_late_a_number_has_one_content_and_is_found_with_that(
        steps in proptest::collection::vec(step(), 100..700),
        first: u16,
    ) {
        let mut subscriber = Subscriber {
            rewriter: Rewriter::new(first),
            is_other_stream: false,
            begins: true,
            held: None,
            given: HashMap::new(),
        };
        let mut due: Vec<Vec<u64>> = vec![Vec::new(); steps.len()];
        for (sequence, step) in steps.iter().enumerate() {
            let at = step.delay.map(|delay| sequence + delay);
            if let Some(due) = at.and_then(|at| due.get_mut(at)) {
                due.push(sequence as u64);
            }
        }
        for (now, due) in due.iter().enumerate() {
            if let Some(change) = steps[now].change {
                subscriber.apply(change, &steps[now], now as u64);
            }
            for sequence in due.iter().rev() {
                for stream in [Q, F] {
                    subscriber.take(stream, &steps[*sequence as usize], *sequence)?;
                }
            }
            if now % 16 == 0 {
                subscriber.check(&steps)?;
            }
        }
        subscriber.check(&steps)?;
    }
}
