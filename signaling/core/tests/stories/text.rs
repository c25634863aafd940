//! Typed lines, captioners, corrections, caption pages, the record and the transcript.

use std::time::Duration;

use hearken_protocol::{
    CaptionEvent, CaptionId, CaptionNews, CaptionStatus, CaptionsState, ClientMessage, Role, ServerMessage,
    TYPED_CHARACTERS_MAX, TYPED_ENDS_MAX, Timestamp, TypedFate,
};
use hearken_signaling_core::{AuditAction, SessionSettings};

use crate::world::{SESSION, START, World, seconds, settings};

fn types(world: &mut World, who: &str, line: u32, text: &str, done: bool) {
    let message = ClientMessage::Type {
        line,
        text: text.into(),
        done,
        speaker: None,
        off_record: false,
    };
    world.says(who, message);
}

fn captions_for(world: &mut World, who: &str, whose: &str, text: &str, done: bool) {
    let speaker = Some(world.seat(whose));
    let message = ClientMessage::Type {
        line: 1,
        text: text.into(),
        done,
        speaker,
        off_record: false,
    };
    world.says(who, message);
}

/// The worker heard somebody say something, now.
fn speaks(world: &mut World, who: &str, number: u64, text: &str) {
    let event = spoken(world, who, number, text);
    world.hears_speech(event);
}

fn spoken(world: &World, who: &str, number: u64, text: &str) -> CaptionEvent {
    CaptionEvent {
        session: SESSION,
        participant: world.seat(who),
        id: CaptionId {
            epoch: START.0,
            number,
        },
        revision: 1,
        status: CaptionStatus::Final,
        stable: text.into(),
        tentative: Default::default(),
        started_at: world.now,
        ended_at: Timestamp(world.now.0 + 500),
        words: Vec::new(),
        after_gap: false,
        language: None,
    }
}

fn correct(world: &mut World, who: &str, number: u64, text: &str) {
    let id = CaptionId {
        epoch: START.0,
        number,
    };
    corrects_over(world, who, id, text, None);
}

/// Somebody puts a caption right that they knew in this revision.
fn corrects_over(world: &mut World, who: &str, id: CaptionId, text: &str, over: Option<u32>) {
    let text = text.into();
    world.says(who, ClientMessage::Correct { id, text, over });
}

