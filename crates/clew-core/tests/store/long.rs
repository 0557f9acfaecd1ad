//! Long histories: what is decoded when asked for, and found at the ends of packs and logs, is what reading everything
//! tells, whatever happened to the bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_core::format::{Body, Manifest, Run};
use clew_core::history::History;
use clew_core::id::{HistoryId, ManifestId, RunId};
use clew_core::store::{Access, FrameLengths, LoadedHistory, Store, StoreError, VerifiedValue};
use clew_testing::disk::SimDisk;
use clew_testing::{Dice, LongHistory};

use crate::story::{STORE, key, open};

pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Three kernels, lines that were left, names that share objects.
pub const LONG: LongHistory = LongHistory {
    cells: 150,
    sessions: 3,
    names: 12,
    line: 9,
    seed: 5,
};

/// One whose packs are longer than what is glimpsed at.
const LONGER: LongHistory = LongHistory {
    cells: 700,
    sessions: 2,
    names: 40,
    line: 50,
    seed: 6,
};

pub fn recorded(long: LongHistory) -> (SimDisk, HistoryId) {
    let disk = SimDisk::new(17);
    let store = open(&disk, Access::ReadWrite).unwrap();
    let history = long.record(&store, &key(), "long").unwrap();
    (disk, history)
}

/// A store that trusts no key: all of what it reads is decoded at once.
fn untrusting(disk: &SimDisk) -> Store {
    Store::open(Arc::new(disk.clone()), Path::new(STORE), Access::ReadOnly).unwrap()
}

pub fn decoded(loaded: &LoadedHistory) -> BTreeMap<RunId, Run> {
    let runs = loaded.runs.iter();
    runs.filter_map(|(id, stored)| Some((*id, stored.run()?.clone())))
        .collect()
}

/// The files with a byte changed, an end cut off or an end of another file added.
pub fn spoilt(files: &Files, dice: &mut Dice) -> Files {
    let mut files = files.clone();
    // Files that are only there to be locked hold nothing.
    files.retain(|_, bytes| !bytes.is_empty());
    let path = dice.pick(&files.keys().cloned().collect::<Vec<_>>()).clone();
    let other = dice.pick(&files.values().cloned().collect::<Vec<_>>()).clone();
    let bytes = files.get_mut(&path).unwrap();
    let at = dice.below(bytes.len() as u64) as usize;
    match dice.below(4) {
        0 => bytes.truncate(at),
        1 => bytes.extend_from_slice(&other[other.len() / 2..]),
        2 => bytes.splice(at..at, [0xc1, b'c', b'l', b'w']).for_each(drop),
        _ => bytes[at] ^= 1 << dice.below(8),
    }
    files
}

#[test]
fn p02_p03_a_run_decoded_when_asked_for_is_the_run_decoded_at_once_whatever_the_bytes() {
    let (disk, history) = recorded(LONG);
    let whole = decoded(&untrusting(&disk).load(history).unwrap());
    assert!(whole.len() > 150, "{} runs", whole.len());
    let (files, mut dice) = (disk.files(), Dice::new(3));
    let mut spoilt_logs = 0;
    for round in 0..60 {
        let disk = SimDisk::with_files(&if round == 0 {
            files.clone()
        } else {
            spoilt(&files, &mut dice)
        });
        let late = open(&disk, Access::ReadOnly).unwrap().load(history).unwrap();
        let at_once = untrusting(&disk).load(history).unwrap();
        assert_eq!(decoded(&late), decoded(&at_once), "round {round}");
        assert_eq!(late.damage, at_once.damage, "round {round}");
        assert!(
            decoded(&late).iter().all(|(id, run)| whole.get(id) == Some(run)),
            "round {round}"
        );
        spoilt_logs += usize::from(late.runs.len() < whole.len());
    }
    assert!(spoilt_logs > 5, "only {spoilt_logs} rounds cost a run");
}

