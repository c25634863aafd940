//! The bounds of a session in time.

use hearken_protocol::{ClientMessage, EndReason, MediaCommand, MediaEvent, ParticipantId, Role, Slot};
use hearken_signaling_core::{AuditAction, Input, SessionSettings};

use crate::world::{SESSION, START, World, minutes, seconds, settings};

#[test]
fn members_wait_for_the_start_and_facilitators_do_not() {
    let mut world = World::with(settings(), START - minutes(10));
    world.arrives("host", Role::Facilitator);
    world.arrives("ann", Role::Member);
    assert_eq!(
        world.hears("host"),
        ["welcome host", "admitted to host Off; knocking: "]
    );
    assert_eq!(world.hears("ann"), ["welcome ann", "waiting NotStarted"]);
    let participant = world.seat("ann");
    world.says("host", ClientMessage::Admit { participant });
    world.says("host", ClientMessage::AdmitAll);
    assert_eq!(world.hears("host"), ["error NotFound"]);
    world.passes(minutes(10));
    assert_eq!(world.hears("ann"), ["waiting Knocking"]);
    assert_eq!(world.hears("host"), ["ann knocks, denied 0"]);
    assert!(world.grants_of("ann").is_none());
}

#[test]
fn at_the_start_who_waited_comes_in_where_nobody_has_to_knock() {
    let open = SessionSettings {
        waiting_room: false,
        capacity: 3,
        ..settings()
    };
    let mut world = World::with(open, START - minutes(10));
    world.arrives("host", Role::Facilitator);
    for who in ["ann", "ben", "cleo", "dora"] {
        world.arrives(who, Role::Member);
    }
    world.drops("ann");
    world.all_read();
    world.passes(minutes(10));
    assert!(world.grants_of("ben").is_some() && world.grants_of("cleo").is_some());
    assert_eq!(
        world.hears("dora"),
        ["waiting Knocking"],
        "no room: a facilitator decides"
    );
    assert!(
        world.grants_of("ann").is_none(),
        "nobody is let in who is not there"
    );
    world.says("ben", ClientMessage::Leave);
    world.connects("ann");
    assert!(world.grants_of("ann").is_some());
}

#[test]
fn at_the_start_of_a_locked_session_nobody_walks_in() {
    let mut world = World::with(
        SessionSettings {
            waiting_room: false,
            ..settings()
        },
        START - minutes(1),
    );
    world.arrives("host", Role::Facilitator);
    world.arrives("ann", Role::Member);
    world.says("host", ClientMessage::LockSession { locked: true });
    world.all_read();
    world.passes(minutes(1));
    assert_eq!(world.hears("ann"), ["waiting Knocking"]);
}

#[test]
fn warnings_come_ten_five_and_one_minute_before_the_end() {
    let mut world = World::with_group(&["ann"]);
    world.arrives("ben", Role::Member);
    world.all_read();
    world.passes(minutes(50) - seconds(1));
    assert_eq!(world.hears("ann"), Vec::<String>::new());
    world.passes(seconds(1));
    assert_eq!(world.hears("ann"), ["ending in 10"]);
    world.passes(minutes(5));
    assert_eq!(world.hears("ann"), ["ending in 5"]);
    world.passes(minutes(4));
    assert_eq!(world.hears("ann"), ["ending in 1"]);
    assert_eq!(world.hears("ben"), Vec::<String>::new());
}

#[test]
fn stale_warnings_are_not_given() {
    let mut world = World::with(settings(), START + minutes(53));
    world.arrives("host", Role::Facilitator);
    world.hears("host");
    world.passes(minutes(2) + seconds(30));
    assert_eq!(world.hears("host"), ["ending in 5"]);
    // A timer that was late by minutes says the latest only.
    world.now = START + minutes(59) + seconds(30);
    world.step(Input::Time);
    assert_eq!(world.hears("host"), ["ending in 1"]);
}

#[test]
fn a_short_session_is_not_warned_about_before_it_starts() {
    let short = SessionSettings {
        ends_at: START + minutes(3),
        ..settings()
    };
    let mut world = World::with(short, START - minutes(30));
    world.arrives("host", Role::Facilitator);
    world.hears("host");
    world.passes(minutes(31));
    assert_eq!(world.hears("host"), Vec::<String>::new());
    world.passes(minutes(1));
    assert_eq!(world.hears("host"), ["ending in 1"]);
}

