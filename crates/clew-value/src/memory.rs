//! Memory of a stored value: a range of an extent, identified by its blocks and read only on request.

use std::ops::Range;
use std::rc::Rc;

use clew_core::format::StoredExtent;
use clew_core::graph::{BLOCK_LENGTH, Mention};
use clew_core::id::BlockId;

use crate::kinds;
use crate::limits::BATCH;
use crate::stored_value::{NodeView, ReadError, StoredValue};

/// A range of a stored extent.
#[derive(Debug, Clone, Copy)]
pub struct StoredMemory<'a> {
    stored: &'a StoredValue<'a>,
    extent: &'a StoredExtent,
    offset: u64,
    length: u64,
}

/// The part of a range in one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    block: BlockId,
    /// The offset in the block.
    from: u64,
    /// The length, at most to the block's end.
    length: u64,
}

impl<'a> StoredMemory<'a> {
    fn of(stored: &'a StoredValue<'a>, mention: Mention) -> Option<Self> {
        let extent = stored.extent(mention.extent)?;
        let end = mention.offset.checked_add(mention.length)?;
        let most = (extent.blocks.len() as u64).saturating_mul(BLOCK_LENGTH);
        (end <= extent.length && extent.length <= most).then_some(Self {
            stored,
            extent,
            offset: mention.offset,
            length: mention.length,
        })
    }

    /// Returns its length in bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Returns whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Returns a part of it.
    pub fn slice(self, start: u64, length: u64) -> Option<Self> {
        let end = start.checked_add(length)?;
        (end <= self.length).then_some(Self {
            offset: self.offset + start,
            length,
            ..self
        })
    }

    /// Returns the number of bytes that may still be read of its value.
    pub fn left(&self) -> u64 {
        self.stored.left()
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// A block is missing or corrupted, or the limit of memory to read is exceeded.
    pub fn read(&self) -> Result<Vec<u8>, ReadError> {
        if self.length > self.left() {
            return Err(ReadError::TooLarge(self.length));
        }
        let mut bytes = Vec::new();
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < self.length {
            let piece = self.piece(at)?;
            at += piece.length.min(self.length - at);
            pieces.push(piece);
            if pieces.len() == BATCH || at >= self.length {
                self.take(&pieces, &mut bytes)?;
                pieces.clear();
            }
        }
        bytes.truncate(self.length as usize);
        Ok(bytes)
    }

    /// Reads all of it, unless it was read last.
    pub(crate) fn read_once(&self) -> Result<Rc<Vec<u8>>, ReadError> {
        let place = (std::ptr::from_ref(self.extent) as usize, self.offset, self.length);
        self.stored.once(place, || self.read())
    }

    /// Reads the blocks of consecutive pieces, and appends the bytes of the pieces.
    fn take(&self, pieces: &[Piece], bytes: &mut Vec<u8>) -> Result<(), ReadError> {
        let ids: Vec<BlockId> = pieces.iter().map(|piece| piece.block).collect();
        let size = pieces.iter().map(|piece| piece.length).sum();
        for (piece, block) in pieces.iter().zip(self.stored.read(&ids, size)?) {
            let end = (piece.from + piece.length) as usize;
            let part = block.get(piece.from as usize..end);
            bytes.extend_from_slice(part.ok_or(ReadError::Unknown("a block does not fit its extent"))?);
        }
        Ok(())
    }

    /// Returns the piece from `at` on, cut at the end of this memory.
    fn piece(&self, at: u64) -> Result<Piece, ReadError> {
        let at = self.offset + at;
        let (number, start, length) = block_at(self.extent.length, self.extent.column, at);
        let block = usize::try_from(number)
            .ok()
            .and_then(|number| self.extent.blocks.get(number));
        let end = (start + length).min(self.offset + self.length);
        Ok(Piece {
            block: *block.ok_or(ReadError::Unknown("memory has too few blocks"))?,
            from: at - start,
            length: end - at,
        })
    }

    /// Returns the ranges in which two pieces of memory, from their beginnings on, may differ, and the numbers of
    /// differing and compared blocks. Equal blocks are skipped, and no memory is read.
    ///
    /// # Errors
    /// An extent has too few blocks.
    pub fn differing(&self, other: &StoredMemory<'_>) -> Result<MemoryDifference, ReadError> {
        let end = self.length.min(other.length);
        let mut found = MemoryDifference::default();
        let mut at = 0;
        while at < end {
            let (one, two) = (self.piece(at)?, other.piece(at)?);
            let length = one.length.min(two.length).min(end - at).max(1);
            found.of += 1;
            if (one.block, one.from) != (two.block, two.from) {
                found.blocks += 1;
                match found.ranges.last_mut() {
                    Some(last) if last.end == at => last.end = at + length,
                    _ => found.ranges.push(at..at + length),
                }
            }
            at += length;
        }
        Ok(found)
    }

    /// Returns whether both have the same bytes, judged by their blocks.
    pub fn is_same(&self, other: &StoredMemory<'_>) -> bool {
        self.length == other.length && self.differing(other).is_ok_and(|found| found.ranges.is_empty())
    }

    /// Returns its blocks and the offsets in them: equal for equal memory that is cut alike.
    pub(crate) fn marks(&self) -> Vec<u8> {
        let mut marks = self.length.to_le_bytes().to_vec();
        let mut at = 0;
        while at < self.length {
            let Ok(piece) = self.piece(at) else { break };
            marks.extend_from_slice(&piece.block.0);
            marks.extend_from_slice(&piece.from.to_le_bytes());
            at += piece.length.max(1);
        }
        marks
    }
}

/// Bytes of a value.
#[derive(Debug, Clone)]
pub enum Bytes<'a> {
    /// In the stream.
    Inline(&'a [u8]),
    /// In memory that has not been read yet.
    Memory(StoredMemory<'a>),
    /// Read.
    Read(Rc<Vec<u8>>),
}

impl<'a> Bytes<'a> {
    /// Returns the bytes of a node: no bytes for Python's `None`.
    pub(crate) fn of(view: NodeView<'a>) -> Option<Self> {
        match view.kind() {
            kinds::NONE => Some(Self::Inline(&[])),
            kinds::BYTES | kinds::MEMORY | kinds::BYTEARRAY => match view.node().buffer {
                Some(_) => view.memory().map(Self::Memory),
                None if view.kind() == kinds::BYTES => Some(Self::Inline(view.payload())),
                None => Some(Self::Inline(&[])),
            },
            _ => None,
        }
    }

    /// Returns their number.
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(memory) => memory.len(),
            other => other.loaded().len() as u64,
        }
    }