#[test]
fn outlines_lines_and_recorders_tell_what_whole_runs_tell() {
    let (disk, id) = recorded(LONG);
    let loaded = open(&disk, Access::ReadOnly).unwrap().load(id).unwrap();
    let history = History::of(&loaded);
    assert_eq!(history.len(), decoded(&loaded).len());
    for (id, run) in history.runs() {
        let outline = history.outline(id).unwrap();
        assert_eq!(
            (
                outline.label(),
                outline.parent,
                outline.kind,
                outline.started,
                outline.duration,
                &outline.ending
            ),
            (
                run.label(),
                run.parent,
                run.kind,
                run.started,
                run.duration,
                &run.ending
            )
        );
        let line: Vec<RunId> = history.line(*id).map(|(id, _)| id).collect();
        assert_eq!(history.ancestry(*id).map(|(id, _)| id).collect::<Vec<_>>(), line);
        let state = history.state(*id);
        for version in state.versions() {
            let recorded = |id: &&RunId| {
                let run = history.run(id).unwrap();
                run.changed.iter().any(|changed| changed.manifest == version.manifest)
            };
            assert_eq!(history.recorded_by(*id, version), line.iter().find(recorded).copied());
            let stored = history.stored(id).unwrap();
            assert!(run.changed.iter().all(|version| stored.may_name(&version.roots[0].key)));
        }
        let Some(parent) = run.parent else { continue };
        let before = history.state(parent);
        let touched: Vec<_> = run.changed.iter().flat_map(|version| &version.roots).collect();
        let present = history.present(parent, touched.iter().copied());
        for root in touched {
            assert_eq!(
                present.contains(root),
                before.version(root).is_some(),
                "{root} before {}",
                run.label()
            );
        }
    }
}

#[test]
fn p03_what_a_glimpse_at_a_packs_end_finds_is_what_all_packs_hold() {
    let (disk, id) = recorded(LONGER);
    let is_long = |(path, bytes): (&PathBuf, &Vec<u8>)| {
        path.extension().is_some_and(|end| end == "pack") && bytes.len() > 300_000
    };
    assert!(disk.files().iter().any(is_long), "no pack is longer than a glimpse");
    let texts = |store: &Store, loaded: &LoadedHistory| -> BTreeMap<RunId, Result<String, String>> {
        let read = |id| {
            store
                .blob(id)
                .map(clew_core::store::VerifiedValue::into_inner)
                .map_err(|error| kind(&error))
        };
        decoded(loaded)
            .iter()
            .filter_map(|(id, run)| Some((*id, read(run.source?))))
            .collect()
    };
    let whole: BTreeSet<String> = {
        let store = open(&disk, Access::ReadOnly).unwrap();
        let loaded = store.load(id).unwrap();
        texts(&store, &loaded).into_values().map(Result::unwrap).collect()
    };
    let (files, mut dice) = (disk.files(), Dice::new(4));
    for round in 0..25 {
        let disk = SimDisk::with_files(&spoilt(&files, &mut dice));
        let (glimpsing, knowing) = (
            open(&disk, Access::ReadOnly).unwrap(),
            open(&disk, Access::ReadOnly).unwrap(),
        );
        let loaded = glimpsing.load(id).unwrap();
        // Verifying goes over all packs, so nothing is glimpsed at afterwards.
        knowing.verify(false).unwrap();
        let (glimpsed, known) = (texts(&glimpsing, &loaded), texts(&knowing, &loaded));
        assert_eq!(glimpsed, known, "round {round}");
        assert!(
            known.values().flatten().all(|text| whole.contains(text)),
            "round {round}"
        );
    }
}

fn kind(error: &StoreError) -> String {
    match error {
        StoreError::Missing { .. } => "missing".to_owned(),
        StoreError::Damaged { .. } => "damaged".to_owned(),
        _ => panic!("{error}"),
    }
}

#[test]
fn the_end_of_a_log_tells_when_something_was_done_last() {
    let (disk, id) = recorded(LONG);
    let store = open(&disk, Access::ReadOnly).unwrap();
    let loaded = store.load(id).unwrap();
    let last = loaded.operations().last().map(|loaded| loaded.operation.time);
    assert_eq!(store.last_moment(id).unwrap(), last);
    let (history, empty) = (
        open(&disk, Access::ReadWrite).unwrap(),
        crate::story::description("empty"),
    );
    let empty = history.create_history(&empty).unwrap();
    assert_eq!(store.last_moment(empty).unwrap(), None);
}

