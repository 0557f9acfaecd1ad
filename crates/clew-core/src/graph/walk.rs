//! The walk: traverses a heap depth first with its own stack, and writes the canonical stream.

use rustc_hash::FxHashMap;

use super::extent::BufferView;
use super::halt::Halt;
use super::heap::{Heap, Identity, Leaf, Node};
use super::reference::{ReferableNode, References};
use super::stream::{DEFER, HAS_BUFFER, HAS_CHILDREN, write_varint};
use crate::limits;

/// Bytes of node `number` that are stored but not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// The node's number in the stream.
    pub number: u32,
    /// The stored bytes.
    pub bytes: Vec<u8>,
}

/// A node without a value that could be compared or stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opaque {
    /// The node's number in the stream.
    pub number: u32,
    /// The reason, for people.
    pub why: String,
    /// Whether the node only identifies its object, so that objects that hold it can be stored without it.
    pub is_leaf: bool,
}

/// The output of a walk: the stream, and data stored beside it.
#[derive(Debug, Default)]
pub(super) struct WalkOutput {
    pub stream: Vec<u8>,
    pub asides: Vec<Aside>,
    pub views: Vec<BufferView>,
    pub opaque: Vec<Opaque>,
    pub nodes: u32,
    /// A hash of the addresses of the visited objects, in order, if [`Walk::notes_addresses`].
    pub addresses: u64,
    references: References,
}

impl WalkOutput {
    fn refer(&mut self, met: &mut ReferableNode) {
        self.references.write(&mut self.stream, self.nodes, met);
    }
}

#[derive(Clone, Copy)]
struct Entry {
    met: ReferableNode,
    owner: usize,
}

type Entries<O> = FxHashMap<O, Entry>;

/// The levels of nested sets that the hash of a set's member covers. A higher level is used only if it may distinguish members
/// with equal hashes. A cycle may go through a set, so the depth must be limited. If even the last level does not distinguish two
/// members, they keep their order of iteration. The fingerprint is then finer than necessary, never coarser. (Refining equal
/// members by their neighbourhood is the colour refinement of Weisfeiler and Leman, 1968.)
const LEVELS: [u32; 3] = [0, 4, 16];

/// The same for hashes that include the numbers of nodes in the current walk, which no other set can reuse.
const LEVELS_IN_CONTEXT: [u32; 2] = [0, 4];

/// Written for nodes that are numbered in the outer walk, while a walk breaks a tie. It is only hashed: no stream contains it.
const OUTER: u64 = (limits::KINDS + 1) << 2;

/// How many objects ahead of the visited one the next object is prefetched.
const AHEAD: usize = 12;

/// The number of objects visited between two checks whether to halt: some hundred microseconds.
const VISITS_A_QUESTION: u32 = 2048;

/// Hashes of at least this many nodes are cached, so that the cost of nested sets is not exponential in their depth.
const WORTH_REMEMBERING: u32 = 2;

pub(super) struct Walk<'h, H: Heap> {
    heap: &'h mut H,
    entries: Entries<H::Object>,
    /// Plain objects and values to which roots are bound.
    bound: Entries<H::Object>,
    /// The nodes numbered by the walk of the stream. Empty unless they are needed to distinguish members with equal hashes.
    outer: Entries<H::Object>,
    /// Hashes of members of sets, by object and level. All members are kept alive.
    hashes: FxHashMap<(H::Object, u32), Hashed>,
    owner: usize,
    joins: Vec<(usize, usize)>,
    written: WalkOutput,
    queue: std::collections::VecDeque<Deferred<H::Object>>,
    stack: Vec<H::Object>,
    payload: Vec<u8>,
    /// The leaf that is hashed.
    leaf: Vec<u8>,
    /// Set for a walk that only hashes: how many more levels of nested sets it covers.
    levels: Option<u32>,
    /// Whether it reached a set that it did not enter.
    is_cut: bool,
    visits: u32,
    /// Whether it hashes the addresses of objects that could be reached again.
    pub notes_addresses: bool,
}

/// The hash of a member of a set, and whether a higher level might distinguish it further.
#[derive(Clone, Copy)]
struct Hashed {
    hash: u128,
    is_cut: bool,
}

struct Deferred<O> {
    object: O,
    number: u32,
    is_set: bool,
}

/// Whether code may run now. It may only run while the walk has no plain references on a stack.
#[derive(Clone, Copy, PartialEq)]
enum Code {
    MayRun,
    MayNotRun,
}

