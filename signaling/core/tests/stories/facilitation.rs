//! Microphones, cameras, hands, and being put out.

use hearken_protocol::{ClientMessage, MediaEvent, Microphone, Role};
use hearken_signaling_core::{AuditAction, Standing};

use crate::world::{SESSION, World, minutes, seconds};

fn on() -> ClientMessage {
    ClientMessage::SetMicrophone { on: true }
}

#[test]
fn a_microphone_is_off_until_its_owner_says_otherwise() {
    let mut world = World::with_group(&["ann"]);
    assert!(!world.is_heard("ann"));
    world.says("ann", on());
    assert!(world.is_heard("ann"));
    assert_eq!(world.hears("host"), ["ann On"]);
    world.says("ann", on());
    assert_eq!(world.hears("host"), Vec::<String>::new(), "nothing has changed");
    world.says("ann", ClientMessage::SetMicrophone { on: false });
    assert!(!world.is_heard("ann"));
    assert_eq!(world.hears("host"), ["ann Off"]);
}

#[test]
fn who_was_muted_may_unmute_without_a_lock() {
    let mut world = World::with_group(&["ann"]);
    world.says("ann", on());
    world.all_read();
    let participant = world.seat("ann");
    world.says("host", ClientMessage::Mute { participant });
    assert!(!world.is_heard("ann"));
    assert_eq!(world.hears("ann"), ["ann Muted", "muted, may unmute true"]);
    world.says("ann", ClientMessage::SetMicrophone { on: false });
    assert_eq!(
        world.hears("host"),
        ["ann Muted"],
        "switching off what is muted changes nothing"
    );
    world.says("ann", on());
    assert!(world.is_heard("ann"));
    assert_eq!(world.hears("host"), ["ann On"]);
}

#[test]
fn mute_everyone_spares_facilitators_and_may_be_undone_by_each() {
    let mut world = World::with_group(&["ann", "ben"]);
    for who in ["host", "ann"] {
        world.says(who, on());
    }
    world.all_read();
    world.says("host", ClientMessage::MuteEveryone);
    assert!(world.is_heard("host"));
    assert!(!world.is_heard("ann"));
    assert_eq!(world.hears("host"), ["ann Muted", "ben Muted"]);
    world.says("host", ClientMessage::MuteEveryone);
    assert_eq!(
        world.hears("host"),
        Vec::<String>::new(),
        "who is muted is not told again"
    );
    world.says("ben", on());
    assert!(world.is_heard("ben"));
}

#[test]
fn under_a_lock_nobody_unmutes_unless_a_facilitator_grants_it() {
    let mut world = World::with_group(&["ann", "ben"]);
    world.says("ann", on());
    world.all_read();
    world.says("host", ClientMessage::LockMicrophones { locked: true });
    assert_eq!(
        world.hears("ann"),
        [
            "ann Locked",
            "muted, may unmute false",
            "ben Locked",
            "session locked false, microphones locked true"
        ]
    );
    world.says("ann", on());
    assert_eq!(world.hears("ann"), ["error MicrophonesLocked"]);
    assert!(!world.is_heard("ann"));
    world.says("host", on());
    assert!(world.is_heard("host"));
    let participant = world.seat("ann");
    world.all_read();
    world.says("host", ClientMessage::AskToUnmute { participant });
    assert_eq!(world.hears("ann"), ["ann Muted", "asked to unmute"]);
    assert!(!world.is_heard("ann"), "nobody is unmuted by force");
    world.says("ann", on());
    assert!(world.is_heard("ann"));
    world.says("ben", on());
    assert_eq!(
        world.hears("ben").last().unwrap(),
        "error MicrophonesLocked",
        "the exception is one person's"
    );
    world.says("host", ClientMessage::Mute { participant });
    world.says("ann", on());
    assert_eq!(
        world.hears("ann").last().unwrap(),
        "error MicrophonesLocked",
        "muting takes it back"
    );
}

