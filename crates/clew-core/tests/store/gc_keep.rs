//! Keep rules: what they let go of goes in two steps and is said to be dropped; what they keep, and all that is said of the
//! runs, stays.

use std::collections::BTreeSet;

use clew_core::format::{Action, Body, Dropping, RunKind, View};
use clew_core::history::History;
use clew_core::id::{HistoryId, ManifestId, RunId};
use clew_core::session::{RetentionRules, spared};
use clew_core::store::{Access, Collection, CollectionReport, LoadedHistory, RetentionRequest, Store, StoreError};
use clew_testing::disk::SimDisk;

use crate::gc::{BEGUN, HOUR, at, give_up};
use crate::long::{LONG, decoded, recorded};
use crate::story::{open, pack_bytes, writer};

const TEN: RetentionRules = RetentionRules {
    days: None,
    runs: Some(10),
    has_limit: false,
};

fn store_of(disk: &SimDisk) -> Store {
    open(disk, Access::ReadWrite).unwrap()
}

/// A gc with keep rules, and a limit in bytes.
fn keep(disk: &SimDisk, history: HistoryId, rules: &RetentionRules, most: u64, order: Collection) -> CollectionReport {
    let store = store_of(disk);
    let spared = spared(history, &store.load(history).unwrap(), rules, false, i64::MAX);
    collect(&store, vec![spared], most, order)
}

fn collect(
    store: &Store,
    spared: Vec<clew_core::store::HistoryRetention>,
    most: u64,
    order: Collection,
) -> CollectionReport {
    let mut tell = |history, manifests| {
        let mut writer = writer(store, history);
        writer.put_dropping(Dropping { manifests });
        writer.commit(Action::Gc, Vec::new(), View::default(), BEGUN)?;
        writer.sync()
    };
    let mut keeping = RetentionRequest {
        spared,
        most,
        tell: &mut tell,
    };
    store.collect_keeping(order, &mut keeping, &mut give_up).unwrap()
}

/// Reads all that is stored of a value.
fn read(store: &Store, value: ManifestId) -> Result<(), StoreError> {
    let manifest = store.manifest(value)?;
    if let Body::Encoded(encoding) = &manifest.body {
        let excused = |error| store.excused(value, error);
        store.stream(&encoding.stream).map_err(excused)?;
        store.stream(&encoding.asides).map_err(excused)?;
        for extent in &encoding.extents {
            store.extent(extent).map_err(excused)?;
        }
    }
    Ok(())
}

/// The values of all runs that can be read, and those that were dropped. Anything else is damage.
fn values(disk: &SimDisk, history: HistoryId) -> (BTreeSet<ManifestId>, BTreeSet<ManifestId>) {
    let store = store_of(disk);
    let loaded = store.load(history).unwrap();
    History::of(&loaded).tell(&store);
    let (mut here, mut dropped) = (BTreeSet::new(), BTreeSet::new());
    for run in decoded(&loaded).values() {
        for version in run.changed.iter().chain(run.full.iter().flatten()) {
            match read(&store, version.manifest) {
                Ok(()) => here.insert(version.manifest),
                Err(StoreError::Dropped { .. }) => dropped.insert(version.manifest),
                Err(error) => panic!("run {}: {error}", run.number),
            };
        }
    }
    assert_eq!(store.verify(true).unwrap().damage, []);
    (here, dropped)
}

/// What the states of some runs have.
fn of_states(loaded: &LoadedHistory, runs: impl IntoIterator<Item = RunId>) -> BTreeSet<ManifestId> {
    let history = History::of(loaded);
    let states = runs.into_iter().map(|run| history.state(run));
    states
        .flat_map(|state| state.versions().map(|version| version.manifest).collect::<Vec<_>>())
        .collect()
}

