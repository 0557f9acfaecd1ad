//! Deleting a history: its folder is renamed atomically, and its files are deleted after that.
//!
//! After a kill there is either the unchanged history, or a folder that readers ignore and that the next deletion or gc removes. Data that
//! only this history needed stays in packs until gc removes it ([`super`]).

use super::{Marker, Tally};
use crate::id::HistoryId;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::layout;
use crate::store::packs::survey::{Survey, lengths};

/// The suffix of the folder of a deleted history.
const DELETED: &str = ".deleted";

impl Store {
    /// Deletes a history. Values and texts that only it needed stay in the packs until gc.
    ///
    /// # Errors
    /// The history does not exist, the store was opened read-only, or a disk operation failed. The history is unchanged then.
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

    /// Removes the files of deleted histories. Files that cannot be removed are left for the next time; no reader uses them.
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

    /// Returns the data in packs that only this history needs, and that gc could remove if the history were deleted.
    ///
    /// # Errors
    /// The logs of the store cannot be read.
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
