//! Taking away in a store that is damaged: what is not needed goes, what may be needed stays, and what was forgotten is
//! gone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clew_core::id::HistoryId;
use clew_core::store::{Access, Collection, Store};
use clew_testing::disk::SimDisk;
use clew_testing::raw::holds;

use crate::gc::{at, collect, forget, manifests, with_garbage};
use crate::story::{STORE, Told, check_never_wrong, open, seen, writer};

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// How far the flipped bytes lie from each other: not all of them, where the suite is to stay short.
fn step() -> usize {
    if std::env::var_os("CLEW_LONG").is_some() { 1 } else { 31 }
}

fn flipped(files: &Files, path: &Path, at: usize) -> SimDisk {
    let mut files = files.clone();
    files.get_mut(path).unwrap()[at] ^= 1 << (at % 8);
    SimDisk::with_files(&files)
}

fn come_back(disk: &SimDisk, history: HistoryId) -> BTreeSet<u64> {
    let store = open(disk, Access::ReadOnly).unwrap();
    let loaded = store.load(history).unwrap();
    check_never_wrong(&store, &loaded).into_iter().collect()
}

/// Every file with something in it and every place at which a byte is flipped: all of headers and tables, less of memory.
fn places(files: &Files) -> Vec<(PathBuf, usize)> {
    let in_file = |(path, bytes): (&PathBuf, &Vec<u8>)| {
        let path = path.clone();
        (0..bytes.len()).step_by(step()).map(move |at| (path.clone(), at))
    };
    let mut places: Vec<_> = files.iter().flat_map(in_file).collect();
    // Most of a pack is memory, in which one byte is like another.
    let mut count = 0;
    places.retain(|(_, at)| {
        count += 1;
        *at < 3000 || count % 29 == 0
    });
    places
}

#[test]
fn p08_whatever_byte_is_damaged_a_gc_goes_through_and_costs_nothing_that_comes_back() {
    let (disk, history) = with_garbage(50);
    collect(&open(&disk, Access::ReadWrite).unwrap(), at(0));
    let files = disk.files();
    let (mut went, mut stayed) = (0, 0);
    for (path, byte) in places(&files) {
        let disk = flipped(&files, &path, byte);
        let before = come_back(&disk, history);
        let what = format!("{} flipped at {byte}", path.display());
        for hours in [24, 48, 72] {
            let collected = collect(&open(&disk, Access::ReadWrite).unwrap(), at(hours));
            *(if collected.packs_removed > 0 {
                &mut went
            } else {
                &mut stayed
            }) += 1;
            assert_eq!(come_back(&disk, history), before, "{what}: {collected:?}");
        }
    }
    println!("{went} collections of damaged stores took something away, {stayed} nothing");
    assert!(went > 50 && stayed > 50, "{went}, {stayed}");
}

#[test]
fn p12_whatever_byte_is_damaged_what_is_forgotten_is_gone_and_nothing_else() {
    let (disk, history) = with_garbage(51);
    let secret = &secret();
    assert!(holds(&seen(&disk), secret));
    let files = disk.files();
    let (mut lost, mut left) = (0, 0);
    for (path, byte) in places(&files) {
        let what = format!("{} flipped at {byte}", path.display());
        let disk = flipped(&files, &path, byte);
        let before = come_back(&disk, history);
        let store = open(&disk, Access::ReadWrite).unwrap();
        let wanted = manifests(&store.load(history).unwrap(), 2);
        if wanted.is_empty() {
            // The run that names it can't be read, so nobody can name it either.
            continue;
        }
        let is_readable = wanted.iter().all(|manifest| store.manifest(*manifest).is_ok());
        forget(&mut writer(&store, history), wanted);
        let order = Collection {
            forgotten_only: true,
            with_dead: !is_readable,
            ..at(0)
        };
        let collected = collect(&store, order);
        let mut after = before.clone();
        after.remove(&2);
        let is_there = holds(&seen(&disk), secret);
        let is_said = collected.forgotten_kept.things > 0 || !is_readable && collected.waits();
        left += u32::from(is_there);
        assert!(!is_there || is_said, "{what}: {collected:?}");
        let now = come_back(&disk, history);
        // What a damaged frame held together with it can't be told apart.
        lost += after.difference(&now).count();
        assert!(
            now == after || collected.lost.things > 0,
            "{what}: {now:?}, {collected:?}"
        );
    }
    println!("{left} stores keep what was forgotten and say so; {lost} runs went with it");
    assert_eq!((left, lost), (0, 0));
}

