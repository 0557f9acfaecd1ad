//! The look: walks all given roots, groups them into co-variables and computes their fingerprints.
//!
//! It has two steps. First it walks each root once, with one shared table of identities. An object reached from two roots, or
//! memory referred to from two roots, joins them (Kishu, section 4: connected components instead of pairwise tests). Groups of
//! one root are then complete. Larger groups are walked once more, jointly and in the order of their roots, so that their stream
//! does not depend on the other roots of the look.

use std::collections::BTreeSet;

use super::arena::{Arena, ArenaLimits};
use super::block_hash::{hash_blocks, hash_memory};
use super::extent::{BufferView, Extent, Mention, merge, overlapping};
use super::heap::Heap;
use super::subgraph::SubgraphMark;
use super::union_find::UnionFind;
use super::walk::{Aside, Opaque, Walk, WalkOutput};
use crate::cause::Cause;
use crate::id::{Fingerprint, Root};

/// Roots whose reachable mutable objects or memory overlap, as they are now.
#[derive(Debug)]
pub struct CoVariable {
    /// Its roots, sorted.
    pub roots: Vec<Root>,
    /// The hash of the value. It contains the identity of objects without a value, so that a value with such an object equals
    /// only itself.
    pub fingerprint: Fingerprint,
    /// The canonical stream of all roots (see `docs/format.md`).
    pub stream: Vec<u8>,
    /// Data that is stored beside the stream and not compared.
    pub asides: Vec<Aside>,
    /// Its memory, each byte once.
    pub extents: Vec<Extent>,
    /// XXH3-128 of every block of every extent, in order.
    pub block_hashes: Vec<Vec<u128>>,
    /// The position of the n-th buffer of the stream.
    pub mentions: Vec<Mention>,
    /// The buffers of the stream in live memory.
    pub views: Vec<BufferView>,
    /// Objects without a value that could be compared or stored.
    pub opaque: Vec<Opaque>,
    /// The number of nodes in the stream.
    pub nodes: u32,
    /// Whether some of its memory is no longer as the user's code wrote it: [`Heap::is_lost`]. It is opaque then.
    pub is_lost: bool,
    /// The mark of the subgraph that its marked roots reach; `None` if none or all of its roots are marked.
    pub subgraph: Option<SubgraphMark>,
}

impl CoVariable {
    /// Returns whether all objects without a value can be omitted when the objects that hold them are stored.
    pub fn is_whole_but_for_leaves(&self) -> bool {
        self.opaque.iter().all(|opaque| opaque.is_leaf)
    }

    /// Returns whether every root is bound to an object without a value, so that there is nothing else to store.
    pub fn has_only_opaque_roots(&self) -> bool {
        let Ok(arena) = Arena::parse(&self.stream, self.roots.len(), ArenaLimits::default()) else {
            return true;
        };
        let is_opaque = |number: &u32| self.opaque.iter().any(|opaque| opaque.number == *number);
        arena.roots().iter().all(is_opaque)
    }

    /// Returns the hashes of the blocks of one of its extents.
    fn hashes_of(&self, extent: &Extent) -> Option<Vec<u128>> {
        let at = self.extents.iter().position(|other| other == extent)?;
        self.block_hashes.get(at).cloned()
    }

    /// Returns the size of its memory in bytes.
    pub fn buffer_bytes(&self) -> u64 {
        self.extents.iter().map(|extent| extent.length).sum()
    }
}

/// The result of a look.
#[derive(Debug)]
pub struct LookResult<O> {
    /// The co-variables, in the order of their first roots.
    pub covariables: Vec<CoVariable>,
    /// All roots with their objects, including the discovered ones.
    pub roots: Vec<(Root, O)>,
}

/// Walks `roots` and every root discovered on the way, groups them and computes fingerprints.
///
/// The caller calls [`Heap::release`] when it no longer needs the memory of the extents.
pub fn look<H: Heap>(heap: &mut H, roots: Vec<(Root, H::Object)>) -> LookResult<H::Object> {
    Grouped::of(heap, roots, &BTreeSet::new()).finish(heap)
}

/// Does the same, and creates one mark for the roots of `marked` in each co-variable of several roots.
pub fn look_marking<H: Heap>(
    heap: &mut H,
    roots: Vec<(Root, H::Object)>,
    marked: &BTreeSet<Root>,
) -> LookResult<H::Object> {
    Grouped::of(heap, roots, marked).finish(heap)
}

/// Does the same, where `roots` include subgraphs of co-variables that are not walked completely; the result omits these. Returns
/// `None` if one of them has another mark, or shares objects or memory with the other roots: then its whole co-variable must be
/// walked.
pub fn look_beside<H: Heap>(
    heap: &mut H,
    roots: Vec<(Root, H::Object)>,
    marked: &BTreeSet<Root>,
    subgraphs: &[&SubgraphMark],
) -> Option<LookResult<H::Object>> {
    let of_subgraphs = subgraphs.iter().flat_map(|mark| mark.roots.iter().cloned());
    let marked = marked.iter().cloned().chain(of_subgraphs).collect();
    let mut grouped = Grouped::of(heap, roots, &marked);
    subgraphs
        .iter()
        .all(|mark| grouped.takes_out(heap, mark))
        .then(|| grouped.finish(heap))
}

