//! When each word of recordings with a known text ends: the model is made to say the text, and its attention tells
//! when. Prints `NAME END END ...` in hundredths of a second, for `benches/data/word_ends.txt`.
//!
//! `align_words MODEL`, of all recordings that `HEARKEN_SPEECH_DIR` names. English tiny models only.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::ffi::c_void;

use hearken_benches::captions::plain_words;
use hearken_benches::recordings;
use whisper_rs::{
    DtwMode, DtwModelPreset, DtwParameters, FullParams, SamplingStrategy, WhisperContext,
    WhisperContextParameters,
};

/// Whisper listens to half a minute at a time.
const SECONDS_MAX: usize = 29;

/// What the model is made to say.
struct Script {
    tokens: Vec<i32>,
    end_of_text: i32,
    vocabulary: usize,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    whisper_rs::install_logging_hooks();
    let mut parameters = WhisperContextParameters::default();
    parameters.use_gpu(false).flash_attn(false);
    parameters.dtw_parameters(DtwParameters {
        mode: DtwMode::ModelPreset {
            model_preset: DtwModelPreset::TinyEn,
        },
        ..DtwParameters::default()
    });
    let context = WhisperContext::new_with_params(&arguments[0], parameters).unwrap();
    for recording in recordings().unwrap() {
        let Some(text) = &recording.transcript else {
            continue;
        };
        if recording.samples.len() > SECONDS_MAX * recording.rate as usize {
            continue;
        }
        let sound: Vec<f32> = recording
            .samples
            .iter()
            .map(|sample| f32::from(*sample) / 32_768.0)
            .collect();
        let ends: Vec<String> = align(&context, &plain_words(text), &sound)
            .iter()
            .map(i64::to_string)
            .collect();
        println!("{} {}", recording.name, ends.join(" "));
    }
}

fn align(context: &WhisperContext, words: &[String], sound: &[f32]) -> Vec<i64> {
    let (mut tokens, mut last_of_word) = (Vec::new(), Vec::new());
    for word in words {
        tokens.extend(context.tokenize(&format!(" {word}"), 64).unwrap());
        last_of_word.push(tokens.len() - 1);
    }
    let mut script = Script {
        tokens,
        end_of_text: context.token_eot(),
        vocabulary: context.n_vocab() as usize,
    };
    let mut parameters = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
    parameters.set_n_threads(1);
    // 50 positions a second, and a second more.
    parameters.set_audio_ctx((sound.len() / 320 + 50).clamp(192, 1_500) as i32);
    parameters.set_no_context(true);
    parameters.set_single_segment(true);
    parameters.set_no_timestamps(true);
    parameters.set_temperature_inc(0.0);
    parameters.set_print_progress(false);
    // SAFETY: `script` outlives the call of `full`, which alone uses the callback.
    unsafe {
        parameters.set_filter_logits_callback(Some(say_script));
        parameters.set_filter_logits_callback_user_data((&raw mut script).cast::<c_void>());
    }
    let mut state = context.create_state().unwrap();
    state.full(parameters, sound).unwrap();
    let mut ends = Vec::new();
    for segment in state.as_iter() {
        for token in (0..segment.n_tokens()).filter_map(|index| segment.get_token(index)) {
            if token.token_id() < script.end_of_text {
                ends.push(token.token_data().t_dtw);
            }
        }
    }
    assert_eq!(ends.len(), script.tokens.len(), "all of the text is said");
    last_of_word.iter().map(|index| ends[*index]).collect()
}

/// Leaves only the next token of the script possible.
unsafe extern "C" fn say_script(
    _context: *mut whisper_rs::WhisperSysContext,
    _state: *mut whisper_rs::WhisperSysState,
    _tokens: *const whisper_rs::WhisperTokenData,
    said: i32,
    logits: *mut f32,
    script: *mut c_void,
) {
    // SAFETY: whisper.cpp hands back the script, and as many logits as there are tokens.
    let (script, logits) = unsafe {
        let script = &*script.cast::<Script>();
        (script, std::slice::from_raw_parts_mut(logits, script.vocabulary))
    };
    let next = script
        .tokens
        .get(said as usize)
        .copied()
        .unwrap_or(script.end_of_text);
    for (token, logit) in logits.iter_mut().enumerate() {
        if token as i32 != next {
            *logit = f32::NEG_INFINITY;
        }
    }
}
