//! Bundles: a history goes into one file and comes out of it, or nothing does.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_core::format::{
    BUNDLE_HEAD, BundledInput, Contents, FileDescription, FrameEncoder, FrameHeader, FrameKind, SignedRecord,
    Timestamp, decode_record, encode_record,
};
use clew_core::id::HistoryId;
use clew_core::store::disk::{Disk, write_all_at};
use clew_core::store::{
    Access, Bundle, BundleFault, BundleMaker, Collection, SessionWriter, SigningKey, Store, StoreError,
    TransferSummary, Verdict,
};
use clew_testing::disk::{Fault, SimDisk};

use crate::story::{LARGE, Told, begin, check_never_wrong, key, open, writer};

const FILE: &str = "/home/u/flights.clew";
const NOW: Timestamp = 5_000;

pub fn quiet(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn make(disk: &SimDisk, store: &Store, history: HistoryId) -> Result<u64, StoreError> {
    let maker = BundleMaker::begin(Arc::new(disk.clone()), Path::new(FILE))?;
    store.carry_history(history, maker.store(), &mut quiet)?;
    maker.finish(history, &key(), NOW)
}

pub fn told(writer: &mut SessionWriter, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        Told::new(number).record(writer).unwrap();
    }
    writer.sync().unwrap();
}

/// A bundle's bytes, of a history with these runs.
fn bundle_of(numbers: impl IntoIterator<Item = u64>) -> (Vec<u8>, HistoryId) {
    let (disk, store, history) = begin(1);
    told(&mut writer(&store, history), numbers);
    make(&disk, &store, history).unwrap();
    (disk.files().remove(Path::new(FILE)).unwrap(), history)
}

fn lay(disk: &SimDisk, bytes: &[u8]) {
    let path = Path::new(FILE);
    disk.unlink(path).ok();
    disk.create_dir(Path::new("/home/u")).unwrap();
    let file = disk.create_new(path).unwrap();
    write_all_at(&*file, bytes, 0).unwrap();
    file.sync().unwrap();
    disk.sync_dir(Path::new("/home/u")).unwrap();
}

fn receive(disk: &SimDisk) -> Result<TransferSummary, StoreError> {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let bundle = Bundle::open(&shared, Path::new(FILE))?;
    open(disk, Access::ReadWrite)?.receive(&bundle, NOW, &mut quiet)
}

/// Everything but the bundle.
fn files(disk: &SimDisk) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = disk.files();
    files.remove(Path::new(FILE));
    files
}

#[test]
fn a_history_comes_back_from_a_bundle_with_its_seals() {
    let (bytes, history) = bundle_of((1..=20).chain([LARGE, LARGE + 1]));
    let disk = SimDisk::new(7);
    lay(&disk, &bytes);
    let carried = receive(&disk).unwrap();
    assert_eq!((carried.runs, carried.operations, carried.sessions), (22, 22, 1));
    assert_eq!(
        (carried.known, carried.damage.len(), carried.contradictions.len()),
        (0, 0, 0)
    );
    let store = open(&disk, Access::ReadOnly).unwrap();
    let loaded = store.load(history).unwrap();
    let expected: Vec<u64> = (1..=20).chain([LARGE, LARGE + 1]).collect();
    assert_eq!(check_never_wrong(&store, &loaded), expected);
    assert_eq!(loaded.damage, []);
    assert_eq!(loaded.description().name, "flights");
    let sessions: Vec<_> = loaded.sessions.values().collect();
    assert!(
        sessions[0]
            .operations
            .iter()
            .all(|loaded| loaded.verdict == Verdict::Own)
    );
    assert_eq!(sessions[0].synced, 22);
    assert_eq!(store.verify(true).unwrap().damage, []);
    // What is recorded next has a number that no run has.
    let store = open(&disk, Access::ReadWrite).unwrap();
    assert_eq!(writer(&store, history).reserve_number().unwrap(), LARGE + 2);
}

