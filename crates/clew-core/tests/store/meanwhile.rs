//! Looking at a store in which others record, forget and collect: what came or went meanwhile is no damage.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use clew_core::format::{Body, Encoding};
use clew_core::history::History;
use clew_core::id::{HistoryId, ManifestId};
use clew_core::store::{Access, Collection, LogIndex, Store, StoreError};
use clew_testing::disk::SimDisk;

use crate::gc::{at, forget, give_up, manifests};
use crate::story::{STORE, Told, begin, check_never_wrong, key, open, writer};

/// Records, forgets every third run and collects, as long as `looking` looks.
fn beside(disk: &SimDisk, history: HistoryId, is_done: &AtomicBool) {
    let store = open(disk, Access::ReadWrite).unwrap();
    for number in 1.. {
        if is_done.load(Ordering::Relaxed) {
            break;
        }
        let mut writer = writer(&store, history);
        Told::new(number).record(&mut writer).unwrap();
        if number % 3 == 0 {
            let loaded = store.load(history).unwrap();
            forget(&mut writer, manifests(&loaded, number));
            drop(writer);
            match store.collect(at(0), &mut give_up) {
                Ok(_) | Err(StoreError::Busy { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn while_others_work(look: impl Fn(&Store, HistoryId) + Sync) {
    let (disk, store, history) = begin(3);
    Told::new(1).record(&mut writer(&store, history)).unwrap();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| beside(&disk, history, &is_done));
        let looking = scope.spawn(|| {
            for _ in 0..20 {
                look(&open(&disk, Access::ReadOnly).unwrap(), history);
            }
        });
        let looked = looking.join();
        is_done.store(true, Ordering::Relaxed);
        looked.unwrap();
    });
}

#[test]
fn p09_what_is_recorded_forgotten_and_collected_while_a_store_is_verified_is_no_damage() {
    while_others_work(|store, _| assert_eq!(store.verify(false).unwrap().damage, []));
    while_others_work(|store, _| assert_eq!(store.verify(true).unwrap().damage, []));
}

/// While others record it would read all logs each time.
#[test]
fn to_verify_many_values_asks_no_more_often_what_is_there() {
    let lists = |runs: u64| {
        let (disk, store, history) = begin(8);
        let mut writer = writer(&store, history);
        for number in 1..=runs {
            Told::new(number).record(&mut writer).unwrap();
        }
        let reader = open(&disk, Access::ReadOnly).unwrap();
        let before = disk.lists();
        assert_eq!(reader.verify(false).unwrap().damage, []);
        disk.lists() - before
    };
    assert_eq!(lists(40), lists(4));
}

#[test]
fn an_index_that_knows_what_was_recorded_meanwhile_is_right() {
    let cache = tempfile::tempdir().unwrap();
    while_others_work(|store, history| {
        let scanned = store.load(history).unwrap();
        let index = LogIndex::new(cache.path(), Path::new(STORE), &key()).keeping_from(1);
        let indexed = store.clone().with_index(index);
        assert!(indexed.is_index_right(history, &scanned, store).unwrap());
    });
}

#[test]
fn p01_a_value_that_comes_again_after_another_kernel_forgot_it_is_kept() {
    for is_removed_at_once in [true, false] {
        let (disk, store, history) = begin(4);
        let mut one = writer(&open(&disk, Access::ReadWrite).unwrap(), history);
        let mut two = writer(&store, history);
        Told::new(2).record(&mut one).unwrap();
        Told::new(7).record(&mut two).unwrap();
        let forgotten = manifests(&store.load(history).unwrap(), 7);
        forget(&mut two, forgotten);
        if is_removed_at_once {
            drop(two);
        }
        let order = Collection {
            forgotten_only: true,
            ..at(0)
        };
        store.collect(order, &mut give_up).unwrap();
        Told::new(7).record(&mut one).unwrap();
        let reader = open(&disk, Access::ReadOnly).unwrap();
        let loaded = reader.load(history).unwrap();
        History::of(&loaded).tell(&reader);
        assert_eq!(
            check_never_wrong(&reader, &loaded),
            [2, 7],
            "{is_removed_at_once}: the second of both"
        );
    }
}

#[test]
fn p01_p08_what_another_kernel_forgets_before_it_is_flushed_is_missed_by_nobody() {
    let (disk, store, history) = begin(5);
    // Its bytes lie in a pack that may go.
    Told::new(7).record(&mut writer(&store, history)).unwrap();
    let mut stopped = writer(&open(&disk, Access::ReadWrite).unwrap(), history);
    Told::new(2).record(&mut stopped).unwrap();
    let mut again = Told::new(7);
    again.number = 8;
    again.record(&mut stopped).unwrap();
    let mut forgetting = writer(&store, history);
    let loaded = store.load(history).unwrap();
    let forgotten = [manifests(&loaded, 7), manifests(&loaded, 8)].concat();
    forget(&mut forgetting, forgotten);
    drop(forgetting);
    let removed = store.collect(at(0), &mut give_up).unwrap().gone;
    assert!(removed.things > 0, "{removed:?}");
    stopped.sync().unwrap();
    Told::new(9).record(&mut stopped).unwrap();
    stopped.sync().unwrap();
    let loaded = open(&disk, Access::ReadOnly).unwrap().load(history).unwrap();
    assert_eq!(loaded.damage, []);
}

/// The value that run `number` left, and what it names.
fn value(store: &Store, history: HistoryId, number: u64) -> (ManifestId, Encoding) {
    let value = manifests(&store.load(history).unwrap(), number)[0];
    let Body::Encoded(encoding) = store.manifest(value).unwrap().body.clone() else {
        panic!("it is stored")
    };
    (value, encoding)
}

/// Records a run like another, so that a gc finds something to remove; forgets both.
fn forget_and_collect(store: &Store, history: HistoryId, number: u64, also: &[ManifestId]) {
    let mut other = writer(store, history);
    Told::new(number).record(&mut other).unwrap();
    let own = manifests(&store.load(history).unwrap(), number);
    forget(&mut other, [&own, also].concat());
    drop(other);
    let removed = store.collect(at(0), &mut give_up).unwrap().gone;
    assert!(removed.things > 0, "{removed:?}");
}

#[test]
fn p01_p08_a_value_that_was_asked_for_after_it_was_forgotten_is_not_relied_on() {
    let (disk, store, history) = begin(6);
    Told::new(7).record(&mut writer(&store, history)).unwrap();
    let mut asking = writer(&open(&disk, Access::ReadWrite).unwrap(), history);
    Told::new(2).record(&mut asking).unwrap();
    let (forgotten, encoding) = value(&store, history, 7);
    forget_and_collect(&store, history, 11, &[forgotten]);
    // It comes again: as another value, since this one is forgotten.
    assert!(!asking.holds(forgotten, &encoding).unwrap());
    let mut again = Told::new(7);
    again.number = 8;
    again.record(&mut asking).unwrap();
    forget_and_collect(&store, history, 12, &[]);
    Told::new(9).record(&mut asking).unwrap();
    asking.sync().unwrap();
    let reader = open(&disk, Access::ReadOnly).unwrap();
    let loaded = reader.load(history).unwrap();
    assert_eq!(loaded.damage, []);
    assert_eq!(value(&reader, history, 8).1.extents, encoding.extents);
}

#[test]
fn p01_p08_a_value_that_was_found_stored_and_is_forgotten_before_it_is_flushed_is_missed_by_nobody() {
    let (disk, store, history) = begin(7);
    Told::new(7).record(&mut writer(&store, history)).unwrap();
    let mut finding = writer(&open(&disk, Access::ReadWrite).unwrap(), history);
    let (found, encoding) = value(&store, history, 7);
    assert!(finding.holds(found, &encoding).unwrap());
    Told::new(2).record(&mut finding).unwrap();
    forget_and_collect(&store, history, 11, &[found]);
    finding.sync().unwrap();
    Told::new(9).record(&mut finding).unwrap();
    finding.sync().unwrap();
    assert_eq!(open(&disk, Access::ReadOnly).unwrap().load(history).unwrap().damage, []);
}
