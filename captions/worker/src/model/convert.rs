//! Writes a Whisper checkpoint of CTranslate2 as a ggml file, which whisper.cpp reads. Deterministic: the same input
//! gives the same bytes.

use std::io::{self, Write};

use thiserror::Error;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::layout::{self, AUDIO_CONTEXT, Sizes, Storage, TEXT_CONTEXT};
use super::precision::{self, Precision};
use super::vocabulary::{self, VocabularyError};
use super::{ggml, mel};

/// What the weights are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Half precision: twice the size, and no closer to the original that anyone could hear.
    F16,
    /// 8 bits: what Hearken uses unless told otherwise.
    Q8_0,
    /// 5 bits: two thirds of the size, slower on most processors, and now and then another word.
    Q5_1,
}

impl Target {
    /// All of them, the usual one first.
    pub const ALL: [Self; 3] = [Self::Q8_0, Self::Q5_1, Self::F16];

    /// As which the file says it is stored.
    pub fn precision(self) -> Precision {
        match self {
            Self::F16 => Precision::F16,
            Self::Q8_0 => Precision::Q8_0,
            Self::Q5_1 => Precision::Q5_1,
        }
    }

    fn encode(self, numbers: &[f32]) -> Vec<u8> {
        match self {
            Self::F16 => precision::encode_f16(numbers),
            Self::Q8_0 => precision::encode_q8_0(numbers),
            Self::Q5_1 => precision::encode_q5_1(numbers),
        }
    }
}

