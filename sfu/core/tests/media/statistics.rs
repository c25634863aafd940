//! What is told of people's lines: to whom, how often, and whether it is true.

use std::time::Duration;

use hearken_netsim::{Bottleneck, Conditions};
use hearken_protocol::{LineQuality, LineTrouble, MediaEvent, Statistics, StreamStatistics, TrackSource};

use super::world::World;

/// What was told about somebody's line since then, with the times.
fn told(world: &World, peer: usize, since_ms: u64) -> Vec<(u64, Statistics)> {
    let id = world.peers[peer].id;
    let events = world.events.iter().filter(|(at, _)| *at >= since_ms);
    events
        .filter_map(|(at, event)| match event {
            MediaEvent::Statistics {
                participant,
                statistics,
                ..
            } if *participant == id => Some((*at, statistics.clone())),
            _ => None,
        })
        .collect()
}

fn last(world: &World, peer: usize) -> Statistics {
    told(world, peer, 0).pop().unwrap().1
}

fn stream(
    statistics: &Statistics,
    whose: &World,
    peer: usize,
    source: TrackSource,
) -> Option<StreamStatistics> {
    let id = whose.peers[peer].id;
    statistics
        .streams
        .iter()
        .find(|stream| stream.participant == id && stream.source == source)
        .copied()
}

fn call(seed: u64) -> (World, usize, usize) {
    let mut world = World::new(seed);
    let (ann, bob) = (world.join(), world.join());
    for source in [TrackSource::Microphone, TrackSource::Camera] {
        world.switch(ann, source, true);
    }
    world.view(bob, &[(ann, TrackSource::Camera, 360)]);
    world.run(6000);
    (world, ann, bob)
}

#[test]
fn rates_round_trip_and_layer_are_told_every_two_seconds() {
    let (world, ann, bob) = call(70);
    let times: Vec<u64> = told(&world, bob, 0).iter().map(|(at, _)| *at).collect();
    assert_eq!(times.len(), 3, "{times:?}");
    assert!(
        times
            .windows(2)
            .all(|pair| (1980..=2020).contains(&(pair[1] - pair[0])))
    );
    let (at_ann, at_bob) = (last(&world, ann), last(&world, bob));
    assert_eq!((at_bob.quality, at_bob.trouble), (LineQuality::Good, None));
    // 15 ms each way, and the turn of the core's clock.
    assert!((28..=52).contains(&at_bob.round_trip_ms.unwrap()), "{at_bob:?}");
    assert_eq!(at_ann.receiving.bitrate_bps, 0);
    let sent = stream(&at_ann, &world, ann, TrackSource::Camera).unwrap();
    let seen = stream(&at_bob, &world, ann, TrackSource::Camera).unwrap();
    assert_eq!(seen.layer, Some(1));
    assert!(
        sent.flow.bitrate_bps > 50_000 && seen.flow.bitrate_bps > 50_000,
        "{sent:?} {seen:?}"
    );
    assert!(
        at_ann.sending.bitrate_bps > at_bob.receiving.bitrate_bps,
        "three layers against one"
    );
    assert!(stream(&at_bob, &world, ann, TrackSource::Microphone).is_some_and(|sound| sound.layer.is_none()));
    assert!(world.counters().forwarded_by_layer[1] > 50_000);
}

#[test]
fn bytes_are_booked_to_the_layer_that_they_were_of_also_around_switches_and_pauses() {
    let mut world = World::new(79);
    let (ann, bob) = (world.join(), world.join());
    world.switch(ann, TrackSource::Camera, true);
    // Between two readings, and after the last one.
    for (height, ms) in [(180, 2_700), (360, 3_100), (720, 2_300), (180, 900), (360, 700)] {
        world.view(bob, &[(ann, TrackSource::Camera, height)]);
        world.run(ms);
    }
    world.switch(ann, TrackSource::Camera, false);
    world.run(500);
    let mut seen = [0; 3];
    for packet in world.peers[bob].got(world.peers[ann].id, false, 0) {
        assert!(!packet.is_repair);
        seen[usize::from(packet.stamp.layer)] += packet.bytes as u64;
    }
    assert!(seen.iter().all(|bytes| *bytes > 20_000), "{seen:?}");
    assert_eq!(world.counters().forwarded_by_layer, seen);
}

#[test]
fn loss_on_the_way_up_is_the_senders_trouble_and_nobody_elses() {
    let (mut world, ann, bob) = call(71);
    world.lines[ann].up_loss_percent = 15;
    let since = world.now_ms();
    world.run(20_000);
    let at_ann = last(&world, ann);
    let losses = told(&world, ann, since + 3000);
    let losses = losses.iter().map(|(_, told)| told.sending.loss_permille);
    let mean = losses.clone().map(u32::from).sum::<u32>() / losses.len() as u32;
    assert!((110..=190).contains(&mean), "{mean}");
    assert_eq!(
        (at_ann.quality, at_ann.trouble),
        (LineQuality::Poor, Some(LineTrouble::SendingLoss))
    );
    assert!(
        told(&world, bob, since)
            .iter()
            .all(|(_, told)| told.quality == LineQuality::Good)
    );
    world.lines[ann].up_loss_percent = 0;
    world.run(6000);
    assert_eq!(
        last(&world, ann).quality,
        LineQuality::Poor,
        "it does not flicker"
    );
    world.run(6000);
    assert_eq!(last(&world, ann).quality, LineQuality::Good);
}

