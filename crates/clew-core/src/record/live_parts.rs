//! The live objects that a version contains, and the values around them.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::{Arena, ArenaLimits, CoVariable, Heap, reached};
use crate::id::Root;

/// The identity of the object to which a root is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectMark {
    /// A live object: its serial number is unique forever.
    Serial(u64),
    /// Any other object. Its address may be reused after it is freed.
    Address(u64),
}

/// One root of a version that contains live objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LivePart {
    pub object: ObjectMark,
    /// The hash of the root alone, without objects that have no value.
    pub hash: u128,
    /// The serial numbers of the live objects that it reaches, in the order in which it reaches them.
    serials: Vec<u64>,
}

impl LivePart {
    /// Returns whether the root reaches a live object.
    pub fn is_opaque(&self) -> bool {
        !self.serials.is_empty()
    }

    /// Returns whether the root is unchanged: the same value alone, and the same live objects.
    pub fn is_as(&self, other: &Self) -> bool {
        (self.hash, &self.serials) == (other.hash, &other.serials)
    }
}

/// The contents of a version with live objects, as recorded.
#[derive(Debug, Clone)]
pub(crate) struct LiveParts {
    /// The serial numbers of its live objects.
    serials: BTreeSet<u64>,
    /// One part for each root, in order.
    pub parts: Vec<LivePart>,
    /// Whether some of them use memory that other objects may use, too.
    pub is_over_shared_memory: bool,
}

impl LiveParts {
    /// Returns the parts of a co-variable; `None` if it has no live objects, or if its memory was lost.
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

    /// Returns the serial numbers of its live objects.
    pub fn serials(&self) -> impl Iterator<Item = u64> {
        self.serials.iter().copied()
    }

    /// Returns the indices of roots whose values alone differ from `other`, apart from live objects. Both have the same roots.
    pub fn differing(&self, other: &Self) -> impl Iterator<Item = usize> {
        let pairs = self.parts.iter().zip(&other.parts).enumerate();
        pairs
            .filter(|(_, (one, other))| one.hash != other.hash)
            .map(|(nth, _)| nth)
    }

    /// Returns whether all roots are bound to the same objects as in `other`.
    pub fn are_bound_as(&self, other: &Self) -> bool {
        let marks = |parts: &Self| parts.parts.iter().map(|part| part.object).collect::<Vec<_>>();
        marks(self) == marks(other)
    }
}

/// Returns whether an object without a value uses memory that is not its own, judging by the reason that the kernel gives.
fn is_over_shared_memory(why: &str) -> bool {
    ["memory mapped from a file", "memory shared between processes"]
        .iter()
        .any(|memory| why.ends_with(memory))
}

/// Returns bytes that represent the contents of a buffer.
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
