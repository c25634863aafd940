//! Ways to the server: UDP, TCP, and from one to another.

use std::net::SocketAddr;

use hearken_protocol::{MediaCommand, MediaEvent, OfferRefusal, SessionId, SlotContent, TrackSource};
use hearken_sfu_core::DropCause;
use hearken_sfu_core::transport::{Pair, Protocol};

use super::peer::Holes;
use super::wire::OfferStyle;
use super::world::{EVERYTHING, World};

/// Ann by UDP and Bob by TCP, both talking, Bob watching.
fn mixed(seed: u64) -> (World, usize, usize) {
    let mut world = World::new(seed);
    let ann = world.join();
    let bob = world.knock(OfferStyle::default());
    world.peers[bob].protocol = Protocol::Tcp;
    world.admit(bob, EVERYTHING);
    world.offer(bob);
    for peer in [ann, bob] {
        world.switch(peer, TrackSource::Microphone, true);
        world.switch(peer, TrackSource::Camera, true);
    }
    world.view(bob, &[(ann, TrackSource::Camera, 720)]);
    world.view(ann, &[(bob, TrackSource::Camera, 720)]);
    world.run(2000);
    (world, ann, bob)
}

#[test]
fn a_call_comes_up_between_udp_and_tcp() {
    let (mut world, ann, bob) = mixed(70);
    world.run(2000);
    for (sender, receiver) in [(ann, bob), (bob, ann)] {
        let id = world.peers[sender].id;
        let heard = world.peers[receiver].got(id, true, 2000).len();
        let seen = world.peers[receiver].got(id, false, 2000).len();
        assert!(heard >= 98 && seen > 200, "{heard} {seen}");
        world.peers[receiver].check_continuity(Holes::Forbidden);
    }
}

#[test]
fn the_same_numbers_by_tcp_and_by_udp_are_two_ways() {
    let (mut world, ann, bob) = mixed(71);
    let over_udp = {
        let address = world.peers[bob].address;
        move |world: &mut World, bytes: &[u8]| world.inject(address, bytes)
    };
    let unknown = |world: &World| {
        let drops = &world.counters().drops;
        drops.get(DropCause::UnknownPeer)
    };
    let before = unknown(&world);
    // Something that would be tried as media, had the way been shown to be Bob's.
    over_udp(&mut world, &[0x80; 64]);
    assert_eq!(unknown(&world), before + 1);
    let (id, since) = (world.peers[ann].id, world.now_ms());
    world.run(1000);
    assert!(world.peers[bob].got(id, true, since).len() >= 48, "all by TCP");
}

#[test]
fn the_way_in_use_is_kept_however_many_others_are_tried() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let (mut world, ann, bob) = mixed(94);
        let peer = if protocol == Protocol::Tcp { bob } else { ann };
        let in_use = world.pair(peer);
        assert_eq!(in_use.protocol, protocol);
        let since = world.now_ms();
        for port in 10_000..10_040 {
            let check = forged_check(&mut world, peer);
            let elsewhere = SocketAddr::from(([203, 0, 113, 7], port));
            world.inject(elsewhere, &check);
        }
        assert!(world.core.knows(in_use));
        let others = (10_000..10_040).filter(|port| {
            let remote = SocketAddr::from(([203, 0, 113, 7], *port));
            let local = world.server();
            let protocol = Protocol::Udp;
            world.core.knows(Pair {
                remote,
                local,
                protocol,
            })
        });
        assert_eq!(others.count(), 23);
        world.run(1_000);
        let (ann_id, bob_id) = (world.peers[ann].id, world.peers[bob].id);
        assert!(world.peers[bob].got(ann_id, true, since).len() >= 48);
        assert!(world.peers[ann].got(bob_id, true, since).len() >= 48);
    }
}

#[test]
fn when_its_tcp_connection_ends_a_peer_goes_on_by_another() {
    let (mut world, ann, bob) = mixed(72);
    let before = world.pair(bob);
    // Reconnected: another port, and a check over it.
    world.peers[bob].address.set_port(9_999);
    let (address, now) = (world.peers[bob].address, world.now());
    let transport = world.peers[bob].transport.as_mut().unwrap();
    transport.move_to(address, hearken_sfu_core::client::DEFAULT_PRIORITY, now);
    world.run(50);
    assert!(world.core.knows(before) && world.core.knows(world.pair(bob)));
    world.hang_up(before);
    assert!(!world.core.knows(before));
    let (id, since) = (world.peers[ann].id, world.now_ms());
    world.run(1000);
    assert!(world.peers[bob].got(id, true, since).len() >= 46);
    let id = world.peers[bob].id;
    assert!(world.peers[ann].got(id, true, since).len() >= 46);
    assert_eq!(world.core.connections(), 2);
}

