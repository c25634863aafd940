//! The forwarding path without sockets: one publisher's video through a whole core to 10 and to 20 subscribers,
//! per forwarded packet. Beside it what sealing alone takes, which nothing that encrypts for each subscriber can
//! be faster than.
//!
//! A frame's packets come as the kernel hands them over when it coalesces them (GRO): all at once. Real client
//! transports join through the core, over ICE and DTLS, in virtual time. Sealing by the publisher and the core's clock
//! are outside of what is measured; opening, which happens once for all subscribers, is inside.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hearken_benches::{Answer, Publisher, Sections, Sound, Ssrcs, VideoShape, offer};
use hearken_protocol::{
    Importance, MediaCommand, MediaEvent, MediaGrants, ParticipantId, SessionId, TrackSource, ViewItem,
    ViewMode,
};
use hearken_sfu_core::client::{ClientConfig, ClientTransport};
use hearken_sfu_core::transport::{
    Candidate, IceCredentials, Identity, Incoming, SRTP_OVERHEAD_MAX, SrtpProfile,
};
use hearken_sfu_core::{Core, CoreConfig};

const SESSION: SessionId = SessionId(1);
const PROFILE: SrtpProfile = SrtpProfile::AeadAes128Gcm;
/// Between two frames of the publisher: a multiple of the steps in which time passes.
const FRAME_INTERVAL: Duration = Duration::from_millis(30);
/// Longer than the core waits for feedback.
const SETTLE_TIME: Duration = Duration::from_secs(5);
const GRANTS: MediaGrants = MediaGrants {
    microphone: true,
    camera: true,
    screen: true,
};

/// One end of the core.
struct Client {
    id: ParticipantId,
    address: SocketAddr,
    transport: ClientTransport,
}

/// A session in virtual time; the first client publishes.
struct Room {
    core: Core,
    server: SocketAddr,
    now: Instant,
    identity: Arc<Identity>,
    clients: Vec<Client>,
    publisher: Publisher,
}

impl Room {
    fn new(subscribers: usize) -> Self {
        let server = SocketAddr::from(([127, 0, 0, 1], 40_000));
        let now = Instant::now();
        let identity = Arc::new(Identity::generate().expect("a certificate"));
        let core = Core::new(CoreConfig {
            identity: Arc::clone(&identity),
            candidates: vec![Candidate::udp(server)],
            seed: [7; 32],
            started: now,
            unix_time: Duration::from_secs(1_800_000_000),
            video_codec: hearken_protocol::VideoCodec::Vp8,
        });
        let mut room = Self {
            core,
            server,
            now,
            identity,
            clients: Vec::new(),
            publisher: Publisher::new(Ssrcs::new(0), VideoShape::default(), Sound::Speech),
        };
        let (session, captions) = (SESSION, false);
        room.command(MediaCommand::OpenSession { session, captions });
        for number in 0..=subscribers {
            room.join(u16::try_from(number).expect("few"));
        }
        room.watch();
        room.settle();
        room
    }

    /// Sends key frames for a while, until everything reaches everybody: these subscribers don't tell what arrives,
    /// and the core takes theirs for lines without limits only when it has waited for that.
    fn settle(&mut self) {
        let until = self.now + SETTLE_TIME;
        let mut reached = 0;
        while self.now < until {
            self.publisher.want_key_frame();
            let mut frame = self.next_frame();
            let packets = frame.packets();
            reached = self.forward(frame.take(packets)) / packets;
            self.core.outbox().clear();
        }
        assert_eq!(reached, self.clients.len() - 1, "a packet goes to everybody");
    }

    fn command(&mut self, command: MediaCommand) {
        self.core.handle_command(self.now, command);
    }

    fn join(&mut self, number: u16) {
        let (session, participant) = (SESSION, ParticipantId(u64::from(number) + 1));
        let grants = GRANTS;
        self.command(MediaCommand::Admit {
            session,
            participant,
            grants,
        });
        let local = IceCredentials::from_seed(std::array::from_fn(|at| number as u8 ^ at as u8));
        let sections = Sections {
            ufrag: local.ufrag.clone(),
            password: local.password.clone(),
            fingerprint: self.identity.fingerprint(),
            ssrcs: Ssrcs::new(u32::from(number)),
            port: 0,
        };
        self.command(MediaCommand::Offer {
            session,
            participant,
            negotiation: 1,
            sdp: offer(&sections, 2).into(),
            end_to_end_encrypted: false,
        });
        let mut events = std::iter::from_fn(|| self.core.poll_event());
        let sdp = events.find_map(|event| match event {
            MediaEvent::Answer { sdp, .. } => Some(sdp.0),
            _ => None,
        });
        let answer = Answer::parse(&sdp.expect("an answer")).expect("a whole answer");
        let address = SocketAddr::from(([127, 0, 0, 1], 50_000 + number));
        let config = ClientConfig {
            local,
            remote: answer.ice,
            local_address: address,
            remote_address: answer.address,
            remote_fingerprint: answer.fingerprint,
            identity: Arc::clone(&self.identity),
            profiles: vec![PROFILE],
        };
        self.clients.push(Client {
            id: participant,
            address,
            transport: ClientTransport::new(config, self.now),
        });
        self.pass_time(Duration::from_millis(200));
        let client = self.clients.last().expect("just joined");
        assert!(client.transport.is_connected(), "{participant} is connected");
    }

