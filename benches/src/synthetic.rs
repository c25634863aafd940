//! Synthetic media with the shape of a call: VP8, by default at 1 Mbit/s (30 frames of 4 packets a second, key frames
//! when asked for), and Opus at 32 kbit/s (50 packets a second). Each payload ends with the time it was sent, and
//! whether anybody is to get it.

use std::time::{Duration, Instant};

use crate::offer::{LEVEL_EXTENSION, MID_EXTENSION, OPUS, Ssrcs, TWCC_EXTENSION, VP8, VP8_RTX};

/// Time between two audio packets.
pub const AUDIO_INTERVAL: Duration = Duration::from_millis(20);
/// A packet of a picture has no more.
const VIDEO_PAYLOAD_BYTES_MAX: u32 = 1200;
/// Room for the beginning of a key frame and the stamp.
const VIDEO_PAYLOAD_BYTES_MIN: u32 = 40;
/// 80 bytes × 50 × 8 = 32 kbit/s.
const AUDIO_PAYLOAD_BYTES: usize = 80;
const STAMP_BYTES: usize = 8;
/// Packets that can be sent again: two seconds of video.
const HISTORY_PACKETS: usize = 256;
/// Seconds from 1900, where NTP begins, to 1970.
const NTP_TO_UNIX_S: u64 = 2_208_988_800;
/// A packet at least so loud counts as voice, in −dBov.
pub const LOUD: u8 = 45;
/// The flag of the audio-level extension that says so (RFC 6464 §3).
const VOICE: u8 = 0x80;
/// Of somebody who speaks, and of the noise of a room, in −dBov.
const SPEECH_LEVEL: u8 = 30;
const NOISE_LEVEL: u8 = 70;
/// The bit of a stamp that says that nobody is to get the packet.
const NOT_FOR_ANYBODY: u64 = 1 << 63;

/// The video that somebody sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoShape {
    frame_interval: Duration,
    packets_per_frame: u32,
    payload_bytes: usize,
}

impl VideoShape {
    /// So many kbit/s in so many frames a second, each of as few packets as hold it. `None` when there is nothing to
    /// send.
    pub fn new(kbit_per_second: u32, frames_per_second: u32) -> Option<Self> {
        let frame_bytes = (u64::from(kbit_per_second) * 125).div_ceil(u64::from(frames_per_second.max(1)));
        let frame_bytes = u32::try_from(frame_bytes).ok().filter(|bytes| *bytes > 0)?;
        let packets_per_frame = frame_bytes.div_ceil(VIDEO_PAYLOAD_BYTES_MAX);
        let payload_bytes = frame_bytes
            .div_ceil(packets_per_frame)
            .max(VIDEO_PAYLOAD_BYTES_MIN);
        Some(Self {
            frame_interval: Duration::from_secs(1) / frames_per_second.max(1),
            packets_per_frame,
            payload_bytes: payload_bytes as usize,
        })
    }
}

impl Default for VideoShape {
    /// 1,042 bytes × 4 × 30 × 8 = 1 Mbit/s.
    fn default() -> Self {
        Self::new(1000, 30).expect("there is something to send")
    }
}

/// What a microphone hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sound {
    /// Somebody speaks, and everybody is to get it.
    Speech,
    /// The noise of the room: where not everybody is heard, nobody is to get it.
    Noise {
        /// Whether everybody is heard.
        is_heard: bool,
    },
}

/// What a packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketKind {
    /// Opus.
    Audio,
    /// VP8.
    Video,
}

/// Makes the RTP packets of one participant, and what else a sending browser says.
#[derive(Debug)]
pub struct Publisher {
    shape: VideoShape,
    sound: Sound,
    audio: Stream,
    video: Stream,
    repair: Stream,
    transport_sequence: u16,
    picture_id: u16,
    key_frame_wanted: bool,
    /// The latest packets of the video, by their sequence number.
    history: Vec<Sent>,
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    payload_type: u8,
    mid: u8,
    index: u64,
    timestamp: u32,
    packets: u32,
    octets: u32,
}

