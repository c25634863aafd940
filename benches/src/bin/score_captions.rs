//! How good captions are, in virtual time: word errors against the same model's best, delays, flicker, cost.
//!
//! Streams every recording as Opus packets through the worker's own pipeline. Needs a caption model
//! (`HEARKEN_MODEL`) and recordings (`HEARKEN_SPEECH_DIR`, or Debian's `pocketsphinx-testdata`).

#![allow(clippy::print_stdout)]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use hearken_benches::captions::{
    Noise, Rehearsal, Score, Scorecard, Timeline, align, english_words, packets,
};
use hearken_benches::{Recording, recordings};
use hearken_captions_core::{Job, Policy, SAMPLE_RATE, Transcriber, cut_repetition};
use hearken_captions_worker::{Context as AudioContext, WhisperModel, model};
use hearken_protocol::{CaptionEvent, ParticipantId, Timestamp};

/// Silence before and after each recording, in samples.
const LEAD: usize = SAMPLE_RATE / 2;
const TRAIL: usize = SAMPLE_RATE * 3 / 2;

#[derive(Parser)]
#[command(about = "How right captions are, how late, and what they cost")]
struct Arguments {
    /// Model: a name or a path; several make a table each.
    #[arg(long, env = "HEARKEN_MODEL", default_value = model::DEFAULT_MODEL, value_delimiter = ',')]
    model: Vec<String>,
    /// Takes only every Nth recording.
    #[arg(long, default_value_t = 1)]
    every: usize,
    /// Only recordings whose names begin so.
    #[arg(long, default_value = "")]
    only: String,
    /// Leaves out the comparison with whole recordings.
    #[arg(long)]
    no_bound: bool,
    /// Share of packets that get lost, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    loss: f64,
    /// So many people at once, each reading all recordings from another one on.
    #[arg(long, default_value_t = 1)]
    speakers: usize,
    /// Virtual decoding threads.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Instead of speech: so many seconds of silence, tones, music and noises, and what is made of them.
    #[arg(long, default_value_t = 0.0)]
    noise: f32,
    /// Prints every text.
    #[arg(long)]
    verbose: bool,
    /// Another policy: NAME=VALUE, times in milliseconds.
    #[arg(long = "set", value_parser = setting)]
    settings: Vec<(String, u64)>,
}

fn setting(text: &str) -> Result<(String, u64), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE")?;
    Ok((name.to_owned(), value.parse().map_err(|_| "a number")?))
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut chosen: Vec<Recording> = recordings()?
        .into_iter()
        .filter(|recording| recording.transcript.is_some() && recording.name.starts_with(&arguments.only))
        .step_by(arguments.every.max(1))
        .collect();
    chosen.retain(|recording| recording.rate as usize == SAMPLE_RATE);
    if chosen.is_empty() {
        println!("no recordings: set HEARKEN_SPEECH_DIR, or install pocketsphinx-testdata");
        return Ok(());
    }
    let mut policy = Policy::default();
    for (name, value) in &arguments.settings {
        set(&mut policy, name, *value)?;
    }
    for name in &arguments.model {
        let path = model_path(name)?;
        let model = WhisperModel::load(&path)?;
        println!("model {name}");
        if arguments.noise > 0.0 {
            inventions(&model, policy, arguments.noise)?;
            continue;
        }
        let card = if arguments.speakers > 1 {
            together(&model, policy, &chosen, &arguments)?
        } else {
            one_by_one(&model, policy, &chosen, &arguments)?
        };
        println!("{card}\n");
    }
    Ok(())
}

fn model_path(name: &str) -> Result<PathBuf> {
    let cache = model::default_cache_dir().context("no home folder")?;
    Ok(model::resolve(name, &cache)?)
}

/// Every recording for itself, with a bound.
fn one_by_one(
    model: &WhisperModel,
    policy: Policy,
    recordings: &[Recording],
    arguments: &Arguments,
) -> Result<Scorecard> {
    let mut whole = model.transcriber_with(AudioContext::Full)?;
    let mut card = Scorecard::default();
    for recording in recordings {
        let sound = [&vec![0; LEAD][..], &recording.samples, &vec![0; TRAIL]].concat();
        let played =
            Rehearsal::new(model, policy, arguments.threads)?.play(packets(1, &sound, arguments.loss)?);
        let seen = Timeline::new(played.events.iter());
        let said = recording.transcript.as_deref().unwrap_or_default();
        let mut score = Score::new(&recording.name, said, &seen, samples_time(LEAD));
        score.seconds = samples_time(recording.samples.len()).as_secs_f64();
        (score.cpu, score.jobs) = (played.cpu, played.jobs);
        if !arguments.no_bound {
            let alone = transcribe_whole(&mut whole, &recording.samples)?;
            score.offline = Some(align(&english_words(said), &english_words(&alone)).errors);
            if arguments.verbose {
                println!("  alone {alone}");
            }
        }
        if arguments.verbose {
            println!(
                "{} {:?}\n  said  {said}\n  heard {}",
                recording.name, score.streamed, seen.text
            );
        }
        card.scores.push(score);
    }
    Ok(card)
}

