//! How much arrives at a receiver per second, by its own clock: what is acknowledged, over the last 400 ms.

use crate::media::rate::Bitrate;

const BUCKET_US: i64 = 50_000;
/// With 50 ms each: a few frames, so that one key frame more or less does not matter much, and short enough
/// to see a line that gets slow.
const BUCKETS: usize = 8;
/// Less than this says nothing yet.
const SPAN_US_MIN: i64 = 3 * BUCKET_US;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Throughput {
    bytes: [u32; BUCKETS],
    /// The newest bucket's number, and the first one's that ever counted.
    newest: Option<i64>,
    first: i64,
}

impl Throughput {
    pub(super) fn arrived(&mut self, bytes: u32, arrival_us: i64) {
        let bucket = arrival_us.div_euclid(BUCKET_US);
        let newest = *self.newest.get_or_insert_with(|| {
            self.first = bucket;
            bucket
        });
        let ahead = bucket.saturating_sub(newest);
        if ahead.unsigned_abs() > 100 * BUCKETS as u64 {
            // Another clock.
            *self = Self::default();
            return;
        }
        if ahead <= -(BUCKETS as i64) {
            return;
        }
        for skipped in 1..=ahead.min(BUCKETS as i64) {
            self.bytes[slot(newest + skipped)] = 0;
        }
        self.newest = Some(newest.max(bucket));
        let held = &mut self.bytes[slot(bucket)];
        *held = held.saturating_add(bytes);
    }

    /// The rate, at a time later than any arrival; 0 if nothing came for long.
    pub(super) fn rate_at(&mut self, now_us: i64) -> Bitrate {
        self.arrived(0, now_us);
        self.rate().unwrap_or(Bitrate(0))
    }

    /// The rate; `None` while too little has arrived to tell.
    pub(super) fn rate(&self) -> Option<Bitrate> {
        let newest = self.newest?;
        // The newest bucket is still being filled.
        let complete = (newest - self.first).min(BUCKETS as i64 - 1);
        let span_us = complete * BUCKET_US;
        if span_us < SPAN_US_MIN {
            return None;
        }
        let bytes: u64 = (newest - complete..newest)
            .map(|bucket| u64::from(self.bytes[slot(bucket)]))
            .sum();
        Some(Bitrate(bytes * 8 * 1_000_000 / span_us as u64))
    }
}

fn slot(bucket: i64) -> usize {
    bucket.rem_euclid(BUCKETS as i64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_flow_is_measured_and_its_slowing_seen_within_400_ms() {
        let mut throughput = Throughput::default();
        for ms in (0..2000).step_by(4) {
            throughput.arrived(500, ms * 1000);
        }
        let rate = throughput.rate().unwrap().0;
        assert!((990_000..1_010_000).contains(&rate), "{rate}");
        for ms in (2000..2400).step_by(40) {
            throughput.arrived(500, ms * 1000);
        }
        let rate = throughput.rate().unwrap().0;
        assert!((90_000..230_000).contains(&rate), "{rate}");
    }

    #[test]
    fn another_clock_begins_anew() {
        let mut throughput = Throughput::default();
        for ms in (0..1000).step_by(4) {
            throughput.arrived(500, ms * 1000);
        }
        throughput.arrived(500, i64::MAX / 2);
        assert_eq!(throughput.rate(), None);
    }
}
