//! How much of something one subscriber may cause: so many at once, and one more from time to time.

use std::time::Duration;

use super::time::MediaTime;

/// An allowance that refills by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    most: u32,
    every: Duration,
    left: u32,
    refilled: Option<MediaTime>,
}

impl Allowance {
    /// A full one: `most` at once, one more after each `every`.
    pub(crate) const fn new(most: u32, every: Duration) -> Self {
        Self {
            most,
            every,
            left: most,
            refilled: None,
        }
    }

    /// Takes one; false when there is none left.
    pub(crate) fn take(&mut self, now: MediaTime) -> bool {
        self.refill(now);
        let has_one = self.left > 0;
        self.left -= u32::from(has_one);
        has_one
    }

    fn refill(&mut self, now: MediaTime) {
        let since = self.refilled.get_or_insert(now);
        let waited = now.since(*since);
        let more = u32::try_from(waited.as_nanos() / self.every.as_nanos().max(1)).unwrap_or(u32::MAX);
        if more >= self.most - self.left {
            self.left = self.most;
            *since = now;
        } else {
            self.left += more;
            *since = *since + self.every * more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_one_from_time_to_time() {
        let mut allowance = Allowance::new(3, Duration::from_secs(1));
        let at = |ms: i64| MediaTime(ms * 1_000_000);
        let taken = |allowance: &mut Allowance, ms| (0..10).filter(|_| allowance.take(at(ms))).count();
        assert_eq!(taken(&mut allowance, 500), 3);
        assert_eq!(taken(&mut allowance, 1499), 0);
        assert_eq!(taken(&mut allowance, 1500), 1);
        // The rest of an interval is not lost.
        assert_eq!(taken(&mut allowance, 3400), 1);
        assert_eq!(taken(&mut allowance, 3500), 1);
        assert_eq!(taken(&mut allowance, 1_000_000), 3);
    }
}
