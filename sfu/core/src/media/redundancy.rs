//! How many copies a subscriber's sound carries: as many as its line needs, none while nothing gets lost.
//!
//! A copy makes sound about half as large again. On a line without loss that buys nothing; where packets get
//! lost it is there a round trip earlier than a repair. On a line that loses because it is full, copies would
//! only fill it more, and push the pictures out: they get no more than a share of what it carries.

use std::time::Duration;

use super::rate::Bitrate;
use super::time::MediaTime;

/// From this loss on there is one copy, in 1/256: 1 %.
const ONE_COPY_LOSS: u64 = 3;
/// From this loss on, two: every tenth packet, or bursts.
const TWO_COPIES_LOSS: u64 = 26;
/// Packets that a verdict needs: fewer say nothing.
const VERDICT_PACKETS: u32 = 40;
/// Loss comes back: copies stay for this long after the last verdict that wanted them.
const HOLD: Duration = Duration::from_secs(20);
/// Copies may take this part of what the line carries beside the sound: a quarter.
const SHARE: u64 = 4;

/// The state for one subscriber.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Redundancy {
    expected: u32,
    lost: u32,
    copies: usize,
    until: Option<MediaTime>,
    /// No more than so many fit; `None` without a limit.
    fitting: Option<usize>,
}

impl Redundancy {
    /// How many copies to send with each packet.
    pub(crate) fn copies(&self) -> usize {
        self.fitting
            .map_or(self.copies, |fitting| self.copies.min(fitting))
    }

    /// Takes how much sound goes over the line, without copies, and what it carries beside it: `None` if that is
    /// not known.
    pub(crate) fn fit(&mut self, sound: Bitrate, carries: Option<Bitrate>) {
        self.fitting = carries.map(|carries| (carries.0 / SHARE / sound.0.max(1)) as usize);
    }

    /// Takes a report about `expected` packets.
    pub(crate) fn reported(&mut self, expected: u32, lost: u32, now: MediaTime) {
        self.expected = self.expected.saturating_add(expected);
        self.lost = self.lost.saturating_add(lost.min(expected));
        if self.expected < VERDICT_PACKETS {
            return;
        }
        let wanted = match u64::from(self.lost) * 256 / u64::from(self.expected) {
            ..ONE_COPY_LOSS => 0,
            ONE_COPY_LOSS..TWO_COPIES_LOSS => 1,
            TWO_COPIES_LOSS.. => 2,
        };
        (self.expected, self.lost) = (0, 0);
        let is_held = self.until.is_some_and(|until| now < until);
        if wanted >= self.copies || !is_held {
            self.copies = wanted;
            self.until = Some(now + HOLD);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_come_with_loss_and_stay_for_a_while() {
        let mut redundancy = Redundancy::default();
        let at = |second: u64| MediaTime(0) + Duration::from_secs(second);
        redundancy.reported(100, 0, at(0));
        assert_eq!(redundancy.copies(), 0);
        redundancy.reported(50, 1, at(1));
        assert_eq!(redundancy.copies(), 1);
        redundancy.reported(50, 10, at(2));
        assert_eq!(redundancy.copies(), 2);
        redundancy.reported(1000, 0, at(20));
        assert_eq!(redundancy.copies(), 2);
        redundancy.reported(1000, 0, at(22));
        assert_eq!(redundancy.copies(), 0);
    }

    #[test]
    fn a_narrow_line_gets_as_many_copies_as_leave_the_pictures_their_room() {
        let mut redundancy = Redundancy::default();
        redundancy.reported(100, 30, MediaTime(0));
        for (kbit, copies) in [
            (None, 2),
            (Some(1000), 2),
            (Some(500), 1),
            (Some(250), 0),
            (None, 2),
        ] {
            redundancy.fit(Bitrate(80_000), kbit.map(|kbit| Bitrate(kbit * 1000)));
            assert_eq!(redundancy.copies(), copies, "{kbit:?}");
        }
    }

    #[test]
    fn a_single_lost_packet_among_few_says_nothing() {
        let mut redundancy = Redundancy::default();
        redundancy.reported(20, 1, MediaTime(0));
        assert_eq!(redundancy.copies(), 0);
        redundancy.reported(300, 1, MediaTime(1));
        assert_eq!(redundancy.copies(), 0);
    }
}