#[test]
fn a_picture_that_a_connection_did_not_take_is_made_good_by_one_key_frame() {
    let (mut world, ann, bob) = mixed(86);
    world.run(3000);
    let layer = 2;
    let before = world.peers[ann].sender(TrackSource::Camera, layer).plis.len();
    let id = world.peers[ann].id;
    let slot = world.peers[bob].slots.values().find(|slot| {
        let is_it =
            |content: &SlotContent| content.participant == id && content.source == TrackSource::Camera;
        slot.content.as_ref().is_some_and(is_it)
    });
    let mid = slot.unwrap().mid.clone();
    let answer = world.peers[bob].answer.as_ref().unwrap();
    let stream = answer
        .ssrcs
        .iter()
        .find(|(_, (of, is_repair))| *of == mid && !is_repair);
    let (ssrc, pair, now) = (*stream.unwrap().0, world.pair(bob), world.now());
    for _ in 0..20 {
        world.core.handle_unsent(now, pair, ssrc);
    }
    world.run(300);
    let asked = world.peers[ann].sender(TrackSource::Camera, layer).plis.len() - before;
    assert_eq!(asked, 1);
}

#[test]
fn a_peer_whose_only_tcp_connection_ends_is_sent_nothing_and_may_come_back() {
    let (mut world, ann, bob) = mixed(73);
    let before = world.pair(bob);
    world.peers[bob].address.set_port(9_998);
    world.hang_up(before);
    let transport = world.peers[bob].transport.take();
    world.run(1500);
    let drops = &world.counters().drops;
    assert!(drops.get(DropCause::NoWay) > 0, "its reports have no way to go");
    assert_eq!(drops.get(DropCause::OutboxFull), 0);
    world.peers[bob].transport = transport;
    world.run(500);
    let (address, now) = (world.peers[bob].address, world.now());
    let transport = world.peers[bob].transport.as_mut().unwrap();
    transport.move_to(address, hearken_sfu_core::client::DEFAULT_PRIORITY, now);
    world.run(500);
    let (id, since) = (world.peers[ann].id, world.now_ms());
    world.run(1000);
    assert!(world.peers[bob].got(id, true, since).len() >= 48);
    assert_eq!(world.core.connections(), 2);
}

/// Ann and Bob by UDP, both talking and watching each other.
fn both_by_udp(seed: u64) -> (World, usize, usize) {
    let mut world = World::new(seed);
    let (ann, bob) = (world.join(), world.join());
    for (peer, other) in [(ann, bob), (bob, ann)] {
        world.switch(peer, TrackSource::Microphone, true);
        world.switch(peer, TrackSource::Camera, true);
        world.view(peer, &[(other, TrackSource::Camera, 720)]);
    }
    world.run(2000);
    (world, ann, bob)
}

/// The longest time without a voice at a receiver since `since`, in ms.
fn longest_silence(world: &World, sender: usize, receiver: usize, since: u64) -> u64 {
    let id = world.peers[sender].id;
    let voice = world.peers[receiver].got(id, true, since);
    let came = voice.iter().map(|packet| packet.at_ms);
    let times: Vec<_> = [since].into_iter().chain(came).chain([world.now_ms()]).collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap()
}

/// A nominating check with the highest priority, signed by this peer. It goes on checking as before.
fn forged_check(world: &mut World, peer: usize) -> Vec<u8> {
    let (address, now) = (world.peers[peer].address, world.now());
    let transport = world.peers[peer].transport.as_mut().unwrap();
    transport.move_to(address, u32::MAX, now);
    let check = transport.poll_transmit().unwrap().contents;
    transport.move_to(address, hearken_sfu_core::client::DEFAULT_PRIORITY, now);
    while transport.poll_transmit().is_some() {}
    check
}

