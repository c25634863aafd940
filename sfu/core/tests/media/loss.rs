//! Loss, delay and reordering on both ways.

use std::time::Duration;

use hearken_netsim::{Bottleneck, Conditions, Loss};
use hearken_protocol::TrackSource;
use hearken_sfu_core::DropCause;

use super::peer::Holes;
use super::wire::OfferStyle;
use super::world::{Line, World};

fn call(seed: u64, style: OfferStyle) -> (World, usize, usize) {
    let mut world = World::new(seed);
    let (ann, bob) = (
        world.join_as(style),
        world.join_as(OfferStyle { ssrcs: None, ..style }),
    );
    world.switch(ann, TrackSource::Microphone, true);
    world.switch(ann, TrackSource::Camera, true);
    world.view(
        bob,
        &[(
            ann,
            TrackSource::Camera,
            if style.ssrcs.is_some() { 180 } else { 720 },
        )],
    );
    world.run(1000);
    (world, ann, bob)
}

/// Shares of the packets numbered between first and last that arrived.
fn arrived(world: &World, peer: usize, mid: &str) -> f64 {
    let indexes: std::collections::BTreeSet<u64> = world.peers[peer]
        .received
        .iter()
        .filter(|received| received.mid == mid)
        .map(|received| received.index)
        .collect();
    indexes.len() as f64 / (indexes.last().unwrap() - indexes.first().unwrap() + 1) as f64
}

#[test]
fn what_is_lost_on_the_way_up_is_asked_for_and_repaired_by_rrid() {
    let (mut world, ann, bob) = call(30, OfferStyle::default());
    world.lines[ann].up_loss_percent = 8;
    world.run(8000);
    world.lines[ann].up_loss_percent = 0;
    world.run(1000);
    assert!(world.counters().recovered > 20, "{}", world.counters().recovered);
    assert!(arrived(&world, bob, "5") > 0.985, "{}", arrived(&world, bob, "5"));
    world.peers[bob].check_continuity(Holes::Allowed);
}

#[test]
fn repairs_of_a_browser_without_rids_are_found_by_fid() {
    let style = OfferStyle {
        ssrcs: Some([(1111, 1112), (2221, 2222)]),
        ..OfferStyle::default()
    };
    let (mut world, ann, bob) = call(31, style);
    world.lines[ann].up_loss_percent = 10;
    world.run(8000);
    assert!(world.counters().recovered > 10);
    assert!(arrived(&world, bob, "5") > 0.97);
}

#[test]
fn what_never_comes_is_given_up_and_a_key_frame_asked_for() {
    let (mut world, ann, bob) = call(32, OfferStyle::default());
    world.peers[ann].repairs = false;
    world.lines[ann].up_loss_percent = 5;
    let plis = world.peers[ann].sender(TrackSource::Camera, 2).plis.len();
    world.run(4000);
    world.lines[ann].up_loss_percent = 0;
    world.run(1000);
    let sender = world.peers[ann].sender(TrackSource::Camera, 2);
    let sequence = sender.nacked[0];
    let times = sender.nacked.iter().filter(|nacked| **nacked == sequence).count();
    assert!((2..=10).contains(&times), "{times}");
    assert!(sender.plis.len() > plis);
    assert!(world.counters().nacks_given_up > 0);
    let asked = world.peers[ann].sender(TrackSource::Camera, 2).nacked.len();
    world.run(2000);
    assert_eq!(
        world.peers[ann].sender(TrackSource::Camera, 2).nacked.len(),
        asked
    );
    world.peers[bob].check_continuity(Holes::Allowed);
}

/// A publisher 300 ms away, of whose packets 5 % are lost: each is asked for once or twice, and pictures are whole.
/// `hears` says whether it gets anything itself, so that its reports tell how far away it is.
fn far_away(seed: u64, hears: bool) {
    let (mut world, ann, bob) = call(seed, OfferStyle::default());
    world.switch(bob, TrackSource::Microphone, hears);
    world.lines[ann].delay_ms = 150;
    world.run(4000);
    world.lines[ann].up_loss_percent = 5;
    world.run(1000);
    let before = world.counters().clone();
    let (from, since) = (
        world.peers[ann].sender(TrackSource::Camera, 2).nacked.len(),
        world.now_ms(),
    );
    let plis = world.peers[ann].sender(TrackSource::Camera, 2).plis.len();
    world.run(15_000);
    world.lines[ann].up_loss_percent = 0;
    world.run(1500);
    let sender = world.peers[ann].sender(TrackSource::Camera, 2);
    let asked = sender.nacked[from..].to_vec();
    let lost: std::collections::BTreeSet<u16> = asked.iter().copied().collect();
    let per_loss = asked.len() as f64 / lost.len() as f64;
    let new_plis = sender.plis.len() - plis;
    let given_up = world.counters().nacks_given_up - before.nacks_given_up;
    let numbers: std::collections::BTreeSet<u64> = world.peers[bob]
        .got(world.peers[ann].id, false, since)
        .iter()
        .filter(|received| received.stamp.taken_ms >= since)
        .map(|received| received.index)
        .collect();
    let span = numbers.last().unwrap() - numbers.first().unwrap() + 1;
    let whole = numbers.len() as f64 / span as f64;
    eprintln!(
        "{} lost, {per_loss:.2} requests each, {whole:.4} whole, {new_plis} key frames, {given_up} given up",
        lost.len()
    );
    assert!(lost.len() > 50 && per_loss < 1.3, "{} {per_loss}", lost.len());
    assert!(whole > 0.995 && new_plis <= 3, "{whole} {new_plis}");
}

