//! The load generator: joins sessions over the public protocol with synthetic VP8 and Opus, and prints what the
//! server's forwarding cost; beside it, in turn, Debian's Janus with the same load.
#![allow(clippy::print_stdout, reason = "its output is its purpose")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use hearken_benches::{
    Harm, JanusProcess, JoinReport, Load, Report, ServerKind, Shape, VideoShape, measure_joins, run,
};

/// Measures servers on loopback under the load of whole groups.
#[derive(Debug, Parser)]
struct Arguments {
    /// The program to measure; by default the `hearken` beside this one.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Another program to measure beside it, in turn: what a change gives.
    #[arg(long)]
    other_binary: Option<PathBuf>,
    /// Rooms × people, or rooms × people × publishers; may be given several times.
    #[arg(long = "shape", default_values = ["1x5", "1x10", "5x5", "1x18"], value_parser = parse_shape)]
    shapes: Vec<Shape>,
    /// Shapes that only our server runs; `none` for none.
    #[arg(long = "own-shape", default_values = ["1x5x3", "1x10x3", "1x25x3", "1x50x3"])]
    own_shapes: Vec<String>,
    /// Without Janus, also where it is installed.
    #[arg(long)]
    no_janus: bool,
    /// Runs our server with each shape twice more, with one person of each room who means harm: once with all of it sent
    /// to nobody, once to the server.
    #[arg(long)]
    hostile: bool,
    /// Seconds that are measured, after a warm-up.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Seconds of warm-up: more where lines must be found to carry many pictures.
    #[arg(long, default_value_t = 3)]
    warm_up: u64,
    /// Each video's bit rate, in kbit/s.
    #[arg(long, default_value_t = 1000)]
    video_kbit: u32,
    /// Each video's frames a second.
    #[arg(long, default_value_t = 30)]
    fps: u32,
    /// So many of each room speak, the other microphones hear noise; by default all speak.
    #[arg(long)]
    speakers: Option<usize>,
    /// Runs of each shape, interleaved; medians are printed.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Joins that are timed; 0 for none.
    #[arg(long, default_value_t = 40)]
    joins: usize,
    /// Shards of the server.
    #[arg(long, default_value_t = 1)]
    shards: usize,
}

/// All runs of one shape with one server.
struct Row {
    shape: Shape,
    server: ServerKind,
    label: String,
    harm: Harm,
    reports: Vec<Report>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let started = Instant::now();
    let binary = match &arguments.binary {
        Some(binary) => binary.clone(),
        None => std::env::current_exe()?.with_file_name("hearken"),
    };
    let load = Load {
        video: VideoShape::new(arguments.video_kbit, arguments.fps).context("a video of no bits")?,
        speakers: arguments.speakers,
        harm: Harm::None,
        warm_up: Duration::from_secs(arguments.warm_up),
        window: Duration::from_secs(arguments.seconds),
    };
    let mut rows = plan(&arguments, &binary)?;
    for _ in 0..arguments.rounds.max(1) {
        for row in &mut rows {
            let load = Load {
                harm: row.harm,
                ..load
            };
            let report = run(&row.server, row.shape, load)
                .with_context(|| format!("{}, {}", row.label, name(row.shape)))?;
            row.reports.push(report);
        }
    }
    print_table(&rows);
    print_ratios(&rows);
    let unwanted: u64 = rows
        .iter()
        .flat_map(|row| &row.reports)
        .map(|report| report.unwanted)
        .sum();
    if arguments.speakers.is_some() {
        println!("\nPackets of sound from those who are not to be heard: {unwanted}");
    }
    if arguments.joins > 0 {
        print_joins(&measure_joins(&binary, 9, arguments.joins)?);
    }
    println!("\nThis took {:.0} s.", started.elapsed().as_secs_f64());
    Ok(())
}

