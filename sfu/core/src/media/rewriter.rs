//! Makes one stream out of many: what goes out in a slot has sequence numbers, timestamps and picture ids
//! that go on without a break, whichever publisher or layer it comes from.
//!
//! ```text
//!  in:   layer q  …41 42 43 │            layer f  907 908 909 …
//!  out:            5  6  7  │ a run ends           8   9  10 …   a run begins, with a key frame
//! ```
//!
//! Within a run everything is shifted by the same amounts. So a packet that comes late, or is asked for again
//! after a switch, still gets the numbers it had, or would have had. Where a stream holds several layers, a run
//! is of one of them, and closes up over the packets of the others; so it does over temporal layers above its pace.
//! Another pace is another run, which begins where the last one would have gone on.
//!
//! A receiver tells the roll-over counter of SRTP from the number itself, and guesses wrong for good when numbers run
//! on by 2¹⁵ or more unseen (RFC 3711 §3.3.1). A publisher may jump as it likes: that ends the run, and the next one
//! closes up over the gap.

use super::dropped::{Dropped, LeftOut, Offset};
use super::picture::{PictureCounters, PictureNumbers, PictureShift, VideoPacket};
use super::sequence::{self, WINDOW_PACKETS};
use super::svc::LayeredFrame;
use super::temporal::{Pace, TemporalPlace};
use super::timeline;

/// Runs remembered for late packets and repairs: more switches than this within a second don't happen.
const RUNS_MAX: usize = 4;
/// What is further behind the newest is not taken any more, so a longer gap in a run could never be filled.
const GAP_MAX: u64 = WINDOW_PACKETS;

/// Names a received stream for the life of a core: no other stream ever has the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct StreamId(pub(crate) u64);

/// A stretch of one received stream.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    /// Never twice the same in one outgoing stream.
    number: u32,
    stream: StreamId,
    first_in: u64,
    first_out: u64,
    timestamp_shift: u32,
    picture_shift: PictureShift,
    /// The layer that is let through, where there are several in the stream.
    target: Option<u8>,
    /// The temporal layers that are let through.
    pace: Pace,
    /// Everything before this was let through or left out.
    next_in: u64,
}

impl Run {
    /// Whether some of its packets may be left out.
    fn closes_up(&self) -> bool {
        self.target.is_some() || self.pace != Pace::FULL
    }
}

/// The first packet of a run, as it came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunStart {
    pub(crate) stream: StreamId,
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) numbers: PictureNumbers,
    /// The layer to let through, where there are several in the stream.
    pub(crate) target: Option<u8>,
    /// The temporal layers to let through.
    pub(crate) pace: Pace,
}

/// A packet, as far as its numbers go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Incoming<'a> {
    pub(crate) stream: StreamId,
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    /// `None` for sound.
    pub(crate) numbers: Option<&'a PictureNumbers>,
    /// Where there are several layers in the stream.
    pub(crate) layers: Option<&'a LayeredFrame>,
    /// Where there are temporal layers in it.
    pub(crate) temporal: Option<&'a TemporalPlace>,
}

/// A packet's numbers on the way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rewritten {
    /// Roll-over counter and sequence number.
    pub(crate) index: u64,
    pub(crate) timestamp: u32,
    pub(crate) picture_shift: PictureShift,
    /// The layer that the receiver gets, where there are several in the stream.
    pub(crate) target: Option<u8>,
    /// The temporal layers that it gets.
    pub(crate) pace: Pace,
    /// It came too late for its number to be closed up over, and the receiver does without it: an empty packet takes
    /// its place, so that nothing waits for it.
    pub(crate) is_filler: bool,
}

impl Rewritten {
    /// The same for what came under this number: an empty packet if it is nothing that the receiver gets.
    pub(crate) fn of(self, video: Option<&VideoPacket>) -> Self {
        let is_filler = video.is_some_and(|video| {
            let (layers, temporal) = (video.layers.as_ref(), video.temporal.as_ref());
            !is_let_through(self.target, self.pace, layers, temporal)
        });
        Self { is_filler, ..self }
    }
}

