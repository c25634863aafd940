//! Transport against client in virtual time: handshakes, forgeries, restarts, and peers that go.

#![expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::dtls::fragmented;
use super::stun::{BINDING_REQUEST, Builder, attribute};
use super::*;
use crate::client::{ClientConfig, ClientTransport};

/// A server, a client and the wire between them.
struct World {
    now: Instant,
    server: Transport,
    client: ClientTransport,
    server_events: Vec<TransportEvent>,
    client_events: Vec<TransportEvent>,
    /// Datagrams of the client pass through here on their way.
    uplink: Box<dyn FnMut(Vec<u8>) -> Vec<Vec<u8>>>,
    downlink: Box<dyn FnMut(Vec<u8>) -> Vec<Vec<u8>>>,
    drops: DropCounts,
    /// Where the client's datagrams come from, whatever it thinks.
    client_address: SocketAddr,
}

struct Options {
    profiles: Vec<SrtpProfile>,
    fingerprints: Option<Vec<Fingerprint>>,
}

impl Default for Options {
    fn default() -> Self {
        // Chromium's order: the slow one first.
        Self {
            profiles: vec![SrtpProfile::Aes128CmSha1_80, SrtpProfile::AeadAes128Gcm],
            fingerprints: None,
        }
    }
}

fn credentials(name: &str) -> IceCredentials {
    IceCredentials {
        ufrag: name.to_owned(),
        password: format!("the-password-of-{name}-1234"),
    }
}

fn server_address() -> SocketAddr {
    ([192, 0, 2, 1], 40_000).into()
}

fn address(port: u16) -> SocketAddr {
    ([198, 51, 100, 7], port).into()
}

fn from(source: SocketAddr) -> Pair {
    Pair {
        remote: source,
        local: server_address(),
        protocol: Protocol::Udp,
    }
}