fn group(members: &[&'static str]) -> World {
    let mut world = World::with_group(members);
    world.captions(CaptionNews::State(CaptionsState::On));
    world.all_read();
    world
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
    let mut world = group(&["ann", "ben"]);
    world.arrives("cara", Role::Captioner);
    world.says("host", ClientMessage::AdmitAll);
    world.all_read();
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
fn speakers_put_their_own_last_lines_right_and_captioners_anybodys() {
    let mut world = group(&["ann", "ben"]);
    world.arrives("cara", Role::Captioner);
    world.says("host", ClientMessage::AdmitAll);
    speaks(&mut world, "ann", 1, "I am find");
    world.all_read();
    correct(&mut world, "ann", 1, "I am fine");
    assert_eq!(world.hears("ben"), ["ann Final 2: I am fine| (corrected)"]);
    correct(&mut world, "ben", 1, "not his");
    assert_eq!(world.hears("ben"), ["error NotFound"]);
    correct(&mut world, "cara", 1, "I am fine, thanks");
    assert_eq!(
        world.hears("ben"),
        ["ann Final 3: I am fine, thanks| (corrected)"]
    );
    let texts: Vec<_> = world
        .snapshot("ben")
        .captions
        .iter()
        .map(|c| c.stable.to_string())
        .collect();
    assert_eq!(texts, ["I am fine, thanks"]);
    for number in 2..7 {
        speaks(&mut world, "ann", number, "later");
    }
    world.all_read();
    correct(&mut world, "ann", 1, "too late");
    assert_eq!(world.hears("ann"), ["error NotFound"]);
    correct(&mut world, "ann", 6, "");
    assert_eq!(world.hears("ann"), ["ann Final 2: | (corrected)"]);
}

#[test]
fn off_the_record_captions_go_on_and_nothing_is_kept() {
    let mut world = group(&["ann"]);
    speaks(&mut world, "ann", 1, "kept");
    types(&mut world, "ann", 1, "half typed", false);
    world.says("ann", ClientMessage::SetOffRecord { on: true });
    assert_eq!(world.hears("ann").last().unwrap(), "error Forbidden");
    world.says("host", ClientMessage::SetOffRecord { on: true });
    world.all_read();
    speaks(&mut world, "ann", 2, "secret");
    types(&mut world, "ann", 1, "half typed, half secret", true);
    assert_eq!(
        world.hears("host"),
        [
            "ann Final 1: secret| (off the record)",
            "ann Final 2: half typed, half secret| (typed) (off the record)"
        ]
    );
    correct(&mut world, "ann", 2, "what was it");
    assert_eq!(world.hears("ann").last().unwrap(), "error NotFound");
    // It outlives the process: nobody is back on the record without knowing.
    world.restarts();
    world.connects("host");
    assert!(
        world.messages("host").iter().any(|message| {
            matches!(message, ServerMessage::Welcome(welcome) if welcome.session.off_record)
        })
    );
    world.says("host", ClientMessage::SetOffRecord { on: false });
    world.connects("ann");
    world.passes(seconds(1));
    world.captions(CaptionNews::State(CaptionsState::On));
    speaks(&mut world, "ann", 3, "kept again");
    let texts: Vec<_> = world
        .snapshot("ann")
        .captions
        .iter()
        .map(|c| c.stable.to_string())
        .collect();
    assert_eq!(texts, ["kept again"]);
    assert!(world.actions().contains(&AuditAction::OffRecord));
    assert!(world.actions().contains(&AuditAction::OnRecord));
}

#[test]
fn what_was_said_off_the_record_is_not_kept_however_late_it_becomes_known() {
    let mut world = group(&["ann"]);
    world.says("host", ClientMessage::SetOffRecord { on: true });
    let secret = spoken(&world, "ann", 1, "secret");
    world.passes(seconds(2));
    world.says("host", ClientMessage::SetOffRecord { on: false });
    world.all_read();
    world.passes(seconds(10));
    world.hears_speech(secret);
    speaks(&mut world, "ann", 2, "kept");
    assert_eq!(
        world.hears("host"),
        ["ann Final 1: secret| (off the record)", "ann Final 1: kept|"]
    );
    let history = world.snapshot("ann").captions;
    let texts: Vec<_> = history.iter().map(|caption| caption.stable.as_str()).collect();
    assert_eq!(texts, ["kept"]);
}

fn types_as_off_record(world: &mut World, who: &str, line: u32, text: &str, done: bool) {
    let message = ClientMessage::Type {
        line,
        text: text.into(),
        done,
        speaker: None,
        off_record: true,
    };
    world.says(who, message);
}

#[test]
fn what_was_written_off_the_record_is_not_kept_however_late_it_arrives() {
    let mut world = transcribed(&["ann"]);
    agrees(&mut world, "host", true);
    agrees(&mut world, "ann", true);
    world.passes(seconds(1));
    world.all_read();
    types_as_off_record(&mut world, "ann", 1, "secret", true);
    types(&mut world, "ann", 2, "begun", false);
    types_as_off_record(&mut world, "ann", 2, "begun, and secret", true);
    types_as_off_record(&mut world, "ann", 3, "half a secret", false);
    world.drops("ann");
    let heard = world.hears("host");
    let ends: Vec<_> = heard.iter().filter(|line| line.contains("Final")).collect();
    assert_eq!(
        ends,
        [
            "ann Final 1: secret| (typed) (off the record)",
            "ann Final 2: begun, and secret| (typed) (off the record)",
            "ann Final 2: half a secret| (typed) (off the record)"
        ]
    );
    assert_eq!(world.snapshot("host").captions, []);
    world.connects("ann");
    types(&mut world, "ann", 4, "kept", true);
    assert_eq!(
        transcript(&mut world).unwrap(),
        "WEBVTT\n\n00:00:00.000 --> 00:00:00.001\n<v ann><lang en>kept</lang>\n"
    );
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
        let history = world.snapshot("ben").captions;
        let texts: Vec<_> = history.iter().map(|caption| caption.stable.as_str()).collect();
        assert_eq!(texts, kept);
        assert_eq!(fates(&mut world, "ann"), ["7 Done", "8 Done"]);
        // Once: nothing of it is there to be changed.
        world.says("ann", finish("again"));
        let answer = world.hears("ann").pop().unwrap();
        assert_eq!(answer == "error NotFound", off_record);
    }
}

#[test]
fn nobody_writes_over_a_correction_that_they_have_not_seen() {
    let mut world = group(&["ann", "ben"]);
    world.arrives("cara", Role::Captioner);
    world.says("host", ClientMessage::AdmitAll);
    types(&mut world, "ann", 1, "My sitser", false);
    world.drops("ann");
    let cut = world.snapshot("ben").captions.pop().unwrap();
    assert_eq!((cut.stable.as_str(), cut.revision), ("My sitser", 2));
    world.connects("ann");
    world.all_read();
    corrects_over(&mut world, "cara", cut.id, "My sister", Some(2));
    // She has the line open, and finishes it as she knew it.
    corrects_over(&mut world, "ann", cut.id, "My sitser said no", Some(2));
    assert_eq!(world.hears("ann").last().unwrap(), "error ChangedMeanwhile");
    assert_eq!(
        world.hears("ben"),
        ["ann Final 3: My sister| (typed) (corrected)"]
    );
    // Whatever follows: she is told what stood when she was cut off, and that it was changed.
    types(&mut world, "ann", 2, "Sorry", true);
    assert_eq!(fates(&mut world, "ann"), ["1 Changed \"My sitser\"", "2 Done"]);
    // What she has seen, she may change.
    corrects_over(&mut world, "ann", cut.id, "My little sister", Some(3));
    corrects_over(&mut world, "cara", cut.id, "My brother", Some(3));
    assert_eq!(world.hears("cara").last().unwrap(), "error ChangedMeanwhile");
    let texts: Vec<_> = world
        .snapshot("ben")
        .captions
        .iter()
        .map(|c| c.stable.to_string())
        .collect();
    assert_eq!(texts, ["My little sister", "Sorry"]);
    assert_eq!(fates(&mut world, "ann"), ["1 Changed \"My sitser\"", "2 Done"]);
}

#[test]
fn a_typist_learns_that_their_own_end_of_a_line_was_taken_whoever_changed_it_since() {
    let mut world = group(&["ann"]);
    world.arrives("cara", Role::Captioner);
    world.says("host", ClientMessage::AdmitAll);
    types(&mut world, "ann", 1, "My sister", false);
    world.drops("ann");
    world.connects("ann");
    let cut = world.snapshot("ann").captions.pop().unwrap();
    corrects_over(&mut world, "ann", cut.id, "My sister said no", Some(2));
    corrects_over(&mut world, "cara", cut.id, "My sister said: no", Some(3));
    assert_eq!(fates(&mut world, "ann"), ["1 Done"]);
}

#[test]
fn a_typist_learns_that_a_line_was_taken_back_and_so_does_everybody_who_was_away() {
    let mut world = group(&["ann", "ben"]);
    world.arrives("cara", Role::Captioner);
    world.says("host", ClientMessage::AdmitAll);
    types(&mut world, "ann", 1, "My sitser", false);
    world.drops("ann");
    let cut = world.snapshot("ben").captions.pop().unwrap();
    world.drops("ben");
    corrects_over(&mut world, "cara", cut.id, "", Some(2));
    world.connects("ann");
    world.connects("ben");
    assert_eq!(fates(&mut world, "ann"), ["1 Changed \"My sitser\""]);
    let known = world.snapshot("ben").captions.pop().unwrap();
    assert_eq!(
        (known.id, known.revision, known.stable.as_str(), known.corrected),
        (cut.id, 3, "", true)
    );
    // What follows goes by the same number.
    types(&mut world, "ann", 1, "said no", true);
    assert_eq!(fates(&mut world, "ann"), ["1 Done"]);
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

const NOTHING: [&str; 0] = [];

/// What somebody is told of the lines that they typed.
fn fates(world: &mut World, who: &'static str) -> Vec<String> {
    let lines = world.snapshot(who).typed_lines.into_iter();
    lines
        .map(|end| {
            let fate = match end.fate {
                TypedFate::Done => "Done".to_owned(),
                TypedFate::Cut { text, revision } => format!("Cut {:?} {revision}", *text),
                TypedFate::Unkept => "Unkept".to_owned(),
                TypedFate::Changed { text } => format!("Changed {:?}", *text),
            };
            format!("{} {fate}", end.line)
        })
        .collect()
}

fn transcribed(members: &[&'static str]) -> World {
    let settings = SessionSettings {
        transcript: true,
        ..settings()
    };
    let mut world = World::with(settings, START);
    world.arrives("host", Role::Facilitator);
    for member in members {
        world.arrives(member, Role::Member);
    }
    world.says("host", ClientMessage::AdmitAll);
    world.captions(CaptionNews::State(CaptionsState::On));
    world.all_read();
    world
}

fn agrees(world: &mut World, who: &str, agree: bool) {
    world.says(who, ClientMessage::AgreeToTranscript { agree });
}

fn transcript(world: &mut World) -> Option<String> {
    world.says("host", ClientMessage::EndSession);
    let lines = world.hears("host");
    lines
        .into_iter()
        .find_map(|line| Some(line.strip_prefix("transcript ")?.to_owned()))
}

#[test]
fn a_transcript_holds_what_was_said_while_everybody_agreed() {
    let mut world = transcribed(&["ann", "ben"]);
    speaks(&mut world, "ann", 1, "before anybody agreed");
    agrees(&mut world, "host", true);
    agrees(&mut world, "ann", true);
    speaks(&mut world, "ann", 2, "before ben agreed");
    world.all_read();
    agrees(&mut world, "ben", true);
    let runs = "session locked false, microphones locked false, transcript runs";
    assert_eq!(world.hears("ann"), [runs]);
    world.passes(seconds(10));
    speaks(&mut world, "ann", 3, "all agreed");
    correct(&mut world, "ann", 3, "all have agreed");
    // Who comes later is asked, and until then nothing is kept.
    world.arrives("cleo", Role::Member);
    world.says("host", ClientMessage::AdmitAll);
    world.passes(seconds(1));
    speaks(&mut world, "ben", 4, "cleo was not asked");
    agrees(&mut world, "cleo", true);
    world.passes(seconds(1));
    speaks(&mut world, "ben", 5, "now she was");
    world.says("host", ClientMessage::SetOffRecord { on: true });
    speaks(&mut world, "ben", 6, "off the record");
    world.says("host", ClientMessage::SetOffRecord { on: false });
    world.all_read();
    let text = transcript(&mut world).unwrap();
    assert_eq!(
        text,
        "WEBVTT\n\n00:00:00.000 --> 00:00:00.500\n<v ann>all have agreed\n\n\
         00:00:02.000 --> 00:00:02.500\n<v ben>now she was\n"
    );
}

/// The wall clock is set, or the machine slept: speech is stamped by a clock that knows nothing of it.
fn hears_by_another_clock(world: &mut World, event: CaptionEvent, sent_at: Timestamp) {
    world.captions(CaptionNews::Event { event, sent_at });
}

#[test]
fn a_clock_that_is_set_forward_loses_nothing_of_the_transcript() {
    let mut world = transcribed(&["ann"]);
    let hour = seconds(1_800);
    world.passes(hour);
    for who in ["host", "ann"] {
        agrees(&mut world, who, true);
    }
    world.passes(seconds(5));
    let sent_at = world.now - hour;
    let event = CaptionEvent {
        started_at: sent_at - seconds(3),
        ended_at: sent_at - seconds(1),
        ..spoken(&world, "ann", 1, "heard all the same")
    };
    hears_by_another_clock(&mut world, event, sent_at);
    let text = transcript(&mut world).unwrap();
    assert!(
        text.contains("--> 00:00:02.000\n<v ann>heard all the same"),
        "{text}"
    );
}

#[test]
fn a_clock_that_is_set_back_makes_nothing_that_was_said_before_into_something_agreed_to() {
    let mut world = transcribed(&["ann"]);
    let ahead = seconds(1_800);
    let sent_at = world.now + ahead;
    let event = CaptionEvent {
        started_at: sent_at - seconds(1),
        ended_at: sent_at,
        ..spoken(&world, "ann", 1, "before anybody agreed")
    };
    for who in ["host", "ann"] {
        agrees(&mut world, who, true);
    }
    hears_by_another_clock(&mut world, event, sent_at);
    assert_eq!(transcript(&mut world), None);
}

#[test]
fn members_get_no_transcript_and_whoever_takes_back_their_word_takes_it_all_back() {
    let mut world = transcribed(&["ann"]);
    for who in ["host", "ann"] {
        agrees(&mut world, who, true);
    }
    world.passes(seconds(1));
    speaks(&mut world, "ann", 1, "mine");
    speaks(&mut world, "host", 2, "yours");
    world.all_read();
    agrees(&mut world, "ann", false);
    assert_eq!(
        world.hears("host"),
        ["session locked false, microphones locked false, transcript paused"]
    );
    let text = transcript(&mut world).unwrap();
    assert!(text.contains("<v host>yours") && !text.contains("mine"), "{text}");
    assert!(
        !world
            .hears("ann")
            .iter()
            .any(|line| line.starts_with("transcript"))
    );
}

#[test]
fn without_the_setting_there_is_no_transcript() {
    let mut world = group(&["ann"]);
    agrees(&mut world, "ann", true);
    assert_eq!(world.hears("ann"), ["error NotFound"]);
    speaks(&mut world, "ann", 1, "hello");
    assert_eq!(transcript(&mut world), None);
}

#[test]
fn a_caption_page_shows_captions_to_whoever_has_a_seat_and_closes_with_it() {
    let mut world = group(&["ann", "ben"]);
    world.says("ann", ClientMessage::GetCaptionLink);
    assert_eq!(world.hears("ann"), ["captions of ann"]);
    speaks(&mut world, "ben", 1, "hello");
    let page = world.views("ann");
    speaks(&mut world, "ben", 2, "there");
    world.says_over(page, ClientMessage::Ping);
    world.says_over(page, ClientMessage::RaiseHand);
    world.says_over(page, ClientMessage::Leave);
    assert_eq!(
        world.hears_over(page),
        ["viewing: hello", "ben Final 1: there|", "pong"]
    );
    for _ in 0..2 {
        world.views("ann");
    }
    let fourth = world.views("ann");
    assert_eq!(world.hears_over(fourth), ["error Overloaded"]);
    // A lost connection leaves the seat, and the page with it.
    world.drops("ann");
    speaks(&mut world, "ben", 3, "ann?");
    assert_eq!(world.hears_over(page), ["ben Final 1: ann?|"]);
    world.passes(Duration::from_secs(121));
    assert_eq!(world.hears_over(page), ["removed"]);
    let late = world.views("ann");
    assert_eq!(world.hears_over(late), ["error NotFound"]);
    let page = world.views("ben");
    world.hears_over(page);
    world.says("host", ClientMessage::EndSession);
    assert_eq!(world.hears_over(page), ["ended: Facilitator"]);
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
