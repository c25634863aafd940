//! How many more could speak before captions come late: what the threads did in the last half minute, and what a
//! second of speech costs them.

use std::collections::VecDeque;

use crate::wire::Report;

/// Reports that are looked back on, one a second: sentences and pauses average out.
const REPORTS: usize = 30;
/// What is known of the cost with less speech than that in view, in milliseconds, is not better than what was known
/// before.
const SPEECH_MIN: u64 = 3_000;
/// Sound between two decodings while somebody speaks, in milliseconds: what the cost is guessed by until somebody
/// has spoken.
const STEP: f64 = 600.0;

/// What the metrics say of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Room {
    /// Share of the threads' time in use, 0 to 1.
    pub load: f64,
    /// People who could speak at once besides those who do.
    pub speakers: f64,
}

/// Looks at a worker's reports.
#[derive(Debug, Default)]
pub(crate) struct Headroom {
    latest: Option<Report>,
    /// Busy and speech milliseconds of each second.
    seconds: VecDeque<(u64, u64)>,
    /// Thread time per second of speech.
    cost: Option<f64>,
}

impl Headroom {
    /// Takes the next report of the same worker.
    pub fn update(&mut self, report: &Report) -> Room {
        if let Some(before) = self.latest.replace(*report) {
            let busy = report.busy_milliseconds.saturating_sub(before.busy_milliseconds);
            let speech = report
                .speech_milliseconds
                .saturating_sub(before.speech_milliseconds);
            self.seconds.push_back((busy, speech));
            if self.seconds.len() > REPORTS {
                self.seconds.pop_front();
            }
        }
        let busy: u64 = self.seconds.iter().map(|(busy, _)| busy).sum();
        let speech: u64 = self.seconds.iter().map(|(_, speech)| speech).sum();
        if speech >= SPEECH_MIN {
            self.cost = Some(busy as f64 / speech as f64);
        }
        let threads = report.threads.max(1) as f64;
        let whole = threads * 1_000.0 * self.seconds.len().max(1) as f64;
        let load = (busy as f64 / whole).min(1.0);
        let guess = report.trial_milliseconds as f64 / STEP;
        let cost = self.cost.unwrap_or(guess).max(0.001);
        Room {
            load,
            speakers: (1.0 - load) * threads / cost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reports of two threads after some seconds in which so much was done and said in each.
    fn after(seconds: u64, busy: u64, speech: u64) -> Room {
        let mut headroom = Headroom::default();
        let report = |second| Report {
            threads: 2,
            trial_milliseconds: 300,
            busy_milliseconds: busy * second,
            speech_milliseconds: speech * second,
            ..Report::default()
        };
        let rooms = (0..=seconds).map(|second| headroom.update(&report(second)));
        rooms.last().unwrap()
    }

    #[test]
    fn without_speech_the_guess_is_what_a_trial_took() {
        assert_eq!(
            after(10, 0, 0),
            Room {
                load: 0.0,
                speakers: 4.0
            }
        );
    }

    #[test]
    fn two_who_speak_leave_room_for_as_many_as_fit_besides() {
        // Two seconds of speech each second, at 0.4 of a thread each.
        let room = after(40, 800, 2_000);
        assert!((room.load - 0.4).abs() < 1e-9);
        assert!((room.speakers - 3.0).abs() < 1e-9);
    }

    #[test]
    fn before_all_threads_are_busy_there_is_room_for_less_than_one() {
        let room = after(40, 1_700, 4_000);
        assert!(room.speakers < 1.0 && room.load < 1.0, "{room:?}");
    }
}
