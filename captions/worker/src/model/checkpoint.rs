//! Reads a CTranslate2 model file of Whisper: named tensors in little-endian, row-major order.
//!
//! The file comes from outside, so every length is checked before it is believed; nothing here panics on odd bytes.

use std::collections::BTreeMap;

use thiserror::Error;

use super::half;

/// The format's version and the model description's revision that were checked against the reference runtime.
const VERSION: u32 = 6;
const SPECIFICATION: &str = "WhisperSpec";
const REVISION: u32 = 3;

/// The largest published model has about 600 variables.
const VARIABLES_MAX: u32 = 4_096;
const RANK_MAX: u8 = 4;

/// Why a CTranslate2 file can't be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CheckpointError {
    /// The file is shorter than what it announces.
    #[error("it ends early: {wanted} bytes wanted at byte {at} of {size}")]
    Truncated {
        /// Where in the file.
        at: usize,
        /// How many bytes should have followed.
        wanted: usize,
        /// The file's size in bytes.
        size: usize,
    },
    /// A version of the format that this program does not know.
    #[error("its format is version {0}, not {VERSION}")]
    Version(u32),
    /// Some other model.
    #[error("it holds a {0:?} model, not {SPECIFICATION}")]
    Specification(String),
    /// A revision of the model description that this program does not know.
    #[error("its model description is revision {0}, not {REVISION}")]
    Revision(u32),
    /// A name that is no text with a zero byte after it.
    #[error("the name at byte {0} is no text")]
    Name(usize),
    /// A size that no Whisper model has.
    #[error("{name} is not plausible: {value}")]
    Implausible {
        /// What is odd.
        name: String,
        /// Its value.
        value: u64,
    },
    /// A variable whose bytes don't match its dimensions.
    #[error("variable {name} has {bytes} bytes, not {expected}")]
    Size {
        /// Whose.
        name: String,
        /// Bytes announced.
        bytes: u64,
        /// Bytes that its dimensions need.
        expected: u64,
    },
    /// The same name twice.
    #[error("variable {0} is there twice")]
    Twice(String),
    /// A variable that every Whisper model has.
    #[error("variable {0} is missing")]
    Missing(String),
    /// A variable with other dimensions than the model's sizes ask for.
    #[error("variable {name} is {found:?}, not {expected:?}")]
    Shape {
        /// Whose.
        name: String,
        /// Dimensions in the file.
        found: Vec<u32>,
        /// Dimensions expected.
        expected: Vec<u32>,
    },
    /// A variable of a number type that is not converted from.
    #[error("variable {name} holds {kind:?} numbers")]
    Kind {
        /// Whose.
        name: String,
        /// Its type.
        kind: Number,
    },
    /// Bytes after the end.
    #[error("{0} bytes follow its end")]
    Trailing(usize),
}

/// How a variable's numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// 32-bit floating point.
    Single,
    /// 8-bit integers.
    Int8,
    /// 16-bit integers.
    Int16,
    /// 32-bit integers.
    Int32,
    /// 16-bit floating point.
    Half,
    /// The upper 16 bits of a 32-bit floating-point number.
    Brain,
}

impl Number {
    fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Single),
            1 => Some(Self::Int8),
            2 => Some(Self::Int16),
            3 => Some(Self::Int32),
            4 => Some(Self::Half),
            5 => Some(Self::Brain),
            _ => None,
        }
    }

    fn size_bytes(self) -> u64 {
        match self {
            Self::Int8 => 1,
            Self::Int16 | Self::Half | Self::Brain => 2,
            Self::Single | Self::Int32 => 4,
        }
    }
}

/// A tensor as it lies in the file.
#[derive(Debug, Clone)]
pub(super) struct Variable<'a> {
    /// Outermost first; empty for a single number.
    pub dimensions: Vec<u32>,
    kind: Number,
    bytes: &'a [u8],
}

/// A whole file, its variables by name.
#[derive(Debug)]
pub(super) struct Checkpoint<'a> {
    variables: BTreeMap<String, Variable<'a>>,
}

