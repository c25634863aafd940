//! The media plane over real sockets: two clients on loopback, from their offers to the end of the session.

#![allow(clippy::unwrap_used)]

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearken_protocol::{
    Importance, MediaCommand, MediaEvent, MediaGrants, ParticipantId, SessionId, TrackSource, ViewItem,
    ViewMode,
};
use hearken_sfu_core::client::{ClientConfig, ClientTransport};
use hearken_sfu_core::transport::{
    DisconnectReason, Fingerprint, IceCredentials, Identity, Incoming, SRTP_OVERHEAD_MAX, SrtpProfile,
    TransportEvent,
};
use hearken_sfu_server::{MediaConfig, MediaServer, Outputs};
use prometheus::Registry;

const SESSION: SessionId = SessionId(7);
const ANN: ParticipantId = ParticipantId(1);
const BOB: ParticipantId = ParticipantId(2);
const EVERYTHING: MediaGrants = MediaGrants {
    microphone: true,
    camera: true,
    screen: true,
};
const OPUS: u8 = 111;
const VP8: u8 = 96;

/// A step that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long one look at a socket waits.
const LOOK: Duration = Duration::from_millis(2);

struct World {
    server: MediaServer,
    outputs: Outputs,
    events: Vec<MediaEvent>,
    ann: Client,
    bob: Client,
}

struct Client {
    socket: UdpSocket,
    identity: Arc<Identity>,
    ice: IceCredentials,
    transport: Option<ClientTransport>,
    /// SSRC, payload type and payload of what came.
    received: Vec<(u32, u8, Vec<u8>)>,
    disconnected: Option<DisconnectReason>,
    sequence: u16,
}

impl World {
    fn new() -> Self {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let config = MediaConfig {
            bind: vec![ip],
            announced: vec![ip],
            port: 0,
            shards: 2,
        };
        let (server, outputs) = MediaServer::start(&config, &Registry::new()).unwrap();
        Self {
            server,
            outputs,
            events: Vec::new(),
            ann: Client::new(1),
            bob: Client::new(2),
        }
    }

    /// Everybody admitted, connected, and looking at Ann.
    fn in_a_call() -> Self {
        let mut world = Self::new();
        world.send(MediaCommand::OpenSession {
            session: SESSION,
            captions: true,
        });
        for participant in [ANN, BOB] {
            world.send(MediaCommand::Admit {
                session: SESSION,
                participant,
                grants: EVERYTHING,
            });
            let sdp = world.client(participant).offer();
            let offer = MediaCommand::Offer {
                session: SESSION,
                participant,
                negotiation: 1,
                sdp: sdp.into(),
            };
            world.send(offer);
        }
        let items = vec![ViewItem {
            participant: ANN,
            source: TrackSource::Camera,
            width: 640,
            height: 360,
            importance: Importance::Normal,
        }];
        world.send(MediaCommand::SetView {
            session: SESSION,
            participant: BOB,
            items,
            mode: ViewMode::Full,
        });
        world.until("both are connected", |world| {
            [ANN, BOB].into_iter().all(|participant| {
                world.events.contains(&MediaEvent::Connected {
                    session: SESSION,
                    participant,
                }) && world
                    .client(participant)
                    .transport
                    .as_ref()
                    .is_some_and(ClientTransport::is_connected)
            })
        });
        world
    }

    fn client(&mut self, participant: ParticipantId) -> &mut Client {
        if participant == ANN {
            &mut self.ann
        } else {
            &mut self.bob
        }
    }

    fn send(&self, command: MediaCommand) {
        self.server.send(command).unwrap();
    }

    /// Lets everything happen until the condition holds.
    fn until(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(
                Instant::now() < end,
                "waited in vain until {what}; events: {:?}",
                self.events
            );
            self.turn();
        }
    }

    fn turn(&mut self) {
        while let Ok(event) = self.outputs.events.try_recv() {
            if let MediaEvent::Answer { participant, sdp, .. } = &event {
                let (participant, sdp) = (*participant, sdp.0.clone());
                self.client(participant).connect(&sdp);
            }
            self.events.push(event);
        }
        self.ann.turn();
        self.bob.turn();
    }
}

