//! Guards against whisper's loops: with a reduced audio context it misses the end of the text and says the
//! last phrase again and again, or makes a sentence of its own. Measured: together they bring the word error rate
//! back from 36% to that of the full context.

use std::time::Duration;

use crate::words::{Word, normalised};

/// Longest phrase that is looked for three times in a row, in words.
const PHRASE_WORDS_MAX: usize = 6;
/// A short phrase that stands so often in a row was not said.
const REPEATS: usize = 3;
/// From this length on a phrase is not said twice in a row either; nor is its beginning, when the text ends
/// there because the tokens ran out.
const LONG_PHRASE_WORDS: usize = 4;

/// Nobody says letters faster, in seconds each: people say 0.04 to 0.12, the model's loops take 0.001 to 0.025.
const LETTER_MIN: f32 = 0.033;

/// The most tokens that so much sound may turn into: 6 a second and 6 more.
pub fn max_tokens(sound: Duration) -> u32 {
    (sound.as_secs_f32() * 6.0) as u32 + 6
}

/// So many words in a row that take no time were not heard, however sure the model is of them...
const UNHEARD_WORDS: usize = 3;
/// ...and fewer not if it is less sure of one of them than that. Short words do end in the same fiftieth of a second as
/// the word before: with base's times they often do.
const UNHEARD_PROBABILITY: f32 = 0.7;

/// Removes words that take no time: they end where the word before them ends, so the model did not hear them, but
/// went on by itself. A few of which it is sure stay, but none before the sound; and words of which it is not known
/// when they end.
pub fn drop_unheard(words: &mut Vec<Word>) {
    let mut heard_until = Duration::ZERO;
    let takes_none: Vec<bool> = words
        .iter()
        .map(|word| {
            let Some(end) = word.ends_at else { return false };
            let takes_none = end <= heard_until;
            heard_until = heard_until.max(end);
            takes_none
        })
        .collect();
    let mut is_heard = Vec::with_capacity(words.len());
    for run in takes_none.chunk_by(|one, next| one == next) {
        let from = is_heard.len();
        let is_sure = |word: &Word| word.probability >= UNHEARD_PROBABILITY;
        let is_likely =
            run.len() < UNHEARD_WORDS && from > 0 && words[from..from + run.len()].iter().all(is_sure);
        let is_unheard = run[0] && !is_likely;
        is_heard.extend(std::iter::repeat_n(!is_unheard, run.len()));
    }
    let mut is_heard = is_heard.into_iter();
    words.retain(|_| is_heard.next() == Some(true));
}

/// Where a phrase of 1 to 6 words stands three times in a row, or one of 4 words or more twice, and faster than
/// anybody speaks, leaves it there once: people do say "no, no, no". Where it is not known when words end, speed does
/// not matter. A loop that the model did not leave goes on to the end, and all of it goes; words after a loop were
/// said.
pub fn cut_repetition(words: &mut Vec<Word>) {
    cut(words, is_too_fast);
}

/// The same at any speed: what is left when everything that was said again is left out.
pub fn drop_repetition(words: &mut Vec<Word>) {
    cut(words, |_| true);
}

/// Cuts the repetitions that are loops, by the last word said before the repetition and the words of it.
fn cut(words: &mut Vec<Word>, is_loop: fn(&[Word]) -> bool) {
    let mut keys: Vec<String> = words.iter().map(|word| normalised(&word.text)).collect();
    let mut start = 0;
    while start < keys.len() {
        let longest = (keys.len() - start) / 2 + LONG_PHRASE_WORDS;
        let found = (1..=longest).find_map(|phrase| {
            let repeated = repeated(&keys[start..], phrase)?;
            let second = start + phrase;
            is_loop(&words[second - 1..second + repeated]).then_some((phrase, repeated))
        });
        if let Some((phrase, repeated)) = found {
            let again = start + phrase..start + phrase + repeated;
            keys.drain(again.clone());
            words.drain(again);
        }
        start += 1;
    }
}

/// Whether nobody can have said the words after the first in the time that they took.
fn is_too_fast(words: &[Word]) -> bool {
    let (Some(first), Some(last)) = (words.first(), words.last()) else {
        return false;
    };
    let (Some(from), Some(until)) = (first.ends_at, last.ends_at) else {
        return true;
    };
    let letters = |word: &Word| normalised(&word.text).chars().count();
    let letters: usize = words[1..].iter().map(letters).sum();
    until.saturating_sub(from).as_secs_f32() < letters as f32 * LETTER_MIN
}

