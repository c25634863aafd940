//! Reads what a receiver tells of arrivals (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1), without
//! allocating and without believing: lengths and counts may be anything.

const DELTA_US: i64 = 250;
const REFERENCE_US: i64 = 64_000;
/// The reference time has 24 bits.
const REFERENCE_BITS: u32 = 24;
/// A receiver's clock that went further than this, 8 years either way, is made up: it is placed anew.
const REFERENCE_MAX: i64 = 1 << 32;

/// One message, from the base number on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Feedback<'a> {
    pub(super) base: u16,
    /// In 64 ms, of which only 24 bits are known.
    reference: u32,
    count: u16,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

/// A message that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl<'a> Feedback<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let head = body.first_chunk::<8>().ok_or(Malformed)?;
        let rest = &body[8..];
        let count = u16::from_be_bytes([head[2], head[3]]);
        let mut left = u32::from(count);
        let mut at = 0;
        while left > 0 {
            let chunk = rest.get(at..at + 2).ok_or(Malformed)?;
            let covered = Chunk::new(u16::from_be_bytes([chunk[0], chunk[1]])).symbols();
            if covered == 0 {
                return Err(Malformed);
            }
            left = left.saturating_sub(covered);
            at += 2;
        }
        Ok(Self {
            base: u16::from_be_bytes([head[0], head[1]]),
            reference: u32::from_be_bytes([0, head[4], head[5], head[6]]),
            count,
            chunks: &rest[..at],
            deltas: &rest[at..],
        })
    }

    /// How many packets it tells of.
    pub(super) fn count(&self) -> u16 {
        self.count
    }

    /// The packets told of, in order of their numbers: for each whether it arrived, and when on the
    /// receiver's clock, in microseconds. `clock` places the message in time. Ends early with an error where
    /// the arrival times do.
    pub(super) fn packets(
        &self,
        clock: &mut ReceiverClock,
    ) -> impl Iterator<Item = Result<Option<i64>, Malformed>> + use<'a> {
        let (chunks, mut deltas) = (self.chunks, self.deltas);
        let mut arrival_us = clock.place(self.reference);
        let mut left = self.count;
        let mut chunk = Chunk::new(0);
        let (mut at, mut symbol) = (0, 0);
        std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            if symbol == chunk.symbols() {
                chunk = Chunk::new(u16::from_be_bytes([chunks[at], chunks[at + 1]]));
                (at, symbol) = (at + 2, 0);
            }
            let status = chunk.status(symbol);
            (left, symbol) = (left - 1, symbol + 1);
            let delta = match status {
                0 => return Some(Ok(None)),
                1 => deltas
                    .split_first()
                    .map(|(delta, rest)| (i64::from(*delta), rest)),
                2 => deltas
                    .split_first_chunk::<2>()
                    .map(|(delta, rest)| (i64::from(i16::from_be_bytes(*delta)), rest)),
                _ => None,
            };
            let Some((delta, rest)) = delta else {
                left = 0;
                return Some(Err(Malformed));
            };
            deltas = rest;
            arrival_us += delta * DELTA_US;
            Some(Ok(Some(arrival_us)))
        })
    }
}

/// Sixteen bits that say what became of up to 8,191 packets.
#[derive(Debug, Clone, Copy)]
struct Chunk(u16);

impl Chunk {
    fn new(bits: u16) -> Self {
        Self(bits)
    }

    fn symbols(self) -> u32 {
        match self.0 >> 14 {
            0 | 1 => u32::from(self.0 & 0x1fff),
            2 => 14,
            _ => 7,
        }
    }

    fn status(self, symbol: u32) -> u16 {
        match self.0 >> 14 {
            0 | 1 => self.0 >> 13 & 3,
            2 => self.0 >> (13 - symbol) & 1,
            _ => self.0 >> (12 - 2 * symbol) & 3,
        }
    }
}