/// Roots that were walked individually and grouped.
struct Grouped<O> {
    /// First the roots to be marked, then the others, each part sorted, then the discovered ones.
    roots: Vec<(Root, O)>,
    written: Vec<Option<WalkOutput>>,
    /// The number of roots to be marked.
    marked: usize,
    groups: Vec<Vec<usize>>,
}

impl<O: Copy + Eq + std::hash::Hash> Grouped<O> {
    fn of<H: Heap<Object = O>>(heap: &mut H, mut roots: Vec<(Root, O)>, marked: &BTreeSet<Root>) -> Self {
        // Roots that an earlier walk discovered may no longer exist.
        drop(heap.discovered());
        keep_all(heap, &mut roots);
        // The walk of a root stops at objects that another root has already reached.
        roots.sort_by_key(|(root, _)| !marked.contains(root));
        let marked = roots.iter().take_while(|(root, _)| marked.contains(root)).count();
        let mut known: BTreeSet<Root> = roots.iter().map(|(root, _)| root.clone()).collect();
        let mut written: Vec<WalkOutput> = Vec::new();
        let mut sets = UnionFind::default();
        let mut walk = Walk::new(heap);
        while written.len() < roots.len() {
            for (owner, (_, object)) in roots.iter().enumerate().skip(written.len()) {
                walk.notes_addresses = owner < marked;
                walk.root(*object, owner);
                walk.sections();
                written.push(walk.take());
                sets.add();
            }
            let mut discovered = walk.heap().discovered();
            discovered.retain(|(root, _)| known.insert(root.clone()));
            keep_all(walk.heap(), &mut discovered);
            roots.extend(discovered);
        }
        for (one, other) in walk.into_joins() {
            sets.join(one, other);
        }
        let views = written.iter().enumerate();
        let views = views.flat_map(|(owner, written)| written.views.iter().map(move |view| (view, owner)));
        join_by_memory(views, &mut sets);
        Self {
            roots,
            written: written.into_iter().map(Some).collect(),
            marked,
            groups: sets.groups(),
        }
    }

    /// Takes the walk output of the marked roots of `group`.
    fn take(&mut self, group: &[usize]) -> Vec<(Root, WalkOutput)> {
        let marked = group.iter().filter(|index| **index < self.marked);
        marked
            .filter_map(|index| Some((self.roots[*index].0.clone(), self.written[*index].take()?)))
            .collect()
    }

    /// Removes the roots of a subgraph; returns false if the subgraph changed or is connected to other roots.
    fn takes_out<H: Heap<Object = O>>(&mut self, heap: &H, mark: &SubgraphMark) -> bool {
        let is_of_mark = |index: &usize| mark.roots.contains(&self.roots[*index].0);
        let (own, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.groups)
            .into_iter()
            .partition(|group| group.iter().any(is_of_mark));
        self.groups = others;
        let is_alone = own.iter().flatten().all(is_of_mark);
        let mut own: Vec<usize> = own.into_iter().flatten().collect();
        own.sort_unstable();
        let own = self.take(&own);
        // Where the rest of its co-variable refers to raw memory, any root that refers to the same memory is joined with it.
        let mut others = self.written.iter().flatten().flat_map(|written| &written.views);
        let is_alone = is_alone && others.all(|view| overlapping(&mark.raw, view).is_none());
        is_alone && SubgraphMark::of(heap, &own, &[], &|_| None).is_some_and(|found| found.is_equal(mark))
    }

    /// Creates the mark for the marked roots of a group.
    fn mark<H: Heap<Object = O>>(
        &mut self,
        heap: &H,
        group: &[usize],
        covariable: &CoVariable,
    ) -> Option<SubgraphMark> {
        let parts = self.take(group);
        let others = group.iter().filter_map(|index| self.written[*index].take());
        let others: Vec<WalkOutput> = others.collect();
        let is_part = !parts.is_empty() && !others.is_empty();
        is_part
            .then(|| SubgraphMark::of(heap, &parts, &others, &|extent| covariable.hashes_of(extent)))
            .flatten()
    }

    fn finish<H: Heap<Object = O>>(mut self, heap: &mut H) -> LookResult<O> {
        let mut covariables: Vec<CoVariable> = Vec::new();
        let mut is_out = vec![true; self.roots.len()];
        for group in std::mem::take(&mut self.groups) {
            let members: Vec<_> = group.iter().map(|index| self.roots[*index].clone()).collect();
            group.iter().for_each(|index| is_out[*index] = false);
            covariables.push(if let [only] = group.as_slice() {
                let written = self.written[*only].take().unwrap_or_default();
                finish(heap, vec![members[0].0.clone()], written)
            } else {
                let mut covariable = look_jointly(heap, members);
                covariable.subgraph = self.mark(heap, &group, &covariable);
                covariable
            });
        }
        covariables.sort_by(|one, other| one.roots.cmp(&other.roots));
        let mut is_out = is_out.into_iter();
        self.roots.retain(|_| is_out.next() == Some(false));
        LookResult {
            covariables,
            roots: self.roots,
        }
    }
}

