//! Bad networks: bursts of loss, bottlenecks and what else a link does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hearken_netsim::{Bottleneck, Conditions, Loss};
use hearken_protocol::TrackSource;

use super::peer::Holes;
use super::world::World;

/// One who sends voice and picture, and so many who look at it in full.
fn audience(seed: u64, viewers: usize) -> (World, usize, Vec<usize>) {
    let mut world = World::new(seed);
    let ann = world.join();
    let viewers: Vec<usize> = (0..viewers).map(|_| world.join()).collect();
    world.switch(ann, TrackSource::Microphone, true);
    world.switch(ann, TrackSource::Camera, true);
    for viewer in &viewers {
        world.view(*viewer, &[(ann, TrackSource::Camera, 720)]);
    }
    world.run(2000);
    (world, ann, viewers)
}

/// How many packets the peers cut a picture of each layer into.
const PACKETS: [usize; 3] = [1, 2, 5];

/// Pictures that arrived whole since then, of whatever layer.
fn pictures(world: &World, viewer: usize, publisher: usize, since_ms: u64) -> usize {
    let mut packets = BTreeMap::<u64, (u8, BTreeSet<u64>)>::new();
    for received in world.peers[viewer].got(world.peers[publisher].id, false, since_ms) {
        let stamp = received.stamp;
        let picture = packets
            .entry(stamp.taken_ms)
            .or_insert((stamp.layer, BTreeSet::new()));
        picture.1.insert(received.index);
    }
    packets
        .values()
        .filter(|(layer, packets)| packets.len() >= PACKETS[usize::from(*layer)])
        .count()
}

#[test]
fn bursts_on_one_leg_cost_that_receiver_few_pictures_and_the_others_none() {
    let (mut world, ann, viewers) = audience(120, 3);
    let bad = Conditions {
        loss: Loss::bursts(10.0, 4.0),
        delay: Duration::from_millis(20),
        ..Conditions::default()
    };
    world.downlink(viewers[0]).set(bad);
    let since_ms = world.now_ms();
    world.run(10_000);
    assert!(world.downlink(viewers[0]).tally().lost > 50);
    world.downlink(viewers[0]).set(Conditions::default());
    world.run(500);
    let counts: Vec<_> = viewers
        .iter()
        .map(|viewer| pictures(&world, *viewer, ann, since_ms))
        .collect();
    assert!(counts[0] >= counts[1] * 8 / 10, "{counts:?}");
    assert!(counts[1] >= 250 && counts[1] == counts[2], "{counts:?}");
    for viewer in &viewers[1..] {
        world.peers[*viewer].check_continuity(Holes::Forbidden);
    }
    world.peers[viewers[0]].check_continuity(Holes::Allowed);
}

#[test]
fn a_narrow_link_holds_back_nobody_else() {
    let (mut world, ann, viewers) = audience(121, 2);
    let narrow = Conditions {
        bottleneck: Some(Bottleneck::kbit(300, 200)),
        ..Conditions::default()
    };
    world.downlink(viewers[0]).set(narrow);
    let since_ms = world.now_ms();
    world.run(5000);
    let free = pictures(&world, viewers[1], ann, since_ms);
    assert!(free >= 120, "{free}");
    world.peers[viewers[1]].check_continuity(Holes::Forbidden);
    let kbit = world.downlink(viewers[0]).tally().delivered_bytes as f64 * 8.0 / 5000.0;
    assert!(kbit < 310.0, "{kbit}");
}

#[test]
fn bursts_on_the_way_up_cost_few_pictures() {
    let (mut world, ann, viewers) = audience(122, 2);
    let bad = Conditions {
        loss: Loss::bursts(10.0, 4.0),
        delay: Duration::from_millis(20),
        ..Conditions::default()
    };
    world.uplink(ann).set(bad);
    let since_ms = world.now_ms();
    world.run(10_000);
    world.uplink(ann).set(Conditions::default());
    world.run(500);
    for viewer in viewers {
        let whole = pictures(&world, viewer, ann, since_ms);
        assert!(whole >= 200, "{whole}");
        world.peers[viewer].check_continuity(Holes::Allowed);
    }
}
