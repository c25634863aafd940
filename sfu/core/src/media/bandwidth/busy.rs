//! What the line lets through while packets queue before it: the gaps between their arrivals show it exactly, within
//! a few packets, where counting what arrives takes a while to forget what it carried before. (Dispersion of trains of
//! packets: Dovrolis, Ramanathan, Moore, "What do packet dispersion techniques measure?", INFOCOM 2001.)

use super::usual::Usual;
use crate::media::rate::Bitrate;

/// Arrivals remembered.
const ARRIVALS_MAX: usize = 64;
/// A packet that was delayed by this much more than the least had others before it.
const QUEUED_US_MIN: i32 = 25_000;
/// What arrived in this time counts.
const SPAN_US_MAX: u32 = 250_000;
/// Fewer packets, or less time between the first and the last, say nothing.
const PACKETS_MIN: usize = 4;
const SPAN_US_MIN: u32 = 40_000;
/// The queue is as long as all of the newest few packets say: one that was held up says nothing, nor do those that come
/// in one go after it.
const NEWEST: usize = 3;

/// The same where less queues otherwise: the newest packets have queued for so long, and those of the passage. With less, a
/// line that is restless for once is taken for one that has fallen; with more, a queue of a third of a second is full
/// before it is noticed.
const SUDDEN_US_MIN: i64 = 25_000;
const SUDDEN_QUEUED_US_MIN: i64 = 12_000;
const SUDDEN_PACKETS_MIN: usize = 3;
const SUDDEN_SPAN_US_MIN: u32 = 24_000;
const SUDDEN_NEWEST: usize = 2;

/// The same of a short queue that runs over: at least as many are lost as arrive, and those that arrive queued, for less
/// than would say anything otherwise. A burst of loss on a line with room leaves the others as fast as before.
const OVERFLOW_QUEUED_US_MIN: i32 = 10_000;
const OVERFLOW_PACKETS_MIN: usize = 4;
const OVERFLOW_SPAN_US_MIN: u32 = 60_000;

/// A packet that arrived.
#[derive(Debug, Clone, Copy, Default)]
struct Arrival {
    sent_us: u32,
    /// Microseconds that wrap.
    at_us: u32,
    queued_us: i32,
    bytes: u32,
    /// So many between the one before it and it are lost.
    lost: u32,
}

/// What was seen to get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passage {
    /// Without the first packet, which only marks the beginning.
    pub(super) bytes: u64,
    /// Between the arrivals of the first and the last, in microseconds.
    pub(super) span_us: u32,
    /// When the first and the last of it were sent, in microseconds that wrap.
    pub(super) first_sent_us: u32,
    pub(super) last_sent_us: u32,
    /// Packets lost between them, and the longest that one of them queued, in microseconds: where some are lost, there
    /// is no room for more.
    pub(super) lost: u32,
    pub(super) longest_us: u32,
}

impl Passage {
    pub(super) fn rate(&self) -> Bitrate {
        Bitrate(self.bytes * 8_000_000 / u64::from(self.span_us.max(1)))
    }

