//! What was sent to one receiver lately, by transport-wide number: a bounded ring, so that what is reported
//! of each packet can be matched with when and how large it went out.

use crate::media::sequence;
use crate::media::time::MediaTime;
use crate::prefetch::prefetch;

/// Packets remembered: more than half a second of the fastest downlink. Older ones are overwritten, and
/// reports about them are then strange and count for nothing. 8 bytes each.
const PACKETS_MAX: usize = 2048;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Unknown,
    ReportedLost,
    Arrived,
}

/// A packet that was sent.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Microseconds, of which every 71 minutes the count begins again.
    sent_us: u32,
    bytes: u16,
    cluster: u8,
    fate: Fate,
}

/// A packet that is reported to have arrived, for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Acknowledged {
    pub(super) number: u64,
    /// When it was sent, in microseconds that wrap.
    pub(super) sent_us: u32,
    pub(super) bytes: u32,
    /// The probe it was part of; 0: none.
    pub(super) cluster: u8,
    /// It was reported lost before.
    pub(super) was_lost: bool,
}

/// What a report about one packet meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    Acknowledged(Acknowledged),
    /// Missing, for the first time.
    Lost,
    /// Known already.
    Repeated,
    /// Never sent, or too long ago.
    Strange,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct SentHistory {
    /// Allocated with the first packet.
    entries: Vec<Entry>,
    /// Numbers given so far; the first is 1.
    given: u64,
}

impl SentHistory {
    /// Asks the processor for where the next packet is noted.
    pub(super) fn prefetch_next(&self) {
        if let Some(next) = self.entries.get((self.given + 1) as usize % PACKETS_MAX) {
            prefetch(next);
        }
    }

    /// Gives the next number to a packet that goes out now as part of a `cluster`; its size follows.
    pub(super) fn number(&mut self, cluster: u8, now: MediaTime) -> u16 {
        if self.entries.is_empty() {
            let nothing = Entry {
                sent_us: 0,
                bytes: 0,
                cluster: 0,
                fate: Fate::Unknown,
            };
            self.entries = vec![nothing; PACKETS_MAX];
        }
        self.given += 1;
        let entry = &mut self.entries[self.given as usize % PACKETS_MAX];
        *entry = Entry {
            sent_us: wrapping_us(now),
            bytes: 0,
            cluster,
            fate: Fate::Unknown,
        };
        self.given as u16
    }

    /// The size of the packet that was numbered last.
    pub(super) fn set_size(&mut self, bytes: usize) {
        if let Some(entry) = self.entries.get_mut(self.given as usize % PACKETS_MAX) {
            entry.bytes = bytes.min(usize::from(u16::MAX)) as u16;
        }
    }

    /// How many numbers were given: the newest number.
    pub(super) fn given(&self) -> u64 {
        self.given
    }

    /// When a packet was sent, in microseconds that wrap; `None` if that is forgotten.
    pub(super) fn sent_us(&self, number: u64) -> Option<u32> {
        let is_kept = (1..=self.given).contains(&number) && self.given - number < PACKETS_MAX as u64;
        is_kept.then(|| self.entries[number as usize % PACKETS_MAX].sent_us)
    }

    /// Bytes sent in the last `span_us`, the newest packet included.
    pub(super) fn sent_bytes(&self, span_us: u32, now: MediaTime) -> u64 {
        self.newest_first()
            .take_while(|entry| wrapping_us(now).wrapping_sub(entry.sent_us) < span_us)
            .map(|entry| u64::from(entry.bytes))
            .sum()
    }

    /// Bytes sent after one time and until another, both in microseconds that wrap.
    pub(super) fn bytes_between(&self, after_us: u32, until_us: u32) -> u64 {
        let span_us = until_us.wrapping_sub(after_us);
        self.newest_first()
            .map(|entry| (until_us.wrapping_sub(entry.sent_us), entry.bytes))
            .filter(|(age_us, _)| *age_us < i32::MAX as u32)
            .take_while(|(age_us, _)| *age_us < span_us)
            .map(|(_, bytes)| u64::from(bytes))
            .sum()
    }

