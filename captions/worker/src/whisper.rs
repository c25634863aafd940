//! The speech model in production: whisper.cpp, one shared model, one state per thread.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hearken_captions_core::{Hypothesis, Job, TranscribeError, Transcriber, Word, max_tokens};
use hearken_protocol::{CaptionAbilities, Language, SessionId, SpokenLanguage, Writing};
use whisper_rs::{
    DtwMode, DtwModelPreset, DtwParameters, FullParams, SamplingStrategy, WhisperContext,
    WhisperContextParameters, WhisperState, WhisperTokenId,
};

use crate::model::{self, Languages, ModelInfo};
use crate::prompt::Tokenizer;
use crate::tongues::Tongues;

/// Positions of the encoder per second of sound.
const POSITIONS_PER_SECOND: f32 = 50.0;
/// Positions beyond the sound: with less, the model misses the end of the text more often.
const POSITIONS_SPARE: usize = 64;
/// The encoder's context is rounded up to that.
const POSITIONS_STEP: usize = 32;
const POSITIONS_MIN: usize = 192;
const POSITIONS_MAX: usize = 1_500;

/// Whether this program was built for a graphics card: see the features of the root package.
const ON_GPU: bool = cfg!(any(
    feature = "cuda",
    feature = "hipblas",
    feature = "intel-sycl",
    feature = "metal",
    feature = "vulkan"
));

/// A model that cannot be used although its file looked right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("whisper.cpp cannot use the model: {0}")]
pub struct WhisperError(String);

/// How much the encoder listens to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Context {
    /// Little more than the sound: several times as fast, and what captions use.
    #[default]
    Fitted,
    /// Half a minute, whatever the sound: what the model was made for, and the bound to compare with.
    Full,
}

/// The model in memory, shared by all threads.
pub struct WhisperModel {
    context: Arc<WhisperContext>,
    /// Whether it says when words end.
    has_times: bool,
    abilities: CaptionAbilities,
    tongues: Arc<Tongues>,
}

impl WhisperModel {
    /// Loads a file that `model::check` found to be right: whisper.cpp aborts the process on some others.
    ///
    /// # Errors
    /// When whisper.cpp refuses the file.
    pub fn load(path: &Path) -> Result<Self, WhisperError> {
        // whisper.cpp writes to stderr otherwise, the text of captions included.
        whisper_rs::install_logging_hooks();
        let mut parameters = WhisperContextParameters::default();
        // Flash attention doubles the encoder's time on a processor.
        parameters.use_gpu(ON_GPU).flash_attn(false);
        // Which of the model's attention heads follow the sound tells when words end.
        let info = model::check(path).ok();
        let followers = info.as_ref().and_then(followers_of);
        let has_times = followers.is_some();
        if let Some(model_preset) = followers {
            parameters.dtw_parameters(DtwParameters {
                mode: DtwMode::ModelPreset { model_preset },
                ..DtwParameters::default()
            });
        }
        let context = WhisperContext::new_with_params(path, parameters).map_err(failed)?;
        let abilities = if !context.is_multilingual() {
            CaptionAbilities::English
        } else if info.is_some_and(|info| info.translates()) {
            CaptionAbilities::LanguagesAndTranslation
        } else {
            CaptionAbilities::Languages
        };
        Ok(Self {
            context: Arc::new(context),
            has_times,
            abilities,
            tongues: Arc::default(),
        })
    }

    /// What it can do.
    pub fn abilities(&self) -> CaptionAbilities {
        self.abilities
    }

    /// A session is over: what its people speak is forgotten.
    pub fn forget_session(&self, session: SessionId) {
        self.tongues.forget_session(session);
    }

    /// Something to transcribe with; one per thread. About 50 MB.
    ///
    /// # Errors
    /// When there is no memory left.
    pub fn transcriber(&self) -> Result<WhisperTranscriber, WhisperError> {
        self.transcriber_with(Context::Fitted)
    }

    /// The same with another context.
    ///
    /// # Errors
    /// When there is no memory left.
    pub fn transcriber_with(&self, context: Context) -> Result<WhisperTranscriber, WhisperError> {
        let state = self.context.create_state().map_err(failed)?;
        Ok(WhisperTranscriber {
            state,
            context,
            has_times: self.has_times,
            end_of_text: self.context.token_eot(),
            start_of_transcript: self.context.token_sot(),
            languages: languages(&self.context),
            abilities: self.abilities,
            tongues: Arc::clone(&self.tongues),
            tokenizer: Tokenizer::of(&self.context),
            parameters: BTreeMap::new(),
        })
    }
}

/// One thread's use of the model.
pub struct WhisperTranscriber {
    state: WhisperState,
    context: Context,
    has_times: bool,
    /// This token and those after it are marks, not text.
    end_of_text: i32,
    start_of_transcript: WhisperTokenId,
    /// The tokens that name languages.
    languages: Vec<(Language, usize)>,
    abilities: CaptionAbilities,
    tongues: Arc<Tongues>,
    tokenizer: Tokenizer,
    parameters: BTreeMap<Language, FullParams<'static, 'static>>,
}

