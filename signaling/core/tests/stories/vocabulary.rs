//! The group's names and terms, changed while people meet.

use hearken_protocol::{
    CaptionsState, ClientMessage, GroupSpeech, MediaCommand, Role, VOCABULARY_TERM_CHARACTERS_MAX,
    VOCABULARY_TERMS_MAX,
};
use hearken_signaling_core::{AuditAction, SessionSettings};

use crate::world::{SESSION, START, World, settings};

fn sets(world: &mut World, who: &str, terms: &[&str]) {
    let terms: Vec<String> = terms.iter().map(|term| (*term).to_owned()).collect();
    world.says(who, ClientMessage::SetVocabulary { terms: terms.into() });
}

/// The vocabularies that those who write along were given since.
fn told(world: &mut World) -> Vec<Vec<String>> {
    let orders = std::mem::take(&mut world.orders).into_iter();
    let told = orders.filter_map(|order| match order {
        MediaCommand::Listen {
            session: SESSION,
            speech,
        } => Some(speech.vocabulary.0),
        _ => None,
    });
    told.collect()
}

#[test]
fn a_facilitator_changes_it_and_it_counts_from_now_on_and_after_a_restart() {
    let mut world = World::with_group(&["ann"]);
    world.arrives("cohost", Role::Facilitator);
    world.all_read();
    assert_eq!(told(&mut world), [Vec::<String>::new()]);
    sets(&mut world, "host", &[" Anneliese ", "Escitalopram"]);
    assert_eq!(told(&mut world), [["Anneliese", "Escitalopram"]]);
    for facilitator in ["host", "cohost"] {
        assert_eq!(world.hears(facilitator), ["vocabulary Anneliese, Escitalopram"]);
    }
    assert_eq!(world.hears("ann"), Vec::<String>::new());
    assert_eq!(world.actions().last(), Some(&AuditAction::VocabularyChanged));
    world.restarts();
    assert_eq!(told(&mut world), [["Anneliese", "Escitalopram"]]);
    let vocabulary = world.snapshot("host").vocabulary.unwrap();
    assert_eq!(*vocabulary, ["Anneliese", "Escitalopram"]);
    sets(&mut world, "host", &[]);
    assert_eq!(told(&mut world), [Vec::<String>::new()]);
}

#[test]
fn the_same_again_changes_nothing_and_is_answered_to_who_asked() {
    let mut world = World::with_group(&[]);
    world.arrives("cohost", Role::Facilitator);
    sets(&mut world, "host", &["Ann"]);
    let (orders, actions) = (told(&mut world).len(), world.actions().len());
    assert_eq!(orders, 2);
    world.all_read();
    sets(&mut world, "host", &["Ann "]);
    assert_eq!(told(&mut world).len(), 0);
    assert_eq!(world.actions().len(), actions);
    assert_eq!(world.hears("host"), ["vocabulary Ann"]);
    assert_eq!(world.hears("cohost"), Vec::<String>::new());
}

#[test]
fn members_neither_see_nor_change_it() {
    let mut world = World::with_group(&["ann"]);
    sets(&mut world, "host", &["Anneliese"]);
    world.all_read();
    sets(&mut world, "ann", &["Narcan"]);
    assert_eq!(world.hears("ann"), ["error Forbidden"]);
    assert_eq!(world.snapshot("ann").vocabulary, None);
    assert_eq!(*world.record.settings.speech.vocabulary, ["Anneliese"]);
}

#[test]
fn what_is_beyond_the_bounds_is_refused_and_changes_nothing() {
    let mut world = World::with_group(&[]);
    sets(&mut world, "host", &["Ann"]);
    world.all_read();
    told(&mut world);
    let long = "é".repeat(VOCABULARY_TERM_CHARACTERS_MAX + 1);
    let wide = "é".repeat(VOCABULARY_TERM_CHARACTERS_MAX);
    let refused: [&[&str]; 5] = [
        &["x"; VOCABULARY_TERMS_MAX + 1],
        &[&long],
        &[wide.as_str(); 11],
        &["Ann", "  "],
        &["a\nb"],
    ];
    for terms in refused {
        sets(&mut world, "host", terms);
        assert_eq!(world.hears("host"), ["error InvalidValue"], "{terms:?}");
    }
    assert_eq!(told(&mut world).len(), 0);
    sets(&mut world, "host", &[wide.as_str(); 10]);
    assert_eq!(told(&mut world).len(), 1);
}

#[test]
fn a_session_without_captions_keeps_it_for_the_group_and_tells_no_worker() {
    let settings = SessionSettings {
        captions: false,
        speech: GroupSpeech::default(),
        ..settings()
    };
    let mut world = World::with(settings, START);
    world.arrives("host", Role::Facilitator);
    sets(&mut world, "host", &["Ann"]);
    assert_eq!(told(&mut world).len(), 0);
    assert_eq!(*world.record.settings.speech.vocabulary, ["Ann"]);
    assert_eq!(world.session.captions(), CaptionsState::Off);
}
