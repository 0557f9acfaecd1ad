//! Errors of remotes, distinguished by what a caller can do about them.

use std::io;
use std::time::Duration;

use crate::name::{InvalidRemoteName, Name};

/// A failed call to a remote. Server messages are shortened and contain no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// The object or head does not exist; the remote itself is available.
    #[error("{name} is not in {place}")]
    NotFound {
        /// The remote.
        place: String,
        /// The name that was requested.
        name: Name,
    },
    /// Another process changed the head since its token was read: read it again and retry.
    ///
    /// It does not imply that the write did not happen, see [`crate::Backend::swap`].
    #[error("Another machine changed {name} in {place}")]
    Conflict {
        /// The remote.
        place: String,
        /// The head.
        name: Name,
    },
    /// Authentication or authorization failed. Only the user can fix it.
    #[error("{place} refused: {said}")]
    Refused {
        /// The remote.
        place: String,
        /// The server's message.
        said: String,
    },
    /// The server rejects requests whose time differs from its own clock, and this machine's clock does. Only the user can fix it.
    #[error("{place} and this machine have different times: {said}")]
    Clock {
        /// The remote.
        place: String,
        /// The server's message.
        said: String,
    },
    /// The remote is out of space.
    #[error("{place} is full: {said}")]
    Full {
        /// The remote.
        place: String,
        /// The server's message.
        said: String,
    },
    /// The remote is unreachable or overloaded. A retry may succeed; the request may have been executed without a response.
    #[error("{place} cannot be reached: {said}")]
    Unreachable {
        /// The remote.
        place: String,
        /// The message of the server or the network.
        said: String,
        /// How long the server asks to wait.
        wait: Option<Duration>,
    },
    /// The stored content differs from what was written.
    #[error("{name} in {place} is corrupted: {why}")]
    Damaged {
        /// The remote.
        place: String,
        /// The corrupted object.
        name: Name,
        /// What is wrong with it.
        why: String,
    },
    /// The remote does not support the operation.
    #[error("{place} cannot {what}: {said}")]
    Unable {
        /// The remote.
        place: String,
        /// The operation.
        what: &'static str,
        /// The server's message.
        said: String,
    },
    /// The address is not a remote: a wrong URL or setting, or a missing bucket or folder.
    #[error("{place} is not a remote: {said}")]
    NoPlace {
        /// The address.
        place: String,
        /// What is wrong.
        said: String,
    },
    /// This machine cannot read the content to send, or write the received content.
    #[error("The transfer failed on this machine: {said}")]
    Here {
        /// This machine's message.
        said: String,
    },
    /// Received content, or a temporary file of a transfer, does not fit on this machine's disk.
    #[error("This machine's disk is full: {said}")]
    NoRoom {
        /// This machine's message.
        said: String,
    },
    /// The caller cancelled the transfer.
    #[error("The transfer was stopped")]
    GivenUp,
    /// The text is not a valid name.
    #[error(transparent)]
    Name(#[from] InvalidRemoteName),
}

impl RemoteError {
    /// The remote is unreachable, without a wait requested by the server.
    pub fn unreachable(place: impl Into<String>, said: impl Into<String>) -> Self {
        Self::Unreachable {
            place: place.into(),
            said: said.into(),
            wait: None,
        }
    }

    /// The remote does not support the operation.
    pub fn unable(place: impl Into<String>, what: &'static str, said: impl Into<String>) -> Self {
        Self::Unable {
            place: place.into(),
            what,
            said: said.into(),
        }
    }

    /// The address is not a remote.
    pub(crate) fn no_place(place: impl Into<String>, said: impl Into<String>) -> Self {
        Self::NoPlace {
            place: place.into(),
            said: said.into(),
        }
    }

    /// The stored content differs from what was written.
    pub(crate) fn damaged(place: impl Into<String>, name: &Name, why: impl Into<String>) -> Self {
        Self::Damaged {
            place: place.into(),
            name: name.clone(),
            why: why.into(),
        }
    }

    /// An I/O error on this machine.
    pub(crate) fn here(error: &io::Error) -> Self {
        let said = error.to_string();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoRoom { said },
            _ => Self::Here { said },
        }
    }

    /// Whether a retry may succeed without anybody's intervention.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}
