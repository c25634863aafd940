//! What was lost is sent again, over a stream of its own where the receiver knows one; and so is padding.

use std::time::Duration;

use hearken_protocol::VideoCodec;

use super::sealing::{Body, Prefix, ends_picture, next_transport_sequence, seal, seal_padding};
use super::{Leg, Outgoing};
use crate::media::cache::StoredPacket;
use crate::media::dependency::TemplateStructure;
use crate::media::picture::VideoPacket;
use crate::media::rewriter::Rewritten;
use crate::media::rtp::OutgoingHeader;
use crate::media::time::MediaTime;

/// The same packet is not sent again within this time, or the round trip if that is longer.
const REPAIR_INTERVAL_MIN: Duration = Duration::from_millis(20);
/// Repairs remembered for that.
const REPAIRS_REMEMBERED: usize = 64;

/// What a kept packet is, beside its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept<'a> {
    pub(crate) stored: StoredPacket<'a>,
    /// `None` for sound.
    pub(crate) codec: Option<VideoCodec>,
    pub(crate) structure: Option<&'a TemplateStructure>,
    /// Its stream's, where that holds one.
    pub(crate) layer: u8,
}

#[derive(Debug)]
pub(super) struct RepairStream {
    pub(super) ssrc: u32,
    pub(super) next_index: u64,
}

/// The latest repairs of a stream.
#[derive(Debug)]
pub(super) struct RepairLog {
    /// Sequence numbers, and when they were sent again.
    latest: [(u16, Option<MediaTime>); REPAIRS_REMEMBERED],
    next: usize,
}

impl Default for RepairLog {
    fn default() -> Self {
        Self {
            latest: [(0, None); REPAIRS_REMEMBERED],
            next: 0,
        }
    }
}

impl RepairLog {
    /// Whether the same was sent again less than `interval` ago.
    fn is_recent(&self, index: u64, interval: Duration, now: MediaTime) -> bool {
        let is_recent = |at: &Option<MediaTime>| at.is_some_and(|at| now.since(at) < interval);
        let mut latest = self.latest.iter();
        latest.any(|(repaired, at)| *repaired == index as u16 && is_recent(at))
    }

    fn note(&mut self, index: u64, now: MediaTime) {
        self.latest[self.next] = (index as u16, Some(now));
        self.next = (self.next + 1) % REPAIRS_REMEMBERED;
    }
}

impl Outgoing {
    /// The SSRC of repairs, when there are any.
    pub(crate) fn rtx_ssrc(&self) -> Option<u32> {
        self.repair.as_ref().map(|repair| repair.ssrc)
    }

    /// Whether a packet was sent again so short a time ago that it may be on its way still.
    pub(crate) fn is_repaired(&self, rewritten: &Rewritten, round_trip: Duration, now: MediaTime) -> bool {
        let interval = round_trip.max(REPAIR_INTERVAL_MIN);
        let log = self.repair_log.as_ref();
        log.is_some_and(|log| log.is_recent(rewritten.index, interval, now))
    }

    /// Sends a kept packet again, if it was not sent again just now. True when it goes out.
    pub(crate) fn repair(
        &mut self,
        kept: &Kept<'_>,
        prefix: &[u8],
        rewritten: Rewritten,
        leg: &mut Leg<'_>,
    ) -> bool {
        let stored = &kept.stored;
        let Some(numbers) = self.section.payload_types(kept.codec) else {
            return false;
        };
        let read = |codec| VideoPacket::parse(codec, stored.payload, stored.dependency, kept.structure);
        let video = kept.codec.and_then(read);
        let rewritten = rewritten.of(video.as_ref());
        self.repair_log
            .get_or_insert_default()
            .note(rewritten.index, leg.now);
        let (Some(repair), Some(payload_type)) = (&mut self.repair, numbers.rtx) else {
            let is_read = video.is_some_and(|video| video.dependency.is_some() || video.temporal.is_some());
            if !stored.dependency.is_empty() && !is_read {
                // Under the number that it had it may only go out as it was.
                return false;
            }
            self.send(stored, prefix, video.as_ref(), rewritten, leg);
            return true;
        };
        let rtx_index = repair.next_index;
        repair.next_index += 1;
        let header = OutgoingHeader {
            marker: ends_picture(stored, video.as_ref(), rewritten),
            payload_type,
            sequence: rtx_index as u16,
            timestamp: rewritten.timestamp,
            ssrc: repair.ssrc,
            byte_extension: self.byte_extension_id.zip(stored.byte_extension),
            transport_sequence: next_transport_sequence(&self.section, leg),
            dependency: None,
        };
        let original = (rewritten.index as u16).to_be_bytes();
        let prefix = Prefix {
            bytes: &original,
            blocks: None,
        };
        let dependency_id = self.section.extensions.dependency;
        let body = Body {
            stored,
            video: video.as_ref(),
            rewritten,
            dependency_id,
        };
        seal(header, prefix, &body, rtx_index, leg)
            .map(|bytes| leg.counters.sent.rtx.add(bytes))
            .is_some()
    }

    /// Whether padding can be sent here, and told of.
    pub(crate) fn can_pad(&self) -> bool {
        self.padding_type().is_some() && self.section.extensions.transport_cc.is_some()
    }

    /// Repairs of whatever codec carry it.
    fn padding_type(&self) -> Option<u8> {
        self.repair.as_ref()?;
        self.section
            .video
            .iter()
            .flatten()
            .find_map(|numbers| numbers.rtx)
    }

    /// Sends a packet of nothing but padding (RFC 3550 §5.1) over the repair stream. Returns its bytes.
    pub(crate) fn pad(&mut self, leg: &mut Leg<'_>) -> Option<usize> {
        let payload_type = self.padding_type()?;
        let transport_sequence = next_transport_sequence(&self.section, leg);
        let repair = self.repair.as_mut()?;
        let index = repair.next_index;
        repair.next_index += 1;
        let header = OutgoingHeader {
            marker: false,
            payload_type,
            sequence: index as u16,
            timestamp: self
                .rewriter
                .last_timestamp()
                .unwrap_or_else(|| self.timeline.timestamp_at(leg.now, self.rate)),
            ssrc: repair.ssrc,
            byte_extension: None,
            transport_sequence,
            dependency: None,
        };
        let bytes = seal_padding(&header, index, leg)?;
        leg.counters.sent.rtx.add(bytes);
        leg.counters.padding_packets += 1;
        Some(bytes)
    }
}
