//! Every limit of a reader of this crate: what is at it is read, what is one beyond is refused with a clear text.

use std::path::Path;

use clew_core::format::{FrameError, FrameHeader, FrameKind, HEADER_LENGTH, SegmentList, decode_ids};
use clew_core::graph::stream::write_varint;
use clew_core::graph::{Arena, ArenaLimits};
use clew_core::history::RunNames;
use clew_core::kernel::CoVariableHandover;
use clew_core::limits;
use clew_core::store::{Access, Trust};
use clew_testing::disk::SimDisk;
use xxhash_rust::xxh3::xxh3_64;

use crate::hostile::{frame, store_of};
use crate::story::{key, open};

/// A sound header with a number in it changed.
fn header(codec: u8, at: usize, number: &[u8]) -> Result<FrameHeader, FrameError> {
    let mut bytes: [u8; HEADER_LENGTH] = frame(FrameKind::BLOB, [0; 32], b"", b"")[..HEADER_LENGTH]
        .try_into()
        .unwrap();
    bytes[6] = codec;
    bytes[at..at + number.len()].copy_from_slice(number);
    if codec == 0 && at == 16 {
        // Raw: plain is as stored.
        bytes.copy_within(16..24, 24);
    }
    let sum = xxh3_64(&bytes[..80]);
    bytes[80..].copy_from_slice(&sum.to_le_bytes());
    FrameHeader::parse(&bytes)
}

#[test]
fn p14_lengths_of_a_frame_are_bounded() {
    for (codec, at, most, what) in [
        (0, 16, limits::STORED, "payload"),
        (1, 16, limits::STORED, "payload"),
        (1, 24, limits::COMPRESSED, "payload"),
    ] {
        assert!(header(codec, at, &most.to_le_bytes()).is_ok(), "{what} at {at}");
        assert_eq!(
            header(codec, at, &(most + 1).to_le_bytes()),
            Err(FrameError::OutOfBounds(what))
        );
    }
    assert!(header(0, 12, &limits::META.to_le_bytes()).is_ok());
    let error = header(0, 12, &(limits::META + 1).to_le_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "its meta section is beyond the format's bounds");
}

#[test]
fn p14_plain_bytes_of_a_file_are_bounded() {
    let plain = vec![0; limits::COMPRESSED as usize];
    let bomb = frame(FrameKind::RUN, [0; 32], b"", &plain);
    let frames = 30_u64;
    let length = bomb.len() as u64 * frames;
    let read = (limits::FILE_PLAIN + limits::FILE_RATIO * length) / limits::COMPRESSED;
    assert!(read < frames);
    let (disk, history, _) = store_of(bomb.repeat(frames as usize), Vec::new());
    let loaded = open(&disk, Access::ReadOnly).unwrap().load(history).unwrap();
    let refused = |damage: &&clew_core::store::Damage| damage.what.contains("beyond the format's bounds");
    assert_eq!(loaded.damage.iter().filter(refused).count() as u64, frames - read);
}

#[test]
fn p14_the_file_of_trusted_keys_is_bounded() {
    let config = Path::new("/config");
    let load = |length: u64| {
        let files = [(config.join("trusted.keys"), vec![b' '; length as usize])].into();
        Trust::load(&SimDisk::with_files(&files), config, key().public())
    };
    assert!(load(limits::TRUSTED).is_ok());
    let error = load(limits::TRUSTED + 1).unwrap_err().to_string();
    assert!(error.contains("trusted.keys"), "{error}");
}

#[test]
fn p14_lists_are_bounded() {
    let list = |ids: usize| decode_ids(&vec![7; ids * 32]);
    assert!(list(limits::LIST).is_some() && list(limits::LIST + 1).is_none());
    let deep = |levels| SegmentList {
        levels,
        ids: Vec::new(),
    };
    assert!(!deep(limits::LIST_LEVELS).is_too_deep() && deep(limits::LIST_LEVELS + 1).is_too_deep());
}

#[test]
fn p14_kinds_and_nodes_of_a_stream_are_bounded() {
    let of_kind = |kind: u64| {
        let mut bytes = Vec::new();
        write_varint(&mut bytes, kind << 2);
        bytes.push(0);
        bytes
    };
    let parse = |bytes: &[u8], roots, nodes| Arena::parse(bytes, roots, ArenaLimits { nodes }).map(|arena| arena.len());
    assert_eq!(parse(&of_kind(limits::KINDS), 1, limits::NODES), Ok(1));
    let error = parse(&of_kind(limits::KINDS + 1), 1, limits::NODES).unwrap_err();
    assert_eq!(error.to_string(), "at byte 3 of its objects a node is of no kind");
    let many = of_kind(1).repeat(100);
    assert_eq!(parse(&many, 100, 100), Ok(100));
    let error = parse(&many, 100, 99).unwrap_err();
    assert!(error.to_string().ends_with("there are too many nodes"), "{error}");
}

#[test]
fn p14_the_head_of_what_is_handed_over_is_bounded() {
    let said = |head: u32| {
        CoVariableHandover::read(&mut head.to_le_bytes().as_slice(), 4)
            .unwrap_err()
            .to_string()
    };
    assert_ne!(said(limits::HANDOVER_HEAD), said(limits::HANDOVER_HEAD + 1));
}

#[test]
fn p14_names_are_bounded() {
    let check = |length| RunNames::default().check_free(&"n".repeat(length));
    assert_eq!(check(limits::NAME), Ok(()));
    let error = check(limits::NAME + 1).unwrap_err().to_string();
    assert!(error.contains("it is longer than 100 bytes"), "{error}");
}

#[test]
fn p14_an_error_repeats_little_of_what_was_read_and_nothing_that_steers_a_terminal() {
    #[derive(serde::Serialize)]
    struct Odd {
        log: String,
    }
    let kind = format!("\u{1b}[2J{}", "long ".repeat(10_000));
    let odd = clew_core::format::encode_record(&Odd { log: kind });
    let error = clew_core::format::decode_record::<clew_core::format::FileDescription>(&odd).unwrap_err();
    let text = error.to_string();
    assert!(
        text.chars().count() < limits::REPEATED + 50 && !text.contains('\u{1b}'),
        "{text}"
    );
    let variant = clew_core::format::encode_record(&"\u{1b}[2Jx".repeat(1000));
    let error = clew_core::format::decode_record::<clew_core::format::FileDescription>(&variant).unwrap_err();
    let text = error.to_string();
    assert!(
        text.chars().count() < limits::REPEATED + 50 && !text.contains('\u{1b}'),
        "{text}"
    );
}