/// What of run 2's memory no other run has.
fn secret() -> Vec<u8> {
    Told::new(2).memory[40_000..42_000].to_vec()
}

/// Where that lies.
fn place_of_secret(disk: &SimDisk) -> (PathBuf, usize) {
    let part = secret();
    let found = seen(disk).into_iter().find_map(|(path, bytes)| {
        let at = bytes.windows(part.len()).position(|window| window == part)?;
        Some((path, crate::SHIFT + at))
    });
    found.expect("it lies raw")
}

#[test]
fn p08_what_is_needed_and_damaged_is_carried_over_as_it_lies_and_mended_later() {
    let (disk, history) = with_garbage(52);
    let store = || open(&disk, Access::ReadWrite).unwrap();
    collect(&store(), at(0));
    let (path, byte) = place_of_secret(&disk);
    disk.rot(&path, byte, 4);
    assert_eq!(come_back(&disk, history), BTreeSet::from([1, 3, 4, 5]));
    let gone = collect(&store(), at(24));
    assert!(gone.packs_removed == 1 && gone.carried.things == 1, "{gone:?}");
    assert_eq!(come_back(&disk, history), BTreeSet::from([1, 3, 4, 5]));
    assert_eq!(store().verify(true).unwrap().damage.len(), 1, "it is still said");
    // Nobody relies on what was carried: the same value is stored anew when it comes again, and run 2 is whole.
    Told::new(2).record(&mut writer(&store(), history)).unwrap();
    assert_eq!(come_back(&disk, history), BTreeSet::from([1, 2, 3, 4, 5]));
    assert_eq!(store().verify(true).unwrap().damage, []);
    for hours in [48, 72] {
        let collected = collect(&store(), at(hours));
        assert_eq!(
            (&collected.doubts, &collected.kept),
            (&vec![], &vec![]),
            "{collected:?}"
        );
    }
    assert_eq!(come_back(&disk, history), BTreeSet::from([1, 2, 3, 4, 5]));
}

fn log_of(files: &Files) -> &PathBuf {
    let is_log = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "log");
    files.keys().find(is_log).unwrap()
}

#[test]
fn p08_where_a_log_cannot_be_read_whole_every_value_in_the_packs_stays() {
    let (disk, history) = with_garbage(37);
    collect(&open(&disk, Access::ReadWrite).unwrap(), at(0));
    let files = disk.files();
    let log = log_of(&files);
    let broken = flipped(&files, log, files[log].len() / 2);
    let store: Store = open(&broken, Access::ReadWrite).unwrap();
    let before = come_back(&broken, history);
    let found = collect(&store, at(24));
    assert!(!found.doubts.is_empty());
    // What was put and never committed may be what the lost record was about.
    assert_eq!(found.gone.things, 0, "{found:?}");
    assert_eq!(come_back(&broken, history), before);
}

#[test]
fn p09_a_recorder_relies_on_nothing_that_a_gc_took_away_where_the_generation_is_damaged() {
    let (disk, history) = with_garbage(52);
    let store = open(&disk, Access::ReadWrite).unwrap();
    let mut recorder = writer(&store, history);
    Told::new(6).record(&mut recorder).unwrap();
    // It knows that what no run needs lies in the first pack.
    let removed: u64 = [0, 25]
        .map(|hours| collect(&open(&disk, Access::ReadWrite).unwrap(), at(hours)).packs_removed)
        .iter()
        .sum();
    assert!(removed > 0);
    disk.rot(Path::new(STORE).join("generation").as_path(), 3, 1);
    Told::new(7).record(&mut recorder).unwrap();
    let left = come_back(&disk, history);
    assert!(left.contains(&6) && left.contains(&7), "{left:?}");
}
