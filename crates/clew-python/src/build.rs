//! Builds the objects of a stream, with an explicit stack: any nesting depth, any cycle, any corruption.
//!
//! Input: an [`Arena`] with its asides and memory. Output: the objects of its roots, not bound to names. `order`
//! decides in which order objects are made and filled. Containers are first made empty, so that cycles can be closed.
//! If a cycle makes an object wait for a part, the object is filled at the end.
//!
//! A kernel calls [`build`] for each co-variable, definitions before the values that need them, and keeps the
//! [`BuiltObject`] values. To install a definition it calls [`install_definition`] with the value, and
//! [`ClassBackup::put_back`] to roll back. Finally it calls [`PythonHeap::end_staging`] with whether the staged
//! definitions stay.

mod bytecode;
mod containers;
mod definitions;
mod foreign;
mod gaps;
mod library;
mod order;
mod part;
mod scalars;

use std::collections::BTreeMap;
use std::sync::Arc;

use clew_core::graph::{Arena, ArenaNode, ExtentMemory, Mention};
use clew_core::kernel::{BuildError, CellSources, MissingMembers, StoredCoVariable};
use pyo3::PyTypeCheck;
use pyo3::call::PyCallArgs;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyByteArray, PyMemoryView};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::cause::PythonCause;
use crate::exceptions::build_error;
use crate::kinds;
use crate::raw::twin::Twin;
use crate::raw::{Allocation, ClassBackup, CollectorPause, Object, PythonHeap, Region};

pub(crate) use order::refusal;
use order::{BuildStep, Order, needed_first};

/// Builds the objects of one co-variable.
pub(crate) struct Builder<'py, 'a> {
    py: Python<'py>,
    heap: &'a mut PythonHeap,
    arena: &'a Arena<'a>,
    asides: FxHashMap<u32, &'a [u8]>,
    mentions: &'a [Mention],
    extents: &'a [Arc<Region>],
    /// The owner of each extent's memory: a bytearray that covers all of it, otherwise an allocation.
    allocations: Vec<Option<Py<PyAny>>>,
    /// Extents that a bytearray covers completely.
    bytearrays: FxHashSet<u32>,
    objects: Vec<Option<Bound<'py, PyAny>>>,
    order: Order<'a>,
    /// Instances that got some of their attributes before the others were made.
    begun: FxHashSet<u32>,
    /// Nodes of members of Enums that are built here, by definition and name.
    members: FxHashMap<(String, Vec<u8>), u32>,
    /// Definitions whose class is new.
    fresh: FxHashSet<u32>,
    /// Cells of the history, which may contain the source of code.
    cells: &'a dyn CellSources,
    uses: foreign::Uses<'a>,
    gaps: gaps::Gaps<'py>,
    /// Objects that are finished after all others are filled.
    unfinished: Vec<u32>,
}

/// A built object, kept alive.
pub struct BuiltObject {
    /// The object for the walk: a definition is represented by its body.
    pub object: Object,
    /// The object itself; for a definition the class, or its staged twin.
    pub value: Py<PyAny>,
}

/// The result of a build step: an object, or why there is none.
type BuildResult<'py> = Result<Bound<'py, PyAny>, BuildError>;