impl Client {
    fn new(seed: u8) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(LOOK)).unwrap();
        Self {
            socket,
            identity: Arc::new(Identity::generate().unwrap()),
            ice: IceCredentials::from_seed([seed; 32]),
            transport: None,
            received: Vec::new(),
            disconnected: None,
            sequence: 0,
        }
    }

    /// Four sources and one slot pair.
    fn offer(&self) -> String {
        let audio = format!(
            "m=audio 9 UDP/TLS/RTP/SAVPF {OPUS}\r\na=rtpmap:{OPUS} opus/48000/2\r\n\
             a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
        );
        let video = format!(
            "m=video 9 UDP/TLS/RTP/SAVPF {VP8} 97\r\na=rtpmap:{VP8} VP8/90000\r\na=rtcp-fb:{VP8} nack\r\n\
             a=rtcp-fb:{VP8} nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt={VP8}\r\n"
        );
        let sections = [&audio, &video, &video, &audio, &audio, &video];
        let mut sdp =
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2 3 4 5\r\n".to_owned();
        for (mid, section) in sections.into_iter().enumerate() {
            let direction = if mid < 4 { "sendonly" } else { "recvonly" };
            let IceCredentials { ufrag, password } = &self.ice;
            sdp += &format!(
                "{section}a=mid:{mid}\r\na={direction}\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\n\
                 a=fingerprint:{}\r\na=setup:actpass\r\na=rtcp-mux\r\n\
                 a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
                self.identity.fingerprint()
            );
        }
        sdp
    }

    fn connect(&mut self, answer: &str) {
        let value = |name: &str| answer.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let candidate: Vec<&str> = value("a=candidate:").split(' ').collect();
        let config = ClientConfig {
            local: self.ice.clone(),
            remote: IceCredentials {
                ufrag: value("a=ice-ufrag:").to_owned(),
                password: value("a=ice-pwd:").to_owned(),
            },
            local_address: self.socket.local_addr().unwrap(),
            remote_address: SocketAddr::new(candidate[4].parse().unwrap(), candidate[5].parse().unwrap()),
            remote_fingerprint: Fingerprint::parse(value("a=fingerprint:")).unwrap(),
            identity: Arc::clone(&self.identity),
            profiles: vec![SrtpProfile::Aes128CmSha1_80, SrtpProfile::AeadAes128Gcm],
        };
        self.transport = Some(ClientTransport::new(config, Instant::now()));
    }

    fn turn(&mut self) {
        let Some(transport) = &mut self.transport else {
            return;
        };
        transport.handle_timeout(Instant::now());
        let mut buffer = [0; 2048];
        loop {
            while let Some(transmit) = transport.poll_transmit() {
                self.socket
                    .send_to(&transmit.contents, transmit.destination)
                    .unwrap();
            }
            while let Some(event) = transport.poll_event() {
                if let TransportEvent::Disconnected(reason) = event {
                    self.disconnected = Some(reason);
                }
            }
            let length = match self.socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return,
                Err(error) => panic!("{error}"),
            };
            if let Incoming::Rtp(packet) = transport.handle_datagram(Instant::now(), &mut buffer[..length]) {
                let ssrc = u32::from_be_bytes(packet[8..12].try_into().unwrap());
                let words = u16::from_be_bytes([packet[14], packet[15]]);
                let header = if packet[0] & 0x10 == 0 {
                    12
                } else {
                    16 + 4 * usize::from(words)
                };
                self.received
                    .push((ssrc, packet[1] & 0x7f, packet[header..].to_vec()));
            }
        }
    }

    fn send_audio(&mut self, payload: &[u8]) {
        // Section 0, and a level of −20 dBov with voice.
        self.send(OPUS, 1_000, &[0x40, b'0', 0x10, 0x80 | 20], payload);
    }

    /// A key frame of one packet.
    fn send_video(&mut self, mark: u8) {
        let picture = self.sequence.to_be_bytes();
        let mut payload = vec![0x90, 0x80, 0x80 | (picture[0] & 0x7f), picture[1]];
        payload.extend_from_slice(&[0x10, 2, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01]);
        payload.extend_from_slice(&[mark; 200]);
        self.send(VP8, 2_000, &[0x40, b'1', 0, 0], &payload);
    }

    fn send(&mut self, payload_type: u8, ssrc: u32, extensions: &[u8; 4], payload: &[u8]) {
        self.sequence += 1;
        let mut packet = vec![0x90, 0x80 | payload_type];
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        packet.extend_from_slice(&(u32::from(self.sequence) * 960).to_be_bytes());
        packet.extend_from_slice(&ssrc.to_be_bytes());
        packet.extend_from_slice(&[0xbe, 0xde, 0, 1]);
        packet.extend_from_slice(extensions);
        let header = packet.len();
        packet.extend_from_slice(payload);
        let len = packet.len();
        packet.resize(len + SRTP_OVERHEAD_MAX, 0);
        let transport = self.transport.as_mut().unwrap();
        let total = transport
            .seal_rtp(&mut packet, header, len, u64::from(self.sequence))
            .unwrap();
        let server = transport.remote_address();
        self.socket.send_to(&packet[..total], server).unwrap();
    }

    fn heard(&self, payload: &[u8]) -> usize {
        self.received
            .iter()
            .filter(|(_, kind, got)| *kind == OPUS && got == payload)
            .count()
    }

    fn saw(&self, mark: u8) -> bool {
        self.received
            .iter()
            .any(|(_, kind, got)| *kind == VP8 && got.ends_with(&[mark; 200]))
    }
}

