//! One stream to a subscriber: a section of a slot, whoever it belongs to at the time.

mod backlog;
mod meter;
mod pace;
mod repairs;
mod sealing;

use std::time::Duration;

use hearken_protocol::{TrackSource, VideoCodec};

use self::backlog::Backlog;
use self::meter::Meter;
use self::pace::PaceWish;
pub(crate) use self::repairs::Kept;
use self::repairs::{RepairLog, RepairStream};
use self::sealing::{Body, Prefix, ends_picture, next_transport_sequence, seal};
use super::bandwidth::Bandwidth;
use super::cache::StoredPacket;
use super::copy_log::CopyLog;
use super::negotiated::ReceiveSection;
use super::pacer::Pacer;
use super::picture::VideoPacket;
use super::rate::RateMeter;
use super::red::Copies;
use super::rewriter::{Incoming, Rewriter, Rewritten, RunStart, StreamId};
use super::rtp::OutgoingHeader;
use super::time::MediaTime;
use super::timeline::{self, Anchor};
use crate::transport::Transport;
use crate::{Content, Counters, Outbox};

/// A subscriber that was promised a layer which then does not send a key frame takes any other after this.
const LAYER_PATIENCE: Duration = Duration::from_millis(700);
/// Timestamps compare the shorter way round: what was sent, or promised, longer ago than this is out of
/// sight (half a turn is 6.6 hours at 90 kHz).
const TIMESTAMP_MEMORY: Duration = Duration::from_secs(3600);

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
    /// How long what goes out now has waited for the line.
    pub(crate) waited_ms: u16,
    pub(crate) now: MediaTime,
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
    /// Where the newest key frame of the present run begins: what went before it nobody needs any more.
    key_frame_index: Option<u64>,
    /// What the present owner sends here.
    source: Option<TrackSource>,
    section: ReceiveSection,
    /// The receiver's id of audio level or video orientation.
    byte_extension_id: Option<u8>,
    rate: u32,
    repair: Option<RepairStream>,
    pace: PaceWish,
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
            key_frame_index: None,
            source: None,
            section,
            byte_extension_id,
            rate,
            repair,
            pace: PaceWish::default(),
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

    /// The slot has another owner, or none: nothing of the last one goes out any more. What comes is of `source`.
    pub(crate) fn reassign(&mut self, source: Option<TrackSource>, generation: u32, now: MediaTime) {
        self.give_up_waiting();
        self.rewriter.forget();
        self.source = source;
        self.meter.flows_since = None;
        self.generation = generation;
        self.chosen = None;
        self.pace = PaceWish::default();
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
            let sequence = packet.stored.sequence;
            let is_other = self.rewriter.target() != self.target(video);
            return is_other && !self.rewriter.is_before_run(sequence) || self.rewriter.is_jump(sequence);
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
            pace: self.first_pace(packet),
        };
        if self.rewriter.current() == Some(packet.stream) {
            self.rewriter.retarget(&start);
        } else {
            self.rewriter.begin(&start, timestamp);
        }
        self.key_frame_index = None;
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
        self.follow_pace(packet);
        let stored = &packet.stored;
        let must_wait = packet.video.is_some() && !leg.pacer.is_open(leg.now);
        let counters = must_wait.then(|| self.rewriter.counters());
        let rewritten = self.rewriter.rewrite(&Incoming {
            stream: packet.stream,
            sequence: stored.sequence,
            timestamp: stored.timestamp,
            numbers: packet.video.as_ref().map(|video| &video.numbers),
            layers: packet.video.as_ref().and_then(|video| video.layers.as_ref()),
            temporal: packet.video.as_ref().and_then(|video| video.temporal.as_ref()),
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
        if packet.video.is_some_and(|video| video.starts_key_frame) {
            self.key_frame_index = self.key_frame_index.max(Some(rewritten.index));
        }
        if let Some(counters) = counters {
            self.wait(pair, stored, &rewritten, counters, leg);
            return;
        }
        let copies_max = self.copies_max(rewritten.index, leg);
        let (prefix, copies) = copies.prefix(copies_max);
        self.note_copies(rewritten.index, copies);
        leg.copies = copies;
        if self.send(stored, prefix, packet.video.as_ref(), rewritten, leg) && packet.video.is_some() {
            note_layer(stored, packet.layer, rewritten, leg);
        }
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

    /// Whether something was ever sent: the receiver knows the stream.
    pub(crate) fn was_sent(&self) -> bool {
        self.last_sent.is_some()
    }

    /// Whether pictures can't be shown without what went out under this number.
    pub(crate) fn is_needed(&self, index: u64) -> bool {
        self.key_frame_index.is_some_and(|key_frame| key_frame <= index)
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

    /// True if it went out.
    fn send(
        &mut self,
        stored: &StoredPacket<'_>,
        copies: &[u8],
        video: Option<&VideoPacket>,
        rewritten: Rewritten,
        leg: &mut Leg<'_>,
    ) -> bool {
        self.rewriter.sent(rewritten.index);
        let Some(numbers) = self.section.payload_types(video.map(|video| video.codec)) else {
            return false;
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
            return false;
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
        true
    }
}

/// Books a packet of video to the layer that it was of; where its stream holds several, to the one that is sent.
fn note_layer(stored: &StoredPacket<'_>, layer: u8, rewritten: Rewritten, leg: &mut Leg<'_>) {
    let layer = usize::from(rewritten.target.unwrap_or(layer));
    let bytes = leg.counters.forwarded_by_layer.get_mut(layer);
    if let Some(bytes) = bytes.filter(|_| !rewritten.is_filler) {
        *bytes += stored.payload.len() as u64;
    }
}
