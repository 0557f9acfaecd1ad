//! A history that is searched for runs of a cell's code: the notebook's own, or one of a notebook that it is a copy of.

use clew_core::history::flow::FlowCache;
use clew_core::history::{Environments, History};
use clew_core::id::{HistoryId, RunId};
use clew_core::store::{LoadedHistory, Store, StoreError};

use super::NotebookCell;
use super::codes::Codes;

/// A history with its caches.
pub(super) struct Record {
    pub id: HistoryId,
    pub history: History,
    pub environments: Environments,
    pub codes: Codes,
    pub known: FlowCache,
    loaded: LoadedHistory,
}

impl Record {
    /// Reads a history.
    pub fn of(store: &Store, id: HistoryId) -> Result<Self, StoreError> {
        let mut record = Self {
            id,
            history: History::default(),
            environments: Environments::default(),
            codes: Codes::default(),
            known: FlowCache::default(),
            loaded: LoadedHistory::default(),
        };
        record.refresh(store)?;
        Ok(record)
    }

    /// Reads newer records.
    pub fn refresh(&mut self, store: &Store) -> Result<(), StoreError> {
        store.refresh(self.id, None, &mut self.loaded)?;
        self.history.learn(&self.loaded);
        self.environments.learn(&self.history);
        self.codes.learn(&self.history);
        Ok(())
    }

    /// Returns the newest run of the cell, regardless of its code.
    pub fn last_of(&self, cell: &NotebookCell) -> Option<RunId> {
        self.codes.last_of(&self.history, cell)
    }
}