#[test]
fn a_bundle_is_read_where_it_lies() {
    let (bytes, history) = bundle_of(1..=5);
    let disk = SimDisk::new(7);
    lay(&disk, &bytes);
    let before = disk.files();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let bundle = Bundle::open(&shared, Path::new(FILE)).unwrap();
    assert_eq!(
        (bundle.history(), bundle.time(), bundle.key()),
        (history, NOW, key().public())
    );
    assert_eq!(bundle.length(), bytes.len() as u64);
    bundle.check().unwrap();
    let loaded = bundle.store().load(history).unwrap();
    assert_eq!(check_never_wrong(bundle.store(), &loaded), [1, 2, 3, 4, 5]);
    let sessions: Vec<_> = loaded.sessions.values().collect();
    assert!(
        sessions[0]
            .operations
            .iter()
            .all(|loaded| loaded.verdict == Verdict::Foreign)
    );
    assert_eq!(disk.files(), before, "looking wrote something");
}

#[test]
fn what_is_there_is_not_copied_again() {
    let (bytes, history) = bundle_of(1..=10);
    let disk = SimDisk::new(7);
    lay(&disk, &bytes);
    let first = receive(&disk).unwrap();
    let before = files(&disk);
    let again = receive(&disk).unwrap();
    assert_eq!((again.things, again.bytes, again.runs, again.sessions), (0, 0, 0, 0));
    assert_eq!(again.known, first.bytes);
    assert_eq!(files(&disk), before);
    let store = open(&disk, Access::ReadOnly).unwrap();
    assert_eq!(check_never_wrong(&store, &store.load(history).unwrap()).len(), 10);
}

#[test]
fn p09_what_two_machines_did_comes_together() {
    let (one, store, history) = begin(1);
    let mut recorder = writer(&store, history);
    told(&mut recorder, 1..=3);
    make(&one, &store, history).unwrap();
    let other = SimDisk::new(2);
    lay(&other, &one.files()[Path::new(FILE)]);
    receive(&other).unwrap();
    // Both go on, the first in the same session.
    told(&mut recorder, 4..=6);
    let elsewhere = open(&other, Access::ReadWrite).unwrap();
    told(&mut writer(&elsewhere, history), 11..=13);
    one.unlink(Path::new(FILE)).unwrap();
    make(&one, &store, history).unwrap();
    other.unlink(Path::new(FILE)).unwrap();
    make(&other, &elsewhere, history).unwrap();
    let (from_one, from_other) = (
        one.files()[Path::new(FILE)].clone(),
        other.files()[Path::new(FILE)].clone(),
    );
    lay(&one, &from_other);
    lay(&other, &from_one);
    assert_eq!((receive(&one).unwrap().runs, receive(&other).unwrap().runs), (3, 3));
    for disk in [&one, &other] {
        let store = open(disk, Access::ReadOnly).unwrap();
        let loaded = store.load(history).unwrap();
        assert_eq!(check_never_wrong(&store, &loaded), [1, 2, 3, 4, 5, 6, 11, 12, 13]);
        assert_eq!((loaded.sessions.len(), loaded.damage.len()), (2, 0));
        assert_eq!(store.verify(true).unwrap().damage, []);
    }
    // The first session goes on as if nothing had happened.
    told(&mut recorder, 7..=8);
    assert_eq!(check_never_wrong(&store, &store.load(history).unwrap()).len(), 11);
}

#[test]
fn p11_a_log_that_contradicts_what_is_here_changes_nothing() {
    let (disk, store, history) = begin(1);
    let session = store.new_session();
    let mut recorder = store.writer(history, session, &key()).unwrap();
    told(&mut recorder, 1..=3);
    // A copy of the same session, in which other things happened.
    let (copied, other, _) = begin(2);
    other
        .describe_new(history, &crate::story::description("flights"))
        .unwrap();
    let mut forger = other.writer(history, session, &key()).unwrap();
    told(&mut forger, 11..=19);
    make(&copied, &other, history).unwrap();
    lay(&disk, &copied.files()[Path::new(FILE)]);
    let carried = receive(&disk).unwrap();
    assert_eq!((carried.contradictions, carried.runs), (vec![session], 9));
    let loaded = store.load(history).unwrap();
    assert_eq!(check_never_wrong(&store, &loaded), [1, 2, 3]);
    assert_eq!(loaded.damage, []);
}

