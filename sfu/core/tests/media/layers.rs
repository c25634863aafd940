//! Which layer each subscriber gets, and how it changes over.

use hearken_protocol::TrackSource;

use super::peer::{Holes, Received};
use super::world::World;

fn layers_since(world: &World, receiver: usize, publisher: usize, since_ms: u64) -> Vec<u8> {
    let got = world.peers[receiver].got(world.peers[publisher].id, false, since_ms);
    let mut layers: Vec<u8> = got
        .iter()
        .map(|received: &&Received| received.stamp.layer)
        .collect();
    layers.dedup();
    layers
}

#[test]
fn each_gets_the_layer_that_fits_its_tile_and_nobody_who_does_not_look() {
    let mut world = World::new(50);
    let (ann, bob, cas, dan) = (world.join(), world.join(), world.join(), world.join());
    world.switch(ann, TrackSource::Camera, true);
    world.view(bob, &[(ann, TrackSource::Camera, 170)]);
    world.view(cas, &[(ann, TrackSource::Camera, 900)]);
    world.run(2000);
    let since = world.now_ms();
    world.run(1000);
    assert_eq!(layers_since(&world, bob, ann, since), [0]);
    assert_eq!(layers_since(&world, cas, ann, since), [2]);
    assert!(world.peers[dan].got(world.peers[ann].id, false, 0).is_empty());
    for peer in [bob, cas] {
        world.peers[peer].check_continuity(Holes::Forbidden);
    }
}

#[test]
fn a_switch_waits_for_a_key_frame_and_leaves_no_seam() {
    let mut world = World::new(51);
    let (ann, bob) = (world.join(), world.join());
    world.switch(ann, TrackSource::Camera, true);
    for height in [180, 720, 360, 180] {
        world.view(bob, &[(ann, TrackSource::Camera, height)]);
        world.run(1500);
    }
    let layers = layers_since(&world, bob, ann, 0);
    assert_eq!(layers, [0, 2, 1, 0]);
    world.peers[bob].check_continuity(Holes::Forbidden);
    // Frames stay evenly spaced over the switches: 40 ms of 90 kHz, give or take the layers' phases.
    let got = world.peers[bob].got(world.peers[ann].id, false, 0);
    for pair in got
        .windows(2)
        .filter(|pair| pair[0].timestamp != pair[1].timestamp)
    {
        let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
        assert!((1..=9000).contains(&step), "{step}");
    }
    let switches = got
        .windows(2)
        .filter(|pair| pair[0].stamp.layer != pair[1].stamp.layer);
    assert!(switches.into_iter().all(|pair| pair[1].vp8.unwrap().key));
}

#[test]
fn a_layer_that_stops_is_replaced_and_one_that_never_comes_not_waited_for() {
    let mut world = World::new(52);
    let (ann, bob) = (world.join(), world.join());
    world.switch(ann, TrackSource::Camera, true);
    world.peers[ann].sender(TrackSource::Camera, 2).is_on = false;
    world.view(bob, &[(ann, TrackSource::Camera, 720)]);
    world.run(1500);
    assert_eq!(layers_since(&world, bob, ann, 0).last(), Some(&1));
    world.peers[ann].sender(TrackSource::Camera, 1).is_on = false;
    world.run(3000);
    let since = world.now_ms() - 1000;
    assert_eq!(layers_since(&world, bob, ann, since), [0]);
    world.peers[bob].check_continuity(Holes::Forbidden);
}

#[test]
fn requests_for_key_frames_are_merged_and_throttled() {
    let mut world = World::new(53);
    let ann = world.join();
    let viewers: Vec<usize> = (0..5).map(|_| world.join()).collect();
    world.switch(ann, TrackSource::Camera, true);
    for viewer in &viewers {
        world.view(*viewer, &[(ann, TrackSource::Camera, 180)]);
    }
    world.run(2000);
    let since = world.now_ms();
    // All of them ask every 10 ms for two seconds.
    for _ in 0..200 {
        for viewer in &viewers {
            let peer = &world.peers[*viewer];
            let mid = peer
                .slot_of(world.peers[ann].id, TrackSource::Camera)
                .unwrap()
                .mid
                .clone();
            let ssrcs = &peer.answer.as_ref().unwrap().ssrcs;
            let ssrc = *ssrcs
                .iter()
                .find(|(_, (of, is_rtx))| *of == mid && !is_rtx)
                .unwrap()
                .0;
            let request = super::wire::rtcp_packet(1, 206, &[1, ssrc]);
            let sealed = world.peers[*viewer].seal_rtcp(&request).unwrap();
            world.send_from(*viewer, sealed);
        }
        world.run(10);
    }
    world.run(50);
    let asked = world.peers[ann]
        .sender(TrackSource::Camera, 0)
        .plis
        .iter()
        .filter(|at| **at > since)
        .count();
    assert!((3..=5).contains(&asked), "{asked}");
    assert_eq!(world.counters().plis_received, 1000);
}

#[test]
fn heavy_loss_brings_a_smaller_layer_and_calm_the_large_one_back() {
    let mut world = World::new(54);
    let (ann, bob) = (world.join(), world.join());
    world.peers[bob].tells_arrivals = false;
    world.switch(ann, TrackSource::Camera, true);
    world.view(bob, &[(ann, TrackSource::Camera, 720)]);
    world.run(2000);
    world.peers[bob].reported_loss = 100;
    world.run(6000);
    let since = world.now_ms() - 500;
    assert_eq!(layers_since(&world, bob, ann, since), [0]);
    world.peers[bob].reported_loss = 0;
    world.run(50_000);
    let since = world.now_ms() - 500;
    assert_eq!(layers_since(&world, bob, ann, since), [2]);
    world.peers[bob].check_continuity(Holes::Forbidden);
}

#[test]
fn a_camera_switched_off_and_on_comes_back_with_a_key_frame() {
    let mut world = World::new(55);
    let (ann, bob) = (world.join(), world.join());
    world.switch(ann, TrackSource::Camera, true);
    world.view(bob, &[(ann, TrackSource::Camera, 180)]);
    world.run(1500);
    world.switch(ann, TrackSource::Camera, false);
    world.run(4000);
    assert!(!world.is_live(ann, TrackSource::Camera));
    world.switch(ann, TrackSource::Camera, true);
    let since = world.now_ms();
    world.run(1000);
    let id = world.peers[ann].id;
    let got = world.peers[bob].got(id, false, since);
    assert!(got.len() > 15 && got[0].vp8.unwrap().key);
    world.peers[bob].check_continuity(Holes::Forbidden);
}

#[test]
fn a_stream_under_another_ssrc_is_still_the_same_layer() {
    let mut world = World::new(56);
    let (ann, bob) = (world.join(), world.join());
    world.switch(ann, TrackSource::Camera, true);
    world.view(bob, &[(ann, TrackSource::Camera, 180)]);
    world.run(1500);
    world.peers[ann].sender(TrackSource::Camera, 0).ssrc ^= 0x55;
    let since = world.now_ms() + 800;
    world.run(2000);
    assert!(world.peers[bob].got(world.peers[ann].id, false, since).len() > 25);
    world.peers[bob].check_continuity(Holes::Forbidden);
}
