//! The content of a range of a log: outlines of runs, and operations with their signatures.

use rmp_serde::{decode, encode};
use serde::{Deserialize, Serialize};

use crate::format::{Outline, SignedRecord};
use crate::id::{OperationId, PackId, RunId};

/// Compression level of pieces: low, because operations are similar.
const COMPRESSION_LEVEL: i32 = 1;

/// Part of the index: the entries of the frames of a log from byte `start` to byte `end`. It ends with an operation.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::store) struct IndexPiece {
    pub start: u64,
    pub end: u64,
    pub entries: Vec<Entry>,
}

/// The content of one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::store) enum Entry {
    /// A run: the offset of its frame, its id, and its outline.
    Run(u64, RunId, Box<Outline>),
    /// An operation: the offset of its frame, its id, and all of it.
    Operation(u64, OperationId, Box<SignedRecord>),
    /// A pack that the log names.
    Pack(PackId),
    /// A MARK: the offset of its frame, and the number of bytes that were synced.
    Mark(u64, u64),
}

impl IndexPiece {
    /// Returns the offset and the id of its last operation.
    pub fn last_operation(&self) -> Option<(u64, OperationId)> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Operation(offset, id, _) => Some((*offset, *id)),
            _ => None,
        })
    }

    /// Returns its compressed bytes, and their uncompressed length. `None` if it cannot be encoded.
    pub fn bytes(&self) -> Option<(Vec<u8>, usize)> {
        let plain = encode::to_vec(&self.entries).ok()?;
        let compressed = zstd::bulk::compress(&plain, COMPRESSION_LEVEL).ok()?;
        Some((compressed, plain.len()))
    }

    /// Decodes a piece from authenticated bytes. `length` is their uncompressed length.
    pub fn parse(start: u64, end: u64, content: &[u8], length: usize) -> Option<Self> {
        let plain = zstd::bulk::decompress(content, length).ok()?;
        let entries = decode::from_slice(&plain).ok()?;
        Some(Self { start, end, entries })
    }
}
