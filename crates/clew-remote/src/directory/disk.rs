//! File system operations of a folder remote: private files, atomic publishing, durable names.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clew_core::store::disk::{read_exact_at, write_all_at};

use crate::backend::TransferCallback;
use crate::nonce::{in_digits, nonce};

/// Bytes read or written between two checks for cancellation.
const PIECE: usize = 1 << 20;

/// Options for files that only their owner can read.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A file that is deleted on drop unless it is kept.
#[derive(Debug)]
pub(super) struct ProvisionalFile {
    pub path: PathBuf,
    pub file: File,
    name: Option<String>,
}

impl ProvisionalFile {
    /// Creates a new file in a folder, under a unique name.
    pub fn create(folder: &Path) -> io::Result<Self> {
        let name = in_digits(nonce());
        let path = folder.join(&name);
        let file = private().create_new(true).open(&path)?;
        let name = Some(name);
        Ok(Self { path, file, name })
    }

    /// Keeps the file, and returns its name.
    pub fn keep(mut self) -> String {
        self.name.take().expect("it is kept once")
    }
}

impl Drop for ProvisionalFile {
    fn drop(&mut self) {
        if self.name.is_some() {
            // If this fails, the file is removed by a later sweep.
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Opens a kept file.
pub(super) fn open_parts(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// Creates a folder within `root`, and its parents, and flushes their names.
pub(super) fn make_folder(root: &Path, folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent().filter(|_| folder != root) {
        make_folder(root, above)?;
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(folder == root);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => (),
    }
    folder.parent().map_or(Ok(()), sync_folder)
}

/// Flushes a folder, so that the names in it survive a power failure.
#[cfg(unix)]
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    // The parent of a relative name is the empty path.
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
pub(super) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Gives a file a new name atomically. The old name may remain.
///
/// # Errors
/// `AlreadyExists` if the new name exists.
pub(super) fn publish(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if has_no_links(&error) => rename_new(from, to),
        result => result,
    }
}

/// USB sticks and some network file systems have no hard links. They report it with different errors.
fn has_no_links(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Unsupported
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::TooManyLinks
            | io::ErrorKind::InvalidInput
    )
}

#[cfg(target_os = "linux")]
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).map_err(io::Error::from) {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => rename_checked(from, to),
        result => result,
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    rename_checked(from, to)
}

/// The last resort, not atomic: an object that appears in between has the same content, so replacing it is harmless.
fn rename_checked(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)
}

/// Reads a range; `None` if it was cancelled.
pub(super) fn read_at(file: &File, range: Range<u64>, watch: TransferCallback<'_>) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    let mut at = range.start;
    for piece in bytes.chunks_mut(PIECE) {
        read_exact_at(file, piece, at)?;
        at += piece.len() as u64;
        if watch(piece.len() as u64).is_break() {
            return Ok(None);
        }
    }
    Ok(Some(bytes))
}

/// Writes `bytes` at `at`; `false` if it was cancelled.
pub(super) fn write_watched(file: &File, bytes: &[u8], mut at: u64, watch: TransferCallback<'_>) -> io::Result<bool> {
    for piece in bytes.chunks(PIECE) {
        write_all_at(file, piece, at)?;
        at += piece.len() as u64;
        if watch(piece.len() as u64).is_break() {
            return Ok(false);
        }
    }
    Ok(true)
}
