//! Lines that people type, captioners too, and what their typists learn of them.

use hearken_protocol::{
    CaptionEvent, CaptionNews, CaptionStatus, CaptionsState, ClientMessage, Role, ServerMessage,
    TYPED_CHARACTERS_MAX, TYPED_ENDS_MAX, TypedEnd, TypedFate,
};
use hearken_signaling_core::SessionSettings;

use crate::world::{START, World, settings};
use crate::writing::{NOTHING, captioned, captions_for, corrects_over, fates, group, history, spoken, types};

/// Ann types this, line by line and with whether it is done, and the host reads that.
fn check_read<const TYPED: usize, const READ: usize>(
    world: &mut World,
    typed: [(u32, &str, bool); TYPED],
    read: [&str; READ],
) {
    for (line, text, done) in typed {
        types(world, "ann", line, text, done);
    }
    assert_eq!(world.hears("host"), read);
}

#[test]
fn everybody_reads_along_what_somebody_types() {
    let mut world = group(&["ann", "ben"]);
    types(&mut world, "ann", 1, "h", false);
    types(&mut world, "ann", 1, "hello", false);
    types(&mut world, "ann", 1, "hell", false);
    types(&mut world, "ann", 1, "hello!", true);
    types(&mut world, "ann", 2, "next", false);
    let heard = [
        "ann Partial 1: |h (typed)",
        "ann Partial 2: |hello (typed)",
        "ann Partial 3: |hell (typed)",
        "ann Final 4: hello!| (typed)",
        "ann Partial 1: |next (typed)",
    ];
    assert_eq!(world.hears("ben"), heard);
    // Another line ends the one before; going away ends the last as it stood.
    types(&mut world, "ann", 3, "more", false);
    world.drops("ann");
    let heard = [
        "ann Final 2: next| (typed)",
        "ann Partial 1: |more (typed)",
        "ann Final 2: more| (typed)",
    ];
    assert_eq!(world.hears("ben")[..3], heard);
}

#[test]
fn a_whole_line_that_comes_late_leaves_alone_the_one_that_is_being_typed() {
    let mut world = group(&["ann"]);
    let typed = [(2, "Sorr", false), (1, "I can't speak", true), (2, "Sorry", true)];
    let read = [
        "ann Partial 1: |Sorr (typed)",
        "ann Final 1: I can't speak| (typed)",
        "ann Final 2: Sorry| (typed)",
    ];
    check_read(&mut world, typed, read);
    assert_eq!(fates(&mut world, "ann"), ["1 Done", "2 Done"]);
}

#[test]
fn a_line_whose_end_was_refused_for_now_while_the_next_was_begun_stands_once() {
    for (whole, kept) in [
        ("I can't speak", &["I can't speak"][..]),
        ("I can", &["I can"]),
        // Deleted: taken back.
        ("", &[""]),
    ] {
        let mut world = group(&["ann", "ben"]);
        types(&mut world, "ann", 1, "I can't", false);
        types(&mut world, "ann", 2, "Sorr", false);
        world.all_read();
        types(&mut world, "ann", 1, whole, true);
        assert_eq!(
            world.hears("ben"),
            [format!("ann Final 3: {whole}| (typed) (corrected)")]
        );
        // The next one goes on growing.
        types(&mut world, "ann", 2, "Sorry", true);
        assert_eq!(world.hears("ben"), ["ann Final 2: Sorry| (typed)"]);
        assert_eq!(history(&mut world, "ben"), [kept, &["Sorry"]].concat());
        let mended = format!("1 Mended \"I can't\" \"{whole}\"");
        assert_eq!(fates(&mut world, "ann"), [&mended, "2 Done"]);
    }
}

#[test]
fn a_line_that_was_ended_as_it_was_needs_nothing_when_its_end_comes() {
    let mut world = group(&["ann", "ben"]);
    types(&mut world, "ann", 1, "I can", false);
    types(&mut world, "ann", 2, "Sorr", false);
    world.all_read();
    types(&mut world, "ann", 1, "I can ", true);
    assert_eq!(world.hears("ben"), NOTHING);
    types(&mut world, "ann", 2, "Sorry", true);
    assert_eq!(fates(&mut world, "ann"), ["1 Done", "2 Done"]);
}

