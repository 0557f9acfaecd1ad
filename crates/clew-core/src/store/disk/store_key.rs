//! Keys of encrypted stores: each created for one store and kept in the user's settings folder, never in a store.

use std::fmt;
use std::path::{Path, PathBuf};

use super::atomic_file;
use super::{Disk, PrivateFileFault};
use crate::id::KeyId;
use crate::store::error::{StoreError, StoreKeyFault};

/// The folder of keys in the settings folder.
const FOLDER: &str = "store-keys";
/// Contexts of the derivation of key ids and file keys.
const ID_OF_KEY: &str = "clew 2026 id of a store's key v1";
const KEY_OF_FILE: &str = "clew 2026 key of an encrypted file v1";
const MASK: &str = "clew 2026 mask of operations of an encrypted store v1";
/// Bytes of a key.
const LENGTH: usize = 32;

/// The key of an encrypted store. Its secret never leaves this type.
#[derive(Clone)]
pub struct StoreKey([u8; LENGTH]);

impl fmt::Debug for StoreKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StoreKey({})", self.id().short())
    }
}

impl StoreKey {
    /// Creates a key from its 32 secret bytes.
    pub fn from_secret(secret: &[u8; LENGTH]) -> Self {
        Self(*secret)
    }

    /// Returns its id, which reveals nothing about it.
    pub fn id(&self) -> KeyId {
        let hash = blake3::derive_key(ID_OF_KEY, &self.0);
        KeyId(std::array::from_fn(|index| hash[index]))
    }

    /// Returns the mask that hides ids of operations of the store.
    pub(in crate::store) fn mask(&self) -> [u8; 32] {
        blake3::derive_key(MASK, &self.0)
    }

    /// Returns the key of the file with these random bytes in its header.
    pub(in crate::store) fn of_file(&self, nonce: &[u8; 24]) -> [u8; 32] {
        blake3::derive_key(KEY_OF_FILE, &[self.0.as_slice(), nonce].concat())
    }

    /// Reads a key file. A file that others may read is refused, because they may know the key.
    fn read(disk: &dyn Disk, path: &Path) -> Result<Option<Self>, StoreError> {
        let length = LENGTH as u64;
        let refuse = |fault| match fault {
            PrivateFileFault::OpenToOthers => StoreKeyFault::Open.of(path),
            PrivateFileFault::Length => StoreKeyFault::Length.of(path),
        };
        let Some(secret) = disk.read_private(path, length..=length, refuse)? else {
            return Ok(None);
        };
        let secret = secret.try_into().map_err(|_| refuse(PrivateFileFault::Length))?;
        Ok(Some(Self(secret)))
    }
}

/// The location of the keys of encrypted stores, and whether new stores are encrypted.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    held: Option<StoreKey>,
    folder: Option<PathBuf>,
    given: Option<PathBuf>,
    is_for_new: bool,
}

impl Keyring {
    /// Creates a keyring of the keys in the settings folder `config`.
    pub fn new(config: &Path) -> Self {
        Self {
            folder: Some(config.join(FOLDER)),
            ..Self::default()
        }
    }

    /// Creates a keyring of one given key.
    pub fn holding(key: StoreKey) -> Self {
        Self {
            held: Some(key),
            ..Self::default()
        }
    }

    /// Returns the same keyring with a key file that overrides its keys.
    #[must_use]
    pub fn with_key(mut self, path: Option<PathBuf>) -> Self {
        self.given = path;
        self
    }

    /// Returns the same keyring, with a setting whether new stores are encrypted.
    #[must_use]
    pub fn for_new(mut self, is_for_new: bool) -> Self {
        self.is_for_new = is_for_new;
        self
    }

    /// Returns whether new stores are encrypted.
    pub fn is_for_new(&self) -> bool {
        self.is_for_new
    }

    /// Returns the path of the file for the key `id`, whether or not it exists.
    pub fn place_of(&self, id: KeyId) -> PathBuf {
        let own = || self.folder.clone().unwrap_or_default().join(file_name(id));
        self.given.clone().unwrap_or_else(own)
    }

    /// Returns the key `id`, with which the store in `store` is encrypted.
    ///
    /// # Errors
    /// It is missing, or cannot be used.
    pub(in crate::store) fn find(&self, disk: &dyn Disk, store: &Path, id: KeyId) -> Result<StoreKey, StoreError> {
        if let Some(key) = self.held.clone().filter(|key| key.id() == id) {
            return Ok(key);
        }
        if let Some(path) = &self.given {
            let key = StoreKey::read(disk, path)?.ok_or_else(|| StoreKeyFault::NotGiven.of(path))?;
            let found = key.id();
            return if found == id {
                Ok(key)
            } else {
                let path = path.clone();
                Err(StoreKeyFault::Other {
                    found,
                    path,
                    wanted: id,
                }
                .of(store))
            };
        }
        let missing = |path| StoreKeyFault::Missing { wanted: id, path }.of(store);
        let Some(folder) = &self.folder else {
            return Err(missing(PathBuf::from(file_name(id))));
        };
        let path = folder.join(file_name(id));
        let key = StoreKey::read(disk, &path)?.ok_or_else(|| missing(path.clone()))?;
        if key.id() == id {
            Ok(key)
        } else {
            Err(StoreKeyFault::Changed.of(&path))
        }
    }

    /// Returns a key for a new store, and its path if the key is new.
    pub(in crate::store) fn make(&self, disk: &dyn Disk) -> Result<(StoreKey, Option<PathBuf>), StoreError> {
        if let Some(key) = &self.held {
            return Ok((key.clone(), None));
        }
        if let Some(path) = &self.given {
            let key = StoreKey::read(disk, path)?.ok_or_else(|| StoreKeyFault::NotGiven.of(path))?;
            return Ok((key, None));
        }
        let folder = self.folder.clone().unwrap_or_default();
        let secret = disk.random_bytes();
        let key = StoreKey(secret);
        let path = folder.join(file_name(key.id()));
        disk.make_folder(&folder)?;
        atomic_file::write_new(disk, &path, &secret)?;
        // Before the store is created: otherwise a power failure might leave a store without its key.
        for folder in folder.ancestors().take(2) {
            disk.sync_folder(folder)?;
        }
        Ok((key, Some(path)))
    }
}

fn file_name(id: KeyId) -> String {
    format!("{id}.key")
}
