//! Whether the queue on the way to a receiver grows: the slope of the one-way delay over the last groups of
//! packets, against a threshold that adapts itself (draft-ietf-rmcat-gcc-02 §5, with a line fitted through the
//! delays in place of the Kalman filter).

/// Packets sent within this time count as one: they were a burst here, and say nothing about the way.
const GROUP_US: i32 = 5_000;
/// Groups the line is fitted through.
const POINTS: usize = 20;
/// Weight of the past in smoothing the delay.
const SMOOTHING: f64 = 0.9;
/// Slopes are small; the threshold is in milliseconds.
const GAIN: f64 = 4.0;
/// Past this many groups the slope is as sure as it gets.
const CONFIDENT_GROUPS: u32 = 60;
const THRESHOLD_INITIAL: f64 = 12.5;
const THRESHOLD_MIN: f64 = 6.0;
const THRESHOLD_MAX: f64 = 600.0;
/// How fast the threshold follows a slope above and below it, per millisecond.
const THRESHOLD_UP: f64 = 0.008_7;
const THRESHOLD_DOWN: f64 = 0.039;
/// A slope this far beyond the threshold is an outlier, which the threshold does not follow.
const OUTLIER: f64 = 15.0;
/// The slope must be too steep for this long.
const OVERUSE_MS_MIN: f64 = 10.0;
/// An arrival this much apart from the last group's is another clock, not a delay.
const JUMP_US: i64 = 3_000_000;
/// Groups in a row that arrive before the one before them: the receiver's clock was set back.
const BACKWARDS_MAX: u8 = 3;

/// What the delay says of the line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Usage {
    #[default]
    Normal,
    /// The queue grows.
    Over,
    /// The queue empties.
    Under,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    first_sent_us: u32,
    last_sent_us: u32,
    first_arrival_us: i64,
    last_arrival_us: i64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Trendline {
    group: Option<Group>,
    previous: Option<Group>,
    backwards: u8,
    groups: u32,
    /// Arrival since the first point in ms, and smoothed delay in ms. A ring.
    points: [(f64, f64); POINTS],
    next_point: usize,
    point_count: usize,
    origin_us: i64,
    accumulated_ms: f64,
    smoothed_ms: f64,
    threshold: f64,
    threshold_at_us: Option<i64>,
    over_ms: f64,
    over_groups: u32,
    last_trend: f64,
    usage: Usage,
}

impl Default for Trendline {
    fn default() -> Self {
        Self {
            group: None,
            previous: None,
            backwards: 0,
            groups: 0,
            points: [(0.0, 0.0); POINTS],
            next_point: 0,
            point_count: 0,
            origin_us: 0,
            accumulated_ms: 0.0,
            smoothed_ms: 0.0,
            threshold: THRESHOLD_INITIAL,
            threshold_at_us: None,
            over_ms: -1.0,
            over_groups: 0,
            last_trend: 0.0,
            usage: Usage::Normal,
        }
    }
}

impl Trendline {
    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    /// Takes a packet that arrived; in order of sending.
    pub(super) fn arrived(&mut self, sent_us: u32, arrival_us: i64) {
        let Some(group) = &mut self.group else {
            self.group = Some(Group::new(sent_us, arrival_us));
            return;
        };
        let since_first = sent_us.wrapping_sub(group.first_sent_us) as i32;
        if since_first < 0 {
            // From an older group, by way of a later report.
            return;
        }
        if since_first <= GROUP_US || group.is_burst_with(sent_us, arrival_us) {
            group.last_sent_us = sent_us;
            group.last_arrival_us = group.last_arrival_us.max(arrival_us);
            return;
        }
        let complete = *group;
        self.group = Some(Group::new(sent_us, arrival_us));
        if let Some(previous) = self.previous {
            self.compare(previous, complete);
        }
        if self.group.is_some() {
            self.previous = Some(complete);
        }
    }

    /// What comes next is not compared with what came before.
    pub(super) fn interrupt(&mut self) {
        (self.group, self.previous) = (None, None);
    }

    fn compare(&mut self, before: Group, after: Group) {
        let arrival_us = after.last_arrival_us.saturating_sub(before.last_arrival_us);
        if arrival_us.abs() > JUMP_US {
            self.restart();
            return;
        }
        if arrival_us < 0 {
            self.backwards += 1;
            if self.backwards >= BACKWARDS_MAX {
                self.restart();
            }
            return;
        }
        self.backwards = 0;
        let sent_us = after.last_sent_us.wrapping_sub(before.last_sent_us) as i32;
        let sent_ms = f64::from(sent_us) / 1000.0;
        let delay_ms = arrival_us as f64 / 1000.0 - sent_ms;
        self.add(delay_ms, sent_ms, after.last_arrival_us);
    }

    fn add(&mut self, delay_ms: f64, sent_ms: f64, arrival_us: i64) {
        if self.groups == 0 {
            self.origin_us = arrival_us;
        }
        self.groups = (self.groups + 1).min(1000);
        self.accumulated_ms += delay_ms;
        self.smoothed_ms = SMOOTHING * self.smoothed_ms + (1.0 - SMOOTHING) * self.accumulated_ms;
        let since_origin_ms = (arrival_us - self.origin_us) as f64 / 1000.0;
        self.points[self.next_point] = (since_origin_ms, self.smoothed_ms);
        self.next_point = (self.next_point + 1) % POINTS;
        self.point_count = (self.point_count + 1).min(POINTS);
        let slope = if self.point_count == POINTS {
            self.slope()
        } else {
            self.last_trend
        };
        self.judge(slope, sent_ms, arrival_us);
    }