    /// Whether its packets came at three quarters of the pace at which they were sent, or less. Where they did not, it shows
    /// what the publisher sends and not what the line carries.
    fn is_stretched(&self) -> bool {
        let sent_us = self.last_sent_us.wrapping_sub(self.first_sent_us);
        u64::from(self.span_us) * 3 >= u64::from(sent_us) * 4
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Busy {
    arrivals: [Arrival; ARRIVALS_MAX],
    /// How many came so far.
    count: usize,
    /// Lost since the newest.
    lost: u32,
    usual: Usual,
}

impl Default for Busy {
    fn default() -> Self {
        Self {
            arrivals: [Arrival::default(); ARRIVALS_MAX],
            count: 0,
            lost: 0,
            usual: Usual::default(),
        }
    }
}

impl Busy {
    /// Takes a packet that arrived, and how much longer than the fastest it took.
    pub(super) fn arrived(&mut self, sent_us: u32, arrival_us: i64, queued_us: i64, bytes: u32) {
        let at_us = arrival_us as u32;
        if self
            .newest(0)
            .is_some_and(|newest| (at_us.wrapping_sub(newest.at_us) as i32) < 0)
        {
            // It was overtaken, or another clock is to be read: then the rest is forgotten soon.
            self.count = 0;
        }
        self.arrivals[self.count % ARRIVALS_MAX] = Arrival {
            sent_us,
            at_us,
            queued_us: queued_us.clamp(0, i32::MAX.into()) as i32,
            bytes,
            lost: std::mem::take(&mut self.lost),
        };
        self.count += 1;
        self.usual.arrived(at_us, self.queued_of(SUDDEN_NEWEST));
    }

    /// A packet is lost.
    pub(super) fn lost(&mut self) {
        self.lost = self.lost.saturating_add(1);
    }

    /// The line is not what it was.
    pub(super) fn forget_usual(&mut self) {
        self.usual = Usual::default();
    }

    /// Forgets everything.
    pub(super) fn restart(&mut self) {
        (self.count, self.lost) = (0, 0);
    }

    /// For how long the newest packets have queued at least.
    pub(super) fn queued_us(&self) -> i64 {
        self.queued_of(NEWEST)
    }

    fn queued_of(&self, count: usize) -> i64 {
        let newest = (0..count).map(|back| self.newest(back).map_or(0, |arrival| arrival.queued_us));
        newest.min().unwrap_or(0).into()
    }

    /// Whether the newest packets queued at all.
    pub(super) fn is_queue(&self) -> bool {
        self.queued_us() >= QUEUED_US_MIN.into()
    }

    /// What got through, of the packets told of; `None` if nothing queued, or too little to tell.
    pub(super) fn passage(&self) -> Option<Passage> {
        self.passage_of(PACKETS_MIN, SPAN_US_MIN, |arrival, _| {
            arrival.queued_us >= QUEUED_US_MIN
        })
    }

    /// The same of a queue that grows from packet to packet, far beyond what usually queues on this line: there a few of
    /// them say as much. Where the way has only become longer, it does not grow.
    pub(super) fn sudden_passage(&self) -> Option<Passage> {
        let usual_us = self.usual.most_us()?;
        if self.queued_of(SUDDEN_NEWEST) < SUDDEN_US_MIN.max(3 * usual_us) {
            return None;
        }
        let least_us = SUDDEN_QUEUED_US_MIN.max(2 * usual_us);
        let grows = |arrival: &Arrival, next: &Arrival| {
            i64::from(arrival.queued_us) >= least_us && arrival.queued_us <= next.queued_us
        };
        self.passage_of(SUDDEN_PACKETS_MIN, SUDDEN_SPAN_US_MIN, grows)
            .filter(Passage::is_stretched)
    }

    /// The same of a short queue that runs over. Between its pictures the line may be idle: only what came while the next
    /// one waited already counts.
    pub(super) fn overflow_passage(&self) -> Option<Passage> {
        let queues = |arrival: &Arrival, _: &Arrival| arrival.queued_us >= OVERFLOW_QUEUED_US_MIN;
        let all = self.passage_of(OVERFLOW_PACKETS_MIN, OVERFLOW_SPAN_US_MIN, queues)?;
        let (mut packets, mut bytes, mut span_us) = (0, 0_u64, 0_u32);
        let mut next = self.newest(0)?;
        for back in 1..ARRIVALS_MAX {
            let Some(arrival) = self.newest(back).filter(|arrival| queues(arrival, &next)) else {
                break;
            };
            if arrival.sent_us.wrapping_sub(all.first_sent_us) as i32 <= 0 {
                break;
            }
            packets += 1;
            let gap_us = next.at_us.wrapping_sub(arrival.at_us);
            if gap_us <= next.queued_us as u32 {
                bytes += u64::from(next.bytes);
                span_us += gap_us;
            }
            next = arrival;
        }
        (all.lost >= packets && span_us >= SUDDEN_SPAN_US_MIN).then_some(Passage {
            bytes,
            span_us,
            ..all
        })
    }

    /// Of the newest packets as far back as they belong to it, each with the one after it.
    fn passage_of(
        &self,
        packets_min: usize,
        span_us_min: u32,
        belongs: impl Fn(&Arrival, &Arrival) -> bool,
    ) -> Option<Passage> {
        let newest = self.newest(0)?;
        let (mut bytes, mut lost, mut longest_us, mut next) = (0_u64, 0, 0, newest);
        let (mut whole, mut since_loss) = (None, None);
        for back in 0..ARRIVALS_MAX {
            let Some(arrival) = self.newest(back) else { break };
            let span_us = newest.at_us.wrapping_sub(arrival.at_us);
            if !belongs(&arrival, &next) || span_us > SPAN_US_MAX {
                break;
            }
            longest_us = longest_us.max(arrival.queued_us as u32);
            if back + 1 >= packets_min && span_us >= span_us_min {
                // The oldest only marks the beginning: its bytes, and what was lost before it, do not count.
                whole = Some(Passage {
                    bytes,
                    span_us,
                    first_sent_us: arrival.sent_us,
                    last_sent_us: newest.sent_us,
                    lost,
                    longest_us,
                });
                if arrival.lost > 0 {
                    // What came before the first loss may have come before the line was what it is now.
                    since_loss = whole;
                }
            }
            bytes += u64::from(arrival.bytes);
            lost += arrival.lost;
            next = arrival;
        }
        since_loss.or(whole)
    }

    /// The one so many before the newest.
    fn newest(&self, back: usize) -> Option<Arrival> {
        let number = self.count.checked_sub(back + 1)?;
        Some(self.arrivals[number % ARRIVALS_MAX])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of 1000 bytes, one each 10 ms, over a line that takes so long for each.
    fn send(busy: &mut Busy, from_ms: u32, count: u32, takes_us: u32) {
        let mut free_us = 0;
        for number in 0..count {
            let sent_us = (from_ms + number * 10) * 1000;
            free_us = sent_us.max(free_us) + takes_us;
            let queued_us = free_us - sent_us - takes_us.min(1000);
            busy.arrived(sent_us, i64::from(free_us) + 20_000, queued_us.into(), 1000);
        }
    }

    #[test]
    fn what_queues_shows_what_gets_through_and_what_does_not_queue_shows_nothing() {
        let mut busy = Busy::default();
        send(&mut busy, 0, 50, 1000);
        assert_eq!((busy.passage(), busy.queued_us()), (None, 0));
        // 20 ms for 1000 bytes.
        send(&mut busy, 1000, 12, 20_000);
        let passage = busy.passage().unwrap();
        assert_eq!(passage.rate(), Bitrate(400_000));
        assert!(passage.span_us < SPAN_US_MAX && passage.first_sent_us >= 1_010_000);
        assert!(busy.queued_us() >= 80_000, "{}", busy.queued_us());
    }

    /// Four seconds of pictures of two packets each, which a line passes on within 3 ms.
    fn quiet() -> Busy {
        let mut busy = Busy::default();
        for picture in 0..200_u32 {
            let sent_us = picture * 33_000;
            for packet in 0..2_u32 {
                let queued_us = packet * 3_000;
                let at_us = i64::from(sent_us + queued_us) + 20_000;
                busy.arrived(sent_us, at_us, queued_us.into(), 1000);
            }
        }
        busy
    }

    /// A picture of so many packets, each of which takes so long.
    fn picture(busy: &mut Busy, sent_us: u32, packets: u32, longer_us: u32, takes_us: u32) {
        for packet in 0..packets {
            let queued_us = longer_us + (packet + 1) * takes_us;
            let at_us = i64::from(sent_us + queued_us) + 20_000;
            busy.arrived(sent_us, at_us, queued_us.into(), 1000);
        }
    }

    #[test]
    fn where_nothing_queues_otherwise_three_packets_show_a_line_that_has_fallen() {
        let mut busy = quiet();
        picture(&mut busy, 6_600_000, 2, 0, 25_000);
        assert_eq!(busy.sudden_passage(), None);
        let mut busy = quiet();
        picture(&mut busy, 6_600_000, 3, 0, 25_000);
        assert_eq!(busy.passage(), None);
        assert_eq!(busy.sudden_passage().unwrap().rate(), Bitrate(320_000));

        let mut restless = Busy::default();
        for number in 0..600_u32 {
            let (sent_us, queued_us) = (number * 10_000, number % 7 * 8_000);
            let at_us = i64::from(sent_us + queued_us) + 20_000;
            restless.arrived(sent_us, at_us, queued_us.into(), 1000);
        }
        picture(&mut restless, 6_600_000, 3, 0, 25_000);
        assert_eq!(restless.sudden_passage(), None);
    }

    #[test]
    fn a_way_that_has_become_longer_is_no_queue_that_grows() {
        let mut busy = quiet();
        for number in 0..10 {
            picture(&mut busy, 6_600_000 + number * 33_000, 2, 60_000, 3_000);
            assert_eq!(busy.sudden_passage(), None);
        }
        // Nor where each picture is one packet, and comes a little later than the one before it.
        let mut busy = quiet();
        for number in 0..10 {
            picture(
                &mut busy,
                6_600_000 + number * 33_000,
                1,
                40_000 + number * 500,
                3_000,
            );
            assert_eq!(busy.sudden_passage(), None);
        }
    }

    /// Pictures of 8 packets at once each 33 ms; of each picture so many arrive, so long apart.
    fn overflowing(busy: &mut Busy, pictures: u32, arrive: u32, takes_us: u32) {
        for number in 0..pictures {
            let sent_us = 6_600_000 + number * 33_000;
            picture(busy, sent_us, arrive, 0, takes_us);
            (arrive..8).for_each(|_| busy.lost());
        }
    }

    #[test]
    fn a_short_queue_that_runs_over_shows_what_gets_through_and_a_burst_of_loss_does_not() {
        // Two packets of 1000 bytes fit into it, of 14 ms each.
        let mut busy = quiet();
        overflowing(&mut busy, 5, 2, 14_000);
        assert_eq!(busy.passage(), None);
        let passage = busy.overflow_passage().unwrap();
        assert!((560_000..580_000).contains(&passage.rate().0), "{passage:?}");
        assert!(passage.lost >= 18 && passage.longest_us == 28_000, "{passage:?}");
        // The line is as fast as before, whatever is lost behind it.
        let mut busy = quiet();
        overflowing(&mut busy, 5, 2, 1_000);
        assert_eq!(busy.overflow_passage(), None);
        // It queues, but loses little.
        let mut busy = quiet();
        overflowing(&mut busy, 5, 7, 4_700);
        assert_eq!(busy.overflow_passage(), None);
    }

    #[test]
    fn what_was_held_up_and_comes_in_one_go_is_no_queue() {
        let mut busy = Busy::default();
        send(&mut busy, 0, 20, 1000);
        for number in 0..12_u32 {
            let sent_us = 500_000 + number * 10_000;
            busy.arrived(sent_us, 640_000, i64::from(120_000 - number * 10_000), 1000);
        }
        assert!(busy.queued_us() < 40_000, "{}", busy.queued_us());
    }

    #[test]
    fn a_clock_that_goes_back_begins_anew() {
        let mut busy = Busy::default();
        send(&mut busy, 1000, 12, 20_000);
        busy.arrived(2_000_000, 500_000, 90_000, 1000);
        assert_eq!((busy.passage(), busy.queued_us()), (None, 0));
    }
}
