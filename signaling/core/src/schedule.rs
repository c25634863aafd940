//! The bounds of a session in time: its start, the warnings before its end, its end.

use std::time::Duration;

use hearken_protocol::Timestamp;

/// Minutes before the end at which everybody inside is told.
const WARNINGS: [u32; 3] = [10, 5, 1];

/// What time has brought and will bring.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    starts_at: Timestamp,
    ends_at: Timestamp,
    started: bool,
    /// Those still to come, the soonest first.
    warnings: Vec<(Timestamp, u32)>,
}

impl Schedule {
    /// Warnings that would have been given before `now`, or before the start, are never given.
    pub(crate) fn new(starts_at: Timestamp, ends_at: Timestamp, now: Timestamp) -> Self {
        let at = |minutes: u32| (ends_at - Duration::from_secs(u64::from(minutes) * 60), minutes);
        let warnings = WARNINGS
            .into_iter()
            .map(at)
            .filter(|&(time, _)| time > now && time >= starts_at)
            .collect();
        Self {
            starts_at,
            ends_at,
            started: now >= starts_at,
            warnings,
        }
    }

    pub(crate) fn started(&self) -> bool {
        self.started
    }

    /// Whether the start has just come; true once.
    pub(crate) fn starts_now(&mut self, now: Timestamp) -> bool {
        let starts = !self.started && now >= self.starts_at;
        self.started |= starts;
        starts
    }

    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        now >= self.ends_at
    }

    /// The warning that is due: the latest, if the timer was so late that several are.
    pub(crate) fn warning(&mut self, now: Timestamp) -> Option<u32> {
        let due = self.warnings.iter().take_while(|&&(time, _)| time <= now).count();
        self.warnings.drain(..due).next_back().map(|(_, minutes)| minutes)
    }

    pub(crate) fn next_deadline(&self) -> Timestamp {
        let start = (!self.started).then_some(self.starts_at);
        let warning = self.warnings.first().map(|&(time, _)| time);
        start
            .into_iter()
            .chain(warning)
            .fold(self.ends_at, Timestamp::min)
    }
}