    /// Bytes sent after a number.
    pub(super) fn bytes_after(&self, number: u64) -> u64 {
        let newer = self.given.saturating_sub(number) as usize;
        self.newest_first()
            .take(newer)
            .map(|entry| u64::from(entry.bytes))
            .sum()
    }

    fn newest_first(&self) -> impl Iterator<Item = &Entry> {
        let kept = self.given.min(PACKETS_MAX as u64);
        (0..kept).map(|back| &self.entries[(self.given - back) as usize % PACKETS_MAX])
    }

    /// The full number that the 16 bits of a report stand for.
    pub(super) fn extend(&self, number: u16) -> u64 {
        sequence::nearest(self.given, number)
    }

    /// Takes a report about one packet.
    pub(super) fn report(&mut self, number: u64, arrived: bool) -> Report {
        let is_kept = (1..=self.given).contains(&number) && self.given - number < PACKETS_MAX as u64;
        if !is_kept {
            return Report::Strange;
        }
        let entry = &mut self.entries[number as usize % PACKETS_MAX];
        match (entry.fate, arrived) {
            (Fate::Arrived, _) | (Fate::ReportedLost, false) => Report::Repeated,
            (Fate::Unknown, false) => {
                entry.fate = Fate::ReportedLost;
                Report::Lost
            }
            (fate, true) => {
                entry.fate = Fate::Arrived;
                Report::Acknowledged(Acknowledged {
                    number,
                    sent_us: entry.sent_us,
                    bytes: u32::from(entry.bytes),
                    cluster: entry.cluster,
                    was_lost: fate == Fate::ReportedLost,
                })
            }
        }
    }
}

/// A time in microseconds that wrap.
pub(super) fn wrapping_us(time: MediaTime) -> u32 {
    (time.0 / 1000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(count: u64) -> SentHistory {
        let mut history = SentHistory::default();
        for number in 1..=count {
            assert_eq!(
                history.number(0, MediaTime(number as i64 * 1_000_000)),
                number as u16
            );
            history.set_size(number as usize % 1000);
        }
        history
    }

    #[test]
    fn a_packet_is_acknowledged_once_with_what_was_sent() {
        let mut history = sent(70_000);
        let number = history.extend(69_990_u32 as u16);
        assert_eq!(number, 69_990);
        let Report::Acknowledged(packet) = history.report(number, true) else {
            panic!("it was sent")
        };
        assert_eq!((packet.bytes, packet.sent_us), (990, 69_990_000));
        assert_eq!(history.report(number, true), Report::Repeated);
        assert_eq!(history.report(number, false), Report::Repeated);
    }

    #[test]
    fn what_was_never_sent_or_is_forgotten_is_strange() {
        let mut history = sent(5000);
        for number in [0, 5001, 5000 - PACKETS_MAX as u64, u64::MAX] {
            assert_eq!(history.report(number, true), Report::Strange, "{number}");
        }
        assert_eq!(SentHistory::default().report(0, true), Report::Strange);
    }

    #[test]
    fn a_late_packet_was_lost_before() {
        let mut history = sent(10);
        assert_eq!(history.report(3, false), Report::Lost);
        assert_eq!(history.report(3, false), Report::Repeated);
        let report = history.report(3, true);
        assert!(matches!(report, Report::Acknowledged(packet) if packet.was_lost));
    }

    #[test]
    fn bytes_are_counted_by_time_and_by_number_also_after_the_ring_is_full() {
        for count in [100, 5000] {
            let history = sent(count);
            let bytes: u64 = (count - 9..=count).map(|number| number % 1000).sum();
            let now = MediaTime(count as i64 * 1_000_000);
            assert_eq!(history.sent_bytes(10_000, now), bytes);
            assert_eq!(history.bytes_after(count - 10), bytes);
            let us = |number: u64| number as u32 * 1000;
            assert_eq!(history.bytes_between(us(count - 10), us(count)), bytes);
            assert_eq!(history.sent_us(count), Some(us(count)));
            assert_eq!(history.sent_us(count + 1), None);
        }
        assert_eq!(SentHistory::default().bytes_after(0), 0);
    }
}
