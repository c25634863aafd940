//! How well one participant's line carries the call: measures of an interval, and a verdict that does not
//! flicker.
//!
//! Nothing here is on the packet path: every two seconds the counters that are kept anyway are read, and the
//! difference to the last reading is told.

use std::time::Duration;

use hearken_protocol::{LineQuality, LineTrouble};

use super::time::MediaTime;

/// How often a participant is told. Shorter: quicker verdicts, more messages to everybody.
pub(crate) const INTERVAL: Duration = Duration::from_secs(2);
/// Participants of a session are told one after the other, this far apart.
const STAGGER: Duration = Duration::from_millis(100);
/// Fewer packets than this in an interval say nothing about loss.
const PACKETS_MIN: u64 = 20;
/// Verdicts in a row before a line counts as worse.
const WORSE_AFTER: u8 = 2;
/// Verdicts in a row before a line counts as better.
const BETTER_AFTER: u8 = 4;

/// From where on something is noticed, and from where on sound and picture suffer.
#[derive(Debug, Clone, Copy)]
struct Threshold<T> {
    fair: T,
    poor: T,
}

/// Repairs and concealment hide less than 3 %; at 10 % they no longer keep up.
const LOSS_PERMILLE: Threshold<u16> = Threshold { fair: 30, poor: 100 };
/// People begin to talk over each other (ITU-T G.114 says 400 ms one way is too much).
const ROUND_TRIP_MS: Threshold<u32> = Threshold { fair: 300, poor: 600 };
/// Jitter buffers add a few times this to the delay.
const JITTER_MS: Threshold<u16> = Threshold { fair: 40, poor: 100 };

/// Packets that should have come, and those that did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Loss {
    pub(crate) expected: u64,
    pub(crate) lost: u64,
}

impl Loss {
    pub(crate) fn add(&mut self, other: Self) {
        self.expected += other.expected;
        self.lost += other.lost.min(other.expected);
    }

    /// Of 1000; 0 when too few packets came to tell.
    pub(crate) fn permille(self) -> u16 {
        if self.expected < PACKETS_MIN {
            return 0;
        }
        (self.lost * 1000 / self.expected).min(1000) as u16
    }
}

/// What a verdict is based on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sample {
    pub(crate) up_loss_permille: u16,
    pub(crate) down_loss_permille: u16,
    pub(crate) jitter_ms: u16,
    pub(crate) round_trip_ms: Option<u32>,
    /// Videos that are shown are paused because the line is too narrow.
    pub(crate) is_short_of_bandwidth: bool,
}

impl Sample {
    /// The verdict on this interval alone.
    fn judge(&self) -> (LineQuality, Option<LineTrouble>) {
        let grade = |value: u32, fair: u32, poor: u32| match value {
            _ if value >= poor => LineQuality::Poor,
            _ if value >= fair => LineQuality::Fair,
            _ => LineQuality::Good,
        };
        let loss = |permille: u16| {
            grade(
                permille.into(),
                LOSS_PERMILLE.fair.into(),
                LOSS_PERMILLE.poor.into(),
            )
        };
        let round_trip = self.round_trip_ms.unwrap_or(0);
        let bandwidth = if self.is_short_of_bandwidth {
            LineQuality::Poor
        } else {
            LineQuality::Good
        };
        // In the order in which they are named when they are equally bad.
        let verdicts = [
            (loss(self.up_loss_permille), LineTrouble::SendingLoss),
            (loss(self.down_loss_permille), LineTrouble::ReceivingLoss),
            (bandwidth, LineTrouble::Bandwidth),
            (
                grade(round_trip, ROUND_TRIP_MS.fair, ROUND_TRIP_MS.poor),
                LineTrouble::Delay,
            ),
            (
                grade(
                    self.jitter_ms.into(),
                    JITTER_MS.fair.into(),
                    JITTER_MS.poor.into(),
                ),
                LineTrouble::Jitter,
            ),
        ];
        let mut worst = (LineQuality::Good, None);
        for (quality, trouble) in verdicts {
            if rank(quality) > rank(worst.0) {
                worst = (quality, Some(trouble));
            }
        }
        worst
    }
}

fn rank(quality: LineQuality) -> u8 {
    match quality {
        LineQuality::Good => 0,
        LineQuality::Fair => 1,
        LineQuality::Poor => 2,
        LineQuality::Lost => 3,
    }
}

