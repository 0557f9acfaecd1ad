//! Files that were cut, changed or taken away: the store opens, says so, and never hands out a wrong value.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clew_core::format::{CIPHER, Encryption, FileDescription, FrameEncoder, FrameKind, encode_record};
use clew_core::id::{HistoryId, KeyId};
use clew_core::store::disk::Disk;
use clew_core::store::{Access, ENCRYPTED_FORMAT, STORE_FORMAT, StoreError};
use clew_testing::disk::SimDisk;
use xxhash_rust::xxh3::xxh3_64;

use crate::story::{Told, begin, check_never_wrong, open, writer};

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A small store of two sessions and what its runs are numbered.
fn small(numbers: &[u64]) -> (Files, HistoryId) {
    let (disk, store, history) = begin(11);
    for part in numbers.chunks(2) {
        let mut writer = writer(&store, history);
        for number in part {
            Told::new(*number).record(&mut writer).unwrap();
        }
        writer.sync().unwrap();
    }
    (disk.files(), history)
}

/// Opens what is left and checks that nothing comes back wrong. Gives the runs that came back.
fn whole(files: &Files, history: HistoryId) -> Vec<u64> {
    let store = open(&SimDisk::with_files(files), Access::ReadOnly).expect("a store always opens");
    store
        .load(history)
        .map_or_else(|_| Vec::new(), |loaded| check_never_wrong(&store, &loaded))
}

/// The same, and how many things a verification names.
fn survivors(files: &Files, history: HistoryId) -> (Vec<u64>, usize) {
    let store = open(&SimDisk::with_files(files), Access::ReadOnly).expect("a store always opens");
    let damage = store.verify(true).expect("damage is listed, not an error").damage;
    (whole(files, history), damage.len())
}

#[test]
fn p02_a_store_cut_at_any_byte_opens_and_keeps_what_lies_before() {
    let (files, history) = small(&[1, 4]);
    for (path, bytes) in &files {
        let mut last = 0;
        for length in 0..bytes.len() {
            let mut cut = files.clone();
            cut.insert(path.clone(), bytes[..length].to_vec());
            let whole = whole(&cut, history);
            // What was written first is lost last.
            assert!(whole.len() >= last, "{} cut at {length}: {whole:?}", path.display());
            last = whole.len();
        }
    }
}

#[test]
fn p02_p03_a_bit_flipped_at_any_byte_never_gives_a_wrong_value_nor_goes_unsaid() {
    let (files, history) = small(&[1, 4]);
    for (path, bytes) in &files {
        for at in crate::places(bytes.len()) {
            let mut flipped = files.clone();
            flipped.get_mut(path).unwrap()[at] ^= 1 << (at % 8);
            let (whole, damage) = survivors(&flipped, history);
            assert!(
                whole.len() == 2 || damage > 0,
                "{} flipped at {at}: only {whole:?} came back and nothing was said",
                path.display()
            );
            // A flip costs one frame; what lies after it is found again.
            let is_log = path.extension().is_some_and(|extension| extension == "log");
            assert!(
                !is_log || !whole.is_empty(),
                "{} flipped at {at}: {whole:?}",
                path.display()
            );
        }
    }
}

#[test]
fn p03_flips_all_over_a_pack_of_raw_runs_never_give_a_wrong_value() {
    let (files, history) = small(&[2, 3, 7]);
    let (path, bytes) = files
        .iter()
        .find(|(path, _)| path.extension().is_some_and(|extension| extension == "pack"))
        .unwrap();
    for at in (0..600).chain((600..bytes.len()).step_by(2999)) {
        let mut flipped = files.clone();
        flipped.get_mut(path).unwrap()[at] ^= 0x10;
        let (whole, damage) = survivors(&flipped, history);
        assert!(whole.len() == 3 || damage > 0, "flipped at {at}");
    }
}

#[test]
fn p02_a_store_without_any_one_of_its_files_opens_and_names_what_is_gone() {
    let (files, history) = small(&[1, 2, 3, 4]);
    for path in files.keys() {
        let mut less = files.clone();
        less.remove(path);
        let (whole, damage) = survivors(&less, history);
        let is_pack = path.extension().is_some_and(|extension| extension == "pack");
        let is_log = path.extension().is_some_and(|extension| extension == "log");
        assert_eq!(whole.len(), if is_pack || is_log { 2 } else { 4 }, "{}", path.display());
        assert_eq!(damage > 0, is_pack, "{}", path.display());
    }
}

#[test]
fn p02_a_missing_pack_is_named_and_the_rest_works() {
    let (mut files, history) = small(&[1, 2, 3, 4]);
    let pack = files
        .keys()
        .find(|path| path.extension().is_some_and(|extension| extension == "pack"))
        .unwrap()
        .clone();
    files.remove(&pack);
    let short = pack.file_name().unwrap().to_str().unwrap()[..8].to_owned();
    let store = open(&SimDisk::with_files(&files), Access::ReadOnly).unwrap();
    let loaded = store.load(history).unwrap();
    assert_eq!(
        loaded.damage[0].what,
        format!("Pack {short} is missing; data that is only in this pack cannot be restored")
    );
    let lost = loaded
        .runs
        .values()
        .find_map(|stored| Told::read(&store, stored.run()?).err())
        .unwrap();
    assert!(lost.to_string().ends_with(&format!(
        "is missing; pack {short} is missing and may have contained it"
    )));
    assert_eq!(
        lost.hint().as_deref(),
        Some("`clew verify` lists everything that is missing or corrupted")
    );
}

