//! Members of a co-variable: the fingerprint of each root alone, and the groups that the roots form without the outputs.
//!
//! A co-variable changes as a whole, since its roots share objects, but users want to know about each variable. So the parts of
//! the stream that a root reaches are written once more, exactly as a walk of that root alone would write them, and hashed in the
//! same way. A variable that was alone before the run can then be compared with its earlier fingerprint.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rustc_hash::FxHashMap;

use super::arena::{Arena, ArenaLimits};
use super::block_hash::hash_memory;
use super::extent::{BufferView, Extent, merge};
use super::heap::Heap;
use super::look::{CoVariable, fingerprint, join_by_memory};
use super::reference::{ReferableNode, References};
use super::stream::{DEFER, HAS_BUFFER, HAS_CHILDREN, write_varint};
use super::union_find::UnionFind;
use crate::id::{Fingerprint, Root, RootKind};

/// The maximum number of nodes that are written again for one co-variable. Beyond it, Clew does not determine which of its
/// variables changed.
const MOST_NODES: u64 = 4_000_000;

/// The maximum amount of memory that is hashed again for one co-variable, in bytes: ranges that only some of its roots refer to.
const MOST_BYTES: u64 = 64 << 20;

/// Fingerprints of the parts of a co-variable: of each root alone, and of groups of roots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberFingerprints {
    /// The fingerprint of each root alone, without outputs.
    pub alone: BTreeMap<Root, Fingerprint>,
    /// The size of each of these in bytes, including shared objects.
    pub bytes: BTreeMap<Root, u64>,
    /// The co-variables that the roots would form without the outputs, with their fingerprints.
    pub groups: Vec<(Vec<Root>, Fingerprint)>,
    /// For each of these roots, the others with which it directly shares an object or memory, as indices into all roots.
    pub shares: BTreeMap<Root, BTreeSet<u32>>,
}

impl MemberFingerprints {
    /// Computes the members of a co-variable that was just walked. Returns `None` if it has a single root, if a part without a
    /// value may hide a change, or if it is too large.
    pub fn of<H: Heap>(heap: &H, covariable: &CoVariable) -> Option<Self> {
        let roots = &covariable.roots;
        let has_outputs = roots.iter().any(is_output);
        if roots.len() < 2 && !has_outputs || !covariable.is_whole_but_for_leaves() {
            return None;
        }
        let variables: Vec<usize> = (0..roots.len()).filter(|index| !is_output(&roots[*index])).collect();
        if variables.is_empty() {
            return Some(Self::default());
        }
        let arena = Arena::parse(&covariable.stream, roots.len(), ArenaLimits::default()).ok()?;
        let mut reader = Reader {
            heap,
            covariable,
            arena: &arena,
            hashes: covariable
                .extents
                .iter()
                .zip(&covariable.block_hashes)
                .map(|(extent, hashes)| (key(extent), hashes))
                .collect(),
            nodes: 0,
            bytes: 0,
        };
        let mut members = Self::default();
        let mut sets = UnionFind::default();
        let mut owners = Owners::default();
        let mut views: Vec<(BufferView, usize)> = Vec::new();
        for (place, index) in variables.iter().enumerate() {
            sets.add();
            let copy = reader.copy(&[*index])?;
            if variables.len() > 1 {
                copy.met.keys().for_each(|node| owners.add(Part::Node(*node), place));
                let extents: BTreeSet<u32> = copy.mentions(&arena, covariable).collect();
                extents
                    .into_iter()
                    .for_each(|extent| owners.add(Part::Extent(extent), place));
                views.extend(copy.views.iter().map(|view| (*view, place)));
            }
            members
                .alone
                .insert(roots[*index].clone(), reader.fingerprint(&[*index], &copy)?);
            members.bytes.insert(roots[*index].clone(), copy.bytes());
        }
        for (place, near) in owners.shares(variables.len()).into_iter().enumerate() {
            let near = near.into_iter().map(|other| variables[other] as u32).collect();
            members.shares.insert(roots[variables[place]].clone(), near);
        }
        if !has_outputs {
            members.groups.push((roots.clone(), covariable.fingerprint));
            return Some(members);
        }
        owners.nodes().for_each(|(one, other)| sets.join(one, other));
        join_by_memory(views.iter().map(|(view, owner)| (view, *owner)), &mut sets);
        for group in sets.groups() {
            let indices: Vec<usize> = group.iter().map(|place| variables[*place]).collect();
            let of_group: Vec<Root> = indices.iter().map(|index| roots[*index].clone()).collect();
            let fingerprint = if let [only] = of_group.as_slice() {
                members.alone[only]
            } else {
                let copy = reader.copy(&indices)?;
                reader.fingerprint(&indices, &copy)?
            };
            members.groups.push((of_group, fingerprint));
        }
        Some(members)
    }
}

