//! Storing memory: the blocks that are not stored yet, with the content that the walk hashed.

use rustc_hash::{FxHashMap, FxHashSet};

use super::SessionWriter;
use crate::format::{FrameKind, StoredExtent};
use crate::graph::block_cuts;
use crate::id::BlockId;
use crate::store::StoreError;
use crate::store::packs::block_run::{Stretch, by_length, runs};
use crate::store::packs::index::{PackLocation, Placement};
use crate::store::packs::ingest::{BlockBatch, MemoryBlock, TornRead, each_copy};

/// Why memory was not stored.
enum Failed {
    Torn,
    Store(StoreError),
}

impl From<TornRead> for Failed {
    fn from(_: TornRead) -> Self {
        Self::Torn
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The state of storing an extent.
struct Putting<'b> {
    /// Offset and length of each block.
    cuts: Vec<(u64, u64)>,
    /// The hashes of the blocks that the walk computed.
    hashes: &'b [u128],
    ids: Vec<BlockId>,
    /// Blocks that are stored, or are being stored.
    met: FxHashSet<BlockId>,
    /// The blocks to copy, and how many of them were copied.
    unknown: Vec<usize>,
    taken: usize,
}

impl SessionWriter {
    /// Stores a piece of memory as blocks with the given `hashes` (XXH3-128); `None` if another thread wrote to it since it was hashed.
    /// `known` may give the ids of blocks, by position, that are unchanged since this session stored or loaded them: these are not read
    /// again. It may be shorter than the list of blocks.
    pub fn put_extent(
        &mut self,
        bytes: &[u8],
        column: u64,
        hashes: &[u128],
        known: &[Option<BlockId>],
    ) -> Result<Option<StoredExtent>, StoreError> {
        let cuts: Vec<(u64, u64)> = block_cuts(bytes.len() as u64, column).collect();
        if cuts.len() != hashes.len() {
            return Ok(None);
        }
        let mut putting = Putting {
            ids: vec![BlockId([0; 32]); cuts.len()],
            cuts,
            hashes,
            met: FxHashSet::default(),
            unknown: Vec::new(),
            taken: 0,
        };
        self.find_known(&mut putting, known)?;
        let seen: Vec<MemoryBlock<'_>> = putting
            .unknown
            .iter()
            .map(|index| putting.seen(bytes, *index))
            .collect();
        match each_copy(&seen, |portions| Ok(self.put_portions(&mut putting, portions)?)) {
            Ok(()) => Ok(Some(StoredExtent {
                length: bytes.len() as u64,
                column,
                blocks: putting.ids,
            })),
            // Blocks that were copied before are stored under their own ids, and may be used again.
            Err(Failed::Torn) => Ok(None),
            Err(Failed::Store(error)) => Err(error),
        }
    }

    fn find_known(&mut self, putting: &mut Putting<'_>, known: &[Option<BlockId>]) -> Result<(), StoreError> {
        for index in 0..putting.cuts.len() {
            match known.get(index).copied().flatten() {
                Some(id) if putting.met.contains(&id) || self.is_stored(&id.0, FrameKind::BLOCKS)? => {
                    putting.met.insert(id);
                    putting.ids[index] = id;
                }
                _ => putting.unknown.push(index),
            }
        }
        Ok(())
    }

    fn put_portions(&mut self, putting: &mut Putting<'_>, portions: &[BlockBatch]) -> Result<(), StoreError> {
        let (mut new, mut hashes) = (Vec::new(), FxHashMap::default());
        for portion in portions {
            let (mut stretches, mut at): (Vec<Stretch<'_>>, usize) = (Vec::new(), 0);
            for (id, length) in &portion.blocks {
                let index = putting.unknown[putting.taken];
                putting.taken += 1;
                putting.ids[index] = *id;
                let end = at + *length as usize;
                if putting.met.insert(*id) && !self.is_stored(&id.0, FrameKind::BLOCKS)? {
                    lengthen(&mut stretches, &portion.bytes, at..end, putting.cuts[index].0, *id);
                    hashes.insert(id.0, putting.hashes[index]);
                }
                at = end;
            }
            new.append(&mut stretches);
        }
        self.put_blocks(new, &hashes)
    }

    fn put_blocks(&mut self, new: Vec<Stretch<'_>>, hashes: &FxHashMap<[u8; 32], u128>) -> Result<(), StoreError> {
        let (small, large) = by_length(new);
        for stretch in small {
            self.pack()?.put_small(&stretch);
            self.flush_if_due()?;
        }
        if !large.is_empty() {
            self.pack()?;
            self.flush()?;
        }
        for run in runs(large) {
            let written = self.pack()?.write_run(&run);
            let places = written.as_ref().map_or_else(|_| Vec::new(), Clone::clone);
            self.publish(written)?;
            self.remember(&places, hashes);
        }
        Ok(())
    }

    /// Caches the hashes of the written blocks, so that a later mapping need not hash them.
    fn remember(&self, written: &[([u8; 32], PackLocation)], hashes: &FxHashMap<[u8; 32], u128>) {
        let Some(pack) = self.pack.as_ref().filter(|pack| pack.file.stamp().is_some()) else {
            return;
        };
        let mut index = self.store.index();
        for (id, place) in written {
            if let Some(hash) = hashes.get(id)
                && place.pack == pack.number
                && place.form == Placement::Raw
            {
                index.remember(place, *hash);
            }
        }
    }
}

impl Putting<'_> {
    fn seen<'b>(&self, bytes: &'b [u8], index: usize) -> MemoryBlock<'b> {
        let (offset, length) = self.cuts[index];
        MemoryBlock {
            bytes: &bytes[offset as usize..(offset + length) as usize],
            hash: self.hashes[index],
        }
    }
}

/// Adds a block, at `range` of a portion and at `offset` of its memory, to the last stretch of `new` if it directly follows there, and
/// otherwise as a new stretch.
fn lengthen<'b>(
    new: &mut Vec<Stretch<'b>>,
    portion: &'b [u8],
    range: std::ops::Range<usize>,
    offset: u64,
    id: BlockId,
) {
    let block = (id, range.len() as u32);
    match new.last_mut() {
        Some(last) if last.offset + last.bytes.len() as u64 == offset => {
            last.bytes = &portion[range.start - last.bytes.len()..range.end];
            last.blocks.push(block);
        }
        _ => new.push(Stretch {
            offset,
            bytes: &portion[range],
            blocks: vec![block],
        }),
    }
}
