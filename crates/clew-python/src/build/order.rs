//! In which order the objects of a stream are made and filled, as its nodes alone tell.
//!
//! Each node goes through three steps, in the order in which pickle would: the children it can't be made without, then the object
//! itself, then what is put into it. The builder takes these steps; and before a stream is stored they are counted off without
//! it ([`refusal`]), since a stream that has no such order can never be built (decision 58).

use clew_core::graph::stream::holds_only;
use clew_core::graph::{Arena, ArenaLimits, ArenaNode};
use clew_core::kernel::BuildError;
use pyo3::Python;
use rustc_hash::FxHashMap;

use super::definitions::EnumMembers;
use super::{containers, definitions, library, malformed, part};
use crate::kinds;

/// A step in building the object of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BuildStep {
    /// Make it; the children it needs are there.
    Make(u32),
    /// Put into it what is there already: it is about to be hashed, as a part of what it holds.
    Begin(u32),
    /// Put the rest in.
    Fill(u32),
}

/// What is still to be decided.
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

/// How deep tuples and frozensets lie in each other where it counts whether they can be hashed.
const DEEPEST: u8 = 8;
/// How often what waits is gone over while that helps.
const MOST_ROUNDS: u8 = 16;

/// Decides the order.
pub(super) struct Order<'a> {
    arena: &'a Arena<'a>,
    /// Nodes of the definitions of the stream, by id.
    own: FxHashMap<&'a str, u32>,
    /// Nodes of members of its Enums, by definition and name.
    members: EnumMembers<'a>,
    /// Roots that were not begun.
    roots: Vec<u32>,
    states: Vec<u8>,
    open: Vec<Open>,
    /// What waits for the end: a cycle has a part of it that was not there.
    late: Vec<u32>,
    /// What of that is filled next.
    next: Vec<BuildStep>,
    rounds: u8,
}

impl<'a> Order<'a> {
    /// The order for these nodes and all they need.
    pub fn of(arena: &'a Arena<'a>, numbers: &[u32]) -> Self {
        // Classes first: another stream may wait for one of them, which this one needs for an instance.
        let is_class = |number: &&u32| arena.node(**number).kind == kinds::DEFINITION;
        let (classes, others): (Vec<u32>, Vec<u32>) = numbers.iter().partition(is_class);
        let (own, members) = definitions::own(arena);
        Self {
            arena,
            own,
            members,
            roots: others.into_iter().rev().chain(classes.into_iter().rev()).collect(),
            states: vec![0; arena.len()],
            open: Vec::new(),
            late: Vec::new(),
            next: Vec::new(),
            rounds: 0,
        }
    }

    /// Takes nodes for such that have no parts: something else stands in for their objects.
    pub fn leave_out(&mut self, numbers: impl Iterator<Item = u32>) {
        numbers.for_each(|number| self.states[number as usize] |= LEFT_OUT);
    }

    /// The node of an attribute of a definition of this very stream.
    pub fn own_attribute(&self, id: &str, name: &[u8]) -> Option<u32> {
        definitions::attribute(self.arena, *self.own.get(id)?, name)
    }

    /// The next step; `None` when all is done.
    ///
    /// # Errors
    /// There is none: an object is a part of what it is made from.
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
            // Most are: nothing is to be decided.
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

    /// What must be there before a name can be told: a definition of this very stream, an attribute of one, or a member.
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

    /// The node that holds what a member of an Enum of this very stream is.
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
    /// Something that the object is made from is not there, and never will be before it.
    fn check_needed(&self, number: u32) -> Result<(), BuildError> {
        let node = self.arena.node(number);
        let early = needed_first(&node).min(node.children.len());
        let is_missing = |child: &u32| !self.is(*child, MADE);
        let by_name = self.needed_by_name(&node);
        // The last of them is what is looked up; of a method that is the attribute, which may be there before its class.
        if node.children[..early].iter().any(is_missing) || by_name.last().is_some_and(is_missing) {
            return Err(malformed("an object is a part of what it is made from"));
        }
        Ok(())
    }

    /// Whether a cycle has a part of an object not made yet, or one not filled that is hashed.
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

    /// Whether all that is hashed with a node's object is there.
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

    /// Goes over what waits. What can be filled is; where nothing can, the first is all the same.
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

    /// Takes a step after what it hashes got what there is of its parts.
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

    /// Instances that are hashed with a node's object and not filled.
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

/// How many leading children a node's object can't be made without.
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

/// The children that filling a node hashes: they must be complete.
fn hashed<'n>(node: &'n ArenaNode<'_>) -> impl Iterator<Item = &'n u32> {
    let (first, step) = match node.kind {
        kinds::DICT => (0, 2),
        kinds::SET => (0, 1),
        // Of these also attributes, which do no harm.
        kinds::CACHED => (needed_first(node), 2),
        _ => (usize::MAX, usize::MAX),
    };
    node.children.iter().skip(first).step_by(step)
}

/// Why no builder can make the objects of a stream of so many roots, whatever it finds where it works; `None` if nothing in the
/// stream speaks against it.
pub(crate) fn refusal(py: Python<'_>, stream: &[u8], roots: usize) -> Option<BuildError> {
    // Nothing of these is made from its parts, and none says by itself that it can't be made.
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
    let mut order = Order::of(&arena, arena.roots());
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
