//! How many packets a shard sends in a second, and how many it can.

use std::time::{Duration, Instant};

/// What one core of a small machine carries, with as much again in reserve for key frames that meet and for whatever
/// else runs there: forwarding takes some 3.3 µs a packet, system calls and all (benches/README.md), so that 300,000
/// a second are all there is. More: people are let in until everybody's picture stutters.
pub const PACKETS_PER_SECOND_MAX: u64 = 150_000;

/// Shorter: one key frame looks like much; longer: a group that joins at once is noticed late.
const INTERVAL: Duration = Duration::from_secs(1);

/// What a shard sends at present.
#[derive(Debug)]
pub(super) struct Load {
    since: Instant,
    packets: u64,
    per_second: u64,
    max: u64,
}

impl Load {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            packets: 0,
            per_second: 0,
            max: PACKETS_PER_SECOND_MAX,
        }
    }

    pub(super) fn set_max(&mut self, packets_per_second: u64) {
        self.max = packets_per_second;
    }

    /// So many packets have been sent since the beginning.
    pub(super) fn update(&mut self, packets: u64, now: Instant) {
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed < INTERVAL {
            return;
        }
        let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        self.per_second = packets.saturating_sub(self.packets) * 1_000 / milliseconds;
        (self.since, self.packets) = (now, packets);
    }

    pub(super) fn per_second(&self) -> u64 {
        self.per_second
    }

    /// Whether nobody else fits in.
    pub(super) fn is_full(&self) -> bool {
        self.per_second >= self.max
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]

    use super::*;

    #[test]
    fn packets_are_counted_by_the_second() {
        let start = Instant::now();
        let mut load = Load::new(start);
        load.set_max(500);
        load.update(900, start + Duration::from_millis(999));
        assert_eq!(load.per_second(), 0, "not a second yet");
        load.update(1_000, start + Duration::from_secs(2));
        assert!(load.is_full() && load.per_second() == 500);
        load.update(1_001, start + Duration::from_secs(3));
        assert!(!load.is_full());
    }
}
