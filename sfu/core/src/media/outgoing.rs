//! One stream to a subscriber: a section of a slot, whoever it belongs to at the time.

mod backlog;

use std::time::Duration;

use hearken_protocol::{TrackSource, VideoCodec};

use self::backlog::Backlog;
use super::bandwidth::Bandwidth;
use super::cache::StoredPacket;
use super::copy_log::CopyLog;
use super::dependency::{DESCRIPTOR_BYTES_MAX, TemplateStructure};
use super::negotiated::ReceiveSection;
use super::pacer::Pacer;
use super::picture::VideoPacket;
use super::rate::RateMeter;
use super::red::{self, Copies};
use super::rewriter::{Incoming, Rewriter, Rewritten, RunStart, StreamId};
use super::rtcp::{self, ReportBlock, SenderReport};
use super::rtp::{OUTGOING_HEADER_BYTES_MAX, OutgoingHeader};
use super::statistics::Loss;
use super::time::{MediaTime, ServerClock};
use super::timeline::{self, Anchor};
use crate::transport::{SRTP_OVERHEAD_MAX, Transport};
use crate::{Content, Counters, DropCause, Outbox};

const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// A subscriber that was promised a layer which then does not send a key frame takes any other after this.
const LAYER_PATIENCE: Duration = Duration::from_millis(700);
/// Packets that a report may be about; more is nonsense.
const REPORTED_MAX: u32 = 20_000;
/// Timestamps compare the shorter way round: what was sent, or promised, longer ago than this is out of
/// sight (half a turn is 6.6 hours at 90 kHz).
const TIMESTAMP_MEMORY: Duration = Duration::from_secs(3600);
/// The same packet is not sent again within this time, or the round trip if that is longer.
const REPAIR_INTERVAL_MIN: Duration = Duration::from_millis(20);
/// A camera's picture that stands still this long is a freeze (W3C webrtc-stats counts from 150 ms more than usual on;
/// a busy sender may leave out that much).
const FREEZE_MIN: Duration = Duration::from_millis(500);
/// Requests for a key frame that come in this time are about one freeze.
const FREEZE_REQUESTS: Duration = Duration::from_secs(1);
/// Repairs remembered for that.
const REPAIRS_REMEMBERED: usize = 64;

/// Padding of one packet: its last byte counts it.
const PADDING_BYTES: usize = 255;
/// Says that there is padding (RFC 3550 §5.1).
const PADDING_FLAG: u8 = 0x20;

/// A packet on its way from a publisher to the subscribers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MediaPacket<'a> {
    pub(crate) stream: StreamId,
    pub(crate) layer: u8,
    pub(crate) stored: StoredPacket<'a>,
    /// What a picture's packet says of itself; `None` for sound.
    pub(crate) video: Option<VideoPacket>,
    /// Where the stream's timestamps lie in time.
    pub(crate) anchor: Anchor,
}

/// What sending needs besides the stream itself.
pub(crate) struct Leg<'a> {
    pub(crate) transport: &'a mut Transport,
    pub(crate) bandwidth: &'a mut Bandwidth,
    pub(crate) pacer: &'a mut Pacer,
    pub(crate) sent: &'a mut RateMeter,
    pub(crate) outbox: &'a mut Outbox,
    pub(crate) content: Content,
    pub(crate) counters: &'a mut Counters,
    /// How many copies of earlier packets go along with sound.
    pub(crate) copies: usize,
    pub(crate) now: MediaTime,
}

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
struct Meter {
    octets: u32,
    loss: Loss,
    jitter_ticks: u32,
    freezes: u16,
    /// Since when pictures are to flow: a camera's, that is shown and not paused.
    flows_since: Option<MediaTime>,
    /// When somebody's picture froze, or couldn't be decoded.
    last_freeze: Option<MediaTime>,
}

#[derive(Debug)]
struct RepairStream {
    ssrc: u32,
    next_index: u64,
}

