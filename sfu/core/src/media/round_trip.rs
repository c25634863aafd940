//! How long it takes to a peer and back: smoothed, with how far it wavers (RFC 6298 §2), and forgotten when nobody has
//! measured it for long.
//!
//! Not the shortest of the last while, though that follows a shorter way at once: what queues on the line takes its
//! time, and who is asked again meanwhile sends twice. Not the last one either: a single report that was held up would
//! keep lost sound from being asked for at all until the next one.

use std::time::Duration;

use super::time::MediaTime;

/// What takes longer was measured wrong.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(2);
/// What nobody has measured for so long may have become anything. Longer: a phone's old network is remembered in its
/// new one; shorter: of who reports every five seconds, a few lost reports leave nothing.
const AGE_MAX: Duration = Duration::from_secs(30);
/// What is measured in less than this after the last time comes of the same report, or the same burst of repairs, and
/// says the same.
const APART_MIN: Duration = Duration::from_millis(100);
/// So many ways it may waver count for an answer that should have come (RFC 6298's K).
const WAVERS: u32 = 4;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RoundTrip {
    mean: Duration,
    /// By how much it is longer than the mean, in the mean. Unlike RFC 6298's, what is shorter does not count: who has come
    /// nearer is not to be waited for longer.
    variation: Duration,
}

impl RoundTrip {
    /// As it was measured, or is assumed, for the first time. A quarter more is borne; RFC 6298 bears twice as much more,
    /// but loses nothing by it: here a request that is not repeated in time is a picture less.
    pub(crate) const fn of(measured: Duration) -> Self {
        let variation = Duration::from_nanos(measured.as_nanos() as u64 / (4 * WAVERS as u64));
        Self {
            mean: measured,
            variation,
        }
    }

    pub(crate) fn mean(self) -> Duration {
        self.mean
    }

    /// Within this time an answer should have come.
    pub(crate) fn with_wavering(self) -> Duration {
        self.mean + self.variation * WAVERS
    }

    fn with(self, measured: Duration) -> Self {
        let longer = measured.saturating_sub(self.mean);
        Self {
            mean: (self.mean * 7 + measured) / 8,
            variation: (self.variation * 3 + longer) / 4,
        }
    }
}

/// Learns it from what is measured.
#[derive(Debug, Default)]
pub(crate) struct RoundTripMeter {
    known: Option<(RoundTrip, MediaTime)>,
    /// What was known before that, and the longest of what came of the same burst.
    before: Option<RoundTrip>,
    longest: Duration,
}

impl RoundTripMeter {
    /// It took so long, just now.
    pub(crate) fn measured(&mut self, took: Duration, now: MediaTime) {
        let is_same = self.known.is_some_and(|(_, at)| now.since(at) < APART_MIN);
        if took >= ROUND_TRIP_MAX || is_same {
            return;
        }
        self.before = self.get(now);
        self.longest = took;
        self.take(now);
    }

    /// The same for one of several repairs, which come one behind the other: the last of them says how long all may take.
    pub(crate) fn measured_in_burst(&mut self, took: Duration, now: MediaTime) {
        match self.known {
            Some((_, at)) if now.since(at) < APART_MIN => {
                if took > self.longest && took < ROUND_TRIP_MAX {
                    self.longest = took;
                    self.take(at);
                }
            }
            _ => self.measured(took, now),
        }
    }

    fn take(&mut self, at: MediaTime) {
        let longest = self.longest;
        let round_trip = self
            .before
            .map_or(RoundTrip::of(longest), |before| before.with(longest));
        self.known = Some((round_trip, at));
    }

