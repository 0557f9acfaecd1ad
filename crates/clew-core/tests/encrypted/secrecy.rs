//! What lies on the disk tells nothing of what is stored, nor does any place of a file hold two things under one key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_core::id::{BlockId, HistoryId};
use clew_core::store::disk::Disk;
use clew_core::store::{Access, Damage, Keyring, Store, StoreError, StoreKey, StoreKeyFault, Trust};
use clew_testing::disk::{Fault, SimDisk};
use clew_testing::raw::holds;

use crate::SHIFT;
use crate::story::{STORE, Told, begin, check_never_wrong, description, key, open, writer};

type Files = BTreeMap<PathBuf, Vec<u8>>;

const CONFIG: &str = "/home/u/.config/clew";

/// Bytes that two things must not share by chance.
const WINDOW: usize = 32;

/// Records runs 1 to 5, and has gc look, so that there are files of every kind.
fn recorded(disk: &SimDisk, store: &Store) -> HistoryId {
    let history = store.create_history(&description("flights")).unwrap();
    let mut first = writer(store, history);
    for number in 1..=5 {
        first.reserve_number().unwrap();
        Told::new(number).record(&mut first).unwrap();
    }
    // What no operation ever names is noted by gc.
    Told::new(7).put(&mut first, None).unwrap();
    first.abandon();
    Told::new(6).record(&mut first).unwrap();
    first.sync().unwrap();
    drop(first);
    crate::gc::collect(store, crate::gc::at(0));
    assert!(disk.files().keys().any(|path| path.ends_with("garbage")));
    history
}

/// What is encrypted: everything behind the headers.
fn hidden(files: &Files) -> impl Iterator<Item = (&PathBuf, &[u8])> {
    let is_plain = |path: &Path| {
        ["format", "numbers", "generation", "gc"]
            .iter()
            .any(|name| path.ends_with(name))
    };
    let files = files
        .iter()
        .filter(move |(path, _)| path.starts_with(STORE) && !is_plain(path));
    files.map(|(path, bytes)| (path, bytes.get(SHIFT..).unwrap_or_default()))
}

#[test]
fn p12_nothing_of_what_is_stored_lies_in_an_encrypted_store() {
    let (disk, store, _) = begin(60);
    recorded(&disk, &store);
    let files = disk.files();
    let told = Told::new(2);
    let block = BlockId::of(&told.memory[..65_536]).0;
    let planted: [&[u8]; 6] = [
        &told.memory[4096..4096 + WINDOW],
        &told.stream[..WINDOW],
        b"flights",
        b"/home/u/flights.ipynb",
        &block[..16],
        b"\xc1clw\x01\x02",
    ];
    let seen = crate::story::seen(&disk);
    for bytes in planted {
        assert!(holds(&seen, bytes), "it is stored: {bytes:02x?}");
        assert!(!holds(&files, bytes), "it can be found: {bytes:02x?}");
    }
}

#[test]
fn p12_equal_values_share_no_bytes_neither_in_two_stores_nor_in_two_files() {
    let files: Vec<Files> = [61, 62]
        .map(|seed| {
            let (disk, store, _) = begin(seed);
            recorded(&disk, &store);
            disk.files()
        })
        .to_vec();
    let all: Vec<(&PathBuf, &[u8])> = files.iter().flat_map(hidden).collect();
    // Whatever is shared and as long as a window holds a half of one that begins at a multiple of its length.
    let mut halves: BTreeMap<&[u8], (usize, usize)> = BTreeMap::new();
    for (file, (_, bytes)) in all.iter().enumerate() {
        for (number, half) in bytes.chunks_exact(WINDOW / 2).enumerate() {
            halves.insert(half, (file, number * WINDOW / 2));
        }
    }
    assert!(halves.len() > 10_000, "{}", halves.len());
    for (file, (path, bytes)) in all.iter().enumerate() {
        for (at, half) in bytes.windows(WINDOW / 2).enumerate() {
            let met = halves.get(half).filter(|place| **place != (file, at));
            assert!(met.is_none(), "{} shares bytes from {at} on", path.display());
        }
    }
}

