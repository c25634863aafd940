//! A receiver that is dead or means harm costs the others nothing: what they get is the same, packet by packet,
//! and what it makes the core do is bounded.

use hearken_netsim::{Bottleneck, Conditions, Loss};
use hearken_protocol::TrackSource;
use hearken_sfu_core::{Counters, DropCause};

use super::peer::Holes;
use super::wire;
use super::world::World;

const SECONDS: u64 = 10;

/// What a peer gets of Ann: when, which packet, of which moment.
type Deliveries = Vec<(u64, String, u64, u32, u64)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mallory {
    /// Does as all others.
    Honest,
    /// Nothing comes from it any more, as from a laptop whose lid was closed.
    Dead,
    /// Asks 100 times a second for key frames, and for everything to be sent again.
    Greedy,
    /// Sends requests, as many as it can, nonsense and forgeries.
    Flooding,
    /// Gets everything like an honest one, but wants another size of picture five times a second.
    Restless,
}

struct Outcome {
    deliveries: Vec<Deliveries>,
    /// Of the layer that is watched.
    key_frames: usize,
    before: Counters,
    after: Counters,
}

fn call_with(mallory: Mallory) -> Outcome {
    let mut world = World::new(130);
    let (ann, bob, cas) = (world.join(), world.join(), world.join());
    let bad = world.join();
    world.switch(ann, TrackSource::Microphone, true);
    world.switch(ann, TrackSource::Camera, true);
    for viewer in [bob, cas, bad] {
        world.view(viewer, &[(ann, TrackSource::Camera, 720)]);
    }
    world.run(2000);
    if !matches!(mallory, Mallory::Honest | Mallory::Restless) {
        world.uplink(bad).set(Conditions {
            loss: Loss::percent(100.0),
            ..Conditions::default()
        });
    }
    let since_ms = world.now_ms();
    let before = world.counters().clone();
    for ms in 0..SECONDS * 1000 {
        match mallory {
            Mallory::Greedy if ms.is_multiple_of(10) => ask_for_all(&mut world, bad),
            Mallory::Flooding => flood(&mut world, bad, ms),
            Mallory::Restless if ms.is_multiple_of(200) => {
                let height = if ms.is_multiple_of(400) { 180 } else { 720 };
                world.view(bad, &[(ann, TrackSource::Camera, height)]);
            }
            Mallory::Greedy | Mallory::Restless | Mallory::Dead | Mallory::Honest => {}
        }
        world.run(1);
    }
    let deliveries = [bob, cas].map(|viewer| {
        world.peers[viewer].check_continuity(Holes::Forbidden);
        let got = world.peers[viewer].received.iter();
        got.filter(|received| received.at_ms >= since_ms)
            .map(|received| {
                let stamp = received.stamp;
                (
                    received.at_ms,
                    received.mid.clone(),
                    received.index,
                    received.timestamp,
                    stamp.taken_ms,
                )
            })
            .collect()
    });
    let key_frames = world.peers[bob]
        .got(world.peers[ann].id, false, since_ms)
        .iter()
        .filter(|received| received.vp8.is_some_and(|vp8| vp8.key && vp8.starts))
        .count();
    Outcome {
        deliveries: deliveries.into(),
        key_frames,
        before,
        after: world.counters().clone(),
    }
}

/// Asks for a key frame of every stream, and for all of its last packets again.
fn requests(world: &World, bad: usize) -> Vec<Vec<u8>> {
    let peer = &world.peers[bad];
    let mut compounds = Vec::new();
    for (ssrc, (mid, is_rtx)) in &peer.answer.as_ref().unwrap().ssrcs {
        let Some(highest) = peer.inboxes.get(mid).and_then(|inbox| inbox.highest) else {
            continue;
        };
        if *is_rtx {
            continue;
        }
        compounds.push(wire::rtcp_packet(1, 206, &[1, *ssrc]));
        let mut all = Vec::new();
        for back in (0..40).map(|block| 17 * block) {
            let sequence = highest.wrapping_sub(back) as u16;
            let words = [1, *ssrc, u32::from(sequence) << 16 | 0xffff];
            all.extend(wire::rtcp_packet(1, 205, &words));
        }
        compounds.push(all);
    }
    compounds
}

fn ask_for_all(world: &mut World, bad: usize) {
    for compound in requests(world, bad) {
        let sealed = world.peers[bad].seal_rtcp(&compound).unwrap();
        world.inject(world.peers[bad].address, &sealed);
    }
}