    /// Everybody but the publisher watches the publisher.
    fn watch(&mut self) {
        let ids: Vec<_> = self.clients.iter().map(|client| client.id).collect();
        for participant in &ids[1..] {
            let item = ViewItem {
                participant: ids[0],
                source: TrackSource::Camera,
                width: 1280,
                height: 720,
                importance: Importance::Normal,
            };
            self.command(MediaCommand::SetView {
                session: SESSION,
                participant: *participant,
                items: vec![item],
                mode: ViewMode::Full,
            });
        }
        self.pass_time(Duration::from_millis(20));
    }

    /// Clocks, checks and handshakes, in steps of 10 ms.
    fn pass_time(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.now += Duration::from_millis(10);
            self.core.handle_timeout(self.now);
            for client in &mut self.clients {
                client.transport.handle_timeout(self.now);
            }
            while self.exchange() {}
        }
    }

    /// Carries datagrams both ways; false when there were none.
    fn exchange(&mut self) -> bool {
        let mut carried = false;
        for client in &mut self.clients {
            while let Some(mut transmit) = client.transport.poll_transmit() {
                carried = true;
                self.core
                    .handle_datagram(self.now, client.address, self.server, &mut transmit.contents);
            }
            while client.transport.poll_event().is_some() {}
        }
        while self.core.poll_event().is_some() {}
        let outbox = self.core.outbox();
        let down: Vec<_> = outbox
            .datagrams()
            .iter()
            .map(|datagram| (datagram.destination, outbox.bytes(datagram).to_vec()))
            .collect();
        outbox.clear();
        for (destination, mut bytes) in down {
            carried = true;
            let client = self
                .clients
                .iter_mut()
                .find(|client| client.address == destination);
            let Some(client) = client else { continue };
            if let Incoming::Dropped(reason) = client.transport.handle_datagram(self.now, &mut bytes) {
                panic!("a datagram of the core was dropped: {reason:?}");
            }
        }
        carried
    }

    /// The packets of the publisher's next frame, sealed, when it is due.
    fn next_frame(&mut self) -> Frame {
        self.pass_time(FRAME_INTERVAL);
        let mut frame = Frame::default();
        let transport = &mut self.clients[0].transport;
        self.publisher.frame(0, |packet, header, index| {
            let start = frame.datagrams.len();
            frame.datagrams.extend_from_slice(packet);
            frame
                .datagrams
                .resize(start + packet.len() + SRTP_OVERHEAD_MAX, 0);
            let sealed = &mut frame.datagrams[start..];
            let len = transport.seal_rtp(sealed, header, packet.len(), index);
            frame.size = len.expect("connected");
            frame.datagrams.truncate(start + frame.size);
        });
        frame
    }

    /// Hands over what the kernel would have coalesced; how many datagrams there are to send then.
    fn forward(&mut self, (datagrams, size): (&mut [u8], usize)) -> usize {
        let source = self.clients[0].address;
        self.core
            .handle_datagrams(self.now, source, self.server, datagrams, size);
        self.core.outbox().datagrams().len()
    }
}

/// The packets of a frame, which are all of one size, one behind the other.
#[derive(Default)]
struct Frame {
    datagrams: Vec<u8>,
    size: usize,
    taken: usize,
}

impl Frame {
    /// Packets that are left.
    fn packets(&self) -> usize {
        (self.datagrams.len() - self.taken)
            .checked_div(self.size)
            .unwrap_or(0)
    }

    /// The next so many packets, and the size of each.
    fn take(&mut self, packets: usize) -> (&mut [u8], usize) {
        let start = self.taken;
        self.taken += packets * self.size;
        (&mut self.datagrams[start..self.taken], self.size)
    }
}

fn forwarding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("forwarding");
    for subscribers in [10, 20] {
        let mut room = Room::new(subscribers);
        group.throughput(Throughput::Elements(subscribers as u64));
        let mut frame = Frame::default();
        // One iteration is one packet of the publisher, forwarded to all.
        group.bench_function(BenchmarkId::new("to", subscribers), |bencher| {
            bencher.iter_custom(|iterations| {
                let mut left = usize::try_from(iterations).unwrap_or(usize::MAX);
                let mut measured = Duration::ZERO;
                while left > 0 {
                    if frame.packets() == 0 {
                        frame = room.next_frame();
                    }
                    let count = left.min(frame.packets());
                    let packets = frame.take(count);
                    let started = Instant::now();
                    let forwarded = black_box(room.forward(packets));
                    room.core.outbox().clear();
                    measured += started.elapsed();
                    assert_eq!(forwarded, subscribers * count, "all to all");
                    left -= count;
                }
                measured
            });
        });
    }
    group.finish();
}

fn sealing(criterion: &mut Criterion) {
    let mut room = Room::new(1);
    let mut packet = Vec::new();
    let (mut header_bytes, mut index) = (0, 0);
    room.publisher.frame(0, |bytes, header, at| {
        packet = bytes.to_vec();
        (header_bytes, index) = (header, at);
    });
    let len = packet.len();
    packet.resize(len + SRTP_OVERHEAD_MAX, 0);
    let transport = &mut room.clients[0].transport;
    let mut group = criterion.benchmark_group("sealing");
    group.throughput(Throughput::Elements(1));
    group.bench_function("alone", |bencher| {
        bencher.iter(|| {
            index += 1;
            let sealed = transport.seal_rtp(black_box(&mut packet), header_bytes, len, index);
            sealed.expect("connected")
        });
    });
    group.finish();
}

criterion_group!(benches, forwarding, sealing);
criterion_main!(benches);
