//! The power goes, or the process dies, before each effect on the disk in turn.

use clew_core::id::HistoryId;
use clew_core::store::{Access, StoreError};
use clew_testing::disk::{Fault, SimDisk, Surviving};

use crate::story::{Told, check_never_wrong, description, key, open, seen};

/// What a process had acknowledged when it died.
#[derive(Debug, Default)]
struct Acknowledged {
    history: Option<HistoryId>,
    saved: Vec<u64>,
    synced: Vec<u64>,
}

/// Records runs 1 to 6 in two sessions, with syncs between, until the disk fails.
fn live(disk: &SimDisk, acknowledged: &mut Acknowledged) -> Result<(), StoreError> {
    let store = open(disk, Access::ReadWrite)?;
    let history = store.create_history(&description("flights"))?;
    acknowledged.history = Some(history);
    let mut one = store.writer(history, store.new_session(), &key())?;
    let mut other = store.writer(history, store.new_session(), &key())?;
    for number in 1..=6 {
        let writer = if number == 4 { &mut other } else { &mut one };
        assert!(writer.reserve_number()? >= number);
        Told::new(number).record(writer)?;
        acknowledged.saved.push(number);
        if number % 2 == 0 {
            one.sync()?;
            other.sync()?;
            acknowledged.synced.clone_from(&acknowledged.saved);
        }
    }
    Ok(())
}

/// What a machine finds: everything in `kept` is there, nothing is wrong, and a new session can go on.
fn check(disk: &SimDisk, acknowledged: &Acknowledged, kept: &[u64], what: &str) {
    let Some(history) = acknowledged.history else {
        assert!(open(disk, Access::ReadWrite).is_ok(), "{what}: the store opens");
        return;
    };
    let store = open(disk, Access::ReadWrite).unwrap_or_else(|error| panic!("{what}: {error}"));
    let loaded = store.load(history).unwrap_or_else(|error| panic!("{what}: {error}"));
    let whole = check_never_wrong(&store, &loaded);
    for number in kept {
        assert!(
            whole.contains(number),
            "{what}: run {number} is lost, {whole:?} are there; {:?}",
            loaded.damage
        );
    }
    go_on(disk, history, what);
}

/// A new session records the same values again, syncs, and the power goes once more: what it refers to must have
/// survived, also where the first crash left tables whose blocks never came.
fn go_on(disk: &SimDisk, history: HistoryId, what: &str) {
    let store = open(disk, Access::ReadWrite).unwrap();
    let mut writer = store.writer(history, store.new_session(), &key()).unwrap();
    writer
        .reserve_number()
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    for number in 1..=5 {
        Told::new(number).record(&mut writer).unwrap();
    }
    writer.sync().unwrap();
    let again = disk.crash(Surviving::Nothing);
    let store = open(&again, Access::ReadOnly).unwrap();
    let loaded = store.load(history).unwrap();
    let session = loaded
        .sessions
        .get(&writer.session())
        .unwrap_or_else(|| panic!("{what}: the session is lost"));
    assert_eq!(session.operations.len(), 5, "{what}");
    for operation in &session.operations {
        let run = loaded.runs[&operation.operation.runs[0]].run().unwrap();
        let told = Told::read(&store, run).unwrap_or_else(|error| panic!("{what}: after going on, {error}"));
        assert_eq!(told, Told::new(run.number), "{what}");
    }
}

fn effects_of_a_life() -> u64 {
    let disk = SimDisk::new(20);
    live(&disk, &mut Acknowledged::default()).unwrap();
    disk.effects()
}

#[test]
fn p01_what_was_saved_survives_the_death_of_the_process_before_any_effect() {
    for n in 0..effects_of_a_life() {
        let disk = SimDisk::new(20);
        disk.fail_at(n, Fault::PowerCut);
        let mut acknowledged = Acknowledged::default();
        live(&disk, &mut acknowledged).err();
        let what = format!("killed before effect {n}");
        check(&disk.crash(Surviving::All), &acknowledged, &acknowledged.saved, &what);
    }
}

