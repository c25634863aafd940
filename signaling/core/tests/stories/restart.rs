//! The server dies in the middle of a session and comes back.

use hearken_protocol::{ClientMessage, EndReason, MediaCommand, Role};
use hearken_signaling_core::{SEAT_HOLD, Session, SessionSettings, Standing};

use crate::world::{SESSION, World, minutes, settings};

#[test]
fn who_was_inside_comes_back_without_queueing() {
    let mut world = World::with_group(&["ann", "ben"]);
    world.arrives("cleo", Role::Member);
    world.passes(minutes(10));
    world.restarts();
    assert_eq!(
        world.orders[0],
        MediaCommand::OpenSession {
            session: SESSION,
            captions: true
        }
    );
    assert!(matches!(world.orders[1], MediaCommand::Listen { .. }));
    world.connects("ann");
    assert_eq!(
        world.hears("ann"),
        [
            "welcome ann",
            "admitted to host Off away, ann Off, ben Off away; knocking: "
        ]
    );
    world.connects("host");
    world.hears("host");
    world.connects("cleo");
    assert_eq!(world.hears("cleo"), ["welcome cleo", "waiting Knocking"]);
    assert_eq!(world.hears("host"), ["cleo knocks, denied 0"]);
    world.passes(SEAT_HOLD);
    assert_eq!(world.hears("host"), ["ben left"]);
    assert_eq!(world.standing("ben"), Some(Standing::Lapsed));
}

#[test]
fn mute_survives_restart() {
    let mut world = World::with_group(&["ann", "ben", "cleo"]);
    let (ann, ben) = (world.seat("ann"), world.seat("ben"));
    world.says("ann", ClientMessage::SetMicrophone { on: true });
    world.says("host", ClientMessage::Mute { participant: ann });
    world.restarts();
    world.connects("host");
    world.connects("ann");
    assert_eq!(
        world.hears("ann")[1],
        "admitted to host Off, ann Muted, ben Off away, cleo Off away; knocking: "
    );
    world.says("host", ClientMessage::LockMicrophones { locked: true });
    world.says("host", ClientMessage::AskToUnmute { participant: ben });
    world.restarts();
    for who in ["ann", "ben", "cleo"] {
        world.connects(who);
        world.says(who, ClientMessage::SetMicrophone { on: true });
    }
    assert!(!world.is_heard("ann") && !world.is_heard("cleo"));
    assert!(world.is_heard("ben"), "the exception was granted before");
}

#[test]
fn locks_links_and_denials_survive_a_restart() {
    let mut world = World::with_group(&["ann"]);
    world.arrives("ben", Role::Member);
    let participant = world.seat("ben");
    world.says("host", ClientMessage::Deny { participant });
    world.says("host", ClientMessage::LockSession { locked: true });
    world.says("host", ClientMessage::RenewLink);
    world.restarts();
    world.arrives("cleo", Role::Member);
    assert_eq!(world.hears("cleo"), ["error SessionLocked"]);
    world.connects("host");
    world.says("host", ClientMessage::LockSession { locked: false });
    world.hears("host");
    world.connects("ben");
    assert_eq!(
        world.hears("ben"),
        ["error Unauthorized"],
        "the old link is dead for who is not inside"
    );
    world.people.get_mut("ben").unwrap().link_generation = 2;
    world.connects("ben");
    assert_eq!(world.hears("host"), ["ben knocks, denied 1"]);
    world.says("host", ClientMessage::Deny { participant });
    assert_eq!(world.hears("ben").last().unwrap(), "denied, blocked true");
}

#[test]
fn who_had_lapsed_before_is_not_held_again() {
    let mut world = World::with_group(&["ann"]);
    world.drops("ann");
    world.passes(minutes(3));
    world.restarts();
    assert_eq!(world.session.counts().inside, 1, "the host alone");
    world.connects("ann");
    assert_eq!(world.hears("ann"), ["welcome ann", "waiting Knocking"]);
}

#[test]
fn a_session_whose_time_ran_out_meanwhile_ends_at_once() {
    let mut world = World::with_group(&["ann"]);
    world.now = world.now + minutes(61);
    world.restarts();
    assert!(world.session.is_over());
    assert_eq!(world.record.ended, Some(EndReason::Time));
    assert!(world.record.seats.is_empty());
    assert_eq!(
        world.orders.last(),
        Some(&MediaCommand::CloseSession { session: SESSION })
    );
    world.connects("ann");
    assert_eq!(world.hears("ann"), ["error Ended"]);
}

#[test]
fn a_session_that_had_ended_stays_so() {
    let mut world = World::with_group(&["ann"]);
    world.says("host", ClientMessage::EndSession);
    world.restarts();
    assert!(world.session.is_over());
    assert_eq!(world.orders, []);
    world.connects("host");
    assert_eq!(world.hears("host"), ["error Ended"]);
}

#[test]
fn a_clone_from_before_takes_the_place_of_a_session_whose_change_could_not_be_written() {
    let mut world = World::with_group(&["ann"]);
    let before: Session = world.session.clone();
    world.says("host", ClientMessage::LockSession { locked: true });
    world.session = before;
    world.record.session_locked = false;
    world.arrives("ben", Role::Member);
    assert_eq!(world.hears("ben"), ["welcome ben", "waiting Knocking"]);
}

#[test]
fn the_capacity_holds_after_a_restart() {
    let mut world = World::with(
        SessionSettings {
            capacity: 2,
            waiting_room: false,
            ..settings()
        },
        crate::world::START,
    );
    world.arrives("ann", Role::Member);
    world.arrives("ben", Role::Member);
    world.restarts();
    world.arrives("cleo", Role::Member);
    assert_eq!(world.hears("cleo"), ["error SessionFull"]);
}
