//! Asks a publisher for what is missing of a stream, and gives up in time (RFC 4585 §6.2.1).

use std::time::Duration;

use super::round_trip::{RoundTrip, RoundTripMeter};
use super::time::MediaTime;

/// Missing packets kept track of. More at once is no loss but an outage: all are given up.
const MISSING_MAX: usize = 256;

/// Until the round trip is known.
const ROUND_TRIP_ASSUMED: RoundTrip = RoundTrip::of(Duration::from_millis(50));
/// Requests go out this often.
const REQUESTS_EVERY: Duration = Duration::from_millis(20);

/// How patient a stream's requests are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NackTiming {
    /// Packets overtake each other: wait this long before the first request.
    pub(crate) reorder_wait: Duration,
    /// Then ask again this often, or when an answer should have come, if that is later.
    pub(crate) retry: Duration,
    /// What is older than this nobody waits for any more.
    pub(crate) give_up: Duration,
    /// The same for a publisher so far away that its first answer, or its second, comes after that.
    pub(crate) give_up_max: Duration,
}

impl NackTiming {
    /// Receivers stretch a video's delay for a repair. What is older than a second is not kept for them either.
    pub(crate) const VIDEO: Self = Self {
        reorder_wait: Duration::from_millis(10),
        retry: Duration::from_millis(60),
        give_up: Duration::from_millis(500),
        give_up_max: Duration::from_millis(1000),
    };
    /// An audio jitter buffer rarely holds more than 200 ms, and never much more for single packets: from further away
    /// than that sound is repaired by the copies in later packets, or not at all.
    pub(crate) const AUDIO: Self = Self {
        reorder_wait: Duration::from_millis(10),
        retry: Duration::from_millis(40),
        give_up: Duration::from_millis(200),
        give_up_max: Duration::from_millis(300),
    };