#[test]
fn unlocking_leaves_everybody_muted_and_free_to_unmute() {
    let mut world = World::with_group(&["ann"]);
    world.says("host", ClientMessage::LockMicrophones { locked: true });
    world.all_read();
    world.says("host", ClientMessage::LockMicrophones { locked: false });
    assert_eq!(
        world.hears("ann"),
        ["ann Muted", "session locked false, microphones locked false"]
    );
    assert!(!world.is_heard("ann"));
    world.says("ann", on());
    assert!(world.is_heard("ann"));
}

#[test]
fn who_comes_in_under_a_lock_is_locked_too() {
    let mut world = World::with_group(&["ann"]);
    world.says("ann", ClientMessage::Leave);
    world.says("host", ClientMessage::LockMicrophones { locked: true });
    for who in ["ann", "ben"] {
        world.arrives(who, Role::Member);
        let participant = world.seat(who);
        world.says("host", ClientMessage::Admit { participant });
        world.says(who, on());
        assert_eq!(world.hears(who).last().unwrap(), "error MicrophonesLocked");
    }
    world.arrives("cohost", Role::Facilitator);
    world.says("cohost", on());
    assert!(world.is_heard("cohost"));
}

#[test]
fn a_lock_that_was_lifted_meanwhile_does_not_wait_for_who_comes_back() {
    let mut world = World::with_group(&["ann"]);
    world.says("host", ClientMessage::LockMicrophones { locked: true });
    world.drops("ann");
    world.passes(minutes(3));
    world.says("host", ClientMessage::LockMicrophones { locked: false });
    world.connects("ann");
    let participant = world.seat("ann");
    world.says("host", ClientMessage::Admit { participant });
    world.says("ann", on());
    assert!(world.is_heard("ann"));
}

#[test]
fn asking_changes_nothing_but_asks() {
    let mut world = World::with_group(&["ann"]);
    let participant = world.seat("ann");
    world.says("host", ClientMessage::AskToUnmute { participant });
    assert_eq!(world.hears("ann"), ["asked to unmute"]);
    assert!(!world.is_heard("ann"));
    assert_eq!(world.actions().last(), Some(&AuditAction::UnmuteRequested));
}

#[test]
fn a_camera_that_was_stopped_may_be_switched_on_again() {
    let mut world = World::with_group(&["ann"]);
    world.says("ann", ClientMessage::SetCamera { on: true });
    world.all_read();
    let participant = world.seat("ann");
    world.says("host", ClientMessage::StopCamera { participant });
    assert_eq!(world.hears("ann"), ["ann Off", "camera stopped"]);
    assert!(!world.grants_of("ann").unwrap().camera);
    world.says("ann", ClientMessage::SetCamera { on: true });
    assert!(world.grants_of("ann").unwrap().camera);
}

#[test]
fn a_member_shares_a_screen_when_nobody_else_does() {
    let mut world = World::with_group(&["ann", "ben"]);
    world.says("ann", ClientMessage::SetScreen { on: true });
    world.all_read();
    world.says("ben", ClientMessage::SetScreen { on: true });
    assert_eq!(world.hears("ben"), ["error ScreenTaken"]);
    assert_eq!(world.hears("ann"), Vec::<String>::new());
    assert!(!world.grants_of("ben").unwrap().screen && world.grants_of("ann").unwrap().screen);
    // Saying it again, as after a reconnect, changes nothing for whoever has it.
    world.says("ann", ClientMessage::SetScreen { on: true });
    assert!(world.grants_of("ann").unwrap().screen);
    world.says("ann", ClientMessage::SetScreen { on: false });
    world.says("ben", ClientMessage::SetScreen { on: true });
    assert!(world.grants_of("ben").unwrap().screen);
}

