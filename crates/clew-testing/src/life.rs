//! A recording process that may be killed at any moment. Its cells follow from a seed, so another process knows the expected contents of
//! the store. The crash tests (`tests/crash`) kill it in many ways.

mod found;
mod spoil;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use clew_core::format::{HistoryDescription, RunKind};
use clew_core::id::SessionId;
use clew_core::record::RunInput;
use clew_core::session::{Session, SessionError};
use clew_core::store::disk::Disk;
use clew_core::store::{Access, Collection, SigningKey, Store, StoreError, Trust};

use crate::Still;
use crate::dice::Dice;
use crate::program::{Flavour, random_cell};
use crate::recording::session_in;
use crate::toy::{CellError, ToyKernel, World, run_cell};

pub use found::Found;
pub use spoil::{Spoiled, Spoiling, places, spoil};

/// All values in its cells can be stored, and some cells fail.
const FLAVOUR: Flavour = Flavour {
    hostile: false,
    live: false,
    failing: true,
    process: false,
};
/// Long enough to be stored uncompressed in a pack, on pages of its own.
const LONG: u64 = 70_000;

/// The secret key of the recording processes. Commands that must trust them read it from a file.
pub const SECRET: [u8; 32] = [7; 32];

/// A recording process, determined by its seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// The seed of the cells.
    pub seed: u64,
    /// The number of cells.
    pub cells: u64,
    /// The number of cells after which saved runs are flushed to disk.
    pub sync_every: u64,
}

/// A report of a recording process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It starts, with this session.
    Began(Life, SessionId),
    /// The cell with this number is saved.
    Saved(u64),
    /// All saved runs are flushed to disk.
    Synced,
    /// The cell with this number could not be recorded, or not completely.
    Refused(u64, String),
    /// It ends.
    Ended,
}

/// A false report, to test that the checks detect it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// All reports are true.
    None,
    /// It reports a cell as saved that is not recorded.
    Saved,
    /// It never flushes, but reports that it does.
    Synced,
    /// It records values that its cells did not create.
    Value,
}

/// The reports of a recording process that were received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The process.
    pub life: Life,
    /// Its session.
    pub session: SessionId,
    /// The cells that it reported as saved.
    pub saved: Vec<u64>,
    /// The number of these cells that it reported as flushed.
    pub synced: usize,
}

impl fmt::Display for Said {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Began(life, session) => {
                let Life {
                    seed,
                    cells,
                    sync_every,
                } = life;
                write!(formatter, "began {seed} {cells} {sync_every} {session}")
            }
            Self::Saved(cell) => write!(formatter, "saved {cell}"),
            Self::Synced => write!(formatter, "synced"),
            Self::Refused(cell, why) => write!(formatter, "refused {cell} {why}"),
            Self::Ended => write!(formatter, "ended"),
        }
    }
}

impl Heard {
    /// Parses the reports of several processes, one line each, one process after another. Ignores incomplete lines.
    pub fn read(said: &str) -> Vec<Self> {
        let mut heard: Vec<Self> = Vec::new();
        for line in said.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
            match (words[0], heard.last_mut()) {
                ("began", _) => heard.extend(began(&words)),
                ("saved", Some(life)) => life.saved.extend(number(1)),
                ("synced", Some(life)) => life.synced = life.saved.len(),
                _ => {}
            }
        }
        heard
    }
}

fn began(words: &[&str]) -> Option<Heard> {
    let number = |at: usize| words.get(at)?.parse().ok();
    Some(Heard {
        life: Life {
            seed: number(1)?,
            cells: number(2)?,
            sync_every: number(3)?,
        },
        session: words.get(4)?.parse().ok()?,
        saved: Vec::new(),
        synced: 0,
    })
}

/// Returns the key with which the recording processes sign.
pub fn key() -> SigningKey {
    SigningKey::from_secret(&SECRET)
}

/// Opens the store of the recording processes.
///
/// # Errors
/// The store cannot be opened.
pub fn open(disk: Arc<dyn Disk>, directory: &Path, access: Access) -> Result<Store, StoreError> {
    Ok(Store::open(disk, directory, access)?.with_trust(Trust::own(key().public())))
}

impl Life {
    /// Returns the expected state after each cell. The first item is the state before the first cell.
    pub fn worlds(self) -> Vec<World> {
        let (mut dice, mut world) = (Dice::new(self.seed), ToyKernel::new(1).world);
        let mut worlds = vec![world.clone()];
        for number in 1..=self.cells {
            let cell = cell(&mut dice, &world, number);
            // A failed cell keeps its effects so far, as in the recording process.
            let _ = run_cell(&mut world, &cell, number);
            worlds.push(world.clone());
        }
        worlds
    }

