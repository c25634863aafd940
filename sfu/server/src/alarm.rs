//! Waking a shard at a time: a timerfd(2) beside its sockets. It stays set while datagrams come, so that not every
//! sleep has to set a timer of the kernel's, and take it back.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

/// Wakes one shard. It may ring before there is something to do, never after.
#[derive(Debug)]
pub(crate) struct Alarm {
    timer: File,
    /// When it will ring.
    set_for: Option<Instant>,
}

impl Alarm {
    /// A new one, not set; the shard polls it.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
        // SAFETY: timerfd_create has no memory preconditions; its result is checked before it is owned.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel just gave us this descriptor, and nobody else has it.
        let owned = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self {
            timer: File::from(owned),
            set_for: None,
        })
    }

    /// Rings at `deadline`, or before if it was set for a time before that.
    pub(crate) fn ring_by(&mut self, deadline: Instant) {
        if self.set_for.is_some_and(|set_for| set_for <= deadline) {
            return;
        }
        // Zero would take it back.
        let wait = deadline
            .saturating_duration_since(Instant::now())
            .max(Duration::from_nanos(1));
        let time = libc::itimerspec {
            it_interval: libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: libc::timespec {
                tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(wait.subsec_nanos()),
            },
        };
        // SAFETY: `time` lives until the call returns, and nothing is written back.
        let done = unsafe {
            libc::timerfd_settime(self.timer.as_raw_fd(), 0, &raw const time, std::ptr::null_mut())
        };
        assert_eq!(done, 0, "an open timer takes any time that is not negative");
        self.set_for = Some(deadline);
    }

    /// It has rung: from now on it is not set.
    pub(crate) fn reset(&mut self) {
        let _ = (&self.timer).read(&mut [0; 8]);
        self.set_for = None;
    }
}

impl AsRawFd for Alarm {
    fn as_raw_fd(&self) -> RawFd {
        self.timer.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poller::Poller;

    #[test]
    fn it_rings_by_the_earliest_time_it_was_set_for_and_then_anew() {
        let mut alarm = Alarm::new().unwrap();
        let poller = Poller::new().unwrap();
        poller.add(&alarm, 7).unwrap();
        let mut ready = Vec::new();
        let started = Instant::now();
        alarm.ring_by(started + Duration::from_secs(3600));
        alarm.ring_by(started + Duration::from_millis(2));
        alarm.ring_by(started + Duration::from_secs(3600));
        poller.wait(&mut ready);
        assert_eq!(ready.iter().map(|ready| ready.token).collect::<Vec<_>>(), [7]);
        assert!(started.elapsed() >= Duration::from_millis(2));
        alarm.reset();
        poller.look(&mut ready);
        assert!(ready.is_empty());
        // What is past rings at once.
        alarm.ring_by(started);
        poller.wait(&mut ready);
        assert_eq!(ready.len(), 1);
    }
}
