//! The runs of a history by cell and by code. Texts are read lazily: checking that a cell is unchanged since its last run reads one text;
//! finding a cell under another id reads all texts, once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use clew_core::format::RunKind;
use clew_core::history::History;
use clew_core::id::RunId;
use clew_core::store::{Store, VerifiedValue};

use super::NotebookCell;
use super::outline::outline;

/// The most runs of the same code that are compared with the state, the newest first.
const MOST: usize = 16;
/// The most runs of a cell that are parsed.
const PARSED: usize = 64;

/// How a run's code relates to a cell's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// A run of the same cell with the same text.
    Itself,
    /// A run with the same text.
    Text,
    /// A run with equivalent code: comments and layout differ.
    Meaning,
}

impl Likeness {
    /// All values, in the order of the search.
    pub const ALL: [Self; 3] = [Self::Itself, Self::Text, Self::Meaning];
}

/// A function that decides whether two texts are the same code.
pub(super) type CodeComparison<'a> = &'a dyn Fn(&str, &str) -> bool;

/// The runs of cells in a history.
#[derive(Default)]
pub(super) struct Codes {
    known: HashSet<RunId>,
    cells: HashMap<String, Vec<RunId>>,
    texts: HashMap<RunId, Option<Arc<str>>>,
    /// Runs whose texts are in neither of the next two maps.
    unread: Vec<RunId>,
    by_text: HashMap<Arc<str>, Vec<RunId>>,
    by_outline: HashMap<u64, Vec<RunId>>,
}

impl Codes {
    /// Adds runs that it does not contain yet.
    pub fn learn(&mut self, history: &History) {
        for (id, outline) in history.outlines() {
            if outline.kind != RunKind::Cell || !self.known.insert(id) {
                continue;
            }
            self.unread.push(id);
            if let Some(cell) = history.run(&id).and_then(|run| run.cell.as_ref()) {
                self.cells.entry(cell.clone()).or_default().push(id);
            }
        }
    }

    /// Returns runs of the cell's code, the newest first.
    pub fn alike(
        &mut self,
        (history, store): (&History, &Store),
        cell: &NotebookCell,
        likeness: Likeness,
        is_same_code: CodeComparison<'_>,
    ) -> Vec<RunId> {
        let own = self.of_cell(history, cell);
        match likeness {
            Likeness::Itself => {
                let is_same = |run: &RunId| {
                    self.text(history, store, *run)
                        .is_some_and(|text| *text == *cell.source)
                };
                own.into_iter().filter(is_same).take(MOST).collect()
            }
            Likeness::Text => {
                self.read(history, store);
                let found = self.by_text.get(cell.source.as_str()).cloned().unwrap_or_default();
                let others = newest_first(history, found)
                    .into_iter()
                    .filter(|run| !own.contains(run));
                others.take(MOST).collect()
            }
            Likeness::Meaning => {
                self.read(history, store);
                let mut found = self.by_outline.get(&outline(&cell.source)).cloned().unwrap_or_default();
                found.extend(own.into_iter().take(PARSED));
                let mut means_same = |run: &RunId| {
                    let text = self.text(history, store, *run);
                    text.is_some_and(|text| *text != *cell.source && is_same_code(&text, &cell.source))
                };
                let mut found = newest_first(history, found);
                found.dedup();
                found.into_iter().filter(|run| means_same(run)).take(MOST).collect()
            }
        }
    }

    /// Returns the newest run of the cell, regardless of its code.
    pub fn last_of(&self, history: &History, cell: &NotebookCell) -> Option<RunId> {
        self.of_cell(history, cell).first().copied()
    }

    fn of_cell(&self, history: &History, cell: &NotebookCell) -> Vec<RunId> {
        let own = cell.id.as_ref().and_then(|cell| self.cells.get(cell));
        newest_first(history, own.cloned().unwrap_or_default())
    }

    /// Reads all texts that were not read yet.
    fn read(&mut self, history: &History, store: &Store) {
        for run in std::mem::take(&mut self.unread) {
            let Some(text) = self.text(history, store, run) else {
                continue;
            };
            self.by_outline.entry(outline(&text)).or_default().push(run);
            self.by_text.entry(text).or_default().push(run);
        }
    }

    /// Returns the source of a run, if it was stored.
    pub fn text(&mut self, history: &History, store: &Store, run: RunId) -> Option<Arc<str>> {
        let read = || {
            let source = history.run(&run)?.source?;
            store.blob(source).ok().map(VerifiedValue::into_inner).map(Arc::from)
        };
        self.texts.entry(run).or_insert_with(read).clone()
    }
}

fn newest_first(history: &History, mut runs: Vec<RunId>) -> Vec<RunId> {
    runs.sort_by_cached_key(|run| {
        let place = history.outline(run).map(|run| (run.number, run.suffix.clone()));
        std::cmp::Reverse((place, *run))
    });
    runs
}