/// Returns whether a root is the output of a cell, which is only displayed and not a variable.
pub fn is_output(root: &Root) -> bool {
    root.kind == RootKind::Out
}

/// A part of a co-variable that several roots may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    Node(u32),
    Extent(u32),
}

/// The roots that reach each part. Sets of roots are numbered, since there are few sets even if there are many parts.
#[derive(Default)]
struct Owners {
    of: FxHashMap<Part, u32>,
    sets: Vec<BTreeSet<usize>>,
    /// The number of a set with one more root.
    grown: FxHashMap<(Option<u32>, usize), u32>,
}

impl Owners {
    /// Records that a root reaches a part.
    fn add(&mut self, part: Part, root: usize) {
        let before = self.of.get(&part).copied();
        let sets = &mut self.sets;
        let set = *self.grown.entry((before, root)).or_insert_with(|| {
            let mut set = before.map(|before| sets[before as usize].clone()).unwrap_or_default();
            set.insert(root);
            sets.push(set);
            (sets.len() - 1) as u32
        });
        self.of.insert(part, set);
    }

    /// Returns for each of `roots` roots the others that reach a part that it reaches.
    fn shares(&self, roots: usize) -> Vec<BTreeSet<usize>> {
        let used: BTreeSet<u32> = self.of.values().copied().collect();
        let mut near = vec![BTreeSet::new(); roots];
        for set in used.iter().map(|set| &self.sets[*set as usize]) {
            for root in set {
                near[*root].extend(set.iter().filter(|other| *other != root));
            }
        }
        near
    }

    /// Returns pairs of roots that join all roots with a common object.
    fn nodes(&self) -> impl Iterator<Item = (usize, usize)> {
        let of_nodes = self.of.iter().filter(|(part, _)| matches!(part, Part::Node(_)));
        let used: BTreeSet<u32> = of_nodes.map(|(_, set)| *set).collect();
        let sets = used.into_iter().map(|set| &self.sets[set as usize]);
        sets.flat_map(|set| {
            set.first()
                .into_iter()
                .flat_map(|first| set.iter().map(|other| (*first, *other)))
        })
    }
}

type ExtentKey = (u64, u64, u64);

fn key(extent: &Extent) -> ExtentKey {
    (extent.address, extent.length, extent.column)
}

struct Reader<'a, H> {
    heap: &'a H,
    covariable: &'a CoVariable,
    arena: &'a Arena<'a>,
    /// The hashes of the blocks of the extents.
    hashes: FxHashMap<ExtentKey, &'a Vec<u128>>,
    nodes: u64,
    bytes: u64,
}

