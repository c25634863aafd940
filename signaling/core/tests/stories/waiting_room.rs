//! Who waits, who decides, and what neither learns.

use hearken_protocol::{ClientMessage, ErrorCode, Role, ServerMessage, Timestamp, ViewMode};
use hearken_signaling_core::{AuditAction, Connect, ConnectionId, Input, SeatClaim, Standing, WAITING_MAX};

use crate::world::{SESSION, START, World, minutes, seconds, settings};

#[test]
fn a_member_knocks_and_is_let_in() {
    let mut world = World::with_host();
    world.arrives("ann", Role::Member);
    assert_eq!(world.hears("ann"), ["welcome ann", "waiting Knocking"]);
    assert_eq!(world.hears("host"), ["ann knocks, denied 0"]);
    let participant = world.seat("ann");
    world.says("host", ClientMessage::Admit { participant });
    assert_eq!(world.hears("ann"), ["admitted to host Off, ann Off; knocking: "]);
    assert_eq!(world.hears("host"), ["ann knocks no more", "ann Off"]);
    assert!(world.grants_of("ann").is_some());
    assert_eq!(world.standing("ann"), Some(Standing::Admitted));
    assert_eq!(world.actions(), [AuditAction::Entered, AuditAction::Admitted]);
}

#[test]
fn waiting_member_learns_no_names() {
    let mut world = World::with_group(&["ben", "cleo"]);
    world.arrives("ann", Role::Member);
    world.says("ben", ClientMessage::SetMicrophone { on: true });
    world.says("ben", ClientMessage::RaiseHand);
    world.arrives("dora", Role::Member);
    world.says("host", ClientMessage::LockMicrophones { locked: true });
    world.says("cleo", ClientMessage::Leave);
    let messages = world.messages("ann");
    let told = |message: &ServerMessage| {
        matches!(
            message,
            ServerMessage::Welcome(_) | ServerMessage::Waiting { .. } | ServerMessage::Session(_)
        )
    };
    assert!(messages.iter().all(told), "{messages:?}");
}

#[test]
fn nothing_but_ping_and_leave_is_heard_from_the_waiting_room() {
    let mut world = World::with_host();
    world.arrives("ann", Role::Member);
    world.all_read();
    let orders = world.orders.len();
    let participant = world.seat("ann");
    for message in [
        ClientMessage::Offer {
            negotiation: 1,
            sdp: "v=0".into(),
            end_to_end_encrypted: false,
        },
        ClientMessage::View {
            items: Vec::new(),
            mode: ViewMode::Full,
        },
        ClientMessage::SetMicrophone { on: true },
        ClientMessage::RaiseHand,
        ClientMessage::Admit { participant },
        ClientMessage::AdmitAll,
        ClientMessage::EndSession,
    ] {
        world.says("ann", message.clone());
        assert_eq!(world.hears("ann"), ["error Forbidden"], "{message:?}");
    }
    world.says("ann", ClientMessage::Ping);
    assert_eq!(world.hears("ann"), ["pong"]);
    assert_eq!(world.orders.len(), orders);
    world.says("ann", ClientMessage::Leave);
    assert!(world.is_closed("ann"));
    assert_eq!(world.hears("host"), ["ann knocks no more"]);
}

#[test]
fn members_cannot_do_what_facilitators_do() {
    let mut world = World::with_group(&["ann", "ben"]);
    let participant = world.seat("ben");
    for message in [
        ClientMessage::Admit { participant },
        ClientMessage::AdmitAll,
        ClientMessage::Deny { participant },
        ClientMessage::Mute { participant },
        ClientMessage::MuteEveryone,
        ClientMessage::LockMicrophones { locked: true },
        ClientMessage::AskToUnmute { participant },
        ClientMessage::StopCamera { participant },
        ClientMessage::LowerHand {
            participant: Some(participant),
        },
        ClientMessage::Remove { participant },
        ClientMessage::LockSession { locked: true },
        ClientMessage::RenewLink,
        ClientMessage::EndSession,
    ] {
        world.says("ann", message.clone());
        assert_eq!(world.hears("ann"), ["error Forbidden"], "{message:?}");
    }
    assert_eq!(world.hears("ben"), Vec::<String>::new());
}

#[test]
fn who_was_denied_may_knock_once_more_and_then_is_blocked() {
    let mut world = World::with_host();
    world.arrives("ann", Role::Member);
    let participant = world.seat("ann");
    world.says("host", ClientMessage::Deny { participant });
    assert_eq!(
        world.hears("ann"),
        ["welcome ann", "waiting Knocking", "denied, blocked false"]
    );
    assert!(world.is_closed("ann"));
    world.connects("ann");
    assert_eq!(
        world.hears("host"),
        [
            "ann knocks, denied 0",
            "ann knocks no more",
            "ann knocks, denied 1"
        ]
    );
    world.says("host", ClientMessage::Deny { participant });
    assert_eq!(
        world.hears("ann"),
        ["welcome ann", "waiting Knocking", "denied, blocked true"]
    );
    world.connects("ann");
    assert_eq!(world.hears("ann"), ["error Blocked"]);
    assert!(world.is_closed("ann"));
    assert_eq!(world.standing("ann"), Some(Standing::Blocked));
}

