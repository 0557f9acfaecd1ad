//! Bytes that nobody of ours wrote: a clear account, in bounded time and memory, and never a value.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clew_core::format::{
    FileDescription, FrameEncoder, FrameKind, Operation, SignedRecord, StoredExtent, TableEntry, decode_record,
    encode_record,
};
use clew_core::graph::{Arena, ArenaLimits, hash_blocks};
use clew_core::id::{BlockId, HistoryId, SegmentId, SessionId};
use clew_core::store::{Access, SigningKey, StoreError, Verdict};
use clew_testing::disk::SimDisk;
use proptest::prelude::*;

use crate::story::{STORE, Told, begin, check_never_wrong, ids, open, writer};

pub fn frame(kind: FrameKind, id: [u8; 32], meta: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    FrameEncoder::default().frame(kind, id, meta, plain, &mut bytes);
    bytes
}

/// A store that holds one history, one log and one pack with these bytes.
pub fn store_of(log: Vec<u8>, pack: Vec<u8>) -> (SimDisk, HistoryId, SessionId) {
    let (history, session) = (HistoryId([1; 16]), SessionId([2; 16]));
    let root = PathBuf::from(STORE);
    let mut files = BTreeMap::new();
    files.insert(root.join(format!("histories/{history}/{session}.log")), log);
    files.insert(root.join(format!("packs/{}.pack", "03".repeat(16))), pack);
    (SimDisk::with_files(&files), history, session)
}

/// Any bytes, or sound frames of any kind over any bytes.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let any_bytes = prop::collection::vec(any::<u8>(), 0..200);
    let any_frame = (
        1_u8..14,
        prop::array::uniform32(any::<u8>()),
        any_bytes.clone(),
        any_bytes.clone(),
    )
        .prop_map(|(kind, id, meta, plain)| frame(FrameKind(kind), id, &meta, &plain));
    prop::collection::vec(prop_oneof![any_bytes, any_frame], 0..5).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn p14_any_bytes_in_logs_and_packs_are_taken_for_what_they_are(log in bytes(), pack in bytes()) {
        let (disk, history, _) = store_of(log, pack);
        let store = open(&disk, Access::ReadOnly).unwrap();
        prop_assert_eq!(store.load(history).unwrap().runs.len(), 0);
        store.verify(true).unwrap();
        store.histories().unwrap();
    }

    #[test]
    fn p14_any_bytes_are_a_stream_or_a_clear_error(bytes in prop::collection::vec(any::<u8>(), 0..300), roots in 0_usize..4) {
        if let Ok(arena) = Arena::parse(&bytes, roots, ArenaLimits::default()) {
            prop_assert!(arena.len() <= bytes.len());
            for number in 0..arena.len() as u32 {
                let node = arena.node(number);
                prop_assert!(node.children.iter().all(|child| (*child as usize) < arena.len()));
            }
        }
    }

    #[test]
    fn p14_bytes_like_a_stream_are_a_stream_or_a_clear_error(bytes in prop::collection::vec(0_u8..12, 0..300)) {
        for roots in 1..3 {
            if let Ok(arena) = Arena::parse(&bytes, roots, ArenaLimits { nodes: 100 }) {
                prop_assert!(arena.len() <= 100 && arena.roots().len() == roots);
            }
        }
    }
}

#[test]
fn p14_a_block_whose_table_lies_about_it_is_refused() {
    let id = BlockId([5; 32]);
    let meta = TableEntry::write_table(&[TableEntry {
        id: id.0,
        offset: 0,
        length: 5,
    }]);
    let (disk, ..) = store_of(Vec::new(), frame(FrameKind::BLOCKS, [0; 32], &meta, b"wrong"));
    let store = open(&disk, Access::ReadOnly).unwrap();
    let extent = StoredExtent {
        length: 5,
        column: 0,
        blocks: vec![id],
    };
    let error = store.extent(&extent).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }));
    assert!(
        error.to_string().ends_with("is corrupted: its hash does not match"),
        "{error}"
    );
}

