//! Bundles that were sent one after another are taken in together.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_core::id::HistoryId;
use clew_core::store::disk::Disk;
use clew_core::store::{
    Access, Bundle, BundleMaker, LogEnds, OutgoingHistory, SigningKey, Store, StoreError, TransferSummary,
};
use clew_testing::disk::SimDisk;

use crate::bundles::{quiet, told};
use crate::story::{begin, check_never_wrong, key, open, writer};

const NOW: i64 = 5_000;

/// What is new in a history since `there`, as a push sends it; where its logs end then.
fn send(disk: &SimDisk, store: &Store, history: HistoryId, there: &LogEnds, name: &str) -> (PathBuf, LogEnds) {
    let path = Path::new("/home/u").join(name);
    let outgoing = OutgoingHistory::of(store, history).unwrap();
    let maker = BundleMaker::begin(Arc::new(disk.clone()), &path).unwrap();
    for portion in outgoing.portions(&|_| false, u64::MAX) {
        outgoing.write(&portion, &maker, &mut quiet).unwrap();
    }
    outgoing.write_records(&maker, there, NOW).unwrap();
    maker.finish(history, &key(), NOW).unwrap();
    (path, outgoing.ends())
}

/// A history of `many` runs, each in a bundle.
fn sent(many: u64) -> (SimDisk, HistoryId, Vec<PathBuf>) {
    let (disk, store, history) = begin(1);
    let mut recorder = writer(&store, history);
    let (mut there, mut paths) = (LogEnds::new(), Vec::new());
    for number in 1..=many {
        told(&mut recorder, [number]);
        let (path, ends) = send(&disk, &store, history, &there, &format!("{number:03}.clew"));
        there = ends;
        paths.push(path);
    }
    (disk, history, paths)
}

fn taken_in(from: &SimDisk, to: &SimDisk, paths: &[PathBuf]) -> Result<TransferSummary, StoreError> {
    let shared: Arc<dyn Disk> = Arc::new(from.clone());
    let bundles = paths
        .iter()
        .map(|path| Bundle::open(&shared, path))
        .collect::<Result<Vec<_>, _>>()?;
    open(to, Access::ReadWrite)?.receive_all(&bundles, NOW, &mut quiet)
}

/// Makes one of several; whether they can be one.
fn merged(disk: &SimDisk, several: &[PathBuf], history: HistoryId, name: &str) -> Option<PathBuf> {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let bundles: Vec<Bundle> = several
        .iter()
        .map(|path| Bundle::open(&shared, path).unwrap())
        .collect();
    let path = Path::new("/home/u").join(name);
    let maker = BundleMaker::begin(Arc::clone(&shared), &path).unwrap();
    if !maker.merge(&bundles, &mut quiet).unwrap() {
        return None;
    }
    maker.finish(history, &key(), NOW).unwrap();
    let mut ids: Vec<_> = bundles.iter().flat_map(Bundle::ids).collect();
    let mut found = Bundle::open(&shared, &path).unwrap().ids();
    for ids in [&mut ids, &mut found] {
        ids.sort_unstable();
        ids.dedup();
    }
    assert_eq!(found, ids);
    Some(path)
}

#[test]
fn what_became_one_says_what_all_of_them_said() {
    let (disk, history, mut paths) = sent(8);
    let one = merged(&disk, &paths[2..6], history, "one.clew").unwrap();
    // And that with the next.
    let two = merged(&disk, &[one, paths[6].clone()], history, "two.clew").unwrap();
    paths.splice(2..7, [two]);
    let here = SimDisk::new(2);
    let carried = taken_in(&disk, &here, &paths).unwrap();
    assert_eq!((carried.runs, carried.contradictions.len()), (8, 0));
    let store = open(&here, Access::ReadOnly).unwrap();
    let loaded = store.load(history).unwrap();
    assert_eq!(check_never_wrong(&store, &loaded), (1..=8).collect::<Vec<_>>());
    assert_eq!((loaded.damage.len(), store.verify(true).unwrap().damage.len()), (0, 0));
    // Who had some of them takes the rest.
    let here = SimDisk::new(3);
    let (_, _, again) = sent(8);
    taken_in(&disk, &here, &again[..4]).unwrap();
    assert_eq!(taken_in(&disk, &here, &paths).unwrap().runs, 4);
}