#[test]
fn media_is_forwarded_until_it_is_muted_and_ends_with_the_session() {
    let mut world = World::in_a_call();

    world.until("Bob hears and sees Ann", |world| {
        world.ann.send_audio(b"good evening");
        world.ann.send_video(1);
        world.bob.heard(b"good evening") > 0 && world.bob.saw(1)
    });
    assert_eq!(world.ann.heard(b"good evening"), 0, "nobody hears themselves");
    let speech = world.outputs.speech.try_recv().unwrap();
    assert_eq!((speech.session, speech.participant), (SESSION, ANN));
    assert_eq!(*speech.payload, b"good evening");
    let slots: Vec<_> = world
        .events
        .iter()
        .filter_map(|event| match event {
            MediaEvent::Slot {
                participant: BOB,
                slot,
                ..
            } => slot.content,
            _ => None,
        })
        .collect();
    assert!(
        !slots.is_empty() && slots.iter().all(|content| content.participant == ANN),
        "{slots:?}"
    );

    let muted = MediaGrants {
        microphone: false,
        ..EVERYTHING
    };
    world.send(MediaCommand::SetGrants {
        session: SESSION,
        participant: ANN,
        grants: muted,
    });
    let stopped = MediaEvent::Sending {
        session: SESSION,
        participant: ANN,
        source: TrackSource::Microphone,
        live: false,
    };
    world.until("Ann is muted", |world| world.events.contains(&stopped));
    while world.outputs.speech.try_recv().is_ok() {}
    for _ in 0..20 {
        world.ann.send_audio(b"nobody hears this");
    }
    world.until("Bob sees what Ann sent after it", |world| {
        world.ann.send_video(2);
        world.bob.saw(2)
    });
    assert_eq!(world.bob.heard(b"nobody hears this"), 0);
    assert!(world.outputs.speech.try_recv().is_err(), "the captions neither");

    world.send(MediaCommand::CloseSession { session: SESSION });
    let closed = Some(DisconnectReason::ClosedByPeer);
    world.until("everybody is told", |world| {
        world.ann.disconnected == closed && world.bob.disconnected == closed
    });
}

#[test]
fn who_was_not_admitted_gets_no_answer() {
    let mut world = World::new();
    world.send(MediaCommand::OpenSession {
        session: SESSION,
        captions: false,
    });
    let stranger = world.bob.offer();
    let sdp = stranger.into();
    world.send(MediaCommand::Offer {
        session: SESSION,
        participant: BOB,
        negotiation: 1,
        sdp,
    });
    world.send(MediaCommand::Admit {
        session: SESSION,
        participant: ANN,
        grants: EVERYTHING,
    });
    let sdp = world.ann.offer().into();
    world.send(MediaCommand::Offer {
        session: SESSION,
        participant: ANN,
        negotiation: 1,
        sdp,
    });
    world.until("Ann is connected", |world| {
        world.events.contains(&MediaEvent::Connected {
            session: SESSION,
            participant: ANN,
        })
    });
    assert!(world.bob.transport.is_none());
}
