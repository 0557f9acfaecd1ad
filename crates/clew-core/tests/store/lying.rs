//! A folder in which everybody gets every lock, as on a network file system that only says that it has them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use clew_core::history::{History, RevisionError};
use clew_core::id::HistoryId;
use clew_core::store::{Access, Collection, Store, StoreError, Trust};
use clew_testing::disk::LyingDisk;

use crate::gc::{at, forget, give_up, manifests};
use crate::story::{Told, check_never_wrong, description, key, writer};

fn open(folder: &Path) -> Store {
    let store = Store::open(Arc::new(LyingDisk), folder, Access::ReadWrite).unwrap();
    store.with_trust(Trust::own(key().public()))
}

fn begin() -> (tempfile::TempDir, HistoryId) {
    let folder = tempfile::tempdir().unwrap();
    let history = open(folder.path()).create_history(&description("flights")).unwrap();
    (folder, history)
}

/// Without any grace, and whatever nobody names counts as forgotten.
const AT_ONCE: Collection = Collection {
    now: i64::MAX,
    uptime: None,
    grace: 0,
    forgotten_only: false,
    with_dead: true,
    dry_run: false,
};

fn check_refused(store: &Store, order: Collection) {
    let refused = store.collect(order, &mut give_up);
    assert!(matches!(refused, Err(StoreError::NoLocks { .. })), "{refused:?}");
}

/// Records runs, and gives up others half-way: garbage, of which nobody can tell that it is none.
fn record(folder: &Path, history: HistoryId, numbers: impl Iterator<Item = u64>) {
    let store = open(folder);
    let mut writer = writer(&store, history);
    for number in numbers {
        Told::new(number + 500).put(&mut writer, None).unwrap();
        writer.abandon();
        Told::new(number).record(&mut writer).unwrap();
    }
    writer.sync().unwrap();
}

#[test]
fn p08_p09_where_locks_lie_two_writers_lose_nothing_and_gc_takes_nothing() {
    let (folder, history) = begin();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let gc = scope.spawn(|| {
            let mut refused = 0;
            while !is_done.load(Ordering::Relaxed) {
                check_refused(&open(folder.path()), AT_ONCE);
                refused += 1;
            }
            refused
        });
        let one = scope.spawn(|| record(folder.path(), history, 1..40));
        let two = scope.spawn(|| record(folder.path(), history, 40..80));
        let recorded = (one.join(), two.join());
        is_done.store(true, Ordering::Relaxed);
        recorded.0.and(recorded.1).unwrap();
        assert!(gc.join().unwrap() > 0);
    });
    let store = open(folder.path());
    let loaded = store.load(history).unwrap();
    assert_eq!(check_never_wrong(&store, &loaded), (1..80).collect::<Vec<_>>());
    assert_eq!(store.verify(true).unwrap().damage, []);
    // What was forgotten is handed out no more; its bytes stay, and that is said.
    let mut writer = writer(&store, history);
    forget(&mut writer, manifests(&loaded, 7));
    drop(writer);
    check_refused(
        &store,
        Collection {
            forgotten_only: true,
            ..at(0)
        },
    );
    let again = open(folder.path());
    let loaded = again.load(history).unwrap();
    History::of(&loaded).tell(&again);
    let left: Vec<u64> = check_never_wrong(&again, &loaded);
    assert_eq!(left, (1..80).filter(|number| *number != 7).collect::<Vec<_>>());
}

#[test]
fn p09_a_run_number_that_was_given_twice_names_no_run_until_somebody_says_which() {
    let (folder, history) = begin();
    // Both were told that the next number is theirs.
    for _ in 0..2 {
        record(folder.path(), history, 5..6);
    }
    let store = open(folder.path());
    let loaded = store.load(history).unwrap();
    assert_eq!(check_never_wrong(&store, &loaded), [5, 5]);
    let known = History::of(&loaded);
    let Err(RevisionError::Ambiguous { candidates, .. }) = known.resolve("5", None, 0) else {
        panic!("two runs are called 5");
    };
    for (id, _) in known.outlines() {
        assert_eq!(known.resolve(&id.to_string()[..12], None, 0), Ok(id));
        assert!(candidates.iter().any(|candidate| candidate.contains(&id.short())));
    }
    assert_eq!(store.verify(true).unwrap().damage, []);
}
