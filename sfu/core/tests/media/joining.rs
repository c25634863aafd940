//! Who gets a transport, and what for.

use hearken_protocol::{MediaCommand, MediaEvent, OfferRefusal, SessionId, TrackSource};

use super::peer::Holes;
use super::wire::OfferStyle;
use super::world::{EVERYTHING, SESSION, World};

#[test]
fn two_people_hear_and_see_each_other() {
    let mut world = World::new(1);
    let (ann, bob) = (world.join(), world.join());
    for peer in [ann, bob] {
        world.switch(peer, TrackSource::Microphone, true);
        world.switch(peer, TrackSource::Camera, true);
    }
    world.view(bob, &[(ann, TrackSource::Camera, 720)]);
    world.view(ann, &[(bob, TrackSource::Camera, 360)]);
    world.run(4000);
    for (sender, receiver) in [(ann, bob), (bob, ann)] {
        let id = world.peers[sender].id;
        let heard = world.peers[receiver].got(id, true, 1000).len();
        let seen = world.peers[receiver].got(id, false, 1000).len();
        assert!(heard > 150 && seen > 100, "{heard} {seen}");
        world.peers[receiver].check_continuity(Holes::Forbidden);
        let feedback = world.peers[sender].feedback_messages;
        assert!((40..90).contains(&feedback), "{feedback}");
    }
    assert_eq!(
        world.peers[ann].answer.as_ref().unwrap().streams["4"],
        world.peers[ann].answer.as_ref().unwrap().streams["5"]
    );
}

#[test]
fn an_offer_of_somebody_not_admitted_gets_no_answer_and_no_transport() {
    let mut world = World::new(2);
    let ann = world.knock(OfferStyle::default());
    world.offer(ann);
    world.run(200);
    assert_eq!((world.core.connections(), world.events.len()), (0, 0));
    world.inject(
        world.peers[ann].address,
        &[
            0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2,
        ],
    );
    world.run(100);
    assert!(world.core.outbox().is_empty());
    assert_eq!(world.counters().commands_ignored, 1);
}

#[test]
fn an_offer_that_makes_no_sense_is_refused() {
    let mut world = World::new(3);
    let ann = world.knock(OfferStyle::default());
    world.admit(ann, EVERYTHING);
    let participant = world.peers[ann].id;
    let sdp = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n".into();
    world.command(MediaCommand::Offer {
        session: SESSION,
        participant,
        negotiation: 9,
        sdp,
        end_to_end_encrypted: false,
    });
    assert!(matches!(
        world.events.last(),
        Some((
            _,
            MediaEvent::OfferRefused {
                negotiation: 9,
                refusal: OfferRefusal::Malformed(_),
                ..
            }
        ))
    ));
    assert_eq!(world.core.connections(), 0);
}

#[test]
fn a_certificate_that_the_offer_did_not_name_gets_no_media() {
    let mut world = World::new(4);
    let bob = world.join();
    let ann = world.knock(OfferStyle::default());
    world.admit(ann, EVERYTHING);
    world.offer(ann);
    // Somebody else, who knows the credentials but has another key.
    world.peers[ann].transport = None;
    world.peers[ann].identity = hearken_sfu_core::transport::Identity::generate().unwrap().into();
    let id = world.peers[ann].id;
    let answer = world.events.iter().rev().find_map(|(_, event)| match event {
        MediaEvent::Answer { participant, .. } if *participant == id => Some(event.clone()),
        _ => None,
    });
    world.take_again(answer.unwrap());
    world.switch(ann, TrackSource::Microphone, true);
    world.run(3000);
    assert!(world.peers[bob].got(id, true, 0).is_empty());
    let connected = |(_, event): &(u64, MediaEvent)| matches!(event, MediaEvent::Connected { participant, .. } if *participant == id);
    assert!(!world.events.iter().any(connected));
    assert_eq!(world.core.connections(), 1);
}

#[test]
fn an_ice_restart_keeps_the_media_going() {
    let mut world = World::new(5);
    let (ann, bob) = (world.join(), world.join());
    world.switch(ann, TrackSource::Microphone, true);
    world.run(1000);
    let mut random = world.random.clone();
    world.peers[ann].renew_credentials(&mut random);
    world.offer(ann);
    world.run(2000);
    let (id, since) = (world.peers[ann].id, world.now_ms() - 1000);
    assert!(world.peers[bob].got(id, true, since).len() >= 48);
    world.peers[bob].check_continuity(Holes::Forbidden);
    assert_eq!(world.core.connections(), 2);
}

