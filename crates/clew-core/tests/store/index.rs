//! The index over logs: with it everything is as without, whatever happened to it or to the logs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clew_core::format::Outline;
use clew_core::id::{HistoryId, RunId};
use clew_core::store::{Access, LoadedHistory, LogIndex, SigningKey, Store};
use clew_testing::Dice;
use clew_testing::disk::SimDisk;

use crate::long::{Files, LONG, decoded, recorded, spoilt};
use crate::story::{STORE, key, open};

fn index(cache: &Path) -> LogIndex {
    LogIndex::new(cache, Path::new(STORE), &key()).keeping_from(1)
}

fn indexed(disk: &SimDisk, cache: &Path) -> Store {
    open(disk, Access::ReadOnly).unwrap().with_index(index(cache))
}

fn outlines(loaded: &LoadedHistory) -> BTreeMap<RunId, Outline> {
    let runs = loaded.runs.iter();
    runs.map(|(id, run)| (*id, run.outline().clone())).collect()
}

/// Everything that a history tells, that of runs decoded.
fn told(loaded: &LoadedHistory) -> impl PartialEq + std::fmt::Debug {
    (
        loaded.sessions.clone(),
        outlines(loaded),
        decoded(loaded),
        loaded.damage.clone(),
        loaded.descriptions.clone(),
    )
}

fn check_same(disk: &SimDisk, cache: &Path, history: HistoryId, when: &str) {
    let scanned = open(disk, Access::ReadOnly).unwrap().load(history).unwrap();
    let store = indexed(disk, cache);
    let loaded = store.load(history).unwrap();
    assert_eq!(told(&loaded), told(&scanned), "{when}");
    assert!(!store.log_index().unwrap().is_wrong(), "{when}");
}

/// The logs as they were when so much of each was written.
fn younger(files: &Files, share: f64) -> Files {
    let mut files = files.clone();
    for (path, bytes) in &mut files {
        if path.extension().is_some_and(|extension| extension == "log") {
            bytes.truncate((bytes.len() as f64 * share) as usize);
        }
    }
    files
}

#[test]
fn a_history_read_with_an_index_is_the_history_read_without_while_it_grows() {
    let (disk, history) = recorded(LONG);
    let cache = tempfile::tempdir().unwrap();
    let path = index(cache.path()).path().to_owned();
    let mut sizes = Vec::new();
    for tenths in 1..=10 {
        let grown = SimDisk::with_files(&younger(&disk.files(), f64::from(tenths) / 10.0));
        for _ in 0..2 {
            check_same(&grown, cache.path(), history, &format!("{tenths} tenths"));
        }
        sizes.push(fs::metadata(&path).unwrap().len());
    }
    assert!(sizes[0] > 0 && sizes[9] > sizes[0], "{sizes:?}");
}

#[cfg(unix)]
#[test]
fn p12_nobody_else_may_read_the_index() {
    use std::os::unix::fs::PermissionsExt;
    let (disk, history) = recorded(LONG);
    let cache = tempfile::tempdir().unwrap();
    indexed(&disk, cache.path()).load(history).unwrap();
    let path = index(cache.path()).path().to_owned();
    for (path, mode) in [(path.as_path(), 0o600), (path.parent().unwrap(), 0o700)] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode);
    }
}

#[test]
fn p03_a_wrong_index_is_never_believed() {
    let (disk, history) = recorded(LONG);
    let cache = tempfile::tempdir().unwrap();
    let path = index(cache.path()).path().to_owned();
    indexed(&disk, cache.path()).load(history).unwrap();
    let sound = fs::read(&path).unwrap();
    let mut dice = Dice::new(11);
    let mut removed = 0;
    for round in 0..150 {
        let mut bytes = sound.clone();
        let at = dice.below(bytes.len() as u64) as usize;
        match round % 5 {
            0 => bytes.truncate(at),
            1 => bytes[at..].fill(0),
            _ => bytes[at] ^= 1 << dice.below(8),
        }
        fs::write(&path, &bytes).unwrap();
        check_same(&disk, cache.path(), history, &format!("round {round}, byte {at}"));
        removed += usize::from(fs::read(&path).ok() != Some(bytes));
    }
    assert!(
        removed > 40,
        "only {removed} of 150 were found to be wrong and made anew"
    );
    for bytes in [b"".as_slice(), b"no index at all", &[0; 5000]] {
        fs::write(&path, bytes).unwrap();
        check_same(&disk, cache.path(), history, "no index");
        check_same(&disk, cache.path(), history, "made anew");
    }
}