/// The readings of one participant's line.
#[derive(Debug, Default)]
pub(crate) struct LineMeter {
    due: Option<MediaTime>,
    last: Option<MediaTime>,
    quality: LineQuality,
    trouble: Option<LineTrouble>,
    /// How often in a row the verdict was worse than what is told, or better.
    worse: u8,
    better: u8,
    /// What the subscriber said of everything it is sent, since the last reading.
    pub(crate) down: Loss,
}

impl LineMeter {
    /// How long ago the last reading was, when the next is due; the participant at place `at` of its session.
    pub(crate) fn take_due(&mut self, at: usize, now: MediaTime) -> Option<Duration> {
        let due = *self
            .due
            .get_or_insert_with(|| now + INTERVAL / 2 + STAGGER * (at % 20) as u32);
        if now < due {
            return None;
        }
        self.due = Some(now + INTERVAL);
        let last = self.last.replace(now);
        Some(last.map_or(INTERVAL, |last| now.since(last)))
    }

    /// Takes the reading of an interval; says how the line is by now.
    pub(crate) fn judge(&mut self, sample: &Sample) -> (LineQuality, Option<LineTrouble>) {
        let (quality, trouble) = sample.judge();
        let (now, before) = (rank(quality), rank(self.quality));
        self.worse = if now > before { self.worse + 1 } else { 0 };
        self.better = if now < before { self.better + 1 } else { 0 };
        if self.worse >= WORSE_AFTER || self.better >= BETTER_AFTER {
            (self.worse, self.better) = (0, 0);
            (self.quality, self.trouble) = (quality, trouble);
        } else if now == before {
            self.trouble = trouble;
        }
        (self.quality, self.trouble)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(permille: u16) -> Sample {
        Sample {
            down_loss_permille: permille,
            ..Sample::default()
        }
    }

    #[test]
    fn one_bad_interval_changes_nothing_and_two_do() {
        let mut meter = LineMeter::default();
        assert_eq!(meter.judge(&loss(200)).0, LineQuality::Good);
        assert_eq!(meter.judge(&loss(0)).0, LineQuality::Good);
        assert_eq!(meter.judge(&loss(200)).0, LineQuality::Good);
        assert_eq!(
            meter.judge(&loss(150)),
            (LineQuality::Poor, Some(LineTrouble::ReceivingLoss))
        );
    }

    #[test]
    fn a_line_is_better_after_four_calm_intervals_in_a_row() {
        let mut meter = LineMeter::default();
        for _ in 0..2 {
            meter.judge(&loss(200));
        }
        for _ in 0..3 {
            assert_eq!(meter.judge(&loss(0)).0, LineQuality::Poor);
        }
        meter.judge(&loss(110));
        for _ in 0..3 {
            assert_eq!(meter.judge(&loss(0)).0, LineQuality::Poor);
        }
        assert_eq!(meter.judge(&loss(0)), (LineQuality::Good, None));
    }

    #[test]
    fn the_worst_trouble_is_named() {
        let sample = Sample {
            up_loss_permille: 40,
            jitter_ms: 120,
            round_trip_ms: Some(350),
            ..Sample::default()
        };
        assert_eq!(sample.judge(), (LineQuality::Poor, Some(LineTrouble::Jitter)));
        let narrow = Sample {
            is_short_of_bandwidth: true,
            ..Sample::default()
        };
        assert_eq!(narrow.judge(), (LineQuality::Poor, Some(LineTrouble::Bandwidth)));
        assert_eq!(Sample::default().judge(), (LineQuality::Good, None));
    }

    #[test]
    fn few_packets_say_nothing_about_loss() {
        let few = Loss { expected: 5, lost: 3 };
        assert_eq!(few.permille(), 0);
        let many = Loss {
            expected: 200,
            lost: 9,
        };
        assert_eq!(many.permille(), 45);
    }

    #[test]
    fn readings_of_different_people_are_not_due_together() {
        let at = |ms: i64| MediaTime(ms * 1_000_000);
        let due = |place: usize| {
            let mut meter = LineMeter::default();
            (0..4000)
                .step_by(20)
                .find(|ms| meter.take_due(place, at(*ms)).is_some())
        };
        assert_eq!((due(0), due(1), due(5)), (Some(1000), Some(1100), Some(1500)));
    }
}
