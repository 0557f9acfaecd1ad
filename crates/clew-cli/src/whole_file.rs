//! Atomic writes of files: a temporary file in the same folder, then a rename.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clew_core::limits;
use tempfile::NamedTempFile;

use crate::platform::restrict;
use crate::problem::{Exit, Problem};
use crate::text;

/// The mode of a new private file.
pub(crate) const PRIVATE: u32 = 0o600;
/// The mode of a new shared file, subject to the umask.
pub(crate) const SHARED: u32 = 0o666;

/// Reads a small text file from any source. Longer files are rejected.
///
/// # Errors
/// The file cannot be read, is not text, or is too long.
pub(crate) fn small_text(path: impl AsRef<Path>) -> io::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    file.take(limits::SMALL_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > limits::SMALL_FILE {
        return Err(io::Error::other("it is too large"));
    }
    Ok(text)
}

/// A written file that is not in its place yet. Deleted on drop.
pub(crate) struct StagedFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl StagedFile {
    /// Writes `bytes` to a temporary file beside `path`. An existing file keeps its permissions, and a link its target; `mode` applies to a
    /// new one.
    pub fn new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<Self> {
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".clew-");
        restrict(&mut builder, mode);
        let mut file = builder.tempfile_in(folder)?;
        file.write_all(bytes)?;
        if let Ok(metadata) = std::fs::metadata(&path) {
            file.as_file().set_permissions(metadata.permissions())?;
        }
        file.as_file().sync_all()?;
        Ok(Self { file, path })
    }

    /// Writes a file atomically.
    pub fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
        Self::new(path, bytes, mode)?.commit()
    }

    /// Moves it to its place atomically.
    pub fn commit(self) -> io::Result<()> {
        self.file.persist(&self.path).map(drop).map_err(|error| error.error)
    }
}

/// The error for a file that could not be written, with the typed path instead of the temporary one.
pub(crate) fn cannot_write(path: &Path, error: &io::Error) -> Problem {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let (message, hint) = match folder {
        Some(folder) if error.kind() == io::ErrorKind::NotFound => (
            format!(
                "{} cannot be written: there is no folder {}",
                text::path(path),
                text::path(folder)
            ),
            format!("`mkdir -p {}` makes it", text::typed(&folder.display().to_string())),
        ),
        _ => {
            let why = error.to_string();
            let why = why.split(" at path ").next().unwrap_or_default();
            let message = format!("{} cannot be written: {why}", text::path(path));
            (message, "name a file in a folder that you may write to".to_owned())
        }
    };
    Problem::of(Exit::Refused, message)
        .with_hint(hint)
        .with_unchanged("Nothing was written")
}

/// Refuses to overwrite a notebook, even with `--force`: `extension` is the expected one.
pub(crate) fn refuse_notebook(file: &Path, extension: &str) -> Result<(), Problem> {
    let is_called_one = file
        .extension()
        .is_some_and(|found| found.eq_ignore_ascii_case("ipynb"));
    let is_notebook =
        || is_called_one || crate::cells_of_file::cells_of_file(file).is_some_and(|cells| !cells.is_empty());
    if !(file.is_file() && is_notebook()) {
        return Ok(());
    }
    let shown = text::path(file);
    let other = text::path(file.with_extension(extension));
    Err(Problem::of(
        Exit::Refused,
        format!("{shown} is a notebook, and Clew never overwrites one"),
    )
    .with_hint(format!("name another file, such as {other}")))
}

/// The error for a folder in place of a file.
pub(crate) fn is_folder(path: &Path) -> Problem {
    let shown = text::path(path);
    Problem::usage(format!("{shown} is a folder")).with_hint("name a file in it")
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
        let staged = StagedFile::new(&path, b"new", SHARED).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        drop(staged);
        assert_eq!(
            (std::fs::read(&path).unwrap().as_slice(), names(folder.path()).len()),
            (b"old".as_slice(), 1)
        );
        StagedFile::new(&path, b"new", SHARED).unwrap().commit().unwrap();
        assert_eq!(
            (std::fs::read(&path).unwrap().as_slice(), names(folder.path()).len()),
            (b"new".as_slice(), 1)
        );
    }

    #[test]
    fn a_failure_names_what_was_typed_and_what_to_type() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none here").join("x.html");
        let error = NamedTempFile::new_in(path.parent().unwrap()).unwrap_err();
        let place = folder.path().display();
        assert_eq!(
            cannot_write(&path, &error).text(),
            format!(
                "Error: {place}/none here/x.html cannot be written: there is no folder {place}/none here. Nothing was \
                 written.\nNext: `mkdir -p '{place}/none here'` makes it\n"
            )
        );
        let error = NamedTempFile::new_in("/dev/null").unwrap_err();
        let said = cannot_write(Path::new("/dev/null/x"), &error).text();
        assert!(
            said.starts_with("Error: /dev/null/x cannot be written: Not a directory") && !said.contains(".tmp"),
            "{said}"
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
        StagedFile::new(&link, b"new", PRIVATE).unwrap().commit().unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }
}