#[test]
fn what_a_receiver_reports_lost_is_its_own_trouble() {
    let (mut world, ann, bob) = call(72);
    world.peers[bob].reported_loss = 40;
    world.lines[bob].down_loss_percent = 15;
    let since_ms = world.now_ms() + 2000;
    world.run(24_000);
    let at_bob = last(&world, bob);
    assert_eq!(
        (at_bob.quality, at_bob.trouble),
        (LineQuality::Poor, Some(LineTrouble::ReceivingLoss))
    );
    // A reading is of some sixty packets, chance has a large part in each.
    let readings = told(&world, bob, since_ms);
    let losses: Vec<u32> = readings
        .iter()
        .map(|(_, told)| u32::from(told.receiving.loss_permille))
        .collect();
    let mean = losses.iter().sum::<u32>() / losses.len() as u32;
    assert!((120..=180).contains(&mean), "{losses:?}");
    assert_eq!(last(&world, ann).quality, LineQuality::Good);
}

#[test]
fn a_picture_that_stands_still_is_counted_and_a_camera_switched_off_is_not() {
    let (mut world, ann, bob) = call(73);
    let before = world.counters().freezes;
    world.lines[ann].up_loss_percent = 100;
    world.run(900);
    world.lines[ann].up_loss_percent = 0;
    world.run(3000);
    let frozen = world.counters().freezes - before;
    assert!((1..=3).contains(&frozen), "{frozen}");
    let before = world.counters().freezes;
    world.switch(ann, TrackSource::Camera, false);
    world.run(4000);
    world.switch(ann, TrackSource::Camera, true);
    world.run(4000);
    assert_eq!(world.counters().freezes, before);
    assert!(stream(&last(&world, bob), &world, ann, TrackSource::Camera).is_some());
}

#[test]
fn a_publishers_line_that_fails_for_seconds_is_a_freeze_of_its_camera() {
    for (seed, outage_ms) in [(75, 1500), (76, 2500), (77, 5000)] {
        let (mut world, ann, _bob) = call(seed);
        let before = world.counters().freezes;
        world.lines[ann].up_loss_percent = 100;
        world.run(outage_ms);
        world.lines[ann].up_loss_percent = 0;
        world.run(4000);
        let frozen = world.counters().freezes - before;
        assert!((1..=2).contains(&frozen), "{outage_ms} ms: {frozen}");
    }
}

#[test]
fn a_screen_on_which_nothing_moves_is_not_frozen() {
    let (mut world, ann, bob) = call(78);
    world.switch(ann, TrackSource::Camera, false);
    world.peers[ann].sender(TrackSource::Screen, 0).every_ms = 1000;
    world.switch(ann, TrackSource::Screen, true);
    world.view(bob, &[(ann, TrackSource::Screen, 720)]);
    world.run(3000);
    let before = world.counters().freezes;
    let since = world.now_ms();
    world.run(10_000);
    assert!(world.peers[bob].got(world.peers[ann].id, false, since).len() >= 54);
    assert_eq!(world.counters().freezes, before);
}

#[test]
fn a_camera_that_nobody_watches_or_that_is_paused_with_notice_is_not_frozen() {
    let (mut world, ann, bob) = call(79);
    let before = world.counters().freezes;
    world.view(bob, &[]);
    world.run(8000);
    world.view(bob, &[(ann, TrackSource::Camera, 360)]);
    world.run(4000);
    assert_eq!(world.counters().freezes, before);
}

/// The longest time in which no new picture came, in ms.
fn longest_still(world: &World, viewer: usize, publisher: usize, since_ms: u64) -> u64 {
    let packets = world.peers[viewer].got(world.peers[publisher].id, false, since_ms);
    let new = packets.iter().filter(|packet| !packet.is_repair);
    let mut at: Vec<u64> = new.map(|packet| packet.at_ms).collect();
    at.sort_unstable();
    at.windows(2).map(|gap| gap[1] - gap[0]).max().unwrap()
}

#[test]
fn a_video_that_was_given_up_for_a_narrow_line_is_frozen_until_its_key_frame_comes() {
    for seed in 80..84 {
        let (mut world, ann, bob) = call(seed);
        world.downlink(bob).set(Conditions {
            delay: Duration::from_millis(20),
            bottleneck: Some(Bottleneck::kbit(400, 300)),
            ..Conditions::default()
        });
        world.run(6000);
        let (frozen, given_up) = (world.counters().freezes, world.counters().videos_given_up);
        let since = world.now_ms();
        // The key frame that it is to go on with is far away.
        world.lines[ann].delay_ms = 300;
        for layer in 0..3 {
            let sender = world.peers[ann].sender(TrackSource::Camera, layer);
            (sender.packets_per_key_frame, sender.key_frame_wanted) = (24 << layer, true);
        }
        world.run(6000);
        let given_up = world.counters().videos_given_up - given_up;
        let still = longest_still(&world, bob, ann, since);
        assert!(given_up > 0 && still >= 400, "{given_up} given up, {still} ms");
        let frozen = world.counters().freezes - frozen;
        assert!((1..=given_up).contains(&frozen), "{frozen} of {given_up}");
    }
}

#[test]
fn a_line_too_narrow_for_what_is_shown_is_said_to_be_so() {
    let (mut world, _, bob) = call(74);
    world.downlink(bob).set(Conditions {
        delay: Duration::from_millis(20),
        bottleneck: Some(Bottleneck::kbit(110, 200)),
        ..Conditions::default()
    });
    world.run(14_000);
    let at_bob = last(&world, bob);
    assert_eq!(
        (at_bob.quality, at_bob.trouble),
        (LineQuality::Poor, Some(LineTrouble::Bandwidth)),
        "{at_bob:?}"
    );
    assert!(at_bob.bandwidth_bps.unwrap() < 300_000, "{at_bob:?}");
}
