//! What each receiver is sent follows what its line carries.

use std::time::Duration;

use hearken_netsim::{Bottleneck, Conditions};
use hearken_protocol::{Importance, TrackSource, ViewMode};

use super::peer::Holes;
use super::world::World;

/// How many packets a picture of each layer has here: 150, 300 and 1,200 kbit/s.
const PACKETS: [usize; 3] = [1, 2, 8];

/// Somebody with voice and camera.
fn publisher(world: &mut World) -> usize {
    let ann = world.join();
    world.switch(ann, TrackSource::Microphone, true);
    world.switch(ann, TrackSource::Camera, true);
    for (layer, packets) in PACKETS.into_iter().enumerate() {
        world.peers[ann]
            .sender(TrackSource::Camera, layer as u8)
            .packets_per_frame = packets;
    }
    ann
}

/// When pictures of a publisher came, with their layers; those that are whole.
fn pictures(world: &World, viewer: usize, publisher: usize, since_ms: u64) -> Vec<(u64, u8)> {
    let mut packets = std::collections::BTreeMap::<u64, (u64, u8, std::collections::BTreeSet<u64>)>::new();
    for received in world.peers[viewer].got(world.peers[publisher].id, false, since_ms) {
        let picture =
            packets
                .entry(received.stamp.taken_ms)
                .or_insert((0, received.stamp.layer, Default::default()));
        picture.0 = received.at_ms;
        picture.2.insert(received.index);
    }
    packets
        .values()
        .filter(|(_, layer, packets)| packets.len() >= PACKETS[usize::from(*layer)])
        .map(|(at, layer, _)| (*at, *layer))
        .collect()
}

/// The longest time without a new picture, up to now. One that comes after a later one is none.
fn longest_freeze(world: &World, viewer: usize, publisher: usize, since_ms: u64) -> u64 {
    let mut shown = since_ms;
    let mut longest = 0;
    let mut newest = 0;
    for (order, at) in arrivals_in_order(world, viewer, publisher, since_ms) {
        if order > newest {
            longest = longest.max(at.saturating_sub(shown));
            (newest, shown) = (order, at);
        }
    }
    longest.max(world.now_ms() - shown)
}

/// Of whole pictures, in order of their arrival: their place in order of taking, and when they came.
fn arrivals_in_order(world: &World, viewer: usize, publisher: usize, since_ms: u64) -> Vec<(usize, u64)> {
    let pictures = pictures(world, viewer, publisher, since_ms);
    let mut arrivals: Vec<_> = pictures
        .iter()
        .enumerate()
        .map(|(order, (at, _))| (order + 1, *at))
        .collect();
    arrivals.sort_by_key(|(_, at)| *at);
    arrivals
}

fn layers(world: &World, viewer: usize, publisher: usize, since_ms: u64) -> Vec<u8> {
    let mut layers: Vec<u8> = pictures(world, viewer, publisher, since_ms)
        .iter()
        .map(|(_, layer)| *layer)
        .collect();
    layers.dedup();
    layers
}

fn narrow(kbit: u64) -> Conditions {
    Conditions {
        delay: Duration::from_millis(20),
        bottleneck: Some(Bottleneck::kbit(kbit, 200)),
        ..Conditions::default()
    }
}

#[test]
fn the_estimate_rises_within_two_seconds_to_what_is_wanted_and_no_padding_is_sent_beyond() {
    let mut world = World::new(130);
    let (ann, bob) = (world.join(), world.join());
    world.downlink(bob).set(narrow(5000));
    world.peers[ann].sender(TrackSource::Camera, 2).packets_per_frame = 12;
    world.switch(ann, TrackSource::Camera, true);
    world.view(bob, &[(ann, TrackSource::Camera, 720)]);
    world.run(3000);
    let estimate = world.estimate_kbit(bob).unwrap();
    assert!(estimate > 1700, "{estimate}");
    let got = world.peers[bob].got(world.peers[ann].id, false, world.now_ms() - 500);
    assert!(got.iter().all(|received| received.stamp.layer == 2));
    let padding = world.peers[bob].padding;
    assert!(padding > 5);
    world.run(10_000);
    assert!(
        world.peers[bob].padding <= padding + 100,
        "{}",
        world.peers[bob].padding
    );
}

