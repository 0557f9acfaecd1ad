//! Compares the stored values of two looks like `clew diff` compares those of two runs.

use std::cell::Cell;
use std::collections::HashMap;

use clew_core::format::{Encoding, StoredExtent};
use clew_core::graph::{CoVariable, block_cuts};
use clew_core::id::{BlockId, Root};
use clew_core::store::StoreError;
use clew_value::compare::{Detail, compare};
use clew_value::{Blocks, ReadLimits, StoredValue};

/// Memory of a look, cut into blocks like in the store.
#[derive(Default)]
struct Cut {
    blocks: HashMap<BlockId, Vec<u8>>,
    read: Cell<u64>,
}

impl Blocks for Cut {
    fn blocks(&self, ids: &[BlockId]) -> Result<Vec<Vec<u8>>, StoreError> {
        self.read.set(self.read.get() + ids.len() as u64);
        Ok(ids.iter().map(|id| self.blocks[id].clone()).collect())
    }
}

impl Cut {
    fn cut(&mut self, found: &CoVariable, extents: &[Vec<u8>]) -> Encoding {
        let stored = found.extents.iter().zip(extents).map(|(extent, bytes)| {
            let blocks = block_cuts(extent.length, extent.column).map(|(start, length)| {
                let block = &bytes[start as usize..(start + length) as usize];
                self.blocks.insert(BlockId::of(block), block.to_vec());
                BlockId::of(block)
            });
            StoredExtent {
                length: extent.length,
                column: extent.column,
                blocks: blocks.collect(),
            }
        });
        Encoding {
            extents: stored.collect(),
            mentions: found.mentions.clone(),
            ..Encoding::default()
        }
    }
}

/// One look: the co-variable, and its memory.
pub(super) struct Look<'a> {
    pub found: &'a CoVariable,
    pub extents: &'a [Vec<u8>],
    /// The stream to use instead of the co-variable's own.
    pub stream: Option<&'a [u8]>,
}

impl Look<'_> {
    fn nth(&self, name: &str) -> usize {
        let is_it = |root: &Root| root.key == name;
        self.found.roots.iter().position(is_it).unwrap_or(usize::MAX)
    }

    fn stream(&self) -> &[u8] {
        self.stream.unwrap_or(&self.found.stream)
    }
}

/// Returns the differences between two looks at a name, and how many blocks were read for that.
pub(super) fn compared(name: &str, before: &Look<'_>, after: &Look<'_>, memory: Option<u64>) -> (Detail, u64) {
    let limits = ReadLimits {
        memory_bytes: memory.unwrap_or(ReadLimits::default().memory_bytes),
        ..ReadLimits::default()
    };
    let mut cut = Cut::default();
    let (was, is) = (
        cut.cut(before.found, before.extents),
        cut.cut(after.found, after.extents),
    );
    let nameless = |_: &str| None;
    let opened = (
        StoredValue::open(
            before.stream(),
            &was,
            before.found.roots.len(),
            &cut,
            &nameless,
            &limits,
        ),
        StoredValue::open(after.stream(), &is, after.found.roots.len(), &cut, &nameless, &limits),
    );
    let unread = |why: String| Detail::Unread { why };
    let detail = match &opened {
        (Ok(one), Ok(two)) => match (one.root(before.nth(name)), two.root(after.nth(name))) {
            (Some(one), Some(two)) => compare(one, two, &limits),
            _ => unread("no roots".to_owned()),
        },
        (Err(error), _) | (_, Err(error)) => unread(error.to_string()),
    };
    (detail, cut.read.get())
}
