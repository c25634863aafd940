//! The media plane over real sockets: two clients on loopback, from their offers to the end of the session.

#![allow(clippy::unwrap_used)]

mod client;
mod line;

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream};
use std::time::{Duration, Instant};

use hearken_protocol::{
    Importance, MediaCommand, MediaEvent, MediaGrants, OfferRefusal, ParticipantId, SessionId, TrackSource,
    VideoCodec, ViewItem, ViewMode,
};
use hearken_sfu_core::DropCause;
use hearken_sfu_core::client::ClientTransport;
use hearken_sfu_core::transport::{DisconnectReason, DropReason, frame_header};
use hearken_sfu_server::{
    Announced, MediaConfig, MediaServer, Outputs, PACKETS_PER_SECOND_MAX, ShellDropCause,
};
use prometheus::Registry;

use self::client::Client;
use self::line::Way;

const SESSION: SessionId = SessionId(7);
const ANN: ParticipantId = ParticipantId(1);
const BOB: ParticipantId = ParticipantId(2);
const EVERYTHING: MediaGrants = MediaGrants {
    microphone: true,
    camera: true,
    screen: true,
};

/// A step that takes longer has failed, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

struct World {
    server: MediaServer,
    outputs: Outputs,
    registry: Registry,
    events: Vec<MediaEvent>,
    ann: Client,
    bob: Client,
}

/// On one IPv4 address.
fn loopback() -> MediaConfig {
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    MediaConfig {
        bind: vec![ip],
        announced: vec![ip.into()],
        port: 0,
        shards: 2,
        video_codec: VideoCodec::Vp8,
        packets_per_second_max: PACKETS_PER_SECOND_MAX,
    }
}

impl World {
    fn new() -> Self {
        Self::with(&loopback(), Way::UDP, Way::UDP)
    }

    fn with(config: &MediaConfig, ann: Way, bob: Way) -> Self {
        let registry = Registry::new();
        let (server, outputs) = MediaServer::start(config, &registry).unwrap();
        Self {
            server,
            outputs,
            registry,
            events: Vec::new(),
            ann: Client::new(1, ann),
            bob: Client::new(2, bob),
        }
    }

    /// What was counted of this metric, with this value in a label.
    fn metric(&self, name: &str, label: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        let metrics = family.map_or(&[][..], |family| family.get_metric());
        let counted = metrics
            .iter()
            .filter(|metric| metric.get_label().iter().any(|pair| pair.value() == label));
        counted.map(|metric| metric.get_counter().get_value()).sum()
    }

    /// Everybody admitted, connected, and looking at Ann.
    fn in_a_call() -> Self {
        Self::new().called()
    }

