//! Faults of a store, as `verify`, `status` and `gc` list them.

use std::path::{Path, PathBuf};

/// A file of a store that differs from what was written, or is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// The fault, for people.
    pub what: String,
}

impl Damage {
    /// Creates the description of a fault of a file.
    pub fn of(path: &Path, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            what: what.into(),
        }
    }

    /// Adds it to a list, if it is not there yet.
    pub(super) fn join(self, list: &mut Vec<Self>) {
        if !list.contains(&self) {
            list.push(self);
        }
    }
}

/// Faults of a file of a store. Faults of a single item in it are in [`super::StoreError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// It cannot be opened or read at all.
    #[error("It cannot be read: {0}")]
    Unreadable(String),
    /// No frame could be found in a part of it.
    #[error("Bytes {from} to {to} cannot be read: {why}")]
    Gap {
        /// The first byte.
        from: u64,
        /// The first byte after the gap.
        to: u64,
        /// The error there.
        why: String,
    },
    /// Its first record belongs to another file.
    #[error("Its header is that of another file")]
    OtherFile,
    /// It contains records or frames of kinds that this version does not know.
    #[error("It contains data of a newer Clew")]
    Later,
    /// A run's record does not decode.
    #[error("Run {id} cannot be read{}", after_colon(why.as_deref()))]
    RunUnreadable {
        /// The run.
        id: String,
        /// The fault, if known.
        why: Option<String>,
    },
    /// An operation names a run that is missing.
    #[error("Run {id} is missing")]
    RunMissing {
        /// The run.
        id: String,
    },
    /// An operation's record does not decode.
    #[error("Operation {id} cannot be read: {why}")]
    OperationUnreadable {
        /// The operation.
        id: String,
        /// The fault.
        why: String,
    },
    /// An operation does not decode, and so has no id.
    #[error("An operation at byte {offset} cannot be read: {why}")]
    OperationAt {
        /// Its offset in the file.
        offset: u64,
        /// The fault.
        why: String,
    },
    /// An operation's signature does not match its key.
    #[error("Operation {id} has a wrong signature; it is ignored")]
    NotSealed {
        /// The operation.
        id: String,
    },
    /// An operation belongs to another log.
    #[error("Operation {id} belongs to another session; it is ignored")]
    OtherSession {
        /// The operation.
        id: String,
    },
    /// Two operations have the same number.
    #[error("Operation {id} is a second one with number {number}; it is ignored")]
    Second {
        /// The operation.
        id: String,
        /// Its number.
        number: u64,
    },
    /// The chain of operations has a gap.
    #[error("Operations before {number} of session {session} are missing")]
    OperationsMissing {
        /// The number of the first operation after the gap.
        number: u64,
        /// The session.
        session: String,
    },
    /// A pack that a log names is missing.
    #[error("Pack {id} is missing; data that is only in this pack cannot be restored")]
    PackMissing {
        /// The pack.
        id: String,
    },
    /// Needed data cannot be copied to a new pack.
    #[error("{id} cannot be read: {why}")]
    NotCopied {
        /// Its kind and id.
        id: String,
        /// The fault.
        why: String,
    },
}

impl From<FileFault> for String {
    fn from(flaw: FileFault) -> Self {
        flaw.to_string()
    }
}

fn after_colon(why: Option<&str>) -> String {
    why.map(|why| format!(": {why}")).unwrap_or_default()
}

/// Faults of one item in a store, shown after `Block 3f2a9c10 in … is corrupted:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Its content does not match its id.
    #[error("its hash does not match")]
    Hash,
    /// Its frame is longer than the rest of the file.
    #[error("the file ends within it")]
    CutShort,
    /// According to the table of a pack it lies beyond its frame.
    #[error("its frame is shorter than its table says")]
    ShortFrame,
    /// A separate list of a manifest does not decode, or exceeds the limits.
    #[error("it is not a valid manifest list")]
    NoList,
    /// The lengths of the blocks of a piece of memory do not add up to its length.
    #[error("it does not fit its extent")]
    OddExtent,
    /// A text is shorter than its salt.
    #[error("it is shorter than its salt")]
    ShortText,
    /// A text is not UTF-8.
    #[error("it is not text")]
    NoText,
}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        fault.to_string()
    }
}
