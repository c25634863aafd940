//! What a group speaks and which words it uses, with real models and a synthetic voice: vocabularies, languages
//! known and detected, translation.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use hearken_captions_core::{Job, Policy, SAMPLE_RATE, SpeakerKey, Transcriber};
use hearken_captions_worker::WhisperModel;
use hearken_protocol::{
    CaptionStatus, GroupSpeech, Language, ParticipantId, Sensitive, SessionId, SpeechPacket, SpokenLanguage,
    Writing,
};
use support::{Rehearsal, base_model, model, packets, silence, spoken};

const GERMAN: &str = "Guten Morgen. Heute ist das Wetter sehr schön, und wir gehen in den Garten.";
const DOCTOR: &str = "The doctor changed my sertraline to escitalopram.";

fn speech(language: &str, writing: Writing, vocabulary: &[&str]) -> GroupSpeech {
    GroupSpeech {
        language: SpokenLanguage::parse(language).unwrap(),
        writing,
        vocabulary: Sensitive(vocabulary.iter().map(|term| (*term).to_owned()).collect()),
    }
}

fn heard(model: &WhisperModel, speech: GroupSpeech, packets: Vec<SpeechPacket>) -> Rehearsal {
    let mut rehearsal = Rehearsal::with(model, Policy::default());
    rehearsal.pipeline.listen(SessionId(1), speech);
    rehearsal.play(packets);
    rehearsal
}

/// The languages that a speaker's finals are said to be in.
fn languages(rehearsal: &Rehearsal, speaker: u64) -> Vec<&'static str> {
    let finals = rehearsal.events.iter().filter(|(_, event)| {
        event.participant == ParticipantId(speaker)
            && event.status == CaptionStatus::Final
            && !event.stable.is_empty()
    });
    let mut codes: Vec<_> = finals
        .map(|(_, event)| event.language.map_or("none", Language::code))
        .collect();
    codes.dedup();
    codes
}

fn said(speaker: u64, sound: Vec<i16>) -> Vec<SpeechPacket> {
    packets(speaker, &[silence(0.4), sound, silence(1.2)].concat())
}

#[test]
fn a_word_that_is_misheard_is_right_with_the_groups_vocabulary() {
    let sound = spoken("en-us", DOCTOR);
    let text = |vocabulary: &[&str]| {
        let speech = speech("en", Writing::AsSpoken, vocabulary);
        heard(model(), speech, said(1, sound.clone())).finals(1)
    };
    let without = text(&[]);
    assert!(
        !without.contains("scitalopram") && without.contains("doctor"),
        "{without}"
    );
    let with = text(&["Sertraline", "Escitalopram", "Anneliese", "Narcan", "Suboxone"]);
    assert!(with.contains("scitalopram") && with.contains("doctor"), "{with}");
    // What nobody said stays unsaid.
    assert!(!with.contains("Anneliese") && !with.contains("Narcan"), "{with}");
}

#[test]
fn a_vocabulary_is_not_heard_into_silence_noise_and_breathing() {
    let mut random = 0x2545_f491_4f6c_dd1du64;
    let mut noise = |loudness: fn(f32) -> f32| -> Vec<i16> {
        let sample = |index: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let seconds = index as f32 / SAMPLE_RATE as f32;
            ((random as i64 as f32 / i64::MAX as f32) * loudness(seconds)) as i16
        };
        (0..SAMPLE_RATE * 8).map(sample).collect()
    };
    let sounds = [
        ("silence", silence(8.0)),
        ("noise", noise(|_| 6_000.0)),
        (
            "breathing",
            noise(|seconds| 2_500.0 * (seconds * 2.0).sin().max(0.0)),
        ),
        (
            "knocking",
            noise(|seconds| if seconds.fract() < 0.06 { 12_000.0 } else { 60.0 }),
        ),
    ];
    for (name, sound) in sounds {
        let terms = ["Sertraline", "Escitalopram", "Anneliese", "Narcan", "Suboxone"];
        let rehearsal = heard(model(), speech("en", Writing::AsSpoken, &terms), said(1, sound));
        let texts: Vec<_> = rehearsal
            .events
            .iter()
            .map(|(_, event)| (&event.stable.0, &event.tentative.0))
            .collect();
        assert!(texts.is_empty(), "{name}: {texts:?}");
    }
}

