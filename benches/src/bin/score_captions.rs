//! How good captions are, in virtual time: word errors against the same model's best, delays, flicker, cost.
//!
//! Streams every recording as Opus packets through the worker's own pipeline. Needs a caption model
//! (`HEARKEN_MODEL`) and recordings (`HEARKEN_SPEECH_DIR`, or Debian's `pocketsphinx-testdata`). Computing time is
//! the decoding thread's own processor time, so that other work on the machine counts little.

#![allow(clippy::print_stdout)]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use hearken_benches::captions::{
    Decoder, Meeting, Memory, Noise, Played, Rehearsal, START, Score, Scorecard, Timeline, align,
    english_words, packets,
};
use hearken_benches::{Recording, recordings};
use hearken_captions_core::{Job, Policy, SAMPLE_RATE, cut_repetition, drop_unheard};
use hearken_captions_worker::{Context as AudioContext, WhisperModel, model};
use hearken_protocol::{CaptionEvent, ParticipantId, Timestamp};

/// Silence before and after each recording, in samples.
const LEAD: usize = SAMPLE_RATE / 2;
const TRAIL: usize = SAMPLE_RATE * 3 / 2;
/// Every third recording, the third first, was held out when the policy was chosen: those tell whether it holds.
const HELD_OUT_EVERY: usize = 3;

#[derive(Parser)]
#[command(about = "How right captions are, how late, and what they cost")]
struct Arguments {
    /// Model: a name or a path; several make a table each.
    #[arg(long, env = "HEARKEN_MODEL", default_value = model::DEFAULT_MODEL, value_delimiter = ',')]
    model: Vec<String>,
    /// Takes only a part of the recordings.
    #[arg(long, value_enum, default_value_t = Part::All)]
    part: Part,
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
    /// Instead of single recordings: a meeting of so many minutes in which the speakers take turns, and whether
    /// memory or the back-log grows.
    #[arg(long, default_value_t = 0)]
    minutes: usize,
    /// A file that keeps what was decoded, and what it cost: the next policy is scored sooner.
    #[arg(long)]
    remember: Option<PathBuf>,
    /// Prints every text.
    #[arg(long)]
    verbose: bool,
    /// Prints every revision of every caption.
    #[arg(long)]
    revisions: bool,
    /// Another policy: NAME=VALUE, times in milliseconds.
    #[arg(long = "set", value_parser = setting)]
    settings: Vec<(String, u64)>,
}

/// Which recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// All of them, and both parts for themselves.
    All,
    /// Two of three: what a policy may be chosen on.
    Chosen,
    /// The others.
    HeldOut,
}

fn is_held_out(index: usize) -> bool {
    index % HELD_OUT_EVERY == HELD_OUT_EVERY - 1
}

fn setting(text: &str) -> Result<(String, u64), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE")?;
    Ok((name.to_owned(), value.parse().map_err(|_| "a number")?))
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let chosen: Vec<Recording> = recordings()?
        .into_iter()
        .filter(|recording| recording.transcript.is_some() && recording.name.starts_with(&arguments.only))
        .filter(|recording| recording.rate as usize == SAMPLE_RATE)
        .enumerate()
        .filter(|(index, _)| match arguments.part {
            Part::All => true,
            Part::Chosen => !is_held_out(*index),
            Part::HeldOut => is_held_out(*index),
        })
        .map(|(_, recording)| recording)
        .collect();
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
        let memory = memory(&model, policy, &chosen)?;
        let mut bench = Bench {
            decoder: decoder(&model, name, AudioContext::Fitted, &arguments)?,
            whole: decoder(&model, name, AudioContext::Full, &arguments)?,
            policy,
            arguments: &arguments,
        };
        println!("model {name}");
        if arguments.noise > 0.0 {
            bench.inventions()?;
        } else if arguments.minutes > 0 {
            bench.meeting(&chosen)?;
        } else if arguments.speakers > 1 {
            println!("{}\n", bench.together(&chosen)?);
        } else {
            let card = bench.one_by_one(&chosen)?;
            println!("{card}\n");
            if arguments.part == Part::All {
                let (chosen_on, held_out) = card.split(|index| !is_held_out(index));
                println!("those that the policy was chosen on:\n{chosen_on}\n");
                println!("held out:\n{held_out}\n");
            }
            println!("{memory}");
        }
    }
    Ok(())
}