#[test]
fn p12_no_place_of_an_encrypted_file_is_written_twice_whatever_fails() {
    let life = |disk: &SimDisk, fault: Option<(u64, Fault)>| {
        let store = open(disk, Access::ReadWrite).unwrap();
        let history = store.create_history(&description("flights")).unwrap();
        let mut first = writer(&store, history);
        let begun = disk.effects();
        if let Some((n, fault)) = fault {
            disk.fail_at(n, fault);
        }
        for number in 1..=6 {
            let told = first
                .reserve_number()
                .and_then(|_| Told::new(number).record(&mut first));
            if told.is_err() {
                first.abandon();
                disk.heal();
            }
            if number % 2 == 0 {
                first.sync().ok();
            }
        }
        store.collect(crate::gc::at(0), &mut || false).ok();
        let loaded = store.load(history).unwrap();
        assert_eq!(loaded.damage, []);
        assert!(check_never_wrong(&store, &loaded).len() >= 5, "recording goes on");
        disk.effects() - begun
    };
    let effects = life(&SimDisk::new(63), None);
    let mut parts = 0;
    for fault in [Fault::Error, Fault::Full, Fault::Short, Fault::Stuck, Fault::Phantom] {
        for n in 0..effects {
            let disk = SimDisk::new(63);
            disk.watch_places();
            life(&disk, Some((n, fault)));
            let mut rewritten = disk.rewritten();
            rewritten.retain(|path| !path.ends_with("numbers") && !path.ends_with("generation"));
            assert_eq!(rewritten, [] as [PathBuf; 0], "{fault:?} at {n}");
            let is_part = |path: &&PathBuf| path.to_string_lossy().ends_with(".2.log");
            parts += disk.files().keys().filter(is_part).count();
        }
    }
    assert!(parts > 10, "a write that failed is not written again in the same place");
}

#[test]
fn p12_a_plain_store_would_be_caught_writing_twice() {
    let disk = SimDisk::new(64);
    disk.watch_places();
    let store = Store::open(Arc::new(disk.clone()), STORE, Access::ReadWrite).unwrap();
    let history = store.create_history(&description("flights")).unwrap();
    let mut first = writer(&store, history);
    Told::new(1).record(&mut first).unwrap();
    disk.fail_at(1, Fault::Short);
    Told::new(2).record(&mut first).unwrap_err();
    disk.heal();
    Told::new(3).record(&mut first).unwrap();
    assert!(!disk.rewritten().is_empty());
}

#[test]
fn after_a_write_that_failed_what_was_saved_before_is_synced_all_the_same() {
    let (disk, store, history) = begin(65);
    let mut first = writer(&store, history);
    for number in [1, 2] {
        Told::new(number).record(&mut first).unwrap();
    }
    disk.fail_at(0, Fault::Error);
    Told::new(3).record(&mut first).unwrap_err();
    disk.heal();
    Told::new(3).record(&mut first).unwrap();
    first.sync().unwrap();
    assert_eq!(first.marks(), (3, 3));
    let found = disk.crash(clew_testing::disk::Surviving::Nothing);
    let store = open(&found, Access::ReadOnly).unwrap();
    assert_eq!(check_never_wrong(&store, &store.load(history).unwrap()), [1, 2, 3]);
}

fn opened(disk: &SimDisk, keys: &Keyring) -> Result<Store, StoreError> {
    let store = Store::open_with(Arc::new(disk.clone()), STORE, Access::ReadWrite, keys)?;
    Ok(store.with_trust(Trust::own(key().public())))
}

