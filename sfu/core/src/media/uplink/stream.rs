//! One stream of a participant: puts its packets in order, notices what is missing and takes repairs.

use std::ops::Range;
use std::time::Duration;

use hearken_protocol::{TrackSource, VideoCodec};

use super::{ReceivedPacket, Restored};
use crate::media::cache::{CacheLimits, PacketCache};
use crate::media::dependency::Structures;
use crate::media::h264::H264Beginning;
use crate::media::key_frames::KeyFrameRequests;
use crate::media::nack::{NackGenerator, NackTiming};
use crate::media::negotiated::{Codec, Sends};
use crate::media::outgoing::Kept;
use crate::media::picture::{FrameSize, VideoPacket};
use crate::media::rate::{Bitrate, RateMeter};
use crate::media::reception::Reception;
use crate::media::red::Redundant;
use crate::media::rewriter::StreamId;
use crate::media::rtp::RtpHeader;
use crate::media::sequence::{self, Arrival, DenseNumbering, ReceiveWindow};
use crate::media::statistics::Loss;
use crate::media::svc::StreamLayers;
use crate::media::temporal::TemporalMeter;
use crate::media::time::MediaTime;
use crate::media::timeline::{self, StreamClock};
use crate::media::{OPUS_RATE, VIDEO_RATE};
use crate::{Counters, DropCause};

/// Timestamps that run away from the time of arrival by more than this have jumped.
const TIMESTAMP_JUMP: Duration = Duration::from_secs(2);

/// One received stream: a microphone, one layer of a camera, …
#[derive(Debug)]
pub(crate) struct UplinkStream {
    pub(crate) id: StreamId,
    pub(crate) ssrc: u32,
    pub(crate) source: TrackSource,
    pub(crate) layer: u8,
    pub(crate) rate: u32,
    /// What its newest packets are; with another codec it counts as another stream.
    pub(crate) codec: Codec,
    /// Where several layers come in one stream.
    pub(crate) layers: StreamLayers,
    /// Of the smallest layer in it.
    pub(crate) temporal: TemporalMeter,
    /// The templates of its dependency descriptors.
    pub(crate) structures: Structures,
    /// Where its key frames of H.264 begin: at the picture until it has shown parameter sets.
    pub(super) begins_at: H264Beginning,
    pub(crate) clock: StreamClock,
    pub(crate) cache: PacketCache,
    pub(crate) key_frames: KeyFrameRequests,
    pub(crate) size: Option<FrameSize>,
    pub(crate) bitrate: RateMeter,
    pub(crate) last_packet: MediaTime,
    /// Whether anybody gets it, so that repairing it makes sense.
    pub(super) is_wanted: bool,
    /// The first packet since the source is granted, or since its timestamps jumped: copies of older ones are
    /// no repairs.
    pub(super) granted_from: Option<u64>,
    window: ReceiveWindow,
    pub(super) numbering: DenseNumbering,
    pub(super) nack: NackGenerator,
    pub(super) reception: Reception,
    last_timestamp: Option<u32>,
}

/// One stream that flows, since it was last read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StreamReading {
    pub(crate) source: TrackSource,
    pub(crate) layer: u8,
    pub(crate) bitrate: Bitrate,
    pub(crate) loss: Loss,
    pub(crate) jitter: Duration,
}

impl UplinkStream {
    pub(super) fn new(
        id: StreamId,
        ssrc: u32,
        (source, layer): (TrackSource, u8),
        codec: Codec,
        now: MediaTime,
        sends: &Sends,
    ) -> Self {
        let is_audio = source.is_audio();
        let (rate, timing, limits) = if is_audio {
            (OPUS_RATE, NackTiming::AUDIO, CacheLimits::AUDIO)
        } else {
            (VIDEO_RATE, NackTiming::VIDEO, CacheLimits::VIDEO)
        };
        Self {
            id,
            ssrc,
            source,
            layer,
            rate,
            codec,
            layers: StreamLayers::default(),
            temporal: TemporalMeter::default(),
            structures: Structures::default(),
            begins_at: H264Beginning::Picture,
            clock: StreamClock::new(rate),
            cache: PacketCache::new(limits),
            key_frames: KeyFrameRequests::default(),
            size: None,
            bitrate: RateMeter::default(),
            last_packet: now,
            is_wanted: is_audio && sends.audio_nack,
            granted_from: None,
            window: ReceiveWindow::default(),
            numbering: DenseNumbering::default(),
            nack: NackGenerator::new(timing),
            reception: Reception::default(),
            last_timestamp: None,
        }
    }

