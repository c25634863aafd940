//! Many people: groups of 25 with everybody's video, and workshops of 200.

use hearken_protocol::TrackSource;

use super::wire::OfferStyle;
use super::world::{EVERYTHING, World};

/// So many come at once, and are connected.
fn crowd(seed: u64, people: usize, pairs: usize) -> World {
    let mut world = World::new(seed);
    let style = OfferStyle {
        pairs,
        ..OfferStyle::default()
    };
    for _ in 0..people {
        let peer = world.knock(style);
        world.admit(peer, EVERYTHING);
        world.offer(peer);
    }
    world.run(500);
    let connected = |peer: &super::peer::Peer| peer.transport.as_ref().unwrap().is_connected();
    assert!(world.peers.iter().all(connected));
    world
}

#[test]
fn in_a_group_of_25_everybody_sees_and_hears_everybody() {
    let people = 25;
    let mut world = crowd(90, people, 25);
    for peer in 0..people {
        world.switch(peer, TrackSource::Microphone, true);
        world.switch(peer, TrackSource::Camera, true);
        let others: Vec<_> = (0..people)
            .filter(|other| *other != peer)
            .map(|other| (other, TrackSource::Camera, 180))
            .collect();
        world.view(peer, &others);
    }
    // What a line carries is found out by sending more and more: no picture is paused any more by then.
    world.run(8000);
    let since = world.now_ms() - 1000;
    for receiver in [0, 12, 24] {
        for sender in (0..people).filter(|sender| *sender != receiver) {
            let id = world.peers[sender].id;
            let heard = world.peers[receiver].got(id, true, since).len();
            let seen = world.peers[receiver].got(id, false, since).len();
            assert!(
                heard >= 45 && seen >= 20,
                "{sender} at {receiver}: {heard} {seen}"
            );
        }
    }
}

#[test]
fn a_workshop_of_200_sees_twelve_and_hears_who_speaks() {
    let people = 200;
    let mut world = crowd(91, people, 25);
    let stage: Vec<usize> = (0..12).collect();
    for peer in &stage {
        world.switch(*peer, TrackSource::Camera, true);
    }
    for peer in 0..people {
        let shown: Vec<_> = stage
            .iter()
            .filter(|other| **other != peer)
            .map(|other| (*other, TrackSource::Camera, 180))
            .collect();
        world.view(peer, &shown);
    }
    // Somebody in the last row asks a question.
    world.peers[150].level = 20;
    world.switch(150, TrackSource::Microphone, true);
    world.run(2500);
    let since = world.now_ms() - 1000;
    for receiver in [3, 77, 199] {
        let id = world.peers[150].id;
        let heard = world.peers[receiver].got(id, true, since).len();
        assert!(heard >= 45, "at {receiver}: {heard}");
        for sender in stage.iter().filter(|sender| **sender != receiver) {
            let id = world.peers[*sender].id;
            let seen = world.peers[receiver].got(id, false, since).len();
            assert!(seen >= 20, "{sender} at {receiver}: {seen}");
        }
    }
}