/// How many words after the first `phrase` ones repeat them, if that is a loop.
fn repeated(words: &[String], phrase: usize) -> Option<usize> {
    let same = words
        .iter()
        .zip(words.iter().skip(phrase))
        .take_while(|(one, next)| one == next)
        .count();
    let is_cut_off = phrase + same == words.len();
    let is_short_loop = phrase <= PHRASE_WORDS_MAX && same >= (REPEATS - 1) * phrase;
    let is_long_loop =
        phrase >= LONG_PHRASE_WORDS && same >= LONG_PHRASE_WORDS && (same >= phrase || is_cut_off);
    let whole = if is_cut_off { same } else { same / phrase * phrase };
    (is_short_loop || is_long_loop).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn once(text: &str) -> String {
        let mut words: Vec<Word> = text.split_whitespace().map(Word::certain).collect();
        cut_repetition(&mut words);
        crate::words::joined(&words)
    }

    #[test]
    fn a_phrase_three_times_in_a_row_is_said_once() {
        assert_eq!(once("I see. I see. I see. I see."), "I see.");
        assert_eq!(
            once("we went to the sea, to the sea to the sea"),
            "we went to the sea,"
        );
        assert_eq!(
            once("one two three four five six ".repeat(3).trim()),
            "one two three four five six"
        );
    }

    #[test]
    fn what_follows_a_loop_was_said() {
        assert_eq!(
            once("hold on, hold on, hold on, hold out, patience"),
            "hold on, hold out, patience"
        );
        assert_eq!(once("no no no so no no no"), "no so no");
    }

    #[test]
    fn a_phrase_twice_in_a_row_may_have_been_said() {
        assert_eq!(once("no no I mean it I mean it"), "no no I mean it I mean it");
    }

    #[test]
    fn a_long_phrase_is_not_said_twice_in_a_row() {
        let said = "the best way out is always through";
        assert_eq!(
            once(&format!("{said} {said} and so on")),
            format!("{said} and so on")
        );
        assert_eq!(
            once(&format!("{said} the best way out")),
            said,
            "the tokens ran out"
        );
        let verse = "in the morning we walk and in the morning we sing";
        assert_eq!(once(verse), verse);
    }

    #[test]
    fn words_that_take_no_time_were_not_heard() {
        let heard = |text: &str, ends: &[u64]| {
            let word = |(text, end): (&str, &u64)| Word {
                ends_at: Some(Duration::from_millis(*end)),
                ..Word::certain(text)
            };
            let mut words: Vec<Word> = text.split_whitespace().zip(ends).map(word).collect();
            drop_unheard(&mut words);
            crate::words::joined(&words)
        };
        assert_eq!(
            heard(
                "Rejoin the hunt. Rejoin the hunt. Re",
                &[740, 1000, 1600, 1600, 1600, 1600, 1600]
            ),
            "Rejoin the hunt."
        );
        assert_eq!(
            heard(
                "the gut and the gut being cut",
                &[440, 580, 580, 580, 580, 1_080, 1_400]
            ),
            "the gut being cut"
        );
        assert_eq!(heard("Yes? we met on", &[0, 300, 700, 740]), "we met on");
        assert_eq!(
            heard("we met on a bus", &[300, 700, 740, 740, 1_100]),
            "we met on a bus"
        );
        let mut words = vec![Word::certain("we"), Word::certain("met"), Word::certain("on")];
        for (word, end) in words.iter_mut().zip([300, 700, 700]) {
            word.ends_at = Some(Duration::from_millis(end));
        }
        words[2].probability = 0.4;
        drop_unheard(&mut words);
        assert_eq!(
            crate::words::joined(&words),
            "we met",
            "the model was not sure of it either"
        );
        let mut words = vec![Word::certain("no"), Word::certain("times")];
        drop_unheard(&mut words);
        assert_eq!(words.len(), 2);
    }

    #[test]
    fn what_people_say_again_and_again_stays() {
        // The words' ends, in hundredths of a second, as tiny.en had them: of loops, and of people.
        let cut = |heard: &[(&str, u64)]| {
            let word = |(text, end): &(&str, u64)| Word {
                ends_at: Some(Duration::from_millis(end * 10)),
                ..Word::certain(*text)
            };
            let mut words: Vec<Word> = heard.iter().map(word).collect();
            cut_repetition(&mut words);
            crate::words::joined(&words)
        };
        let looping = [
            ("were", 144),
            ("always", 168),
            ("accusing", 204),
            ("accusing", 208),
            ("accusing", 218),
        ];
        assert_eq!(cut(&looping), "were always accusing");
        let looping = [
            ("whenever,", 110),
            ("whenever,", 140),
            ("whenever,", 148),
            ("whenever", 168),
        ];
        assert_eq!(cut(&looping), "whenever,");
        let said = [
            ("No,", 40),
            ("no,", 72),
            ("no,", 104),
            ("I", 130),
            ("can't.", 160),
        ];
        assert_eq!(cut(&said), "No, no, no, I can't.");
        let said = "I can't do this. I can't do this.";
        let ends = [20, 50, 70, 100, 130, 155, 175, 210];
        let heard: Vec<(&str, u64)> = said.split_whitespace().zip(ends).collect();
        assert_eq!(cut(&heard), said);
    }

    #[test]
    fn tokens_are_limited_by_length_of_sound() {
        assert_eq!(max_tokens(Duration::from_secs(5)), 36);
        assert_eq!(max_tokens(Duration::ZERO), 6);
    }
}