    /// Returns the number of bytes that have not been read yet.
    pub fn cost(&self) -> u64 {
        match self {
            Self::Memory(memory) => memory.len(),
            Self::Inline(_) | Self::Read(_) => 0,
        }
    }

    /// Reads them.
    pub fn load(&mut self) -> Result<(), ReadError> {
        if let Self::Memory(memory) = self {
            *self = Self::Read(memory.read_once()?);
        }
        Ok(())
    }

    /// Returns the bytes that are available without reading.
    pub fn loaded(&self) -> &[u8] {
        match self {
            Self::Inline(bytes) => bytes,
            Self::Read(bytes) => bytes,
            Self::Memory(_) => &[],
        }
    }

    /// Reads `length` bytes in memory from `start` on, and no others; `None` if there are none.
    pub fn part(&self, start: Option<u64>, length: u64) -> Result<Option<Self>, ReadError> {
        let Self::Memory(memory) = self else { return Ok(None) };
        let part = start.and_then(|start| memory.slice(start, length));
        let read = part.map(|part| part.read()).transpose()?;
        Ok(read.map(|bytes| Self::Read(Rc::new(bytes))))
    }

    /// Returns whether both are the same, judged by blocks, without reading them.
    pub fn is_same(&self, other: &Bytes<'_>) -> bool {
        match (self, other) {
            (Self::Inline(one), Bytes::Inline(two)) => one == two,
            (Self::Memory(one), Bytes::Memory(two)) => one.is_same(two),
            _ => false,
        }
    }
}

impl<'a> NodeView<'a> {
    /// Returns the memory of a node with a buffer.
    pub(crate) fn memory(self) -> Option<StoredMemory<'a>> {
        let mention = self.stored().mention(self.node().buffer?)?;
        StoredMemory::of(self.stored(), mention)
    }
}

/// The ranges in which two pieces of memory may differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryDifference {
    /// Ranges in bytes.
    pub ranges: Vec<Range<u64>>,
    /// Blocks that differ.
    pub blocks: u64,
    /// Blocks that were compared.
    pub of: u64,
}

/// Returns the number, start and length of the block of an extent that holds the byte at `at`: the inverse of
/// [`clew_core::graph::block_cuts`].
fn block_at(length: u64, column: u64, at: u64) -> (u64, u64, u64) {
    let column = if column == 0 || column > length { length } else { column };
    let column = column.saturating_mul((BLOCK_LENGTH / column.max(1)).max(1)).max(1);
    let (nth, within) = (at / column, at % column);
    let number = nth * column.div_ceil(BLOCK_LENGTH) + within / BLOCK_LENGTH;
    let start = at - within % BLOCK_LENGTH;
    let end = (start + BLOCK_LENGTH).min((nth + 1).saturating_mul(column)).min(length);
    (number, start, end - start)
}

#[cfg(test)]
mod tests {
    use clew_core::graph::block_cuts;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_byte_lies_in_the_block_that_the_cuts_say(length in 1_u64..1_000_000, column in 0_u64..300_000) {
            for (number, (start, size)) in block_cuts(length, column).enumerate() {
                for at in [start, start + size / 2, start + size - 1] {
                    prop_assert_eq!(block_at(length, column, at), (number as u64, start, size));
                }
            }
        }
    }
}