#[test]
fn at_the_end_everybody_is_out_and_every_transport_closes() {
    let mut world = World::with_group(&["ann"]);
    world.arrives("ben", Role::Member);
    world.passes(minutes(60));
    for who in ["host", "ann", "ben"] {
        assert_eq!(world.hears(who).last().unwrap(), "ended: Time");
        assert!(world.is_closed(who));
    }
    assert!(
        world
            .orders
            .contains(&MediaCommand::CloseSession { session: SESSION })
    );
    assert!(world.grants.is_empty());
    assert_eq!(world.record.ended, Some(EndReason::Time));
    assert!(world.record.seats.is_empty(), "names do not outlast the session");
    assert!(world.session.is_over());
    assert_eq!(world.session.next_deadline(), None);
}

#[test]
fn a_facilitator_or_the_operator_can_end_it_at_once() {
    let mut world = World::with_group(&["ann"]);
    world.says("host", ClientMessage::EndSession);
    assert_eq!(world.hears("ann"), ["ended: Facilitator"]);
    assert_eq!(world.actions().last(), Some(&AuditAction::Ended));
    let mut world = World::with_group(&["ann"]);
    world.step(Input::EndByOperator);
    assert_eq!(world.hears("ann"), ["ended: Operator"]);
    assert_eq!(world.record.ended, Some(EndReason::Operator));
}

#[test]
fn late_message_of_an_ended_session_does_nothing() {
    let mut world = World::with_group(&["ann"]);
    let participant = world.seat("ann");
    world.says("host", ClientMessage::EndSession);
    world.all_read();
    let outputs = world.outputs;
    world.says("host", ClientMessage::AdmitAll);
    world.says(
        "ann",
        ClientMessage::Offer {
            negotiation: 1,
            sdp: "v=0".into(),
            end_to_end_encrypted: false,
        },
    );
    world.drops("ann");
    world.step(Input::EndByOperator);
    world.step(Input::Time);
    let slot = Slot {
        mid: "4".into(),
        generation: 1,
        content: None,
    };
    world.media(MediaEvent::Slot {
        session: SESSION,
        participant,
        slot,
    });
    world.passes(minutes(90));
    assert_eq!(world.outputs, outputs);
}

#[test]
fn an_ended_session_answers_ended_to_whoever_comes() {
    let mut world = World::with_group(&["ann"]);
    world.says("host", ClientMessage::EndSession);
    for who in ["ann", "host"] {
        world.connects(who);
        assert_eq!(world.hears(who), ["error Ended"]);
        assert!(world.is_closed(who));
    }
    world.arrives("ben", Role::Member);
    assert_eq!(world.hears("ben"), ["error Ended"]);
}

#[test]
fn the_end_comes_even_if_no_timer_rings() {
    let mut world = World::with_group(&["ann"]);
    world.now = START + minutes(60);
    world.says("ann", ClientMessage::SetMicrophone { on: true });
    assert_eq!(world.hears("ann"), ["ended: Time"]);
    assert!(world.grants.is_empty());
}

#[test]
fn a_clock_that_goes_back_undoes_nothing() {
    let mut world = World::with_group(&["ann"]);
    world.passes(minutes(51));
    world.now = START - minutes(60);
    world.all_read();
    world.arrives("ben", Role::Member);
    assert_eq!(world.hears("ben"), ["welcome ben", "waiting Knocking"]);
    assert_eq!(world.session.next_deadline(), Some(START + minutes(55)));
}

#[test]
fn news_of_another_session_does_nothing() {
    let mut world = World::with_group(&["ann"]);
    let slot = Slot {
        mid: "4".into(),
        generation: 1,
        content: None,
    };
    let session = hearken_protocol::SessionId(8);
    world.media(MediaEvent::Slot {
        session,
        participant: world.seat("ann"),
        slot: slot.clone(),
    });
    world.media(MediaEvent::Slot {
        session: SESSION,
        participant: ParticipantId(999),
        slot,
    });
    assert_eq!(world.hears("ann"), Vec::<String>::new());
}
