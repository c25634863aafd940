//! How long packets queue on the way: their delay beyond the least of the last while. The trend of the delay
//! shows a queue that grows; this shows one that stays, full to the brim, with all the rest of it lost.

use std::time::Duration;

use crate::media::time::MediaTime;

/// The least delay counts for one to two of these.
const EPOCH: Duration = Duration::from_secs(15);
/// A queue beyond this is stood in too long for talking.
const STANDING_US: i64 = 80_000;
/// After a cut it should get shorter within this time, by this share; else it is not our doing.
const PATIENCE: Duration = Duration::from_secs(1);
const SHRUNK: f64 = 0.85;
/// More than this is another clock.
const JUMP_US: i32 = 3_000_000;

#[derive(Debug, Clone, Copy)]
struct Cut {
    at: MediaTime,
    queued_us: i64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Delays are relative to this one: the clocks' difference is unknown, and wraps.
    origin: Option<u32>,
    /// The least of the present epoch and of the one before.
    least_us: [Option<i64>; 2],
    epoch: Option<MediaTime>,
    /// The least of the message at hand.
    message_us: Option<i64>,
    queued_us: i64,
    cut: Option<Cut>,
}

impl Queue {
    /// Takes a packet that arrived. Returns how much longer than the fastest of the last while it took.
    pub(super) fn arrived(&mut self, sent_us: u32, arrival_us: i64) -> i64 {
        let delay = (arrival_us as u32).wrapping_sub(sent_us);
        let origin = *self.origin.get_or_insert(delay);
        let relative = delay.wrapping_sub(origin) as i32;
        if relative.unsigned_abs() > JUMP_US.unsigned_abs() {
            *self = Self::default();
            return 0;
        }
        let relative = i64::from(relative);
        let least = self.message_us.get_or_insert(relative);
        *least = (*least).min(relative);
        self.beyond_least(relative)
    }

    /// The same of one that says nothing of the queue as it is now.
    pub(super) fn queued_us(&self, sent_us: u32, arrival_us: i64) -> i64 {
        let delay = (arrival_us as u32).wrapping_sub(sent_us);
        let relative = self.origin.map_or(0, |origin| delay.wrapping_sub(origin) as i32);
        self.beyond_least(relative.into())
    }

    fn beyond_least(&self, relative: i64) -> i64 {
        let least = self.least_us.iter().flatten().min();
        least.map_or(0, |least| (relative - least).max(0))
    }

    /// What was in it when less began to be sent says nothing any more.
    pub(super) fn forgive(&mut self) {
        self.message_us = None;
        self.cut = None;
    }

    /// The message is read: whether it shows a standing queue that less traffic would empty.
    pub(super) fn is_standing(&mut self, now: MediaTime) -> bool {
        let Some(delay_us) = self.message_us.take() else {
            return false;
        };
        let epoch = *self.epoch.get_or_insert(now);
        if now.since(epoch) > EPOCH {
            self.epoch = Some(now);
            self.least_us = [None, self.least_us[0]];
        }
        self.least_us[0] = Some(self.least_us[0].map_or(delay_us, |least| least.min(delay_us)));
        let least_us = self.least_us.iter().flatten().min().copied().unwrap_or(delay_us);
        self.queued_us = delay_us - least_us;
        if self.queued_us < STANDING_US {
            self.cut = None;
            return false;
        }
        match self.cut {
            Some(cut) if now.since(cut.at) < PATIENCE => true,
            Some(cut) if self.queued_us as f64 > cut.queued_us as f64 * SHRUNK => {
                // The way has become longer, or others fill it.
                self.least_us = [Some(delay_us), None];
                self.epoch = Some(now);
                self.cut = None;
                false
            }
            Some(_) | None => {
                self.cut = Some(Cut {
                    at: now,
                    queued_us: self.queued_us,
                });
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> MediaTime {
        MediaTime(0) + Duration::from_millis(ms)
    }

    fn run(queue: &mut Queue, ms: std::ops::Range<u64>, delay_us: impl Fn(u64) -> i64) -> u32 {
        let mut standing = 0;
        for ms in ms.step_by(100) {
            queue.arrived(ms as u32 * 1000, ms as i64 * 1000 + delay_us(ms));
            standing += u32::from(queue.is_standing(at(ms)));
        }
        standing
    }

    #[test]
    fn a_queue_that_stays_is_seen_until_it_is_gone() {
        let mut queue = Queue::default();
        assert_eq!(run(&mut queue, 0..5000, |_| 20_000), 0);
        let shrinks = |ms: u64| 320_000 - (ms as i64 - 5000) * 100;
        assert_eq!(run(&mut queue, 5000..7000, shrinks), 20);
        assert_eq!(run(&mut queue, 7500..8000, |_| 40_000), 0);
    }

    #[test]
    fn a_longer_way_is_taken_for_one_within_a_second() {
        let mut queue = Queue::default();
        run(&mut queue, 0..5000, |_| 20_000);
        assert!(run(&mut queue, 5000..20_000, |_| 220_000) <= 10);
    }
}
