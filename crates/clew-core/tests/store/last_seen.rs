//! A log that ends before it was seen to end is told, whoever shortened it and however sound the rest is; and what Clew
//! does itself, what a power cut takes and what nobody saw is never told as one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_core::id::{HistoryId, SessionId};
use clew_core::limits;
use clew_core::store::disk::Disk;
use clew_core::store::{
    Access, End, LastSeen, LastSeenFault, LogRollback, SessionWriter, SigningKey, Store, StoreError, Trust,
};
use clew_testing::disk::{Fault, SimDisk, Surviving};

use crate::gc::{at, collect, forget, manifests};
use crate::story::{STORE, Told, begin, description, key, open, writer};

const CONFIG: &str = "/home/u/.config/clew";

type Files = BTreeMap<PathBuf, Vec<u8>>;

fn last_seen(disk: &SimDisk) -> LastSeen {
    LastSeen::new(Arc::new(disk.clone()), Path::new(CONFIG), Path::new(STORE), "machine")
}

/// Syncs, and notes what is synced, as a kernel does beside its cells.
fn note(disk: &SimDisk, writer: &mut SessionWriter) -> Result<(), StoreError> {
    writer.sync()?;
    last_seen(disk).advance(&Vec::from_iter(writer.synced_end()))
}

/// What whoever looks finds of all histories; what they see is noted then.
fn look(disk: &SimDisk) -> Vec<LogRollback> {
    let ends = last_seen(disk).read().unwrap();
    let store = open(disk, Access::ReadOnly).unwrap();
    let histories: BTreeSet<HistoryId> = store.histories().unwrap().into_iter().map(|(id, _)| id).collect();
    let mut found: Vec<LogRollback> = ends.gone(&histories).into_values().flatten().collect();
    let mut news = Vec::new();
    for history in histories {
        let loaded = store.load(history).unwrap();
        found.extend(ends.setbacks(&store, history, &loaded));
        news.extend(store.ends(history, &loaded));
    }
    last_seen(disk).advance(&ends.news(news)).unwrap();
    found
}

/// What whoever looks finds on a disk with these files.
fn look_at(files: &Files) -> Vec<LogRollback> {
    look(&SimDisk::with_files(files))
}

fn log_of(files: &Files, session: SessionId) -> PathBuf {
    let is_log = |path: &&PathBuf| path.file_name().is_some_and(|name| *name == *format!("{session}.log"));
    files.keys().find(is_log).unwrap().clone()
}

/// A store in which one session recorded runs 1 to 4 and another one run 5, all of it synced and noted; and its files
/// after each run.
fn recorded(seed: u64) -> (SimDisk, HistoryId, [SessionId; 2], Vec<Files>) {
    let (disk, store, history) = begin(seed);
    disk.create_dir(Path::new(CONFIG)).unwrap();
    let (mut one, mut other) = (writer(&store, history), writer(&store, history));
    let mut after = Vec::new();
    for number in 1..=5 {
        let writer = if number == 5 { &mut other } else { &mut one };
        Told::new(number).record(writer).unwrap();
        after.push(disk.files());
        note(&disk, writer).unwrap();
    }
    (disk, history, [one.session(), other.session()], after)
}

#[test]
fn p11_a_log_cut_at_any_earlier_operation_is_told() {
    let (disk, _, [session, _], after) = recorded(80);
    assert_eq!(look(&disk), []);
    for (left, before) in after[..3].iter().enumerate() {
        let mut files = disk.files();
        let path = log_of(&files, session);
        let cut = before[&path].clone();
        assert!(cut.len() < files[&path].len());
        files.insert(path, cut);
        let disk = SimDisk::with_files(&files);
        let store = open(&disk, Access::ReadOnly).unwrap();
        assert_eq!(store.verify(true).unwrap().damage, [], "all that is left verifies");
        let (seen, left) = (4, left as u64 + 1);
        let expected = [LogRollback::Shorter { session, seen, left }];
        assert_eq!(look(&disk), expected);
        assert_eq!(look(&disk), expected, "looking makes nobody forget");
    }
}