impl World {
    fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        let now = Instant::now();
        let server_identity = Arc::new(Identity::generate().unwrap());
        let client_identity = Arc::new(Identity::generate().unwrap());
        let remote_fingerprints = options
            .fingerprints
            .unwrap_or_else(|| vec![client_identity.fingerprint()]);
        let remote_fingerprint = server_identity.fingerprint();
        let config = TransportConfig {
            local: credentials("sfu0"),
            remote: credentials("web0"),
            remote_fingerprints,
            identity: server_identity,
            challenge_secret: [3; CHALLENGE_SECRET_BYTES],
        };
        let client_config = ClientConfig {
            local: credentials("web0"),
            remote: credentials("sfu0"),
            local_address: address(1),
            remote_address: server_address(),
            remote_fingerprint,
            identity: client_identity,
            profiles: options.profiles,
        };
        Self {
            now,
            server: Transport::new(config, now),
            client: ClientTransport::new(client_config, now),
            server_events: Vec::new(),
            client_events: Vec::new(),
            uplink: Box::new(|datagram| vec![datagram]),
            downlink: Box::new(|datagram| vec![datagram]),
            drops: DropCounts::default(),
            client_address: address(1),
        }
    }

    fn connected() -> Self {
        let mut world = Self::new();
        world.run(Duration::from_secs(1));
        assert!(world.server.is_connected() && world.client.is_connected());
        world.server_events.clear();
        world
    }

    /// Delivers everything that is under way.
    fn exchange(&mut self) {
        loop {
            let mut idle = true;
            while let Some(transmit) = self.client.poll_transmit() {
                idle = false;
                assert_eq!(transmit.destination, server_address());
                for mut datagram in (self.uplink)(transmit.contents) {
                    if let Incoming::Dropped(reason) =
                        self.server
                            .handle_datagram(self.now, from(self.client_address), &mut datagram)
                    {
                        self.drops.add(reason);
                    }
                }
            }
            while let Some(transmit) = self.server.poll_transmit() {
                idle = false;
                assert_eq!(transmit.local, server_address());
                if transmit.destination != self.client_address {
                    continue;
                }
                for mut datagram in (self.downlink)(transmit.contents) {
                    self.client.handle_datagram(self.now, &mut datagram);
                }
            }
            self.server_events
                .extend(std::iter::from_fn(|| self.server.poll_event()));
            self.client_events
                .extend(std::iter::from_fn(|| self.client.poll_event()));
            if idle {
                return;
            }
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.exchange();
        while let Some(next) = [self.server.poll_timeout(), self.client.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
        {
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            self.server.handle_timeout(self.now);
            self.client.handle_timeout(self.now);
            self.exchange();
        }
        self.now = end;
        self.server.handle_timeout(end);
        self.client.handle_timeout(end);
        self.exchange();
    }

    /// An RTP packet of the client, sealed.
    fn client_packet(&mut self, sequence: u16) -> Vec<u8> {
        let mut packet = vec![0x80, 111, 0, 0, 0, 0, 3, 0xc0, 0, 0, 0, 9];
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(b"voice");
        let len = packet.len();
        packet.resize(len + SRTP_OVERHEAD_MAX, 0);
        let total = self
            .client
            .seal_rtp(&mut packet, 12, len, u64::from(sequence))
            .unwrap();
        packet.truncate(total);
        packet
    }

    fn deliver(&mut self, source: SocketAddr, datagram: &[u8]) -> Result<Vec<u8>, DropReason> {
        let mut datagram = datagram.to_vec();
        match self.server.handle_datagram(self.now, from(source), &mut datagram) {
            Incoming::Rtp(packet) => Ok(packet.to_vec()),
            Incoming::Rtcp(compound) => Ok(compound.to_vec()),
            Incoming::Handled | Incoming::Answered => Ok(Vec::new()),
            Incoming::Dropped(reason) => Err(reason),
        }
    }
}

#[test]
fn a_peer_connects_and_packets_flow_both_ways() {
    let mut world = World::new();
    world.run(Duration::from_secs(1));
    assert_eq!(world.server_events, [TransportEvent::Connected]);
    assert_eq!(world.client_events, [TransportEvent::Connected]);
    assert_eq!(world.server.selected(), Some(from(address(1))));
    assert_eq!(world.client.mapped_address(), Some(address(1)));

    let packet = world.client_packet(1);
    assert_eq!(world.deliver(address(1), &packet).unwrap()[12..], *b"voice");
    let mut back = vec![0; 12 + 3 + SRTP_OVERHEAD_MAX];
    back[..15].copy_from_slice(&[0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, b'y', b'e', b's']);
    let total = world.server.seal_rtp(&mut back, 12, 15, 1).unwrap();
    let Incoming::Rtp(packet) = world.client.handle_datagram(world.now, &mut back[..total]) else {
        panic!()
    };
    assert_eq!(packet[12..], *b"yes");

    let mut control = Vec::new();
    world
        .client
        .seal_rtcp(&[0x80, 201, 0, 1, 0, 0, 0, 9], &mut control)
        .unwrap();
    assert_eq!(
        world.deliver(address(1), &control).unwrap(),
        [0x80, 201, 0, 1, 0, 0, 0, 9]
    );
}

#[test]
fn gcm_is_used_whenever_the_client_has_it() {
    use SrtpProfile::{AeadAes128Gcm, AeadAes256Gcm, Aes128CmSha1_80};
    let cases = [
        (vec![Aes128CmSha1_80, AeadAes256Gcm, AeadAes128Gcm], AeadAes128Gcm),
        (vec![Aes128CmSha1_80, AeadAes256Gcm], AeadAes256Gcm),
        (vec![Aes128CmSha1_80], Aes128CmSha1_80),
    ];
    for (profiles, expected) in cases {
        let mut world = World::with(Options {
            profiles,
            ..Options::default()
        });
        world.run(Duration::from_secs(1));
        assert_eq!(world.client.profile(), Some(expected));
        let packet = world.client_packet(1);
        assert!(world.deliver(address(1), &packet).is_ok());
    }
}

#[test]
fn a_certificate_that_the_offer_did_not_name_gets_no_keys() {
    for fingerprints in [vec![], vec![Fingerprint([7; 32])]] {
        let mut world = World::with(Options {
            fingerprints: Some(fingerprints),
            ..Options::default()
        });
        world.run(Duration::from_secs(2));
        let wrong = TransportEvent::Disconnected(DisconnectReason::WrongFingerprint);
        assert_eq!(world.server_events, [wrong]);
        assert!(!world.server.is_connected());
        assert_eq!(
            world
                .server
                .seal_rtcp(&[0x80, 201, 0, 1, 0, 0, 0, 9], &mut Vec::new()),
            Err(SealError::NoKeys)
        );
        assert_eq!(
            world.client_events.last(),
            Some(&TransportEvent::Disconnected(DisconnectReason::ClosedByPeer))
        );
    }
}

#[test]
fn nothing_counts_from_an_address_without_an_authentic_check() {
    let mut world = World::connected();
    let packet = world.client_packet(1);
    assert_eq!(
        world.deliver(address(2), &packet),
        Err(DropReason::UnknownAddress)
    );
    assert_eq!(
        world.deliver(address(2), &[22, 254, 253]),
        Err(DropReason::UnknownAddress)
    );
    let forged = Builder::new(BINDING_REQUEST, [1; 12])
        .attribute(attribute::USERNAME, b"sfu0:web0")
        .attribute(attribute::PRIORITY, &[0x7f; 4])
        .attribute(attribute::USE_CANDIDATE, &[])
        .attribute(attribute::MESSAGE_INTEGRITY, &[1; 20])
        .finish_unsigned();
    assert_eq!(
        world.deliver(address(2), &forged),
        Err(DropReason::UnauthenticStun)
    );
    assert_eq!(
        world.deliver(address(2), &packet),
        Err(DropReason::UnknownAddress)
    );
    assert_eq!(world.server.selected().unwrap().remote, address(1));
    assert!(world.deliver(address(1), &packet).is_ok());
}

#[test]
fn a_replayed_packet_is_dropped_even_from_the_right_address() {
    let mut world = World::connected();
    let packet = world.client_packet(1);
    assert!(world.deliver(address(1), &packet).is_ok());
    assert_eq!(world.deliver(address(1), &packet), Err(DropReason::ReplayedRtp));
    let mut control = Vec::new();
    world
        .client
        .seal_rtcp(&[0x80, 201, 0, 1, 0, 0, 0, 9], &mut control)
        .unwrap();
    assert!(world.deliver(address(1), &control).is_ok());
    assert_eq!(world.deliver(address(1), &control), Err(DropReason::ReplayedRtcp));
}

#[test]
fn a_client_hello_in_small_pieces_is_understood() {
    let mut world = World::new();
    world.uplink = Box::new(|datagram| {
        let is_hello = datagram[0] == 22 && datagram[13] == 1;
        if is_hello {
            fragmented(&datagram, 70)
        } else {
            vec![datagram]
        }
    });
    world.run(Duration::from_secs(1));
    assert!(world.server.is_connected());
    assert_eq!(world.client.profile(), Some(SrtpProfile::AeadAes128Gcm));
}

/// Each datagram of the handshake is lost once, in either direction.
#[test]
fn a_handshake_survives_the_loss_of_any_datagram() {
    for lost in 0..12 {
        for up in [true, false] {
            let mut world = World::new();
            let mut seen = 0;
            let lossy: Box<dyn FnMut(Vec<u8>) -> Vec<Vec<u8>>> = Box::new(move |datagram| {
                let is_dtls = (20..64).contains(&datagram[0]);
                seen += usize::from(is_dtls);
                if is_dtls && seen == lost + 1 {
                    vec![]
                } else {
                    vec![datagram]
                }
            });
            if up {
                world.uplink = lossy;
            } else {
                world.downlink = lossy;
            }
            world.run(Duration::from_secs(6));
            assert!(
                world.server.is_connected() && world.client.is_connected(),
                "lost {lost}, up {up}"
            );
        }
    }
}

#[test]
fn a_handshake_survives_heavy_loss() {
    for seed in 1..20u32 {
        let mut world = World::new();
        let lossy = move |salt: u32| {
            let mut state = seed.wrapping_mul(2_654_435_761) ^ salt;
            move |datagram: Vec<u8>| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                if state % 100 < 20 { vec![] } else { vec![datagram] }
            }
        };
        world.uplink = Box::new(lossy(1));
        world.downlink = Box::new(lossy(0xffff));
        world.run(Duration::from_secs(12));
        assert!(
            world.server.is_connected() && world.client.is_connected(),
            "seed {seed}"
        );
    }
}