impl Transcriber for WhisperTranscriber {
    fn transcribe(&mut self, job: &Job) -> Result<Hypothesis, TranscribeError> {
        self.abilities
            .suit(&job.speech)
            .map_err(|_| TranscribeError("the model does not know the language".into()))?;
        match job.speech.language {
            SpokenLanguage::Known(language) => self.transcribe_in(language, job),
            SpokenLanguage::Detected => {
                let expected = self.tongues.expected(job.speaker);
                let hypothesis = self.transcribe_in(expected, job)?;
                let spoken = self.look(job)?;
                if spoken == expected {
                    Ok(hypothesis)
                } else {
                    self.transcribe_in(spoken, job)
                }
            }
        }
    }
}

/// What is the same for every job.
fn usual_parameters() -> FullParams<'static, 'static> {
    let mut parameters = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
    parameters.set_n_threads(1);
    parameters.set_no_context(true);
    parameters.set_single_segment(true);
    // Timestamps are not used, but a model that may say them finds the end of the text more often.
    parameters.set_suppress_nst(true);
    parameters.set_temperature_inc(0.0);
    // The judgement is the core's: it sees the voice, too.
    parameters.set_no_speech_thold(1.0);
    parameters.set_print_progress(false);
    parameters.set_print_realtime(false);
    parameters.set_print_special(false);
    parameters.set_print_timestamps(false);
    parameters
}

impl WhisperTranscriber {
    /// The parameters of jobs in this language. Kept: the binding never frees the name of a language.
    fn parameters_for(&mut self, language: Language) -> FullParams<'static, 'static> {
        let parameters = self.parameters.entry(language).or_insert_with(|| {
            let mut parameters = usual_parameters();
            parameters.set_language(Some(language.code()));
            parameters
        });
        parameters.clone()
    }

    fn transcribe_in(&mut self, language: Language, job: &Job) -> Result<Hypothesis, TranscribeError> {
        let prompt = self.tokenizer.prompt(&job.speech);
        let mut parameters = self.parameters_for(language);
        parameters.set_audio_ctx(match self.context {
            Context::Fitted => positions(job.sound.len()) as i32,
            Context::Full => POSITIONS_MAX as i32,
        });
        parameters.set_max_tokens(max_tokens(job.duration()) as i32);
        parameters.set_translate(job.speech.writing == Writing::InEnglish && language != Language::ENGLISH);
        if !prompt.is_empty() {
            parameters.set_tokens(&prompt);
        }
        self.state
            .full(parameters, &job.sound)
            .map_err(|error| TranscribeError(error.to_string()))?;
        let written = match job.speech.writing {
            Writing::AsSpoken => language,
            Writing::InEnglish => Language::ENGLISH,
        };
        Ok(self.hypothesis(written))
    }

    /// Asks the model for the language of the job that was just transcribed: what its encoder made of the sound is
    /// still there, so it costs one step of the decoder. (The library's own detection would encode anew, with as much
    /// context as the job before had.)
    fn look(&mut self, job: &Job) -> Result<Language, TranscribeError> {
        let failed = |error: whisper_rs::WhisperError| TranscribeError(error.to_string());
        self.state
            .decode(&[self.start_of_transcript], 0, 1)
            .map_err(failed)?;
        let logits = self.state.get_logits().map_err(failed)?;
        let of = |(language, token): &(Language, usize)| Some((*language, *logits.get(*token)?));
        let mut likely: Vec<(Language, f32)> = self.languages.iter().filter_map(of).collect();
        let most = likely.iter().map(|(_, logit)| *logit).fold(f32::MIN, f32::max);
        likely
            .iter_mut()
            .for_each(|(_, logit)| *logit = (*logit - most).exp());
        let sum: f32 = likely.iter().map(|(_, share)| share).sum();
        likely.iter_mut().for_each(|(_, share)| *share /= sum);
        let seconds = job.duration().as_secs_f32();
        Ok(self.tongues.learn(job.speaker, job.utterance, seconds, likely))
    }

    fn hypothesis(&self, language: Language) -> Hypothesis {
        let mut words = WordBuilder::default();
        let (mut log_probabilities, mut tokens, mut no_speech) = (0.0, 0usize, None);
        for segment in self.state.as_iter() {
            no_speech = no_speech.or(Some(segment.no_speech_probability()));
            for token in (0..segment.n_tokens()).filter_map(|index| segment.get_token(index)) {
                if token.token_id() >= self.end_of_text {
                    continue;
                }
                let probability = token.token_probability();
                log_probabilities += probability.max(f32::MIN_POSITIVE).ln();
                tokens += 1;
                let ends_at = self.has_times.then(|| token.token_data().t_dtw);
                let ends_at = ends_at.and_then(|hundredths| u64::try_from(hundredths).ok());
                words.push(
                    token.to_bytes().unwrap_or_default(),
                    probability,
                    ends_at.map(|hundredths| Duration::from_millis(hundredths * 10)),
                );
            }
        }
        Hypothesis {
            words: words.finish(),
            average_log_probability: if tokens == 0 {
                0.0
            } else {
                log_probabilities / tokens as f32
            },
            no_speech_probability: no_speech.unwrap_or(1.0),
            language: Some(language),
        }
    }
}