#[test]
fn without_repair_streams_nothing_is_probed_and_reports_of_loss_decide() {
    let mut world = World::new(131);
    let style = super::wire::OfferStyle {
        rtx: false,
        ..Default::default()
    };
    let (ann, bob) = (world.join(), world.join_as(style));
    world.switch(ann, TrackSource::Camera, true);
    world.view(bob, &[(ann, TrackSource::Camera, 720)]);
    world.run(3000);
    assert_eq!((world.estimate_kbit(bob), world.peers[bob].padding), (None, 0));
    world.peers[bob].reported_loss = 100;
    world.run(3000);
    assert!(world.estimate_kbit(bob).is_some());
}

#[test]
fn a_line_that_falls_and_recovers_is_followed_without_a_freeze_and_the_sound_goes_on() {
    for seed in 132..136 {
        let mut world = World::new(seed);
        let ann = publisher(&mut world);
        let (bob, cas) = (world.join(), world.join());
        world.downlink(bob).set(narrow(3000));
        for viewer in [bob, cas] {
            world.view(viewer, &[(ann, TrackSource::Camera, 720)]);
        }
        world.run(6000);
        let since = world.now_ms() - 1000;
        assert_eq!(layers(&world, bob, ann, since), [2]);

        let fell_ms = world.now_ms();
        world.downlink(bob).set(narrow(300));
        world.run(10_000);
        let sound = world.peers[bob].got(world.peers[ann].id, true, fell_ms);
        assert!(sound.len() >= 485, "{} of 500 packets of sound", sound.len());
        let latest = sound
            .iter()
            .map(|packet| packet.at_ms - packet.stamp.taken_ms)
            .max();
        assert!(latest.unwrap() < 400, "{latest:?}");
        let large = world.peers[bob].got(world.peers[ann].id, false, fell_ms);
        let last_large = large
            .iter()
            .filter(|packet| packet.stamp.layer == 2)
            .map(|packet| packet.at_ms);
        assert!(last_large.max().unwrap_or(0) < fell_ms + 1000);
        assert!(
            longest_freeze(&world, bob, ann, fell_ms) <= 1000,
            "{}",
            longest_freeze(&world, bob, ann, fell_ms)
        );
        assert_eq!(layers(&world, bob, ann, fell_ms + 5000), [0]);

        let rose_ms = world.now_ms();
        world.downlink(bob).set(narrow(3000));
        world.run(10_000);
        assert!(longest_freeze(&world, bob, ann, rose_ms) <= 500);
        assert_eq!(
            layers(&world, bob, ann, world.now_ms() - 300),
            [2],
            "{seed}: full within ten seconds"
        );
        world.peers[bob].check_continuity(Holes::Allowed);

        // The other one notices nothing.
        assert_eq!(layers(&world, cas, ann, fell_ms), [2]);
        assert!(longest_freeze(&world, cas, ann, fell_ms) <= 80);
        world.peers[cas].check_continuity(Holes::Forbidden);
    }
}

#[test]
fn a_video_that_does_not_fit_is_announced_as_paused_and_comes_back_by_itself() {
    let mut world = World::new(140);
    let ann = publisher(&mut world);
    let bob = world.join();
    world.downlink(bob).set(narrow(2000));
    world.view(bob, &[(ann, TrackSource::Camera, 180)]);
    world.run(3000);
    assert_eq!(world.pauses(bob), []);
    world.downlink(bob).set(narrow(110));
    world.run(8000);
    let told = world.pauses(bob);
    assert!(
        matches!(told[..], [(_, publisher, true)] if publisher == ann),
        "{told:?}"
    );
    let since = world.now_ms() - 2000;
    assert!(pictures(&world, bob, ann, since).is_empty());
    let sound = world.peers[bob].got(world.peers[ann].id, true, since);
    assert!(sound.len() >= 95, "{}", sound.len());
    world.downlink(bob).set(narrow(2000));
    world.run(10_000);
    let told = world.pauses(bob);
    assert!(
        matches!(told[1..], [(_, publisher, false)] if publisher == ann),
        "{told:?}"
    );
    assert!(pictures(&world, bob, ann, world.now_ms() - 1000).len() >= 24);
    world.peers[bob].check_continuity(Holes::Allowed);
}

