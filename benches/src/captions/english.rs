//! English as Whisper's authors score it (openai-whisper's `EnglishTextNormalizer`): case, punctuation, fillers,
//! contractions, titles, numbers and British spellings do not count. Written anew after its rules.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::captions::numbers;

/// Said while thinking: not counted.
const FILLERS: [&str; 6] = ["hmm", "mm", "mhm", "mmm", "uh", "um"];

/// Words that are written out, each for itself.
const WHOLE_WORDS: [(&str, &str); 36] = [
    ("won't", "will not"),
    ("can't", "can not"),
    ("let's", "let us"),
    ("ain't", "aint"),
    ("y'all", "you all"),
    ("wanna", "want to"),
    ("gotta", "got to"),
    ("gonna", "going to"),
    ("i'ma", "i am going to"),
    ("imma", "i am going to"),
    ("woulda", "would have"),
    ("coulda", "could have"),
    ("shoulda", "should have"),
    ("ma'am", "madam"),
    ("mr", "mister"),
    ("mrs", "missus"),
    ("st", "saint"),
    ("dr", "doctor"),
    ("prof", "professor"),
    ("capt", "captain"),
    ("gov", "governor"),
    ("ald", "alderman"),
    ("gen", "general"),
    ("sen", "senator"),
    ("rep", "representative"),
    ("pres", "president"),
    ("rev", "reverend"),
    ("hon", "honorable"),
    ("asst", "assistant"),
    ("assoc", "associate"),
    ("lt", "lieutenant"),
    ("col", "colonel"),
    ("jr", "junior"),
    ("sr", "senior"),
    ("esq", "esquire"),
    ("okay", "ok"),
];

/// Ends of words that are written out, unless the word before a participle says otherwise.
const ENDINGS: [(&str, &str); 8] = [
    ("n't", "not"),
    ("'re", "are"),
    ("'s", "is"),
    ("'d", "would"),
    ("'ll", "will"),
    ("'t", "not"),
    ("'ve", "have"),
    ("'m", "am"),
];

/// After these, `'d` is "had" and `'s` is "has".
const PARTICIPLES: [&str; 4] = ["been", "gone", "done", "got"];

/// British and American spelling, one pair a line.
const SPELLINGS: &str = include_str!("../../data/american_spellings.txt");

/// The words of a text as they are scored.
pub fn words(text: &str) -> Vec<String> {
    let text = without_brackets(&text.to_lowercase())
        .replace(['’', '‘'], "'")
        .replace(" '", "'");
    let plain: Vec<String> = text
        .split(|c: char| c.is_whitespace() || matches!(c, '-' | '–' | '—' | '/' | '…'))
        .map(trimmed)
        .filter(|word| !word.is_empty() && !FILLERS.contains(&word.as_str()))
        .collect();
    let written_out = plain
        .iter()
        .enumerate()
        .flat_map(|(index, word)| written_out(word, plain.get(index + 1)))
        .collect();
    numbers::in_digits(written_out)
        .into_iter()
        .map(|word| {
            spellings()
                .get(word.as_str())
                .map_or(word, |american| (*american).to_owned())
        })
        .collect()
}

/// Removes what stands in brackets: descriptions, not words.
fn without_brackets(text: &str) -> String {
    let mut depth = 0usize;
    let outside = text.chars().filter(|c| match c {
        '[' | '(' | '<' => {
            depth += 1;
            false
        }
        ']' | ')' | '>' => {
            depth = depth.saturating_sub(1);
            false
        }
        _ => depth == 0,
    });
    outside.collect()
}

/// A word without punctuation, but for what belongs to a number or a contraction.
fn trimmed(word: &str) -> String {
    let characters: Vec<char> = word.chars().collect();
    let is_digit = |index: Option<usize>| {
        index
            .and_then(|i| characters.get(i))
            .is_some_and(char::is_ascii_digit)
    };
    let keeps = |(index, c): (usize, &char)| match c {
        '\'' => true,
        // Decimals keep their point, thousands lose their comma.
        '.' => is_digit(Some(index + 1)) && is_digit(index.checked_sub(1)),
        '$' | '£' | '€' | '¢' | '%' => is_digit(Some(index + 1)) || is_digit(index.checked_sub(1)),
        _ => c.is_alphanumeric(),
    };
    let kept: String = characters
        .iter()
        .enumerate()
        .filter(|entry| keeps(*entry))
        .map(|(_, c)| *c)
        .collect();
    kept.trim_matches('\'').to_owned()
}

fn written_out(word: &str, next: Option<&String>) -> Vec<String> {
    let split = |text: &str| text.split(' ').map(str::to_owned).collect();
    if let Some((_, long)) = WHOLE_WORDS.iter().find(|(short, _)| *short == word) {
        return split(long);
    }
    for (ending, long) in ENDINGS {
        let Some(stem) = word.strip_suffix(ending).filter(|stem| !stem.is_empty()) else {
            continue;
        };
        let follows_participle = next.is_some_and(|next| PARTICIPLES.contains(&next.as_str()));
        let long = match (ending, follows_participle) {
            ("'d", true) => "had",
            ("'s", true) => "has",
            _ => long,
        };
        return vec![stem.to_owned(), long.to_owned()];
    }
    vec![word.replace('\'', "")]
}

fn spellings() -> &'static HashMap<&'static str, &'static str> {
    static MAP: OnceLock<HashMap<&str, &str>> = OnceLock::new();
    MAP.get_or_init(|| {
        let lines = SPELLINGS.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split_once(' ')).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(text: &str) -> String {
        words(text).join(" ")
    }

    #[test]
    fn case_punctuation_fillers_and_descriptions_do_not_count() {
        assert_eq!(scored("Um, well - [coughs] I see (laughs)."), "well i see");
        assert_eq!(scored("cold-hearted"), "cold hearted");
    }

    #[test]
    fn contractions_and_titles_are_written_out() {
        assert_eq!(
            scored("I won't; they'd been, she'd go."),
            "i will not they had been she would go"
        );
        assert_eq!(
            scored("It's Mr. O'Neil, isn't it?"),
            "it is mister oneil is not it"
        );
    }

    #[test]
    fn british_spellings_become_american() {
        assert_eq!(scored("the colour of honour"), "the color of honor");
    }

    #[test]
    fn numbers_are_digits_either_way() {
        assert_eq!(
            scored("Twenty-five people, 1,200 days, 3.5 hours"),
            scored("25 people 1200 days 3.5 hours")
        );
        assert_eq!(scored("one hundred and three"), "103");
    }
}
