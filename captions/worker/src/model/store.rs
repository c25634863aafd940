//! The cache folder of caption models: where a model lies, finding it by name, and putting a checked file there.
//! A file appears under its name whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::{ModelError, ModelInfo, ggml};

/// The model that `fetch` makes and that is used unless another is named.
pub const DEFAULT_MODEL: &str = "tiny.en-q8_0";

/// `$XDG_CACHE_HOME/hearken`, or `~/.cache/hearken`; none where neither variable is set.
#[must_use]
pub fn default_cache_dir() -> Option<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("hearken"))
}

/// The folder of models in `cache_dir`.
pub(super) fn models_dir(cache_dir: &Path) -> PathBuf {
    cache_dir.join("models")
}

/// The file of a model that goes by `name`.
pub(super) fn file_of(name: &str, cache_dir: &Path) -> PathBuf {
    models_dir(cache_dir).join(format!("ggml-{name}.bin"))
}

/// Finds a model: a path if it looks like one (has a `/` or ends in `.bin` and is there), else a name that is looked
/// up in the cache folder: `tiny.en-q8_0` for `ggml-tiny.en-q8_0.bin`, or the file's whole name.
///
/// # Errors
/// [`ModelError::NotFound`] when there is no such file. What is in the file is not looked at: see [`check`].
pub fn resolve(name_or_path: &str, cache_dir: &Path) -> Result<PathBuf, ModelError> {
    let direct = PathBuf::from(name_or_path);
    let by_name = file_of(name_or_path, cache_dir);
    let mut candidates = if name_or_path.contains('/') {
        vec![direct]
    } else {
        vec![by_name, models_dir(cache_dir).join(name_or_path), direct]
    };
    match candidates.iter().position(|path| path.is_file()) {
        Some(found) => Ok(candidates.swap_remove(found)),
        None => Err(ModelError::NotFound(candidates.swap_remove(0))),
    }
}

/// Reads through a model file, but not its numbers, and says what it is. To be called before whisper.cpp sees the file,
/// which would abort on some that this refuses.
///
/// # Errors
/// [`ModelError::Read`] when it can't be opened, [`ModelError::Unusable`] when it is no complete Whisper model.
pub fn check(path: &Path) -> Result<ModelInfo, ModelError> {
    let read = |source| ModelError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(read)?;
    let metadata = file.metadata().map_err(read)?;
    if metadata.is_dir() {
        return Err(read(io::ErrorKind::IsADirectory.into()));
    }
    ggml::read(&mut BufReader::new(file), metadata.len()).map_err(|reason| ModelError::Unusable {
        path: path.to_owned(),
        reason,
    })
}

/// Checks a model file and copies it into the cache folder under its own name. Gives the copy's path.
///
/// # Errors
/// As [`check`], and [`ModelError::Write`] when the copy fails; a file of that name that was there stays then.
pub fn import(path: &Path, cache_dir: &Path) -> Result<PathBuf, ModelError> {
    check(path)?;
    let read = |source| ModelError::Read {
        path: path.to_owned(),
        source,
    };
    let name = path
        .file_name()
        .ok_or_else(|| read(io::ErrorKind::InvalidFilename.into()))?;
    let destination = models_dir(cache_dir).join(name);
    let mut source = File::open(path).map_err(read)?;
    let write = |source| ModelError::Write {
        path: destination.clone(),
        source,
    };
    let mut copy = stage(cache_dir).map_err(write)?;
    io::copy(&mut source, copy.as_file_mut()).map_err(write)?;
    publish(copy, &destination).map_err(write)?;
    Ok(destination)
}

/// The name by which [`resolve`] finds an imported or fetched file.
#[must_use]
pub fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let short = name
        .strip_prefix("ggml-")
        .and_then(|name| name.strip_suffix(".bin"));
    short.unwrap_or(&name).to_owned()
}

/// A file without its name yet, on the same disk as the models and readable by everybody like them.
pub(super) fn stage(cache_dir: &Path) -> io::Result<NamedTempFile> {
    let folder = models_dir(cache_dir);
    fs::create_dir_all(&folder)?;
    let readable = Permissions::from_mode(0o644);
    tempfile::Builder::new()
        .prefix(".new-")
        .permissions(readable)
        .tempfile_in(folder)
}

/// Makes sure that a staged file is on the disk, and only then gives it its name.
pub(super) fn publish(file: NamedTempFile, destination: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(destination).map_err(|failure| failure.error)?;
    // The name lives in the folder: without this it may be gone after a power cut.
    destination
        .parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{whisper_checkpoint, whisper_vocabulary};
    use crate::model::{Target, convert};

    fn model_in(folder: &Path, name: &str) -> PathBuf {
        let mut bytes = Vec::new();
        convert(
            &whisper_checkpoint().bytes(),
            &whisper_vocabulary(),
            Target::F16,
            &mut bytes,
        )
        .unwrap();
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn an_imported_model_is_found_by_its_name() {
        let (elsewhere, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let original = model_in(elsewhere.path(), "ggml-small.en-q5_1.bin");
        let imported = import(&original, cache.path()).unwrap();
        assert_eq!(imported, cache.path().join("models/ggml-small.en-q5_1.bin"));
        assert_eq!(name_of(&imported), "small.en-q5_1");
        for name in [
            "small.en-q5_1",
            "ggml-small.en-q5_1.bin",
            original.to_str().unwrap(),
        ] {
            assert_eq!(
                fs::read(resolve(name, cache.path()).unwrap()).unwrap(),
                fs::read(&original).unwrap()
            );
        }
        let mode = fs::metadata(&imported).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
        assert_eq!(
            fs::read_dir(cache.path().join("models")).unwrap().count(),
            1,
            "no leftovers"
        );
    }

    #[test]
    fn importing_the_cached_file_itself_leaves_it_whole() {
        let cache = tempfile::tempdir().unwrap();
        fs::create_dir(cache.path().join("models")).unwrap();
        let there = model_in(&cache.path().join("models"), "ggml-own.bin");
        let before = fs::read(&there).unwrap();
        assert_eq!(import(&there, cache.path()).unwrap(), there);
        assert!(fs::read(&there).unwrap() == before);
    }

    #[test]
    fn a_broken_file_is_not_imported_and_replaces_nothing() {
        let (elsewhere, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let original = model_in(elsewhere.path(), "ggml-a.bin");
        import(&original, cache.path()).unwrap();
        let whole = fs::read(&original).unwrap();
        fs::write(&original, &whole[..whole.len() / 2]).unwrap();
        let error = import(&original, cache.path()).unwrap_err();
        assert!(matches!(error, ModelError::Unusable { .. }), "{error}");
        assert!(fs::read(cache.path().join("models/ggml-a.bin")).unwrap() == whole);
    }

    #[test]
    fn a_model_that_is_not_there_is_told_with_the_way_out() {
        let cache = tempfile::tempdir().unwrap();
        let error = resolve("tiny.en-q8_0", cache.path()).unwrap_err().to_string();
        assert!(error.contains("models/ggml-tiny.en-q8_0.bin"), "{error}");
        assert!(error.contains("hearken model fetch"), "{error}");
        assert!(matches!(
            resolve("./nowhere.bin", cache.path()),
            Err(ModelError::NotFound(_))
        ));
        assert!(matches!(
            check(&cache.path().join("x")),
            Err(ModelError::Read { .. })
        ));
        assert!(matches!(check(cache.path()), Err(ModelError::Read { .. })));
    }
}