fn is_let_through(
    target: Option<u8>,
    pace: Pace,
    layers: Option<&LayeredFrame>,
    temporal: Option<&TemporalPlace>,
) -> bool {
    let is_of_target = match (target, layers) {
        (Some(target), Some(layers)) => layers.is_needed_by(target),
        _ => true,
    };
    is_of_target && temporal.is_none_or(|place| pace.takes(place.layer))
}

/// What a subscriber lost, in terms of the stream it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) stream: StreamId,
    pub(crate) sequence: u64,
    pub(crate) rewritten: Rewritten,
    timestamp_shift: u32,
}

impl Source {
    /// The numbers to send it with, given its own timestamp.
    pub(crate) fn rewrite(&self, timestamp: u32) -> Rewritten {
        Rewritten {
            timestamp: timestamp.wrapping_add(self.timestamp_shift),
            ..self.rewritten
        }
    }
}

/// The state of one outgoing stream.
#[derive(Debug)]
pub(crate) struct Rewriter {
    next_index: u64,
    /// Nothing from here on has gone out yet: these numbers may be taken back.
    unsent: u64,
    last_timestamp: Option<u32>,
    counters: PictureCounters,
    /// Oldest first.
    runs: [Run; RUNS_MAX],
    run_count: usize,
    run_number: u32,
    /// Made with the first run that leaves something out.
    dropped: Option<Box<Dropped>>,
    is_open: bool,
}

impl Rewriter {
    /// `first_sequence` is random. Below 2¹⁵, so that a receiver that loses the first packets guesses the
    /// roll-over right (RFC 3711 §3.3.1).
    pub(crate) fn new(first_sequence: u16) -> Self {
        Self {
            next_index: u64::from(first_sequence & 0x7fff),
            unsent: u64::from(first_sequence & 0x7fff),
            last_timestamp: None,
            counters: PictureCounters::default(),
            runs: [Run::default(); RUNS_MAX],
            run_count: 0,
            run_number: 0,
            dropped: None,
            is_open: false,
        }
    }

    /// The stream that is let through at present.
    pub(crate) fn current(&self) -> Option<StreamId> {
        self.open_run().map(|run| run.stream)
    }

    /// The layer of it, where there are several.
    pub(crate) fn target(&self) -> Option<u8> {
        self.open_run().and_then(|run| run.target)
    }

    /// The temporal layers of it.
    pub(crate) fn pace(&self) -> Pace {
        self.open_run().map_or(Pace::FULL, |run| run.pace)
    }

    /// The timestamp of the newest packet that was sent.
    pub(crate) fn last_timestamp(&self) -> Option<u32> {
        self.last_timestamp
    }

    /// What is added to the current stream's timestamps.
    pub(crate) fn timestamp_shift(&self) -> Option<u32> {
        self.open_run().map(|run| run.timestamp_shift)
    }

    fn open_run(&self) -> Option<&Run> {
        self.runs[..self.run_count].last().filter(|_| self.is_open)
    }

    /// Whether this packet of the current stream lies so far ahead that it must begin a run.
    pub(crate) fn is_jump(&self, sequence: u64) -> bool {
        let Some(run) = self.open_run().filter(|run| run.first_in <= sequence) else {
            return false;
        };
        let offset = self.offset(run, sequence);
        matches!(offset, Offset::Kept { packets, .. } if run.first_out + packets > self.next_index + GAP_MAX)
    }

    /// Where a packet of a run goes.
    fn offset(&self, run: &Run, sequence: u64) -> Offset {
        match &self.dropped {
            Some(dropped) if run.closes_up() => dropped.offset(run.number, run.first_in, sequence),
            _ => Offset::Kept {
                packets: sequence - run.first_in,
                pictures: 0,
            },
        }
    }

    /// Begins a run with this packet, which is to go out with `timestamp`.
    pub(crate) fn begin(&mut self, start: &RunStart, timestamp: u32) {
        let timestamp_shift = timestamp.wrapping_sub(start.timestamp);
        let picture_shift = self.counters.shift_to_follow(&start.numbers);
        self.begin_shifted(start, timestamp_shift, picture_shift);
    }

