//! The objects and memory that each root of a stream reaches.

use std::collections::{BTreeMap, BTreeSet};

use xxhash_rust::xxh3::Xxh3;

use super::Arena;

/// The kind of nodes with the address of something outside the session (`clew-value/src/kinds.rs`). They are part of a value, but
/// hashes of reachable parts ignore their payload: a client of a cluster is equivalent at another address.
pub const WHEREABOUTS: u16 = 52;

/// The parts of a stream that one root reaches: its value alone, and the objects and buffers that it may share with other roots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReachableParts {
    /// The hash of the value alone. It is equal if the two roots are indistinguishable, apart from addresses of things outside
    /// the session.
    pub hash: u128,
    /// Numbers of the objects that it reaches.
    pub nodes: BTreeSet<u32>,
    /// The same objects, in the order in which they are reached.
    pub order: Vec<u32>,
    /// Mentions of the buffers that it reaches.
    pub buffers: BTreeSet<u32>,
}

/// Returns what each root of `arena` reaches. `memory` returns bytes that represent the contents of the n-th buffer. Hashes
/// ignore the payloads of the nodes in `blank`.
pub fn reached(arena: &Arena<'_>, blank: &BTreeSet<u32>, memory: &dyn Fn(u32) -> Vec<u8>) -> Vec<ReachableParts> {
    arena
        .roots()
        .iter()
        .map(|root| reached_by(arena, *root, blank, memory))
        .collect()
}

fn reached_by(arena: &Arena<'_>, root: u32, blank: &BTreeSet<u32>, memory: &dyn Fn(u32) -> Vec<u8>) -> ReachableParts {
    let mut hasher = Xxh3::new();
    let mut found = ReachableParts::default();
    let mut numbers: BTreeMap<u32, u32> = BTreeMap::new();
    let mut open = vec![root];
    while let Some(number) = open.pop() {
        if let Some(known) = numbers.get(&number) {
            hasher.update(b"back");
            hasher.update(&known.to_le_bytes());
            continue;
        }
        numbers.insert(number, numbers.len() as u32);
        found.order.push(number);
        let node = arena.node(number);
        hasher.update(&node.kind.to_le_bytes());
        if node.kind != WHEREABOUTS && !blank.contains(&number) {
            hasher.update(&(node.payload.len() as u64).to_le_bytes());
            hasher.update(node.payload);
        }
        hasher.update(&(node.children.len() as u64).to_le_bytes());
        if let Some(buffer) = node.buffer {
            found.buffers.insert(buffer);
            hasher.update(&memory(buffer));
        }
        open.extend(node.children.iter().rev());
    }
    found.hash = hasher.digest128();
    found.nodes = numbers.into_keys().collect();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ArenaLimits;

    /// Returns the hash of a list (kind 11) of one node of kind `kind` with a payload of one letter.
    fn hash(kind: u16, letter: u8) -> u128 {
        let tag = u64::from(kind) << 2;
        let low = (tag & 0x7f) as u8 | 0x80;
        let stream = [11 << 2 | 1, 0, 1, low, (tag >> 7) as u8, 1, letter];
        let arena = Arena::parse(&stream, 1, ArenaLimits::default()).expect("it is a stream");
        reached(&arena, &BTreeSet::new(), &|_| Vec::new())[0].hash
    }

    #[test]
    fn where_something_outside_is_makes_no_difference_and_everything_else_does() {
        assert_eq!(hash(WHEREABOUTS, b'a'), hash(WHEREABOUTS, b'b'));
        assert_ne!(hash(51, b'a'), hash(51, b'b'));
        assert_ne!(hash(WHEREABOUTS, b'a'), hash(51, b'a'));
    }
}