/// Builds the objects of `stored`'s roots, in order. Definitions that it makes are staged in the heap until
/// [`PythonHeap::end_staging`].
///
/// # Errors
/// The reason why they cannot be built here. Live objects are unchanged, but the build may already have run code.
pub fn build(
    py: Python<'_>,
    heap: &mut PythonHeap,
    stored: StoredCoVariable<'_, Region>,
) -> Result<(Vec<BuiltObject>, MissingMembers), BuildError> {
    let extents: Vec<Arc<Region>> = stored.extents.into_iter().map(Arc::new).collect();
    let _uncollected = CollectorPause::begin(py);
    let mut left_out = BTreeMap::new();
    let (values, missing) = loop {
        let asides = stored.asides.iter();
        let asides = asides.map(|aside| (aside.number, aside.bytes.as_slice()));
        let mut builder = Builder {
            py,
            heap,
            arena: stored.arena,
            asides: asides.collect(),
            mentions: stored.mentions,
            extents: &extents,
            allocations: extents.iter().map(|_| None).collect(),
            bytearrays: FxHashSet::default(),
            objects: vec![None; stored.arena.len()],
            order: Order::of(stored.arena, stored.arena.roots())?,
            begun: FxHashSet::default(),
            members: FxHashMap::default(),
            fresh: FxHashSet::default(),
            cells: stored.cells,
            uses: foreign::Uses::default(),
            gaps: gaps::Gaps::default(),
            unfinished: Vec::new(),
        };
        builder.leave_out_all(&left_out);
        match builder.run() {
            Ok(values) => break (values, builder.missing(stored.roots)),
            // An object that cannot be filled without a missing object is missing, too.
            Err(error) => match builder.gaps.blamed() {
                Some((number, why)) if left_out.insert(number, why.clone()).is_none() => {}
                _ => return Err(error),
            },
        }
    };
    values.iter().for_each(|value| heap.bind_value(value));
    let is_body = |number: &u32| stored.arena.node(*number).kind == kinds::DEFINITION;
    let built = values
        .into_iter()
        .zip(stored.arena.roots())
        .map(|(value, number)| BuiltObject {
            object: if is_body(number) {
                Object::whole_of(&value)
            } else {
                Object::of(&value)
            },
            value: value.unbind(),
        });
    Ok((built.collect(), missing))
}

/// Gives a live class the attributes of its staged twin, which [`build`] made for a definition. Returns `None` if the
/// class itself is new, so that there is nothing to do.
///
/// # Errors
/// The reason why the class rejects them. It is unchanged.
pub fn install_definition(py: Python<'_>, value: &Py<PyAny>) -> PyResult<Option<ClassBackup>> {
    match value.bind(py).cast_exact::<Twin>() {
        Ok(twin) => twin.get().apply(py).map(Some),
        Err(_) => Ok(None),
    }
}

