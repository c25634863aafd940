//! The cache folder of caption models: where a model lies, finding it by name, putting a checked file there, and
//! which one was chosen. A file appears under its name whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, BufReader, Read, Write};
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

/// The file that names the model chosen, beside the folder of models.
const CHOICE: &str = "model-in-use";
/// More than any path has: what is longer is no choice.
const CHOICE_BYTES_MAX: u64 = 8 * 1024;

/// Makes a model the one that is used where the settings name none: a name, or a path, as [`resolve`] takes it.
/// It is checked first. Lasts; running servers look at it every few seconds. Gives the model's path.
///
/// # Errors
/// As [`resolve`] and [`check`], and [`ModelError::Write`] when the choice can't be kept; the one before it stays then.
pub fn choose(name_or_path: &str, cache_dir: &Path) -> Result<PathBuf, ModelError> {
    let path = resolve(name_or_path, cache_dir)?;
    let path = path.canonicalize().map_err(|source| ModelError::Read {
        path: path.clone(),
        source,
    })?;
    check(&path)?;
    let is_ours = models_dir(cache_dir)
        .canonicalize()
        .is_ok_and(|ours| path.parent() == Some(&ours));
    let choice = if is_ours {
        name_of(&path)
    } else {
        path.to_string_lossy().into_owned()
    };
    let destination = cache_dir.join(CHOICE);
    let write = |source| ModelError::Write {
        path: destination.clone(),
        source,
    };
    let mut file = stage(cache_dir).map_err(write)?;
    writeln!(file, "{choice}").map_err(write)?;
    publish(file, &destination).map_err(write)?;
    Ok(path)
}

/// The model chosen, as [`resolve`] takes it; none when nothing was ever chosen, or the choice can't be read.
#[must_use]
pub fn chosen(cache_dir: &Path) -> Option<String> {
    let mut text = String::new();
    let file = File::open(cache_dir.join(CHOICE)).ok()?;
    file.take(CHOICE_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned()).filter(|name| !name.is_empty())
}

/// A file in the folder of models.
#[derive(Debug)]
pub struct StoredModel {
    /// By which it is found.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// What it is, or why it is of no use.
    pub info: Result<ModelInfo, ModelError>,
}

/// All models in the cache folder, by name.
///
/// # Errors
/// [`ModelError::Read`] when there is a folder that can't be read.
pub fn stored(cache_dir: &Path) -> Result<Vec<StoredModel>, ModelError> {
    let folder = models_dir(cache_dir);
    let read = |source| ModelError::Read {
        path: folder.clone(),
        source,
    };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(read(error)),
    };
    let mut models = Vec::new();
    for entry in entries {
        let path = entry.map_err(read)?.path();
        let is_hidden = path
            .file_name()
            .is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if path.is_file() && !is_hidden {
            models.push(StoredModel {
                name: name_of(&path),
                info: check(&path),
                path,
            });
        }
    }
    models.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(models)
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
    fn a_choice_lasts_and_a_broken_model_is_none() {
        let (elsewhere, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert_eq!(chosen(cache.path()), None);
        let outside = model_in(elsewhere.path(), "ggml-own.bin");
        let imported = import(&outside, cache.path()).unwrap();
        choose("own", cache.path()).unwrap();
        assert_eq!(chosen(cache.path()).as_deref(), Some("own"));
        // The same file by its path is the same choice; one from elsewhere is kept by its path.
        choose(imported.to_str().unwrap(), cache.path()).unwrap();
        assert_eq!(chosen(cache.path()).as_deref(), Some("own"));
        choose(outside.to_str().unwrap(), cache.path()).unwrap();
        let kept = chosen(cache.path()).unwrap();
        assert_eq!(
            resolve(&kept, cache.path()).unwrap(),
            outside.canonicalize().unwrap()
        );

        fs::write(cache.path().join("models/ggml-cut.bin"), "cut").unwrap();
        assert!(matches!(
            choose("cut", cache.path()),
            Err(ModelError::Unusable { .. })
        ));
        assert!(matches!(
            choose("nothing", cache.path()),
            Err(ModelError::NotFound(_))
        ));
        assert_eq!(chosen(cache.path()), Some(kept));
    }

    #[test]
    fn stored_models_are_listed_with_what_they_are() {
        let cache = tempfile::tempdir().unwrap();
        assert!(stored(cache.path()).unwrap().is_empty());
        let elsewhere = tempfile::tempdir().unwrap();
        import(&model_in(elsewhere.path(), "ggml-b.bin"), cache.path()).unwrap();
        fs::write(cache.path().join("models/ggml-a.bin"), "cut").unwrap();
        fs::write(cache.path().join("models/.new-1"), "in the making").unwrap();
        let models = stored(cache.path()).unwrap();
        let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(models[0].info.is_err());
        assert_eq!(models[1].info.as_ref().unwrap().precision.to_string(), "f16");
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