#[test]
fn p14_a_bundle_that_was_cut_off_says_so_and_nothing_of_it_comes() {
    let (bytes, _) = bundle_of(1..=20);
    assert!(bytes.len() > 200_000, "{}", bytes.len());
    let every_page = (1..bytes.len() / 4096).map(|page| page * 4096);
    let head = (0..4096).step_by(61);
    let end = bytes.len() - 50..bytes.len();
    for length in head.chain(every_page).chain(end) {
        let disk = SimDisk::new(7);
        lay(&disk, &bytes[..length]);
        let Err(StoreError::Bundle { why, .. }) = receive(&disk) else {
            panic!("{length} of {} bytes were taken for a bundle", bytes.len());
        };
        let (has, of) = (length as u64, bytes.len() as u64);
        let is_headless = length < 200 && why == BundleFault::None;
        assert!(
            is_headless || why == BundleFault::CutOff { has, of },
            "{length}: {why:?}"
        );
        assert_eq!(files(&disk), BTreeMap::new());
    }
}

#[test]
fn p11_a_bundle_with_any_byte_changed_is_refused() {
    let (bytes, _) = bundle_of(1..=6);
    let mut refused = 0;
    for at in (0..bytes.len()).filter(|at| *at < 300 || at % 37 == 0 || *at > bytes.len() - 600) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        let disk = SimDisk::new(7);
        lay(&disk, &flipped);
        match receive(&disk) {
            Ok(_) => panic!("byte {at} counts for nothing"),
            Err(StoreError::Bundle { .. }) => {
                assert!(
                    open(&disk, Access::ReadOnly).is_err() || files(&disk).len() < 4,
                    "byte {at}"
                );
                refused += 1;
            }
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
    assert!(refused > 200, "{refused} refused");
}

/// The bundle with another last frame: what `edit` makes of the signed contents.
fn resealed(bytes: &[u8], edit: impl FnOnce(&mut SignedRecord)) -> Vec<u8> {
    let payload = |at: usize| {
        let header = FrameHeader::parse(bytes[at..].first_chunk().unwrap()).unwrap();
        let range = header.payload_at(at as u64) as usize..header.end(at as u64) as usize;
        header.decode(bytes[range].to_vec()).unwrap()
    };
    let FileDescription::Bundle { format, contents, .. } = decode_record(&payload(0)).unwrap() else {
        panic!("a bundle begins with its description");
    };
    let mut signed: SignedRecord = decode_record(&payload(contents as usize)).unwrap();
    edit(&mut signed);
    let frame = |kind, plain: Vec<u8>| {
        let mut frame = Vec::new();
        FrameEncoder::default().frame(kind, [0; 32], b"", &plain, &mut frame);
        frame
    };
    let told = frame(FrameKind::CONTENTS, encode_record(&signed));
    let description = FileDescription::Bundle {
        format,
        length: contents + told.len() as u64,
        contents,
    };
    let mut head = frame(FrameKind::FILE, encode_record(&description));
    head.resize(BUNDLE_HEAD as usize, 0);
    [&head, &bytes[BUNDLE_HEAD as usize..contents as usize], &told].concat()
}

#[test]
fn p11_a_bundle_that_its_key_did_not_sign_is_refused() {
    let (bytes, _) = bundle_of(1..=2);
    let refusal = |edit: fn(&mut SignedRecord)| {
        let disk = SimDisk::new(7);
        lay(&disk, &resealed(&bytes, edit));
        let received = receive(&disk);
        assert!(files(&disk).is_empty() || received.is_ok());
        match received {
            Err(StoreError::Bundle { why, .. }) => Some(why),
            received => {
                received.unwrap();
                None
            }
        }
    };
    assert_eq!(refusal(|_| ()), None, "framed anew it is the same");
    assert_eq!(refusal(|signed| signed.key[3] ^= 1), Some(BundleFault::NotSealed));
    assert_eq!(
        refusal(|signed| signed.key = SigningKey::from_secret(&[9; 32]).public().0),
        Some(BundleFault::NotSealed)
    );
    assert_eq!(refusal(|signed| signed.signature[9] ^= 1), Some(BundleFault::NotSealed));
    assert_eq!(refusal(|signed| signed.bytes[20] ^= 1), Some(BundleFault::NotSealed));
    // A seal over an operation is none over a bundle.
    assert_eq!(
        refusal(|signed| *signed = key().sign(signed.bytes.clone())),
        Some(BundleFault::NotSealed)
    );
}

#[test]
fn p02_whatever_fails_while_a_bundle_comes_in_the_store_opens_and_the_next_attempt_brings_all() {
    let (bytes, history) = bundle_of(1..=6);
    for fault in [Fault::Error, Fault::Full, Fault::Short, Fault::PowerCut] {
        for n in 0.. {
            let disk = SimDisk::new(7);
            drop(open(&disk, Access::ReadWrite).unwrap());
            lay(&disk, &bytes);
            disk.fail_at(n, fault);
            let received = receive(&disk);
            let disk = if fault == Fault::PowerCut {
                disk.crash(clew_testing::disk::Surviving::Nothing)
            } else {
                disk.heal();
                disk
            };
            let store = open(&disk, Access::ReadOnly).unwrap();
            if let Ok(loaded) = store.load(history) {
                check_never_wrong(&store, &loaded);
            }
            if received.is_ok() {
                assert_eq!(check_never_wrong(&store, &store.load(history).unwrap()).len(), 6);
                break;
            }
            lay(&disk, &bytes);
            receive(&disk).unwrap();
            let store = open(&disk, Access::ReadOnly).unwrap();
            let loaded = store.load(history).unwrap();
            assert_eq!(
                (check_never_wrong(&store, &loaded).len(), loaded.damage.len()),
                (6, 0),
                "{fault:?} {n}"
            );
            assert_eq!(store.verify(true).unwrap().damage, []);
        }
    }
}

#[test]
fn whatever_fails_while_a_bundle_is_made_half_of_one_has_no_name() {
    for n in 0.. {
        let (disk, store, history) = begin(1);
        told(&mut writer(&store, history), 1..=4);
        disk.fail_at(n, Fault::Error);
        let made = make(&disk, &store, history);
        disk.heal();
        if made.is_ok() {
            receive(&disk).unwrap();
            break;
        }
        let named = disk
            .files()
            .into_keys()
            .filter(|path| path.parent() == Some(Path::new("/home/u")));
        let named: Vec<_> = named.collect();
        assert!(named.is_empty() || named == [Path::new(FILE)], "{named:?}");
        if !named.is_empty() {
            // Its name came, and was not synced.
            receive(&disk).unwrap();
        }
    }
}

#[test]
fn p08_a_gc_keeps_all_that_came_and_takes_what_a_failed_attempt_left() {
    let (bytes, history) = bundle_of((1..=6).chain([LARGE]));
    let disk = SimDisk::new(7);
    lay(&disk, &bytes);
    receive(&disk).unwrap();
    let store = open(&disk, Access::ReadWrite).unwrap();
    let order = Collection {
        now: NOW,
        uptime: None,
        grace: 0,
        forgotten_only: false,
        with_dead: false,
        dry_run: false,
    };
    for _ in 0..3 {
        let collected = store.collect(order, &mut || false).unwrap();
        assert_eq!((collected.gone.things, collected.found.things), (0, 0));
        assert_eq!((collected.doubts, collected.kept), (Vec::new(), Vec::new()));
    }
    let store = open(&disk, Access::ReadOnly).unwrap();
    assert_eq!(check_never_wrong(&store, &store.load(history).unwrap()).len(), 7);
    assert_eq!(store.verify(true).unwrap().damage, []);
    assert!(!store.has_unfinished_removal());
}

#[test]
fn a_bundle_begins_with_its_head_and_its_files_on_pages() {
    let (bytes, _) = bundle_of(1..=6);
    assert_eq!(bytes[..4], clew_core::format::FRAME_MAGIC);
    let head = &bytes[..BUNDLE_HEAD as usize];
    assert!(head.ends_with(&[0; 3000]));
    // A pack's first frame, then at a page of its own each of the others.
    let begins = |at: &usize| bytes[*at..].starts_with(&clew_core::format::FRAME_MAGIC);
    let pages = (4096..bytes.len()).step_by(4096).filter(begins).count();
    assert!(pages >= 5, "pack, format, log, description, removal, contents: {pages}");
}

/// The input that bytes are, and a bundle that holds them; what it said to each.
fn with_inputs(inputs: &[(&str, &[u8], &[u8])]) -> (SimDisk, Vec<bool>) {
    let (disk, store, history) = begin(1);
    told(&mut writer(&store, history), 0..3);
    let mut maker = BundleMaker::begin(Arc::new(disk.clone()), Path::new(FILE)).unwrap();
    store.carry_history(history, maker.store(), &mut quiet).unwrap();
    let mut put = |(name, seen, now): &(&str, &[u8], &[u8])| {
        let hashed = BundledInput::hash_of(&mut &**seen, &mut quiet, &mut |_| Ok(())).unwrap();
        let (hash, size) = hashed.unwrap();
        let input = BundledInput {
            name: (*name).to_owned(),
            path: String::new(),
            size,
            hash,
        };
        maker.take_input(input, &mut &**now, &mut quiet).unwrap()
    };
    let taken = inputs.iter().map(&mut put).collect();
    maker.finish(history, &key(), NOW).unwrap();
    (disk, taken)
}

fn opened(disk: &SimDisk) -> Result<Bundle, StoreError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Bundle::open(&disk, Path::new(FILE))
}