#[test]
fn media_goes_on_through_an_ice_restart() {
    let mut world = World::connected();
    world
        .server
        .restart_ice(credentials("sfu1"), credentials("web1"), world.now);
    assert!(world.server.is_connected());
    assert_eq!(world.server.selected().unwrap().remote, address(1));
    let packet = world.client_packet(1);
    assert!(world.deliver(address(1), &packet).is_ok());
    world.run(Duration::from_secs(3));
    assert_eq!(
        world.drops,
        DropCounts::default(),
        "old credentials are good during the change"
    );

    world.client_address = address(2);
    world
        .client
        .restart_ice(credentials("web1"), credentials("sfu1"), world.now);
    world.run(Duration::from_secs(1));
    assert_eq!(world.server.selected().unwrap().remote, address(2));
    let packet = world.client_packet(2);
    assert!(world.deliver(address(2), &packet).is_ok());
    assert_eq!(world.server_events, [], "never away");
}

/// A check of the client's, signed as it should be.
fn check(priority: u32, extra: &[u16]) -> Vec<u8> {
    let mut builder = Builder::new(BINDING_REQUEST, [9; 12])
        .attribute(attribute::USERNAME, b"sfu0:web0")
        .attribute(attribute::PRIORITY, &priority.to_be_bytes());
    for kind in extra {
        builder = builder.attribute(*kind, &[]);
    }
    let identity = Identity::generate().unwrap();
    let password = credentials("sfu0").password;
    let key = identity
        .crypto()
        .new_hmac(rtc_crypto::HmacAlgorithm::Sha1, password.as_bytes());
    builder.finish(&mut *key.unwrap())
}

