//! RTP timestamps and the moments they stand for.
//!
//! A publisher's streams (audio, each video layer) count time from random beginnings. Its sender reports say
//! which timestamp belongs to which moment of its own clock, and one offset, shared by all its streams, maps
//! that clock to the server's. Going out, every slot counts on one timeline of its own, and its sender reports
//! say the moment again: sound and picture are as far apart at the receiver as they were at the sender.

use std::time::Duration;

use super::time::{MediaTime, NtpTime};

/// A publisher's clock that is further off than this was set anew: follow it.
const OFFSET_STEP_NS_MAX: i64 = 1_000_000_000;
/// A sender report that puts the newest packet further away from its arrival than this is not believed.
const REPORT_DISTANCE_MAX: Duration = Duration::from_secs(5);
/// An anchor is moved along its line before timestamps wrap around it (6.6 hours at 90 kHz).
const ANCHOR_AGE_MAX: Duration = Duration::from_secs(600);

/// Whether timestamp `a` is later than `b`, the shorter way round.
pub(crate) fn is_later(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) as i32 > 0
}

/// Ticks of a clock in a span of nanoseconds.
pub(crate) fn ticks(nanoseconds: i64, rate: u32) -> i64 {
    (i128::from(nanoseconds) * i128::from(rate)).div_euclid(1_000_000_000) as i64
}

/// Nanoseconds from timestamp `from` to `to`, the shorter way round.
pub(crate) fn span_ns(from: u32, to: u32, rate: u32) -> i64 {
    i64::from(to.wrapping_sub(from) as i32) * 1_000_000_000 / i64::from(rate)
}

/// A timestamp and the moment it stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Anchor {
    pub(crate) time: MediaTime,
    pub(crate) timestamp: u32,
}

impl Anchor {
    /// The moment that `timestamp` stands for.
    pub(crate) fn time_of(self, timestamp: u32, rate: u32) -> MediaTime {
        MediaTime(
            self.time
                .0
                .saturating_add(span_ns(self.timestamp, timestamp, rate)),
        )
    }

    /// The timestamp that stands for `time`.
    pub(crate) fn timestamp_at(self, time: MediaTime, rate: u32) -> u32 {
        self.timestamp
            .wrapping_add(ticks(time.0.saturating_sub(self.time.0), rate) as u32)
    }
}

/// Maps one publisher's NTP clock to the server's time: one offset for all its streams.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PublisherClock {
    offset_ns: Option<i64>,
}

impl PublisherClock {
    /// The server's time for a moment of the publisher's clock, in a report that arrived at `arrival`.
    pub(crate) fn server_time(&mut self, moment: NtpTime, arrival: MediaTime) -> MediaTime {
        let moment_ns = moment.nanoseconds();
        let measured = arrival.0.saturating_sub(moment_ns);
        let offset = match self.offset_ns {
            Some(offset) if measured.abs_diff(offset) <= OFFSET_STEP_NS_MAX as u64 => offset,
            _ => *self.offset_ns.insert(measured),
        };
        MediaTime(moment_ns.saturating_add(offset))
    }
}

/// What is known of the moments behind one stream's timestamps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StreamClock {
    rate: u32,
    /// The fastest packet so far: what stands in until there is a report.
    observed: Option<Anchor>,
    reported: Option<Anchor>,
}

impl StreamClock {
    pub(crate) fn new(rate: u32) -> Self {
        Self {
            rate,
            observed: None,
            reported: None,
        }
    }

    /// Takes note of a packet's arrival.
    pub(crate) fn observe(&mut self, timestamp: u32, arrival: MediaTime) {
        let rate = self.rate;
        for anchor in [&mut self.observed, &mut self.reported].into_iter().flatten() {
            let time = anchor.time_of(timestamp, rate);
            if time.since(anchor.time) > ANCHOR_AGE_MAX {
                *anchor = Anchor { time, timestamp };
            }
        }
        let fastest = self
            .observed
            .is_none_or(|anchor| anchor.time_of(timestamp, rate) > arrival);
        if fastest {
            self.observed = Some(Anchor {
                time: arrival,
                timestamp,
            });
        }
    }

