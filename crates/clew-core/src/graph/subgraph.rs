//! Marks of subgraphs: they detect whether the objects that some roots of a co-variable reach have changed.
//!
//! A frame that was passed to a figure is in one co-variable with it, since the figure holds the frame. A cell that reads the
//! frame cannot change the figure through it, but only objects that the frame reaches. If the mark of these objects is unchanged,
//! so is the whole co-variable, and it need not be walked.

use super::block_hash::hash_memory;
use super::extent::{BufferView, Extent, merge, raw_over};
use super::heap::Heap;
use super::walk::WalkOutput;
use crate::id::Root;

/// The mark of the objects that some roots of a co-variable reach. It covers values, memory and addresses, so that an object
/// replaced by an equal one counts as a change: the other roots of the co-variable may still hold the old one. It is valid as
/// long as the other roots keep the objects shared with these roots, and at most until the next walk of the co-variable.
#[derive(Debug, Clone)]
pub struct SubgraphMark {
    /// The roots, sorted; not all roots of the co-variable.
    pub roots: Vec<Root>,
    /// Memory that the other roots also refer to without copying on write, as sorted, disjoint ranges.
    pub(super) raw: Vec<(u64, u64)>,
    hash: u128,
}

impl SubgraphMark {
    /// Computes the mark from `parts`, the output of the walk of each of these roots. `others` is the output of the walks of the
    /// other roots of the co-variable. Memory whose hashes are `known` is not hashed again. Returns `None` if an object has no
    /// value that could be compared.
    pub(super) fn of<H: Heap>(
        heap: &H,
        parts: &[(Root, WalkOutput)],
        others: &[WalkOutput],
        known: &dyn Fn(&Extent) -> Option<Vec<u128>>,
    ) -> Option<Self> {
        if parts.iter().any(|(_, written)| !written.opaque.is_empty()) {
            return None;
        }
        let mut hasher = xxhash_rust::xxh3::Xxh3::new();
        let mut views: Vec<BufferView> = Vec::new();
        for (_, written) in parts {
            hasher.update(&(written.stream.len() as u64).to_be_bytes());
            hasher.update(&written.stream);
            hasher.update(&written.addresses.to_be_bytes());
            views.extend(&written.views);
        }
        for view in &views {
            hasher.update(&view.address.to_be_bytes());
            hasher.update(&view.length.to_be_bytes());
        }
        for extent in merge(&views).0 {
            if heap.is_lost(&extent) {
                return None;
            }
            for hash in known(&extent).or_else(|| hash_memory(heap, &extent))? {
                hasher.update(&hash.to_be_bytes());
            }
        }
        Some(Self {
            roots: parts.iter().map(|(root, _)| root.clone()).collect(),
            raw: raw_over(&views, others.iter().flat_map(|written| &written.views)),
            hash: hasher.digest128(),
        })
    }

    /// Returns whether nothing has changed since the other mark was computed.
    pub(super) fn is_equal(&self, other: &Self) -> bool {
        (self.hash, &self.roots) == (other.hash, &other.roots)
    }
}
