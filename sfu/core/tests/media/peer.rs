//! A fake browser: sends a microphone, a camera of three layers and a screen, answers requests, and checks
//! every packet it gets against what it was told of its slots.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use hearken_protocol::{ParticipantId, Publish, Slot, TrackSource};
use hearken_sfu_core::client::ClientTransport;
use hearken_sfu_core::transport::{ICE_SEED_BYTES, IceCredentials, Identity, Incoming, Protocol};
use rand::rngs::StdRng;
use rand::{Rng, RngCore};

use super::encoder::{Encoder, Frame};
use super::wire::{self, Answer, DEPENDENCY, LEVEL, MID, OfferStyle, RID, RRID, Rtp, Stamp, TWCC, Vp8Packet};

/// Packets a sender keeps to send again.
const HISTORY: usize = 400;

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
    index: u64,
    rtx_index: u64,
    timestamp_base: u32,
    picture: u16,
    tl0: u8,
    key_index: u8,
    packets: u32,
    history: VecDeque<(u16, Rtp)>,
}

impl Sender {
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
}

/// A packet that arrived in a slot.
#[derive(Debug, Clone)]
pub struct Received {
    pub at_ms: u64,
    pub mid: String,
    pub index: u64,
    pub timestamp: u32,
    pub stamp: Stamp,
    pub vp8: Option<Vp8Packet>,
    pub payload_type: u8,
    pub is_repair: bool,
    pub level: Option<u8>,
    /// Not of whoever had the slot before.
    pub is_current: bool,
    /// When the sound of its copies was taken, and how many ticks before this packet's.
    pub copies: Vec<(u32, Stamp)>,
    /// Bytes of the payload.
    pub bytes: usize,
}

/// A packet of another codec than VP8 that arrived in a slot, repairs unpacked.
#[derive(Debug, Clone)]
pub struct Other {
    pub at_ms: u64,
    pub index: u64,
    pub packet: Rtp,
    pub is_repair: bool,
}

/// What is known of one slot's stream.
#[derive(Debug, Default)]
pub struct Inbox {
    pub highest: Option<u64>,
    pub payloads: BTreeMap<u64, Vec<u8>>,
    /// Of the last sender report: its time in ms, its timestamp, and when it came.
    pub report: Option<(f64, u32, u64)>,
    pub reports: u64,
    pub cname: Option<String>,
    asked: HashMap<u64, u64>,
}

pub struct Peer {
    pub id: ParticipantId,
    pub identity: Arc<Identity>,
    pub ice: IceCredentials,
    pub address: SocketAddr,
    pub protocol: Protocol,
    pub style: OfferStyle,
    pub transport: Option<ClientTransport>,
    pub answer: Option<Answer>,
    pub senders: Vec<Sender>,
    pub slots: HashMap<String, Slot>,
    pub inboxes: HashMap<String, Inbox>,
    pub received: Vec<Received>,
    /// Video that is not VP8.
    pub others: Vec<Other>,
    /// Level of what the microphone hears, in −dBov.
    pub level: u8,
    /// Asks for what is missing.
    pub asks_again: bool,
    /// Sends repairs when asked.
    pub repairs: bool,
    /// Copies of earlier packets that go along with sound, if that was agreed on.
    pub copies: usize,
    /// Simulates what the line loses as the receiver would report it, in 1/256.
    pub reported_loss: u8,
    pub feedback_messages: u64,
    /// Tells when packets arrived.
    pub tells_arrivals: bool,
    /// How often, in ms.
    pub tells_every_ms: u64,
    /// Numbers of empty packets in slots.
    pub fillers: BTreeSet<(String, u64)>,
    /// Packets of padding that came.
    pub padding: u64,
    arrivals: BTreeMap<u64, u64>,
    told: u64,
    feedback_sent: u8,
    /// This client's clock minus the world's, in ms.
    pub clock_offset_ms: u64,
    pub events: Vec<String>,
    transport_sequence: u16,
}

