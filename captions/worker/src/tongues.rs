//! Which language each speaker speaks, where nobody said so. Every look of the model counts, of all utterances of a
//! speaker together, beside what the others of the session speak: so that one mumbled sentence does not turn a German
//! into a Dutchwoman, and the first words of somebody new are taken for what the group speaks.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use hearken_captions_core::{SPEAKERS_MAX, SpeakerKey};
use hearken_protocol::{Language, SessionId};

/// The model guesses from less sound than that, in seconds...
const SECONDS_MIN: f32 = 0.8;
/// ...and knows as much as it will from so much more.
const SECONDS_ENOUGH: f32 = 3.2;
/// A probability smaller than that is as good as none: one look can't rule a language out for good.
const PROBABILITY_MIN: f32 = 0.01;
/// What was heard before counts so much less with each further utterance. Higher: who goes over to another language
/// is followed later.
const FADING: f32 = 0.8;
/// By so much the evidence for another language has to be stronger, as a natural logarithm: it is twice as likely.
const MARGIN: f32 = 0.7;
/// What the model is too quick to hear in voices that it does not get on with, and hardly a group speaks: as natural
/// logarithms. Nobody is brought up in Latin or Sanskrit, and Nynorsk is a way of writing.
const SELDOM: [(&str, f32); 11] = [
    ("la", -3.0),
    ("sa", -3.0),
    ("nn", -3.0),
    ("bo", -1.0),
    ("br", -1.0),
    ("cy", -1.0),
    ("fo", -1.0),
    ("haw", -1.0),
    ("jw", -1.0),
    ("mi", -1.0),
    ("yi", -1.0),
];

/// What is known of all speakers. Shared by the threads.
#[derive(Debug, Default)]
pub(crate) struct Tongues {
    // Guards the table; held for look-ups only. Full: what is known is forgotten and found out again.
    speakers: Mutex<HashMap<SpeakerKey, Tongue>>,
}

/// How well each language explains what was heard: sums of the logarithms of probabilities.
type Evidence = BTreeMap<Language, f32>;

#[derive(Debug, Default)]
struct Tongue {
    /// Of utterances that are over.
    before: Evidence,
    /// Of the present utterance, by the latest look: that one heard most of it.
    now: Evidence,
    utterance: u64,
    /// What it was taken for, once that was clear.
    language: Option<Language>,
}

impl Tongues {
    /// What a speaker is taken to speak before the next look: what was found out, or else what most others of the
    /// session speak, or else English.
    pub fn expected(&self, speaker: SpeakerKey) -> Language {
        let speakers = self.speakers.lock().unwrap_or_else(PoisonError::into_inner);
        expected(&speakers, speaker)
    }

    /// A session is over: what its people spoke is forgotten.
    pub fn forget_session(&self, session: SessionId) {
        let mut speakers = self.speakers.lock().unwrap_or_else(PoisonError::into_inner);
        speakers.retain(|speaker, _| speaker.session != session);
    }

    /// Takes what the model said about so much sound of an utterance, as probabilities of all the languages that it
    /// knows; says what the speaker is taken to speak then.
    pub fn learn(
        &self,
        speaker: SpeakerKey,
        utterance: u64,
        seconds: f32,
        probabilities: impl IntoIterator<Item = (Language, f32)>,
    ) -> Language {
        let mut speakers = self.speakers.lock().unwrap_or_else(PoisonError::into_inner);
        if speakers.len() >= SPEAKERS_MAX && !speakers.contains_key(&speaker) {
            speakers.clear();
        }
        let standing = expected(&speakers, speaker);
        let others = others(&speakers, speaker);
        let tongue = speakers.entry(speaker).or_default();
        tongue.look(utterance, seconds, probabilities);
        tongue.decide(standing, &others)
    }
}

impl Tongue {
    fn look(
        &mut self,
        utterance: u64,
        seconds: f32,
        probabilities: impl IntoIterator<Item = (Language, f32)>,
    ) {
        if self.utterance != utterance {
            self.utterance = utterance;
            for (language, evidence) in std::mem::take(&mut self.now) {
                *self.before.entry(language).or_default() += evidence;
            }
            self.before.values_mut().for_each(|evidence| *evidence *= FADING);
        }
        let weight = ((seconds - SECONDS_MIN) / SECONDS_ENOUGH).clamp(0.0, 1.0);
        let evidence = |probability: f32| weight * probability.clamp(PROBABILITY_MIN, 1.0).ln();
        self.now = probabilities
            .into_iter()
            .map(|(language, probability)| (language, evidence(probability)))
            .collect();
    }

    /// Weighs all that is known, and changes its mind where that is clear.
    fn decide(&mut self, standing: Language, others: &BTreeMap<Language, usize>) -> Language {
        let score = |language: Language| {
            let sum = |evidence: &Evidence| evidence.get(&language).copied().unwrap_or_default();
            let others = others.get(&language).copied().unwrap_or_default() as f32;
            seldom(language) + others.ln_1p() + sum(&self.before) + sum(&self.now)
        };
        let mut scores: Vec<(f32, Language)> = self.now.keys().map(|key| (score(*key), *key)).collect();
        scores.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        let Some(&(most, best)) = scores.first() else {
            return standing;
        };
        let rival = if best == standing {
            scores.get(1).map_or(f32::MIN, |(second, _)| *second)
        } else {
            score(standing)
        };
        if most - rival > MARGIN {
            self.language = Some(best);
        }
        self.language.unwrap_or(standing)
    }
}

