//! Local agreement: words that hypotheses in a row begin with, and that the model is sure of, are taken for said.
//!
//! Hypotheses over a growing window agree on what lies well inside it. What was agreed is never taken back,
//! so a later hypothesis is aligned with it first: the model may have dropped or added a word there since.

use std::time::Duration;

use crate::policy::Policy;
use crate::words::{Word, normalised};

/// So many wrong words weigh as much as words that end a second apart.
const ERRORS_PER_SECOND: f32 = 2.0;
/// Time weighs no more than that: a hypothesis that ends early is still one about the same words.
const ERRORS_APART_MAX: f32 = 2.0;

/// The words of one segment as they settle.
#[derive(Debug, Default)]
pub(crate) struct Agreement {
    /// Settled for good.
    agreed: Vec<Word>,
    /// So many of them lie before the sound that hypotheses are about now.
    dropped: usize,
    /// The rest of the latest hypothesis.
    rest: Vec<Word>,
    /// In how many hypotheses in a row each of those stood, with the same words before it.
    stood: Vec<u32>,
}

impl Agreement {
    /// Settled words: they only grow.
    pub fn agreed(&self) -> &[Word] {
        &self.agreed
    }

    /// What may still change.
    pub fn rest(&self) -> &[Word] {
        &self.rest
    }

    /// A hypothesis over a longer window than the last, which ended at `until`.
    pub fn update(&mut self, hypothesis: Vec<Word>, until: Duration, policy: &Policy) {
        self.show(hypothesis);
        let inside = self.rest.len().saturating_sub(policy.edge_words);
        let settled = self
            .rest
            .iter()
            .zip(&self.stood)
            .enumerate()
            .take_while(|(index, (word, stood))| is_settled(word, **stood, *index < inside, until, policy))
            .count();
        self.agreed.extend(self.rest.drain(..settled));
        self.stood.drain(..settled);
    }

    /// A hypothesis of which nothing may settle.
    pub fn show(&mut self, hypothesis: Vec<Word>) {
        let rest = continuation(&self.agreed[self.dropped..], hypothesis);
        let same = rest
            .iter()
            .zip(&self.rest)
            .take_while(|(new, old)| same_word(new, old))
            .count();
        self.stood.truncate(same);
        self.stood.iter_mut().for_each(|stood| *stood += 1);
        self.stood.resize(rest.len(), 1);
        self.rest = rest;
    }

    /// The hypothesis over the whole segment: everything settles.
    pub fn finish(&mut self, hypothesis: Vec<Word>) {
        let rest = continuation(&self.agreed[self.dropped..], hypothesis);
        self.agreed.extend(rest);
        self.rest.clear();
    }

    /// The settled words that hypotheses still speak of, after the number of those that they do not.
    pub fn agreed_in_window(&self) -> (usize, &[Word]) {
        (self.dropped, &self.agreed[self.dropped..])
    }

    /// The sound up to the end of the first `words` settled words is gone.
    pub fn drop_before(&mut self, words: usize) {
        self.dropped = words.min(self.agreed.len());
    }

    /// There will be no better hypothesis than the latest: everything settles as it stands.
    pub fn finish_as_it_stands(&mut self) {
        self.agreed.append(&mut self.rest);
    }
}

/// Whether a word may not change any more: agreed on, or long past.
fn is_settled(word: &Word, stood: u32, is_inside: bool, until: Duration, policy: &Policy) -> bool {
    let is_agreed = stood >= policy.agreeing_hypotheses && word.probability >= policy.settling_probability;
    match word.ends_at.map(|end| until.saturating_sub(end)) {
        None => is_inside && is_agreed,
        Some(age) if age >= policy.patience => true,
        Some(age) => {
            let is_sure =
                stood + 1 >= policy.agreeing_hypotheses && word.probability >= policy.sure_probability;
            is_inside && age >= policy.margin && (is_agreed || is_sure)
        }
    }
}

