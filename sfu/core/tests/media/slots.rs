//! Who is in which slot, and that nobody is ever taken for another.

use hearken_protocol::{MediaEvent, TrackSource};

use super::peer::Holes;
use super::wire::OfferStyle;
use super::world::World;

#[test]
fn everybody_keeps_a_pair_and_a_screen_takes_another() {
    let mut world = World::new(60);
    let (ann, bob, cas) = (world.join(), world.join(), world.join());
    for peer in [ann, bob, cas] {
        world.switch(peer, TrackSource::Microphone, true);
    }
    world.run(500);
    let (ann_id, bob_id) = (world.peers[ann].id, world.peers[bob].id);
    let mid = |world: &World, whose, source| {
        world.peers[cas]
            .slot_of(whose, source)
            .map(|slot| slot.mid.clone())
    };
    let ann_mid = mid(&world, ann_id, TrackSource::Microphone).unwrap();
    let number: usize = ann_mid.parse().unwrap();
    assert_eq!(
        mid(&world, ann_id, TrackSource::Camera).unwrap(),
        (number + 1).to_string()
    );
    assert_eq!(mid(&world, bob_id, TrackSource::Screen), None);

    world.switch(bob, TrackSource::Screen, true);
    world.switch(bob, TrackSource::ScreenAudio, true);
    world.view(cas, &[(bob, TrackSource::Screen, 1080)]);
    world.run(1500);
    let screen: usize = mid(&world, bob_id, TrackSource::Screen).unwrap().parse().unwrap();
    assert_eq!(
        mid(&world, bob_id, TrackSource::ScreenAudio).unwrap(),
        (screen - 1).to_string()
    );
    assert!(world.peers[cas].got(bob_id, false, 0).len() > 20);
    assert_eq!(mid(&world, ann_id, TrackSource::Microphone).unwrap(), ann_mid);

    world.switch(bob, TrackSource::Screen, false);
    world.switch(bob, TrackSource::ScreenAudio, false);
    world.run(11_000);
    assert_eq!(mid(&world, bob_id, TrackSource::Screen), None);
    world.peers[cas].check_continuity(Holes::Forbidden);
}

#[test]
fn a_freed_slot_is_used_last() {
    let mut world = World::new(61);
    let (ann, bob, _cas) = (world.join(), world.join(), world.join());
    let bob_mid = world.peers[ann]
        .slot_of(world.peers[bob].id, TrackSource::Camera)
        .unwrap()
        .mid
        .clone();
    world.leave(bob);
    assert!(world.peers[ann].slots[&bob_mid].content.is_none());
    let dan = world.join();
    let dan_mid = world.peers[ann]
        .slot_of(world.peers[dan].id, TrackSource::Camera)
        .unwrap()
        .mid
        .clone();
    assert_ne!(dan_mid, bob_mid);
    let eve = world.join();
    assert_eq!(
        world.peers[ann]
            .slot_of(world.peers[eve].id, TrackSource::Camera)
            .unwrap()
            .mid,
        bob_mid
    );
}

#[test]
fn when_pairs_are_short_they_follow_voices_and_eyes() {
    let mut world = World::new(62);
    let small = OfferStyle {
        pairs: 2,
        ..OfferStyle::default()
    };
    let peers: Vec<usize> = (0..5).map(|_| world.join_as(small)).collect();
    for peer in &peers {
        world.switch(*peer, TrackSource::Microphone, true);
        world.switch(*peer, TrackSource::Camera, true);
        world.peers[*peer].level = 100;
    }
    let listener = peers[0];
    world.run(1000);
    for speaker in [3, 4, 1, 2, 4] {
        for peer in &peers {
            world.peers[*peer].level = if *peer == speaker { 20 } else { 100 };
        }
        world.view(listener, &[(speaker, TrackSource::Camera, 180)]);
        world.run(2500);
        let (id, since) = (world.peers[speaker].id, world.now_ms() - 1000);
        assert!(
            world.peers[listener].got(id, true, since).len() > 45,
            "{speaker} is heard"
        );
        assert!(
            world.peers[listener].got(id, false, since).len() > 20,
            "{speaker} is seen"
        );
    }
    // `Peer` checks with every packet that it belongs to whom the slot names.
    for peer in peers {
        world.peers[peer].check_continuity(Holes::Forbidden);
        assert!(
            world.peers[peer]
                .received
                .iter()
                .all(|received| received.is_current || received.vp8.is_none())
        );
    }
}

#[test]
fn no_packet_of_the_last_owner_comes_after_the_slot_was_given_away() {
    let mut world = World::new(63);
    let small = OfferStyle {
        pairs: 1,
        ..OfferStyle::default()
    };
    let (ann, bob, cas) = (world.join_as(small), world.join_as(small), world.join_as(small));
    for peer in [bob, cas] {
        world.switch(peer, TrackSource::Camera, true);
    }
    world.lines[ann].down_loss_percent = 10;
    for round in 0..10 {
        let shown = if round % 2 == 0 { bob } else { cas };
        world.view(ann, &[(shown, TrackSource::Camera, 360)]);
        world.run(700);
    }
    world.peers[ann].check_continuity(Holes::Allowed);
    let generations: Vec<_> = world
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            MediaEvent::Slot {
                participant, slot, ..
            } if *participant == world.peers[ann].id && slot.mid == "5" => {
                Some((slot.generation, slot.content.unwrap().first_rtp_timestamp))
            }
            _ => None,
        })
        .collect();
    assert!(generations.len() >= 9);
    assert!(
        generations
            .windows(2)
            .all(|pair| pair[1].1.wrapping_sub(pair[0].1) as i32 > 0)
    );
}
