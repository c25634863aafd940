//! Bursts of video wait before a receiver's line, a moment and no longer.

use std::collections::BTreeMap;
use std::time::Duration;

use hearken_netsim::{Bottleneck, Conditions};
use hearken_protocol::TrackSource;
use hearken_sfu_core::DropCause;

use super::peer::{Holes, Received};
use super::wire::OfferStyle;
use super::world::World;

/// Nothing may wait longer in the core.
const WAIT_MAX: Duration = Duration::from_millis(100);

fn line(kbit: u64) -> Conditions {
    Conditions {
        delay: Duration::from_millis(20),
        bottleneck: Some(Bottleneck::kbit(kbit, 300)),
        ..Conditions::default()
    }
}

/// So many with voice and camera, and one who looks at all of them, in this size, over a line of its own.
fn stage(seed: u64, people: usize, height: u16, kbit: u64) -> (World, Vec<usize>, usize) {
    let mut world = World::new(seed);
    let style = OfferStyle {
        pairs: people + 1,
        ..OfferStyle::default()
    };
    let stage: Vec<usize> = (0..people).map(|_| world.join_as(style)).collect();
    for publisher in &stage {
        world.switch(*publisher, TrackSource::Microphone, true);
        world.switch(*publisher, TrackSource::Camera, true);
    }
    let viewer = world.join_as(style);
    world.downlink(viewer).set(line(kbit));
    look(&mut world, viewer, &stage, height);
    world.run(12_000);
    (world, stage, viewer)
}

fn look(world: &mut World, viewer: usize, stage: &[usize], height: u16) {
    let shown: Vec<_> = stage
        .iter()
        .map(|publisher| (*publisher, TrackSource::Camera, height))
        .collect();
    world.view(viewer, &shown);
}

/// Everybody's next picture is a key frame, of so many packets in the smallest layer, and all come at once.
fn key_frames(world: &mut World, stage: &[usize], packets: usize) {
    for publisher in stage {
        for layer in 0..3 {
            let sender = world.peers[*publisher].sender(TrackSource::Camera, layer);
            sender.packets_per_key_frame = packets << layer;
            sender.key_frame_wanted = true;
        }
    }
}

/// How late the sound was at most since then: beside encoding and the way to the server.
fn latest_sound(world: &World, viewer: usize, stage: &[usize], since_ms: u64) -> u64 {
    let sound = stage.iter().flat_map(|publisher| {
        let id = world.peers[*publisher].id;
        world.peers[viewer].got(id, true, since_ms)
    });
    let delay = sound.map(|packet| packet.at_ms - packet.stamp.taken_ms - 5 - 15);
    delay.max().unwrap()
}

/// The packets of each of somebody's pictures that came since then, by when it was taken.
fn pictures(world: &World, viewer: usize, publisher: usize, since_ms: u64) -> BTreeMap<u64, Vec<&Received>> {
    let mut pictures = BTreeMap::<u64, Vec<&Received>>::new();
    for packet in world.peers[viewer].got(world.peers[publisher].id, false, since_ms) {
        pictures.entry(packet.stamp.taken_ms).or_default().push(packet);
    }
    pictures
}

fn given_up(world: &World) -> u64 {
    world.counters().drops.get(DropCause::Pacing)
}