    /// Of the line of least squares.
    fn slope(&self) -> f64 {
        let count = POINTS as f64;
        let (sum_x, sum_y) = self
            .points
            .iter()
            .fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
        let (mean_x, mean_y) = (sum_x / count, sum_y / count);
        let (numerator, denominator) = self.points.iter().fold((0.0, 0.0), |(n, d), (x, y)| {
            (n + (x - mean_x) * (y - mean_y), d + (x - mean_x) * (x - mean_x))
        });
        if denominator > 0.0 {
            numerator / denominator
        } else {
            0.0
        }
    }

    fn judge(&mut self, slope: f64, sent_ms: f64, arrival_us: i64) {
        let trend = f64::from(self.groups.min(CONFIDENT_GROUPS)) * slope * GAIN;
        if trend > self.threshold {
            self.over_ms = if self.over_ms < 0.0 {
                sent_ms / 2.0
            } else {
                self.over_ms + sent_ms
            };
            self.over_groups += 1;
            if self.over_ms > OVERUSE_MS_MIN && self.over_groups > 1 && slope >= self.last_trend {
                (self.over_ms, self.over_groups) = (0.0, 0);
                self.usage = Usage::Over;
            }
        } else {
            (self.over_ms, self.over_groups) = (-1.0, 0);
            self.usage = if trend < -self.threshold {
                Usage::Under
            } else {
                Usage::Normal
            };
        }
        self.last_trend = slope;
        let before_us = self.threshold_at_us.replace(arrival_us).unwrap_or(arrival_us);
        if trend.abs() > self.threshold + OUTLIER {
            return;
        }
        let speed = if trend.abs() < self.threshold {
            THRESHOLD_DOWN
        } else {
            THRESHOLD_UP
        };
        let elapsed_ms = ((arrival_us - before_us) as f64 / 1000.0).clamp(0.0, 100.0);
        self.threshold = (self.threshold + speed * (trend.abs() - self.threshold) * elapsed_ms)
            .clamp(THRESHOLD_MIN, THRESHOLD_MAX);
    }

    /// Begins anew, with what was learnt of how restless the line is.
    pub(super) fn restart(&mut self) {
        *self = Self {
            threshold: self.threshold,
            ..Self::default()
        };
    }
}

impl Group {
    fn new(sent_us: u32, arrival_us: i64) -> Self {
        Self {
            first_sent_us: sent_us,
            last_sent_us: sent_us,
            first_arrival_us: arrival_us,
            last_arrival_us: arrival_us,
        }
    }

    /// What was held up somewhere and arrives in one go counts as one group too.
    fn is_burst_with(&self, sent_us: u32, arrival_us: i64) -> bool {
        let arrived = arrival_us - self.last_arrival_us;
        let sent = i64::from(sent_us.wrapping_sub(self.last_sent_us));
        arrived <= i64::from(GROUP_US) && arrived < sent && arrival_us - self.first_arrival_us < 100_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends a packet every 10 ms; the delay of each is given.
    fn run(trendline: &mut Trendline, from: u32, delays_us: impl Iterator<Item = i64>) -> Vec<Usage> {
        let mut seen = Vec::new();
        for (step, delay) in delays_us.enumerate() {
            let sent_us = (from + step as u32) * 10_000;
            trendline.arrived(sent_us, i64::from(sent_us) + delay);
            seen.push(trendline.usage());
        }
        seen
    }

    #[test]
    fn a_steady_line_is_used_normally() {
        let mut trendline = Trendline::default();
        let seen = run(&mut trendline, 0, (0..500).map(|_| 20_000));
        assert!(seen.iter().all(|usage| *usage == Usage::Normal));
    }

    #[test]
    fn a_growing_queue_is_noticed_within_200_ms_and_its_emptying_too() {
        let mut trendline = Trendline::default();
        run(&mut trendline, 0, (0..200).map(|_| 20_000));
        // Each packet waits 5 ms longer.
        let seen = run(&mut trendline, 200, (0..50).map(|step| 20_000 + step * 5_000));
        let noticed = seen.iter().position(|usage| *usage == Usage::Over).unwrap();
        assert!(noticed <= 20, "{noticed}");
        let seen = run(&mut trendline, 250, (0..50).map(|step| 270_000 - step * 4_000));
        assert!(seen.contains(&Usage::Under));
    }

    #[test]
    fn jitter_is_no_overuse() {
        let mut trendline = Trendline::default();
        let jitter = |step: i64| 20_000 + ((step * 2_654_435_761) >> 8) % 8_000;
        let seen = run(&mut trendline, 0, (0..2000).map(jitter));
        let over = seen.iter().filter(|usage| **usage == Usage::Over).count();
        assert!(over < 20, "{over}");
    }

    #[test]
    fn a_receiver_whose_clock_jumps_is_taken_as_new() {
        let mut trendline = Trendline::default();
        run(&mut trendline, 0, (0..100).map(|_| 20_000));
        let seen = run(&mut trendline, 100, (0..100).map(|_| 3_600_000_000));
        assert!(seen.iter().all(|usage| *usage == Usage::Normal));
        let seen = run(&mut trendline, 200, (0..100).map(|_| -3_600_000_000));
        assert!(seen.iter().all(|usage| *usage == Usage::Normal));
    }
}
