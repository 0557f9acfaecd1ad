//! Push and pull: histories in a shared remote.
//!
//! ```text
//! heads/HISTORY          the head of a history: its bundles, and the end of each log in them
//! bundles/BUNDLE         a bundle: values and code that the history needs, or new log records
//!         BUNDLE.index   the ids of its contents, unless it is small
//! ```
//! A push sends what no bundle of the head contains, in bundles of some tens of megabytes, several in parallel. Then it sends the new log
//! records with the small rest, and swaps the head. Data sent before an interruption is not sent again. Heads of two machines are merged by
//! union, since a session has one writer and its log only grows. A pull fetches all bundles that it has not fetched before and imports them
//! together. A push merges small bundles of earlier pushes when there are many.
//!
//! Nothing is trusted because of its location: bundles are named by their hashes, and their contents are trusted according to the signing
//! key
//! ([`clew_core::store::Store::receive_all`]).

mod at_once;
mod compaction;
mod head;
mod index;
mod local_copy;
mod memory;
mod pull;
mod push;
mod replaced_bundles;
mod speed;
mod way;

use std::io;
use std::ops::ControlFlow;

use clew_core::store::StoreError;

pub use head::{HistoryHead, LogEnd, RemoteBundle, ReplacedBundle, heads};
pub use memory::RemoteCache;
pub use pull::{PullSummary, pull};
pub use push::{PushSummary, RemoteContents, push, there};
pub use speed::{Speed, folder_speed};
pub use way::{SyncTarget, speed};

use crate::error::RemoteError;
use crate::name::InvalidRemoteName;

/// The progress of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncProgress {
    /// Transferred bytes.
    pub moved: u64,
    /// The expected total, approximately.
    pub of: u64,
}

/// Called with the progress by any worker thread; `Break` cancels the transfer.
pub type ProgressCallback<'w> = &'w (dyn Fn(SyncProgress) -> ControlFlow<()> + Sync);

/// Why a push or a pull failed. The next one continues where it ended.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The remote failed.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The remote contains something that no push writes.
    #[error("What {place} has of history {history} cannot be read: {why}")]
    Unreadable {
        /// The remote.
        place: String,
        /// The history.
        history: String,
        /// What is wrong.
        why: String,
    },
    /// Another process on this machine pushes or pulls with the same remote and store.
    #[error("Another push or pull between this store and {place} is running")]
    Busy {
        /// The remote.
        place: String,
    },
    /// Other machines change the head too often.
    #[error("Other machines push to {place} all the time, so this push could not finish")]
    Crowded {
        /// The remote.
        place: String,
    },
}

/// I/O errors in this module come from this machine's disk; remotes have their own error type.
impl From<io::Error> for SyncError {
    fn from(error: io::Error) -> Self {
        Self::Remote(RemoteError::here(&error))
    }
}

impl From<InvalidRemoteName> for SyncError {
    fn from(fault: InvalidRemoteName) -> Self {
        Self::Remote(fault.into())
    }
}