impl<H: Heap> Reader<'_, H> {
    /// Returns what a walk of these roots would write; `None` if that is too much.
    fn copy(&mut self, roots: &[usize]) -> Option<Excerpt> {
        let mut copy = Excerpt::default();
        for root in roots {
            copy.stack.push(self.arena.roots()[*root]);
            copy.visit_all(
                self.arena,
                &self.covariable.views,
                MOST_NODES.saturating_sub(self.nodes),
            )?;
        }
        while let Some(number) = copy.queue.pop_front() {
            copy.body(self.arena, &self.covariable.views, number);
            copy.visit_all(
                self.arena,
                &self.covariable.views,
                MOST_NODES.saturating_sub(self.nodes),
            )?;
        }
        self.nodes += u64::from(copy.nodes);
        Some(copy)
    }

    fn fingerprint(&mut self, roots: &[usize], copy: &Excerpt) -> Option<Fingerprint> {
        let roots: Vec<Root> = roots
            .iter()
            .map(|index| self.covariable.roots[*index].clone())
            .collect();
        let (extents, mentions) = merge(&copy.views);
        let mut hashes = Vec::with_capacity(extents.len());
        for extent in &extents {
            hashes.push(if let Some(known) = self.hashes.get(&key(extent)) {
                (*known).clone()
            } else {
                self.bytes += extent.length;
                (self.bytes <= MOST_BYTES).then_some(())?;
                hash_memory(self.heap, extent)?
            });
        }
        Some(fingerprint(&roots, &copy.stream, &extents, &mentions, &hashes))
    }
}

/// A part of a stream, written as a stream of its own.
#[derive(Default)]
struct Excerpt {
    stream: Vec<u8>,
    views: Vec<BufferView>,
    /// The nodes of the whole stream that were written, by their numbers there.
    met: FxHashMap<u32, ReferableNode>,
    references: References,
    nodes: u32,
    stack: Vec<u32>,
    queue: VecDeque<u32>,
}

impl Excerpt {
    /// Returns the size in bytes; each byte of memory is counted once.
    fn bytes(&self) -> u64 {
        let (extents, _) = merge(&self.views);
        let memory: u64 = extents.iter().map(|extent| extent.length).sum();
        self.stream.len() as u64 + memory
    }

    /// Returns the extents to which its nodes refer.
    fn mentions<'c>(&'c self, arena: &'c Arena<'_>, covariable: &'c CoVariable) -> impl Iterator<Item = u32> + 'c {
        let buffers = self.met.keys().filter_map(|node| arena.node(*node).buffer);
        let mentions = buffers.filter_map(|buffer| covariable.mentions.get(buffer as usize));
        mentions.map(|mention| mention.extent)
    }

    /// Writes the nodes on the stack, and the nodes that they push; returns `None` if there are more than `most` nodes.
    fn visit_all(&mut self, arena: &Arena<'_>, views: &[BufferView], most: u64) -> Option<()> {
        while let Some(number) = self.stack.pop() {
            if let Some(met) = self.met.get_mut(&number) {
                self.references.write(&mut self.stream, self.nodes, met);
                continue;
            }
            self.met.insert(number, ReferableNode::new(self.nodes));
            self.nodes += 1;
            (u64::from(self.nodes) <= most).then_some(())?;
            if arena.is_deferred(number) {
                write_varint(&mut self.stream, DEFER);
                self.queue.push_back(number);
            } else {
                self.body(arena, views, number);
            }
        }
        Some(())
    }

    fn body(&mut self, arena: &Arena<'_>, views: &[BufferView], number: u32) {
        let node = arena.node(number);
        let mut tag = u64::from(node.kind) << 2;
        if node.buffer.is_some() {
            tag |= HAS_BUFFER;
        }
        if !node.children.is_empty() {
            tag |= HAS_CHILDREN;
        }
        write_varint(&mut self.stream, tag);
        write_varint(&mut self.stream, node.payload.len() as u64);
        self.stream.extend_from_slice(node.payload);
        if !node.children.is_empty() {
            write_varint(&mut self.stream, node.children.len() as u64);
        }
        let view = node.buffer.and_then(|buffer| views.get(buffer as usize));
        self.views.extend(view);
        self.stack.extend(node.children.iter().rev());
    }
}
