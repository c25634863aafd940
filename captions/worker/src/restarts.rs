//! When a captioning child that ended is started again.

use std::time::Duration;

/// When a child that ended is started again. The first time at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restarts {
    /// Wait before the second start in a row; it doubles with each further one.
    pub delay: Duration,
    /// The longest wait, also for a model or a processor that cannot be used.
    pub delay_max: Duration,
    /// After so many failures in a row, captions are called unavailable. It is tried on.
    pub give_up_after: u32,
    /// A child that ran for so long did not fail in a row with the one before.
    pub well_after: Duration,
}

impl Default for Restarts {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(500),
            delay_max: Duration::from_secs(60),
            give_up_after: 5,
            well_after: Duration::from_secs(30),
        }
    }
}

impl Restarts {
    /// How long to wait after so many failures in a row, the last of which went like that.
    pub(crate) fn wait(&self, failures: u32, ended: &Ended) -> Duration {
        match (failures, ended) {
            (_, Ended::Hopeless) => self.delay_max,
            (0 | 1, _) => Duration::ZERO,
            _ => self
                .delay
                .saturating_mul(2u32.saturating_pow(failures - 2))
                .min(self.delay_max),
        }
    }
}

/// How the life of a child ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The supervisor is to stop.
    Stopped,
    /// There is another model.
    Replaced,
    /// It died, hung or talked nonsense after running for so long.
    Failed { ran: Duration },
    /// Starting it again is pointless for now.
    Hopeless,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_restart_is_at_once_and_later_ones_wait_longer_and_longer() {
        let restarts = Restarts::default();
        let failed = Ended::Failed { ran: Duration::ZERO };
        let waits: Vec<u64> = (1..9)
            .map(|n| restarts.wait(n, &failed).as_millis() as u64)
            .collect();
        assert_eq!(waits, [0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000]);
        assert_eq!(restarts.wait(60, &failed), restarts.delay_max);
        assert_eq!(restarts.wait(1, &Ended::Hopeless), restarts.delay_max);
    }
}