#[test]
fn files_that_runs_read_go_along_and_what_changed_meanwhile_does_not() {
    let large = vec![7; 3 << 20];
    let (disk, taken) = with_inputs(&[
        ("data/a.csv", b"1,2", b"1,2"),
        ("empty", b"", b""),
        ("b.csv", b"3,4", b"3,5"),
        ("large", &large, &large),
        ("again.csv", b"1,2", b"1,2"),
    ]);
    assert_eq!(taken, [true, true, false, true, true]);
    let bundle = opened(&disk).unwrap();
    bundle.check().unwrap();
    let read = |input: &BundledInput| {
        let mut bytes = Vec::new();
        bundle.input(input).unwrap().read_to_end(&mut bytes).unwrap();
        (input.name.clone(), bytes)
    };
    let found: Vec<(String, Vec<u8>)> = bundle.inputs().iter().map(read).collect();
    assert_eq!(
        found,
        [
            ("data/a.csv".to_owned(), b"1,2".to_vec()),
            ("empty".to_owned(), Vec::new()),
            ("large".to_owned(), large),
            ("again.csv".to_owned(), b"1,2".to_vec()),
        ]
    );
    // It is a bundle like any other.
    let (other, _, _) = begin(2);
    lay(&other, &disk.files()[Path::new(FILE)]);
    assert_eq!(receive(&other).unwrap().runs, 3);
}

#[test]
fn p14_a_bundle_whose_files_would_lead_elsewhere_is_refused() {
    let (disk, _) = with_inputs(&[("a.csv", b"1,2", b"1,2")]);
    let bytes = disk.files().remove(Path::new(FILE)).unwrap();
    for name in ["../a.csv", "/etc/a.csv", ".ssh/config", "a/../../b"] {
        let hostile = resealed(&bytes, |signed| {
            let mut contents: Contents = decode_record(&signed.bytes).unwrap();
            name.clone_into(&mut contents.inputs[0].name);
            *signed = key().sign_bundle(encode_record(&contents));
        });
        lay(&disk, &hostile);
        let refusal = opened(&disk).unwrap_err();
        assert!(refusal.to_string().contains("impossible name"), "{name}: {refusal}");
    }
}
