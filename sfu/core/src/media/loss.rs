//! How much video a subscriber is sent at most, judged by what gets lost on the way to it.
//!
//! For receivers that tell of no arrivals (`bandwidth` judges the others): much loss in their reports lowers the ceiling,
//! little raises it again, and far above what is sent there is none.

use std::time::Duration;

use super::rate::Bitrate;
use super::time::MediaTime;

/// More than this lowers the ceiling, in 1/256: 10 %.
const HEAVY_LOSS: u32 = 26;
/// Less than this raises it: 2 %.
const LIGHT_LOSS: u32 = 5;
/// One verdict per interval: a report about the time before the last change says nothing about it.
const INTERVAL: Duration = Duration::from_secs(1);
/// Room for voices and one small video: these reports are too rough to take that away too.
const CEILING_MIN: Bitrate = Bitrate(250_000);

/// The state for one subscriber.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LossLimit {
    ceiling: Option<Bitrate>,
    expected: u32,
    lost: u32,
    last_verdict: Option<MediaTime>,
}

impl LossLimit {
    /// The most to send; `None` when there is no limit.
    pub(crate) fn ceiling(&self) -> Option<Bitrate> {
        self.ceiling
    }

    /// Takes a report about `expected` packets.
    pub(crate) fn reported(&mut self, expected: u32, lost: u32) {
        self.expected = self.expected.saturating_add(expected);
        self.lost = self.lost.saturating_add(lost.min(expected));
    }

    /// Judges what was reported, given what is being sent.
    pub(crate) fn update(&mut self, sent: Bitrate, now: MediaTime) {
        let waited = self.last_verdict.is_none_or(|last| now.since(last) >= INTERVAL);
        if !waited || self.expected < 10 {
            return;
        }
        let loss = (u64::from(self.lost) * 256 / u64::from(self.expected)) as u32;
        (self.expected, self.lost) = (0, 0);
        self.last_verdict = Some(now);
        if loss > HEAVY_LOSS {
            let from = self.ceiling.map_or(sent, |ceiling| ceiling.min(sent)).0;
            let lowered = from * u64::from(512 - loss.min(256)) / 512;
            self.ceiling = Some(Bitrate(lowered).max(CEILING_MIN));
        } else if loss < LIGHT_LOSS
            && let Some(ceiling) = &mut self.ceiling
        {
            ceiling.0 += ceiling.0 * 8 / 100;
            if ceiling.0 > sent.0.saturating_mul(4).max(8_000_000) {
                self.ceiling = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heavy_loss_lowers_and_calm_raises() {
        let mut limit = LossLimit::default();
        let at = |second: u64| MediaTime(0) + Duration::from_secs(second);
        limit.reported(100, 3);
        limit.update(Bitrate(2_000_000), at(1));
        assert_eq!(limit.ceiling(), None);
        limit.reported(100, 50);
        limit.update(Bitrate(2_000_000), at(2));
        let lowered = limit.ceiling().unwrap();
        assert_eq!(lowered, Bitrate(1_500_000));
        for second in 3..40 {
            limit.reported(100, 0);
            limit.update(Bitrate(1_400_000), at(second));
        }
        assert_eq!(limit.ceiling(), None);
    }

    #[test]
    fn reports_about_more_packets_than_anybody_gets_are_summed_up_all_the_same() {
        let mut limit = LossLimit::default();
        for _ in 0..28 * 31 {
            limit.reported(19_999, 19_921);
        }
        limit.update(Bitrate(2_000_000), MediaTime(0));
        let lowered = limit.ceiling().unwrap();
        assert!((1_000_000..1_010_000).contains(&lowered.0), "{lowered:?}");
        for _ in 0..300_000 {
            limit.reported(19_999, 19_999);
        }
        limit.update(Bitrate(2_000_000), MediaTime(2_000_000_000));
        assert_eq!(limit.ceiling(), Some(Bitrate(lowered.0 / 2)));
    }

    #[test]
    fn there_is_always_a_little_left() {
        let mut limit = LossLimit::default();
        for second in 0..20 {
            limit.reported(100, 100);
            limit.update(Bitrate(50_000), MediaTime(0) + Duration::from_secs(second));
        }
        assert_eq!(limit.ceiling(), Some(CEILING_MIN));
    }
}
