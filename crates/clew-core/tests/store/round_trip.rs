//! What is put and committed comes back.

use clew_core::graph::hash_blocks;
use clew_core::store::{Access, StoreError, Verdict};

use crate::story::{Told, begin, check_never_wrong, nothing, open, pack_bytes, seen, writer};

#[test]
fn what_is_committed_comes_back_in_another_process() {
    let (disk, store, history) = begin(1);
    let mut writer = writer(&store, history);
    for number in 1..=10 {
        Told::new(number).record(&mut writer).unwrap();
    }
    let other = open(&disk, Access::ReadOnly).unwrap();
    let loaded = other.load(history).unwrap();
    assert_eq!(check_never_wrong(&other, &loaded), (1..=10).collect::<Vec<_>>());
    assert_eq!(loaded.damage, []);
    let session = &loaded.sessions[&writer.session()];
    assert_eq!(session.operations.len(), 10);
    assert!(session.operations.iter().all(|loaded| loaded.verdict == Verdict::Own));
    assert_eq!(other.verify(true).unwrap().damage, []);
}

#[test]
fn what_is_not_committed_is_not_seen_and_abandoned_runs_never_are() {
    let (disk, store, history) = begin(2);
    let mut writer = writer(&store, history);
    Told::new(1).put(&mut writer, None).unwrap();
    let other = open(&disk, Access::ReadOnly).unwrap();
    assert_eq!(other.load(history).unwrap().runs.len(), 0);
    writer.abandon();
    Told::new(2).record(&mut writer).unwrap();
    assert_eq!(check_never_wrong(&other, &other.load(history).unwrap()), [2]);
}

#[test]
fn p09_a_reader_sees_what_another_session_wrote_since() {
    let (disk, store, history) = begin(3);
    let mut first = writer(&store, history);
    Told::new(1).record(&mut first).unwrap();
    let other = open(&disk, Access::ReadOnly).unwrap();
    let mut loaded = other.load(history).unwrap();
    assert!(!other.refresh(history, None, &mut loaded).unwrap());
    Told::new(2).record(&mut first).unwrap();
    let mut second = writer(&store, history);
    Told::new(3).record(&mut second).unwrap();
    assert!(other.refresh(history, None, &mut loaded).unwrap());
    assert_eq!(check_never_wrong(&other, &loaded), [1, 2, 3]);
    assert_eq!(loaded.sessions.len(), 2);
}

#[test]
fn p01_a_reader_tells_synced_from_saved() {
    let (disk, store, history) = begin(4);
    let mut writer = writer(&store, history);
    Told::new(1).record(&mut writer).unwrap();
    writer.sync().unwrap();
    Told::new(2).record(&mut writer).unwrap();
    assert_eq!(writer.marks(), (2, 1));
    let loaded = open(&disk, Access::ReadOnly).unwrap().load(history).unwrap();
    let session = &loaded.sessions[&writer.session()];
    assert_eq!((session.operations.len(), session.synced), (2, 1));
}

#[test]
fn equal_memory_is_stored_once_across_sessions() {
    let (disk, store, history) = begin(5);
    let memory: Vec<u8> = (0..300_000_u32).map(|index| (index % 241) as u8).collect();
    let mut first = writer(&store, history);
    let one = first
        .put_extent(&memory, 0, &hash_blocks(&memory, 0), &[])
        .unwrap()
        .unwrap();
    first.sync().unwrap();
    let before = pack_bytes(&disk);
    let mut second = writer(&open(&disk, Access::ReadWrite).unwrap(), history);
    let other = second
        .put_extent(&memory, 0, &hash_blocks(&memory, 0), &[])
        .unwrap()
        .unwrap();
    second.sync().unwrap();
    assert_eq!(one, other);
    assert!(pack_bytes(&disk) < before + 1000);
}

#[test]
fn an_edit_stores_the_blocks_it_touched() {
    let (disk, store, history) = begin(6);
    let mut writer = writer(&store, history);
    let mut memory: Vec<u8> = (0..4_000_000_u32)
        .map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let first = writer
        .put_extent(&memory, 0, &hash_blocks(&memory, 0), &[])
        .unwrap()
        .unwrap();
    let before = pack_bytes(&disk);
    memory[2_000_000] ^= 1;
    let mut known: Vec<_> = first.blocks.iter().copied().map(Some).collect();
    known[2_000_000 / 65_536] = None;
    let second = writer
        .put_extent(&memory, 0, &hash_blocks(&memory, 0), &known)
        .unwrap()
        .unwrap();
    assert!(pack_bytes(&disk) - before < 80_000);
    assert_eq!(*store.extent(&second).unwrap(), memory);
    assert_ne!(first, second);
}