/// Carries the 24 bits of a receiver's reference time on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ReceiverClock {
    /// In 64 ms.
    last: Option<i64>,
}

impl ReceiverClock {
    /// The reference time in microseconds: the moment nearest to the last one.
    fn place(&mut self, reference: u32) -> i64 {
        let last = self.last.unwrap_or(i64::from(reference));
        let ahead = reference.wrapping_sub(last as u32) << (32 - REFERENCE_BITS);
        let step = i64::from(ahead as i32 >> (32 - REFERENCE_BITS));
        let mut placed = last + step;
        if placed.abs() > REFERENCE_MAX {
            placed = i64::from(reference);
        }
        self.last = Some(placed);
        placed * REFERENCE_US
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::media::time::MediaTime;
    use crate::media::twcc::TwccRecorder;

    fn told(recorder: &mut TwccRecorder) -> Vec<(u16, Option<i64>)> {
        let mut clock = ReceiverClock::default();
        let mut told = Vec::new();
        let mut message = Vec::new();
        while recorder.write_feedback(1, 2, &mut message) {
            let feedback = Feedback::parse(&message[12..]).unwrap();
            let packets = feedback.packets(&mut clock).enumerate();
            told.extend(
                packets.map(|(at, arrival)| (feedback.base.wrapping_add(at as u16), arrival.unwrap())),
            );
            message.clear();
        }
        told
    }

    #[test]
    fn the_reference_time_goes_on_over_its_turn() {
        let mut clock = ReceiverClock::default();
        let first = clock.place(0xff_ffff);
        assert_eq!(clock.place(1) - first, 2 * REFERENCE_US);
        assert_eq!(clock.place(0xff_ffff), first);
    }

    #[test]
    fn a_receivers_clock_that_runs_away_is_placed_anew() {
        for step in [(1 << 23) - 1, (1 << 24) - (1 << 23) + 1] {
            let mut clock = ReceiverClock::default();
            for turn in 0..2000u32 {
                let placed = clock.place(turn.wrapping_mul(step) & 0xff_ffff);
                assert!(placed.abs() <= REFERENCE_MAX * REFERENCE_US, "{turn}: {placed}");
            }
        }
    }

    #[test]
    fn what_is_cut_short_is_malformed() {
        assert!(Feedback::parse(&[0; 7]).is_err());
        // Ten packets of which no chunk tells, then an empty run.
        assert!(Feedback::parse(&[0, 1, 0, 10, 0, 0, 0, 0]).is_err());
        assert!(Feedback::parse(&[0, 1, 0, 10, 0, 0, 0, 0, 0x20, 0]).is_err());
        // Two arrivals, one delta.
        let short = [0, 1, 0, 2, 0, 0, 0, 0, 0x20, 2, 4];
        let packets = Feedback::parse(&short)
            .unwrap()
            .packets(&mut ReceiverClock::default());
        assert_eq!(packets.collect::<Vec<_>>(), [Ok(Some(1000)), Err(Malformed)]);
    }

    proptest! {
        #[test]
        fn what_the_recorder_writes_is_read(steps in proptest::collection::vec((1u16..30, 0i64..400), 1..60)) {
            let mut recorder = TwccRecorder::default();
            let (mut number, mut time_ms) = (65_000_u16, 100);
            let mut expected = Vec::new();
            for (step, wait) in steps {
                number = number.wrapping_add(step);
                time_ms += wait;
                recorder.record(number, MediaTime(time_ms * 1_000_000));
                expected.push((number, time_ms * 1000));
            }
            let arrived: Vec<_> = told(&mut recorder).into_iter().filter_map(|(n, at)| Some((n, at?))).collect();
            prop_assert_eq!(arrived, expected);
        }

        #[test]
        fn no_bytes_upset_the_reader(body in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(feedback) = Feedback::parse(&body) {
                prop_assert!(feedback.packets(&mut ReceiverClock::default()).count() <= 0xffff);
            }
        }
    }
}