    /// Goes on in the same stream from this packet on, with another of its layers or after a jump.
    pub(crate) fn retarget(&mut self, start: &RunStart) {
        let Some(run) = self.open_run() else {
            return;
        };
        let left_out = match run.closes_up().then(|| self.offset(run, start.sequence)) {
            Some(Offset::Kept { pictures, .. }) => pictures,
            _ => 0,
        };
        let (timestamp_shift, picture_shift) = (run.timestamp_shift, run.picture_shift);
        self.begin_shifted(start, timestamp_shift, picture_shift.without(left_out));
    }

    fn begin_shifted(&mut self, start: &RunStart, timestamp_shift: u32, picture_shift: PictureShift) {
        self.push(Run {
            number: 0,
            stream: start.stream,
            first_in: start.sequence,
            first_out: self.next_index,
            timestamp_shift,
            picture_shift,
            target: start.target,
            pace: start.pace,
            next_in: start.sequence,
        });
    }

    /// Lets other temporal layers through from this packet on, the first of a frame, if it is the newest: what is
    /// missing before it keeps its number, since it may be something that all need.
    pub(crate) fn change_pace(&mut self, pace: Pace, sequence: u64) {
        let Some(run) = self.open_run().copied().filter(|run| run.first_in <= sequence) else {
            return;
        };
        let Offset::Kept { packets, pictures } = self.offset(&run, sequence) else {
            return;
        };
        let first_out = run.first_out + packets;
        let is_newest = first_out >= self.next_index && (!run.closes_up() || sequence >= run.next_in);
        if !is_newest || first_out > self.next_index + GAP_MAX {
            return;
        }
        self.push(Run {
            first_in: sequence,
            first_out,
            picture_shift: run.picture_shift.without(pictures),
            pace,
            next_in: sequence,
            ..run
        });
    }

    /// Numbers the run and appends it.
    fn push(&mut self, run: Run) {
        if self.run_count == RUNS_MAX {
            self.runs.rotate_left(1);
            self.run_count -= 1;
        }
        self.run_number = self.run_number.wrapping_add(1);
        if run.closes_up() && self.dropped.is_none() {
            self.dropped = Some(Box::new(Dropped::new()));
        }
        self.runs[self.run_count] = Run {
            number: self.run_number,
            ..run
        };
        self.run_count += 1;
        self.is_open = true;
    }

    /// Lets nothing through until the next run begins. What was sent can still be repaired.
    pub(crate) fn close(&mut self) {
        self.is_open = false;
    }

    /// The counters of the newest packet that got numbers.
    pub(crate) fn counters(&self) -> PictureCounters {
        self.counters
    }

    /// The packet with this number goes out.
    pub(crate) fn sent(&mut self, index: u64) {
        self.unsent = self.unsent.max(index + 1);
    }

    /// Whether this number and all after it have not gone out yet.
    pub(crate) fn is_unsent(&self, index: u64) -> bool {
        index >= self.unsent
    }

    /// Takes back the numbers of all that has not gone out, as if it had never come: nothing is let through until the
    /// next run begins, which goes on where the last packet that was sent ended. `counters` are that one's.
    pub(crate) fn take_back(&mut self, counters: PictureCounters) {
        self.close();
        self.next_index = self.unsent;
        self.counters = counters;
        let remaining = self.runs[..self.run_count]
            .iter()
            .take_while(|run| run.first_out < self.next_index)
            .count();
        self.run_count = remaining;
    }

    /// Forgets what was sent: the slot has another owner, who must never be mixed up with the last.
    pub(crate) fn forget(&mut self) {
        self.run_count = 0;
        self.is_open = false;
    }