/// A packet as it was sent, before it was sealed.
#[derive(Debug, Clone, Default)]
struct Sent {
    sequence: u16,
    timestamp: u32,
    marker: bool,
    packet: Vec<u8>,
    header_bytes: usize,
}

/// When a participant's next packets are due.
#[derive(Debug)]
pub struct Schedule {
    next_audio: Instant,
    next_frame: Instant,
    frame_interval: Duration,
}

impl Schedule {
    /// From `start` on; participants are staggered by their number so that they don't send in step.
    pub fn new(start: Instant, number: u32, video: VideoShape) -> Self {
        let frame_interval = video.frame_interval;
        Self {
            next_audio: start + AUDIO_INTERVAL / 16 * (number % 16),
            next_frame: start + frame_interval / 16 * ((number * 7) % 16),
            frame_interval,
        }
    }

    /// Leaves out what would have been due before `now`.
    pub fn skip_to(&mut self, now: Instant) {
        while self.take(now).is_some() {}
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
            self.next_frame += self.frame_interval;
            Some(PacketKind::Video)
        } else {
            None
        }
    }
}

impl Publisher {
    /// For these SSRCs.
    pub fn new(ssrcs: Ssrcs, shape: VideoShape, sound: Sound) -> Self {
        Self {
            shape,
            sound,
            audio: Stream::new(ssrcs.audio, OPUS, b'0'),
            video: Stream::new(ssrcs.video, VP8, b'1'),
            repair: Stream::new(ssrcs.repair, VP8_RTX, b'1'),
            transport_sequence: 0,
            picture_id: 1,
            key_frame_wanted: true,
            history: vec![Sent::default(); HISTORY_PACKETS],
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
        let number = self.next_transport_sequence();
        let header = self.audio.header(&mut packet, false, Some(level | voice), number);
        packet.extend_from_slice(payload);
        emit(&packet, header, self.audio.index);
        self.audio.advance(packet.len() - header);
        self.audio.timestamp = self.audio.timestamp.wrapping_add(960);
    }

    /// One audio packet. `emit` gets packet, header length and packet index (ROC and sequence number).
    pub fn audio(&mut self, stamp_ns: u64, mut emit: impl FnMut(&[u8], usize, u64)) {
        let mut packet = Vec::with_capacity(128 + AUDIO_PAYLOAD_BYTES);
        let number = self.next_transport_sequence();
        let (level, stamp_ns) = match self.sound {
            Sound::Speech => (SPEECH_LEVEL | VOICE, stamp_ns),
            Sound::Noise { is_heard: true } => (NOISE_LEVEL, stamp_ns),
            Sound::Noise { is_heard: false } => (NOISE_LEVEL, stamp_ns | NOT_FOR_ANYBODY),
        };
        let header = self.audio.header(&mut packet, true, Some(level), number);
        packet.resize(header + AUDIO_PAYLOAD_BYTES - STAMP_BYTES, 0xfc);
        packet.extend_from_slice(&stamp_ns.to_be_bytes());
        emit(&packet, header, self.audio.index);
        self.audio.advance(AUDIO_PAYLOAD_BYTES);
        self.audio.timestamp = self.audio.timestamp.wrapping_add(960);
    }

    /// The packets of one video frame.
    pub fn frame(&mut self, stamp_ns: u64, mut emit: impl FnMut(&[u8], usize, u64)) {
        let key_frame = std::mem::take(&mut self.key_frame_wanted);
        for part in 0..self.shape.packets_per_frame {
            let number = self.next_transport_sequence();
            let sent = &mut self.history[self.video.index as usize % HISTORY_PACKETS];
            sent.sequence = self.video.index as u16;
            sent.timestamp = self.video.timestamp;
            sent.marker = part + 1 == self.shape.packets_per_frame;
            let packet = &mut sent.packet;
            packet.clear();
            let header = self.video.header(packet, sent.marker, None, number);
            sent.header_bytes = header;
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
            packet.resize(header + self.shape.payload_bytes - STAMP_BYTES, 0x5a);
            packet.extend_from_slice(&stamp_ns.to_be_bytes());
            emit(packet, header, self.video.index);
            self.video.advance(self.shape.payload_bytes);
        }
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        self.video.timestamp = self.video.timestamp.wrapping_add(3000);
    }

    /// Sends a packet of the video again (RFC 4588), if it is still known.
    pub fn repair(&mut self, ssrc: u32, sequence: u16, emit: impl FnOnce(&[u8], usize, u64)) {
        let at = usize::from(sequence) % HISTORY_PACKETS;
        let is_known = ssrc == self.video.ssrc
            && self.history[at].sequence == sequence
            && !self.history[at].packet.is_empty();
        if !is_known {
            return;
        }
        let number = self.next_transport_sequence();
        let sent = &self.history[at];
        self.repair.timestamp = sent.timestamp;
        let mut packet = Vec::with_capacity(sent.packet.len() + 2);
        let header = self.repair.header(&mut packet, sent.marker, None, number);
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&sent.packet[sent.header_bytes..]);
        emit(&packet, header, self.repair.index);
        self.repair.advance(packet.len() - header);
    }