/// What a kept packet is, beside its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept<'a> {
    pub(crate) stored: StoredPacket<'a>,
    /// `None` for sound.
    pub(crate) codec: Option<VideoCodec>,
    pub(crate) structure: Option<&'a TemplateStructure>,
}

/// Random numbers for one outgoing stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutgoingSeed {
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: u32,
    pub(crate) first_sequence: u16,
    pub(crate) first_rtx_sequence: u16,
    pub(crate) timeline: u32,
}

/// Whether the slot's promise to its owner's viewers must be renewed before the packet goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    /// What was announced holds.
    Holds,
    /// The announced first timestamp is hours old: announce the slot again.
    Outdated,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) mid: String,
    pub(crate) ssrc: u32,
    pub(crate) generation: u32,
    /// The first timestamp of the present owner.
    pub(crate) first_timestamp: u32,
    /// The layer that is to be sent; always 0 for sound. `None`: paused.
    pub(crate) chosen: Option<u8>,
    /// The layer that is sent.
    pub(crate) current_layer: Option<u8>,
    /// The highest number in reception reports.
    pub(crate) reported_highest: Option<u32>,
    pub(crate) rewriter: Rewriter,
    /// What the present owner sends here.
    source: Option<TrackSource>,
    section: ReceiveSection,
    /// The receiver's id of audio level or video orientation.
    byte_extension_id: Option<u8>,
    rate: u32,
    repair: Option<RepairStream>,
    timeline: Anchor,
    anchor: Anchor,
    promised_at: MediaTime,
    waiting_since: Option<MediaTime>,
    last_sent: Option<MediaTime>,
    last_report: Option<MediaTime>,
    packets: u32,
    octets: u32,
    meter: Meter,
    /// What waits for the line.
    backlog: Backlog,
    /// None before the first one: most streams never need it.
    repair_log: Option<Box<RepairLog>>,
    /// None before the first packet with copies.
    copy_log: Option<Box<CopyLog>>,
}

/// The latest repairs of a stream.
#[derive(Debug)]
struct RepairLog {
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
    pub(crate) fn new(section: ReceiveSection, rate: u32, seed: OutgoingSeed) -> Self {
        let repair = section.has_repairs().then(|| RepairStream {
            ssrc: seed.rtx_ssrc,
            next_index: u64::from(seed.first_rtx_sequence & 0x7fff),
        });
        let ids = section.extensions;
        let is_audio = rate == super::OPUS_RATE;
        let byte_extension_id = if is_audio {
            ids.audio_level
        } else {
            ids.video_orientation
        };
        Self {
            mid: section.mid.clone(),
            ssrc: seed.ssrc,
            generation: 0,
            first_timestamp: seed.timeline,
            chosen: None,
            current_layer: None,
            reported_highest: None,
            rewriter: Rewriter::new(seed.first_sequence),
            source: None,
            section,
            byte_extension_id,
            rate,
            repair,
            timeline: Anchor {
                time: MediaTime(0),
                timestamp: seed.timeline,
            },
            anchor: Anchor::default(),
            promised_at: MediaTime(0),
            waiting_since: None,
            last_sent: None,
            last_report: None,
            packets: 0,
            octets: 0,
            meter: Meter::default(),
            backlog: Backlog::default(),
            repair_log: None,
            copy_log: None,
        }
    }

    /// Whether this receiver can decode a video; AV1 of several layers only with the dependency descriptor.
    pub(crate) fn can_decode(&self, codec: VideoCodec, has_layers: bool) -> bool {
        let has_descriptor = self.section.extensions.dependency.is_some();
        self.section.payload_types(Some(codec)).is_some()
            && (codec != VideoCodec::Av1 || !has_layers || has_descriptor)
    }

    /// The SSRC of repairs, when there are any.
    pub(crate) fn rtx_ssrc(&self) -> Option<u32> {
        self.repair.as_ref().map(|repair| repair.ssrc)
    }

