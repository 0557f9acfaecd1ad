//! One co-variable as stored: its nodes, and its memory as far as it is asked for.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use clew_core::format::{Encoding, StoredExtent};
use clew_core::graph::{Arena, ArenaLimits, ArenaNode, Mention, StreamError};
use clew_core::id::BlockId;
use clew_core::limits::NEEDED;
use clew_core::store::{Store, StoreError, VerifiedValue};

use crate::limits::ReadLimits;

/// Where blocks come from.
pub trait Blocks {
    /// Verified blocks, in the order asked for.
    ///
    /// # Errors
    /// One is missing or damaged.
    fn blocks(&self, ids: &[BlockId]) -> Result<Vec<Vec<u8>>, StoreError>;
}

impl Blocks for Store {
    fn blocks(&self, ids: &[BlockId]) -> Result<Vec<Vec<u8>>, StoreError> {
        let blocks = self.blocks(ids)?;
        Ok(blocks.into_iter().map(VerifiedValue::into_inner).collect())
    }
}

/// Why something can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store has it not, or not whole.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stream is none.
    #[error("Stored value cannot be read: {0}")]
    Stream(#[from] StreamError),
    /// The stream says what no walk writes, or what this version does not know.
    #[error("Stored value is not understood: {0}")]
    Unknown(&'static str),
    /// It is more than may be read.
    #[error("{0} bytes are only read with `--deep`")]
    TooLarge(u64),
}

/// What was read of two values; nothing where that is more than may be read.
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
    /// How many nodes are being read, each since another one needs it.
    reading: Cell<u32>,
    /// What was read last: columns that lie across one memory read it once.
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
    /// Takes the stream of a manifest apart. `classes` tells the name of a class of the notebook by its definition's id.
    ///
    /// # Errors
    /// The stream is no stream, or too long.
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

    /// The value of the n-th root.
    pub fn root(&'a self, nth: usize) -> Option<NodeView<'a>> {
        let number = *self.arena.roots().get(nth)?;
        Some(NodeView { stored: self, number })
    }

    /// Its nodes.
    pub(crate) fn arena(&self) -> &Arena<'a> {
        &self.arena
    }

    /// Bytes of memory that may still be read.
    pub fn left(&self) -> u64 {
        self.left.get()
    }

    /// What a class of the notebook is called.
    pub(crate) fn class_name(&self, definition: &str) -> Option<String> {
        (self.classes)(definition)
    }

    pub(crate) fn mention(&self, buffer: u32) -> Option<Mention> {
        self.mentions.get(buffer as usize).copied()
    }

    pub(crate) fn extent(&self, number: u32) -> Option<&'a StoredExtent> {
        self.extents.get(number as usize)
    }

    /// Says that a node is being read, until what is returned is dropped; `None` where too many are.
    pub(crate) fn enter(&self) -> Option<Reading<'_>> {
        let depth = self.reading.get();
        if depth >= NEEDED {
            return None;
        }
        self.reading.set(depth + 1);
        Some(Reading(&self.reading))
    }

    /// What `read` gives, or gave last.
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

    /// Blocks from the store, as far as may be read.
    pub(crate) fn read(&self, ids: &[BlockId], bytes: u64) -> Result<Vec<Vec<u8>>, ReadError> {
        let left = self.left.get().checked_sub(bytes).ok_or(ReadError::TooLarge(bytes))?;
        self.left.set(left);
        Ok(self.blocks.blocks(ids)?)
    }
}

/// A node is being read.
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

    /// What it is part of.
    pub fn stored(self) -> &'a StoredValue<'a> {
        self.stored
    }

    /// Its number in the stream: the same for the same object.
    pub fn number(self) -> u32 {
        self.number
    }

    /// Its kind, one of [`crate::kinds`].
    pub fn kind(self) -> u16 {
        self.node().kind
    }

    pub(crate) fn payload(self) -> &'a [u8] {
        self.node().payload
    }

    /// The n-th part.
    pub(crate) fn child(self, nth: usize) -> Option<Self> {
        let number = *self.node().children.get(nth)?;
        Some(Self { number, ..self })
    }

    /// All parts from the `first` on.
    pub(crate) fn items(self, first: usize) -> Items<'a> {
        Items {
            stored: self.stored,
            numbers: self.node().children.get(first..).unwrap_or_default(),
        }
    }
}

/// Nodes in a row.
#[derive(Debug, Clone, Copy)]
pub struct Items<'a> {
    stored: &'a StoredValue<'a>,
    numbers: &'a [u32],
}

impl<'a> Items<'a> {
    /// How many.
    pub fn len(self) -> usize {
        self.numbers.len()
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.numbers.is_empty()
    }

    /// The n-th.
    pub fn get(self, nth: usize) -> Option<NodeView<'a>> {
        let number = *self.numbers.get(nth)?;
        Some(NodeView {
            stored: self.stored,
            number,
        })
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = NodeView<'a>> {
        self.numbers.iter().map(move |number| NodeView {
            stored: self.stored,
            number: *number,
        })
    }

    /// The first `length` of them.
    #[must_use]
    pub fn first(self, length: usize) -> Self {
        Self {
            numbers: self.numbers.get(..length).unwrap_or(self.numbers),
            ..self
        }
    }
}
