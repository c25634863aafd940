//! Any sequence of orders, datagrams and passing time on a whole core, with clients that can seal what they send.
//!
//! An input is read as a list of steps, a byte for the kind and bytes for what it needs. When all is over, every
//! session is closed, and nothing may be left.

mod seeds;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hearken_protocol::{
    Importance, MediaCommand, MediaEvent, MediaGrants, ParticipantId, SessionId, TrackSource, VideoCodec,
    ViewItem, ViewMode,
};
use hearken_sfu_core::client::{ClientConfig, ClientTransport};
use hearken_sfu_core::transport::{Candidate, IceCredentials, Identity, Pair, Protocol, SrtpProfile};
use hearken_sfu_core::{Core, CoreConfig};

pub(crate) use self::seeds::{KEY_FRAME, seeds};
use crate::picture::{OTHERS, Place, add_descriptor, payload_type};
use crate::targets::OFFERS;

pub(crate) const SERVER: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
    40_000,
);
/// People in one input, in two sessions.
const PEOPLE: u8 = 4;
/// Kinds of steps.
const KINDS: u8 = 18;
/// As steps count them.
const CODECS: [VideoCodec; 4] = [
    VideoCodec::Vp8,
    VideoCodec::H264,
    VideoCodec::Vp9,
    VideoCodec::Av1,
];
/// Steps of one input.
const STEPS_MAX: usize = 200;

/// Reads an input from the front; zeros when it has come to its end.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *byte
    }

    fn number(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// As many bytes as the next one says, times four.
    fn bytes(&mut self) -> Vec<u8> {
        let len = (4 * usize::from(self.byte())).min(self.0.len());
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        bytes.to_vec()
    }
}

struct World {
    core: Core,
    now: Instant,
    identity: Arc<Identity>,
    clients: [Option<ClientTransport>; PEOPLE as usize],
    /// SSRCs that answers have named.
    ssrcs: Vec<u32>,
    /// Of packets sealed, for each client.
    sealed: u64,
    /// Whether whoever joins from now on says that their media is encrypted end to end.
    encrypts: bool,
    /// What clients sent, for seeds.
    sent: Vec<Vec<u8>>,
}

/// Takes one input.
pub(crate) fn run(bytes: &[u8]) {
    let mut world = World::new(wished(bytes));
    world.steps(bytes);
    for session in [0, 1].map(SessionId) {
        world.command(MediaCommand::CloseSession { session });
    }
    world.exchange(2);
    assert_eq!(
        (world.core.sessions(), world.core.connections()),
        (0, 0),
        "nothing is left"
    );
}

/// Of an input, if its first step says so: the codec that its operator wishes.
fn wished(bytes: &[u8]) -> VideoCodec {
    match bytes {
        [kind, _, codec, ..] if kind % KINDS == 17 => CODECS[usize::from(*codec) % CODECS.len()],
        _ => VideoCodec::Vp8,
    }
}

/// The datagrams that a client sends to join.
pub(crate) fn handshake() -> Vec<Vec<u8>> {
    let mut world = World::new(VideoCodec::Vp8);
    world.step(&mut Input(&[0, 1]));
    world.connect(0);
    world.sent
}

/// Made once: a certificate takes longer than most inputs.
pub(crate) fn identity() -> &'static Arc<Identity> {
    static IDENTITY: OnceLock<Arc<Identity>> = OnceLock::new();
    IDENTITY.get_or_init(|| Arc::new(Identity::generate().expect("a certificate")))
}

/// The time at which every input begins.
pub(crate) fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

impl World {
    fn new(video_codec: VideoCodec) -> Self {
        let (identity, now) = (identity(), start());
        let core = Core::new(CoreConfig {
            identity: Arc::clone(identity),
            candidates: vec![Candidate::udp(SERVER)],
            seed: [7; 32],
            started: now,
            unix_time: Duration::from_secs(1_800_000_000),
            video_codec,
        });
        Self {
            core,
            now,
            identity: Arc::clone(identity),
            clients: [const { None }; PEOPLE as usize],
            ssrcs: Vec::new(),
            sealed: 0,
            encrypts: false,
            sent: Vec::new(),
        }
    }

