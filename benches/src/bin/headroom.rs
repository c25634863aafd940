//! When captions become late as more and more people speak at once, and what the metrics said before.
//!
//! Ever more people read at once, in one run; for each number of them a row: load and headroom as the metrics have
//! them, and how late words became final. The headroom has to be less than one before one more makes captions late.

#![allow(clippy::print_stdout, reason = "its output is its purpose")]

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use hearken_benches::captions::{Crowd, Decoder, Outcome};
use hearken_benches::recordings;
use hearken_captions_core::{Policy, SAMPLE_RATE};
use hearken_captions_worker::{Context as AudioContext, WhisperModel, main_from_environment, model};

#[derive(Parser)]
#[command(about = "What the headroom says against when captions become late")]
struct Arguments {
    /// The model: a name or a path.
    #[arg(long, env = "HEARKEN_MODEL", default_value = model::DEFAULT_MODEL)]
    model: String,
    /// Numbers of people who speak at once.
    #[arg(long, value_delimiter = ',', default_value = "1,2,3,4,5,6,7,8")]
    speakers: Vec<usize>,
    /// Decoding threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Seconds that each number of them speaks, more than 30: so much the metrics look back on.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// In real time through the captioning process, on a machine at rest; otherwise in virtual time.
    #[arg(long)]
    real: bool,
}

fn main() -> Result<()> {
    // As which the supervisor starts this program again.
    if std::env::args().nth(1).as_deref() == Some("captions") {
        main_from_environment();
    }
    let arguments = Arguments::parse();
    let recordings: Vec<_> = recordings()?
        .into_iter()
        .filter(|recording| recording.transcript.is_some() && recording.rate as usize == SAMPLE_RATE)
        .collect();
    if recordings.is_empty() {
        println!("no recordings: set HEARKEN_SPEECH_DIR, or install pocketsphinx-testdata");
        return Ok(());
    }
    let cache = model::default_cache_dir().context("no home folder")?;
    let path = model::resolve(&arguments.model, &cache)?;
    println!("{}, {} threads", arguments.model, arguments.threads);
    println!(
        "| at once | load | headroom, median (least–most) | final p50 / p95 | back-log at most | partials a second | wrong |"
    );
    println!("|---|---|---|---|---|---|---|");
    let crowd = Crowd::new(
        &arguments.speakers,
        Duration::from_secs(arguments.seconds),
        &recordings,
    )?;
    let outcomes = if arguments.real {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(crowd.perform(&path, arguments.threads))?
    } else {
        let mut decoder = Decoder::new(&WhisperModel::load(&path)?, AudioContext::Fitted)?;
        crowd.rehearse(&mut decoder, Policy::default(), arguments.threads)
    };
    for outcome in &outcomes {
        println!("{}", row(outcome));
    }
    Ok(())
}

fn row(outcome: &Outcome) -> String {
    let speakers = outcome.speakers;
    let [least, median, most] = outcome.headroom();
    let [half, late] = outcome.card.settled();
    format!(
        "| {speakers} | {:.2} | {median:.1} ({least:.1}–{most:.1}) | {half:.1} / {late:.1} s | {:.1} s | {:.2} | {:.0}% |",
        outcome.load()[1],
        outcome.backlog()[2],
        outcome.partials_per_second,
        outcome.card.error_rate(),
    )
}
