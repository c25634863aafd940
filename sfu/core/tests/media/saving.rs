//! Who saves data gets less by their own wish, and is not told that their line is weak.

use std::time::Duration;

use hearken_netsim::{Bottleneck, Conditions};
use hearken_protocol::{LineQuality, LineTrouble, MediaEvent, TrackSource, ViewMode};

use super::world::World;

/// What was said of a peer's line since then.
fn verdicts(world: &World, peer: usize, since_ms: u64) -> Vec<(LineQuality, Option<LineTrouble>)> {
    let id = world.peers[peer].id;
    let events = world.events.iter().filter(|(at, _)| *at >= since_ms);
    let verdicts = events.filter_map(|(_, event)| match event {
        MediaEvent::Statistics {
            participant,
            statistics,
            ..
        } if *participant == id => Some((statistics.quality, statistics.trouble)),
        _ => None,
    });
    verdicts.collect()
}

fn narrow(kbit: u64) -> Conditions {
    Conditions {
        delay: Duration::from_millis(20),
        bottleneck: Some(Bottleneck::kbit(kbit, 200)),
        ..Conditions::default()
    }
}

/// Three people with cameras of which a fourth, who saves data, is shown two.
fn three_cameras_for_two(seed: u64) -> (World, usize) {
    let mut world = World::new(seed);
    let people = [world.join(), world.join(), world.join()];
    for ann in people {
        world.switch(ann, TrackSource::Microphone, true);
        world.switch(ann, TrackSource::Camera, true);
    }
    let bob = world.join();
    let shown = people.map(|whose| (whose, TrackSource::Camera, 720));
    world.view_as(bob, &shown, &[], ViewMode::LowData);
    (world, bob)
}

#[test]
fn what_is_left_out_to_save_data_is_paused_and_the_line_is_called_good() {
    let (mut world, bob) = three_cameras_for_two(320);
    world.run(20_000);
    let told = world.pauses(bob);
    assert!(matches!(told[..], [(_, _, true)]), "one does not fit: {told:?}");
    let verdicts = verdicts(&world, bob, 0);
    assert!(verdicts.len() >= 8, "{verdicts:?}");
    let is_good = |verdict: &_| *verdict == (LineQuality::Good, None);
    assert!(verdicts.iter().all(is_good), "{verdicts:?}");
    assert_eq!(world.counters().pauses, 0, "none of them by the line");
}

#[test]
fn a_line_that_carries_less_than_data_may_be_spent_is_called_weak() {
    let (mut world, bob) = three_cameras_for_two(321);
    world.downlink(bob).set(narrow(250));
    world.run(20_000);
    let verdicts = verdicts(&world, bob, world.now_ms() - 6000);
    let is_weak = |verdict: &_| *verdict == (LineQuality::Poor, Some(LineTrouble::Bandwidth));
    assert!(verdicts.iter().all(is_weak), "{verdicts:?}");
    assert!(world.counters().pauses > 0);
}

#[test]
fn a_screen_of_more_than_data_may_be_spent_pauses_and_comes_back_with_full_video() {
    let mut world = World::new(322);
    let (ann, bob, cas) = (world.join(), world.join(), world.join());
    world.switch(ann, TrackSource::Microphone, true);
    world.switch(ann, TrackSource::Screen, true);
    world.peers[ann].sender(TrackSource::Screen, 0).packets_per_frame = 42;
    let shown = [(ann, TrackSource::Screen, 1080)];
    world.view(cas, &shown);
    world.view_as(bob, &shown, &[], ViewMode::LowData);
    world.run(8000);
    let since = world.now_ms() - 4000;
    let kbit = |world: &World, viewer: usize| {
        let got = world.peers[viewer].got(world.peers[ann].id, false, world.now_ms() - 4000);
        got.len() as u64 * 750 * 8 / 4000
    };
    assert!((2000..3000).contains(&kbit(&world, cas)), "{}", kbit(&world, cas));
    assert_eq!(kbit(&world, bob), 0);
    assert!(matches!(world.pauses(bob)[..], [(_, publisher, true)] if publisher == ann));
    let sound = world.peers[bob].got(world.peers[ann].id, true, since);
    assert!(sound.len() >= 198, "{} of 200 packets of sound", sound.len());
    let is_good = |verdict: &_| *verdict == (LineQuality::Good, None);
    assert!(verdicts(&world, bob, 0).iter().all(is_good));

    let full_ms = world.now_ms();
    world.view(bob, &shown);
    world.run(8000);
    let told = world.pauses(bob);
    assert!(
        matches!(told[1..], [(at, publisher, false)] if publisher == ann && at <= full_ms + 4000),
        "{told:?}"
    );
    assert!(kbit(&world, bob) > 2000, "{}", kbit(&world, bob));
    let sound = world.peers[bob].got(world.peers[ann].id, true, full_ms);
    assert!(sound.len() >= 396, "{} of 400 packets of sound", sound.len());
}
