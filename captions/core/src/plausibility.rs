//! Whether a hypothesis was said at all: whisper, given noise, says something polite.

use std::time::Duration;

use crate::repetition::drop_repetition;
use crate::transcriber::Hypothesis;
use crate::words::{Word, normalised};

/// Above this probability that nobody spoke, the words have to be better than `LOG_PROBABILITY_QUIET`.
const NO_SPEECH: f32 = 0.6;
const LOG_PROBABILITY_QUIET: f32 = -1.0;
/// Below this mean log-probability nothing is worth showing: five tokens in six are guesses.
const LOG_PROBABILITY_MIN: f32 = -1.5;
/// So few words, which laughter and coughs are taken for, have to be better...
const FEW_WORDS: usize = 2;
const LOG_PROBABILITY_FEW: f32 = -0.8;
/// ...and so few no mere guesses: the mean of their probabilities, punctuation not counted.
const GUESSED_WORDS: usize = 6;
const PROBABILITY_FEW: f32 = 0.3;
/// Nobody speaks faster, in words per second of voice...
const WORDS_PER_SECOND_MAX: f32 = 7.0;
/// ...beyond a few words that a detector may have missed the voice of.
const WORDS_FREE: usize = 3;
/// So many words, of which so few are different ones, are a loop that the cut did not see.
const LOOP_WORDS: usize = 12;
const LOOP_DIFFERENT: f32 = 0.3;
/// A syllable of at most so many letters...
const SYLLABLE_LETTERS_MAX: usize = 3;
/// ...that is said so often within one word is laughter, a stammer of the model, or a cough.
const SYLLABLE_REPEATS: usize = 4;
/// Loudness of speech rises and falls by more than that, in dB of standard deviation.
const LEVEL_VARIATION_MIN: f32 = 1.5;
/// In tones and melodies more of the frames are like the one before; in speech a tenth is.
const STEADY_MAX: f32 = 0.5;

/// What is known of the sound itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SoundFacts {
    /// Voice in it, pauses not counted.
    pub voice: Duration,
    /// Standard deviation of its loudness in dB.
    pub level_variation: f32,
    /// Share of its frames, 0 to 1, that sound like the one before.
    pub steady_share: f32,
}

/// Whether the sound can be speech at all, before any model is asked.
pub(crate) fn may_be_speech(sound: SoundFacts) -> bool {
    sound.level_variation >= LEVEL_VARIATION_MIN && sound.steady_share <= STEADY_MAX
}

/// Takes out of a hypothesis what is not speech (`[music]`, `(applause)`, `♪`), and everything if it was
/// probably not said.
pub(crate) fn plausible_words(mut hypothesis: Hypothesis, sound: SoundFacts) -> Vec<Word> {
    remove_descriptions(&mut hypothesis.words);
    let words = hypothesis.words.len();
    // However often: laughter is taken for one word again and again.
    let mut once = hypothesis.words.clone();
    drop_repetition(&mut once);
    let log_probability = hypothesis.average_log_probability;
    let quiet = hypothesis.no_speech_probability > NO_SPEECH && log_probability < LOG_PROBABILITY_QUIET;
    let few = once.len() <= FEW_WORDS && log_probability < LOG_PROBABILITY_FEW;
    let possible = (sound.voice.as_secs_f32() * WORDS_PER_SECOND_MAX) as usize + WORDS_FREE;
    let unlikely = quiet || few || is_guess(&once) || log_probability < LOG_PROBABILITY_MIN;
    if unlikely || words > possible || is_loop(&hypothesis.words) {
        return Vec::new();
    }
    hypothesis.words
}

/// Whether these are few words, and the model knows of none whether it was said.
pub(crate) fn is_guess(words: &[Word]) -> bool {
    let sure: f32 = words.iter().map(|word| word.probability).sum();
    words.len() <= GUESSED_WORDS && sure < PROBABILITY_FEW * words.len() as f32
}

/// Removes what stands in brackets, words without a letter or digit, and syllables said over and over.
fn remove_descriptions(words: &mut Vec<Word>) {
    let mut depth = 0usize;
    words.retain(|word| {
        let opens = word.text.chars().filter(|c| matches!(c, '[' | '(')).count();
        let closes = word.text.chars().filter(|c| matches!(c, ']' | ')')).count();
        let inside = depth > 0 || opens > 0;
        depth = (depth + opens).saturating_sub(closes);
        !inside && !word.text.contains('♪') && !normalised(&word.text).is_empty() && !is_stammer(&word.text)
    });
}

