//! The core's time: nanoseconds since it was built, and their place on the wall clock.

use std::ops::{Add, Sub};
use std::time::{Duration, Instant};

use hearken_protocol::Timestamp;

/// Seconds from 1900, where NTP begins, to 1970.
const NTP_TO_UNIX_S: u64 = 2_208_988_800;

/// A moment, in nanoseconds since the core was built. May lie before that: a packet can be older than the core.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MediaTime(pub(crate) i64);

impl MediaTime {
    /// How long after `earlier` this is; zero when it is not after it.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for MediaTime {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)),
        )
    }
}

impl Sub<Duration> for MediaTime {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)),
        )
    }
}

/// A moment in NTP's 32.32 fixed point seconds (RFC 3550 §4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct NtpTime(pub(crate) u64);

impl NtpTime {
    /// Nanoseconds since 1900.
    pub(crate) fn nanoseconds(self) -> i64 {
        ((u128::from(self.0) * 1_000_000_000) >> 32) as i64
    }

    /// The middle 32 bits, as report blocks carry them: units of 1/65,536 s.
    pub(crate) fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// Places the core's time on the monotonic and the wall clock. Both are read once, at the start: a wall clock
/// that is set later does not make media jump.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerClock {
    started: Instant,
    unix_time: Duration,
}

impl ServerClock {
    pub(crate) fn new(started: Instant, unix_time: Duration) -> Self {
        Self { started, unix_time }
    }

    pub(crate) fn media_time(&self, now: Instant) -> MediaTime {
        MediaTime(0) + now.saturating_duration_since(self.started)
    }

    pub(crate) fn ntp(&self, time: MediaTime) -> NtpTime {
        let since_1970 = self.unix_time + time.since(MediaTime(0));
        let seconds = since_1970.as_secs().wrapping_add(NTP_TO_UNIX_S);
        let fraction = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
        NtpTime((seconds << 32) | fraction)
    }

    pub(crate) fn timestamp(&self, time: MediaTime) -> Timestamp {
        let since_1970 = self.unix_time + time.since(MediaTime(0));
        Timestamp(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unix_epoch_has_its_ntp_time() {
        let clock = ServerClock::new(Instant::now_for_tests(), Duration::ZERO);
        assert_eq!(clock.ntp(MediaTime(500_000_000)).0, NTP_TO_UNIX_S << 32 | 1 << 31);
        assert_eq!(clock.timestamp(MediaTime(1_500_000_000)), Timestamp(1500));
    }

    #[test]
    fn ntp_and_nanoseconds_agree() {
        assert_eq!(NtpTime(3 << 32 | 1 << 30).nanoseconds(), 3_250_000_000);
        assert_eq!(NtpTime(0x1234_5678_9abc_def0).middle(), 0x5678_9abc);
    }

    trait TestInstant {
        fn now_for_tests() -> Self;
    }

    impl TestInstant for Instant {
        /// Any instant will do; there is no other way to get one than the clock.
        #[allow(clippy::disallowed_methods)]
        fn now_for_tests() -> Self {
            Self::now()
        }
    }
}