/// Without pacing, 25 to 292 packets are lost here.
#[test]
fn key_frames_of_several_people_at_once_do_not_fill_a_narrow_line() {
    for (seed, kbit, packets) in [(300, 500, 16), (301, 700, 16), (302, 1000, 20), (303, 1500, 30)] {
        let (mut world, stage, viewer) = stage(seed, 3, 720, kbit);
        let lost = world.downlink(viewer).tally().overflowed;
        let since_ms = world.now_ms();
        key_frames(&mut world, &stage, packets);
        world.run(6000);
        let lost = world.downlink(viewer).tally().overflowed - lost;
        assert!(lost <= 3, "{kbit} kbit/s: {lost} packets lost");
        let sound = latest_sound(&world, viewer, &stage, since_ms);
        assert!(sound <= 325, "{kbit} kbit/s: {sound} ms");
        let counters = world.counters();
        assert!(counters.paced_packets > 10 && counters.videos_given_up > 0);
        assert!(counters.paced_longest <= WAIT_MAX, "{:?}", counters.paced_longest);
        // The shell is told of it: what waits once more behind a TCP connection has so much less time.
        let longest = u32::try_from(counters.paced_longest.as_micros().div_ceil(1000));
        assert_eq!(Ok(u32::from(world.longest_wait_ms)), longest);
        world.peers[viewer].check_continuity(Holes::Allowed);
        // Every picture has come back, or its viewer knows why not.
        let last_ms = world.now_ms() - 1500;
        for publisher in stage {
            let told = world.pauses(viewer);
            let told = told.iter().rev().find(|(_, paused, _)| *paused == publisher);
            let is_paused = told.is_some_and(|(_, _, is_paused)| *is_paused);
            let shown = pictures(&world, viewer, publisher, last_ms).len();
            assert!(is_paused || shown > 0, "{kbit} kbit/s: {shown} pictures");
        }
    }
}

#[test]
fn a_line_that_falls_while_video_waits_loses_old_video_first_and_goes_on_with_a_key_frame() {
    for seed in 310..314 {
        let (mut world, stage, viewer) = stage(seed, 2, 720, 3000);
        let other = world.join();
        look(&mut world, other, &stage, 720);
        world.run(2000);
        let since_ms = world.now_ms();
        world.downlink(viewer).set(line(450));
        // A key frame begins to wait as soon as the line has fallen.
        world.run(150);
        key_frames(&mut world, &stage, 12);
        world.run(6000);
        assert!(given_up(&world) > 0, "{seed}");
        assert!(world.counters().paced_longest <= WAIT_MAX);
        world.peers[viewer].check_continuity(Holes::Allowed);
        // A picture is whole again soon: from a key frame on, of the smallest layer.
        let whole = stage.iter().find_map(|publisher| {
            let pictures = pictures(&world, viewer, *publisher, since_ms + 300);
            let mut keys = pictures.values().filter(|packets| {
                let first = packets[0];
                first.vp8.unwrap().key && first.stamp.layer == 0 && packets.len() >= 12
            });
            keys.next().map(|packets| packets.last().unwrap().at_ms)
        });
        let whole_ms = whole.unwrap() - since_ms;
        assert!(whole_ms <= 2500, "{seed}: {whole_ms} ms");
        // Who has a better line notices nothing.
        world.peers[other].check_continuity(Holes::Forbidden);
        for publisher in &stage {
            let shown = pictures(&world, other, *publisher, since_ms);
            assert!(shown.len() >= 150, "{seed}: {}", shown.len());
            assert!(
                shown.values().all(|packets| packets[0].stamp.layer == 2),
                "{seed}"
            );
        }
    }
}

#[test]
fn a_large_key_frame_on_a_good_line_is_spread_and_comes_whole() {
    let (mut world, stage, viewer) = stage(320, 1, 720, 100_000);
    let since_ms = world.now_ms();
    key_frames(&mut world, &stage, 20);
    world.run(500);
    let pictures = pictures(&world, viewer, stage[0], since_ms);
    let key = pictures.values().find(|packets| packets[0].vp8.unwrap().key);
    let key = key.unwrap();
    assert_eq!((key.len(), key[0].stamp.layer), (80, 2));
    let took_ms = key.last().unwrap().at_ms - key[0].at_ms;
    assert!((40..=95).contains(&took_ms), "{took_ms} ms");
    assert_eq!((given_up(&world), world.counters().videos_given_up), (0, 0));
    assert!(world.counters().paced_longest <= WAIT_MAX);
    world.peers[viewer].check_continuity(Holes::Forbidden);
}