impl<'a> Checkpoint<'a> {
    /// Reads a file that lies in memory.
    ///
    /// # Errors
    /// When it is not a complete Whisper model in the one version known here.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, CheckpointError> {
        let mut reader = Reader { bytes, at: 0 };
        let version = reader.u32()?;
        if version != VERSION {
            return Err(CheckpointError::Version(version));
        }
        let specification = reader.name()?;
        if specification != SPECIFICATION {
            return Err(CheckpointError::Specification(specification));
        }
        let revision = reader.u32()?;
        if revision != REVISION {
            return Err(CheckpointError::Revision(revision));
        }
        let count = reader.u32()?;
        if count > VARIABLES_MAX {
            return Err(implausible("the number of variables", count));
        }
        let mut variables = BTreeMap::new();
        for _ in 0..count {
            let (name, variable) = reader.variable()?;
            if variables.insert(name.clone(), variable).is_some() {
                return Err(CheckpointError::Twice(name));
            }
        }
        // Second names of variables (the output projection shares the embeddings): whisper.cpp knows that by itself.
        let aliases = reader.u32()?;
        for _ in 0..aliases {
            reader.name()?;
            reader.name()?;
        }
        match bytes.len() - reader.at {
            0 => Ok(Self { variables }),
            trailing => Err(CheckpointError::Trailing(trailing)),
        }
    }

    /// The names of all variables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// A variable by its name.
    ///
    /// # Errors
    /// When there is none.
    pub fn variable(&self, name: &str) -> Result<&Variable<'a>, CheckpointError> {
        self.variables
            .get(name)
            .ok_or_else(|| CheckpointError::Missing(name.to_owned()))
    }

    /// Dimension `index` of a variable of `rank` dimensions.
    ///
    /// # Errors
    /// When the variable is missing or has another rank.
    pub fn dimension(&self, name: &str, rank: usize, index: usize) -> Result<u32, CheckpointError> {
        let dimensions = &self.variable(name)?.dimensions;
        if dimensions.len() != rank {
            return Err(implausible(
                &format!("the rank of {name}"),
                dimensions.len() as u32,
            ));
        }
        Ok(dimensions[index])
    }

    /// A variable that is one 16-bit integer.
    ///
    /// # Errors
    /// When it is missing, of another type or negative.
    pub fn small_number(&self, name: &str) -> Result<u32, CheckpointError> {
        let variable = self.variable(name)?;
        match (variable.kind, variable.bytes) {
            (Number::Int16, &[low, high]) => {
                u32::try_from(i16::from_le_bytes([low, high])).map_err(|_| CheckpointError::Implausible {
                    name: name.to_owned(),
                    value: 0,
                })
            }
            (kind, _) => Err(CheckpointError::Kind {
                name: name.to_owned(),
                kind,
            }),
        }
    }

    /// Rows `part` of `parts` equal slices of a variable, whose dimensions must be `expected`, in single precision.
    ///
    /// # Errors
    /// When the variable is missing, has other dimensions, or holds no floating-point numbers.
    pub fn singles(&self, name: &str, expected: &[u32], part: Part) -> Result<Vec<f32>, CheckpointError> {
        let variable = self.variable(name)?;
        if variable.dimensions != expected {
            return Err(CheckpointError::Shape {
                name: name.to_owned(),
                found: variable.dimensions.clone(),
                expected: expected.to_vec(),
            });
        }
        let slice_bytes = variable.bytes.len() / part.of;
        let bytes = &variable.bytes[slice_bytes * part.index..slice_bytes * (part.index + 1)];
        let pairs = || {
            bytes
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        };
        match variable.kind {
            Number::Single => Ok(bytes
                .chunks_exact(4)
                .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
                .collect()),
            Number::Half => Ok(pairs().map(half::to_single).collect()),
            Number::Brain => Ok(pairs()
                .map(|bits| f32::from_bits(u32::from(bits) << 16))
                .collect()),
            kind @ (Number::Int8 | Number::Int16 | Number::Int32) => Err(CheckpointError::Kind {
                name: name.to_owned(),
                kind,
            }),
        }
    }
}

/// One of several equal slices of a variable's rows: attention keeps queries, keys and values in one matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// Which, from 0; less than `of`.
    pub index: usize,
    /// How many there are.
    pub of: usize,
}

impl Part {
    /// All rows.
    pub const WHOLE: Self = Self { index: 0, of: 1 };
}