/// What an admitted client can do who writes somebody else's address on its datagrams.
#[test]
fn an_address_that_never_answers_gets_no_media_and_little_else() {
    let mut world = World::connected();
    let victim = address(2);
    let nominating = check(u32::MAX, &[attribute::USE_CANDIDATE]);
    let dtls = vec![22, 254, 253, 0, 0, 0, 0, 0, 1, 0, 0];
    let (mut came, mut sent) = (0, 0);
    for round in 0..300u16 {
        for datagram in [&nominating, &dtls, &world.client_packet(round + 1)] {
            came += datagram.len();
            let _ = world.deliver(victim, datagram);
        }
        while let Some(transmit) = world.server.poll_transmit() {
            if transmit.destination == victim {
                sent += transmit.contents.len();
            }
        }
        assert_eq!(world.server.selected(), Some(from(address(1))));
        world.run(Duration::from_millis(100));
    }
    assert!(sent <= 3 * came, "{sent} {came}");
    assert!(world.server.is_connected());
    assert_eq!(world.server_events, []);
}

#[test]
fn a_first_address_that_never_answers_is_not_used_and_repeats_to_it_are_bounded() {
    let mut world = World::new();
    world.uplink = Box::new(|_| vec![]);
    world.exchange();
    let nominating = check(u32::MAX, &[attribute::USE_CANDIDATE]);
    let _ = world.deliver(address(2), &nominating);
    let mut sent = 0;
    for _ in 0..29 {
        while let Some(transmit) = world.server.poll_transmit() {
            assert_eq!(transmit.destination, address(2));
            sent += transmit.contents.len();
        }
        world.now += Duration::from_secs(1);
        world.server.handle_timeout(world.now);
    }
    assert!(sent > 0 && sent <= 3 * nominating.len(), "{sent}");
    assert_eq!(world.server.selected(), None);
}