/// There is nothing smaller to have: it must come as it is.
#[test]
fn a_screen_comes_through_however_large_its_key_frame_is_for_the_line() {
    let (mut world, _, viewer) = stage(330, 1, 180, 1200);
    let ann = world.join();
    let sender = world.peers[ann].sender(TrackSource::Screen, 0);
    sender.packets_per_key_frame = 60;
    world.switch(ann, TrackSource::Screen, true);
    world.run(200);
    world.view(viewer, &[(ann, TrackSource::Screen, 1080)]);
    let since_ms = world.now_ms();
    world.run(6000);
    let pictures = pictures(&world, viewer, ann, since_ms);
    let mut keys = pictures.values().filter(|packets| packets[0].vp8.unwrap().key);
    let whole = keys.find(|packets| {
        let indices: std::collections::BTreeSet<u64> = packets.iter().map(|packet| packet.index).collect();
        indices.len() == 60
    });
    let took_ms = whole.unwrap().last().unwrap().at_ms - since_ms;
    assert!(took_ms <= 3000, "{took_ms} ms");
    assert!(world.counters().paced_longest <= WAIT_MAX);
    world.peers[viewer].check_continuity(Holes::Allowed);
}

/// Who had a pair is gone while their key frame waits: nothing of it goes out under another's name.
#[test]
fn what_waits_is_forgotten_with_its_owner() {
    for (seed, leaves) in [(340, true), (341, false)] {
        let mut world = World::new(seed);
        let style = OfferStyle {
            pairs: 1,
            ..OfferStyle::default()
        };
        let (ann, bob, viewer) = (world.join_as(style), world.join_as(style), world.join_as(style));
        for publisher in [ann, bob] {
            world.switch(publisher, TrackSource::Camera, true);
            world.switch(publisher, TrackSource::Microphone, true);
        }
        world.peers[ann].level = 20;
        look(&mut world, viewer, &[ann, bob], 720);
        world.downlink(viewer).set(line(1000));
        world.run(8000);
        let (ann_id, bob_id) = (world.peers[ann].id, world.peers[bob].id);
        assert!(world.peers[viewer].slot_of(ann_id, TrackSource::Camera).is_some());
        // No packet is lost on the way any more.
        world.downlink(viewer).set(Conditions {
            delay: Duration::from_millis(20),
            ..Conditions::default()
        });
        let since_ms = world.now_ms();
        key_frames(&mut world, &[ann], 20);
        while world.peers[ann].sender(TrackSource::Camera, 2).key_frame_wanted {
            world.run(1);
        }
        let paced = world.counters().paced_packets;
        world.run(15 + 10);
        assert!(world.counters().paced_packets > paced + 3);
        if leaves {
            world.leave(ann);
        } else {
            // Somebody else speaks, and there is only one pair.
            world.peers[ann].level = 127;
            world.peers[bob].level = 20;
        }
        world.run(4000);
        assert!(world.peers[viewer].slot_of(bob_id, TrackSource::Camera).is_some());
        if leaves {
            let key = pictures(&world, viewer, ann, since_ms);
            let key = key.values().find(|packets| packets[0].vp8.unwrap().key);
            let key = key.map_or(0, Vec::len);
            assert!((1..80).contains(&key), "{key}");
        }
        let got = pictures(&world, viewer, bob, world.now_ms() - 1000);
        assert!(got.len() >= 24, "{}", got.len());
        assert!(world.counters().paced_longest <= WAIT_MAX);
        world.peers[viewer].check_continuity(Holes::Allowed);
    }
}

/// Ten people who all see each other well, as a load test has them: the way of a packet is as short as without.
#[test]
fn on_good_lines_next_to_nothing_waits() {
    let mut world = World::new(350);
    let style = OfferStyle {
        pairs: 10,
        ..OfferStyle::default()
    };
    let people: Vec<usize> = (0..10).map(|_| world.join_as(style)).collect();
    for person in &people {
        world.switch(*person, TrackSource::Camera, true);
        look(&mut world, *person, &people, 720);
    }
    world.run(5000);
    let before = world.counters().clone();
    world.run(5000);
    let after = world.counters();
    let forwarded = after.sent.video.packets - before.sent.video.packets;
    let paced = after.paced_packets - before.paced_packets;
    assert!(
        forwarded > 40_000 && paced * 1000 <= forwarded,
        "{paced} of {forwarded}"
    );
    assert_eq!(after.videos_given_up, before.videos_given_up);
}
