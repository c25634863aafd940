//! Which packets get lost: each for itself, or several in a row.

use rand::Rng;
use rand::rngs::StdRng;

/// How a link loses packets. Shares are between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Loss {
    /// It loses none.
    #[default]
    None,
    /// Each packet is lost with this probability, whatever happened to the others.
    Uniform {
        /// The share of packets lost.
        share: f64,
    },
    /// Packets are lost in bursts: the chain of two states by Gilbert and Elliott, where the good state loses
    /// nothing and the bad one everything.
    Bursts {
        /// The share of packets lost, over a long time; below 1.
        share: f64,
        /// How many packets in a row are lost on average, at least 1.
        mean_burst: f64,
    },
}

impl Loss {
    /// Single losses of so many percent.
    pub fn percent(percent: f64) -> Self {
        Self::Uniform {
            share: percent / 100.0,
        }
    }

    /// Bursts that lose so many percent in all, so many packets in a row on average.
    pub fn bursts(percent: f64, mean_burst: f64) -> Self {
        Self::Bursts {
            share: percent / 100.0,
            mean_burst,
        }
    }
}

/// Where a link is in its losses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LossState {
    #[default]
    Good,
    Bad,
}

impl LossState {
    /// Decides about the next packet.
    pub(crate) fn loses(&mut self, loss: Loss, random: &mut StdRng) -> bool {
        match loss {
            Loss::None => {
                *self = Self::Good;
                false
            }
            Loss::Uniform { share } => {
                *self = Self::Good;
                random.random_bool(share.clamp(0.0, 1.0))
            }
            Loss::Bursts { share, mean_burst } => {
                let ends = 1.0 / mean_burst.max(1.0);
                let share = share.clamp(0.0, 0.99);
                // The two flows between the states balance at the share that was asked for.
                let begins = (ends * share / (1.0 - share)).min(1.0);
                let turns = match self {
                    Self::Good => random.random_bool(begins),
                    Self::Bad => random.random_bool(ends),
                };
                if turns {
                    *self = match self {
                        Self::Good => Self::Bad,
                        Self::Bad => Self::Good,
                    };
                }
                *self == Self::Bad
            }
        }
    }
}
