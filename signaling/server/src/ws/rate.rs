//! How many messages a browser may send: what a person at the controls needs, with room for bursts.

use std::time::Duration;

use tokio::time::Instant;

/// Messages per second in the long run.
const PER_SECOND: u32 = 20;

/// Messages that may come at once: after a reconnect a client says all there is to say.
const BURST: u32 = 100;

/// Refused messages, less those heard since, after which the connection is closed: a client that does not listen.
const REFUSED_MAX: u32 = 200;

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is heard.
    Heard,
    /// It is refused.
    Refused,
    /// It is refused, and the connection is to be closed.
    Hopeless,
}

/// One connection's allowance.
#[derive(Debug)]
pub(super) struct RateLimit {
    /// When the allowance would be full again.
    full_at: Instant,
    refused: u32,
}

impl RateLimit {
    /// A full allowance.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            full_at: now,
            refused: 0,
        }
    }

    /// Judges one message.
    pub(super) fn judge(&mut self, now: Instant) -> Verdict {
        let cost = Duration::from_secs(1) / PER_SECOND;
        let full_at = self.full_at.max(now) + cost;
        if full_at > now + cost * BURST {
            self.refused += 1;
            return if self.refused > REFUSED_MAX {
                Verdict::Hopeless
            } else {
                Verdict::Refused
            };
        }
        self.full_at = full_at;
        self.refused = self.refused.saturating_sub(1);
        Verdict::Heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_heard_then_the_steady_rate() {
        let start = Instant::now();
        let mut limit = RateLimit::new(start);
        for _ in 0..BURST {
            assert_eq!(limit.judge(start), Verdict::Heard);
        }
        assert_eq!(limit.judge(start), Verdict::Refused);
        let later = start + Duration::from_secs(1);
        let heard = (0..BURST)
            .filter(|_| limit.judge(later) == Verdict::Heard)
            .count();
        assert_eq!(heard, PER_SECOND as usize);
    }

    #[test]
    fn a_steady_flood_is_hopeless_although_some_of_it_is_heard() {
        let start = Instant::now();
        let mut limit = RateLimit::new(start);
        let hopeless =
            (0..1000).find(|ms| limit.judge(start + Duration::from_millis(*ms)) == Verdict::Hopeless);
        assert!(hopeless.is_some());
    }

    #[test]
    fn a_flood_is_hopeless_in_the_end() {
        let start = Instant::now();
        let mut limit = RateLimit::new(start);
        let verdicts: Vec<_> = (0..BURST + REFUSED_MAX + 1).map(|_| limit.judge(start)).collect();
        assert_eq!(verdicts.last(), Some(&Verdict::Hopeless));
        assert_eq!(
            verdicts
                .iter()
                .filter(|verdict| **verdict == Verdict::Hopeless)
                .count(),
            1
        );
    }
}
