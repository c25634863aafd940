//! What becomes of a stream: reports to its receiver and from it, freezes, and the readings for the statistics.

use std::time::Duration;

use hearken_protocol::TrackSource;

use super::Outgoing;
use crate::media::rtcp::{self, ReportBlock, SenderReport};
use crate::media::statistics::Loss;
use crate::media::time::{MediaTime, ServerClock};

const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Packets that a report may be about; more is nonsense.
const REPORTED_MAX: u32 = 20_000;
/// A camera's picture that stands still this long is a freeze (W3C webrtc-stats counts from 150 ms more than usual on;
/// a busy sender may leave out that much).
const FREEZE_MIN: Duration = Duration::from_millis(500);
/// Requests for a key frame that come in this time are about one freeze.
const FREEZE_REQUESTS: Duration = Duration::from_secs(1);

/// What happened to a stream since it was last read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OutgoingReading {
    /// Payload sent, in bytes, repairs not counted.
    pub(crate) octets: u64,
    pub(crate) loss: Loss,
    pub(crate) jitter: Duration,
    pub(crate) freezes: u16,
}

/// What is kept for the readings.
#[derive(Debug, Default)]
pub(super) struct Meter {
    octets: u32,
    loss: Loss,
    jitter_ticks: u32,
    freezes: u16,
    /// Since when pictures are to flow: a camera's, that is shown and not paused.
    pub(super) flows_since: Option<MediaTime>,
    /// When somebody's picture froze, or couldn't be decoded.
    last_freeze: Option<MediaTime>,
}

impl Outgoing {
    /// Nobody looks at this, or its viewer knows that it is paused.
    pub(crate) fn expect_nothing(&mut self) {
        self.meter.flows_since = None;
    }

    /// Appends a sender report if it is time for one, and the last packet is not too long ago.
    pub(crate) fn write_report(
        &mut self,
        clock: &ServerClock,
        cname: &str,
        now: MediaTime,
        out: &mut Vec<u8>,
    ) {
        let is_due = self
            .last_report
            .is_none_or(|last| now.since(last) >= REPORT_INTERVAL);
        let is_flowing = self
            .last_sent
            .is_some_and(|sent| now.since(sent) < 5 * REPORT_INTERVAL);
        let Some(shift) = self.rewriter.timestamp_shift().filter(|_| is_due && is_flowing) else {
            return;
        };
        self.last_report = Some(now);
        let report = SenderReport {
            ssrc: self.ssrc,
            ntp: clock.ntp(now),
            timestamp: self.anchor.timestamp_at(now, self.rate).wrapping_add(shift),
            packets: self.packets,
            octets: self.octets,
        };
        rtcp::write_sender_report(out, &report, cname);
    }

    /// Takes what the subscriber says of it; `highest` is what it said before.
    pub(crate) fn reported(&mut self, block: &ReportBlock, highest: Option<u32>) {
        self.meter.jitter_ticks = block.jitter;
        let expected = highest.map_or(0, |before| block.highest_sequence.wrapping_sub(before));
        if expected < REPORTED_MAX {
            self.meter.loss.add(Loss {
                expected: expected.into(),
                lost: (expected * u32::from(block.fraction_lost) / 256).into(),
            });
        }
    }

    /// The subscriber can't show what it gets.
    pub(crate) fn picture_lost(&mut self, now: MediaTime) {
        let is_new = self
            .meter
            .last_freeze
            .is_none_or(|last| now.since(last) >= FREEZE_REQUESTS);
        if is_new && self.rewriter.current().is_some() {
            self.count_freeze();
        }
        self.meter.last_freeze = Some(now);
    }

    /// The publisher fell silent, and not because it switched its camera off: the picture stands still.
    pub(crate) fn cut_off(&mut self) {
        if self.is_flowing() {
            self.count_freeze();
        }
    }

    fn count_freeze(&mut self) {
        self.meter.freezes = self.meter.freezes.saturating_add(1);
    }

    /// Whether pictures of a camera were sent, and are to be sent still. A screen stands still by itself.
    fn is_flowing(&self) -> bool {
        let Meter { flows_since, .. } = self.meter;
        self.source == Some(TrackSource::Camera)
            && flows_since
                .zip(self.last_sent)
                .is_some_and(|(since, sent)| since <= sent)
    }

    /// What happened since the last reading.
    pub(crate) fn read(&mut self) -> OutgoingReading {
        let meter = &mut self.meter;
        let octets = self
            .octets
            .wrapping_sub(std::mem::replace(&mut meter.octets, self.octets));
        OutgoingReading {
            octets: octets.into(),
            loss: std::mem::take(&mut meter.loss),
            jitter: Duration::from_micros(u64::from(meter.jitter_ticks) * 1_000_000 / u64::from(self.rate)),
            freezes: std::mem::take(&mut meter.freezes),
        }
    }

    /// A camera's picture that goes on after a while stood still.
    pub(super) fn notice_freeze(&mut self, now: MediaTime) {
        let is_late = self.last_sent.is_some_and(|last| now.since(last) >= FREEZE_MIN);
        if is_late && self.is_flowing() {
            self.count_freeze();
            self.meter.last_freeze = Some(now);
        }
    }

    /// Whether the first packet of a run went out and no report yet.
    pub(crate) fn report_is_due(&self) -> bool {
        self.last_report.is_none() && self.rewriter.current().is_some()
    }
}
