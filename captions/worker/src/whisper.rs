//! The speech model in production: whisper.cpp, one shared model, one state per thread.

use std::path::Path;

use hearken_captions_core::{Hypothesis, Job, TranscribeError, Transcriber, Word, max_tokens};
use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperState};

/// Positions of the encoder per second of sound.
const POSITIONS_PER_SECOND: f32 = 50.0;
/// Positions beyond the sound: with less, the model misses the end of the text more often.
const POSITIONS_SPARE: usize = 64;
/// The encoder's context is rounded up to that.
const POSITIONS_STEP: usize = 32;
const POSITIONS_MIN: usize = 192;
const POSITIONS_MAX: usize = 1_500;

/// A model that cannot be used although its file looked right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("whisper.cpp cannot use the model: {0}")]
pub struct WhisperError(String);

/// The model in memory, shared by all threads.
pub struct WhisperModel {
    context: WhisperContext,
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
        parameters.use_gpu(false).flash_attn(false);
        let context = WhisperContext::new_with_params(path, parameters).map_err(failed)?;
        Ok(Self { context })
    }

    /// Something to transcribe with; one per thread. About 50 MB.
    ///
    /// # Errors
    /// When there is no memory left.
    pub fn transcriber(&self) -> Result<WhisperTranscriber, WhisperError> {
        let state = self.context.create_state().map_err(failed)?;
        Ok(WhisperTranscriber {
            state,
            end_of_text: self.context.token_eot(),
        })
    }
}

/// One thread's use of the model.
pub struct WhisperTranscriber {
    state: WhisperState,
    /// This token and those after it are marks, not text.
    end_of_text: i32,
}

impl Transcriber for WhisperTranscriber {
    fn transcribe(&mut self, job: &Job) -> Result<Hypothesis, TranscribeError> {
        let mut parameters = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        parameters.set_n_threads(1);
        parameters.set_audio_ctx(positions(job.sound.len()) as i32);
        parameters.set_max_tokens(max_tokens(job.duration()) as i32);
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
        self.state
            .full(parameters, &job.sound)
            .map_err(|error| TranscribeError(error.to_string()))?;
        Ok(self.hypothesis())
    }
}

impl WhisperTranscriber {
    fn hypothesis(&self) -> Hypothesis {
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
                words.push(token.to_bytes().unwrap_or_default(), probability);
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
        }
    }
}

/// Puts words together from tokens. A token may hold part of a character: bytes, not text.
#[derive(Default)]
struct WordBuilder {
    words: Vec<Word>,
    bytes: Vec<u8>,
    probability: f32,
}

impl WordBuilder {
    fn push(&mut self, token: &[u8], probability: f32) {
        if token.starts_with(b" ") {
            self.end_word();
        }
        if self.bytes.is_empty() {
            self.probability = probability;
        }
        self.probability = self.probability.min(probability);
        self.bytes.extend_from_slice(token);
    }

    fn end_word(&mut self) {
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.bytes)).into_owned();
        let words = text.split_whitespace();
        self.words.extend(words.map(|text| Word {
            text: text.to_owned(),
            probability: self.probability,
        }));
    }

    fn finish(mut self) -> Vec<Word> {
        self.end_word();
        self.words
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
            words.push(token.as_bytes(), probability);
        }
        let words = words.finish();
        assert_eq!(
            words[0],
            Word {
                text: "café.".into(),
                probability: 0.4
            }
        );
        assert_eq!(
            words[1],
            Word {
                text: "Two".into(),
                probability: 0.7
            }
        );
    }

    #[test]
    fn a_character_split_over_two_tokens_is_whole() {
        let mut words = WordBuilder::default();
        words.push(b" caf\xc3", 0.9);
        words.push(b"\xa9", 0.9);
        assert_eq!(words.finish()[0].text, "café");
    }

    #[test]
    fn the_context_grows_with_the_sound() {
        assert_eq!(positions(16_000), 192);
        assert_eq!(positions(16_000 * 5), 320);
        assert_eq!(positions(16_000 * 60), 1_500);
    }
}
