//! What can go wrong with a store, in words for people.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use crate::format::{BUNDLE_FORMAT, Timestamp};
use crate::id::{HistoryId, KeyId, PackId, SessionId};

/// A store that could not do what was asked. What had been acknowledged before stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk refused.
    #[error("{}", describe_io(what, path, source))]
    Io {
        /// What was being done (`write to`, `read`).
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// There is no store there.
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
        /// The newest format that is known here.
        known: u16,
    },
    /// Something that is named is not there.
    #[error("{kind} {id} is missing{}", missing_packs(packs))]
    Missing {
        /// What it is.
        kind: &'static str,
        /// Its short id.
        id: String,
        /// Packs that are missing; it may have been in one of them.
        packs: Vec<PackId>,
    },
    /// Something is there, but its bytes are not what they were.
    #[error("{kind} {id} in {} is corrupted: {why}", path.display())]
    Damaged {
        /// What it is.
        kind: &'static str,
        /// Its short id.
        id: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The history is not here.
    #[error("History {} is not in this store", .0.short())]
    NoHistory(HistoryId),
    /// A session with that id has a log already.
    #[error("Session {} already has a log, and a session cannot be continued", .0.short())]
    SessionExists(SessionId),
    /// The store was opened to read.
    #[error("The store in {} was opened read-only", path.display())]
    ReadOnly {
        /// The folder.
        path: PathBuf,
    },
    /// An earlier failure leaves it open what is on the disk, and new files can't be made either.
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
    /// Something is too large for the format.
    #[error("{what} has {length} bytes; the format allows at most {most}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// How large it is, in bytes.
        length: u64,
        /// The most, in bytes.
        most: u64,
    },
    /// There is not so much memory.
    #[error("There is not enough memory for {length} bytes")]
    NoMemory {
        /// How many bytes were wanted.
        length: u64,
    },
    /// Somebody else is at it.
    #[error("{who} in this store right now")]
    Busy {
        /// Who does what.
        who: &'static str,
    },
    /// A gc took away what runs need.
    #[error(
        "A gc on another machine, which file locks do not stop here, deleted {} that {}. The next run records what still exists",
        things(*count),
        if *is_earlier { "earlier runs need: those runs are not saved, nor is this one" } else { "this run needs: it is not saved" }
    )]
    TakenAway {
        /// How many things.
        count: usize,
        /// Whether runs need them that were said to be saved, and were not flushed yet.
        is_earlier: bool,
    },
    /// The engine panicked while it flushed, or while it wrote something else.
    #[error("Clew failed internally while it wrote; please report this bug")]
    Panicked,
    /// The user stopped it.
    #[error("Stopped before it was finished")]
    GivenUp,
    /// Packs can't be taken away safely.
    #[error("The file system of {} has no reliable locks: Clew cannot know what other processes are writing, so it deletes nothing", path.display())]
    NoLocks {
        /// The file that was to be locked.
        path: PathBuf,
    },
    /// The user forgot it.
    #[error("forgotten on {}", day(*time))]
    Forgotten {
        /// When.
        time: Timestamp,
    },
    /// A keep rule of the user's took it away.
    #[error("deleted by gc on {}, by the retention rules", day(*time))]
    Dropped {
        /// When.
        time: Timestamp,
    },
    /// Who sent its history sent a plan, by which it is cheaper to make again.
    #[error("left out of the push on {}, to be recreated here", day(*time))]
    LeftOut {
        /// When.
        time: Timestamp,
    },
    /// A bundle can't be used.
    #[error("{} cannot be opened as a bundle: {why}", path.display())]
    Bundle {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: BundleFault,
    },
    /// The key can't be used.
    #[error("Key {} cannot be used: {why}", path.display())]
    Key {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        why: KeyFault,
    },
    /// The store is encrypted, and can't be decrypted; or it is not, and should be.
    #[error("{}", why.told(path))]
    StoreKey {
        /// The store's folder, or the key file.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: StoreKeyFault,
    },
    /// What was last seen of a store can't be used.
    #[error("{} is Clew's record of what you last saw of this store, and cannot be used: {why}", path.display())]
    LastSeen {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: LastSeenFault,
    },
    /// The list of trusted keys can't be used.
    #[error("The list of trusted keys {} cannot be used: {why}", path.display())]
    Trust {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        why: TrustFault,
    },
}

/// What is wrong with a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleFault {
    /// It is something else.
    #[error("it is not a Clew bundle")]
    None,
    /// It ends too early.
    #[error("it is truncated: it has {has} of its {of} bytes")]
    CutOff {
        /// How many bytes it has.
        has: u64,
        /// How many it was made with.
        of: u64,
    },
    /// A later Clew made it.
    #[error("it has format {0}, this Clew reads up to {BUNDLE_FORMAT}")]
    Newer(u16),
    /// What says what lies in it can't be read.
    #[error("its table of contents is corrupted: {0}")]
    Damaged(String),
    /// It holds what came since something that is not here.
    #[error("it contains only runs after runs that are missing here")]
    Behind,
    /// The seal is none.
    #[error("its signature does not match: it was changed")]
    NotSealed,
    /// A file in it is not what its maker signed.
    #[error("{0} in it does not match its signature")]
    Changed(String),
    /// There is something where nothing is.
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

/// What is wrong with the file that says what was last seen of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LastSeenFault {
    /// It is not the user's alone.
    #[error("other users can write to it")]
    Open,
    /// It is not as it was written.
    #[error("it is corrupted")]
    Damaged,
    /// A later Clew wrote it.
    #[error("a newer Clew wrote it")]
    Newer,
}

/// What is wrong with the list of trusted keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrustFault {
    /// It is not the user's alone.
    #[error("other users can write to it. Check its contents, then run `chmod 600` on it")]
    Open,
    /// It is no such list.
    #[error("it is larger than a megabyte. Move it away")]
    Length,
}

/// What is wrong with a key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// It is not the user's alone.
    #[error("other users can read it. Run `chmod 600` on it, or move it away to get a new one")]
    Open,
    /// It holds no key.
    #[error("it is not 32 bytes long. Move it away to get a new one")]
    Length,
}

/// Why an encrypted store can't be opened or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreKeyFault {
    /// The key is not here.
    Missing {
        /// Which one.
        wanted: KeyId,
        /// Where it is looked for.
        path: PathBuf,
    },
    /// The key file that was named is not there.
    NotGiven,
    /// The key file that was named holds another key.
    Other {
        /// Which one.
        found: KeyId,
        /// The key file.
        path: PathBuf,
        /// The store's.
        wanted: KeyId,
    },
    /// Others than the user may read the key file.
    Open,
    /// The key file holds no key.
    Length,
    /// The key file holds another key than its name says.
    Changed,
    /// The store has a cipher that is not known here.
    Cipher(String),
    /// The store is there already, and is not encrypted.
    Plain,
    /// The store is not encrypted, or would not be, and the one in whose place it is was.
    PlainInstead,
}

impl StoreKeyFault {
    /// The error, of a store or a key file.
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
            Self::Open => format!("Store key {path} cannot be used: other users can read it"),
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

    /// What to do about it.
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
    /// An error of the disk.
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }

    /// Whether the disk is full.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull || source.kind() == io::ErrorKind::QuotaExceeded)
    }

    /// Whether nothing may be written there: the file system is read-only, or belongs to others.
    pub fn is_read_only(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::ReadOnlyFilesystem || source.kind() == io::ErrorKind::PermissionDenied)
    }

    /// What to do about it, where that is plain.
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

/// The day of a moment, in UTC: `2026-11-20`.
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
