//! Long histories, recorded by the engine, for benchmarks and tests of commands that read.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use clew_core::clock::Clock;
use clew_core::format::{Ending, Evidence, FileEvidence, HistoryDescription, ModuleEvidence, RunKind, Timestamp};
use clew_core::id::HistoryId;
use clew_core::record::RunInput;
use clew_core::session::{Request, RestoreOptions, SessionError};
use clew_core::store::{SigningKey, Store};

use crate::dice::Dice;
use crate::recording::session_in;
use crate::toy::{ToyKernel, run_cell};

const BEGAN: Timestamp = 1_790_000_000_000_000_000;
const SECOND: i64 = 1_000_000_000;

/// The parameters of a long history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongHistory {
    /// The number of executed cells in all sessions.
    pub cells: u64,
    /// The number of kernels, one after another. Each resumes the state of the previous one.
    pub sessions: u64,
    /// The number of variables.
    pub names: u64,
    /// The number of cells after which a session undoes some runs and starts a new branch.
    pub line: u64,
    /// The seed of the cells.
    pub seed: u64,
}

impl Default for LongHistory {
    fn default() -> Self {
        Self {
            cells: 10_000,
            sessions: 5,
            names: 200,
            line: 40,
            seed: 1,
        }
    }
}

/// A clock that advances by one second for each query, across all sessions.
#[derive(Clone, Default)]
struct Ticking(Arc<AtomicI64>);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        BEGAN + SECOND * self.0.fetch_add(1, Ordering::Relaxed)
    }

    fn monotonic(&self) -> u64 {
        0
    }
}

impl LongHistory {
    /// Records the history in `store`.
    ///
    /// # Errors
    /// The store returned an error.
    pub fn record(&self, store: &Store, key: &SigningKey, name: &str) -> Result<HistoryId, SessionError> {
        let clock = Ticking::default();
        let description = HistoryDescription {
            time: clock.now(),
            name: name.to_owned(),
            ..HistoryDescription::default()
        };
        let history = store.create_history(&description)?;
        let mut dice = Dice::new(self.seed);
        let sessions = self.sessions.max(1);
        for life in 0..sessions {
            let cells = self.cells / sessions + u64::from(life < self.cells % sessions);
            self.record_session(store, key, history, (life, cells), &clock, &mut dice)?;
        }
        Ok(history)
    }

    fn record_session(
        &self,
        store: &Store,
        key: &SigningKey,
        history: HistoryId,
        (life, cells): (u64, u64),
        clock: &Ticking,
        dice: &mut Dice,
    ) -> Result<(), SessionError> {
        let mut session = session_in(store, key, history, Box::new(clock.clone()))?;
        let mut kernel = ToyKernel::new(life + 1);
        session.start(&mut kernel)?;
        if life > 0 {
            session.perform(&mut kernel, &Request::Resume(None), RestoreOptions::default())?;
        }
        for count in 1..=cells {
            let cell = match (life, count) {
                (0, 1) => self.first_cell(),
                _ => self.cell(count, dice),
            };
            let ending = match run_cell(&mut kernel.world, &cell, count) {
                Ok(()) => Ending::Done,
                Err(_) => Ending::Failed {
                    exception: "ValueError".to_owned(),
                },
            };
            session.record(&mut kernel, input(&cell, count, ending, clock.now(), dice))?;
            if self.line > 0 && count % self.line == 0 {
                let steps = 1 + dice.below(self.line / 2);
                let available = session.depth().0;
                session.perform(
                    &mut kernel,
                    &Request::Undo(steps.min(available)),
                    RestoreOptions::default(),
                )?;
            }
        }
        session.sync()?;
        Ok(())
    }

    /// Returns a cell that binds all variables.
    fn first_cell(&self) -> String {
        let line = |name| format!("n{name} = text what {name} is at the beginning\n");
        (0..self.names).map(line).collect()
    }

    /// Returns a cell that rebinds one to three variables. Some cells make two variables share objects, or fail.
    fn cell(&self, count: u64, dice: &mut Dice) -> String {
        let mut cell = String::new();
        for _ in 0..=dice.below(3) {
            let name = dice.below(self.names.max(1));
            let line = match dice.below(10) {
                0 => format!("n{name} = int {count}\n"),
                1 => format!("n{name} = bytes {} {}\n", 8 * (1 + dice.below(64)), dice.below(256)),
                2 => format!("n{name} = list n{}\n", name ^ 1),
                _ => format!("n{name} = text a value that run {count} made, {}\n", dice.below(1_000)),
            };
            cell.push_str(&line);
        }
        if dice.one_in(30) {
            cell += "fail\n";
        }
        cell
    }
}

/// Returns a run as a kernel reports it: with some lines of source, and evidence as in real notebooks.
fn input(cell: &str, count: u64, ending: Ending, started: Timestamp, dice: &mut Dice) -> RunInput {
    let names: Vec<String> = cell
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect();
    let mut evidence = Evidence {
        reads: names
            .iter()
            .cloned()
            .chain(["pd".to_owned(), "np".to_owned()])
            .collect(),
        writes: names,
        peak_memory: 400 << 20,
        ..Evidence::default()
    };
    if dice.one_in(10) {
        evidence.files_read.push(FileEvidence {
            path: format!("/home/u/project/data/part-{count}.parquet"),
            size: Some(1 << 20),
            modified: Some(started),
            ..FileEvidence::default()
        });
    }
    if dice.one_in(5) {
        let states = (format!("{:032x}", dice.roll()), format!("{:032x}", dice.roll()));
        evidence.random.insert("numpy.random".to_owned(), states);
    }
    if dice.one_in(100) {
        evidence.modules.extend((0..20).map(|number| ModuleEvidence {
            name: format!("package_{number}"),
            version: Some("1.2.3".to_owned()),
            ..ModuleEvidence::default()
        }));
    }
    RunInput {
        source: Some(format!(
            "# step {count}\n{cell}\ndf.groupby('origin').agg('mean').sort_values('delay')\n"
        )),
        cell: Some(format!("cell-{:08x}", dice.roll() >> 32)),
        execution_count: Some(count),
        duration: 1_000_000 * dice.below(2_000),
        ending,
        evidence,
        ..RunInput::silent(RunKind::Cell, started)
    }
}