#[test]
fn p11_a_log_without_its_operations_and_one_without_its_mark_are_told_apart() {
    let (disk, _, [session, other], after) = recorded(81);
    let mut files = disk.files();
    let path = log_of(&files, session);
    files.insert(path.clone(), after[3][&path].clone());
    assert_eq!(look_at(&files), [], "nothing that was recorded is gone");
    for length in [0, 10] {
        files.get_mut(&path).unwrap().truncate(length);
        let (seen, left) = (4, 0);
        assert_eq!(look_at(&files), [LogRollback::Shorter { session, seen, left }]);
    }
    files.remove(&path);
    assert_eq!(look_at(&files), [LogRollback::Gone { session, seen: 4 }]);
    let other = log_of(&files, other);
    files.remove(&other);
    assert_eq!(look_at(&files).len(), 2);
    files.retain(|path, _| !path.starts_with(Path::new(STORE).join("histories")));
    assert_eq!(look_at(&files).len(), 2, "the history went with its logs");
}

#[test]
fn p11_another_log_of_the_same_session_and_key_is_told() {
    let (disk, store, history) = begin(82);
    disk.create_dir(Path::new(CONFIG)).unwrap();
    let mut one = writer(&store, history);
    Told::new(1).record(&mut one).unwrap();
    let session = one.session();
    // The machine is copied while it runs: each goes its own way from here.
    let copy = SimDisk::with_files(&disk.files());
    let there = open(&copy, Access::ReadWrite).unwrap();
    let mut files = copy.files();
    files.remove(&log_of(&files, session));
    let copy = SimDisk::with_files(&files);
    drop(there);
    let there = open(&copy, Access::ReadWrite).unwrap();
    let mut twin = there.writer(history, session, &key()).unwrap();
    for number in [1, 3] {
        Told::new(number).record(&mut twin).unwrap();
    }
    twin.sync().unwrap();
    Told::new(2).record(&mut one).unwrap();
    note(&disk, &mut one).unwrap();
    let mut files = disk.files();
    files.extend(copy.files());
    let disk = SimDisk::with_files(&files);
    let store = open(&disk, Access::ReadOnly).unwrap();
    assert_eq!(store.load(history).unwrap().sessions[&session].operations.len(), 2);
    assert_eq!(store.load(history).unwrap().damage, []);
    assert_eq!(look(&disk), [LogRollback::Other { session, seen: 2 }]);
}

#[test]
fn p11_a_backup_put_back_and_a_mix_of_two_copies_are_told() {
    let (disk, history, [one, other], after) = recorded(83);
    let noted = disk.files().into_iter().filter(|(path, _)| path.starts_with(CONFIG));
    let mut backup = after[2].clone();
    backup.retain(|path, _| !path.starts_with(CONFIG));
    backup.extend(noted);
    let (seen, left) = (4, 3);
    let session = one;
    let expected = BTreeSet::from([
        LogRollback::Shorter { session, seen, left }.to_string(),
        LogRollback::Shorter {
            session: other,
            seen: 1,
            left: 0,
        }
        .to_string(),
    ]);
    let told = |files: &Files| look_at(files).iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(told(&backup), expected, "the other session had only begun");

    // A copy that went on elsewhere is laid over this store: what either has is there, and this one's end is not.
    let copy = SimDisk::with_files(&after[2]);
    let there = open(&copy, Access::ReadWrite).unwrap();
    let mut elsewhere = writer(&there, history);
    Told::new(8).record(&mut elsewhere).unwrap();
    elsewhere.sync().unwrap();
    let mut mixed = disk.files();
    mixed.extend(copy.files().into_iter().filter(|(path, _)| !path.starts_with(CONFIG)));
    assert_eq!(told(&mixed), expected);
    // Laid the other way round nothing is missing.
    let mut mixed = copy.files();
    mixed.extend(disk.files());
    assert_eq!(look_at(&mixed), []);
}

