//! How many packets a shard sends in a second, how many it will when those who have just come are all there, and how
//! many it can.

use std::time::{Duration, Instant};

/// What one core of a small machine carries, with as much again in reserve for key frames that meet and for whatever
/// else runs there: forwarding takes some 3.3 µs a packet, system calls and all (benches/README.md), so that 300,000
/// a second are all there is. More: people are let in until everybody's picture stutters.
pub const PACKETS_PER_SECOND_MAX: u64 = 150_000;

/// Shorter: one key frame looks like much; longer: a group that joins at once is noticed late.
const INTERVAL: Duration = Duration::from_secs(1);

/// What somebody costs whose media is still to come: two cameras and two voices. More: when all come back at once, as
/// after a restart, some are turned away for seconds although there is room; fewer: too many are let in. In groups of
/// six with all cameras on everybody costs twice as much, which the reserve bears.
const EXPECTED_PER_SECOND: u64 = 300;

/// So many intervals after joining, cameras are on and estimates have risen: what is sent is measured by then. Until
/// then the expected part becomes smaller by the interval.
const INTERVALS_TO_SETTLE: usize = 10;

/// What a shard sends at present, and soon.
#[derive(Debug)]
pub(super) struct Load {
    since: Instant,
    packets: u64,
    per_second: u64,
    max: u64,
    /// Who has been let in in each of the last intervals, the newest first.
    newcomers: [u64; INTERVALS_TO_SETTLE],
}

impl Load {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            packets: 0,
            per_second: 0,
            max: PACKETS_PER_SECOND_MAX,
            newcomers: [0; INTERVALS_TO_SETTLE],
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
        let intervals = usize::try_from(elapsed.as_millis() / INTERVAL.as_millis());
        let intervals = intervals.map_or(INTERVALS_TO_SETTLE, |passed| passed.min(INTERVALS_TO_SETTLE));
        self.newcomers.rotate_right(intervals);
        self.newcomers[..intervals].fill(0);
    }

    /// Somebody has been let in.
    pub(super) fn expect_one(&mut self) {
        self.newcomers[0] += 1;
    }

    pub(super) fn per_second(&self) -> u64 {
        self.per_second
    }

    /// Whether nobody else fits in, beside those whose media is still to come.
    pub(super) fn is_full(&self) -> bool {
        self.per_second + self.expected() >= self.max
    }

    fn expected(&self) -> u64 {
        let parts = (0..INTERVALS_TO_SETTLE as u64).rev().map(|left| left + 1);
        let newcomers = self.newcomers.iter().zip(parts);
        let tenths: u64 = newcomers.map(|(count, part)| count * part).sum();
        tenths * EXPECTED_PER_SECOND / INTERVALS_TO_SETTLE as u64
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

    #[test]
    fn those_who_come_at_once_are_counted_before_anything_is_sent_to_them() {
        let start = Instant::now();
        let mut load = Load::new(start);
        let mut let_in = 0;
        while !load.is_full() {
            load.expect_one();
            let_in += 1;
        }
        assert_eq!(let_in, PACKETS_PER_SECOND_MAX / EXPECTED_PER_SECOND);
        // They turn out to want half of it, so that there is room for others, little by little.
        let mut rooms = Vec::new();
        for second in 1..=10 {
            load.update(
                second * PACKETS_PER_SECOND_MAX / 2,
                start + INTERVAL * second as u32,
            );
            rooms.push(load.max.saturating_sub(load.per_second() + load.expected()));
        }
        assert_eq!((rooms[3], rooms[9]), (0, PACKETS_PER_SECOND_MAX / 2));
        assert!(rooms.is_sorted());
    }
}
