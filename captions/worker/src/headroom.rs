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
/// From this load on jobs wait for each other and the steps between decodings grow: speech seems to cost less than it
/// would if all came in time. Lower: the cost is less up to date. Higher: a full machine seems to have room.
const LENGTHENED_FROM: f64 = 0.65;

/// Below that load, what speech has cost before counts for so much a second later: half after six minutes. Lower: the
/// half minute in which many begin to speak is taken for cheap speech.
const KEPT: f64 = 0.998;

/// What the metrics say of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Room {
    /// Share of the threads' time in use, 0 to 1.
    pub load: f64,
    /// People who could speak at once besides those who do.
    pub speakers: f64,
}

/// Looks at a worker's reports.
#[derive(Debug, Default)]
pub struct Headroom {
    latest: Option<Report>,
    /// Busy and speech milliseconds of each second.
    seconds: VecDeque<(u64, u64)>,
    /// Thread time per second of speech while all comes in time.
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
        let threads = report.threads.max(1) as f64;
        let milliseconds = 1_000.0 * self.seconds.len().max(1) as f64;
        let load = (busy as f64 / (threads * milliseconds)).min(1.0);
        if speech >= SPEECH_MIN {
            let measured = busy as f64 / speech as f64;
            let kept = if load < LENGTHENED_FROM { KEPT } else { 1.0 };
            self.cost = Some(self.cost.map_or(measured, |known| measured.max(known * kept)));
        }
        let guess = report.trial_milliseconds as f64 / STEP;
        let cost = self.cost.unwrap_or(guess).max(0.001);
        Room {
            load,
            speakers: (threads / cost - speech as f64 / milliseconds).max(0.0),
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
    fn steps_that_grow_make_no_room() {
        let mut headroom = Headroom::default();
        let (mut report, mut room) = (
            Report::default(),
            Room {
                load: 0.0,
                speakers: 0.0,
            },
        );
        report.threads = 2;
        // Two speak at 0.4 of a thread each; then five do, and get by with 0.3 each.
        for (seconds, busy, speech) in [(40, 800, 2_000), (40, 1_500, 5_000)] {
            for _ in 0..seconds {
                report.busy_milliseconds += busy;
                report.speech_milliseconds += speech;
                room = headroom.update(&report);
            }
        }
        assert!(room.load < 0.8 && room.speakers < 0.4, "{room:?}");
        // When they are two again, so is the room.
        for _ in 0..40 {
            report.busy_milliseconds += 800;
            report.speech_milliseconds += 2_000;
            room = headroom.update(&report);
        }
        assert!((room.speakers - 3.0).abs() < 1e-9, "{room:?}");
    }

    #[test]
    fn before_all_threads_are_busy_there_is_room_for_less_than_one() {
        let room = after(40, 1_700, 4_000);
        assert!(room.speakers < 1.0 && room.load < 1.0, "{room:?}");
    }
}
