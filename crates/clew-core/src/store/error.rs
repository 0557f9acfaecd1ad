//! Errors of a store, with messages for people.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use crate::format::{BUNDLE_FORMAT, Timestamp};
use crate::id::{HistoryId, KeyId, PackId, SessionId};

/// A failed operation of a store. Data that was acknowledged before stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A disk operation failed.
    #[error("{}", describe_io(what, path, source))]
    Io {
        /// The operation (`write to`, `read`).
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the disk.
        source: io::Error,
    },
    /// There is no store in the folder.
    #[error("There is no store in {}", path.display())]
    NoStore {
        /// The folder.
        path: PathBuf,
    },
    /// It was written by a newer Clew.
    #[error("{} has format {found}, this Clew reads up to {known}: update Clew to open it", path.display())]
    NewerFormat {
        /// The folder or file.
        path: PathBuf,
        /// Its format.
        found: u16,
        /// The newest format that this version knows.
        known: u16,
    },
    /// Data that a record names is missing.
    #[error("{kind} {id} is missing{}", missing_packs(packs))]
    Missing {
        /// The kind of the data.
        kind: &'static str,
        /// Its short id.
        id: String,
        /// Missing packs, one of which may have contained it.
        packs: Vec<PackId>,
    },
    /// The bytes of stored data differ from what was written.
    #[error("{kind} {id} in {} is corrupted: {why}", path.display())]
    Damaged {
        /// The kind of the data.
        kind: &'static str,
        /// Its short id.
        id: String,
        /// The file.
        path: PathBuf,
        /// The fault.
        why: String,
    },
    /// The history is not in this store.
    #[error("History {} is not in this store", .0.short())]
    NoHistory(HistoryId),
    /// A session with that id already has a log.
    #[error("Session {} already has a log, and a session cannot be continued", .0.short())]
    SessionExists(SessionId),
    /// The store was opened read-only.
    #[error("The store in {} was opened read-only", path.display())]
    ReadOnly {
        /// The folder.
        path: PathBuf,
    },
    /// After an earlier failure the content of the files is unknown, and new files cannot be created either.
    #[error(
        "Session {} stopped writing after the disk failed: {why}. Everything saved before is kept; the next run tries again",
        session.short()
    )]
    Stopped {
        /// The session.
        session: SessionId,
        /// The failure.
        why: String,
    },
    /// An object exceeds a limit of the format.
    #[error("{what} has {length} bytes; the format allows at most {most}")]
    TooLarge {
        /// The object.
        what: &'static str,
        /// Its size in bytes.
        length: u64,
        /// The limit in bytes.
        most: u64,
    },
    /// There is not enough memory.
    #[error("There is not enough memory for {length} bytes")]
    NoMemory {
        /// The number of bytes that were requested.
        length: u64,
    },
    /// Another process holds a lock.
    #[error("{who} in this store right now")]
    Busy {
        /// What that process does.
        who: &'static str,
    },
    /// A gc deleted data that runs need.
    #[error(
        "A gc on another machine, which file locks do not stop here, deleted {} that {}. The next run records what still exists",
        things(*count),
        if *is_earlier { "earlier runs need: those runs are not saved, nor is this one" } else { "this run needs: it is not saved" }
    )]
    TakenAway {
        /// The number of deleted objects.
        count: usize,
        /// Whether earlier runs need them, which were reported as saved and were not flushed yet.
        is_earlier: bool,
    },
    /// Clew panicked while it flushed or wrote.
    #[error("Clew failed internally while it wrote; please report this bug")]
    Panicked,
    /// The user cancelled the operation.
    #[error("Stopped before it was finished")]
    GivenUp,
    /// Packs cannot be deleted safely, because the file system has no locks.
    #[error("The file system of {} has no reliable locks: Clew cannot know what other processes are writing, so it deletes nothing", path.display())]
    NoLocks {
        /// The lock file.
        path: PathBuf,
    },
    /// The user forgot the value.
    #[error("forgotten on {}", day(*time))]
    Forgotten {
        /// When.
        time: Timestamp,
    },
    /// A retention rule deleted the value.
    #[error("deleted by gc on {}, by the retention rules", day(*time))]
    Dropped {
        /// When.
        time: Timestamp,
    },
    /// The sender of the history left out the value, because it is cheaper to recreate.
    #[error("left out of the push on {}, to be recreated here", day(*time))]
    LeftOut {
        /// When.
        time: Timestamp,
    },
    /// A bundle cannot be used.
    #[error("{} cannot be opened as a bundle: {why}", path.display())]
    Bundle {
        /// The file.
        path: PathBuf,
        /// The fault.
        why: BundleFault,
    },
    /// The key cannot be used.
    #[error("Key {} cannot be used: {why}", path.display())]
    Key {
        /// The key file.
        path: PathBuf,
        /// The fault, and what to do.
        why: KeyFault,
    },
    /// The store is encrypted and cannot be decrypted, or should be encrypted and is not.
    #[error("{}", why.told(path))]
    StoreKey {
        /// The store's folder, or the key file.
        path: PathBuf,
        /// The fault, and what to do.
        why: StoreKeyFault,
    },
    /// The file with the last seen ends of logs cannot be used.
    #[error("{} is Clew's record of what you last saw of this store, and cannot be used: {why}", path.display())]
    LastSeen {
        /// The file.
        path: PathBuf,
        /// The fault.
        why: LastSeenFault,
    },
    /// The list of trusted keys cannot be used.
    #[error("The list of trusted keys {} cannot be used: {why}", path.display())]
    Trust {
        /// The file.
        path: PathBuf,
        /// The fault, and what to do.
        why: TrustFault,
    },
}

