//! Synthetic media with the shape of a call: VP8 at 1 Mbit/s (30 frames of 4 packets a second, key frames when
//! asked for) and Opus at 32 kbit/s (50 packets a second). Each payload ends with the time it was sent.

use std::time::{Duration, Instant};

use crate::offer::{LEVEL_EXTENSION, MID_EXTENSION, OPUS, VP8};

/// Time between two audio packets.
pub const AUDIO_INTERVAL: Duration = Duration::from_millis(20);
const FRAME_INTERVAL: Duration = Duration::from_micros(33_333);
const PACKETS_PER_FRAME: u32 = 4;
/// 1,042 bytes × 4 × 30 × 8 = 1 Mbit/s.
const VIDEO_PAYLOAD_BYTES: usize = 1042;
/// 80 bytes × 50 × 8 = 32 kbit/s.
const AUDIO_PAYLOAD_BYTES: usize = 80;
const STAMP_BYTES: usize = 8;
/// A packet at least so loud counts as voice, in −dBov.
pub const LOUD: u8 = 45;
/// The flag of the audio-level extension that says so (RFC 6464 §3).
const VOICE: u8 = 0x80;

/// What a packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketKind {
    /// Opus.
    Audio,
    /// VP8.
    Video,
}

/// Makes the RTP packets of one participant.
#[derive(Debug)]
pub struct Publisher {
    audio: Stream,
    video: Stream,
    picture_id: u16,
    key_frame_wanted: bool,
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    index: u64,
    timestamp: u32,
}

/// When a participant's next packets are due.
#[derive(Debug)]
pub struct Schedule {
    next_audio: Instant,
    next_frame: Instant,
}

impl Schedule {
    /// From `start` on; participants are staggered by their number so that they don't send in step.
    pub fn new(start: Instant, number: u32) -> Self {
        Self {
            next_audio: start + AUDIO_INTERVAL / 16 * (number % 16),
            next_frame: start + FRAME_INTERVAL / 16 * ((number * 7) % 16),
        }
    }

    /// The next moment at which something is due.
    pub fn next(&self) -> Instant {
        self.next_audio.min(self.next_frame)
    }

    /// What is due at `now`, one at a time; `None` when nothing is.
    pub fn take(&mut self, now: Instant) -> Option<PacketKind> {
        if self.next_audio <= now {
            self.next_audio += AUDIO_INTERVAL;
            Some(PacketKind::Audio)
        } else if self.next_frame <= now {
            self.next_frame += FRAME_INTERVAL;
            Some(PacketKind::Video)
        } else {
            None
        }
    }
}

impl Publisher {
    /// For these SSRCs.
    pub fn new(audio_ssrc: u32, video_ssrc: u32) -> Self {
        Self {
            audio: Stream {
                ssrc: audio_ssrc,
                index: 1000,
                timestamp: 0,
            },
            video: Stream {
                ssrc: video_ssrc,
                index: 1000,
                timestamp: 0,
            },
            picture_id: 1,
            key_frame_wanted: true,
        }
    }

    /// The next frame will be a key frame.
    pub fn want_key_frame(&mut self) {
        self.key_frame_wanted = true;
    }

    /// One packet of real sound, as loud as `level` says, in −dBov (RFC 6464); `emit` as in [`Self::audio`].
    pub fn speech(&mut self, payload: &[u8], level: u8, emit: impl FnOnce(&[u8], usize, u64)) {
        let mut packet = Vec::with_capacity(128 + payload.len());
        let voice = if level <= LOUD { VOICE } else { 0 };
        let header = header(&mut packet, &self.audio, OPUS, false, Some(level | voice), b'0');
        packet.extend_from_slice(payload);
        emit(&packet, header, self.audio.index);
        self.audio.index += 1;
        self.audio.timestamp = self.audio.timestamp.wrapping_add(960);
    }

    /// One audio packet. `emit` gets packet, header length and packet index (ROC and sequence number).
    pub fn audio(&mut self, stamp_ns: u64, mut emit: impl FnMut(&[u8], usize, u64)) {
        let mut packet = Vec::with_capacity(128 + AUDIO_PAYLOAD_BYTES);
        let header = header(&mut packet, &self.audio, OPUS, true, Some(30 | VOICE), b'0');
        packet.resize(header + AUDIO_PAYLOAD_BYTES - STAMP_BYTES, 0xfc);
        packet.extend_from_slice(&stamp_ns.to_be_bytes());
        emit(&packet, header, self.audio.index);
        self.audio.index += 1;
        self.audio.timestamp = self.audio.timestamp.wrapping_add(960);
    }

    /// The packets of one video frame.
    pub fn frame(&mut self, stamp_ns: u64, mut emit: impl FnMut(&[u8], usize, u64)) {
        let key_frame = std::mem::take(&mut self.key_frame_wanted);
        for part in 0..PACKETS_PER_FRAME {
            let mut packet = Vec::with_capacity(128 + VIDEO_PAYLOAD_BYTES);
            let last = part == PACKETS_PER_FRAME - 1;
            let header = header(&mut packet, &self.video, VP8, last, None, b'1');
            // RFC 7741: X and S; I with a 15-bit picture id.
            packet.push(if part == 0 { 0x90 } else { 0x80 });
            packet.push(0x80);
            packet.extend_from_slice(&(self.picture_id | 0x8000).to_be_bytes());
            if part == 0 {
                // RFC 6386, 9.1: bit 0 is clear in a key frame; then the start code and 1280 × 720.
                packet.push(if key_frame { 0x10 } else { 0x11 });
                packet.extend_from_slice(&[0, 0]);
                if key_frame {
                    packet.extend_from_slice(&[0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02]);
                }
            }
            packet.resize(header + VIDEO_PAYLOAD_BYTES - STAMP_BYTES, 0x5a);
            packet.extend_from_slice(&stamp_ns.to_be_bytes());
            emit(&packet, header, self.video.index);
            self.video.index += 1;
        }
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        self.video.timestamp = self.video.timestamp.wrapping_add(3000);
    }
}

/// When a received payload was sent, in the sender's nanoseconds.
pub fn sent_at(payload: &[u8]) -> Option<u64> {
    let stamp = payload.last_chunk::<STAMP_BYTES>()?;
    Some(u64::from_be_bytes(*stamp))
}

/// Writes the RTP header with one-byte extensions (RFC 8285) and returns its length.
fn header(
    packet: &mut Vec<u8>,
    stream: &Stream,
    payload_type: u8,
    marker: bool,
    level: Option<u8>,
    mid: u8,
) -> usize {
    let sequence = (stream.index & 0xffff) as u16;
    packet.extend_from_slice(&[0x90, payload_type | if marker { 0x80 } else { 0 }]);
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&stream.timestamp.to_be_bytes());
    packet.extend_from_slice(&stream.ssrc.to_be_bytes());
    packet.extend_from_slice(&[0xbe, 0xde, 0, 1, MID_EXTENSION << 4, mid]);
    match level {
        Some(level) => packet.extend_from_slice(&[LEVEL_EXTENSION << 4, level]),
        None => packet.extend_from_slice(&[0, 0]),
    }
    packet.len()
}