fn expected(speakers: &HashMap<SpeakerKey, Tongue>, speaker: SpeakerKey) -> Language {
    let known = speakers.get(&speaker).and_then(|tongue| tongue.language);
    known.unwrap_or_else(|| {
        let others = others(speakers, speaker);
        let most = others.into_iter().max_by_key(|(_, speakers)| *speakers);
        most.map_or(Language::ENGLISH, |(language, _)| language)
    })
}

/// How many others of the session speak what.
fn others(speakers: &HashMap<SpeakerKey, Tongue>, speaker: SpeakerKey) -> BTreeMap<Language, usize> {
    let mut counts = BTreeMap::new();
    for (key, tongue) in speakers {
        if let Some(language) = tongue.language
            && key.session == speaker.session
            && *key != speaker
        {
            *counts.entry(language).or_default() += 1;
        }
    }
    counts
}

fn seldom(language: Language) -> f32 {
    let weight = SELDOM.iter().find(|(code, _)| *code == language.code());
    weight.map_or(0.0, |(_, weight)| *weight)
}

#[cfg(test)]
mod tests {
    use hearken_protocol::ParticipantId;

    use super::*;

    fn speaker(participant: u64) -> SpeakerKey {
        SpeakerKey {
            session: SessionId(1),
            participant: ParticipantId(participant),
        }
    }

    fn language(code: &str) -> Language {
        Language::parse(code).unwrap()
    }

    /// What the model says: these languages, and of all others the rest.
    fn said(likely: &[(&str, f32)]) -> Vec<(Language, f32)> {
        let known = |language: Language| likely.iter().find(|(code, _)| *code == language.code());
        Language::all()
            .map(|language| {
                (
                    language,
                    known(language).map_or(0.001, |(_, probability)| *probability),
                )
            })
            .collect()
    }

    #[test]
    fn one_odd_utterance_does_not_change_a_language_and_many_do() {
        let (tongues, german, dutch) = (Tongues::default(), language("de"), language("nl"));
        for utterance in 1..5 {
            let heard = said(&[("de", 0.9), ("nl", 0.1)]);
            assert_eq!(tongues.learn(speaker(1), utterance, 3.0, heard), german);
        }
        let odd = || said(&[("nl", 0.9), ("de", 0.1)]);
        // However often it is looked at.
        for _ in 0..8 {
            assert_eq!(tongues.learn(speaker(1), 5, 4.0, odd()), german);
        }
        let later = (6..14).map(|utterance| tongues.learn(speaker(1), utterance, 4.0, odd()));
        assert_eq!(later.last(), Some(dutch));
    }

    #[test]
    fn utterances_that_leave_a_doubt_each_add_up() {
        let tongues = Tongues::default();
        let doubtful = || said(&[("de", 0.35), ("en", 0.25), ("la", 0.3)]);
        assert_eq!(tongues.learn(speaker(1), 1, 4.0, doubtful()), Language::ENGLISH);
        tongues.learn(speaker(1), 2, 4.0, doubtful());
        assert_eq!(tongues.learn(speaker(1), 3, 4.0, doubtful()), language("de"));
    }

    #[test]
    fn a_first_syllable_says_nothing_and_is_taken_for_what_the_group_speaks() {
        let tongues = Tongues::default();
        let syllable = || said(&[("zh", 0.9)]);
        assert_eq!(tongues.learn(speaker(1), 1, 0.9, syllable()), Language::ENGLISH);
        assert_eq!(tongues.expected(speaker(1)), Language::ENGLISH);
        tongues.learn(speaker(2), 1, 5.0, said(&[("fr", 0.9)]));
        assert_eq!(tongues.expected(speaker(3)), language("fr"));
        assert_eq!(tongues.learn(speaker(3), 1, 0.9, syllable()), language("fr"));
        let elsewhere = SpeakerKey {
            session: SessionId(2),
            ..speaker(3)
        };
        assert_eq!(tongues.expected(elsewhere), Language::ENGLISH);
        tongues.forget_session(SessionId(2));
        assert_eq!(tongues.expected(speaker(3)), language("fr"));
        // Who speaks otherwise is heard all the same.
        let greek = said(&[("el", 0.8), ("fr", 0.1)]);
        assert_eq!(tongues.learn(speaker(3), 2, 4.0, greek), language("el"));
        tongues.forget_session(SessionId(1));
        assert_eq!(tongues.expected(speaker(3)), Language::ENGLISH);
    }

    #[test]
    fn latin_has_to_be_clear() {
        let tongues = Tongues::default();
        let mumbled = said(&[("la", 0.5), ("de", 0.3), ("en", 0.1)]);
        assert_eq!(tongues.learn(speaker(1), 1, 4.0, mumbled), language("de"));
        let clear = said(&[("la", 0.99)]);
        assert_eq!(tongues.learn(speaker(2), 1, 4.0, clear), language("la"));
    }
}
