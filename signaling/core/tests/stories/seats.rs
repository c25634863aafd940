//! Seats: held, taken over, given up.

use hearken_protocol::{ClientMessage, MediaCommand, Role};
use hearken_signaling_core::{AuditAction, SEAT_HOLD, Standing};

use crate::world::{World, minutes, seconds};

#[test]
fn a_reload_brings_one_back_to_the_same_seat() {
    let mut world = World::with_group(&["ann", "ben"]);
    world.says("ann", ClientMessage::RaiseHand);
    world.says("ann", ClientMessage::SetMicrophone { on: true });
    world.all_read();
    let seat = world.seat("ann");
    world.drops("ann");
    assert_eq!(world.hears("host"), ["ann On hand away"]);
    world.passes(SEAT_HOLD - seconds(1));
    world.connects("ann");
    assert_eq!(world.seat("ann"), seat);
    assert_eq!(
        world.hears("ann"),
        [
            "welcome ann",
            "admitted to host Off, ann On hand, ben Off; knocking: "
        ]
    );
    assert_eq!(world.hears("host"), ["ann On hand"]);
    assert!(world.grants_of("ann").is_some(), "the transport was kept");
}

#[test]
fn after_two_minutes_the_seat_is_given_up_and_one_queues_again() {
    let mut world = World::with_group(&["ann"]);
    world.drops("ann");
    world.hears("host");
    world.passes(SEAT_HOLD);
    assert_eq!(world.hears("host"), ["ann left"]);
    assert_eq!(world.grants_of("ann"), None);
    assert_eq!(world.standing("ann"), Some(Standing::Lapsed));
    world.connects("ann");
    assert_eq!(world.hears("ann"), ["welcome ann", "waiting Knocking"]);
    assert_eq!(world.hears("host"), ["ann knocks, denied 0"]);
}

#[test]
fn who_was_inside_may_knock_although_the_session_was_locked_meanwhile() {
    let mut world = World::with_group(&["ann"]);
    world.drops("ann");
    world.passes(minutes(3));
    world.says("host", ClientMessage::LockSession { locked: true });
    world.says("host", ClientMessage::RenewLink);
    world.connects("ann");
    assert_eq!(world.hears("ann"), ["welcome ann", "waiting Knocking"]);
}

#[test]
fn a_seat_is_given_back_although_the_session_was_locked() {
    let mut world = World::with_group(&["ann"]);
    world.says("host", ClientMessage::LockSession { locked: true });
    world.drops("ann");
    world.connects("ann");
    assert!(world.hears("ann").last().unwrap().starts_with("admitted"));
}

#[test]
fn second_tab_takes_the_seat_over_and_tells_the_first() {
    let mut world = World::with_group(&["ann"]);
    world.says("ann", ClientMessage::SetMicrophone { on: true });
    world.says("ann", ClientMessage::SetCamera { on: true });
    world.says("ann", ClientMessage::RaiseHand);
    world.all_read();
    let first = world.people["ann"].connection;
    world.connects("ann");
    assert_eq!(world.hears_over(first), ["taken over"]);
    assert!(world.closed.contains(&first));
    assert_eq!(
        world.hears("ann"),
        [
            "welcome ann",
            "admitted to host Off, ann On camera hand; knocking: "
        ]
    );
    assert_eq!(
        world.hears("host"),
        Vec::<String>::new(),
        "for the others nothing has changed"
    );
    world.says_over(first, ClientMessage::SetMicrophone { on: false });
    assert!(world.is_heard("ann"), "the first tab has no say any more");
    world.step(hearken_signaling_core::Input::Disconnect { connection: first });
    world.passes(minutes(5));
    assert!(
        world.grants_of("ann").is_some(),
        "the end of the first tab is not the end of the seat"
    );
}

#[test]
fn a_second_tab_takes_over_a_mute_too() {
    let mut world = World::with_group(&["ann"]);
    let participant = world.seat("ann");
    world.says("host", ClientMessage::LockMicrophones { locked: true });
    world.connects("ann");
    world.says("ann", ClientMessage::SetMicrophone { on: true });
    assert_eq!(world.hears("ann").last().unwrap(), "error MicrophonesLocked");
    assert_eq!(world.seat("ann"), participant);
}

#[test]
fn a_second_tab_takes_over_a_place_in_the_queue() {
    let mut world = World::with_host();
    world.arrives("ann", Role::Member);
    let first = world.people["ann"].connection;
    world.connects("ann");
    assert_eq!(world.hears_over(first).last().unwrap(), "taken over");
    assert_eq!(world.hears("ann"), ["welcome ann", "waiting Knocking"]);
    assert_eq!(world.session.counts().waiting, 1);
}

#[test]
fn leaving_gives_the_seat_up_at_once_and_nothing_of_it_is_kept() {
    let mut world = World::with_group(&["ann"]);
    let seat = world.seat("ann");
    world.says("ann", ClientMessage::Leave);
    assert!(world.is_closed("ann"));
    assert_eq!(world.hears("host"), ["ann left"]);
    assert_eq!(world.grants_of("ann"), None);
    assert_eq!(world.standing("ann"), None);
    assert_eq!(world.actions().last(), Some(&AuditAction::Left));
    assert!(world.orders.iter().any(|order| matches!(
        order, MediaCommand::Leave { participant, .. } if *participant == seat
    )));
    world.connects("ann");
    assert_eq!(
        world.hears("ann"),
        ["welcome ann", "waiting Knocking"],
        "who left knocks again"
    );
}

#[test]
fn a_facilitators_link_gives_a_seat_of_its_own_beside_a_members_seat() {
    let mut world = World::with_group(&["ann"]);
    let seat = world.seat("ann");
    world.people.get_mut("ann").unwrap().role = Role::Facilitator;
    world.connects("ann");
    assert_ne!(world.seat("ann"), seat);
    assert_eq!(world.hears("ann")[0], "welcome ann (2)");
}

#[test]
fn held_seats_count_towards_the_capacity() {
    let mut world = World::with_group(&["a", "b", "c", "d"]);
    world.drops("a");
    world.arrives("e", Role::Member);
    world.all_read();
    let participant = world.seat("e");
    world.says("host", ClientMessage::Admit { participant });
    assert_eq!(world.hears("host"), ["error SessionFull"]);
    world.passes(SEAT_HOLD);
    world.says("host", ClientMessage::Admit { participant });
    assert!(world.grants_of("e").is_some());
}

#[test]
fn a_second_hello_is_out_of_order_and_harmless() {
    let mut world = World::with_group(&["ann"]);
    let hello = ClientMessage::Hello(hearken_protocol::Hello {
        versions: vec![1],
        session_id: crate::world::SESSION,
        token: "".into(),
        name: "Eve".into(),
        guidelines_accepted: true,
        resume: None,
    });
    world.says("ann", hello);
    assert_eq!(world.hears("ann"), ["error OutOfOrder"]);
    assert!(!world.is_closed("ann"));
}
