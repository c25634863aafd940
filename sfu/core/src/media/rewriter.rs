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

mod given;
mod packet;
mod run;
#[cfg(test)]
mod tests;

use self::given::Given;
use self::packet::is_let_through;
pub(crate) use self::packet::{Incoming, Rewritten, Source};
use self::run::Run;
pub(crate) use self::run::RunStart;
use super::dropped::{Dropped, LeftOut, Offset};
use super::picture::{PictureCounters, PictureShift};
use super::sequence::{self, WINDOW_PACKETS};
use super::temporal::Pace;
use super::timeline;

/// Runs remembered for late packets and repairs: more switches than this within a second don't happen.
const RUNS_MAX: usize = 4;
/// What is further behind the newest is not taken any more, so a longer gap in a run could never be filled.
const GAP_MAX: u64 = WINDOW_PACKETS;

/// Names a received stream for the life of a core: no other stream ever has the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct StreamId(pub(crate) u64);

/// The state of one outgoing stream.
#[derive(Debug)]
pub(crate) struct Rewriter {
    next_index: u64,
    /// Nothing from here on has gone out yet: these numbers may be taken back.
    unsent: u64,
    /// Two packets under one number would break the encryption of both (RFC 7714 §8.4).
    given: Given,
    last_timestamp: Option<u32>,
    counters: PictureCounters,
    /// Oldest first.
    runs: [Run; RUNS_MAX],
    run_count: usize,
    run_number: u64,
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
            given: Given::default(),
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

    /// Whether this packet of the current stream is from before its run began: late, so nothing begins with it.
    pub(crate) fn is_before_run(&self, sequence: u64) -> bool {
        self.open_run().is_some_and(|run| sequence < run.first_in)
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
        // A run of another pace may have begun behind a gap, and have given no number yet: the gap is not its own.
        let reserved = self.runs[..self.run_count].last().map_or(0, |run| run.first_out);
        self.push(Run {
            number: 0,
            stream: start.stream,
            first_in: start.sequence,
            first_out: self.next_index.max(reserved),
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
        self.run_number += 1;
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
        self.given.take_back(self.unsent);
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
        if !self.given.take(index) {
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
