//! What a receiving browser sends back: reports of each stream, the arrivals of packets (transport-wide feedback),
//! requests for what was lost.

use std::time::{Duration, Instant};

use crate::offer::TWCC_URI;
use crate::rtp::{RtpHeader, word};

/// Browsers tell of arrivals every 50 to 250 ms, by their bit rate.
const FEEDBACK_INTERVAL: Duration = Duration::from_millis(100);
const VIDEO_REPORT_INTERVAL: Duration = Duration::from_secs(1);
const AUDIO_REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// A packet that does not come is asked for so often, once per feedback.
const REQUESTS_MAX: u8 = 10;
/// More missing at once is an outage, which no repair mends.
const MISSING_MAX: usize = 100;
/// Who means harm asks for everything so often.
const ATTACK_INTERVAL: Duration = Duration::from_millis(10);
/// Entries of one of their requests, each for 17 packets.
const ATTACK_ENTRIES: u16 = 10;
/// What fits one message.
const ARRIVALS_MAX: usize = 400;

/// What a server sends, by its SDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Formats {
    /// Payload type of Opus.
    pub opus: u8,
    /// Payload type of VP8.
    pub vp8: u8,
    /// The header extension with the transport-wide sequence number.
    pub transport_sequence: Option<u8>,
}

impl Formats {
    /// Reads them from an offer or answer; a codec that is missing keeps an impossible number.
    pub fn parse(sdp: &str) -> Self {
        let number = |prefix: &str, name: &str| {
            sdp.lines().find_map(|line| {
                let (number, rest) = line.strip_prefix(prefix)?.split_once(' ')?;
                let is_it = rest.to_ascii_lowercase().starts_with(name);
                // An extension's number may say a direction (RFC 8285 §8).
                is_it.then(|| number.split('/').next()?.parse().ok())?
            })
        };
        Self {
            opus: number("a=rtpmap:", "opus/").unwrap_or(u8::MAX),
            vp8: number("a=rtpmap:", "vp8/").unwrap_or(u8::MAX),
            transport_sequence: number("a=extmap:", TWCC_URI),
        }
    }
}

/// What a packet is to the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// Sound.
    Audio,
    /// A packet of a picture.
    Video,
    /// A repair, padding, or nothing known.
    Other,
}

/// One transport's receiving half.
#[derive(Debug)]
pub struct Receiver {
    /// Our own, in what we send.
    ssrc: u32,
    formats: Formats,
    streams: Vec<Stream>,
    missing: Vec<Missing>,
    has_news_missing: bool,
    arrivals: Vec<(u16, Instant)>,
    feedbacks: u8,
    started: Instant,
    next_turn: Instant,
    message: Vec<u8>,
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    clock_rate: f64,
    /// Extended by roll-overs.
    highest: u32,
    first: u32,
    received: u32,
    expected_before: u32,
    received_before: u32,
    /// In ticks.
    jitter: f64,
    transit: Option<f64>,
    /// The middle of the last sender report's NTP time, and when it came.
    last_report: Option<(u32, Instant)>,
    next_report: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Missing {
    ssrc: u32,
    sequence: u16,
    requests: u8,
}

impl Receiver {
    /// Staggered against other receivers by `number`.
    pub fn new(ssrc: u32, formats: Formats, number: u32, now: Instant) -> Self {
        Self {
            ssrc,
            formats,
            streams: Vec::new(),
            missing: Vec::new(),
            has_news_missing: false,
            arrivals: Vec::new(),
            feedbacks: 0,
            started: now,
            next_turn: now + FEEDBACK_INTERVAL / 16 * (number % 16),
            message: Vec::new(),
        }
    }

