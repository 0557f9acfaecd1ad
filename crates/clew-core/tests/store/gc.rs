//! Taking away what is dead: never more than that, whatever happens meanwhile.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use clew_core::format::{Action, Forgetting, View};
use clew_core::id::{HistoryId, ManifestId, Root};
use clew_core::store::disk::Disk;
use clew_core::store::{Access, Collection, CollectionReport, Damage, LoadedHistory, SessionWriter, Store, StoreError};
use clew_testing::disk::{Fault, SimDisk, Surviving};
use clew_testing::raw::holds;

use crate::story::{Told, begin, check_never_wrong, key, open, pack_bytes, seen, writer};

pub const HOUR: i64 = 3_600_000_000_000;
pub const BEGUN: i64 = 1_000 * HOUR;

pub fn at(hours: i64) -> Collection {
    Collection {
        now: BEGUN + hours * HOUR,
        uptime: None,
        grace: 24 * HOUR,
        forgotten_only: false,
        with_dead: false,
        dry_run: false,
    }
}

pub fn give_up() -> bool {
    false
}

pub fn collect(store: &Store, order: Collection) -> CollectionReport {
    store.collect(order, &mut give_up).unwrap()
}

/// Runs 1 to 4 of one session, syncs, and puts what no operation ever names: run 7.
pub fn with_garbage(seed: u64) -> (SimDisk, HistoryId) {
    let (disk, store, history) = begin(seed);
    let mut writer = writer(&store, history);
    for number in 1..=4 {
        Told::new(number).record(&mut writer).unwrap();
    }
    Told::new(7).put(&mut writer, None).unwrap();
    writer.abandon();
    Told::new(5).record(&mut writer).unwrap();
    writer.sync().unwrap();
    (disk, history)
}

/// The manifests of a run.
pub fn manifests(loaded: &LoadedHistory, number: u64) -> Vec<ManifestId> {
    let runs = loaded.runs.values().filter_map(|stored| stored.run());
    let run = runs.filter(|run| run.number == number);
    run.flat_map(|run| run.changed.iter().map(|version| version.manifest))
        .collect()
}

pub fn forget(writer: &mut SessionWriter, manifests: Vec<ManifestId>) {
    try_to_forget(writer, manifests).unwrap();
}

fn try_to_forget(writer: &mut SessionWriter, manifests: Vec<ManifestId>) -> Result<(), StoreError> {
    writer.put_forgetting(Forgetting {
        roots: vec![Root::name("x")],
        manifests,
    });
    writer.commit(Action::Forget, Vec::new(), View::default(), BEGUN)?;
    writer.leave_pack()
}

fn runs(disk: &SimDisk, history: HistoryId) -> Vec<u64> {
    let store = open(disk, Access::ReadOnly).unwrap();
    let loaded = store.load(history).unwrap();
    assert_eq!(loaded.damage, []);
    check_never_wrong(&store, &loaded)
}

/// Memory that compresses well, made anew in each run.
fn told_compressible(number: u64) -> Told {
    let memory = (0..400_000_u64).map(|index| (index / 1000 + number) as u8);
    Told {
        memory: memory.collect(),
        column: 0,
        ..Told::new(number)
    }
}

#[test]
fn memory_of_older_states_is_compressed_once_and_that_of_the_newest_stays_raw() {
    let (disk, store, history) = begin(31);
    let mut writer = writer(&store, history);
    let runs: Vec<_> = (1..=6)
        .map(|number| told_compressible(number).record(&mut writer).unwrap().1)
        .collect();
    writer.leave_pack().unwrap();
    drop(writer);
    let open = || open(&disk, Access::ReadWrite).unwrap();
    let before = pack_bytes(&disk);
    assert!(before > 6 * 400_000);
    let files = disk.files();
    let shown = collect(&open(), Collection { dry_run: true, ..at(0) });
    assert_eq!(disk.files(), files, "a dry run writes nothing");
    let done = collect(&open(), at(0));
    assert_eq!(done.gone.things, 0);
    assert_eq!(done.compressed.bytes, 5 * 400_000, "{done:?}");
    let after = pack_bytes(&disk);
    assert!(after < 500_000 && after > 400_000, "the newest stays raw: {after}");
    assert_eq!(done.freed as usize, before - after);
    assert!(shown.compressible.abs_diff(done.freed) < 100_000, "{shown:?}");
    let loaded = open().load(history).unwrap();
    for (run, number) in runs.iter().zip(1..) {
        let run = loaded.runs[run].run().unwrap();
        assert_eq!(Told::read(&open(), run).unwrap(), told_compressible(number));
    }
    assert_eq!(open().verify(true).unwrap().damage, []);
    let again = collect(&open(), at(1));
    assert_eq!(
        (again.compressed.things, again.packs_removed, again.compressible),
        (0, 0, 0)
    );
}

