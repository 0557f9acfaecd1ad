//! A folder as a remote: on a shared network file system or a USB stick.
//!
//! ```text
//! FOLDER/.clew-remote     marks a remote, so that an unmounted folder is not mistaken for an empty remote
//!        .parts/          uploads in progress, removed after a week
//!        .locks/          a file for each head, locked while it is swapped
//!        packs/3f2a9c10   objects and heads under their names
//! ```
//! Objects are published by a hard link, which fails if the name exists, and heads by a rename under a lock. Both are flushed first, so at
//! every moment each name is absent or refers to complete content.

mod disk;
mod lock;

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use disk::{ProvisionalFile, make_folder, open_parts, private, publish, read_at, sync_folder, write_watched};
use lock::Lock;

use crate::backend::{Backend, Head, ListedObject, Part, Token, TransferCallback, Upload, WriteOutcome, unwatched};
use crate::error::RemoteError;
use crate::name::Name;
use crate::nonce::is_nonce;
use crate::transfer::{part_of, same_length};

/// The file that marks a folder as a remote.
const MARK: &str = ".clew-remote";
const PARTS: &str = ".parts";
const LOCKS: &str = ".locks";
/// Uploads in progress are removed after this time without a write.
const FORGOTTEN: Duration = Duration::from_hours(7 * 24);

