//! Local agreement: words that two hypotheses in a row begin with are taken for said.
//!
//! Hypotheses over a growing window agree on what lies well inside it. What was agreed is never taken back,
//! so a later hypothesis is aligned with it first: the model may have dropped or added a word there since.

use crate::words::{Word, normalised};

/// The words of one segment as they settle.
#[derive(Debug, Default)]
pub(crate) struct Agreement {
    /// Settled for good.
    agreed: Vec<Word>,
    /// The rest of the latest hypothesis.
    rest: Vec<Word>,
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

    /// A hypothesis over a longer window than the last. Its last `edge_words` words do not settle yet.
    pub fn update(&mut self, hypothesis: Vec<Word>, edge_words: usize) {
        let mut rest = continuation(&self.agreed, hypothesis);
        let same = rest
            .iter()
            .zip(&self.rest)
            .take_while(|(new, old)| same_word(new, old))
            .count();
        let settled = same.min(rest.len().saturating_sub(edge_words));
        self.agreed.extend(rest.drain(..settled));
        self.rest = rest;
    }

    /// A hypothesis of which nothing may settle.
    pub fn show(&mut self, hypothesis: Vec<Word>) {
        self.rest = continuation(&self.agreed, hypothesis);
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

    fn after(hypotheses: &[&str]) -> (String, String) {
        let mut agreement = Agreement::default();
        for text in hypotheses {
            agreement.update(words(text), 1);
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
        let mut agreement = Agreement::default();
        agreement.update(words("and then we met on Tuesday"), 1);
        agreement.update(words("and then we met on Tuesday with"), 1);
        agreement.finish(words("then we met on Tuesday with all of us"));
        assert_eq!(
            joined(agreement.agreed()),
            "and then we met on Tuesday with all of us"
        );
    }

    #[test]
    fn a_final_without_words_keeps_what_was_agreed() {
        let mut agreement = Agreement::default();
        agreement.update(words("we met on"), 1);
        agreement.update(words("we met on Tuesday"), 1);
        agreement.finish(Vec::new());
        assert_eq!(joined(agreement.agreed()), "we met on");
    }
}