#[test]
fn memory_that_does_not_compress_stays_as_it_is() {
    let (disk, store, history) = begin(32);
    let mut writer = writer(&store, history);
    for number in 1..=3 {
        let mut memory = vec![0; 300_000];
        disk.random(&mut memory);
        let told = Told {
            memory,
            column: 0,
            ..Told::new(number)
        };
        told.record(&mut writer).unwrap();
    }
    writer.leave_pack().unwrap();
    drop(writer);
    let before = pack_bytes(&disk);
    let done = collect(&open(&disk, Access::ReadWrite).unwrap(), at(0));
    assert_eq!((done.compressible, done.packs_removed), (0, 0));
    assert_eq!(pack_bytes(&disk), before);
}

#[test]
fn p08_what_is_dead_goes_in_two_steps_after_the_grace_period_and_nothing_else() {
    let (disk, history) = with_garbage(30);
    let open = || open(&disk, Access::ReadWrite).unwrap();
    let before = disk.files();
    let shown = collect(&open(), Collection { dry_run: true, ..at(0) });
    assert_eq!(disk.files(), before, "a dry run writes nothing");
    let found = collect(&open(), at(0));
    assert_eq!((found.found, found.gone.things), (shown.found, 0));
    assert!(found.found.things > 0 && found.found.bytes > 60_000, "{found:?}");
    assert_eq!(found.next, Some(BEGUN + 24 * HOUR));
    let waits = collect(&open(), at(23));
    assert_eq!(
        (waits.waiting, waits.gone.things, waits.found.things),
        (found.found, 0, 0)
    );
    let would = collect(
        &open(),
        Collection {
            dry_run: true,
            ..at(24)
        },
    );
    let gone = collect(&open(), at(24));
    assert_eq!((gone.gone, would.gone), (found.found, found.found));
    assert_eq!((gone.packs_removed, gone.packs_written), (1, 1));
    assert!(gone.freed > 60_000, "{gone:?}");
    assert_eq!(runs(&disk, history), [1, 2, 3, 4, 5]);
    assert_eq!(open().verify(true).unwrap().damage, []);
    let after = collect(&open(), at(25));
    assert_eq!((after.alive, after.found.things), (gone.alive, 0), "{after:?}");
    assert_eq!((after.packs_removed, after.waiting.things), (0, 0));
}

#[test]
fn p08_a_pack_that_is_being_written_stays_and_so_does_what_a_recorder_just_put() {
    let (_disk, store, history) = begin(31);
    let mut writer = writer(&store, history);
    Told::new(1).record(&mut writer).unwrap();
    Told::new(2).put(&mut writer, None).unwrap();
    let order = Collection { grace: 0, ..at(0) };
    let found = collect(&store, order);
    assert_eq!((found.found.things, found.gone.things), (0, 0));
    let error = store.collect(at(1), &mut give_up);
    assert!(error.is_ok(), "nothing is to go, so nobody waits");
    writer.abandon();
    Told::new(2).record(&mut writer).unwrap();
    assert_eq!(check_never_wrong(&store, &store.load(history).unwrap()), [1, 2]);
}

#[test]
fn p08_p09_nothing_goes_while_a_recorder_is_between_looking_and_committing() {
    let (disk, history) = with_garbage(32);
    let store = open(&disk, Access::ReadWrite).unwrap();
    collect(&store, at(0));
    let mut writer = writer(&open(&disk, Access::ReadWrite).unwrap(), history);
    // It finds stored what is dead, and relies on it.
    Told::new(7).put(&mut writer, None).unwrap();
    let error = store.collect(at(24), &mut give_up).unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }), "{error}");
    writer
        .commit(Action::Run, Vec::new(), View::default(), BEGUN + 24 * HOUR)
        .unwrap();
    let left = collect(&store, at(24));
    assert_eq!(runs(&disk, history), [1, 2, 3, 4, 5, 7], "{left:?}");
    assert_eq!(store.verify(true).unwrap().damage, []);
}

#[test]
fn p09_a_recorder_that_knew_of_what_went_stores_it_again() {
    let (disk, history) = with_garbage(33);
    let store = open(&disk, Access::ReadWrite).unwrap();
    let stale = open(&disk, Access::ReadWrite).unwrap();
    let mut recorder = writer(&stale, history);
    // Its index has all packs now, with what is dead in them.
    Told::new(1).record(&mut recorder).unwrap();
    collect(&store, at(0));
    assert!(collect(&store, at(24)).gone.things > 0);
    Told::new(7).record(&mut recorder).unwrap();
    recorder.sync().unwrap();
    assert_eq!(runs(&disk, history), [1, 1, 2, 3, 4, 5, 7]);
    // And readers that knew of the old packs find what lies in the new one.
    let loaded = stale.load(history).unwrap();
    assert_eq!(check_never_wrong(&stale, &loaded), [1, 1, 2, 3, 4, 5, 7]);
    assert_eq!(stale.verify(true).unwrap().damage, []);
}