/// Faults of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleFault {
    /// It is not a bundle.
    #[error("it is not a Clew bundle")]
    None,
    /// It is truncated.
    #[error("it is truncated: it has {has} of its {of} bytes")]
    CutOff {
        /// Its actual length in bytes.
        has: u64,
        /// Its original length in bytes.
        of: u64,
    },
    /// A later version of Clew made it.
    #[error("it has format {0}, this Clew reads up to {BUNDLE_FORMAT}")]
    Newer(u16),
    /// Its table of contents cannot be read.
    #[error("its table of contents is corrupted: {0}")]
    Damaged(String),
    /// It contains only later parts of logs, of which the beginnings are missing here.
    #[error("it contains only runs after runs that are missing here")]
    Behind,
    /// Its signature is not valid.
    #[error("its signature does not match: it was changed")]
    NotSealed,
    /// A file in it differs from what its maker signed.
    #[error("{0} in it does not match its signature")]
    Changed(String),
    /// It contains data between its files.
    #[error("it contains data between its files that is not signed")]
    Padded,
}

impl BundleFault {
    fn hint(&self) -> &'static str {
        match self {
            Self::None => "`clew export FILE` creates one",
            Self::Newer(_) => "`pip install --upgrade clew`, then repeat the command",
            Self::Behind => "import what was sent before it first: `clew pull` does that in the right order",
            Self::CutOff { .. } | Self::Damaged(_) => "copy it again from its source",
            Self::NotSealed | Self::Changed(_) | Self::Padded => {
                "ask its author for another copy, and check how this one was transferred"
            }
        }
    }
}

/// Faults of the file with the last seen ends of logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LastSeenFault {
    /// Other users can read or write it.
    #[error("other users can read or write it")]
    Open,
    /// Its content does not match its hash.
    #[error("it is corrupted")]
    Damaged,
    /// A later version of Clew wrote it.
    #[error("a newer Clew wrote it")]
    Newer,
}

/// Faults of the list of trusted keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrustFault {
    /// Other users can read or write it.
    #[error("other users can read or write it. Check its contents, then run `chmod 600` on it")]
    Open,
    /// It is too large.
    #[error("it is larger than a megabyte. Move it away")]
    Length,
}

/// Faults of a key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Other users can read or write it.
    #[error("other users can read or write it. Run `chmod 600` on it, or move it away to get a new one")]
    Open,
    /// It does not have the length of a key.
    #[error("it is not 32 bytes long. Move it away to get a new one")]
    Length,
}

/// Why an encrypted store cannot be opened or created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreKeyFault {
    /// The key is missing.
    Missing {
        /// The id of the key.
        wanted: KeyId,
        /// The path where it is expected.
        path: PathBuf,
    },
    /// The key file that the user named does not exist.
    NotGiven,
    /// The key file that the user named contains another key.
    Other {
        /// The id of that key.
        found: KeyId,
        /// The key file.
        path: PathBuf,
        /// The id of the store's key.
        wanted: KeyId,
    },
    /// Other users can read or write the key file.
    Open,
    /// The key file does not have the length of a key.
    Length,
    /// The key in the file does not match the file's name.
    Changed,
    /// The store is encrypted with an unknown cipher.
    Cipher(String),
    /// The store exists and is not encrypted.
    Plain,
    /// A store that replaces an encrypted one is not, or would not be, encrypted.
    PlainInstead,
}

impl StoreKeyFault {
    /// Returns the error for a store or a key file.
    pub fn of(self, path: &Path) -> StoreError {
        let path = path.to_owned();
        StoreError::StoreKey { path, why: self }
    }

