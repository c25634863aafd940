//! A fake browser: sends a microphone, a camera of three layers and a screen, answers requests, and checks
//! every packet it gets against what it was told of its slots.

mod feedback;
mod inbox;
mod sender;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use hearken_protocol::{ParticipantId, Publish, Slot, TrackSource};
use hearken_sfu_core::client::ClientTransport;
use hearken_sfu_core::transport::{ICE_SEED_BYTES, IceCredentials, Identity, Incoming, Protocol};
use rand::rngs::StdRng;
use rand::{Rng, RngCore};

pub use self::inbox::{Holes, Inbox, Other, Received};
pub use self::sender::Sender;
use self::sender::{Origin, Stream};
use super::wire::{self, Answer, OfferStyle, Rtp, TWCC};

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
    pub slots: BTreeMap<String, Slot>,
    pub inboxes: BTreeMap<String, Inbox>,
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
            slots: BTreeMap::new(),
            inboxes: BTreeMap::new(),
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
        use TrackSource::{Camera, Microphone, Screen, ScreenAudio};
        let sound = |source| Stream {
            source,
            every_ms: 20,
            delay_ms: 5,
            ..Stream::default()
        };
        let mut add = |stream| self.senders.push(Sender::new(stream, random));
        add(sound(Microphone));
        let simulcast = self.style.ssrcs.is_none();
        for (layer, (rid, height, packets)) in [("q", 180, 1), ("h", 360, 2), ("f", 720, 5)]
            .into_iter()
            .enumerate()
            .filter(|(layer, _)| simulcast || *layer == 0)
        {
            add(Stream {
                source: Camera,
                layer: layer as u8,
                rid: simulcast.then_some(rid),
                height,
                packets_per_frame: packets,
                every_ms: 40,
                delay_ms: 45,
            });
        }
        add(Stream {
            source: Screen,
            height: 1080,
            packets_per_frame: 6,
            every_ms: 100,
            delay_ms: 60,
            ..Stream::default()
        });
        add(sound(ScreenAudio));
        for (source, (media, rtx)) in [Camera, Screen]
            .into_iter()
            .zip(self.style.ssrcs.into_iter().flatten())
        {
            let sender = self.sender(source, 0);
            (sender.ssrc, sender.rtx_ssrc) = (media, rtx);
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
                let from = Origin {
                    publisher: self.id.0,
                    level: self.level,
                    copies: self.copies,
                };
                let style = self.style;
                let taken_ms = now_ms - sender.delay_ms;
                for (packet, index) in self.senders[at].frame(taken_ms, from, &style) {
                    out.extend(self.seal(packet, index));
                }
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

    /// Padding, as a browser probes with it on the media stream itself.
    pub fn produce_padding(&mut self, source: TrackSource, layer: u8, now_ms: u64) -> Vec<u8> {
        let style = self.style;
        let (packet, index) = self
            .sender(source, layer)
            .odd_packet(vec![0, 0, 0, 4], &style, now_ms);
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
        let style = self.style;
        let (packet, index) = self.sender(source, layer).odd_packet(payload, &style, now_ms);
        let (bytes, header) = packet.write();
        self.seal_bytes(bytes, header, index)
    }

    /// An old packet again over the repair stream, asked for or not.
    pub fn produce_repair(&mut self, source: TrackSource, layer: u8, sequence: u16) -> Option<Vec<u8>> {
        let (packet, index) = self.sender(source, layer).repair(sequence)?;
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

    /// What came of a source since a time.
    pub fn got(&self, publisher: ParticipantId, is_audio: bool, since_ms: u64) -> Vec<&Received> {
        let fits = |received: &&Received| {
            received.stamp.publisher == publisher.0
                && received.vp8.is_none() == is_audio
                && received.at_ms >= since_ms
        };
        self.received.iter().filter(fits).collect()
    }
}

fn credentials(random: &mut StdRng) -> IceCredentials {
    let mut seed = [0; ICE_SEED_BYTES];
    random.fill_bytes(&mut seed);
    IceCredentials::from_seed(seed)
}
