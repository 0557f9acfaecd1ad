//! Whom the user trusts: a file beside the key, which nothing but `clew trust` writes, and nothing but the user's own folder
//! of settings holds. Read once, when a store is opened: no cell that runs later changes what counts.

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
    /// It was the user's own until another one took its place. What it signed is theirs.
    Former,
    /// Somebody's whom the user trusts.
    Trusted,
    /// It was one of these, and is so no longer: whoever has it is a stranger.
    Removed,
}

impl KeyTrust {
    const ALL: [Self; 3] = [Self::Former, Self::Trusted, Self::Removed];

    /// The word in the file and in answers.
    pub fn text(self) -> &'static str {
        match self {
            Self::Former => "former",
            Self::Trusted => "trusted",
            Self::Removed => "removed",
        }
    }
}

/// A line of the trust file: one key, and what the user decided about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustEntry {
    /// What the user said of the key.
    pub standing: KeyTrust,
    /// When.
    pub time: Timestamp,
    /// What the user calls whoever has it; may be empty.
    pub label: String,
}

/// Whose operations may be decoded and replayed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    own: Option<PublicKey>,
    said: BTreeMap<PublicKey, TrustEntry>,
}

impl Trust {
    /// Trust in one's own key only.
    pub fn own(key: PublicKey) -> Self {
        Self {
            own: Some(key),
            said: BTreeMap::new(),
        }
    }

    /// Reads whom the user trusts from the folder `config`. Lines that can't be read are passed over, since they must never
    /// widen trust, and of two lines about a key the last one counts.
    ///
    /// # Errors
    /// A file that others may write to or read is refused: they may have put themselves in it.
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

    /// The same; where the file can't be used it counts for nothing, and the reason is given.
    pub fn load_or_own(disk: &dyn Disk, config: &Path, own: PublicKey) -> (Self, Option<StoreError>) {
        match Self::load(disk, config, own) {
            Ok(trust) => (trust, None),
            Err(error) => (Self::own(own), Some(error)),
        }
    }

    /// What a sound seal of `key` is worth here.
    pub fn verdict(&self, key: PublicKey) -> Verdict {
        match self.said.get(&key).map(|said| said.standing) {
            _ if self.own == Some(key) => Verdict::Own,
            Some(KeyTrust::Former) => Verdict::Own,
            Some(KeyTrust::Trusted) => Verdict::Trusted,
            Some(KeyTrust::Removed) | None => Verdict::Foreign,
        }
    }

    /// The user's own key.
    pub fn own_key(&self) -> Option<PublicKey> {
        self.own
    }

    /// The same, with something said of a key.
    #[must_use]
    pub fn saying(mut self, key: PublicKey, said: TrustEntry) -> Self {
        self.said.insert(key, said);
        self
    }

    /// What was said of keys, in the order of the keys.
    pub fn said(&self) -> impl Iterator<Item = (PublicKey, &TrustEntry)> {
        self.said.iter().map(|(key, said)| (*key, said))
    }

    /// What was said of a key.
    pub fn of(&self, key: PublicKey) -> Option<&TrustEntry> {
        self.said.get(&key)
    }

    /// Says something of a key, in the folder `config` and for whoever reads it from now on.
    ///
    /// # Errors
    /// The file could not be read or written; it is as it was.
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

    /// Puts a new key in the place of the user's own. The old one's secret is gone then; what it signed stays the user's.
    /// Gives the old one's public half and the new key.
    ///
    /// # Errors
    /// There is no key, or the files could not be written: then the old one is still there, and in use.
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
        // First what makes the old one the user's: between the two writes it is so twice, and never not at all.
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

/// `KEY STANDING TIME LABEL`.
fn line_of(line: &str) -> Option<(PublicKey, TrustEntry)> {
    let mut parts = line.splitn(4, ' ');
    let key = parts.next()?.parse().ok()?;
    let word = parts.next()?;
    let standing = KeyTrust::ALL.into_iter().find(|standing| standing.text() == word)?;
    let time = parts.next()?.parse().ok()?;
    let label = parts.next().unwrap_or_default().trim().to_owned();
    Some((key, TrustEntry { standing, time, label }))
}

/// What a seal is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The user's own.
    Own,
    /// Of a key that the user trusts.
    Trusted,
    /// Sound, of a key that nobody vouched for: native encodings load, nothing runs.
    Foreign,
    /// Not a seal over these bytes: nothing of it is used.
    Bad,
}

impl Verdict {
    /// Whether code that it names may run.
    pub fn may_run(self) -> bool {
        matches!(self, Self::Own | Self::Trusted)
    }
}
