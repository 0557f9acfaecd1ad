//! Co-variables that were stored without some of their members: which members came back, and the outcome of each root.

use std::collections::{BTreeMap, BTreeSet};

use xxhash_rust::xxh3::xxh3_128;

use crate::cause::Cause;
use crate::format::MemberGap;
use crate::graph::{
    Arena, ArenaLimits, CoVariable, Extent, ExtentMemory, Heap, Mention, Reachability, first_difference, roots_reaching,
};
use crate::id::Root;
use crate::kernel::{MissingMembers, StoredCoVariable};
use crate::plan::OutcomeKind;

/// The parts of a stored co-variable besides its nodes. They are compared individually if a member is missing, since the
/// fingerprint of the whole then always differs.
pub(super) struct StoredParts {
    unstored: BTreeSet<u32>,
    hashes: Vec<u128>,
    mentions: Vec<Mention>,
}

impl StoredParts {
    /// Returns the parts on which a co-variable is built; without hashes if all its members are stored.
    pub fn of<M: ExtentMemory>(stored: &StoredCoVariable<'_, M>, opaque: u16) -> Self {
        let arena = stored.arena;
        let numbers = 0..arena.len() as u32;
        let unstored: BTreeSet<u32> = numbers.filter(|number| arena.node(*number).kind == opaque).collect();
        let extents = stored.extents.iter().filter(|_| !unstored.is_empty());
        Self {
            hashes: extents.map(|extent| xxh3_128(extent.bytes())).collect(),
            mentions: stored.mentions.to_vec(),
            unstored,
        }
    }

    /// Returns the members that were not stored and are the live ones, with the paths that `name` gives them.
    pub fn live(
        &self,
        missing: &MissingMembers,
        name: impl FnOnce(&BTreeMap<u32, String>) -> Vec<MemberGap>,
    ) -> Vec<MemberGap> {
        let live = self.unstored.difference(&missing.numbers);
        let live: BTreeMap<u32, String> = live.map(|number| (*number, String::new())).collect();
        if live.is_empty() { Vec::new() } else { name(&live) }
    }

    /// Returns whether the built objects equal the stored ones, except below the `missing` nodes.
    pub fn is_all_of<H: Heap>(&self, heap: &H, arena: &Arena<'_>, built: &CoVariable, missing: &BTreeSet<u32>) -> bool {
        let Ok(other) = Arena::parse(&built.stream, built.roots.len(), ArenaLimits::default()) else {
            return false;
        };
        let hash = |extent: &Extent| match extent.length {
            0 => Some(xxh3_128(&[])),
            length => heap.bytes(extent.address, length).map(xxh3_128),
        };
        first_difference(arena, &other, missing).is_none()
            && self.mentions == built.mentions
            && self.hashes.len() == built.extents.len()
            && built
                .extents
                .iter()
                .zip(&self.hashes)
                .all(|(extent, was)| hash(extent) == Some(*was))
    }
}

/// Returns the outcomes of roots that are missing, that reach a member which was not stored (missing or `live`), or that are live
/// objects themselves. `kind` is the outcome of the others, and `why` is another difference.
pub(super) fn outcomes(
    roots: &[Root],
    arena: &Arena<'_>,
    missing: &MissingMembers,
    live: &[MemberGap],
    opaque: u16,
    kind: OutcomeKind,
    why: Option<&str>,
) -> BTreeMap<Root, (OutcomeKind, Option<String>)> {
    let mut found = BTreeMap::new();
    if missing.numbers.is_empty() && live.is_empty() {
        return found;
    }
    for (nth, (root, reaching)) in roots.iter().zip(roots_reaching(arena, &missing.numbers)).enumerate() {
        let of_root = |gap: &&MemberGap| gap.root as usize == nth;
        let mut gaps = missing.gaps.iter().filter(of_root);
        let number = arena.roots()[nth];
        if arena.node(number).kind == opaque && !missing.numbers.contains(&number) {
            found.insert(root.clone(), (OutcomeKind::Unchanged, None));
            continue;
        }
        let (kind, why) = match (reaching, gaps.next()) {
            (Reachability::IsApart, _) => {
                let mut live = live.iter().filter(of_root);
                let Some(MemberGap { path, .. }) = live.next().filter(|_| why.is_none()) else {
                    continue;
                };
                let others = live.count();
                (kind, Cause::MemberLive { path, others }.into())
            }
            (Reachability::IsOne, Some(gap)) => (OutcomeKind::Lost, gap.why.clone()),
            (Reachability::Reaches, Some(MemberGap { path, why: reason, .. })) => {
                let others = gaps.count();
                let cause = Cause::MemberMissing { path, reason, others };
                (
                    OutcomeKind::NotIdentical,
                    why.map_or_else(|| cause.into(), |why| cause.behind(why)),
                )
            }
            (Reachability::IsOne, None) => (OutcomeKind::Lost, Cause::NotRecorded.into()),
            (Reachability::Reaches, None) => (OutcomeKind::NotIdentical, Cause::NotRecorded.into()),
        };
        found.insert(root.clone(), (kind, Some(why)));
    }
    found
}
