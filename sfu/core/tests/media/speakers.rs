//! Who is heard, and what the captions get.

use hearken_protocol::{MediaCommand, TrackSource};

use super::peer::Holes;
use super::wire::OfferStyle;
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

/// Twelve people, four pairs each, all of them showing somebody; microphones are open and pick up noise.
fn workshop(seed: u64) -> (World, Vec<usize>) {
    let mut world = World::new(seed);
    let style = OfferStyle {
        pairs: 4,
        ..OfferStyle::default()
    };
    let peers: Vec<usize> = (0..12).map(|_| world.join_as(style)).collect();
    for peer in &peers {
        world.switch(*peer, TrackSource::Microphone, true);
        world.peers[*peer].level = 100;
    }
    let shown: Vec<_> = peers[1..5]
        .iter()
        .map(|peer| (*peer, TrackSource::Camera, 180))
        .collect();
    world.view(peers[0], &shown);
    world.run(1000);
    (world, peers)
}

fn packets_of(world: &World, listener: usize, speaker: usize, since_ms: u64) -> usize {
    let id = world.peers[speaker].id;
    world.peers[listener].got(id, true, since_ms).len()
}

#[test]
fn in_a_large_group_only_voices_are_sent_on() {
    let (mut world, peers) = workshop(73);
    let began = world.now_ms();
    world.run(2000);
    let noise: usize = peers[1..]
        .iter()
        .map(|peer| packets_of(&world, peers[0], *peer, began))
        .sum();
    assert_eq!(noise, 0);
    // Shown or not, whoever speaks is heard within half a second.
    for speaker in [peers[2], peers[9], peers[11]] {
        world.peers[speaker].level = 20;
        world.run(500);
        let since = world.now_ms();
        world.run(1000);
        assert!(packets_of(&world, peers[0], speaker, since) > 45, "{speaker}");
        world.peers[speaker].level = 100;
        world.run(1500);
    }
    // Who was heard keeps the place: the next word is there from its first syllable.
    world.run(3000);
    let since = world.now_ms();
    world.run(500);
    assert!(packets_of(&world, peers[0], peers[11], since) > 20);
    world.peers[peers[0]].check_continuity(Holes::Forbidden);
}

#[test]
fn a_conversation_in_a_large_group_moves_nobody_to_and_fro() {
    let (mut world, peers) = workshop(74);
    let talk = |world: &mut World, speaker: usize| {
        world.peers[speaker].level = 20;
        world.run(2000);
        world.peers[speaker].level = 100;
    };
    for speaker in [peers[7], peers[8], peers[7], peers[8]] {
        talk(&mut world, speaker);
    }
    let assignments = world.counters().slot_assignments;
    for turn in 0..6 {
        let speaker = peers[7 + turn % 2];
        let since = world.now_ms();
        talk(&mut world, speaker);
        assert!(packets_of(&world, peers[0], speaker, since) > 90);
    }
    assert_eq!(world.counters().slot_assignments, assignments);
}
