//! Real processes on a real disk: many writers at once, and writers that are killed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clew_core::id::HistoryId;
use clew_core::store::disk::RealDisk;
use clew_core::store::{Access, Store, Trust};

use crate::story::{Told, check_never_wrong, description, key};

const FOLDER: &str = "CLEW_TEST_STORE";
const HISTORY: &str = "CLEW_TEST_HISTORY";
const RUNS: &str = "CLEW_TEST_RUNS";

fn open(folder: &Path) -> Store {
    let store = Store::open(Arc::new(RealDisk), folder, Access::ReadWrite).unwrap();
    store.with_trust(Trust::own(key().public()))
}

/// Not a test of its own: what a child process does. Records as many runs as it is told and prints each one's number
/// when it is saved.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let history: HistoryId = std::env::var(HISTORY).unwrap().parse().unwrap();
    let runs: u64 = std::env::var(RUNS).unwrap().parse().unwrap();
    let store = open(Path::new(&folder));
    let mut writer = store.writer(history, store.new_session(), &key()).unwrap();
    for count in 0..runs {
        let number = writer.reserve_number().unwrap();
        Told::new(number).record(&mut writer).unwrap();
        println!("saved {number}");
        if count % 5 == 4 {
            writer.sync().unwrap();
        }
    }
}

fn spawn(folder: &Path, history: HistoryId, runs: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::child", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(HISTORY, history.to_string())
        .env(RUNS, runs.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The numbers that a child said were saved.
fn saved(child: &mut Child) -> Vec<u64> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines
        .map_while(Result::ok)
        .filter_map(|line| line.rsplit_once("saved ")?.1.parse().ok())
        .collect()
}

fn new_store(folder: &Path) -> (PathBuf, HistoryId) {
    let folder = folder.join("store");
    let history = open(&folder).create_history(&description("flights")).unwrap();
    (folder, history)
}

#[test]
fn p09_many_processes_on_one_history_never_corrupt_it_nor_share_a_number() {
    let temporary = tempfile::tempdir().unwrap();
    let (folder, history) = new_store(temporary.path());
    let mut children: Vec<Child> = (0..4).map(|_| spawn(&folder, history, 25)).collect();
    let reader = open(&folder);
    let mut loaded = reader.load(history).unwrap();
    // A reader that looks all the while sees only whole operations.
    while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        reader.refresh(history, None, &mut loaded).unwrap();
        assert_eq!(check_never_wrong(&reader, &loaded).len(), loaded.runs.len());
        assert_eq!(loaded.damage, []);
    }
    let mut numbers: Vec<u64> = children.iter_mut().flat_map(saved).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
    reader.refresh(history, None, &mut loaded).unwrap();
    assert_eq!(check_never_wrong(&reader, &loaded), numbers);
    assert_eq!(loaded.sessions.len(), 4);
    assert_eq!(open(&folder).verify(true).unwrap().damage, []);
}

#[test]
fn p01_p02_every_run_that_a_killed_process_called_saved_is_there_and_equal() {
    let rounds = if std::env::var_os("CLEW_LONG").is_some() {
        100
    } else {
        12
    };
    let temporary = tempfile::tempdir().unwrap();
    let (folder, history) = new_store(temporary.path());
    let mut all = Vec::new();
    for round in 0_u64..rounds {
        let mut child = spawn(&folder, history, 100_000);
        let life = Duration::from_millis(30 + round * 7919 % 120);
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (mut text, mut born) = (String::new(), None);
        // The clock starts with the first run, so that no kill comes before anything happened.
        while born.is_none_or(|born: Instant| born.elapsed() < life) {
            text.clear();
            if output.read_line(&mut text).unwrap() == 0 {
                break;
            }
            if let Some((_, number)) = text.trim_end().rsplit_once("saved ") {
                born.get_or_insert_with(Instant::now);
                all.push(number.parse::<u64>().unwrap());
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died counts too; half a line does not.
        let rest: Vec<String> = output.lines().map_while(Result::ok).collect();
        let whole = rest.iter().take(rest.len().saturating_sub(1));
        all.extend(whole.filter_map(|line| line.rsplit_once("saved ")?.1.parse::<u64>().ok()));
    }
    let store = open(&folder);
    let loaded = store.load(history).unwrap();
    let whole = check_never_wrong(&store, &loaded);
    let lost: Vec<_> = all
        .iter()
        .filter(|number| whole.binary_search(number).is_err())
        .collect();
    assert!(lost.is_empty(), "lost {lost:?} of {}; {:?}", all.len(), loaded.damage);
    println!("{rounds} kills, {} runs acknowledged, none lost", all.len());
}

#[test]
fn p09_run_numbers_are_never_given_twice_however_many_ask_at_once() {
    let temporary = tempfile::tempdir().unwrap();
    let (folder, history) = new_store(temporary.path());
    let ask = || {
        let store = open(&folder);
        let mut writer = store.writer(history, store.new_session(), &key()).unwrap();
        (0..3000).map(|_| writer.reserve_number().unwrap()).collect::<Vec<_>>()
    };
    let mut numbers: Vec<u64> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().flat_map(|asking| asking.join().unwrap()).collect()
    });
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=12_000).collect::<Vec<_>>());
}