#[test]
fn p12_what_was_forgotten_goes_at_once_and_what_others_share_stays() {
    let (disk, history) = with_garbage(34);
    let store = open(&disk, Access::ReadWrite).unwrap();
    let loaded = store.load(history).unwrap();
    let mut writer = writer(&store, history);
    // Run 3 has the same bytes up to here.
    let memory = Told::new(2).memory.split_off(40_000);
    assert!(holds(&seen(&disk), &memory[..4096]));
    forget(&mut writer, manifests(&loaded, 2));
    let order = Collection {
        forgotten_only: true,
        ..at(0)
    };
    let shown = collect(&store, Collection { dry_run: true, ..order });
    let gone = collect(&store, order);
    assert_eq!(
        (gone.gone, gone.forgotten, gone.found.things),
        (shown.gone, shown.gone, 0)
    );
    assert!(!holds(&seen(&disk), &memory[..4096]), "its bytes are gone");
    // Nor is its record, with the words about it, to be had by who does not know that it was forgotten.
    let unknowing = open(&disk, Access::ReadOnly).unwrap();
    for manifest in manifests(&loaded, 2) {
        let error = unknowing.manifest(manifest).unwrap_err();
        assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    }
    assert_eq!(runs(&disk, history), [1, 3, 4, 5]);
    // A value of that name that no operation ever named, run 7, went too.
    assert_eq!(collect(&store, at(1)).found.things, 1, "only its source waits");
}

#[test]
fn p12_what_was_forgotten_in_a_pack_that_is_written_goes_when_its_writer_is_gone() {
    let (disk, history) = with_garbage(35);
    let store = open(&disk, Access::ReadWrite).unwrap();
    let mut other = writer(&open(&disk, Access::ReadWrite).unwrap(), history);
    Told::new(8).record(&mut other).unwrap();
    let loaded = store.load(history).unwrap();
    forget(&mut writer(&store, history), manifests(&loaded, 8));
    let order = Collection {
        forgotten_only: true,
        ..at(0)
    };
    let left = collect(&store, order);
    assert!(left.forgotten_in_use.things > 0, "{left:?}");
    Told::new(9).record(&mut other).unwrap();
    other.sync().unwrap();
    drop(other);
    let gone = collect(&store, order);
    assert_eq!(gone.gone, left.forgotten_in_use);
    assert_eq!(runs(&disk, history), [1, 2, 3, 4, 5, 9]);
}

#[test]
fn p02_p08_a_crash_before_any_effect_of_a_gc_loses_nothing() {
    let rounds = if std::env::var_os("CLEW_LONG").is_some() {
        100
    } else {
        2
    };
    let mut images = 0;
    for is_forgetting in [false, true] {
        let (disk, history) = with_garbage(36);
        let run = |disk: &SimDisk| -> Result<(), StoreError> {
            let store = open(disk, Access::ReadWrite)?;
            if is_forgetting {
                let order = Collection {
                    forgotten_only: true,
                    ..at(0)
                };
                let loaded = store.load(history)?;
                let mut writer = store.writer(history, store.new_session(), &key())?;
                try_to_forget(&mut writer, manifests(&loaded, 2))?;
                drop(writer);
                store.collect(order, &mut give_up)?;
            } else {
                store.collect(at(0), &mut give_up)?;
                store.collect(at(24), &mut give_up)?;
            }
            Ok(())
        };
        // Everything that was there before is durable.
        let before = disk.files();
        let disk = SimDisk::with_files(&before);
        run(&disk).unwrap();
        let kept: &[u64] = if is_forgetting { &[1, 3, 4, 5] } else { &[1, 2, 3, 4, 5] };
        for n in 0..=disk.effects() {
            for (fault, rounds) in [
                (Fault::PowerCut, rounds),
                (Fault::Error, 0),
                (Fault::Full, 0),
                (Fault::Short, 0),
            ] {
                let disk = SimDisk::with_files(&before);
                disk.fail_at(n, fault);
                run(&disk).err();
                let seeds = (0..rounds).map(|round| Surviving::Some(n * 1000 + round));
                let all = seeds.chain([Surviving::Nothing, Surviving::All]);
                for surviving in all.skip(usize::from(rounds == 0)) {
                    let found = disk.crash(surviving);
                    let what = format!("{fault:?} at {n}, {surviving:?}");
                    let store = open(&found, Access::ReadWrite).unwrap();
                    let loaded = store.load(history).unwrap();
                    // The end of the log of who forgot may be torn. Nothing else is.
                    let is_torn = |damage: &Damage| damage.what.starts_with("Bytes ");
                    assert!(loaded.damage.iter().all(is_torn), "{what}: {:?}", loaded.damage);
                    assert!(is_forgetting || loaded.damage.is_empty(), "{what}: {:?}", loaded.damage);
                    let mut whole = check_never_wrong(&store, &loaded);
                    whole.retain(|number| *number != 2 || !is_forgetting);
                    assert_eq!(whole, kept, "{what}");
                    // The next gc goes through, and nothing is left of the one that died.
                    run(&found).unwrap_or_else(|error| panic!("{what}: {error}"));
                    let last = collect(&store, at(100));
                    assert_eq!(last.doubts, [], "{what}");
                    let loaded = store.load(history).unwrap();
                    assert_eq!(check_never_wrong(&store, &loaded), kept, "{what}");
                    assert!(
                        !open(&found, Access::ReadOnly).unwrap().has_unfinished_removal(),
                        "{what}"
                    );
                    images += 1;
                }
            }
        }
    }
    println!("{images} crash images of gc");
}

