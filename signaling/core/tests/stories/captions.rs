//! Captions under the right names, in the right order, and all of them closed.

use hearken_protocol::{
    CAPTION_HISTORY_MAX, CaptionAbilities, CaptionEvent, CaptionId, CaptionNews, CaptionStatus,
    CaptionsState, ClientMessage, GroupSpeech, Language, MediaCommand, ParticipantId, Role, ServerMessage,
    SessionId, SpokenLanguage, Timestamp,
};
use hearken_signaling_core::SessionSettings;

use crate::world::{SESSION, START, World, settings};

fn event(
    participant: ParticipantId,
    number: u64,
    revision: u32,
    status: CaptionStatus,
    text: &str,
) -> CaptionEvent {
    let (stable, tentative) = text.split_once('|').unwrap_or((text, ""));
    CaptionEvent {
        session: SESSION,
        participant,
        id: CaptionId { epoch: 1, number },
        revision,
        status,
        stable: stable.into(),
        tentative: tentative.into(),
        started_at: Timestamp(START.0 + number),
        ended_at: Timestamp(START.0 + number + 1),
        words: Vec::new(),
        after_gap: false,
        language: Language::parse("de"),
    }
}

fn says(world: &mut World, who: &str, number: u64, revision: u32, status: CaptionStatus, text: &str) {
    let participant = world.seat(who);
    world.hears_speech(event(participant, number, revision, status, text));
}

use CaptionStatus::{Final, Partial};

#[test]
fn captions_come_under_the_name_of_who_spoke_to_everybody_inside() {
    let mut world = World::with_group(&["ann"]);
    world.arrives("ben", Role::Member);
    world.captions(CaptionNews::State(CaptionsState::On));
    world.all_read();
    says(&mut world, "ann", 1, 1, Partial, "|hello");
    says(&mut world, "ann", 1, 2, Final, "hello there");
    for who in ["host", "ann"] {
        assert_eq!(
            world.hears(who),
            ["ann Partial 1: |hello", "ann Final 2: hello there|"]
        );
    }
    assert_eq!(world.hears("ben"), Vec::<String>::new());
}

#[test]
fn old_revisions_and_anything_after_the_end_are_dropped() {
    let mut world = World::with_group(&["ann"]);
    says(&mut world, "ann", 1, 2, Partial, "hello|");
    says(&mut world, "ann", 1, 1, Partial, "|hell");
    says(&mut world, "ann", 1, 2, Partial, "hello|o");
    says(&mut world, "host", 1, 3, Partial, "not mine|");
    says(&mut world, "ann", 1, 3, Final, "hello");
    says(&mut world, "ann", 1, 4, Partial, "hello|again");
    says(&mut world, "ann", 1, 5, Final, "hello again");
    assert_eq!(
        world.hears("host"),
        ["ann Partial 2: hello|", "ann Final 3: hello|"]
    );
}

#[test]
fn when_the_worker_dies_open_captions_are_closed_as_they_stood_and_people_are_told() {
    let mut world = World::with_group(&["ann"]);
    world.captions(CaptionNews::State(CaptionsState::On));
    says(&mut world, "ann", 1, 3, Partial, "hello|there");
    world.hears("host");
    world.captions(CaptionNews::State(CaptionsState::Starting));
    assert_eq!(
        world.hears("host"),
        ["ann Interrupted 4: hello there|", "captions Starting"]
    );
    world.captions(CaptionNews::State(CaptionsState::Starting));
    assert_eq!(world.hears("host"), Vec::<String>::new());
    world.captions(CaptionNews::State(CaptionsState::On));
    assert_eq!(world.hears("host"), ["captions On"]);
    says(&mut world, "ann", 1, 9, Final, "a ghost");
    assert_eq!(world.hears("host"), Vec::<String>::new());
}

#[test]
fn a_new_worker_closes_what_an_earlier_one_left_open() {
    let mut world = World::with_group(&["ann"]);
    says(&mut world, "ann", 1, 1, Partial, "|hello");
    world.hears("host");
    let next = CaptionId { epoch: 2, number: 1 };
    let participant = world.seat("ann");
    let second = CaptionEvent {
        id: next,
        ..event(participant, 1, 1, Partial, "|well")
    };
    world.hears_speech(second);
    assert_eq!(
        world.hears("host"),
        ["ann Interrupted 2: hello|", "ann Partial 1: |well"]
    );
    says(&mut world, "ann", 2, 1, Final, "of a worker that is dead");
    assert_eq!(world.hears("host"), Vec::<String>::new());
}

#[test]
fn a_late_caption_of_somebody_who_left_keeps_their_name() {
    let mut world = World::with_group(&["ann", "ben"]);
    world.says("ann", ClientMessage::Leave);
    let participant = world.seat("ben");
    world.says("host", ClientMessage::Remove { participant });
    world.hears("host");
    says(&mut world, "ann", 1, 1, Final, "goodbye");
    says(&mut world, "ben", 2, 1, Final, "why");
    assert_eq!(
        world.hears("host"),
        ["ann Final 1: goodbye|", "ben Final 1: why|"]
    );
}

