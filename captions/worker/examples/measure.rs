//! Streams recordings through the whole pipeline in virtual time and prints how right and how late the captions
//! are. `HEARKEN_SPEECH_DIR` names a folder of 16 kHz mono `NAME.wav` with `NAME.txt`; without it, Debian's
//! `pocketsphinx-testdata` is used. A job takes the processor time that it really takes on one core.
//!
//! `cargo run --release -p hearken-captions-worker --example measure -- [step=800] [endpoint=500] …`

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::time::Duration;

use hearken_captions_core::{Hypothesis, Job, JobId, Policy, SAMPLE_RATE, Transcriber, cut_repetition};
use hearken_protocol::{CaptionStatus, Timestamp};
use support::{Rehearsal, model, packets, silence, wav, word_errors, words};

/// Silence between recordings.
const PAUSE_SECONDS: f32 = 1.2;

fn main() {
    let mut policy = Policy::default();
    let mut shown = false;
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some((name, value)) => set(&mut policy, name, value.parse().unwrap()),
            None => shown = true,
        }
    }
    let (mut errors, mut offline_errors, mut count) = (0, 0, 0);
    let (mut first, mut settled, mut finals) = (Vec::new(), Vec::new(), Vec::new());
    let (mut cpu, mut seconds, mut jobs) = (Duration::ZERO, 0.0, 0);
    let mut offline = model().transcriber().unwrap();
    for (name, text, sound) in recordings() {
        let spoken = [silence(0.5), sound.clone(), silence(PAUSE_SECONDS)].concat();
        let mut rehearsal = Rehearsal::new(policy);
        rehearsal.play(packets(1, &spoken));
        let heard = rehearsal.finals(1);
        let wrong = word_errors(&text, &heard);
        let alone = transcribe_alone(&mut offline, &sound);
        (errors, offline_errors) = (errors + wrong, offline_errors + word_errors(&text, &alone));
        count += words(&text).len();
        (cpu, jobs) = (cpu + rehearsal.cpu, jobs + rehearsal.jobs);
        seconds += sound.len() as f64 / SAMPLE_RATE as f64;
        delays(&rehearsal, &mut first, &mut settled, &mut finals);
        if shown {
            println!("{name}: {wrong} wrong\n  said  {text}\n  heard {heard}\n  alone {alone}");
        }
    }
    let percent = |errors: usize| 100.0 * errors as f64 / count as f64;
    println!("words {count}, speech {seconds:.0} s, jobs {jobs}");
    println!(
        "WER {:.1}% (whole recording at once {:.1}%)",
        percent(errors),
        percent(offline_errors)
    );
    println!("CPU per second of sound {:.2} s", cpu.as_secs_f64() / seconds);
    for (name, delays) in [
        ("first text after a pause", first),
        ("word settled", settled),
        ("final after its end", finals),
    ] {
        let [half, most] = percentiles(delays);
        println!("{name}: p50 {half:.2} s, p95 {most:.2} s");
    }
}

fn set(policy: &mut Policy, name: &str, value: u64) {
    let time = Duration::from_millis(value);
    match name {
        "step" => policy.step = time,
        "first" => policy.first_step = time,
        "eager" => policy.eager_pause = time,
        "endpoint" => policy.endpoint = time,
        "soft" => policy.soft_limit = time,
        "hard" => policy.hard_limit = time,
        "agree" => policy.agreeing_hypotheses = value as u32,
        "sure" => policy.settling_probability = value as f32 / 100.0,
        "edge" => policy.edge_words = value as usize,
        _ => panic!("no such setting: {name}"),
    }
}

fn recordings() -> Vec<(String, String, Vec<i16>)> {
    let Some(folder) = std::env::var_os("HEARKEN_SPEECH_DIR").map(PathBuf::from) else {
        let all = ["0870", "0880", "0890", "0920", "0930"];
        return all
            .map(|n| {
                (
                    n.to_owned(),
                    support::transcript(n).to_owned(),
                    support::recording(n),
                )
            })
            .into();
    };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "wav"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(path.with_extension("txt")).unwrap();
        (
            path.file_stem().unwrap().to_string_lossy().into_owned(),
            text.trim().to_owned(),
            wav(&path),
        )
    };
    paths.into_iter().map(read).collect()
}

fn transcribe_alone(transcriber: &mut impl Transcriber, sound: &[i16]) -> String {
    let mut sound: Vec<f32> = sound.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
    sound.truncate(SAMPLE_RATE * 29);
    let job = Job { id: JobId(0), sound };
    let mut hypothesis = transcriber
        .transcribe(&job)
        .unwrap_or_else(|_| Hypothesis::silence());
    cut_repetition(&mut hypothesis.words);
    hypothesis
        .words
        .into_iter()
        .map(|word| word.text)
        .collect::<Vec<_>>()
        .join(" ")
}

/// How long after it was said: a caption's first text, each word's last place (by the time of the caption's
/// words, taken as equally long), the final.
fn delays(rehearsal: &Rehearsal, first: &mut Vec<f64>, settled: &mut Vec<f64>, finals: &mut Vec<f64>) {
    let after = |at: Timestamp, what: Timestamp| at.0 as f64 / 1e3 - what.0 as f64 / 1e3;
    let mut shown = Timestamp(0);
    for (at, event) in &rehearsal.events {
        // A caption that goes on where another was full is no first text: its words were shown before.
        if event.revision == 1 && event.started_at > shown {
            first.push(after(*at, event.started_at));
        }
        shown = shown.max(event.ended_at);
        if event.status != CaptionStatus::Final || event.stable.is_empty() {
            continue;
        }
        finals.push(after(*at, event.ended_at));
        let count = words(&event.stable).len();
        let span = event.ended_at.0 - event.started_at.0;
        for index in 0..count {
            let ended = Timestamp(event.started_at.0 + span * (index as u64 + 1) / count as u64);
            let of = |e: &&(Timestamp, hearken_protocol::CaptionEvent)| {
                e.1.id == event.id && words(&e.1.stable).len() > index
            };
            let stood = rehearsal.events.iter().find(of).map_or(*at, |(at, _)| *at);
            settled.push(after(stood, ended).max(0.0));
        }
    }
}

fn percentiles(mut delays: Vec<f64>) -> [f64; 2] {
    delays.sort_by(f64::total_cmp);
    [0.5, 0.95].map(|share| {
        delays
            .get((delays.len() as f64 * share) as usize)
            .copied()
            .unwrap_or(f64::NAN)
    })
}