    /// Takes a decrypted packet.
    pub fn media(&mut self, packet: &[u8], now: Instant) -> Received {
        let Some(header) = RtpHeader::parse(packet, self.formats.transport_sequence) else {
            return Received::Other;
        };
        if let Some(sequence) = header.transport_sequence
            && self.arrivals.len() < ARRIVALS_MAX
        {
            self.arrivals.push((sequence, now));
        }
        let (kind, clock_rate) = match header.payload_type {
            opus if opus == self.formats.opus => (Received::Audio, 48_000.0),
            vp8 if vp8 == self.formats.vp8 => (Received::Video, 90_000.0),
            _ => {
                self.repaired(&header, packet);
                return Received::Other;
            }
        };
        let at = self.stream(&header, clock_rate, now);
        let stream = &mut self.streams[at];
        stream.received += 1;
        let arrival = now.duration_since(self.started).as_secs_f64() * clock_rate;
        let transit = arrival - f64::from(header.timestamp);
        if let Some(before) = stream.transit.replace(transit) {
            stream.jitter += ((transit - before).abs() - stream.jitter) / 16.0;
        }
        let step = header.sequence.wrapping_sub(stream.highest as u16);
        match step {
            0 => {}
            1..0x8000 => {
                let skipped = (1..step).map(|ahead| (stream.highest as u16).wrapping_add(ahead));
                let ssrc = header.ssrc;
                if usize::from(step) <= MISSING_MAX {
                    self.missing.extend(skipped.map(|sequence| Missing {
                        ssrc,
                        sequence,
                        requests: 0,
                    }));
                    self.has_news_missing |= step > 1;
                }
                stream.highest = stream.highest.wrapping_add(u32::from(step));
            }
            _ => self.found(header.ssrc, header.sequence),
        }
        kind
    }

    /// Takes a decrypted compound of the server: sender reports say what ours refer to.
    pub fn control(&mut self, compound: &[u8], now: Instant) {
        for (kind, body) in crate::rtp::control_packets(compound) {
            if let (200, Some(ssrc), Some(middle)) = (kind, word(body, 4), word(body, 10))
                && let Some(stream) = self.streams.iter_mut().find(|stream| stream.ssrc == ssrc)
            {
                stream.last_report = Some((middle, now));
            }
        }
    }

    /// When [`Self::turn`] is due.
    pub fn deadline(&self) -> Instant {
        self.next_turn
    }

    /// Emits what is due now, a compound at a time: arrivals, reports, requests.
    pub fn turn(&mut self, now: Instant, mut emit: impl FnMut(&[u8])) {
        self.next_turn = now + FEEDBACK_INTERVAL;
        if !self.arrivals.is_empty() {
            self.write_arrivals();
            emit(&self.message);
        }
        for at in 0..self.streams.len() {
            if self.streams[at].next_report <= now {
                self.write_report(at, now);
                emit(&self.message);
            }
        }
        self.requests(emit);
    }

    /// Emits what somebody sends who means harm, instead of [`Self::turn`]: nothing of what arrived, but for each stream
    /// a request for a key frame, for the latest packets again, and a report of nothing but losses; and garbage.
    pub fn attack(&mut self, now: Instant, mut emit: impl FnMut(&[u8])) {
        self.next_turn = now + ATTACK_INTERVAL;
        self.arrivals.clear();
        self.missing.clear();
        self.has_news_missing = false;
        for stream in &self.streams {
            let ssrcs = [self.ssrc.to_be_bytes(), stream.ssrc.to_be_bytes()].concat();
            // Picture loss indication: RFC 4585 §6.3.1.
            emit(&[&[0x81, 206, 0, 2], &ssrcs[..]].concat());
            let mut nack = [&[0x81, 205, 0, 2 + ATTACK_ENTRIES as u8], &ssrcs[..]].concat();
            for entry in 0..ATTACK_ENTRIES {
                let first = (stream.highest as u16).wrapping_sub(17 * entry + 16);
                nack.extend_from_slice(&first.to_be_bytes());
                nack.extend_from_slice(&[0xff, 0xff]);
            }
            emit(&nack);
            let lost = [&[0x81, 201, 0, 7], &ssrcs[..], &[0xff; 20]].concat();
            emit(&lost);
        }
        // A length that is too long, and feedback on packets that never were.
        emit(&[0x9f, 205, 0xff, 0xff, 1, 2, 3, 4]);
        emit(&[&[0x8f, 205, 0, 5][..], &[0xa5; 20]].concat());
    }

    /// Emits requests for what has just been found missing, at once.
    pub fn new_requests(&mut self, emit: impl FnMut(&[u8])) {
        if std::mem::take(&mut self.has_news_missing) {
            self.requests(emit);
        }
    }

    fn stream(&mut self, header: &RtpHeader, clock_rate: f64, now: Instant) -> usize {
        if let Some(at) = self.streams.iter().position(|stream| stream.ssrc == header.ssrc) {
            return at;
        }
        let first = 0x1_0000 | u32::from(header.sequence);
        self.streams.push(Stream {
            ssrc: header.ssrc,
            clock_rate,
            highest: first,
            first,
            received: 0,
            expected_before: 0,
            received_before: 0,
            jitter: 0.0,
            transit: None,
            last_report: None,
            next_report: now + report_interval(clock_rate) / 16 * (header.ssrc % 16),
        });
        self.streams.len() - 1
    }