#[test]
fn p14_an_extent_that_claims_much_memory_is_refused() {
    let (_, store, history) = begin(50);
    let mut writer = writer(&store, history);
    let mut extent = writer
        .put_extent(&[1; 1000], 0, &hash_blocks(&[1; 1000], 0), &[])
        .unwrap()
        .unwrap();
    for (length, column) in [(1 << 60, 0), (1000, 1), (65_536, 0), (999, 0)] {
        (extent.length, extent.column) = (length, column);
        assert!(store.extent(&extent).is_err(), "{length} in columns of {column}");
    }
}

#[test]
fn p14_one_piece_named_again_and_again_is_refused_before_it_fills_the_memory() {
    let (_, store, history) = begin(52);
    let mut writer = writer(&store, history);
    let piece = ids(&writer.put_stream(&vec![7; 20_000], &[]).unwrap());
    Told::new(1).record(&mut writer).unwrap();
    let length = store.stream(&piece).unwrap().into_inner().len();
    let named = piece.repeat(4_000_000 / piece.len());
    let wanted = (length * (named.len() / piece.len())) as u64;
    // More than any machine has: 64 GiB would do for this one.
    let named = named.repeat(4);
    let error = store.stream(&named).unwrap_err();
    assert!(
        matches!(error, StoreError::NoMemory { length } if length == 4 * wanted),
        "{error}"
    );
}

#[test]
fn p11_a_log_put_in_the_place_of_another_is_left_out_and_said() {
    let (disk, store, history) = begin(51);
    let mut writer = writer(&store, history);
    Told::new(1).record(&mut writer).unwrap();
    let mut files = disk.files();
    let log = files
        .keys()
        .find(|path| path.extension().is_some_and(|extension| extension == "log"))
        .unwrap()
        .clone();
    let bytes = files.remove(&log).unwrap();
    files.insert(log.with_file_name(format!("{}.log", "07".repeat(16))), bytes);
    let store = open(&SimDisk::with_files(&files), Access::ReadOnly).unwrap();
    let loaded = store.load(history).unwrap();
    assert_eq!(loaded.runs.len(), 0);
    let said: Vec<&str> = loaded.damage.iter().map(|damage| damage.what.as_str()).collect();
    assert!(
        said[0].contains("another file") && said[1].contains("another session"),
        "{said:?}"
    );
}

#[test]
fn p11_an_operation_sealed_by_nobody_or_by_another_key_is_not_taken_for_ones_own() {
    let (disk, store, history) = begin(52);
    let mut one = writer(&store, history);
    Told::new(1).record(&mut one).unwrap();
    let files = disk.files();
    let (path, bytes) = files
        .iter()
        .find(|(path, _)| path.extension().is_some_and(|e| e == "log"))
        .unwrap();
    let forge = |change: fn(SignedRecord) -> SignedRecord| {
        let mut files = files.clone();
        files.insert(path.clone(), resealed(bytes, change));
        open(&SimDisk::with_files(&files), Access::ReadOnly)
            .unwrap()
            .load(history)
            .unwrap()
    };
    let unsealed = forge(|mut signed| {
        signed.signature = vec![0; 64];
        signed
    });
    assert!(unsealed.sessions.is_empty() && unsealed.runs.is_empty());
    assert!(unsealed.damage[0].what.contains("has a wrong signature"));
    let foreign = forge(|signed| SigningKey::from_secret(&[9; 32]).sign(signed.bytes));
    assert_eq!(foreign.sessions[&one.session()].operations[0].verdict, Verdict::Foreign);
}

/// The log with each operation's seal changed.
fn resealed(log: &[u8], change: fn(SignedRecord) -> SignedRecord) -> Vec<u8> {
    use clew_core::format::{FrameHeader, HEADER_LENGTH};
    let (mut out, mut at) = (Vec::new(), 0);
    while at < log.len() {
        let header = FrameHeader::parse(log[at..at + HEADER_LENGTH].try_into().unwrap()).unwrap();
        let (from, to) = (header.payload_at(at as u64) as usize, header.end(at as u64) as usize);
        if header.kind == FrameKind::OPERATION {
            let signed: SignedRecord = decode_record(&header.decode(log[from..to].to_vec()).unwrap()).unwrap();
            out.extend(frame(header.kind, header.id, b"", &encode_record(&change(signed))));
        } else {
            out.extend_from_slice(&log[at..to]);
        }
        at = to;
    }
    out
}