#[test]
fn run_numbers_are_made_anew_from_the_logs() {
    let (disk, id) = recorded(LONG);
    let files = disk.files();
    let numbers = files.keys().find(|path| path.ends_with("numbers")).unwrap().clone();
    let sound = files[&numbers].clone();
    for wrong in [None, Some(Vec::new()), Some(vec![7; 16]), Some(vec![0; 16])] {
        let mut files = files.clone();
        match &wrong {
            None => files.remove(&numbers),
            Some(bytes) => files.insert(numbers.clone(), bytes.clone()),
        };
        let disk = SimDisk::with_files(&files);
        let reader = open(&disk, Access::ReadOnly).unwrap();
        let loaded = reader.load(id).unwrap();
        assert!(!reader.is_numbering_right(id, &loaded), "{wrong:?}");
        assert!(matches!(
            reader.rebuild_numbering(id, &loaded),
            Err(StoreError::ReadOnly { .. })
        ));
        let store = open(&disk, Access::ReadWrite).unwrap();
        assert!(store.rebuild_numbering(id, &loaded).unwrap());
        assert!(store.is_numbering_right(id, &loaded));
        assert!(!store.rebuild_numbering(id, &loaded).unwrap());
        assert_eq!(disk.files()[&numbers], sound);
    }
}

fn manifests(loaded: &LoadedHistory) -> Vec<ManifestId> {
    let runs = decoded(loaded).into_values();
    let versions = runs.flat_map(|run| run.changed.into_iter().chain(run.full.into_iter().flatten()));
    let ids: BTreeSet<ManifestId> = versions.map(|version| version.manifest).collect();
    ids.into_iter().collect()
}

#[test]
fn p03_manifests_read_together_are_what_each_is_by_itself() {
    let (disk, history) = recorded(LONG);
    let store = open(&disk, Access::ReadOnly).unwrap();
    let ids = manifests(&store.load(history).unwrap());
    let alone = |id: &ManifestId| (*id, store.manifest(*id).unwrap().into_inner());
    let alone: BTreeMap<ManifestId, Manifest> = ids.iter().map(alone).collect();
    let together = |store: &Store| -> BTreeMap<ManifestId, Manifest> {
        let read = store.manifests(&ids).into_iter();
        read.map(|(id, manifest)| (id, manifest.into_inner())).collect()
    };
    assert!(alone.len() > 200);
    assert_eq!(together(&store), alone);
    let (mut dice, files, mut lacking) = (Dice::new(12), disk.files(), 0);
    for round in 0..150 {
        let disk = SimDisk::with_files(&spoilt(&files, &mut dice));
        let Ok(store) = open(&disk, Access::ReadOnly) else {
            continue;
        };
        let found = together(&store);
        lacking += usize::from(found.len() < alone.len());
        assert!(
            found.iter().all(|(id, manifest)| alone[id] == *manifest),
            "round {round}"
        );
        // Whoever asks for one that was not among them is told what is wrong with it, or finds it elsewhere.
        let others = alone.iter().filter(|(id, _)| !found.contains_key(id));
        for (id, manifest) in others {
            let read = store.manifest(*id).map(VerifiedValue::into_inner);
            assert!(
                read.is_err() || read.is_ok_and(|read| read == *manifest),
                "round {round}"
            );
        }
    }
    assert!(lacking > 10, "{lacking}");
}

#[test]
fn pieces_weighed_together_take_what_each_takes_by_itself() {
    let (disk, history) = recorded(LONG);
    let store = open(&disk, Access::ReadOnly).unwrap();
    let ids = manifests(&store.load(history).unwrap());
    let read = store.manifests(&ids).into_iter();
    let bodies = read.map(|(_, manifest)| manifest.into_inner().body);
    let pieces = bodies.flat_map(|body| match body {
        Body::Encoded(encoding) => encoding.pieces(),
        _ => Vec::new(),
    });
    let mut pieces: Vec<[u8; 32]> = pieces.collect();
    pieces.insert(7, [7; 32]);
    let together = store.sizes(&pieces, &mut FrameLengths::default()).unwrap();
    let alone = |piece| store.sizes([piece], &mut FrameLengths::default()).unwrap()[0];
    assert_eq!(together, pieces.iter().map(alone).collect::<Vec<_>>());
    assert_eq!(together[7], None);
    assert!(together.iter().flatten().count() == pieces.len() - 1 && pieces.len() > 200);
}
