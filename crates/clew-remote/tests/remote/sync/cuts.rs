//! Whatever fails, what was acknowledged is there and the next attempt brings the rest.

use std::sync::Arc;

use clew_remote::sync::SyncError;
use clew_remote::{Backend, RemoteError};
use clew_testing::remote::{Failing, Fault, unreachable};

use super::machine::{Machine, Working, clone_of, large, place};

fn gone() -> RemoteError {
    unreachable("connection reset")
}

/// A machine whose bundles are large enough to have indexes.
fn of_bundles_with_indexes() -> (Machine, Working) {
    let (mut one, working) = Machine::with_history();
    one.portion = 400_000;
    (one, working)
}

/// What fails at the n-th call.
fn faults() -> Vec<Fault> {
    vec![Fault::Before(gone()), Fault::After(gone()), Fault::CutAfter(3_000)]
}

#[test]
fn p01_a_push_that_fails_at_any_call_loses_nothing_and_the_next_goes_on() {
    for fault in faults() {
        let mut at = 0;
        loop {
            let folder = tempfile::tempdir().unwrap();
            let there: Arc<dyn Backend> = Arc::new(place(&folder));
            let (one, mut working) = of_bundles_with_indexes();
            working.runs(&large("a", 300_000, 1));
            one.push(&*there).unwrap();
            working.runs(&large("b", 1_300_000, 2));
            let (kind, n) = (fault.clone(), at);
            let failing = Failing::new(
                there.clone(),
                move |call, _| if call == n { kind.clone() } else { Fault::None },
            );
            let pushed = one.push(&failing);
            let other = clone_of(&one, &*there);
            let cells = other.cells();
            assert!(cells == ["a = bytes 300000 1"] || cells.len() == 2, "{cells:?}");
            if pushed.is_ok() {
                assert_eq!(cells.len(), 2);
            }
            one.push(&*there).unwrap();
            other.pull(&*there).unwrap().unwrap();
            assert_eq!(other.cells(), one.cells(), "{fault:?} at {at}");
            assert_eq!(other.resumed(), ["a", "b"]);
            if failing.calls() <= at {
                break;
            }
            at += 1;
        }
        assert!(at >= 8, "there were so few calls: {at}");
    }
}

#[test]
fn what_was_sent_before_a_cut_is_not_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let there: Arc<dyn Backend> = Arc::new(place(&folder));
    let (one, mut working) = of_bundles_with_indexes();
    working.runs(&large("a", 3_000_000, 1));
    let failing = Failing::new(there.clone(), |call, _| {
        if call >= 12 { Fault::Before(gone()) } else { Fault::None }
    });
    assert!(matches!(
        one.push(&failing),
        Err(SyncError::Remote(RemoteError::Unreachable { .. }))
    ));
    let rest = one.push(&*there).unwrap();
    assert!(rest.new < 2_000_000, "{rest:?}");
    let other = clone_of(&one, &*there);
    assert_eq!(other.resumed(), ["a"]);
}

#[test]
fn p03_a_pull_that_fails_at_any_call_shows_nothing_and_the_next_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let there: Arc<dyn Backend> = Arc::new(place(&folder));
    let (one, mut working) = Machine::with_history();
    working.runs(&large("a", 300_000, 1));
    working.runs(&large("b", 250_000, 2));
    one.push(&*there).unwrap();
    for fault in faults() {
        for at in 0.. {
            let mut other = Machine::new();
            other.history = one.history;
            let (kind, n) = (fault.clone(), at);
            let failing = Failing::new(
                there.clone(),
                move |call, _| if call == n { kind.clone() } else { Fault::None },
            );
            let pulled = other.pull(&failing);
            if pulled.is_err() {
                assert!(other.store().load(other.history.unwrap()).is_err(), "something shows");
                other.pull(&*there).unwrap().unwrap();
            }
            assert_eq!(other.cells(), one.cells());
            if failing.calls() <= at {
                break;
            }
        }
    }
}

#[test]
fn p11_what_is_not_what_it_is_named_by_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let there = place(&folder);
    let (one, mut working) = Machine::with_history();
    working.runs(&large("a", 300_000, 1));
    one.push(&there).unwrap();
    let bundles = walk(folder.path()).into_iter().filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.len() == 64 && path.metadata().unwrap().len() > 5_000
    });
    let mut spoiled = 0;
    for path in bundles {
        let whole = std::fs::read(&path).unwrap();
        let mut changed = whole.clone();
        changed[4_500] ^= 1;
        write(&path, &changed);
        let mut other = Machine::new();
        other.history = one.history;
        let refused = other.pull(&there);
        assert!(
            matches!(refused, Err(SyncError::Remote(RemoteError::Damaged { .. }))),
            "{refused:?}"
        );
        assert!(other.store().load(other.history.unwrap()).is_err());
        write(&path, &whole);
        other.pull(&there).unwrap().unwrap();
        spoiled += 1;
    }
    assert!(spoiled >= 3);
}

fn write(path: &std::path::Path, bytes: &[u8]) {
    // Objects are read-only where they lie.
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] })
        .collect()
}