/// A folder that holds objects and heads. Files are readable by their owner only (0600, folders 0700).
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// Makes a folder a remote, and creates it if necessary. No error if it is one already.
    pub fn create(root: &Path) -> Result<Self, RemoteError> {
        let made = Self { root: root.to_owned() };
        let make = || {
            make_folder(root, root)?;
            make_folder(root, &root.join(PARTS))?;
            private()
                .create(true)
                .truncate(false)
                .open(root.join(MARK))?
                .sync_all()?;
            sync_folder(root)
        };
        make().map_err(|error| made.refused(&error))?;
        Ok(made)
    }

    /// Opens a folder that is a remote, and removes abandoned uploads.
    ///
    /// # Errors
    /// `NoPlace` if the folder is not a remote.
    pub fn open(root: &Path) -> Result<Self, RemoteError> {
        let opened = Self { root: root.to_owned() };
        if opened.is_mounted() {
            // With read-only access this fails, which is harmless.
            opened.sweep(FORGOTTEN).ok();
            return Ok(opened);
        }
        let said = if root.is_dir() {
            format!("it does not contain {MARK}")
        } else {
            "there is no such folder".to_owned()
        };
        Err(RemoteError::no_place(opened.place(), said))
    }

    /// Removes uploads that were last written at least `age` ago. Uses the clock of the file system's server, since this machine's clock
    /// may differ from it or be wrong.
    pub fn sweep(&self, age: Duration) -> io::Result<()> {
        let folder = self.root.join(PARTS);
        let entries: Vec<fs::DirEntry> = fs::read_dir(&folder)?.collect::<io::Result<_>>()?;
        if entries.is_empty() {
            return Ok(());
        }
        let now = ProvisionalFile::create(&folder)?.file.metadata()?.modified()?;
        for entry in entries {
            let touched = entry.metadata()?.modified()?;
            if now.duration_since(touched).is_ok_and(|since| since >= age) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn is_mounted(&self) -> bool {
        self.root.join(MARK).is_file()
    }

    fn path(&self, name: &Name) -> PathBuf {
        self.root.join(name.as_str())
    }

    /// Returns the path of an upload. An id that was not created here is rejected as `NotFound`, so that it cannot lead out of the folder.
    fn upload_path(&self, upload: &Upload) -> Result<PathBuf, RemoteError> {
        if is_nonce(&upload.id) {
            return Ok(self.root.join(PARTS).join(&upload.id));
        }
        Err(RemoteError::NotFound {
            place: self.place(),
            name: upload.name.clone(),
        })
    }

    /// Creates a new file to write, under a random name.
    fn temporary(&self) -> Result<ProvisionalFile, RemoteError> {
        let folder = self.root.join(PARTS);
        self.make_folder(&folder)?;
        ProvisionalFile::create(&folder).map_err(self.refusal())
    }

    /// Creates a folder in the remote, unless the remote appears to be unmounted.
    fn make_folder(&self, folder: &Path) -> Result<(), RemoteError> {
        if folder.is_dir() {
            return Ok(());
        }
        if !self.is_mounted() {
            let said = format!("{MARK} is missing in it; it may not be mounted");
            return Err(RemoteError::unreachable(self.place(), said));
        }
        make_folder(&self.root, folder).map_err(self.refusal())
    }

    /// Converts an I/O error.
    fn refused(&self, error: &io::Error) -> RemoteError {
        let (place, said) = (self.place(), error.to_string());
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                RemoteError::Full { place, said }
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => RemoteError::Refused { place, said },
            io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => RemoteError::NoPlace { place, said },
            io::ErrorKind::Unsupported => RemoteError::unable(place, "keep this", said),
            // Other errors may be transient: an unreachable server, stale file handles, a disk error.
            _ => RemoteError::unreachable(place, said),
        }
    }

    fn refusal(&self) -> impl Fn(io::Error) -> RemoteError + '_ {
        |error| self.refused(&error)
    }

    /// Converts an I/O error on a named object: `NotFound` only if the remote itself is available.
    fn refused_at(&self, name: &Name) -> impl Fn(io::Error) -> RemoteError + '_ {
        let name = name.clone();
        move |error| match error.kind() {
            io::ErrorKind::NotFound if self.is_mounted() => RemoteError::NotFound {
                place: self.place(),
                name: name.clone(),
            },
            _ => self.refused(&error),
        }
    }

    /// Maps `NotFound` to `None`.
    fn found<T>(&self, name: &Name, result: io::Result<T>) -> Result<Option<T>, RemoteError> {
        match result.map_err(self.refused_at(name)) {
            Err(RemoteError::NotFound { .. }) => Ok(None),
            result => result.map(Some),
        }
    }

    /// Publishes a written file under its name, and flushes the folder.
    fn publish(&self, from: &Path, name: &Name, length: u64) -> Result<WriteOutcome, RemoteError> {
        let to = self.path(name);
        let folder = to.parent().expect("a name is in a folder");
        self.make_folder(folder)?;
        let written = match publish(from, &to) {
            Ok(()) => WriteOutcome::New,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let found = fs::metadata(&to).map_err(self.refused_at(name))?.len();
                same_length(self, name, found, length)?;
                WriteOutcome::AlreadyThere
            }
            Err(error) => return Err(self.refused(&error)),
        };
        // The name may have existed without having been flushed.
        sync_folder(folder).map_err(self.refusal())?;
        Ok(written)
    }

    fn lock(&self, name: &Name) -> Result<Lock, RemoteError> {
        let folder = self.root.join(LOCKS);
        self.make_folder(&folder)?;
        // `+` is in no name, so no two heads share a file.
        let path = folder.join(name.as_str().replace('/', "+"));
        Lock::take(&path).map_err(|error| match error.kind() {
            io::ErrorKind::Unsupported => {
                RemoteError::unable(self.place(), "keep others out of a head", error.to_string())
            }
            _ => self.refused(&error),
        })
    }

    fn list_into(&self, folder: &Name, listed: &mut Vec<ListedObject>) -> Result<(), RemoteError> {
        let Some(entries) = self.found(folder, fs::read_dir(self.path(folder)))? else {
            return Ok(());
        };
        for entry in entries {
            let entry = entry.map_err(self.refusal())?;
            // Names that are invalid here were not written by Clew.
            let Some(name) = entry.file_name().to_str().and_then(|part| folder.join(part).ok()) else {
                continue;
            };
            // The file may have been removed since.
            let Some(found) = self.found(&name, entry.metadata())? else {
                continue;
            };
            if found.is_dir() {
                self.list_into(&name, listed)?;
            } else {
                listed.push(ListedObject {
                    name,
                    length: found.len(),
                });
            }
        }
        Ok(())
    }
}

/// Returns the version of a head with these bytes.
fn token(bytes: &[u8]) -> Token {
    Token(blake3::hash(bytes).to_hex().to_string())
}

impl Backend for Directory {
    fn place(&self) -> String {
        self.root.display().to_string()
    }

