//! What a link is like at one moment, and how that is written in one line.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::Loss;

/// What one direction of a link does to packets. The default does nothing at all.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Conditions {
    /// Which packets get lost.
    pub loss: Loss,
    /// How long every packet takes.
    pub delay: Duration,
    /// Up to this much longer, evenly spread. The order of packets stays.
    pub jitter: Duration,
    /// Which packets are overtaken by later ones.
    pub reordering: Option<Reordering>,
    /// Where packets queue.
    pub bottleneck: Option<Bottleneck>,
    /// The share of packets that arrive twice, between 0 and 1.
    pub duplicated: f64,
}

/// Packets that later ones overtake.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reordering {
    /// The share of packets held back, between 0 and 1.
    pub share: f64,
    /// How long they are held back.
    pub by: Duration,
}

/// A part of the link that lets only so much through. What does not fit into its queue is dropped (drop-tail).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bottleneck {
    /// What goes through, in bits a second; at least 1.
    pub bits_per_second: u64,
    /// How much waits before it.
    pub queue: Queue,
}

/// The size of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// So many bytes, the packet being sent included. A packet always finds room in an empty queue.
    Bytes(u64),
    /// As much as goes through in this time.
    Time(Duration),
}

impl Bottleneck {
    /// So many kilobits a second behind a queue of so many milliseconds.
    pub fn kbit(kbit: u64, queue_ms: u64) -> Self {
        Self {
            bits_per_second: kbit * 1000,
            queue: Queue::Time(Duration::from_millis(queue_ms)),
        }
    }

    /// How long a packet takes to go through.
    pub(crate) fn time_of(&self, bytes: usize) -> Duration {
        let nanoseconds = bytes as u128 * 8 * 1_000_000_000 / u128::from(self.bits_per_second.max(1));
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// Whether a packet that would make the queue this long still fits.
    pub(crate) fn fits(&self, waiting: Duration, with_packet: Duration) -> bool {
        waiting.is_zero()
            || match self.queue {
                Queue::Time(limit) => with_packet <= limit,
                Queue::Bytes(limit) => {
                    let bits = with_packet.as_nanos() * u128::from(self.bits_per_second) / 1_000_000_000;
                    bits / 8 <= u128::from(limit)
                }
            }
    }
}

/// Why a line does not describe conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConditionsError {
    /// No such setting.
    Unknown(String),
    /// The setting's value is not a number it can have.
    Value(String),
}

impl fmt::Display for ConditionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(setting) => write!(f, "no such setting: {setting}"),
            Self::Value(setting) => write!(f, "not a value for it: {setting}"),
        }
    }
}

impl std::error::Error for ConditionsError {}

/// From words like `loss=5 burst=4 delay=20 jitter=5 reorder=1 reorder-by=30 rate=300 queue=200 twice=1`: shares
/// in percent, times in milliseconds, the rate in kilobits a second. What is not named is as in the default.
impl FromStr for Conditions {
    type Err = ConditionsError;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let (mut loss, mut burst) = (0.0, 1.0);
        let (mut reorder, mut reorder_by_ms) = (0.0, 20.0);
        let (mut rate_kbit, mut queue_ms) = (None, 200.0);
        let mut conditions = Self::default();
        for word in line.split_whitespace() {
            let unknown = || ConditionsError::Unknown(word.to_owned());
            let wrong = || ConditionsError::Value(word.to_owned());
            let (name, value) = word.split_once('=').ok_or_else(unknown)?;
            let value: f64 = value.parse().map_err(|_| wrong())?;
            let max = match name {
                "loss" | "reorder" | "twice" => 100.0,
                "burst" => 1000.0,
                "delay" | "jitter" | "reorder-by" | "queue" => 60_000.0,
                "rate" => 100_000_000.0,
                _ => return Err(unknown()),
            };
            if !(0.0..=max).contains(&value) {
                return Err(wrong());
            }
            match name {
                "loss" => loss = value,
                "burst" => burst = value,
                "delay" => conditions.delay = milliseconds(value),
                "jitter" => conditions.jitter = milliseconds(value),
                "reorder" => reorder = value,
                "reorder-by" => reorder_by_ms = value,
                "rate" => rate_kbit = Some(value),
                "queue" => queue_ms = value,
                _ => conditions.duplicated = value / 100.0,
            }
        }
        if loss > 0.0 {
            conditions.loss = if burst > 1.0 {
                Loss::bursts(loss, burst)
            } else {
                Loss::percent(loss)
            };
        }
        if reorder > 0.0 {
            conditions.reordering = Some(Reordering {
                share: reorder / 100.0,
                by: milliseconds(reorder_by_ms),
            });
        }
        conditions.bottleneck = rate_kbit.map(|kbit| Bottleneck {
            bits_per_second: (kbit * 1000.0) as u64,
            queue: Queue::Time(milliseconds(queue_ms)),
        });
        Ok(conditions)
    }
}

fn milliseconds(value: f64) -> Duration {
    Duration::from_secs_f64(value / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_everything() {
        let line = "loss=5 burst=4 delay=20 jitter=5 reorder=1 reorder-by=30 rate=300 queue=250 twice=2";
        let wanted = Conditions {
            loss: Loss::bursts(5.0, 4.0),
            delay: Duration::from_millis(20),
            jitter: Duration::from_millis(5),
            reordering: Some(Reordering {
                share: 0.01,
                by: Duration::from_millis(30),
            }),
            bottleneck: Some(Bottleneck::kbit(300, 250)),
            duplicated: 0.02,
        };
        assert_eq!(line.parse(), Ok(wanted));
        assert_eq!("".parse(), Ok(Conditions::default()));
    }

    #[test]
    fn a_wrong_line_is_refused() {
        for line in [
            "loss",
            "loss=",
            "loss=x",
            "loss=101",
            "loss=-1",
            "loss=NaN",
            "lag=3",
            "delay=1e9",
        ] {
            assert!(line.parse::<Conditions>().is_err(), "{line}");
        }
    }
}