    /// Records the cells in a new session, and reports the progress.
    ///
    /// # Errors
    /// The session could not be started.
    pub fn record(self, store: &Store, lie: Lie, say: &mut dyn FnMut(&Said)) -> Result<(), SessionError> {
        let histories = store.histories()?;
        let history = match histories.first() {
            Some((history, _)) => *history,
            None => store.create_history(&HistoryDescription::default())?,
        };
        let mut session = session_in(store, &key(), history, Box::new(Still))?;
        let (mut dice, mut kernel) = (Dice::new(self.seed), ToyKernel::new(1));
        say(&Said::Began(self, session.id()));
        session.start(&mut kernel)?;
        for number in 1..=self.cells {
            let cell = cell(&mut dice, &kernel.world, number);
            let ended = run_cell(&mut kernel.world, &cell, number);
            if lie == Lie::Value && number == 3 {
                // A cell that is not recorded.
                let _ = run_cell(&mut kernel.world, "m0 = bytes 80 99", number);
            }
            if lie == Lie::Saved && number == self.cells {
                say(&Said::Saved(number));
                break;
            }
            match session.record(&mut kernel, input(&cell, number, ended)) {
                Ok(recorded) if recorded.warnings.is_empty() => say(&Said::Saved(number)),
                Ok(recorded) => say(&Said::Refused(number, recorded.warnings.join("; "))),
                Err(error) => say(&Said::Refused(number, error.to_string())),
            }
            if number.is_multiple_of(self.sync_every) {
                sync(&mut session, number, lie, say);
            }
        }
        say(&Said::Ended);
        Ok(())
    }
}

/// Writes unneeded data to the store and collects it, so that the store contains the records of `gc`.
///
/// # Errors
/// The store returned an error.
pub fn collect(store: &Store) -> Result<(), StoreError> {
    let order = Collection {
        with_dead: false,
        now: 0,
        uptime: None,
        grace: 1,
        forgotten_only: false,
        dry_run: false,
    };
    // The first data is marked and deleted, the second data is only marked.
    leave_dead(store, b"what nothing will ever refer to")?;
    for now in [1, 2] {
        store.collect(Collection { now, ..order }, &mut || false)?;
    }
    leave_dead(store, b"nor to this")?;
    store.collect(Collection { now: 3, ..order }, &mut || false)?;
    Ok(())
}

fn leave_dead(store: &Store, bytes: &[u8]) -> Result<(), StoreError> {
    for (history, _) in store.histories()? {
        let mut writer = store.writer(history, store.new_session(), &key())?;
        writer.put_stream(bytes, &[])?;
        writer.leave_pack()?;
    }
    Ok(())
}

fn sync(session: &mut Session, number: u64, lie: Lie, say: &mut dyn FnMut(&Said)) {
    if lie == Lie::Synced {
        return say(&Said::Synced);
    }
    match session.sync() {
        Ok(()) if session.is_synced() => say(&Said::Synced),
        // After a failed flush, this session never reports its data as flushed again.
        Ok(()) => {}
        Err(error) => say(&Said::Refused(number, error.to_string())),
    }
}

/// Creates a cell with a long array, new or modified, and some other statements.
fn cell(dice: &mut Dice, world: &World, number: u64) -> String {
    let (name, other) = (number % 3, (number + 1) % 3);
    let length = LONG + 4096 * (number % 5);
    let poke = number * 7919 % LONG;
    let cell = random_cell(dice, world, FLAVOUR);
    if number > 3 && number.is_multiple_of(2) {
        format!("poke m{other} {poke} {}\n{cell}", number % 251)
    } else {
        format!("m{name} = bytes {length} {}\n{cell}", number % 7)
    }
}

fn input(cell: &str, number: u64, ended: Result<(), CellError>) -> RunInput {
    RunInput {
        source: Some(cell.to_owned()),
        execution_count: Some(number),
        ending: CellError::ending(ended),
        ..RunInput::silent(RunKind::Cell, 0)
    }
}

/// Returns all files below a folder.
///
/// # Errors
/// The files cannot be read.
pub fn files_of(folder: &Path) -> std::io::Result<BTreeMap<std::path::PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_of(&path)?);
        } else {
            files.insert(path.clone(), std::fs::read(&path)?);
        }
    }
    Ok(files)
}
