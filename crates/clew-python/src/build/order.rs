//! Determines the order in which the objects of a stream are made and filled, from its nodes alone.
//!
//! Each node goes through three steps, in pickle's order: first the children without which it cannot be made, then
//! the object itself, then the parts that are put into it. The builder takes these steps. Before a stream is stored,
//! [`refusal`] goes through the steps without building, since a stream that has no such order can never be built
//! (decision 58).

use clew_core::graph::stream::holds_only;
use clew_core::graph::{Arena, ArenaLimits, ArenaNode};
use clew_core::kernel::BuildError;
use pyo3::Python;
use rustc_hash::{FxHashMap, FxHashSet};

use super::definitions::EnumMembers;
use super::{containers, definitions, library, malformed, part};
use crate::kinds;

/// A step in building the object of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BuildStep {
    /// Make it; the children it needs are made.
    Make(u32),
    /// Put the existing parts into it: it is about to be hashed, as a part of one of its own parts.
    Begin(u32),
    /// Put the remaining parts into it.
    Fill(u32),
}

/// A decision that is still open.
#[derive(Clone, Copy)]
enum Open {
    Visit(u32),
    Make(u32),
    Fill(u32),
}

const SEEN: u8 = 1;
const MADE: u8 = 2;
const FULL: u8 = 4;
const LEFT_OUT: u8 = 8;

/// The depth to which nested tuples and frozensets are checked for unhashable parts.
const DEEPEST: u8 = 8;
/// The most passes over the waiting nodes while passes make progress.
const MOST_ROUNDS: u8 = 16;

/// Determines the order of the build steps.
pub(super) struct Order<'a> {
    arena: &'a Arena<'a>,
    /// Nodes of the definitions of the stream, by id.
    own: FxHashMap<&'a str, u32>,
    /// Nodes of members of its Enums, by definition and name.
    members: EnumMembers<'a>,
    /// Roots that have not been started.
    roots: Vec<u32>,
    states: Vec<u8>,
    open: Vec<Open>,
    /// Nodes that wait for the end, because a cycle has a part of them that was not made yet.
    late: Vec<u32>,
    /// Steps that are decided; the last one is next.
    next: Vec<BuildStep>,
    rounds: u8,
}

impl<'a> Order<'a> {
    /// Creates the order for these nodes and everything they need.
    ///
    /// # Errors
    /// A tuple contains itself, as only a damaged stream says.
    pub fn of(arena: &'a Arena<'a>, numbers: &[u32]) -> Result<Self, BuildError> {
        check_tuples(arena)?;
        // Classes first: another stream may wait for one that this stream needs for an instance.
        let is_class = |number: &&u32| arena.node(**number).kind == kinds::DEFINITION;
        let (classes, others): (Vec<u32>, Vec<u32>) = numbers.iter().partition(is_class);
        let (own, members) = definitions::own(arena);
        Ok(Self {
            arena,
            own,
            members,
            roots: others.into_iter().rev().chain(classes.into_iter().rev()).collect(),
            states: vec![0; arena.len()],
            open: Vec::new(),
            late: Vec::new(),
            next: Vec::new(),
            rounds: 0,
        })
    }

    /// Treats nodes as if they had no parts: their objects are substituted.
    pub fn leave_out(&mut self, numbers: impl Iterator<Item = u32>) {
        numbers.for_each(|number| self.states[number as usize] |= LEFT_OUT);
    }

    /// Returns the node of an attribute of a definition in this stream.
    pub fn own_attribute(&self, id: &str, name: &[u8]) -> Option<u32> {
        definitions::attribute(self.arena, *self.own.get(id)?, name)
    }

