//! The walk: depth first over a heap with its own stack, writing the canonical stream as it goes.

use rustc_hash::FxHashMap;

use super::halt::Halt;
use super::heap::{BufferView, Heap, Identity, Leaf, Node};
use super::reference::{Met, References};
use super::stream::{DEFER, HAS_BUFFER, HAS_CHILDREN, write_varint};
use crate::limits;

/// Bytes of node `number` that are stored but not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// The node's number in the stream.
    pub number: u32,
    /// What is stored.
    pub bytes: Vec<u8>,
}

/// A node that has no value which could be compared or stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opaque {
    /// The node's number in the stream.
    pub number: u32,
    /// Why, for people.
    pub why: String,
    /// Whether the node says which object it was and nothing else: what holds it can be stored without it.
    pub is_leaf: bool,
}

/// What a walk wrote.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub stream: Vec<u8>,
    pub asides: Vec<Aside>,
    pub views: Vec<BufferView>,
    pub opaque: Vec<Opaque>,
    pub nodes: u32,
    references: References,
}

impl Written {
    fn refer(&mut self, met: &mut Met) {
        self.references.write(&mut self.stream, self.nodes, met);
    }
}

#[derive(Clone, Copy)]
struct Entry {
    met: Met,
    owner: usize,
}

type Entries<O> = FxHashMap<O, Entry>;

/// How deep sets may hold sets that only stand-alone walks can order.
const MAX_SET_DEPTH: u32 = 64;

/// What a walk that breaks a tie writes for what is numbered outside of it. Hashed only: no stream holds it.
const OUTER: u64 = (limits::KINDS + 1) << 2;

/// How many objects ahead of the one that is visited memory is asked for the next.
const AHEAD: usize = 12;

/// How many objects are visited between two questions whether to go on: some hundred microseconds.
const VISITS_A_QUESTION: u32 = 2048;

/// Stand-alone walks of at least this many nodes are remembered, so that sets of sets cost no power of their depth.
const WORTH_REMEMBERING: u32 = 2;

pub(super) struct Walk<'h, H: Heap> {
    heap: &'h mut H,
    entries: Entries<H::Object>,
    /// Plain objects and values that roots are bound to.
    bound: Entries<H::Object>,
    /// What the walk around this one has numbered; empty unless a tie between members of a set is to be broken.
    outer: Entries<H::Object>,
    /// Stand-alone hashes of members of sets, all of them kept.
    hashes: FxHashMap<H::Object, u128>,
    owner: usize,
    joins: Vec<(usize, usize)>,
    written: Written,
    queue: std::collections::VecDeque<Deferred<H::Object>>,
    stack: Vec<H::Object>,
    payload: Vec<u8>,
    /// The leaf that is hashed.
    leaf: Vec<u8>,
    set_depth: u32,
    visits: u32,
}

struct Deferred<O> {
    object: O,
    number: u32,
    is_set: bool,
}

