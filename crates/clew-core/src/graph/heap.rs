//! The trait for objects: the operations of a heap that the walk uses.

use std::hash::Hash;

use super::extent::{BufferView, Extent};
use super::halt::Halt;
use super::stream::write_varint;
use crate::id::Root;

/// How an object's identity affects a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Indistinguishable from an equal object: None, numbers, short strings, classes, modules.
    Plain,
    /// A second reference within a co-variable is to the same object, but sharing it does not join roots: long strings, tuples of
    /// plain values, the axes of frames.
    Value,
    /// A distinct object with only one reference, so no walk can reach it twice.
    Sole,
    /// A distinct object; roots that reach it belong together.
    Shared,
}

/// The description of an object. The heap fills it, and the walk reads it.
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
    /// Sets the kind of the object, 1 to 16,000. The heap defines the meaning of a kind.
    pub fn kind(&mut self, kind: u16) {
        debug_assert!(kind > 0 && kind <= 16_000);
        self.kind = kind;
    }

    /// Returns the bytes that, with kind and children, make up the value. They are part of the fingerprint.
    pub fn payload(&mut self) -> &mut Vec<u8> {
        self.payload
    }

    /// Returns bytes that are stored but not compared, such as the position of a function in its file.
    pub fn aside(&mut self) -> &mut Vec<u8> {
        self.aside
    }

    /// Adds a child. The order of the children is part of the value, unless the node is unordered.
    pub fn child(&mut self, object: O) {
        self.children.push(object);
    }

    /// Marks the children as a set: the walk orders them by their hashes.
    pub fn unordered(&mut self) {
        self.unordered = true;
    }

    /// Sets the memory that belongs to the value, at most one range for a node.
    pub fn buffer(&mut self, view: BufferView) {
        self.buffer = Some(view);
    }

    /// Marks the object as one that only code (a reducer, a codec) can describe. The walk calls [`Heap::reduce`] later.
    pub fn defer(&mut self) {
        self.deferred = true;
    }

    /// Marks the object as having no value that could be compared or stored, with the reason for people. Payload and children may
    /// still identify the live object.
    pub fn opaque(&mut self, why: impl Into<String>) {
        self.opaque = Some(why.into());
    }
}

/// Writes whole nodes without children and memory, as most objects of a session are.
#[derive(Debug)]
pub struct Leaf<'a>(&'a mut Vec<u8>);

/// Kinds below this have a tag of one byte.
const SHORT_TAGS: u16 = 32;

impl<'a> Leaf<'a> {
    pub(super) fn new(stream: &'a mut Vec<u8>) -> Self {
        Self(stream)
    }

    /// Writes a node whose payload is the first `length` of these bytes, at most 8.
    #[inline]
    pub fn number(&mut self, kind: u16, bytes: [u8; 8], length: usize) {
        debug_assert!(kind > 0 && kind < SHORT_TAGS && length <= bytes.len());
        let mut node = [0; 10];
        node[0] = (kind as u8) << 2;
        node[1] = length as u8;
        node[2..].copy_from_slice(&bytes);
        // A single copy of a constant length, then truncation, is faster than a copy of variable length.
        self.0.extend_from_slice(&node);
        self.0.truncate(self.0.len() - (bytes.len() - length));
    }

    /// Writes a node with this payload.
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
/// No other code may run between calls of [`Heap::describe`], since the walk has plain references on its stack. [`Heap::reduce`]
/// may run any code; before the call, the walk keeps all objects that it still refers to.
pub trait Heap {
    /// A reference to an object: an address, an index.
    type Object: Copy + Eq + Hash;

    /// The kind of a node whose reducer failed. Its payload is the object's serial number (8 bytes, big endian).
    const OPAQUE_KIND: u16;

    /// Returns how the object's identity affects the walk.
    fn identity(&self, object: Self::Object) -> Identity;

    /// Returns whether two roots that are bound to this object belong together. True for almost all objects.
    fn binds(&self, object: Self::Object) -> bool;

    /// Describes the object without running any code.
    fn describe(&mut self, object: Self::Object, node: &mut Node<'_, Self::Object>);

    /// Writes a leaf node if the object is of one of the most common types that no walk refers back to ([`Identity::Plain`],
    /// [`Identity::Sole`]) and that contain no objects. The node is the same as from [`Heap::describe`]. Otherwise returns false
    /// and writes nothing. Four of five objects of a session are such leaves, and this way halves their cost.
    #[inline]
    fn write_leaf(&self, object: Self::Object, leaf: &mut Leaf<'_>) -> bool {
        let _ = (object, leaf);
        false
    }

    /// Announces that the object will be described soon, so that it can be prefetched. In a shuffled list, waiting for memory
    /// takes most of the time of a walk.
    #[inline]
    fn expect(&self, object: Self::Object) {
        let _ = object;
    }

    /// Describes an object that [`Heap::describe`] deferred; may run code. The heap itself must keep the objects that it creates.
    ///
    /// # Errors
    /// Returns why the object cannot be described. The object becomes opaque.
    fn reduce(&mut self, object: Self::Object, node: &mut Node<'_, Self::Object>) -> Result<(), String>;

    /// Keeps the object alive, and its address in use, until [`Heap::release`].
    fn keep(&mut self, object: Self::Object);

    /// Releases all kept objects. Called last, since releasing may run code.
    fn release(&mut self);

    /// Returns a number for opaque objects, unique among all objects that ever existed in this heap.
    fn serial(&mut self, object: Self::Object) -> u64;

    /// Returns the address of the object: constant and unique as long as the object exists.
    fn address(&self, object: Self::Object) -> u64;

    /// Returns roots that were discovered since the last call (notebook classes), each at least once.
    fn discovered(&mut self) -> Vec<(Root, Self::Object)>;

    /// Returns the bytes at `address` if all of them belong to memory that [`Heap::describe`] or [`Heap::reduce`] described since
    /// the last release.
    fn bytes(&self, address: u64, length: u64) -> Option<&[u8]>;

    /// Returns the condition that halts a look. The result of a halted look is meaningless.
    fn halt(&self) -> Option<&Halt> {
        None
    }

    /// Returns whether a memory allocation failed during the current operation. The result of a look since then is meaningless.
    fn is_out_of_memory(&self) -> bool {
        false
    }

    /// Returns the hashes (XXH3-128) of the blocks of an extent, in order, for the blocks that are known not to have been written
    /// to since they were hashed. The list is shorter or empty if that cannot be determined.
    fn untouched(&self, _extent: &Extent) -> Vec<Option<u128>> {
        Vec::new()
    }

    /// Returns whether a part of an extent was replaced by zeros, because the file that it was mapped from was truncated or could
    /// not be read. Called after the extent was hashed.
    fn is_lost(&self, _extent: &Extent) -> bool {
        false
    }

    /// Records the hashes of all blocks of an extent, known from [`Heap::untouched`] or computed after it.
    fn remember(&self, _extent: &Extent, _hashes: &[u128]) {}
}
