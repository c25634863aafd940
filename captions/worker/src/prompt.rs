//! What the model is told before it listens: the group's vocabulary.

use std::sync::Arc;

use hearken_protocol::GroupSpeech;
use whisper_rs::{WhisperContext, WhisperTokenId};

/// Tokens of the vocabulary, of the 224 that a model takes for all it is told. Full: the terms after it are left out.
const VOCABULARY_TOKENS_MAX: usize = 160;

/// Turns text into a model's tokens, and remembers the latest vocabulary's: it is the same for a whole session.
pub(crate) struct Tokenizer {
    context: Arc<WhisperContext>,
    latest: Option<(Arc<GroupSpeech>, Vec<WhisperTokenId>)>,
}

impl Tokenizer {
    pub fn of(context: &Arc<WhisperContext>) -> Self {
        Self {
            context: Arc::clone(context),
            latest: None,
        }
    }

    /// The tokens of a group's vocabulary; none where there is none.
    pub fn prompt(&mut self, speech: &Arc<GroupSpeech>) -> Vec<WhisperTokenId> {
        let is_known = self
            .latest
            .as_ref()
            .is_some_and(|(latest, _)| Arc::ptr_eq(latest, speech));
        if !is_known {
            let tokens = vocabulary(&speech.vocabulary, |text| self.tokens(text));
            self.latest = Some((Arc::clone(speech), tokens));
        }
        self.latest
            .as_ref()
            .map(|(_, tokens)| tokens.clone())
            .unwrap_or_default()
    }

    fn tokens(&self, text: &str) -> Vec<WhisperTokenId> {
        // A token has a byte at least: there is always room, which the binding relies on.
        self.context.tokenize(text, text.len() + 1).unwrap_or_default()
    }
}

/// As many whole terms as there is room for, as a sentence that lists them.
fn vocabulary(terms: &[String], tokens: impl Fn(&str) -> Vec<WhisperTokenId>) -> Vec<WhisperTokenId> {
    let mut all: Vec<WhisperTokenId> = Vec::new();
    for term in terms {
        let separator = if all.is_empty() { " " } else { ", " };
        let more = tokens(&format!("{separator}{term}"));
        if all.len() + more.len() >= VOCABULARY_TOKENS_MAX {
            break;
        }
        all.extend(more);
    }
    if !all.is_empty() {
        all.extend(tokens("."));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token for each byte.
    fn bytes(text: &str) -> Vec<WhisperTokenId> {
        text.bytes().map(WhisperTokenId::from).collect()
    }

    fn text(tokens: &[WhisperTokenId]) -> String {
        tokens.iter().map(|token| char::from(*token as u8)).collect()
    }

    #[test]
    fn a_vocabulary_becomes_a_list() {
        let terms = ["Sertraline".to_owned(), "Anneliese".to_owned()];
        assert_eq!(text(&vocabulary(&terms, bytes)), " Sertraline, Anneliese.");
        assert!(vocabulary(&[], bytes).is_empty());
    }

    #[test]
    fn a_long_vocabulary_is_cut_between_terms() {
        let terms: Vec<String> = (0..50).map(|number| format!("term{number}")).collect();
        let told = text(&vocabulary(&terms, bytes));
        assert!(told.len() <= VOCABULARY_TOKENS_MAX, "{told}");
        assert!(told.ends_with("term20."), "{told}");
    }
}
