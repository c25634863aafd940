//! Who is heard, and what the captions get.

use hearken_protocol::{MediaCommand, TrackSource};

use super::world::{SESSION, World};

#[test]
fn the_list_of_speakers_follows_the_voices() {
    let mut world = World::new(70);
    let (ann, bob) = (world.join(), world.join());
    for peer in [ann, bob] {
        world.switch(peer, TrackSource::Microphone, true);
        world.peers[peer].level = 90;
    }
    world.run(2000);
    assert!(world.speakers.is_empty());
    let heard = world.peers[bob].got(world.peers[ann].id, true, 500);
    assert!(heard.iter().all(|received| received.level == Some(90)));
    world.peers[ann].level = 25;
    world.run(1000);
    world.peers[bob].level = 40;
    world.run(1000);
    world.peers[ann].level = 90;
    world.run(3000);
    world.peers[bob].level = 90;
    world.run(3000);
    let names: Vec<Vec<u64>> = world
        .speakers
        .iter()
        .map(|list| list.iter().map(|speaker| speaker.participant.0 - 100).collect())
        .collect();
    assert_eq!(names, [vec![0], vec![0, 1], vec![1, 0], vec![1], vec![]]);
}

#[test]
fn captions_get_each_packet_once_and_in_full() {
    let mut world = World::new(71);
    let (ann, _bob) = (world.join(), world.join());
    world.switch(ann, TrackSource::Microphone, true);
    world.run(3000);
    assert!(world.speech.len() >= 145, "{}", world.speech.len());
    let first = &world.speech[0];
    assert_eq!(
        (first.session, first.participant, first.payload.len()),
        (SESSION, world.peers[ann].id, 90)
    );
    for pair in world.speech.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1);
        assert_eq!(pair[1].rtp_timestamp.wrapping_sub(pair[0].rtp_timestamp), 960);
        assert_eq!(pair[1].received_at.0 - pair[0].received_at.0, 20);
    }
    assert!(first.received_at.0 > 1_800_000_000_000);
}

#[test]
fn without_captions_nothing_is_tapped() {
    let mut world = World::new(72);
    world.command(MediaCommand::OpenSession {
        session: SESSION,
        captions: false,
    });
    let (ann, _bob) = (world.join(), world.join());
    world.switch(ann, TrackSource::Microphone, true);
    world.switch(ann, TrackSource::ScreenAudio, true);
    world.run(1000);
    assert!(world.speech.is_empty());
}
