//! A parsed stream: all nodes by number, checked and bounded, ready for building.

use super::reference::DecodedReferences;
use super::stream::{AGAIN, DEFER, FAR, HAS_BUFFER, HAS_CHILDREN, NEAR, read_varint};
use crate::limits;

/// Limits for a parsed stream. The parser checks them before it reserves memory for sizes that a file claims.
#[derive(Debug, Clone, Copy)]
pub struct ArenaLimits {
    /// The maximum number of nodes.
    pub nodes: u32,
}

impl Default for ArenaLimits {
    fn default() -> Self {
        Self { nodes: limits::NODES }
    }
}

/// A stream that cannot be parsed, with the offset of the error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at byte {at} of its objects {what}")]
pub struct StreamError {
    /// The offset in bytes.
    pub at: usize,
    /// The error.
    pub what: StreamFault,
}

/// The error in a stream that cannot be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamFault {
    /// There are bytes after the end.
    #[error("there is more after the last root")]
    Trailing,
    /// A number is longer than the stream.
    #[error("a number is cut short")]
    ShortNumber,
    /// A reference is to a node that has not been read yet.
    #[error("a reference is to no node before it")]
    Ahead,
    /// There is not enough memory for the nodes.
    #[error("there is not enough memory")]
    NoMemory,
    /// There are more nodes than the limit.
    #[error("there are too many nodes")]
    TooMany,
    /// The kind of a node is invalid.
    #[error("a node is of no kind")]
    NoKind,
    /// A payload is longer than the stream.
    #[error("a payload is cut short")]
    ShortPayload,
    /// A list of children is longer than the stream.
    #[error("children are cut short")]
    ShortChildren,
}

/// One node of a parsed stream.
#[derive(Debug, Clone, Copy)]
pub struct ArenaNode<'a> {
    /// Its kind, as defined by the heap.
    pub kind: u16,
    /// Its payload.
    pub payload: &'a [u8],
    /// The numbers of its children, in order.
    pub children: &'a [u32],
    /// The index of its buffer among the mentions, if it has one.
    pub buffer: Option<u32>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    kind: u16,
    payload: (usize, usize),
    children: (usize, usize),
    buffer: Option<u32>,
    /// Whether its body is in a section.
    is_deferred: bool,
}

/// All nodes of a stream by number.
#[derive(Debug)]
pub struct Arena<'a> {
    bytes: &'a [u8],
    slots: Vec<Slot>,
    children: Vec<u32>,
    roots: Vec<u32>,
    buffers: u32,
}

impl<'a> Arena<'a> {
    /// Parses a stream of `roots` roots. Time and memory are linear in the stream's length.
    ///
    /// # Errors
    /// Returns the first error in the stream, including trailing bytes.
    pub fn parse(bytes: &'a [u8], roots: usize, limits: ArenaLimits) -> Result<Self, StreamError> {
        let arena = Self {
            bytes,
            slots: Vec::new(),
            children: Vec::new(),
            roots: Vec::new(),
            buffers: 0,
        };
        let mut parser = Parser {
            arena,
            at: 0,
            limits,
            open: Vec::new(),
            owed: 0,
            deferred: std::collections::VecDeque::new(),
            referred: DecodedReferences::default(),
        };
        for _ in 0..roots {
            let number = parser.node()?;
            parser.arena.roots.push(number);
            parser.fill()?;
        }
        parser.sections()?;
        if parser.at != bytes.len() {
            return Err(parser.error(StreamFault::Trailing));
        }
        Ok(parser.arena)
    }

    /// Returns the stream itself.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the number of each root's node, in the order of the roots.
    pub fn roots(&self) -> &[u32] {
        &self.roots
    }

    /// Returns the number of nodes.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Returns whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Returns how many buffers the nodes mention.
    pub fn buffers(&self) -> u32 {
        self.buffers
    }

    /// Returns whether a node was deferred, so that its body comes after the roots.
    pub(super) fn is_deferred(&self, number: u32) -> bool {
        self.slots[number as usize].is_deferred
    }