fn flood(world: &mut World, bad: usize, ms: u64) {
    let mut compounds = requests(world, bad);
    // Of a length it does not have, cut off, of no known kind, all of one byte.
    compounds.push(wire::rtcp_packet(31, 201, &[1]));
    compounds.push(vec![0x81, 205, 0xff, 0xff, 0, 0, 0, 1]);
    compounds.push(wire::rtcp_packet(15, 207, &[ms as u32; 8]));
    compounds.push(vec![0xc9; 12]);
    for compound in compounds {
        let sealed = world.peers[bad].seal_rtcp(&compound).unwrap();
        let source = world.peers[bad].address;
        world.inject(source, &sealed);
        // And once more as it was, and with a bit wrong.
        world.inject(source, &sealed);
        let mut forged = sealed;
        forged[9] ^= 4;
        world.inject(source, &forged);
    }
}

fn grown(outcome: &Outcome, of: fn(&Counters) -> u64) -> u64 {
    of(&outcome.after) - of(&outcome.before)
}

/// The others get the same beside a receiver of this kind as beside an honest one.
fn check_the_same(honest: &Outcome, other: &Outcome) {
    assert!(
        honest.deliveries[0].len() > 1500,
        "{}",
        honest.deliveries[0].len()
    );
    for (viewer, (undisturbed, disturbed)) in honest.deliveries.iter().zip(&other.deliveries).enumerate() {
        assert!(undisturbed == disturbed, "viewer {viewer} gets something else");
    }
}

#[test]
fn a_receiver_that_is_dead_costs_the_others_nothing() {
    let (honest, dead) = (call_with(Mallory::Honest), call_with(Mallory::Dead));
    check_the_same(&honest, &dead);
    assert_eq!(honest.key_frames, dead.key_frames);
}

/// The others get what they get beside an honest receiver, and the attacker's work is bounded.
fn check_harmless(mallory: Mallory) -> Outcome {
    let (honest, attacked) = (call_with(Mallory::Honest), call_with(mallory));
    check_the_same(&honest, &attacked);
    // A publisher's key frames are everybody's: asking for them all the time must not bring them all the time.
    let extra = attacked.key_frames - honest.key_frames;
    assert!(extra <= 5 + SECONDS as usize / 4, "{extra} key frames");
    let repaired_kbit = grown(&attacked, |counters| counters.sent.rtx.bytes) * 8 / 1000 / SECONDS;
    assert!(repaired_kbit <= 3300, "{repaired_kbit} kbit/s of repairs");
    let looked_up = grown(&attacked, |counters| counters.nacks_received) / SECONDS;
    assert!(looked_up <= 2500, "{looked_up} lost packets looked up a second");
    assert!(
        grown(&attacked, |counters| counters
            .drops
            .get(DropCause::TooManyRequests))
            > 100
    );
    attacked
}

#[test]
fn a_receiver_that_asks_for_everything_all_the_time_costs_the_others_nothing() {
    let attacked = check_harmless(Mallory::Greedy);
    let asked = grown(&attacked, |counters| counters.plis_received);
    let passed_on = grown(&attacked, |counters| counters.plis_sent);
    assert!(asked > 500 && passed_on <= 10, "{passed_on} of {asked}");
}

#[test]
fn a_receiver_that_wants_another_size_all_the_time_costs_the_others_nothing() {
    let (honest, restless) = (call_with(Mallory::Honest), call_with(Mallory::Restless));
    check_the_same(&honest, &restless);
    let extra = restless.key_frames - honest.key_frames;
    assert!(extra <= 5 + SECONDS as usize / 4, "{extra} key frames");
    let refused = grown(&restless, |counters| {
        counters.drops.get(DropCause::TooManyRequests)
    });
    assert!(refused > 0);
}

#[test]
fn a_receiver_that_floods_the_server_costs_the_others_nothing() {
    let attacked = check_harmless(Mallory::Flooding);
    assert!(grown(&attacked, |counters| counters.drops.get(DropCause::MalformedRtcp)) > 1000);
    assert!(
        grown(&attacked, |counters| counters
            .drops
            .get(DropCause::TooManyRequests))
            > 10_000
    );
    assert!(grown(&attacked, |counters| counters.drops.get(DropCause::Transport)) > 10_000);
}