#[test]
fn a_reloaded_page_gets_a_new_transport_and_its_slots_again() {
    let mut world = World::new(6);
    let (ann, bob) = (world.join(), world.join());
    for peer in [ann, bob] {
        world.switch(peer, TrackSource::Microphone, true);
    }
    world.run(1000);
    let mid_before = world.peers[bob]
        .slot_of(world.peers[ann].id, TrackSource::Microphone)
        .unwrap()
        .mid
        .clone();
    world.reload(ann);
    world.offer(ann);
    world.switch(ann, TrackSource::Microphone, true);
    world.run(2000);
    let (ann_id, bob_id) = (world.peers[ann].id, world.peers[bob].id);
    let since = world.now_ms() - 1000;
    assert!(world.peers[bob].got(ann_id, true, since).len() >= 48);
    assert!(world.peers[ann].got(bob_id, true, since).len() >= 48);
    assert_eq!(
        world.peers[bob]
            .slot_of(ann_id, TrackSource::Microphone)
            .unwrap()
            .mid,
        mid_before
    );
    world.peers[bob].check_continuity(Holes::Forbidden);
    assert_eq!(world.core.connections(), 2);
}

#[test]
fn a_firefox_without_rids_is_found_by_its_ssrcs_and_numbers() {
    let mut world = World::new(7);
    let style = OfferStyle {
        ssrcs: Some([(1111, 1112), (2221, 2222)]),
        opus: 109,
        vp8: 120,
        ..OfferStyle::default()
    };
    let (fox, ann) = (world.join_as(style), world.join());
    for peer in [fox, ann] {
        world.switch(peer, TrackSource::Microphone, true);
        world.switch(peer, TrackSource::Camera, true);
    }
    world.view(fox, &[(ann, TrackSource::Camera, 180)]);
    world.view(ann, &[(fox, TrackSource::Camera, 180)]);
    world.run(3000);
    let (fox_id, ann_id) = (world.peers[fox].id, world.peers[ann].id);
    assert!(world.peers[ann].got(fox_id, false, 1000).len() > 40);
    let to_fox = world.peers[fox].got(ann_id, false, 1000);
    assert!(to_fox.len() > 40 && to_fox.iter().all(|received| received.payload_type == 120));
    assert!(
        world.peers[fox]
            .got(ann_id, true, 1000)
            .iter()
            .all(|received| received.payload_type == 109)
    );
}

#[test]
fn late_messages_of_an_ended_session_do_nothing() {
    let mut world = World::new(8);
    let (ann, bob) = (world.join(), world.join());
    world.switch(ann, TrackSource::Microphone, true);
    world.run(1000);
    world.command(MediaCommand::CloseSession { session: SESSION });
    let heard = world.peers[bob].received.len();
    world.events.clear();
    world.offer(bob);
    world.admit(bob, EVERYTHING);
    world.grant(ann, EVERYTHING);
    world.run(3000);
    assert!(world.peers[bob].received.len() <= heard + 2);
    assert!(world.events.is_empty());
    assert_eq!((world.core.sessions(), world.core.connections()), (0, 0));
    // Both were told over DTLS.
    assert!(world.peers.iter().all(|peer| peer.events == ["ClosedByPeer"]));
    assert_eq!(world.core.poll_timeout(), None);
}

#[test]
fn sessions_do_not_mix() {
    let mut world = World::new(9);
    let ann = world.join();
    world.session = SessionId(8);
    world.command(MediaCommand::OpenSession {
        session: SessionId(8),
        captions: false,
    });
    let bob = world.join();
    world.switch(ann, TrackSource::Microphone, true);
    world.switch(bob, TrackSource::Microphone, true);
    world.run(1000);
    assert!(
        world
            .peers
            .iter()
            .all(|peer| peer.received.is_empty() && peer.slots.is_empty())
    );
    assert!(world.speech.iter().all(|packet| packet.session == SESSION) && !world.speech.is_empty());
}

/// From the offer to the first sound and the first picture: some round trips, and no waiting for a clock.
#[test]
fn a_join_takes_round_trips_and_nothing_else() {
    let mut world = World::new(19);
    let ann = world.join();
    world.switch(ann, TrackSource::Microphone, true);
    world.switch(ann, TrackSource::Camera, true);
    world.run(3000);
    let bob = world.knock(OfferStyle::default());
    world.lines[bob].delay_ms = 0;
    world.lines[ann].delay_ms = 0;
    world.admit(bob, EVERYTHING);
    world.view(bob, &[(ann, TrackSource::Camera, 720)]);
    let offered_ms = world.now_ms();
    world.offer(bob);
    world.run(400);
    let ann = world.peers[ann].id;
    let waited = |is_audio| {
        let first = world.peers[bob].got(ann, is_audio, offered_ms)[0].at_ms;
        first - offered_ms
    };
    eprintln!("sound {} ms, picture {} ms", waited(true), waited(false));
    // A sound comes every 20 ms; the picture is asked for at the next tick, 20 ms, and comes with the next frame, 33 ms.
    assert!(waited(true) <= 20 + 15, "{}", waited(true));
    assert!(waited(false) <= 15 + 20 + 35 + 5, "{}", waited(false));
}
