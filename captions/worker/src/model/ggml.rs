//! Checks a Whisper model in whisper.cpp's ggml format, before C++ sees it: a file that is cut, of another kind or of
//! odd sizes would end the process there. Reads headers only and steps over the numbers, so it is quick.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Seek};

use thiserror::Error;

use super::layout::{self, AUDIO_CONTEXT, Sizes, TEXT_CONTEXT, Tensor};
use super::mel;
use super::precision::Precision;

/// "ggml" as a big-endian number, written in little-endian.
pub(super) const MAGIC: u32 = 0x6767_6d6c;
/// "GGUF" likewise: the newer container, which whisper.cpp does not read.
const MAGIC_GGUF: u32 = u32::from_le_bytes(*b"GGUF");
/// Of the block formats; a header holds it times the factor, plus the precision.
pub(super) const QUANTISATION_VERSION: u32 = 2;
pub(super) const QUANTISATION_FACTOR: u32 = 1_000;

/// The longest token of the published vocabularies has 128 bytes.
const TOKEN_BYTES_MAX: u32 = 1_024;
const DIMENSIONS_MAX: u32 = 4;
const NAME_BYTES_MAX: u32 = 256;

/// What a model file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    /// Of its weights.
    pub precision: Precision,
    /// Whether it knows other languages than English.
    pub languages: Languages,
    /// Width of the network: 384 is tiny, 512 base, 768 small, 1024 medium, 1280 large.
    pub width: u32,
    /// Layers of the encoder and of the decoder.
    pub layers: (u32, u32),
    /// Of the file.
    pub size_bytes: u64,
}

impl ModelInfo {
    /// Whether it can write in English what is said in another language. The fast models of large size, with few
    /// layers in their decoder, were never taught to.
    #[must_use]
    pub fn translates(&self) -> bool {
        let (encoder, decoder) = self.layers;
        self.languages == Languages::Many && decoder == encoder
    }
}

/// Which languages a model knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Languages {
    /// English and nothing else.
    English,
    /// About a hundred.
    Many,
}

/// Why a file can't be used as a caption model.
#[derive(Debug, Error)]
pub enum GgmlError {
    /// The file could not be read.
    #[error("reading failed: {0}")]
    Read(io::Error),
    /// The file is shorter than what it announces.
    #[error("it ends early, inside {0}: the file was probably cut")]
    Truncated(String),
    /// The first bytes are not those of the format.
    #[error("it is no ggml model of Whisper")]
    Magic,
    /// The container of llama.cpp.
    #[error("it is a GGUF file, which whisper.cpp does not read; a `ggml-….bin` file is needed")]
    Gguf,
    /// Other sizes than Whisper models have.
    #[error("its {size} is {value}, which no Whisper model has")]
    Sizes {
        /// Which.
        size: &'static str,
        /// What it is.
        value: u32,
    },
    /// Single precision all over.
    #[error(
        "its weights are f32, on which whisper.cpp aborts; f16 or a quantised model (q8_0, q5_1, …) is needed"
    )]
    SinglePrecision,
    /// A precision that is not known here.
    #[error("its weights have the unknown format {0}; f16, q8_0, q5_0, q5_1, q4_0 and q4_1 are known")]
    Precision(u32),
    /// Blocks of an older or newer kind.
    #[error("its quantisation is version {0}, not {QUANTISATION_VERSION}: quantise the model again")]
    QuantisationVersion(u32),
    /// A token that is too long to be one.
    #[error("its token {token} is {length} bytes long")]
    Token {
        /// Its number.
        token: u32,
        /// Of it, in bytes.
        length: u32,
    },
    /// A tensor that Whisper does not have, or has only once.
    #[error("tensor {0:?} has no place in a Whisper model of this size")]
    UnknownTensor(String),
    /// A tensor with other dimensions.
    #[error("tensor {name} is {found:?}, not {expected:?}")]
    Shape {
        /// Whose.
        name: String,
        /// In the file.
        found: Vec<u32>,
        /// By the model's sizes.
        expected: Vec<u32>,
    },
    /// A tensor in another precision than the file's header announces.
    #[error("tensor {name} has the number format {found}, not {expected}")]
    TensorPrecision {
        /// Whose.
        name: String,
        /// The format's number in the file.
        found: u32,
        /// What the header announces.
        expected: Precision,
    },
    /// Tensors that should be there.
    #[error("{count} tensors are missing, {first} among them")]
    MissingTensors {
        /// How many.
        count: usize,
        /// One of them.
        first: String,
    },
}

