//! The time that captions have: the time of day when the server started, and counted on from there.
//!
//! The media plane stamps packets that way too. The wall clock may be set while people speak: then sound would
//! seem an hour late, or wait an hour for what is missing. Parent and child count by the same monotonic clock, so
//! the child is told how far that clock is from the time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hearken_protocol::Timestamp;

/// How far the time is from the machine's monotonic clock, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    offset: i64,
}

impl Clock {
    /// What the wall clock says now, from now on.
    pub fn of_day() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::starting_at(Timestamp(milliseconds(since)))
    }

    /// It is `time` now.
    pub fn starting_at(time: Timestamp) -> Self {
        let time = i64::try_from(time.0).unwrap_or(i64::MAX);
        Self {
            offset: time.saturating_sub(monotonic()),
        }
    }

    /// As [`Self::from_offset`] takes it.
    pub(crate) fn offset(self) -> i64 {
        self.offset
    }

    /// The parent's clock.
    pub(crate) fn from_offset(offset: i64) -> Self {
        Self { offset }
    }

    /// The time.
    pub fn now(self) -> Timestamp {
        Timestamp(u64::try_from(monotonic().saturating_add(self.offset)).unwrap_or(0))
    }
}

/// Milliseconds since the machine started; the same in all its processes, and never set.
fn monotonic() -> i64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a live timespec. This clock is always there.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec.saturating_mul(1_000) + time.tv_nsec / 1_000_000
}

/// A duration as messages and reports have it.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_on_from_any_time_and_a_child_reads_the_same() {
        let clock = Clock::starting_at(Timestamp(5_000));
        let child = Clock::from_offset(clock.offset());
        let (one, two) = (clock.now(), child.now());
        assert!(
            one >= Timestamp(5_000) && two >= one && two < Timestamp(15_000),
            "{one:?} {two:?}"
        );
    }
}