    fn steps(&mut self, bytes: &[u8]) {
        let mut input = Input(bytes);
        for _ in 0..STEPS_MAX {
            if input.0.is_empty() {
                break;
            }
            self.step(&mut input);
            self.exchange(1);
        }
        let waited = self.core.counters().paced_longest;
        assert!(waited <= Duration::from_millis(100), "{waited:?}");
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let kind = input.byte();
        let who = input.byte() % PEOPLE;
        let (session, participant) = (session_of(who), ParticipantId(u64::from(who)));
        match kind % KINDS {
            0 => {
                let captions = who & 1 == 1;
                for session in [0, 1].map(SessionId) {
                    self.command(MediaCommand::OpenSession { session, captions });
                }
            }
            1 => self.admit(who, grants(input.byte())),
            2 => {
                let at = usize::from(input.byte());
                let mut sdp = OFFERS[at % OFFERS.len()].as_bytes().to_vec();
                // A few bytes of it may be others.
                for _ in 0..input.byte() % 4 {
                    let at = usize::from(input.number()) % sdp.len();
                    sdp[at] = input.byte();
                }
                let sdp = String::from_utf8_lossy(&sdp).into_owned();
                self.offer(who, sdp);
            }
            3 => self.connect(who),
            4 => self.command(MediaCommand::Leave { session, participant }),
            5 => self.command(MediaCommand::SetGrants {
                session,
                participant,
                grants: grants(input.byte()),
            }),
            6 => self.view(who, input),
            7 => self.now += Duration::from_millis(u64::from(input.number() % 8000)),
            8 => {
                let mut bytes = input.bytes();
                self.core
                    .handle_datagram(self.now, address(who), SERVER, &mut bytes);
            }
            9 => {
                let bytes = input.bytes();
                self.send_rtp(who, bytes);
            }
            10 => {
                let bytes = input.bytes();
                self.send_rtcp(who, &bytes);
            }
            11 => {
                let packet = media_packet(input);
                self.send_rtp(who, packet);
            }
            12 => {
                let packet = self.request(input);
                self.send_rtcp(who, &packet);
            }
            13 => self.burst(who, input),
            15 => self.picture(who, input),
            16 => self.encrypts = input.byte() & 1 != 0,
            // Read before the first step.
            17 => {
                input.byte();
            }
            _ => {
                let pair = Pair {
                    remote: address(who),
                    local: SERVER,
                    protocol: Protocol::Udp,
                };
                self.core.handle_closed(self.now, pair);
            }
        }
    }

    fn command(&mut self, command: MediaCommand) {
        self.core.handle_command(self.now, command);
    }

    fn admit(&mut self, who: u8, grants: MediaGrants) {
        self.command(MediaCommand::Admit {
            session: session_of(who),
            participant: ParticipantId(u64::from(who)),
            grants,
        });
    }

    fn offer(&mut self, who: u8, sdp: String) {
        self.command(MediaCommand::Offer {
            session: session_of(who),
            participant: ParticipantId(u64::from(who)),
            negotiation: 1,
            sdp: sdp.into(),
            end_to_end_encrypted: self.encrypts,
        });
    }

    /// Admits somebody, who joins as a browser does.
    fn connect(&mut self, who: u8) {
        self.admit(who, grants(7));
        let local = IceCredentials::from_seed([who; 32]);
        let sdp: Vec<String> = OFFERS[0]
            .lines()
            .map(|line| match line.split_once(':') {
                Some(("a=ice-ufrag", _)) => format!("a=ice-ufrag:{}", local.ufrag),
                Some(("a=ice-pwd", _)) => format!("a=ice-pwd:{}", local.password),
                Some(("a=fingerprint", _)) => format!("a=fingerprint:{}", self.identity.fingerprint()),
                Some(("a=fmtp", "97 apt=96")) => format!("{line}\r\n{}", OTHERS.join("\r\n")),
                _ if line.starts_with("m=video") => format!("{line} 98 100 45"),
                _ => line.to_owned(),
            })
            .collect();
        while self.core.poll_event().is_some() {}
        self.offer(who, sdp.join("\r\n") + "\r\n");
        let mut events = std::iter::from_fn(|| self.core.poll_event());
        let Some(answer) = events.find_map(|event| match event {
            MediaEvent::Answer { sdp, .. } => Some(sdp.0),
            _ => None,
        }) else {
            return;
        };
        let value = |name: &str| {
            let line = answer.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().to_owned()
        };
        let ssrcs = answer.lines().filter_map(|line| line.strip_prefix("a=ssrc:"));
        self.ssrcs
            .extend(ssrcs.filter_map(|line| line.split(' ').next()?.parse::<u32>().ok()));
        let config = ClientConfig {
            local,
            remote: IceCredentials {
                ufrag: value("a=ice-ufrag:"),
                password: value("a=ice-pwd:"),
            },
            local_address: address(who),
            remote_address: SERVER,
            remote_fingerprint: self.identity.fingerprint(),
            identity: Arc::clone(&self.identity),
            profiles: vec![SrtpProfile::AeadAes128Gcm],
        };
        self.clients[usize::from(who)] = Some(ClientTransport::new(config, self.now));
        self.exchange(12);
    }