#[test]
fn p11_an_operation_taken_out_of_the_chain_is_missed() {
    let (disk, store, history) = begin(53);
    let mut writer = writer(&store, history);
    for number in 1..=3 {
        Told::new(number).record(&mut writer).unwrap();
    }
    let mut files = disk.files();
    let (path, bytes) = files
        .iter()
        .find(|(path, _)| path.extension().is_some_and(|e| e == "log"))
        .unwrap();
    let mut number = 0;
    let less = without(bytes, |signed| {
        number += 1;
        decode_record::<Operation>(&signed.bytes).unwrap().number == 1
    });
    assert_eq!(number, 3);
    files.insert(path.clone(), less);
    let store = open(&SimDisk::with_files(&files), Access::ReadOnly).unwrap();
    let loaded = store.load(history).unwrap();
    assert_eq!(check_never_wrong(&store, &loaded), [1, 3]);
    assert!(loaded.damage[0].what.starts_with("Operations before 2 of session"));
}

/// The log without the operations that `is_out` picks.
fn without(log: &[u8], mut is_out: impl FnMut(&SignedRecord) -> bool) -> Vec<u8> {
    use clew_core::format::{FrameHeader, HEADER_LENGTH};
    let (mut out, mut at) = (Vec::new(), 0);
    while at < log.len() {
        let header = FrameHeader::parse(log[at..at + HEADER_LENGTH].try_into().unwrap()).unwrap();
        let (from, to) = (header.payload_at(at as u64) as usize, header.end(at as u64) as usize);
        let payload = || header.decode(log[from..to].to_vec()).unwrap();
        if header.kind != FrameKind::OPERATION || !is_out(&decode_record(&payload()).unwrap()) {
            out.extend_from_slice(&log[at..to]);
        }
        at = to;
    }
    out
}

#[test]
fn a_frame_of_a_kind_that_is_not_known_is_passed_over() {
    let session = SessionId([2; 16]);
    let description = FileDescription::Log {
        history: HistoryId([1; 16]),
        session,
    };
    let log = [
        frame(FrameKind::FILE, [0; 32], b"", &encode_record(&description)),
        frame(FrameKind(200), [0; 32], b"meta", b"from later"),
    ];
    let (disk, history, _) = store_of(log.concat(), Vec::new());
    let store = open(&disk, Access::ReadOnly).unwrap();
    assert_eq!(store.load(history).unwrap().damage, []);
    assert!(store.stream(&[SegmentId([8; 32])]).is_err());
}

#[test]
fn p14_a_log_of_frames_that_decompress_to_much_is_bounded() {
    let bomb = frame(FrameKind::RUN, [0; 32], b"", &vec![0; 16 << 20]);
    assert!(bomb.len() < 4000);
    let (disk, history, _) = store_of(bomb.repeat(20), Vec::new());
    let store = open(&disk, Access::ReadOnly).unwrap();
    let loaded = store.load(history).unwrap();
    let refused = |damage: &&clew_core::store::Damage| damage.what.contains("beyond the format's bounds");
    assert!(loaded.damage.iter().filter(refused).count() > 10);
}

#[test]
fn p14_a_file_of_false_beginnings_takes_time_in_proportion_to_its_length() {
    let magic = clew_core::format::FRAME_MAGIC;
    let (disk, history, _) = store_of(magic.repeat(500_000), magic.repeat(500_000));
    let store = open(&disk, Access::ReadOnly).unwrap();
    assert_eq!(store.load(history).unwrap().damage.len(), 1);
    assert_eq!(store.verify(true).unwrap().damage.len(), 2);
}
