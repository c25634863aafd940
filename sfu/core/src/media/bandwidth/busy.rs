//! What the line lets through while packets queue before it: the gaps between their arrivals show it exactly, within
//! a few packets, where counting what arrives takes a while to forget what it carried before. (Dispersion of trains of
//! packets: Dovrolis, Ramanathan, Moore, "What do packet dispersion techniques measure?", INFOCOM 2001.)

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

/// A packet that arrived.
#[derive(Debug, Clone, Copy, Default)]
struct Arrival {
    sent_us: u32,
    /// Microseconds that wrap.
    at_us: u32,
    queued_us: i32,
    bytes: u32,
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
}

impl Passage {
    pub(super) fn rate(&self) -> Bitrate {
        Bitrate(self.bytes * 8_000_000 / u64::from(self.span_us.max(1)))
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Busy {
    arrivals: [Arrival; ARRIVALS_MAX],
    /// How many came so far.
    count: usize,
}

impl Default for Busy {
    fn default() -> Self {
        Self {
            arrivals: [Arrival::default(); ARRIVALS_MAX],
            count: 0,
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
        };
        self.count += 1;
    }

    /// Forgets everything.
    pub(super) fn restart(&mut self) {
        self.count = 0;
    }

    /// For how long the newest packets have queued at least.
    pub(super) fn queued_us(&self) -> i64 {
        let newest = (0..NEWEST).map(|back| self.newest(back).map_or(0, |arrival| arrival.queued_us));
        newest.min().unwrap_or(0).into()
    }

    /// Whether the newest packets queued at all.
    pub(super) fn is_queue(&self) -> bool {
        self.queued_us() >= QUEUED_US_MIN.into()
    }

    /// What got through, of the packets told of; `None` if nothing queued, or too little to tell.
    pub(super) fn passage(&self) -> Option<Passage> {
        let newest = self.newest(0)?;
        let (mut packets, mut bytes, mut span_us, mut first_sent_us) = (0, 0_u64, 0, newest.sent_us);
        let mut until_now = 0;
        for back in 0..ARRIVALS_MAX {
            let Some(arrival) = self.newest(back) else { break };
            let age_us = newest.at_us.wrapping_sub(arrival.at_us);
            if arrival.queued_us < QUEUED_US_MIN || age_us > SPAN_US_MAX {
                break;
            }
            // The oldest only marks the beginning.
            (packets, bytes, span_us) = (packets + 1, until_now, age_us);
            first_sent_us = arrival.sent_us;
            until_now += u64::from(arrival.bytes);
        }
        (packets >= PACKETS_MIN && span_us >= SPAN_US_MIN).then_some(Passage {
            bytes,
            span_us,
            first_sent_us,
            last_sent_us: newest.sent_us,
        })
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
