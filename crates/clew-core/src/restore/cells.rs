//! Where the source is of code that another version of the interpreter compiled: in the cells of the history.

use std::collections::HashSet;
use std::fmt;

use super::Performer;
use crate::history::History;
use crate::id::RunId;
use crate::kernel::Cells;
use crate::store::{Store, Verified};

/// The cells of a history, as seen from the state that a move goes to.
pub(super) struct CellsOf<'a> {
    store: &'a Store,
    history: &'a History,
    target: RunId,
}

impl fmt::Debug for CellsOf<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "the cells before {}", self.target)
    }
}

impl Performer<'_> {
    pub(super) fn cells(&self) -> CellsOf<'_> {
        CellsOf {
            store: self.store,
            history: self.history,
            target: self.target,
        }
    }
}

impl CellsOf<'_> {
    /// The source of a run's cell; empty where a credential was left out, or it can't be read. What a stranger's cell says defines
    /// nothing of the user's.
    fn source(&self, id: &RunId) -> Option<String> {
        let run = self.history.run(id).filter(|_| !self.history.is_untrusted(id))?;
        let whole = run.source.filter(|_| run.evidence.masked.is_empty());
        let text = whole.and_then(|source| self.store.blob(source).ok());
        run.source?;
        Some(text.map(Verified::into_inner).unwrap_or_default())
    }
}

impl Cells for CellsOf<'_> {
    fn sources(&self) -> Vec<String> {
        let line = self.history.ancestry(self.target).map(|(id, _)| id);
        // A function may have been defined on another line: outside of any cell, by a move in part.
        let others = self.history.outlines().rev().map(|(id, _)| id);
        let mut seen = HashSet::new();
        let runs = line.chain(others).filter(|id| seen.insert(*id));
        let mut texts = HashSet::new();
        let sources = runs.filter_map(|id| self.source(&id));
        sources.filter(|text| texts.insert(text.clone())).collect()
    }
}
