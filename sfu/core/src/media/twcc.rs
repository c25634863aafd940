//! Transport-wide congestion control (draft-holmer-rmcat-transport-wide-cc-extensions-01): tells a publisher
//! when each of its packets arrived.

use std::num::NonZeroU32;

use super::rtcp;
use super::time::MediaTime;

/// Arrivals kept: two seconds of a fast publisher. Older ones are overwritten.
const ARRIVALS_MAX: usize = 2048;
/// Packets in one message: what leaves room in 1,200 bytes at two bytes per packet and more.
const STATUSES_MAX: u64 = 400;
const TICK_NS: i64 = 250_000;
/// Ticks in a unit of the reference time.
const REFERENCE_TICKS: u32 = 256;
/// Runs shorter than this go into a vector of seven.
const RUN_MIN: usize = 8;
const RUN_MAX: usize = 8191;

/// When the packets of one publisher arrived, by transport-wide sequence number.
#[derive(Debug, Default)]
pub(crate) struct TwccRecorder {
    newest: Option<u64>,
    /// The first number that the next message tells of.
    first_unreported: u64,
    arrivals: Vec<Option<Ticks>>,
    messages: u8,
    statuses: Vec<Status>,
}

/// A time as messages tell it, in 250 µs. It wraps around after twelve days, as the 24 bits of the reference time
/// do. The one in the middle of that is told as the next, so that an option takes four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticks(NonZeroU32);

impl Ticks {
    const MIDDLE: u32 = 1 << 31;

    fn of(time: MediaTime) -> Self {
        let ticks = time.0.div_euclid(TICK_NS) as u32;
        Self(NonZeroU32::new(ticks ^ Self::MIDDLE).unwrap_or(NonZeroU32::MIN))
    }

    fn get(self) -> u32 {
        self.0.get() ^ Self::MIDDLE
    }

