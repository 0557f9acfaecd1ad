//! The runs of a history by their cells and by their code. Texts are read when somebody asks for them: that a cell is what it was when
//! it last ran takes one, that it is a cell under another id all of them, once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use clew_core::format::RunKind;
use clew_core::history::History;
use clew_core::id::RunId;
use clew_core::store::{Store, VerifiedValue};

use super::NotebookCell;
use super::outline::outline;

/// So many runs of the same code are held against what is there, the newest first.
const MOST: usize = 16;
/// So many runs of a cell are parsed, whatever they look like.
const PARSED: usize = 64;

/// In what a run is of a cell's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// It is one of the cell, of the same text.
    Itself,
    /// It is of the same text.
    Text,
    /// It means the same: comments and layout differ.
    Meaning,
}

impl Likeness {
    /// All, in the order in which they are looked for.
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
    /// Those of which the texts stand in neither of the next two.
    unread: Vec<RunId>,
    by_text: HashMap<Arc<str>, Vec<RunId>>,
    by_outline: HashMap<u64, Vec<RunId>>,
}

impl Codes {
    /// Takes in runs that it does not know yet.
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

    /// Runs of the cell's code, the newest first.
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

    /// The newest run of the cell, whatever its code was.
    pub fn last_of(&self, history: &History, cell: &NotebookCell) -> Option<RunId> {
        self.of_cell(history, cell).first().copied()
    }

    fn of_cell(&self, history: &History, cell: &NotebookCell) -> Vec<RunId> {
        let own = cell.id.as_ref().and_then(|cell| self.cells.get(cell));
        newest_first(history, own.cloned().unwrap_or_default())
    }

    /// Reads all that was not read yet.
    fn read(&mut self, history: &History, store: &Store) {
        for run in std::mem::take(&mut self.unread) {
            let Some(text) = self.text(history, store, run) else {
                continue;
            };
            self.by_outline.entry(outline(&text)).or_default().push(run);
            self.by_text.entry(text).or_default().push(run);
        }
    }

    /// What a run ran, if that was kept.
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
