//! One speaker's Opus packets become an unbroken line of 16 kHz sound.
//!
//! Packets are put in order within a short bound; what is missing is restored from the next packet (in-band
//! FEC) or concealed; silence that was never sent (DTX) is filled in. Where the line breaks for longer, it
//! says so. Whatever comes in, nothing here fails: bad packets are counted and concealed.

use std::collections::BTreeMap;
use std::time::Duration;

use hearken_captions_core::{FRAME_SAMPLES, SAMPLE_RATE};
use hearken_protocol::{SpeechPacket, Timestamp};
use opus::{Channels, Decoder};

/// RTP clock units (48 kHz) per sample.
const RTP_PER_SAMPLE: u32 = 3;
/// The longest Opus packet: 120 ms.
const PACKET_SAMPLES_MAX: usize = SAMPLE_RATE * 120 / 1000;
/// Larger payloads than a datagram holds are garbage.
const PAYLOAD_BYTES_MAX: usize = 1_500;
/// Packets that are held back while an earlier one is missing. Full: the missing one is given up.
const REORDER_PACKETS_MAX: usize = 3;
/// How long a packet is held back at most.
const REORDER_DELAY: Duration = Duration::from_millis(80);
/// Missing packets up to which the sound is concealed; beyond it the line breaks...
const CONCEALED_PACKETS_MAX: u64 = 10;
/// ...as it does when so much sound is missing, in fewer but longer packets: what is lost then is marked.
const CONCEALED_SAMPLES_MAX: usize = SAMPLE_RATE / 2;
/// How long the sound after such a gap is held back: what is sent again may still fill it...
const GAP_DELAY: Duration = Duration::from_millis(500);
/// ...and how many packets of it. Full: the gap is given up.
const GAP_WAITING_MAX: usize = 60;
/// Numbers farther ahead than that are another line: a quarter of a minute of packets.
const AHEAD_PACKETS_MAX: u64 = 750;
/// More packets than that do not get lost: the numbers began anew. An hour of packets.
const LOST_PACKETS_MAX: u64 = 180_000;
/// Unsent silence up to which it is filled in; beyond it the line breaks.
const SILENCE_SAMPLES_MAX: usize = SAMPLE_RATE;
/// Share by which the clock follows each packet that came later than expected: jitter averages out, the
/// drift of a sound card does not. In half a minute it has followed.
const CLOCK_GAIN: f64 = 1.0 / 1_000.0;

/// What comes out of the intake.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// The next frame.
    Frame {
        /// When its first sample was heard, on the server's clock.
        at: Timestamp,
        /// The sound.
        samples: Box<[i16; FRAME_SAMPLES]>,
    },
    /// The line is broken: what follows does not continue what came before.
    Break {
        /// So much sound in between was sent and never came.
        lost: Duration,
    },
}

/// What happened to packets. Only ever grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IntakeCounters {
    /// Packets decoded.
    pub decoded: u64,
    /// Packets that are no Opus.
    pub garbage: u64,
    /// Packets that came twice, or after they were given up.
    pub late: u64,
    /// Packets given up and concealed.
    pub lost: u64,
    /// Of those, restored from the packet after them.
    pub restored: u64,
}

/// One speaker's line. About 30 KB with its decoder.
pub struct Intake {
    decoder: Decoder,
    line: Option<Line>,
    waiting: BTreeMap<u64, SpeechPacket>,
    /// The packet after the latest long gap: what is missing before it is waited for.
    gap_until: u64,
    /// Decoded samples that do not fill a frame yet.
    samples: Vec<i16>,
}

/// Where one RTP stream has got to.
struct Line {
    stream: u32,
    next_sequence: u64,
    next_rtp: u32,
    /// Length of the latest packet.
    packet_samples: usize,
    /// When sample 0 of this line was heard, in milliseconds.
    origin: f64,
    /// Samples that became frames since.
    framed: u64,
}

impl Intake {
    /// A speaker of whom nothing was heard yet.
    ///
    /// # Errors
    /// When libopus has no memory left.
    pub fn new() -> Result<Self, opus::Error> {
        let decoder = Decoder::new(SAMPLE_RATE as u32, Channels::Mono)?;
        Ok(Self {
            decoder,
            line: None,
            waiting: BTreeMap::new(),
            gap_until: 0,
            samples: Vec::new(),
        })
    }

