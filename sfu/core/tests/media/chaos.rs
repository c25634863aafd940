//! Anything in any order: no panic, no number used twice, nobody under another's name, nothing from whoever
//! may not send. `Peer` checks the first three with every packet.

use std::time::Duration;

use hearken_protocol::{MediaCommand, MediaGrants, TrackSource};
use rand::Rng;

use super::peer::Holes;
use super::wire::OfferStyle;
use super::world::{EVERYTHING, Line, SESSION, World};

fn step(world: &mut World, style: OfferStyle) {
    let count = world.peers.len();
    if count < 2 || (count < 7 && world.random.random_bool(0.1)) {
        world.join_as(style);
        return;
    }
    let peer = world.random.random_range(0..count);
    match world.random.random_range(0..11) {
        0 => {
            world.leave(peer);
            world.admit(peer, EVERYTHING);
            world.reload(peer);
            world.offer(peer);
            switch_on(world, peer);
        }
        1 => {
            world.reload(peer);
            world.offer(peer);
            switch_on(world, peer);
        }
        2 => {
            let mut random = world.random.clone();
            world.peers[peer].renew_credentials(&mut random);
            world.offer(peer);
        }
        3 | 4 => {
            let source = TrackSource::ALL[world.random.random_range(0..4)];
            let is_on = world.random.random_bool(0.7);
            world.switch(peer, source, is_on);
        }
        5 => {
            let mut allowed = || world.random.random_bool(0.7);
            let grants = MediaGrants {
                microphone: allowed(),
                camera: allowed(),
                screen: allowed(),
            };
            world.grant(peer, grants);
        }
        6 | 7 => {
            let shown: Vec<_> = (0..world.random.random_range(0..5))
                .map(|_| {
                    let source = if world.random.random_bool(0.8) {
                        TrackSource::Camera
                    } else {
                        TrackSource::Screen
                    };
                    (
                        world.random.random_range(0..count),
                        source,
                        world.random.random_range(0..1200),
                    )
                })
                .collect();
            world.view(peer, &shown);
        }
        8 => {
            world.lines[peer] = Line {
                delay_ms: world.random.random_range(1..80),
                jitter_ms: world.random.random_range(0..30),
                up_loss_percent: world.random.random_range(0..15),
                down_loss_percent: world.random.random_range(0..15),
            };
        }
        9 => world.peers[peer].level = world.random.random_range(10..127),
        _ => world.peers[peer].reported_loss = world.random.random_range(0..90),
    }
}

fn switch_on(world: &mut World, peer: usize) {
    for source in TrackSource::ALL {
        world.switch(peer, source, true);
    }
}

#[test]
fn anything_in_any_order_keeps_every_stream_whole() {
    let mut video_packets = 0;
    for seed in 100..106 {
        let mut world = World::new(seed);
        let style = OfferStyle {
            pairs: 1 + seed as usize % 5,
            rtx: seed % 4 != 0,
            ..OfferStyle::default()
        };
        for _ in 0..3 {
            let peer = world.join_as(style);
            switch_on(&mut world, peer);
        }
        for _ in 0..150 {
            step(&mut world, style);
            let ms = world.random.random_range(1..400);
            world.run(ms);
        }
        let sent = &world.counters().sent;
        assert!(sent.audio.packets > 1000, "{sent:?}");
        video_packets += sent.video.packets;
        let waited = world.counters().paced_longest;
        assert!(waited <= Duration::from_millis(100), "{waited:?}");
        for peer in &world.peers {
            peer.check_continuity(Holes::Allowed);
        }
        world.command(MediaCommand::CloseSession { session: SESSION });
        world.run(50);
        assert_eq!(
            (
                world.core.sessions(),
                world.core.connections(),
                world.core.poll_timeout()
            ),
            (0, 0, None)
        );
    }
    assert!(video_packets > 4_000, "{video_packets}");
}
