//! The virtual world: a clock, a network with loss, delay and reordering, one core and fake browsers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearken_netsim::{Conditions, Link};
use hearken_protocol::{
    Importance, MediaCommand, MediaEvent, MediaGrants, ParticipantId, SessionId, Speaker, SpeechPacket,
    TrackSource, VideoCodec, ViewItem, ViewMode,
};
use hearken_sfu_core::client::{ClientConfig, ClientTransport};
use hearken_sfu_core::transport::{Candidate, Identity, Pair, Protocol, SrtpProfile, TransportEvent};
use hearken_sfu_core::{Core, CoreConfig, Counters};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::peer::{Holes, Peer};
use super::wire::{self, OfferStyle};

pub const SESSION: SessionId = SessionId(7);
pub const EVERYTHING: MediaGrants = MediaGrants {
    microphone: true,
    camera: true,
    screen: true,
};

/// The virtual Unix time at which every world begins.
const UNIX_TIME: Duration = Duration::from_secs(1_800_000_000);

/// What a datagram takes of a link beyond its contents.
const IP_UDP_BYTES: usize = 28;

/// What one peer's line does. Handshakes are never lost on it. Where a [`Link`] is laid, the line does nothing.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    pub delay_ms: u64,
    pub jitter_ms: u64,
    pub up_loss_percent: u32,
    pub down_loss_percent: u32,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            delay_ms: 15,
            jitter_ms: 0,
            up_loss_percent: 0,
            down_loss_percent: 0,
        }
    }
}

/// The links that stories have laid on a peer's way, for all that the line cannot: bursts, bottlenecks, plans.
#[derive(Debug, Default)]
struct Links {
    up: Option<Link>,
    down: Option<Link>,
}

enum Flight {
    Up { pair: Pair, bytes: Vec<u8> },
    Down { peer: usize, bytes: Vec<u8> },
}

