//! The seam to objects: what the walk may ask of a heap.

use std::hash::Hash;

use super::extent::{BufferView, Extent};
use super::halt::Halt;
use super::stream::write_varint;
use crate::id::Root;

/// How an object's identity takes part in a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Never told apart from an equal one: None, numbers, short strings, classes, modules.
    Plain,
    /// Met again within a co-variable it is the same object, but sharing it joins nothing: long strings, tuples of plain
    /// values, the axes of frames.
    Value,
    /// Told apart from every other object, but only one reference to it exists, so no walk can meet it twice.
    Sole,
    /// Told apart from every other object; roots that reach it belong together.
    Shared,
}

/// What an object shows of itself. Filled by the heap, read by the walk.
#[derive(Debug)]
pub struct Node<'a, O> {
    pub(super) kind: u16,
    pub(super) payload: &'a mut Vec<u8>,
    pub(super) aside: &'a mut Vec<u8>,
    pub(super) children: &'a mut Vec<O>,
    pub(super) buffer: Option<BufferView>,
    pub(super) unordered: bool,
    pub(super) deferred: bool,
    pub(super) opaque: Option<String>,
}

impl<O> Node<'_, O> {
    /// Says what kind of object this is; the meaning of a kind is the heap's. 1 to 16,000.
    pub fn kind(&mut self, kind: u16) {
        debug_assert!(kind > 0 && kind <= 16_000);
        self.kind = kind;
    }

    /// The bytes that, with kind and children, make the value. Part of the fingerprint.
    pub fn payload(&mut self) -> &mut Vec<u8> {
        self.payload
    }

    /// Bytes that are stored but not compared (where a function stood in its file).
    pub fn aside(&mut self) -> &mut Vec<u8> {
        self.aside
    }

    /// Adds a child. Their order is part of the value, unless the node is unordered.
    pub fn child(&mut self, object: O) {
        self.children.push(object);
    }

    /// Says that the children are a set: the walk orders them by what they hash to.
    pub fn unordered(&mut self) {
        self.unordered = true;
    }

    /// The memory that belongs to the value. At most one a node.
    pub fn buffer(&mut self, view: BufferView) {
        self.buffer = Some(view);
    }

    /// Says that only code (a reducer, a codec) can describe the object: [`Heap::reduce`] is asked later.
    pub fn defer(&mut self) {
        self.deferred = true;
    }

    /// Says that the object has no value that could be compared or stored, and why, for people.
    /// Payload and children may still tell which live object it is.
    pub fn opaque(&mut self, why: impl Into<String>) {
        self.opaque = Some(why.into());
    }
}

/// Takes whole nodes that have neither children nor memory: what most objects of a session are.
#[derive(Debug)]
pub struct Leaf<'a>(&'a mut Vec<u8>);

/// Kinds below this have a tag of one byte.
const SHORT_TAGS: u16 = 32;

impl<'a> Leaf<'a> {
    pub(super) fn new(stream: &'a mut Vec<u8>) -> Self {
        Self(stream)
    }

    /// A node whose payload are the first `length` of these bytes, 8 at most.
    #[inline]
    pub fn number(&mut self, kind: u16, bytes: [u8; 8], length: usize) {
        debug_assert!(kind > 0 && kind < SHORT_TAGS && length <= bytes.len());
        let mut node = [0; 10];
        node[0] = (kind as u8) << 2;
        node[1] = length as u8;
        node[2..].copy_from_slice(&bytes);
        // One copy of a length known when this is compiled, then what was too much is dropped.
        self.0.extend_from_slice(&node);
        self.0.truncate(self.0.len() - (bytes.len() - length));
    }

    /// A node with that payload.
    #[inline]
    pub fn bytes(&mut self, kind: u16, payload: &[u8]) {
        debug_assert!(kind > 0 && kind < SHORT_TAGS);
        if payload.len() < 0x80 {
            self.0.extend_from_slice(&[(kind as u8) << 2, payload.len() as u8]);
        } else {
            self.0.push((kind as u8) << 2);
            write_varint(self.0, payload.len() as u64);
        }
        self.0.extend_from_slice(payload);
    }
}