/// Their media goes on for a while, or for as long as it takes to get another socket: everybody sees the screen.
#[test]
fn a_screen_that_is_still_seen_while_its_owners_seat_is_held_is_in_nobodys_way_twice() {
    let mut world = World::with_group(&["ann", "ben"]);
    world.says("ann", ClientMessage::SetScreen { on: true });
    world.drops("ann");
    world.all_read();
    world.says("ben", ClientMessage::SetScreen { on: true });
    assert_eq!(world.hears("ben"), ["error ScreenTaken"]);
    world.connects("ann");
    assert!(world.grants_of("ann").unwrap().screen && !world.grants_of("ben").unwrap().screen);
}

#[test]
fn who_comes_back_without_a_line_for_their_screen_finds_the_place_taken() {
    for media_comes_first in [false, true] {
        let mut world = World::with_group(&["ann", "ben"]);
        world.says("ann", ClientMessage::SetScreen { on: true });
        world.drops("ann");
        let (session, participant) = (SESSION, world.seat("ann"));
        world.media(MediaEvent::Disconnected { session, participant });
        world.says("ben", ClientMessage::SetScreen { on: true });
        assert!(world.grants_of("ben").unwrap().screen);
        if media_comes_first {
            world.media(MediaEvent::Connected { session, participant });
            assert!(!world.grants_of("ann").unwrap().screen, "two would be seen");
        }
        world.connects("ann");
        assert!(!world.grants_of("ann").unwrap().screen && world.grants_of("ben").unwrap().screen);
        let snapshot = world.snapshot("ben");
        let shares = |name: &str| {
            let people = &snapshot.participants;
            people
                .iter()
                .any(|person| person.name.as_str() == name && person.screen)
        };
        assert!(!shares("ann") && shares("ben"));
    }
}

/// Nobody has begun meanwhile: both were there before the line was lost.
#[test]
fn a_screen_beside_a_facilitators_comes_back_with_its_owner() {
    for media_comes_first in [false, true] {
        let mut world = World::with_group(&["ann"]);
        world.says("ann", ClientMessage::SetScreen { on: true });
        world.says("host", ClientMessage::SetScreen { on: true });
        world.drops("ann");
        let (session, participant) = (SESSION, world.seat("ann"));
        world.media(MediaEvent::Disconnected { session, participant });
        // Saying it again is no beginning.
        world.says("host", ClientMessage::SetScreen { on: true });
        if media_comes_first {
            world.media(MediaEvent::Connected { session, participant });
        }
        world.connects("ann");
        assert!(world.grants_of("ann").unwrap().screen && world.grants_of("host").unwrap().screen);
    }
}

#[test]
fn a_facilitators_screen_that_went_out_of_sight_comes_back_beside_one_that_has_begun() {
    let mut world = World::with_group(&["ann"]);
    world.says("host", ClientMessage::SetScreen { on: true });
    world.drops("host");
    let (session, participant) = (SESSION, world.seat("host"));
    world.media(MediaEvent::Disconnected { session, participant });
    world.says("ann", ClientMessage::SetScreen { on: true });
    world.connects("host");
    assert!(world.grants_of("ann").unwrap().screen && world.grants_of("host").unwrap().screen);
}

#[test]
fn a_facilitator_may_add_a_screen() {
    let mut world = World::with_group(&["ann"]);
    world.says("ann", ClientMessage::SetScreen { on: true });
    world.says("host", ClientMessage::SetScreen { on: true });
    assert_eq!(world.hears("ann"), ["ann Off screen", "host Off screen"]);
    assert!(world.grants_of("ann").unwrap().screen);
    world.says("ann", ClientMessage::SetScreen { on: false });
    assert!(!world.grants_of("ann").unwrap().screen);
}

