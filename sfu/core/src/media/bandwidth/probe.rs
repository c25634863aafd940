//! Finds out whether a line carries more than is sent: for a moment the flow is filled up with padding to a
//! higher rate, and what the receiver tells of these packets shows at what rate they came through.

use std::time::Duration;

use super::history::Acknowledged;
use crate::media::rate::Bitrate;
use crate::media::time::MediaTime;

/// How long a probe lasts: long enough that a few milliseconds of jitter don't matter, short enough that a
/// line which does not carry it queues no more than half of this for it.
const DURATION: Duration = Duration::from_millis(30);
/// At low rates it goes on until there are so many packets, but not for longer than this: time for all of them at
/// twice the lowest estimate. Fewer would show nothing, and a line that had carried next to nothing would never be
/// found to carry more.
const PACKETS_WANTED: u32 = 10;
const DURATION_MAX: Duration = Duration::from_millis(240);
/// Padding goes out this often meanwhile.
pub(super) const STEP: Duration = Duration::from_millis(5);
/// Fewer packets, or fewer of those sent than this share, tell nothing.
const PACKETS_MIN: u32 = 5;
const ARRIVED_SHARE_MIN: f64 = 0.75;
/// The first probe asks for this multiple, later ones for less.
const FIRST_FACTOR: f64 = 3.0;
const FACTOR: f64 = 2.0;
/// Stretched by more than this on the way, a probe has filled the line: then a little less than got through.
const STRETCHED: f64 = 1.05;
const FILLED_SHARE: f64 = 0.95;
/// A receiver has this long to tell.
const PATIENCE: Duration = Duration::from_secs(1);
/// After a probe that showed nothing new, or a cut; each time longer, but never so long that a line that has
/// become better goes unnoticed.
const INTERVAL_FIRST: Duration = Duration::from_secs(2);
const INTERVAL_MAX: Duration = Duration::from_secs(5);
/// It must show this much more to be followed by the next at once.
const WORTHWHILE: f64 = 1.1;

/// What is known of a probe.
#[derive(Debug, Clone, Copy)]
struct Cluster {
    id: u8,
    target: Bitrate,
    began: MediaTime,
    first_number: u64,
    last_number: u64,
    last_sent: MediaTime,
    sent_bytes: u64,
    sent_packets: u32,
    /// Sent in the last moment: it takes no time any more.
    last_moment_bytes: u64,
    arrivals: Arrivals,
    is_over: bool,
}

/// The line through the times at which packets were sent and have arrived: how far they were pulled apart on
/// the way. Jitter averages out. What a picture has in excess of the probe's pace, all at once, counts as sent when that
/// pace would have come to it: that it is pulled apart says nothing of what the line carries.
#[derive(Debug, Clone, Copy, Default)]
struct Arrivals {
    origin: Option<(u32, i64)>,
    /// When the probe's pace comes to the next packet, in µs after the first.
    next_us: i64,
    count: u32,
    sent: f64,
    arrived: f64,
    sent_squared: f64,
    product: f64,
}

impl Arrivals {
    fn add(&mut self, packet: &Acknowledged, arrival_us: i64, pace: Bitrate) {
        let (sent_origin, arrival_origin) = *self.origin.get_or_insert((packet.sent_us, arrival_us));
        let sent_us = i64::from(packet.sent_us.wrapping_sub(sent_origin) as i32).max(self.next_us);
        self.next_us = sent_us + (u64::from(packet.bytes) * 8_000_000 / pace.0.max(1)) as i64;
        let sent = sent_us as f64 / 1000.0;
        let arrived = arrival_us.saturating_sub(arrival_origin) as f64 / 1000.0;
        self.count += 1;
        self.sent += sent;
        self.arrived += arrived;
        self.sent_squared += sent * sent;
        self.product += sent * arrived;
    }

    /// By what factor; `None` if all were sent at once.
    fn stretch(&self) -> Option<f64> {
        let count = f64::from(self.count);
        let spread = self.sent_squared - self.sent * self.sent / count;
        (spread > 1.0).then(|| (self.product - self.sent * self.arrived / count) / spread)
    }
}

/// What came of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// This much came through.
    Shown(Bitrate),
    /// Too little is known.
    Nothing,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Prober {
    cluster: Option<Cluster>,
    next_id: u8,
    not_before: MediaTime,
    interval: Duration,
    factor: f64,
}

impl Default for Prober {
    fn default() -> Self {
        Self {
            cluster: None,
            next_id: 1,
            not_before: MediaTime(0),
            interval: INTERVAL_FIRST,
            factor: FIRST_FACTOR,
        }
    }
}