impl<'py, 'a> Builder<'py, 'a> {
    /// Builds the roots and everything they need.
    pub fn run(&mut self) -> Result<Vec<Bound<'py, PyAny>>, BuildError> {
        self.find_bytearrays();
        let mut steps = 0_u32;
        while let Some(step) = self.order.next()? {
            steps = steps.wrapping_add(1);
            if steps.is_multiple_of(16_384) {
                self.py.check_signals().map_err(|error| self.failed(&error))?;
            }
            match step {
                BuildStep::Make(number) => {
                    let made = self.make(number).or_else(|error| self.leave_out(number, error))?;
                    self.objects[number as usize] = Some(made);
                }
                BuildStep::Begin(number) => self.begin(number).map_err(|error| self.blame(number, error))?,
                BuildStep::Fill(number) => self.fill(number).map_err(|error| self.blame(number, error))?,
            }
        }
        for number in std::mem::take(&mut self.unfinished) {
            self.finish_by_codec(number)?;
        }
        self.arena.roots().iter().map(|number| self.object(*number)).collect()
    }

    fn make(&mut self, number: u32) -> BuildResult<'py> {
        if let Some(stand_in) = self.stand_in_left_out(number)? {
            return Ok(stand_in);
        }
        let node = self.arena.node(number);
        match node.kind {
            kinds::NONE..=kinds::STR | kinds::ELLIPSIS | kinds::NOT_IMPLEMENTED => self.make_scalar(&node),
            kinds::BYTES | kinds::BYTEARRAY | kinds::MEMORY => self.make_memory(&node),
            kinds::TUPLE..=kinds::FROZENSET => self.make_container(&node),
            kinds::INSTANCE => self.make_instance(&node),
            kinds::DEFINITION => self.make_definition(number, &node),
            kinds::CODE => self.make_code(number, &node),
            kinds::CODEC => self.make_by_codec(number, &node),
            kinds::REDUCE => self.make_by_reducer(&node),
            kinds::OPAQUE => self.make_unstored(number, &node),
            kinds::GLOBALS => self.make_globals(&node),
            kind if kinds::is_by_name(kind) => self.make_by_name(&node),
            _ => self.make_wrapper(&node),
        }
    }

    /// Puts the parts into an object.
    fn fill(&mut self, number: u32) -> Result<(), BuildError> {
        if self.gaps.holds(number) {
            return Ok(());
        }
        let node = self.arena.node(number);
        match node.kind {
            kinds::TUPLE..=kinds::SET => self.fill_container(number, &node),
            kinds::INSTANCE => self.fill_instance(number, &node),
            kinds::FUNCTION => self.fill_function(number, &node),
            kinds::CELL | kinds::PARTIAL | kinds::CACHED | kinds::STATICMETHOD | kinds::CLASSMETHOD => {
                self.fill_wrapper(number, &node)
            }
            kinds::DEFINITION => self.fill_definition(number, &node),
            kinds::CODEC => self.fill_by_codec(number, &node),
            kinds::REDUCE => self.fill_by_reducer(number, &node),
            kinds::GLOBALS => self.fill_globals(number, &node),
            _ => Ok(()),
        }
    }

    /// Puts the parts that exist already into an instance that is about to be hashed.
    fn begin(&mut self, number: u32) -> Result<(), BuildError> {
        if self.gaps.holds(number) {
            return Ok(());
        }
        self.begin_instance(number)?;
        self.begun.insert(number);
        Ok(())
    }

    /// Returns the object of a node, which must have been made.
    fn object(&self, number: u32) -> BuildResult<'py> {
        self.objects[number as usize]
            .clone()
            .ok_or_else(|| malformed("an object is a part of what it is made from"))
    }

    /// Returns the objects of a node's children from the `first` on.
    fn children(&self, node: &ArenaNode<'_>, first: usize) -> Result<Vec<Bound<'py, PyAny>>, BuildError> {
        node.children
            .iter()
            .skip(first)
            .map(|child| self.object(*child))
            .collect()
    }

    /// Returns the object of a child, which the node must have.
    fn child(&self, node: &ArenaNode<'_>, at: usize) -> BuildResult<'py> {
        self.object(*node.children.get(at).ok_or_else(|| malformed("a child is missing"))?)
    }

    /// Returns a child of this type, which the node must have.
    fn child_of_type<T: PyTypeCheck>(
        &self,
        node: &ArenaNode<'_>,
        at: usize,
        wrong: &'static str,
    ) -> Result<Bound<'py, T>, BuildError> {
        self.child(node, at)?.cast_into().map_err(|_| malformed(wrong))
    }

    /// Returns the children that are made before the object.
    fn children_made(&self, node: &ArenaNode<'_>) -> Result<Vec<Bound<'py, PyAny>>, BuildError> {
        let needed = needed_first(node).min(node.children.len());
        let made = node.children[..needed].iter();
        made.map(|child| self.object(*child)).collect()
    }

    /// Calls a function of a module.
    fn call(&self, module: &str, function: &str, arguments: impl PyCallArgs<'py>) -> BuildResult<'py> {
        let module = self.py.import(module);
        self.tried(module.and_then(|module| module.call_method1(function, arguments)))
    }

    /// Returns the bytes of a node's buffer.
    fn memory(&self, node: &ArenaNode<'_>) -> Result<(&'a [u8], Mention), BuildError> {
        let missing = || malformed("memory is missing");
        let mention = node
            .buffer
            .and_then(|nth| self.mentions.get(nth as usize))
            .ok_or_else(missing)?;
        let extent = self.extents.get(mention.extent as usize).ok_or_else(missing)?.bytes();
        let start = usize::try_from(mention.offset).map_err(|_| missing())?;
        let end = usize::try_from(mention.length)
            .ok()
            .and_then(|length| start.checked_add(length));
        let bytes = extent.get(start..end.ok_or_else(missing)?).ok_or_else(missing)?;
        Ok((bytes, *mention))
    }

    /// Returns a writable view of a node's buffer, over memory that all nodes of its extent share.
    fn writable(&mut self, node: &ArenaNode<'_>) -> BuildResult<'py> {
        let py = self.py;
        let (bytes, mention) = self.memory(node)?;
        let holder = self.holder(mention.extent)?;
        let whole = self.tried(PyMemoryView::from(&holder))?;
        let range = pyo3::types::PySlice::new(
            py,
            mention.offset as isize,
            (mention.offset as usize + bytes.len()) as isize,
            1,
        );
        self.tried(whole.get_item(range))
    }

    /// Returns the owner of an extent's memory; it is made on first use.
    fn holder(&mut self, extent: u32) -> BuildResult<'py> {
        let (py, at) = (self.py, extent as usize);
        if let Some(holder) = &self.allocations[at] {
            return Ok(holder.bind(py).clone());
        }
        let region = &self.extents[at];
        let made = if self.bytearrays.contains(&extent) {
            PyByteArray::new(py, region.bytes()).into_any()
        } else {
            self.heap.add_region(region);
            let made = Bound::new(py, Allocation(Arc::clone(region)));
            self.tried(made)?.into_any()
        };
        self.allocations[at] = Some(made.clone().unbind());
        Ok(made)
    }

    /// Finds the extents that bytearrays cover completely: other views of that memory are views of the bytearray.
    fn find_bytearrays(&mut self) {
        for number in 0..self.arena.len() as u32 {
            let node = self.arena.node(number);
            if node.kind != kinds::BYTEARRAY {
                continue;
            }
            if let Ok((bytes, mention)) = self.memory(&node)
                && bytes.len() == self.extents[mention.extent as usize].length()
            {
                self.bytearrays.insert(mention.extent);
            }
        }
    }

    /// Converts an exception to a build error.
    fn failed(&self, error: &PyErr) -> BuildError {
        build_error(self.py, error)
    }

    fn tried<T>(&self, result: PyResult<T>) -> Result<T, BuildError> {
        result.map_err(|error| self.failed(&error))
    }
}

/// Returns an error if a node alone shows that its object cannot be made in any environment: a name cannot be read,
/// or the kind is unknown.
fn check_node(py: Python<'_>, node: &ArenaNode<'_>) -> Result<(), BuildError> {
    match node.kind {
        kinds::OPAQUE => gaps::check(node),
        kinds::DEFINITION => definitions::check(node),
        kinds::INSTANCE => part::check(node),
        kinds::CODE => library::check_code(py, node.payload),
        kinds::GLOBAL => library::global_name(node.payload).map(drop),
        kinds::MODULE | kinds::MODULE_DICT | kinds::CLASS | kinds::TOKEN | kinds::WHEREABOUTS => {
            library::utf8(node.payload).map(drop)
        }
        kinds::NONE..=kinds::NOT_IMPLEMENTED
        | kinds::METHOD
        | kinds::DESCRIPTOR..=kinds::FUNCTION
        | kinds::CELL
        | kinds::BOUND_METHOD
        | kinds::ENUM_MEMBER..=kinds::REDUCE
        | kinds::MEMORYVIEW..=kinds::PARTIAL
        | kinds::SUPER
        | kinds::GLOBALS
        | kinds::CLASS_DICT => Ok(()),
        _ => Err(malformed("a node is of no known kind")),
    }
}

/// Returns the error for a stream with content that no walk writes.
fn malformed(what: &'static str) -> BuildError {
    PythonCause::Unreadable(what).into()
}