    /// `None` before it was measured, and when that is long ago.
    pub(crate) fn get(&self, now: MediaTime) -> Option<RoundTrip> {
        let (round_trip, measured) = self.known?;
        (now.since(measured) < AGE_MAX).then_some(round_trip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> MediaTime {
        MediaTime(0) + Duration::from_millis(ms)
    }

    fn ms(duration: Duration) -> u128 {
        duration.as_millis()
    }

    /// A meter that has measured these, in ms, a second apart, and the time then.
    fn measured(samples: &[u64]) -> (RoundTrip, MediaTime) {
        let (mut meter, mut now) = (RoundTripMeter::default(), at(0));
        for sample in samples {
            now = now + Duration::from_secs(1);
            meter.measured(Duration::from_millis(*sample), now);
        }
        (meter.get(now).unwrap(), now)
    }

    #[test]
    fn a_single_report_that_was_held_up_moves_it_little_but_makes_it_more_patient() {
        let steady = [40; 20];
        let (before, _) = measured(&steady);
        assert_eq!((ms(before.mean()), ms(before.with_wavering())), (40, 40));
        let (after, _) = measured(&[&steady[..], &[500]].concat());
        assert_eq!(ms(after.mean()), 97);
        assert!(after.with_wavering() >= Duration::from_millis(500), "{after:?}");
        let (later, _) = measured(&[&steady[..], &[500], &steady[..]].concat());
        assert!(ms(later.with_wavering()) < 60, "{later:?}");
    }

    #[test]
    fn a_longer_way_is_known_at_once_and_a_shorter_one_after_a_while() {
        let (longer, _) = measured(&[&[30; 20][..], &[150; 3]].concat());
        assert!((150..350).contains(&ms(longer.with_wavering())), "{longer:?}");
        let (shorter, _) = measured(&[&[150; 20][..], &[30; 15]].concat());
        assert!(ms(shorter.with_wavering()) < 60, "{shorter:?}");
    }

    #[test]
    fn a_line_that_wavers_is_given_the_time_it_takes() {
        let wavering: Vec<u64> = (0..100).map(|step| 60 + step * 37 % 80).collect();
        let (known, _) = measured(&wavering);
        assert!((80..120).contains(&ms(known.mean())), "{known:?}");
        assert!((125..200).contains(&ms(known.with_wavering())), "{known:?}");
    }

    #[test]
    fn what_nobody_measured_for_long_is_forgotten_and_learnt_anew() {
        let mut meter = RoundTripMeter::default();
        meter.measured(Duration::from_millis(600), at(0));
        assert!(meter.get(at(29_999)).is_some());
        assert_eq!(meter.get(at(30_000)), None);
        meter.measured(Duration::from_millis(40), at(31_000));
        assert_eq!(
            meter.get(at(31_000)),
            Some(RoundTrip::of(Duration::from_millis(40)))
        );
    }

    /// A report of thirty streams would else be thirty measurements, after which nothing was known of what was before.
    #[test]
    fn the_blocks_of_one_report_are_one_measurement() {
        let mut meter = RoundTripMeter::default();
        meter.measured(Duration::from_millis(40), at(0));
        for _ in 0..30 {
            meter.measured(Duration::from_millis(400), at(1_000));
        }
        assert_eq!(ms(meter.get(at(1_000)).unwrap().mean()), 85);
    }

    #[test]
    fn the_last_of_a_burst_of_repairs_says_how_long_they_take() {
        let mut meter = RoundTripMeter::default();
        meter.measured(Duration::from_millis(40), at(0));
        for (took, now) in [(50, 1_000), (90, 1_040), (130, 1_080), (60, 1_090)] {
            meter.measured_in_burst(Duration::from_millis(took), at(now));
        }
        let mut last = RoundTripMeter::default();
        last.measured(Duration::from_millis(40), at(0));
        last.measured(Duration::from_millis(130), at(1_000));
        assert_eq!(meter.get(at(1_090)), last.get(at(1_090)));
        meter.measured_in_burst(Duration::from_millis(50), at(1_100));
        assert!(ms(meter.get(at(1_100)).unwrap().mean()) < 60);
    }

    #[test]
    fn nonsense_is_not_believed() {
        let mut meter = RoundTripMeter::default();
        meter.measured(Duration::from_secs(2), at(0));
        assert_eq!(meter.get(at(0)), None);
    }
}
