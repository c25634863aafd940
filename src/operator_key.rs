//! The operator's key: given, or made at the first start and kept in a file that only its owner can read.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use hearken_signaling_server::OperatorKey;

/// The name of the file in the data folder.
const FILE: &str = "operator-key";

/// Where a key came from.
#[derive(Debug)]
pub enum Origin {
    /// From the settings.
    Given,
    /// From its file.
    Kept(PathBuf),
    /// It was made just now and stands in its file.
    Made(PathBuf),
}

/// The key to serve with.
///
/// # Errors
///
/// If the file cannot be read or written, or holds no usable key.
pub fn find_or_make(given: Option<&OperatorKey>, data_dir: &Path) -> anyhow::Result<(OperatorKey, Origin)> {
    if let Some(key) = given {
        return Ok((key.clone(), Origin::Given));
    }
    let path = data_dir.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => {
            let key = OperatorKey::parse(&text).with_context(|| format!("{}", path.display()))?;
            Ok((key, Origin::Kept(path)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = OperatorKey::random();
            write(&path, &key).with_context(|| format!("{} cannot be written", path.display()))?;
            Ok((key, Origin::Made(path)))
        }
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

fn write(path: &Path, key: &OperatorKey) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{}", key.reveal())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let (made, origin) = find_or_make(None, folder.path()).unwrap();
        let Origin::Made(path) = origin else {
            panic!("{origin:?}")
        };
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let (kept, origin) = find_or_make(None, folder.path()).unwrap();
        assert!(matches!(origin, Origin::Kept(_)));
        assert_eq!(made.reveal(), kept.reveal());
        let given = OperatorKey::parse("a-key-somebody-chose").unwrap();
        assert!(matches!(
            find_or_make(Some(&given), folder.path()),
            Ok((_, Origin::Given))
        ));
    }

    #[test]
    fn a_file_without_a_usable_key_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "short").unwrap();
        let error = format!("{:#}", find_or_make(None, folder.path()).unwrap_err());
        assert!(error.contains(FILE) && error.contains("16 characters"), "{error}");
    }
}
