//! Offers, answers, slots and speakers on their way between browsers and the media plane.

use hearken_protocol::{
    ClientMessage, FlowStatistics, Importance, LineQuality, MediaCommand, MediaEvent, OfferRefusal,
    ParticipantId, Publish, Role, Slot, SlotContent, Speaker, Statistics, TrackSource, VideoCodec, ViewItem,
    ViewMode,
};

use crate::world::{SESSION, World, minutes};

const FIRST_PAGE: &str = "v=0\r\na=fingerprint:sha-256 AA\r\n";
const SECOND_PAGE: &str = "v=0\r\na=fingerprint:sha-256 BB\r\n";

fn offer(world: &mut World, who: &str, negotiation: u32, sdp: &str) -> u32 {
    world.says(
        who,
        ClientMessage::Offer {
            negotiation,
            sdp: sdp.into(),
            end_to_end_encrypted: false,
        },
    );
    match world.orders.last() {
        Some(MediaCommand::Offer { negotiation, .. }) => *negotiation,
        other => panic!("no offer reached the media plane but {other:?}"),
    }
}

fn answer(world: &mut World, who: &str, negotiation: u32) {
    let participant = world.seat(who);
    world.media(MediaEvent::Answer {
        session: SESSION,
        participant,
        negotiation,
        sdp: "v=0".into(),
    });
}

fn assign(world: &mut World, who: &str, mid: &str, whose: &str) {
    let content = SlotContent {
        participant: world.seat(whose),
        source: TrackSource::Camera,
        first_rtp_timestamp: 0,
    };
    let slot = Slot {
        mid: mid.to_owned(),
        generation: 1,
        content: Some(content),
    };
    world.media(MediaEvent::Slot {
        session: SESSION,
        participant: world.seat(who),
        slot,
    });
}

#[test]
fn an_offer_is_answered_under_the_number_it_came_with() {
    let mut world = World::with_group(&["ann"]);
    let number = offer(&mut world, "ann", 17, FIRST_PAGE);
    answer(&mut world, "ann", number);
    assert_eq!(world.hears("ann"), ["answer 17: v=0"]);
    answer(&mut world, "ann", number);
    assert_eq!(
        world.hears("ann"),
        Vec::<String>::new(),
        "an offer is answered once"
    );
}

#[test]
fn the_answer_to_a_page_that_is_gone_never_reaches_the_one_in_its_place() {
    let mut world = World::with_group(&["ann"]);
    let old = offer(&mut world, "ann", 1, FIRST_PAGE);
    world.connects("ann");
    let new = offer(&mut world, "ann", 1, SECOND_PAGE);
    world.hears("ann");
    answer(&mut world, "ann", old);
    assert_eq!(world.hears("ann"), Vec::<String>::new());
    answer(&mut world, "ann", new);
    assert_eq!(world.hears("ann"), ["answer 1: v=0"]);
}

#[test]
fn a_refused_offer_is_an_error_with_its_number() {
    let mut world = World::with_group(&["ann"]);
    let participant = world.seat("ann");
    for (refusal, error) in [
        (
            OfferRefusal::Malformed("no fingerprint".to_owned()),
            "error InvalidOffer",
        ),
        (OfferRefusal::Full, "error Overloaded"),
        (OfferRefusal::SessionOutgrown, "error SessionOutgrown"),
    ] {
        let negotiation = offer(&mut world, "ann", 1, "nonsense");
        world.media(MediaEvent::OfferRefused {
            session: SESSION,
            participant,
            negotiation,
            refusal,
        });
        assert_eq!(world.hears("ann"), [error]);
    }
}

#[test]
fn a_page_that_reconnects_hears_again_what_its_sections_carry() {
    let mut world = World::with_group(&["ann", "ben", "cleo"]);
    let number = offer(&mut world, "ann", 1, FIRST_PAGE);
    answer(&mut world, "ann", number);
    assign(&mut world, "ann", "4", "ben");
    world.drops("ann");
    assign(&mut world, "ann", "5", "cleo");
    world.connects("ann");
    assert_eq!(world.hears("ann")[2..], ["slot 4 is ben", "slot 5 is cleo"]);
    // The same page restarts ICE: its sections carry what they carried.
    let number = offer(&mut world, "ann", 2, FIRST_PAGE);
    answer(&mut world, "ann", number);
    world.drops("ann");
    world.connects("ann");
    assert_eq!(world.hears("ann")[2..], ["slot 4 is ben", "slot 5 is cleo"]);
}

#[test]
fn a_page_that_reconnects_hears_again_what_to_send_and_what_is_paused() {
    let mut world = World::with_group(&["ann", "ben"]);
    let (session, ann, ben) = (SESSION, world.seat("ann"), world.seat("ben"));
    let number = offer(&mut world, "ann", 1, FIRST_PAGE);
    answer(&mut world, "ann", number);
    let publish = |layers| MediaEvent::Publish {
        session,
        participant: ann,
        publish: Publish {
            source: TrackSource::Camera,
            codec: VideoCodec::Vp8,
            layers,
        },
    };
    let paused = |paused| MediaEvent::VideoPaused {
        session,
        participant: ann,
        publisher: ben,
        source: TrackSource::Camera,
        paused,
    };
    world.media(publish([true, true, true]));
    world.media(publish([true, false, false]));
    world.media(paused(true));
    let said = [
        "publish Camera Vp8 [true, true, true]",
        "publish Camera Vp8 [true, false, false]",
        "Camera of ben is paused",
    ];
    assert_eq!(world.hears("ann")[1..], said);
    world.drops("ann");
    world.connects("ann");
    assert_eq!(world.hears("ann")[2..], said[1..]);
    world.media(paused(false));
    world.drops("ann");
    world.connects("ann");
    assert_eq!(world.hears("ann")[2..], [said[1]]);
    world.media(paused(true));
    world.says("ben", ClientMessage::Leave);
    world.drops("ann");
    world.connects("ann");
    let heard = world.hears("ann");
    assert_eq!(heard.last().map(String::as_str), Some(said[1]), "{heard:?}");
}

