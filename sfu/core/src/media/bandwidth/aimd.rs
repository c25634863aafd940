//! The rate that the delay allows: multiplied while nothing queues, cut to what gets through when the queue grows
//! (draft-ietf-rmcat-gcc-02 §5.5).

use std::time::Duration;

use super::trendline::Usage;
use super::{ESTIMATE_MAX, ESTIMATE_MIN};
use crate::media::rate::Bitrate;
use crate::media::time::MediaTime;

/// After overuse: this share of what gets through, so that the queue empties.
const BACKOFF: f64 = 0.85;
/// At least this much less each time: what gets through while packets queue may be as much as is sent.
const AGAIN: f64 = 0.95;
/// Per second, while the end of the line is not known to be near.
const GROWTH_PER_SECOND: f64 = 1.08;
/// Near the rate of the last overuse: one packet per response time.
const PACKET_BITS: f64 = 1200.0 * 8.0;
const NEAR_CAPACITY: f64 = 0.15;
/// What is sent shows no more than this multiple of itself: no growth beyond while less is sent than may be.
const SHOWN: f64 = 1.5;
const SHOWN_EXTRA: f64 = 10_000.0;
/// When far less is sent than may be, what arrives says little about the line: cut by half, and look again.
const APPLICATION_LIMITED: f64 = 0.5;
/// Cuts are this far apart at least: a shorter time shows nothing of the last one.
const CUT_INTERVAL_MIN: Duration = Duration::from_millis(100);
const CUT_INTERVAL_MAX: Duration = Duration::from_millis(300);
/// Between reports there may be a pause, for which nothing grows.
const STEP_MAX: Duration = Duration::from_secs(1);

/// What gets through while the queue grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Through {
    /// As was seen of packets that queued.
    Seen(Bitrate),
    /// What arrives in the mean of the last while, of which some may have come before the queue.
    Average(Bitrate),
    /// There is no queue to speak of, or nothing was counted yet.
    Unknown,
}

/// See the module.
#[derive(Debug)]
pub(super) struct RateControl {
    rate: f64,
    /// What arrived at the last overuse.
    capacity: Option<f64>,
    updated: Option<MediaTime>,
    cut: Option<MediaTime>,
    is_over: bool,
}

impl RateControl {
    pub(super) fn new(start: Bitrate) -> Self {
        Self {
            rate: start.0 as f64,
            capacity: None,
            updated: None,
            cut: None,
            is_over: false,
        }
    }

    pub(super) fn rate(&self) -> Bitrate {
        Bitrate(self.rate as u64)
    }

    /// When the rate was cut last.
    pub(super) fn last_cut(&self) -> Option<MediaTime> {
        self.cut
    }

    /// Takes what the delay says, with what arrives, what gets through when that is too much, and the round trip.
    pub(super) fn update(
        &mut self,
        usage: Usage,
        arrives: Option<Bitrate>,
        through: Through,
        round_trip: Duration,
        now: MediaTime,
    ) {
        let elapsed = self
            .updated
            .map_or(Duration::ZERO, |updated| now.since(updated).min(STEP_MAX));
        self.updated = Some(now);
        self.is_over = usage == Usage::Over;
        match usage {
            Usage::Over => self.back_off(through, round_trip, now),
            // The queue empties: let it.
            Usage::Under => {}
            Usage::Normal => self.grow(arrives, round_trip, elapsed),
        }
        self.clamp();
    }

    fn back_off(&mut self, through: Through, round_trip: Duration, now: MediaTime) {
        let interval = round_trip.clamp(CUT_INTERVAL_MIN, CUT_INTERVAL_MAX);
        if self.cut.is_some_and(|cut| now.since(cut) < interval) {
            return;
        }
        let (lowered, capacity) = match through {
            Through::Seen(rate) => ((rate.0 as f64 * BACKOFF).min(self.rate * AGAIN), rate.0 as f64),
            Through::Average(rate) => {
                let rate = rate.0 as f64;
                let is_limited = rate < self.rate * APPLICATION_LIMITED;
                let lowered = if is_limited {
                    self.rate * APPLICATION_LIMITED
                } else {
                    rate * BACKOFF
                };
                (lowered, rate)
            }
            Through::Unknown => (self.rate * BACKOFF, self.rate),
        };
        self.capacity = Some(capacity);
        if lowered < self.rate {
            self.rate = lowered;
            self.cut = Some(now);
        }
    }