    /// Takes a packet and appends what can be heard now.
    pub fn packet(&mut self, packet: SpeechPacket, heard: &mut Vec<Heard>, counters: &mut IntakeCounters) {
        if packet.payload.is_empty() || packet.payload.len() > PAYLOAD_BYTES_MAX {
            // Left out of the line: it will be missed and concealed.
            counters.garbage += 1;
            return;
        }
        let is_continued = self
            .line
            .as_ref()
            .is_some_and(|line| line.continues_with(&packet));
        if !is_continued {
            let lost = self
                .line
                .as_ref()
                .map_or(Lost::default(), |line| line.lost_before(&packet));
            counters.lost += lost.packets;
            self.begin(&packet, lost.sound(), heard);
        }
        let next = self.line.as_ref().map_or(0, |line| line.next_sequence);
        if packet.sequence < next || self.waiting.contains_key(&packet.sequence) {
            counters.late += 1;
            return;
        }
        let now = packet.received_at;
        self.waiting.insert(packet.sequence, packet);
        self.advance(now, heard, counters);
    }

    /// Gives up what was missing for too long.
    pub fn tick(&mut self, now: Timestamp, heard: &mut Vec<Heard>, counters: &mut IntakeCounters) {
        self.advance(now, heard, counters);
    }

    /// Starts a new line with this packet, after so much lost sound. What waits goes on in it.
    fn begin(&mut self, packet: &SpeechPacket, lost: Duration, heard: &mut Vec<Heard>) {
        if self.line.is_some() {
            heard.push(Heard::Break { lost });
        }
        if self
            .line
            .as_ref()
            .is_some_and(|line| line.stream != packet.stream)
        {
            self.waiting.clear();
        }
        self.gap_until = 0;
        self.waiting.retain(|sequence, _| *sequence > packet.sequence);
        self.samples.clear();
        // An error leaves the state as it was: worth a crackle, not a failure.
        let _ = self.decoder.reset_state();
        let length = opus::packet::get_nb_samples(&packet.payload, SAMPLE_RATE as u32);
        let packet_samples = length.unwrap_or(SAMPLE_RATE / 50).clamp(40, PACKET_SAMPLES_MAX);
        self.line = Some(Line {
            stream: packet.stream,
            next_sequence: packet.sequence,
            next_rtp: packet.rtp_timestamp,
            packet_samples,
            origin: packet.received_at.0 as f64 - milliseconds(packet_samples),
            framed: 0,
        });
    }

    fn advance(&mut self, now: Timestamp, heard: &mut Vec<Heard>, counters: &mut IntakeCounters) {
        while let Some(line) = &self.line {
            let next = line.next_sequence;
            let Some((&first, packet)) = self.waiting.first_key_value() else {
                return;
            };
            let waited = now.saturating_since(packet.received_at);
            if line.lost_before(packet).is_long() {
                self.gap_until = first;
            }
            let (packets_max, delay_max) = if next < self.gap_until {
                (GAP_WAITING_MAX, GAP_DELAY)
            } else {
                (REORDER_PACKETS_MAX, REORDER_DELAY)
            };
            let is_missed = self.waiting.len() > packets_max || waited >= delay_max;
            if first != next && !is_missed {
                return;
            }
            if let Some(packet) = self.waiting.remove(&first) {
                self.play(packet, heard, counters);
            }
        }
    }

    /// Decodes the packet, after filling in what came before it: missing packets, or silence.
    fn play(&mut self, packet: SpeechPacket, heard: &mut Vec<Heard>, counters: &mut IntakeCounters) {
        let Some(line) = &mut self.line else { return };
        let lost = line.lost_before(&packet);
        counters.lost += lost.packets;
        line.next_sequence = packet.sequence.saturating_add(1);
        // Line::continues_with has seen to it that the timestamp does not lie before the line's end, except
        // for packets that were reordered around an odd one.
        let gap = packet.rtp_timestamp.wrapping_sub(line.next_rtp) as i32;
        let gap_samples = usize::try_from(gap).unwrap_or(0) / RTP_PER_SAMPLE as usize;
        let packet_samples = line.packet_samples;
        if gap < 0 || gap_samples > SILENCE_SAMPLES_MAX + lost.samples || lost.is_long() {
            self.begin(&packet, lost.sound(), heard);
            if let Some(line) = &mut self.line {
                line.next_sequence = packet.sequence.saturating_add(1);
            }
        } else if lost.packets > 0 {
            self.silence(gap_samples - lost.samples);
            self.conceal(lost.samples, packet_samples, &packet.payload, counters);
        } else {
            self.silence(gap_samples);
        }
        self.decode(&packet, counters);
        self.frame(packet.received_at, heard);
    }

    fn silence(&mut self, samples: usize) {
        self.samples
            .resize(self.samples.len() + samples.min(2 * SILENCE_SAMPLES_MAX), 0);
    }

