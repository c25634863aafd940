//! What a reader sees of words that may still change. Hypotheses are restless; what is shown should not be.
//!
//! A word is shown once enough sound follows it, the more the less sure the model is of it: half a word sounds
//! like another one. A word that was shown stays until hypotheses in a row did without it.

use std::ops::Range;
use std::time::Duration;

use crate::plausibility::is_guess;
use crate::policy::Policy;
use crate::words::{Word, normalised};

/// A new word that ends so much later than the shown ones it is not one of them, heard differently.
const LATER: Duration = Duration::from_millis(100);

/// The words of a segment, beyond the settled ones, that stand on the screen.
#[derive(Debug, Default)]
pub(crate) struct Showing {
    words: Vec<Word>,
    /// How many hypotheses in a row did without each of them.
    doubts: Vec<u32>,
    /// So many words of the segment were settled when it was last looked at.
    settled: usize,
}

/// A stretch of what is shown, and what the latest hypothesis has in its place.
enum Stretch {
    /// The same word; its place in the hypothesis.
    Same(usize),
    /// Other words, or none, on either side; their places.
    Other {
        shown: Range<usize>,
        heard: Range<usize>,
    },
}

impl Showing {
    /// What is shown now.
    pub fn words(&self) -> &[Word] {
        &self.words
    }

    /// A hypothesis says `heard` beyond the words `agreed`. `cut_at` is where its sound ended, if the voice went
    /// on: words there may be halves.
    pub fn update(&mut self, agreed: &[Word], heard: &[Word], cut_at: Option<Duration>, policy: &Policy) {
        self.settle(agreed.get(self.settled..).unwrap_or_default());
        self.settled = agreed.len();
        let certain = self.merge(heard, policy);
        let fresh = self.words.iter().skip(certain).rev();
        let early = cut_at.map_or(0, |cut_at| {
            fresh.take_while(|word| is_early(word, cut_at, policy)).count()
        });
        let mut end = self.words.len() - early;
        if self.settled == 0 && certain == 0 && is_guess(&self.words[..end]) {
            // Not even that somebody speaks is known by these.
            end = 0;
        }
        self.words.truncate(end);
        self.doubts.truncate(end);
    }

    /// Puts what was heard in the place of what was shown, but for shown words that were not doubted for long
    /// enough. Gives the number of words up to the last that was shown before.
    fn merge(&mut self, heard: &[Word], policy: &Policy) -> usize {
        let (old, doubts) = (std::mem::take(&mut self.words), std::mem::take(&mut self.doubts));
        let mut shown_before = 0;
        for stretch in stretches(&old, heard) {
            match stretch {
                Stretch::Same(place) => {
                    self.push(heard[place].clone(), 0);
                    shown_before = self.words.len();
                }
                Stretch::Other {
                    shown,
                    heard: instead,
                } => {
                    let is_doubted = doubts[shown.clone()]
                        .iter()
                        .all(|doubts| *doubts >= policy.doubts);
                    if is_doubted {
                        heard[instead].iter().for_each(|word| self.push(word.clone(), 0));
                        continue;
                    }
                    for index in shown.clone() {
                        self.push(old[index].clone(), doubts[index] + 1);
                    }
                    shown_before = self.words.len();
                    for word in beyond(&heard[instead], &old[shown]) {
                        self.push(word.clone(), 0);
                    }
                }
            }
        }
        shown_before
    }

    /// These words were settled, as they were shown or otherwise.
    fn settle(&mut self, settled: &[Word]) {
        let Some(last) = settled.last() else { return };
        let gone = match last.ends_at {
            Some(end) => {
                let is_before = |word: &&Word| word.ends_at.is_some_and(|other| other < end + LATER);
                self.words.iter().take_while(is_before).count()
            }
            None => settled.len().min(self.words.len()),
        };
        self.words.drain(..gone);
        self.doubts.drain(..gone);
    }

    fn push(&mut self, word: Word, doubts: u32) {
        self.words.push(word);
        self.doubts.push(doubts);
    }
}

/// Whether too little sound follows a word to show it: the model may take its beginning for another one.
fn is_early(word: &Word, cut_at: Duration, policy: &Policy) -> bool {
    let Some(end) = word.ends_at else { return false };
    let unsure =
        (policy.showing_probability - word.probability).max(0.0) / policy.showing_probability.max(0.01);
    let needed = policy.showing_margin + policy.showing_margin_unsure.mul_f32(unsure);
    end + needed >= cut_at
}

/// Those of the heard words that come after the shown ones and are not other versions of them.
fn beyond<'a>(heard: &'a [Word], shown: &[Word]) -> &'a [Word] {
    let last = shown.last().and_then(|word| word.ends_at);
    let versions = match last {
        Some(last) => {
            let is_version = |word: &&Word| word.ends_at.is_none_or(|end| end <= last + LATER);
            heard.iter().take_while(is_version).count()
        }
        None => shown.len().min(heard.len()),
    };
    &heard[versions..]
}

