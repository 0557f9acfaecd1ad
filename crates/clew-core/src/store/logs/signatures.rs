//! Signatures: operations are signed with the key of the user who wrote them.
//!
//! Each operation contains the id of the one before it in its session, so the signature of the last one covers all.

use std::fmt;
use std::path::Path;

use ed25519_dalek::Signer;

use crate::format::SignedRecord;
pub use crate::id::PublicKey;
use crate::store::disk::atomic_file;
use crate::store::disk::{Disk, DiskLock, PrivateFileFault};
use crate::store::error::{KeyFault, StoreError};

/// The prefix of the bytes that are signed, so that a signature over anything else never counts as one over an operation.
const OPERATION: &[u8] = b"clew 2026 operation seal v1\0";
/// The prefix for the contents of a bundle.
const BUNDLE: &[u8] = b"clew 2026 bundle seal v1\0";
/// The prefix for the result of a task.
const TASK: &[u8] = b"clew 2026 task seal v1\0";
const KEY_FILE: &str = "signing.key";
const LOCK_FILE: &str = "lock";

impl PublicKey {
    /// Returns whether an operation's signature matches its key and bytes.
    pub fn has_signed(signed: &SignedRecord) -> bool {
        Self::has_signed_as(OPERATION, signed)
    }

    /// Returns whether the signature of a bundle's contents matches its key and bytes.
    pub(in crate::store) fn has_signed_bundle(signed: &SignedRecord) -> bool {
        Self::has_signed_as(BUNDLE, signed)
    }

    /// Returns whether the signature of a task's result matches its key and bytes.
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
    /// Creates a key from its 32 secret bytes.
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(secret))
    }

    /// Reads the key in the folder `config`, or creates one at first use (0600, under a lock, atomically).
    ///
    /// # Errors
    /// A key that others may read is refused, because they may know it.
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

    /// Creates a key and replaces an existing one.
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

    /// Returns the public key.
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

    /// Signs the bytes of a task's result.
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

    /// Returns a mark by which only this user recognizes bytes: the short public key, a colon, and 64 hexadecimal digits.
    pub fn mark_of(&self, bytes: &[u8]) -> String {
        let mark = blake3::keyed_hash(&self.derive("clew 2026-11-22 marks of small files"), bytes);
        format!("{}:{}", self.public().short(), mark.to_hex())
    }

    /// Returns whether a mark belongs to these bytes; `None` if another user made it.
    pub fn is_marked(&self, bytes: &[u8], mark: &str) -> Option<bool> {
        let (whose, _) = mark.split_once(':')?;
        (whose == self.public().short()).then(|| self.mark_of(bytes) == mark)
    }

    /// Derives a key for the given purpose from this one.
    pub(in crate::store) fn derive(&self, purpose: &str) -> [u8; 32] {
        blake3::derive_key(purpose, self.0.as_bytes())
    }

    /// Returns another handle to the same key.
    pub(in crate::store) fn share(&self) -> Self {
        Self(self.0.clone())
    }
}

fn message(domain: &[u8], bytes: &[u8]) -> Vec<u8> {
    [domain, bytes].concat()
}

/// Takes the lock for writing files of the folder `config`. Without locks, two first uses at the same time could each create a key; the
/// later one stays.
pub(in crate::store) fn locked(disk: &dyn Disk, config: &Path) -> Option<Box<dyn DiskLock>> {
    disk.lock(&config.join(LOCK_FILE)).ok()
}