/// Walks a whole file of `size_bytes`.
///
/// # Errors
/// When the file is no complete Whisper model that whisper.cpp can load.
pub(super) fn read(file: &mut (impl BufRead + Seek), size_bytes: u64) -> Result<ModelInfo, GgmlError> {
    let mut walk = Walk {
        file,
        left: size_bytes,
    };
    let (sizes, precision) = walk.header()?;
    walk.filters(&sizes)?;
    walk.tokens(&sizes)?;
    walk.tensors(&sizes, precision)?;
    Ok(ModelInfo {
        precision,
        languages: if sizes.vocabulary == 51_864 {
            Languages::English
        } else {
            Languages::Many
        },
        width: sizes.state,
        layers: (sizes.audio_layers, sizes.text_layers),
        size_bytes,
    })
}

struct Walk<'a, F> {
    file: &'a mut F,
    /// Bytes up to the end of the file.
    left: u64,
}

impl<F: BufRead + Seek> Walk<'_, F> {
    fn header(&mut self) -> Result<(Sizes, Precision), GgmlError> {
        match self.number("the first bytes")? {
            MAGIC => {}
            MAGIC_GGUF => return Err(GgmlError::Gguf),
            _ => return Err(GgmlError::Magic),
        }
        let mut field = || self.number("the header");
        let vocabulary = field()?;
        let audio_context = field()?;
        let state = field()?;
        let (audio_heads, audio_layers) = (field()?, field()?);
        let text_context = field()?;
        let text_state = field()?;
        let (text_heads, text_layers) = (field()?, field()?);
        let (mels, format) = (field()?, field()?);

        let sizes = Sizes {
            vocabulary,
            state,
            audio_heads,
            audio_layers,
            text_heads,
            text_layers,
            mels,
        };
        let fixed = [
            ("audio context", audio_context, AUDIO_CONTEXT),
            ("text context", text_context, TEXT_CONTEXT),
            ("decoder's width", text_state, state),
        ];
        let odd = fixed.into_iter().find(|(_, value, expected)| value != expected);
        if let Some((size, value)) = odd
            .map(|(size, value, _)| (size, value))
            .or_else(|| sizes.implausible())
        {
            return Err(GgmlError::Sizes { size, value });
        }
        Ok((sizes, precision_of(format)?))
    }

    fn filters(&mut self, sizes: &Sizes) -> Result<(), GgmlError> {
        let part = "the mel filters";
        let (mels, bins) = (self.number(part)?, self.number(part)?);
        if mels != sizes.mels {
            return Err(GgmlError::Sizes {
                size: "number of mel filters",
                value: mels,
            });
        }
        if bins as usize != mel::BINS {
            return Err(GgmlError::Sizes {
                size: "number of frequency bins",
                value: bins,
            });
        }
        self.skip(u64::from(mels) * u64::from(bins) * 4, part)
    }

    fn tokens(&mut self, sizes: &Sizes) -> Result<(), GgmlError> {
        let part = "the vocabulary";
        let count = self.number(part)?;
        if count > sizes.vocabulary {
            return Err(GgmlError::Sizes {
                size: "number of tokens",
                value: count,
            });
        }
        for token in 0..count {
            let length = self.number(part)?;
            if length > TOKEN_BYTES_MAX {
                return Err(GgmlError::Token { token, length });
            }
            self.skip(u64::from(length), part)?;
        }
        Ok(())
    }

    fn tensors(&mut self, sizes: &Sizes, weights: Precision) -> Result<(), GgmlError> {
        let mut missing: BTreeMap<String, Tensor> = layout::tensors(sizes)
            .into_iter()
            .map(|tensor| (tensor.name.clone(), tensor))
            .collect();
        while self.left > 0 {
            self.tensor(&mut missing, weights)?;
        }
        match missing.first_key_value() {
            Some((first, _)) => Err(GgmlError::MissingTensors {
                count: missing.len(),
                first: first.clone(),
            }),
            None => Ok(()),
        }
    }

    fn tensor(
        &mut self,
        missing: &mut BTreeMap<String, Tensor>,
        weights: Precision,
    ) -> Result<(), GgmlError> {
        let part = "the header of a tensor";
        let (rank, name_length, format) = (self.number(part)?, self.number(part)?, self.number(part)?);
        if rank > DIMENSIONS_MAX {
            return Err(GgmlError::Sizes {
                size: "number of dimensions of a tensor",
                value: rank,
            });
        }
        if name_length > NAME_BYTES_MAX {
            return Err(GgmlError::Sizes {
                size: "length of a tensor's name",
                value: name_length,
            });
        }
        let found = (0..rank)
            .map(|_| self.number(part))
            .collect::<Result<Vec<u32>, _>>()?;
        let mut name = vec![0; name_length as usize];
        self.fill(&mut name, part)?;
        let name = String::from_utf8_lossy(&name).into_owned();

        let Some(tensor) = missing.remove(&name) else {
            return Err(GgmlError::UnknownTensor(name));
        };
        if found != tensor.dimensions {
            return Err(GgmlError::Shape {
                name,
                found,
                expected: tensor.dimensions,
            });
        }
        let expected = tensor.storage.precision(weights);
        if format != expected.tensor_code() {
            return Err(GgmlError::TensorPrecision {
                name,
                found: format,
                expected,
            });
        }
        self.skip(expected.size_bytes(tensor.elements()), &format!("tensor {name}"))
    }

    fn number(&mut self, part: &str) -> Result<u32, GgmlError> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes, part)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn fill(&mut self, bytes: &mut [u8], part: &str) -> Result<(), GgmlError> {
        self.account(bytes.len() as u64, part)?;
        self.file.read_exact(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => GgmlError::Truncated(part.to_owned()),
            _ => GgmlError::Read(error),
        })
    }

    fn skip(&mut self, bytes: u64, part: &str) -> Result<(), GgmlError> {
        self.account(bytes, part)?;
        let step = i64::try_from(bytes).map_err(|_| GgmlError::Truncated(part.to_owned()))?;
        self.file.seek_relative(step).map_err(GgmlError::Read)
    }

    fn account(&mut self, bytes: u64, part: &str) -> Result<(), GgmlError> {
        self.left = self
            .left
            .checked_sub(bytes)
            .ok_or_else(|| GgmlError::Truncated(part.to_owned()))?;
        Ok(())
    }
}

