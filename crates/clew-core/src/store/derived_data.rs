//! What a store holds that its logs tell too. Readers never believe it over the logs; it can be checked and made anew.
//!
//! In each history `numbers`, the last run number that it gave; the file `format`; what `removed/` says of packs that are
//! not needed any more; and in the user's cache folder the index over the logs (decision 9).

use super::logs::numbers;
use super::{Access, LoadedHistory, Store, StoreError, format_file};
use crate::id::HistoryId;

impl Store {
    /// Whether the file of run numbers says what the logs bear out: a number as large as their largest. It may be
    /// larger, since a number that was given is not given again where its run could not be written.
    pub fn is_numbering_right(&self, history: HistoryId, loaded: &LoadedHistory) -> bool {
        let given = numbers::last_given(self.disk(), self.directory(), history);
        given.unwrap_or(0) >= largest(loaded)
    }

    /// Makes the file of run numbers anew from the logs, where it is wrong. Says whether it was. Kernels may go on
    /// recording meanwhile: this takes the lock under which numbers are given.
    ///
    /// # Errors
    /// The store was opened to read only, or its disk refuses.
    pub fn rebuild_numbering(&self, history: HistoryId, loaded: &LoadedHistory) -> Result<bool, StoreError> {
        self.check_writable()?;
        if self.is_numbering_right(history, loaded) {
            return Ok(false);
        }
        numbers::raise(self.disk(), self.directory(), history, largest(loaded))
    }
}

impl Store {
    /// Whether the file is there that says of which format the store is.
    pub fn is_format_said(&self) -> bool {
        format_file::is_said(self.disk(), self.directory(), self.key())
    }

    /// Makes that file anew where it is missing or damaged. Says whether it was.
    ///
    /// # Errors
    /// The store was opened to read only, or its disk refuses.
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

    /// Whether reading a history with the index of this store comes to what reading its logs came to. Where it comes to
    /// more, somebody may have recorded since: then `logs`, a store without an index, is asked once more.
    ///
    /// # Errors
    /// The history is not there.
    pub fn is_index_right(&self, history: HistoryId, scanned: &LoadedHistory, logs: &Self) -> Result<bool, StoreError> {
        let loaded = self.load(history)?;
        Ok(has_all_of(&loaded, scanned) && (has_all_of(scanned, &loaded) || has_all_of(&logs.load(history)?, &loaded)))
    }
}

/// Whether a history is another one, or that and what was added to it.
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