/// Several people at once, each reading recordings one after the other.
fn together(
    model: &WhisperModel,
    policy: Policy,
    recordings: &[Recording],
    arguments: &Arguments,
) -> Result<Scorecard> {
    let mut all = Vec::new();
    let mut turns = Vec::new();
    for speaker in 0..arguments.speakers {
        let mut sound = vec![0; LEAD];
        for recording in recordings.iter().skip(speaker).step_by(arguments.speakers) {
            turns.push((speaker, sound.len(), recording));
            sound.extend(&recording.samples);
            sound.extend(vec![0; TRAIL]);
        }
        all.extend(packets(speaker as u64, &sound, arguments.loss)?);
    }
    let played = Rehearsal::new(model, policy, arguments.threads)?.play(all);
    let mut card = Scorecard::default();
    for (index, (speaker, from, recording)) in turns.iter().enumerate() {
        let begins = hearken_benches::captions::START + samples_time(from - LEAD / 2);
        let ends =
            hearken_benches::captions::START + samples_time(from + recording.samples.len() + TRAIL / 2);
        let is_theirs = |entry: &&(Timestamp, CaptionEvent)| {
            let event = &entry.1;
            event.participant == ParticipantId(*speaker as u64) && (begins..ends).contains(&event.started_at)
        };
        let seen = Timeline::new(played.events.iter().filter(is_theirs));
        let said = recording.transcript.as_deref().unwrap_or_default();
        let mut score = Score::new(&recording.name, said, &seen, samples_time(*from));
        if arguments.verbose {
            println!(
                "{} {:?}\n  said  {said}\n  heard {}",
                recording.name, score.streamed, seen.text
            );
        }
        score.seconds = samples_time(recording.samples.len()).as_secs_f64();
        if index == 0 {
            (score.cpu, score.jobs) = (played.cpu, played.jobs);
        }
        card.scores.push(score);
    }
    println!(
        "{} at once, {} threads, longest back-log {:?}",
        arguments.speakers, arguments.threads, played.backlog
    );
    Ok(card)
}

/// What is shown although nobody speaks.
fn inventions(model: &WhisperModel, policy: Policy, seconds: f32) -> Result<()> {
    let each = seconds / Noise::ALL.len() as f32;
    let (mut words, mut cpu) = (0, Duration::ZERO);
    for (seed, noise) in Noise::ALL.iter().enumerate() {
        let sound = noise.samples(each, seed as u64);
        let played = Rehearsal::new(model, policy, 1)?.play(packets(1, &sound, 0.0)?);
        let seen = Timeline::new(played.events.iter());
        println!(
            "{noise:?}: {} words, {} shown and taken back, {} decodings",
            seen.words.len(),
            seen.taken_back,
            played.jobs
        );
        words += seen.words.len() + seen.taken_back;
        cpu += played.cpu;
    }
    println!(
        "words in {seconds} s without speech: {words}; CPU {:.3} s per second",
        cpu.as_secs_f32() / seconds
    );
    Ok(())
}

fn samples_time(samples: usize) -> Duration {
    Duration::from_secs_f64(samples as f64 / SAMPLE_RATE as f64)
}

fn transcribe_whole(transcriber: &mut impl Transcriber, samples: &[i16]) -> Result<String> {
    let mut sound: Vec<f32> = samples
        .iter()
        .map(|sample| f32::from(*sample) / 32_768.0)
        .collect();
    sound.truncate(SAMPLE_RATE * 29);
    let mut hypothesis = transcriber.transcribe(&Job::of_nobody(sound))?;
    cut_repetition(&mut hypothesis.words);
    let words: Vec<String> = hypothesis.words.into_iter().map(|word| word.text).collect();
    Ok(words.join(" "))
}

fn set(policy: &mut Policy, name: &str, value: u64) -> Result<()> {
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
        "margin" => policy.margin = time,
        "patience" => policy.patience = time,
        "certain" => policy.sure_probability = value as f32 / 100.0,
        "trimfrom" => policy.trim_from = time,
        "trimto" => policy.trim_to = time,
        "before" => policy.words_before = value as usize,
        "showing" => policy.showing_probability = value as f32 / 100.0,
        "showmargin" => policy.showing_margin = time,
        "edge" => policy.edge_words = value as usize,
        _ => bail!("no such setting: {name}"),
    }
    Ok(())
}