fn precision_of(format: u32) -> Result<Precision, GgmlError> {
    let (version, code) = (format / QUANTISATION_FACTOR, format % QUANTISATION_FACTOR);
    let expected_version = match Precision::of_file(code) {
        Some(Precision::F32) => return Err(GgmlError::SinglePrecision),
        Some(Precision::F16) => 0,
        Some(_) => QUANTISATION_VERSION,
        None => return Err(GgmlError::Precision(format)),
    };
    if version != expected_version {
        return Err(GgmlError::QuantisationVersion(version));
    }
    Ok(Precision::of_file(code).expect("the same code was found above"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::model::convert::{Target, convert};
    use crate::model::testing::{whisper_checkpoint, whisper_vocabulary};

    fn model() -> Vec<u8> {
        let mut file = Vec::new();
        convert(
            &whisper_checkpoint().bytes(),
            &whisper_vocabulary(),
            Target::Q8_0,
            &mut file,
        )
        .unwrap();
        file
    }

    fn check(file: &[u8]) -> Result<ModelInfo, GgmlError> {
        read(&mut Cursor::new(file), file.len() as u64)
    }

    /// The model with one number of its header replaced.
    fn with_header(field: usize, value: u32) -> Vec<u8> {
        let mut file = model();
        file[field * 4..field * 4 + 4].copy_from_slice(&value.to_le_bytes());
        file
    }

    fn told(file: &[u8]) -> String {
        check(file).unwrap_err().to_string()
    }

    #[test]
    fn a_whole_model_is_described() {
        let file = model();
        let info = check(&file).unwrap();
        assert_eq!(info.languages, Languages::English);
        assert_eq!(
            (info.width, info.layers, info.precision),
            (32, (1, 1), Precision::Q8_0)
        );
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        let file = model();
        let places = (0..200)
            .chain((200..file.len()).step_by(9_973))
            .chain([file.len() - 1]);
        for length in places {
            let error = check(&file[..length]).unwrap_err();
            let cut = matches!(error, GgmlError::Truncated(_) | GgmlError::MissingTensors { .. });
            assert!(cut, "at {length}: {error}");
        }
    }

    #[test]
    fn no_damaged_byte_of_a_header_makes_the_check_panic() {
        let file = model();
        let tensors_start = 48 + 8 + 80 * 201 * 4;
        for at in (0..64).chain(tensors_start..tensors_start + 160) {
            let mut damaged = file.clone();
            damaged[at] ^= 0xff;
            let _ = check(&damaged);
        }
    }

    #[test]
    fn other_files_are_refused_by_kind() {
        assert!(matches!(
            check(b"GGUF----------------").unwrap_err(),
            GgmlError::Gguf
        ));
        assert!(matches!(check(b"<!DOCTYPE html>").unwrap_err(), GgmlError::Magic));
        assert_eq!(
            told(b""),
            "it ends early, inside the first bytes: the file was probably cut"
        );
    }

    #[test]
    fn a_single_precision_model_is_refused_before_it_aborts_the_process() {
        assert!(matches!(
            check(&with_header(11, 0)).unwrap_err(),
            GgmlError::SinglePrecision
        ));
        assert!(matches!(
            check(&with_header(11, 2_014)).unwrap_err(),
            GgmlError::Precision(2_014)
        ));
        assert!(matches!(
            check(&with_header(11, 1_007)).unwrap_err(),
            GgmlError::QuantisationVersion(1)
        ));
    }

    #[test]
    fn sizes_that_no_model_has_are_refused() {
        assert_eq!(
            told(&with_header(2, 1_499)),
            "its audio context is 1499, which no Whisper model has"
        );
        assert_eq!(
            told(&with_header(7, 64)),
            "its decoder's width is 64, which no Whisper model has"
        );
        assert_eq!(
            told(&with_header(5, u32::MAX)),
            format!(
                "its number of encoder layers is {}, which no Whisper model has",
                u32::MAX
            )
        );
    }

    #[test]
    fn a_header_that_does_not_fit_the_tensors_is_refused() {
        assert!(matches!(
            check(&with_header(5, 2)).unwrap_err(),
            GgmlError::MissingTensors { count: 15, .. }
        ));
        assert!(matches!(
            check(&with_header(11, 1)).unwrap_err(),
            GgmlError::TensorPrecision { .. }
        ));
    }

    #[test]
    fn bytes_after_the_last_tensor_are_refused() {
        let mut file = model();
        file.extend([0; 12]);
        assert!(matches!(check(&file).unwrap_err(), GgmlError::UnknownTensor(_)));
    }
}