impl<'h, H: Heap> Walk<'h, H> {
    pub fn new(heap: &'h mut H) -> Self {
        Self {
            heap,
            entries: Entries::default(),
            bound: Entries::default(),
            outer: Entries::default(),
            hashes: FxHashMap::default(),
            owner: 0,
            joins: Vec::new(),
            written: WalkOutput::default(),
            queue: std::collections::VecDeque::new(),
            stack: Vec::new(),
            payload: Vec::new(),
            leaf: Vec::new(),
            levels: None,
            is_cut: false,
            visits: 0,
            notes_addresses: false,
        }
    }

    pub fn heap(&mut self) -> &mut H {
        self.heap
    }

    /// Walks a root's tree on behalf of `owner`; deferred nodes wait for [`Walk::sections`]. An object first reached under
    /// another owner joins the two. The caller keeps the object alive.
    pub fn root(&mut self, object: H::Object, owner: usize) {
        self.owner = owner;
        self.note_address(object);
        if self.heap.binds(object) && !self.is_met(object) {
            if let Some(entry) = self.bound.get_mut(&object) {
                let first = entry.owner;
                self.written.refer(&mut entry.met);
                self.join(first);
                return;
            }
            let met = ReferableNode::new(self.written.nodes);
            self.bound.insert(object, Entry { met, owner });
        }
        self.tree(object);
    }

    /// Returns whether visiting the object would write a reference to its earlier node.
    fn is_met(&self, object: H::Object) -> bool {
        let Some(entry) = self.entries.get(&object) else {
            return false;
        };
        match self.heap.identity(object) {
            Identity::Shared => true,
            Identity::Value => entry.owner == self.owner,
            Identity::Plain | Identity::Sole => false,
        }
    }

    /// Takes the output since the last call; numbering restarts.
    pub fn take(&mut self) -> WalkOutput {
        std::mem::take(&mut self.written)
    }

    /// Returns the pairs of owners that reach a common object.
    pub fn into_joins(self) -> Vec<(usize, usize)> {
        self.joins
    }

    fn tree(&mut self, object: H::Object) {
        debug_assert!(self.stack.is_empty());
        self.stack.push(object);
        self.visit_all();
    }

    /// Visits the objects on the stack, and those that they push.
    fn visit_all(&mut self) {
        while let Some(object) = self.stack.pop() {
            if self.is_halted() {
                self.stack.clear();
                return;
            }
            if let Some(coming) = self.stack.len().checked_sub(AHEAD) {
                self.heap.expect(self.stack[coming]);
            }
            self.visit(object);
        }
    }

    /// Returns whether the walk was halted, so that no more objects are visited.
    fn is_halted(&mut self) -> bool {
        self.visits = self.visits.wrapping_add(1);
        let halt = self.heap.halt();
        halt.is_some_and(|halt| {
            let is_asked = self.visits.is_multiple_of(VISITS_A_QUESTION);
            halt.was_wanted() || is_asked && halt.is_wanted()
        })
    }

    fn visit(&mut self, object: H::Object) {
        if self.heap.write_leaf(object, &mut Leaf::new(&mut self.written.stream)) {
            self.written.nodes += 1;
            return;
        }
        if let Some(entry) = self.outer.get(&object).filter(|entry| entry.owner == self.owner) {
            write_varint(&mut self.written.stream, OUTER);
            write_varint(&mut self.written.stream, u64::from(entry.met.number));
            return;
        }
        let number = self.written.nodes;
        let identity = self.heap.identity(object);
        if matches!(identity, Identity::Value | Identity::Shared) {
            self.note_address(object);
            match self.entries.get_mut(&object) {
                // A value under another owner is written again: sharing it does not join owners.
                Some(entry) if identity == Identity::Shared || entry.owner == self.owner => {
                    let first = entry.owner;
                    self.written.refer(&mut entry.met);
                    self.join(first);
                    return;
                }
                _ => {
                    self.heap.keep(object);
                    let (met, owner) = (ReferableNode::new(number), self.owner);
                    self.entries.insert(object, Entry { met, owner });
                }
            }
        }
        self.written.nodes += 1;
        self.body(object, number, None);
    }

    #[inline]
    fn note_address(&mut self, object: H::Object) {
        if self.notes_addresses {
            // Mixes words as FxHash does, since no one gains from constructed collisions.
            let mixed = self.written.addresses.rotate_left(5) ^ self.heap.address(object);
            self.written.addresses = mixed.wrapping_mul(0xf135_7aea_2e62_a9c5);
        }
    }

