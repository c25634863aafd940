//! What one participant sends: sorts packets into streams, repairs them, and reports back.
//!
//! ```text
//!  RTP ─► TWCC ─► which stream? ─┬─ media ──┬─► window, numbers, clock ─► the session forwards it
//!                 SSRC, MID+RID, ├─ repair ─┤   (duplicates and padding end here)
//!                 SDP            └─ copies ─┘
//! ```

mod stream;

use std::ops::Range;

use hearken_protocol::{MediaGrants, TrackSource, VideoCodec};

pub(crate) use self::stream::{StreamReading, UplinkStream};
use super::layers::LAYERS_MAX;
use super::negotiated::{Codec, SendSection, Sends};
use super::red::{COPIES_READ_MAX, Redundant};
use super::rewriter::StreamId;
use super::round_trip::RoundTrip;
use super::rtcp::{self, ReportBlock};
use super::rtp::{ExtensionValues, RtpHeader};
use super::source_allowance::SourceAllowance;
use super::time::{MediaTime, NtpTime};
use super::timeline::PublisherClock;
use super::twcc::TwccRecorder;
use crate::{Counters, DropCause};

/// A packet, decrypted, that is taken; browsers send up to 1,200 bytes, and 1,300 of sound at its best. What goes on is
/// longer by SRTP's tag and what a header grows by, and has to fit into the 1,452 bytes that IPv6 and UDP leave of an
/// Ethernet frame: by TCP and in pieces (IP fragments) more would come in than can go out.
const RTP_BYTES_MAX: usize = 1_400;

/// Streams one participant may send: 4 sections with up to 3 layers make 6, and Firefox now and then changes
/// an SSRC. Full: the stream that was silent the longest makes room.
const STREAMS_MAX: usize = 16;
/// Repair SSRCs and media SSRCs known. Full: the oldest is forgotten and found again by its extensions.
const ROUTES_MAX: usize = 2 * STREAMS_MAX;
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Media,
    Repair,
}

#[derive(Debug, Clone, Copy)]
struct Route {
    ssrc: u32,
    stream: usize,
    role: Role,
}

/// A packet that is new and has content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReceivedPacket<'a> {
    /// Its place in [`Uplink::stream`].
    pub(crate) stream: usize,
    /// Closed up over padding.
    pub(crate) sequence: u64,
    /// As it came, extended.
    pub(crate) extended: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) audio_level: Option<u8>,
    pub(crate) video_orientation: Option<u8>,
    pub(crate) dependency: &'a [u8],
    /// Where the payload lies in the packet.
    pub(crate) payload: Range<usize>,
    pub(crate) is_repair: bool,
}

