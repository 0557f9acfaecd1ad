//! Readers of the file formats, each tested separately.

use std::fmt::Debug;

use clew_core::format::{
    ENCRYPTED_HEADER_LENGTH, EncryptedHeader, Evidence, FRAME_MAGIC, FileDescription, FrameHeader, Garbage,
    HEADER_LENGTH, HistoryDescription, Manifest, OmittedValues, Operation, Outline, PackMention, RecordDecodeError,
    Removal, Run, SignedRecord, StoredManifest, Summary, TableEntry, TaskEntry, decode_ids, decode_memory,
    decode_record, encode_ids, encode_memory, encode_record,
};
use clew_core::graph::{Arena, ArenaLimits, stream};
use clew_core::kernel::CoVariableHandover;
use serde::Serialize;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_64;

use super::is_clear;

/// Reads a frame as it is, and once more with correct checksums, so that the code after the checksum tests is reached.
pub(super) fn frame(bytes: &[u8]) {
    one_frame(bytes);
    if let Some(sealed) = sealed(bytes) {
        one_frame(&sealed);
    }
}

/// The header of an encrypted file is stored twice. Checks that one of the two copies equals the written form of the parsed header.
fn header_of_encrypted(bytes: &[u8]) {
    let Some(first) = bytes.first_chunk::<ENCRYPTED_HEADER_LENGTH>() else {
        return;
    };
    if let Some(header) = EncryptedHeader::parse(first) {
        let written = header.to_bytes();
        let is_same = |(one, other): (&u8, &u8)| one == other;
        let half = ENCRYPTED_HEADER_LENGTH / 2;
        let begins = first[..HEADER_LENGTH + 40].iter().zip(&written).all(is_same);
        let ends = first[half..]
            .iter()
            .rev()
            .zip(written.iter().rev())
            .take(HEADER_LENGTH + 40)
            .all(is_same);
        assert!(begins || ends);
    }
}

fn one_frame(bytes: &[u8]) {
    header_of_encrypted(bytes);
    let Some((head, rest)) = bytes.split_first_chunk::<HEADER_LENGTH>() else {
        return;
    };
    let header = match FrameHeader::parse(head) {
        Ok(header) => header,
        Err(error) => return is_clear(&error),
    };
    assert_eq!(header.to_bytes(), *head);
    assert!(header.end(u64::from(u32::MAX)) < 1 << 34);
    let Some((meta, payload)) = rest.split_at_checked(header.meta_length as usize) else {
        return;
    };
    if let Err(error) = header.check_meta(meta) {
        is_clear(&error);
    }
    match TableEntry::parse_table(meta, &header) {
        Ok(table) => {
            assert_eq!(TableEntry::write_table(&table), meta);
            let ends = table.iter().map(|entry| entry.offset + u64::from(entry.length));
            assert!(ends.max().unwrap_or(0) <= header.plain_length);
        }
        Err(error) => is_clear(&error),
    }
    let length = usize::try_from(header.stored_length).unwrap_or(usize::MAX);
    match payload.get(..length).map(|stored| header.decode(stored.to_vec())) {
        Some(Ok(plain)) => assert_eq!(plain.len() as u64, header.plain_length),
        Some(Err(error)) => is_clear(&error),
        None => {}
    }
}

/// Returns the bytes with the correct magic number and checksums. Lengths are unchanged if they are valid.
fn sealed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut sealed = bytes.to_vec();
    sealed.get_mut(..HEADER_LENGTH)?[..4].copy_from_slice(&FRAME_MAGIC);
    let meta = u32::from_le_bytes(sealed[12..16].try_into().ok()?) as usize;
    let stored = usize::try_from(u64::from_le_bytes(sealed[16..24].try_into().ok()?)).ok()?;
    let meta_end = HEADER_LENGTH.checked_add(meta)?;
    let sums = [
        sealed.get(HEADER_LENGTH..meta_end).map(xxh3_64),
        sealed.get(meta_end..meta_end.checked_add(stored)?).map(xxh3_64),
    ];
    for (at, sum) in [64, 72].into_iter().zip(sums) {
        if let Some(sum) = sum {
            sealed[at..at + 8].copy_from_slice(&sum.to_le_bytes());
        }
    }
    let sum = xxh3_64(&sealed[..80]);
    sealed[80..88].copy_from_slice(&sum.to_le_bytes());
    Some(sealed)
}