impl Prober {
    /// The probe that packets sent now are part of; 0: none.
    pub(super) fn sending(&self) -> u8 {
        self.cluster
            .filter(|cluster| !cluster.is_over)
            .map_or(0, |cluster| cluster.id)
    }

    /// Begins a probe if it is time for one. True when it has begun.
    pub(super) fn begin(
        &mut self,
        estimate: Bitrate,
        wanted: Bitrate,
        next_number: u64,
        now: MediaTime,
    ) -> bool {
        if wanted <= estimate {
            self.interval = INTERVAL_FIRST;
            return false;
        }
        if self.cluster.is_some() || now < self.not_before {
            return false;
        }
        let target = (estimate.0 as f64 * self.factor) as u64;
        let target = Bitrate(target.min(wanted.0 + wanted.0 / 10)).min(super::ESTIMATE_MAX);
        self.cluster = Some(Cluster {
            id: self.next_id,
            target,
            began: now,
            first_number: next_number,
            last_number: next_number,
            last_sent: now,
            sent_bytes: 0,
            sent_packets: 0,
            last_moment_bytes: 0,
            arrivals: Arrivals::default(),
            is_over: false,
        });
        self.next_id = self.next_id.checked_add(1).unwrap_or(1);
        true
    }

    /// How many bytes are missing to the rate of the probe that is under way; `None` when none is.
    pub(super) fn missing_bytes(&mut self, now: MediaTime) -> Option<u64> {
        let cluster = self.cluster.as_mut().filter(|cluster| !cluster.is_over)?;
        let elapsed = now.since(cluster.began);
        let is_enough = cluster.sent_packets >= PACKETS_WANTED || elapsed >= DURATION_MAX;
        if elapsed >= DURATION && is_enough {
            cluster.is_over = true;
            return None;
        }
        let due = cluster.target.0 * (elapsed + STEP).as_micros() as u64 / 8_000_000;
        Some(due.saturating_sub(cluster.sent_bytes))
    }

    /// A packet went out.
    pub(super) fn sent(&mut self, number: u64, bytes: usize, now: MediaTime) {
        let Some(cluster) = self.cluster.as_mut().filter(|cluster| !cluster.is_over) else {
            return;
        };
        if now.since(cluster.last_sent) >= STEP / 2 {
            cluster.last_moment_bytes = 0;
        }
        cluster.last_moment_bytes += bytes as u64;
        cluster.last_sent = now;
        cluster.last_number = number;
        cluster.sent_bytes += bytes as u64;
        cluster.sent_packets += 1;
    }

    /// A packet of a probe has arrived.
    pub(super) fn arrived(&mut self, packet: &Acknowledged, arrival_us: i64) {
        let Some(cluster) = self
            .cluster
            .as_mut()
            .filter(|cluster| cluster.id == packet.cluster && packet.number >= cluster.first_number)
        else {
            return;
        };
        cluster.arrivals.add(packet, arrival_us, cluster.target);
    }

    /// What came of the probe, once the receiver has told of everything up to `reported`, or will not any more.
    pub(super) fn outcome(&mut self, reported: u64, now: MediaTime) -> Option<Outcome> {
        let cluster = self.cluster.filter(|cluster| cluster.is_over)?;
        let is_told = reported >= cluster.last_number && cluster.sent_packets > 0;
        if !is_told && now.since(cluster.began) < DURATION_MAX + PATIENCE {
            return None;
        }
        self.cluster = None;
        Some(cluster.judge())
    }

    /// Sets when the next one may begin, given what is allowed before and after the last one.
    pub(super) fn schedule(&mut self, before: Bitrate, after: Bitrate, now: MediaTime) {
        self.factor = FACTOR;
        if after.0 as f64 >= before.0 as f64 * WORTHWHILE {
            self.not_before = now;
        } else {
            self.wait(now);
        }
    }

    /// The rate was cut: a probe that is under way proves nothing, and the next one waits.
    pub(super) fn cut(&mut self, now: MediaTime) {
        self.cluster = None;
        if self.not_before <= now {
            self.wait(now);
        }
    }

    fn wait(&mut self, now: MediaTime) {
        self.not_before = now + self.interval;
        self.interval = (self.interval * 3 / 2).min(INTERVAL_MAX);
    }
}

