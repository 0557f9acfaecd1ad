//! Pushing and pulling: histories in a place that others reach too.
//!
//! ```text
//! heads/HISTORY          what the place has of a history: its bundles, how far they tell each log
//! bundles/BUNDLE         a bundle: some of what the history needs, or what is new in its logs
//!         BUNDLE.index   the ids of what lies in it, if it is not small
//! ```
//! A push sends what no bundle of the head holds, in bundles of some tens of megabytes, several at once, then what is new in the logs, with
//! what is small, then swaps the head. What was sent before a cut is not sent again. Heads of two machines are brought together by taking what both have,
//! since a session has one writer and its log only grows. A pull fetches the bundles that it has not had yet and takes them all in together.
//! Small bundles of many pushes become one by the push that finds them many.
//!
//! Nothing here is believed because of where it lies: bundles are named by their hashes, and what is in them is judged by who recorded it
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
    /// Bytes that moved, over the network.
    pub moved: u64,
    /// About how many there are.
    pub of: u64,
}

/// Called with the progress by any of the threads at work; `Break` cancels the transfer.
pub type ProgressCallback<'w> = &'w (dyn Fn(SyncProgress) -> ControlFlow<()> + Sync);

/// Why a push or a pull did not come to its end. What was done of it is not done again by the next.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The place.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What lies there is not what a push writes.
    #[error("What {place} has of history {history} cannot be read: {why}")]
    Unreadable {
        /// The place.
        place: String,
        /// The history.
        history: String,
        /// What is wrong.
        why: String,
    },
    /// Another process of this machine pushes or pulls the same.
    #[error("Another push or pull between this store and {place} is running")]
    Busy {
        /// The place.
        place: String,
    },
    /// Others change the head all the time.
    #[error("Other machines push to {place} all the time, so this push could not finish")]
    Crowded {
        /// The place.
        place: String,
    },
}

/// The remotes have errors of their own: what else is read and written lies on this machine's disk.
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