#[test]
fn what_a_power_cut_takes_is_no_setback_whenever_it_comes() {
    let life = |disk: &SimDisk| -> Result<(), StoreError> {
        disk.create_dir(Path::new(CONFIG))
            .map_err(|_| StoreError::Busy { who: "Nobody is" })?;
        let store = open(disk, Access::ReadWrite)?;
        let history = store.create_history(&description("flights"))?;
        let mut one = store.writer(history, store.new_session(), &key())?;
        let mut other = store.writer(history, store.new_session(), &key())?;
        for number in 1..=6 {
            let writer = if number % 3 == 0 { &mut other } else { &mut one };
            Told::new(number).record(writer)?;
            if number % 2 == 0 {
                note(disk, &mut one)?;
                note(disk, &mut other)?;
            }
        }
        Ok(())
    };
    let whole = SimDisk::new(84);
    life(&whole).unwrap();
    assert_eq!(last_seen(&whole).read().unwrap().len(), 2);
    let mut with_notes = 0;
    for n in 0..=whole.effects() {
        for fault in [Fault::PowerCut, Fault::Error, Fault::Stuck] {
            let disk = SimDisk::new(84);
            disk.fail_at(n, fault);
            life(&disk).err();
            disk.heal();
            let survivors = [Surviving::All, Surviving::Nothing];
            for surviving in survivors
                .into_iter()
                .chain((0..4).map(|round| Surviving::Some(n * 1000 + round)))
            {
                let found = disk.crash(surviving);
                if open(&found, Access::ReadOnly).is_err() {
                    continue;
                }
                with_notes += usize::from(!last_seen(&found).read().unwrap().is_empty());
                assert_eq!(look(&found), [], "{fault:?} at effect {n}, {surviving:?}");
                assert_eq!(
                    look(&found),
                    [],
                    "{fault:?} at effect {n}, {surviving:?}, seen once more"
                );
            }
        }
    }
    assert!(with_notes > 100, "{with_notes} images had something noted");
}

#[test]
fn gc_forgetting_and_making_anew_are_no_setbacks() {
    let (disk, history, _, _) = recorded(85);
    let store = open(&disk, Access::ReadWrite).unwrap();
    let mut forgetting = writer(&store, history);
    forget(&mut forgetting, manifests(&store.load(history).unwrap(), 2));
    note(&disk, &mut forgetting).unwrap();
    drop(forgetting);
    for hours in [0, 24, 48] {
        collect(&open(&disk, Access::ReadWrite).unwrap(), at(hours));
        assert_eq!(look(&disk), []);
    }
    let mut files = disk.files();
    files.retain(|path, _| !path.ends_with("numbers") && !path.ends_with("format"));
    let disk = SimDisk::with_files(&files);
    let store = open(&disk, Access::ReadWrite).unwrap();
    store.rebuild_format().unwrap();
    let loaded = store.load(history).unwrap();
    assert!(store.rebuild_numbering(history, &loaded).unwrap());
    assert_eq!(look(&disk), []);
    assert!(!store.was_made(), "it was there, without the file that says so");
}

#[test]
fn only_ends_of_ones_own_that_are_synced_are_noted_and_of_a_strangers_store_nothing() {
    let (disk, store, history) = begin(86);
    disk.create_dir(Path::new(CONFIG)).unwrap();
    let stranger = SigningKey::from_secret(&[7; 32]);
    let mut theirs = store.writer(history, store.new_session(), &stranger).unwrap();
    Told::new(1).record(&mut theirs).unwrap();
    theirs.sync().unwrap();
    assert_eq!(look(&disk), []);
    let nothing = |disk: &SimDisk| !disk.files().keys().any(|path| path.starts_with(CONFIG));
    assert!(nothing(&disk), "nothing is known of it, and nothing written");

    let mut own = writer(&store, history);
    Told::new(2).record(&mut own).unwrap();
    assert_eq!(look(&disk), []);
    assert!(nothing(&disk), "a power cut may take it back");
    own.sync().unwrap();
    Told::new(3).record(&mut own).unwrap();
    assert_eq!(look(&disk), []);
    let seen: Vec<(SessionId, u64)> = last_seen(&disk)
        .read()
        .unwrap()
        .iter()
        .map(|end| (end.session, end.number))
        .collect();
    assert_eq!(seen, [(own.session(), 0)]);

    // A key that was replaced is still one's own; whoever takes it from the list loses nothing of what was seen.
    let files = disk.files();
    let disk = SimDisk::with_files(&files);
    let store = open(&disk, Access::ReadOnly)
        .unwrap()
        .with_trust(Trust::own(stranger.public()));
    let loaded = store.load(history).unwrap();
    assert_eq!(last_seen(&disk).read().unwrap().setbacks(&store, history, &loaded), []);
}

