//! One stream that a fake browser sends: its packets, numbered as they go out.

use std::collections::VecDeque;

use hearken_protocol::TrackSource;
use rand::RngCore;
use rand::rngs::StdRng;

use crate::encoder::{Encoder, Frame, Tells};
use crate::wire::{self, DEPENDENCY, LEVEL, MID, OfferStyle, RID, RRID, Rtp, Stamp, Vp8Packet};

/// Packets a sender keeps to send again.
const HISTORY: usize = 400;

/// What a stream is of, and how much.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    pub source: TrackSource,
    pub layer: u8,
    pub rid: Option<&'static str>,
    pub height: u16,
    pub packets_per_frame: usize,
    pub every_ms: u64,
    pub delay_ms: u64,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            source: TrackSource::Microphone,
            layer: 0,
            rid: None,
            height: 0,
            packets_per_frame: 1,
            every_ms: 20,
            delay_ms: 5,
        }
    }
}

/// Whose packets they are.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    pub publisher: u64,
    /// Of the microphone, in −dBov.
    pub level: u8,
    /// How many copies of earlier packets go along with sound.
    pub copies: usize,
}

/// One stream being sent.
pub struct Sender {
    pub source: TrackSource,
    pub layer: u8,
    pub ssrc: u32,
    pub rtx_ssrc: u32,
    pub is_on: bool,
    /// Whether the server wants it.
    pub is_asked: bool,
    pub height: u16,
    pub packets_per_frame: usize,
    /// Of a picture's packet.
    pub packet_bytes: usize,
    /// Of a key frame, if it has more.
    pub packets_per_key_frame: usize,
    pub every_ms: u64,
    /// Between taking and sending: the encoder's time.
    pub delay_ms: u64,
    pub key_frame_wanted: bool,
    /// Makes temporal layers, if there are any, and remembers what each frame needs.
    pub encoder: Option<Encoder>,
    pub plis: Vec<u64>,
    pub nacked: Vec<u16>,
    rid: Option<&'static str>,
    pub(super) index: u64,
    rtx_index: u64,
    timestamp_base: u32,
    picture: u16,
    tl0: u8,
    key_index: u8,
    pub(super) packets: u32,
    history: VecDeque<(u16, Rtp)>,
}

impl Sender {
    pub fn new(stream: Stream, random: &mut StdRng) -> Self {
        Self {
            source: stream.source,
            layer: stream.layer,
            ssrc: random.next_u32(),
            rtx_ssrc: random.next_u32(),
            is_on: false,
            is_asked: true,
            height: stream.height,
            packets_per_frame: stream.packets_per_frame,
            packet_bytes: 700,
            packets_per_key_frame: 0,
            every_ms: stream.every_ms,
            delay_ms: stream.delay_ms,
            key_frame_wanted: true,
            encoder: None,
            plis: Vec::new(),
            nacked: Vec::new(),
            rid: stream.rid,
            index: u64::from(random.next_u32() as u16),
            rtx_index: u64::from(random.next_u32() as u16 & 0x7fff),
            timestamp_base: random.next_u32(),
            picture: random.next_u32() as u16 & 0x7fff,
            tl0: random.next_u32() as u8,
            key_index: 0,
            packets: 0,
            history: VecDeque::new(),
        }
    }

    /// The packets of what was taken then, with their numbers.
    pub fn frame(&mut self, taken_ms: u64, from: Origin, style: &OfferStyle) -> Vec<(Rtp, u64)> {
        let key = std::mem::take(&mut self.key_frame_wanted) && !self.source.is_audio();
        self.picture = self.picture.wrapping_add(1) & 0x7fff;
        let frame = match &mut self.encoder {
            Some(encoder) => encoder.next(key, taken_ms),
            None => Frame::default(),
        };
        self.tl0 = self.tl0.wrapping_add(u8::from(frame.temporal == 0));
        self.key_index = self.key_index.wrapping_add(u8::from(key));
        let mut packets = self.packets_per_frame;
        if key {
            packets = packets.max(self.packets_per_key_frame);
        }
        let stamp = Stamp {
            publisher: from.publisher,
            taken_ms,
            layer: self.layer,
        };
        let mut out = Vec::new();
        for number in 0..packets {
            let (starts, ends) = (number == 0, number + 1 == packets);
            let mut extensions = self.extensions(from.level);
            let descriptor = frame.descriptor(self.picture, starts, ends);
            extensions.extend(descriptor.map(|descriptor| (DEPENDENCY, descriptor)));
            let is_audio = self.source.is_audio();
            let packet = Rtp {
                payload_type: if is_audio { style.opus } else { style.vp8 },
                sequence: self.index as u16,
                timestamp: self.timestamp(taken_ms),
                ssrc: self.ssrc,
                marker: !is_audio && ends,
                extensions,
                payload: if is_audio {
                    wire::opus(&stamp, 90)
                } else {
                    self.picture_packet(&frame, starts, key, stamp)
                },
            };
            let index = self.index;
            self.index += 1;
            self.packets += 1;
            self.keep(&packet);
            let packet = match style.red.filter(|_| is_audio) {
                Some(red) => self.with_copies(packet, from.copies, red),
                None => packet,
            };
            out.push((packet, index));
        }
        out
    }

