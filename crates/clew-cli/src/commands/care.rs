//! `clew gc` and `clew forget`: the only words that take data away.

pub mod forget;
pub mod gc;

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clew_core::store::disk::RealDisk;
use clew_core::store::{Access, Collected, Collection, Store};
use serde::Serialize;

use crate::place::{open_store, store_problem};
use crate::problem::Problem;
use crate::surroundings::Surroundings;
use crate::text;

pub use forget::Forget;
pub use gc::Gc;

/// How long a recorder that is at work is waited for: so many times so long.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);

/// Nanoseconds of an hour.
const HOUR: i64 = 3_600_000_000_000;

/// Some pieces of data, as answers tell of them.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Pieces {
    pieces: u64,
    bytes: u64,
}

impl From<clew_core::store::Tally> for Pieces {
    fn from(tally: clew_core::store::Tally) -> Self {
        Self {
            pieces: tally.things,
            bytes: tally.bytes,
        }
    }
}

impl Pieces {
    fn is_none(self) -> bool {
        self.pieces == 0
    }

    /// `3 pieces (1.2 MB)`.
    fn text(self) -> String {
        let pieces = usize::try_from(self.pieces).unwrap_or(usize::MAX);
        format!("{} ({})", text::count(pieces, "piece"), text::bytes(self.bytes))
    }
}

/// Finds what is dead in a store, and takes away what is to go.
fn collect(directory: &Path, order: Collection, surroundings: &Surroundings) -> Result<Collected, Problem> {
    // Only a store that is there: none is made to be cleaned.
    let store = open_store(directory, surroundings)?;
    let store = if order.dry_run {
        store
    } else {
        Store::open(Arc::new(RealDisk), directory, Access::ReadWrite).map_err(|error| store_problem(&error))?
    };
    let mut tries = TRIES;
    let mut wait = || {
        thread::sleep(PAUSE);
        tries -= 1;
        tries > 0
    };
    store.collect(order, &mut wait).map_err(|error| store_problem(&error))
}