    /// Joins `first`, the owner under which an object was first reached, with the current owner. A reference across streams is
    /// meaningless, but joined roots are walked again, jointly.
    fn join(&mut self, first: usize) {
        if first != self.owner {
            self.joins.push((first, self.owner));
        }
    }

    /// Writes the bodies of deferred nodes until none is left. The stack is empty, so code may run.
    pub fn sections(&mut self) {
        while let Some(deferred) = self.queue.pop_front() {
            if self.heap.halt().is_some_and(Halt::is_wanted) {
                self.queue.clear();
                return;
            }
            self.body(deferred.object, deferred.number, Some(deferred.is_set));
            self.visit_all();
        }
    }

    /// Writes a node's body, or DEFER. `section` is set if the body is a section, and is then true for a set.
    fn body(&mut self, object: H::Object, number: u32, section: Option<bool>) {
        let start = self.stack.len();
        let (mut payload, mut aside) = (std::mem::take(&mut self.payload), Vec::new());
        payload.clear();
        let mut node = Node {
            kind: 0,
            payload: &mut payload,
            aside: &mut aside,
            children: &mut self.stack,
            buffer: None,
            unordered: false,
            deferred: false,
            opaque: None,
        };
        if section == Some(false) {
            if let Err(why) = self.heap.reduce(object, &mut node) {
                node.payload.clear();
                node.aside.clear();
                node.children.truncate(start);
                node.buffer = None;
                node.unordered = false;
                node.kind = H::OPAQUE_KIND;
                node.payload.extend_from_slice(&self.heap.serial(object).to_be_bytes());
                node.opaque = Some(why);
            }
        } else {
            self.heap.describe(object, &mut node);
        }
        let (kind, buffer, unordered, deferred, opaque) =
            (node.kind, node.buffer, node.unordered, node.deferred, node.opaque);
        if deferred && section.is_none() {
            self.stack.truncate(start);
            self.payload = payload;
            self.defer(object, number, false);
            return;
        }
        if unordered {
            let members = self.stack.split_off(start);
            let code = if section.is_some() {
                Code::MayRun
            } else {
                Code::MayNotRun
            };
            let is_ordered = match self.levels {
                None => self.order(members, code).map(|members| self.stack.extend(members)),
                Some(levels) => self.write_hashes(&members, levels, code, &mut payload),
            };
            if is_ordered.is_none() {
                self.payload = payload;
                self.defer(object, number, true);
                return;
            }
        }
        self.header(kind, &payload, buffer, self.stack.len() - start);
        self.payload = payload;
        let is_leaf = kind == H::OPAQUE_KIND;
        if let Some(why) = opaque.as_ref().filter(|_| is_leaf) {
            aside = why.as_bytes().to_vec();
        }
        if !aside.is_empty() {
            self.written.asides.push(Aside { number, bytes: aside });
        }
        if let Some(why) = opaque {
            self.written.opaque.push(Opaque { number, why, is_leaf });
        }
        self.stack[start..].reverse();
    }

    fn header(&mut self, kind: u16, payload: &[u8], buffer: Option<BufferView>, children: usize) {
        let out = &mut self.written.stream;
        let mut tag = u64::from(kind) << 2;
        if buffer.is_some() {
            tag |= HAS_BUFFER;
        }
        if children > 0 {
            tag |= HAS_CHILDREN;
        }
        write_varint(out, tag);
        write_varint(out, payload.len() as u64);
        out.extend_from_slice(payload);
        if children > 0 {
            write_varint(out, children as u64);
        }
        self.written.views.extend(buffer);
    }

    fn defer(&mut self, object: H::Object, number: u32, is_set: bool) {
        self.heap.keep(object);
        write_varint(&mut self.written.stream, DEFER);
        self.queue.push_back(Deferred { object, number, is_set });
    }

    /// Orders the members of a set by their own hashes, and members with equal hashes by hashes that include the numbers of the
    /// current walk. Returns `None` if that needs code that may not run now, or numbers that are not assigned yet.
    fn order(&mut self, members: Vec<H::Object>, code: Code) -> Option<Vec<H::Object>> {
        if members.len() < 2 {
            return Some(members);
        }
        if code == Code::MayRun {
            members.iter().for_each(|member| self.heap.keep(*member));
        }
        let unknown = Hashed { hash: 0, is_cut: true };
        let mut ordered: Vec<_> = members.into_iter().map(|member| (unknown, member)).collect();
        self.refine(&mut ordered, &LEVELS, code)?;
        if ordered.windows(2).any(|pair| pair[0].0.hash == pair[1].0.hash) {
            if code == Code::MayNotRun {
                return None;
            }
            ordered.iter_mut().for_each(|(hashed, _)| hashed.is_cut = true);
            let hashes = std::mem::take(&mut self.hashes);
            self.outer = std::mem::take(&mut self.entries);
            let is_done = self.refine(&mut ordered, &LEVELS_IN_CONTEXT, code);
            self.entries = std::mem::take(&mut self.outer);
            self.hashes = hashes;
            is_done?;
        }
        Some(ordered.into_iter().map(|(_, member)| member).collect())
    }