    /// The numbers for a packet; `None` when it belongs to no run: not selected, or from before the switch. A jump
    /// ends the run.
    pub(crate) fn rewrite(&mut self, packet: &Incoming<'_>) -> Option<Rewritten> {
        let at = self.runs[..self.run_count]
            .iter()
            .rposition(|run| run.stream == packet.stream && run.first_in <= packet.sequence)?;
        let run = self.runs[at];
        let is_last = at + 1 == self.run_count;
        let is_filler = !is_let_through(run.target, run.pace, packet.layers, packet.temporal);
        let (packets, pictures) = if run.closes_up() {
            self.offset_in_layers(at, packet, is_filler)?
        } else {
            (packet.sequence - run.first_in, 0)
        };
        let index = run.first_out + packets;
        let picture_shift = run.picture_shift.without(pictures);
        let fits = if is_last {
            self.is_open || index < self.next_index
        } else {
            index < self.runs[at + 1].first_out
        };
        if !fits {
            return None;
        }
        if index > self.next_index + GAP_MAX {
            self.close();
            return None;
        }
        let rewritten = Rewritten {
            index,
            timestamp: packet.timestamp.wrapping_add(run.timestamp_shift),
            picture_shift,
            target: run.target,
            pace: run.pace,
            is_filler,
        };
        if index >= self.next_index {
            self.next_index = index + 1;
            if let Some(numbers) = packet.numbers {
                self.counters.note(numbers, picture_shift);
            }
        }
        if self
            .last_timestamp
            .is_none_or(|last| timeline::is_later(rewritten.timestamp, last))
        {
            self.last_timestamp = Some(rewritten.timestamp);
        }
        Some(rewritten)
    }

    /// How many packets of a run that leaves some out go before this one, and how many pictures are left out before
    /// it; `None` when it is left out itself.
    fn offset_in_layers(
        &mut self,
        at: usize,
        packet: &Incoming<'_>,
        is_left_out: bool,
    ) -> Option<(u64, u16)> {
        let sequence = packet.sequence;
        let goes_on = self.is_open && at + 1 == self.run_count;
        let run = &mut self.runs[at];
        let dropped = self.dropped.as_mut()?;
        let expected = run.next_in;
        let is_newest = goes_on && sequence >= expected;
        if is_newest {
            run.next_in = sequence + 1;
        }
        if is_left_out && is_newest {
            let frame = packet.layers.map(|layers| layers.frame);
            let left_out = LeftOut {
                sequence,
                frame: frame.or(packet.temporal.map(|place| place.frame)).unwrap_or(0),
                is_counted: packet.temporal.is_some_and(|place| place.is_counted),
                expected,
            };
            dropped.leave_out(run.number, left_out);
            return None;
        }
        match dropped.offset(run.number, run.first_in, sequence) {
            Offset::Kept { packets, pictures } => Some((packets, pictures)),
            Offset::LeftOut | Offset::Forgotten => None,
        }
    }

    /// How many packets before the newest one belong to its run; `None` when `index` is not the newest.
    pub(crate) fn depth_of_newest(&self, index: u64) -> Option<u64> {
        let run = self.runs[..self.run_count].last()?;
        // A run may have begun with what is left out.
        index
            .checked_sub(run.first_out)
            .filter(|_| index + 1 == self.next_index)
    }

    /// Where a packet that a subscriber lost came from; `None` when it was never sent or is forgotten.
    pub(crate) fn source(&self, lost: u16) -> Option<Source> {
        let index = sequence::nearest(self.unsent.checked_sub(1)?, lost);
        if self.is_unsent(index) {
            return None;
        }
        self.locate(index)
    }

