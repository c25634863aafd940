//! Sound and picture stay together: from the sender reports a receiver must find the moments at which they
//! were taken, as far apart as they were.

use hearken_protocol::TrackSource;

use super::peer::Holes;
use super::world::{Line, World};

/// For each packet since then: when the receiver thinks it was taken minus when it was, in ms.
fn offsets(world: &World, receiver: usize, publisher: usize, is_audio: bool, since_ms: u64) -> Vec<f64> {
    let peer = &world.peers[receiver];
    peer.got(world.peers[publisher].id, is_audio, since_ms)
        .iter()
        .filter_map(|received| Some(peer.taken_by_reports(received)? - received.stamp.taken_ms as f64))
        .collect()
}

fn spread(offsets: &[f64]) -> (f64, f64) {
    let low = offsets.iter().copied().fold(f64::INFINITY, f64::min);
    let high = offsets.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (low, high)
}

/// The skew that the receiver would play with, in ms: at most this far from none.
fn skew(world: &World, receiver: usize, publisher: usize, since_ms: u64) -> f64 {
    let audio = spread(&offsets(world, receiver, publisher, true, since_ms));
    let video = spread(&offsets(world, receiver, publisher, false, since_ms));
    assert!(audio.0.is_finite() && video.0.is_finite());
    (audio.1 - video.0).abs().max((video.1 - audio.0).abs())
}

fn call(seed: u64) -> (World, usize, usize) {
    let mut world = World::new(seed);
    let (ann, bob) = (world.join(), world.join());
    // The picture takes 45 ms longer to be sent than the sound, and the line jitters.
    world.lines[ann] = Line {
        jitter_ms: 12,
        ..Line::default()
    };
    world.switch(ann, TrackSource::Microphone, true);
    world.switch(ann, TrackSource::Camera, true);
    world.view(bob, &[(ann, TrackSource::Camera, 180)]);
    world.run(4000);
    (world, ann, bob)
}

#[test]
fn sound_and_picture_are_as_far_apart_as_they_were_taken() {
    let (world, ann, bob) = call(80);
    let skew = skew(&world, bob, ann, world.now_ms() - 900);
    assert!(skew < 1.0, "{skew}");
    let peer = &world.peers[bob];
    assert_eq!(peer.inboxes["4"].cname, peer.inboxes["5"].cname);
    assert!(peer.inboxes["5"].reports >= 3);
}

#[test]
fn they_stay_together_over_switches_of_layers() {
    let (mut world, ann, bob) = call(81);
    for height in [720, 360, 180] {
        world.view(bob, &[(ann, TrackSource::Camera, height)]);
        world.run(1200);
        let skew = skew(&world, bob, ann, world.now_ms() - 400);
        assert!(skew < 1.0, "{height}: {skew}");
    }
    world.peers[bob].check_continuity(Holes::Allowed);
}

#[test]
fn they_stay_together_when_a_slot_changes_hands() {
    let mut world = World::new(82);
    let small = super::wire::OfferStyle {
        pairs: 1,
        ..Default::default()
    };
    let (ann, bob, cas) = (world.join_as(small), world.join_as(small), world.join_as(small));
    for peer in [bob, cas] {
        world.lines[peer] = Line {
            jitter_ms: 10,
            delay_ms: 30,
            ..Line::default()
        };
        world.switch(peer, TrackSource::Microphone, true);
        world.switch(peer, TrackSource::Camera, true);
    }
    for shown in [bob, cas, bob] {
        // With one pair for two people only who speaks is heard.
        for peer in [bob, cas] {
            world.peers[peer].level = if peer == shown { 30 } else { 127 };
        }
        world.view(ann, &[(shown, TrackSource::Camera, 360)]);
        world.run(2500);
        let skew = skew(&world, ann, shown, world.now_ms() - 900);
        assert!(skew < 1.0, "{skew}");
    }
    world.peers[ann].check_continuity(Holes::Allowed);
}

#[test]
fn a_report_comes_with_the_first_packets_of_a_switch() {
    let (mut world, ann, bob) = call(83);
    let before = world.peers[bob].inboxes["5"].reports;
    world.view(bob, &[(ann, TrackSource::Camera, 720)]);
    let since = world.now_ms();
    world.run(400);
    let peer = &world.peers[bob];
    let switched = peer
        .got(world.peers[ann].id, false, since)
        .iter()
        .find(|r| r.stamp.layer == 2)
        .unwrap()
        .at_ms;
    let (_, _, reported) = peer.inboxes["5"].report.unwrap();
    assert!(peer.inboxes["5"].reports > before);
    assert!(reported.abs_diff(switched) <= 20, "{switched} {reported}");
}

#[test]
fn sound_that_stops_its_clock_while_muted_goes_on_later() {
    let (mut world, ann, bob) = call(84);
    world.switch(ann, TrackSource::Microphone, false);
    world.run(20_000);
    world.peers[ann]
        .sender(TrackSource::Microphone, 0)
        .stop_clock(20_000);
    world.switch(ann, TrackSource::Microphone, true);
    let since = world.now_ms();
    world.run(3000);
    let got = world.peers[bob].got(world.peers[ann].id, true, since);
    assert!(got.len() > 140);
    // Twenty seconds have passed, and so they did for the receiver.
    let before = world.peers[bob]
        .received
        .iter()
        .rfind(|r| r.vp8.is_none() && r.at_ms < since)
        .unwrap();
    let passed = got[0].timestamp.wrapping_sub(before.timestamp) / 48;
    assert!((19_500..20_500).contains(&passed), "{passed}");
    world.peers[bob].check_continuity(Holes::Allowed);
    let skew = skew(&world, bob, ann, world.now_ms() - 900);
    assert!(skew < 1.0, "{skew}");
}
