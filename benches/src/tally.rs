//! What all participants of a run noted together.

use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;

use crate::synthetic::Stamp;

/// The window in which packets count, in nanoseconds of the run's own clock: by when they were *sent*, so that
/// both ends count the same packets.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// The first nanosecond that counts.
    pub from_ns: u64,
    /// The first that no longer counts.
    pub to_ns: u64,
}

impl Window {
    /// One in which nothing counts.
    pub const NEVER: Self = Self {
        from_ns: u64::MAX,
        to_ns: u64::MAX,
    };

    fn contains(&self, stamp_ns: u64) -> bool {
        (self.from_ns..self.to_ns).contains(&stamp_ns)
    }
}

/// See the module.
pub struct Tally {
    /// The run's clock starts here.
    started: Instant,
    /// What counts.
    pub window: Window,
    /// Packets sent in the window, each times the number of its subscribers.
    pub expected: u64,
    /// Packets received that were sent in the window.
    pub received: u64,
    /// Received, though nobody was to get them.
    pub unwanted: u64,
    latency: Histogram<u64>,
}

impl Tally {
    /// Nothing noted yet.
    pub fn new(started: Instant, window: Window) -> Result<Self> {
        Ok(Self {
            started,
            window,
            expected: 0,
            received: 0,
            unwanted: 0,
            latency: Histogram::new_with_bounds(1_000, 60_000_000_000, 3)?,
        })
    }

    /// A moment by the run's clock, in nanoseconds.
    pub fn stamp(&self, now: Instant) -> u64 {
        u64::try_from(now.duration_since(self.started).as_nanos()).unwrap_or(u64::MAX)
    }

    /// A packet is sent to so many.
    pub fn sent(&mut self, stamp_ns: u64, subscribers: u64) {
        if self.window.contains(stamp_ns) {
            self.expected += subscribers;
        }
    }

    /// A packet came that was sent then.
    pub fn received(&mut self, stamp: Stamp, now: Instant) {
        if !self.window.contains(stamp.sent_ns) {
            return;
        }
        if stamp.is_for_somebody {
            self.received += 1;
            let latency = self.stamp(now).saturating_sub(stamp.sent_ns);
            self.latency.saturating_record(latency);
        } else {
            self.unwanted += 1;
        }
    }

    /// One-way latency that this share of the packets stayed below.
    pub fn latency(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.latency.value_at_quantile(quantile))
    }
}
