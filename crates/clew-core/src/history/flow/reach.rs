//! The objects and memory that each root of a stored co-variable reaches, read from its stream if they were not recorded. Nothing
//! is built.

use std::collections::BTreeSet;

use super::ValueSource;
use crate::format::{Encoding, Version};
use crate::graph::{Arena, ArenaLimits, Mention, block_cuts, reached};

/// The maximum length of a stream that is read, in bytes. Beyond it, all of a co-variable counts as changed if a part changed.
/// Only values with handles, and values that were too large when they were recorded, lack a summary with the same information.
const LONGEST: u64 = 1 << 20;

/// The nodes and extents of a co-variable that one root reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RootReach {
    /// Equal if the two roots alone are indistinguishable.
    pub hash: u128,
    nodes: BTreeSet<u32>,
    extents: BTreeSet<u32>,
}

impl RootReach {
    /// Returns whether two roots of one co-variable reach a common object or extent.
    pub fn meets(&self, other: &Self) -> bool {
        !self.nodes.is_disjoint(&other.nodes) || !self.extents.is_disjoint(&other.extents)
    }
}

/// Returns what each root of a version reaches, in order; `None` if that cannot be determined.
pub(super) fn reach(values: &dyn ValueSource, version: &Version) -> Option<Vec<RootReach>> {
    let manifest = values.manifest(&version.manifest)?;
    let encoding = manifest.encoding()?;
    let memory: u64 = encoding.extents.iter().map(|extent| extent.length).sum();
    if encoding.bytes.saturating_sub(memory) > LONGEST {
        return None;
    }
    let stream = values.stream(encoding)?;
    let arena = Arena::parse(&stream, version.roots.len(), ArenaLimits::default()).ok()?;
    let mention = |buffer: u32| encoding.mentions.get(buffer as usize);
    let memory = |buffer: u32| mention(buffer).map_or_else(Vec::new, |mention| stored(encoding, mention));
    let found = reached(&arena, &BTreeSet::new(), &memory)
        .into_iter()
        .map(|reached| RootReach {
            hash: reached.hash,
            nodes: reached.nodes,
            extents: reached
                .buffers
                .iter()
                .filter_map(|buffer| mention(*buffer).map(|mention| mention.extent))
                .collect(),
        });
    Some(found.collect())
}

/// Represents the bytes of a buffer by the ids of the blocks that contain it, and its position in them.
fn stored(encoding: &Encoding, mention: &Mention) -> Vec<u8> {
    let Some(extent) = encoding.extents.get(mention.extent as usize) else {
        return Vec::new();
    };
    let end = mention.offset.saturating_add(mention.length);
    let mut found = mention.length.to_le_bytes().to_vec();
    for ((start, length), block) in block_cuts(extent.length, extent.column).zip(&extent.blocks) {
        if start < end && start + length > mention.offset {
            found.extend(start.wrapping_sub(mention.offset).to_le_bytes());
            found.extend(length.to_le_bytes());
            found.extend(block.0);
        }
    }
    found
}