#[test]
fn a_publisher_far_away_is_asked_about_once_for_what_is_lost() {
    far_away(38, true);
}

#[test]
fn a_publisher_far_away_that_hears_nobody_is_asked_about_once_too() {
    far_away(39, false);
}

#[test]
fn what_is_lost_on_the_way_down_is_sent_again_over_rtx() {
    let (mut world, ann, bob) = call(33, OfferStyle::default());
    world.lines[bob].down_loss_percent = 8;
    world.run(8000);
    world.lines[bob].down_loss_percent = 0;
    world.run(1000);
    let counters = world.counters();
    assert!(
        counters.nacks_answered > 20
            && (counters.sent.rtx.packets - counters.padding_packets)
                == counters.nacks_answered - audio_repairs(&world, bob)
    );
    assert!(arrived(&world, bob, "5") > 0.99, "{}", arrived(&world, bob, "5"));
    assert!(arrived(&world, bob, "4") > 0.99, "{}", arrived(&world, bob, "4"));
    world.peers[bob].check_continuity(Holes::Allowed);
    // The publisher has nothing to do with it.
    assert!(world.peers[ann].sender(TrackSource::Camera, 2).nacked.is_empty());
}

/// Browsers ask again and again. Who does not tell of arrivals is known by its reports alone: the mean of them takes ten to
/// follow.
#[test]
fn over_a_line_that_has_become_longer_what_was_lost_is_sent_again_once() {
    let mut world = World::new(48);
    let (ann, bob) = (world.join(), world.join());
    world.peers[bob].tells_arrivals = false;
    world.switch(ann, TrackSource::Camera, true);
    world.view(bob, &[(ann, TrackSource::Camera, 720)]);
    world.run(8000);
    world.lines[bob].delay_ms = 150;
    world.run(2500);
    world.lines[bob].down_loss_percent = 5;
    let since_ms = world.now_ms();
    world.run(4000);
    let got = world.peers[bob].got(world.peers[ann].id, false, since_ms);
    let repairs: Vec<u64> = got
        .iter()
        .filter(|got| got.is_repair)
        .map(|got| got.index)
        .collect();
    let different: std::collections::BTreeSet<u64> = repairs.iter().copied().collect();
    assert!(different.len() > 15, "{}", different.len());
    assert!(
        repairs.len() * 10 <= different.len() * 11,
        "{} repairs of {}",
        repairs.len(),
        different.len()
    );
}

/// Twenty repairs take a fifth of a second of a narrow line. Who hears nobody tells of no round trip: it is known by how long
/// repairs take, and the last ones of a burst are not to be asked for again while they are on their way.
#[test]
fn a_burst_of_repairs_over_a_narrow_line_is_asked_for_once() {
    let (mut recovered, mut duplicates) = (0, 0);
    for seed in 49..53 {
        let mut world = World::new(seed);
        let (ann, bob) = (world.join(), world.join());
        world.switch(ann, TrackSource::Camera, true);
        world.view(bob, &[(ann, TrackSource::Camera, 720)]);
        // 1.2 Mbit/s are sent.
        world.uplink(ann).set(Conditions {
            delay: Duration::from_millis(25),
            bottleneck: Some(Bottleneck::kbit(1350, 800)),
            loss: Loss::bursts(5.0, 20.0),
            ..Conditions::default()
        });
        world.run(20_000);
        recovered += world.counters().recovered;
        duplicates += world.counters().drops.get(DropCause::Duplicate);
        world.peers[bob].check_continuity(Holes::Allowed);
    }
    assert!(
        recovered > 200 && duplicates * 10 <= recovered,
        "{recovered} {duplicates}"
    );
}

/// Sound has no RTX: it is sent again as it was.
fn audio_repairs(world: &World, peer: usize) -> u64 {
    let counters = world.counters();
    assert!(
        world.peers[peer]
            .received
            .iter()
            .all(|received| !received.is_repair || received.vp8.is_some())
    );
    counters.nacks_answered - (counters.sent.rtx.packets - counters.padding_packets)
}

#[test]
fn without_rtx_the_very_same_packet_is_sent_again() {
    let (mut world, _ann, bob) = call(
        34,
        OfferStyle {
            rtx: false,
            ..OfferStyle::default()
        },
    );
    world.lines[bob].down_loss_percent = 8;
    world.run(5000);
    world.lines[bob].down_loss_percent = 0;
    world.run(1000);
    assert_eq!(world.counters().sent.rtx.packets, 0);
    assert!(arrived(&world, bob, "5") > 0.98, "{}", arrived(&world, bob, "5"));
}