/// Whether code may run now: only when the walk holds no plain reference on a stack.
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
            written: Written::default(),
            queue: std::collections::VecDeque::new(),
            stack: Vec::new(),
            payload: Vec::new(),
            leaf: Vec::new(),
            set_depth: 0,
            visits: 0,
        }
    }

    pub fn heap(&mut self) -> &mut H {
        self.heap
    }

    /// Walks a root's tree on behalf of `owner`; what is deferred waits for [`Walk::sections`]. Objects first met under
    /// another owner join the two. The caller keeps the object.
    pub fn root(&mut self, object: H::Object, owner: usize) {
        self.owner = owner;
        if self.heap.binds(object) && !self.is_met(object) {
            if let Some(entry) = self.bound.get_mut(&object) {
                let first = entry.owner;
                self.written.refer(&mut entry.met);
                self.join(first);
                return;
            }
            let met = Met::new(self.written.nodes);
            self.bound.insert(object, Entry { met, owner });
        }
        self.tree(object);
    }

    /// Whether visiting the object would refer back to where it was met.
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

    /// What was written since the last call; numbering starts again.
    pub fn take(&mut self) -> Written {
        std::mem::take(&mut self.written)
    }

    /// Pairs of owners that reach one object.
    pub fn into_joins(self) -> Vec<(usize, usize)> {
        self.joins
    }

    fn tree(&mut self, object: H::Object) {
        debug_assert!(self.stack.is_empty());
        self.stack.push(object);
        self.visit_all();
    }

    /// Visits what is on the stack, and what that puts there.
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

    /// Whether the rest is not visited any more.
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
            match self.entries.get_mut(&object) {
                // A value under another owner is written anew: sharing it joins nothing.
                Some(entry) if identity == Identity::Shared || entry.owner == self.owner => {
                    let first = entry.owner;
                    self.written.refer(&mut entry.met);
                    self.join(first);
                    return;
                }
                _ => {
                    self.heap.keep(object);
                    let (met, owner) = (Met::new(number), self.owner);
                    self.entries.insert(object, Entry { met, owner });
                }
            }
        }
        self.written.nodes += 1;
        self.body(object, number, None);
    }

    /// Joins `first`, under which an object was met, with the owner that meets it again. A reference across streams says
    /// nothing: what is joined is walked once more, jointly.
    fn join(&mut self, first: usize) {
        if first != self.owner {
            self.joins.push((first, self.owner));
        }
    }

    /// Bodies of what was deferred, until nothing is left. The stack is empty, so code may run.
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

    /// Writes a node's body, or DEFER. `section` is set when the body is a section: whether of a set.
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
            let Some(members) = self.order(members, code) else {
                self.payload = payload;
                self.defer(object, number, true);
                return;
            };
            self.stack.extend(members);
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

    /// The members of a set by their stand-alone hashes, equal ones by what the walk has numbered so far; `None` if that
    /// needs code which may not run now, or numbers that are yet to come.
    fn order(&mut self, members: Vec<H::Object>, code: Code) -> Option<Vec<H::Object>> {
        if members.len() < 2 {
            return Some(members);
        }
        if code == Code::MayRun {
            for member in &members {
                self.heap.keep(*member);
            }
        }
        let mut hashed = Vec::with_capacity(members.len());
        for member in members {
            hashed.push((self.standalone(member, code)?, 0, member));
        }
        hashed.sort_by_key(|(hash, _, _)| *hash);
        let mut start = 0;
        while start < hashed.len() {
            let end = start + hashed[start..].partition_point(|(hash, _, _)| *hash == hashed[start].0);
            if end - start > 1 {
                if code == Code::MayNotRun {
                    return None;
                }
                for (_, tie, member) in &mut hashed[start..end] {
                    *tie = self.in_context(*member);
                }
                hashed[start..end].sort_by_key(|(_, tie, _)| *tie);
            }
            start = end;
        }
        Some(hashed.into_iter().map(|(_, _, member)| member).collect())
    }

    /// The hash of an object walked on its own.
    fn standalone(&mut self, object: H::Object, code: Code) -> Option<u128> {
        if self.set_depth >= MAX_SET_DEPTH {
            // Deeper sets keep their iteration order: the fingerprint is then finer than it need be, never coarser.
            return Some(0);
        }
        if let Some(hash) = self.hash_of_leaf(object) {
            return Some(hash);
        }
        if let Some(hash) = self.hashes.get(&object) {
            return Some(*hash);
        }
        let hashes = std::mem::take(&mut self.hashes);
        let mut inner = Walk::new(&mut *self.heap);
        inner.set_depth = self.set_depth + 1;
        inner.hashes = hashes;
        inner.tree(object);
        let may_finish = code == Code::MayRun || inner.queue.is_empty();
        if may_finish {
            inner.sections();
        }
        let (written, hashes) = (inner.take(), inner.hashes);
        self.hashes = hashes;
        if !may_finish {
            return None;
        }
        let hash = self.hash(&written);
        if written.nodes >= WORTH_REMEMBERING {
            self.heap.keep(object);
            self.hashes.insert(object, hash);
        }
        Some(hash)
    }

    /// What a walk of the object on its own would hash to, if it is a leaf.
    fn hash_of_leaf(&mut self, object: H::Object) -> Option<u128> {
        self.leaf.clear();
        let is_leaf = self.heap.write_leaf(object, &mut Leaf::new(&mut self.leaf));
        is_leaf.then(|| xxhash_rust::xxh3::xxh3_128(&self.leaf))
    }

    /// The hash of an object walked with what is already numbered as leaves: tells apart what only aliasing does.
    fn in_context(&mut self, object: H::Object) -> u128 {
        let (outer, hashes) = (std::mem::take(&mut self.entries), std::mem::take(&mut self.hashes));
        let mut inner = Walk::new(&mut *self.heap);
        inner.set_depth = self.set_depth + 1;
        inner.owner = self.owner;
        inner.outer = outer;
        inner.hashes = hashes;
        inner.tree(object);
        inner.sections();
        let (written, outer, hashes) = (inner.take(), inner.outer, inner.hashes);
        self.entries = outer;
        self.hashes = hashes;
        self.hash(&written)
    }

    fn hash(&self, written: &Written) -> u128 {
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
