//! One co-variable as stored: its nodes, and its memory, which is read on request.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use clew_core::format::{Encoding, StoredExtent};
use clew_core::graph::{Arena, ArenaLimits, ArenaNode, Mention, StreamError};
use clew_core::id::BlockId;
use clew_core::limits::NEEDED;
use clew_core::store::{Store, StoreError, VerifiedValue};

use crate::limits::ReadLimits;

/// A source of blocks.
pub trait Blocks {
    /// Returns verified blocks, in the order of `ids`.
    ///
    /// # Errors
    /// A block is missing or corrupted.
    fn blocks(&self, ids: &[BlockId]) -> Result<Vec<Vec<u8>>, StoreError>;
}

impl Blocks for Store {
    fn blocks(&self, ids: &[BlockId]) -> Result<Vec<Vec<u8>>, StoreError> {
        let blocks = self.blocks(ids)?;
        Ok(blocks.into_iter().map(VerifiedValue::into_inner).collect())
    }
}

/// The reason why something cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store does not have it, or not all of it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stream is invalid.
    #[error("Stored value cannot be read: {0}")]
    Stream(#[from] StreamError),
    /// The stream has content that no walk writes, or that this version does not know.
    #[error("Stored value is not understood: {0}")]
    Unknown(&'static str),
    /// The limit of bytes to read is exceeded.
    #[error("{0} bytes are only read with `--deep`")]
    TooLarge(u64),
}

/// Returns both results; `None` if one of them exceeds the limit of bytes to read.
pub(crate) fn both<T>(one: Result<T, ReadError>, two: Result<T, ReadError>) -> Result<Option<(T, T)>, ReadError> {
    match (one, two) {
        (Ok(one), Ok(two)) => Ok(Some((one, two))),
        (Err(ReadError::TooLarge(_)), _) | (_, Err(ReadError::TooLarge(_))) => Ok(None),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// One co-variable as stored.
pub struct StoredValue<'a> {
    arena: Arena<'a>,
    mentions: &'a [Mention],
    extents: &'a [StoredExtent],
    blocks: &'a dyn Blocks,
    classes: &'a dyn Fn(&str) -> Option<String>,
    /// Bytes of memory that may still be read.
    left: Cell<u64>,
    /// The number of nodes in progress; each of them needs the next one.
    reading: Cell<u32>,
    /// The bytes that were read last: columns of the same memory read it once.
    last: RefCell<Option<(MemoryRange, Rc<Vec<u8>>)>>,
}

/// Number of the extent, offset and length of a range of memory.
pub(crate) type MemoryRange = (usize, u64, u64);

impl std::fmt::Debug for StoredValue<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Stored")
            .field("nodes", &self.arena.len())
            .finish_non_exhaustive()
    }
}

impl<'a> StoredValue<'a> {
    /// Parses the stream of a manifest. `classes` returns the name of a notebook class by the id of its definition.
    ///
    /// # Errors
    /// The stream is invalid or too long.
    pub fn open(
        stream: &'a [u8],
        encoding: &'a Encoding,
        roots: usize,
        blocks: &'a dyn Blocks,
        classes: &'a dyn Fn(&str) -> Option<String>,
        limits: &ReadLimits,
    ) -> Result<Self, ReadError> {
        if stream.len() as u64 > limits.stream_bytes {
            return Err(ReadError::TooLarge(stream.len() as u64));
        }
        let arena = Arena::parse(stream, roots, ArenaLimits::default())?;
        Ok(Self {
            arena,
            mentions: &encoding.mentions,
            extents: &encoding.extents,
            blocks,
            classes,
            left: Cell::new(limits.memory_bytes),
            reading: Cell::new(0),
            last: RefCell::default(),
        })
    }

    /// Returns the value of the n-th root.
    pub fn root(&'a self, nth: usize) -> Option<NodeView<'a>> {
        let number = *self.arena.roots().get(nth)?;
        Some(NodeView { stored: self, number })
    }

    /// Returns its nodes.
    pub(crate) fn arena(&self) -> &Arena<'a> {
        &self.arena
    }

    /// Returns the number of bytes of memory that may still be read.
    pub fn left(&self) -> u64 {
        self.left.get()
    }

