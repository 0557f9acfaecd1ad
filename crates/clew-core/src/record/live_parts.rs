//! Objects without a value that a version holds: which ones, and what is around them.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::{Arena, ArenaLimits, CoVariable, Heap, reached};
use crate::id::Root;

/// Which object a root is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectMark {
    /// An object without a value: no other one ever has its serial.
    Serial(u64),
    /// Any other object. Another one may lie there once it is gone.
    Address(u64),
}

/// One root of a version that holds objects without a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LivePart {
    pub object: ObjectMark,
    /// What the root hashes to by itself, but for what has no value.
    pub hash: u128,
    /// The serials of the objects without a value that it reaches, in the order in which it reaches them.
    serials: Vec<u64>,
}

impl LivePart {
    /// Whether the root reaches an object without a value.
    pub fn is_opaque(&self) -> bool {
        !self.serials.is_empty()
    }

    /// Whether the root is what it was: the same value by itself, and the same objects where there is none.
    pub fn is_as(&self, other: &Self) -> bool {
        (self.hash, &self.serials) == (other.hash, &other.serials)
    }
}

/// What a version that holds objects without a value held when it was recorded.
#[derive(Debug, Clone)]
pub(crate) struct LiveParts {
    /// The serials of its objects without a value.
    serials: BTreeSet<u64>,
    /// One for each root, in their order.
    pub parts: Vec<LivePart>,
    /// Whether some of them lie over memory that other objects may lie over, too.
    pub is_over_shared_memory: bool,
}

impl LiveParts {
    /// The parts of a co-variable; `None` if it has a value, or lost memory.
    pub fn of<H: Heap>(heap: &mut H, covariable: &CoVariable, objects: &BTreeMap<Root, H::Object>) -> Option<Self> {
        if covariable.opaque.is_empty() || covariable.is_lost {
            return None;
        }
        let arena = Arena::parse(&covariable.stream, covariable.roots.len(), ArenaLimits::default()).ok()?;
        let opaque: BTreeSet<u32> = covariable.opaque.iter().map(|opaque| opaque.number).collect();
        let serial_of = |number: &u32| Some(u64::from_be_bytes(arena.node(*number).payload.try_into().ok()?));
        let serials = opaque.iter().filter_map(serial_of).collect();
        let roots = covariable.roots.iter().zip(arena.roots());
        let parts = reached(&arena, &opaque, &|buffer| memory(covariable, buffer));
        let parts = roots.zip(parts).map(|((root, number), reached)| {
            let object = *objects.get(root)?;
            Some(LivePart {
                object: if opaque.contains(number) {
                    ObjectMark::Serial(heap.serial(object))
                } else {
                    ObjectMark::Address(heap.address(object))
                },
                hash: reached.hash,
                serials: {
                    let reached = reached.order.iter().filter(|number| opaque.contains(number));
                    reached.filter_map(serial_of).collect()
                },
            })
        });
        Some(Self {
            serials,
            parts: parts.collect::<Option<_>>()?,
            is_over_shared_memory: covariable
                .opaque
                .iter()
                .any(|opaque| is_over_shared_memory(&opaque.why)),
        })
    }

    /// The serials of its objects without a value.
    pub fn serials(&self) -> impl Iterator<Item = u64> {
        self.serials.iter().copied()
    }

    /// Roots whose value by itself is not what it is in `other`, but for objects without a value; both have the same roots.
    pub fn differing(&self, other: &Self) -> impl Iterator<Item = usize> {
        let pairs = self.parts.iter().zip(&other.parts).enumerate();
        pairs
            .filter(|(_, (one, other))| one.hash != other.hash)
            .map(|(nth, _)| nth)
    }

    /// Whether all roots are bound to the objects that they are bound to in `other`.
    pub fn are_bound_as(&self, other: &Self) -> bool {
        let marks = |parts: &Self| parts.parts.iter().map(|part| part.object).collect::<Vec<_>>();
        marks(self) == marks(other)
    }
}

/// Whether an object without a value lies over memory that is not its own, by the reason that the kernel gives for it.
fn is_over_shared_memory(why: &str) -> bool {
    ["memory mapped from a file", "memory shared between processes"]
        .iter()
        .any(|memory| why.ends_with(memory))
}

/// Bytes that stand for what a buffer holds.
fn memory(covariable: &CoVariable, buffer: u32) -> Vec<u8> {
    let Some(mention) = covariable.mentions.get(buffer as usize) else {
        return Vec::new();
    };
    let hashes = covariable
        .block_hashes
        .get(mention.extent as usize)
        .into_iter()
        .flatten();
    let place = mention
        .offset
        .to_be_bytes()
        .into_iter()
        .chain(mention.length.to_be_bytes());
    place.chain(hashes.flat_map(|hash| hash.to_be_bytes())).collect()
}