/// A heap of objects that can be walked.
///
/// While [`Heap::describe`] runs for one object after another nothing else may run: the walk holds plain references on
/// its stack. [`Heap::reduce`] may run anything; before it is called, everything the walk still refers to was kept.
pub trait Heap {
    /// A reference to an object: an address, an index.
    type Object: Copy + Eq + Hash;

    /// The kind of a node whose reducer failed; its payload is the object's serial (8 bytes, big endian).
    const OPAQUE_KIND: u16;

    /// How the object's identity counts.
    fn identity(&self, object: Self::Object) -> Identity;

    /// Whether two roots bound to this very object belong together. All but a few do.
    fn binds(&self, object: Self::Object) -> bool;

    /// Shows the object without running any code.
    fn describe(&mut self, object: Self::Object, node: &mut Node<'_, Self::Object>);

    /// Writes the object if it is one of the commonest that no walk refers back to ([`Identity::Plain`],
    /// [`Identity::Sole`]) and that hold nothing, just as [`Heap::describe`] would show it; false, and nothing written, if it is anything else. Four of five objects of a
    /// session are such; they cost half as much this way.
    #[inline]
    fn write_leaf(&self, object: Self::Object, leaf: &mut Leaf<'_>) -> bool {
        let _ = (object, leaf);
        false
    }

    /// Says that the object will be asked for in a moment: it may be fetched from memory meanwhile. In a shuffled list
    /// waiting for memory is most of a walk.
    #[inline]
    fn expect(&self, object: Self::Object) {
        let _ = object;
    }

    /// Shows an object that [`Heap::describe`] deferred; may run code. What it makes must be kept by the heap itself.
    ///
    /// # Errors
    /// Why the object can't be described; it becomes opaque.
    fn reduce(&mut self, object: Self::Object, node: &mut Node<'_, Self::Object>) -> Result<(), String>;

    /// Keeps the object alive, and its address from being used again, until [`Heap::release`].
    fn keep(&mut self, object: Self::Object);

    /// Lets go of everything kept. Runs last, since letting go may run code.
    fn release(&mut self);

    /// A number that tells this live object from every other one that ever lived in this heap, for opaque ones.
    fn serial(&mut self, object: Self::Object) -> u64;

    /// Where the object lies: the same for one object as long as it lives, and for no other one meanwhile.
    fn address(&self, object: Self::Object) -> u64;

    /// Roots that were met since the last call (notebook classes), each at least once.
    fn discovered(&mut self) -> Vec<(Root, Self::Object)>;

    /// The bytes at `address`, if all of them lie in memory that [`Heap::describe`] or [`Heap::reduce`] showed since the
    /// last release.
    fn bytes(&self, address: u64, length: u64) -> Option<&[u8]>;

    /// What may stop a look. Where it did, what the look found says nothing.
    fn halt(&self) -> Option<&Halt> {
        None
    }

    /// Whether memory was refused during what is being done. What a look found since says nothing.
    fn is_out_of_memory(&self) -> bool {
        false
    }

    /// What blocks of an extent hash to (XXH3-128), in order, for those that are known not to have been written to since
    /// they were hashed; fewer, or none, where nobody can tell.
    fn untouched(&self, _extent: &Extent) -> Vec<Option<u128>> {
        Vec::new()
    }

    /// Whether a part of an extent became zeros under its holders' hands, since the file that showed it was cut short or
    /// could not be read. Asked after the extent was hashed.
    fn is_lost(&self, _extent: &Extent) -> bool {
        false
    }

    /// Says what all blocks of an extent hash to, known from [`Heap::untouched`] or hashed after it.
    fn remember(&self, _extent: &Extent, _hashes: &[u128]) {}
}