/// Ann's large pictures that Bob gets in ten seconds beside somebody who sends so many large packets of sound a
/// millisecond, once that has gone on for two; and what was dropped of it.
fn pictures_beside_sound(packets_per_ms: usize) -> (usize, u64) {
    let mut world = World::new(136);
    let (ann, bob, bad) = (world.join(), world.join(), world.join());
    world.downlink(bob).set(Conditions {
        bottleneck: Some(Bottleneck::kbit(3000, 200)),
        ..Conditions::default()
    });
    for whose in [ann, bad] {
        world.switch(whose, TrackSource::Microphone, true);
    }
    world.switch(ann, TrackSource::Camera, true);
    world.view(bob, &[(ann, TrackSource::Camera, 720)]);
    world.run(6000);
    let since_ms = world.now_ms() + 2000;
    for _ in 0..(2 + SECONDS) * 1000 {
        for _ in 0..packets_per_ms {
            let now_ms = world.now_ms();
            let peer = &mut world.peers[bad];
            let stamp = wire::Stamp {
                publisher: peer.id.0,
                taken_ms: now_ms,
                layer: 0,
            };
            let sound = wire::opus(&stamp, 1300);
            let packet = peer.produce_payload(TrackSource::Microphone, 0, sound, now_ms);
            let source = peer.address;
            world.inject(source, &packet);
        }
        world.run(1);
    }
    let pictures = world.peers[bob].got(world.peers[ann].id, false, since_ms);
    let large = pictures.iter().filter(|packet| packet.stamp.layer == 2).count();
    (large, world.counters().drops.get(DropCause::TooMuchSound))
}

#[test]
fn a_publisher_who_floods_with_sound_does_not_cost_the_others_their_pictures() {
    let (undisturbed, dropped) = pictures_beside_sound(0);
    assert!(undisturbed > 1000 && dropped == 0, "{undisturbed} {dropped}");
    let (disturbed, dropped) = pictures_beside_sound(3);
    assert!(dropped > 20_000, "{dropped}");
    assert!(10 * disturbed >= 9 * undisturbed, "{disturbed} of {undisturbed}");
}

/// How many key frames of her camera Ann is asked for while Bob says ten times a second that he can't show it.
fn asked_while_bob_complains(world: &mut World, ann: usize, bob: usize, ms: u64) -> usize {
    let since_ms = world.now_ms();
    for _ in 0..ms / 100 {
        let mid = &world.peers[bob]
            .slot_of(world.peers[ann].id, TrackSource::Camera)
            .unwrap()
            .mid;
        let ssrcs = &world.peers[bob].answer.as_ref().unwrap().ssrcs;
        let is_it = |(_, (of, is_rtx)): &(&u32, &(String, bool))| of == mid && !is_rtx;
        let (ssrc, _) = ssrcs.iter().find(is_it).unwrap();
        let request = wire::rtcp_packet(1, 206, &[1, *ssrc]);
        let sealed = world.peers[bob].seal_rtcp(&request).unwrap();
        world.inject(world.peers[bob].address, &sealed);
        world.run(100);
    }
    let asked = world.peers[ann].senders.iter().flat_map(|sender| &sender.plis);
    asked.filter(|at| **at >= since_ms).count()
}

/// Who could fill the budget up by loading the page anew would have no limit.
#[test]
fn what_a_receiver_may_cause_of_key_frames_is_no_more_after_either_has_connected_anew() {
    let mut world = World::new(138);
    let (ann, bob) = (world.join(), world.join());
    world.switch(ann, TrackSource::Camera, true);
    world.view(bob, &[(ann, TrackSource::Camera, 180)]);
    world.run(2000);
    let first = asked_while_bob_complains(&mut world, ann, bob, 8000);
    assert!((5..=8).contains(&first), "{first}");
    for anew in [bob, ann, bob] {
        world.reload(anew);
        world.offer(anew);
        world.run(400);
        if anew == ann {
            world.switch(ann, TrackSource::Camera, true);
        }
        world.run(600);
        let again = asked_while_bob_complains(&mut world, ann, bob, 3000);
        // One each four seconds, and one more for the camera that begins.
        assert!(again <= 2, "{again}");
    }
}

/// 55 Mbit/s of a picture go to the server for ten seconds, whose viewer's line would carry them. What went out of it, in
/// kbit/s, and how much was dropped.
fn kbit_of_a_flood() -> (u64, u64) {
    let mut world = World::new(139);
    let (bob, bad) = (world.join(), world.join());
    world.switch(bad, TrackSource::Camera, true);
    world.peers[bad].sender(TrackSource::Camera, 2).packets_per_frame = 250;
    world.view(bob, &[(bad, TrackSource::Camera, 720)]);
    world.run(8000);
    let before = world.counters().clone();
    world.run(SECONDS * 1000);
    let after = world.counters();
    let sent =
        after.sent.video.bytes + after.sent.rtx.bytes - before.sent.video.bytes - before.sent.rtx.bytes;
    let dropped = after.drops.get(DropCause::TooMuchVideo) - before.drops.get(DropCause::TooMuchVideo);
    (sent * 8 / 1000 / SECONDS, dropped)
}

#[test]
fn a_publisher_who_floods_with_pictures_is_passed_on_only_up_to_what_pictures_need() {
    let (kbit, dropped) = kbit_of_a_flood();
    assert!(kbit <= 21_000, "{kbit} kbit/s");
    assert!(dropped > 20_000, "{dropped}");
}
