//! Runs one target on ever new inputs, until one breaks it or the time is over.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::coverage::Coverage;
use crate::mutation::mutate;
use crate::targets::Target;

/// Inputs kept for reaching something. Full: a random one makes room.
const CORPUS_MAX: usize = 4096;
/// An input that takes longer than this is a finding: one datagram must not stop a shard.
const SLOW: Duration = Duration::from_secs(2);

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// After this time.
    Time(Duration),
    /// After so many inputs.
    Inputs(u64),
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Inputs tried.
    pub inputs: u64,
    /// Inputs kept because they reached something new, the seeds included.
    pub kept: usize,
    /// Edges of the control flow reached; 0 when nothing was counted.
    pub edges: usize,
}

/// An input that breaks a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The input.
    pub input: Vec<u8>,
    /// Whether it took too long; else it panicked.
    pub is_slow: bool,
}

/// Runs a target.
///
/// # Errors
///
/// With the first input that breaks it.
pub fn fuzz(target: &Target, seed: u64, until: Until) -> Result<Summary, Finding> {
    let began = now();
    let mut random = StdRng::seed_from_u64(seed);
    let mut coverage = Coverage::default();
    let mut corpus = (target.seeds)();
    let mut inputs = 0;
    for seed in &corpus {
        run(target, seed, &mut coverage)?;
    }
    loop {
        let is_over = match until {
            Until::Time(time) => inputs % 64 == 0 && began.elapsed() >= time,
            Until::Inputs(most) => inputs >= most,
        };
        if is_over {
            break;
        }
        let mut input = corpus[random.random_range(0..corpus.len())].clone();
        mutate(&mut input, &corpus, target.words, &mut random);
        inputs += 1;
        if run(target, &input, &mut coverage)? {
            if corpus.len() < CORPUS_MAX {
                corpus.push(input);
            } else {
                let at = random.random_range(0..corpus.len());
                corpus[at] = input;
            }
        }
    }
    Ok(Summary {
        inputs,
        kept: corpus.len(),
        edges: coverage.edges(),
    })
}

/// Whether the input reached anything new.
fn run(target: &Target, input: &[u8], coverage: &mut Coverage) -> Result<bool, Finding> {
    let began = now();
    coverage.begin();
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let is_new = coverage.end();
    let is_slow = began.elapsed() > SLOW;
    if outcome.is_err() || is_slow {
        let is_slow = outcome.is_ok();
        return Err(Finding {
            input: input.to_vec(),
            is_slow,
        });
    }
    Ok(is_new)
}

fn now() -> Instant {
    Instant::now()
}
