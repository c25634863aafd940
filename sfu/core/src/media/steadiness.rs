//! Keeps a subscriber's video from going up and down: after it had to give way to a narrow line, it waits
//! before it takes more again, and longer each time that was in vain; not so when the line carries much more than it did
//! then. And it announces a pause once.

use std::time::Duration;

use super::rate::Bitrate;
use super::time::MediaTime;

/// From having to take less to taking more again.
const HOLD_MIN: Duration = Duration::from_secs(2);
const HOLD_MAX: Duration = Duration::from_secs(16);
/// A paused video comes back after this at the latest, if there is room: else a less important one, which had to give
/// way less often, would take its place.
const PAUSE_HOLD_MAX: Duration = HOLD_MIN;
/// Who has to take less this soon after taking more took it in vain.
const IN_VAIN: Duration = Duration::from_secs(5);
/// A video is announced as paused when it has been for this long: at the start the line shows within this
/// time what it carries.
const ANNOUNCED_AFTER: Duration = Duration::from_millis(500);

/// Estimates dip. A line that carries too little even for the fewest frames for so long does not carry them.
const STARVED_AFTER: Duration = Duration::from_secs(2);

/// A line that carries so many times what it did is another line: what gave way to the old one does not wait.
const OTHER_LINE: u64 = 2;

/// When a video had to take less, and what the line was thought to carry then.
#[derive(Debug, Clone, Copy)]
struct Lowered {
    at: MediaTime,
    estimate: Option<Bitrate>,
}

/// The state for one video of one subscriber.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Steadiness {
    raised: Option<MediaTime>,
    lowered: Option<Lowered>,
    hold: Duration,
    /// Since when there has been too little even for the fewest frames.
    short: Option<MediaTime>,
    paused: Option<MediaTime>,
    is_announced: bool,
}

impl Steadiness {
    /// Whether it is too early to take more, with a line that is thought to carry this.
    pub(crate) fn is_held(&self, estimate: Option<Bitrate>, now: MediaTime) -> bool {
        self.is_held_for(self.hold, estimate, now)
    }

    /// Whether it is too early to begin again.
    pub(crate) fn is_pause_held(&self, estimate: Option<Bitrate>, now: MediaTime) -> bool {
        self.is_held_for(self.hold.min(PAUSE_HOLD_MAX), estimate, now)
    }

    fn is_held_for(&self, hold: Duration, estimate: Option<Bitrate>, now: MediaTime) -> bool {
        self.lowered.is_some_and(|lowered| {
            let is_other = lowered
                .estimate
                .zip(estimate)
                .is_some_and(|(before, now)| now.0 >= before.0.saturating_mul(OTHER_LINE));
            now.since(lowered.at) < hold && !is_other
        })
    }

    /// Notes whether there is too little even for the fewest frames.
    pub(crate) fn note_room(&mut self, is_short: bool, now: MediaTime) {
        let since = self.short.unwrap_or(now);
        self.short = is_short.then_some(since);
    }

    /// Whether there has been too little for a while.
    pub(crate) fn is_starved(&self, now: MediaTime) -> bool {
        self.short.is_some_and(|since| now.since(since) >= STARVED_AFTER)
    }

    /// Whether the line does not carry it at all.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Whether its viewer was told so.
    pub(crate) fn is_announced(&self) -> bool {
        self.is_announced
    }

    /// It takes more than before.
    pub(crate) fn raised(&mut self, now: MediaTime) {
        self.raised = Some(now);
    }

    /// It has to take less than before, because of the line.
    pub(crate) fn lowered(&mut self, estimate: Option<Bitrate>, now: MediaTime) {
        let in_vain = self.raised.is_some_and(|raised| now.since(raised) < IN_VAIN);
        self.hold = if in_vain {
            (self.hold * 2).clamp(HOLD_MIN, HOLD_MAX)
        } else {
            HOLD_MIN
        };
        self.lowered = Some(Lowered { at: now, estimate });
    }

    /// It cannot be sent at present. True when that is to be announced.
    pub(crate) fn pause(&mut self, now: MediaTime) -> bool {
        let since = *self.paused.get_or_insert(now);
        let is_due = !self.is_announced && now.since(since) >= ANNOUNCED_AFTER;
        self.is_announced |= is_due;
        is_due
    }

    /// It is sent again, or not looked at any more. True when that is to be announced.
    pub(crate) fn resume(&mut self) -> bool {
        self.paused = None;
        std::mem::take(&mut self.is_announced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> MediaTime {
        MediaTime(0) + Duration::from_millis(ms)
    }

    #[test]
    fn who_rises_in_vain_waits_longer_each_time() {
        let mut steadiness = Steadiness::default();
        assert!(!steadiness.is_held(None, at(0)));
        let mut now = 0;
        let mut holds = Vec::new();
        for _ in 0..5 {
            steadiness.raised(at(now));
            steadiness.lowered(None, at(now + 1000));
            let hold = (0..)
                .find(|ms| !steadiness.is_held(None, at(now + 1000 + ms)))
                .unwrap();
            holds.push(hold);
            now += 1000 + hold;
        }
        assert_eq!(holds, [2000, 4000, 8000, 16_000, 16_000]);
        steadiness.raised(at(100_000));
        steadiness.lowered(None, at(110_000));
        assert!(!steadiness.is_held(None, at(112_000)));
    }

    #[test]
    fn who_gave_way_to_a_line_that_was_not_known_yet_does_not_wait() {
        let mut steadiness = Steadiness::default();
        steadiness.lowered(Some(Bitrate(1_000_000)), at(0));
        assert!(steadiness.is_held(Some(Bitrate(1_900_000)), at(100)));
        assert!(!steadiness.is_held(Some(Bitrate(2_000_000)), at(100)));
        assert!(
            steadiness.is_held(Some(Bitrate(900_000)), at(200)),
            "nor any more"
        );
    }

    #[test]
    fn what_is_short_for_a_moment_is_not_starved() {
        let mut steadiness = Steadiness::default();
        steadiness.note_room(true, at(0));
        steadiness.note_room(true, at(1900));
        assert!(!steadiness.is_starved(at(1900)) && steadiness.is_starved(at(2000)));
        steadiness.note_room(false, at(2000));
        steadiness.note_room(true, at(2200));
        assert!(!steadiness.is_starved(at(4000)));
    }

    #[test]
    fn a_pause_is_announced_once_and_so_is_its_end() {
        let mut steadiness = Steadiness::default();
        let announced: Vec<_> = (0..10).filter(|step| steadiness.pause(at(step * 200))).collect();
        assert_eq!(announced, [3]);
        assert!(steadiness.resume() && !steadiness.resume());
        assert!(!steadiness.pause(at(5000)) && !steadiness.resume());
    }
}