fn same_word(one: &Word, other: &Word) -> bool {
    normalised(&one.text) == normalised(&other.text)
}

/// What a hypothesis says beyond the agreed words: everything after that beginning of it which is closest to
/// them (edit distance over words, and the distance between their ends in time; among equals the one of the
/// most similar length).
fn continuation(agreed: &[Word], mut hypothesis: Vec<Word>) -> Vec<Word> {
    let Some(last_agreed) = agreed.last() else {
        return hypothesis;
    };
    let agreed_until = last_agreed.ends_at;
    let agreed: Vec<String> = agreed.iter().map(|word| normalised(&word.text)).collect();
    let keys: Vec<String> = hypothesis.iter().map(|word| normalised(&word.text)).collect();
    // distances[j]: from the agreed words so far to the first j words of the hypothesis.
    let mut distances: Vec<usize> = (0..=keys.len()).collect();
    for (i, word) in agreed.iter().enumerate() {
        let mut diagonal = distances[0];
        distances[0] = i + 1;
        for (j, key) in keys.iter().enumerate() {
            let substituted = diagonal + usize::from(word != key);
            diagonal = distances[j + 1];
            distances[j + 1] = substituted.min(distances[j] + 1).min(diagonal + 1);
        }
    }
    let apart = |j: usize| {
        let until = j.checked_sub(1).and_then(|last| hypothesis[last].ends_at);
        let apart = until.zip(agreed_until).map(|(one, other)| one.abs_diff(other));
        match apart {
            Some(apart) => (apart.as_secs_f32() * ERRORS_PER_SECOND).min(ERRORS_APART_MAX),
            // Nothing of it was said before: as far apart as can be, where times are known.
            None if j == 0 && agreed_until.is_some() => ERRORS_APART_MAX,
            None => 0.0,
        }
    };
    let cost = |j: usize| distances[j] as f32 + apart(j);
    let end = (0..=keys.len())
        .min_by(|&one, &other| {
            let lengths = one.abs_diff(agreed.len()).cmp(&other.abs_diff(agreed.len()));
            cost(one).total_cmp(&cost(other)).then(lengths)
        })
        .expect("a range with 0 in it is not empty");
    hypothesis.split_off(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::joined;

    fn words(text: &str) -> Vec<Word> {
        text.split_whitespace().map(Word::certain).collect()
    }

    /// Two in a row are enough here.
    fn policy() -> Policy {
        Policy {
            agreeing_hypotheses: 2,
            ..Policy::default()
        }
    }

    fn after(hypotheses: &[&str]) -> (String, String) {
        let mut agreement = Agreement::default();
        for text in hypotheses {
            agreement.update(words(text), Duration::ZERO, &policy());
        }
        (joined(agreement.agreed()), joined(agreement.rest()))
    }

    #[test]
    fn one_hypothesis_settles_nothing() {
        assert_eq!(after(&["we met on"]), (String::new(), "we met on".into()));
    }

    #[test]
    fn two_hypotheses_settle_what_both_begin_with_but_not_the_edge() {
        assert_eq!(
            after(&["we met on", "We met on Tuesday"]),
            ("We met on".into(), "Tuesday".into())
        );
        assert_eq!(after(&["we met on", "we met on"]), ("we met".into(), "on".into()));
    }

    #[test]
    fn where_three_have_to_agree_two_settle_nothing() {
        let mut agreement = Agreement::default();
        let policy = Policy {
            agreeing_hypotheses: 3,
            ..Policy::default()
        };
        for (hypothesis, settled) in [("we met", ""), ("we met on", ""), ("we met on two", "we met")] {
            agreement.update(words(hypothesis), Duration::ZERO, &policy);
            assert_eq!(joined(agreement.agreed()), settled);
        }
        agreement.update(words("we met on two days"), Duration::ZERO, &policy);
        assert_eq!(joined(agreement.agreed()), "we met on", "each word for itself");
    }

    #[test]
    fn a_word_the_model_is_unsure_of_waits_for_the_end() {
        let mut agreement = Agreement::default();
        let mut unsure = words("we met on Tuesday with");
        unsure[2].probability = 0.3;
        agreement.update(unsure.clone(), Duration::ZERO, &policy());
        agreement.update(unsure.clone(), Duration::ZERO, &policy());
        assert_eq!(joined(agreement.agreed()), "we met");
        agreement.finish(unsure);
        assert_eq!(joined(agreement.agreed()), "we met on Tuesday with");
    }

    fn at(mut words: Vec<Word>, ends: &[u64]) -> Vec<Word> {
        for (word, end) in words.iter_mut().zip(ends) {
            word.ends_at = Some(Duration::from_millis(*end));
        }
        words
    }

    #[test]
    fn a_word_settles_with_time_even_if_the_model_is_unsure_of_it() {
        let (mut agreement, policy) = (Agreement::default(), policy());
        let mut unsure = at(words("we met"), &[400, 800]);
        unsure[0].probability = 0.2;
        agreement.update(unsure.clone(), Duration::from_millis(1_900), &policy);
        assert_eq!(joined(agreement.agreed()), "");
        agreement.update(unsure, Duration::from_millis(2_900), &policy);
        assert_eq!(joined(agreement.agreed()), "we");
    }

    #[test]
    fn a_hypothesis_that_ends_early_says_nothing_again() {
        let (mut agreement, policy) = (Agreement::default(), policy());
        let ends = [140, 260, 680, 2_280, 5_160, 5_560, 6_300];
        for until in [8_000, 9_000] {
            let heard = at(words("He will not go. The biblical narratives"), &ends);
            agreement.update(heard, Duration::from_millis(until), &policy);
        }
        let early = at(words("he would not go."), &ends);
        agreement.update(early, Duration::from_millis(9_600), &policy);
        assert_eq!(
            joined(agreement.agreed()),
            "He will not go. The biblical narratives"
        );
    }

    #[test]
    fn words_whose_sound_is_gone_are_not_looked_for() {
        let (mut agreement, policy) = (Agreement::default(), policy());
        for until in [4_000, 5_000] {
            let heard = at(words("we met on Tuesday with"), &[400, 800, 1_000, 1_500, 4_900]);
            agreement.update(heard, Duration::from_millis(until), &policy);
        }
        assert_eq!(joined(agreement.agreed()), "we met on Tuesday");
        agreement.drop_before(3);
        agreement.finish(words("Tuesday with all of us on Monday"));
        assert_eq!(
            joined(agreement.agreed()),
            "we met on Tuesday with all of us on Monday"
        );
    }

    #[test]
    fn agreed_words_stay_when_a_later_hypothesis_changes_them() {
        let settled = [
            "we met on two",
            "we met on Tuesday with",
            "he met on Tuesday with all of us",
        ];
        assert_eq!(after(&settled).0, "we met on Tuesday with");
    }

    #[test]
    fn a_word_dropped_inside_the_agreed_part_is_not_said_twice() {
        let (mut agreement, policy) = (Agreement::default(), policy());
        agreement.update(words("and then we met on Tuesday"), Duration::ZERO, &policy);
        agreement.update(words("and then we met on Tuesday with"), Duration::ZERO, &policy);
        agreement.finish(words("then we met on Tuesday with all of us"));
        assert_eq!(
            joined(agreement.agreed()),
            "and then we met on Tuesday with all of us"
        );
    }

    #[test]
    fn a_final_without_words_keeps_what_was_agreed() {
        let (mut agreement, policy) = (Agreement::default(), policy());
        agreement.update(words("we met on"), Duration::ZERO, &policy);
        agreement.update(words("we met on Tuesday"), Duration::ZERO, &policy);
        agreement.finish(Vec::new());
        assert_eq!(joined(agreement.agreed()), "we met on");
    }
}
