//! A history of a notebook that was run many times, for tests and benchmarks of the decisions of `clew run`.

use clew_core::format::{HistoryDescription, RunKind, Timestamp};
use clew_core::id::HistoryId;
use clew_core::record::RunInput;
use clew_core::session::SessionError;
use clew_core::store::{SigningKey, Store};

use crate::evidence_of;
use crate::recording::session_in;
use crate::still::Still;
use crate::toy::{ToyKernel, run_cell};

const SECOND: Timestamp = 1_000_000_000;

/// A notebook whose cells are all run in order, in one session. Before each round, one cell is edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounds {
    /// The number of cells.
    pub cells: u64,
    /// The number of rounds.
    pub rounds: u64,
}

impl Rounds {
    /// Returns the cells' sources in a round.
    pub fn sources(&self, round: u64) -> Vec<String> {
        (0..self.cells).map(|cell| self.source(cell, round)).collect()
    }

    /// Returns a source with values, or with lists that share them.
    fn source(&self, cell: u64, round: u64) -> String {
        // The last round in which the cell was edited.
        let edited = (0..=round).rev().find(|round| round % self.cells == cell).unwrap_or(0);
        match cell % 5 {
            1 => format!("n{cell} = list n{}", cell - 1),
            2 => format!("n{cell} = int {}", 1_000 + cell),
            4 => format!("n{cell} = list n{} n{}", cell - 1, cell - 2),
            _ => format!("n{cell} = text what cell {cell} makes since round {edited}"),
        }
    }

    /// Records the rounds in a new history.
    ///
    /// # Errors
    /// The store returned an error.
    ///
    /// # Panics
    /// A cell fails.
    pub fn record(&self, store: &Store, key: &SigningKey, path: &str) -> Result<HistoryId, SessionError> {
        let history = store.create_history(&HistoryDescription {
            path: Some(path.to_owned()),
            ..HistoryDescription::default()
        })?;
        let mut session = session_in(store, key, history, Box::new(Still))?;
        let mut kernel = ToyKernel::new(1);
        session.start(&mut kernel)?;
        let cells = (0..self.rounds).flat_map(|round| (0..self.cells).map(move |cell| (round, cell)));
        for (count, (round, cell)) in (1..).zip(cells) {
            let source = self.source(cell, round);
            let evidence = evidence_of(&kernel.world, &source, count);
            run_cell(&mut kernel.world, &source, count).expect("it runs");
            let input = RunInput {
                source: Some(source),
                cell: Some(format!("cell-{cell}")),
                execution_count: Some(count),
                evidence,
                ..RunInput::silent(RunKind::Cell, SECOND * count as Timestamp)
            };
            session.record(&mut kernel, input)?;
        }
        session.sync()?;
        Ok(history)
    }
}
