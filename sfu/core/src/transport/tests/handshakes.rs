//! How a peer connects, over lines that lose, too, and changes its way.

use super::*;
use crate::transport::dtls::fragmented;

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