    /// Where a packet that got this number came from; `None` when it is forgotten.
    pub(crate) fn locate(&self, index: u64) -> Option<Source> {
        if index >= self.next_index {
            return None;
        }
        let run = self.runs[..self.run_count]
            .iter()
            .rev()
            .find(|run| run.first_out <= index)?;
        let offset = index - run.first_out;
        let (sequence, pictures) = match &self.dropped {
            Some(dropped) if run.closes_up() => dropped.sequence(run.number, run.first_in, offset)?,
            _ => (run.first_in + offset, 0),
        };
        Some(Source {
            stream: run.stream,
            sequence,
            rewritten: Rewritten {
                index,
                timestamp: 0,
                picture_shift: run.picture_shift.without(pictures),
                target: run.target,
                pace: run.pace,
                is_filler: false,
            },
            timestamp_shift: run.timestamp_shift,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, VecDeque};

    use proptest::prelude::*;

    use super::super::picture::PictureId;
    use super::super::vp8::Vp8Descriptor;
    use super::*;

    const Q: StreamId = StreamId(1);
    const F: StreamId = StreamId(2);

    fn begin(rewriter: &mut Rewriter, stream: StreamId, sequence: u64, timestamp_in: u32, timestamp: u32) {
        let start = RunStart {
            stream,
            sequence,
            timestamp: timestamp_in,
            numbers: PictureNumbers::default(),
            target: None,
            pace: Pace::FULL,
        };
        rewriter.begin(&start, timestamp);
    }

    fn rewrite(
        rewriter: &mut Rewriter,
        stream: StreamId,
        sequence: u64,
        timestamp: u32,
    ) -> Option<Rewritten> {
        let rewritten = rewriter.rewrite(&Incoming {
            stream,
            sequence,
            timestamp,
            numbers: None,
            layers: None,
            temporal: None,
        })?;
        rewriter.sent(rewritten.index);
        Some(rewritten)
    }

    #[test]
    fn a_switch_goes_on_where_the_last_run_ended() {
        let mut rewriter = Rewriter::new(7);
        begin(&mut rewriter, Q, 41, 1000, 50_000);
        let out: Vec<_> = (41..44)
            .map(|sequence| rewrite(&mut rewriter, Q, sequence, 1000).unwrap().index)
            .collect();
        begin(&mut rewriter, F, 907, 5, 50_001);
        assert_eq!(out, [7, 8, 9]);
        let rewritten = rewrite(&mut rewriter, F, 908, 6).unwrap();
        assert_eq!((rewritten.index, rewritten.timestamp), (11, 50_002));
        assert_eq!(rewrite(&mut rewriter, Q, 44, 1000), None);
    }

    #[test]
    fn a_late_packet_fills_its_gap_after_the_switch() {
        let mut rewriter = Rewriter::new(0);
        begin(&mut rewriter, Q, 10, 0, 0);
        rewrite(&mut rewriter, Q, 10, 0);
        rewrite(&mut rewriter, Q, 12, 0);
        begin(&mut rewriter, F, 100, 0, 0);
        rewrite(&mut rewriter, F, 100, 0);
        assert_eq!(
            rewrite(&mut rewriter, Q, 11, 0).map(|rewritten| rewritten.index),
            Some(1)
        );
        assert_eq!(rewrite(&mut rewriter, Q, 9, 0), None);
    }

    #[test]
    fn what_was_lost_is_found_across_runs_and_nothing_after_the_owner_has_changed() {
        let mut rewriter = Rewriter::new(0);
        begin(&mut rewriter, Q, 10, 0, 100);
        rewrite(&mut rewriter, Q, 10, 0);
        begin(&mut rewriter, F, 200, 0, 300);
        rewrite(&mut rewriter, F, 200, 0);
        let source = rewriter.source(0).unwrap();
        assert_eq!(
            (source.stream, source.sequence, source.rewrite(5).timestamp),
            (Q, 10, 105)
        );
        assert_eq!(rewriter.source(1).map(|source| source.sequence), Some(200));
        assert_eq!(rewriter.source(2), None);
        rewriter.forget();
        assert_eq!(rewriter.source(1), None);
    }

    #[test]
    fn a_pause_leaves_no_gap() {
        let mut rewriter = Rewriter::new(0);
        begin(&mut rewriter, Q, 10, 0, 0);
        rewrite(&mut rewriter, Q, 10, 0);
        rewriter.close();
        assert_eq!(
            (rewriter.current(), rewrite(&mut rewriter, Q, 11, 0)),
            (None, None)
        );
        begin(&mut rewriter, Q, 50, 0, 0);
        assert_eq!(rewrite(&mut rewriter, Q, 50, 0).unwrap().index, 1);
        assert_eq!(rewrite(&mut rewriter, Q, 30, 0), None);
    }

    #[test]
    fn what_has_not_gone_out_is_not_repaired_and_its_numbers_are_taken_back() {
        let mut rewriter = Rewriter::new(7);
        begin(&mut rewriter, Q, 41, 0, 0);
        rewrite(&mut rewriter, Q, 41, 0);
        let waits = |sequence, stream| Incoming {
            stream,
            sequence,
            timestamp: 0,
            numbers: None,
            layers: None,
            temporal: None,
        };
        rewriter.rewrite(&waits(42, Q));
        begin(&mut rewriter, F, 100, 0, 0);
        assert_eq!(rewriter.rewrite(&waits(100, F)).unwrap().index, 9);
        assert_eq!((rewriter.source(8), rewriter.source(9)), (None, None));
        let found = [8, 9].map(|index| rewriter.locate(index).map(|found| (found.stream, found.sequence)));
        assert_eq!(found, [Some((Q, 42)), Some((F, 100))]);
        rewriter.take_back(PictureCounters::default());
        assert_eq!((rewriter.current(), rewriter.locate(8)), (None, None));
        assert_eq!(rewriter.source(7).map(|source| source.sequence), Some(41));
        assert_eq!(rewriter.rewrite(&waits(42, Q)), None);
        begin(&mut rewriter, Q, 50, 0, 0);
        assert_eq!(rewriter.rewrite(&waits(50, Q)).unwrap().index, 8);
    }

    #[test]
    fn a_jump_ends_the_run_and_the_next_one_closes_up_over_it() {
        let mut rewriter = Rewriter::new(7);
        begin(&mut rewriter, Q, 41, 0, 0);
        rewrite(&mut rewriter, Q, 41, 0);
        assert!(!rewriter.is_jump(42 + GAP_MAX) && rewriter.is_jump(43 + GAP_MAX));
        assert_eq!(rewrite(&mut rewriter, Q, 43 + GAP_MAX, 0), None);
        assert_eq!(
            (rewriter.current(), rewrite(&mut rewriter, Q, 42, 0)),
            (None, None)
        );
        begin(&mut rewriter, Q, 100_000, 0, 0);
        assert_eq!(rewrite(&mut rewriter, Q, 100_000, 0).unwrap().index, 8);
        assert_eq!(rewrite(&mut rewriter, Q, 41, 0).unwrap().index, 7);
    }

    #[test]
    fn gaps_between_the_packets_of_other_layers_are_bounded_in_sum() {
        let mut rewriter = Rewriter::new(7);
        let numbers = PictureNumbers::default();
        let start = RunStart {
            stream: Q,
            sequence: 0,
            timestamp: 0,
            numbers,
            target: Some(0),
            pace: Pace::FULL,
        };
        rewriter.begin(&start, 0);
        let packet = |sequence: u64, spatial| LayeredFrame {
            spatial,
            count: Some(3),
            ends_frame: true,
            frame: sequence as u32,
            needed_by: 1 << spatial,
            active: 7,
        };
        let mut send = |sequence, layer| {
            let layers = packet(sequence, layer);
            rewriter.rewrite(&Incoming {
                stream: Q,
                sequence,
                timestamp: 0,
                numbers: Some(&numbers),
                layers: Some(&layers),
                temporal: None,
            })
        };
        assert_eq!(send(0, 0).unwrap().index, 7);
        for step in 1..40 {
            assert_eq!(send(step * 900, 2), None);
        }
        assert_eq!(send(40 * 900, 0), None);
        assert_eq!(rewriter.current(), None);
    }

    fn vp8(picture: u16) -> Vp8Descriptor {
        let id = (picture | 0x8000).to_be_bytes();
        Vp8Descriptor::parse(&[0x90, 0x80, id[0], id[1], 0x10, 0, 0]).unwrap()
    }

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

    /// The picture with this number in the pattern of libwebrtc, in one or two packets.
    fn temporal_picture(picture: u16) -> ([Vp8Descriptor; 2], usize) {
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

    proptest! {
        /// Packets of a stream with temporal layers, some of which come late, at changing paces.
        #[test]
        fn numbers_close_up_over_temporal_layers_and_nothing_left_out_is_found_again(
            pictures in proptest::collection::vec((0u8..4, 0u8..20, 1u64..9), 8..300),
            first: u16,
        ) {
            let mut rewriter = Rewriter::new(first);
            begin(&mut rewriter, Q, 0, 0, 0);
            let (mut wanted, mut sequence) = (Pace::FULL, 0);
            let mut late: Vec<(u64, u64, Vp8Descriptor)> = Vec::new();
            let mut given: HashMap<u64, (u64, u16)> = HashMap::new();
            let mut filled: HashMap<u64, u64> = HashMap::new();
            let mut all = Vec::new();
            let mut newest_in = 0;
            for (picture, (pace, chance, delay)) in (0u16..).zip(pictures) {
                if chance < 3 {
                    wanted = [Pace(0), Pace(1), Pace::FULL, Pace::FULL][usize::from(pace)];
                }
                let (packets, count) = temporal_picture(picture);
                let mut now = Vec::new();
                for packet in &packets[..count] {
                    all.push(*packet);
                    if chance == 19 && picture > 0 {
                        late.push((u64::from(picture) + delay, sequence, *packet));
                    } else {
                        now.push((sequence, *packet));
                    }
                    sequence += 1;
                }
                let due = late.extract_if(.., |(at, _, _)| *at <= u64::from(picture));
                now.extend(due.map(|(_, sequence, packet)| (sequence, packet)));
                for (sequence, packet) in now {
                    let place = packet.temporal().unwrap();
                    let is_late = sequence < newest_in;
                    newest_in = newest_in.max(sequence);
                    if place.starts_frame {
                        let next = place.pace_after(rewriter.pace(), wanted, 2);
                        if next != rewriter.pace() {
                            rewriter.change_pace(next, sequence);
                        }
                    }
                    let numbers = packet.numbers();
                    let out = rewriter.rewrite(&Incoming {
                        stream: Q,
                        sequence,
                        timestamp: 0,
                        numbers: Some(&numbers),
                        layers: None,
                        temporal: Some(&place),
                    });
                    let Some(out) = out else {
                        prop_assert!(place.layer > 0, "layer 0 is for everybody");
                        continue;
                    };
                    rewriter.sent(out.index);
                    if out.is_filler {
                        prop_assert!(is_late && place.layer > 0);
                        prop_assert_eq!(filled.insert(out.index, sequence), None);
                        prop_assert!(!given.contains_key(&out.index));
                        continue;
                    }
                    prop_assert!(!filled.contains_key(&out.index));
                    let id = numbers.picture_id.unwrap().shifted(out.picture_shift).value();
                    let before = given.insert(out.index, (sequence, id));
                    prop_assert!(before.is_none_or(|before| before.0 == sequence));
                    if !is_late && let Some(last) = given.get(&(out.index.wrapping_sub(1))) {
                        prop_assert!(id.wrapping_sub(last.1) & 0x7fff <= 1, "no picture seems to be missing");
                    }
                }
            }
            for index in u64::from(first & 0x7fff)..=given.keys().max().copied().unwrap() {
                let Some(source) = rewriter.source(index as u16) else { continue };
                let packet = &all[source.sequence as usize];
                let place = packet.temporal().unwrap();
                if let Some((sequence, id)) = given.get(&index) {
                    let picture = packet.picture_id.unwrap().shifted(source.rewritten.picture_shift);
                    prop_assert_eq!((source.sequence, picture.value()), (*sequence, *id));
                    prop_assert!(source.rewritten.pace.takes(place.layer));
                } else if let Some(sequence) = filled.get(&index) {
                    prop_assert_eq!(source.sequence, *sequence);
                    prop_assert!(!source.rewritten.pace.takes(place.layer));
                } else {
                    // No number is left over: it is on its way still.
                    prop_assert!(late.iter().any(|(_, sequence, _)| *sequence == source.sequence));
                }
            }
        }
    }

    proptest! {
        /// One picture per packet, so that picture ids must go up with the sequence numbers.
        #[test]
        fn no_number_is_given_to_two_packets(
            steps in proptest::collection::vec(step(), 1..400),
            starts in any::<[u16; 3]>(),
            first: u16,
        ) {
            let mut rewriter = Rewriter::new(first);
            let mut next: [u64; 3] = starts.map(|start| u64::from(start) + 0x1_0000);
            let mut selected = 0;
            let mut given: HashMap<u64, (StreamId, u64)> = HashMap::new();
            let mut pictures: HashMap<u64, u16> = HashMap::new();
            let mut highest: Option<u64> = None;
            let mut begins = true;
            let mut is_held = false;
            let mut waiting: VecDeque<(Rewritten, StreamId, u64)> = VecDeque::new();
            let mut counters = PictureCounters::default();
            for step in steps {
                let mut sends: Vec<(Rewritten, StreamId, u64)> = Vec::new();
                match step {
                    Step::Switch { layer } => (selected, begins) = (layer, true),
                    Step::Pause | Step::GiveUp => {
                        if !waiting.is_empty() {
                            rewriter.take_back(counters);
                            waiting.clear();
                        }
                        rewriter.close();
                        (begins, is_held) = (true, false);
                    }
                    Step::Hold => is_held = true,
                    Step::Release { count } => {
                        sends.extend(waiting.drain(..count.min(waiting.len())));
                        is_held &= !waiting.is_empty();
                        for (out, _, sequence) in &sends {
                            if rewriter.is_unsent(out.index) {
                                counters.note(&vp8(*sequence as u16).numbers(), out.picture_shift);
                            }
                            rewriter.sent(out.index);
                        }
                    }
                    Step::Forward { .. } | Step::Late { .. } => {
                        let (layer, sequence) = match step {
                            Step::Forward { layer, skip } => {
                                next[layer] += 1 + skip;
                                (layer, next[layer])
                            }
                            Step::Late { back } => (selected, next[selected] - back),
                            _ => continue,
                        };
                        let stream = StreamId(layer as u64 + 1);
                        let numbers = vp8(sequence as u16).numbers();
                        if begins && layer == selected && matches!(step, Step::Forward { .. }) {
                            let (timestamp, target, pace) = (0, None, Pace::FULL);
                            rewriter.begin(&RunStart { stream, sequence, timestamp, numbers, target, pace }, 0);
                            begins = false;
                        }
                        let before = rewriter.counters();
                        let numbers = Some(&numbers);
                        let (layers, temporal) = (None, None);
                        let packet = Incoming { stream, sequence, timestamp: 0, numbers, layers, temporal };
                        let Some(out) = rewriter.rewrite(&packet) else { continue };
                        if is_held {
                            if waiting.is_empty() {
                                counters = before;
                            }
                            waiting.push_back((out, stream, sequence));
                        } else {
                            rewriter.sent(out.index);
                            sends.push((out, stream, sequence));
                        }
                    }
                }
                for (out, stream, sequence) in sends {
                    let first_time = given.insert(out.index, (stream, sequence));
                    prop_assert!(first_time.is_none_or(|before| before == (stream, sequence)));
                    if let Some(source) = rewriter.source(out.index as u16) {
                        prop_assert_eq!((source.stream, source.sequence), (stream, sequence));
                    }
                    let mut payload = [0x90, 0x80, 0, 0, 0x10, 0, 0];
                    payload[2..4].copy_from_slice(&(sequence as u16 | 0x8000).to_be_bytes());
                    vp8(sequence as u16).shift(out.picture_shift, &mut payload);
                    let Some(PictureId::Long(picture)) = Vp8Descriptor::parse(&payload).unwrap().picture_id else {
                        panic!("long ids stay long")
                    };
                    pictures.insert(out.index, picture);
                    if let Some(before) = highest.filter(|before| out.index > *before) {
                        let ids = picture.wrapping_sub(pictures[&before]) & 0x7fff;
                        prop_assert_eq!(u64::from(ids), out.index - before);
                    }
                    highest = Some(highest.map_or(out.index, |highest| highest.max(out.index)));
                }
            }
        }
    }
}
