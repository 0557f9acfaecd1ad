//! The keys that the user trusts: a file in the user's settings folder, next to the key, which only `clew trust` writes. It is read once,
//! when a store is opened, so cells that run later cannot change the trust.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::signatures::{PublicKey, SigningKey, locked};
use crate::format::Timestamp;
use crate::limits;
use crate::store::disk::atomic_file;
use crate::store::disk::{Disk, PrivateFileFault};
use crate::store::error::{StoreError, TrustFault};

const TRUST_FILE: &str = "trusted.keys";

/// The user's decision about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyTrust {
    /// It was the user's own key until it was replaced. Its signatures count as the user's.
    Former,
    /// The key of another person whom the user trusts.
    Trusted,
    /// The user no longer trusts the key.
    Removed,
}

impl KeyTrust {
    const ALL: [Self; 3] = [Self::Former, Self::Trusted, Self::Removed];

    /// Returns the word in the file and in output.
    pub fn text(self) -> &'static str {
        match self {
            Self::Former => "former",
            Self::Trusted => "trusted",
            Self::Removed => "removed",
        }
    }
}

/// A line of the trust file: the user's decision about one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustEntry {
    /// The decision.
    pub standing: KeyTrust,
    /// When it was made.
    pub time: Timestamp,
    /// The user's name for the owner of the key; may be empty.
    pub label: String,
}

/// The keys whose operations may be decoded and rerun.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    own: Option<PublicKey>,
    said: BTreeMap<PublicKey, TrustEntry>,
}

impl Trust {
    /// Trusts the user's own key only.
    pub fn own(key: PublicKey) -> Self {
        Self {
            own: Some(key),
            said: BTreeMap::new(),
        }
    }

    /// Reads the trusted keys from the folder `config`. Unreadable lines are ignored, because they must never extend trust. Of two lines
    /// about a key the last one counts.
    ///
    /// # Errors
    /// A file that others may read or write is refused: they may have added their own keys.
    pub fn load(disk: &dyn Disk, config: &Path, own: PublicKey) -> Result<Self, StoreError> {
        let mut trust = Self::own(own);
        let path = config.join(TRUST_FILE);
        let refuse = |fault| StoreError::Trust {
            path: path.clone(),
            why: match fault {
                PrivateFileFault::OpenToOthers => TrustFault::Open,
                PrivateFileFault::Length => TrustFault::Length,
            },
        };
        let bytes = disk
            .read_private(&path, 0..=limits::TRUSTED, refuse)?
            .unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        trust.said.extend(text.lines().filter_map(line_of));
        Ok(trust)
    }

    /// Like [`Self::load`], but trusts only the user's own key if the file cannot be used, and returns the error.
    pub fn load_or_own(disk: &dyn Disk, config: &Path, own: PublicKey) -> (Self, Option<StoreError>) {
        match Self::load(disk, config, own) {
            Ok(trust) => (trust, None),
            Err(error) => (Self::own(own), Some(error)),
        }
    }

    /// Returns the trust in a valid signature of `key`.
    pub fn verdict(&self, key: PublicKey) -> Verdict {
        match self.said.get(&key).map(|said| said.standing) {
            _ if self.own == Some(key) => Verdict::Own,
            Some(KeyTrust::Former) => Verdict::Own,
            Some(KeyTrust::Trusted) => Verdict::Trusted,
            Some(KeyTrust::Removed) | None => Verdict::Foreign,
        }
    }

    /// Returns the user's own key.
    pub fn own_key(&self) -> Option<PublicKey> {
        self.own
    }

    /// Returns the same trust, with a decision about a key added.
    #[must_use]
    pub fn saying(mut self, key: PublicKey, said: TrustEntry) -> Self {
        self.said.insert(key, said);
        self
    }

    /// Returns all decisions, in the order of the keys.
    pub fn said(&self) -> impl Iterator<Item = (PublicKey, &TrustEntry)> {
        self.said.iter().map(|(key, said)| (*key, said))
    }

    /// Returns the decision about a key.
    pub fn of(&self, key: PublicKey) -> Option<&TrustEntry> {
        self.said.get(&key)
    }

    /// Writes a decision about a key to the folder `config`. Later readers use it.
    ///
    /// # Errors
    /// The file could not be read or written; it is unchanged then.
    pub fn say(
        disk: &dyn Disk,
        config: &Path,
        own: PublicKey,
        key: PublicKey,
        said: TrustEntry,
    ) -> Result<(), StoreError> {
        let _lock = locked(disk, config);
        Self::load(disk, config, own)?.saying(key, said).write(disk, config)
    }

    /// Replaces the user's own key by a new one. The secret of the old key is deleted; its signatures still count as the user's. Returns
    /// the old public key and the new key, or `None` if there is no key.
    ///
    /// # Errors
    /// The files could not be read or written: the old key still exists then, and is in use.
    pub fn rotate(
        disk: &dyn Disk,
        config: &Path,
        now: Timestamp,
    ) -> Result<Option<(PublicKey, SigningKey)>, StoreError> {
        let _lock = locked(disk, config);
        let Some(old) = SigningKey::load(disk, config)? else {
            return Ok(None);
        };
        let old = old.public();
        let trust = Self::load(disk, config, old)?;
        // Register the old key first: between the two writes it counts as the user's twice, and never not at all.
        let said = TrustEntry {
            standing: KeyTrust::Former,
            time: now,
            label: String::new(),
        };
        trust.saying(old, said).write(disk, config)?;
        Ok(Some((old, SigningKey::make(disk, config)?)))
    }

    fn write(&self, disk: &dyn Disk, config: &Path) -> Result<(), StoreError> {
        let lines: Vec<String> = self.said.iter().map(|(key, said)| format!("{key} {said}\n")).collect();
        atomic_file::replace(disk, config, TRUST_FILE, lines.concat().as_bytes())
    }
}

impl fmt::Display for TrustEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label: String = self.label.chars().filter(|letter| !letter.is_control()).collect();
        write!(formatter, "{} {} {label}", self.standing.text(), self.time)
    }
}

/// Parses `KEY STANDING TIME LABEL`.
fn line_of(line: &str) -> Option<(PublicKey, TrustEntry)> {
    let mut parts = line.splitn(4, ' ');
    let key = parts.next()?.parse().ok()?;
    let word = parts.next()?;
    let standing = KeyTrust::ALL.into_iter().find(|standing| standing.text() == word)?;
    let time = parts.next()?.parse().ok()?;
    let label = parts.next().unwrap_or_default().trim().to_owned();
    Some((key, TrustEntry { standing, time, label }))
}

/// The trust in a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The user's own key.
    Own,
    /// A key that the user trusts.
    Trusted,
    /// Valid, of an untrusted key: native encodings load, no code runs.
    Foreign,
}

impl Verdict {
    /// Returns whether code that the record names may run.
    pub fn may_run(self) -> bool {
        matches!(self, Self::Own | Self::Trusted)
    }
}