    /// Emits a sender report of each stream that sends, with its name (RFC 3550 §6.4.1, §6.5), at that time since
    /// the Unix epoch.
    pub fn reports(&self, unix_time: Duration, mut emit: impl FnMut(&[u8])) {
        let fraction = u64::from(unix_time.subsec_nanos()) * (1 << 32) / 1_000_000_000;
        let ntp = (unix_time.as_secs() + NTP_TO_UNIX_S) << 32 | fraction;
        for stream in [&self.audio, &self.video] {
            if stream.packets == 0 {
                continue;
            }
            let mut compound = vec![0x80, 200, 0, 6];
            compound.extend_from_slice(&stream.ssrc.to_be_bytes());
            compound.extend_from_slice(&ntp.to_be_bytes());
            for word in [stream.timestamp, stream.packets, stream.octets] {
                compound.extend_from_slice(&word.to_be_bytes());
            }
            compound.extend_from_slice(&[0x81, 202, 0, 3]);
            compound.extend_from_slice(&stream.ssrc.to_be_bytes());
            compound.extend_from_slice(&[1, 4, b'l', b'o', b'a', b'd', 0, 0]);
            emit(&compound);
        }
    }

    fn next_transport_sequence(&mut self) -> u16 {
        self.transport_sequence = self.transport_sequence.wrapping_add(1);
        self.transport_sequence
    }
}

impl Stream {
    fn new(ssrc: u32, payload_type: u8, mid: u8) -> Self {
        Self {
            ssrc,
            payload_type,
            mid,
            index: 1000,
            timestamp: 0,
            packets: 0,
            octets: 0,
        }
    }

    fn advance(&mut self, payload_bytes: usize) {
        self.index += 1;
        self.packets += 1;
        self.octets = self.octets.wrapping_add(payload_bytes as u32);
    }

    /// Writes the RTP header with one-byte extensions (RFC 8285) and returns its length.
    fn header(
        &self,
        packet: &mut Vec<u8>,
        marker: bool,
        level: Option<u8>,
        transport_sequence: u16,
    ) -> usize {
        let sequence = (self.index & 0xffff) as u16;
        packet.extend_from_slice(&[0x90, self.payload_type | if marker { 0x80 } else { 0 }]);
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&self.timestamp.to_be_bytes());
        packet.extend_from_slice(&self.ssrc.to_be_bytes());
        packet.extend_from_slice(&[0xbe, 0xde, 0, 2, MID_EXTENSION << 4, self.mid]);
        let [high, low] = transport_sequence.to_be_bytes();
        packet.extend_from_slice(&[TWCC_EXTENSION << 4 | 1, high, low]);
        match level {
            Some(level) => packet.extend_from_slice(&[LEVEL_EXTENSION << 4, level, 0]),
            None => packet.extend_from_slice(&[0, 0, 0]),
        }
        packet.len()
    }
}

