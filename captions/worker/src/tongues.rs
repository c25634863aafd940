//! Which language each speaker speaks, where nobody said so: the model is asked now and then, and what it said
//! before counts too, so that one mumbled sentence does not turn a German into a Dutchwoman.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hearken_captions_core::{SPEAKERS_MAX, SpeakerKey};
use hearken_protocol::Language;

/// Evidence for one language so strong is not looked behind for a while: seconds of sound, weighed by how sure the
/// model was.
const EVIDENCE_ENOUGH: f32 = 8.0;
/// After so many jobs without a look, another look is taken.
const JOBS_BETWEEN_LOOKS: u32 = 12;
/// What was heard before counts so much less with each look.
const FADING: f32 = 0.8;

/// What is known of all speakers. Shared by the threads.
#[derive(Debug, Default)]
pub(crate) struct Tongues {
    // Guards the table; held for look-ups only. Full: what is known is forgotten and found out again.
    speakers: Mutex<HashMap<SpeakerKey, Tongue>>,
}

#[derive(Debug, Default)]
struct Tongue {
    evidence: Vec<(Language, f32)>,
    jobs_since_look: u32,
}

impl Tongues {
    /// The language of a speaker, if it is known well enough to do without another look.
    pub fn known(&self, speaker: SpeakerKey) -> Option<Language> {
        let mut speakers = self.speakers.lock().unwrap_or_else(PoisonError::into_inner);
        let tongue = speakers.get_mut(&speaker)?;
        tongue.jobs_since_look += 1;
        let (language, evidence) = tongue.best()?;
        (evidence >= EVIDENCE_ENOUGH && tongue.jobs_since_look < JOBS_BETWEEN_LOOKS).then_some(language)
    }

    /// Takes what the model said about so much sound, as probabilities; says what that speaker's language is then.
    pub fn learn(
        &self,
        speaker: SpeakerKey,
        seconds: f32,
        probabilities: impl IntoIterator<Item = (Language, f32)>,
    ) -> Option<Language> {
        let mut speakers = self.speakers.lock().unwrap_or_else(PoisonError::into_inner);
        if speakers.len() >= SPEAKERS_MAX && !speakers.contains_key(&speaker) {
            speakers.clear();
        }
        let tongue = speakers.entry(speaker).or_default();
        tongue.jobs_since_look = 0;
        for (_, evidence) in &mut tongue.evidence {
            *evidence *= FADING;
        }
        for (language, probability) in probabilities {
            match tongue.evidence.iter_mut().find(|(known, _)| *known == language) {
                Some((_, evidence)) => *evidence += probability * seconds,
                None => tongue.evidence.push((language, probability * seconds)),
            }
        }
        tongue.best().map(|(language, _)| language)
    }
}

impl Tongue {
    fn best(&self) -> Option<(Language, f32)> {
        self.evidence
            .iter()
            .copied()
            .max_by(|(_, one), (_, other)| one.total_cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use hearken_protocol::{ParticipantId, SessionId};

    use super::*;

    const ANN: SpeakerKey = SpeakerKey {
        session: SessionId(1),
        participant: ParticipantId(1),
    };

    fn language(code: &str) -> Language {
        Language::parse(code).unwrap()
    }

    #[test]
    fn one_odd_guess_does_not_change_a_language_and_many_do() {
        let (tongues, german, dutch) = (Tongues::default(), language("de"), language("nl"));
        for _ in 0..4 {
            assert_eq!(
                tongues.learn(ANN, 3.0, [(german, 0.9), (dutch, 0.1)]),
                Some(german)
            );
        }
        assert_eq!(
            tongues.learn(ANN, 1.5, [(dutch, 0.9), (german, 0.1)]),
            Some(german)
        );
        let later = (0..8).map(|_| tongues.learn(ANN, 3.0, [(dutch, 0.9)])).last();
        assert_eq!(later.flatten(), Some(dutch));
    }

    #[test]
    fn the_model_is_asked_until_it_is_sure_and_again_now_and_then() {
        let (tongues, german) = (Tongues::default(), language("de"));
        assert_eq!(tongues.known(ANN), None);
        tongues.learn(ANN, 2.0, [(german, 0.9)]);
        assert_eq!(tongues.known(ANN), None);
        for _ in 0..5 {
            tongues.learn(ANN, 4.0, [(german, 0.9)]);
        }
        let known = (0..JOBS_BETWEEN_LOOKS).filter(|_| tongues.known(ANN).is_some());
        assert_eq!(known.count(), JOBS_BETWEEN_LOOKS as usize - 1);
        assert_eq!(tongues.known(ANN), None);
    }
}
