//! A bound on the estimate by what gets lost (after draft-ietf-rmcat-gcc-02 §6). A line that loses packets
//! however little is sent, like a weak radio, is not taken for a full one: loss counts only beyond what was
//! lost in the better half of the last while, and beyond what chance may add to it.

use std::time::Duration;

use crate::media::rate::Bitrate;
use crate::media::time::MediaTime;

/// One verdict per interval, about so many packets at least: a few lost ones are no share.
const INTERVAL: Duration = Duration::from_millis(500);
const PACKETS_MIN: u32 = 20;
/// Above this share, beyond what is always lost, the bound goes down.
const HEAVY: f64 = 0.10;
/// Below this share of all it goes up. A line that always loses more shows by probes that it carries more.
const LIGHT: f64 = 0.05;
/// What is always lost is the median of so many verdicts: 4 s.
const VERDICTS: usize = 8;
/// Steps up.
const GROWTH: f64 = 1.10;
/// Not below this share of what arrived: that much goes through.
const ARRIVED_SHARE: f64 = 0.85;
/// What the line was seen to let through when it fell counts as well for so long: next to nothing is sent then.
const PASSAGE_AGE_MAX: Duration = Duration::from_secs(2);
/// A bound this far above what is sent is none.
const FAR_ABOVE: u64 = 4;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct LossBound {
    bound: Option<Bitrate>,
    /// The line was seen to let through this much, and when.
    passage: Option<(Bitrate, MediaTime)>,
    received: u32,
    lost: u32,
    judged: Option<MediaTime>,
    shares: [f64; VERDICTS],
    verdicts: usize,
}

impl LossBound {
    /// The most to send; `None` without a limit.
    pub(super) fn bound(&self) -> Option<Bitrate> {
        self.bound
    }

    /// One has come, for the first time or after it had been reported lost.
    pub(super) fn arrived(&mut self, was_lost: bool) {
        self.lost = self.lost.saturating_sub(u32::from(was_lost));
        self.received = self.received.saturating_add(1);
    }

    pub(super) fn lost(&mut self) {
        self.lost = self.lost.saturating_add(1);
    }

    /// The line was seen to let through another rate than before: what was found of that is over, and what was lost while
    /// its queue ran over is no sign of a bound. What it always loses, it goes on losing.
    pub(super) fn fell(&mut self, carries: Bitrate, now: MediaTime) {
        let Self { shares, verdicts, .. } = *self;
        *self = Self {
            passage: Some((carries, now)),
            shares,
            verdicts,
            ..Self::default()
        };
    }

    /// A probe has shown that this much goes through.
    pub(super) fn shown(&mut self, rate: Bitrate) {
        if let Some(bound) = &mut self.bound {
            *bound = (*bound).max(rate);
        }
    }

