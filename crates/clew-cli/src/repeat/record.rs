//! A history that is looked through for runs of a cell's code: the notebook's own, or one of a notebook that it is a copy of.

use std::collections::HashMap;

use clew_core::format::{Run, RunKind};
use clew_core::history::{Environments, History};
use clew_core::id::{HistoryId, RunId};
use clew_core::store::{Store, StoreError, Verified};

use super::Cell;

/// So many runs of the same code are held against what is there, the newest first.
const MOST: usize = 16;

/// A history with what is asked of it again and again.
pub(super) struct Record {
    pub id: HistoryId,
    pub history: History,
    pub environments: Environments,
    texts: HashMap<RunId, Option<String>>,
}

impl Record {
    /// Reads a history.
    pub fn of(store: &Store, id: HistoryId) -> Result<Self, StoreError> {
        let history = History::of(&store.load(id)?);
        Ok(Self {
            id,
            environments: Environments::of(&history),
            history,
            texts: HashMap::new(),
        })
    }

    /// Reads what was recorded since. Texts of runs never change.
    pub fn refresh(&mut self, store: &Store) -> Result<(), StoreError> {
        let texts = std::mem::take(&mut self.texts);
        *self = Self {
            texts,
            ..Self::of(store, self.id)?
        };
        Ok(())
    }

    /// Runs of the cell's code, the newest first: those of the same text, then those of the cell that mean the same.
    pub fn candidates(&mut self, store: &Store, cell: &Cell, is_same_code: &dyn Fn(&str, &str) -> bool) -> Vec<RunId> {
        let runs = self.history.runs().rev();
        let cells = runs.filter(|(_, run)| run.kind == RunKind::Cell);
        let cells: Vec<(RunId, bool)> = cells.map(|(id, run)| (*id, is_of(run, cell))).collect();
        let mut same: Vec<RunId> = Vec::new();
        let mut alike: Vec<RunId> = Vec::new();
        for (id, is_of_cell) in cells {
            let Some(text) = self.text(store, id) else { continue };
            if *text == cell.source {
                same.push(id);
            } else if is_of_cell && alike.len() < MOST && is_same_code(text, &cell.source) {
                alike.push(id);
            }
            if same.len() >= MOST {
                break;
            }
        }
        same.extend(alike);
        same
    }

    /// The run that a run repeats; itself if it was executed.
    pub fn original(&self, run: RunId) -> RunId {
        self.history.run(&run).and_then(|run| run.repeats).unwrap_or(run)
    }

    fn text(&mut self, store: &Store, id: RunId) -> Option<&str> {
        let source = self.history.run(&id)?.source?;
        let read = || store.blob(source).ok().map(Verified::into_inner);
        self.texts.entry(id).or_insert_with(read).as_deref()
    }

    /// The newest run of the cell, whatever its code was.
    pub fn last_of(&self, cell: &Cell) -> Option<RunId> {
        let is_its = |run: &Run| run.kind == RunKind::Cell && is_of(run, cell);
        let mut runs = self.history.runs().rev();
        runs.find(|(_, run)| is_its(run)).map(|(id, _)| *id)
    }
}

fn is_of(run: &Run, cell: &Cell) -> bool {
    run.cell.is_some() && run.cell == cell.id
}