#[test]
fn p01_p02_what_was_synced_survives_a_power_cut_before_any_effect() {
    let rounds = if std::env::var_os("CLEW_LONG").is_some() {
        200
    } else {
        6
    };
    let mut images = 0;
    for n in 0..=effects_of_a_life() {
        let disk = SimDisk::new(20);
        disk.fail_at(n, Fault::PowerCut);
        let mut acknowledged = Acknowledged::default();
        live(&disk, &mut acknowledged).err();
        let seeds = (0..rounds).map(|round| Surviving::Some(n * 1000 + round));
        for surviving in seeds.chain([Surviving::Nothing]) {
            let what = format!("power cut before effect {n}, {surviving:?}");
            check(&disk.crash(surviving), &acknowledged, &acknowledged.synced, &what);
            images += 1;
        }
    }
    println!("{images} crash images; seeds are n * 1000 + 0..{rounds} for the n-th effect");
}

#[test]
fn p01_what_a_synced_run_shares_with_an_unsynced_session_survives_a_power_cut_too() {
    let disk = SimDisk::new(21);
    let store = open(&disk, Access::ReadWrite).unwrap();
    let history = store.create_history(&description("flights")).unwrap();
    let mut one = store.writer(history, store.new_session(), &key()).unwrap();
    Told::new(2).record(&mut one).unwrap();
    // Another kernel records the same value; nobody ever syncs the first one.
    let store = open(&disk, Access::ReadWrite).unwrap();
    let mut other = store.writer(history, store.new_session(), &key()).unwrap();
    Told::new(2).record(&mut other).unwrap();
    other.sync().unwrap();
    let found = disk.crash(Surviving::Nothing);
    let store = open(&found, Access::ReadOnly).unwrap();
    assert_eq!(check_never_wrong(&store, &store.load(history).unwrap()), [2]);
}

/// As a file system leaves it that wrote down names, lengths and tables, and not the bytes that came last.
#[test]
fn p01_what_a_power_cut_emptied_is_not_taken_for_stored_when_its_pack_is_synced_for_what_lies_before_it() {
    let disk = SimDisk::new(23);
    let store = open(&disk, Access::ReadWrite).unwrap();
    let history = store.create_history(&description("flights")).unwrap();
    let mut dead = store.writer(history, store.new_session(), &key()).unwrap();
    for number in [1, 2] {
        Told::new(number).record(&mut dead).unwrap();
    }
    let memory = Told::new(2).memory;
    let mut files = disk.files();
    let holds = |bytes: &Vec<u8>| bytes.windows(4096).position(|window| window == &memory[..4096]);
    let (pack, at) = seen(&disk)
        .into_iter()
        .find_map(|(path, bytes)| Some((path, crate::SHIFT + holds(&bytes)?)))
        .unwrap();
    files.get_mut(&pack).unwrap()[at..at + memory.len()].fill(0);
    let found = SimDisk::with_files(&files);
    let store = open(&found, Access::ReadWrite).unwrap();
    let mut writer = store.writer(history, store.new_session(), &key()).unwrap();
    writer.reserve_number().unwrap();
    // The first refers to what lies before, so that the pack is flushed with it.
    for number in [1, 2] {
        Told::new(number).record(&mut writer).unwrap();
        writer.sync().unwrap();
    }
    let again = open(&found.crash(Surviving::Nothing), Access::ReadOnly).unwrap();
    let loaded = again.load(history).unwrap();
    let session = &loaded.sessions[&writer.session()];
    for operation in &session.operations {
        let run = loaded.runs[&operation.operation.runs[0]].run().unwrap();
        assert_eq!(Told::read(&again, run).unwrap(), Told::new(run.number));
    }
    assert_eq!(session.operations.len(), 2);
}

#[test]
fn p02_zeros_that_a_power_cut_left_at_the_end_are_no_damage() {
    let disk = SimDisk::new(22);
    let mut acknowledged = Acknowledged::default();
    live(&disk, &mut acknowledged).unwrap();
    let mut files = disk.files();
    for bytes in files.values_mut() {
        bytes.extend([0; 5000]);
    }
    let store = open(&SimDisk::with_files(&files), Access::ReadOnly).unwrap();
    assert_eq!(store.verify(true).unwrap().damage, []);
    let loaded = store.load(acknowledged.history.unwrap()).unwrap();
    assert_eq!(check_never_wrong(&store, &loaded), acknowledged.saved);
}