/// What a received payload says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// When it was sent, in the sender's nanoseconds.
    pub sent_ns: u64,
    /// Whether anybody was to get it.
    pub is_for_somebody: bool,
}

impl Stamp {
    /// Reads it off the end.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let stamp = u64::from_be_bytes(*payload.last_chunk::<STAMP_BYTES>()?);
        Some(Self {
            sent_ns: stamp & !NOT_FOR_ANYBODY,
            is_for_somebody: stamp & NOT_FOR_ANYBODY == 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::{RtpHeader, word};

    #[test]
    fn a_frame_has_as_few_packets_as_hold_it() {
        let shape = |kbit, fps| {
            let shape = VideoShape::new(kbit, fps)?;
            Some((shape.packets_per_frame, shape.payload_bytes))
        };
        assert_eq!(shape(1000, 30), Some((4, 1042)));
        assert_eq!(shape(40, 5), Some((1, 1000)));
        assert_eq!(shape(1, 100), Some((1, 40)));
        assert_eq!(shape(0, 30), None);
    }

    #[test]
    fn noise_says_that_it_is_for_nobody_where_not_everybody_is_heard() {
        for (sound, is_for_somebody) in [
            (Sound::Speech, true),
            (Sound::Noise { is_heard: true }, true),
            (Sound::Noise { is_heard: false }, false),
        ] {
            let mut publisher = Publisher::new(Ssrcs::new(1), VideoShape::default(), sound);
            let mut read = None;
            publisher.audio(77, |packet, _, _| read = Stamp::read(packet));
            let expected = Stamp {
                sent_ns: 77,
                is_for_somebody,
            };
            assert_eq!(read, Some(expected));
        }
    }

    #[test]
    fn a_repair_carries_the_payload_behind_its_number() {
        let mut publisher = Publisher::new(Ssrcs::new(1), VideoShape::default(), Sound::Speech);
        let mut frame = Vec::new();
        publisher.frame(77, |packet, header, index| {
            frame.push((packet.to_vec(), header, index))
        });
        let (lost, header, index) = &frame[2];
        let mut repairs = Vec::new();
        for sequence in [*index as u16, *index as u16 + 9] {
            publisher.repair(Ssrcs::new(1).video, sequence, |packet, header, _| {
                repairs.push((packet.to_vec(), header))
            });
        }
        assert_eq!(repairs.len(), 1);
        let (repair, at) = &repairs[0];
        let parsed = RtpHeader::parse(repair, Some(TWCC_EXTENSION)).unwrap();
        assert_eq!(
            (parsed.ssrc, parsed.payload_type, parsed.transport_sequence),
            (Ssrcs::new(1).repair, VP8_RTX, Some(5))
        );
        assert_eq!(repair[*at..at + 2], (*index as u16).to_be_bytes());
        assert_eq!(repair[at + 2..], lost[*header..]);
    }

    #[test]
    fn sender_reports_count_what_was_sent() {
        let mut publisher = Publisher::new(Ssrcs::new(1), VideoShape::default(), Sound::Speech);
        publisher.frame(0, |_, _, _| {});
        let mut reports = Vec::new();
        publisher.reports(Duration::from_secs(1), |compound| reports.push(compound.to_vec()));
        assert_eq!(reports.len(), 1);
        assert_eq!(word(&reports[0], 4), Some(Ssrcs::new(1).video));
        assert_eq!(word(&reports[0], 8), Some(NTP_TO_UNIX_S as u32 + 1));
        assert_eq!(
            (word(&reports[0], 20), word(&reports[0], 24)),
            (Some(4), Some(4 * 1042))
        );
    }
}