#[test]
fn denials_are_remembered_after_coming_in_and_leaving() {
    let mut world = World::with_host();
    world.arrives("ann", Role::Member);
    let participant = world.seat("ann");
    world.says("host", ClientMessage::Deny { participant });
    world.connects("ann");
    world.says("host", ClientMessage::Admit { participant });
    world.says("ann", ClientMessage::Leave);
    world.connects("ann");
    world.hears("ann");
    world.says("host", ClientMessage::Deny { participant });
    assert_eq!(world.hears("ann"), ["denied, blocked true"]);
}

#[test]
fn admit_all_lets_in_as_many_as_there_is_room_for_and_says_so() {
    let mut world = World::with_host();
    for who in ["a", "b", "c", "d", "e", "f"] {
        world.arrives(who, Role::Member);
        world.passes(seconds(1));
    }
    world.hears("host");
    world.says("host", ClientMessage::AdmitAll);
    assert_eq!(world.grants.len(), 5);
    assert_eq!(world.hears("host").last().unwrap(), "error SessionFull");
    assert!(world.grants_of("d").is_some(), "first come, first in");
    assert!(world.grants_of("e").is_none());
    let participant = world.seat("e");
    world.says("host", ClientMessage::Admit { participant });
    assert_eq!(world.hears("host"), ["error SessionFull"]);
    world.says("a", ClientMessage::Leave);
    world.says("host", ClientMessage::Admit { participant });
    assert!(world.grants_of("e").is_some());
}

#[test]
fn nobody_is_let_in_who_is_not_there() {
    let mut world = World::with_host();
    world.arrives("ann", Role::Member);
    world.hears("host");
    world.drops("ann");
    assert_eq!(world.hears("host"), ["ann knocks no more"]);
    let participant = world.seat("ann");
    world.says("host", ClientMessage::Admit { participant });
    assert_eq!(world.hears("host"), ["error NotFound"]);
    world.says("host", ClientMessage::AdmitAll);
    assert_eq!(world.grants.len(), 1);
    world.passes(minutes(1));
    world.connects("ann");
    assert_eq!(world.hears("host"), ["ann knocks, denied 0"]);
    assert_eq!(world.seat("ann"), participant, "the place in the queue was kept");
}

#[test]
fn who_waits_is_not_removed_muted_or_asked() {
    let mut world = World::with_host();
    world.arrives("ann", Role::Member);
    world.all_read();
    let participant = world.seat("ann");
    for message in [
        ClientMessage::Mute { participant },
        ClientMessage::Remove { participant },
        ClientMessage::AskToUnmute { participant },
        ClientMessage::StopCamera { participant },
    ] {
        world.says("host", message);
        assert_eq!(world.hears("host"), ["error NotFound"]);
    }
    assert_eq!(world.hears("ann"), Vec::<String>::new());
}

#[test]
fn a_locked_session_takes_no_new_knocks_and_keeps_those_who_wait() {
    let mut world = World::with_host();
    world.arrives("ann", Role::Member);
    world.says("host", ClientMessage::LockSession { locked: true });
    assert_eq!(
        world.hears("ann"),
        [
            "welcome ann",
            "waiting Knocking",
            "session locked true, microphones locked false"
        ]
    );
    world.arrives("ben", Role::Member);
    assert_eq!(world.hears("ben"), ["error SessionLocked"]);
    assert!(world.is_closed("ben"));
    let participant = world.seat("ann");
    world.says("host", ClientMessage::Admit { participant });
    assert!(world.grants_of("ann").is_some());
    world.arrives("cohost", Role::Facilitator);
    assert!(
        world.grants_of("cohost").is_some(),
        "who keeps the key is never locked out"
    );
    world.says("host", ClientMessage::LockSession { locked: false });
    world.connects("ben");
    assert_eq!(world.hears("ben"), ["welcome ben", "waiting Knocking"]);
}

