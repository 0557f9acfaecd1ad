//! A real store, recorded by the engine from toy cells.
#![allow(dead_code)] // no file needs all of it

use std::path::Path;
use std::sync::Arc;

use clew_core::clock::Clock;
use clew_core::format::{HistoryDescription, RunKind, Timestamp};
use clew_core::id::HistoryId;
use clew_core::record::RunInput;
use clew_core::session::Session;
use clew_core::store::disk::RealDisk;
use clew_core::store::{Access, LoadedHistory, SigningKey, Store, Trust};
use clew_testing::toy::{ToyKernel, run_cell};

pub const BEGAN: Timestamp = 1_795_183_200_000_000_000;

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        BEGAN
    }

    fn monotonic(&self) -> u64 {
        0
    }
}

/// A store with a history of one session that ran these.
pub fn recorded(directory: &Path, config: &Path, description: &HistoryDescription, runs: Vec<RunInput>) -> Written {
    let disk = Arc::new(RealDisk);
    let key = SigningKey::load_or_create(&*disk, config).unwrap();
    let store = Store::open(disk, directory, Access::ReadWrite).unwrap();
    let store = store.with_trust(Trust::own(key.public()));
    let history = store.create_history(description).unwrap();
    let id = store.new_session();
    let writer = store.writer(history, id, &key).unwrap();
    let mut session = Session::new(id, store.clone(), writer, LoadedHistory::default(), Box::new(Still));
    let mut kernel = ToyKernel::new(1);
    session.start(&mut kernel).unwrap();
    let mut written = Written {
        store,
        history,
        key,
        session,
        kernel,
    };
    for input in runs {
        more(&mut written, input);
    }
    written
}

/// Runs one more.
pub fn more(written: &mut Written, input: RunInput) {
    let source = input.source.as_deref().unwrap_or("");
    run_cell(&mut written.kernel.world, source, 1).ok();
    written.session.record(&mut written.kernel, input).unwrap();
    written.session.sync().unwrap();
}

/// What was recorded.
pub struct Written {
    pub store: Store,
    pub history: HistoryId,
    pub key: SigningKey,
    pub session: Session,
    pub kernel: ToyKernel,
}

/// A cell that was run.
pub fn cell(source: &str) -> RunInput {
    RunInput {
        source: Some(source.to_owned()),
        execution_count: Some(1),
        ..RunInput::silent(RunKind::Cell, BEGAN)
    }
}

/// A history of that name.
pub fn named(name: &str) -> HistoryDescription {
    HistoryDescription {
        name: name.to_owned(),
        ..HistoryDescription::default()
    }
}
