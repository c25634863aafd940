//! Redundant audio: copies of earlier packets repair the way up and go along on a way down that loses.

use std::collections::BTreeSet;

use hearken_protocol::{MediaGrants, TrackSource};

use super::peer::{Holes, Received};
use super::wire::{OfferStyle, OtherCodecs};
use super::world::{EVERYTHING, World};

const RED: OfferStyle = OfferStyle {
    pairs: 3,
    ssrcs: None,
    opus: 111,
    vp8: 96,
    rtx: true,
    red: Some(63),
    others: OtherCodecs::None,
    is_end_to_end_encrypted: false,
};

/// One who speaks with copies, one who takes them, one whose browser has none.
fn call(seed: u64) -> (World, usize, usize, usize) {
    let mut world = World::new(seed);
    let firefox = OfferStyle {
        opus: 109,
        red: None,
        ..RED
    };
    let (ann, bob, cleo) = (world.join_as(RED), world.join_as(RED), world.join_as(firefox));
    world.switch(ann, TrackSource::Microphone, true);
    world.run(1000);
    (world, ann, bob, cleo)
}

fn sound(world: &World, peer: usize, since_ms: u64) -> Vec<&Received> {
    world.peers[peer].got(world.peers[0].id, true, since_ms)
}

/// The share of the sound between first and last that can be played, copies counted.
fn heard(packets: &[&Received]) -> f64 {
    let own = packets.iter().map(|received| received.stamp.taken_ms);
    let copies = packets
        .iter()
        .flat_map(|received| received.copies.iter().map(|(_, stamp)| stamp.taken_ms));
    let taken: BTreeSet<u64> = own.chain(copies).collect();
    taken.len() as f64 / ((taken.last().unwrap() - taken.first().unwrap()) / 20 + 1) as f64
}

#[test]
fn copies_repair_the_way_up_for_everybody_and_for_the_captions() {
    let (mut world, ann, bob, cleo) = call(200);
    world.peers[ann].repairs = false;
    world.lines[ann].up_loss_percent = 10;
    let began = world.now_ms();
    world.run(10_000);
    world.lines[ann].up_loss_percent = 0;
    world.run(500);
    let restored = world.counters().restored;
    assert!((30..70).contains(&restored), "{restored}");
    for listener in [bob, cleo] {
        let share = heard(&sound(&world, listener, began));
        assert!(share > 0.985, "{share}");
        world.peers[listener].check_continuity(Holes::Allowed);
    }
    let numbers: BTreeSet<u64> = world.speech.iter().map(|packet| packet.sequence).collect();
    assert_eq!(numbers.len(), world.speech.len());
    let all = numbers.last().unwrap() - numbers.first().unwrap() + 1;
    assert!(numbers.len() as f64 / all as f64 > 0.985);
    assert!(world.speech.iter().all(|packet| packet.payload.len() == 90));
}

#[test]
fn what_a_copy_brought_back_is_not_asked_for() {
    let (mut world, ann, _bob, _cleo) = call(201);
    world.lines[ann].up_loss_percent = 5;
    world.run(5000);
    let restored = world.counters().restored;
    // Only where two in a row are lost there is something left to ask for.
    let nacked = world.peers[ann].sender(TrackSource::Microphone, 0).nacked.clone();
    let asked: BTreeSet<u16> = nacked.into_iter().collect();
    assert!(
        restored > 8 && asked.len() as u64 * 4 < restored,
        "{restored}, {asked:?}"
    );
}

#[test]
fn nobody_gets_copies_while_nothing_is_lost() {
    let (mut world, _ann, bob, cleo) = call(202);
    world.run(3000);
    for listener in [bob, cleo] {
        let got = sound(&world, listener, 500);
        assert!(got.len() > 100 && got.iter().all(|received| received.bytes == 90));
        world.peers[listener].check_continuity(Holes::Forbidden);
    }
    assert_eq!(world.counters().copies_sent.packets, 0);
}

