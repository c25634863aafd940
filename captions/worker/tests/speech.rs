//! Recorded speech through the whole pipeline with the real model: what is said is written, and nothing else.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use hearken_captions_core::{Policy, SAMPLE_RATE};
use hearken_protocol::{CaptionStatus, ParticipantId, SpeechPacket};
use support::{Rehearsal, START, packets, recording, share_right, silence, spoken, transcript};

fn heard(packets: Vec<SpeechPacket>) -> Rehearsal {
    let mut rehearsal = Rehearsal::new(Policy::default());
    rehearsal.play(packets);
    rehearsal
}

/// Two recordings with pauses around them, and what is said in them.
fn talk(numbers: [&str; 2]) -> (Vec<i16>, String) {
    let [one, two] = numbers.map(recording);
    let sound = [silence(0.5), one, silence(1.0), two, silence(1.0)].concat();
    (sound, numbers.map(transcript).join(" "))
}

/// A sequence of numbers that looks random and is always the same.
fn noise(seconds: f32, loudness: f32) -> Vec<i16> {
    let mut random = 0x2545_f491_4f6c_dd1du64;
    let mut sample = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        ((random as i64 as f32 / i64::MAX as f32) * loudness) as i16
    };
    (0..(seconds * SAMPLE_RATE as f32) as usize)
        .map(|_| sample())
        .collect()
}

fn tone(seconds: f32, hertz: f32) -> Vec<i16> {
    let samples = 0..(seconds * SAMPLE_RATE as f32) as usize;
    let step = hertz * std::f32::consts::TAU / SAMPLE_RATE as f32;
    samples
        .map(|n| ((n as f32 * step).sin() * 9_000.0) as i16)
        .collect()
}

#[test]
fn four_words_in_five_of_recorded_speech_are_right() {
    let (sound, text) = talk(["0870", "0920"]);
    let rehearsal = heard(packets(1, &sound));
    let right = share_right(&text, &rehearsal.finals(1));
    assert!(right >= 0.8, "{right:.2}: {}", rehearsal.finals(1));
}

#[test]
fn what_somebody_says_again_and_again_is_written_as_often() {
    let said = [
        ("No, no, no, no. I will not go there.", "no", 3),
        (
            "I can not do this. I can not do this. It is too much for me.",
            "do this",
            2,
        ),
        ("Please help me, help me, help me. I am so afraid.", "help me", 3),
    ];
    for (text, phrase, times) in said {
        let sound = [silence(0.5), spoken("en-us", text), silence(1.5)].concat();
        let written = heard(packets(1, &sound)).finals(1);
        let found = written.to_lowercase().matches(phrase).count();
        assert!(found >= times, "{text}: {written}");
    }
}

#[test]
fn first_text_and_the_final_come_within_two_seconds() {
    let (sound, _) = talk(["0870", "0920"]);
    let rehearsal = heard(packets(1, &sound));
    let first = &rehearsal.events[0];
    let waited = first.0.saturating_since(first.1.started_at);
    assert!(waited < Duration::from_millis(2_000), "{waited:?}");
    let last = rehearsal.events.last().unwrap();
    assert_eq!(last.1.status, CaptionStatus::Final);
    let waited = last.0.saturating_since(last.1.ended_at);
    assert!(waited < Duration::from_millis(2_000), "{waited:?}");
}

#[test]
fn two_speakers_at_once_keep_their_own_words() {
    let ((ann, ann_text), (bob, bob_text)) = (talk(["0870", "0890"]), talk(["0920", "0870"]));
    let rehearsal = heard([packets(1, &ann), packets(2, &bob)].concat());
    for (speaker, text) in [(1, ann_text), (2, bob_text)] {
        let right = share_right(&text, &rehearsal.finals(speaker));
        assert!(
            right >= 0.8,
            "speaker {speaker} {right:.2}: {}",
            rehearsal.finals(speaker)
        );
    }
}

#[test]
fn a_tenth_of_the_packets_lost_leaves_the_words() {
    let (sound, text) = talk(["0870", "0920"]);
    let mut sent = packets(1, &sound);
    sent.retain(|packet| packet.sequence % 10 != 3);
    let rehearsal = heard(sent);
    let right = share_right(&text, &rehearsal.finals(1));
    assert!(right >= 0.75, "{right:.2}: {}", rehearsal.finals(1));
}

#[test]
fn silence_noise_and_tones_say_nothing() {
    let steps = tone(1.0, 440.0)
        .into_iter()
        .chain(tone(1.0, 660.0))
        .collect::<Vec<_>>();
    let beeps = [tone(0.15, 1_000.0), silence(0.1)].concat().repeat(12);
    for (name, sound) in [
        ("silence", silence(8.0)),
        ("loud noise", noise(8.0, 8_000.0)),
        ("soft noise", noise(8.0, 400.0)),
        ("tone", tone(8.0, 440.0)),
        ("hum", tone(8.0, 100.0)),
        ("steps of tones", steps.repeat(4)),
        ("beeps", beeps),
    ] {
        let rehearsal = heard(packets(1, &[silence(0.5), sound, silence(1.0)].concat()));
        let said: Vec<_> = rehearsal.events.iter().map(|(_, event)| event).collect();
        let text: Vec<_> = said
            .iter()
            .map(|event| (&event.stable.0, &event.tentative.0))
            .collect();
        assert!(said.is_empty(), "{name}: {text:?}");
    }
}

#[test]
fn garbage_of_one_speaker_is_counted_and_the_other_is_heard() {
    let (sound, text) = talk(["0870", "0920"]);
    let mut garbage = packets(2, &sound);
    for packet in &mut garbage {
        packet.payload = vec![0xff; 300].into();
    }
    let count = garbage.len() as u64;
    let rehearsal = heard([packets(1, &sound), garbage].concat());
    assert_eq!(rehearsal.pipeline.intake_counters().0.garbage, count);
    assert!(share_right(&text, &rehearsal.finals(1)) >= 0.8);
    assert!(
        rehearsal
            .events
            .iter()
            .all(|(_, event)| event.participant == ParticipantId(1))
    );
}

#[test]
fn speech_that_stops_without_a_pause_is_final_all_the_same() {
    let mut sound = silence(0.5);
    sound.extend(recording("0870").into_iter().take(SAMPLE_RATE * 3));
    let rehearsal = heard(packets(1, &sound));
    let (at, last) = rehearsal.events.last().unwrap();
    assert_eq!(last.status, CaptionStatus::Final);
    assert!(at.saturating_since(START) < Duration::from_secs(6));
}