#[test]
fn p01_what_lay_in_a_pack_that_is_cut_short_under_a_session_is_stored_anew_when_it_comes_again() {
    for is_own in [false, true] {
        let (disk, store, history) = begin(13);
        let mut first = writer(&store, history);
        Told::new(2).record(&mut first).unwrap();
        first.sync().unwrap();
        let mut second = if is_own {
            first
        } else {
            let other = open(&disk, Access::ReadWrite).unwrap();
            writer(&other, history)
        };
        Told::new(1).record(&mut second).unwrap();
        for path in disk
            .files()
            .keys()
            .filter(|path| path.extension().is_some_and(|end| end == "pack"))
        {
            let file = disk.open(path).unwrap();
            let length = file.length().unwrap();
            file.truncate(length.min(30_000)).unwrap();
        }
        second.distrust_cut_packs();
        for number in [2, 3] {
            Told::new(number).record(&mut second).unwrap();
        }
        let other = open(&disk, Access::ReadOnly).unwrap();
        let whole = check_never_wrong(&other, &other.load(history).unwrap());
        assert!(whole.ends_with(&[2, 3]), "{whole:?}");
    }
}

/// What the file `format` would say.
fn format_file(format: u16, encryption: Option<Encryption>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let said = encode_record(&FileDescription::Store { format, encryption });
    FrameEncoder::default().frame(FrameKind::FILE, [0; 32], b"", &said, &mut bytes);
    bytes
}

const FORMAT_FILE: &str = "/home/u/store/format";

#[test]
fn a_format_that_says_encrypted_and_not_how_or_the_other_way_round_counts_as_damaged() {
    let (mut files, history) = small(&[1, 2]);
    let some = Encryption {
        cipher: CIPHER.to_owned(),
        key: KeyId([9; 16]),
    };
    for (format, encryption) in [(ENCRYPTED_FORMAT, None), (STORE_FORMAT, Some(some))] {
        files.insert(PathBuf::from(FORMAT_FILE), format_file(format, encryption));
        let disk = SimDisk::with_files(&files);
        // What the files are themselves counts.
        let store = open(&disk, Access::ReadWrite).unwrap();
        assert_eq!(store.key().is_some(), crate::FORMAT == ENCRYPTED_FORMAT);
        assert_eq!(check_never_wrong(&store, &store.load(history).unwrap()), [1, 2]);
        assert!(!store.is_format_said());
        assert!(store.rebuild_format().unwrap() && store.is_format_said());
        assert_eq!(store.verify(true).unwrap().damage, []);
    }
}

#[test]
fn p13_a_format_in_frames_of_a_later_version_is_a_later_format() {
    let (mut files, _) = small(&[1]);
    let mut bytes = format_file(ENCRYPTED_FORMAT, None);
    bytes[4] += 1;
    let sum = xxh3_64(&bytes[..80]);
    bytes[80..88].copy_from_slice(&sum.to_le_bytes());
    files.insert(PathBuf::from(FORMAT_FILE), bytes);
    let error = open(&SimDisk::with_files(&files), Access::ReadWrite).unwrap_err();
    assert!(matches!(error, StoreError::NewerFormat { found: 3, .. }), "{error}");
}

#[test]
fn p13_a_store_of_a_newer_format_is_refused_with_a_clear_error() {
    let (mut files, _) = small(&[1]);
    files.insert(PathBuf::from(FORMAT_FILE), format_file(7, None));
    let error = open(&SimDisk::with_files(&files), Access::ReadWrite).unwrap_err();
    assert!(matches!(error, StoreError::NewerFormat { found: 7, .. }));
    assert_eq!(
        error.to_string(),
        "/home/u/store has format 7, this Clew reads up to 2: update Clew to open it"
    );
}

#[test]
fn a_folder_without_a_store_is_no_store() {
    let error = open(&SimDisk::new(1), Access::ReadOnly).unwrap_err();
    assert_eq!(error.to_string(), "There is no store in /home/u/store");
}

#[test]
fn p02_a_read_only_store_is_read_and_says_why_it_takes_nothing() {
    let (files, history) = small(&[1, 2]);
    let disk = SimDisk::with_files(&files);
    disk.set_read_only(true);
    for access in [Access::ReadOnly, Access::ReadWrite] {
        let store = open(&disk, access).unwrap();
        assert_eq!(check_never_wrong(&store, &store.load(history).unwrap()), [1, 2]);
        assert_eq!(store.verify(true).unwrap().damage, []);
    }
    let store = open(&disk, Access::ReadWrite).unwrap();
    let error = store
        .writer(history, store.new_session(), &crate::story::key())
        .unwrap_err();
    assert!(error.to_string().ends_with("the file system is read-only"), "{error}");
}

#[test]
fn a_session_never_appends_to_a_log_that_is_there() {
    let (_, store, history) = begin(12);
    let first = writer(&store, history);
    let error = store
        .writer(history, first.session(), &crate::story::key())
        .unwrap_err();
    assert!(matches!(error, StoreError::SessionExists(_)));
}
