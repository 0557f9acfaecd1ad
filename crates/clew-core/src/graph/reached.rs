//! What each root of a stream reaches by itself.

use std::collections::{BTreeMap, BTreeSet};

use xxhash_rust::xxh3::Xxh3;

use super::Arena;

/// What one root of a stream reaches: its value apart from the others', and where it touches them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reached {
    /// A hash of the value by itself: equal when the root alone could not be told from the other.
    pub hash: u128,
    /// Objects it reaches, by their numbers.
    pub nodes: BTreeSet<u32>,
    /// Buffers it reaches, by their mentions.
    pub buffers: BTreeSet<u32>,
}

/// What each root of `arena` reaches. `memory` gives bytes that stand for what the n-th buffer holds.
pub fn reached(arena: &Arena<'_>, memory: &dyn Fn(u32) -> Vec<u8>) -> Vec<Reached> {
    arena
        .roots()
        .iter()
        .map(|root| reached_by(arena, *root, memory))
        .collect()
}

fn reached_by(arena: &Arena<'_>, root: u32, memory: &dyn Fn(u32) -> Vec<u8>) -> Reached {
    let mut hasher = Xxh3::new();
    let mut found = Reached::default();
    let mut numbers: BTreeMap<u32, u32> = BTreeMap::new();
    let mut open = vec![root];
    while let Some(number) = open.pop() {
        if let Some(known) = numbers.get(&number) {
            hasher.update(b"back");
            hasher.update(&known.to_le_bytes());
            continue;
        }
        numbers.insert(number, numbers.len() as u32);
        let node = arena.node(number);
        hasher.update(&node.kind.to_le_bytes());
        hasher.update(&(node.payload.len() as u64).to_le_bytes());
        hasher.update(node.payload);
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
