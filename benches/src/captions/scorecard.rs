//! All recordings together: errors, delays, cost, and how sure the comparison with the bound is.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::captions::alignment::{Errors, align};
use crate::captions::english;
use crate::captions::rehearsal::START;
use crate::captions::timeline::{Timeline, plain_words};

/// When each word of each recording ends, in hundredths of a second, by the recording's name.
const WORD_ENDS: &str = include_str!("../../data/word_ends.txt");
/// Draws of the bootstrap.
const DRAWS: usize = 2_000;

/// One recording's result.
#[derive(Debug, Clone, Default)]
pub struct Score {
    /// Words that were said.
    pub words: usize,
    /// What was wrong with the captions.
    pub streamed: Errors,
    /// What was wrong with the same model's hypothesis about the whole recording.
    pub offline: Option<Errors>,
    /// Seconds from a word's end to its first showing, of words that came out right.
    pub shown: Vec<f64>,
    /// Seconds from a word's end until it could not change any more.
    pub settled: Vec<f64>,
    /// Seconds from a word's end until its caption was closed.
    pub closed: Vec<f64>,
    /// Words in the captions.
    pub captioned: usize,
    /// Words that were shown and taken back.
    pub taken_back: usize,
    /// Seconds of sound.
    pub seconds: f64,
    /// Processor time.
    pub cpu: Duration,
    /// Decodings.
    pub jobs: usize,
}

impl Score {
    /// Of one recording: what was said in it, what a reader saw. `lead` is the silence before it.
    pub fn new(name: &str, said: &str, seen: &Timeline, lead: Duration) -> Self {
        let reference = english::words(said);
        let mut score = Self {
            words: reference.len(),
            streamed: align(&reference, &english::words(&seen.text)).errors,
            captioned: seen.words.len(),
            taken_back: seen.taken_back,
            ..Self::default()
        };
        let said = plain_words(said);
        if let Some(ends) = word_ends().get(name).filter(|ends| ends.len() == said.len()) {
            for (spoken, place) in align(&said, &seen.words).hits {
                let end = START + lead + ends[spoken];
                let after = |at: hearken_protocol::Timestamp| (at.0 as f64 - end.0 as f64) / 1e3;
                score.shown.push(after(seen.first_shown[place]));
                score.settled.push(after(seen.settled[place]));
                score.closed.push(after(seen.closed[place]));
            }
        }
        score
    }
}

fn word_ends() -> HashMap<&'static str, Vec<Duration>> {
    let lines = WORD_ENDS.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let (name, ends) = line.split_once(' ')?;
            let ends = ends.split(' ').filter_map(|end| end.parse().ok());
            Some((
                name,
                ends.map(|end: u64| Duration::from_millis(end * 10)).collect(),
            ))
        })
        .collect()
}

/// The scores of all recordings.
#[derive(Debug, Default)]
pub struct Scorecard {
    /// One for each.
    pub scores: Vec<Score>,
}

impl Scorecard {
    /// The recordings of which this is true by their place, and the others.
    pub fn split(&self, is_first: impl Fn(usize) -> bool) -> (Self, Self) {
        let scores = self.scores.iter().cloned().enumerate();
        let (first, others): (Vec<_>, Vec<_>) = scores.partition(|(index, _)| is_first(*index));
        let card = |scores: Vec<(usize, Score)>| Self {
            scores: scores.into_iter().map(|(_, score)| score).collect(),
        };
        (card(first), card(others))
    }

    fn sum(&self, of: impl Fn(&Score) -> usize) -> usize {
        self.scores.iter().map(of).sum()
    }

    fn errors(&self, of: impl Fn(&Score) -> Errors) -> Errors {
        let mut all = Errors::default();
        for score in &self.scores {
            all += of(score);
        }
        all
    }

    /// Word error rate of the captions, in percent.
    pub fn error_rate(&self) -> f64 {
        percent(
            self.errors(|score| score.streamed).sum(),
            self.sum(|score| score.words),
        )
    }