#[test]
fn p03_an_index_that_another_key_sealed_is_none() {
    let (disk, history) = recorded(LONG);
    let cache = tempfile::tempdir().unwrap();
    let foreign = LogIndex::new(cache.path(), Path::new(STORE), &SigningKey::from_secret(&[9; 32]));
    let path = foreign.path().to_owned();
    let store = open(&disk, Access::ReadOnly).unwrap();
    store.with_index(foreign.keeping_from(1)).load(history).unwrap();
    let theirs = fs::read(&path).unwrap();
    check_same(&disk, cache.path(), history, "theirs");
    assert_ne!(fs::read(&path).unwrap(), theirs, "it was not made anew");
}

#[test]
fn p03_what_a_log_lost_since_is_noticed_or_was_right() {
    let (disk, history) = recorded(LONG);
    let whole = decoded(&open(&disk, Access::ReadOnly).unwrap().load(history).unwrap());
    let is_log = |path: &PathBuf, _: &mut Vec<u8>| path.extension().is_some_and(|end| end == "log");
    let mut others = disk.files();
    let logs: Files = others.extract_if(.., is_log).collect();
    let mut dice = Dice::new(12);
    let (mut noticed, mut kept) = (0, 0);
    for round in 0..80 {
        let cache = tempfile::tempdir().unwrap();
        indexed(&disk, cache.path()).load(history).unwrap();
        let mut spoilt_files = spoilt(&logs, &mut dice);
        spoilt_files.extend(others.clone());
        let spoilt = SimDisk::with_files(&spoilt_files);
        let scanned = open(&spoilt, Access::ReadOnly).unwrap().load(history).unwrap();
        let store = indexed(&spoilt, cache.path());
        let loaded = store.load(history).unwrap();
        let runs = decoded(&loaded);
        assert!(runs.iter().all(|(id, run)| whole.get(id) == Some(run)), "round {round}");
        if store.log_index().unwrap().is_wrong() {
            noticed += 1;
            check_same(&spoilt, cache.path(), history, &format!("round {round}, again"));
            continue;
        }
        // What was checked when it was read first is told although the log has lost it.
        assert!(
            decoded(&scanned).keys().all(|id| runs.contains_key(id)),
            "round {round}"
        );
        kept += usize::from(runs.len() > decoded(&scanned).len());
    }
    assert!(noticed > 3 && kept > 3, "{noticed} noticed, {kept} kept");
}

#[test]
fn sessions_that_are_gone_leave_the_index() {
    let (disk, history) = recorded(LONG);
    let cache = tempfile::tempdir().unwrap();
    indexed(&disk, cache.path()).load(history).unwrap();
    let mut files = younger(&disk.files(), 0.5);
    let is_log = |path: &&PathBuf| path.extension().is_some_and(|end| end == "log");
    let gone = files.keys().find(is_log).unwrap().clone();
    files.remove(&gone);
    let fewer = SimDisk::with_files(&files);
    check_same(&fewer, cache.path(), history, "one log is gone");
    let connection = rusqlite::Connection::open(index(cache.path()).path()).unwrap();
    let sessions: i64 = connection
        .query_row("SELECT count(DISTINCT session) FROM piece", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sessions, 2);
}

#[test]
fn an_index_that_somebody_writes_is_not_waited_for() {
    let (disk, history) = recorded(LONG);
    let cache = tempfile::tempdir().unwrap();
    indexed(&disk, cache.path()).load(history).unwrap();
    let mut other = rusqlite::Connection::open(index(cache.path()).path()).unwrap();
    let held = other
        .transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive)
        .unwrap();
    check_same(&disk, cache.path(), history, "held");
    drop(held);
    assert!(index(cache.path()).path().exists(), "what was only busy is not removed");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_left_alone_and_never_waited_for() {
    let (disk, history) = recorded(LONG);
    let cache = tempfile::tempdir().unwrap();
    let path = index(cache.path()).path().to_owned();
    fs::create_dir_all(&path).unwrap();
    check_same(&disk, cache.path(), history, "a folder");
    fs::remove_dir(&path).unwrap();
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    check_same(&disk, cache.path(), history, "a pipe that nobody writes");
}