#[test]
fn a_forged_source_takes_neither_the_way_of_another_peer_nor_ones_own_media_there() {
    let (mut world, ann, bob) = both_by_udp(76);
    let since = world.now_ms();
    let victim = world.peers[bob].address;
    for _ in 0..20 {
        let forged = forged_check(&mut world, ann);
        world.inject(victim, &forged);
        world.run(200);
    }
    assert!(
        longest_silence(&world, bob, ann, since) < 60,
        "what Bob sends arrives"
    );
    assert!(longest_silence(&world, ann, bob, since) < 60);
    let (id, frames) = (world.peers[bob].id, 5 * 4_000 / 40);
    let seen = world.peers[ann].got(id, false, since).len();
    assert!(
        seen > frames * 9 / 10,
        "what Ann is sent still goes to her: {seen}"
    );
}

/// Somebody comes, and these two hear each other without a pause.
fn comes_and_talks_with(world: &mut World, newcomer: usize, other: usize) {
    world.admit(newcomer, EVERYTHING);
    world.offer(newcomer);
    world.run(1000);
    world.switch(newcomer, TrackSource::Microphone, true);
    world.run(500);
    let since = world.now_ms();
    world.run(2000);
    assert!(longest_silence(world, newcomer, other, since) < 60);
    assert!(longest_silence(world, other, newcomer, since) < 60);
}

#[test]
fn whoever_comes_to_an_address_that_somebody_else_has_named_before_gets_it() {
    let (mut world, ann, bob) = both_by_udp(77);
    let forged = forged_check(&mut world, ann);
    let cleo = world.knock(OfferStyle::default());
    let address = world.peers[cleo].address;
    world.inject(address, &forged);
    comes_and_talks_with(&mut world, cleo, bob);
}

#[test]
fn an_address_that_changes_hands_goes_to_whoever_answers_there() {
    let (mut world, ann, bob) = both_by_udp(78);
    // Bob's line breaks, and Cleo behind the same address translation gets his port.
    let address = world.peers[bob].address;
    world.peers[bob].address = "10.0.0.9:1".parse().unwrap();
    world.peers[bob].transport = None;
    let cleo = world.knock(OfferStyle::default());
    world.peers[cleo].address = address;
    comes_and_talks_with(&mut world, cleo, ann);
    world.run(14_000);
    let since = world.now_ms();
    world.run(1000);
    assert!(
        longest_silence(&world, cleo, ann, since) < 60,
        "also after Bob was given up"
    );
}

/// A phone that goes from one network to another and says so, with checks from its new address.
#[test]
fn a_roaming_peer_is_heard_at_once_and_sent_to_within_two_and_a_half_seconds() {
    let (mut world, ann, bob) = both_by_udp(79);
    let since = world.now_ms();
    world.peers[bob].address = "10.9.9.9:4242".parse().unwrap();
    let (address, now) = (world.peers[bob].address, world.now());
    let transport = world.peers[bob].transport.as_mut().unwrap();
    transport.move_to(address, hearken_sfu_core::client::DEFAULT_PRIORITY, now);
    world.run(6000);
    let (up, down) = (
        longest_silence(&world, bob, ann, since),
        longest_silence(&world, ann, bob, since),
    );
    eprintln!("silent for {up} ms up, {down} ms down");
    assert!(up <= 300 && down <= 2_500, "{up} {down}");
    assert!(!has_left(&world, bob, since));
}

/// The address translation before a phone has forgotten it: it sends on as before, and comes from another port.
#[test]
fn a_peer_whose_port_changes_unnoticed_is_heard_and_sent_to_again_within_five_seconds() {
    for seed in 80..84 {
        let (mut world, ann, bob) = both_by_udp(seed);
        let since = world.now_ms();
        world.peers[bob].address.set_port(4_242);
        world.run(10_000);
        let (up, down) = (
            longest_silence(&world, bob, ann, since),
            longest_silence(&world, ann, bob, since),
        );
        eprintln!("silent for {up} ms up, {down} ms down");
        assert!(up <= 2_500 && down <= 5_000, "{up} {down}");
        assert!(!has_left(&world, bob, since));
        let id = world.peers[ann].id;
        let since = world.now_ms() - 2_000;
        assert!(world.peers[bob].got(id, false, since).len() > 200, "pictures too");
    }
}

/// Whether a peer was reported as gone.
fn has_left(world: &World, peer: usize, since: u64) -> bool {
    let id = world.peers[peer].id;
    let is_it = |event: &MediaEvent| matches!(event, MediaEvent::Disconnected { participant, .. } if *participant == id);
    world
        .events
        .iter()
        .any(|(at, event)| *at >= since && is_it(event))
}