#[test]
fn hands_are_taken_in_the_order_they_went_up() {
    let mut world = World::with_group(&["ann", "ben", "cleo"]);
    for who in ["cleo", "ann", "ben"] {
        world.says(who, ClientMessage::RaiseHand);
    }
    world.passes(seconds(5));
    world.says("cleo", ClientMessage::RaiseHand);
    let mut hands: Vec<_> = world.snapshot("host").participants;
    hands.sort_by_key(|participant| participant.hand_raised_at);
    let names: Vec<&str> = hands
        .iter()
        .map(|participant| participant.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["host", "cleo", "ann", "ben"],
        "raising twice keeps the place"
    );
    let times: std::collections::BTreeSet<_> = hands.iter().filter_map(|p| p.hand_raised_at).collect();
    assert_eq!(times.len(), 3, "no two at the same time");
}

#[test]
fn one_lowers_ones_own_hand_and_facilitators_any() {
    let mut world = World::with_group(&["ann", "ben"]);
    world.says("ann", ClientMessage::RaiseHand);
    world.says("ben", ClientMessage::RaiseHand);
    world.all_read();
    world.says("ann", ClientMessage::LowerHand { participant: None });
    assert_eq!(world.hears("host"), ["ann Off"]);
    let participant = Some(world.seat("ben"));
    world.says("ann", ClientMessage::LowerHand { participant });
    assert_eq!(world.hears("ann").last().unwrap(), "error Forbidden");
    world.says("host", ClientMessage::LowerHand { participant });
    assert_eq!(world.hears("host"), ["ben Off"]);
}

#[test]
fn removed_seat_cannot_resume() {
    let mut world = World::with_group(&["ann", "ben"]);
    world.says("ann", on());
    world.all_read();
    let participant = world.seat("ann");
    world.says("host", ClientMessage::Remove { participant });
    assert_eq!(world.hears("ann"), ["removed"]);
    assert!(world.is_closed("ann"));
    assert_eq!(world.grants_of("ann"), None);
    assert_eq!(world.hears("ben"), ["ann left"]);
    assert_eq!(world.standing("ann"), Some(Standing::Blocked));
    let record = world
        .record
        .seats
        .iter()
        .find(|seat| seat.participant == participant)
        .unwrap();
    assert!(record.name.is_empty(), "a blocked seat keeps no name");
    world.connects("ann");
    assert_eq!(world.hears("ann"), ["error Blocked"]);
    world.people.get_mut("ann").unwrap().role = Role::Facilitator;
    world.connects("ann");
    assert_eq!(world.hears("ann"), ["error Blocked"], "whatever the link");
    world.passes(minutes(5));
    world.restarts();
    world.connects("ann");
    assert_eq!(
        world.hears("ann"),
        ["error Blocked"],
        "a restart forgets no block"
    );
}

#[test]
fn somebody_away_can_be_removed_and_nobody_can_remove_themselves() {
    let mut world = World::with_group(&["ann"]);
    world.drops("ann");
    let participant = world.seat("ann");
    world.says("host", ClientMessage::Remove { participant });
    world.connects("ann");
    assert_eq!(world.hears("ann"), ["error Blocked"]);
    let participant = world.seat("host");
    world.all_read();
    world.says("host", ClientMessage::Remove { participant });
    assert_eq!(world.hears("host"), ["error InvalidValue"]);
}

#[test]
fn the_audit_log_tells_who_did_what_to_whom() {
    let mut world = World::with_group(&["ann"]);
    let (host, ann) = (world.seat("host"), world.seat("ann"));
    world.passes(seconds(90));
    world.says("host", ClientMessage::Mute { participant: ann });
    let entry = *world.audit.last().unwrap();
    assert_eq!(
        (entry.at, entry.actor, entry.action, entry.target),
        (world.now, Some(host), AuditAction::Muted, Some(ann))
    );
    let words: std::collections::BTreeSet<&str> =
        AuditAction::ALL.iter().map(|action| action.as_str()).collect();
    assert_eq!(words.len(), AuditAction::ALL.len());
    let microphone = world.snapshot("host").participants[1].microphone;
    assert_eq!(microphone, Microphone::Muted);
}