impl Cluster {
    fn judge(&self) -> Outcome {
        let arrived_packets = self.arrivals.count;
        let share = f64::from(arrived_packets) / f64::from(self.sent_packets.max(1));
        let Some(stretch) = self.arrivals.stretch() else {
            return Outcome::Nothing;
        };
        if arrived_packets < PACKETS_MIN || share < ARRIVED_SHARE_MIN {
            return Outcome::Nothing;
        }
        let rate = |bytes: u64, span: Duration| bytes as f64 * 8_000_000.0 / span.as_micros().max(1) as f64;
        let span = self.last_sent.since(self.began);
        let target = self.target.0 as f64;
        // What was sent last counts for the step that it was sent for, so far as it has room there.
        let with_last = rate(self.sent_bytes, span + STEP).min(target);
        let sent = rate(self.sent_bytes - self.last_moment_bytes, span).max(with_last);
        // A receiver that says that all came in no time is told that it came as it was sent.
        let through = if stretch > STRETCHED {
            sent.min(target) * share / stretch * FILLED_SHARE
        } else {
            sent * share
        };
        Outcome::Shown(Bitrate(through.min(target) as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(us: u64) -> MediaTime {
        MediaTime(0) + Duration::from_micros(us)
    }

    /// A probe at 2 Mbit/s in packets of 250 bytes over a line of `capacity`.
    fn probe(capacity: u64, lose_every: u64) -> (Prober, Outcome) {
        probe_beside(capacity, lose_every, None)
    }

    /// The same with a picture of 8 kB in this step.
    fn probe_beside(capacity: u64, lose_every: u64, picture: Option<u64>) -> (Prober, Outcome) {
        let mut prober = Prober::default();
        assert!(prober.begin(Bitrate(666_667), Bitrate(8_000_000), 1, at(0)));
        let (mut number, mut free_us) = (0, 0);
        for step in 0..20 {
            let now_us = step * 5000;
            let Some(mut missing) = prober.missing_bytes(at(now_us)) else {
                break;
            };
            if picture == Some(step) {
                missing = missing.max(8000);
            }
            while missing > 0 {
                number += 1;
                prober.sent(number, 250, at(now_us));
                missing = missing.saturating_sub(250);
                free_us = now_us.max(free_us) + 250 * 8_000_000 / capacity;
                if lose_every == 0 || number % lose_every != 0 {
                    let packet = Acknowledged {
                        number,
                        sent_us: now_us as u32,
                        bytes: 250,
                        cluster: 1,
                        was_lost: false,
                    };
                    prober.arrived(&packet, 20_000 + free_us as i64);
                }
            }
        }
        assert_eq!(prober.missing_bytes(at(90_000)), None);
        let outcome = prober.outcome(number, at(200_000)).unwrap();
        (prober, outcome)
    }

    #[test]
    fn what_comes_through_is_shown_and_what_does_not_is_not() {
        let shown = |capacity| match probe(capacity, 0).1 {
            Outcome::Shown(rate) => rate.0,
            Outcome::Nothing => panic!("{capacity}"),
        };
        assert!((1_800_000..=2_000_010).contains(&shown(100_000_000)));
        assert!((850_000..=1_050_000).contains(&shown(1_000_000)));
        assert!((240_000..=320_000).contains(&shown(300_000)));
    }

    #[test]
    fn a_picture_that_meets_the_probe_does_not_make_the_line_look_narrower() {
        for step in 0..6 {
            let shown = |capacity| match probe_beside(capacity, 0, Some(step)).1 {
                Outcome::Shown(rate) => rate.0,
                Outcome::Nothing => panic!("{capacity}"),
            };
            assert!((1_800_000..=2_000_010).contains(&shown(2_400_000)), "{step}");
            assert!((850_000..=1_050_000).contains(&shown(1_000_000)), "{step}");
        }
    }

    #[test]
    fn a_probe_that_is_mostly_lost_shows_nothing() {
        assert_eq!(probe(100_000_000, 3).1, Outcome::Nothing);
        assert!(matches!(probe(100_000_000, 10).1, Outcome::Shown(rate) if rate.0 > 1_400_000));
    }

    #[test]
    fn success_is_followed_at_once_and_failure_ever_later() {
        let (mut prober, _) = probe(100_000_000, 0);
        prober.schedule(Bitrate(600_000), Bitrate(2_000_000), at(100_000));
        assert!(prober.begin(Bitrate(2_000_000), Bitrate(8_000_000), 100, at(100_000)));
        prober.cluster = None;
        prober.schedule(Bitrate(2_000_000), Bitrate(2_000_000), at(200_000));
        assert!(!prober.begin(Bitrate(2_000_000), Bitrate(8_000_000), 200, at(2_100_000)));
        assert!(prober.begin(Bitrate(2_000_000), Bitrate(8_000_000), 200, at(2_200_000)));
    }

    #[test]
    fn nothing_is_probed_for_that_nobody_wants() {
        let mut prober = Prober::default();
        assert!(!prober.begin(Bitrate(666_667), Bitrate(600_000), 1, at(0)));
    }
}