/// What the copies in one packet brought back, oldest first.
type Restored = [Option<ReceivedPacket<'static>>; COPIES_READ_MAX];

/// Everything one participant's transport brings in.
#[derive(Debug)]
pub(crate) struct Uplink {
    sends: Sends,
    streams: Vec<UplinkStream>,
    routes: Vec<Route>,
    /// The stream that is a source's layer at present.
    current: [[Option<usize>; LAYERS_MAX]; TrackSource::ALL.len()],
    clock: PublisherClock,
    twcc: TwccRecorder,
    due: Vec<u16>,
    restored: Restored,
    /// By `TrackSource`, whatever the streams: a new one brings no new allowance.
    allowances: [SourceAllowance; TrackSource::ALL.len()],
}

impl Uplink {
    pub(crate) fn new(sends: Sends) -> Self {
        Self {
            sends,
            streams: Vec::new(),
            routes: Vec::new(),
            current: Default::default(),
            clock: PublisherClock::default(),
            twcc: TwccRecorder::default(),
            due: Vec::new(),
            restored: Default::default(),
            allowances: TrackSource::ALL.map(SourceAllowance::of),
        }
    }

    /// Takes what a later offer of the same peer connection says.
    pub(crate) fn renegotiate(&mut self, sends: Sends) {
        self.sends = sends;
    }

    /// Whether this client knows a codec to send; AV1 only with the dependency descriptor.
    pub(crate) fn can_send(&self, codec: VideoCodec) -> bool {
        let has_descriptor = self.sends.extensions.dependency.is_some();
        self.sends.codecs.contains(&Codec::Video(codec)) && (codec != VideoCodec::Av1 || has_descriptor)
    }

    /// How many layers of a source the offer names.
    pub(crate) fn offered_layers(&self, source: TrackSource) -> usize {
        let section = self
            .sends
            .sections
            .iter()
            .find(|section| section.source == source);
        section.map_or(1, |section| section.rids.len().clamp(1, LAYERS_MAX))
    }

    pub(crate) fn stream(&mut self, at: usize) -> &mut UplinkStream {
        &mut self.streams[at]
    }

    /// The streams that are a source's layers at present, smallest first.
    pub(crate) fn layers(&mut self, source: TrackSource) -> [Option<&mut UplinkStream>; LAYERS_MAX] {
        let current = self.current[source as usize];
        let mut layers = [const { None }; LAYERS_MAX];
        for (at, stream) in self.streams.iter_mut().enumerate() {
            if let Some(layer) = current.iter().position(|current| *current == Some(at)) {
                layers[layer] = Some(stream);
            }
        }
        layers
    }

    /// When the last new packet of any stream came.
    pub(crate) fn last_packet(&self) -> Option<MediaTime> {
        self.streams.iter().map(|stream| stream.last_packet).max()
    }

    /// The stream of that name, if it still exists.
    pub(crate) fn by_id(&mut self, id: StreamId) -> Option<&mut UplinkStream> {
        self.streams.iter_mut().find(|stream| stream.id == id)
    }

    /// Sorts in one decrypted packet. What `grants` do not cover ends here. `next_id` names new streams. What
    /// copies in it bring back is there to [take](Self::take_restored) afterwards.
    pub(crate) fn receive<'a>(
        &mut self,
        packet: &'a [u8],
        grants: MediaGrants,
        now: MediaTime,
        next_id: &mut u64,
        counters: &mut Counters,
    ) -> Result<ReceivedPacket<'a>, DropCause> {
        if packet.len() > RTP_BYTES_MAX {
            return Err(DropCause::Oversized);
        }
        let mut header = RtpHeader::parse(packet).ok_or(DropCause::MalformedRtp)?;
        let values = self.sends.extensions.read(header.extensions(packet));
        if let Some(sequence) = values.transport_sequence {
            self.twcc.record(sequence, now);
        }
        let codecs = &self.sends.codecs;
        let codec = codecs[usize::from(header.payload_type)];
        count_received(codec, packet.len(), counters);
        self.restored = Default::default();
        let mut redundant = None;
        if codec == Codec::Red {
            let is_opus = |number: u8| codecs[usize::from(number)] == Codec::Opus;
            let parsed = Redundant::parse(packet, header.payload.clone(), header.timestamp, is_opus);
            let parsed = parsed.ok_or(DropCause::MalformedRtp)?;
            header.payload = parsed.primary.clone();
            redundant = Some(parsed);
        }
        let route = match self.routes.iter().find(|route| route.ssrc == header.ssrc) {
            Some(route) => *route,
            None => self.identify(&header, codec, &values, now, next_id)?,
        };
        let stream = &mut self.streams[route.stream];
        let is_granted = super::participant::grants(grants, stream.source);
        let received = match (route.role, codec) {
            (Role::Media, Codec::Opus | Codec::Red | Codec::Video(_)) if !is_granted => {
                // Counted for the reports, and nothing else.
                let _ = stream.receive_media(&header, codec, now, next_id, counters);
                stream.nack.clear();
                stream.granted_from = None;
                return Err(DropCause::NotGranted);
            }
            (Role::Repair, Codec::Rtx) if !is_granted => return Err(DropCause::NotGranted),
            (Role::Media, Codec::Opus | Codec::Red | Codec::Video(_))
                if codec.is_audio() == stream.source.is_audio() =>
            {
                stream.receive_media(&header, codec, now, next_id, counters)?
            }
            (Role::Repair, Codec::Rtx) => {
                let repaired = self.sends.repaired[usize::from(header.payload_type)];
                stream.receive_repair(&header, repaired, packet, now, counters)?
            }
            _ => return Err(DropCause::UnknownStream),
        };
        let (extended, payload) = received;
        if let Some(redundant) = redundant {
            stream.restore(route.stream, &redundant, extended, &mut self.restored, counters);
        }
        let packets = 1 + self.restored.iter().flatten().count();
        if !self.allowances[stream.source as usize].take(packets, packet.len(), now) {
            self.restored = Default::default();
            return Err(if stream.source.is_audio() {
                DropCause::TooMuchSound
            } else {
                DropCause::TooMuchVideo
            });
        }
        stream.bitrate.add(packet.len(), now);
        let sequence = stream.numbering.number(extended).ok_or(DropCause::Duplicate)?;
        Ok(ReceivedPacket {
            stream: route.stream,
            sequence,
            extended,
            timestamp: header.timestamp,
            marker: header.marker,
            audio_level: values.audio_level,
            video_orientation: values.video_orientation,
            dependency: values.dependency,
            payload,
            is_repair: route.role == Role::Repair,
        })
    }

    /// The next packet that copies in the one received last brought back, oldest first. Its payload lies in
    /// that packet.
    pub(crate) fn take_restored(&mut self) -> Option<ReceivedPacket<'static>> {
        self.restored.iter_mut().find_map(Option::take)
    }

    /// Takes a sender report.
    pub(crate) fn sender_report(&mut self, ssrc: u32, ntp: NtpTime, timestamp: u32, now: MediaTime) {
        let Some(stream) = self.streams.iter_mut().find(|stream| stream.ssrc == ssrc) else {
            return;
        };
        stream.reception.sender_report(ntp, now);
        stream.clock.report(self.clock.server_time(ntp, now), timestamp);
    }

    /// Appends requests that are due: for lost packets and for key frames. `round_trip` is the publisher's, where its
    /// reports told it; else its answers to earlier requests do.
    pub(crate) fn write_requests(
        &mut self,
        sender_ssrc: u32,
        round_trip: Option<RoundTrip>,
        now: MediaTime,
        out: &mut Vec<u8>,
        counters: &mut Counters,
    ) {
        let answers = self.streams.iter().filter_map(|stream| stream.nack.answer(now));
        let round_trip = round_trip.or_else(|| answers.max_by_key(|answer| answer.with_wavering()));
        for stream in &mut self.streams {
            self.due.clear();
            let given_up = stream.nack.poll(round_trip, now, &mut self.due);
            counters.nacks_given_up += given_up;
            if given_up > 0 && !stream.source.is_audio() && stream.is_wanted {
                stream.key_frames.wish(now);
            }
            if !self.due.is_empty() {
                counters.nacks_sent += self.due.len() as u64;
                rtcp::write_nack(out, sender_ssrc, stream.ssrc, &self.due);
            }
            if stream.key_frames.poll(now) {
                counters.plis_sent += 1;
                rtcp::write_picture_loss(out, sender_ssrc, stream.ssrc);
            }
        }
    }

    /// Appends one message about arrivals; false when there is nothing to tell.
    pub(crate) fn write_arrivals(&mut self, sender_ssrc: u32, out: &mut Vec<u8>) -> bool {
        let media_ssrc = self.streams.first().map_or(0, |stream| stream.ssrc);
        self.twcc.write_feedback(sender_ssrc, media_ssrc, out)
    }

    /// Appends the receiver report.
    pub(crate) fn write_report(&mut self, sender_ssrc: u32, now: MediaTime, out: &mut Vec<u8>) {
        let mut blocks = [ReportBlock::default(); STREAMS_MAX];
        let mut count = 0;
        for stream in &mut self.streams {
            if let Some(block) = stream.reception.report(stream.ssrc, now) {
                blocks[count] = block;
                count += 1;
            }
        }
        rtcp::write_receiver_report(out, sender_ssrc, &blocks[..count]);
    }

    /// The streams that flow, for the statistics.
    pub(crate) fn readings(&mut self, now: MediaTime) -> impl Iterator<Item = StreamReading> {
        let streams = self.streams.iter_mut();
        streams.filter_map(move |stream| {
            let flows = now.since(stream.last_packet) < super::statistics::INTERVAL;
            let reading = stream.read(now);
            flows.then_some(reading)
        })
    }

    /// Forgets what is missing of a source: it is muted. Nothing from before or during that comes back.
    pub(crate) fn stop_repairs(&mut self, source: TrackSource) {
        for stream in self.streams.iter_mut().filter(|stream| stream.source == source) {
            stream.nack.clear();
            stream.granted_from = None;
        }
    }

    /// Finds out what an SSRC stands for that was not seen before.
    fn identify(
        &mut self,
        header: &RtpHeader,
        codec: Codec,
        values: &ExtensionValues<'_>,
        now: MediaTime,
        next_id: &mut u64,
    ) -> Result<Route, DropCause> {
        let sections = &self.sends.sections;
        let has_mid = |section: &&SendSection| values.mid == Some(section.mid.as_bytes());
        let in_offer = |section: &&SendSection| {
            section.ssrcs.contains(&header.ssrc)
                || section
                    .repair_groups
                    .iter()
                    .any(|group| group.0 == header.ssrc || group.1 == header.ssrc)
        };
        let section = sections
            .iter()
            .find(has_mid)
            .or_else(|| sections.iter().find(in_offer));
        let section = section.ok_or(DropCause::UnknownStream)?;
        let source = section.source;
        let layer = |rid: Option<&[u8]>| match rid {
            Some(rid) => section.layer(rid),
            None => section.rids.is_empty().then_some(0),
        };
        let route = match codec {
            Codec::Rtx => {
                let group = section.repair_groups.iter().find(|group| group.1 == header.ssrc);
                let by_group =
                    group.and_then(|group| self.streams.iter().position(|stream| stream.ssrc == group.0));
                let by_layer = || self.current[source as usize][usize::from(layer(values.repaired_rid)?)];
                let stream = by_group.or_else(by_layer).ok_or(DropCause::UnknownStream)?;
                Route {
                    ssrc: header.ssrc,
                    stream,
                    role: Role::Repair,
                }
            }
            Codec::Opus | Codec::Red | Codec::Video(_) => {
                let layer = layer(values.rid).ok_or(DropCause::UnknownStream)?;
                if codec.is_audio() != source.is_audio() {
                    return Err(DropCause::UnknownStream);
                }
                *next_id += 1;
                let id = StreamId(*next_id);
                let mut stream = UplinkStream::new(id, header.ssrc, (source, layer), codec, now, &self.sends);
                // The encoder of all layers is the same.
                let siblings = self.streams.iter().filter(|stream| stream.source == source);
                stream.begins_at = siblings.fold(stream.begins_at, |at, sibling| at.max(sibling.begins_at));
                let stream = self.insert(stream)?;
                Route {
                    ssrc: header.ssrc,
                    stream,
                    role: Role::Media,
                }
            }
            Codec::Unknown => return Err(DropCause::UnknownStream),
        };
        if self.routes.len() == ROUTES_MAX {
            self.routes.remove(0);
        }
        self.routes.push(route);
        Ok(route)
    }

    /// Takes a stream in; it replaces the one that was the same layer of the same source.
    fn insert(&mut self, stream: UplinkStream) -> Result<usize, DropCause> {
        let current = self.current;
        let (source, layer) = (stream.source as usize, usize::from(stream.layer));
        let at = if self.streams.len() < STREAMS_MAX {
            self.streams.push(stream);
            self.streams.len() - 1
        } else {
            let is_current = |at: &usize| current.iter().flatten().any(|current| *current == Some(*at));
            let replaced = (0..self.streams.len()).filter(|at| !is_current(at));
            let at = replaced
                .min_by_key(|at| self.streams[*at].last_packet)
                .ok_or(DropCause::TooManyStreams)?;
            self.routes.retain(|route| route.stream != at);
            self.streams[at] = stream;
            at
        };
        self.current[source][layer] = Some(at);
        Ok(at)
    }
}

fn count_received(codec: Codec, bytes: usize, counters: &mut Counters) {
    let volume = match codec {
        Codec::Opus | Codec::Red => &mut counters.received.audio,
        Codec::Video(_) | Codec::Unknown => &mut counters.received.video,
        Codec::Rtx => &mut counters.received.rtx,
    };
    volume.add(bytes);
}