/// The shown words beside the heard ones, by the fewest changes.
fn stretches(shown: &[Word], heard: &[Word]) -> Vec<Stretch> {
    let keys = |words: &[Word]| -> Vec<String> { words.iter().map(|word| normalised(&word.text)).collect() };
    let (one, other) = (keys(shown), keys(heard));
    let changes = changes(&one, &other);
    let (mut row, mut column, mut from) = (0, 0, (0, 0));
    let mut stretches = Vec::new();
    let differ = |from: (usize, usize), until: (usize, usize), stretches: &mut Vec<Stretch>| {
        if from != until {
            stretches.push(Stretch::Other {
                shown: from.0..until.0,
                heard: from.1..until.1,
            });
        }
    };
    while row < one.len() || column < other.len() {
        let here = changes[row][column];
        let is_pair = row < one.len() && column < other.len();
        let is_same = is_pair && one[row] == other[column];
        if is_pair && here == changes[row + 1][column + 1] + u32::from(!is_same) {
            if is_same {
                differ(from, (row, column), &mut stretches);
                stretches.push(Stretch::Same(column));
                from = (row + 1, column + 1);
            }
            (row, column) = (row + 1, column + 1);
        } else if row < one.len() && (column == other.len() || here == changes[row + 1][column] + 1) {
            row += 1;
        } else {
            column += 1;
        }
    }
    differ(from, (row, column), &mut stretches);
    stretches
}

/// How many words have to change to make the rest of `other`, from each of its words on, of the rest of `one`.
fn changes(one: &[String], other: &[String]) -> Vec<Vec<u32>> {
    let mut changes = vec![vec![0u32; other.len() + 1]; one.len() + 1];
    for row in (0..=one.len()).rev() {
        for column in (0..=other.len()).rev() {
            changes[row][column] = match (one.get(row), other.get(column)) {
                (Some(shown), Some(heard)) => {
                    let replaced = changes[row + 1][column + 1] + u32::from(shown != heard);
                    let removed = changes[row + 1][column] + 1;
                    let added = changes[row][column + 1] + 1;
                    replaced.min(removed).min(added)
                }
                (None, Some(_)) => changes[row][column + 1] + 1,
                (Some(_), None) => changes[row + 1][column] + 1,
                (None, None) => 0,
            };
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::joined;

    /// Words that end half a second apart, the first after half a second.
    fn words(text: &str) -> Vec<Word> {
        let word = |(index, text): (usize, &str)| Word {
            ends_at: Some(Duration::from_millis(500 * (index as u64 + 1))),
            ..Word::certain(text)
        };
        text.split_whitespace().enumerate().map(word).collect()
    }

    /// What stands there after each of these hypotheses, none of which settles anything, with much sound after
    /// them.
    fn after(hypotheses: &[&str]) -> String {
        let mut showing = Showing::default();
        for text in hypotheses {
            showing.update(&[], &words(text), None, &Policy::default());
        }
        joined(showing.words())
    }

    #[test]
    fn a_shown_word_stays_until_three_hypotheses_in_a_row_do_without_it() {
        assert_eq!(after(&["we met", "we let on"]), "we met on");
        assert_eq!(after(&["we met", "we let on", "we met on two"]), "we met on two");
        assert_eq!(after(&["we met", "we let", "we let", "we let on"]), "we let on");
        assert_eq!(
            after(&["we met", "we let", "we met", "we let", "we let"]),
            "we met",
            "in a row"
        );
    }

    #[test]
    fn a_hypothesis_that_ends_early_takes_nothing_away_at_once() {
        assert_eq!(after(&["we met on two", "we met"]), "we met on two");
        assert_eq!(after(&["we met on two", "we met", "we met", "we met"]), "we met");
    }

    #[test]
    fn case_and_punctuation_change_at_once() {
        assert_eq!(after(&["we met on", "We met, on"]), "We met, on");
    }

    #[test]
    fn a_word_at_the_cut_is_shown_when_the_more_sound_follows_the_less_sure_it_is() {
        let shown_with = |probability: f32, until: u64| {
            let mut heard = words("we met");
            heard[1].probability = probability;
            let mut showing = Showing::default();
            let cut_at = Some(Duration::from_millis(until));
            showing.update(&[], &heard, cut_at, &Policy::default());
            joined(showing.words())
        };
        assert_eq!(shown_with(1.0, 1_050), "we");
        assert_eq!(shown_with(1.0, 1_150), "we met");
        assert_eq!(shown_with(0.5, 1_150), "we");
        assert_eq!(shown_with(0.5, 1_400), "we met");
    }

    #[test]
    fn a_caption_does_not_begin_with_a_guess() {
        let (mut showing, policy) = (Showing::default(), Policy::default());
        let mut heard = words("so we met on two");
        heard[0].probability = 0.1;
        showing.update(&[], &heard, Some(Duration::from_millis(1_050)), &policy);
        assert_eq!(joined(showing.words()), "");
        showing.update(&[], &heard, Some(Duration::from_millis(1_650)), &policy);
        assert_eq!(joined(showing.words()), "so we met");
    }

    #[test]
    fn what_is_shown_is_not_hidden_when_the_model_becomes_unsure() {
        let (mut showing, policy) = (Showing::default(), Policy::default());
        let mut heard = words("we met");
        showing.update(&[], &heard, Some(Duration::from_millis(1_400)), &policy);
        heard[1].probability = 0.1;
        showing.update(&[], &heard, Some(Duration::from_millis(1_450)), &policy);
        assert_eq!(joined(showing.words()), "we met");
    }

    #[test]
    fn settled_words_are_no_longer_shown_as_tentative() {
        let (mut showing, policy) = (Showing::default(), Policy::default());
        let heard = words("we met on two");
        showing.update(&[], &heard, None, &policy);
        let settled = words("we let");
        showing.update(&settled, &heard[2..], None, &policy);
        assert_eq!(joined(showing.words()), "on two");
    }
}