    /// Carries datagrams both ways, so many rounds.
    fn exchange(&mut self, rounds: usize) {
        for _ in 0..rounds {
            if self
                .core
                .poll_timeout()
                .is_some_and(|timeout| timeout <= self.now)
            {
                self.core.handle_timeout(self.now);
            }
            for (who, client) in self.clients.iter_mut().enumerate() {
                let Some(client) = client else { continue };
                if client.poll_timeout().is_some_and(|timeout| timeout <= self.now) {
                    client.handle_timeout(self.now);
                }
                while client.poll_event().is_some() {}
                while let Some(mut transmit) = client.poll_transmit() {
                    self.sent.push(transmit.contents.clone());
                    let from = address(who as u8);
                    self.core
                        .handle_datagram(self.now, from, SERVER, &mut transmit.contents);
                }
            }
            while self.core.poll_event().is_some() {}
            while self.core.poll_speech().is_some() {}
            let outbox = self.core.outbox();
            let down: Vec<_> = outbox
                .datagrams()
                .iter()
                .map(|datagram| (datagram.destination, outbox.bytes(datagram).to_vec()))
                .collect();
            outbox.clear();
            for (destination, mut bytes) in down {
                let who = (0..PEOPLE).find(|who| address(*who) == destination);
                if let Some(client) = who.and_then(|who| self.clients[usize::from(who)].as_mut()) {
                    client.handle_datagram(self.now, &mut bytes);
                }
            }
        }
    }

    fn view(&mut self, who: u8, input: &mut Input<'_>) {
        let items = (0..input.byte() % 6)
            .map(|_| ViewItem {
                participant: ParticipantId(u64::from(input.byte() % (PEOPLE + 1))),
                source: TrackSource::ALL[usize::from(input.byte()) % 4],
                width: input.number(),
                height: input.number(),
                importance: [Importance::Normal, Importance::Interpreter, Importance::Pinned]
                    [usize::from(input.byte()) % 3],
            })
            .collect();
        self.command(MediaCommand::SetView {
            session: session_of(who),
            participant: ParticipantId(u64::from(who)),
            items,
            mode: [ViewMode::Full, ViewMode::LowData, ViewMode::AudioOnly][usize::from(input.byte()) % 3],
        });
    }

    /// A picture of VP8 in many packets, or several, without time between them.
    fn burst(&mut self, who: u8, input: &mut Input<'_>) {
        let layer = [b'q', b'h', b'f'][usize::from(input.byte()) % 3];
        let packets = u16::from(input.byte() % 64) + 1;
        let first = input.number();
        for number in 0..packets {
            let mut payload = vec![0x55; 1000];
            let start: &[u8] = if number == 0 { &KEY_FRAME } else { &[0x80, 0x80, 1] };
            payload[..start.len()].copy_from_slice(start);
            let packet = sealable(1, layer, 96, first.wrapping_add(number), &payload);
            self.send_rtp(who, packet);
        }
    }

    /// A picture of any codec in several packets, one of its layers or all of them.
    fn picture(&mut self, who: u8, input: &mut Input<'_>) {
        let codec = CODECS[usize::from(input.byte()) % CODECS.len()];
        let what = input.byte();
        let (is_key, layers) = (what & 1 != 0, what >> 1 & 3);
        let packets = input.byte() % 16 + 1;
        let mut sequence = input.number();
        let picture = sequence;
        let timestamp = (self.now.duration_since(start()).as_millis() * 90) as u32;
        let other = input.bytes();
        let is_layered = matches!(codec, VideoCodec::Vp9 | VideoCodec::Av1);
        for spatial in if is_layered { 0..=layers } else { 0..=0 } {
            for packet in 0..packets {
                let place = Place {
                    is_key,
                    spatial,
                    starts: packet == 0,
                    ends: packet + 1 == packets,
                    picture,
                };
                let mut payload = place.payload(codec);
                payload.extend(&other);
                payload.resize(payload.len() + 200, 0x55);
                // The first encoding holds all layers.
                let rid = if is_layered {
                    b'q'
                } else {
                    [b'q', b'h', b'f'][usize::from(layers) % 3]
                };
                let mut packet = sealable(1, rid, payload_type(codec), sequence, &payload);
                packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
                if what & 0x80 == 0 && is_layered {
                    add_descriptor(&mut packet, &place.descriptor());
                }
                self.send_rtp(who, packet);
                sequence = sequence.wrapping_add(1);
            }
        }
    }

