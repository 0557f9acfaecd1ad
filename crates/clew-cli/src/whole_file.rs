//! Files that are written whole or not at all: beside their place first, then into it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Rights of a new file that only its owner reads.
pub(crate) const PRIVATE: u32 = 0o600;
/// Rights of a new file that everybody may read, as far as the user lets them.
pub(crate) const SHARED: u32 = 0o666;

/// A file that is written and not in its place yet. Dropped, it leaves nothing.
pub(crate) struct Staged {
    file: NamedTempFile,
    path: PathBuf,
}

impl Staged {
    /// Writes `bytes` beside `path`. A file that is there keeps its rights, and a link goes on pointing where it did;
    /// `mode` is for a new one.
    pub fn new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<Self> {
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".clew-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
        #[cfg(not(unix))]
        let _ = mode;
        let mut file = builder.tempfile_in(folder)?;
        file.write_all(bytes)?;
        if let Ok(metadata) = std::fs::metadata(&path) {
            file.as_file().set_permissions(metadata.permissions())?;
        }
        file.as_file().sync_all()?;
        Ok(Self { file, path })
    }

    /// Puts it in its place, in one step.
    pub fn commit(self) -> io::Result<()> {
        self.file.persist(&self.path).map(drop).map_err(|error| error.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn what_is_interrupted_leaves_the_file_as_it_was_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, "old").unwrap();
        let staged = Staged::new(&path, b"new", SHARED).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        drop(staged);
        assert_eq!(
            (std::fs::read(&path).unwrap().as_slice(), names(folder.path()).len()),
            (b"old".as_slice(), 1)
        );
        Staged::new(&path, b"new", SHARED).unwrap().commit().unwrap();
        assert_eq!(
            (std::fs::read(&path).unwrap().as_slice(), names(folder.path()).len()),
            (b"new".as_slice(), 1)
        );
    }

    #[cfg(unix)]
    #[test]
    fn rights_stay_and_a_link_goes_on_pointing_where_it_did() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&path, &link).unwrap();
        Staged::new(&link, b"new", PRIVATE).unwrap().commit().unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }
}