/// As a client does that restarts again because the answer to its first attempt was long in coming.
#[test]
fn two_restarts_in_a_row_leave_the_connection_in_use_alone_until_one_of_them_gets_through() {
    let (mut world, ann, bob) = both_by_udp(85);
    let in_use = world.peers[bob].transport.take();
    for _ in 0..2 {
        let mut random = rand::SeedableRng::seed_from_u64(world.now_ms());
        world.peers[bob].renew_credentials(&mut random);
        world.offer(bob);
        world.peers[bob].transport = None;
        world.run(100);
    }
    world.peers[bob].transport = in_use;
    let unknown = |world: &World| world.counters().drops.get(DropCause::UnknownPeer);
    let (before, since) = (unknown(&world), world.now_ms());
    world.run(40_000);
    assert_eq!(
        unknown(&world),
        before,
        "the checks of the connection in use are answered"
    );
    assert!(longest_silence(&world, ann, bob, since) < 60);
    assert!(longest_silence(&world, bob, ann, since) < 60);
    assert!(!has_left(&world, bob, since));

    let newest = world.peers[bob].answer.as_ref().unwrap().ice.clone();
    let (ours, now) = (world.peers[bob].ice.clone(), world.now());
    let since = world.now_ms();
    world.peers[bob]
        .transport
        .as_mut()
        .unwrap()
        .restart_ice(ours, newest, now);
    world.run(20_000);
    assert!(longest_silence(&world, ann, bob, since) < 60);
    assert_eq!(unknown(&world), before);
}

/// What came of the newest offer of a peer.
fn outcome(world: &World, peer: usize) -> Option<OfferRefusal> {
    let id = world.peers[peer].id;
    let newest = world.events.iter().rev().find_map(|(_, event)| match event {
        MediaEvent::Answer { participant, .. } if *participant == id => Some(None),
        MediaEvent::OfferRefused {
            participant, refusal, ..
        } if *participant == id => Some(Some(refusal.clone())),
        _ => None,
    });
    newest.expect("every offer is answered or refused")
}

#[test]
fn a_session_that_outgrows_its_shard_takes_nobody_else_until_there_is_room() {
    let mut world = World::new(74);
    let (ann, bob) = (world.join(), world.join());
    for (peer, other) in [(ann, bob), (bob, ann)] {
        world.switch(peer, TrackSource::Microphone, true);
        world.switch(peer, TrackSource::Camera, true);
        world.view(peer, &[(other, TrackSource::Camera, 720)]);
    }
    // Nobody counts as a newcomer any more.
    world.run(12_000);
    world.core.set_packets_per_second_max(200);
    assert!(world.core.packets_per_second() > 200);
    let cleo = world.knock(OfferStyle::default());
    world.admit(cleo, EVERYTHING);
    world.offer(cleo);
    assert_eq!(outcome(&world, cleo), Some(OfferRefusal::SessionOutgrown));
    // Who is in already may load the page anew, and nobody inside is worse off.
    world.reload(bob);
    world.offer(bob);
    assert_eq!(outcome(&world, bob), None);
    assert_eq!(world.core.connections(), 2);

    world.switch(ann, TrackSource::Camera, false);
    world.run(3000);
    world.offer(cleo);
    assert_eq!(outcome(&world, cleo), None);
}

#[test]
fn who_is_in_a_call_comes_back_to_a_full_shard_also_after_the_old_page_has_said_goodbye() {
    let (mut world, ann, bob) = both_by_udp(92);
    world.run(12_000);
    world.core.set_packets_per_second_max(100);
    for _ in 0..3 {
        let now = world.now();
        world.peers[bob].transport.as_mut().unwrap().close(now);
        world.run(100);
        assert_eq!(world.core.connections(), 1, "gone, but has not left");
        world.reload(bob);
        world.offer(bob);
        assert_eq!(outcome(&world, bob), None);
        world.run(500);
    }
    assert_eq!(world.core.connections(), 2);
    // Who has left is a newcomer like others.
    world.leave(bob);
    world.admit(bob, EVERYTHING);
    world.reload(bob);
    world.offer(bob);
    assert_eq!(outcome(&world, bob), Some(OfferRefusal::SessionOutgrown));
    assert_eq!(world.peers[ann].events.len(), 0);
}

