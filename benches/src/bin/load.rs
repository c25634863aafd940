//! The load generator: joins sessions over the public protocol with synthetic VP8 and Opus, and prints what the
//! server's forwarding cost.
#![allow(clippy::print_stdout, reason = "its output is its purpose")]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use hearken_benches::{Report, Shape, run};

/// Measures a server on loopback under the load of whole groups.
#[derive(Debug, Parser)]
struct Arguments {
    /// The program to measure; by default the `hearken` beside this one.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Rooms × people, or rooms × people × publishers; may be given several times.
    #[arg(long = "shape", default_values = ["1x5", "1x10", "5x5"], value_parser = parse_shape)]
    shapes: Vec<Shape>,
    /// Seconds that are measured, after a warm-up.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Runs of each shape, interleaved; the median by CPU time is printed.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Shards of the server.
    #[arg(long, default_value_t = 1)]
    shards: usize,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let binary = match arguments.binary {
        Some(binary) => binary,
        None => std::env::current_exe()?.with_file_name("hearken"),
    };
    let window = Duration::from_secs(arguments.seconds);
    let mut reports: Vec<Vec<Report>> = arguments.shapes.iter().map(|_| Vec::new()).collect();
    for _ in 0..arguments.rounds.max(1) {
        for (shape, reports) in arguments.shapes.iter().zip(&mut reports) {
            let report = run(&binary, *shape, window, arguments.shards)
                .with_context(|| format!("{} rooms of {}", shape.rooms, shape.people))?;
            reports.push(report);
        }
    }
    println!(
        "| shape | packets/s forwarded | lost | latency p50 / p95 / p99 ms | CPU s per million | memory per participant | join p50 |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (shape, mut reports) in arguments.shapes.iter().zip(reports) {
        reports.sort_by_key(|report| report.cpu);
        let middle = reports.len() / 2;
        print_row(*shape, &reports[middle]);
    }
    Ok(())
}

fn print_row(shape: Shape, report: &Report) {
    let forwarded = report.forwarded as f64;
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let [p50, p95, p99] = report.latency.map(milliseconds);
    println!(
        "| {} × {}{} | {:.0} | {:.3}% | {p50:.2} / {p95:.2} / {p99:.2} | {:.1} | {} KB | {:.0} ms |",
        shape.rooms,
        shape.people,
        if shape.publishers < shape.people {
            format!(", {} sending", shape.publishers)
        } else {
            String::new()
        },
        forwarded / report.window.as_secs_f64(),
        100.0 * (1.0 - forwarded / report.expected.max(1) as f64),
        report.cpu.as_secs_f64() / forwarded.max(1.0) * 1e6,
        report.memory_bytes_per_participant / 1024,
        milliseconds(report.join),
    );
}

fn parse_shape(text: &str) -> Result<Shape, String> {
    let numbers: Vec<usize> = text
        .split('x')
        .map(|part| {
            part.parse()
                .map_err(|_| format!("{text} is not like 5x5 or 1x50x3"))
        })
        .collect::<Result<_, _>>()?;
    let shape = match *numbers {
        [rooms, people] => Shape {
            rooms,
            people,
            publishers: people,
        },
        [rooms, people, publishers] => Shape {
            rooms,
            people,
            publishers,
        },
        _ => return Err(format!("{text} is not like 5x5 or 1x50x3")),
    };
    if shape.rooms == 0 || shape.people == 0 || shape.publishers > shape.people {
        return Err(format!(
            "{text}: needs rooms and people, and no more publishers than people"
        ));
    }
    Ok(shape)
}
