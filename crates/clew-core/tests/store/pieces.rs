//! Values so large that their pieces and the lists of these lie apart: they come back, an edit writes little, and gc and
//! forget know what belongs to them.

use clew_core::format::{Action, Forgetting, View};
use clew_core::id::{HistoryId, Root};
use clew_core::store::{Access, Collection, Store};
use clew_testing::disk::SimDisk;

use crate::story::{LARGE, Told, begin, check_never_wrong, key, open, pack_bytes, writer};

fn runs(disk: &SimDisk, history: HistoryId) -> Vec<u64> {
    let store = open(disk, Access::ReadOnly).unwrap();
    assert_eq!(store.verify(true).unwrap().damage, []);
    check_never_wrong(&store, &store.load(history).unwrap())
}

#[test]
fn an_edit_of_a_large_value_writes_little_and_both_come_back_in_another_process() {
    let (disk, store, history) = begin(61);
    let mut writer = writer(&store, history);
    Told::new(LARGE).record(&mut writer).unwrap();
    let whole = pack_bytes(&disk);
    Told::new(LARGE + 1).record(&mut writer).unwrap();
    let edit = pack_bytes(&disk) - whole;
    // A block of memory of 64 KiB, and a few pieces and lists of some kilobytes.
    assert!(edit < 65_536 + 60_000, "{edit} of {whole}");
    assert_eq!(runs(&disk, history), [LARGE, LARGE + 1]);
}

fn collect(store: &Store, hours: i64) -> u64 {
    let hour = 3_600_000_000_000;
    let order = Collection {
        now: (1000 + hours) * hour,
        uptime: None,
        grace: 24 * hour,
        forgotten_only: false,
        with_dead: false,
        dry_run: false,
    };
    let collected = store.collect(order, &mut || false).unwrap();
    assert_eq!(collected.doubts, []);
    collected.gone.bytes
}

#[test]
fn p08_gc_keeps_all_of_a_large_value_and_takes_all_of_a_dead_one() {
    let (disk, store, history) = begin(62);
    let mut first = writer(&store, history);
    Told::new(LARGE).record(&mut first).unwrap();
    Told::new(LARGE + 2).put(&mut first, None).unwrap();
    first.abandon();
    Told::new(3).record(&mut first).unwrap();
    first.sync().unwrap();
    drop((first, store));
    let store = open(&disk, Access::ReadWrite).unwrap();
    assert_eq!(collect(&store, 0), 0);
    assert!(collect(&store, 25) > 6_500_000);
    assert!(pack_bytes(&disk) < 7_000_000);
    assert_eq!(runs(&disk, history), [3, LARGE]);
    // Raw memory lies in the new pack as it lay in the old one.
    let memory = Told::new(LARGE).memory;
    let is_there = |pack: &[u8]| {
        let mut pages = (0..pack.len().saturating_sub(memory.len())).step_by(4096);
        pages.any(|at| pack[at..].starts_with(&memory))
    };
    assert!(disk.files().values().any(|bytes| is_there(bytes)));
}

#[test]
fn p12_all_of_a_large_value_that_was_forgotten_goes() {
    let (disk, store, history) = begin(63);
    let mut writer = store.writer(history, store.new_session(), &key()).unwrap();
    Told::new(LARGE).record(&mut writer).unwrap();
    Told::new(2).record(&mut writer).unwrap();
    let loaded = store.load(history).unwrap();
    let stored = loaded.runs.values().filter_map(|stored| stored.run());
    let first = stored
        .filter(|run| run.number == LARGE)
        .flat_map(|run| run.changed.clone());
    writer.put_forgetting(Forgetting {
        roots: vec![Root::name("x")],
        manifests: first.map(|version| version.manifest).collect(),
    });
    writer.commit(Action::Forget, Vec::new(), View::default(), 5).unwrap();
    writer.leave_pack().unwrap();
    assert!(collect(&store, 0) > 6_500_000);
    assert!(pack_bytes(&disk) < 100_000);
}

#[test]
fn p03_flips_all_over_a_large_value_never_give_a_wrong_one() {
    let (disk, store, history) = begin(64);
    Told::new(LARGE).record(&mut writer(&store, history)).unwrap();
    let files = disk.files();
    let is_pack = |path: &&std::path::PathBuf| path.extension().is_some_and(|extension| extension == "pack");
    let pack = files.keys().find(is_pack).unwrap().clone();
    let length = files[&pack].len();
    for at in (0..length).step_by(length / 60).chain(length - 4000..length - 3960) {
        let mut files = files.clone();
        files.get_mut(&pack).unwrap()[at] ^= 0x11;
        let store = open(&SimDisk::with_files(&files), Access::ReadOnly).unwrap();
        let loaded = store.load(history).unwrap();
        check_never_wrong(&store, &loaded);
    }
}