#[test]
fn who_comes_back_again_and_again_takes_no_room_from_others() {
    let (mut world, _, bob) = both_by_udp(93);
    world.run(12_000);
    let room = world.core.packets_per_second() + 3 * 300;
    world.core.set_packets_per_second_max(room);
    for _ in 0..5 {
        let now = world.now();
        world.peers[bob].transport.as_mut().unwrap().close(now);
        world.run(100);
        world.reload(bob);
        world.offer(bob);
        assert_eq!(outcome(&world, bob), None);
        world.run(500);
    }
    let cleo = world.knock(OfferStyle::default());
    world.admit(cleo, EVERYTHING);
    world.offer(cleo);
    assert_eq!(outcome(&world, cleo), None);
}

#[test]
fn another_session_on_a_full_shard_is_told_that_the_server_is_full() {
    let mut world = World::new(75);
    let (ann, bob) = (world.join(), world.join());
    for peer in [ann, bob] {
        world.switch(peer, TrackSource::Microphone, true);
    }
    world.run(3000);
    world.core.set_packets_per_second_max(50);
    world.session = SessionId(8);
    world.command(MediaCommand::OpenSession {
        session: SessionId(8),
        captions: false,
    });
    let dora = world.knock(OfferStyle::default());
    world.admit(dora, EVERYTHING);
    world.offer(dora);
    assert_eq!(outcome(&world, dora), Some(OfferRefusal::Full));
    world.command(MediaCommand::Offer {
        session: SessionId(8),
        participant: world.peers[dora].id,
        negotiation: 9,
        sdp: "v=0".to_owned().into(),
        end_to_end_encrypted: false,
    });
    let counters = world.counters();
    let by_reason = [
        counters.offers_malformed,
        counters.offers_full,
        counters.offers_outgrown,
    ];
    assert_eq!(by_reason, [1, 1, 0]);
}

#[test]
fn a_group_that_joins_at_once_is_let_in_only_as_far_as_what_it_will_cost_is_there() {
    let mut world = World::new(89);
    world.core.set_packets_per_second_max(1_200);
    let everybody: Vec<usize> = (0..6).map(|_| world.knock(OfferStyle::default())).collect();
    for peer in &everybody {
        world.admit(*peer, EVERYTHING);
        world.offer(*peer);
    }
    // Not a packet has been sent yet.
    assert_eq!(world.core.packets_per_second(), 0);
    let refusals = everybody.iter().map(|peer| outcome(&world, *peer));
    let let_in = refusals.take_while(Option::is_none).count();
    assert_eq!(let_in, 4);
    assert_eq!(outcome(&world, everybody[5]), Some(OfferRefusal::SessionOutgrown));
    assert_eq!(
        (world.counters().offers_outgrown, world.counters().offers_full),
        (2, 0)
    );

    // They only talk: the others get in when that has been seen.
    for peer in &everybody[..2] {
        world.switch(*peer, TrackSource::Microphone, true);
    }
    world.run(12_000);
    for peer in &everybody[4..] {
        world.offer(*peer);
        assert_eq!(outcome(&world, *peer), None);
    }
    assert_eq!(world.core.connections(), 6);
}

#[test]
fn where_there_is_no_place_left_in_the_tables_an_offer_is_refused_rather_than_left_unanswered() {
    let mut world = World::new(90);
    let dora = world.knock(OfferStyle::default());
    for other in 0..1_024 {
        world.command(MediaCommand::Admit {
            session: world.session,
            participant: hearken_protocol::ParticipantId(1_000_000 + other),
            grants: EVERYTHING,
        });
    }
    world.admit(dora, EVERYTHING);
    world.offer(dora);
    assert_eq!(outcome(&world, dora), Some(OfferRefusal::SessionOutgrown));

    let mut world = World::new(91);
    for other in 100..2_099 {
        world.command(MediaCommand::OpenSession {
            session: SessionId(other),
            captions: false,
        });
    }
    world.session = SessionId(8);
    world.command(MediaCommand::OpenSession {
        session: SessionId(8),
        captions: false,
    });
    let dora = world.knock(OfferStyle::default());
    world.admit(dora, EVERYTHING);
    world.offer(dora);
    assert_eq!(outcome(&world, dora), Some(OfferRefusal::Full));
}
