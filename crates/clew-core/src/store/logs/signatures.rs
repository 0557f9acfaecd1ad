//! Seals: operations are signed as they lie, with the key of who wrote them.
//!
//! Each operation holds the id of the one before it in its session, so the signature of the last one vouches for all.

use std::fmt;
use std::path::Path;

use ed25519_dalek::Signer;

use crate::format::SignedRecord;
pub use crate::id::PublicKey;
use crate::store::disk::atomic_file;
use crate::store::disk::{Disk, DiskLock, PrivateFileFault};
use crate::store::error::{KeyFault, StoreError};

/// Goes before the bytes that are signed, so that a signature over anything else never passes for one over an operation.
const OPERATION: &[u8] = b"clew 2026 operation seal v1\0";
/// The same for what lies in a bundle.
const BUNDLE: &[u8] = b"clew 2026 bundle seal v1\0";
/// The same for what a task came to.
const TASK: &[u8] = b"clew 2026 task seal v1\0";
const KEY_FILE: &str = "signing.key";
const LOCK_FILE: &str = "lock";

impl PublicKey {
    /// Whether the seal of an operation is one of its key over its bytes.
    pub fn has_signed(signed: &SignedRecord) -> bool {
        Self::has_signed_as(OPERATION, signed)
    }

    /// Whether the seal of a bundle's contents is one of its key over their bytes.
    pub(in crate::store) fn has_signed_bundle(signed: &SignedRecord) -> bool {
        Self::has_signed_as(BUNDLE, signed)
    }

    /// Whether the seal of what a task came to is one of its key over its bytes.
    pub(in crate::store) fn has_signed_task(signed: &SignedRecord) -> bool {
        Self::has_signed_as(TASK, signed)
    }

    fn has_signed_as(domain: &[u8], signed: &SignedRecord) -> bool {
        let Ok(key) = ed25519_dalek::VerifyingKey::from_bytes(&signed.key) else {
            return false;
        };
        let Ok(signature) = ed25519_dalek::Signature::from_slice(&signed.signature) else {
            return false;
        };
        key.verify_strict(&message(domain, &signed.bytes), &signature).is_ok()
    }
}

/// The user's own key. Its secret never leaves this type.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({})", self.public().short())
    }
}

impl SigningKey {
    /// A key from its 32 secret bytes.
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(secret))
    }

    /// Reads the key in the folder `config`, or makes one at first use (0600, under a lock, in one step).
    ///
    /// # Errors
    /// A key that others may read is refused: it may be known to them.
    pub fn load_or_create(disk: &dyn Disk, config: &Path) -> Result<Self, StoreError> {
        if let Some(key) = Self::load(disk, config)? {
            return Ok(key);
        }
        disk.make_folder(config)?;
        let _lock = locked(disk, config);
        match Self::load(disk, config)? {
            Some(key) => Ok(key),
            None => Self::make(disk, config),
        }
    }

    /// Makes a key, in the place of one that is there.
    pub(in crate::store) fn make(disk: &dyn Disk, config: &Path) -> Result<Self, StoreError> {
        let secret = disk.random_bytes();
        atomic_file::replace(disk, config, KEY_FILE, &secret)?;
        Ok(Self::from_secret(&secret))
    }

    /// Reads the key in the folder `config`, if there is one.
    pub fn load(disk: &dyn Disk, config: &Path) -> Result<Option<Self>, StoreError> {
        let path = config.join(KEY_FILE);
        let refuse = |fault| StoreError::Key {
            path: path.clone(),
            why: match fault {
                PrivateFileFault::OpenToOthers => KeyFault::Open,
                PrivateFileFault::Length => KeyFault::Length,
            },
        };
        let Some(secret) = disk.read_private(&path, 32..=32, refuse)? else {
            return Ok(None);
        };
        let secret = secret.try_into().map_err(|_| refuse(PrivateFileFault::Length))?;
        Ok(Some(Self::from_secret(&secret)))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs an operation's bytes.
    pub fn sign(&self, bytes: Vec<u8>) -> SignedRecord {
        self.sign_as(OPERATION, bytes)
    }

    /// Signs the bytes of a bundle's contents.
    pub fn sign_bundle(&self, bytes: Vec<u8>) -> SignedRecord {
        self.sign_as(BUNDLE, bytes)
    }

    /// Signs the bytes of what a task came to.
    pub(in crate::store) fn sign_task(&self, bytes: Vec<u8>) -> SignedRecord {
        self.sign_as(TASK, bytes)
    }

    fn sign_as(&self, domain: &[u8], bytes: Vec<u8>) -> SignedRecord {
        let signature = self.0.sign(&message(domain, &bytes)).to_bytes().to_vec();
        SignedRecord {
            bytes,
            key: self.public().0,
            signature,
        }
    }

    /// By what its user, and nobody else, knows bytes again: whose mark it is, a colon, and 64 hexadecimal digits.
    pub fn mark_of(&self, bytes: &[u8]) -> String {
        let mark = blake3::keyed_hash(&self.derive("clew 2026-11-22 marks of small files"), bytes);
        format!("{}:{}", self.public().short(), mark.to_hex())
    }

    /// Whether a mark is one of these bytes; `None` if somebody else made it.
    pub fn is_marked(&self, bytes: &[u8], mark: &str) -> Option<bool> {
        let (whose, _) = mark.split_once(':')?;
        (whose == self.public().short()).then(|| self.mark_of(bytes) == mark)
    }

    /// A key for something else, made from this one: `purpose` says what for.
    pub(in crate::store) fn derive(&self, purpose: &str) -> [u8; 32] {
        blake3::derive_key(purpose, self.0.as_bytes())
    }

    /// Another handle on the same key.
    pub(in crate::store) fn share(&self) -> Self {
        Self(self.0.clone())
    }
}

fn message(domain: &[u8], bytes: &[u8]) -> Vec<u8> {
    [domain, bytes].concat()
}

/// The lock under which the files of the folder `config` are written. Without locks two first uses at one moment could each
/// make a key; the later one stays.
pub(in crate::store) fn locked(disk: &dyn Disk, config: &Path) -> Option<Box<dyn DiskLock>> {
    disk.lock(&config.join(LOCK_FILE)).ok()
}