#[test]
fn damage_is_told_as_damage_and_hides_no_other_session() {
    let (disk, history, [one, other], after) = recorded(87);
    let whole = disk.files();
    let path = log_of(&whole, one);
    for at in crate::places(whole[&path].len()).step_by(97) {
        let disk = SimDisk::with_files(&whole);
        disk.rot(&path, at, 1);
        assert_eq!(look(&disk), [], "byte {at}");
    }
    let mut files = whole;
    files.remove(&log_of(&files, other));
    let disk = SimDisk::with_files(&files);
    disk.rot(&path, after[0][&path].len() + 100, 1);
    let store = open(&disk, Access::ReadOnly).unwrap();
    assert_ne!(store.load(history).unwrap().damage, []);
    assert_eq!(
        look(&disk),
        [LogRollback::Gone {
            session: other,
            seen: 1
        }]
    );
}

#[test]
fn a_store_elsewhere_and_another_machine_are_not_what_was_seen() {
    let (disk, ..) = recorded(88);
    let at = |store: &str, machine: &str| {
        LastSeen::new(Arc::new(disk.clone()), Path::new(CONFIG), Path::new(store), machine)
            .read()
            .unwrap()
    };
    assert_eq!(at(STORE, "machine").len(), 2);
    assert!(at("/home/u/copy", "machine").is_empty() && at(STORE, "another").is_empty());
    // Made anew at the same place: whoever makes it knows that, and no store that is there can pretend it.
    let mut files = disk.files();
    files.retain(|path, _| !path.starts_with(STORE));
    let disk = SimDisk::with_files(&files);
    assert!(open(&disk, Access::ReadWrite).unwrap().was_made());
    assert!(!open(&disk, Access::ReadWrite).unwrap().was_made());
    assert_eq!(look(&disk).len(), 2);
    last_seen(&disk).replace(&[]).unwrap();
    assert_eq!(look(&disk), []);
}

#[test]
fn two_writers_note_into_one_file_and_nobody_takes_an_end_back() {
    let (disk, history, [one, other], _) = recorded(89);
    let ends: Vec<End> = last_seen(&disk).read().unwrap().iter().copied().collect();
    assert_eq!(
        ends.iter().map(|end| (end.session, end.number)).collect::<Vec<_>>(),
        [(one, 3), (other, 0)]
    );
    let before = disk.files();
    last_seen(&disk).advance(&ends).unwrap();
    last_seen(&disk).advance(&[End { number: 1, ..ends[0] }]).unwrap();
    assert_eq!(disk.files(), before, "what is known is not written again");
    // Somebody is writing: whoever comes meanwhile goes on without waiting.
    let lock = disk
        .try_lock(&Path::new(CONFIG).join("last-seen/lock"))
        .unwrap()
        .unwrap();
    last_seen(&disk).advance(&[End { number: 9, ..ends[0] }]).unwrap();
    assert!(last_seen(&disk).replace(&[]).is_err());
    assert_eq!(disk.files(), before);
    drop(lock);
    let _ = history;
}

#[test]
fn the_oldest_make_room_and_who_only_looks_takes_none() {
    let (disk, ..) = recorded(90);
    let one = *last_seen(&disk).read().unwrap().iter().next().unwrap();
    let many = |from: u128, count: u128| {
        let end = |number: u128| End {
            session: SessionId(number.to_be_bytes()),
            ..one
        };
        (from..from + count).map(end).collect::<Vec<End>>()
    };
    last_seen(&disk).advance(&many(0, 999)).unwrap();
    let noted = last_seen(&disk).read().unwrap();
    assert_eq!(noted.len(), limits::SESSIONS_SEEN);
    assert_eq!(noted.iter().last(), many(998, 1).first());
    assert_eq!(noted.news(many(2000, 5)), []);
    last_seen(&disk).advance(&many(2000, 5)).unwrap();
    let noted = last_seen(&disk).read().unwrap();
    assert_eq!(
        (noted.len(), noted.iter().next()),
        (limits::SESSIONS_SEEN, many(4, 1).first())
    );
    let file = disk.files().remove(&last_seen(&disk).path()).unwrap();
    assert!((file.len() as u64) < limits::LAST_SEEN / 2, "{} bytes", file.len());
}