#[test]
fn p08_keep_rules_drop_the_values_of_old_runs_in_two_steps_and_nothing_else() {
    let (disk, history) = recorded(LONG);
    let loaded = store_of(&disk).load(history).unwrap();
    let (all, none) = values(&disk, history);
    assert!(none.is_empty());
    let before = disk.files();
    let shown = keep(&disk, history, &TEN, u64::MAX, Collection { dry_run: true, ..at(0) });
    assert_eq!(disk.files(), before, "a dry run writes nothing");
    let first = keep(&disk, history, &TEN, u64::MAX, at(0));
    assert_eq!(first.dropped, shown.dropped);
    assert!(
        first.dropped.len() > 50 && first.dropped.iter().all(|dropped| !dropped.goes),
        "{first:?}"
    );
    assert_eq!(
        values(&disk, history).0,
        all,
        "nothing goes before the grace period is over"
    );
    let size = pack_bytes(&disk);
    let second = keep(&disk, history, &TEN, u64::MAX, at(24));
    assert!(
        second.dropped.iter().all(|dropped| dropped.goes) && second.packs_removed > 0,
        "{second:?}"
    );
    assert!(pack_bytes(&disk) < size * 9 / 10, "{} of {size}", pack_bytes(&disk));
    // Every run is there, with its source; of the newest ten, and where the names are, every value.
    let after = store_of(&disk).load(history).unwrap();
    assert_eq!(decoded(&after), decoded(&loaded));
    let (here, dropped) = values(&disk, history);
    assert_eq!(dropped, second.dropped.iter().map(|dropped| dropped.value).collect());
    let known = History::of(&loaded);
    let newest = known.outlines().rev().take(10).map(|(id, _)| id);
    let position = known.latest_position(None, i64::MAX).map(|at| at.run);
    let kept = of_states(&loaded, newest.chain(position));
    assert!(
        kept.is_subset(&here),
        "{} of {}",
        kept.difference(&here).count(),
        kept.len()
    );
    // It is said once.
    let logs = || after_operations(&disk, history);
    let said = logs();
    let third = keep(&disk, history, &TEN, u64::MAX, at(48));
    assert_eq!((third.dropped.len(), third.packs_removed), (0, 0), "{third:?}");
    assert_eq!(logs(), said);
    // Whoever keeps everything now gets nothing back, and loses nothing either.
    for hours in [72, 96] {
        let everything = keep(&disk, history, &RetentionRules::default(), u64::MAX, at(hours));
        assert_eq!(
            (everything.doubts.len(), everything.gone.things),
            (0, 0),
            "{everything:?}"
        );
    }
    assert_eq!(values(&disk, history), (here, dropped));
}

fn after_operations(disk: &SimDisk, history: HistoryId) -> usize {
    let loaded = store_of(disk).load(history).unwrap();
    loaded.operations().len()
}

#[test]
fn p08_without_a_rule_everything_is_kept_and_so_is_what_is_named() {
    let (disk, history) = recorded(LONG);
    let loaded = store_of(&disk).load(history).unwrap();
    assert_eq!(
        spared(history, &loaded, &RetentionRules::default(), false, i64::MAX).values,
        []
    );
    let known = History::of(&loaded);
    let (first, _) = known.outlines().nth(3).unwrap();
    // A tag at an old run.
    let store = store_of(&disk);
    let mut naming = writer(&store, history);
    let tag = clew_core::format::Naming::Tag {
        name: "paper".to_owned(),
        run: first,
    };
    naming.commit(Action::Name, vec![tag], View::default(), BEGUN).unwrap();
    drop(naming);
    for hours in [0, 24] {
        keep(&disk, history, &TEN, u64::MAX, at(hours));
    }
    let (here, dropped) = values(&disk, history);
    assert!(!dropped.is_empty() && of_states(&loaded, [first]).is_subset(&here));
}

#[test]
fn p08_p09_what_somebody_does_meanwhile_keeps_all_of_its_history() {
    let (disk, history) = recorded(LONG);
    keep(&disk, history, &TEN, u64::MAX, at(0));
    let store = store_of(&disk);
    let loaded = store.load(history).unwrap();
    let worked_out = spared(history, &loaded, &TEN, false, i64::MAX);
    let (all, _) = values(&disk, history);
    // Somebody goes back to an old run after that.
    let (old, _) = History::of(&loaded).outlines().next().unwrap();
    let view = View {
        at: Some(clew_core::format::Position { run: old, branch: None }),
        confirmed: None,
    };
    writer(&store, history)
        .commit(Action::Switch, Vec::new(), view, BEGUN)
        .unwrap();
    let collected = collect(&store, vec![worked_out], u64::MAX, at(24));
    assert_eq!(
        (collected.dropped.len(), collected.packs_removed),
        (0, 0),
        "{collected:?}"
    );
    assert_eq!(values(&disk, history).0, all);
    // And that run is kept from then on.
    for hours in [48, 72] {
        keep(&disk, history, &TEN, u64::MAX, at(hours));
    }
    let (here, _) = values(&disk, history);
    assert!(of_states(&loaded, [old]).is_subset(&here));
}

