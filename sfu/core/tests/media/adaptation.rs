//! What each receiver is sent follows what its line carries.

use std::time::Duration;

use hearken_netsim::{Bottleneck, Conditions};
use hearken_protocol::TrackSource;

use super::world::World;

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