    /// Takes a sender report, its moment already in the server's time.
    pub(crate) fn report(&mut self, time: MediaTime, timestamp: u32) {
        let report = Anchor { time, timestamp };
        if let Some(observed) = self.observed {
            let reported = report.time_of(observed.timestamp, self.rate);
            if reported.since(observed.time).max(observed.time.since(reported)) > REPORT_DISTANCE_MAX {
                return;
            }
        }
        self.reported = Some(report);
    }

    /// The stream's timestamps have jumped: what was known of them is void.
    pub(crate) fn restart(&mut self, timestamp: u32, arrival: MediaTime) {
        *self = Self {
            observed: Some(Anchor {
                time: arrival,
                timestamp,
            }),
            ..Self::new(self.rate)
        };
    }

    /// The best mapping there is; `None` before the first packet.
    pub(crate) fn anchor(&self) -> Option<Anchor> {
        self.reported.or(self.observed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: i64) -> MediaTime {
        MediaTime(milliseconds * 1_000_000)
    }

    fn ntp(milliseconds: u64) -> NtpTime {
        NtpTime((u128::from(milliseconds) << 32).div_ceil(1000) as u64)
    }

    #[test]
    fn before_any_report_the_fastest_packet_counts() {
        let mut clock = StreamClock::new(90_000);
        clock.observe(1000, ms(130));
        clock.observe(1000 + 9000, ms(205));
        clock.observe(1000 + 18_000, ms(340));
        assert_eq!(clock.anchor().unwrap().time_of(1000, 90_000), ms(105));
    }

    #[test]
    fn reports_of_all_streams_share_one_offset() {
        let mut publisher = PublisherClock::default();
        let first = publisher.server_time(ntp(5_000_000), ms(1000));
        let second = publisher.server_time(ntp(5_000_500), ms(1800));
        assert_eq!(first, ms(1000));
        assert!(second.since(first).abs_diff(Duration::from_millis(500)) < Duration::from_micros(1));
    }

    #[test]
    fn a_clock_that_was_set_is_followed() {
        let mut publisher = PublisherClock::default();
        publisher.server_time(ntp(5_000_000), ms(1000));
        assert_eq!(publisher.server_time(ntp(9_000_000), ms(2000)), ms(2000));
    }

    #[test]
    fn an_absurd_report_is_not_believed() {
        let mut clock = StreamClock::new(48_000);
        clock.observe(0, ms(100));
        clock.report(ms(60_000), 0);
        assert_eq!(clock.anchor().unwrap().time, ms(100));
        clock.report(ms(90), 0);
        assert_eq!(clock.anchor().unwrap().time, ms(90));
    }

    #[test]
    fn timestamps_wrap() {
        let anchor = Anchor {
            time: ms(0),
            timestamp: u32::MAX - 44_999,
        };
        assert_eq!(anchor.time_of(45_000, 90_000), ms(1000));
        assert_eq!(anchor.timestamp_at(ms(1000), 90_000), 45_000);
        assert!(is_later(3, u32::MAX) && !is_later(u32::MAX, 3));
    }

    #[test]
    fn an_anchor_keeps_up_with_a_long_stream() {
        let mut clock = StreamClock::new(90_000);
        clock.report(ms(0), 0);
        for minute in 1..1000_u32 {
            clock.observe(
                minute.wrapping_mul(60 * 90_000),
                ms(i64::from(minute) * 60_000 + 40),
            );
        }
        let last = 999_u32.wrapping_mul(60 * 90_000);
        assert_eq!(clock.anchor().unwrap().time_of(last, 90_000), ms(999 * 60_000));
    }
}
