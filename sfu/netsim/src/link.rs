//! One direction of a link: takes packets, says when they arrive.

use std::collections::VecDeque;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::Conditions;
use crate::loss::LossState;

/// What becomes of a packet. Times are since the beginning of the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It arrives.
    Arrives {
        /// When.
        at: Duration,
        /// When a second copy of it arrives.
        copy_at: Option<Duration>,
    },
    /// It got lost on the way.
    Lost,
    /// The queue before the bottleneck was full.
    Overflowed,
}

impl Verdict {
    /// When the packet and its copy arrive.
    pub fn arrivals(self) -> impl Iterator<Item = Duration> {
        let (first, second) = match self {
            Self::Arrives { at, copy_at } => (Some(at), copy_at),
            Self::Lost | Self::Overflowed => (None, None),
        };
        first.into_iter().chain(second)
    }
}

/// What became of all packets so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Packets that arrive; copies are not counted.
    pub delivered: u64,
    /// Their bytes.
    pub delivered_bytes: u64,
    /// Packets lost on the way.
    pub lost: u64,
    /// Packets for which the queue was full.
    pub overflowed: u64,
}

/// One direction of a link. Times are since the beginning of the test and must not go back.
#[derive(Debug, Clone)]
pub struct Link {
    conditions: Conditions,
    changes: VecDeque<(Duration, Conditions)>,
    random: StdRng,
    loss: LossState,
    /// The bottleneck is through with what was sent so far.
    busy_until: Duration,
    /// No packet that keeps its place arrives before this.
    last_arrival: Duration,
    tally: Tally,
}

impl Link {
    /// A link in these conditions; the seed decides about all that is random.
    pub fn new(seed: u64, conditions: Conditions) -> Self {
        Self {
            conditions,
            changes: VecDeque::new(),
            random: StdRng::seed_from_u64(seed),
            loss: LossState::default(),
            busy_until: Duration::ZERO,
            last_arrival: Duration::ZERO,
            tally: Tally::default(),
        }
    }

    /// Changes the conditions from now on. What was planned for later stays planned; packets that are under way
    /// arrive as was said.
    pub fn set(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    /// Plans other conditions for a later time, after all that is planned already.
    pub fn plan(&mut self, at: Duration, conditions: Conditions) {
        self.changes.push_back((at, conditions));
    }

    /// The conditions of the last packet, or those set since.
    pub fn conditions(&self) -> Conditions {
        self.conditions
    }

    /// What became of all packets so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Sends a packet of so many bytes.
    pub fn send(&mut self, now: Duration, bytes: usize) -> Verdict {
        while self.changes.front().is_some_and(|(at, _)| *at <= now) {
            (_, self.conditions) = self.changes.pop_front().expect("it was just looked at");
        }
        let Some(left) = self.pass_bottleneck(now, bytes) else {
            self.tally.overflowed += 1;
            return Verdict::Overflowed;
        };
        if self.loss.loses(self.conditions.loss, &mut self.random) {
            self.tally.lost += 1;
            return Verdict::Lost;
        }
        self.tally.delivered += 1;
        self.tally.delivered_bytes += bytes as u64;
        let at = self.arrival(left);
        let copied = self
            .random
            .random_bool(self.conditions.duplicated.clamp(0.0, 1.0));
        let copy_at = copied.then(|| self.arrival(left));
        Verdict::Arrives { at, copy_at }
    }

    /// When the packet has left the bottleneck; `None` if it did not fit into the queue.
    fn pass_bottleneck(&mut self, now: Duration, bytes: usize) -> Option<Duration> {
        let Some(bottleneck) = self.conditions.bottleneck else {
            return Some(now);
        };
        let waiting = self.busy_until.saturating_sub(now);
        let with_packet = waiting + bottleneck.time_of(bytes);
        if !bottleneck.fits(waiting, with_packet) {
            return None;
        }
        self.busy_until = now + with_packet;
        Some(self.busy_until)
    }

    /// When a packet arrives that left the bottleneck then.
    fn arrival(&mut self, left: Duration) -> Duration {
        let Conditions {
            delay,
            jitter,
            reordering,
            ..
        } = self.conditions;
        let jitter = jitter.mul_f64(self.random.random::<f64>());
        let in_order = (left + delay + jitter).max(self.last_arrival);
        match reordering {
            Some(reordering) if self.random.random_bool(reordering.share.clamp(0.0, 1.0)) => {
                in_order + reordering.by
            }
            Some(_) | None => {
                self.last_arrival = in_order;
                in_order
            }
        }
    }
}