    /// Sorts members with equal hashes by hashes of higher levels, as long as these may distinguish them.
    fn refine(&mut self, ordered: &mut [(Hashed, H::Object)], levels: &[u32], code: Code) -> Option<()> {
        for levels in levels {
            for alike in ordered.chunk_by_mut(|one, other| one.0.hash == other.0.hash) {
                if alike.len() < 2 || !alike.iter().any(|(hashed, _)| hashed.is_cut) {
                    continue;
                }
                for (hashed, member) in alike.iter_mut() {
                    *hashed = self.hashed(*member, *levels, code)?;
                }
                alike.sort_by_key(|(hashed, _)| hashed.hash);
            }
        }
        Some(())
    }

    /// Returns the hash of an object that is walked alone. Nodes in `outer` are written as leaves with their number, which
    /// distinguishes objects that differ only by aliasing. Returns `None` if that needs code that may not run now.
    fn hashed(&mut self, object: H::Object, levels: u32, code: Code) -> Option<Hashed> {
        if let Some(hash) = self.hash_of_leaf(object) {
            return Some(Hashed { hash, is_cut: false });
        }
        if let Some(known) = self.hashes.get(&(object, levels)) {
            return Some(*known);
        }
        let (outer, hashes) = (std::mem::take(&mut self.outer), std::mem::take(&mut self.hashes));
        let mut inner = Walk::new(&mut *self.heap);
        inner.levels = Some(levels);
        inner.owner = self.owner;
        inner.outer = outer;
        inner.hashes = hashes;
        inner.tree(object);
        let may_finish = code == Code::MayRun || inner.queue.is_empty();
        if may_finish {
            inner.sections();
        }
        let (written, is_cut) = (inner.take(), inner.is_cut);
        (self.outer, self.hashes) = (inner.outer, inner.hashes);
        if !may_finish {
            return None;
        }
        let hash = self.hash(&written);
        let hashed = Hashed { hash, is_cut };
        if written.nodes >= WORTH_REMEMBERING {
            self.heap.keep(object);
            self.hashes.insert((object, levels), hashed);
        }
        Some(hashed)
    }

    /// Writes the hashes of the members of a set to the payload, sorted. Used by walks that only hash. Returns `None` as
    /// [`Walk::hashed`] does.
    fn write_hashes(&mut self, members: &[H::Object], levels: u32, code: Code, payload: &mut Vec<u8>) -> Option<()> {
        if code == Code::MayRun {
            members.iter().for_each(|member| self.heap.keep(*member));
        }
        let mut hashes = Vec::with_capacity(members.len());
        for member in members {
            let hashed = match levels.checked_sub(1) {
                Some(fewer) => self.hashed(*member, fewer, code)?,
                None => self
                    .hash_of_leaf(*member)
                    .map_or(Hashed { hash: 0, is_cut: true }, |hash| Hashed { hash, is_cut: false }),
            };
            self.is_cut |= hashed.is_cut;
            hashes.push(hashed.hash);
        }
        hashes.sort_unstable();
        hashes
            .iter()
            .for_each(|hash| payload.extend_from_slice(&hash.to_be_bytes()));
        Some(())
    }

    /// Returns the hash of the object if it is a leaf; a walk of it alone gives the same hash.
    fn hash_of_leaf(&mut self, object: H::Object) -> Option<u128> {
        self.leaf.clear();
        let is_leaf = self.heap.write_leaf(object, &mut Leaf::new(&mut self.leaf));
        is_leaf.then(|| xxhash_rust::xxh3::xxh3_128(&self.leaf))
    }

    fn hash(&self, written: &WalkOutput) -> u128 {
        if written.views.is_empty() {
            return xxhash_rust::xxh3::xxh3_128(&written.stream);
        }
        let mut hasher = xxhash_rust::xxh3::Xxh3::new();
        hasher.update(&written.stream);
        for view in &written.views {
            hasher.update(self.heap.bytes(view.address, view.length).unwrap_or_default());
        }
        hasher.digest128()
    }
}