impl Peer {
    pub fn new(id: ParticipantId, port: u16, style: OfferStyle, random: &mut StdRng) -> Self {
        let mut peer = Self {
            id,
            identity: Arc::new(Identity::generate().unwrap()),
            ice: credentials(random),
            address: SocketAddr::from(([10, 0, 0, 1], port)),
            protocol: Protocol::Udp,
            style,
            transport: None,
            answer: None,
            senders: Vec::new(),
            slots: HashMap::new(),
            inboxes: HashMap::new(),
            received: Vec::new(),
            others: Vec::new(),
            level: 127,
            asks_again: true,
            repairs: true,
            copies: 1,
            reported_loss: 0,
            feedback_messages: 0,
            tells_arrivals: true,
            tells_every_ms: 50,
            fillers: BTreeSet::new(),
            padding: 0,
            arrivals: BTreeMap::new(),
            told: 0,
            feedback_sent: 0,
            clock_offset_ms: random.random_range(1_000_000..9_000_000_000),
            events: Vec::new(),
            transport_sequence: random.next_u32() as u16,
        };
        peer.add_senders(random);
        peer
    }

    fn add_senders(&mut self, random: &mut StdRng) {
        let mut add = |source, layer, rid, height, packets_per_frame, every_ms, delay_ms| {
            self.senders.push(Sender {
                source,
                layer,
                ssrc: random.next_u32(),
                rtx_ssrc: random.next_u32(),
                is_on: false,
                is_asked: true,
                height,
                packets_per_frame,
                packet_bytes: 700,
                packets_per_key_frame: 0,
                every_ms,
                delay_ms,
                key_frame_wanted: true,
                encoder: None,
                plis: Vec::new(),
                nacked: Vec::new(),
                rid,
                index: u64::from(random.next_u32() as u16),
                rtx_index: u64::from(random.next_u32() as u16 & 0x7fff),
                timestamp_base: random.next_u32(),
                picture: random.next_u32() as u16 & 0x7fff,
                tl0: random.next_u32() as u8,
                key_index: 0,
                packets: 0,
                history: VecDeque::new(),
            });
        };
        add(TrackSource::Microphone, 0, None, 0, 1, 20, 5);
        let simulcast = self.style.ssrcs.is_none();
        for (layer, (rid, height, packets)) in [("q", 180, 1), ("h", 360, 2), ("f", 720, 5)]
            .into_iter()
            .enumerate()
        {
            if simulcast || layer == 0 {
                add(
                    TrackSource::Camera,
                    layer as u8,
                    simulcast.then_some(rid),
                    height,
                    packets,
                    40,
                    45,
                );
            }
        }
        add(TrackSource::Screen, 0, None, 1080, 6, 100, 60);
        add(TrackSource::ScreenAudio, 0, None, 0, 1, 20, 5);
        if let Some(ssrcs) = self.style.ssrcs {
            for (source, (media, rtx)) in [TrackSource::Camera, TrackSource::Screen].into_iter().zip(ssrcs) {
                let sender = self.sender(source, 0);
                (sender.ssrc, sender.rtx_ssrc) = (media, rtx);
            }
        }
    }

    pub fn sender(&mut self, source: TrackSource, layer: u8) -> &mut Sender {
        self.senders
            .iter_mut()
            .find(|sender| sender.source == source && sender.layer == layer)
            .unwrap()
    }

    /// Sends the layers that the server asks for.
    pub fn publish(&mut self, publish: Publish) {
        for sender in self
            .senders
            .iter_mut()
            .filter(|sender| sender.source == publish.source)
        {
            let is_asked = publish.layers[usize::from(sender.layer)];
            sender.key_frame_wanted |= is_asked && !sender.is_asked;
            sender.is_asked = is_asked;
        }
    }