#[test]
fn p11_what_does_not_go_on_or_is_of_another_maker_does_not_become_one() {
    let (disk, history, paths) = sent(6);
    let pair = |first: usize, second: usize| [paths[first].clone(), paths[second].clone()];
    assert!(merged(&disk, &pair(1, 2), history, "1.clew").is_some());
    assert!(merged(&disk, &pair(1, 3), history, "2.clew").is_none());
    assert!(merged(&disk, &pair(2, 1), history, "3.clew").is_none());
    assert!(merged(&disk, &[], history, "4.clew").is_none());
    let path = Path::new("/home/u/foreign.clew");
    let maker = BundleMaker::begin(Arc::new(disk.clone()), path).unwrap();
    maker.finish(history, &SigningKey::from_secret(&[9; 32]), NOW).unwrap();
    assert!(merged(&disk, &[paths[0].clone(), path.to_owned()], history, "5.clew").is_none());
}

fn effects_of(many: u64) -> u64 {
    let (disk, history, paths) = sent(many);
    let here = SimDisk::new(2);
    drop(open(&here, Access::ReadWrite).unwrap());
    let before = here.effects();
    let carried = taken_in(&disk, &here, &paths).unwrap();
    let effects = here.effects() - before;
    assert_eq!((carried.runs, carried.sessions), (many, 1));
    let store = open(&here, Access::ReadOnly).unwrap();
    let loaded = store.load(history).unwrap();
    assert_eq!(check_never_wrong(&store, &loaded), (1..=many).collect::<Vec<_>>());
    assert_eq!((loaded.damage.len(), store.verify(true).unwrap().damage.len()), (0, 0));
    effects
}

#[test]
fn what_came_in_many_bundles_is_written_once() {
    let (few, many) = (effects_of(5), effects_of(40));
    // What each brings goes into the one pack. A log that is written anew takes more effects than that.
    assert!(
        many - few < 2 * 35,
        "{few} effects on the disk for 5 bundles, {many} for 40"
    );
}

#[test]
fn what_is_here_of_them_and_what_comes_twice_changes_nothing() {
    let (disk, history, paths) = sent(9);
    let here = SimDisk::new(2);
    taken_in(&disk, &here, &paths[..4]).unwrap();
    // Some again, in one going, and one of them twice.
    let again: Vec<PathBuf> = paths[2..].iter().chain(&paths[5..7]).cloned().collect();
    let carried = taken_in(&disk, &here, &again).unwrap();
    assert_eq!((carried.runs, carried.contradictions.len()), (5, 0));
    let store = open(&here, Access::ReadOnly).unwrap();
    let loaded = store.load(history).unwrap();
    assert_eq!(check_never_wrong(&store, &loaded), (1..=9).collect::<Vec<_>>());
}

#[test]
fn p11_one_that_says_otherwise_spoils_none_of_the_others() {
    let (disk, history, mut paths) = sent(6);
    // A copy of the same session, in which other things happened.
    let (forged, other, _) = begin(3);
    other
        .describe_new(history, &crate::story::description("flights"))
        .unwrap();
    let store = open(&disk, Access::ReadOnly).unwrap();
    let session = *store.load(history).unwrap().sessions.keys().next().unwrap();
    let mut forger = other.writer(history, session, &key()).unwrap();
    told(&mut forger, 11..=14);
    let (path, _) = send(&disk, &other, history, &LogEnds::new(), "forged.clew");
    drop(forged);
    paths.insert(3, path);
    let here = SimDisk::new(2);
    let carried = taken_in(&disk, &here, &paths).unwrap();
    assert_eq!(carried.contradictions, [session]);
    let store = open(&here, Access::ReadOnly).unwrap();
    let loaded = store.load(history).unwrap();
    assert_eq!(check_never_wrong(&store, &loaded), [1, 2, 3, 4, 5, 6]);
    assert_eq!(loaded.damage, []);
}

#[test]
fn where_one_between_is_missing_it_is_said() {
    let (disk, history, mut paths) = sent(6);
    paths.remove(3);
    let here = SimDisk::new(2);
    let refused = taken_in(&disk, &here, &paths);
    assert!(
        matches!(
            refused,
            Err(StoreError::Bundle {
                why: clew_core::store::BundleFault::Behind,
                ..
            })
        ),
        "{refused:?}"
    );
    assert!(taken_in(&disk, &here, &paths[..3]).is_ok());
    let store = open(&here, Access::ReadOnly).unwrap();
    assert_eq!(check_never_wrong(&store, &store.load(history).unwrap()), [1, 2, 3]);
}