#[test]
fn the_pinned_video_is_served_before_the_others_and_then_the_interpreter() {
    let mut world = World::new(141);
    let all: Vec<usize> = (0..3).map(|_| publisher(&mut world)).collect();
    let bob = world.join();
    world.downlink(bob).set(narrow(450));
    let shown: Vec<_> = all
        .iter()
        .map(|whose| (*whose, TrackSource::Camera, 180))
        .collect();
    let important = [(all[2], Importance::Pinned), (all[1], Importance::Interpreter)];
    world.view_as(bob, &shown, &important, ViewMode::Full);
    world.run(12_000);
    let since = world.now_ms() - 4000;
    let counts: Vec<_> = all
        .iter()
        .map(|whose| pictures(&world, bob, *whose, since).len())
        .collect();
    assert!(
        counts[2] >= 95 && counts[0] <= counts[1] && counts[0] < 50,
        "{counts:?}"
    );
}

#[test]
fn with_little_data_only_small_pictures_of_the_most_important_come() {
    let mut world = World::new(142);
    let all: Vec<usize> = (0..3).map(|_| publisher(&mut world)).collect();
    let bob = world.join();
    let shown: Vec<_> = all
        .iter()
        .map(|whose| (*whose, TrackSource::Camera, 720))
        .collect();
    let important = [(all[2], Importance::Pinned)];
    world.view_as(bob, &shown, &important, ViewMode::LowData);
    world.run(4000);
    let since = world.now_ms() - 2000;
    assert_eq!(layers(&world, bob, all[2], since), [0]);
    let shown_count = all
        .iter()
        .filter(|whose| !pictures(&world, bob, **whose, since).is_empty());
    assert_eq!(shown_count.count(), 2);
    let bits: usize = world.downlink(bob).tally().delivered_bytes as usize * 8;
    world.run(5000);
    let rate = (world.downlink(bob).tally().delivered_bytes as usize * 8 - bits) / 5;
    // With three voices.
    assert!(rate < 550_000, "{rate}");
}

#[test]
fn with_sound_only_no_picture_comes_and_nothing_counts_as_paused() {
    let mut world = World::new(143);
    let ann = publisher(&mut world);
    let bob = world.join();
    world.view(bob, &[(ann, TrackSource::Camera, 720)]);
    world.run(2000);
    world.view_as(bob, &[(ann, TrackSource::Camera, 720)], &[], ViewMode::AudioOnly);
    world.run(2000);
    let since = world.now_ms() - 1500;
    assert!(pictures(&world, bob, ann, since).is_empty());
    assert!(world.peers[bob].got(world.peers[ann].id, true, since).len() >= 74);
    assert_eq!(world.pauses(bob), []);
}