/// Sorts roots and keeps their objects, since the code that describes one may rebind another.
fn keep_all<H: Heap>(heap: &mut H, roots: &mut [(Root, H::Object)]) {
    roots.sort_by(|one, other| one.0.cmp(&other.0));
    for (_, object) in roots {
        heap.keep(*object);
    }
}

/// Walks `roots` as one co-variable, whether they overlap or not.
pub fn look_jointly<H: Heap>(heap: &mut H, mut roots: Vec<(Root, H::Object)>) -> CoVariable {
    keep_all(heap, &mut roots);
    let mut walk = Walk::new(heap);
    for (_, object) in &roots {
        walk.root(*object, 0);
    }
    walk.sections();
    let written = walk.take();
    finish(heap, roots.into_iter().map(|(root, _)| root).collect(), written)
}

/// Joins roots whose memory overlaps, unless both copy on write.
pub(super) fn join_by_memory<'v>(views: impl Iterator<Item = (&'v BufferView, usize)>, sets: &mut UnionFind) {
    let mut views: Vec<(&BufferView, usize)> = views.filter(|(view, _)| view.length > 0).collect();
    views.sort_by_key(|(view, _)| (view.address, view.length));
    // The raw view that reaches furthest so far, and every copying view that is still open.
    let mut raw: Option<(u64, usize)> = None;
    let mut copying: Vec<(u64, usize)> = Vec::new();
    for (view, owner) in views {
        let end = view.address + view.length;
        copying.retain(|(end, _)| *end > view.address);
        if let Some((_, first)) = raw.filter(|(reach, _)| *reach > view.address) {
            sets.join(first, owner);
        }
        if view.copies_on_write {
            copying.push((end, owner));
            continue;
        }
        for (_, other) in &copying {
            sets.join(*other, owner);
        }
        if raw.is_none_or(|(reach, _)| reach < end) {
            raw = Some((end, owner));
        }
    }
}

fn finish<H: Heap>(heap: &H, roots: Vec<Root>, mut written: WalkOutput) -> CoVariable {
    let (extents, mentions) = merge(&written.views);
    let hashes: Option<Vec<Vec<u128>>> = extents.iter().map(|extent| hash_memory(heap, extent)).collect();
    let block_hashes = hashes.unwrap_or_else(|| {
        // Hashing an empty list instead of the bytes would make different values equal.
        written.opaque.push(Opaque {
            number: 0,
            why: Cause::NoMemory.into(),
            is_leaf: false,
        });
        vec![Vec::new(); extents.len()]
    });
    let is_lost = extents.iter().any(|extent| heap.is_lost(extent));
    if is_lost {
        let lost = Opaque {
            number: 0,
            why: Cause::MemoryLost.into(),
            is_leaf: false,
        };
        written.opaque.insert(0, lost);
    }
    let fingerprint = fingerprint(&roots, &written.stream, &extents, &mentions, &block_hashes);
    CoVariable {
        roots,
        fingerprint,
        stream: written.stream,
        asides: written.asides,
        extents,
        block_hashes,
        mentions,
        views: written.views,
        opaque: written.opaque,
        nodes: written.nodes,
        is_lost,
        subgraph: None,
    }
}

/// Computes the fingerprint of a co-variable that was not built. Its memory is given as (bytes of one column, bytes).
pub(crate) fn fingerprint_of(
    roots: &[Root],
    stream: &[u8],
    memory: &[(u64, Vec<u8>)],
    mentions: &[Mention],
) -> Fingerprint {
    let extents: Vec<Extent> = memory
        .iter()
        .map(|(column, bytes)| Extent {
            address: 0,
            length: bytes.len() as u64,
            column: *column,
        })
        .collect();
    let hashes: Vec<Vec<u128>> = memory
        .iter()
        .map(|(column, bytes)| hash_blocks(bytes, *column))
        .collect();
    fingerprint(roots, stream, &extents, mentions, &hashes)
}

pub(super) fn fingerprint(
    roots: &[Root],
    stream: &[u8],
    extents: &[Extent],
    mentions: &[Mention],
    block_hashes: &[Vec<u128>],
) -> Fingerprint {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    hasher.update(&[Fingerprint::VERSION]);
    for root in roots {
        hasher.update(root.kind.word().as_bytes());
        hasher.update(&(root.key.len() as u64).to_be_bytes());
        hasher.update(root.key.as_bytes());
    }
    hasher.update(&(stream.len() as u64).to_be_bytes());
    hasher.update(stream);
    for mention in mentions {
        hasher.update(&mention.extent.to_be_bytes());
        hasher.update(&mention.offset.to_be_bytes());
        hasher.update(&mention.length.to_be_bytes());
    }
    for (extent, hashes) in extents.iter().zip(block_hashes) {
        hasher.update(&extent.length.to_be_bytes());
        hasher.update(&extent.column.to_be_bytes());
        for hash in hashes {
            hasher.update(&hash.to_be_bytes());
        }
    }
    Fingerprint(hasher.digest128().to_be_bytes())
}
