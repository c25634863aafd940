//! Captions of scripted speakers in virtual time: what is promised, and what happens under load.

#![allow(clippy::unwrap_used)]

mod world;

use std::time::Duration;

use hearken_captions_core::{Frame, Policy, SPEAKERS_MAX};
use hearken_protocol::{CaptionStatus, Language, ParticipantId, SessionId, Timestamp};
use world::{World, key};

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const SHORT: &str = "we met on Tuesday with all of us";

fn numbers(count: usize) -> String {
    (1..=count).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_sentence_is_shown_while_it_is_said_and_final_soon_after() {
    let mut world = World::new();
    world.says(ms(1_000), SHORT);
    world.run(ms(6_000));
    world.assert_promises();
    assert_eq!(world.finals(0), SHORT);
    let said = ms(1_000) + world::WORD * 8;
    let (first, last) = (&world.events[0], world.events.last().unwrap());
    assert_eq!(first.1.status, CaptionStatus::Partial);
    assert!(first.0 < ms(2_200), "first shown at {:?}", first.0);
    assert!(last.0 - said < ms(900), "final {:?} after the end", last.0 - said);
    assert_eq!(last.1.id.epoch, 3);
    let started = last.1.started_at.0 - 1_000_000;
    assert!((950..1_050).contains(&started), "started at {started}");
}

#[test]
fn finals_never_change_and_stable_text_only_grows_though_the_model_wavers() {
    let mut world = World::new();
    world.transcriber.spoil = |mut words, job| {
        // The word at the edge is heard wrongly, and now and then the first is dropped.
        if let Some(last) = words.last_mut() {
            last.push('x');
        }
        if job % 3 == 0 && !words.is_empty() {
            words.remove(0);
        }
        words
    };
    world.says(ms(500), &numbers(80));
    world.run(ms(30_000));
    world.assert_promises();
    let said = world.finals(0).replace(" / ", " ");
    let right = said.split(' ').filter(|word| !word.ends_with('x')).count();
    assert!(right >= 72, "{said}");
}

#[test]
fn long_speech_becomes_several_captions_of_two_lines() {
    let mut world = World::new();
    world.says(ms(500), &numbers(200));
    world.run(ms(500) + world::WORD * 200 + ms(3_000));
    world.assert_promises();
    let finals = world.finals(0);
    assert_eq!(
        finals.replace(" / ", " "),
        numbers(200),
        "nothing is lost or said twice where it is cut"
    );
    let most = Policy::default().caption_characters_max;
    assert!(
        finals.split(" / ").all(|caption| caption.len() <= most),
        "{finals}"
    );
    let longest = world
        .events
        .iter()
        .map(|(at, event)| at.as_millis() as u64 + 1_000_000 - event.started_at.0);
    assert!(
        longest.max().unwrap() < 15_500,
        "a caption stayed open for more than 15 seconds"
    );
}

#[test]
fn a_caption_ends_with_its_sentence() {
    let mut world = World::new();
    world.says(
        ms(500),
        "this is how it went for me in the first week. then it was better and I",
    );
    world.run(ms(8_000));
    world.assert_promises();
    assert!(
        world
            .finals(0)
            .starts_with("this is how it went for me in the first week. / then"),
        "{}",
        world.finals(0)
    );
}

#[test]
fn a_caption_ends_with_a_clause_but_never_before_what_was_settled_in_it() {
    let mut world = World::new();
    let text = "he said that when they had come to the river, none of them had known where the others were or what \
                they ought to do about it, so that in the end they all went home again";
    world.says(ms(500), text);
    world.run(ms(16_000));
    world.assert_promises();
    let finals = world.finals(0);
    assert_eq!(finals.replace(" / ", " "), text);
    assert!(!finals.contains("river, /"), "too short to end there: {finals}");
}

#[test]
fn a_word_heard_otherwise_for_a_moment_does_not_flicker() {
    let mut world = World::new();
    world.transcriber.spoil = |mut words, job| {
        // Every third hypothesis has another word in a place where one was shown already.
        if job % 3 == 0 && words.len() > 5 {
            let place = words.len() - 4;
            words[place] = "other".into();
        }
        words
    };
    world.says(ms(500), &numbers(30));
    world.run(ms(14_000));
    world.assert_promises();
    assert!(world.captioner.counters().jobs > 12);
    let others = world.events.iter().filter(|(_, event)| {
        event.status == CaptionStatus::Partial
            && (event.tentative.contains("other") || event.stable.contains("other"))
    });
    assert_eq!(others.count(), 0);
}

#[test]
fn a_loop_of_the_model_is_cut() {
    let mut world = World::new();
    world.transcriber.spoil = |mut words, _| {
        let end: Vec<String> = words.iter().rev().take(2).rev().cloned().collect();
        for _ in 0..3 {
            words.extend(end.clone());
        }
        words
    };
    world.says(ms(500), "one two three four five six seven eight");
    world.run(ms(6_000));
    world.assert_promises();
    assert!(
        world.finals(0).matches("seven eight").count() <= 1,
        "{}",
        world.finals(0)
    );
}

#[test]
fn what_the_model_is_unsure_of_is_not_shown() {
    let mut world = World::new();
    world.transcriber.log_probability = -2.0;
    world.says(ms(500), "Thanks for watching!");
    world.run(ms(4_000));
    assert!(world.events.is_empty());
    assert!(world.captioner.counters().hypotheses_rejected > 0);
}

#[test]
fn silence_asks_for_no_job() {
    let mut world = World::new();
    world.says(ms(500), "");
    world.run(ms(10_000));
    assert_eq!((world.events.len(), world.captioner.counters().jobs), (0, 0));
}

#[test]
fn two_at_once_keep_their_own_words() {
    let mut world = World::new();
    world.says(ms(500), "red red1 red2 red3 red4 red5");
    world.says(ms(700), "blue blue1 blue2 blue3 blue4 blue5");
    world.run(ms(6_000));
    world.assert_promises();
    assert_eq!(world.finals(0), "red red1 red2 red3 red4 red5");
    assert_eq!(world.finals(1), "blue blue1 blue2 blue3 blue4 blue5");
}

#[test]
fn with_too_much_to_do_partials_are_left_out_and_finals_are_late_but_complete() {
    let mut world = World::new();
    world.cost = ms(300);
    for speaker in 0..6 {
        world.says(ms(500 + speaker * 50), &numbers(16));
    }
    world.run(ms(25_000));
    world.assert_promises();
    for speaker in 0..6 {
        assert_eq!(
            world.finals(speaker).replace(" / ", " "),
            numbers(16),
            "speaker {speaker}"
        );
    }
    let alone = {
        let mut world = World::new();
        world.says(ms(500), &numbers(16));
        world.run(ms(25_000));
        world.captioner.counters().jobs
    };
    let jobs = world.captioner.counters().jobs;
    assert!(jobs < 6 * alone, "{jobs} jobs for six, {alone} for one");
}

#[test]
fn under_load_every_speaker_has_a_turn() {
    let mut world = World::new();
    world.cost = ms(250);
    for _ in 0..5 {
        world.says(ms(500), &numbers(40));
    }
    world.run(ms(9_000));
    for speaker in 0..5 {
        let shown = world
            .events
            .iter()
            .filter(|(_, event)| event.participant == key(speaker).participant);
        assert!(shown.count() >= 1, "speaker {speaker} was starved");
    }
}

#[test]
fn captions_are_late_by_the_age_of_the_words_they_lack() {
    // The most that captions were late while somebody spoke for half a minute, and half a minute after.
    let delay_at = |cost: Duration| {
        let mut world = World::new();
        world.cost = cost;
        world.says(ms(500), &numbers(90));
        let mut most = Duration::ZERO;
        for _ in 0..300 {
            world.run(ms(100));
            most = most.max(world.captioner.delay(Timestamp(1_000_000) + world.now));
        }
        world.run(Duration::from_secs(30));
        (most, world.captioner.delay(Timestamp(1_000_000) + world.now))
    };
    let (most, after) = delay_at(ms(50));
    assert!(most < ms(2_500), "{most:?}");
    assert_eq!(after, Duration::ZERO);
    // Nothing waits for a turn, yet each text comes seconds after its words.
    let (most, after) = delay_at(ms(900));
    assert!(most > ms(5_000), "{most:?}");
    assert_eq!(after, Duration::ZERO);
}

#[test]
fn memory_is_bounded_when_nothing_is_decoded() {
    let mut world = World::new();
    world.cost = Duration::from_secs(1_000);
    world.says(ms(500), &numbers(600));
    world.run(Duration::from_secs(200));
    assert!(world.captioner.counters().finals_undecoded > 0);
    assert!(world.captioner.backlog(Timestamp(1_000_000) + world.now) > Duration::from_secs(60));
}

#[test]
fn speech_given_up_for_want_of_time_leaves_a_mark() {
    let mut world = World::new();
    world.cost = Duration::from_secs(1_000);
    world.says(ms(500), &numbers(400));
    world.run(Duration::from_secs(150));
    let given_up = world.captioner.counters().finals_undecoded;
    assert!(given_up > 0);
    // The machine has time again: what is left is written, and says that words are missing before it.
    world.cost = ms(10);
    world.relieve();
    world.run(Duration::from_secs(30));
    world.assert_promises();
    let finals = world.final_events(0);
    assert!(finals.len() > 1);
    let marked: Vec<usize> = (0..finals.len())
        .filter(|index| finals[*index].after_gap)
        .collect();
    assert_eq!(marked, [0], "once, before the first that was written");
}

#[test]
fn a_gap_before_noise_is_told_of_by_the_words_after_it() {
    let mut world = World::new();
    world.transcriber.spoil = |words, _| {
        if words.iter().any(|word| word == "w1") {
            Vec::new()
        } else {
            words
        }
    };
    world.says(ms(500), &numbers(6));
    world.run(ms(400));
    world
        .captioner
        .break_off(Timestamp(1_000_000) + world.now, key(0), Duration::from_secs(1));
    world.run(ms(6_000));
    assert!(
        world
            .final_events(0)
            .iter()
            .all(|event| event.stable.as_str().is_empty())
    );
    world.says_more(0, &["w7", "w8", "w9"]);
    world.run(ms(6_000));
    let finals = world.final_events(0);
    let last = finals.last().unwrap();
    assert!(last.after_gap, "{last:?}");
}

#[test]
fn a_failing_model_closes_what_it_opened() {
    let mut world = World::new();
    world.says(ms(500), &numbers(20));
    world.run(ms(3_500));
    assert!(!world.events.is_empty());
    world.transcriber.fails = true;
    world.run(ms(8_000));
    world.assert_promises();
}

#[test]
fn an_utterance_ends_when_the_sound_stops() {
    let mut world = World::new();
    world.says(ms(500), &numbers(20));
    world.run(ms(3_000));
    // No more frames: only the clock goes on.
    for _ in 0..20 {
        world.now += ms(100);
        let now = Timestamp(1_000_000) + world.now;
        world.captioner.tick(now);
        world.work();
    }
    world.assert_promises();
    assert!(world.finals(0).starts_with("w1 w2"), "{}", world.finals(0));
}

#[test]
fn a_forgotten_session_says_nothing_more() {
    let mut world = World::new();
    world.says(ms(500), &numbers(20));
    world.run(ms(3_000));
    let said = world.events.len();
    world.captioner.forget_session(SessionId(7));
    assert_eq!(world.captioner.speakers(), 0);
    let now = Timestamp(1_000_000) + world.now;
    assert!(world.captioner.next_job(now).is_none());
    assert!(world.captioner.poll_event().is_none());
    assert_eq!(world.events.len(), said);
}

#[test]
fn one_speaker_too_many_is_refused() {
    let mut world = World::new();
    let frame = Frame {
        at: Timestamp(0),
        voice: 0.0,
        samples: &[0; 256],
    };
    for speaker in 0..=SPEAKERS_MAX {
        let mut key = key(speaker);
        key.participant = ParticipantId(speaker as u64);
        world.captioner.hear(Timestamp(0), key, frame);
    }
    assert_eq!(world.captioner.speakers(), SPEAKERS_MAX);
    assert_eq!(world.captioner.counters().frames_refused, 1);
    world.captioner.tick(Timestamp(60_000));
    assert_eq!(world.captioner.speakers(), 0, "idle speakers are forgotten");
}

#[test]
fn the_core_depends_on_no_runtime() {
    let manifest = include_str!("../Cargo.toml");
    for shell in ["tokio", "whisper", "opus", "earshot"] {
        assert!(
            !manifest.contains(shell),
            "captions/core must not depend on {shell}"
        );
    }
}

#[test]
fn each_caption_is_in_the_language_that_the_model_wrote() {
    let mut world = World::new();
    world.transcriber.language = |job| {
        let code = if job.speaker == key(0) { "de" } else { "ar" };
        Language::parse(code)
    };
    world.says(ms(500), SHORT);
    world.says(ms(700), SHORT);
    world.run(ms(8_000));
    world.assert_promises();
    assert!(world.events.len() > 4);
    for (_, event) in &world.events {
        let code = if event.participant == key(0).participant {
            "de"
        } else {
            "ar"
        };
        assert_eq!(event.language, Language::parse(code));
    }
}
