//! Encodings for streams that were not written by the object walk, with as much memory as the streams may refer to.

use clew_core::format::{Encoding, StoredExtent};
use clew_core::graph::Mention;
use clew_core::id::BlockId;

/// Returns an encoding with memory and without a stream: two blocks, the first with an id of `first` bytes, and a hundred buffers in them.
pub fn encoding(first: u8) -> Encoding {
    let extent = StoredExtent {
        length: 100_000,
        column: 0,
        blocks: vec![BlockId([first; 32]), BlockId([2; 32])],
    };
    let mention = |offset, length| Mention {
        extent: 0,
        offset,
        length,
    };
    Encoding {
        extents: vec![extent],
        mentions: (0..100).map(|nth| mention(nth * 8, 50_000 + nth)).collect(),
        ..Encoding::default()
    }
}