#[test]
fn packets_that_overtake_each_other_are_neither_lost_nor_repaired() {
    let (mut world, ann, bob) = call(35, OfferStyle::default());
    world.lines[ann] = Line {
        jitter_ms: 8,
        ..Line::default()
    };
    world.run(4000);
    world.lines[ann] = Line::default();
    world.run(500);
    assert!(arrived(&world, bob, "5") > 0.999);
    assert_eq!(world.counters().nacks_sent, 0);
    world.peers[bob].check_continuity(Holes::Allowed);
}

#[test]
fn everything_at_once_still_makes_one_stream() {
    for seed in 40..44 {
        let (mut world, ann, bob) = call(seed, OfferStyle::default());
        world.lines[ann] = Line {
            delay_ms: 40,
            jitter_ms: 25,
            up_loss_percent: 4,
            down_loss_percent: 4,
        };
        world.lines[bob] = Line {
            delay_ms: 60,
            jitter_ms: 25,
            up_loss_percent: 4,
            down_loss_percent: 4,
        };
        for height in [180, 720, 360, 720] {
            world.view(bob, &[(ann, TrackSource::Camera, height)]);
            world.run(2500);
        }
        world.lines = vec![Line::default(); 2];
        world.run(2000);
        world.peers[bob].check_continuity(Holes::Allowed);
        assert!(arrived(&world, bob, "5") > 0.97, "{}", arrived(&world, bob, "5"));
        assert!(
            world.counters().layer_switches >= 3,
            "{}",
            world.counters().layer_switches
        );
    }
}

#[test]
fn padding_leaves_no_hole_and_old_packets_over_rtx_are_no_news() {
    let (mut world, ann, bob) = call(36, OfferStyle::default());
    world.run(200);
    for _ in 0..20 {
        let now_ms = world.now_ms();
        for _ in 0..3 {
            let padding = world.peers[ann].produce_padding(TrackSource::Camera, 2, now_ms);
            world.send_from(ann, padding);
        }
        let old = world.peers[ann].sender(TrackSource::Camera, 2).last_sequence();
        let probe = world.peers[ann]
            .produce_repair(TrackSource::Camera, 2, old)
            .unwrap();
        world.send_from(ann, probe);
        world.run(100);
    }
    world.peers[bob].check_continuity(Holes::Forbidden);
    assert_eq!(world.counters().drops.get(DropCause::Padding), 60);
    assert_eq!(world.counters().drops.get(DropCause::Duplicate), 20);
    assert_eq!(world.counters().nacks_sent, 0);
}

#[test]
fn a_probe_that_brings_what_is_missing_before_it_was_asked_for_is_a_repair() {
    let (mut world, ann, bob) = call(37, OfferStyle::default());
    let last = |world: &mut World| world.peers[ann].sender(TrackSource::Camera, 2).last_sequence();
    for _ in 0..20 {
        // One picture is lost.
        let before = last(&mut world);
        world.lines[ann].up_loss_percent = 100;
        while last(&mut world) == before {
            world.run(1);
        }
        world.lines[ann].up_loss_percent = 0;
        let lost = last(&mut world);
        // With the next one comes a probe of the same packets.
        while last(&mut world) == lost {
            world.run(1);
        }
        for sequence in (1..=lost.wrapping_sub(before)).map(|step| before.wrapping_add(step)) {
            let probe = world.peers[ann].produce_repair(TrackSource::Camera, 2, sequence);
            world.send_from(ann, probe.unwrap());
        }
        world.run(300);
    }
    assert!(arrived(&world, bob, "5") == 1.0, "{}", arrived(&world, bob, "5"));
}

/// Ann's camera seen in small by Bob, who loses a picture or two and asks for them only after so long. How many key frames
/// she is asked for within the three seconds in which he asks again and again.
fn key_frames_asked(asks_after_ms: u64) -> usize {
    let mut world = World::new(38);
    let (ann, bob) = (world.join(), world.join());
    world.switch(ann, TrackSource::Camera, true);
    world.view(bob, &[(ann, TrackSource::Camera, 180)]);
    world.run(2000);
    world.peers[bob].asks_again = false;
    world.lines[bob].down_loss_percent = 100;
    world.run(60);
    world.lines[bob].down_loss_percent = 0;
    world.run(asks_after_ms);
    let since_ms = world.now_ms();
    world.peers[bob].asks_again = true;
    world.run(3000);
    let asked = world.peers[ann].senders.iter().flat_map(|sender| &sender.plis);
    asked.filter(|at| **at >= since_ms).count()
}

/// A picture that nobody keeps any more is missing until the next key frame; the receiver's own request for one takes its
/// browser seconds. What was lost before that key frame is of no use, however often it is asked for.
#[test]
fn for_what_is_beyond_repair_one_key_frame_is_asked_for_without_waiting_for_the_receiver() {
    assert_eq!(key_frames_asked(0), 0, "it is kept still");
    assert_eq!(key_frames_asked(1200), 1);
}