    /// A repair names the packet that it stands for in its first two bytes (RFC 4588 §4).
    fn repaired(&mut self, header: &RtpHeader, packet: &[u8]) {
        let Some([high, low]) = packet
            .get(header.bytes..)
            .and_then(|payload| payload.first_chunk())
        else {
            return;
        };
        let sequence = u16::from_be_bytes([*high, *low]);
        // Its stream has another SSRC, so this goes by the number alone; good enough for a load.
        self.missing.retain(|missing| missing.sequence != sequence);
    }

    fn found(&mut self, ssrc: u32, sequence: u16) {
        self.missing
            .retain(|missing| (missing.ssrc, missing.sequence) != (ssrc, sequence));
    }

    /// Generic NACK (RFC 4585 §6.2.1), a message for each packet: there are hardly any on loopback.
    fn requests(&mut self, mut emit: impl FnMut(&[u8])) {
        for missing in &mut self.missing {
            missing.requests += 1;
            self.message.clear();
            self.message.extend_from_slice(&[0x81, 205, 0, 3]);
            self.message.extend_from_slice(&self.ssrc.to_be_bytes());
            self.message.extend_from_slice(&missing.ssrc.to_be_bytes());
            self.message.extend_from_slice(&missing.sequence.to_be_bytes());
            self.message.extend_from_slice(&[0, 0]);
            emit(&self.message);
        }
        self.missing.retain(|missing| missing.requests < REQUESTS_MAX);
    }

    /// A receiver report with one block (RFC 3550 §6.4.2), as browsers send one for each stream.
    fn write_report(&mut self, at: usize, now: Instant) {
        let stream = &mut self.streams[at];
        stream.next_report = now + report_interval(stream.clock_rate);
        let expected = stream.highest - stream.first + 1;
        let new = expected - stream.expected_before;
        let lost_new = new.saturating_sub(stream.received - stream.received_before);
        (stream.expected_before, stream.received_before) = (expected, stream.received);
        let fraction = (lost_new * 256).checked_div(new).unwrap_or(0).min(255);
        let lost = expected.saturating_sub(stream.received) & 0x00ff_ffff;
        let (last, delay) = stream.last_report.map_or((0, 0), |(middle, at)| {
            (middle, (now.duration_since(at).as_secs_f64() * 65_536.0) as u32)
        });
        self.message.clear();
        self.message.extend_from_slice(&[0x81, 201, 0, 7]);
        let words = [
            self.ssrc,
            stream.ssrc,
            fraction << 24 | lost,
            stream.highest,
            stream.jitter as u32,
            last,
            delay,
        ];
        for word in words {
            self.message.extend_from_slice(&word.to_be_bytes());
        }
    }