    /// The slot has another owner, or none: nothing of the last one goes out any more. What comes is of `source`.
    pub(crate) fn reassign(&mut self, source: Option<TrackSource>, generation: u32, now: MediaTime) {
        self.give_up_waiting();
        self.rewriter.forget();
        self.source = source;
        self.meter.flows_since = None;
        self.generation = generation;
        self.chosen = None;
        self.current_layer = None;
        self.waiting_since = None;
        self.promise(generation, now);
    }

    /// Fixes the first timestamp of what comes from now on.
    pub(crate) fn promise(&mut self, generation: u32, now: MediaTime) {
        self.generation = generation;
        self.promised_at = now;
        self.first_timestamp = self.after_last(self.timeline.timestamp_at(now, self.rate), now);
    }

    /// Sends nothing until chosen again.
    pub(crate) fn pause(&mut self) {
        self.begin_anew();
        self.meter.flows_since = None;
    }

    /// Sends nothing until the next run begins.
    fn begin_anew(&mut self) {
        self.give_up_waiting();
        self.rewriter.close();
        self.current_layer = None;
        self.waiting_since = None;
    }

    /// Sets the layer to be sent.
    pub(crate) fn choose(&mut self, layer: Option<u8>, now: MediaTime) {
        self.chosen = layer;
        match layer {
            None => self.begin_anew(),
            Some(_) if self.current_layer == layer => self.waiting_since = None,
            Some(_) => self.waiting_since = self.waiting_since.or(Some(now)),
        }
    }

    /// Whether this packet begins something new for this subscriber: the stream itself, another layer.
    pub(crate) fn begins_with(&self, packet: &MediaPacket<'_>, now: MediaTime) -> bool {
        let current = self.rewriter.current();
        if self.chosen.is_none() {
            return false;
        }
        let Some(video) = &packet.video else {
            return current != Some(packet.stream) || self.rewriter.is_jump(packet.stored.sequence);
        };
        if !video.starts_key_frame || !self.can_decode(video.codec, video.layers.is_some()) {
            return false;
        }
        if current == Some(packet.stream) {
            return self.rewriter.target() != self.target(video)
                || self.rewriter.is_jump(packet.stored.sequence);
        }
        // Whichever of the layers in one stream is chosen, it begins here.
        if video.layers.is_some() {
            return true;
        }
        let impatient = || {
            self.waiting_since
                .is_some_and(|since| now.since(since) > LAYER_PATIENCE)
        };
        let replaces_current = self.current_layer == Some(packet.layer);
        let is_better_than_nothing = current.is_none() && impatient();
        self.chosen == Some(packet.layer) || replaces_current || is_better_than_nothing
    }

    /// The layer to let through of a stream that holds several.
    fn target(&self, video: &VideoPacket) -> Option<u8> {
        video.layers.and(self.chosen)
    }

    /// Whether the announced first timestamp can still be compared with that of a frame now.
    pub(crate) fn check_promise(&self, now: MediaTime) -> Promise {
        let is_old = now.since(self.promised_at) > TIMESTAMP_MEMORY;
        let never_used = self.last_sent.is_none_or(|sent| sent < self.promised_at);
        if is_old && never_used {
            Promise::Outdated
        } else {
            Promise::Holds
        }
    }

    /// Nobody looks at this, or its viewer knows that it is paused.
    pub(crate) fn expect_nothing(&mut self) {
        self.meter.flows_since = None;
    }