#[test]
fn each_speakers_language_is_found_out() {
    let english = support::recording("0930");
    let both = [said(1, spoken("de", GERMAN)), said(2, english)].concat();
    let rehearsal = heard(base_model(), speech("detect", Writing::AsSpoken, &[]), both);
    let german = rehearsal.finals(1).to_lowercase();
    // A synthetic voice: not every word of it is understood, but nobody takes it for English.
    assert!(german.contains("mor") && !german.contains("the "), "{german}");
    assert!(!languages(&rehearsal, 1).contains(&"en"));
    assert_eq!(languages(&rehearsal, 2), ["en"]);
    let english = rehearsal.finals(2).to_lowercase();
    assert!(english.contains("he might even have been"), "{english}");
}

/// What people say one after the other in four languages, each with the voices of two.
const SAID: [(&str, [&str; 2], [&str; 4]); 4] = [
    (
        "de",
        ["de", "de+f2"],
        [
            GERMAN,
            "Letzte Woche habe ich mit meiner Schwester gesprochen, das war sehr gut für mich.",
            "Ich bin seit drei Wochen nüchtern, und es fällt mir jeden Tag ein wenig leichter.",
            "Mein Arzt hat die Tabletten gewechselt, seitdem schlafe ich wieder besser.",
        ],
    ),
    (
        "fr",
        ["fr-fr", "fr-be"],
        [
            "Bonjour à tous. Aujourd'hui il fait très beau et nous allons dans le jardin.",
            "La semaine dernière j'ai parlé avec ma sœur et cela m'a fait beaucoup de bien.",
            "Est-ce que tu peux parler un peu plus fort, s'il te plaît? Je ne t'entends pas.",
            "Le médecin a changé mes médicaments et depuis je dors mieux.",
        ],
    ),
    (
        "es",
        ["es", "es-419"],
        [
            "Buenos días a todos. Hoy hace muy buen tiempo y vamos al jardín.",
            "La semana pasada hablé con mi hermana y me hizo mucho bien.",
            "¿Puedes hablar un poco más alto, por favor? No te oigo bien.",
            "El médico me cambió las pastillas y desde entonces duermo mejor.",
        ],
    ),
    (
        "en",
        ["en-us", "en-gb"],
        [
            "Good morning everybody. The weather is lovely today and we are going to the garden.",
            "Last week I talked to my sister and that did me a lot of good.",
            "Could you speak a little louder, please? I can't hear you very well.",
            "My doctor changed the tablets, and I have been sleeping better since then.",
        ],
    ),
];

#[test]
fn a_language_is_found_out_from_all_that_somebody_says() {
    let mut transcriber = base_model().transcriber().unwrap();
    let (mut right, mut all, mut settled) = (0, 0, Vec::new());
    for (number, (code, voices, texts)) in SAID.iter().enumerate() {
        // Sessions of their own, so that nobody is helped by what others speak.
        let speaker = SpeakerKey {
            session: SessionId(100 + number as u128),
            participant: ParticipantId(1),
        };
        for (utterance, text) in texts.iter().enumerate() {
            let sound = spoken(voices[usize::from(utterance == 2)], text);
            let job = Job {
                speaker,
                utterance: utterance as u64,
                speech: Arc::new(speech("detect", Writing::AsSpoken, &[])),
                ..Job::of_nobody(sound.iter().map(|sample| f32::from(*sample) / 32_768.0).collect())
            };
            let written = transcriber.transcribe(&job).unwrap().language;
            let is_right = written == Language::parse(code);
            all += 1;
            right += usize::from(is_right);
            if utterance + 1 == texts.len() {
                settled.push((*code, is_right));
            }
        }
    }
    assert!(right * 8 >= all * 7, "{right} of {all}");
    assert!(settled.iter().all(|(_, is_right)| *is_right), "{settled:?}");
}

#[test]
fn german_is_written_in_english_where_the_group_wants_that() {
    let wanted = speech("de", Writing::InEnglish, &[]);
    let rehearsal = heard(base_model(), wanted, said(1, spoken("de", GERMAN)));
    assert_eq!(
        languages(&rehearsal, 1),
        ["en"],
        "what is written, not what is spoken"
    );
    let english = rehearsal.finals(1).to_lowercase();
    assert!(
        english.contains("today") && !english.contains("heute"),
        "{english}"
    );
}

#[test]
fn a_model_that_does_not_know_the_language_writes_nothing_rather_than_nonsense() {
    let rehearsal = heard(
        model(),
        speech("de", Writing::AsSpoken, &[]),
        said(1, spoken("de", GERMAN)),
    );
    assert_eq!(rehearsal.finals(1), "");
    assert!(rehearsal.pipeline.counters().jobs_failed > 0);
}
