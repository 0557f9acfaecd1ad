//! What is wrong with a store, as `verify`, `status` and `gc` list it.

use std::path::{Path, PathBuf};

/// Something in a store that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, for people.
    pub what: String,
}

impl Damage {
    /// What is wrong with a file.
    pub fn of(path: &Path, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            what: what.into(),
        }
    }

    /// Adds it to a list, once.
    pub(super) fn join(self, list: &mut Vec<Self>) {
        if !list.contains(&self) {
            list.push(self);
        }
    }
}

/// What can be wrong with a file of a store. Faults of a single item in it are in [`super::StoreError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// It can't be opened or read at all.
    #[error("It cannot be read: {0}")]
    Unreadable(String),
    /// No frame could be found in a part of it.
    #[error("Bytes {from} to {to} cannot be read: {why}")]
    Gap {
        /// The first byte.
        from: u64,
        /// The byte behind the last.
        to: u64,
        /// What was found there.
        why: String,
    },
    /// Its first record is of another file.
    #[error("Its header is that of another file")]
    OtherFile,
    /// It holds records or frames of kinds that are not known here.
    #[error("It contains data of a newer Clew")]
    Later,
    /// A run's record does not decode.
    #[error("Run {id} cannot be read{}", after_colon(why.as_deref()))]
    RunUnreadable {
        /// The run.
        id: String,
        /// What is wrong with it, where that is known.
        why: Option<String>,
    },
    /// An operation shows a run that is not there.
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
        /// What is wrong with it.
        why: String,
    },
    /// An operation does not decode so far that it would have an id.
    #[error("An operation at byte {offset} cannot be read: {why}")]
    OperationAt {
        /// Where it lies.
        offset: u64,
        /// What is wrong with it.
        why: String,
    },
    /// An operation's signature is not of the key that it names.
    #[error("Operation {id} has a wrong signature; it is ignored")]
    NotSealed {
        /// The operation.
        id: String,
    },
    /// An operation belongs into another log.
    #[error("Operation {id} belongs to another session; it is ignored")]
    OtherSession {
        /// The operation.
        id: String,
    },
    /// Two operations have one number.
    #[error("Operation {id} is a second one with number {number}; it is ignored")]
    Second {
        /// The operation.
        id: String,
        /// Its number.
        number: u64,
    },
    /// The chain of operations has a hole.
    #[error("Operations before {number} of session {session} are missing")]
    OperationsMissing {
        /// The number of the first one behind the hole.
        number: u64,
        /// The session.
        session: String,
    },
    /// A pack that a log names is not there.
    #[error("Pack {id} is missing; data that is only in this pack cannot be restored")]
    PackMissing {
        /// The pack.
        id: String,
    },
    /// Something that is still needed can't be copied into a new pack.
    #[error("{id} cannot be read: {why}")]
    NotCopied {
        /// What it is called.
        id: String,
        /// What is wrong with it.
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

/// What can be wrong with one thing in a store, behind `Block 3f2a9c10 in … is damaged:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not what it is named by.
    #[error("its hash does not match")]
    Hash,
    /// The frame that holds it is longer than what is left of the file.
    #[error("the file ends within it")]
    CutShort,
    /// A table of a pack says that it lies beyond its frame.
    #[error("its frame is shorter than its table says")]
    ShortFrame,
    /// What a manifest lists apart does not decode, or is more than is read.
    #[error("it is not a valid manifest list")]
    NoList,
    /// The blocks of a piece of memory are not as long as it is.
    #[error("it does not fit its extent")]
    OddExtent,
    /// A text has not even its salt.
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
