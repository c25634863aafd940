//! The delay of captions: speaks recorded speech to a server of its own and prints how late another participant
//! could read it, how right it was and what it cost.
#![allow(clippy::print_stdout, reason = "its output is its purpose")]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use hearken_benches::{CaptionReport, Script, Spoken, measure_captions, recordings};

/// Measures the captions of a server on loopback, in real time.
#[derive(Debug, Parser)]
struct Arguments {
    /// The program to measure; by default the `hearken` beside this one.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// How often each recording is spoken.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Silence between recordings, in milliseconds.
    #[arg(long, default_value_t = 2000)]
    pause: u64,
    /// The longest run, in seconds; what does not fit is left out.
    #[arg(long, default_value_t = 110)]
    seconds: u64,
    /// Prints every utterance.
    #[arg(long)]
    verbose: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let binary = match arguments.binary {
        Some(binary) => binary,
        None => std::env::current_exe()?.with_file_name("hearken"),
    };
    let recordings = recordings()?;
    if recordings.is_empty() {
        println!(
            "Caption delay: not measured, there is no recorded speech (pocketsphinx-testdata or HEARKEN_SPEECH_DIR)."
        );
        return Ok(());
    }
    let script = Script::new(
        &recordings,
        arguments.rounds.max(1),
        Duration::from_millis(arguments.pause),
        Duration::from_secs(arguments.seconds),
    )?;
    let Some(report) = measure_captions(&binary, &recordings, &script)? else {
        println!("Caption delay: not measured, the server has no captions (`hearken model fetch`).");
        return Ok(());
    };
    if arguments.verbose {
        report.spoken.iter().for_each(print_utterance);
    }
    print_report(&report);
    Ok(())
}

fn print_utterance(spoken: &Spoken) {
    let seconds = |delay: Option<Duration>| delay.map_or(f64::NAN, |delay| delay.as_secs_f64());
    println!(
        "{}: first {:.2} s, final {:.2} s, {:?}: {}",
        spoken.name,
        seconds(spoken.first),
        seconds(spoken.settled),
        spoken.words,
        spoken.heard
    );
}

fn print_report(report: &CaptionReport) {
    let [first, settled] = [|one: &Spoken| one.first, |one: &Spoken| one.settled]
        .map(|of| report.spoken.iter().filter_map(of).collect());
    let (said, wrong) = report
        .spoken
        .iter()
        .filter_map(|one| one.words)
        .fold((0, 0), |(said, wrong), (words, errors)| {
            (said + words, wrong + errors)
        });
    let missed = report.spoken.iter().filter(|one| one.settled.is_none()).count();
    let speech = report.speech.as_secs_f64();
    println!(
        "| utterances | without a final | first text p50 / p95 | final p50 / p95 | words wrong | CPU s per s of speech: worker + server |"
    );
    println!("|---|---|---|---|---|---|");
    println!(
        "| {} ({speech:.0} s of speech in {:.0} s) | {missed} | {} | {} | {wrong} of {said} ({:.1}%) | {:.2} + {:.3} |",
        report.spoken.len(),
        report.length.as_secs_f64(),
        percentiles(first),
        percentiles(settled),
        100.0 * wrong as f64 / said.max(1) as f64,
        report.worker_cpu.as_secs_f64() / speech,
        report.server_cpu.as_secs_f64() / speech,
    );
}

/// The smallest delay that half, or 95 of 100, do not exceed.
fn percentiles(mut delays: Vec<Duration>) -> String {
    delays.sort();
    let [half, most] = [50, 95].map(|percent| {
        let rank = (delays.len() * percent).div_ceil(100).saturating_sub(1);
        delays.get(rank).map_or(f64::NAN, Duration::as_secs_f64)
    });
    format!("{half:.2} / {most:.2} s")
}