    /// Switches a source on or off, all layers of it.
    pub fn switch(&mut self, source: TrackSource, is_on: bool) {
        for sender in self.senders.iter_mut().filter(|sender| sender.source == source) {
            sender.is_on = is_on;
            sender.key_frame_wanted = true;
        }
    }

    pub fn offer(&self) -> String {
        wire::offer(&self.ice, self.identity.fingerprint(), &self.style)
    }

    /// New credentials, as for an ICE restart.
    pub fn renew_credentials(&mut self, random: &mut StdRng) {
        self.ice = credentials(random);
    }

    /// What is sent in this millisecond: sealed datagrams.
    pub fn produce(&mut self, now_ms: u64) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        if !self.transport.as_ref().is_some_and(ClientTransport::is_connected) {
            return out;
        }
        for at in 0..self.senders.len() {
            let sender = &self.senders[at];
            // Spread, so that not all frames come at once.
            let phase = 3 * at as u64;
            if sender.is_on
                && sender.is_asked
                && now_ms >= sender.delay_ms + phase
                && (now_ms - phase).is_multiple_of(sender.every_ms)
            {
                self.produce_frame(at, now_ms - sender.delay_ms, &mut out);
            }
            // Each stream's reports come at their own times.
            if self.senders[at].is_on && (now_ms + 170 * at as u64).is_multiple_of(1000) {
                self.report(at, now_ms, &mut out);
            }
        }
        if now_ms.is_multiple_of(10) && self.asks_again {
            self.ask_again(now_ms, &mut out);
        }
        if now_ms.is_multiple_of(500) {
            self.report_reception(now_ms, &mut out);
        }
        if now_ms.is_multiple_of(self.tells_every_ms) && self.tells_arrivals {
            self.tell_arrivals(&mut out);
        }
        out
    }

    fn produce_frame(&mut self, at: usize, taken_ms: u64, out: &mut Vec<Vec<u8>>) {
        let publisher = self.id.0;
        let level = self.level;
        let style = self.style;
        let sender = &mut self.senders[at];
        let stamp = Stamp {
            publisher,
            taken_ms,
            layer: sender.layer,
        };
        let key = std::mem::take(&mut sender.key_frame_wanted) && !sender.source.is_audio();
        sender.picture = sender.picture.wrapping_add(1) & 0x7fff;
        let frame = match &mut sender.encoder {
            Some(encoder) => encoder.next(key, taken_ms),
            None => Frame::default(),
        };
        sender.tl0 = sender.tl0.wrapping_add(u8::from(frame.temporal == 0));
        sender.key_index = sender.key_index.wrapping_add(u8::from(key));
        let mut packets = sender.packets_per_frame;
        if key {
            packets = packets.max(sender.packets_per_key_frame);
        }
        for number in 0..packets {
            let sender = &mut self.senders[at];
            let payload = if sender.source.is_audio() {
                wire::opus(&stamp, 90)
            } else {
                let starts = number == 0;
                let Sender {
                    picture,
                    tl0,
                    key_index,
                    height,
                    packet_bytes,
                    ..
                } = *sender;
                let packet_bytes = frame.bytes(packet_bytes);
                Vp8Packet {
                    picture,
                    tl0,
                    key_index,
                    temporal: frame.temporal,
                    sync: frame.is_sync,
                    is_minimal: sender
                        .encoder
                        .as_ref()
                        .is_some_and(|encoder| encoder.is_described),
                    starts,
                    key,
                    height,
                    stamp,
                }
                .write(packet_bytes)
            };
            let mut extensions = sender_extensions(sender, level);
            let descriptor = frame.descriptor(sender.picture, number == 0, number + 1 == packets);
            extensions.extend(descriptor.map(|descriptor| (DEPENDENCY, descriptor)));
            let packet = Rtp {
                payload_type: if sender.source.is_audio() {
                    style.opus
                } else {
                    style.vp8
                },
                sequence: sender.index as u16,
                timestamp: sender.timestamp(taken_ms),
                ssrc: sender.ssrc,
                marker: !sender.source.is_audio() && number + 1 == packets,
                extensions,
                payload,
            };
            let index = sender.index;
            sender.index += 1;
            sender.packets += 1;
            sender.history.push_back((packet.sequence, packet.clone()));
            if sender.history.len() > HISTORY {
                sender.history.pop_front();
            }
            let packet = match style.red.filter(|_| sender.source.is_audio()) {
                Some(red) => sender.with_copies(packet, self.copies, red),
                None => packet,
            };
            out.extend(self.seal(packet, index));
        }
    }

    /// Padding, as a browser probes with it on the media stream itself.
    pub fn produce_padding(&mut self, source: TrackSource, layer: u8, now_ms: u64) -> Vec<u8> {
        let (packet, index) = self.odd_packet(source, layer, vec![0, 0, 0, 4], now_ms);
        let (mut bytes, header) = packet.write();
        bytes[0] |= 0x20;
        self.seal_bytes(bytes, header, index)
    }

    /// A packet of this payload, whatever it is.
    pub fn produce_payload(
        &mut self,
        source: TrackSource,
        layer: u8,
        payload: Vec<u8>,
        now_ms: u64,
    ) -> Vec<u8> {
        let (packet, index) = self.odd_packet(source, layer, payload, now_ms);
        let (bytes, header) = packet.write();
        self.seal_bytes(bytes, header, index)
    }

    fn odd_packet(&mut self, source: TrackSource, layer: u8, payload: Vec<u8>, now_ms: u64) -> (Rtp, u64) {
        let payload_type = if source.is_audio() {
            self.style.opus
        } else {
            self.style.vp8
        };
        let sender = self.sender(source, layer);
        let index = sender.index;
        sender.index += 1;
        let packet = Rtp {
            payload_type,
            sequence: index as u16,
            timestamp: sender.timestamp(now_ms),
            ssrc: sender.ssrc,
            marker: false,
            extensions: Vec::new(),
            payload,
        };
        (packet, index)
    }

    /// An old packet again over the repair stream, asked for or not.
    pub fn produce_repair(&mut self, source: TrackSource, layer: u8, sequence: u16) -> Option<Vec<u8>> {
        let style = self.style;
        let sender = self.sender(source, layer);
        let original = sender
            .history
            .iter()
            .find(|(kept, _)| *kept == sequence)?
            .1
            .clone();
        let mut payload = original.sequence.to_be_bytes().to_vec();
        payload.extend(&original.payload);
        let index = sender.rtx_index;
        sender.rtx_index += 1;
        let mut extensions = original.extensions.clone();
        for extension in &mut extensions {
            if extension.0 == RID {
                extension.0 = RRID;
            }
        }
        let packet = Rtp {
            payload_type: style.rtx_type(),
            sequence: index as u16,
            ssrc: sender.rtx_ssrc,
            payload,
            extensions,
            ..original
        };
        self.seal(packet, index)
    }

    pub fn seal(&mut self, mut packet: Rtp, index: u64) -> Option<Vec<u8>> {
        self.transport_sequence = self.transport_sequence.wrapping_add(1);
        packet
            .extensions
            .push((TWCC, self.transport_sequence.to_be_bytes().to_vec()));
        let (bytes, header) = packet.write();
        Some(self.seal_bytes(bytes, header, index))
    }

    fn seal_bytes(&mut self, mut bytes: Vec<u8>, header: usize, index: u64) -> Vec<u8> {
        let len = bytes.len();
        bytes.resize(len + 32, 0);
        let sealed = self
            .transport
            .as_mut()
            .unwrap()
            .seal_rtp(&mut bytes, header, len, index)
            .unwrap();
        bytes.truncate(sealed);
        bytes
    }

    pub fn seal_rtcp(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = Vec::new();
        self.transport.as_mut()?.seal_rtcp(packet, &mut sealed).ok()?;
        Some(sealed)
    }

    fn report(&mut self, at: usize, now_ms: u64, out: &mut Vec<Vec<u8>>) {
        let sender = &self.senders[at];
        let ntp_ms = now_ms + self.clock_offset_ms;
        let ntp = (u128::from(ntp_ms) << 32) / 1000;
        // The clock runs with what is taken now, not with what is sent now.
        let words = [
            sender.ssrc,
            (ntp >> 32) as u32,
            ntp as u32,
            sender.timestamp(now_ms),
            sender.packets,
            sender.packets * 100,
        ];
        let packet = wire::rtcp_packet(0, 200, &words);
        out.extend(self.seal_rtcp(&packet));
    }

    fn ask_again(&mut self, now_ms: u64, out: &mut Vec<Vec<u8>>) {
        let Some(answer) = &self.answer else { return };
        let mut requests = Vec::new();
        for (ssrc, (mid, is_rtx)) in &answer.ssrcs {
            let Some(inbox) = self.inboxes.get_mut(mid).filter(|_| !is_rtx) else {
                continue;
            };
            let Some(highest) = inbox.highest else { continue };
            let first = *inbox.payloads.keys().next().unwrap();
            for index in first.max(highest.saturating_sub(80))..highest {
                let asked = inbox.asked.get(&index).copied();
                if !inbox.payloads.contains_key(&index) && asked.is_none_or(|at| now_ms - at > 60) {
                    inbox.asked.insert(index, now_ms);
                    requests.push(wire::rtcp_packet(
                        1,
                        205,
                        &[1, *ssrc, (index as u32 & 0xffff) << 16],
                    ));
                }
            }
        }
        for request in requests {
            out.extend(self.seal_rtcp(&request));
        }
    }

    fn report_reception(&mut self, now_ms: u64, out: &mut Vec<Vec<u8>>) {
        let Some(answer) = &self.answer else { return };
        let mut packets = Vec::new();
        for (ssrc, (mid, is_rtx)) in &answer.ssrcs {
            let Some(inbox) = self.inboxes.get(mid).filter(|_| !is_rtx) else {
                continue;
            };
            let Some(highest) = inbox.highest else { continue };
            let loss = u32::from(self.reported_loss) << 24;
            // The middle of the last sender report's time, and how long ago it came.
            let (last, delay) = inbox.report.map_or((0, 0), |(ntp_ms, _, at_ms)| {
                let middle = (ntp_ms / 1000.0 * 65_536.0) as u64 as u32;
                (middle, ((now_ms - at_ms) * 65_536 / 1000) as u32)
            });
            packets.push(wire::rtcp_packet(
                1,
                201,
                &[1, *ssrc, loss, highest as u32, 0, last, delay],
            ));
        }
        for packet in packets {
            out.extend(self.seal_rtcp(&packet));
        }
    }

    /// Tells of what has arrived since it told last, and of what is missing between.
    fn tell_arrivals(&mut self, out: &mut Vec<Vec<u8>>) {
        let Some((newest, _)) = self.arrivals.last_key_value() else {
            return;
        };
        let newest = *newest;
        let numbers =
            (self.told + 1..=newest).map(|number| (number as u16, self.arrivals.get(&number).copied()));
        let numbers: Vec<_> = numbers.collect();
        for some in numbers.chunks(300) {
            if some.iter().all(|(_, arrival)| arrival.is_none()) {
                continue;
            }
            let message = wire::transport_feedback(some, self.feedback_sent);
            self.feedback_sent = self.feedback_sent.wrapping_add(1);
            out.extend(self.seal_rtcp(&message));
        }
        self.arrivals.clear();
        self.told = newest;
    }

    fn note_arrival(&mut self, packet: &Rtp, now_ms: u64) {
        let Some((_, value)) = packet.extensions.iter().find(|(id, _)| *id == TWCC) else {
            return;
        };
        let number = u16::from_be_bytes([value[0], value[1]]);
        let near = self
            .arrivals
            .last_key_value()
            .map_or(self.told, |(newest, _)| *newest);
        let number = near.saturating_add_signed(i64::from(number.wrapping_sub(near as u16) as i16));
        if number > self.told {
            self.arrivals.insert(number, now_ms);
        }
    }

    /// Takes a datagram from the core; returns what to send at once.
    pub fn receive(&mut self, now: Instant, now_ms: u64, datagram: &mut [u8]) -> Vec<Vec<u8>> {
        let Some(transport) = &mut self.transport else {
            return Vec::new();
        };
        match transport.handle_datagram(now, datagram) {
            Incoming::Rtp(packet) => {
                let packet = Rtp::read(packet);
                self.note_arrival(&packet, now_ms);
                if self.is_filler(&packet) {
                    return Vec::new();
                }
                if packet.payload.is_empty() {
                    self.padding += 1;
                    return Vec::new();
                }
                self.receive_rtp(&packet, now_ms);
                Vec::new()
            }
            Incoming::Rtcp(compound) => {
                let packets = wire::rtcp(compound);
                self.receive_rtcp(packets, now_ms)
            }
            Incoming::Handled | Incoming::Answered | Incoming::Dropped(_) => Vec::new(),
        }
    }

    /// An empty packet under a number that nothing else will come under.
    fn is_filler(&mut self, packet: &Rtp) -> bool {
        let answer = self.answer.as_ref().unwrap();
        let (mid, is_repair) = answer.ssrcs[&packet.ssrc].clone();
        let sequence = match (is_repair, &packet.payload[..]) {
            (false, []) => packet.sequence,
            (true, [high, low]) => u16::from_be_bytes([*high, *low]),
            _ => return false,
        };
        let inbox = self.inboxes.get_mut(&mid).expect("something came before");
        let near = inbox.highest.unwrap();
        let index = near.wrapping_add_signed(i64::from(sequence.wrapping_sub(near as u16) as i16));
        let before = inbox.payloads.insert(index, Vec::new());
        assert!(
            before.is_none_or(|before| before.is_empty()),
            "{mid} #{index}: something else came before"
        );
        inbox.highest = Some(near.max(index));
        self.fillers.insert((mid, index));
        true
    }

    fn receive_rtp(&mut self, packet: &Rtp, now_ms: u64) {
        let answer = self.answer.as_ref().unwrap();
        let (mid, is_repair) = answer
            .ssrcs
            .get(&packet.ssrc)
            .expect("an SSRC of the answer")
            .clone();
        let inbox = self.inboxes.entry(mid.clone()).or_default();
        let (sequence, payload) = if is_repair {
            (
                u16::from_be_bytes([packet.payload[0], packet.payload[1]]),
                &packet.payload[2..],
            )
        } else {
            (packet.sequence, &packet.payload[..])
        };
        let near = inbox.highest.unwrap_or(u64::from(sequence));
        let index = near.wrapping_add_signed(i64::from(sequence.wrapping_sub(near as u16) as i16));
        if let Some(before) = inbox.payloads.get(&index) {
            assert_eq!(before, payload, "{mid} #{index}: two packets under one number");
        }
        let slot = self
            .slots
            .get(&mid)
            .expect("a packet only after the slot was announced");
        let is_audio = usize::from(mid.parse::<u8>().unwrap()).is_multiple_of(2);
        if !is_audio && ![self.style.vp8, self.style.rtx_type()].contains(&packet.payload_type) {
            inbox.payloads.insert(index, payload.to_vec());
            inbox.highest = Some(inbox.highest.map_or(index, |highest| highest.max(index)));
            let payload = payload.to_vec();
            let packet = Rtp {
                payload,
                ..packet.clone()
            };
            self.others.push(Other {
                at_ms: now_ms,
                index,
                packet,
                is_repair,
            });
            return;
        }
        let vp8 = (!is_audio).then(|| Vp8Packet::read(payload));
        let (copies, own) = match self.style.red {
            Some(red) if packet.payload_type == red => wire::read_red(payload, self.style.opus),
            _ => (Vec::new(), payload.to_vec()),
        };
        let stamp = vp8.map_or_else(|| Stamp::read(&own[1..]), |vp8| vp8.stamp);
        let copies = copies
            .iter()
            .map(|(offset, copy)| (*offset, Stamp::read(&copy[1..])))
            .collect();
        // What was under way when the slot changed hands is older than the new owner's first timestamp.
        let is_current = slot
            .content
            .is_some_and(|content| packet.timestamp.wrapping_sub(content.first_rtp_timestamp) as i32 >= 0);
        if let Some(content) = slot.content.filter(|_| is_current) {
            assert_eq!(
                stamp.publisher, content.participant.0,
                "{mid}: somebody under another's name"
            );
        }
        inbox.payloads.insert(index, payload.to_vec());
        while inbox.payloads.len() > 3000 {
            inbox.payloads.pop_first();
        }
        inbox.highest = Some(inbox.highest.map_or(index, |highest| highest.max(index)));
        let level = packet
            .extensions
            .iter()
            .find(|(id, _)| *id == LEVEL)
            .map(|(_, value)| value[0]);
        self.received.push(Received {
            at_ms: now_ms,
            mid,
            index,
            timestamp: packet.timestamp,
            stamp,
            vp8,
            payload_type: packet.payload_type,
            is_repair,
            level,
            is_current,
            copies,
            bytes: payload.len(),
        });
    }

    fn receive_rtcp(&mut self, packets: Vec<(u8, u8, Vec<u8>)>, now_ms: u64) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        for (count, kind, body) in packets {
            match (kind, count) {
                (200, _) => {
                    let ntp = f64::from(wire::word(&body, 4)) * 1000.0
                        + f64::from(wire::word(&body, 8)) * 1000.0 / 4_294_967_296.0;
                    let mid = self.answer.as_ref().unwrap().ssrcs[&wire::word(&body, 0)]
                        .0
                        .clone();
                    let inbox = self.inboxes.entry(mid).or_default();
                    inbox.report = Some((ntp, wire::word(&body, 12), now_ms));
                    inbox.reports += 1;
                }
                (202, _) => {
                    let mid = self.answer.as_ref().unwrap().ssrcs[&wire::word(&body, 0)]
                        .0
                        .clone();
                    let name = String::from_utf8(body[6..6 + usize::from(body[5])].to_vec()).unwrap();
                    self.inboxes.entry(mid).or_default().cname = Some(name);
                }
                (206, 1) => {
                    let ssrc = wire::word(&body, 4);
                    if let Some(sender) = self.senders.iter_mut().find(|sender| sender.ssrc == ssrc) {
                        sender.plis.push(now_ms);
                        sender.key_frame_wanted = true;
                    }
                }
                (205, 1) => {
                    let ssrc = wire::word(&body, 4);
                    let Some(at) = self.senders.iter().position(|sender| sender.ssrc == ssrc) else {
                        continue;
                    };
                    let (source, layer) = (self.senders[at].source, self.senders[at].layer);
                    for sequence in wire::lost(&body) {
                        self.senders[at].nacked.push(sequence);
                        if self.repairs && !source.is_audio() && self.style.rtx {
                            out.extend(self.produce_repair(source, layer, sequence));
                        }
                    }
                }
                (205, 15) => self.feedback_messages += 1,
                _ => {}
            }
        }
        out
    }

    /// The section that carries a source of somebody at present.
    pub fn slot_of(&self, participant: ParticipantId, source: TrackSource) -> Option<&Slot> {
        self.slots.values().find(|slot| {
            slot.content
                .is_some_and(|content| content.participant == participant && content.source == source)
        })
    }

    /// What came of a source since a time.
    pub fn got(&self, publisher: ParticipantId, is_audio: bool, since_ms: u64) -> Vec<&Received> {
        let fits = |received: &&Received| {
            received.stamp.publisher == publisher.0
                && received.vp8.is_none() == is_audio
                && received.at_ms >= since_ms
        };
        self.received.iter().filter(fits).collect()
    }

    /// When a packet was taken, as this receiver must think from the sender reports: ms on the server's clock.
    pub fn taken_by_reports(&self, received: &Received) -> Option<f64> {
        let (ntp, timestamp, _) = self.inboxes[&received.mid].report?;
        let rate = if received.vp8.is_some() { 90.0 } else { 48.0 };
        Some(ntp + f64::from(received.timestamp.wrapping_sub(timestamp) as i32) / rate)
    }

    /// Checks that the numbers of each section make one stream, without holes if asked.
    pub fn check_continuity(&self, holes: Holes) {
        let temporal = |received: &Received| received.vp8.is_some_and(|vp8| vp8.temporal > 0);
        let is_temporal = self.received.iter().any(temporal);
        let mut by_mid: HashMap<&str, BTreeMap<u64, &Received>> = HashMap::new();
        for received in &self.received {
            by_mid
                .entry(&received.mid)
                .or_default()
                .insert(received.index, received);
        }
        for (mid, packets) in by_mid {
            let mut before: Option<&Received> = None;
            for (index, received) in packets {
                if let Some(before) = before {
                    let is_filled = |index: &u64| self.fillers.contains(&(mid.to_owned(), *index));
                    let fillers = (before.index + 1..index).filter(is_filled).count();
                    let step = index - before.index - fillers as u64;
                    if holes == Holes::Forbidden {
                        assert_eq!(step, 1, "{mid}: hole before #{index} at {} ms", received.at_ms);
                    }
                    let advance = received.timestamp.wrapping_sub(before.timestamp) as i32;
                    assert!(advance >= 0, "{mid} #{index}: timestamp goes back by {advance}");
                    if let (Some(vp8), Some(vp8_before)) = (received.vp8, before.vp8)
                        && !vp8.is_minimal
                    {
                        let pictures = vp8.picture.wrapping_sub(vp8_before.picture) & 0x7fff;
                        assert!(
                            u64::from(pictures) <= index - before.index,
                            "{mid} #{index}: picture id jumps by {pictures}"
                        );
                        assert_eq!(
                            pictures == 0,
                            advance == 0,
                            "{mid} #{index}: one picture, one timestamp"
                        );
                        let tl0 = u16::from(vp8.tl0.wrapping_sub(vp8_before.tl0));
                        assert!(
                            tl0 == pictures & 0xff || is_temporal && tl0 < pictures,
                            "{mid} #{index}: TL0PICIDX"
                        );
                        if received.stamp.layer != before.stamp.layer && step == 1 {
                            assert!(vp8.key, "{mid} #{index}: a layer begins with a key frame");
                        }
                    }
                }
                before = Some(received);
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holes {
    Forbidden,
    Allowed,
}

fn sender_extensions(sender: &Sender, level: u8) -> Vec<(u8, Vec<u8>)> {
    let mid = match sender.source {
        TrackSource::Microphone => "0",
        TrackSource::Camera => "1",
        TrackSource::Screen => "2",
        TrackSource::ScreenAudio => "3",
    };
    let mut extensions = vec![(MID, mid.as_bytes().to_vec())];
    if let Some(rid) = sender.rid {
        extensions.push((RID, rid.as_bytes().to_vec()));
    }
    if sender.source == TrackSource::Microphone {
        extensions.push((LEVEL, vec![level]));
    }
    extensions
}

fn credentials(random: &mut StdRng) -> IceCredentials {
    let mut seed = [0; ICE_SEED_BYTES];
    random.fill_bytes(&mut seed);
    IceCredentials::from_seed(seed)
}