fn model_path(name: &str) -> Result<PathBuf> {
    let cache = model::default_cache_dir().context("no home folder")?;
    Ok(model::resolve(name, &cache)?)
}

fn decoder(
    model: &WhisperModel,
    name: &str,
    context: AudioContext,
    arguments: &Arguments,
) -> Result<Decoder> {
    let decoder = Decoder::new(model, context)?;
    match &arguments.remember {
        Some(path) => decoder.remembering(path, name),
        None => Ok(decoder),
    }
}

/// To be measured first: what was freed before would be used again.
fn memory(model: &WhisperModel, policy: Policy, recordings: &[Recording]) -> Result<Memory> {
    let samples = recordings
        .iter()
        .flat_map(|recording| recording.samples.iter().copied());
    let speech: Vec<i16> = samples.take(SAMPLE_RATE * 10).collect();
    Memory::measure(model, policy, &speech)
}

/// One model and policy, to be tried on this and that.
struct Bench<'a> {
    decoder: Decoder,
    whole: Decoder,
    policy: Policy,
    arguments: &'a Arguments,
}

impl Bench<'_> {
    /// Every recording for itself, with a bound.
    fn one_by_one(&mut self, recordings: &[Recording]) -> Result<Scorecard> {
        let mut card = Scorecard::default();
        for recording in recordings {
            let sound = [&vec![0; LEAD][..], &recording.samples, &vec![0; TRAIL]].concat();
            let sent = packets(1, &sound, self.arguments.loss)?;
            let played = Rehearsal::new(&mut self.decoder, self.policy, self.arguments.threads).play(sent);
            let mut score = self.score(recording, &played.events, samples_time(LEAD));
            (score.cpu, score.jobs) = (played.cpu, played.jobs);
            if !self.arguments.no_bound {
                let said = recording.transcript.as_deref().unwrap_or_default();
                let alone = transcribe_whole(&mut self.whole, &recording.samples)?;
                score.offline = Some(align(&english_words(said), &english_words(&alone)).errors);
                if self.arguments.verbose {
                    println!("  alone {alone}");
                }
            }
            card.scores.push(score);
        }
        Ok(card)
    }

    /// What a reader saw of one recording that began so long after the start.
    fn score(&self, recording: &Recording, events: &[(Timestamp, CaptionEvent)], lead: Duration) -> Score {
        let seen = Timeline::new(events.iter());
        let said = recording.transcript.as_deref().unwrap_or_default();
        let mut score = Score::new(&recording.name, said, &seen, lead);
        score.seconds = samples_time(recording.samples.len()).as_secs_f64();
        if self.arguments.verbose {
            let name = &recording.name;
            println!(
                "{name} {:?}, {} taken back\n  said  {said}\n  heard {}",
                score.streamed, seen.taken_back, seen.text
            );
        }
        if self.arguments.revisions {
            for (at, event) in events {
                println!("{}", revision(*at, event));
            }
        }
        score
    }

    /// Several people at once, each reading recordings one after the other.
    fn together(&mut self, recordings: &[Recording]) -> Result<Scorecard> {
        let arguments = self.arguments;
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
        let played = Rehearsal::new(&mut self.decoder, self.policy, arguments.threads).play(all);
        let mut card = Scorecard::default();
        for (index, (speaker, from, recording)) in turns.iter().enumerate() {
            let begins = START + samples_time(from - LEAD / 2);
            let ends = START + samples_time(from + recording.samples.len() + TRAIL / 2);
            let is_theirs = |entry: &&(Timestamp, CaptionEvent)| {
                let event = &entry.1;
                event.participant == ParticipantId(*speaker as u64)
                    && (begins..ends).contains(&event.started_at)
            };
            let theirs: Vec<_> = played.events.iter().filter(is_theirs).cloned().collect();
            let mut score = self.score(recording, &theirs, samples_time(*from));
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

    /// A long meeting: does anything grow?
    fn meeting(&mut self, recordings: &[Recording]) -> Result<()> {
        let arguments = self.arguments;
        let sounds: Vec<&[i16]> = recordings
            .iter()
            .map(|recording| recording.samples.as_slice())
            .collect();
        let meeting = Meeting::hold(
            &mut self.decoder,
            self.policy,
            arguments.threads,
            arguments.speakers,
            arguments.minutes,
            &sounds,
        )?;
        for (number, minute) in meeting.minutes.iter().enumerate() {
            println!(
                "minute {:>2}: {:>7} KB, {} KB in use, back-log {:?} at most, {} decodings, {:.1} s CPU, \
                 {:.0} s of speech",
                number + 1,
                minute.resident / 1_000,
                minute.allocated / 1_000,
                minute.backlog,
                minute.jobs,
                minute.cpu.as_secs_f64(),
                minute.speech
            );
        }
        if let (Some(memory), Some(backlog)) = (meeting.memory_trend(), meeting.backlog_trend()) {
            println!("memory, KB a minute: {memory}\nback-log, ms a minute: {backlog}");
        }
        Ok(())
    }

    /// What is shown although nobody speaks.
    fn inventions(&mut self) -> Result<()> {
        let seconds = self.arguments.noise;
        let each = seconds / Noise::ALL.len() as f32;
        let (mut words, mut cpu) = (0, Duration::ZERO);
        for (seed, noise) in Noise::ALL.iter().enumerate() {
            let sound = noise.samples(each, seed as u64);
            let sent = packets(1, &sound, 0.0)?;
            let Played {
                events,
                jobs,
                cpu: cost,
                ..
            } = Rehearsal::new(&mut self.decoder, self.policy, 1).play(sent);
            let seen = Timeline::new(events.iter());
            println!(
                "{noise:?}: {} words, {} shown and taken back, {jobs} decodings",
                seen.words.len(),
                seen.taken_back,
            );
            if self.arguments.revisions {
                for (at, event) in &events {
                    println!("{}", revision(*at, event));
                }
            }
            words += seen.words.len() + seen.taken_back;
            cpu += cost;
        }
        println!(
            "words in {seconds} s without speech: {words}; CPU {:.3} s per second",
            cpu.as_secs_f32() / seconds
        );
        Ok(())
    }
}

/// A revision in one line: milliseconds, the text, and of each word its end in milliseconds and how sure it is.
fn revision(at: Timestamp, event: &CaptionEvent) -> String {
    let since = |at: Timestamp| at.saturating_since(START).as_millis();
    let began = since(event.started_at);
    let words: Vec<String> = event
        .words
        .iter()
        .map(|word| format!("{}:{}", began + u128::from(word.ended), word.sure))
        .collect();
    format!(
        "@{} #{} {:?} ..{} | {} | {} | {}",
        since(at),
        event.id.number,
        event.status,
        since(event.ended_at),
        event.stable.0,
        event.tentative.0,
        words.join(" ")
    )
}

fn samples_time(samples: usize) -> Duration {
    Duration::from_secs_f64(samples as f64 / SAMPLE_RATE as f64)
}

fn transcribe_whole(decoder: &mut Decoder, samples: &[i16]) -> Result<String> {
    let mut sound: Vec<f32> = samples
        .iter()
        .map(|sample| f32::from(*sample) / 32_768.0)
        .collect();
    sound.truncate(SAMPLE_RATE * 29);
    let (hypothesis, _) = decoder.decode(&Job::of_nobody(sound));
    let mut hypothesis = hypothesis?;
    drop_unheard(&mut hypothesis.words);
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
        "showing" => policy.showing_probability = value as f32 / 100.0,
        "showmin" => policy.showing_margin = time,
        "showmax" => policy.showing_margin_unsure = time,
        "doubts" => policy.doubts = value as u32,
        "clause" => policy.caption_clause_characters = value as usize,
        "edge" => policy.edge_words = value as usize,
        _ => bail!("no such setting: {name}"),
    }
    Ok(())
}