#[test]
fn a_peer_that_is_heard_but_does_not_answer_any_more_is_sent_nothing_after_thirty_seconds() {
    let mut world = World::connected();
    // As when the packets come from elsewhere: nobody there reads our checks.
    world.uplink = Box::new(|datagram| {
        let is_answer = datagram.starts_with(&[1, 1]);
        if is_answer { vec![] } else { vec![datagram] }
    });
    world.run(Duration::from_secs(23));
    assert!(world.server.is_connected());
    world.run(Duration::from_secs(7));
    assert!(!world.server.is_connected());
    assert_eq!(
        world.server_events,
        [TransportEvent::Disconnected(DisconnectReason::Silence)]
    );
    world.uplink = Box::new(|datagram| vec![datagram]);
    world.run(Duration::from_secs(3));
    assert!(world.server.is_connected(), "and comes back by an answer");
}

#[test]
fn a_peer_that_answers_stays_and_is_checked_every_five_seconds_or_so() {
    let mut world = World::connected();
    let counted = std::rc::Rc::new(std::cell::Cell::new(0));
    let counter = counted.clone();
    world.downlink = Box::new(move |datagram| {
        counter.set(counter.get() + u32::from(datagram.starts_with(&[0, 1])));
        vec![datagram]
    });
    world.run(Duration::from_secs(300));
    assert!((50..=75).contains(&counted.get()), "{}", counted.get());
    assert_eq!(world.server_events, []);
}

#[test]
fn a_peer_that_falls_silent_is_gone_and_may_come_back() {
    let mut world = World::connected();
    world.uplink = Box::new(|_| vec![]);
    // The last check came a second ago at most, and the core's clock looks every 20 ms.
    world.run(Duration::from_millis(11_900));
    assert_eq!(world.server_events, []);
    world.run(Duration::from_millis(2_100));
    assert_eq!(
        world.server_events,
        [TransportEvent::Disconnected(DisconnectReason::Silence)]
    );
    assert!(!world.server.is_connected());
    world.uplink = Box::new(|datagram| vec![datagram]);
    world.run(Duration::from_secs(3));
    assert_eq!(world.server_events.last(), Some(&TransportEvent::Connected));
}

/// Of the client's datagrams only the answers to checks of ours.
fn only_answers(datagram: Vec<u8>) -> Vec<Vec<u8>> {
    let is_answer = datagram.starts_with(&[1, 1]);
    if is_answer { vec![datagram] } else { vec![] }
}

#[test]
fn a_peer_that_sends_nothing_but_answers_is_there_and_is_missed_when_it_stops() {
    let mut world = World::connected();
    world.uplink = Box::new(only_answers);
    world.run(Duration::from_secs(600));
    assert_eq!(world.server_events, []);
    assert!(world.server.is_connected());
    world.uplink = Box::new(|_| vec![]);
    world.run(Duration::from_secs(14));
    assert_eq!(
        world.server_events,
        [TransportEvent::Disconnected(DisconnectReason::Silence)]
    );
}