fn fault(outcome: Result<Store, StoreError>) -> StoreKeyFault {
    match outcome {
        Err(StoreError::StoreKey { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn p12_without_its_key_an_encrypted_store_is_refused_and_nothing_is_touched() {
    let (disk, _, _) = begin(66);
    let before = (disk.files(), disk.effects());
    for keys in [Keyring::default(), Keyring::new(Path::new(CONFIG)).for_new(true)] {
        let error = opened(&disk, &keys).unwrap_err();
        assert!(error.hint().unwrap().contains("CLEW_STORE_KEY=FILE"));
        assert!(matches!(fault(Err(error)), StoreKeyFault::Missing { .. }));
    }
    let other = Keyring::holding(StoreKey::from_secret(&[6; 32]));
    assert!(matches!(fault(opened(&disk, &other)), StoreKeyFault::Missing { .. }));
    assert_eq!((disk.files(), disk.effects()), before);
}

#[test]
fn p12_a_key_is_made_for_each_store_and_kept_where_only_its_owner_reads() {
    let disk = SimDisk::new(67);
    let keys = Keyring::new(Path::new(CONFIG)).for_new(true);
    let store = opened(&disk, &keys).unwrap();
    let made = store.made_key().unwrap().to_owned();
    assert_eq!(
        made,
        Path::new(CONFIG).join(format!("store-keys/{}.key", store.key().unwrap()))
    );
    let again = opened(&disk, &Keyring::new(Path::new(CONFIG))).unwrap();
    assert_eq!((again.key(), again.made_key()), (store.key(), None));
    // The same key in another place, as a hub mounts it.
    let secret = disk.files()[&made].clone();
    let mounted = Path::new("/run/secrets/clew");
    disk.create_dir(mounted.parent().unwrap()).unwrap();
    disk.create_new(mounted).unwrap().write_at(&secret, 0).unwrap();
    disk.unlink(&made).unwrap();
    assert!(matches!(fault(opened(&disk, &keys)), StoreKeyFault::Missing { .. }));
    let given = Keyring::new(Path::new(CONFIG)).with_key(Some(mounted.to_owned()));
    assert_eq!(opened(&disk, &given).unwrap().key(), store.key());
    disk.open_to_others(mounted);
    assert_eq!(fault(opened(&disk, &given)), StoreKeyFault::Open);
}

#[test]
fn p12_a_key_file_that_is_not_what_it_should_be_is_refused() {
    let disk = SimDisk::new(68);
    let keys = Keyring::new(Path::new(CONFIG)).for_new(true);
    let made = opened(&disk, &keys).unwrap().made_key().unwrap().to_owned();
    let mut files = disk.files();
    files.get_mut(&made).unwrap()[3] ^= 1;
    assert_eq!(
        fault(opened(&SimDisk::with_files(&files), &keys)),
        StoreKeyFault::Changed
    );
    let given = keys.clone().with_key(Some(made.clone()));
    assert!(matches!(
        fault(opened(&SimDisk::with_files(&files), &given)),
        StoreKeyFault::Other { .. }
    ));
    files.get_mut(&made).unwrap().pop();
    assert_eq!(
        fault(opened(&SimDisk::with_files(&files), &keys)),
        StoreKeyFault::Length
    );
    let nowhere = keys.with_key(Some("/nowhere".into()));
    assert_eq!(fault(opened(&disk, &nowhere)), StoreKeyFault::NotGiven);
}

#[test]
fn p02_a_store_being_made_whose_power_goes_has_its_key_or_is_none() {
    let keys = Keyring::new(Path::new(CONFIG)).for_new(true);
    let life = |disk: &SimDisk| {
        let store = opened(disk, &keys)?;
        store.create_history(&description("flights"))
    };
    let disk = SimDisk::new(69);
    life(&disk).unwrap();
    for n in 0..=disk.effects() {
        let disk = SimDisk::new(69);
        disk.fail_at(n, Fault::PowerCut);
        let made = life(&disk);
        for seed in 0..8 {
            let found = disk.crash(clew_testing::disk::Surviving::Some(n * 100 + seed));
            let store = opened(&found, &keys).unwrap_or_else(|error| panic!("effect {n}, {seed}: {error}"));
            if let Ok(history) = made {
                assert!(store.load(history).is_ok());
            }
            life(&found).unwrap();
        }
    }
}

#[test]
fn p02_an_encrypted_store_without_the_file_that_says_so_is_still_one() {
    let (disk, store, history) = begin(70);
    Told::new(1).record(&mut writer(&store, history)).unwrap();
    for is_torn in [false, true] {
        let mut files = disk.files();
        let path = Path::new(STORE).join("format");
        if is_torn {
            files.get_mut(&path).unwrap().fill(0);
        } else {
            files.remove(&path);
        }
        let found = SimDisk::with_files(&files);
        let store = open(&found, Access::ReadWrite).unwrap();
        assert!(store.key().is_some() && !store.is_format_said());
        assert_eq!(check_never_wrong(&store, &store.load(history).unwrap()), [1]);
        assert!(store.rebuild_format().unwrap());
        assert_eq!(found.files()[&path], disk.files()[&path]);
    }
}

#[test]
fn p03_a_file_of_another_store_is_named_and_costs_nothing_else() {
    let (disk, store, history) = begin(71);
    Told::new(1).record(&mut writer(&store, history)).unwrap();
    let strange = SimDisk::new(72);
    let keys = Keyring::holding(StoreKey::from_secret(&[6; 32])).for_new(true);
    let other = opened(&strange, &keys).unwrap();
    let its_history = other.create_history(&description("other")).unwrap();
    Told::new(2).record(&mut writer(&other, its_history)).unwrap();
    let mut files = disk.files();
    let is_pack = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "pack");
    files.extend(strange.files().into_iter().filter(|(path, _)| is_pack(path)));
    let store = open(&SimDisk::with_files(&files), Access::ReadOnly).unwrap();
    let damage = store.verify(true).unwrap().damage;
    let is_named = |damage: &Damage| damage.what.contains("with another key than this store");
    assert!(!damage.is_empty() && damage.iter().all(is_named), "{damage:?}");
    assert_eq!(check_never_wrong(&store, &store.load(history).unwrap()), [1]);
}