#[test]
fn an_old_link_lets_nobody_in_and_puts_nobody_out() {
    let mut world = World::with_group(&["ann"]);
    world.arrives("ben", Role::Member);
    world.hears("host");
    world.says("host", ClientMessage::RenewLink);
    assert_eq!(world.hears("host"), ["link 2"]);
    world.arrives("cleo", Role::Member);
    assert_eq!(world.hears("cleo"), ["welcome cleo", "waiting Knocking"]);
    world.people.get_mut("cleo").unwrap().seat = None;
    world.people.get_mut("cleo").unwrap().link_generation = 1;
    world.connects("cleo");
    assert_eq!(world.hears("cleo"), ["error Unauthorized"]);
    for who in ["ann", "ben"] {
        world.drops(who);
        world.connects(who);
        assert_eq!(world.hears(who).first().unwrap(), &format!("welcome {who}"));
    }
    assert_eq!(world.record.link_generation, 2);
}

#[test]
fn without_a_waiting_room_members_walk_in_until_it_is_full() {
    let mut world = World::with(
        hearken_signaling_core::SessionSettings {
            waiting_room: false,
            ..settings()
        },
        START,
    );
    for who in ["a", "b", "c", "d", "e"] {
        world.arrives(who, Role::Member);
        assert!(world.grants_of(who).is_some());
    }
    world.arrives("f", Role::Member);
    assert_eq!(world.hears("f"), ["error SessionFull"]);
    world.arrives("host", Role::Facilitator);
    assert_eq!(world.hears("host"), ["error SessionFull"]);
    assert_eq!(world.session.counts().inside, 5);
}

#[test]
fn a_full_waiting_room_gives_up_the_place_of_whoever_is_away() {
    let mut world = World::new();
    let claim = |number: u64| Connect {
        connection: ConnectionId(1_000 + number),
        request: Some(4),
        role: Role::Member,
        link_generation: 1,
        seat: SeatClaim {
            resume: None,
            fresh: hearken_protocol::ParticipantId(1_000 + number),
        },
        name: "Ann".into(),
        guidelines_accepted: true,
    };
    let mut session = std::mem::replace(
        &mut world.session,
        hearken_signaling_core::Session::new(settings(), 1, START),
    );
    let mut enter = |number: u64| {
        session.handle(START, Input::Connect(claim(number)));
        std::iter::from_fn(|| session.poll_output()).collect::<Vec<_>>()
    };
    for number in 0..WAITING_MAX as u64 {
        enter(number);
    }
    let refused = enter(500);
    let overloaded = |output: &hearken_signaling_core::Output| {
        matches!(
            output,
            hearken_signaling_core::Output::Send {
                message: ServerMessage::Error {
                    request: Some(4),
                    code: ErrorCode::Overloaded,
                    ..
                },
                ..
            }
        )
    };
    assert!(refused.iter().any(overloaded), "{refused:?}");
    assert_eq!(session.counts().waiting, WAITING_MAX);
    session.handle(
        START,
        Input::Disconnect {
            connection: ConnectionId(1_003),
        },
    );
    session.handle(START, Input::Connect(claim(501)));
    assert_eq!(session.counts().waiting, WAITING_MAX);
    assert_eq!(session.id(), SESSION);
}

#[test]
fn guidelines_and_a_name_are_needed() {
    let mut world = World::with_host();
    world.arrives("ann", Role::Member);
    world.people.get_mut("ann").unwrap().seat = None;
    world.connects_as("ann", "  ");
    assert_eq!(world.hears("ann"), ["error InvalidName"]);
    assert!(world.is_closed("ann"));
    let connect = Connect {
        connection: ConnectionId(900),
        request: None,
        role: Role::Facilitator,
        link_generation: 1,
        seat: SeatClaim {
            resume: None,
            fresh: hearken_protocol::ParticipantId(900),
        },
        name: "Ann".into(),
        guidelines_accepted: false,
    };
    world.step(Input::Connect(connect));
    assert_eq!(
        world.hears_over(ConnectionId(900)),
        ["error GuidelinesNotAccepted"]
    );
}

#[test]
fn two_people_of_one_name_are_told_apart() {
    let mut world = World::with_group(&["ann"]);
    world.arrives("ann2", Role::Member);
    world.people.get_mut("ann2").unwrap().seat = None;
    world.connects_as("ann2", "ANN");
    assert_eq!(world.hears("ann2")[0], "welcome ANN (2)");
    world.drops("ann2");
    world.arrives("ann3", Role::Member);
    world.people.get_mut("ann3").unwrap().seat = None;
    world.connects_as("ann3", "ann");
    assert_eq!(
        world.hears("ann3")[0],
        "welcome ann (3)",
        "a held seat keeps its name"
    );
}

#[test]
fn knocks_carry_the_time_since_when_one_waits() {
    let mut world = World::with_host();
    world.passes(seconds(30));
    world.arrives("ann", Role::Member);
    world.passes(seconds(30));
    world.drops("ann");
    world.connects("ann");
    let knocks = world.snapshot("host").knocks;
    assert_eq!(knocks[0].since, Timestamp(START.0 + 30_000));
}
