//! How a publisher's stream arrives, for the report blocks sent back to it (RFC 3550 §6.4.1, A.3, A.8).

use std::time::Duration;

use super::rtcp::ReportBlock;
use super::statistics::Loss;
use super::time::{MediaTime, NtpTime};

/// Loss and jitter of one stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reception {
    first: Option<u64>,
    newest: u64,
    received: u64,
    expected_before: u64,
    received_before: u64,
    /// Sixteen times the jitter in ticks.
    jitter_16: u64,
    last_transit: Option<i64>,
    last_report: Option<(u32, MediaTime)>,
    /// At the last reading of the statistics: expected and received.
    read: (u64, u64),
}

impl Reception {
    /// Takes a packet that came for the first time.
    pub(crate) fn received(&mut self, extended: u64, timestamp: u32, rate: u32, arrival: MediaTime) {
        if self.first.is_none_or(|first| extended < first) {
            self.first = Some(extended);
        }
        self.newest = self.newest.max(extended);
        self.received += 1;
        let arrival_ticks = super::timeline::ticks(arrival.0, rate);
        let transit = arrival_ticks.wrapping_sub(i64::from(timestamp));
        if let Some(last) = self.last_transit.replace(transit) {
            // Timestamps wrap at 32 bits, and so does the difference.
            let distance = u64::from((transit.wrapping_sub(last) as i32).unsigned_abs());
            self.jitter_16 = (self.jitter_16 + distance).saturating_sub((self.jitter_16 + 8) >> 4);
        }
    }

    /// Takes the stream's sender report.
    pub(crate) fn sender_report(&mut self, ntp: NtpTime, arrival: MediaTime) {
        self.last_report = Some((ntp.middle(), arrival));
    }

    /// What was lost since the last reading.
    pub(crate) fn read_loss(&mut self) -> Loss {
        let Some(first) = self.first else {
            return Loss::default();
        };
        let expected = self.newest - first + 1;
        let before = std::mem::replace(&mut self.read, (expected, self.received));
        let expected = expected.saturating_sub(before.0);
        Loss {
            expected,
            lost: expected.saturating_sub(self.received.saturating_sub(before.1)),
        }
    }

    /// The jitter by now.
    pub(crate) fn jitter(&self, rate: u32) -> Duration {
        Duration::from_micros((self.jitter_16 >> 4) * 1_000_000 / u64::from(rate))
    }

    /// The block for the next report; begins a new interval.
    pub(crate) fn report(&mut self, ssrc: u32, now: MediaTime) -> Option<ReportBlock> {
        let first = self.first?;
        let expected = self.newest - first + 1;
        let expected_since = expected.saturating_sub(self.expected_before);
        let lost_since = expected_since.saturating_sub(self.received.saturating_sub(self.received_before));
        self.expected_before = expected;
        self.received_before = self.received;
        let fraction = (lost_since * 256)
            .checked_div(expected_since)
            .unwrap_or(0)
            .min(255);
        let (last_report, delay) = match self.last_report {
            Some((middle, arrival)) => (
                middle,
                (now.since(arrival).as_nanos() * 65_536 / 1_000_000_000) as u32,
            ),
            None => (0, 0),
        };
        Some(ReportBlock {
            ssrc,
            fraction_lost: fraction as u8,
            lost: expected.saturating_sub(self.received).min(0x7f_ffff) as u32,
            // Numbers here begin one turn up.
            highest_sequence: self.newest.wrapping_sub(0x1_0000) as u32,
            jitter: (self.jitter_16 >> 4) as u32,
            last_report,
            delay,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_is_told_per_interval_and_in_sum() {
        let mut reception = Reception::default();
        let at = |number: u64| MediaTime(0) + Duration::from_millis(20 * number);
        for number in (0..100).filter(|number| number % 4 != 1) {
            reception.received(0x1_0000 + number, number as u32 * 960, 48_000, at(number));
        }
        let block = reception.report(7, at(100)).unwrap();
        assert_eq!(
            (
                block.fraction_lost,
                block.lost,
                block.highest_sequence,
                block.jitter
            ),
            (64, 25, 99, 0)
        );
        for number in 100..200 {
            reception.received(0x1_0000 + number, number as u32 * 960, 48_000, at(number));
        }
        let block = reception.report(7, at(200)).unwrap();
        assert_eq!((block.fraction_lost, block.lost), (0, 25));
    }

    #[test]
    fn readings_of_the_loss_do_not_disturb_the_reports() {
        let mut reception = Reception::default();
        for number in (0..40).filter(|number| number % 4 != 1) {
            reception.received(0x1_0000 + number, 0, 48_000, MediaTime(0));
        }
        let ten = Loss {
            expected: 40,
            lost: 10,
        };
        assert_eq!(reception.read_loss(), ten);
        assert_eq!(
            reception.report(7, MediaTime(0)).map(|block| block.fraction_lost),
            Some(64)
        );
        assert_eq!(reception.read_loss(), Loss::default());
    }

    #[test]
    fn the_round_trip_can_be_told_from_the_last_sender_report() {
        let mut reception = Reception::default();
        reception.received(0x1_0000, 0, 48_000, MediaTime(0));
        reception.sender_report(NtpTime(0x0001_0002_0003_0004), MediaTime(0));
        let block = reception.report(7, MediaTime(500_000_000)).unwrap();
        assert_eq!((block.last_report, block.delay), (0x0002_0003, 32_768));
    }
}