#[test]
fn p08_a_clock_that_jumped_ahead_makes_nothing_old() {
    let (disk, history) = recorded(LONG);
    let loaded = store_of(&disk).load(history).unwrap();
    let rules = RetentionRules {
        days: Some(30),
        ..RetentionRules::default()
    };
    let known = History::of(&loaded);
    let started: Vec<i64> = known.outlines().map(|(_, outline)| outline.started).collect();
    let (oldest, newest) = (started.iter().min().unwrap(), started.iter().max().unwrap());
    assert!(newest - oldest < 24 * HOUR, "all of it was recorded in a day");
    for now in [i64::MIN, 0, *oldest, *newest, newest + 20 * 365 * 24 * HOUR, i64::MAX] {
        assert_eq!(spared(history, &loaded, &rules, false, now).values, [], "at {now}");
    }
}

#[test]
fn p08_a_size_lets_go_only_of_what_short_cells_can_make_again_from_what_stays() {
    let (disk, history) = recorded(LONG);
    let rules = RetentionRules {
        has_limit: true,
        ..RetentionRules::default()
    };
    let (all, _) = values(&disk, history);
    let everything = keep(&disk, history, &rules, u64::MAX, at(0));
    assert_eq!(everything.dropped, []);
    let most = everything.alive.bytes - 2_000;
    let first = keep(&disk, history, &rules, most, at(1));
    assert!(
        first.alive.bytes <= most && first.alive.bytes > most - 2_000,
        "no more than it must: {first:?}"
    );
    assert_eq!(first.beyond, 0);
    assert!(keep(&disk, history, &rules, most, at(25)).packs_removed > 0);
    // As much as may go.
    for hours in [48, 72] {
        let collected = keep(&disk, history, &rules, 0, at(hours));
        assert_eq!(
            collected.beyond, collected.alive.bytes,
            "what is needed all the same is said"
        );
    }
    let loaded = store_of(&disk).load(history).unwrap();
    let known = History::of(&loaded);
    let (here, dropped) = values(&disk, history);
    assert!(dropped.len() > 20, "{} of {}", dropped.len(), all.len());
    for (id, run) in known.runs() {
        for version in run.changed.iter().filter(|version| dropped.contains(&version.manifest)) {
            let maker = known.recorded_by(*id, version).and_then(|id| known.run(&id)).unwrap();
            assert_eq!((maker.kind, maker.evidence.sockets.len()), (RunKind::Cell, 0));
            assert!(maker.duration <= 10_000_000_000 && maker.evidence.files_read.is_empty());
            let before = known.state(maker.parent.unwrap());
            for read in &maker.evidence.reads {
                let root = clew_core::id::Root::name(read.as_str());
                let input = before.version(&root);
                assert!(
                    input.is_none_or(|input| here.contains(&input.manifest)),
                    "run {}: {read}",
                    maker.number
                );
            }
        }
    }
}

#[test]
fn p01_p08_where_somebody_may_be_recording_all_that_a_kernel_has_live_is_kept() {
    let (disk, history) = recorded(LONG);
    let loaded = store_of(&disk).load(history).unwrap();
    let known = History::of(&loaded);
    let last = loaded.sessions.values().filter_map(|session| {
        let mut operations = session.operations.iter().rev();
        operations.find_map(|loaded| Some(loaded.operation.view.at.as_ref()?.run))
    });
    let live = of_states(&loaded, last);
    let dropped = |is_live| -> BTreeSet<ManifestId> {
        let spared = spared(history, &loaded, &TEN, is_live, i64::MAX);
        spared.values.into_iter().collect()
    };
    assert!(
        dropped(true).is_disjoint(&live),
        "another kernel went on from there, and it may still be live"
    );
    assert!(dropped(true).is_subset(&dropped(false)) && !dropped(true).is_empty());
    assert!(known.len() > 100);
}
