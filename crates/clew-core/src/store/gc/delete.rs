//! Deleting a history: its folder gets another name in one step, and what lies in it is taken away after that.
//!
//! A kill leaves either the history as it was, or a folder that no reader takes for one; the next deletion or gc removes that. What
//! only the history needed lies in packs, and is gc's to remove ([`super`]).

use super::{Marker, Tally};
use crate::id::HistoryId;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::layout;
use crate::store::packs::survey::{Survey, lengths};

/// How the folder of a deleted history ends.
const DELETED: &str = ".deleted";

impl Store {
    /// Deletes a history. Values and texts that only it needed stay in the packs until gc.
    ///
    /// # Errors
    /// There is no such history, the store was opened to read only, or the disk refuses. The history is as it was.
    pub fn delete_history(&self, history: HistoryId) -> Result<(), StoreError> {
        self.check_writable()?;
        self.clear_deleted();
        let histories = layout::histories_folder(self.directory());
        let folder = layout::history_folder(self.directory(), history);
        self.names_in(history)?;
        let deleted = histories.join(format!("{history}{DELETED}"));
        self.disk()
            .rename(&folder, &deleted)
            .map_err(StoreError::io("rename", &folder))?;
        self.disk().sync_folder(&histories)?;
        self.clear_deleted();
        Ok(())
    }

    /// Takes away the files of deleted histories. What can't be taken away now is left for the next time: nothing reads it.
    pub(in crate::store) fn clear_deleted(&self) {
        let histories = layout::histories_folder(self.directory());
        let names = self.disk().list(&histories).unwrap_or_default();
        for name in names.iter().filter(|name| is_deleted(name)) {
            let folder = histories.join(name);
            for file in self.disk().list(&folder).unwrap_or_default() {
                self.disk().unlink(&folder.join(file)).ok();
            }
            self.disk().remove_dir(&folder).ok();
        }
    }

    /// What of the packs only this history needs: so much gc could remove if the history were deleted.
    ///
    /// # Errors
    /// The logs of the store can't be read.
    pub fn held_only_by(&self, history: HistoryId) -> Result<Tally, StoreError> {
        let survey = Survey::to_read(self);
        let alive = |without: Option<HistoryId>| -> Result<_, StoreError> {
            let mut marker = Marker::new(&survey, &[]);
            marker.without = without;
            marker.advance(self)?;
            marker.presume(self, &survey.packs);
            Ok(marker.alive)
        };
        let (all, others) = (alive(None)?, alive(Some(history))?);
        let lengths = lengths(&survey.packs);
        let mut held = Tally::default();
        for length in all.difference(&others).filter_map(|id| lengths.get(id)) {
            held.add(*length);
        }
        Ok(held)
    }
}

fn is_deleted(name: &str) -> bool {
    name.strip_suffix(DELETED)
        .is_some_and(|id| id.parse::<HistoryId>().is_ok())
}
