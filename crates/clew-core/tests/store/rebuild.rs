//! What a store derives from the rest of it is made anew from whatever is left: never worse than it was, and what the rest
//! can't bring back is named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clew_core::id::HistoryId;
use clew_core::store::disk::Disk;
use clew_core::store::{Access, StoreError};
use clew_testing::disk::SimDisk;

use crate::gc::{at, collect, with_garbage};
use crate::story::{Told, begin, check_never_wrong, open, writer};

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A store with a bit of everything: packs that were taken away and one that was written, two sessions, garbage.
fn store() -> (Files, HistoryId) {
    let (disk, history) = with_garbage(60);
    let store = open(&disk, Access::ReadWrite).unwrap();
    for hours in [0, 24] {
        collect(&store, at(hours));
    }
    let mut writer = writer(&store, history);
    for number in [6, 8] {
        Told::new(number).record(&mut writer).unwrap();
    }
    Told::new(9).put(&mut writer, None).unwrap();
    writer.abandon();
    Told::new(10).record(&mut writer).unwrap();
    writer.reserve_number().unwrap();
    writer.leave_pack().unwrap();
    drop(writer);
    collect(&store, at(48));
    (disk.files(), history)
}

/// What makes a file one of its kind.
fn class(path: &Path) -> String {
    let name = path.file_name().unwrap().to_str().unwrap();
    match path.extension().and_then(|extension| extension.to_str()) {
        // Each pack and each log is a class of its own.
        Some("pack" | "log") => name.to_owned(),
        Some(extension) => extension.to_owned(),
        None => name.to_owned(),
    }
}

/// The runs that come back, and how many things are wrong.
fn state(disk: &SimDisk, history: HistoryId) -> (BTreeSet<u64>, usize) {
    let Ok(store) = open(disk, Access::ReadOnly) else {
        return (BTreeSet::new(), usize::MAX);
    };
    let damage = store.verify(true).unwrap().damage.len();
    let loaded = store.load(history);
    let runs = loaded.map_or_else(|_| Vec::new(), |loaded| check_never_wrong(&store, &loaded));
    (runs.into_iter().collect(), damage)
}

/// What `doctor --rebuild` does with a store. Says whether anything was wrong.
fn rebuild(disk: &SimDisk) -> Result<bool, StoreError> {
    // Nothing is made where there is no store.
    open(disk, Access::ReadOnly)?;
    let store = open(disk, Access::ReadWrite)?;
    let mut was_wrong = store.rebuild_format()?;
    for (history, _) in store.histories()? {
        let loaded = store.load(history)?;
        was_wrong |= store.rebuild_numbering(history, &loaded)?;
    }
    was_wrong |= store.rebuild_removals(7)?;
    Ok(was_wrong)
}

#[test]
fn p02_whatever_files_are_left_a_rebuild_makes_the_best_of_them_and_nothing_worse() {
    let (files, history) = store();
    let whole = state(&SimDisk::with_files(&files), history);
    assert_eq!(whole, (BTreeSet::from([1, 2, 3, 4, 5, 6, 8, 10]), 0));
    let classes: Vec<String> = files
        .keys()
        .map(|path| class(path))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    assert!(classes.len() >= 10, "{classes:?}");
    let derived = [
        "format",
        "numbers",
        "generation",
        "garbage",
        "removal",
        "gc",
        "lease",
        "description",
    ];
    let all = 0..1_u32 << classes.len();
    let is_long = std::env::var_os("CLEW_LONG").is_some();
    for subset in all.filter(|subset| is_long || subset.count_ones() <= 2 || subset % 23 == 7) {
        let gone: Vec<&String> = classes
            .iter()
            .enumerate()
            .filter_map(|(bit, class)| (subset >> bit & 1 == 1).then_some(class))
            .collect();
        let mut left = files.clone();
        left.retain(|path, _| !gone.contains(&&class(path)));
        let disk = SimDisk::with_files(&left);
        let before = state(&disk, history);
        let Ok(was_wrong) = rebuild(&disk) else {
            assert_eq!(before.1, usize::MAX, "without {gone:?}");
            assert_eq!(disk.files(), left, "without {gone:?}");
            continue;
        };
        let after = state(&disk, history);
        assert!(
            after.0.is_superset(&before.0) && after.1 <= before.1,
            "without {gone:?}: {before:?}, {after:?}"
        );
        if gone.iter().all(|class| derived.contains(&class.as_str())) {
            assert_eq!(after, whole, "without {gone:?}");
        } else {
            // The rest is named, or was in no need of what is gone.
            assert!(
                after.1 > 0 || after.0 == whole.0 || gone.iter().any(|class| class.ends_with("log")),
                "without {gone:?}"
            );
        }
        let again = disk.files();
        assert!(!rebuild(&disk).unwrap(), "without {gone:?}");
        assert_eq!(
            disk.files(),
            again,
            "a second rebuild changes nothing, without {gone:?}"
        );
        if gone.is_empty() {
            assert!(!was_wrong && again == left, "a whole store stays as it is");
        }
    }
}

#[test]
fn packs_of_sessions_whose_logs_are_gone_are_told_from_all_others() {
    let (disk, store, history) = begin(61);
    let mut lost = writer(&store, history);
    Told::new(1).record(&mut lost).unwrap();
    let of_kind = |kind: &str| -> Vec<PathBuf> {
        let files = disk.files().into_keys();
        files
            .filter(|path| path.extension().is_some_and(|end| end == kind))
            .collect()
    };
    let packs = of_kind("pack");
    // One that is written, and one of which nothing was synced.
    let mut others = [writer(&store, history), writer(&store, history)];
    for (number, other) in (2..).zip(&mut others) {
        Told::new(number).record(other).unwrap();
    }
    others[0].sync().unwrap();
    let left = || open(&disk, Access::ReadOnly).unwrap().packs_without_log().unwrap();
    assert_eq!(left(), []);
    let logs = of_kind("log");
    assert_eq!(logs.len(), 3);
    lost.sync().unwrap();
    logs.iter().for_each(|log| disk.unlink(log).unwrap());
    assert_eq!(left(), [], "its kernel lives");
    drop(lost);
    let names: Vec<PathBuf> = left()
        .iter()
        .map(|pack| PathBuf::from(format!("{pack}.pack")))
        .collect();
    assert_eq!(names, [packs[0].file_name().unwrap()]);
    // What a gc wrote is in no log either, and is no such pack where that is forgotten, too.
    let (mut files, _) = self::store();
    assert!(files.keys().any(|path| class(path) == "removal"));
    files.retain(|path, _| path.extension().is_none_or(|extension| extension != "removal"));
    let without = open(&SimDisk::with_files(&files), Access::ReadOnly).unwrap();
    assert_eq!(without.packs_without_log().unwrap(), []);
}
