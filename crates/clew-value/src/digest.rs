//! Compares two parts by a hash of everything below a node.
//!
//! The hash covers memory by its block ids, so that no memory is read. Equal memory that is cut into other blocks has
//! another digest: equal digests mean equal values, but different digests do not prove different values.

use clew_core::limits::VALUE_DEPTH;

use clew_core::id::Fingerprint;

use crate::kinds;
use crate::stored_value::NodeView;

/// The most nodes that one digest covers: digests match keys, members and items of short lists.
const MOST: u64 = 100_000;

/// Returns the hash of a part. A part that is too deep or too large to be hashed as a whole equals no other part.
pub(crate) fn digest(view: NodeView<'_>) -> u128 {
    let mut left = MOST;
    u128::from_be_bytes(of(view, 0, &mut Vec::new(), &mut left))
}

/// Returns whether the digests of both are equal.
pub(crate) fn is_same(one: NodeView<'_>, two: NodeView<'_>) -> bool {
    one.kind() == two.kind() && digest(one) == digest(two)
}

fn of(view: NodeView<'_>, depth: usize, above: &mut Vec<u32>, left: &mut u64) -> [u8; 16] {
    *left = left.saturating_sub(1);
    let mut bytes = view.kind().to_le_bytes().to_vec();
    if let Some(up) = above.iter().rev().position(|number| *number == view.number()) {
        // No payload is so long: a node in itself is not an empty one.
        bytes.extend_from_slice(&(u64::MAX - up as u64).to_le_bytes());
        return Fingerprint::of(&bytes).0;
    }
    bytes.extend_from_slice(&(view.payload().len() as u64).to_le_bytes());
    bytes.extend_from_slice(view.payload());
    if let Some(memory) = view.memory() {
        bytes.extend(memory.marks());
    }
    if (depth >= VALUE_DEPTH || *left == 0) && !view.items(0).is_empty() {
        // Parts beyond the limits must equal no other part: equal digests must mean equal values.
        bytes.extend_from_slice(&(std::ptr::from_ref(view.stored()) as usize).to_le_bytes());
        bytes.extend_from_slice(&view.number().to_le_bytes());
    } else {
        above.push(view.number());
        let mut parts: Vec<[u8; 16]> = view
            .items(0)
            .iter()
            .map(|part| of(part, depth + 1, above, left))
            .collect();
        above.pop();
        if matches!(view.kind(), kinds::SET | kinds::FROZENSET) {
            parts.sort_unstable();
        }
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
    }
    Fingerprint::of(&bytes).0
}