/// "A-a-a-a-a", "hahahaha": one syllable over and over, up to where it breaks off.
fn is_stammer(word: &str) -> bool {
    let letters: Vec<char> = word
        .chars()
        .filter(|character| character.is_alphabetic())
        .flat_map(char::to_lowercase)
        .collect();
    (1..=SYLLABLE_LETTERS_MAX).any(|syllable| {
        letters.len() >= SYLLABLE_REPEATS * syllable
            && letters
                .iter()
                .zip(&letters[syllable..])
                .all(|(one, next)| one == next)
    })
}

fn is_loop(words: &[Word]) -> bool {
    let different: std::collections::BTreeSet<String> =
        words.iter().map(|word| normalised(&word.text)).collect();
    words.len() >= LOOP_WORDS && (different.len() as f32) < LOOP_DIFFERENT * words.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::joined;

    const TALK: SoundFacts = SoundFacts {
        voice: Duration::from_secs(2),
        level_variation: 6.0,
        steady_share: 0.1,
    };

    fn heard(text: &str, average_log_probability: f32, no_speech_probability: f32) -> String {
        let words = text.split_whitespace().map(Word::certain).collect();
        joined(&plausible_words(
            Hypothesis {
                words,
                average_log_probability,
                no_speech_probability,
                language: None,
            },
            TALK,
        ))
    }

    #[test]
    fn descriptions_of_sounds_are_not_captions() {
        assert_eq!(
            heard("[MUSIC PLAYING] so (loud applause) it is ♪", -0.2, 0.1),
            "so it is"
        );
        assert_eq!(heard(". . .", -0.2, 0.1), "");
    }

    #[test]
    fn a_syllable_over_and_over_is_no_word() {
        assert_eq!(heard("A-a-a-a-a-a hahahaha so Ha-ha-ha-ha.", -0.2, 0.1), "so");
        assert_eq!(
            heard("haha banana Mississippi no, no, no", -0.2, 0.1),
            "haha banana Mississippi no, no, no"
        );
    }

    #[test]
    fn improbable_words_are_not_shown() {
        assert_eq!(heard("Thanks for watching!", -1.2, 0.8), "");
        assert_eq!(heard("Thanks for watching!", -1.6, 0.1), "");
        assert_eq!(heard("Thanks for coming.", -0.4, 0.8), "Thanks for coming.");
        assert_eq!(heard("Huh.", -0.9, 0.1), "");
        assert_eq!(heard("Huh. Huh. Huh. Huh.", -0.9, 0.1), "", "however often");
        assert_eq!(heard("Yes.", -0.3, 0.1), "Yes.");
    }

    #[test]
    fn a_few_guessed_words_are_not_shown() {
        let heard = |probabilities: &[f32]| {
            let word = |(index, probability): (usize, &f32)| Word {
                probability: *probability,
                ..Word::certain(["so", "we", "met", "on", "a", "bus", "once"][index])
            };
            let hypothesis = Hypothesis {
                words: probabilities.iter().enumerate().map(word).collect(),
                average_log_probability: -0.5,
                no_speech_probability: 0.1,
                language: None,
            };
            plausible_words(hypothesis, TALK).len()
        };
        assert_eq!(heard(&[0.05]), 0);
        assert_eq!(heard(&[0.08, 0.07, 0.66]), 0);
        assert_eq!(heard(&[0.4]), 1);
        assert_eq!(heard(&[0.1, 0.2, 0.9]), 3);
        assert_eq!(heard(&[0.2; 5]), 0);
        assert_eq!(heard(&[0.2; 7]), 7, "said, and hard to hear");
    }

    #[test]
    fn nobody_says_twenty_words_in_a_second() {
        assert_eq!(heard(&"a b c d e ".repeat(5), -0.2, 0.0), "");
    }

    #[test]
    fn a_steady_tone_is_not_speech() {
        assert!(!may_be_speech(SoundFacts {
            level_variation: 0.2,
            ..TALK
        }));
        assert!(!may_be_speech(SoundFacts {
            steady_share: 0.95,
            ..TALK
        }));
        assert!(may_be_speech(TALK));
    }
}