    /// Begins a run with this packet. True when it switches from one layer to another.
    pub(crate) fn begin(&mut self, packet: &MediaPacket<'_>, now: MediaTime) -> bool {
        let taken = packet.anchor.time_of(packet.stored.timestamp, self.rate);
        // The next layer of the same video goes on by the last one's time, so that frames stay evenly spaced.
        let timestamp = match self.rewriter.timestamp_shift() {
            Some(shift) => self.anchor.timestamp_at(taken, self.rate).wrapping_add(shift),
            None => self.timeline.timestamp_at(taken, self.rate),
        };
        let timestamp = if timeline::is_later(self.first_timestamp, timestamp)
            && now.since(self.promised_at) < TIMESTAMP_MEMORY
        {
            self.first_timestamp
        } else {
            timestamp
        };
        let timestamp = self.after_last(timestamp, now);
        let target = packet.video.as_ref().and_then(|video| self.target(video));
        let start = RunStart {
            stream: packet.stream,
            sequence: packet.stored.sequence,
            timestamp: packet.stored.timestamp,
            numbers: packet.video.map(|video| video.numbers).unwrap_or_default(),
            target,
        };
        if self.rewriter.current() == Some(packet.stream) {
            self.rewriter.retarget(&start);
        } else {
            self.rewriter.begin(&start, timestamp);
        }
        let layer = target.unwrap_or(packet.layer);
        let switches = self.current_layer.is_some_and(|before| before != layer);
        self.current_layer = Some(layer);
        if self.chosen == self.current_layer {
            self.waiting_since = None;
        }
        self.last_report = None;
        self.meter.flows_since.get_or_insert(now);
        switches
    }

    /// Sends the packet if it belongs to what this subscriber gets, or lets it wait for the line. `pair` is the
    /// stream's place; `copies` are of the packets before it, for whoever loses packets.
    pub(crate) fn forward(
        &mut self,
        pair: usize,
        packet: &MediaPacket<'_>,
        copies: &Copies,
        leg: &mut Leg<'_>,
    ) {
        let stored = &packet.stored;
        let must_wait = packet.video.is_some() && !leg.pacer.is_open(leg.now);
        let counters = must_wait.then(|| self.rewriter.counters());
        let rewritten = self.rewriter.rewrite(&Incoming {
            stream: packet.stream,
            sequence: stored.sequence,
            timestamp: stored.timestamp,
            numbers: packet.video.as_ref().map(|video| &video.numbers),
            layers: packet.video.as_ref().and_then(|video| video.layers.as_ref()),
        });
        let Some(rewritten) = rewritten else {
            if self.rewriter.current().is_none() {
                // After a jump it takes a key frame to go on.
                self.current_layer = None;
            }
            return;
        };
        if self.rewriter.current() == Some(packet.stream) {
            self.anchor = packet.anchor;
        }
        if let Some(counters) = counters {
            self.wait(pair, stored, &rewritten, counters, leg);
            return;
        }
        let copies_max = self.copies_max(rewritten.index, leg);
        let (prefix, copies) = copies.prefix(copies_max);
        self.note_copies(rewritten.index, copies);
        leg.copies = copies;
        self.send(stored, prefix, packet.video.as_ref(), rewritten, leg);
    }

    /// How many copies the packet may take along: none that this subscriber's run does not have.
    fn copies_max(&self, index: u64, leg: &Leg<'_>) -> usize {
        let depth = self.section.red.and(self.rewriter.depth_of_newest(index));
        depth.map_or(0, |depth| leg.copies.min(depth.min(u64::from(u8::MAX)) as usize))
    }

    fn note_copies(&mut self, index: u64, copies: usize) {
        if copies > 0 {
            self.copy_log
                .get_or_insert_with(|| Box::new(CopyLog::starting_at(index)));
        }
        if let Some(log) = &mut self.copy_log {
            log.note(index, copies);
        }
    }

