//! What is said off the record, and what a transcript has.

use hearken_protocol::{
    CaptionEvent, CaptionNews, CaptionsState, ClientMessage, Role, ServerMessage, Timestamp,
};
use hearken_signaling_core::{AuditAction, SessionSettings};

use crate::world::{START, World, seconds, settings};
use crate::writing::{correct, group, history, speaks, spoken, types};

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
    assert_eq!(history(&mut world, "ann"), ["kept again"]);
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
    assert_eq!(history(&mut world, "ann"), ["kept"]);
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