#[test]
fn slots_of_a_page_that_is_gone_are_forgotten_with_the_answer_to_the_next() {
    let mut world = World::with_group(&["ann", "ben", "cleo"]);
    let number = offer(&mut world, "ann", 1, FIRST_PAGE);
    answer(&mut world, "ann", number);
    assign(&mut world, "ann", "4", "ben");
    world.drops("ann");
    world.connects("ann");
    let number = offer(&mut world, "ann", 1, SECOND_PAGE);
    answer(&mut world, "ann", number);
    assign(&mut world, "ann", "6", "cleo");
    world.drops("ann");
    world.connects("ann");
    assert_eq!(world.hears("ann")[2..], ["slot 6 is cleo"]);
}

#[test]
fn what_is_looked_at_is_passed_on_and_bounded() {
    let mut world = World::with_group(&["ann"]);
    let item = |number: u64, source| ViewItem {
        participant: ParticipantId(number),
        source,
        width: 640,
        height: 360,
        importance: Importance::Normal,
    };
    let view = |items: Vec<ViewItem>| ClientMessage::View {
        items,
        mode: ViewMode::LowData,
    };
    world.says(
        "ann",
        view(vec![item(1, TrackSource::Camera), item(1, TrackSource::Screen)]),
    );
    assert!(
        matches!(world.orders.last(), Some(MediaCommand::SetView { items, mode: ViewMode::LowData, .. }) if items.len() == 2)
    );
    let orders = world.orders.len();
    for wrong in [
        vec![item(1, TrackSource::Camera), item(1, TrackSource::Camera)],
        vec![item(1, TrackSource::Microphone)],
        (0..11).map(|number| item(number, TrackSource::Camera)).collect(),
    ] {
        world.says("ann", view(wrong));
        assert_eq!(world.hears("ann"), ["error InvalidValue"]);
    }
    assert_eq!(world.orders.len(), orders);
}

#[test]
fn speakers_are_told_to_everybody_inside_and_to_nobody_else() {
    let mut world = World::with_group(&["ann"]);
    world.arrives("ben", Role::Member);
    world.all_read();
    let level = 20;
    let speakers = vec![
        Speaker {
            participant: world.seat("ann"),
            level,
        },
        Speaker {
            participant: ParticipantId(999),
            level,
        },
    ];
    world.media(MediaEvent::Speakers {
        session: SESSION,
        speakers,
    });
    for who in ["host", "ann"] {
        assert_eq!(world.hears(who), ["speaking: ann"]);
    }
    assert_eq!(world.hears("ben"), Vec::<String>::new());
}

#[test]
fn a_transport_that_breaks_costs_nobody_the_seat() {
    let mut world = World::with_group(&["ann"]);
    world.media(MediaEvent::Disconnected {
        session: SESSION,
        participant: world.seat("ann"),
    });
    world.passes(minutes(5));
    assert!(world.grants_of("ann").is_some());
    assert_eq!(world.hears("host"), ["ann Off Lost"]);
    world.media(MediaEvent::Connected {
        session: SESSION,
        participant: world.seat("ann"),
    });
    assert_eq!(world.hears("host"), ["ann Off"]);
}

fn measured(world: &mut World, who: &str, quality: LineQuality) {
    let statistics = Statistics {
        quality,
        trouble: None,
        round_trip_ms: None,
        bandwidth_bps: None,
        sending: FlowStatistics::default(),
        receiving: FlowStatistics::default(),
        streams: Vec::new(),
    };
    world.media(MediaEvent::Statistics {
        session: SESSION,
        participant: world.seat(who),
        statistics,
    });
}

#[test]
fn statistics_go_to_the_person_they_are_about_and_others_hear_one_word_when_it_changes() {
    let mut world = World::with_group(&["ann", "ben"]);
    world.arrives("cleo", Role::Member);
    world.all_read();
    measured(&mut world, "ann", LineQuality::Good);
    measured(&mut world, "ann", LineQuality::Poor);
    measured(&mut world, "ann", LineQuality::Poor);
    assert_eq!(
        world.hears("ann"),
        ["own line Good", "ann Off Poor", "own line Poor", "own line Poor"]
    );
    for who in ["host", "ben"] {
        assert_eq!(world.hears(who), ["ann Off Poor"]);
    }
    assert_eq!(
        world.hears("cleo"),
        Vec::<String>::new(),
        "who waits learns nothing"
    );
}

#[test]
fn statistics_of_somebody_who_left_go_nowhere() {
    let mut world = World::with_group(&["ann"]);
    world.says("ann", ClientMessage::Leave);
    world.all_read();
    measured(&mut world, "ann", LineQuality::Poor);
    for who in ["host", "ann"] {
        assert_eq!(world.hears(who), Vec::<String>::new());
    }
}

#[test]
fn who_is_not_heard_of_any_more_is_told_to_look_for_another_way() {
    let mut world = World::with_group(&["ann", "ben"]);
    let participant = world.seat("ann");
    world.media(MediaEvent::Disconnected {
        session: SESSION,
        participant,
    });
    assert!(world.hears("ann").contains(&"media_lost".to_owned()));
    assert!(!world.hears("ben").contains(&"media_lost".to_owned()));
}