#[test]
fn an_end_that_comes_late_puts_nothing_right_that_others_have_and_nothing_off_the_record() {
    // Somebody was faster.
    let mut world = captioned(&["ann"]);
    types(&mut world, "ann", 1, "My sitser", false);
    types(&mut world, "ann", 2, "Sorr", false);
    types(&mut world, "ann", 2, "Sorry", true);
    let id = world.snapshot("ann").typed_lines[0].id;
    let text = "My sister".into();
    world.says("cara", ClientMessage::Correct { id, text, over: None });
    types(&mut world, "ann", 1, "My sitser said", true);
    assert_eq!(
        history(&mut world, "host"),
        ["My sister", "Sorry", "My sitser said"]
    );
    // What stands is kept, and the rest was written off the record.
    let mut world = group(&["ann"]);
    types(&mut world, "ann", 1, "I can", false);
    types(&mut world, "ann", 2, "Sorr", false);
    world.says("host", ClientMessage::SetOffRecord { on: true });
    types(&mut world, "ann", 1, "I can say why", true);
    assert_eq!(history(&mut world, "host"), ["I can"]);
    // All of it was.
    let mut world = group(&["ann"]);
    world.says("host", ClientMessage::SetOffRecord { on: true });
    types(&mut world, "ann", 1, "I can", false);
    types(&mut world, "ann", 2, "Sorr", false);
    world.all_read();
    types(&mut world, "ann", 1, "I can say why", true);
    let heard = ["ann Final 3: I can say why| (typed) (corrected) (off the record)"];
    assert_eq!(world.hears("host"), heard);
    assert_eq!(history(&mut world, "host"), NOTHING);
}

#[test]
fn what_people_type_has_a_place_however_many_are_heard_speaking() {
    let mut world = group(&["ann"]);
    for number in 1..300 {
        let growing = CaptionEvent {
            status: CaptionStatus::Partial,
            ..spoken(&world, "host", number, "hm")
        };
        world.hears_speech(growing);
    }
    // What is heard has its limit.
    assert_eq!(world.hears("host").len(), 256);
    let typed = [
        (1, "I can't sp", false),
        (1, "I can't speak", true),
        (2, "Sorry", true),
    ];
    let read = [
        "ann Partial 1: |I can't sp (typed)",
        "ann Final 2: I can't speak| (typed)",
        "ann Final 1: Sorry| (typed)",
    ];
    check_read(&mut world, typed, read);
}

#[test]
fn typed_lines_do_not_need_the_worker_and_outlive_its_death() {
    let mut world = group(&["ann"]);
    types(&mut world, "ann", 1, "still here", false);
    world.captions(CaptionNews::State(CaptionsState::Starting));
    types(&mut world, "ann", 1, "still here.", true);
    let heard = world.hears("host");
    assert_eq!(heard[0], "ann Partial 1: |still here (typed)");
    assert_eq!(heard.last().unwrap(), "ann Final 2: still here.| (typed)");
    let off = SessionSettings {
        captions: false,
        ..settings()
    };
    let mut world = World::with(off, START);
    world.arrives("host", Role::Facilitator);
    world.all_read();
    types(&mut world, "host", 1, "typed", true);
    assert_eq!(world.hears("host"), ["host Final 1: typed| (typed)"]);
}

#[test]
fn a_line_is_one_line_and_bounded() {
    let mut world = group(&["ann"]);
    types(&mut world, "ann", 1, "two\nlines\u{7}", true);
    types(&mut world, "ann", 2, &"x".repeat(TYPED_CHARACTERS_MAX + 1), true);
    types(&mut world, "ann", 3, "", true);
    assert_eq!(
        world.hears("ann"),
        ["ann Final 1: two lines | (typed)", "error InvalidValue"]
    );
}

#[test]
fn a_captioner_types_under_the_names_of_others_and_nobody_else_does() {
    let mut world = captioned(&["ann", "ben"]);
    captions_for(&mut world, "cara", "ann", "as ann says", false);
    captions_for(&mut world, "cara", "ben", "as ben says", true);
    let heard = [
        "ann Partial 1: |as ann says (captioner)",
        "ann Final 2: as ann says| (captioner)",
        "ben Final 1: as ben says| (captioner)",
    ];
    assert_eq!(world.hears("host"), heard);
    captions_for(&mut world, "ben", "ann", "not what she said", true);
    assert_eq!(world.hears("ben").last().unwrap(), "error Forbidden");
    captions_for(&mut world, "host", "ann", "nor the facilitator", true);
    assert_eq!(world.hears("host"), ["error Forbidden"]);
}

