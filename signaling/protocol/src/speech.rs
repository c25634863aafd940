//! How a group speaks, and what captions are to be written from it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Sensitive;

/// Languages that speech models know, by their codes (ISO 639-1, and 639-3 where there is none).
const CODES: [&str; 99] = [
    "af", "am", "ar", "as", "az", "ba", "be", "bg", "bn", "bo", "br", "bs", "ca", "cs", "cy", "da", "de",
    "el", "en", "es", "et", "eu", "fa", "fi", "fo", "fr", "gl", "gu", "ha", "haw", "he", "hi", "hr", "ht",
    "hu", "hy", "id", "is", "it", "ja", "jw", "ka", "kk", "km", "kn", "ko", "la", "lb", "ln", "lo", "lt",
    "lv", "mg", "mi", "mk", "ml", "mn", "mr", "ms", "mt", "my", "ne", "nl", "nn", "no", "oc", "pa", "pl",
    "ps", "pt", "ro", "ru", "sa", "sd", "si", "sk", "sl", "sn", "so", "sq", "sr", "su", "sv", "sw", "ta",
    "te", "tg", "th", "tk", "tl", "tr", "tt", "uk", "ur", "uz", "vi", "yi", "yo", "zh",
];

/// Words of a group's vocabulary, together. More would crowd out what the model hears.
pub const VOCABULARY_TERMS_MAX: usize = 50;

/// Longest term of a vocabulary, in characters.
pub const VOCABULARY_TERM_CHARACTERS_MAX: usize = 40;

/// Longest vocabulary, in characters of all its terms: some 120 tokens of the model, of the 224 that it takes.
pub const VOCABULARY_CHARACTERS_MAX: usize = 400;

/// A language that speech models know.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Language(u8);

impl Language {
    /// What most models know best.
    pub const ENGLISH: Self = Self(18);

    /// All of them, by code.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..CODES.len()).filter_map(|index| u8::try_from(index).ok().map(Self))
    }

    /// The language of a code, `de`, if there is one.
    pub fn parse(code: &str) -> Option<Self> {
        Self::all().find(|language| language.code() == code)
    }

    /// Its code.
    pub fn code(self) -> &'static str {
        CODES.get(usize::from(self.0)).copied().unwrap_or("en")
    }
}

impl Language {
    /// Its tag as documents have it (BCP 47): its code, but where the models' code is an older one.
    pub fn tag(self) -> &'static str {
        match self.code() {
            "jw" => "jv",
            code => code,
        }
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

impl From<Language> for String {
    fn from(language: Language) -> Self {
        language.code().to_owned()
    }
}

impl ts_rs::TS for Language {
    type WithoutGenerics = Self;
    type OptionInnerType = Self;

    fn name(_: &ts_rs::Config) -> String {
        "string".to_owned()
    }

    fn inline(_: &ts_rs::Config) -> String {
        "string".to_owned()
    }
}

impl TryFrom<String> for Language {
    type Error = UnknownLanguage;

    fn try_from(code: String) -> Result<Self, UnknownLanguage> {
        Self::parse(&code).ok_or(UnknownLanguage)
    }
}

/// A code that is no language's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownLanguage;

impl fmt::Display for UnknownLanguage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("no language that speech models know")
    }
}

/// Which language is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SpokenLanguage {
    /// This one.
    Known(Language),
    /// The model finds out, for each speaker.
    Detected,
}

impl SpokenLanguage {
    /// What stands for detection.
    const DETECT: &'static str = "detect";

    /// From a code, or `detect`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == Self::DETECT {
            Some(Self::Detected)
        } else {
            Language::parse(text).map(Self::Known)
        }
    }

    /// As [`Self::parse`] reads it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Known(language) => language.code(),
            Self::Detected => Self::DETECT,
        }
    }
}

/// In which language captions are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub enum Writing {
    /// In the one that is spoken.
    #[default]
    AsSpoken,
    /// Translated to English.
    InEnglish,
}

/// What the speech model is told of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSpeech {
    /// What is spoken.
    pub language: SpokenLanguage,
    /// What is written.
    pub writing: Writing,
    /// Names and terms of the group that a model would not expect. Within the limits above.
    pub vocabulary: Sensitive<Vec<String>>,
}

impl Default for GroupSpeech {
    /// English, without a vocabulary.
    fn default() -> Self {
        Self {
            language: SpokenLanguage::Known(Language::ENGLISH),
            writing: Writing::AsSpoken,
            vocabulary: Sensitive(Vec::new()),
        }
    }
}

/// What a caption model can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CaptionAbilities {
    /// English and nothing else.
    English,
    /// All languages, written as they are spoken.
    Languages,
    /// All languages, also translated to English.
    LanguagesAndTranslation,
}

/// What a caption model can't do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inability {
    /// It knows English only.
    Language,
    /// It can't translate.
    Translation,
}

impl GroupSpeech {
    /// In which language people here write, as far as anybody said.
    pub fn language_of_people(&self) -> Option<Language> {
        match self.language {
            SpokenLanguage::Known(language) => Some(language),
            SpokenLanguage::Detected => None,
        }
    }
}

impl CaptionAbilities {
    /// Whether a model can write what is spoken there.
    ///
    /// # Errors
    /// What it lacks.
    pub fn suit(self, speech: &GroupSpeech) -> Result<(), Inability> {
        let english = SpokenLanguage::Known(Language::ENGLISH);
        match (self, speech.writing) {
            (Self::English, _) if speech.language != english => Err(Inability::Language),
            (Self::English | Self::Languages, Writing::InEnglish) if speech.language != english => {
                Err(Inability::Translation)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speech(language: &str, writing: Writing) -> GroupSpeech {
        GroupSpeech {
            language: SpokenLanguage::parse(language).expect("the tests name languages that there are"),
            writing,
            ..GroupSpeech::default()
        }
    }

    #[test]
    fn codes_are_sorted_and_lead_to_their_language() {
        assert!(CODES.is_sorted());
        assert_eq!(Language::ENGLISH.code(), "en");
        for language in Language::all() {
            assert_eq!(Language::parse(language.code()), Some(language));
        }
        assert_eq!(Language::parse("xx"), None);
        assert_eq!(SpokenLanguage::parse("detect"), Some(SpokenLanguage::Detected));
    }

    #[test]
    fn models_are_asked_for_what_they_can_do_only() {
        use CaptionAbilities::{English, Languages, LanguagesAndTranslation};
        for (model, language, writing, answer) in [
            (English, "en", Writing::AsSpoken, Ok(())),
            (English, "de", Writing::AsSpoken, Err(Inability::Language)),
            (English, "detect", Writing::AsSpoken, Err(Inability::Language)),
            (Languages, "detect", Writing::AsSpoken, Ok(())),
            (Languages, "de", Writing::InEnglish, Err(Inability::Translation)),
            (LanguagesAndTranslation, "de", Writing::InEnglish, Ok(())),
        ] {
            assert_eq!(
                model.suit(&speech(language, writing)),
                answer,
                "{model:?} {language}"
            );
        }
    }
}