#[test]
fn a_silent_peer_is_asked_until_its_consent_ends_and_comes_back_by_an_answer() {
    let mut world = World::connected();
    world.uplink = Box::new(|_| vec![]);
    world.run(Duration::from_secs(20));
    assert!(!world.server.is_connected());
    world.uplink = Box::new(only_answers);
    world.run(Duration::from_secs(2));
    assert!(world.server.is_connected());

    world.uplink = Box::new(|_| vec![]);
    world.run(Duration::from_secs(31));
    assert!(!world.server.is_connected());
    assert_eq!(world.server.poll_timeout(), None, "and nothing is due any more");
    let since = std::rc::Rc::new(std::cell::Cell::new(0));
    let sent = since.clone();
    world.downlink = Box::new(move |datagram| {
        sent.set(sent.get() + 1);
        vec![datagram]
    });
    world.run(Duration::from_secs(60));
    assert_eq!(since.get(), 0, "nor is anything sent");
}

#[test]
fn a_peer_that_never_comes_is_given_up() {
    let mut world = World::new();
    world.uplink = Box::new(|_| vec![]);
    world.run(Duration::from_secs(29));
    assert_eq!(world.server_events, []);
    world.run(Duration::from_secs(1));
    assert_eq!(
        world.server_events,
        [TransportEvent::Disconnected(DisconnectReason::NeverConnected)]
    );
}

#[test]
fn a_forged_packet_does_not_keep_a_dead_peer_alive() {
    let mut world = World::connected();
    let mut packet = world.client_packet(1);
    *packet.last_mut().unwrap() ^= 1;
    world.uplink = Box::new(|_| vec![]);
    for _ in 0..14 {
        world.run(Duration::from_secs(1));
        let _ = world.deliver(address(1), &packet);
    }
    assert_eq!(
        world.server_events,
        [TransportEvent::Disconnected(DisconnectReason::Silence)]
    );
}

#[test]
fn a_peer_that_says_good_bye_is_gone_at_once() {
    let mut world = World::connected();
    world.client.close(world.now);
    world.exchange();
    assert_eq!(
        world.server_events,
        [TransportEvent::Disconnected(DisconnectReason::ClosedByPeer)]
    );
    let check = [0; 20];
    assert_eq!(world.deliver(address(1), &check), Err(DropReason::Closed));
}

#[test]
fn closing_tells_the_peer() {
    let mut world = World::connected();
    world.server.close(world.now);
    world.exchange();
    assert!(!world.server.is_connected());
    assert_eq!(
        world.client_events.last(),
        Some(&TransportEvent::Disconnected(DisconnectReason::ClosedByPeer))
    );
    assert_eq!(world.server_events, []);
}

#[test]
fn forged_dtls_neither_closes_an_association_nor_fills_memory() {
    let mut world = World::connected();
    let alert = [21, 254, 253, 0, 0, 0, 0, 0, 0, 9, 9, 0, 2, 2, 40];
    let _ = world.deliver(address(1), &alert);
    let mut fragment = vec![
        22, 254, 253, 0, 0, 0, 0, 0, 1, 0, 0, 4, 12, 11, 0, 4, 0, 0, 9, 0, 0, 0, 0, 4, 0,
    ];
    fragment.resize(25 + 1024, 7);
    let outcomes: Vec<_> = (0..64).map(|_| world.deliver(address(1), &fragment)).collect();
    assert_eq!(outcomes.last(), Some(&Err(DropReason::DtlsOverflow)));
    world.exchange();
    let packet = world.client_packet(1);
    assert!(world.deliver(address(1), &packet).is_ok());
    assert_eq!(world.server_events, []);
}

/// Garbage of every first byte and many lengths, before and after the handshake.
#[test]
fn no_datagram_makes_it_panic() {
    for mut world in [World::new(), World::connected()] {
        let mut state = 1u32;
        for round in 0..20_000u32 {
            let length = (round % 97) as usize;
            let mut datagram: Vec<u8> = (0..length)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 17;
                    state ^= state << 5;
                    state as u8
                })
                .collect();
            if let Some(first) = datagram.first_mut() {
                *first = (round % 256) as u8;
            }
            let _ = world.deliver(address(1), &datagram);
            while world.server.poll_transmit().is_some() {}
        }
    }
}