    /// Captions ÷ whole recordings, and the bound below which 90% of resampled sets of recordings stay.
    pub fn ratio(&self) -> Option<(f64, f64)> {
        let pairs: Option<Vec<(usize, usize)>> = self
            .scores
            .iter()
            .map(|score| Some((score.streamed.sum(), score.offline?.sum())))
            .collect();
        let pairs = pairs.filter(|pairs| !pairs.is_empty())?;
        let ratio = |pairs: &mut dyn Iterator<Item = (usize, usize)>| {
            let (streamed, offline) = pairs.fold((0, 0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
            streamed as f64 / offline.max(1) as f64
        };
        let mut random = SmallRng::seed_from_u64(1);
        let mut draws: Vec<f64> = (0..DRAWS)
            .map(|_| ratio(&mut (0..pairs.len()).map(|_| pairs[random.random_range(0..pairs.len())])))
            .collect();
        draws.sort_by(f64::total_cmp);
        Some((ratio(&mut pairs.iter().copied()), draws[DRAWS * 9 / 10]))
    }

    fn delays(&self, of: impl Fn(&Score) -> &Vec<f64>) -> [f64; 2] {
        let mut all: Vec<f64> = self
            .scores
            .iter()
            .flat_map(|score| of(score).iter().copied())
            .collect();
        percentiles(&mut all)
    }

    /// Seconds until words settle: half and 95 of 100 are sooner.
    pub fn settled(&self) -> [f64; 2] {
        self.delays(|score| &score.settled)
    }
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

fn percentiles(delays: &mut [f64]) -> [f64; 2] {
    delays.sort_by(f64::total_cmp);
    [0.5, 0.95].map(|share| {
        let place = (delays.len() as f64 * share) as usize;
        delays.get(place).copied().unwrap_or(f64::NAN)
    })
}

impl fmt::Display for Scorecard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.sum(|score| score.words);
        let streamed = self.errors(|score| score.streamed);
        let seconds: f64 = self.scores.iter().map(|score| score.seconds).sum();
        let cpu: Duration = self.scores.iter().map(|score| score.cpu).sum();
        writeln!(
            f,
            "recordings {}, words {words}, seconds {seconds:.0}, decodings {}",
            self.scores.len(),
            self.sum(|score| score.jobs)
        )?;
        writeln!(
            f,
            "word error rate {:.1}% (substituted {:.1}%, left out {:.1}%, put in {:.1}%)",
            percent(streamed.sum(), words),
            percent(streamed.substitutions, words),
            percent(streamed.deletions, words),
            percent(streamed.insertions, words)
        )?;
        if let Some((ratio, bound)) = self.ratio() {
            let offline = self.errors(|score| score.offline.unwrap_or_default());
            writeln!(
                f,
                "whole recordings, full context {:.1}% (put in {:.1}%); captions ÷ that {ratio:.2}, 90% bound {bound:.2}",
                percent(offline.sum(), words),
                percent(offline.insertions, words)
            )?;
        }
        for (name, [half, most]) in [
            ("first shown", self.delays(|score| &score.shown)),
            ("final (can't change)", self.delays(|score| &score.settled)),
            ("caption closed", self.delays(|score| &score.closed)),
        ] {
            writeln!(f, "{name} after the word's end: p50 {half:.2} s, p95 {most:.2} s")?;
        }
        writeln!(
            f,
            "taken back {:.1}% of words",
            percent(
                self.sum(|score| score.taken_back),
                self.sum(|score| score.captioned)
            )
        )?;
        write!(
            f,
            "CPU {:.3} s per second of sound",
            cpu.as_secs_f64() / seconds.max(1e-9)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(streamed: usize, offline: usize) -> Score {
        let errors = |substitutions| Errors {
            substitutions,
            ..Errors::default()
        };
        Score {
            words: 10,
            streamed: errors(streamed),
            offline: Some(errors(offline)),
            ..Score::default()
        }
    }

    #[test]
    fn the_ratio_is_that_of_all_errors_and_its_bound_lies_above() {
        let card = Scorecard {
            scores: vec![score(2, 2), score(3, 2), score(1, 1), score(0, 0), score(4, 4)],
        };
        let (ratio, bound) = card.ratio().unwrap();
        assert!((ratio - 10.0 / 9.0).abs() < 1e-9);
        assert!(bound > ratio && bound < 1.5, "{bound}");
    }

    #[test]
    fn percentiles_are_of_all_words() {
        let mut delays: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(percentiles(&mut delays), [50.0, 95.0]);
    }
}