    /// With how many copies this packet went out; `None` when nobody knows any more.
    pub(crate) fn copies_sent(&self, index: u64) -> Option<usize> {
        self.copy_log.as_ref().map_or(Some(0), |log| log.get(index))
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
        self.repair_log
            .get_or_insert_default()
            .note(rewritten.index, leg.now);
        let read = |codec| VideoPacket::parse(codec, stored.payload, stored.dependency, kept.structure);
        let video = kept.codec.and_then(read);
        let (Some(repair), Some(payload_type)) = (&mut self.repair, numbers.rtx) else {
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

    /// Whether something was ever sent: the receiver knows the stream.
    pub(crate) fn was_sent(&self) -> bool {
        self.last_sent.is_some()
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
    fn notice_freeze(&mut self, now: MediaTime) {
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

    fn is_audio(&self) -> bool {
        self.rate == super::OPUS_RATE
    }

    fn after_last(&self, timestamp: u32, now: MediaTime) -> u32 {
        let in_sight = self
            .last_sent
            .is_some_and(|sent| now.since(sent) < TIMESTAMP_MEMORY);
        match self.rewriter.last_timestamp().filter(|_| in_sight) {
            Some(last) if !timeline::is_later(timestamp, last) => last.wrapping_add(1),
            _ => timestamp,
        }
    }

    fn send(
        &mut self,
        stored: &StoredPacket<'_>,
        copies: &[u8],
        video: Option<&VideoPacket>,
        rewritten: Rewritten,
        leg: &mut Leg<'_>,
    ) {
        self.rewriter.sent(rewritten.index);
        let Some(numbers) = self.section.payload_types(video.map(|video| video.codec)) else {
            return;
        };
        // Without a repair stream the same packet may be sealed twice under one number: then it must be the
        // same to the last bit, so it carries no transport-wide number.
        let transport_sequence = if numbers.rtx.is_some() {
            next_transport_sequence(&self.section, leg)
        } else {
            None
        };
        let payload_type = match self.section.red {
            Some(red) if !copies.is_empty() => red,
            _ => numbers.media,
        };
        let header = OutgoingHeader {
            marker: ends_picture(stored, video, rewritten),
            payload_type,
            sequence: rewritten.index as u16,
            timestamp: rewritten.timestamp,
            ssrc: self.ssrc,
            byte_extension: self.byte_extension_id.zip(stored.byte_extension),
            transport_sequence,
            dependency: None,
        };
        let prefix = Prefix {
            bytes: copies,
            blocks: (!copies.is_empty()).then_some((leg.copies, numbers.media)),
        };
        let body = Body {
            stored,
            video,
            rewritten,
            dependency_id: self.section.extensions.dependency,
        };
        let Some(bytes) = seal(header, prefix, &body, rewritten.index, leg) else {
            return;
        };
        if !copies.is_empty() {
            leg.counters.copies_sent.packets += leg.copies as u64;
            leg.counters.copies_sent.bytes += copies.len() as u64;
        }
        let volume = if self.is_audio() {
            &mut leg.counters.sent.audio
        } else {
            &mut leg.counters.sent.video
        };
        volume.add(bytes);
        self.notice_freeze(leg.now);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self
            .octets
            .wrapping_add((copies.len() + stored.payload.len()) as u32);
        self.last_sent = Some(leg.now);
    }
}

fn next_transport_sequence(section: &ReceiveSection, leg: &mut Leg<'_>) -> Option<(u8, u16)> {
    let id = section.extensions.transport_cc?;
    Some((id, leg.bandwidth.number(leg.now)))
}

/// Whether the marker belongs to a packet: what ends the picture for one receiver is not its end for all.
fn ends_picture(stored: &StoredPacket<'_>, video: Option<&VideoPacket>, rewritten: Rewritten) -> bool {
    let layers = video.and_then(|video| video.layers);
    let ends_layer = |target| layers.is_some_and(|layers| layers.ends_picture_of(target));
    stored.marker || rewritten.target.is_some_and(ends_layer)
}

/// What goes into a packet behind the fixed header.
struct Body<'a> {
    stored: &'a StoredPacket<'a>,
    video: Option<&'a VideoPacket>,
    rewritten: Rewritten,
    /// The receiver's id of the dependency descriptor.
    dependency_id: Option<u8>,
}

/// What goes before a payload.
struct Prefix<'a> {
    bytes: &'a [u8],
    /// Of redundant audio: how many copies these are, and what all blocks carry.
    blocks: Option<(usize, u8)>,
}

/// Writes and seals a packet in the outbox: the one copy that forwarding makes. Returns its bytes.
fn seal(
    header: OutgoingHeader<'_>,
    prefix: Prefix<'_>,
    body: &Body<'_>,
    index: u64,
    leg: &mut Leg<'_>,
) -> Option<usize> {
    let Body {
        stored,
        video,
        rewritten,
        dependency_id,
    } = *body;
    let pair = leg.transport.selected()?;
    let mut rewritten_dependency;
    let mut dependency = None;
    if let (Some(id), Some(descriptor)) = (dependency_id, video.and_then(|video| video.dependency)) {
        rewritten_dependency = [0; DESCRIPTOR_BYTES_MAX];
        let (shift, target) = (rewritten.picture_shift, rewritten.target);
        let len = descriptor.write(stored.dependency, shift, target, &mut rewritten_dependency)?;
        dependency = Some((id, &rewritten_dependency[..len]));
    }
    let header = OutgoingHeader { dependency, ..header };
    let header_room = OUTGOING_HEADER_BYTES_MAX + dependency.map_or(0, |(_, value)| value.len());
    let room = header_room + prefix.bytes.len() + stored.payload.len() + SRTP_OVERHEAD_MAX;
    let Some(packet) = leg.outbox.reserve(room) else {
        leg.counters.drops.count(DropCause::OutboxFull);
        return None;
    };
    let header_bytes = header.write(packet);
    let payload_at = header_bytes + prefix.bytes.len();
    let end = payload_at + stored.payload.len();
    packet[header_bytes..payload_at].copy_from_slice(prefix.bytes);
    if let Some((copies, payload_type)) = prefix.blocks {
        red::set_payload_type(&mut packet[header_bytes..payload_at], copies, payload_type);
    }
    packet[payload_at..end].copy_from_slice(stored.payload);
    if let Some(video) = video {
        video.shift(rewritten.picture_shift, &mut packet[payload_at..end]);
    }
    match leg.transport.seal_rtp(packet, header_bytes, end, index) {
        Ok(len) => {
            leg.outbox.commit(len, pair, leg.content);
            leg.sent.add(len, leg.now);
            leg.pacer.spend(len, leg.now);
            if header.transport_sequence.is_some() {
                leg.bandwidth.sent(len, leg.now);
            } else {
                leg.bandwidth.sent_beside(len, leg.now);
            }
            Some(len)
        }
        Err(_) => {
            leg.counters.drops.count(DropCause::SealFailed);
            None
        }
    }
}

/// Writes and seals a packet of padding in the outbox. Returns its bytes.
fn seal_padding(header: &OutgoingHeader<'_>, index: u64, leg: &mut Leg<'_>) -> Option<usize> {
    let pair = leg.transport.selected()?;
    let room = OUTGOING_HEADER_BYTES_MAX + PADDING_BYTES + SRTP_OVERHEAD_MAX;
    let Some(packet) = leg.outbox.reserve(room) else {
        leg.counters.drops.count(DropCause::OutboxFull);
        return None;
    };
    let header_bytes = header.write(packet);
    packet[0] |= PADDING_FLAG;
    let end = header_bytes + PADDING_BYTES;
    packet[header_bytes..end].fill(0);
    packet[end - 1] = PADDING_BYTES as u8;
    match leg.transport.seal_rtp(packet, header_bytes, end, index) {
        Ok(len) => {
            leg.outbox.commit(len, pair, leg.content);
            leg.sent.add(len, leg.now);
            leg.bandwidth.sent(len, leg.now);
            Some(len)
        }
        Err(_) => {
            leg.counters.drops.count(DropCause::SealFailed);
            None
        }
    }
}