    /// Judges what was reported, given what arrived per second and what is allowed at present. True when the bound goes down.
    pub(super) fn update(&mut self, arrived: Bitrate, allowed: Bitrate, now: MediaTime) -> bool {
        let judged = *self.judged.get_or_insert(now);
        let packets = self.received + self.lost;
        if now.since(judged) < INTERVAL || packets < PACKETS_MIN {
            return false;
        }
        let share = f64::from(self.lost) / f64::from(packets);
        (self.received, self.lost) = (0, 0);
        self.judged = Some(now);
        let mut sorted = self.shares;
        sorted.sort_unstable_by(f64::total_cmp);
        let always = sorted[(VERDICTS - 1) / 2];
        self.shares[self.verdicts % VERDICTS] = share;
        self.verdicts += 1;
        // The standard error of a share of so few: half the verdicts on a line that loses a tenth see more than that.
        let chance = (share * (1.0 - share) / f64::from(packets)).sqrt();
        let beyond = share - always - chance;
        if beyond > HEAVY {
            // What was sent is what arrived and what did not.
            let sent = arrived.0 as f64 / (1.0 - share).max(0.05);
            let from = self
                .bound
                .map_or(allowed.0 as f64, |bound| bound.0 as f64)
                .min(sent);
            let passes = self
                .passage
                .filter(|(_, seen)| now.since(*seen) < PASSAGE_AGE_MAX)
                .map_or(0, |(rate, _)| rate.0);
            let lowered = (from * (1.0 - 0.5 * share)).max(arrived.0.max(passes) as f64 * ARRIVED_SHARE);
            self.bound = Some(Bitrate(lowered as u64).max(super::ESTIMATE_MIN));
        } else if share < LIGHT
            && let Some(bound) = &mut self.bound
        {
            bound.0 = (bound.0 as f64 * GROWTH) as u64;
            if bound.0 > arrived.0.saturating_mul(FAR_ABOVE) || *bound >= super::ESTIMATE_MAX {
                self.bound = None;
            }
        }
        beyond > HEAVY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half-second verdicts; returns the bound after each.
    fn run(bound: &mut LossBound, from: u64, verdicts: u64, mut line: impl FnMut(Bitrate) -> (f64, Bitrate)) {
        for step in 0..verdicts {
            let allowed = bound.bound().unwrap_or(Bitrate(2_000_000));
            let (share, arrived) = line(allowed);
            let lost = (share * 100.0) as u32;
            (0..lost).for_each(|_| bound.lost());
            (lost..100).for_each(|_| bound.arrived(false));
            let now = MediaTime(0) + Duration::from_millis(600 * (from + step));
            bound.update(arrived, allowed, now);
        }
    }

    #[test]
    fn a_line_that_cuts_off_what_is_too_much_bounds_to_what_goes_through() {
        let mut bound = LossBound::default();
        let cut = |allowed: Bitrate| {
            let through = allowed.0.min(1_000_000);
            (1.0 - through as f64 / allowed.0 as f64, Bitrate(through))
        };
        run(&mut bound, 0, 20, cut);
        let found = bound.bound().unwrap().0;
        assert!((800_000..1_150_000).contains(&found), "{found}");
    }

    #[test]
    fn loss_that_is_always_there_does_not_collapse_the_bound() {
        let mut bound = LossBound::default();
        let mut step = 0_u64;
        let mut lowest = u64::MAX;
        let weak = |allowed: Bitrate| {
            step += 1;
            lowest = lowest.min(allowed.0);
            // 12 % on average, from 6 to 18 %.
            let share = 0.12 + 0.06 * f64::from((step * 7 % 13) as i32 - 6) / 6.0;
            (
                share,
                Bitrate((allowed.0.min(1_500_000) as f64 * (1.0 - share)) as u64),
            )
        };
        run(&mut bound, 0, 200, weak);
        assert!(lowest > 700_000, "{lowest}");
    }

    #[test]
    fn what_was_just_seen_to_get_through_bounds_the_bound() {
        for (seen_ms, least) in [(1000, 170_000), (0, 50_000)] {
            let mut bound = LossBound::default();
            let at = |ms: u64| MediaTime(0) + Duration::from_millis(ms);
            bound.fell(Bitrate(200_000), at(seen_ms));
            bound.update(Bitrate(0), Bitrate(170_000), at(1500));
            (0..15).for_each(|_| bound.lost());
            (0..15).for_each(|_| bound.arrived(false));
            assert!(bound.update(Bitrate(20_000), Bitrate(170_000), at(2100)));
            assert_eq!(bound.bound(), Some(Bitrate(least)));
        }
    }

    #[test]
    fn the_bound_goes_when_the_loss_has_gone() {
        let mut bound = LossBound::default();
        run(&mut bound, 0, 3, |_| (0.4, Bitrate(300_000)));
        assert!(bound.bound().is_some());
        run(&mut bound, 3, 40, |_| (0.0, Bitrate(500_000)));
        assert_eq!(bound.bound(), None);
    }
}