    fn called(mut self) -> Self {
        let world = &mut self;
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
                end_to_end_encrypted: false,
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
        self
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
    assert_eq!(speech.payload[..], *b"good evening");
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
fn a_session_that_needs_more_than_its_shard_may_send_takes_nobody_else_in_and_says_so() {
    let config = MediaConfig {
        packets_per_second_max: 300,
        ..loopback()
    };
    let mut world = World::with(&config, Way::UDP, Way::UDP);
    world.send(MediaCommand::OpenSession {
        session: SESSION,
        captions: false,
    });
    for (negotiation, participant) in [(1, ANN), (2, BOB)] {
        world.send(MediaCommand::Admit {
            session: SESSION,
            participant,
            grants: EVERYTHING,
        });
        let sdp = world.client(participant).offer().into();
        world.send(MediaCommand::Offer {
            session: SESSION,
            participant,
            negotiation,
            sdp,
            end_to_end_encrypted: false,
        });
    }
    let refused = MediaEvent::OfferRefused {
        session: SESSION,
        participant: BOB,
        negotiation: 2,
        refusal: OfferRefusal::SessionOutgrown,
    };
    let connected = MediaEvent::Connected {
        session: SESSION,
        participant: ANN,
    };
    world.until("Ann is in and Bob is told why he is not", |world| {
        world.events.contains(&refused) && world.events.contains(&connected)
    });
    world.until("it is counted by its reason", |world| {
        world.metric("hearken_sfu_offers_total", "session_outgrown") > 0.5
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
        end_to_end_encrypted: false,
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
        end_to_end_encrypted: false,
    });
    world.until("Ann is connected", |world| {
        world.events.contains(&MediaEvent::Connected {
            session: SESSION,
            participant: ANN,
        })
    });
    assert!(world.bob.transport.is_none());
}

/// Both hear and see each other.
fn talk(mut world: World) {
    let items = vec![ViewItem {
        participant: BOB,
        source: TrackSource::Camera,
        width: 640,
        height: 360,
        importance: Importance::Normal,
    }];
    world.send(MediaCommand::SetView {
        session: SESSION,
        participant: ANN,
        mode: ViewMode::Full,
        items,
    });
    world.until("Ann and Bob hear and see each other", |world| {
        world.ann.send_audio(b"good evening");
        world.ann.send_video(1);
        world.bob.send_audio(b"good morning");
        world.bob.send_video(2);
        world.bob.heard(b"good evening") > 0
            && world.bob.saw(1)
            && world.ann.heard(b"good morning") > 0
            && world.ann.saw(2)
    });
}

/// The values that a label may have.
fn allowed(label: &str) -> Vec<&'static str> {
    let fixed: &[&str] = match label {
        "direction" => &["in", "out", "receive", "send"],
        "kind" => &["audio", "video", "rtx", "rtcp", "connectivity"],
        "quality" => &["good", "fair", "poor"],
        "layer" => &["0", "1", "2"],
        "shard" => &["0", "1"],
        "event" => &[
            "received",
            "answered",
            "sent",
            "given_up",
            "recovered",
            "restored",
            "copies_sent",
            "copy_bytes_sent",
        ],
        "result" => &["answered", "malformed", "full", "session_outgrown"],
        "decision" => &[
            "slot_assignment",
            "layer_choice",
            "layer_switch",
            "congestion_feedback",
            "probe",
            "pause",
            "video_given_up",
            "publish",
            "command_ignored",
        ],
        "reason" => {
            let causes = DropCause::ALL.iter().map(|cause| cause.label());
            let of_transports = DropReason::ALL.iter().map(|reason| reason.label());
            let of_shell = ShellDropCause::ALL.map(ShellDropCause::label);
            let of_connections = ["ended", "unproven", "malformed", "displaced", "departed"];
            let of_feedback = ["malformed", "strange"];
            let others = [&of_shell[..], &of_connections, &of_feedback].concat();
            return causes.chain(of_transports).chain(others).collect();
        }
        _ => &[],
    };
    fixed.to_vec()
}

#[test]
fn no_metric_of_a_call_has_a_label_that_is_not_on_the_list() {
    let mut world = World::with(&loopback(), Way::TCP, Way::UDP).called();
    world.until("their lines were told of", |world| {
        world.ann.send_audio(b"good evening");
        world.bob.send_video(2);
        world.metric("hearken_sfu_line_readings_total", "good") > 1.5
    });
    let families = world.registry.gather();
    assert!(families.len() > 25, "{}", families.len());
    for family in &families {
        assert!(family.name().starts_with("hearken_sfu_"));
        let metrics = family.get_metric().iter();
        for label in metrics.flat_map(|metric| metric.get_label()) {
            let is_allowed = allowed(label.name()).contains(&label.value());
            assert!(is_allowed, "{} {} {}", family.name(), label.name(), label.value());
        }
    }
}

#[test]
fn a_call_by_udp_and_tcp() {
    talk(World::with(&loopback(), Way::TCP, Way::UDP).called());
}

#[test]
fn a_call_by_tcp_alone() {
    talk(World::with(&loopback(), Way::TCP, Way::TCP).called());
}

#[test]
fn a_call_by_ipv6_alone() {
    let ip = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let config = MediaConfig {
        bind: vec![ip],
        announced: vec![ip.into()],
        ..loopback()
    };
    for way in [Way::UDP, Way::TCP] {
        let way = way.over_ipv6();
        talk(World::with(&config, way, way).called());
    }
}

#[test]
fn a_call_between_the_families_where_sockets_take_all_addresses() {
    let config = MediaConfig {
        bind: vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
        announced: [
            IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::from(Ipv6Addr::LOCALHOST),
        ]
        .map(Announced::from)
        .to_vec(),
        ..loopback()
    };
    for (ann, bob) in [(Way::UDP, Way::UDP.over_ipv6()), (Way::TCP.over_ipv6(), Way::TCP)] {
        talk(World::with(&config, ann, bob).called());
    }
}

/// Behind a router that forwards a port: browsers know the router's address, the server its own.
#[test]
fn a_call_through_a_router_that_translates_addresses_and_ports() {
    let config = MediaConfig {
        announced: vec!["203.0.113.5:50000".parse().unwrap()],
        shards: 1,
        ..loopback()
    };
    for way in [Way::UDP, Way::TCP] {
        let mut world = World::with(&config, way, way);
        let inside = world.server.addresses().next().unwrap()[0];
        for client in [&mut world.ann, &mut world.bob] {
            client.forward("203.0.113.5:50000".parse().unwrap(), inside);
        }
        talk(world.called());
    }
}

/// Reads until the server closes; that nothing more comes is not enough.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    loop {
        match stream.read(&mut [0; 64]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::ConnectionReset,
        }
    }
}

#[test]
fn a_tcp_connection_that_sends_anything_else_first_is_closed() {
    let world = World::new();
    let address = world.server.addresses().next().unwrap()[0];
    let mut web = TcpStream::connect(address).unwrap();
    web.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(is_closed(&mut web), "that would be a frame of 18,245 bytes");
    let mut media = TcpStream::connect(address).unwrap();
    media.write_all(&frame_header(40).unwrap()).unwrap();
    media.write_all(&[0x80; 40]).unwrap();
    assert!(is_closed(&mut media), "media from somebody unknown");
}

#[test]
fn who_holds_many_connections_open_keeps_nobody_out() {
    let world = World::with(&loopback(), Way::TCP, Way::UDP);
    let address = world.server.addresses().next().unwrap()[0];
    let mut idle: Vec<TcpStream> = (0..300).map(|_| TcpStream::connect(address).unwrap()).collect();
    talk(world.called());
    assert!(is_closed(&mut idle[0]), "the oldest gave way");
}

#[test]
fn a_client_that_reads_nothing_holds_nobody_up() {
    let mut world = World::with(&loopback(), Way::TCP, Way::UDP).called();
    world.send(MediaCommand::SetView {
        session: SESSION,
        participant: ANN,
        mode: ViewMode::Full,
        items: vec![ViewItem {
            participant: BOB,
            source: TrackSource::Camera,
            width: 640,
            height: 360,
            importance: Importance::Normal,
        }],
    });
    world.ann.stop_reading();
    // Far more than any buffer between them holds.
    for _ in 0..20_000 {
        world.bob.send_video(3);
    }
    world.until("Bob still hears Ann", |world| {
        world.ann.send_audio(b"good evening");
        world.bob.heard(b"good evening") > 0
    });
}