    /// Fills in lost sound, the last packet's worth of it from what the next packet says about it.
    fn conceal(&mut self, lost: usize, packet_samples: usize, next: &[u8], counters: &mut IntakeCounters) {
        let mut left = lost;
        while left > 0 {
            // libopus conceals in steps of 2.5 ms.
            let length = (left.min(packet_samples) / 40 * 40).max(40);
            let is_last = left <= packet_samples;
            let mut sound = [0; PACKET_SAMPLES_MAX];
            let out = &mut sound[..length];
            let decoded = if is_last {
                self.decoder.decode(next, out, true)
            } else {
                self.decoder.decode(&[], out, false)
            };
            counters.restored += u64::from(is_last && decoded.is_ok());
            self.samples.extend_from_slice(&sound[..length]);
            left = left.saturating_sub(length);
        }
    }

    fn decode(&mut self, packet: &SpeechPacket, counters: &mut IntakeCounters) {
        let mut sound = [0; PACKET_SAMPLES_MAX];
        let mut length = match self.decoder.decode(&packet.payload, &mut sound, false) {
            Ok(length) => {
                counters.decoded += 1;
                length
            }
            Err(_) => {
                counters.garbage += 1;
                0
            }
        };
        let Some(line) = &mut self.line else { return };
        if length == 0 {
            length = line.packet_samples;
            if self.decoder.decode(&[], &mut sound[..length], false).is_err() {
                sound.fill(0);
            }
        }
        line.packet_samples = length;
        line.next_rtp = packet.rtp_timestamp.wrapping_add(length as u32 * RTP_PER_SAMPLE);
        self.samples.extend_from_slice(&sound[..length]);
    }

    /// Hands out whole frames, and adjusts the clock: all samples up to here were heard by `received_at`.
    fn frame(&mut self, received_at: Timestamp, heard: &mut Vec<Heard>) {
        let Some(line) = &mut self.line else { return };
        let end = milliseconds_since(line.framed, self.samples.len());
        let late = received_at.0 as f64 - end - line.origin;
        line.origin += if late < 0.0 { late } else { late * CLOCK_GAIN };
        let frames = self.samples.chunks_exact(FRAME_SAMPLES);
        let rest = frames.remainder().to_vec();
        for frame in frames {
            let at = Timestamp((line.origin + milliseconds_since(line.framed, 0)).max(0.0) as u64);
            line.framed += FRAME_SAMPLES as u64;
            let mut samples = Box::new([0; FRAME_SAMPLES]);
            samples.copy_from_slice(frame);
            heard.push(Heard::Frame { at, samples });
        }
        self.samples = rest;
    }
}

impl Line {
    /// Whether a packet belongs to this line: the same stream, and neither numbers nor time far off.
    fn continues_with(&self, packet: &SpeechPacket) -> bool {
        let ahead = packet.sequence.saturating_sub(self.next_sequence);
        let behind = self.next_sequence.saturating_sub(packet.sequence);
        packet.stream == self.stream && ahead <= AHEAD_PACKETS_MAX && behind <= u64::from(u16::MAX)
    }

    /// What was sent of this stream before a packet and has not come. A jump of the timestamp alone is silence.
    fn lost_before(&self, packet: &SpeechPacket) -> Lost {
        if packet.stream != self.stream {
            return Lost::default();
        }
        let packets = packet.sequence.saturating_sub(self.next_sequence);
        if packets > LOST_PACKETS_MAX {
            return Lost::default();
        }
        let sent = usize::try_from(packets)
            .unwrap_or(usize::MAX)
            .saturating_mul(self.packet_samples);
        let gap = packet.rtp_timestamp.wrapping_sub(self.next_rtp) as i32;
        let gap_samples = usize::try_from(gap).unwrap_or(0) / RTP_PER_SAMPLE as usize;
        Lost {
            packets,
            samples: sent.min(gap_samples),
        }
    }
}

/// Sound that was sent and has not come.
#[derive(Debug, Clone, Copy, Default)]
struct Lost {
    packets: u64,
    samples: usize,
}

impl Lost {
    /// Whether it is too much to be concealed.
    fn is_long(self) -> bool {
        self.packets > CONCEALED_PACKETS_MAX || self.samples >= CONCEALED_SAMPLES_MAX
    }

    fn sound(self) -> Duration {
        Duration::from_secs_f64(self.samples as f64 / SAMPLE_RATE as f64)
    }
}

fn milliseconds(samples: usize) -> f64 {
    samples as f64 * 1_000.0 / SAMPLE_RATE as f64
}

fn milliseconds_since(framed: u64, samples: usize) -> f64 {
    (framed + samples as u64) as f64 * 1_000.0 / SAMPLE_RATE as f64
}