#[test]
fn who_loses_packets_gets_copies_and_only_they() {
    let (mut world, _ann, bob, cleo) = call(203);
    // No repairs: what is heard is owed to the copies alone.
    world.peers[bob].asks_again = false;
    world.peers[bob].reported_loss = 40;
    world.run(2500);
    world.lines[bob].down_loss_percent = 15;
    let began = world.now_ms();
    world.run(10_000);
    world.lines[bob].down_loss_percent = 0;
    world.run(500);
    let got = sound(&world, bob, began);
    let own = got.len() as f64 / 520.0;
    assert!(own < 0.9, "{own}");
    assert!(heard(&got) > 0.985, "{}", heard(&got));
    for received in &got {
        for (offset, copy) in &received.copies {
            assert_eq!(u64::from(*offset), (received.stamp.taken_ms - copy.taken_ms) * 48);
            assert_eq!(copy.publisher, received.stamp.publisher);
        }
    }
    assert!(
        got.iter()
            .any(|received| received.copies.len() == 2 && received.payload_type == 63)
    );
    let others = sound(&world, cleo, began);
    assert!(
        others
            .iter()
            .all(|received| received.bytes == 90 && received.payload_type == 109)
    );
}

/// The fake browser checks that no number ever comes with two contents.
#[test]
fn a_repair_is_the_packet_as_it_was_copies_and_all() {
    let (mut world, _ann, bob, _cleo) = call(204);
    world.lines[bob].down_loss_percent = 20;
    for turn in 0..6 {
        // With copies, without, with two: whatever is asked for was sent under another regime.
        world.peers[bob].reported_loss = [0, 10, 80][turn % 3];
        world.run(4000);
    }
    let nacks = world.counters().nacks_answered;
    assert!(nacks > 100, "{nacks}");
    assert!(world.counters().copies_sent.packets > 100);
    world.peers[bob].check_continuity(Holes::Allowed);
}

#[test]
fn sound_from_while_the_microphone_was_muted_never_comes_back() {
    let (mut world, ann, bob, _cleo) = call(205);
    let muted = MediaGrants {
        microphone: false,
        ..EVERYTHING
    };
    for turn in 0..20 {
        world.grant(ann, muted);
        // All packets of the last while are lost: a copy of the last one is in the first that is let through.
        world.lines[ann].up_loss_percent = 100;
        world.run(100 + turn);
        world.lines[ann].up_loss_percent = 0;
        world.run(15);
        world.grant(ann, EVERYTHING);
        let granted = world.now_ms();
        world.run(200);
        // 15 ms on the way and 5 in the encoder.
        let earliest = granted - 40;
        let got = sound(&world, bob, granted + 15);
        assert!(got.iter().all(|received| received.stamp.taken_ms >= earliest));
        assert!(got.iter().all(|received| received.copies.is_empty()));
    }
    assert_eq!(world.counters().restored, 0);
}

#[test]
fn in_silence_there_are_no_copies_of_long_ago() {
    let (mut world, ann, bob, _cleo) = call(206);
    world.peers[bob].reported_loss = 80;
    world.run(3000);
    world.peers[ann].sender(TrackSource::Microphone, 0).every_ms = 400;
    world.run(400);
    let began = world.now_ms();
    world.run(4000);
    let got = sound(&world, bob, began + 100);
    assert!(got.len() >= 8 && got.iter().all(|received| received.copies.is_empty()));
}

#[test]
fn what_is_encrypted_end_to_end_has_no_copies_and_no_captions() {
    let mut world = World::new(207);
    let sealed = OfferStyle {
        is_end_to_end_encrypted: true,
        ..RED
    };
    let (ann, bob, cleo) = (world.join_as(sealed), world.join_as(sealed), world.join_as(RED));
    for speaker in [ann, cleo] {
        world.switch(speaker, TrackSource::Microphone, true);
    }
    // As much as brings copies to whoever takes them.
    for listener in [bob, cleo] {
        world.peers[listener].reported_loss = 80;
    }
    world.run(5000);
    let taken = [ann, bob, cleo].map(|peer| world.peers[peer].style.red);
    assert_eq!(taken, [None, None, Some(63)]);
    for speaker in [ann, cleo] {
        let got = world.peers[bob].got(world.peers[speaker].id, true, 500);
        assert!(got.len() > 200 && got.iter().all(|received| received.bytes == 90));
    }
    let spoke: BTreeSet<u64> = world.speech.iter().map(|packet| packet.participant.0).collect();
    assert_eq!(spoke, BTreeSet::from([world.peers[cleo].id.0]));
}
