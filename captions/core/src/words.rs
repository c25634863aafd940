//! Words as they are compared: whisper changes case and punctuation of a word from one window to the next.

use std::time::Duration;

/// One word of a hypothesis, with its punctuation.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// As it is to be shown.
    pub text: String,
    /// How sure the model was, 0 to 1: the least of its tokens' probabilities.
    pub probability: f32,
    /// When it ends, from the beginning of the sound, if the model can tell.
    pub ends_at: Option<Duration>,
}

impl Word {
    /// A word the model is sure of.
    pub fn certain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            probability: 1.0,
            ends_at: None,
        }
    }

    /// Whether a sentence ends with it.
    pub(crate) fn ends_sentence(&self) -> bool {
        self.text
            .trim_end_matches(['"', '\'', '”', '’', ')'])
            .ends_with(['.', '?', '!'])
    }

    /// Whether a reader would take a breath after it.
    pub(crate) fn ends_clause(&self) -> bool {
        self.ends_sentence() || self.text.ends_with([',', ';', ':', '–', '—'])
    }
}

/// A word without case and punctuation, for comparing. Empty for a word of punctuation only.
pub fn normalised(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric() || *c == '\'')
        .flat_map(char::to_lowercase)
        .collect()
}

/// Words with one space between them.
pub(crate) fn joined(words: &[Word]) -> String {
    let mut text = String::with_capacity(words.iter().map(|word| word.text.len() + 1).sum());
    for word in words {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&word.text);
    }
    text
}

/// Characters that `joined` would give.
pub(crate) fn length(words: &[Word]) -> usize {
    words
        .iter()
        .map(|word| word.text.chars().count() + 1)
        .sum::<usize>()
        .saturating_sub(1)
}