    /// Returns the name of a notebook class.
    pub(crate) fn class_name(&self, definition: &str) -> Option<String> {
        (self.classes)(definition)
    }

    pub(crate) fn mention(&self, buffer: u32) -> Option<Mention> {
        self.mentions.get(buffer as usize).copied()
    }

    pub(crate) fn extent(&self, number: u32) -> Option<&'a StoredExtent> {
        self.extents.get(number as usize)
    }

    /// Marks a node as in progress until the guard is dropped; `None` if too many are.
    pub(crate) fn enter(&self) -> Option<Reading<'_>> {
        let depth = self.reading.get();
        if depth >= NEEDED {
            return None;
        }
        self.reading.set(depth + 1);
        Some(Reading(&self.reading))
    }

    /// Returns the result of `read`, which is cached for the last place.
    pub(crate) fn once(
        &self,
        place: MemoryRange,
        read: impl FnOnce() -> Result<Vec<u8>, ReadError>,
    ) -> Result<Rc<Vec<u8>>, ReadError> {
        if let Some((last, bytes)) = &*self.last.borrow()
            && *last == place
        {
            return Ok(Rc::clone(bytes));
        }
        let bytes = Rc::new(read()?);
        *self.last.borrow_mut() = Some((place, Rc::clone(&bytes)));
        Ok(bytes)
    }

    /// Reads blocks from the store within the limit.
    pub(crate) fn read(&self, ids: &[BlockId], bytes: u64) -> Result<Vec<Vec<u8>>, ReadError> {
        let left = self.left.get().checked_sub(bytes).ok_or(ReadError::TooLarge(bytes))?;
        self.left.set(left);
        Ok(self.blocks.blocks(ids)?)
    }
}

/// A guard while a node is being read.
pub(crate) struct Reading<'s>(&'s Cell<u32>);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// One node of a stored co-variable.
#[derive(Clone, Copy)]
pub struct NodeView<'a> {
    stored: &'a StoredValue<'a>,
    number: u32,
}

impl std::fmt::Debug for NodeView<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "View({}, kind {})", self.number, self.kind())
    }
}

impl<'a> NodeView<'a> {
    pub(crate) fn node(self) -> ArenaNode<'a> {
        self.stored.arena.node(self.number)
    }

    /// Returns the value that it is part of.
    pub fn stored(self) -> &'a StoredValue<'a> {
        self.stored
    }

    /// Returns its number in the stream: the same for the same object.
    pub fn number(self) -> u32 {
        self.number
    }

    /// Returns its kind, one of [`crate::kinds`].
    pub fn kind(self) -> u16 {
        self.node().kind
    }

    pub(crate) fn payload(self) -> &'a [u8] {
        self.node().payload
    }

    /// Returns the n-th part.
    pub(crate) fn child(self, nth: usize) -> Option<Self> {
        let number = *self.node().children.get(nth)?;
        Some(Self { number, ..self })
    }

    /// Returns all parts from the `first` on.
    pub(crate) fn items(self, first: usize) -> Items<'a> {
        Items {
            stored: self.stored,
            numbers: self.node().children.get(first..).unwrap_or_default(),
        }
    }
}

/// A sequence of nodes.
#[derive(Debug, Clone, Copy)]
pub struct Items<'a> {
    stored: &'a StoredValue<'a>,
    numbers: &'a [u32],
}

impl<'a> Items<'a> {
    /// Returns their number.
    pub fn len(self) -> usize {
        self.numbers.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(self) -> bool {
        self.numbers.is_empty()
    }

    /// Returns the n-th node.
    pub fn get(self, nth: usize) -> Option<NodeView<'a>> {
        let number = *self.numbers.get(nth)?;
        Some(NodeView {
            stored: self.stored,
            number,
        })
    }

    /// Iterates over all of them.
    pub fn iter(self) -> impl Iterator<Item = NodeView<'a>> {
        self.numbers.iter().map(move |number| NodeView {
            stored: self.stored,
            number: *number,
        })
    }

    /// Returns the first `length` of them.
    #[must_use]
    pub fn first(self, length: usize) -> Self {
        Self {
            numbers: self.numbers.get(..length).unwrap_or(self.numbers),
            ..self
        }
    }
}
