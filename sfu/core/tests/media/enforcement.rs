//! What is not granted never gets through, and forged packets don't either.

use hearken_protocol::{MediaEvent, MediaGrants, TrackSource};
use hearken_sfu_core::DropCause;
use hearken_sfu_core::transport::DropReason;
use rand::Rng;

use super::peer::Holes;
use super::world::{EVERYTHING, World};
use crate::wire::{self, Stamp};

const MUTED: MediaGrants = MediaGrants {
    microphone: false,
    ..EVERYTHING
};

#[test]
fn a_muted_microphone_is_silent_at_once_for_people_and_captions_and_goes_on_without_a_gap() {
    let mut world = World::new(20);
    let (ann, bob) = (world.join(), world.join());
    world.switch(ann, TrackSource::Microphone, true);
    world.run(1000);
    let id = world.peers[ann].id;
    assert!(world.is_live(ann, TrackSource::Microphone));
    world.grant(ann, MUTED);
    let (said, muted_at) = (world.speech.len(), world.now_ms());
    assert!(!world.is_live(ann, TrackSource::Microphone));
    world.run(1500);
    // What was under way to Bob still arrives.
    assert!(world.peers[bob].got(id, true, muted_at + 16).is_empty());
    assert_eq!(world.speech.len(), said);
    assert!(world.counters().drops.get(DropCause::NotGranted) > 60);
    world.grant(ann, EVERYTHING);
    let back_at = world.now_ms();
    world.run(1000);
    assert!(world.is_live(ann, TrackSource::Microphone));
    assert!(world.peers[bob].got(id, true, back_at).len() >= 45);
    world.peers[bob].check_continuity(Holes::Forbidden);
    let gap = world.speech[said].sequence - world.speech[said - 1].sequence;
    assert!((70..80).contains(&gap), "{gap}");
}

#[test]
fn a_stopped_camera_is_gone_while_the_voice_goes_on() {
    let mut world = World::new(21);
    let (ann, bob) = (world.join(), world.join());
    world.switch(ann, TrackSource::Microphone, true);
    world.switch(ann, TrackSource::Camera, true);
    world.view(bob, &[(ann, TrackSource::Camera, 360)]);
    world.run(1500);
    world.grant(
        ann,
        MediaGrants {
            camera: false,
            ..EVERYTHING
        },
    );
    let (id, since) = (world.peers[ann].id, world.now_ms() + 16);
    world.run(1000);
    assert!(world.peers[bob].got(id, false, since).is_empty());
    assert!(world.peers[bob].got(id, true, since).len() >= 45);
}

#[test]
fn forged_and_replayed_packets_change_nothing() {
    let mut world = World::new(22);
    let (ann, bob) = (world.join(), world.join());
    world.switch(ann, TrackSource::Microphone, true);
    world.run(500);
    let (source, now_ms) = (world.peers[ann].address, world.now_ms());
    let mut sealed = Vec::new();
    for at in now_ms..now_ms + 20 {
        sealed.extend(world.peers[ann].produce(at));
    }
    let genuine = sealed.into_iter().find(|bytes| bytes[1] & 0x7f == 111).unwrap();
    let before = world.peers[bob].got(world.peers[ann].id, true, 0).len();
    world.inject(source, &genuine);
    for _ in 0..5 {
        world.inject(source, &genuine);
        let mut forged = genuine.clone();
        let at = world.random.random_range(30..forged.len());
        forged[at] ^= 1 << world.random.random_range(0..8);
        forged[3] = forged[3].wrapping_add(1);
        world.inject(source, &forged);
    }
    world.switch(ann, TrackSource::Microphone, false);
    world.run(100);
    let after = world.peers[bob].got(world.peers[ann].id, true, 0).len();
    // Two packets were under way, one is the genuine one.
    assert!(after - before <= 3, "{before} {after}");
    let drops = &world.counters().transport_drops;
    assert_eq!(
        (
            drops.get(DropReason::ReplayedRtp),
            drops.get(DropReason::UnauthenticRtp)
        ),
        (5, 5)
    );
    world.peers[bob].check_continuity(Holes::Allowed);
}

