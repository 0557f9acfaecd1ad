//! The file `format`: the format of a store, and the key with which it is encrypted.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::disk::Keyring;
use super::disk::atomic_file;
use super::error::{StoreError, StoreKeyFault};
use super::scan::{Payloads, scan};
use super::{disk, gc_lock, layout};
use crate::format::{CIPHER, Encryption, FileDescription, FrameError, FrameKind, decode_record, encode_record};
use crate::id::KeyId;

/// The format of unencrypted stores.
pub const STORE_FORMAT: u16 = 1;
/// The format of encrypted stores, and the newest that this version reads.
pub const ENCRYPTED_FORMAT: u16 = 2;
const FILE: &str = "format";

/// The contents of the format file: the store's format, and how the store is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FormatFile {
    format: u16,
    pub encryption: Option<Encryption>,
}

impl FormatFile {
    fn of(key: Option<KeyId>) -> Self {
        match key {
            None => Self {
                format: STORE_FORMAT,
                encryption: None,
            },
            Some(key) => Self {
                format: ENCRYPTED_FORMAT,
                encryption: Some(Encryption {
                    cipher: CIPHER.to_owned(),
                    key,
                }),
            },
        }
    }

    /// Checks that this version can read the store.
    fn check(self, directory: &Path) -> Result<Self, StoreError> {
        if self.format > ENCRYPTED_FORMAT {
            return Err(StoreError::NewerFormat {
                path: directory.to_owned(),
                found: self.format,
                known: ENCRYPTED_FORMAT,
            });
        }
        match self.encryption {
            Some(encryption) if encryption.cipher != CIPHER => {
                Err(StoreKeyFault::Cipher(encryption.cipher).of(directory))
            }
            _ => Ok(self),
        }
    }
}

/// Returns the format of the store in `directory`; `None` if there is no store. A missing or corrupted format file is not an error: every
/// frame has its own version, and every encrypted file names its key.
///
/// # Errors
/// The store has a newer format, or the file cannot be read.
pub(super) fn read(disk: &dyn Disk, directory: &Path) -> Result<Option<FormatFile>, StoreError> {
    let path = directory.join(FILE);
    let said = match said(disk, directory) {
        Ok(said) => said,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            if disk.list(&layout::histories_folder(directory)).is_err() {
                return Ok(None);
            }
            None
        }
        Err(error) => return Err(StoreError::io("read", &path)(error)),
    };
    let said = said.unwrap_or_else(|| FormatFile::of(key_met(disk, directory)));
    said.check(directory).map(Some)
}

/// Reads the format file; `None` if it is corrupted.
fn said(disk: &dyn Disk, directory: &Path) -> io::Result<Option<FormatFile>> {
    let file = disk.open(&directory.join(FILE))?;
    let mut said = None;
    let scanned = scan(&*file, 0, Payloads::Read, |frame| {
        if let Ok(FileDescription::Store { format, encryption }) = decode_record(&frame.payload) {
            said = Some(FormatFile { format, encryption });
        }
    })?;
    if let Some(FrameError::Newer(version)) = scanned.gaps.first().map(|gap| gap.why.clone()) {
        // A newer frame version implies a newer format than this version knows.
        let format = said.as_ref().map_or(0, |said| said.format).max(version.into());
        said = Some(FormatFile {
            format: format.max(ENCRYPTED_FORMAT + 1),
            encryption: None,
        });
        return Ok(said);
    }
    // A format that contradicts the encryption was never written: the other files show which one is right.
    Ok(said.filter(|said| {
        said.format > ENCRYPTED_FORMAT || (said.format == ENCRYPTED_FORMAT) == said.encryption.is_some()
    }))
}

/// Returns the key id in the first encrypted file that is found.
fn key_met(disk: &dyn Disk, directory: &Path) -> Option<KeyId> {
    let histories = layout::histories_folder(directory);
    let names = disk.list(&histories).unwrap_or_default();
    let mut folders: Vec<PathBuf> = names.iter().map(|name| histories.join(name)).collect();
    folders.push(layout::packs_folder(directory));
    let files = folders.iter().flat_map(|folder| {
        let names = disk.list(folder).unwrap_or_default();
        names.into_iter().map(|name| folder.join(name))
    });
    files.into_iter().find_map(|file| disk::key_of(disk, &file))
}

/// Creates a store, encrypted if the keyring requires it. Returns the encryption, and the path of the key if a new one was created.
pub(super) fn create(
    disk: &dyn Disk,
    directory: &Path,
    keys: &Keyring,
) -> Result<(Option<Encryption>, Option<PathBuf>), StoreError> {
    disk.make_folder(directory)?;
    if !keys.is_for_new() {
        // Another process that creates the store at this moment writes the same bytes.
        write(disk, directory, None)?;
        return Ok((None, None));
    }
    // Two keys for one store would leave half of it unreadable. On a file system without locks the last writer wins.
    let _alone = gc_lock::making(disk, directory)?;
    if let Some(found) = read(disk, directory)? {
        return Ok((found.encryption, None));
    }
    let (key, made) = keys.make(disk)?;
    write(disk, directory, Some(key.id()))?;
    Ok((FormatFile::of(Some(key.id())).encryption, made))
}

/// Returns whether the format file matches a store with this key.
pub(super) fn is_said(disk: &dyn Disk, directory: &Path, key: Option<KeyId>) -> bool {
    said(disk, directory).is_ok_and(|said| said == Some(FormatFile::of(key)))
}

/// Writes the format file of a store with this key.
pub(super) fn write(disk: &dyn Disk, directory: &Path, key: Option<KeyId>) -> Result<(), StoreError> {
    let FormatFile { format, encryption } = FormatFile::of(key);
    let description = FileDescription::Store { format, encryption };
    let bytes = atomic_file::framed(&[(FrameKind::FILE, encode_record(&description))]);
    atomic_file::replace(disk, directory, FILE, &bytes)?;
    if let Some(parent) = directory.parent() {
        // If the parent folder cannot be synced, the store still exists until a power failure.
        disk.sync_dir(parent).ok();
    }
    Ok(())
}
