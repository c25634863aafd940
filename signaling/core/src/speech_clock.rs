//! The clock that speech is stamped by, seen from the session's.
//!
//! Speech carries the time of day when the server started, counted on by the machine's monotonic clock. The session
//! goes by the time of day, and never back. The two differ once the wall clock has been set or the machine has
//! slept; what consent and the record decide by would then be an hour off.

use std::time::Duration;

use hearken_protocol::Timestamp;

/// A message takes no longer than this from the one clock to the other. What seems to take longer: a clock was set.
const PASSAGE_MAX: Duration = Duration::from_secs(5);

/// How far the session's clock is ahead of the one that speech is stamped by.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SpeechClock {
    /// Milliseconds, with the quickest message's time on its way in it. `None` before the first message.
    ahead: Option<i128>,
}

impl SpeechClock {
    /// A message that was sent at `sent_at` by the clock of speech arrived at `now` by the session's.
    pub(crate) fn compare(&mut self, sent_at: Timestamp, now: Timestamp) {
        let seen = i128::from(now.0) - i128::from(sent_at.0);
        let was_set = |known: i128| seen - known > PASSAGE_MAX.as_millis() as i128;
        self.ahead = match self.ahead {
            Some(known) if seen >= known && !was_set(known) => Some(known),
            _ => Some(seen),
        };
    }

    /// What the session's clock said when that of speech said `time`.
    pub(crate) fn to_session(self, time: Timestamp) -> Timestamp {
        Timestamp::try_from(i128::from(time.0) + self.ahead.unwrap_or(0)).unwrap_or(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quickest_message_tells_the_difference() {
        let mut clock = SpeechClock::default();
        clock.compare(Timestamp(1_000), Timestamp(1_080));
        clock.compare(Timestamp(2_000), Timestamp(2_010));
        clock.compare(Timestamp(3_000), Timestamp(5_900));
        assert_eq!(clock.to_session(Timestamp(3_000)), Timestamp(3_010));
    }

    #[test]
    fn a_clock_that_was_set_is_followed_both_ways() {
        let mut clock = SpeechClock::default();
        clock.compare(Timestamp(1_000), Timestamp(1_000));
        clock.compare(Timestamp(2_000), Timestamp(3_602_000));
        assert_eq!(clock.to_session(Timestamp(1_500)), Timestamp(3_601_500));
        clock.compare(Timestamp(3_000), Timestamp(3_000));
        assert_eq!(clock.to_session(Timestamp(2_500)), Timestamp(2_500));
    }

    #[test]
    fn times_before_the_beginning_of_time_do_not_overflow() {
        let mut clock = SpeechClock::default();
        clock.compare(Timestamp(u64::MAX), Timestamp(0));
        assert_eq!(clock.to_session(Timestamp(5)), Timestamp(5));
    }
}
