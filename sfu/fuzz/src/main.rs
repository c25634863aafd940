//! Fuzzes each target for a while: `hearken-fuzz [--seconds N] [--seed N] [TARGET...]`, all targets without a name.
//!
//! An input that breaks a target is written beside, and its path is printed; `hearken-fuzz TARGET FILE` runs it.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use hearken_fuzz::engine::{Until, fuzz};
use hearken_fuzz::targets::{TARGETS, Target, named};

#[allow(clippy::print_stdout, reason = "it is what this program is for")]
fn main() -> ExitCode {
    let (mut seconds, mut targets, mut file) = (60, Vec::new(), None);
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let mut seed = since_1970.map_or(0, |time| time.as_secs());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = |default| {
            arguments
                .next()
                .and_then(|text| text.parse().ok())
                .unwrap_or(default)
        };
        match argument.as_str() {
            "--seconds" => seconds = number(seconds),
            "--seed" => seed = number(seed),
            name => match named(name) {
                Some(target) => targets.push(target),
                None => file = Some(argument),
            },
        }
    }
    if let Some(file) = file {
        let (Ok(input), [target]) = (std::fs::read(&file), &targets[..]) else {
            println!("{file} is no target, and no file for one target");
            return ExitCode::FAILURE;
        };
        (target.run)(&input);
        println!("{}: nothing happens", target.name);
        return ExitCode::SUCCESS;
    }
    if targets.is_empty() {
        targets.extend(&TARGETS);
    }
    let found = targets
        .into_iter()
        .filter(|target| !holds(target, seed, seconds))
        .count();
    ExitCode::from(u8::from(found > 0))
}

#[allow(clippy::print_stdout, reason = "it is what this program is for")]
fn holds(target: &Target, seed: u64, seconds: u64) -> bool {
    match fuzz(target, seed, Until::Time(Duration::from_secs(seconds))) {
        Ok(summary) => {
            println!(
                "{:<13} {:>9} inputs, {:>5} kept, {:>6} edges reached, seed {seed}",
                target.name, summary.inputs, summary.kept, summary.edges
            );
            true
        }
        Err(finding) => {
            let path = Path::new("fuzz-findings").join(target.name);
            let written = std::fs::create_dir_all("fuzz-findings")
                .and_then(|()| std::fs::write(&path, &finding.input))
                .is_ok();
            let what = if finding.is_slow {
                "takes too long"
            } else {
                "panics"
            };
            let place = if written {
                path.display().to_string()
            } else {
                "nowhere".to_owned()
            };
            println!(
                "{:<13} {what}: {} bytes in {place}, seed {seed}",
                target.name,
                finding.input.len()
            );
            false
        }
    }
}