fn implausible(name: &str, value: u32) -> CheckpointError {
    CheckpointError::Implausible {
        name: name.to_owned(),
        value: u64::from(value),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, wanted: usize) -> Result<&'a [u8], CheckpointError> {
        let rest = &self.bytes[self.at..];
        if wanted > rest.len() {
            return Err(CheckpointError::Truncated {
                at: self.at,
                wanted,
                size: self.bytes.len(),
            });
        }
        self.at += wanted;
        Ok(&rest[..wanted])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CheckpointError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u8(&mut self) -> Result<u8, CheckpointError> {
        self.array().map(u8::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, CheckpointError> {
        self.array().map(u32::from_le_bytes)
    }

    /// A text with its length in front, which counts the zero byte after it.
    fn name(&mut self) -> Result<String, CheckpointError> {
        let at = self.at;
        let length = self.array().map(u16::from_le_bytes)?;
        match self.take(usize::from(length))?.split_last() {
            Some((0, text)) => {
                let text = str::from_utf8(text).map_err(|_| CheckpointError::Name(at))?;
                Ok(text.to_owned())
            }
            Some(_) | None => Err(CheckpointError::Name(at)),
        }
    }

    fn variable(&mut self) -> Result<(String, Variable<'a>), CheckpointError> {
        let name = self.name()?;
        let rank = self.u8()?;
        if rank > RANK_MAX {
            return Err(implausible(&format!("the rank of {name}"), u32::from(rank)));
        }
        let dimensions = (0..rank).map(|_| self.u32()).collect::<Result<Vec<u32>, _>>()?;
        let code = self.u8()?;
        let kind = Number::from_code(code)
            .ok_or_else(|| implausible(&format!("the number type of {name}"), u32::from(code)))?;
        let announced = self.u32()?;
        let expected = dimensions
            .iter()
            .try_fold(kind.size_bytes(), |product, &dimension| {
                product.checked_mul(u64::from(dimension))
            })
            .unwrap_or(u64::MAX);
        if u64::from(announced) != expected {
            return Err(CheckpointError::Size {
                name,
                bytes: u64::from(announced),
                expected,
            });
        }
        let bytes = self.take(announced as usize)?;
        Ok((
            name,
            Variable {
                dimensions,
                kind,
                bytes,
            },
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::CheckpointFile;

    fn small() -> Vec<u8> {
        CheckpointFile::default()
            .halves(
                "encoder/weight",
                &[2, 3],
                &[0x3c00, 0x4000, 0, 0xbc00, 0x3800, 0x7bff],
            )
            .small_number("encoder/num_heads", 6)
            .alias("decoder/projection/weight", "encoder/weight")
            .bytes()
    }

    #[test]
    fn variables_are_read_whole_and_by_rows() {
        let bytes = small();
        let checkpoint = Checkpoint::parse(&bytes).unwrap();
        assert_eq!(
            checkpoint.names().collect::<Vec<_>>(),
            ["encoder/num_heads", "encoder/weight"]
        );
        assert_eq!(checkpoint.small_number("encoder/num_heads"), Ok(6));
        let whole = checkpoint
            .singles("encoder/weight", &[2, 3], Part::WHOLE)
            .unwrap();
        assert_eq!(whole, [1.0, 2.0, 0.0, -1.0, 0.5, 65504.0]);
        let second = checkpoint
            .singles("encoder/weight", &[2, 3], Part { index: 1, of: 2 })
            .unwrap();
        assert_eq!(second, [-1.0, 0.5, 65504.0]);
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        let bytes = small();
        for length in 0..bytes.len() {
            let error = Checkpoint::parse(&bytes[..length]).unwrap_err();
            assert!(
                matches!(error, CheckpointError::Truncated { .. }),
                "at {length}: {error}"
            );
        }
    }

    #[test]
    fn no_single_damaged_byte_makes_the_reader_panic() {
        let bytes = small();
        for at in 0..bytes.len() {
            for damage in [0x01, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= damage;
                // Damage inside the numbers goes unnoticed here: the package's checksum is there for that.
                let _ = Checkpoint::parse(&damaged);
            }
        }
    }

    #[test]
    fn other_files_are_refused_by_name() {
        assert_eq!(
            Checkpoint::parse(&7u32.to_le_bytes()).unwrap_err(),
            CheckpointError::Version(7)
        );
        let other = CheckpointFile::of_specification("TransformerSpec").bytes();
        let refused = CheckpointError::Specification("TransformerSpec".to_owned());
        assert_eq!(Checkpoint::parse(&other).unwrap_err(), refused);
        let mut longer = small();
        longer.push(0);
        assert_eq!(
            Checkpoint::parse(&longer).unwrap_err(),
            CheckpointError::Trailing(1)
        );
    }

    #[test]
    fn dimensions_that_overflow_are_refused() {
        let file = CheckpointFile::default()
            .raw("w", &[u32::MAX, u32::MAX, u32::MAX], 0, &[0; 4])
            .bytes();
        let refused = CheckpointError::Size {
            name: "w".to_owned(),
            bytes: 4,
            expected: u64::MAX,
        };
        assert_eq!(Checkpoint::parse(&file).unwrap_err(), refused);
    }

    #[test]
    fn the_wrong_shape_and_the_wrong_type_are_told() {
        let bytes = small();
        let checkpoint = Checkpoint::parse(&bytes).unwrap();
        let shape = checkpoint
            .singles("encoder/weight", &[3, 2], Part::WHOLE)
            .unwrap_err();
        assert_eq!(shape.to_string(), "variable encoder/weight is [2, 3], not [3, 2]");
        let kind = checkpoint
            .singles("encoder/num_heads", &[], Part::WHOLE)
            .unwrap_err();
        assert!(matches!(
            kind,
            CheckpointError::Kind {
                kind: Number::Int16,
                ..
            }
        ));
        assert_eq!(
            checkpoint.variable("x").unwrap_err(),
            CheckpointError::Missing("x".to_owned())
        );
    }
}
