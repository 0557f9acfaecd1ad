//! Sessions of a toy kernel on a simulated disk, recorded cell by cell.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use clew_core::clock::Clock;
use clew_core::format::{HistoryDescription, RunKind};
use clew_core::id::{HistoryId, Root, RootKind};
use clew_core::record::RunInput;
use clew_core::session::Session;
use clew_core::store::{Access, SigningKey, Store, StoreError, Trust};

use crate::disk::SimDisk;
use crate::still::Still;
use crate::toy::{ToyKernel, Value, run_cell};

/// Returns a key that is determined by a seed.
pub fn key_of(seed: u8) -> SigningKey {
    SigningKey::from_secret(&[seed; 32])
}

/// Opens the store on a disk, for the owner of `key`.
///
/// # Panics
/// The store cannot be opened.
pub fn store_of(disk: &SimDisk, key: &SigningKey) -> Store {
    let store = Store::open(Arc::new(disk.clone()), Path::new("/store"), Access::ReadWrite);
    store.expect("it opens").with_trust(Trust::own(key.public()))
}

/// Starts a new session in a history, for the owner of `key`.
///
/// # Panics
/// The history does not exist.
pub fn session_of(disk: &SimDisk, key: &SigningKey, history: HistoryId) -> Session {
    session_by(Box::new(Still), disk, key, history)
}

/// Starts a new session with another clock.
///
/// # Panics
/// The history does not exist.
pub fn session_by(clock: Box<dyn Clock>, disk: &SimDisk, key: &SigningKey, history: HistoryId) -> Session {
    session_in(&store_of(disk, key), key, history, clock).expect("the history is there")
}

/// Starts a new session in a history of a store.
///
/// # Errors
/// The store returned an error.
pub fn session_in(
    store: &Store,
    key: &SigningKey,
    history: HistoryId,
    clock: Box<dyn Clock>,
) -> Result<Session, StoreError> {
    let (id, loaded) = (store.new_session(), store.load(history)?);
    let writer = store.writer(history, id, key)?;
    Ok(Session::new(id, store.clone(), writer, loaded, clock))
}

/// Runs a cell and records it.
///
/// # Panics
/// The cell fails, or cannot be recorded.
pub fn record_cell(session: &mut Session, kernel: &mut ToyKernel, source: &str) {
    run_cell(&mut kernel.world, source, 1).expect("it runs");
    let input = RunInput {
        source: Some(source.to_owned()),
        ..RunInput::silent(RunKind::Cell, 0)
    };
    session.record(kernel, input).expect("it is recorded");
}

/// Starts a session in a new history of a new store, and records these cells.
///
/// # Panics
/// A cell fails, or cannot be recorded.
pub fn begin(kernel: &mut ToyKernel, cells: &[&str]) -> Session {
    let (disk, key) = (SimDisk::new(1), key_of(1));
    let store = store_of(&disk, &key);
    let history = store.create_history(&HistoryDescription::default());
    let mut session = session_of(&disk, &key, history.expect("the disk is empty"));
    session.start(kernel).expect("it is recorded");
    for cell in cells {
        record_cell(&mut session, kernel, cell);
    }
    session
}

/// Returns the roots that hooks would report for a cell: the names in the source, the names that its functions read, and the classes of
/// these objects.
pub fn touched_by(kernel: &ToyKernel, session: &Session, source: &str) -> BTreeSet<Root> {
    let world = &kernel.world;
    let mut found: BTreeSet<Root> = source
        .split(|letter: char| !letter.is_alphanumeric())
        .map(Root::name)
        .collect();
    for root in found.clone() {
        match world.bound.get(&root).map(|object| world.heap.value(*object)) {
            Some(Value::Function(function)) => found.extend(function.reads.iter().map(Root::name)),
            Some(Value::Class { .. }) => {
                let state = session.live_state();
                found.extend(state.roots().filter(|root| root.kind == RootKind::Definition).cloned());
            }
            _ => {}
        }
    }
    found
}