    fn read(&self, name: &Name, range: Range<u64>, watch: TransferCallback<'_>) -> Result<Vec<u8>, RemoteError> {
        let file = File::open(self.path(name)).map_err(self.refused_at(name))?;
        let length = file.metadata().map_err(self.refusal())?.len();
        if range.end > length {
            same_length(self, name, length, range.end)?;
        }
        let bytes = read_at(&file, range, watch).map_err(self.refusal())?;
        bytes.ok_or(RemoteError::GivenUp)
    }

    fn length(&self, name: &Name) -> Result<Option<u64>, RemoteError> {
        let found = self.found(name, fs::metadata(self.path(name)))?;
        Ok(found.filter(fs::Metadata::is_file).map(|found| found.len()))
    }

    fn write(&self, name: &Name, bytes: &[u8], watch: TransferCallback<'_>) -> Result<WriteOutcome, RemoteError> {
        let temporary = self.temporary()?;
        let is_written = write_watched(&temporary.file, bytes, 0, watch).map_err(self.refusal())?;
        if !is_written {
            return Err(RemoteError::GivenUp);
        }
        temporary.file.sync_all().map_err(self.refusal())?;
        self.publish(&temporary.path, name, bytes.len() as u64)
    }

    fn begin(&self, name: &Name, length: u64) -> Result<Upload, RemoteError> {
        let temporary = self.temporary()?;
        Ok(Upload {
            name: name.clone(),
            id: temporary.keep(),
            part: part_of(length),
        })
    }

    fn part(
        &self,
        upload: &Upload,
        number: u32,
        bytes: &[u8],
        watch: TransferCallback<'_>,
    ) -> Result<Part, RemoteError> {
        let file = open_parts(&self.upload_path(upload)?).map_err(self.refused_at(&upload.name))?;
        let at = u64::from(number).saturating_mul(upload.part);
        if !write_watched(&file, bytes, at, watch).map_err(self.refusal())? {
            return Err(RemoteError::GivenUp);
        }
        // Flush each part, so that one reported as written survives a power failure.
        file.sync_data().map_err(self.refusal())?;
        Ok(Part(bytes.len().to_string()))
    }

    fn finish(&self, upload: &Upload, parts: &[Part]) -> Result<(), RemoteError> {
        let path = self.upload_path(upload)?;
        let file = open_parts(&path).map_err(self.refused_at(&upload.name))?;
        let length = parts.iter().filter_map(|part| part.0.parse::<u64>().ok()).sum();
        let found = file.metadata().map_err(self.refusal())?.len();
        same_length(self, &upload.name, found, length)?;
        file.sync_all().map_err(self.refusal())?;
        self.publish(&path, &upload.name, length)?;
        self.abandon(upload)
    }

    fn abandon(&self, upload: &Upload) -> Result<(), RemoteError> {
        let Ok(path) = self.upload_path(upload) else {
            return Ok(());
        };
        self.found(&upload.name, fs::remove_file(path))?;
        Ok(())
    }

    fn list(&self, folder: &Name) -> Result<Vec<ListedObject>, RemoteError> {
        let mut listed = Vec::new();
        self.list_into(folder, &mut listed)?;
        listed.sort();
        Ok(listed)
    }

    fn remove(&self, name: &Name) -> Result<(), RemoteError> {
        self.found(name, fs::remove_file(self.path(name)))?;
        Ok(())
    }

    fn head(&self, name: &Name) -> Result<Option<Head>, RemoteError> {
        let bytes = self.found(name, fs::read(self.path(name)))?;
        Ok(bytes.map(|bytes| Head {
            token: token(&bytes),
            bytes,
        }))
    }

    fn swap(&self, name: &Name, expected: Option<&Token>, bytes: &[u8]) -> Result<Token, RemoteError> {
        let _lock = self.lock(name)?;
        let current = self.head(name)?.map(|head| head.token);
        if current.as_ref() != expected {
            return Err(RemoteError::Conflict {
                place: self.place(),
                name: name.clone(),
            });
        }
        let temporary = self.temporary()?;
        let to = self.path(name);
        let folder = to.parent().expect("a name is in a folder");
        self.make_folder(folder)?;
        let put = || {
            write_watched(&temporary.file, bytes, 0, &mut unwatched)?;
            temporary.file.sync_all()?;
            fs::rename(&temporary.path, &to)?;
            sync_folder(folder)
        };
        put().map_err(self.refusal())?;
        Ok(token(bytes))
    }
}