    /// Keeps a packet to send it again.
    pub fn keep(&mut self, packet: &Rtp) {
        self.history.push_back((packet.sequence, packet.clone()));
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
    }

    fn picture_packet(&self, frame: &Frame, starts: bool, key: bool, stamp: Stamp) -> Vec<u8> {
        let encoder = self.encoder.as_ref();
        let packet = Vp8Packet {
            picture: self.picture,
            tl0: self.tl0,
            key_index: self.key_index,
            temporal: frame.temporal,
            sync: frame.is_sync,
            is_minimal: encoder.is_some_and(|encoder| encoder.tells != Tells::InPayload),
            starts,
            key,
            height: self.height,
            stamp,
        };
        packet.write(frame.bytes(self.packet_bytes))
    }

    /// A packet of this payload, whatever it is, with its number.
    pub fn odd_packet(&mut self, payload: Vec<u8>, style: &OfferStyle, now_ms: u64) -> (Rtp, u64) {
        let index = self.index;
        self.index += 1;
        let packet = Rtp {
            payload_type: if self.source.is_audio() {
                style.opus
            } else {
                style.vp8
            },
            sequence: index as u16,
            timestamp: self.timestamp(now_ms),
            ssrc: self.ssrc,
            marker: false,
            extensions: Vec::new(),
            payload,
        };
        (packet, index)
    }

    /// A packet that is kept still, as it goes over the repair stream, with its number there.
    pub fn repair(&mut self, sequence: u16) -> Option<(Rtp, u64)> {
        let mut kept = self.history.iter().filter(|(kept, _)| *kept == sequence);
        let original = kept.next()?.1.clone();
        let mut payload = original.sequence.to_be_bytes().to_vec();
        payload.extend(&original.payload);
        let index = self.rtx_index;
        self.rtx_index += 1;
        let mut extensions = original.extensions.clone();
        for extension in &mut extensions {
            if extension.0 == RID {
                extension.0 = RRID;
            }
        }
        let packet = Rtp {
            payload_type: original.payload_type + 1,
            sequence: index as u16,
            ssrc: self.rtx_ssrc,
            payload,
            extensions,
            ..original
        };
        Some((packet, index))
    }

    fn rate(&self) -> u64 {
        if self.source.is_audio() { 48 } else { 90 }
    }

    /// As some browsers do while nothing is sent: timestamps go on as if no time had passed.
    pub fn stop_clock(&mut self, ms: u64) {
        self.timestamp_base = self.timestamp_base.wrapping_sub((ms * self.rate()) as u32);
    }

    /// Leaves out so many sequence numbers.
    pub fn jump(&mut self, by: u64) {
        self.index += by;
    }

    /// The packet with copies of those before it, as Chromium writes it: none that lie too far back.
    fn with_copies(&self, packet: Rtp, copies: usize, red: u8) -> Rtp {
        let before = self.history.iter().rev().skip(1).take(copies).rev();
        let offset = |earlier: &Rtp| packet.timestamp.wrapping_sub(earlier.timestamp);
        let copies: Vec<_> = before
            .map(|(_, earlier)| (offset(earlier), earlier.payload.clone()))
            .filter(|(offset, _)| *offset < 1 << 14)
            .collect();
        Rtp {
            payload: wire::red(&copies, &packet.payload, packet.payload_type),
            payload_type: red,
            ..packet
        }
    }

    pub fn last_sequence(&self) -> u16 {
        self.history.back().unwrap().0
    }

    pub fn timestamp(&self, taken_ms: u64) -> u32 {
        self.timestamp_base.wrapping_add((taken_ms * self.rate()) as u32)
    }

    fn extensions(&self, level: u8) -> Vec<(u8, Vec<u8>)> {
        let mid = match self.source {
            TrackSource::Microphone => "0",
            TrackSource::Camera => "1",
            TrackSource::Screen => "2",
            TrackSource::ScreenAudio => "3",
        };
        let mut extensions = vec![(MID, mid.as_bytes().to_vec())];
        if let Some(rid) = self.rid {
            extensions.push((RID, rid.as_bytes().to_vec()));
        }
        if self.source == TrackSource::Microphone {
            extensions.push((LEVEL, vec![level]));
        }
        extensions
    }
}