/// Puts words together from tokens. A token may hold part of a character: bytes, not text.
#[derive(Default)]
struct WordBuilder {
    words: Vec<Word>,
    bytes: Vec<u8>,
    probability: f32,
    ends_at: Option<Duration>,
}

impl WordBuilder {
    fn push(&mut self, token: &[u8], probability: f32, ends_at: Option<Duration>) {
        if token.starts_with(b" ") {
            self.end_word();
        }
        if self.bytes.is_empty() {
            self.probability = probability;
        }
        self.probability = self.probability.min(probability);
        // Punctuation is heard in the pause after the word.
        if token
            .iter()
            .any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
        {
            self.ends_at = ends_at;
        }
        self.bytes.extend_from_slice(token);
    }

    fn end_word(&mut self) {
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.bytes)).into_owned();
        let words = text.split_whitespace();
        self.words.extend(words.map(|text| Word {
            text: text.to_owned(),
            probability: self.probability,
            ends_at: self.ends_at,
        }));
    }

    fn finish(mut self) -> Vec<Word> {
        self.end_word();
        self.words
    }
}

/// The tokens by which a model names the languages that it knows.
fn languages(context: &WhisperContext) -> Vec<(Language, usize)> {
    if !context.is_multilingual() {
        return Vec::new();
    }
    // Older models know a language less than newer ones.
    let after = context.token_translate();
    let token = |language: Language| {
        let token = context.token_lang(whisper_rs::get_lang_id(language.code())?);
        let token = usize::try_from(token).ok().filter(|_| token < after)?;
        Some((language, token))
    };
    Language::all().filter_map(token).collect()
}

/// The attention heads that are known to follow the sound in a model of these sizes.
fn followers_of(info: &ModelInfo) -> Option<DtwModelPreset> {
    let english = info.languages == Languages::English;
    match (info.width, info.layers, english) {
        (384, (4, 4), true) => Some(DtwModelPreset::TinyEn),
        (384, (4, 4), false) => Some(DtwModelPreset::Tiny),
        (512, (6, 6), true) => Some(DtwModelPreset::BaseEn),
        (512, (6, 6), false) => Some(DtwModelPreset::Base),
        (768, (12, 12), true) => Some(DtwModelPreset::SmallEn),
        (768, (12, 12), false) => Some(DtwModelPreset::Small),
        (1024, (24, 24), true) => Some(DtwModelPreset::MediumEn),
        (1024, (24, 24), false) => Some(DtwModelPreset::Medium),
        // Distilled and large models: several of the same sizes have other heads.
        _ => None,
    }
}

/// The encoder's context for so many samples: its time grows with it.
fn positions(samples: usize) -> usize {
    let seconds = samples as f32 / hearken_captions_core::SAMPLE_RATE as f32;
    let positions = (seconds * POSITIONS_PER_SECOND).ceil() as usize + POSITIONS_SPARE;
    positions
        .next_multiple_of(POSITIONS_STEP)
        .clamp(POSITIONS_MIN, POSITIONS_MAX)
}

fn failed(error: whisper_rs::WhisperError) -> WhisperError {
    WhisperError(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_put_together_from_tokens() {
        let mut words = WordBuilder::default();
        for (token, probability) in [(" ca", 0.9), ("f\u{e9}", 0.4), (".", 0.8), (" Two", 0.7)] {
            words.push(token.as_bytes(), probability, Some(Duration::from_secs(1)));
        }
        let words = words.finish();
        assert_eq!(
            words[0],
            Word {
                text: "café.".into(),
                probability: 0.4,
                ends_at: Some(Duration::from_secs(1)),
            }
        );
        assert_eq!(
            words[1],
            Word {
                text: "Two".into(),
                probability: 0.7,
                ends_at: Some(Duration::from_secs(1)),
            }
        );
    }

    #[test]
    fn a_character_split_over_two_tokens_is_whole() {
        let mut words = WordBuilder::default();
        words.push(b" caf\xc3", 0.9, None);
        words.push(b"\xa9", 0.9, None);
        assert_eq!(words.finish()[0].text, "café");
    }

    #[test]
    fn the_context_grows_with_the_sound() {
        assert_eq!(positions(16_000), 192);
        assert_eq!(positions(16_000 * 5), 320);
        assert_eq!(positions(16_000 * 60), 1_500);
    }
}