fn pack_of(disk: &clew_testing::disk::SimDisk) -> Vec<u8> {
    let is_pack = |path: &std::path::Path| path.extension().is_some_and(|extension| extension == "pack");
    let mut files = seen(disk).into_iter();
    files.find(|(path, _)| is_pack(path)).unwrap().1
}

/// Where `part` lies in `whole`, going over every byte that lies as far behind a page as `offset`.
fn found_in_phase(whole: &[u8], part: &[u8], offset: usize) -> Option<usize> {
    let places = (offset % 4096..whole.len()).step_by(4096);
    places.into_iter().find(|at| whole[*at..].starts_with(part))
}

fn varied(length: usize) -> Vec<u8> {
    (0..length)
        .map(|index| (index / 7) as u8 ^ (index / 100_000) as u8)
        .collect()
}

#[test]
fn raw_memory_lies_in_the_pack_as_it_lies_in_memory() {
    let (disk, store, history) = begin(7);
    let mut writer = writer(&store, history);
    let memory = varied(300_000);
    writer
        .put_extent(&memory, 100_000, &hash_blocks(&memory, 100_000), &[])
        .unwrap()
        .unwrap();
    assert!(
        found_in_phase(&pack_of(&disk), &memory, 0).is_some(),
        "three columns, and no gap between them"
    );
}

#[test]
fn changed_blocks_lie_as_far_behind_a_page_as_in_memory() {
    let (disk, store, history) = begin(9);
    let mut writer = writer(&store, history);
    let mut memory = varied(300_000);
    writer
        .put_extent(&memory, 100_000, &hash_blocks(&memory, 100_000), &[])
        .unwrap()
        .unwrap();
    // One block in the middle of the second column, and two at the end of it and the beginning of the third.
    for at in [100_001, 199_999, 200_000] {
        memory[at] ^= 0xff;
    }
    let extent = writer
        .put_extent(&memory, 100_000, &hash_blocks(&memory, 100_000), &[])
        .unwrap()
        .unwrap();
    let pack = pack_of(&disk);
    for (offset, end) in [(100_000, 165_536), (165_536, 300_000 - 34_464)] {
        assert!(
            found_in_phase(&pack, &memory[offset..end], offset).is_some(),
            "from {offset}"
        );
    }
    assert_eq!(*store.extent(&extent).unwrap(), memory);
}

#[test]
fn p12_the_id_of_a_text_confirms_no_guess() {
    let (disk, store, history) = begin(8);
    let mut writer = writer(&store, history);
    let source = "token = 'hunter2'";
    let told = Told {
        source: source.to_owned(),
        ..Told::new(1)
    };
    told.record(&mut writer).unwrap();
    let first = writer.put_blob(source).unwrap();
    assert_ne!(first, writer.put_blob(source).unwrap());
    writer.sync().unwrap();
    let guesses = [
        clew_core::id::BlobId::of(source.as_bytes()).0,
        clew_core::id::SegmentId::of(source.as_bytes()).0,
        clew_core::id::BlockId::of(source.as_bytes()).0,
    ];
    for (path, bytes) in disk.files() {
        let is_there = |guess: &[u8; 32]| bytes.windows(32).any(|window| window == guess);
        assert!(!guesses.iter().any(is_there), "{}", path.display());
        // The text itself lies in packs only, since logs are never rewritten and it may have to be forgotten.
        let has_text = bytes.windows(7).any(|window| window == b"hunter2");
        assert!(
            !has_text || path.starts_with("/home/u/store/packs"),
            "{}",
            path.display()
        );
    }
}

#[test]
fn run_numbers_go_on_across_sessions_and_are_never_given_twice() {
    let (disk, store, history) = begin(9);
    let (mut one, mut other) = (writer(&store, history), writer(&store, history));
    assert_eq!(one.reserve_number().unwrap(), 1);
    assert_eq!(other.reserve_number().unwrap(), 2);
    assert_eq!(one.reserve_number().unwrap(), 3);
    Told::new(3).record(&mut one).unwrap();
    // The counter is only a shortcut: without it the logs count.
    let mut files = disk.files();
    files.retain(|path, _| !path.ends_with("numbers"));
    let disk = clew_testing::disk::SimDisk::with_files(&files);
    let mut third = writer(&open(&disk, Access::ReadWrite).unwrap(), history);
    assert_eq!(third.reserve_number().unwrap(), 4);
}

#[test]
fn what_is_not_there_is_said_with_its_id() {
    let (_, store, _) = begin(10);
    let error = store.stream(&[nothing()]).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }));
    assert_eq!(error.to_string(), "Segment 09090909 is missing");
}