    fn grow(&mut self, arrives: Option<Bitrate>, round_trip: Duration, elapsed: Duration) {
        let Some(arrives) = arrives else { return };
        let arrives = arrives.0 as f64;
        let seconds = elapsed.as_secs_f64();
        if self
            .capacity
            .is_some_and(|capacity| self.rate > capacity * (1.0 + NEAR_CAPACITY))
        {
            // It carries more than was thought.
            self.capacity = None;
        }
        let is_near = self
            .capacity
            .is_some_and(|capacity| self.rate > capacity * (1.0 - NEAR_CAPACITY));
        let grown = if is_near {
            let response = round_trip.as_secs_f64() + 0.1;
            self.rate + PACKET_BITS / response * seconds
        } else {
            self.rate * GROWTH_PER_SECOND.powf(seconds)
        };
        let shown = arrives * SHOWN + SHOWN_EXTRA;
        self.rate = grown.min(shown).max(self.rate);
    }

    /// A probe has shown that this much goes through.
    pub(super) fn shown(&mut self, rate: Bitrate) {
        if rate.0 as f64 > self.rate && !self.is_over {
            self.rate = rate.0 as f64;
            self.clamp();
        }
    }

    /// The line was seen to let through no more than this.
    pub(super) fn fall(&mut self, carries: Bitrate, now: MediaTime) {
        self.capacity = Some(carries.0 as f64);
        self.rate = carries.0 as f64 * BACKOFF;
        self.cut = Some(now);
        self.clamp();
    }

    /// Nothing was heard of what was sent: half of it will do.
    pub(super) fn halve(&mut self, now: MediaTime) {
        self.rate /= 2.0;
        self.cut = Some(now);
        self.clamp();
    }

    fn clamp(&mut self) {
        self.rate = self.rate.clamp(ESTIMATE_MIN.0 as f64, ESTIMATE_MAX.0 as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(50);

    fn at(ms: u64) -> MediaTime {
        MediaTime(0) + Duration::from_millis(ms)
    }

    #[test]
    fn it_grows_by_eight_percent_a_second_while_it_is_used() {
        let mut control = RateControl::new(Bitrate(1_000_000));
        for ms in (0..=10_000).step_by(100) {
            let arrives = control.rate();
            control.update(Usage::Normal, Some(arrives), Through::Unknown, ROUND_TRIP, at(ms));
        }
        let rate = control.rate().0;
        assert!((2_100_000..2_200_000).contains(&rate), "{rate}");
    }

    #[test]
    fn it_does_not_grow_beyond_what_is_shown() {
        let mut control = RateControl::new(Bitrate(1_000_000));
        for ms in (0..=60_000).step_by(100) {
            control.update(
                Usage::Normal,
                Some(Bitrate(400_000)),
                Through::Unknown,
                ROUND_TRIP,
                at(ms),
            );
        }
        assert_eq!(control.rate(), Bitrate(1_000_000));
    }

    fn over(control: &mut RateControl, through: Through, ms: u64) -> Bitrate {
        control.update(Usage::Over, None, through, ROUND_TRIP, at(ms));
        control.rate()
    }

    #[test]
    fn overuse_cuts_to_what_arrives_and_not_again_at_once() {
        let mut control = RateControl::new(Bitrate(1_500_000));
        let mut over = |kbit: u64, ms| over(&mut control, Through::Average(Bitrate(kbit * 1000)), ms);
        assert_eq!(over(1000, 0), Bitrate(850_000));
        assert_eq!(over(500, 50), Bitrate(850_000));
        assert_eq!(over(500, 150), Bitrate(425_000));
        assert_eq!(over(0, 300), Bitrate(212_500));
    }

    #[test]
    fn what_was_seen_to_get_through_is_not_gone_below_by_much() {
        let mut control = RateControl::new(Bitrate(1_500_000));
        let mut over = |through, ms| over(&mut control, through, ms);
        // A burst queued, on a line that carries more than all that is sent.
        assert_eq!(over(Through::Seen(Bitrate(3_000_000)), 0), Bitrate(1_425_000));
        assert_eq!(over(Through::Seen(Bitrate(1_000_000)), 300), Bitrate(850_000));
        assert_eq!(over(Through::Unknown, 600), Bitrate(722_500));
    }
}