    fn told(&self, path: &Path) -> String {
        let path = path.display();
        match self {
            Self::Missing { wanted, .. } => {
                format!(
                    "The store in {path} is encrypted, and its key {} is missing here",
                    wanted.short()
                )
            }
            Self::NotGiven => {
                format!("Store key {path} does not exist, and Clew looked for no other key")
            }
            Self::Other {
                found,
                path: file,
                wanted,
            } => format!(
                "The store in {path} is encrypted with key {}; {} contains another one, {}",
                wanted.short(),
                file.display(),
                found.short()
            ),
            Self::Open => format!("Store key {path} cannot be used: other users can read or write it"),
            Self::Length => format!("Store key {path} cannot be used: it is not 32 bytes long"),
            Self::Changed => format!("Store key {path} cannot be used: its name belongs to another key"),
            Self::Cipher(cipher) => {
                format!("The store in {path} is encrypted with {cipher}, which this Clew does not know")
            }
            Self::Plain => {
                format!("The store in {path} is not encrypted, and contains unencrypted data")
            }
            Self::PlainInstead => {
                format!(
                    "The encrypted store of this session is gone, so nothing is recorded: a new store in {path} would not be encrypted"
                )
            }
        }
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Missing { path, .. } => format!(
                "copy its key to {}, or name its file: `export CLEW_STORE_KEY=FILE`",
                path.display()
            ),
            Self::NotGiven | Self::Other { .. } => {
                "set CLEW_STORE_KEY to the right file, or unset it to use the keys in your own folder".to_owned()
            }
            Self::Open => "run `chmod 600` on it; if others may have read it, use a new key from now on: `clew init --encrypt` in a new folder".to_owned(),
            Self::Length | Self::Changed => "restore it from your copy".to_owned(),
            Self::Cipher(_) => "`pip install --upgrade clew`, then repeat the command".to_owned(),
            Self::PlainInstead => "restore it, or create another: `clew init --encrypt` in the project's folder".to_owned(),
            Self::Plain => "choose a folder without a store, or move this one away first: `clew list --store DIR` lists it there".to_owned(),
        }
    }
}

impl StoreError {
    /// Returns a function that converts an error of the disk.
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }

    /// Returns whether the disk is full.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull || source.kind() == io::ErrorKind::QuotaExceeded)
    }

    /// Returns whether writing is not permitted: the file system is read-only, or belongs to another user.
    pub fn is_read_only(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::ReadOnlyFilesystem || source.kind() == io::ErrorKind::PermissionDenied)
    }

    /// Returns what to do about it, if that is clear.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::StoreKey { why, .. } => Some(why.hint().into()),
            Self::Bundle { why, .. } => Some(why.hint().into()),
            _ => self.plain_hint().map(Cow::Borrowed),
        }
    }

    fn plain_hint(&self) -> Option<&'static str> {
        match self {
            Self::Busy { .. } => Some("try again in a moment"),
            _ if self.is_full() => Some("free some space; the next run is recorded again"),
            Self::Missing { .. } | Self::Damaged { .. } => {
                Some("`clew verify` lists everything that is missing or corrupted")
            }
            Self::NewerFormat { .. } => Some("`pip install --upgrade clew`, then repeat the command"),
            Self::NoHistory(_) => Some("`clew list` lists all histories"),
            Self::SessionExists(_) => Some("`%reload_ext clew` in the notebook starts another session"),
            Self::Io { .. } => Some("`clew doctor` searches for the cause"),
            _ => None,
        }
    }
}

fn describe_io(what: &str, path: &Path, source: &io::Error) -> String {
    let path = path.display();
    match source.kind() {
        io::ErrorKind::StorageFull => {
            format!("Cannot {what} {path}: the disk is full. Everything saved before is kept")
        }
        io::ErrorKind::QuotaExceeded => {
            format!("Cannot {what} {path}: the disk quota is used up. Everything saved before is kept")
        }
        io::ErrorKind::ReadOnlyFilesystem => format!("Cannot {what} {path}: the file system is read-only"),
        io::ErrorKind::PermissionDenied => format!("Cannot {what} {path}: permission denied"),
        _ => format!("Cannot {what} {path}: {source}"),
    }
}

fn missing_packs(packs: &[PackId]) -> String {
    let names: Vec<String> = packs.iter().map(PackId::short).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => format!("; pack {one} is missing and may have contained it"),
        many => format!(
            "; packs {} are missing, and one of them may have contained it",
            many.join(", ")
        ),
    }
}

fn things(count: usize) -> String {
    if count == 1 {
        "an object".to_owned()
    } else {
        format!("{count} objects")
    }
}

/// Formats the day of a time, in UTC: `2026-11-20`.
fn day(time: Timestamp) -> String {
    // From days since 1970 to a date of the Gregorian calendar, counted in eras of 400 years that begin in March.
    let days = time.div_euclid(86_400_000_000_000) + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, (month + 2) % 12 + 1);
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::day;

    #[test]
    fn a_moment_has_its_day() {
        let second = 1_000_000_000;
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(-1), "1969-12-31");
        assert_eq!(day(951_782_400 * second), "2000-02-29");
        assert_eq!(day(1_795_132_800 * second), "2026-11-20");
    }
}