#[test]
fn a_file_that_cannot_be_used_is_told_and_left_as_it_is() {
    let (disk, ..) = recorded(91);
    let path = last_seen(&disk).path();
    let whole = disk.files();
    let refused = |disk: &SimDisk| {
        let before = disk.files();
        let fault = match last_seen(disk).read() {
            Err(StoreError::LastSeen { why, .. }) => why,
            other => panic!("{other:?}"),
        };
        let end = End {
            history: HistoryId([1; 16]),
            session: SessionId([1; 16]),
            number: 5,
            operation: clew_core::id::OperationId([1; 32]),
        };
        assert!(last_seen(disk).advance(&[end]).is_err());
        assert_eq!(disk.files(), before);
        fault
    };
    for at in 0..whole[&path].len() {
        let disk = SimDisk::with_files(&whole);
        disk.rot(&path, at, 1);
        let fault = refused(&disk);
        assert!(
            matches!(fault, LastSeenFault::Damaged | LastSeenFault::Newer),
            "byte {at}: {fault}"
        );
        let mut files = whole.clone();
        files.get_mut(&path).unwrap().truncate(at);
        assert_eq!(
            refused(&SimDisk::with_files(&files)),
            LastSeenFault::Damaged,
            "cut at {at}"
        );
    }
    let open_one = SimDisk::with_files(&whole);
    open_one.open_to_others(&path);
    assert_eq!(refused(&open_one), LastSeenFault::Open);
    let mut files = whole.clone();
    files.insert(path.clone(), vec![b'x'; 2 << 20]);
    assert_eq!(refused(&SimDisk::with_files(&files)), LastSeenFault::Damaged);
    files.insert(path.clone(), b"clew last-seen 2\nwho knows\n".to_vec());
    let disk = SimDisk::with_files(&files);
    assert_eq!(refused(&disk), LastSeenFault::Newer);
    last_seen(&disk).replace(&[]).unwrap();
    assert!(last_seen(&disk).read().unwrap().is_empty());

    let full = SimDisk::with_files(&whole);
    full.set_read_only(true);
    let end = *last_seen(&full).read().unwrap().iter().next().unwrap();
    assert!(last_seen(&full).advance(&[End { number: 99, ..end }]).is_err());
}

#[test]
fn a_write_cut_short_at_any_effect_leaves_what_was_noted_or_what_is_new_and_no_litter_for_long() {
    let (disk, ..) = recorded(92);
    let whole = disk.files();
    let old = last_seen(&disk).read().unwrap();
    let further = End {
        number: 40,
        ..*old.iter().next().unwrap()
    };
    let count = {
        let disk = SimDisk::with_files(&whole);
        last_seen(&disk).advance(&[further]).unwrap();
        disk.effects()
    };
    assert!(count >= 5, "{count} effects");
    for n in 0..count {
        for surviving in [
            Surviving::All,
            Surviving::Nothing,
            Surviving::Some(n),
            Surviving::Some(n + 77),
        ] {
            let disk = SimDisk::with_files(&whole);
            disk.fail_at(n, Fault::PowerCut);
            assert!(last_seen(&disk).advance(&[further]).is_err());
            let disk = disk.crash(surviving);
            let noted = last_seen(&disk).read().unwrap();
            assert!(
                noted == old || noted.iter().any(|end| *end == further),
                "effect {n}, {surviving:?}"
            );
            last_seen(&disk).advance(&[End { number: 50, ..further }]).unwrap();
            let files = disk.files();
            let there: Vec<&PathBuf> = files.keys().filter(|path| path.starts_with(CONFIG)).collect();
            assert_eq!(there.len(), 2, "{there:?}");
        }
    }
}

#[test]
fn p12_what_is_noted_holds_ids_and_a_path_and_of_an_encrypted_store_no_id_of_what_it_holds() {
    let (disk, history, [one, _], _) = recorded(93);
    let store: Store = open(&disk, Access::ReadOnly).unwrap();
    let loaded = store.load(history).unwrap();
    let operation = loaded.sessions[&one].operations.last().unwrap().id;
    let text = String::from_utf8(disk.files()[&last_seen(&disk).path()].clone()).unwrap();
    assert!(text.contains(STORE) && text.contains(&history.to_string()) && text.contains(&one.to_string()));
    assert!(!text.contains("flights"));
    assert_eq!(text.contains(&operation.to_string()), store.key().is_none());
}
