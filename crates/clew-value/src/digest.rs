//! Whether two parts are the same without comparing them word by word: a hash of what lies below a node.
//!
//! Memory goes into it by the blocks it lies in, so that nothing is read. Equal memory that is cut otherwise gives another
//! digest: two digests that agree mean the same value, two that differ need not mean another.

use clew_core::limits::VALUE_DEPTH;

use clew_core::id::Fingerprint;

use crate::kinds;
use crate::stored_value::NodeView;

/// Nodes that one digest looks at: what is matched by digests are keys, members and items of short lists.
const MOST: u64 = 100_000;

/// What a part hashes to. One that is too deep or too large to be looked at whole is the same as no other.
pub(crate) fn digest(view: NodeView<'_>) -> u128 {
    let mut left = MOST;
    u128::from_be_bytes(of(view, 0, &mut Vec::new(), &mut left))
}

/// Whether both are the same, as far as digests tell.
pub(crate) fn is_same(one: NodeView<'_>, two: NodeView<'_>) -> bool {
    one.kind() == two.kind() && digest(one) == digest(two)
}

fn of(view: NodeView<'_>, depth: usize, above: &mut Vec<u32>, left: &mut u64) -> [u8; 16] {
    *left = left.saturating_sub(1);
    let mut bytes = view.kind().to_le_bytes().to_vec();
    if let Some(up) = above.iter().rev().position(|number| *number == view.number()) {
        bytes.extend_from_slice(&(up as u64).to_le_bytes());
        return Fingerprint::of(&bytes).0;
    }
    bytes.extend_from_slice(&(view.payload().len() as u64).to_le_bytes());
    bytes.extend_from_slice(view.payload());
    if let Some(memory) = view.memory() {
        bytes.extend(memory.marks());
    }
    if (depth >= VALUE_DEPTH || *left == 0) && !view.items(0).is_empty() {
        // What was not looked at is the same as nothing: equal digests must mean equal values.
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