    /// Ticks from `earlier` to this; negative when this is the earlier one.
    fn since(self, earlier: u32) -> i32 {
        self.get().wrapping_sub(earlier) as i32
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Status {
    Missing = 0,
    SmallDelta = 1,
    LargeDelta = 2,
}

impl TwccRecorder {
    /// Takes the arrival of a packet.
    pub(crate) fn record(&mut self, sequence: u16, arrival: MediaTime) {
        if self.arrivals.is_empty() {
            self.arrivals = vec![None; ARRIVALS_MAX];
        }
        let arrival = Ticks::of(arrival);
        let Some(newest) = self.newest else {
            let extended = 0x1_0000 | u64::from(sequence);
            self.newest = Some(extended);
            self.first_unreported = extended;
            *self.slot(extended) = Some(arrival);
            return;
        };
        let extended = super::sequence::nearest(newest, sequence);
        if extended > newest {
            for skipped in newest + 1..extended.min(newest + 1 + ARRIVALS_MAX as u64) {
                *self.slot(skipped) = None;
            }
            self.newest = Some(extended);
            self.first_unreported = self
                .first_unreported
                .max((extended + 1).saturating_sub(ARRIVALS_MAX as u64));
        } else if newest - extended >= ARRIVALS_MAX as u64 / 2 {
            return;
        } else {
            // Reported missing before: told again, now with its arrival.
            self.first_unreported = self.first_unreported.min(extended);
        }
        *self.slot(extended) = Some(arrival);
    }

    /// Appends one message about what was not told yet; false when there is nothing to tell. To be called
    /// until it is false.
    pub(crate) fn write_feedback(&mut self, sender_ssrc: u32, media_ssrc: u32, out: &mut Vec<u8>) -> bool {
        let Some(newest) = self.newest.filter(|newest| *newest >= self.first_unreported) else {
            return false;
        };
        let base = self.first_unreported;
        let limit = newest.min(base + STATUSES_MAX - 1);
        let Some(first_arrival) = (base..=limit).find_map(|number| *self.slot(number)) else {
            self.first_unreported = limit + 1;
            return false;
        };
        let start = out.len();
        rtcp::begin_transport_feedback(out, sender_ssrc, media_ssrc);
        let reference = first_arrival.get() / REFERENCE_TICKS;
        out.extend_from_slice(&(base as u16).to_be_bytes());
        let count_at = out.len();
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&reference.to_be_bytes()[1..]);
        out.push(self.messages);
        self.messages = self.messages.wrapping_add(1);
        let next = self.classify(base, limit, reference * REFERENCE_TICKS);
        let statuses = std::mem::take(&mut self.statuses);
        out[count_at..count_at + 2].copy_from_slice(&(statuses.len() as u16).to_be_bytes());
        write_chunks(&statuses, out);
        let mut previous = reference * REFERENCE_TICKS;
        for (number, status) in (base..next).zip(&statuses) {
            let Some(arrival) = *self.slot(number) else {
                continue;
            };
            let delta = arrival.since(previous);
            previous = arrival.get();
            match status {
                Status::Missing => {}
                Status::SmallDelta => out.push(delta as u8),
                Status::LargeDelta => out.extend_from_slice(&(delta as i16).to_be_bytes()),
            }
        }
        self.statuses = statuses;
        self.first_unreported = next;
        rtcp::patch_len(out, start);
        true
    }

    /// Fills `statuses` from `base` on, up to `limit` or to where a delta does not fit two bytes; returns the
    /// number after the last.
    fn classify(&mut self, base: u64, limit: u64, reference: u32) -> u64 {
        let mut previous = reference;
        self.statuses.clear();
        for number in base..=limit {
            let status = match *self.slot(number) {
                None => Status::Missing,
                Some(arrival) => {
                    let delta = arrival.since(previous);
                    previous = arrival.get();
                    match delta {
                        0..=255 => Status::SmallDelta,
                        -32_768..=32_767 => Status::LargeDelta,
                        _ => return number,
                    }
                }
            };
            self.statuses.push(status);
        }
        limit + 1
    }

    fn slot(&mut self, number: u64) -> &mut Option<Ticks> {
        &mut self.arrivals[number as usize % ARRIVALS_MAX]
    }
}

fn write_chunks(statuses: &[Status], out: &mut Vec<u8>) {
    let mut rest = statuses;
    while let Some(first) = rest.first() {
        let run = rest
            .iter()
            .take(RUN_MAX)
            .take_while(|status| *status == first)
            .count();
        let (chunk, taken) = if run >= RUN_MIN || run == rest.len() {
            ((*first as u16) << 13 | run as u16, run)
        } else {
            let symbols = rest.iter().take(7).enumerate();
            let vector = symbols.fold(0, |vector, (at, status)| {
                vector | (*status as u16) << (12 - 2 * at)
            });
            (0xc000 | vector, rest.len().min(7))
        };
        out.extend_from_slice(&chunk.to_be_bytes());
        rest = &rest[taken..];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rtc_rtcp::transport_feedbacks::transport_layer_cc::{PacketStatusChunk, TransportLayerCc};
    use rtc_shared::marshal::Unmarshal;

    use super::*;

    fn ms(milliseconds: i64) -> MediaTime {
        MediaTime(milliseconds * 1_000_000)
    }

    /// Reads with another implementation: number and arrival in 250 µs of each packet.
    fn read(message: &[u8]) -> Vec<(u16, Option<i64>)> {
        let feedback = TransportLayerCc::unmarshal(&mut &message[..]).unwrap();
        let mut symbols = Vec::new();
        for chunk in &feedback.packet_chunks {
            match chunk {
                PacketStatusChunk::RunLengthChunk(run) => {
                    symbols.extend(std::iter::repeat_n(
                        run.packet_status_symbol as u16,
                        run.run_length.into(),
                    ));
                }
                PacketStatusChunk::StatusVectorChunk(vector) => {
                    symbols.extend(vector.symbol_list.iter().map(|symbol| *symbol as u16));
                }
            }
        }
        symbols.truncate(feedback.packet_status_count.into());
        let mut time = i64::from(feedback.reference_time) * 256;
        let mut deltas = feedback.recv_deltas.iter();
        symbols
            .iter()
            .enumerate()
            .map(|(at, symbol)| {
                let number = feedback.base_sequence_number.wrapping_add(at as u16);
                let arrival = (*symbol != 0).then(|| {
                    time += deltas.next().unwrap().delta / 250;
                    time
                });
                (number, arrival)
            })
            .collect()
    }

    fn feedback(recorder: &mut TwccRecorder) -> Vec<(u16, Option<i64>)> {
        let mut told = Vec::new();
        loop {
            let mut out = Vec::new();
            if !recorder.write_feedback(1, 2, &mut out) {
                return told;
            }
            told.extend(read(&out));
        }
    }

    #[test]
    fn arrivals_and_losses_are_told_once() {
        let mut recorder = TwccRecorder::default();
        for (number, at) in [(65_534, 100), (65_535, 110), (1, 300), (2, 301)] {
            recorder.record(number, ms(at));
        }
        let told = feedback(&mut recorder);
        let expected = [
            (65_534, Some(400)),
            (65_535, Some(440)),
            (0, None),
            (1, Some(1200)),
            (2, Some(1204)),
        ];
        assert_eq!(told, expected);
        assert_eq!(feedback(&mut recorder), []);
    }

    #[test]
    fn a_late_packet_is_told_after_all() {
        let mut recorder = TwccRecorder::default();
        recorder.record(1, ms(64));
        recorder.record(3, ms(70));
        feedback(&mut recorder);
        recorder.record(2, ms(75));
        assert_eq!(feedback(&mut recorder), [(2, Some(300)), (3, Some(280))]);
    }

    #[test]
    fn a_long_pause_starts_a_new_message() {
        let mut recorder = TwccRecorder::default();
        recorder.record(1, ms(0));
        recorder.record(2, ms(20_000));
        assert_eq!(feedback(&mut recorder), [(1, Some(0)), (2, Some(80_000))]);
    }

    proptest! {
        #[test]
        fn every_arrival_is_told(steps in proptest::collection::vec((1u16..30, 0i64..400), 1..600)) {
            let mut recorder = TwccRecorder::default();
            let (mut number, mut time) = (0_u16, 0);
            let mut expected = Vec::new();
            for (step, wait) in steps.iter().take(60) {
                number = number.wrapping_add(*step);
                time += wait;
                recorder.record(number, ms(time));
                expected.push((number, time * 4));
            }
            let told: Vec<_> = feedback(&mut recorder).into_iter().filter_map(|(n, at)| Some((n, at?))).collect();
            prop_assert_eq!(told, expected);
        }
    }
}