    /// Says whether anybody gets this video; if not, what is missing of it does not matter.
    pub(crate) fn set_wanted(&mut self, is_wanted: bool) {
        self.is_wanted = is_wanted;
        if !is_wanted {
            self.nack.clear();
        }
    }

    /// The codec of its newest packets, if it is a video.
    pub(crate) fn video_codec(&self) -> Option<VideoCodec> {
        match self.codec {
            Codec::Video(codec) => Some(codec),
            Codec::Opus | Codec::Red | Codec::Rtx | Codec::Unknown => None,
        }
    }

    /// A packet of before, if it is kept still.
    pub(crate) fn kept(&self, sequence: u64, now: MediaTime) -> Option<Kept<'_>> {
        Some(Kept {
            stored: self.cache.get(sequence, now)?,
            codec: self.video_codec(),
            structure: self.structures.of(sequence),
            layer: self.layer,
        })
    }

    /// Reads what the packet of video with this number says about itself, and takes note of it.
    pub(crate) fn read_video(
        &mut self,
        codec: VideoCodec,
        (sequence, payload): (u64, &[u8]),
        dependency: &[u8],
        now: MediaTime,
    ) -> Result<VideoPacket, DropCause> {
        self.structures.note(sequence, dependency);
        let structure = self.structures.of(sequence);
        let Some(mut video) = VideoPacket::parse(codec, payload, dependency, structure) else {
            // Whatever follows is understood only after the next key frame.
            if !dependency.is_empty() && self.structures.is_empty() {
                self.key_frames.wish(now);
            }
            return Err(DropCause::MalformedRtp);
        };
        // Behind parameter sets that are lost on their way nobody can begin: the repair would lie before their run.
        if codec == VideoCodec::H264 {
            self.begins_at = self.begins_at.max(video.h264);
            video.starts_key_frame = video.h264 >= self.begins_at;
        }
        if video.starts_key_frame {
            self.key_frames.fulfil(now);
            self.size = video.sizes.into_iter().flatten().next_back().or(self.size);
            self.layers.resize(video.sizes);
        }
        if let Some(frame) = &video.layers {
            self.layers.note(frame, payload.len(), now);
        }
        let is_smallest = video.layers.is_none_or(|frame| frame.spatial == 0);
        if let Some(place) = video.temporal.as_ref().filter(|_| is_smallest) {
            self.temporal.note(place, payload.len(), now);
        }
        if !self.layers.are_several() {
            video.layers = None;
        }
        Ok(video)
    }

    pub(super) fn read(&mut self, now: MediaTime) -> StreamReading {
        StreamReading {
            source: self.source,
            layer: self.layer,
            bitrate: self.bitrate.rate(now),
            loss: self.reception.read_loss(),
            jitter: self.reception.jitter(self.rate),
        }
    }

    pub(super) fn receive_media(
        &mut self,
        header: &RtpHeader,
        codec: Codec,
        now: MediaTime,
        next_id: &mut u64,
        counters: &mut Counters,
    ) -> Result<(u64, Range<usize>), DropCause> {
        let arrival = self.window.insert(header.sequence);
        let extended = match arrival {
            Arrival::Newest { extended, missing } => {
                if missing > 0 && self.is_wanted {
                    let given_up = self.nack.missed(extended, missing, now);
                    counters.nacks_given_up += given_up;
                    if given_up > 0 && !self.source.is_audio() {
                        self.key_frames.wish(now);
                    }
                }
                extended
            }
            Arrival::Late { extended } => {
                if self.nack.arrived(extended) {
                    counters.recovered += 1;
                }
                extended
            }
            Arrival::Duplicate => return Err(DropCause::Duplicate),
        };
        self.reception
            .received(extended, header.timestamp, self.rate, now);
        if header.payload.is_empty() {
            if matches!(arrival, Arrival::Newest { .. }) {
                self.numbering.leave_out_newest(extended);
            }
            return Err(DropCause::Padding);
        }
        let is_other = matches!(codec, Codec::Video(_)) && codec != self.codec;
        if matches!(arrival, Arrival::Newest { .. }) {
            self.granted_from.get_or_insert(extended);
            self.advance_clock(extended, header.timestamp, now, next_id);
            if is_other {
                self.change_codec(codec, next_id);
            }
        } else if is_other {
            return Err(DropCause::Duplicate);
        }
        Ok((extended, header.payload.clone()))
    }

    /// Takes what is missing out of the copies in a packet. When the packet itself comes after all, it is a
    /// duplicate: whoever got the copy under its number never gets anything else under it.
    pub(super) fn restore(
        &mut self,
        stream: usize,
        redundant: &Redundant,
        extended: u64,
        restored: &mut Restored,
        counters: &mut Counters,
    ) {
        for (copy, restored) in redundant.copies().zip(restored) {
            let missing = extended - copy.distance;
            if self.granted_from.is_none_or(|first| missing < first)
                || !matches!(self.window.insert(missing as u16), Arrival::Late { .. })
            {
                continue;
            }
            self.nack.arrived(missing);
            counters.restored += 1;
            *restored = self.numbering.number(missing).map(|sequence| ReceivedPacket {
                stream,
                sequence,
                extended: missing,
                timestamp: copy.timestamp,
                marker: false,
                audio_level: None,
                video_orientation: None,
                dependency: &[],
                payload: copy.payload.clone(),
                is_repair: true,
            });
        }
    }

    /// A repair carries the original number before the original payload (RFC 4588 §4).
    pub(super) fn receive_repair(
        &mut self,
        header: &RtpHeader,
        codec: Codec,
        packet: &[u8],
        now: MediaTime,
        counters: &mut Counters,
    ) -> Result<(u64, Range<usize>), DropCause> {
        let Range { start, end } = header.payload;
        if end - start <= 2 {
            return Err(DropCause::Padding);
        }
        let original = u16::from_be_bytes([packet[start], packet[start + 1]]);
        let newest = self.window.newest().ok_or(DropCause::Duplicate)?;
        // Browsers probe the line with old packets: only what is missing is a repair.
        if !self.nack.repaired(sequence::nearest(newest, original), now) {
            return Err(DropCause::Duplicate);
        }
        let Arrival::Late { extended } = self.window.insert(original) else {
            return Err(DropCause::Duplicate);
        };
        counters.recovered += 1;
        if matches!(codec, Codec::Video(_)) && codec != self.codec {
            return Err(DropCause::Duplicate);
        }
        self.last_packet = now;
        Ok((extended, start + 2..end))
    }

    /// The publisher encodes differently from here on, beginning with a key frame: it counts as another stream, so
    /// that everybody starts afresh, and what is left of the last codec ends here.
    fn change_codec(&mut self, codec: Codec, next_id: &mut u64) {
        *next_id += 1;
        self.id = StreamId(*next_id);
        self.codec = codec;
        self.layers = StreamLayers::default();
        self.temporal = TemporalMeter::default();
        self.structures = Structures::default();
        self.size = None;
        self.nack.clear();
    }

    /// Follows the stream's timestamps. After a jump it counts as another stream: whoever gets it starts
    /// afresh, so that outgoing timestamps never jump along.
    fn advance_clock(&mut self, extended: u64, timestamp: u32, now: MediaTime, next_id: &mut u64) {
        if let Some(last) = self.last_timestamp {
            let span_ns = timeline::span_ns(last, timestamp, self.rate);
            let elapsed_ns = now.0 - self.last_packet.0;
            let backwards = span_ns < -(TIMESTAMP_JUMP.as_nanos() as i64) / 20;
            if backwards || span_ns.abs_diff(elapsed_ns) > TIMESTAMP_JUMP.as_nanos() as u64 {
                *next_id += 1;
                self.id = StreamId(*next_id);
                self.clock.restart(timestamp, now);
                self.nack.clear();
                self.granted_from = Some(extended);
            }
        }
        self.clock.observe(timestamp, now);
        self.last_timestamp = Some(timestamp);
        self.last_packet = now;
    }
}