    fn send_rtp(&mut self, who: u8, mut packet: Vec<u8>) {
        let Some(client) = &mut self.clients[usize::from(who)] else {
            return;
        };
        if packet.len() < 12 {
            return;
        }
        packet[0] = 0x80 | packet[0] & 0x3f;
        let len = packet.len();
        let header = header_bytes(&packet).min(len);
        packet.resize(len + 64, 0);
        self.sealed += 1;
        let index = u64::from(u16::from_be_bytes([packet[2], packet[3]]));
        let Ok(sealed) = client.seal_rtp(&mut packet, header, len, index) else {
            return;
        };
        self.core
            .handle_datagram(self.now, address(who), SERVER, &mut packet[..sealed]);
    }

    fn send_rtcp(&mut self, who: u8, packet: &[u8]) {
        let Some(client) = &mut self.clients[usize::from(who)] else {
            return;
        };
        let mut sealed = Vec::new();
        if packet.len() >= 8 && client.seal_rtcp(packet, &mut sealed).is_ok() {
            self.core
                .handle_datagram(self.now, address(who), SERVER, &mut sealed);
        }
    }

    /// RTCP about a stream that there is.
    fn request(&mut self, input: &mut Input<'_>) -> Vec<u8> {
        let kind = input.byte();
        let at = usize::from(input.byte());
        let ssrc = self.ssrcs.get(at % self.ssrcs.len().max(1)).copied().unwrap_or(1);
        let body = u32::from(input.number()) << 16 | u32::from(input.number());
        let (count, packet, words): (u8, u8, Vec<u32>) = match kind % 5 {
            0 => (1, 206, vec![1, ssrc]),
            1 => (1, 205, vec![1, ssrc, body]),
            2 => (1, 201, vec![1, ssrc, body, body, 0, 0, 0]),
            3 => (
                15,
                205,
                vec![1, ssrc, body & 0xff_00ff, body, 0x2004_0404, 0x0404_0404],
            ),
            _ => (1, 200, vec![ssrc, body, body, body, 1, 1, 1, 0, 0, 0, 0, 0]),
        };
        let mut bytes = vec![0x80 | count, packet, 0, words.len() as u8];
        bytes.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        bytes
    }
}

/// A packet of a section of the offer, with whatever payload.
fn media_packet(input: &mut Input<'_>) -> Vec<u8> {
    let section = input.byte() % 4;
    let payload_type = input.byte();
    let sequence = input.number();
    let payload = input.bytes();
    let layer = [b'q', b'h', b'f', b'x'][usize::from(payload_type >> 7) + usize::from(sequence & 1)];
    sealable(section, layer, payload_type, sequence, &payload)
}

/// A packet without its encryption.
fn sealable(section: u8, layer: u8, payload_type: u8, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x90, payload_type & 0x7f];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 3000).to_be_bytes());
    packet.extend((1000 + u32::from(section) * 10 + u32::from(layer)).to_be_bytes());
    // MID, RID, the transport's number, the level.
    let extensions = [
        0x40,
        b'0' + section,
        0xa0,
        layer,
        0x31,
        packet[2],
        packet[3],
        0x10,
        0x1e,
        0,
        0,
        0,
    ];
    packet.extend([0xbe, 0xde, 0, 3]);
    packet.extend(extensions);
    packet.extend_from_slice(payload);
    packet
}

/// What SRTP leaves in the clear.
fn header_bytes(packet: &[u8]) -> usize {
    let fixed = 12 + 4 * usize::from(packet[0] & 0x0f);
    match packet.get(fixed + 2..fixed + 4) {
        Some(words) if packet[0] & 0x10 != 0 => {
            fixed + 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]))
        }
        _ => fixed,
    }
}

fn session_of(who: u8) -> SessionId {
    SessionId(u128::from(who == PEOPLE - 1))
}

fn address(who: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 5000 + u16::from(who)))
}

fn grants(bits: u8) -> MediaGrants {
    MediaGrants {
        microphone: bits & 1 != 0,
        camera: bits & 2 != 0,
        screen: bits & 4 != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::seeds::{crowded, encoded};
    use super::*;

    #[test]
    fn a_seed_lets_video_wait_for_a_line() {
        let mut world = World::new(VideoCodec::Vp8);
        world.steps(&crowded());
        assert!(world.core.counters().paced_packets > 20);
    }

    #[test]
    fn a_seed_of_each_codec_reaches_its_viewer() {
        for codec in CODECS {
            let input = encoded(codec);
            let mut world = World::new(wished(&input));
            world.steps(&input);
            let counters = world.core.counters();
            let sent = counters.sent.video.packets;
            assert!(sent > 40, "{codec:?}: {sent} {:?}", counters.drops);
        }
    }

    #[test]
    fn who_encrypts_is_taken_to_do_so() {
        let mut world = World::new(VideoCodec::Vp8);
        world.steps(&[16, 0, 1, 0, 1, 3, 1]);
        assert!(world.encrypts && world.core.connections() == 1);
    }
}