/// The kinds of records, by the byte that selects one.
type ReadRecord = fn(&[u8]);
const RECORDS: [ReadRecord; 14] = [
    run,
    again::<Operation>,
    again::<SignedRecord>,
    again::<StoredManifest>,
    again::<Manifest>,
    again::<Evidence>,
    again::<Summary>,
    again::<FileDescription>,
    again::<HistoryDescription>,
    again::<PackMention>,
    again::<Removal>,
    again::<Garbage>,
    again::<OmittedValues>,
    again::<TaskEntry>,
];

/// The first byte selects the kind.
pub(super) fn record(bytes: &[u8]) {
    if let Some((kind, bytes)) = bytes.split_first() {
        RECORDS[usize::from(*kind) % RECORDS.len()](bytes);
    }
}

/// Checks that a decoded record can be written and decoded again with the same result.
fn again<T: DeserializeOwned + Serialize + PartialEq + Debug>(bytes: &[u8]) {
    match decode_record::<T>(bytes) {
        Ok(read) => match decode_record::<T>(&encode_record(&read)) {
            // A version number is only checked at the beginning of a record, where Clew writes it.
            Err(RecordDecodeError::Newer(_)) => {}
            again => assert_eq!(again.as_ref(), Ok(&read)),
        },
        Err(error) => is_clear(&error),
    }
}

/// Reads a run, and separately its outline. If the outline is rejected (a field whose name is not text), the run counts as corrupted before
/// it is decoded.
fn run(bytes: &[u8]) {
    again::<Run>(bytes);
    match (decode_record::<Run>(bytes), Outline::parse(bytes)) {
        (Ok(run), Ok(outline)) => assert_eq!(outline, Outline::from(&run)),
        (Err(RecordDecodeError::Newer(run)), outline) => assert_eq!(outline, Err(RecordDecodeError::Newer(run))),
        (_, Err(error)) => is_clear(&error),
        (_, Ok(outline)) => drop((outline.label(), outline.ended())),
    }
}

/// Reads the lists and tables to which manifests refer.
pub(super) fn lists(bytes: &[u8]) {
    if let Some(ids) = decode_ids(bytes) {
        assert_eq!(encode_ids(&ids), bytes);
    }
    if let Some((extents, mentions)) = decode_memory(bytes) {
        assert!(extents.len() * 3 + mentions.len() * 3 <= bytes.len());
        let encoding = clew_core::format::Encoding {
            extents,
            mentions,
            ..Default::default()
        };
        let again = decode_memory(&encode_memory(&encoding));
        assert_eq!(again, Some((encoding.extents, encoding.mentions)));
    }
}

/// The first byte is the number of roots.
pub(super) fn stream(bytes: &[u8]) {
    let Some((roots, bytes)) = bytes.split_first() else {
        return;
    };
    let roots = usize::from(roots % 4);
    match Arena::parse(bytes, roots, ArenaLimits::default()) {
        Ok(arena) => {
            assert!(arena.len() <= bytes.len() && arena.roots().len() == roots);
            for number in 0..arena.len() as u32 {
                let node = arena.node(number);
                assert!(node.children.iter().all(|child| (*child as usize) < arena.len()));
                assert!(node.buffer.is_none_or(|buffer| buffer < arena.buffers()));
            }
        }
        Err(error) => is_clear(&error),
    }
    assert!(stream::bodies(bytes).map(|(_, payload)| payload.len()).sum::<usize>() <= bytes.len());
}

/// Checks that a decoded value can be written and decoded again with the same result.
pub(super) fn handover(bytes: &[u8]) {
    match CoVariableHandover::read(&mut &bytes[..], bytes.len() as u64) {
        Ok(read) => {
            let mut written = Vec::new();
            read.write(&mut written).expect("memory takes what is written");
            let again = CoVariableHandover::read(&mut written.as_slice(), written.len() as u64);
            assert_eq!(again.ok(), Some(read));
        }
        Err(error) => is_clear(&error),
    }
}
