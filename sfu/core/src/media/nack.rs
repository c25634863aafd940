//! Asks a publisher for what is missing of a stream, and gives up in time (RFC 4585 §6.2.1).

use std::time::Duration;

use super::time::MediaTime;

/// Missing packets kept track of. More at once is no loss but an outage: all are given up.
const MISSING_MAX: usize = 256;

/// How patient a stream's requests are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NackTiming {
    /// Packets overtake each other: wait this long before the first request.
    pub(crate) reorder_wait: Duration,
    /// Then ask again this often.
    pub(crate) retry: Duration,
    /// What is older than this nobody waits for any more.
    pub(crate) give_up: Duration,
}

impl NackTiming {
    /// Receivers stretch a video's delay for a repair.
    pub(crate) const VIDEO: Self = Self {
        reorder_wait: Duration::from_millis(10),
        retry: Duration::from_millis(60),
        give_up: Duration::from_millis(500),
    };
    /// An audio jitter buffer rarely holds more than 200 ms.
    pub(crate) const AUDIO: Self = Self {
        reorder_wait: Duration::from_millis(10),
        retry: Duration::from_millis(40),
        give_up: Duration::from_millis(200),
    };
}

#[derive(Debug, Clone, Copy)]
struct Missing {
    extended: u64,
    since: MediaTime,
    asked: Option<MediaTime>,
}

/// The missing packets of one stream.
#[derive(Debug)]
pub(crate) struct NackGenerator {
    timing: NackTiming,
    /// In rising order.
    missing: Vec<Missing>,
}

impl NackGenerator {
    pub(crate) fn new(timing: NackTiming) -> Self {
        Self {
            timing,
            missing: Vec::new(),
        }
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
    pub(crate) fn repaired(&mut self, extended: u64) -> bool {
        let place = self
            .missing
            .binary_search_by_key(&extended, |missing| missing.extended);
        place.map(|index| self.missing.remove(index)).is_ok()
    }

    /// Forgets everything, for instance because nobody wants the stream.
    pub(crate) fn clear(&mut self) {
        self.missing.clear();
    }

    /// Appends the sequence numbers to ask for now, in order. Returns how many were given up.
    pub(crate) fn poll(&mut self, now: MediaTime, due: &mut Vec<u16>) -> u64 {
        let before = self.missing.len();
        let NackTiming {
            reorder_wait,
            retry,
            give_up,
        } = self.timing;
        self.missing.retain(|missing| now.since(missing.since) < give_up);
        for missing in &mut self.missing {
            let is_due = match missing.asked {
                None => now.since(missing.since) >= reorder_wait,
                Some(asked) => now.since(asked) >= retry,
            };
            if is_due {
                missing.asked = Some(now);
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
        let given_up = nack.poll(ms(at), &mut due);
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
        assert_eq!(asked, [1, 7, 13, 19, 25, 31, 37, 43, 49]);
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
}
