//! Ways to the server: UDP, TCP, and from one to another.

use hearken_protocol::{MediaCommand, MediaEvent, OfferRefusal, SessionId, TrackSource};
use hearken_sfu_core::transport::Protocol;

use super::peer::Holes;
use super::wire::OfferStyle;
use super::world::{EVERYTHING, World};

/// Ann by UDP and Bob by TCP, both talking, Bob watching.
fn mixed(seed: u64) -> (World, usize, usize) {
    let mut world = World::new(seed);
    let ann = world.join();
    let bob = world.knock(OfferStyle::default());
    world.peers[bob].protocol = Protocol::Tcp;
    world.admit(bob, EVERYTHING);
    world.offer(bob);
    for peer in [ann, bob] {
        world.switch(peer, TrackSource::Microphone, true);
        world.switch(peer, TrackSource::Camera, true);
    }
    world.view(bob, &[(ann, TrackSource::Camera, 720)]);
    world.view(ann, &[(bob, TrackSource::Camera, 720)]);
    world.run(2000);
    (world, ann, bob)
}

#[test]
fn a_call_comes_up_between_udp_and_tcp() {
    let (mut world, ann, bob) = mixed(70);
    world.run(2000);
    for (sender, receiver) in [(ann, bob), (bob, ann)] {
        let id = world.peers[sender].id;
        let heard = world.peers[receiver].got(id, true, 2000).len();
        let seen = world.peers[receiver].got(id, false, 2000).len();
        assert!(heard >= 98 && seen > 200, "{heard} {seen}");
        world.peers[receiver].check_continuity(Holes::Forbidden);
    }
}

#[test]
fn the_same_numbers_by_tcp_and_by_udp_are_two_ways() {
    let (mut world, ann, bob) = mixed(71);
    let over_udp = {
        let address = world.peers[bob].address;
        move |world: &mut World, bytes: &[u8]| world.inject(address, bytes)
    };
    let unknown = |world: &World| {
        let drops = &world.counters().drops;
        drops.get(hearken_sfu_core::DropCause::UnknownPeer)
    };
    let before = unknown(&world);
    // Something that would be tried as media, had the way been shown to be Bob's.
    over_udp(&mut world, &[0x80; 64]);
    assert_eq!(unknown(&world), before + 1);
    let (id, since) = (world.peers[ann].id, world.now_ms());
    world.run(1000);
    assert!(world.peers[bob].got(id, true, since).len() >= 48, "all by TCP");
}

#[test]
fn when_its_tcp_connection_ends_a_peer_goes_on_by_another() {
    let (mut world, ann, bob) = mixed(72);
    let before = world.pair(bob);
    // Reconnected: another port, and a check over it.
    world.peers[bob].address.set_port(9_999);
    let (address, now) = (world.peers[bob].address, world.now());
    let transport = world.peers[bob].transport.as_mut().unwrap();
    transport.move_to(address, hearken_sfu_core::client::DEFAULT_PRIORITY, now);
    world.run(50);
    assert!(world.core.knows(before) && world.core.knows(world.pair(bob)));
    world.hang_up(before);
    assert!(!world.core.knows(before));
    let (id, since) = (world.peers[ann].id, world.now_ms());
    world.run(1000);
    assert!(world.peers[bob].got(id, true, since).len() >= 46);
    let id = world.peers[bob].id;
    assert!(world.peers[ann].got(id, true, since).len() >= 46);
    assert_eq!(world.core.connections(), 2);
}

#[test]
fn a_peer_whose_only_tcp_connection_ends_is_sent_nothing_and_may_come_back() {
    let (mut world, ann, bob) = mixed(73);
    let before = world.pair(bob);
    world.peers[bob].address.set_port(9_998);
    world.hang_up(before);
    world.run(500);
    let (address, now) = (world.peers[bob].address, world.now());
    let transport = world.peers[bob].transport.as_mut().unwrap();
    transport.move_to(address, hearken_sfu_core::client::DEFAULT_PRIORITY, now);
    world.run(500);
    let (id, since) = (world.peers[ann].id, world.now_ms());
    world.run(1000);
    assert!(world.peers[bob].got(id, true, since).len() >= 48);
    assert_eq!(world.core.connections(), 2);
}

/// What came of the newest offer of a peer.
fn outcome(world: &World, peer: usize) -> Option<OfferRefusal> {
    let id = world.peers[peer].id;
    let newest = world.events.iter().rev().find_map(|(_, event)| match event {
        MediaEvent::Answer { participant, .. } if *participant == id => Some(None),
        MediaEvent::OfferRefused {
            participant, refusal, ..
        } if *participant == id => Some(Some(refusal.clone())),
        _ => None,
    });
    newest.expect("every offer is answered or refused")
}

#[test]
fn a_session_that_outgrows_its_shard_takes_nobody_else_until_there_is_room() {
    let mut world = World::new(74);
    world.core.set_packets_per_second_max(200);
    let (ann, bob) = (world.join(), world.join());
    for (peer, other) in [(ann, bob), (bob, ann)] {
        world.switch(peer, TrackSource::Microphone, true);
        world.switch(peer, TrackSource::Camera, true);
        world.view(peer, &[(other, TrackSource::Camera, 720)]);
    }
    world.run(3000);
    assert!(world.core.packets_per_second() > 200);
    let cleo = world.knock(OfferStyle::default());
    world.admit(cleo, EVERYTHING);
    world.offer(cleo);
    assert_eq!(outcome(&world, cleo), Some(OfferRefusal::SessionOutgrown));
    // Who is in already may load the page anew, and nobody inside is worse off.
    world.reload(bob);
    world.offer(bob);
    assert_eq!(outcome(&world, bob), None);
    assert_eq!(world.core.connections(), 2);

    world.switch(ann, TrackSource::Camera, false);
    world.run(3000);
    world.offer(cleo);
    assert_eq!(outcome(&world, cleo), None);
}

#[test]
fn another_session_on_a_full_shard_is_told_that_the_server_is_full() {
    let mut world = World::new(75);
    world.core.set_packets_per_second_max(50);
    let (ann, bob) = (world.join(), world.join());
    for peer in [ann, bob] {
        world.switch(peer, TrackSource::Microphone, true);
    }
    world.run(3000);
    world.session = SessionId(8);
    world.command(MediaCommand::OpenSession {
        session: SessionId(8),
        captions: false,
    });
    let dora = world.knock(OfferStyle::default());
    world.admit(dora, EVERYTHING);
    world.offer(dora);
    assert_eq!(outcome(&world, dora), Some(OfferRefusal::Full));
}
