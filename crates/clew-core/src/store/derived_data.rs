//! Data of a store that follows from its logs. Readers never prefer it to the logs; it can be checked and rebuilt.
//!
//! This is `numbers` in each history, the last run number assigned; the file `format`; the notes in `removed/` about packs that are not
//! needed any more; and the index over the logs in the user's cache folder (decision 9).

use super::logs::numbers;
use super::{Access, LoadedHistory, Store, StoreError, format_file};
use crate::id::HistoryId;

impl Store {
    /// Returns whether the file of run numbers matches the logs: its number is at least their largest. It may be larger, because a number
    /// is not assigned again if its run could not be written.
    pub fn is_numbering_right(&self, history: HistoryId, loaded: &LoadedHistory) -> bool {
        let given = numbers::last_given(self.disk(), self.directory(), history);
        given.unwrap_or(0) >= largest(loaded)
    }

    /// Rebuilds the file of run numbers from the logs if it is wrong, and returns whether it was. Kernels can record meanwhile, because
    /// this takes the lock under which numbers are assigned.
    ///
    /// # Errors
    /// The store was opened read-only, or a disk operation failed.
    pub fn rebuild_numbering(&self, history: HistoryId, loaded: &LoadedHistory) -> Result<bool, StoreError> {
        self.check_writable()?;
        if self.is_numbering_right(history, loaded) {
            return Ok(false);
        }
        numbers::raise(self.disk(), self.directory(), history, largest(loaded))
    }
}

impl Store {
    /// Returns whether the file exists that specifies the store's format.
    pub fn is_format_said(&self) -> bool {
        format_file::is_said(self.disk(), self.directory(), self.key())
    }

    /// Rewrites that file if it is missing or corrupted, and returns whether it was.
    ///
    /// # Errors
    /// The store was opened read-only, or a disk operation failed.
    pub fn rebuild_format(&self) -> Result<bool, StoreError> {
        self.check_writable()?;
        if self.is_format_said() {
            return Ok(false);
        }
        format_file::write(self.disk(), self.directory(), self.key()).map(|()| true)
    }

    pub(super) fn check_writable(&self) -> Result<(), StoreError> {
        match self.inner.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(StoreError::ReadOnly {
                path: self.directory().to_owned(),
            }),
        }
    }

    /// Returns whether loading a history with this store's index gives the same result as scanning its logs did. If the index gives more,
    /// another process may have recorded since; the history is then loaded again from `logs`, a store without an index.
    ///
    /// # Errors
    /// The history does not exist.
    pub fn is_index_right(&self, history: HistoryId, scanned: &LoadedHistory, logs: &Self) -> Result<bool, StoreError> {
        let loaded = self.load(history)?;
        Ok(has_all_of(&loaded, scanned) && (has_all_of(scanned, &loaded) || has_all_of(&logs.load(history)?, &loaded)))
    }
}

/// Returns whether `later` equals `before` or extends it.
fn has_all_of(later: &LoadedHistory, before: &LoadedHistory) -> bool {
    let has_runs = before.runs.iter().all(|(id, run)| {
        let other = later.runs.get(id).map(|run| run.outline());
        other == Some(run.outline())
    });
    has_runs
        && before.sessions.iter().all(|(id, session)| {
            let other = later.sessions.get(id);
            other.is_some_and(|other| {
                other.synced >= session.synced && other.operations.starts_with(&session.operations)
            })
        })
}

fn largest(loaded: &LoadedHistory) -> u64 {
    loaded.runs.values().map(|run| run.outline().number).max().unwrap_or(0)
}
