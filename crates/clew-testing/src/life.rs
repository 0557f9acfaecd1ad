//! What a process records that may die at any moment: cells told by a seed, so that another process knows what must be
//! there. The crash kit (`tests/crash`) lets it die in every way there is.

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

/// Everything in its cells can be stored, and some of them fail.
const FLAVOUR: Flavour = Flavour {
    hostile: false,
    live: false,
    failing: true,
    process: false,
};
/// So long that it lies raw in a pack, on pages of its own.
const LONG: u64 = 70_000;

/// The key that lives sign with. Where a command is to trust them, it has it from a file.
pub const SECRET: [u8; 32] = [7; 32];

/// A life, told by its seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// The same seed tells the same cells.
    pub seed: u64,
    /// How many of them.
    pub cells: u64,
    /// After so many cells what was saved is flushed.
    pub sync_every: u64,
}

/// What a life says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It begins, as this session.
    Began(Life, SessionId),
    /// The cell of that number is saved.
    Saved(u64),
    /// All that was saved is synced.
    Synced,
    /// The cell of that number could not be recorded, or not all of it.
    Refused(u64, String),
    /// It is over.
    Ended,
}

/// How it lies, so that the kit can be shown to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// It does not.
    None,
    /// It says of a cell that is not recorded that it is saved.
    Saved,
    /// It never flushes, and says that it does.
    Synced,
    /// It records something else than its cells say.
    Value,
}

/// A life as far as somebody heard of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Which.
    pub life: Life,
    /// The session that it was.
    pub session: SessionId,
    /// Cells of which it said that they are saved.
    pub saved: Vec<u64>,
    /// How many of these it said are synced.
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
    /// Reads what lives said, a line each, one life after another. What is no whole line of theirs is passed over.
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

/// The key that lives sign with.
pub fn key() -> SigningKey {
    SigningKey::from_secret(&SECRET)
}

/// Opens the store in which lives are recorded.
///
/// # Errors
/// It does not open.
pub fn open(disk: Arc<dyn Disk>, directory: &Path, access: Access) -> Result<Store, StoreError> {
    Ok(Store::open(disk, directory, access)?.with_trust(Trust::own(key().public())))
}

impl Life {
    /// What must be live after each cell, from 0 on: before the first.
    pub fn worlds(self) -> Vec<World> {
        let (mut dice, mut world) = (Dice::new(self.seed), ToyKernel::new(1).world);
        let mut worlds = vec![world.clone()];
        for number in 1..=self.cells {
            let cell = cell(&mut dice, &world, number);
            // What fails stays half done, here as there.
            let _ = run_cell(&mut world, &cell, number);
            worlds.push(world.clone());
        }
        worlds
    }

    /// Records it, in a session of its own, and says so.
    ///
    /// # Errors
    /// Not even the session could be begun.
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
                // A cell that nobody told.
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

/// Leaves something in the store that nothing refers to, and takes it away: what `gc` writes down and what it takes.
///
/// # Errors
/// The store refused.
pub fn collect(store: &Store) -> Result<(), StoreError> {
    let order = Collection {
        with_dead: false,
        now: 0,
        uptime: None,
        grace: 1,
        forgotten_only: false,
        dry_run: false,
    };
    // Found and taken away, then some more that is only found.
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
        // After a failed flush nothing of this session is called synced any more.
        Ok(()) => {}
        Err(error) => say(&Said::Refused(number, error.to_string())),
    }
}

/// A cell of long memory, new or written to, and some others.
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

/// All files below a folder.
///
/// # Errors
/// They can't be read.
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