#[test]
fn who_comes_back_learns_how_far_their_typing_came_and_finishes_what_ended_as_it_stood() {
    for off_record in [false, true] {
        let mut world = group(&["ann", "ben"]);
        world.says("host", ClientMessage::SetOffRecord { on: off_record });
        assert_eq!(fates(&mut world, "ann"), NOTHING);
        types(&mut world, "ann", 7, "one", true);
        types(&mut world, "ann", 8, "I can", false);
        world.drops("ann");
        world.connects("ann");
        let cut = if off_record {
            "8 Unkept"
        } else {
            "8 Cut \"I can\" 2"
        };
        assert_eq!(fates(&mut world, "ann"), ["7 Done", cut]);
        assert_eq!(fates(&mut world, "ben"), NOTHING);
        let typed = world.snapshot("ann").typed_lines.pop().unwrap();
        world.says("host", ClientMessage::SetOffRecord { on: false });
        world.all_read();
        let finish = |text: &str| ClientMessage::Correct {
            id: typed.id,
            text: text.into(),
            over: None,
        };
        world.says("ben", finish("not his"));
        assert_eq!(world.hears("ben"), ["error NotFound"]);
        world.says("ann", finish("I can't speak"));
        let off = if off_record { " (off the record)" } else { "" };
        assert_eq!(
            world.hears("ben"),
            [format!("ann Final 3: I can't speak| (typed) (corrected){off}")]
        );
        let kept: &[&str] = if off_record {
            &[]
        } else {
            &["one", "I can't speak"]
        };
        assert_eq!(history(&mut world, "ben"), kept);
        let end = if off_record {
            "8 Done"
        } else {
            "8 Mended \"I can\" \"I can't speak\""
        };
        assert_eq!(fates(&mut world, "ann"), ["7 Done", end]);
        // Once: nothing of it is there to be changed.
        world.says("ann", finish("again"));
        let answer = world.hears("ann").pop().unwrap();
        assert_eq!(answer == "error NotFound", off_record);
    }
}

/// The second page knows nothing of the line, and so could never end it.
#[test]
fn a_line_that_one_page_was_typing_ends_as_it_stood_when_another_takes_over_the_seat() {
    let mut world = group(&["ann", "ben"]);
    types(&mut world, "ann", 8, "I can", false);
    let first = world.people["ann"].connection;
    world.connects("ann");
    let read = ["ann Partial 1: |I can (typed)", "ann Final 2: I can| (typed)"];
    assert_eq!(world.hears("ben")[..2], read);
    assert_eq!(world.hears_over(first).last().unwrap(), "taken over");
    let ends = world
        .messages("ann")
        .into_iter()
        .find_map(|message| match message {
            ServerMessage::Admitted(snapshot) => Some(snapshot.typed_lines),
            _ => None,
        });
    let [TypedEnd { line: 8, id, fate }] = &ends.unwrap()[..] else {
        panic!("it is told at once, and nothing else");
    };
    let TypedFate::Cut { revision, .. } = fate else {
        panic!("{fate:?}");
    };
    // If it is the same page, it ends the line in the way of all that were cut.
    corrects_over(&mut world, "ann", *id, "I can't speak", Some(*revision));
    assert_eq!(history(&mut world, "ben"), ["I can't speak"]);
}

#[test]
fn what_became_of_typed_lines_is_remembered_of_a_bounded_number() {
    let mut world = group(&["ann"]);
    for line in 0..100 {
        types(&mut world, "ann", line, "x", true);
    }
    let fates = fates(&mut world, "ann");
    assert_eq!(fates.len(), TYPED_ENDS_MAX);
    assert_eq!(fates.last().unwrap(), "99 Done");
}

#[test]
fn a_captioner_knocks_like_everybody_and_keeps_the_link_when_the_members_is_renewed() {
    let mut world = group(&[]);
    world.says("host", ClientMessage::RenewLink);
    world.arrives("cara", Role::Captioner);
    world.people.get_mut("cara").unwrap().link_generation = 1;
    assert_eq!(world.hears("cara")[1], "waiting Knocking");
    world.says("host", ClientMessage::AdmitAll);
    world.arrives("dora", Role::Captioner);
    world.people.get_mut("dora").unwrap().link_generation = 1;
    world.connects("dora");
    assert_eq!(world.hears("dora")[1], "waiting Knocking");
}
