//! What those can do who write another's address on their datagrams, forge, replay or send nonsense: nothing.

use super::*;
use crate::transport::stun::{BINDING_REQUEST, Builder, attribute};

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