#[test]
fn layers_nobody_watches_go_off_after_a_while_and_come_on_at_once() {
    let mut world = World::new(144);
    let ann = publisher(&mut world);
    let bob = world.join();
    world.view(bob, &[(ann, TrackSource::Camera, 360)]);
    let viewed_ms = world.now_ms();
    world.run(12_000);
    let told = world.publishes(ann);
    let (off_ms, layers_told) = *told.last().unwrap();
    assert_eq!(layers_told, [true, true, false], "{told:?}");
    assert!(off_ms >= viewed_ms + 5000, "{told:?}");
    assert!(!world.peers[ann].sender(TrackSource::Camera, 2).is_asked);

    let enlarged_ms = world.now_ms();
    world.view(bob, &[(ann, TrackSource::Camera, 720)]);
    world.run(2000);
    let (on_ms, layers_told) = *world.publishes(ann).last().unwrap();
    // The line had to show first that it carries so much.
    assert!(on_ms < enlarged_ms + 1000 && layers_told == [true; 3]);
    assert_eq!(layers(&world, bob, ann, world.now_ms() - 300), [2]);
    assert!(
        longest_freeze(&world, bob, ann, enlarged_ms) <= 120,
        "the smaller one bridges it"
    );

    world.view(bob, &[]);
    world.run(9000);
    assert_eq!(world.publishes(ann).last().unwrap().1, [true, false, false]);
    world.run(2000);
    assert_eq!(world.publishes(ann).last().unwrap().1, [false; 3]);
    let back_ms = world.now_ms();
    world.view(bob, &[(ann, TrackSource::Camera, 720)]);
    world.run(1500);
    let first = pictures(&world, bob, ann, back_ms)[0];
    assert!(first.0 - back_ms < 300, "back at once, if small: {first:?}");
    assert_eq!(layers(&world, bob, ann, back_ms).last(), Some(&2));
    world.peers[bob].check_continuity(Holes::Forbidden);
}

#[test]
fn nobody_sends_pictures_to_nobody_and_who_joins_finds_them_there() {
    let mut world = World::new(146);
    let ann = publisher(&mut world);
    world.run(12_000);
    assert_eq!(world.publishes(ann).last().unwrap().1, [false; 3]);
    let before = world.counters().received.video.packets;
    world.run(5000);
    assert_eq!(world.counters().received.video.packets, before);

    // The publisher is asked before whoever joins is connected.
    let bob = world.knock(super::wire::OfferStyle::default());
    world.admit(bob, super::world::EVERYTHING);
    world.offer(bob);
    assert_eq!(world.publishes(ann).last().unwrap().1, [true, false, false]);
    world.view(bob, &[(ann, TrackSource::Camera, 720)]);
    world.run(1500);
    let media = world.peers[bob].got(world.peers[ann].id, true, 0)[0].at_ms;
    let first = pictures(&world, bob, ann, 0)[0].0;
    assert!(
        first <= media + 100,
        "sound at {media} ms, a picture at {first} ms"
    );
    world.run(2000);
    assert_eq!(layers(&world, bob, ann, world.now_ms() - 300), [2]);
    world.peers[bob].check_continuity(Holes::Forbidden);
}

#[test]
fn who_connects_anew_is_told_again_what_to_send() {
    let mut world = World::new(145);
    let ann = publisher(&mut world);
    let bob = world.join();
    world.view(bob, &[(ann, TrackSource::Camera, 180)]);
    world.run(10_000);
    assert_eq!(world.publishes(ann).last().unwrap().1, [true, false, false]);
    let count = world.publishes(ann).len();
    world.reload(ann);
    world.offer(ann);
    world.run(600);
    assert_eq!(world.publishes(ann).len(), count + 1);
    assert_eq!(world.publishes(ann).last().unwrap().1, [true, false, false]);
}

/// All there is takes more than is risked on a line that nothing is known of: what the line carries must be found
/// out before anything has gone over it.
#[test]
fn who_comes_later_sees_a_video_that_is_larger_than_the_start_value() {
    let mut world = World::new(279);
    let ann = world.join();
    world.switch(ann, TrackSource::Screen, true);
    world.peers[ann].sender(TrackSource::Screen, 0).packets_per_frame = 40;
    world.run(3000);
    let bob = world.join();
    world.view(bob, &[(ann, TrackSource::Screen, 1080)]);
    world.run(4000);
    let seen = world.peers[bob].got(world.peers[ann].id, false, world.now_ms() - 1000);
    let kbit = seen.len() * 1100 * 8 / 1000;
    assert!(seen.len() > 100, "{} packets, some {kbit} kbit/s", seen.len());
}