    /// Returns the node with this number. Numbers found in this arena are always in range.
    pub fn node(&self, number: u32) -> ArenaNode<'_> {
        let slot = &self.slots[number as usize];
        ArenaNode {
            kind: slot.kind,
            payload: &self.bytes[slot.payload.0..slot.payload.1],
            children: &self.children[slot.children.0..slot.children.1],
            buffer: slot.buffer,
        }
    }
}

struct Parser<'a> {
    arena: Arena<'a>,
    at: usize,
    limits: ArenaLimits,
    /// Child slots that are not filled yet: next and end.
    open: Vec<(usize, usize)>,
    /// The number of children that open nodes still lack.
    owed: u64,
    deferred: std::collections::VecDeque<u32>,
    referred: DecodedReferences,
}

impl Parser<'_> {
    fn error(&self, what: StreamFault) -> StreamError {
        StreamError { at: self.at, what }
    }

    fn varint(&mut self) -> Result<u64, StreamError> {
        let mut at = self.at;
        let value = read_varint(self.arena.bytes, &mut at).ok_or_else(|| self.error(StreamFault::ShortNumber))?;
        self.at = at;
        Ok(value)
    }

    fn sections(&mut self) -> Result<(), StreamError> {
        while let Some(number) = self.deferred.pop_front() {
            let tag = self.varint()?;
            self.body(tag, number)?;
            self.arena.slots[number as usize].is_deferred = true;
            self.fill()?;
        }
        Ok(())
    }

    /// Fills all open child slots.
    fn fill(&mut self) -> Result<(), StreamError> {
        while let Some((next, end)) = self.open.last_mut() {
            if next == end {
                self.open.pop();
                continue;
            }
            let slot = *next;
            *next += 1;
            self.owed -= 1;
            self.arena.children[slot] = self.node()?;
        }
        Ok(())
    }

    fn node(&mut self) -> Result<u32, StreamError> {
        let tag = self.varint()?;
        if matches!(tag, AGAIN | NEAR | FAR) {
            let value = self.varint()?;
            let target = self.referred.read(tag, value, self.arena.slots.len() as u32);
            return target.ok_or_else(|| self.error(StreamFault::Ahead));
        }
        if self.arena.slots.len() >= self.limits.nodes as usize {
            return Err(self.error(StreamFault::TooMany));
        }
        let number = self.arena.slots.len() as u32;
        let room = self.arena.slots.try_reserve(1);
        room.map_err(|_| self.error(StreamFault::NoMemory))?;
        self.arena.slots.push(Slot::default());
        if tag == DEFER {
            self.deferred.push_back(number);
        } else {
            self.body(tag, number)?;
        }
        Ok(number)
    }

    fn body(&mut self, tag: u64, number: u32) -> Result<(), StreamError> {
        let kind = tag >> 2;
        if kind == 0 || kind > limits::KINDS {
            return Err(self.error(StreamFault::NoKind));
        }
        let left = (self.arena.bytes.len() - self.at) as u64;
        let length = self.varint()?;
        if length > left || self.at + length as usize > self.arena.bytes.len() {
            return Err(self.error(StreamFault::ShortPayload));
        }
        let payload = (self.at, self.at + length as usize);
        self.at = payload.1;
        let mut children = (0, 0);
        if tag & HAS_CHILDREN != 0 {
            let count = self.varint()?;
            // Each child takes at least one byte, also those that open nodes still lack.
            self.owed = self.owed.saturating_add(count);
            if self.owed > (self.arena.bytes.len() - self.at) as u64 {
                return Err(self.error(StreamFault::ShortChildren));
            }
            let start = self.arena.children.len();
            let room = self.arena.children.try_reserve(count as usize);
            room.map_err(|_| self.error(StreamFault::NoMemory))?;
            self.arena.children.resize(start + count as usize, 0);
            children = (start, start + count as usize);
            self.open.push(children);
        }
        let buffer = (tag & HAS_BUFFER != 0).then(|| {
            self.arena.buffers += 1;
            self.arena.buffers - 1
        });
        self.arena.slots[number as usize] = Slot {
            kind: kind as u16,
            payload,
            children,
            buffer,
            is_deferred: false,
        };
        Ok(())
    }
}