    /// For a publisher this far away.
    fn at(self, round_trip: RoundTrip) -> Self {
        let answer = round_trip.with_wavering();
        let retry = self.retry.max(answer + REQUESTS_EVERY / 2);
        // Both requests may have to wait for their turn.
        let second_answer = self.reorder_wait + retry + 2 * REQUESTS_EVERY + answer;
        Self {
            retry,
            give_up: second_answer.clamp(self.give_up, self.give_up_max),
            ..self
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Missing {
    extended: u64,
    since: MediaTime,
    /// The first time, and the last.
    asked: Option<(MediaTime, MediaTime)>,
}

/// The missing packets of one stream.
#[derive(Debug)]
pub(crate) struct NackGenerator {
    timing: NackTiming,
    /// In rising order.
    missing: Vec<Missing>,
    /// What answers take.
    answers: RoundTripMeter,
}

impl NackGenerator {
    pub(crate) fn new(timing: NackTiming) -> Self {
        Self {
            timing,
            missing: Vec::new(),
            answers: RoundTripMeter::default(),
        }
    }

    /// What it takes from a request to its repair, as was seen lately: about a round trip.
    pub(crate) fn answer(&self, now: MediaTime) -> Option<RoundTrip> {
        self.answers.get(now)
    }

    /// The packets before `extended` were jumped over, `count` of them. Returns how many are given up on the
    /// spot because there are too many.
    pub(crate) fn missed(&mut self, extended: u64, count: u64, now: MediaTime) -> u64 {
        let total = self.missing.len() as u64 + count;
        if total > MISSING_MAX as u64 {
            self.missing.clear();
            return total;
        }
        let missing = (extended - count..extended).map(|extended| Missing {
            extended,
            since: now,
            asked: None,
        });
        self.missing.extend(missing);
        0
    }

    /// A late packet arrived. True when it had been asked for.
    pub(crate) fn arrived(&mut self, extended: u64) -> bool {
        match self
            .missing
            .binary_search_by_key(&extended, |missing| missing.extended)
        {
            Ok(index) => self.missing.remove(index).asked.is_some(),
            Err(_) => false,
        }
    }

    /// A repair arrived. True when its packet was missing, asked for or not: browsers send old packets over again
    /// to probe the line, and such a probe may come before the first request.
    pub(crate) fn repaired(&mut self, extended: u64, now: MediaTime) -> bool {
        let place = self
            .missing
            .binary_search_by_key(&extended, |missing| missing.extended);
        let Ok(index) = place else { return false };
        if let Some((first, last)) = self.missing.remove(index).asked {
            // What comes too soon after the last of several requests answers the first.
            let known = self.answers.get(now).map_or(Duration::MAX, RoundTrip::mean);
            let answers_last = now.since(last) >= known / 2;
            let took = now.since(if answers_last { last } else { first });
            self.answers.measured_in_burst(took, now);
        }
        true
    }

    /// Forgets everything, for instance because nobody wants the stream.
    pub(crate) fn clear(&mut self) {
        self.missing.clear();
    }

    /// Appends the sequence numbers to ask for now, in order: none whose answer would come too late, given the
    /// publisher's round trip as far as it is known. Returns how many were given up.
    pub(crate) fn poll(&mut self, round_trip: Option<RoundTrip>, now: MediaTime, due: &mut Vec<u16>) -> u64 {
        if self.missing.is_empty() {
            return 0;
        }
        let before = self.missing.len();
        let round_trip = round_trip.unwrap_or(ROUND_TRIP_ASSUMED);
        let NackTiming {
            reorder_wait,
            retry,
            give_up,
            ..
        } = self.timing.at(round_trip);
        self.missing.retain(|missing| now.since(missing.since) < give_up);
        for missing in &mut self.missing {
            let waited = now.since(missing.since);
            let is_due = match missing.asked {
                None => waited >= reorder_wait,
                Some((_, last)) => now.since(last) >= retry,
            };
            if is_due && waited + round_trip.mean() <= give_up {
                missing.asked = Some((missing.asked.map_or(now, |(first, _)| first), now));
                due.push(missing.extended as u16);
            }
        }
        (before - self.missing.len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: i64) -> MediaTime {
        MediaTime(milliseconds * 1_000_000)
    }

    fn due(nack: &mut NackGenerator, at: i64) -> (Vec<u16>, u64) {
        let mut due = Vec::new();
        let given_up = nack.poll(None, ms(at), &mut due);
        (due, given_up)
    }

    #[test]
    fn a_packet_that_was_overtaken_is_not_asked_for() {
        let mut nack = NackGenerator::new(NackTiming::VIDEO);
        nack.missed(10, 1, ms(0));
        assert!(due(&mut nack, 5).0.is_empty());
        assert!(!nack.arrived(9));
        assert!(due(&mut nack, 50).0.is_empty());
    }

    #[test]
    fn a_missing_packet_is_asked_for_again_and_then_given_up() {
        let mut nack = NackGenerator::new(NackTiming::VIDEO);
        nack.missed(0x1_0001, 2, ms(0));
        let requests: Vec<_> = (0..60).map(|step| (step, due(&mut nack, step * 10))).collect();
        let asked: Vec<_> = requests
            .iter()
            .filter(|(_, (due, _))| !due.is_empty())
            .map(|(step, _)| *step)
            .collect();
        // At 490 ms the answer would come too late.
        assert_eq!(asked, [1, 9, 17, 25, 33, 41]);
        assert_eq!(requests[1].1.0, [65_535, 0]);
        assert_eq!(requests.iter().map(|(_, (_, given_up))| given_up).sum::<u64>(), 2);
    }

    #[test]
    fn a_repair_is_told_from_mere_lateness() {
        let mut nack = NackGenerator::new(NackTiming::AUDIO);
        nack.missed(10, 2, ms(0));
        due(&mut nack, 20);
        assert!(nack.arrived(8));
        assert!(!nack.arrived(8));
    }

    #[test]
    fn an_outage_is_given_up_at_once() {
        let mut nack = NackGenerator::new(NackTiming::VIDEO);
        assert_eq!(nack.missed(10_000, 5000, ms(0)), 5000);
        assert_eq!(due(&mut nack, 100), (vec![], 0));
    }

    /// When a packet is asked for from a publisher this far away, in ms after it was missed, and when it is given up.
    fn story(timing: NackTiming, round_trip_ms: u64) -> (Vec<i64>, i64) {
        let mut nack = NackGenerator::new(timing);
        nack.missed(10, 1, ms(0));
        let mut asked = Vec::new();
        for at in (0..2000).step_by(20) {
            let mut due = Vec::new();
            let round_trip = Some(RoundTrip::of(Duration::from_millis(round_trip_ms)));
            if nack.poll(round_trip, ms(at), &mut due) > 0 {
                return (asked, at);
            }
            asked.extend(due.iter().map(|_| at));
        }
        unreachable!("nothing is waited for so long")
    }

    #[test]
    fn who_is_far_away_is_asked_again_when_the_answer_should_have_come() {
        assert_eq!(
            story(NackTiming::VIDEO, 20),
            (vec![20, 80, 140, 200, 260, 320, 380, 440], 500)
        );
        assert_eq!(story(NackTiming::VIDEO, 100), (vec![20, 160, 300], 500));
        assert_eq!(story(NackTiming::VIDEO, 300), (vec![20, 420], 820));
        assert_eq!(story(NackTiming::VIDEO, 600), (vec![20], 1000));
        assert_eq!(story(NackTiming::VIDEO, 1500), (vec![], 1000));
    }

    /// Whose answers all took the same is left no time to spare, and still asked twice.
    #[test]
    fn who_is_far_away_and_does_not_waver_is_asked_twice_for_a_picture() {
        let mut answers = RoundTripMeter::default();
        for second in 0..60 {
            answers.measured(Duration::from_millis(300), ms(second * 1000));
        }
        let round_trip = answers.get(ms(59_000));
        let mut nack = NackGenerator::new(NackTiming::VIDEO);
        nack.missed(10, 1, ms(0));
        let mut due = Vec::new();
        let given_up: u64 = (0..50)
            .map(|step| nack.poll(round_trip, ms(step * 20), &mut due))
            .sum();
        assert_eq!((due.len(), given_up), (2, 1));
    }

    #[test]
    fn sound_is_asked_for_while_it_can_still_be_heard() {
        assert_eq!(story(NackTiming::AUDIO, 20), (vec![20, 60, 100, 140, 180], 200));
        assert_eq!(story(NackTiming::AUDIO, 200), (vec![20], 300));
        assert_eq!(story(NackTiming::AUDIO, 300), (vec![], 300));
    }

    #[test]
    fn answers_tell_how_far_away_a_publisher_is() {
        let mut nack = NackGenerator::new(NackTiming::VIDEO);
        nack.missed(10, 2, ms(0));
        let answer = |nack: &NackGenerator, at| nack.answer(ms(at)).map(RoundTrip::mean);
        assert!(nack.repaired(8, ms(5)));
        assert_eq!(answer(&nack, 5), None);
        due(&mut nack, 20);
        assert!(nack.repaired(9, ms(320)));
        assert_eq!(answer(&nack, 320), Some(Duration::from_millis(300)));
        nack.missed(20, 1, ms(1000));
        for at in [1020, 1420] {
            nack.poll(nack.answer(ms(at)), ms(at), &mut Vec::new());
        }
        assert!(nack.repaired(19, ms(1720)));
        assert_eq!(answer(&nack, 1720), Some(Duration::from_millis(300)));
        assert_eq!(answer(&nack, 60_000), None, "it may have become anything");
    }

    /// It would come too late by what that report says, but not by those before.
    #[test]
    fn one_report_that_was_held_up_does_not_keep_lost_sound_from_being_asked_for() {
        let mut reports = RoundTripMeter::default();
        for second in 0..10 {
            reports.measured(Duration::from_millis(40), ms(second * 1000));
        }
        reports.measured(Duration::from_millis(500), ms(10_000));
        let mut nack = NackGenerator::new(NackTiming::AUDIO);
        nack.missed(10, 1, ms(10_000));
        let mut due = Vec::new();
        nack.poll(reports.get(ms(10_020)), ms(10_020), &mut due);
        assert_eq!(due, [9]);
    }
}
