//! Extents on their way into memory: what is mapped, what is hashed, and what happens to files meanwhile.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use clew_core::format::{Action, StoredExtent, View};
use clew_core::graph::{ExtentMemory, FilePiece, HashedBlock, hash_blocks};
use clew_core::id::HistoryId;
use clew_core::store::disk::RealDisk;
use clew_core::store::{Access, Check, SessionWriter, Store, StoreError};
use tempfile::TempDir;

use super::story::{description, writer};

/// Memory of a kernel that maps whatever it is given.
#[derive(Debug, Default)]
struct Shown {
    bytes: Vec<u8>,
    pieces: usize,
    noted: Vec<HashedBlock>,
}

impl ExtentMemory for Shown {
    fn new(length: u64) -> Option<Self> {
        let bytes = vec![0; length as usize];
        Some(Self {
            bytes,
            ..Self::default()
        })
    }

    fn mapped(length: u64, pieces: &[FilePiece<'_>]) -> Option<Self> {
        let mut shown = Self::new(length)?;
        shown.pieces = pieces.len();
        for piece in pieces {
            let (start, end) = (piece.offset as usize, (piece.offset + piece.length) as usize);
            piece
                .file
                .read_exact_at(&mut shown.bytes[start..end], piece.at)
                .unwrap();
        }
        Some(shown)
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    fn note(&mut self, blocks: Vec<HashedBlock>) {
        self.noted = blocks;
    }
}

struct Place {
    folder: TempDir,
    store: Store,
    history: HistoryId,
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store = Store::open(Arc::new(RealDisk), folder.path(), Access::ReadWrite).unwrap();
        let history = store.create_history(&description("flights")).unwrap();
        Self { folder, store, history }
    }

    /// The same store, as another process opens it.
    fn again(&self) -> Store {
        Store::open(Arc::new(RealDisk), self.folder.path(), Access::ReadOnly).unwrap()
    }

    /// The largest pack.
    fn pack(&self) -> PathBuf {
        let packs = std::fs::read_dir(self.folder.path().join("packs")).unwrap();
        let packs = packs.map(|entry| entry.unwrap().path());
        packs.max_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap()
    }

    /// The log of the last session.
    fn log(&self) -> PathBuf {
        let folder = self.folder.path().join("histories").join(self.history.to_string());
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut logs: Vec<PathBuf> = names
            .filter(|path| path.extension().is_some_and(|end| end == "log"))
            .collect();
        logs.sort();
        logs.pop().unwrap()
    }

    /// Changes a byte of a block as nobody may.
    fn flip(&self, memory: &[u8], at: usize) {
        let (path, wanted) = (self.pack(), &memory[at..at + 64]);
        let held = std::fs::read(&path).unwrap();
        let place = held.windows(64).position(|window| window == wanted).unwrap();
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.write_all_at(&[!held[place]], place as u64).unwrap();
    }
}

/// Bytes of which no 64 come twice.
fn memory(length: u32) -> Vec<u8> {
    (0..length / 4)
        .flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect()
}

/// Puts memory as recording does.
fn put(writer: &mut SessionWriter, memory: &[u8]) -> StoredExtent {
    let hashes = hash_blocks(memory, 0);
    let extent = writer.put_extent(memory, 0, &hashes, &[]).unwrap().unwrap();
    writer.sync().unwrap();
    extent
}

/// Loads an extent; also how many bytes were read to check it.
fn load(store: &Store, extent: &StoredExtent, check: Check) -> (Result<Shown, StoreError>, u64) {
    let mut loading = store.begin::<Shown>(extent, check).unwrap();
    let jobs = loading.jobs();
    let bytes = jobs.iter().map(clew_core::store::Job::bytes).sum();
    let mut scratch = Vec::new();
    jobs.into_iter().for_each(|job| job.run(&mut scratch));
    (loading.finish().map(clew_core::store::VerifiedValue::into_inner), bytes)
}

const LENGTH: u32 = 3 << 20;

#[test]
fn what_a_session_wrote_or_met_is_not_hashed_again() {
    let place = Place::new();
    let memory = memory(LENGTH);
    let extent = put(&mut writer(&place.store, place.history), &memory);
    let (shown, read) = load(&place.store, &extent, Check::Once);
    let shown = shown.unwrap();
    assert_eq!((read, shown.pieces), (0, 1));
    let noted: Vec<u128> = shown.noted.iter().map(|block| block.hash).collect();
    assert_eq!(noted, hash_blocks(&memory, 0));
    let other = place.again();
    for expected in [u64::from(LENGTH), 0] {
        let (shown, read) = load(&other, &extent, Check::Once);
        assert!(shown.unwrap().bytes == memory);
        assert_eq!(read, expected);
    }
    assert_eq!(load(&other, &extent, Check::Anew).1, u64::from(LENGTH));
}

#[test]
fn p03_what_somebody_else_changed_is_hashed_again_and_never_handed_over() {
    let place = Place::new();
    let memory = memory(LENGTH);
    let mut writer = writer(&place.store, place.history);
    let extent = put(&mut writer, &memory);
    let other = place.again();
    load(&other, &extent, Check::Once).0.unwrap();
    place.flip(&memory, 1_000_000);
    // What the session itself writes behind it does not make the change its own.
    put(
        &mut writer,
        &memory[..1 << 20].iter().map(|byte| !byte).collect::<Vec<u8>>(),
    );
    for store in [&place.store, &other] {
        let (shown, read) = load(store, &extent, Check::Once);
        assert!(matches!(shown, Err(StoreError::Damaged { .. })), "{shown:?}");
        assert_eq!(read, u64::from(LENGTH));
    }
}

#[test]
fn p03_without_ids_the_hashes_that_are_told_are_those_of_the_bytes() {
    let place = Place::new();
    let memory = memory(LENGTH);
    let extent = put(&mut writer(&place.store, place.history), &memory);
    place.flip(&memory, 1_000_000);
    let other = place.again();
    let shown = load(&other, &extent, Check::Fingerprint).0.unwrap();
    let noted: Vec<u128> = shown.noted.iter().map(|block| block.hash).collect();
    assert_eq!(noted, hash_blocks(&shown.bytes, 0));
    assert_ne!(noted, hash_blocks(&memory, 0));
    // And are not taken for blocks that were held against their ids.
    assert!(load(&other, &extent, Check::Once).0.is_err());
}

#[test]
fn an_edit_is_stitched_in_and_a_short_end_is_filled_in() {
    let place = Place::new();
    let mut memory = memory(LENGTH + 5000);
    let mut writer = writer(&place.store, place.history);
    put(&mut writer, &memory);
    memory[1_500_000] ^= 1;
    memory[LENGTH as usize + 10] ^= 1;
    let extent = put(&mut writer, &memory);
    for store in [&place.store, &place.again()] {
        let shown = load(store, &extent, Check::Once).0.unwrap();
        assert!(shown.bytes == memory);
        assert!(shown.pieces >= 3 && shown.noted.len() >= extent.blocks.len() - 1);
    }
}

#[test]
fn what_is_short_is_read() {
    let place = Place::new();
    let mut writer = writer(&place.store, place.history);
    for length in [0, 4, 20_000, 65_532] {
        let memory = memory(length);
        let extent = put(&mut writer, &memory);
        let shown = load(&place.store, &extent, Check::Once).0.unwrap();
        assert!(shown.bytes == memory);
        assert_eq!((shown.pieces, shown.noted.len()), (0, 0));
    }
}

#[test]
fn p03_a_pack_that_was_cut_short_is_not_mapped() {
    let place = Place::new();
    let memory = memory(LENGTH);
    let extent = put(&mut writer(&place.store, place.history), &memory);
    let file: File = OpenOptions::new().write(true).open(place.pack()).unwrap();
    file.set_len(2_000_000).unwrap();
    let loading = place.store.begin::<Shown>(&extent, Check::Once).unwrap();
    assert!(loading.finish().is_err());
}

#[test]
fn packs_that_were_taken_away_are_looked_for_elsewhere() {
    let place = Place::new();
    let memory = memory(LENGTH);
    let extent = put(&mut writer(&place.store, place.history), &memory);
    let other = place.again();
    load(&other, &extent, Check::Once).0.unwrap();
    let packs = place.folder.path().join("packs");
    std::fs::copy(place.pack(), packs.join(format!("{:032x}.pack", 7))).unwrap();
    std::fs::remove_file(place.pack()).ok();
    assert!(load(&other, &extent, Check::Once).0.unwrap().bytes == memory);
}

#[test]
fn p03_what_a_thread_changed_since_it_was_hashed_is_not_stored() {
    let place = Place::new();
    let (memory, mut seen) = (memory(40 << 20), memory(40 << 20));
    seen[30_000_000] ^= 1;
    let mut writer = writer(&place.store, place.history);
    let torn = writer.put_extent(&memory, 0, &hash_blocks(&seen, 0), &[]).unwrap();
    assert_eq!(torn, None);
    // What was stored before that came to light is whole, and what comes again is taken for stored only if it is.
    for value in [&memory, &seen] {
        let extent = put(&mut writer, value);
        for store in [&place.store, &place.again()] {
            assert!(load(store, &extent, Check::Anew).0.unwrap().bytes == **value);
        }
    }
}

#[test]
fn p01_what_is_written_after_somebody_replaced_the_files_is_found() {
    for (which, is_kept) in [
        (Place::pack as fn(&Place) -> PathBuf, true),
        (Place::log, true),
        (Place::pack, false),
    ] {
        let place = Place::new();
        let mut writer = writer(&place.store, place.history);
        let first = put(&mut writer, &memory(LENGTH));
        commit(&mut writer).unwrap();
        let (path, copy) = (which(&place), place.folder.path().join("copy"));
        std::fs::copy(&path, &copy).unwrap();
        if is_kept {
            std::fs::rename(&copy, &path).unwrap();
        } else {
            std::fs::remove_file(&path).unwrap();
        }
        // A part of it was stored before, so that it is not enough to write elsewhere what is new.
        let mut memory = memory(LENGTH);
        memory[1_000_000] ^= 1;
        let extent = put(&mut writer, &memory);
        commit(&mut writer).unwrap();
        assert!(load(&place.again(), &extent, Check::Anew).0.unwrap().bytes == memory);
        assert_eq!(operations(&place, &writer), 2);
        let is_there = place.again().extent(&first).is_ok();
        assert!(is_there || !is_kept);
    }
}

#[test]
fn p01_what_was_written_when_somebody_replaced_the_files_is_not_called_saved() {
    let place = Place::new();
    let mut writer = writer(&place.store, place.history);
    commit(&mut writer).unwrap();
    let hashes = hash_blocks(&memory(LENGTH), 0);
    writer.put_extent(&memory(LENGTH), 0, &hashes, &[]).unwrap().unwrap();
    std::fs::remove_file(place.pack()).unwrap();
    commit(&mut writer).unwrap_err();
    let extent = put(&mut writer, &memory(LENGTH));
    commit(&mut writer).unwrap();
    assert!(load(&place.again(), &extent, Check::Anew).0.is_ok());
    assert_eq!(operations(&place, &writer), 2);
}

fn commit(writer: &mut SessionWriter) -> Result<(), StoreError> {
    let view = View::default();
    writer.commit(Action::Run, Vec::new(), view, 1).map(|_| ())
}

/// How many operations of a session others find.
fn operations(place: &Place, writer: &SessionWriter) -> usize {
    let loaded = place.again().load(place.history).unwrap();
    loaded.sessions[&writer.session()].operations.len()
}