fn plan(arguments: &Arguments, binary: &std::path::Path) -> Result<Vec<Row>> {
    let hearken = |binary: &std::path::Path| ServerKind::Hearken {
        binary: binary.to_owned(),
        shards: arguments.shards,
    };
    let mut servers = vec![(hearken(binary), "Hearken")];
    if let Some(other) = &arguments.other_binary {
        servers.push((hearken(other), "other"));
    }
    if arguments.no_janus {
    } else if JanusProcess::is_installed() {
        servers.push((ServerKind::Janus, "Janus"));
    } else {
        println!("Janus is not installed (Debian's package `janus`): Hearken runs alone.\n");
    }
    let row = |shape: Shape, (server, label): &(ServerKind, &str)| Row {
        shape,
        server: server.clone(),
        label: (*label).to_owned(),
        harm: Harm::None,
        reports: Vec::new(),
    };
    let mut rows = Vec::new();
    for shape in &arguments.shapes {
        rows.extend(servers.iter().map(|server| row(*shape, server)));
        if arguments.hostile {
            for (harm, label) in [
                (Harm::Misses, "Hearken, one of a room hostile to nobody"),
                (Harm::Strikes, "Hearken, one of a room hostile"),
            ] {
                rows.push(Row {
                    label: label.to_owned(),
                    harm,
                    ..row(*shape, &servers[0])
                });
            }
        }
    }
    for text in arguments.own_shapes.iter().filter(|text| *text != "none") {
        let shape = parse_shape(text).map_err(anyhow::Error::msg)?;
        rows.push(row(shape, &servers[0]));
    }
    Ok(rows)
}

fn print_table(rows: &[Row]) {
    println!(
        "| shape | server | packets/s forwarded | lost | latency p50 / p95 / p99 ms | CPU s per million | memory per participant |"
    );
    println!("|---|---|---|---|---|---|---|");
    for row in rows {
        let latency = [0, 1, 2].map(|at| row.median(|report| report.latency[at].as_secs_f64() * 1000.0));
        println!(
            "| {} | {} | {:.0} | {:.3}% | {:.2} / {:.2} / {:.2} | {:.2} | {:.0} KB |",
            name(row.shape),
            row.label,
            row.median(|report| report.forwarded as f64 / report.window.as_secs_f64()),
            row.median(|report| 100.0 * report.loss()),
            latency[0],
            latency[1],
            latency[2],
            row.median(Report::cpu_per_million),
            row.median(|report| report.memory_bytes_per_participant as f64 / 1024.0),
        );
    }
}

/// Each other server's figures next to ours of the same shape.
fn print_ratios(rows: &[Row]) {
    let Some(first) = rows.first() else { return };
    if rows.iter().all(|row| row.label == first.label) {
        return;
    }
    println!("\n| shape | against | CPU | p99 | memory |");
    println!("|---|---|---|---|---|");
    for other in rows.iter().filter(|row| row.label != first.label) {
        let Some(own) = rows
            .iter()
            .find(|row| row.label == first.label && row.shape == other.shape)
        else {
            continue;
        };
        // Of the same round, then the median: what disturbs a round disturbs both.
        let ratio = |of: &dyn Fn(&Report) -> f64| {
            median(
                own.reports
                    .iter()
                    .zip(&other.reports)
                    .map(|(own, other)| of(own) / of(other).max(f64::MIN_POSITIVE)),
            )
        };
        println!(
            "| {} | {} | {:.2} × | {:.2} × | {:.2} × |",
            name(own.shape),
            other.label,
            ratio(&Report::cpu_per_million),
            ratio(&|report| report.latency[2].as_secs_f64()),
            ratio(&|report| report.memory_bytes_per_participant as f64),
        );
    }
}

fn print_joins(report: &JoinReport) {
    let at = |times: &[Duration], percent: usize| {
        let place = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times
            .get(place)
            .map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
    };
    println!("\n| joins, from the offer sent to | p50 | p95 |\n|---|---|---|");
    for (what, times) in [
        ("the first media", &report.first_media),
        ("the first picture", &report.first_video),
    ] {
        println!("| {what} | {:.0} ms | {:.0} ms |", at(times, 50), at(times, 95));
    }
}

impl Row {
    fn median(&self, of: impl Fn(&Report) -> f64) -> f64 {
        median(self.reports.iter().map(of))
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn name(shape: Shape) -> String {
    let sending = if shape.publishers < shape.people {
        format!(", {} sending", shape.publishers)
    } else {
        String::new()
    };
    format!("{} × {}{sending}", shape.rooms, shape.people)
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