#[test]
fn p02_a_pack_that_gc_wrote_is_missed_and_one_that_it_took_away_is_not() {
    let (disk, history) = with_garbage(39);
    let store = open(&disk, Access::ReadWrite).unwrap();
    for hours in [0, 24] {
        collect(&store, at(hours));
    }
    assert_eq!(store.load(history).unwrap().damage, []);
    let mut files = disk.files();
    files.retain(|path, _| path.extension().is_none_or(|extension| extension != "pack"));
    let gone = disk.files().len() - files.len();
    let bare = SimDisk::with_files(&files);
    let damage = open(&bare, Access::ReadOnly).unwrap().load(history).unwrap().damage;
    assert_eq!((gone, damage.len()), (1, 1), "{damage:?}");
    assert!(damage[0].what.contains("is missing"), "{damage:?}");
}

#[test]
fn p09_only_one_gc_is_at_work() {
    let (disk, _) = with_garbage(40);
    let store = open(&disk, Access::ReadWrite).unwrap();
    collect(&store, at(0));
    let other = disk.lock(&store.directory().join("gc")).unwrap();
    let error = store.collect(at(24), &mut give_up).unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }), "{error}");
    drop(other);
    assert!(collect(&store, at(24)).gone.things > 0);
}

#[test]
fn p08_p09_recorders_and_a_gc_that_never_rests_lose_nothing() {
    let (disk, store, history) = begin(38);
    let is_done = AtomicBool::new(false);
    let (taken, tries) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        let recorders: Vec<_> = (0..4)
            .map(|number| {
                scope.spawn({
                    let disk = disk.clone();
                    move || {
                        for round in 0..12 {
                            let store = open(&disk, Access::ReadWrite).unwrap();
                            let mut writer = writer(&store, history);
                            // What one gives up another takes up, while it goes.
                            Told::new(round % 5 + 1).put(&mut writer, None).unwrap();
                            writer.abandon();
                            Told::new((round + number) % 5 + 1).record(&mut writer).unwrap();
                            if round % 3 == 0 {
                                writer.sync().unwrap();
                            }
                        }
                    }
                })
            })
            .collect();
        let gc = scope.spawn(|| {
            let mut now = 0;
            while !is_done.load(Ordering::Relaxed) {
                now += 1;
                let order = Collection { grace: 0, ..at(now) };
                let mut patience = 200;
                let mut wait = || {
                    thread::sleep(Duration::from_micros(200));
                    patience -= 1;
                    patience > 0
                };
                let store = open(&disk, Access::ReadWrite).unwrap();
                tries.fetch_add(1, Ordering::Relaxed);
                if let Ok(collected) = store.collect(order, &mut wait) {
                    taken.fetch_add(collected.packs_removed, Ordering::Relaxed);
                }
            }
        });
        for recorder in recorders {
            recorder.join().unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
        gc.join().unwrap();
    });
    let loaded = store.load(history).unwrap();
    assert_eq!(loaded.damage, []);
    for run in loaded.runs.values().filter_map(|stored| stored.run()) {
        let read = Told::read(&store, run);
        assert!(read.is_ok(), "run {}: {}", run.number, read.unwrap_err());
    }
    assert_eq!(check_never_wrong(&store, &loaded).len(), 48);
    assert_eq!(open(&disk, Access::ReadOnly).unwrap().verify(true).unwrap().damage, []);
    assert!(
        taken.load(Ordering::Relaxed) > 0,
        "{tries:?} collections took nothing away"
    );
    println!("{tries:?} collections took {taken:?} packs away");
}