pub struct World {
    pub core: Core,
    pub peers: Vec<Peer>,
    pub lines: Vec<Line>,
    links: Vec<Links>,
    pub random: StdRng,
    pub speech: Vec<SpeechPacket>,
    pub speakers: Vec<Vec<Speaker>>,
    pub events: Vec<(u64, MediaEvent)>,
    pub session: SessionId,
    server: SocketAddr,
    start: Instant,
    now_ms: u64,
    flights: BTreeMap<(u64, u64), Flight>,
    flown: u64,
    negotiation: u32,
    /// How long a datagram has waited in the core at most, as the shell is told.
    pub longest_wait_ms: u16,
    /// Called with true before and with false after the core works on packets or time: counts what that costs.
    pub meter: fn(bool),
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self::preferring(VideoCodec::Vp8, seed)
    }

    /// A world whose operator wishes this codec.
    #[allow(clippy::disallowed_methods)]
    pub fn preferring(video_codec: VideoCodec, seed: u64) -> Self {
        // Shown when a test fails.
        eprintln!("seed {seed}");
        let identity = Arc::new(Identity::generate().unwrap());
        let server = SocketAddr::from(([192, 0, 2, 1], 40_000));
        // Any instant will do as the beginning.
        let start = Instant::now();
        let mut core_seed = [0; 32];
        core_seed[..8].copy_from_slice(&seed.to_be_bytes());
        let core = Core::new(CoreConfig {
            identity,
            candidates: vec![Candidate::udp(server), Candidate::tcp(server)],
            seed: core_seed,
            started: start,
            unix_time: UNIX_TIME,
            video_codec,
        });
        let mut world = Self {
            core,
            peers: Vec::new(),
            lines: Vec::new(),
            links: Vec::new(),
            random: StdRng::seed_from_u64(seed),
            speech: Vec::new(),
            speakers: Vec::new(),
            events: Vec::new(),
            session: SESSION,
            server,
            start,
            now_ms: 0,
            flights: BTreeMap::new(),
            flown: 0,
            negotiation: 0,
            longest_wait_ms: 0,
            meter: |_| {},
        };
        world.command(MediaCommand::OpenSession {
            session: SESSION,
            captions: true,
        });
        world
    }

    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// As links count time.
    pub fn elapsed(&self) -> Duration {
        Duration::from_millis(self.now_ms)
    }

    pub fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.now_ms)
    }

    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// What the core thinks a peer's line carries, in kbit/s.
    pub fn estimate_kbit(&mut self, peer: usize) -> Option<u64> {
        let participant = self.peers[peer].id;
        self.core
            .estimate(self.session, participant)
            .map(|rate| rate / 1000)
    }

    pub fn counters(&self) -> &Counters {
        self.core.counters()
    }

    pub fn command(&mut self, command: MediaCommand) {
        self.core.handle_command(self.now(), command);
        self.drain();
    }

    /// A person who was not admitted yet.
    pub fn knock(&mut self, style: OfferStyle) -> usize {
        let number = self.peers.len();
        let id = ParticipantId(100 + number as u64);
        self.peers
            .push(Peer::new(id, 5000 + number as u16, style, &mut self.random));
        self.lines.push(Line::default());
        self.links.push(Links::default());
        number
    }

    /// The link from a peer to the server. Laid at the first call: instead of the line, and like it at first.
    pub fn uplink(&mut self, peer: usize) -> &mut Link {
        let seed = self.random.random();
        let like_line = like(self.lines[peer]);
        self.links[peer]
            .up
            .get_or_insert_with(|| Link::new(seed, like_line))
    }

    /// The link from the server to a peer, as [`Self::uplink`].
    pub fn downlink(&mut self, peer: usize) -> &mut Link {
        let seed = self.random.random();
        let like_line = like(self.lines[peer]);
        self.links[peer]
            .down
            .get_or_insert_with(|| Link::new(seed, like_line))
    }

    pub fn admit(&mut self, peer: usize, grants: MediaGrants) {
        let participant = self.peers[peer].id;
        self.command(MediaCommand::Admit {
            session: self.session,
            participant,
            grants,
        });
    }

    pub fn offer(&mut self, peer: usize) {
        self.negotiation += 1;
        let sdp = self.peers[peer].offer().into();
        let end_to_end_encrypted = self.peers[peer].style.is_end_to_end_encrypted;
        let (participant, negotiation) = (self.peers[peer].id, self.negotiation);
        self.command(MediaCommand::Offer {
            session: self.session,
            participant,
            negotiation,
            sdp,
            end_to_end_encrypted,
        });
    }

    /// Admitted, offered, connected.
    pub fn join(&mut self) -> usize {
        self.join_as(OfferStyle::default())
    }

    pub fn join_as(&mut self, style: OfferStyle) -> usize {
        let peer = self.knock(style);
        self.admit(peer, EVERYTHING);
        self.offer(peer);
        self.run(400);
        assert!(
            self.peers[peer].transport.as_ref().unwrap().is_connected(),
            "peer {peer} is connected"
        );
        peer
    }

    pub fn leave(&mut self, peer: usize) {
        let participant = self.peers[peer].id;
        self.command(MediaCommand::Leave {
            session: self.session,
            participant,
        });
    }

    /// Everything a new page has new: certificate, credentials, address, streams.
    pub fn reload(&mut self, peer: usize) {
        let old = &self.peers[peer];
        old.check_continuity(Holes::Allowed);
        let (id, style, port) = (old.id, old.style, old.address.port() + 1000);
        self.peers[peer] = Peer::new(id, port, style, &mut self.random);
    }

    pub fn switch(&mut self, peer: usize, source: TrackSource, is_on: bool) {
        self.peers[peer].switch(source, is_on);
    }

    /// Shows these cameras in this height, nothing else.
    pub fn view(&mut self, peer: usize, shown: &[(usize, TrackSource, u16)]) {
        self.view_as(peer, shown, &[], ViewMode::Full);
    }

    /// As [`Self::view`], with those who are important, and a mode.
    pub fn view_as(
        &mut self,
        peer: usize,
        shown: &[(usize, TrackSource, u16)],
        important: &[(usize, Importance)],
        mode: ViewMode,
    ) {
        let items = shown.iter().map(|(whose, source, height)| ViewItem {
            participant: self.peers[*whose].id,
            source: *source,
            width: (u32::from(*height) * 16 / 9) as u16,
            height: *height,
            importance: important
                .iter()
                .find(|(important, _)| important == whose)
                .map_or(Importance::Normal, |(_, importance)| *importance),
        });
        let items = items.collect();
        let participant = self.peers[peer].id;
        self.command(MediaCommand::SetView {
            session: self.session,
            participant,
            items,
            mode,
        });
    }

    pub fn grant(&mut self, peer: usize, grants: MediaGrants) {
        let participant = self.peers[peer].id;
        self.command(MediaCommand::SetGrants {
            session: self.session,
            participant,
            grants,
        });
    }

    /// Lets time pass.
    pub fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now_ms += 1;
            self.deliver();
            for peer in 0..self.peers.len() {
                self.run_peer(peer);
            }
            if self
                .core
                .poll_timeout()
                .is_some_and(|timeout| timeout <= self.now())
            {
                (self.meter)(true);
                self.core.handle_timeout(self.now());
                (self.meter)(false);
            }
            self.drain();
        }
    }

    /// The way from a peer to the server at present.
    pub fn pair(&self, peer: usize) -> Pair {
        let Peer {
            address, protocol, ..
        } = self.peers[peer];
        Pair {
            remote: address,
            local: self.server(),
            protocol,
        }
    }

    /// Hands a UDP datagram to the core as if it came from this address.
    pub fn inject(&mut self, source: SocketAddr, bytes: &[u8]) {
        let pair = Pair {
            remote: source,
            local: self.server,
            protocol: Protocol::Udp,
        };
        self.inject_over(pair, bytes);
    }

    pub fn inject_over(&mut self, pair: Pair, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        (self.meter)(true);
        self.core.handle_packet(self.now(), pair, &mut bytes);
        (self.meter)(false);
        self.drain();
    }

    /// A TCP connection ends.
    pub fn hang_up(&mut self, pair: Pair) {
        self.core.handle_closed(self.now(), pair);
        self.drain();
    }

    pub fn send_from(&mut self, peer: usize, bytes: Vec<u8>) {
        let pair = self.pair(peer);
        let now = self.elapsed();
        if let Some(link) = &mut self.links[peer].up {
            for at in link.send(now, bytes.len() + IP_UDP_BYTES).arrivals() {
                let bytes = bytes.clone();
                self.fly(milliseconds_up(at), Flight::Up { pair, bytes });
            }
            return;
        }
        let line = self.lines[peer];
        // Handshakes are not what these tests are about.
        let is_media = bytes[0] >= 128;
        if is_media && self.random.random_range(0..100) < line.up_loss_percent {
            return;
        }
        let at = self.now_ms + line.delay_ms + self.jitter(line);
        self.fly(at, Flight::Up { pair, bytes });
    }

    fn jitter(&mut self, line: Line) -> u64 {
        self.random.random_range(0..=line.jitter_ms)
    }

    fn fly(&mut self, at_ms: u64, flight: Flight) {
        self.flown += 1;
        self.flights.insert((at_ms, self.flown), flight);
    }

    fn deliver(&mut self) {
        while self
            .flights
            .first_key_value()
            .is_some_and(|((at, _), _)| *at <= self.now_ms)
        {
            let (_, flight) = self.flights.pop_first().unwrap();
            match flight {
                Flight::Up { pair, bytes } => self.inject_over(pair, &bytes),
                Flight::Down { peer, mut bytes } => {
                    let now = self.now();
                    let replies = self.peers[peer].receive(now, self.now_ms, &mut bytes);
                    for reply in replies {
                        self.send_from(peer, reply);
                    }
                }
            }
        }
    }

    fn run_peer(&mut self, at: usize) {
        let now = self.now();
        let peer = &mut self.peers[at];
        let mut out = Vec::new();
        if let Some(transport) = &mut peer.transport {
            if transport.poll_timeout().is_some_and(|timeout| timeout <= now) {
                transport.handle_timeout(now);
            }
            while let Some(transmit) = transport.poll_transmit() {
                out.push(transmit.contents);
            }
            while let Some(event) = transport.poll_event() {
                if let TransportEvent::Disconnected(reason) = event {
                    peer.events.push(format!("{reason:?}"));
                }
            }
        }
        out.extend(peer.produce(self.now_ms));
        for bytes in out {
            self.send_from(at, bytes);
        }
    }

    /// Events first, then datagrams, as the shell does it.
    fn drain(&mut self) {
        while let Some(event) = self.core.poll_event() {
            self.take_event(event);
        }
        while let Some(packet) = self.core.poll_speech() {
            self.speech.push(packet);
        }
        let outbox = self.core.outbox();
        let waits_ms = outbox.datagrams().iter().map(|datagram| datagram.waited_ms);
        self.longest_wait_ms = waits_ms.fold(self.longest_wait_ms, u16::max);
        let sent: Vec<_> = outbox
            .datagrams()
            .iter()
            .map(|datagram| {
                let pair = Pair {
                    remote: datagram.destination,
                    local: datagram.local,
                    protocol: datagram.protocol,
                };
                (pair, outbox.bytes(datagram).to_vec())
            })
            .collect();
        outbox.clear();
        for (pair, bytes) in sent {
            assert_eq!(pair.local, self.server);
            let Some(peer) = (0..self.peers.len()).find(|peer| self.pair(*peer) == pair) else {
                continue;
            };
            let now = self.elapsed();
            if let Some(link) = &mut self.links[peer].down {
                for at in link.send(now, bytes.len() + IP_UDP_BYTES).arrivals() {
                    let bytes = bytes.clone();
                    self.fly(milliseconds_up(at), Flight::Down { peer, bytes });
                }
                continue;
            }
            let line = self.lines[peer];
            let is_media = bytes[0] >= 128;
            if is_media && self.random.random_range(0..100) < line.down_loss_percent {
                continue;
            }
            let at = self.now_ms + line.delay_ms + self.jitter(line);
            self.fly(at, Flight::Down { peer, bytes });
        }
    }

    /// Lets a peer take an event that it has had before.
    pub fn take_again(&mut self, event: MediaEvent) {
        self.take_event(event);
    }

    fn take_event(&mut self, event: MediaEvent) {
        let now = self.now();
        let find = |peers: &[Peer], id: ParticipantId| peers.iter().position(|peer| peer.id == id).unwrap();
        match &event {
            MediaEvent::Answer { participant, sdp, .. } => {
                let at = find(&self.peers, *participant);
                let answer = wire::read_answer(sdp);
                let peer = &mut self.peers[at];
                if !sdp.contains(" red/48000/2") {
                    peer.style.red = None;
                }
                match &mut peer.transport {
                    Some(transport) => transport.restart_ice(peer.ice.clone(), answer.ice.clone(), now),
                    None => {
                        let config = ClientConfig {
                            local: peer.ice.clone(),
                            remote: answer.ice.clone(),
                            local_address: peer.address,
                            remote_address: self.server,
                            remote_fingerprint: answer.fingerprint,
                            identity: peer.identity.clone(),
                            profiles: vec![SrtpProfile::Aes128CmSha1_80, SrtpProfile::AeadAes128Gcm],
                        };
                        peer.transport = Some(ClientTransport::new(config, now));
                    }
                }
                peer.answer = Some(answer);
            }
            MediaEvent::Slot {
                participant, slot, ..
            } => {
                let at = find(&self.peers, *participant);
                let slots = &mut self.peers[at].slots;
                let before = slots.insert(slot.mid.clone(), slot.clone());
                assert!(before.is_none_or(|before| before.generation < slot.generation));
            }
            MediaEvent::Publish {
                participant, publish, ..
            } => {
                let at = find(&self.peers, *participant);
                self.peers[at].publish(*publish);
            }
            MediaEvent::Speakers { speakers, .. } => self.speakers.push(speakers.clone()),
            MediaEvent::OfferRefused { .. }
            | MediaEvent::Connected { .. }
            | MediaEvent::Disconnected { .. }
            | MediaEvent::Sending { .. }
            | MediaEvent::VideoPaused { .. }
            | MediaEvent::Statistics { .. } => {}
        }
        self.events.push((self.now_ms, event));
    }

    /// What a viewer was told of paused videos: when, whose, and whether paused.
    pub fn pauses(&self, viewer: usize) -> Vec<(u64, usize, bool)> {
        let id = self.peers[viewer].id;
        let pause = |(at, event): &(u64, MediaEvent)| match event {
            MediaEvent::VideoPaused {
                participant,
                publisher,
                paused,
                ..
            } if *participant == id => {
                let publisher = self.peers.iter().position(|peer| peer.id == *publisher)?;
                Some((*at, publisher, *paused))
            }
            _ => None,
        };
        self.events.iter().filter_map(pause).collect()
    }

    /// What a publisher was told to send of the camera, and when.
    pub fn publishes(&self, peer: usize) -> Vec<(u64, [bool; 3])> {
        self.publishes_of(peer, TrackSource::Camera)
    }

    /// The same of another video.
    pub fn publishes_of(&self, peer: usize, source: TrackSource) -> Vec<(u64, [bool; 3])> {
        let id = self.peers[peer].id;
        let publish = |(at, event): &(u64, MediaEvent)| match event {
            MediaEvent::Publish {
                participant, publish, ..
            } if *participant == id && publish.source == source => Some((*at, publish.layers)),
            _ => None,
        };
        self.events.iter().filter_map(publish).collect()
    }

    /// Whether a source counts as sending, as signaling was told.
    pub fn is_live(&self, peer: usize, wanted: TrackSource) -> bool {
        let id = self.peers[peer].id;
        self.events
            .iter()
            .rev()
            .find_map(|(_, event)| match event {
                MediaEvent::Sending {
                    participant,
                    source,
                    live,
                    ..
                } => (*participant == id && *source == wanted).then_some(*live),
                _ => None,
            })
            .unwrap_or(false)
    }
}

fn like(line: Line) -> Conditions {
    Conditions {
        delay: Duration::from_millis(line.delay_ms),
        jitter: Duration::from_millis(line.jitter_ms),
        ..Conditions::default()
    }
}

/// The first turn of the world's clock that is not before this.
fn milliseconds_up(at: Duration) -> u64 {
    at.as_micros().div_ceil(1000) as u64
}