    /// Returns the next step; `None` when all steps are done.
    ///
    /// # Errors
    /// There is no order: an object is part of something needed to make it.
    pub fn next(&mut self) -> Result<Option<BuildStep>, BuildError> {
        loop {
            if let Some(step) = self.next.pop() {
                return Ok(Some(self.taken(step)));
            }
            let step = match self.open.pop() {
                Some(Open::Visit(number)) => {
                    self.visit(number);
                    continue;
                }
                Some(Open::Make(number)) => {
                    self.check_needed(number)?;
                    self.with_beginnings(BuildStep::Make(number));
                    continue;
                }
                Some(Open::Fill(number)) if self.waits(number) => {
                    self.late.push(number);
                    continue;
                }
                Some(Open::Fill(number)) => BuildStep::Fill(number),
                None => match self.roots.pop() {
                    Some(root) => {
                        self.open.push(Open::Visit(root));
                        continue;
                    }
                    None if self.late.is_empty() => return Ok(None),
                    None => {
                        self.take_late();
                        continue;
                    }
                },
            };
            return Ok(Some(self.taken(step)));
        }
    }

    fn taken(&mut self, step: BuildStep) -> BuildStep {
        match step {
            BuildStep::Make(number) => self.states[number as usize] |= MADE,
            BuildStep::Fill(number) => self.states[number as usize] |= FULL,
            BuildStep::Begin(_) => {}
        }
        step
    }

    fn is(&self, number: u32, state: u8) -> bool {
        self.states[number as usize] & state != 0
    }

    fn visit(&mut self, number: u32) {
        if self.is(number, SEEN) {
            return;
        }
        self.states[number as usize] |= SEEN;
        let node = self.arena.node(number);
        let is_leaf = node.children.is_empty() && !matches!(node.kind, kinds::CLASS | kinds::METHOD);
        if is_leaf || self.is(number, LEFT_OUT) {
            // Most nodes are leaves, which need no decision.
            self.next.extend([BuildStep::Fill(number), BuildStep::Make(number)]);
            return;
        }
        self.open.push(Open::Fill(number));
        let needed = self.needed_by_name(&node);
        if !needed.is_empty() {
            self.open.push(Open::Make(number));
            self.open.extend(needed.into_iter().rev().map(Open::Visit));
            return;
        }
        let early = needed_first(&node).min(node.children.len());
        let (first, rest) = node.children.split_at(early);
        self.open.extend(rest.iter().rev().map(|child| Open::Visit(*child)));
        self.open.push(Open::Make(number));
        self.open.extend(first.iter().rev().map(|child| Open::Visit(*child)));
    }