#[test]
fn what_is_too_long_to_be_sent_on_in_one_datagram_is_dropped_where_it_comes_in() {
    let mut world = World::new(26);
    let (ann, _bob) = (world.join(), world.join());
    world.switch(ann, TrackSource::Microphone, true);
    world.run(500);
    let (publisher, source) = (world.peers[ann].id.0, world.peers[ann].address);
    let forwarded = |world: &World| world.counters().sent.audio.packets;
    for (bytes, copies) in [(1_300, 1), (1_500, 0), (4_000, 0)] {
        let (taken_ms, before) = (world.now_ms(), forwarded(&world));
        let stamp = Stamp {
            publisher,
            taken_ms,
            layer: 0,
        };
        let payload = wire::opus(&stamp, bytes);
        let packet = world.peers[ann].produce_payload(TrackSource::Microphone, 0, payload, taken_ms);
        world.inject(source, &packet);
        assert_eq!(forwarded(&world) - before, copies, "{bytes} bytes");
    }
    assert_eq!(world.counters().drops.get(DropCause::Oversized), 2);
}

#[test]
fn packets_from_an_address_that_proved_nothing_are_dropped() {
    let mut world = World::new(23);
    let (ann, _bob) = (world.join(), world.join());
    world.switch(ann, TrackSource::Microphone, true);
    world.run(100);
    let now_ms = world.now_ms();
    let packets: Vec<_> = (now_ms..now_ms + 20)
        .flat_map(|at| world.peers[ann].produce(at))
        .collect();
    let stranger = "10.9.9.9:9999".parse().unwrap();
    for packet in &packets {
        world.inject(stranger, packet);
    }
    assert_eq!(
        world.counters().drops.get(DropCause::UnknownPeer),
        packets.len() as u64
    );
}

#[test]
fn any_bytes_from_an_honest_address_do_no_harm() {
    let mut world = World::new(24);
    let (ann, bob) = (world.join(), world.join());
    let source = world.peers[ann].address;
    for _ in 0..3000 {
        let len = world.random.random_range(0..200);
        let bytes: Vec<u8> = (0..len).map(|_| world.random.random()).collect();
        world.inject(source, &bytes);
    }
    // And authentic nonsense: RTCP with random bodies.
    for _ in 0..1500 {
        let len = 4 * world.random.random_range(1..40);
        let mut packet = vec![
            0x80 | world.random.random_range(0..32),
            world.random.random_range(200..208),
            0,
            0,
        ];
        packet.extend((0..len).map(|_| world.random.random::<u8>()));
        let words = if world.random.random_bool(0.9) {
            len / 4
        } else {
            world.random.random_range(0..99)
        };
        packet[2..4].copy_from_slice(&(words as u16).to_be_bytes());
        let sealed = world.peers[ann].seal_rtcp(&packet).unwrap();
        world.inject(source, &sealed);
    }
    world.switch(bob, TrackSource::Microphone, true);
    world.run(1000);
    assert!(world.peers[ann].got(world.peers[bob].id, true, 0).len() > 40);
}

#[test]
fn whoever_left_is_gone_at_once() {
    let mut world = World::new(25);
    let (ann, bob) = (world.join(), world.join());
    world.switch(ann, TrackSource::Microphone, true);
    world.run(500);
    world.leave(ann);
    let since = world.now_ms() + 16;
    let id = world.peers[ann].id;
    assert!(world.peers[bob].slot_of(id, TrackSource::Microphone).is_none());
    world.run(1000);
    assert!(world.peers[bob].got(id, true, since).is_empty());
    assert_eq!(world.peers[ann].events, ["ClosedByPeer"]);
    assert_eq!(world.core.connections(), 1);
    // No offer is answered any more.
    world.events.clear();
    world.offer(ann);
    assert!(
        !world
            .events
            .iter()
            .any(|(_, event)| matches!(event, MediaEvent::Answer { .. }))
    );
}

#[test]
fn a_browser_that_falls_silent_is_reported_and_can_come_back() {
    let mut world = World::new(26);
    let (ann, bob) = (world.join(), world.join());
    world.switch(ann, TrackSource::Microphone, true);
    world.run(1000);
    let id = world.peers[ann].id;
    let address = world.peers[ann].address;
    world.peers[ann].address = "10.0.0.9:1".parse().unwrap();
    let transport = world.peers[ann].transport.take();
    world.run(14_900);
    let lost = |(_, event): &(u64, MediaEvent)| matches!(event, MediaEvent::Disconnected { participant, .. } if *participant == id);
    assert!(world.events.iter().any(lost));
    assert!(!world.is_live(ann, TrackSource::Microphone));
    world.peers[ann].address = address;
    world.peers[ann].transport = transport;
    let since = world.now_ms();
    world.run(4000);
    assert!(world.peers[bob].got(id, true, since).len() > 50);
    world.peers[bob].check_continuity(Holes::Allowed);
}
