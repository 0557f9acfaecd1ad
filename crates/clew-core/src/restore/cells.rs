//! The sources of cells in a history, for code objects that another version of the interpreter compiled.

use std::collections::HashSet;
use std::fmt;

use super::PlanExecutor;
use crate::history::History;
use crate::id::RunId;
use crate::kernel::CellSources;
use crate::store::{Store, VerifiedValue};

/// The source of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellText {
    /// The run with this source.
    pub run: RunId,
    /// The source; empty if a credential was removed from it, if its code was transformed, or if it cannot be read.
    pub text: String,
}

/// Returns the sources of the user's cells and of trusted cells, seen from a state: each text once, nearest first. Untrusted
/// cells define nothing of the user's.
pub fn cell_texts(store: &Store, history: &History, target: RunId) -> Vec<CellText> {
    HistoryCells { store, history, target }.texts()
}

/// The cells of a history, seen from the target state of a restore.
pub(super) struct HistoryCells<'a> {
    store: &'a Store,
    history: &'a History,
    target: RunId,
}

impl fmt::Debug for HistoryCells<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "the cells before {}", self.target)
    }
}

impl PlanExecutor<'_> {
    pub(super) fn cells(&self) -> HistoryCells<'_> {
        HistoryCells {
            store: self.store,
            history: self.history,
            target: self.target,
        }
    }
}

impl HistoryCells<'_> {
    fn texts(&self) -> Vec<CellText> {
        let line = self.history.ancestry(self.target).map(|(id, _)| id);
        // A function may have been defined on another branch, for example if a restore of some variables brought it back.
        let others = self.history.outlines().rev().map(|(id, _)| id);
        let mut seen = HashSet::new();
        let runs = line.chain(others).filter(|id| seen.insert(*id));
        let mut found: Vec<CellText> = runs.flat_map(|id| self.named(id)).collect();
        // The functions of two cells with the same source are not told apart, so one that was transformed spoils both.
        let transformed = found.iter().filter(|cell| self.is_transformed(cell));
        let spoiled: HashSet<String> = transformed.map(|cell| cell.text.clone()).collect();
        for cell in found.iter_mut().filter(|cell| spoiled.contains(&cell.text)) {
            cell.text.clear();
        }
        let mut texts = HashSet::new();
        let are_new: Vec<bool> = found.iter().map(|cell| texts.insert(cell.text.as_str())).collect();
        let mut are_new = are_new.into_iter();
        found.retain(|_| are_new.next() == Some(true));
        found
    }

    fn is_transformed(&self, cell: &CellText) -> bool {
        self.history.run(&cell.run).is_some_and(|run| run.evidence.transformed)
    }

    /// Returns the sources of a run: of its cell, and of cells that came with its state.
    fn named(&self, id: RunId) -> Vec<CellText> {
        let Some(run) = self.history.run(&id).filter(|_| !self.history.is_untrusted(&id)) else {
            return Vec::new();
        };
        let is_whole = run.evidence.masked.is_empty();
        let own = run.source.iter().map(|source| Some(source).filter(|_| is_whole));
        let texts = own.chain(run.defining.iter().map(Some));
        let read = texts.map(|text| text.and_then(|text| self.store.blob(*text).ok()));
        let text = |text: Option<VerifiedValue<String>>| text.map(VerifiedValue::into_inner).unwrap_or_default();
        read.map(|found| CellText {
            run: id,
            text: text(found),
        })
        .collect()
    }
}

impl CellSources for HistoryCells<'_> {
    fn sources(&self) -> Vec<String> {
        self.texts().into_iter().map(|cell| cell.text).collect()
    }
}