#[test]
fn captions_of_strangers_waiting_people_and_other_sessions_are_dropped() {
    let mut world = World::with_group(&["ann"]);
    world.arrives("ben", Role::Member);
    world.all_read();
    says(&mut world, "ben", 1, 1, Final, "let me in");
    world.hears_speech(event(ParticipantId(999), 2, 1, Final, "hm"));
    let elsewhere = event(world.seat("ann"), 3, 1, Final, "hm");
    world.hears_speech(CaptionEvent {
        session: SessionId(8),
        ..elsewhere
    });
    assert_eq!(world.hears("host"), Vec::<String>::new());
}

#[test]
fn who_comes_later_gets_the_latest_finals() {
    let mut world = World::with_group(&["ann"]);
    let last = CAPTION_HISTORY_MAX as u64 + 10;
    for number in 1..=last {
        says(&mut world, "ann", number, 1, Final, "yes");
    }
    says(&mut world, "ann", last + 1, 1, Partial, "|no");
    let history = world.snapshot("host").captions;
    assert_eq!(history.len(), CAPTION_HISTORY_MAX);
    assert_eq!(
        (history[0].id.number, history.last().unwrap().id.number),
        (11, last)
    );
    world.hears("host");
    says(&mut world, "ann", 5, 2, Final, "long forgotten");
    assert_eq!(world.hears("host"), Vec::<String>::new());
}

#[test]
fn an_end_without_text_closes_the_caption_and_is_not_kept() {
    let mut world = World::with_group(&["ann"]);
    world.captions(CaptionNews::State(CaptionsState::On));
    world.all_read();
    says(&mut world, "ann", 1, 1, Partial, "|uh");
    says(&mut world, "ann", 1, 2, Final, "");
    says(&mut world, "ann", 1, 3, Partial, "|late");
    assert_eq!(world.hears("host"), ["ann Partial 1: |uh", "ann Final 2: |"]);
    assert!(world.snapshot("host").captions.is_empty());
}

#[test]
fn a_session_without_captions_stays_without() {
    let mut world = World::with(
        SessionSettings {
            captions: false,
            ..settings()
        },
        START,
    );
    world.arrives("host", Role::Facilitator);
    world.hears("host");
    world.captions(CaptionNews::State(CaptionsState::On));
    says(&mut world, "host", 1, 1, Final, "off the record");
    assert_eq!(world.hears("host"), Vec::<String>::new());
    assert_eq!(world.session.captions(), CaptionsState::Off);
}

#[test]
fn a_model_that_does_not_know_the_language_makes_captions_unavailable_until_another_comes() {
    let german = GroupSpeech {
        language: SpokenLanguage::parse("de").unwrap(),
        ..GroupSpeech::default()
    };
    let settings = SessionSettings {
        speech: german.clone(),
        ..settings()
    };
    let mut world = World::with(settings, START);
    assert!(world.orders.contains(&MediaCommand::Listen {
        session: SESSION,
        speech: german
    }));
    world.arrives("host", Role::Facilitator);
    world.hears("host");
    world.captions(CaptionNews::Model(CaptionAbilities::English));
    world.captions(CaptionNews::State(CaptionsState::On));
    assert_eq!(world.hears("host"), ["captions Unavailable"]);
    world.captions(CaptionNews::State(CaptionsState::Starting));
    world.captions(CaptionNews::Model(CaptionAbilities::Languages));
    world.captions(CaptionNews::State(CaptionsState::On));
    assert_eq!(world.hears("host"), ["captions Starting", "captions On"]);
}

/// The languages of the captions that somebody heard of.
fn languages(world: &mut World, who: &str) -> Vec<Option<&'static str>> {
    let language = |message| match message {
        ServerMessage::Caption(caption) => Some(caption.language.map(Language::code)),
        _ => None,
    };
    world.messages(who).into_iter().filter_map(language).collect()
}

#[test]
fn each_caption_tells_its_language_and_a_typed_line_the_sessions_where_that_is_known() {
    let types = |world: &mut World, line, text: &str| {
        let message = ClientMessage::Type {
            line,
            text: text.into(),
            done: true,
            speaker: None,
            off_record: false,
        };
        world.says("host", message);
    };
    for (spoken, typed) in [("fr", Some("fr")), ("detect", None)] {
        let speech = GroupSpeech {
            language: SpokenLanguage::parse(spoken).unwrap(),
            ..GroupSpeech::default()
        };
        let settings = SessionSettings { speech, ..settings() };
        let mut world = World::with(settings, START);
        world.arrives("host", Role::Facilitator);
        world.all_read();
        says(&mut world, "host", 1, 1, Partial, "|guten");
        says(&mut world, "host", 1, 2, Final, "guten Abend");
        types(&mut world, 1, "bonsoir");
        assert_eq!(languages(&mut world, "host"), [Some("de"), Some("de"), typed]);
        let history = world.snapshot("host").captions;
        let kept: Vec<_> = history
            .iter()
            .map(|caption| caption.language.map(Language::code))
            .collect();
        assert_eq!(kept, [Some("de"), typed]);
    }
}