    /// Transport-wide feedback: two bits for each packet, 250 µs for each arrival
    /// (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
    fn write_arrivals(&mut self) {
        let base = self.arrivals[0].0;
        self.arrivals
            .sort_by_key(|(sequence, _)| sequence.wrapping_sub(base) as i16);
        let base = self.arrivals[0].0;
        let ticks = |at: Instant| at.duration_since(self.started).as_micros() as i64 / 250;
        let reference = self
            .arrivals
            .iter()
            .map(|(_, at)| ticks(*at) / 256)
            .min()
            .unwrap_or(0);
        let mut symbols = Vec::new();
        let mut deltas = Vec::new();
        let mut previous = reference * 256;
        for (sequence, at) in &self.arrivals {
            let offset = usize::from(sequence.wrapping_sub(base));
            if offset < symbols.len() {
                continue;
            }
            symbols.resize(offset, 0_u16);
            let delta = ticks(*at) - previous;
            previous += delta;
            if let Ok(small) = u8::try_from(delta) {
                symbols.push(1);
                deltas.push(small);
            } else {
                symbols.push(2);
                deltas.extend_from_slice(&(delta as i16).to_be_bytes());
            }
        }
        self.arrivals.clear();
        let out = &mut self.message;
        out.clear();
        out.extend_from_slice(&[0x8f, 205, 0, 0]);
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(&self.streams.first().map_or(0, |stream| stream.ssrc).to_be_bytes());
        out.extend_from_slice(&base.to_be_bytes());
        out.extend_from_slice(&(symbols.len() as u16).to_be_bytes());
        out.extend_from_slice(&(reference as u32).to_be_bytes()[1..]);
        out.push(self.feedbacks);
        self.feedbacks = self.feedbacks.wrapping_add(1);
        for chunk in symbols.chunks(7) {
            let bits = chunk.iter().enumerate();
            let vector = bits.fold(0xc000, |vector, (at, symbol)| vector | symbol << (12 - 2 * at));
            out.extend_from_slice(&vector.to_be_bytes());
        }
        out.extend_from_slice(&deltas);
        out.resize(out.len().next_multiple_of(4), 0);
        let words = (out.len() / 4 - 1) as u16;
        out[2..4].copy_from_slice(&words.to_be_bytes());
    }
}

fn report_interval(clock_rate: f64) -> Duration {
    if clock_rate == 48_000.0 {
        AUDIO_REPORT_INTERVAL
    } else {
        VIDEO_REPORT_INTERVAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMATS: Formats = Formats {
        opus: 111,
        vp8: 96,
        transport_sequence: Some(3),
    };

    fn packet(sequence: u16, transport_sequence: u16) -> Vec<u8> {
        let mut packet = vec![0x90, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0xbe, 0xde, 0, 1];
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet.push(3 << 4 | 1);
        packet.extend_from_slice(&transport_sequence.to_be_bytes());
        packet.extend_from_slice(&[0, 1, 2, 3]);
        packet
    }

    fn turn(receiver: &mut Receiver, now: Instant) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        receiver.turn(now, |compound| sent.push(compound.to_vec()));
        sent
    }

    #[test]
    fn formats_are_read_from_an_sdp() {
        let sdp = format!(
            "a=rtpmap:109 opus/48000/2\r\na=rtpmap:120 VP8/90000\r\na=extmap:7/recvonly {TWCC_URI}\r\n"
        );
        assert_eq!(
            Formats::parse(&sdp),
            Formats {
                opus: 109,
                vp8: 120,
                transport_sequence: Some(7)
            }
        );
    }

    #[test]
    fn what_is_missing_is_asked_for_at_once_and_until_it_comes() {
        let now = Instant::now();
        let mut receiver = Receiver::new(9, FORMATS, 0, now);
        for sequence in [65_534, 65_535, 2] {
            receiver.media(&packet(sequence, sequence), now);
        }
        let mut asked = Vec::new();
        receiver.new_requests(|compound| asked.push(u16::from_be_bytes([compound[12], compound[13]])));
        assert_eq!(asked, [0, 1]);
        receiver.media(&packet(1, 1), now);
        let sent = turn(&mut receiver, now);
        let nacks: Vec<_> = sent
            .iter()
            .filter(|compound| compound[0] == 0x81 && compound[1] == 205)
            .collect();
        assert_eq!(nacks.len(), 1);
    }

    #[test]
    fn arrivals_tell_of_losses_between_them() {
        let now = Instant::now();
        let mut receiver = Receiver::new(9, FORMATS, 0, now);
        for (at, transport_sequence) in [(0, 10_u16), (1, 12), (90, 13)] {
            let at = now + Duration::from_millis(at);
            receiver.media(&packet(transport_sequence, transport_sequence), at);
        }
        let sent = turn(&mut receiver, now + Duration::from_millis(100));
        let feedback = sent.iter().find(|compound| compound[0] == 0x8f).unwrap();
        assert_eq!(feedback.len() % 4, 0);
        assert_eq!(feedback[12..16], [0, 10, 0, 4]);
        // Small, missing, small, large; then 0 ms, 1 ms, 89 ms.
        assert_eq!(feedback[20..22], [0b11_01_00_01, 0b10_00_00_00]);
        assert_eq!(feedback[22..26], [0, 4, 1, 100]);
    }

    #[test]
    fn a_report_tells_the_share_that_was_lost() {
        let now = Instant::now();
        let mut receiver = Receiver::new(9, FORMATS, 0, now);
        for sequence in (0..100).filter(|sequence| sequence % 4 != 3) {
            receiver.media(&packet(sequence, sequence), now);
        }
        let sent = turn(&mut receiver, now + VIDEO_REPORT_INTERVAL);
        let report = sent.iter().find(|compound| compound[1] == 201).unwrap();
        // 98 of 99 numbers up to the highest; 24 of them did not come.
        assert_eq!(report[12], (24 * 256 / 99) as u8);
        assert_eq!(word(report, 16), Some(0x1_0000 + 98));
    }
}
