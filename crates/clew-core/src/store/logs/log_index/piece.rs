//! What a stretch of a log came to: outlines of runs, and operations as they lie.

use rmp_serde::{decode, encode};
use serde::{Deserialize, Serialize};

use crate::format::{Outline, SignedRecord};
use crate::id::{OperationId, PackId, RunId};

/// Piece are compressed so hard: operations are much alike.
const COMPRESSION_LEVEL: i32 = 1;

/// Part of the index: the entries of the frames of a log from byte `start` to byte `end`. It ends with an operation.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::store) struct IndexPiece {
    pub start: u64,
    pub end: u64,
    pub entries: Vec<Entry>,
}

/// What one frame holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::store) enum Entry {
    /// A run: where its frame starts, and what puts it in its place.
    Run(u64, RunId, Box<Outline>),
    /// An operation: where its frame starts, and all of it.
    Operation(u64, OperationId, Box<SignedRecord>),
    /// A pack that is named.
    Pack(PackId),
    /// Where it stands, and how much of the log was synced by then.
    Mark(u64, u64),
}

impl IndexPiece {
    /// Where its last operation lies, and which it is.
    pub fn last_operation(&self) -> Option<(u64, OperationId)> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Operation(offset, id, _) => Some((*offset, *id)),
            _ => None,
        })
    }

    /// Its bytes, compressed, and how many they are plain. `None` where it can't be written.
    pub fn bytes(&self) -> Option<(Vec<u8>, usize)> {
        let plain = encode::to_vec(&self.entries).ok()?;
        let compressed = zstd::bulk::compress(&plain, COMPRESSION_LEVEL).ok()?;
        Some((compressed, plain.len()))
    }

    /// A piece from its bytes, which were checked: `length` is that of the plain ones.
    pub fn parse(start: u64, end: u64, content: &[u8], length: usize) -> Option<Self> {
        let plain = zstd::bulk::decompress(content, length).ok()?;
        let entries = decode::from_slice(&plain).ok()?;
        Some(Self { start, end, entries })
    }
}
