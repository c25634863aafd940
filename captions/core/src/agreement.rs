//! Local agreement: words that hypotheses in a row begin with, and that the model is sure of, are taken for said.
//!
//! Hypotheses over a growing window agree on what lies well inside it. What was agreed is never taken back,
//! so a later hypothesis is aligned with it first: the model may have dropped or added a word there since.

use crate::policy::Policy;
use crate::words::{Word, normalised};

/// The words of one segment as they settle.
#[derive(Debug, Default)]
pub(crate) struct Agreement {
    /// Settled for good.
    agreed: Vec<Word>,
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

    /// A hypothesis over a longer window than the last.
    pub fn update(&mut self, hypothesis: Vec<Word>, policy: &Policy) {
        self.show(hypothesis);
        let inside = self.rest.len().saturating_sub(policy.edge_words);
        let is_settled = |(word, stood): &(&Word, &u32)| {
            **stood >= policy.agreeing_hypotheses && word.probability >= policy.settling_probability
        };
        let settled = self.rest[..inside]
            .iter()
            .zip(&self.stood)
            .take_while(is_settled)
            .count();
        self.agreed.extend(self.rest.drain(..settled));
        self.stood.drain(..settled);
    }

    /// A hypothesis of which nothing may settle.
    pub fn show(&mut self, hypothesis: Vec<Word>) {
        let rest = continuation(&self.agreed, hypothesis);
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
        let rest = continuation(&self.agreed, hypothesis);
        self.agreed.extend(rest);
        self.rest.clear();
    }

    /// There will be no better hypothesis than the latest: everything settles as it stands.
    pub fn finish_as_it_stands(&mut self) {
        self.agreed.append(&mut self.rest);
    }
}

fn same_word(one: &Word, other: &Word) -> bool {
    normalised(&one.text) == normalised(&other.text)
}

/// What a hypothesis says beyond the agreed words: everything after that beginning of it which is closest to
/// them (edit distance over words; among equals the one of the most similar length).
fn continuation(agreed: &[Word], mut hypothesis: Vec<Word>) -> Vec<Word> {
    if agreed.is_empty() {
        return hypothesis;
    }
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
    let end = (0..=keys.len())
        .min_by_key(|&j| (distances[j], j.abs_diff(agreed.len())))
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
            agreement.update(words(text), &policy());
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
            agreement.update(words(hypothesis), &policy);
            assert_eq!(joined(agreement.agreed()), settled);
        }
        agreement.update(words("we met on two days"), &policy);
        assert_eq!(joined(agreement.agreed()), "we met on", "each word for itself");
    }

    #[test]
    fn a_word_the_model_is_unsure_of_waits_for_the_end() {
        let mut agreement = Agreement::default();
        let mut unsure = words("we met on Tuesday with");
        unsure[2].probability = 0.3;
        agreement.update(unsure.clone(), &policy());
        agreement.update(unsure.clone(), &policy());
        assert_eq!(joined(agreement.agreed()), "we met");
        agreement.finish(unsure);
        assert_eq!(joined(agreement.agreed()), "we met on Tuesday with");
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
        agreement.update(words("and then we met on Tuesday"), &policy);
        agreement.update(words("and then we met on Tuesday with"), &policy);
        agreement.finish(words("then we met on Tuesday with all of us"));
        assert_eq!(
            joined(agreement.agreed()),
            "and then we met on Tuesday with all of us"
        );
    }

    #[test]
    fn a_final_without_words_keeps_what_was_agreed() {
        let (mut agreement, policy) = (Agreement::default(), policy());
        agreement.update(words("we met on"), &policy);
        agreement.update(words("we met on Tuesday"), &policy);
        agreement.finish(Vec::new());
        assert_eq!(joined(agreement.agreed()), "we met on");
    }
}