/// Why a checkpoint can't be converted.
#[derive(Debug, Error)]
pub enum ConvertError {
    /// The model file is no such checkpoint.
    #[error("its model file can't be used: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The vocabulary is no such vocabulary.
    #[error("its vocabulary can't be used: {0}")]
    Vocabulary(#[from] VocabularyError),
    /// Other sizes than Whisper models have.
    #[error("it is no Whisper model: its {size} is {value}")]
    Sizes {
        /// Which.
        size: &'static str,
        /// What it is.
        value: u32,
    },
    /// More tokens than the model has places for.
    #[error("its vocabulary has {tokens} tokens of text, and the model knows {known}")]
    TooManyTokens {
        /// In the vocabulary.
        tokens: usize,
        /// In the model.
        known: u32,
    },
    /// A bias where Whisper has none: some other kind of model.
    #[error("{0} is not zero, so this is no Whisper model")]
    KeyBias(String),
    /// The file could not be written.
    #[error("writing failed: {0}")]
    Write(#[from] io::Error),
}

/// Converts `checkpoint` (a `model.bin`) with its `vocabulary` (a `vocabulary.txt`) to `output`.
///
/// # Errors
/// When either is not what Whisper models have, or `output` fails; what was written by then is worthless.
pub fn convert(
    checkpoint: &[u8],
    vocabulary: &[u8],
    target: Target,
    output: &mut impl Write,
) -> Result<(), ConvertError> {
    let checkpoint = Checkpoint::parse(checkpoint)?;
    let tokens = vocabulary::parse(vocabulary)?;
    let sizes = sizes(&checkpoint)?;
    if tokens.len() > sizes.vocabulary as usize {
        return Err(ConvertError::TooManyTokens {
            tokens: tokens.len(),
            known: sizes.vocabulary,
        });
    }
    for (variable, elements, part) in layout::key_biases(&sizes) {
        if checkpoint
            .singles(&variable, &[elements], part)?
            .iter()
            .any(|&bias| bias != 0.0)
        {
            return Err(ConvertError::KeyBias(variable));
        }
    }

    write_header(&sizes, target, output)?;
    put(output, &[sizes.mels, mel::BINS as u32])?;
    output.write_all(&precision::encode_f32(&mel::filters(sizes.mels as usize)))?;
    put(output, &[tokens.len() as u32])?;
    for token in tokens {
        put(output, &[token.len() as u32])?;
        output.write_all(&token)?;
    }
    for tensor in layout::tensors(&sizes) {
        let numbers = checkpoint.singles(&tensor.variable, &tensor.variable_dimensions(), tensor.part)?;
        let stored = tensor.storage.precision(target.precision());
        put(
            output,
            &[
                tensor.dimensions.len() as u32,
                tensor.name.len() as u32,
                stored.tensor_code(),
            ],
        )?;
        put(output, &tensor.dimensions)?;
        output.write_all(tensor.name.as_bytes())?;
        output.write_all(&match tensor.storage {
            Storage::Single => precision::encode_f32(&numbers),
            Storage::Half => precision::encode_f16(&numbers),
            Storage::Weights => target.encode(&numbers),
        })?;
    }
    output.flush()?;
    Ok(())
}

fn write_header(sizes: &Sizes, target: Target, output: &mut impl Write) -> io::Result<()> {
    let precision = target.precision();
    let quantisation = match target {
        Target::F16 => 0,
        Target::Q8_0 | Target::Q5_1 => ggml::QUANTISATION_VERSION * ggml::QUANTISATION_FACTOR,
    };
    put(
        output,
        &[
            ggml::MAGIC,
            sizes.vocabulary,
            AUDIO_CONTEXT,
            sizes.state,
            sizes.audio_heads,
            sizes.audio_layers,
            TEXT_CONTEXT,
            sizes.state,
            sizes.text_heads,
            sizes.text_layers,
            sizes.mels,
            precision.file_code() + quantisation,
        ],
    )
}

fn put(output: &mut impl Write, numbers: &[u32]) -> io::Result<()> {
    numbers
        .iter()
        .try_for_each(|number| output.write_all(&number.to_le_bytes()))
}

fn sizes(checkpoint: &Checkpoint<'_>) -> Result<Sizes, ConvertError> {
    let sizes = Sizes {
        vocabulary: checkpoint.dimension("decoder/embeddings/weight", 2, 0)?,
        state: checkpoint.dimension("decoder/embeddings/weight", 2, 1)?,
        audio_heads: checkpoint.small_number("encoder/num_heads")?,
        audio_layers: layers(checkpoint, "encoder/layer_"),
        text_heads: checkpoint.small_number("decoder/num_heads")?,
        text_layers: layers(checkpoint, "decoder/layer_"),
        mels: checkpoint.dimension("encoder/conv1/weight", 3, 1)?,
    };
    match sizes.implausible() {
        Some((size, value)) => Err(ConvertError::Sizes { size, value }),
        None => Ok(sizes),
    }
}

/// How many layers there are: one more than the highest number in a name.
fn layers(checkpoint: &Checkpoint<'_>, prefix: &str) -> u32 {
    checkpoint
        .names()
        .filter_map(|name| name.strip_prefix(prefix)?.split('/').next()?.parse::<u16>().ok())
        .map(|layer| u32::from(layer) + 1)
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::model::testing::{CheckpointFile, whisper_checkpoint, whisper_vocabulary};

    fn converted(target: Target) -> Vec<u8> {
        let mut output = Vec::new();
        convert(
            &whisper_checkpoint().bytes(),
            &whisper_vocabulary(),
            target,
            &mut output,
        )
        .unwrap();
        output
    }

    #[test]
    fn a_converted_model_passes_the_check() {
        for target in Target::ALL {
            let file = converted(target);
            let size = file.len() as u64;
            let info = ggml::read(&mut Cursor::new(file), size).unwrap();
            assert_eq!(info.precision, target.precision());
            assert_eq!(info.size_bytes, size);
        }
    }

    #[test]
    fn conversion_gives_the_same_bytes_each_time() {
        assert!(converted(Target::Q8_0) == converted(Target::Q8_0));
    }

    #[test]
    fn a_key_with_a_bias_is_no_whisper_model() {
        let mut bias = [0u16; 96];
        bias[40] = 0x3c00;
        let name = "decoder/layer_0/self_attention/linear_0/bias";
        let checkpoint = whisper_checkpoint()
            .without(name)
            .halves(name, &[96], &bias)
            .bytes();
        let error = convert(&checkpoint, &whisper_vocabulary(), Target::Q8_0, &mut Vec::new()).unwrap_err();
        assert!(matches!(error, ConvertError::KeyBias(variable) if variable == name));
    }

    #[test]
    fn a_model_that_lacks_a_tensor_is_refused_by_name() {
        let checkpoint = whisper_checkpoint()
            .without("decoder/layer_0/attention/linear_2/weight")
            .bytes();
        let error = convert(&checkpoint, &whisper_vocabulary(), Target::Q8_0, &mut Vec::new()).unwrap_err();
        let told =
            "its model file can't be used: variable decoder/layer_0/attention/linear_2/weight is missing";
        assert_eq!(error.to_string(), told);
    }

    #[test]
    fn a_checkpoint_without_layers_is_refused() {
        let empty = CheckpointFile::default().bytes();
        let error = convert(&empty, &whisper_vocabulary(), Target::Q8_0, &mut Vec::new()).unwrap_err();
        assert!(
            matches!(error, ConvertError::Checkpoint(CheckpointError::Missing(_))),
            "{error}"
        );
    }
}
