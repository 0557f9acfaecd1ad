//! What can go wrong with a remote, told apart by what a caller can do about it.

use std::io;
use std::time::Duration;

use crate::name::{InvalidRemoteName, Name};

/// A remote that did not do what was asked. Texts of servers are kept short and hold no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// Nothing has that name. Nothing else is wrong with the place.
    #[error("{name} is not in {place}")]
    NotFound {
        /// Where.
        place: String,
        /// What was asked for.
        name: Name,
    },
    /// Somebody else changed the head since its token was read: read it again, and begin from there.
    ///
    /// Never said of what certainly was not written, see [`crate::Backend::swap`].
    #[error("Another machine changed {name} in {place}")]
    Conflict {
        /// Where.
        place: String,
        /// The head.
        name: Name,
    },
    /// The place knows who asks and says no, or does not know who asks. Only the user can mend that.
    #[error("{place} refused: {said}")]
    Refused {
        /// Where.
        place: String,
        /// What it said.
        said: String,
    },
    /// It believes nobody whose clock says otherwise than its own, as that of this machine does. Only the user can mend that.
    #[error("{place} and this machine have different times: {said}")]
    Clock {
        /// Where.
        place: String,
        /// What it said.
        said: String,
    },
    /// There is no room left.
    #[error("{place} is full: {said}")]
    Full {
        /// Where.
        place: String,
        /// What it said.
        said: String,
    },
    /// It can't be reached, or is overloaded. The same may work later; it may have been done though nobody heard of it.
    #[error("{place} cannot be reached: {said}")]
    Unreachable {
        /// Where.
        place: String,
        /// What it, or the network, said.
        said: String,
        /// How long it asks to be left alone.
        wait: Option<Duration>,
    },
    /// What lies there is not what was put there.
    #[error("{name} in {place} is corrupted: {why}")]
    Damaged {
        /// Where.
        place: String,
        /// What is damaged.
        name: Name,
        /// What is wrong with it.
        why: String,
    },
    /// The place can't do that, whoever asks and however often.
    #[error("{place} cannot {what}: {said}")]
    Unable {
        /// Where.
        place: String,
        /// What it can't do.
        what: &'static str,
        /// What it said.
        said: String,
    },
    /// The place is not one: a wrong URL or setting, a bucket or folder that is not there.
    #[error("{place} is not a remote: {said}")]
    NoPlace {
        /// What was taken for one.
        place: String,
        /// What is wrong.
        said: String,
    },
    /// What was to be sent can't be read here, or what comes can't be written here.
    #[error("The transfer failed on this machine: {said}")]
    Here {
        /// What this machine said.
        said: String,
    },
    /// What comes, or is on its way, does not fit on this machine's disk.
    #[error("This machine's disk is full: {said}")]
    NoRoom {
        /// What this machine said.
        said: String,
    },
    /// Whoever watched the transfer gave it up.
    #[error("The transfer was stopped")]
    GivenUp,
    /// It can't be a name.
    #[error(transparent)]
    Name(#[from] InvalidRemoteName),
}

impl RemoteError {
    /// It can't be reached, and says nothing of how long.
    pub fn unreachable(place: impl Into<String>, said: impl Into<String>) -> Self {
        Self::Unreachable {
            place: place.into(),
            said: said.into(),
            wait: None,
        }
    }

    /// The place can't do that.
    pub fn unable(place: impl Into<String>, what: &'static str, said: impl Into<String>) -> Self {
        Self::Unable {
            place: place.into(),
            what,
            said: said.into(),
        }
    }

    /// The place is none.
    pub(crate) fn no_place(place: impl Into<String>, said: impl Into<String>) -> Self {
        Self::NoPlace {
            place: place.into(),
            said: said.into(),
        }
    }

    /// What lies there is not what was put there.
    pub(crate) fn damaged(place: impl Into<String>, name: &Name, why: impl Into<String>) -> Self {
        Self::Damaged {
            place: place.into(),
            name: name.clone(),
            why: why.into(),
        }
    }

    /// This machine refused.
    pub(crate) fn here(error: &io::Error) -> Self {
        let said = error.to_string();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoRoom { said },
            _ => Self::Here { said },
        }
    }

    /// Whether the same may work if it is tried again, without anybody doing something about it.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}