    /// Returns the nodes needed before a name can be looked up: a definition in this stream, an attribute of one, or
    /// a member.
    fn needed_by_name(&self, node: &ArenaNode<'_>) -> Vec<u32> {
        match node.kind {
            kinds::CLASS => self.own_class(node.payload).into_iter().collect(),
            kinds::METHOD => {
                let Some((id, name)) = library::method_name(node.payload) else {
                    return Vec::new();
                };
                let class = self.own.get(id).copied();
                class.into_iter().chain(self.own_attribute(id, name)).collect()
            }
            kinds::ENUM_MEMBER => {
                let class = node.children.first().copied();
                class.into_iter().chain(self.own_member(node)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn own_class(&self, id: &[u8]) -> Option<u32> {
        self.own.get(std::str::from_utf8(id).ok()?).copied()
    }

    /// Returns the node with the value of an Enum member of this stream.
    fn own_member(&self, node: &ArenaNode<'_>) -> Option<u32> {
        let class = *node.children.first()?;
        let class_node = self.arena.node(class);
        let definition = match class_node.kind {
            kinds::CLASS => self.own_class(class_node.payload)?,
            kinds::DEFINITION => class,
            _ => return None,
        };
        self.members.get(&definition)?.get(node.payload).copied()
    }

    /// # Errors
    /// Something needed to make the object is not made, and never will be before it.
    fn check_needed(&self, number: u32) -> Result<(), BuildError> {
        let node = self.arena.node(number);
        let early = needed_first(&node).min(node.children.len());
        let is_missing = |child: &u32| !self.is(*child, MADE);
        let by_name = self.needed_by_name(&node);
        // The last one is what is looked up; for a method that is the attribute, which may be made before its class.
        if node.children[..early].iter().any(is_missing) || by_name.last().is_some_and(is_missing) {
            return Err(malformed("an object is a part of what it is made from"));
        }
        Ok(())
    }

    /// Returns whether an object must wait: in a cycle, one of its parts is not made, or a part to be hashed is not
    /// filled.
    fn waits(&self, number: u32) -> bool {
        let node = self.arena.node(number);
        node.children.iter().any(|child| !self.is(*child, MADE)) || !self.can_hash(&node)
    }

    fn can_hash(&self, node: &ArenaNode<'_>) -> bool {
        let own = self.own_member(node).filter(|_| node.kind == kinds::ENUM_MEMBER);
        hashed(node)
            .chain(own.as_ref())
            .all(|child| self.is_hashable(*child, DEEPEST))
    }

    /// Returns whether everything that is hashed with a node's object is complete.
    fn is_hashable(&self, number: u32, depth: u8) -> bool {
        if !self.is(number, FULL) {
            return false;
        }
        let node = self.arena.node(number);
        let parts = match node.kind {
            kinds::TUPLE | kinds::FROZENSET if depth > 0 && !self.is(number, LEFT_OUT) => node.children,
            _ => return true,
        };
        parts.iter().all(|part| self.is_hashable(*part, depth - 1))
    }

    /// Fills the waiting nodes that are ready; if none is, fills the first one nevertheless.
    fn take_late(&mut self) {
        let waiting = std::mem::take(&mut self.late);
        self.rounds = self.rounds.saturating_add(1);
        if self.rounds > MOST_ROUNDS {
            for number in waiting.into_iter().rev() {
                self.with_beginnings(BuildStep::Fill(number));
            }
            return;
        }
        let (ready, still): (Vec<u32>, Vec<u32>) = waiting.into_iter().partition(|number| !self.waits(*number));
        self.late = still;
        if ready.is_empty() {
            let first = self.late.remove(0);
            self.with_beginnings(BuildStep::Fill(first));
            return;
        }
        self.next.extend(ready.into_iter().rev().map(BuildStep::Fill));
    }

    /// Schedules a step, preceded by filling the instances that it hashes with their existing parts.
    fn with_beginnings(&mut self, step: BuildStep) {
        self.next.push(step);
        let (BuildStep::Make(number) | BuildStep::Fill(number) | BuildStep::Begin(number)) = step;
        let node = self.arena.node(number);
        let is_frozen = node.kind == kinds::FROZENSET && matches!(step, BuildStep::Make(_));
        if is_frozen || matches!(step, BuildStep::Fill(_)) {
            let parts = if is_frozen { node.children } else { &[] };
            let mut found = Vec::new();
            for part in hashed(&node).chain(parts) {
                self.find_unfilled(*part, DEEPEST, &mut found);
            }
            self.next.extend(found.into_iter().map(BuildStep::Begin));
        }
    }

    /// Finds instances that are hashed with a node's object and are not filled.
    fn find_unfilled(&self, number: u32, depth: u8, found: &mut Vec<u32>) {
        let node = self.arena.node(number);
        match node.kind {
            _ if self.is(number, LEFT_OUT) => {}
            kinds::INSTANCE if !self.is(number, FULL) => found.push(number),
            kinds::TUPLE | kinds::FROZENSET if depth > 0 => {
                for part in node.children {
                    self.find_unfilled(*part, depth - 1, found);
                }
            }
            kinds::ENUM_MEMBER => found.extend(self.own_member(&node).filter(|own| !self.is(*own, FULL))),
            _ => {}
        }
    }
}

/// Returns the number of leading children that are needed to make a node's object.
pub(super) fn needed_first(node: &ArenaNode<'_>) -> usize {
    match node.kind {
        kinds::TUPLE..=kinds::SET | kinds::CELL => 0,
        kinds::INSTANCE => part::needed_first(node),
        kinds::CODEC | kinds::REDUCE | kinds::DEFINITION => 2,
        kinds::FUNCTION => library::function_needs(node),
        kinds::PARTIAL | kinds::STATICMETHOD | kinds::CLASSMETHOD => 1,
        kinds::CACHED => 3,
        kinds::GLOBALS => containers::globals_need(node),
        _ => usize::MAX,
    }
}

/// Returns the children that are hashed when a node is filled: they must be complete.
fn hashed<'n>(node: &'n ArenaNode<'_>) -> impl Iterator<Item = &'n u32> {
    let (first, step) = match node.kind {
        kinds::DICT => (0, 2),
        kinds::SET => (0, 1),
        // This includes attributes, which does no harm.
        kinds::CACHED => (needed_first(node), 2),
        _ => (usize::MAX, usize::MAX),
    };
    node.children.iter().skip(first).step_by(step)
}

/// Returns the children of a tuple or another object that the interpreter hashes by its parts, in C and without a check
/// of the depth.
fn tuple_parts<'n>(node: &ArenaNode<'n>) -> &'n [u32] {
    match node.kind {
        kinds::TUPLE | kinds::FROZENSET | kinds::SLICE | kinds::GENERIC_ALIAS => node.children,
        // The class is the first child; attributes follow the items.
        kinds::INSTANCE => node.children.get(1..part::needed_first(node)).unwrap_or_default(),
        _ => &[],
    }
}

/// Returns an error if a tuple contains itself through tuples alone: hashing it, or making code with it as a constant,
/// would overflow the stack. No Python code makes such a tuple.
fn check_tuples(arena: &Arena<'_>) -> Result<(), BuildError> {
    let mut done: FxHashSet<u32> = FxHashSet::default();
    for number in 0..arena.len() as u32 {
        // Nodes are numbered as they are first met: each cycle has an edge to a node that is not later.
        let is_back = |part: &u32| *part <= number && !tuple_parts(&arena.node(*part)).is_empty();
        if done.contains(&number) || !tuple_parts(&arena.node(number)).iter().any(is_back) {
            continue;
        }
        // Tuples from this one down to the current one, each with the number of its parts that were visited.
        let mut path = vec![(number, 0)];
        let mut on_path = FxHashSet::from_iter([number]);
        while let Some((at, visited)) = path.last_mut() {
            let parts = tuple_parts(&arena.node(*at));
            let Some(part) = parts.get(*visited) else {
                on_path.remove(at);
                done.insert(*at);
                path.pop();
                continue;
            };
            *visited += 1;
            if tuple_parts(&arena.node(*part)).is_empty() || done.contains(part) {
                continue;
            }
            if !on_path.insert(*part) {
                return Err(malformed("a tuple contains itself"));
            }
            path.push((*part, 0));
        }
    }
    Ok(())
}

/// Returns why the objects of a stream with this number of roots cannot be built in any environment; `None` if the
/// stream itself contains no such reason.
pub(crate) fn refusal(py: Python<'_>, stream: &[u8], roots: usize) -> Option<BuildError> {
    // Objects of these kinds are not made from their parts, and `check_node` has no objection to them.
    if holds_only(stream, roots, |kind| {
        matches!(
            kind,
            kinds::NONE..=kinds::SET | kinds::ELLIPSIS | kinds::NOT_IMPLEMENTED
        )
    }) {
        return None;
    }
    let arena = match Arena::parse(stream, roots, ArenaLimits::default()) {
        Ok(arena) => arena,
        Err(error) => return Some(BuildError::Failed(error.to_string())),
    };
    let mut order = match Order::of(&arena, arena.roots()) {
        Ok(order) => order,
        Err(refused) => return Some(refused),
    };
    loop {
        match order.next() {
            Ok(Some(BuildStep::Make(number))) => {
                if let Err(refused) = super::check_node(py, &arena.node(number)) {
                    return Some(refused);
                }
            }
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(refused) => return Some(refused),
        }
    }
}
