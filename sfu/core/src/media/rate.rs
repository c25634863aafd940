//! How many bytes flow per second, averaged over the last second or two.

use std::time::Duration;

use super::time::MediaTime;

const WINDOW: Duration = Duration::from_secs(1);
/// What has come in less than this says nothing.
const SHORTEST: Duration = Duration::from_millis(400);

/// A window with more than this multiple of the one before is a flow that begins, not a peak of a steady one.
const PEAK: u64 = 4;

/// Bits per second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bitrate(pub(crate) u64);

/// Measures a flow.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RateMeter {
    window_began: Option<MediaTime>,
    bytes: u64,
    last: Option<Bitrate>,
    /// That of the window before.
    before: Option<Bitrate>,
}

impl RateMeter {
    pub(crate) fn add(&mut self, bytes: usize, now: MediaTime) {
        self.roll(now);
        self.bytes += bytes as u64;
    }

    /// The rate of the last full window; until there is one, of what has come so far.
    pub(crate) fn rate(&mut self, now: MediaTime) -> Bitrate {
        self.roll(now);
        self.last.unwrap_or(Bitrate(self.bytes * 8))
    }

    /// The rate, or `assumed` as long as too little has come to tell.
    pub(crate) fn rate_or(&mut self, assumed: Bitrate, now: MediaTime) -> Bitrate {
        self.roll(now);
        let elapsed = self.window_began.map_or(Duration::ZERO, |began| now.since(began));
        match self.last {
            Some(last) => last,
            None if elapsed < SHORTEST => assumed,
            None => Bitrate((self.bytes as f64 * 8.0 / elapsed.as_secs_f64()) as u64),
        }
    }

    /// The rate without what comes now and then, such as a key frame: the smaller one of the last two windows, or
    /// `assumed` as long as too little has come to tell.
    pub(crate) fn steady_or(&mut self, assumed: Bitrate, now: MediaTime) -> Bitrate {
        let rate = self.rate_or(assumed, now);
        let before = self
            .before
            .filter(|before| before.0 * PEAK >= rate.0 && self.last.is_some());
        before.map_or(rate, |before| before.min(rate))
    }

    /// Bits that came since the present window of a second began.
    pub(crate) fn current_window_bits(&mut self, now: MediaTime) -> u64 {
        self.roll(now);
        self.bytes * 8
    }

    fn roll(&mut self, now: MediaTime) {
        let began = *self.window_began.get_or_insert(now);
        let elapsed = now.since(began);
        if elapsed >= WINDOW {
            let bits = u128::from(self.bytes) * 8 * 1_000_000 / elapsed.as_micros().max(1);
            // After a pause it begins afresh.
            self.before = self.last;
            self.last = (elapsed < 2 * WINDOW).then_some(Bitrate(bits as u64));
            self.bytes = 0;
            self.window_began = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_flow_is_measured_and_its_end_noticed() {
        let mut meter = RateMeter::default();
        let at = |ms: u64| MediaTime(0) + Duration::from_millis(ms);
        for ms in (0..3000).step_by(10) {
            meter.add(1250, at(ms));
        }
        assert_eq!(meter.rate(at(3000)), Bitrate(1_000_000));
        assert_eq!(meter.rate(at(6000)), Bitrate(0));
    }

    #[test]
    fn a_key_frame_is_no_rate_and_a_flow_that_begins_is_one() {
        let mut meter = RateMeter::default();
        let at = |ms: u64| MediaTime(0) + Duration::from_millis(ms);
        for ms in (0..3000).step_by(10) {
            meter.add(125, at(ms));
        }
        meter.add(10_000, at(3000));
        for ms in (3010..4010).step_by(10) {
            meter.add(125, at(ms));
        }
        assert!(meter.rate(at(4020)) > Bitrate(170_000));
        assert_eq!(meter.steady_or(Bitrate(0), at(4020)), Bitrate(100_000));
        let mut meter = RateMeter::default();
        meter.add(100, at(0));
        for ms in (1000..3000).step_by(10) {
            meter.add(1250, at(ms));
        }
        assert_eq!(meter.steady_or(Bitrate(0), at(2000)), Bitrate(1_000_000));
    }
}
