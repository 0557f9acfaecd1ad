//! Deleting a history: it is there whole or not at all, and others keep what they share with it.

use std::path::Path;

use clew_core::id::HistoryId;
use clew_core::store::disk::Disk;
use clew_core::store::{Access, Collection, Store, StoreError};
use clew_testing::disk::{Fault, SimDisk, Surviving};

use crate::gc::{at, collect, give_up};
use crate::story::{STORE, Told, begin, check_never_wrong, description, open, writer};

fn record(store: &Store, history: HistoryId, runs: &[u64]) {
    let mut writer = writer(store, history);
    for number in runs {
        Told::new(*number).record(&mut writer).unwrap();
    }
    writer.sync().unwrap();
}

/// A store with two histories that share run 2: one with runs 1 to 3, one with runs 2 and 4.
fn two_histories(seed: u64) -> (SimDisk, HistoryId, HistoryId) {
    let (disk, store, flights) = begin(seed);
    record(&store, flights, &[1, 2, 3]);
    let ships = store.create_history(&description("ships")).unwrap();
    record(&store, ships, &[2, 4]);
    (disk, flights, ships)
}

/// What is not needed goes at once.
fn at_once() -> Collection {
    Collection {
        grace: 0,
        forgotten_only: true,
        with_dead: true,
        ..at(0)
    }
}

fn delete(disk: &SimDisk, history: HistoryId) -> Result<(), StoreError> {
    let store = open(disk, Access::ReadWrite)?;
    store.delete_history(history)?;
    store.collect(at_once(), &mut give_up)?;
    Ok(())
}

fn names(disk: &SimDisk) -> Vec<String> {
    disk.list(&Path::new(STORE).join("histories")).unwrap()
}

#[test]
fn a_deleted_history_is_gone_with_what_only_it_needed() {
    let (disk, flights, ships) = two_histories(61);
    let store = open(&disk, Access::ReadWrite).unwrap();
    let held = store.held_only_by(flights).unwrap();
    assert!(held.things > 5 && held.bytes > 40_000, "{held:?}");
    store.delete_history(flights).unwrap();
    let gone = collect(&store, at_once()).gone;
    assert_eq!(gone, held, "as much as was said");
    assert_eq!(names(&disk), [ships.to_string()]);
    assert!(matches!(store.delete_history(flights), Err(StoreError::NoHistory(_))));
    let store = open(&disk, Access::ReadOnly).unwrap();
    let loaded = store.load(ships).unwrap();
    assert_eq!(
        (check_never_wrong(&store, &loaded), loaded.damage),
        (vec![2, 4], Vec::new())
    );
}

#[test]
fn a_deletion_that_is_cut_short_anywhere_leaves_the_history_whole_or_gone() {
    let (disk, flights, ships) = two_histories(62);
    let before = disk.files();
    let disk = SimDisk::with_files(&before);
    delete(&disk, flights).unwrap();
    let (mut old, mut new) = (0, 0);
    for n in 0..=disk.effects() {
        for fault in [Fault::PowerCut, Fault::Error] {
            let disk = SimDisk::with_files(&before);
            disk.fail_at(n, fault);
            delete(&disk, flights).err();
            for surviving in [Surviving::Nothing, Surviving::Some(n), Surviving::All] {
                let found = disk.crash(surviving);
                let what = format!("{fault:?} at {n}, {surviving:?}");
                let store = open(&found, Access::ReadWrite).unwrap();
                let runs = |history| {
                    let loaded = store.load(history).unwrap();
                    assert_eq!(loaded.damage, [], "{what}");
                    check_never_wrong(&store, &loaded)
                };
                assert_eq!(runs(ships), [2, 4], "{what}");
                if store.histories().unwrap().iter().any(|(id, _)| *id == flights) {
                    assert_eq!(runs(flights), [1, 2, 3], "{what}");
                    old += 1;
                    delete(&found, flights).unwrap();
                } else {
                    new += 1;
                    collect(&store, at_once());
                }
                assert_eq!(names(&found), [ships.to_string()], "{what}");
                assert_eq!(runs(ships), [2, 4], "{what}");
            }
        }
    }
    assert!(old > 0 && new > 0, "{old} and {new}");
}
