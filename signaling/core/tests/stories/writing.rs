//! What people say and write, for stories about text.

use hearken_protocol::{
    Caption, CaptionEvent, CaptionId, CaptionNews, CaptionStatus, CaptionsState, ClientMessage, Role,
    Timestamp, TypedFate,
};

use crate::world::{SESSION, START, World};

pub fn group(members: &[&'static str]) -> World {
    let mut world = World::with_group(members);
    world.captions(CaptionNews::State(CaptionsState::On));
    world.all_read();
    world
}

pub fn types(world: &mut World, who: &str, line: u32, text: &str, done: bool) {
    let message = ClientMessage::Type {
        line,
        text: text.into(),
        done,
        speaker: None,
        off_record: false,
    };
    world.says(who, message);
}

pub fn captions_for(world: &mut World, who: &str, whose: &str, text: &str, done: bool) {
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
pub fn speaks(world: &mut World, who: &str, number: u64, text: &str) {
    let event = spoken(world, who, number, text);
    world.hears_speech(event);
}

pub fn spoken(world: &World, who: &str, number: u64, text: &str) -> CaptionEvent {
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

pub fn correct(world: &mut World, who: &str, number: u64, text: &str) {
    let id = CaptionId {
        epoch: START.0,
        number,
    };
    corrects_over(world, who, id, text, None);
}

/// Somebody puts a caption right that they knew in this revision.
pub fn corrects_over(world: &mut World, who: &str, id: CaptionId, text: &str, over: Option<u32>) {
    let text = text.into();
    world.says(who, ClientMessage::Correct { id, text, over });
}

/// What somebody is told of the lines that they typed.
pub fn fates(world: &mut World, who: &'static str) -> Vec<String> {
    let lines = world.snapshot(who).typed_lines.into_iter();
    lines
        .map(|end| {
            let fate = match end.fate {
                TypedFate::Done => "Done".to_owned(),
                TypedFate::Cut { text, revision } => format!("Cut {:?} {revision}", *text),
                TypedFate::Unkept => "Unkept".to_owned(),
                TypedFate::Mended { text, to } => format!("Mended {:?} {:?}", *text, *to),
                TypedFate::Changed { text } => format!("Changed {:?}", *text),
            };
            format!("{} {fate}", end.line)
        })
        .collect()
}

pub const NOTHING: [&str; 0] = [];

/// What a newcomer would read of what was said.
pub fn history(world: &mut World, who: &'static str) -> Vec<String> {
    let captions = world.snapshot(who).captions;
    captions
        .iter()
        .map(|caption| caption.stable.to_string())
        .collect()
}

/// With a captioner among them.
pub fn captioned(members: &[&'static str]) -> World {
    let mut world = group(members);
    world.arrives("cara", Role::Captioner);
    world.says("host", ClientMessage::AdmitAll);
    world.all_read();
    world
}

/// Somebody loses their connection while they type their first line: the caption as which it ended.
pub fn cut_off(world: &mut World, who: &'static str, text: &str) -> Caption {
    types(world, who, 1, text, false);
    world.drops(who);
    world.snapshot("host").captions.pop().unwrap()
}
