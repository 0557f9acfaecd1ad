//! The roles of the processes: record, collect garbage, read. Each process prints its results as lines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{env, thread};

use clew_core::format::{Action, Position, Timestamp, View};
use clew_core::id::{HistoryId, RunId};
use clew_core::store::disk::{Disk, RealDisk};
use clew_core::store::{Access, Collection, LoadedHistory, SigningKey, Store, StoreError, Trust};

use super::value::{self, DIFFERENT};
use crate::Dice;
use crate::disk::LyingDisk;
use crate::recording::key_of;

/// One second of the processes' clocks, in nanoseconds.
const SECOND: i64 = 1_000_000_000;
const BEGAN: Timestamp = 1_790_000_000 * SECOND;

/// Returns the key that all processes use.
pub fn key() -> SigningKey {
    key_of(7)
}

/// Opens a store, on a disk whose locks work or on one whose locks do not.
///
/// # Errors
/// The store cannot be opened.
pub fn open(folder: &Path, is_lying: bool) -> Result<Store, StoreError> {
    let disk: Arc<dyn Disk> = if is_lying {
        Arc::new(LyingDisk)
    } else {
        Arc::new(RealDisk)
    };
    let store = Store::open(disk, folder, Access::ReadWrite)?;
    Ok(store.with_trust(Trust::own(key().public())))
}

/// The arguments of a process.
struct Told {
    store: PathBuf,
    is_lying: bool,
    dice: Dice,
}

impl Told {
    fn is_over(&self) -> bool {
        self.store.with_extension("stop").exists()
    }

    /// Returns a time that jumps: mostly close to the start, sometimes hours or years before or after it.
    fn now(&mut self) -> Timestamp {
        let hours = match self.dice.below(20) {
            0 => self.dice.below(200_000) as i64 - 100_000,
            1..=4 => self.dice.below(48) as i64 - 24,
            _ => 0,
        };
        BEGAN + hours * 3600 * SECOND + self.dice.below(1 << 36) as i64
    }
}

/// Runs the role that the program's arguments name; returns `false` without arguments.
///
/// # Panics
/// The store fails, which is what the test looks for.
pub fn play() -> bool {
    let words: Vec<String> = env::args().skip(1).collect();
    let [part, store, is_lying, seed, rest @ ..] = words.as_slice() else {
        return false;
    };
    let told = Told {
        store: PathBuf::from(store),
        is_lying: is_lying == "lying",
        dice: Dice::new(seed.parse().expect("the seed is a number")),
    };
    match part.as_str() {
        "record" => record(told, rest[0].parse().expect("the history is an id")),
        "collect" => collect(told),
        "look" => look(&told),
        other => panic!("nobody plays {other}"),
    }
    true
}

/// Records runs, in one session after another.
fn record(mut told: Told, history: HistoryId) {
    while !told.is_over() {
        let store = open(&told.store, told.is_lying).expect("the store opens");
        let loaded = store.load(history).expect("the history is there");
        let mut parent = last(&loaded);
        let session = store.new_session();
        let mut writer = store.writer(history, session, &key()).expect("a session begins");
        for _ in 0..told.dice.below(30) {
            if told.is_over() {
                break;
            }
            if told.dice.one_in(3) {
                // Data of an abandoned run. Another process may start to use it while it is removed.
                let (seed, now) = (told.dice.below(DIFFERENT), told.now());
                value::put(&mut writer, (seed, 0), parent, now).expect("it is put");
                if told.dice.one_in(2) {
                    thread::sleep(Duration::from_millis(told.dice.below(20)));
                }
                writer.abandon();
            }
            let seed = told.dice.below(DIFFERENT);
            let number = writer.reserve_number().expect("a number is given");
            let run = value::put(&mut writer, (seed, number), parent, told.now()).expect("it is put");
            let view = View {
                at: Some(Position { run, branch: None }),
                confirmed: None,
            };
            writer
                .commit(Action::Run, Vec::new(), view, told.now())
                .expect("it is committed");
            println!("saved {history} {run} {seed}");
            parent = Some(run);
            if told.dice.one_in(8) {
                writer.sync().expect("it is synced");
            }
        }
    }
}

fn last(loaded: &LoadedHistory) -> Option<RunId> {
    let runs = loaded
        .runs
        .iter()
        .filter_map(|(id, stored)| Some((stored.run()?.number, *id)));
    runs.max().map(|(_, id)| id)
}

/// Collects garbage without a grace period, repeatedly.
fn collect(mut told: Told) {
    while !told.is_over() {
        let store = open(&told.store, told.is_lying).expect("the store opens");
        let order = Collection {
            now: told.now(),
            uptime: None,
            grace: 0,
            forgotten_only: false,
            with_dead: false,
            dry_run: false,
        };
        let mut tries = 100;
        let mut again = || {
            thread::sleep(Duration::from_millis(2));
            tries -= 1;
            tries > 0
        };
        match store.collect(order, &mut again) {
            Ok(found) => {
                for damage in found.doubts.iter().chain(&found.kept) {
                    println!("corrupt {}: {}", damage.path.display(), damage.what);
                }
                println!("collected {} {}", found.packs_removed, found.freed);
            }
            Err(StoreError::Busy { .. }) => println!("busy"),
            Err(StoreError::NoLocks { .. }) => {
                println!("refused");
                thread::sleep(Duration::from_millis(50));
            }
            Err(error) => panic!("gc: {error}"),
        }
    }
}

/// Reads all histories, as commands do.
fn look(told: &Told) {
    let mut known: BTreeMap<HistoryId, LoadedHistory> = BTreeMap::new();
    while !told.is_over() {
        let store = open(&told.store, told.is_lying).expect("the store opens");
        for (id, _) in store.histories().expect("the histories are listed") {
            let loaded = known.entry(id).or_default();
            store.refresh(id, None, loaded).expect("the history is read");
            for damage in &loaded.damage {
                println!("corrupt {}: {}", damage.path.display(), damage.what);
            }
        }
        println!("looked");
        thread::sleep(Duration::from_millis(100));
    }
}
