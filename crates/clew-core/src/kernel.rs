//! The trait for a live session: its roots, building and installing objects, and rerunning cells.

mod handover;
mod inputs;
mod veil;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use crate::format::{MemberGap, Summary};
use crate::graph::{Arena, Aside, ExtentMemory, Heap, Mention};
use crate::id::{Root, RunId};

pub use handover::decode_asides;
pub(crate) use handover::encode_asides;
pub use handover::{CoVariableHandover, HandoverFault};
pub use inputs::{Inputs, UncheckedInputs};
pub use veil::EncryptedStream;

/// The roots that a run may have touched, as reported by the hooks. This is a hint for objects that cannot be compared; all other
/// objects are always compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TouchedRoots {
    /// It is unknown: all roots.
    All,
    /// These roots.
    Only(BTreeSet<Root>),
}

impl TouchedRoots {
    /// Returns whether `root` is among them.
    pub fn holds(&self, root: &Root) -> bool {
        match self {
            Self::All => true,
            Self::Only(roots) => roots.contains(root),
        }
    }
}

/// Stored objects of one co-variable, verified and ready to be built in the kernel's memory.
#[derive(Debug)]
pub struct StoredCoVariable<'a, M> {
    /// Its roots, sorted; the n-th root of the arena is the n-th of these.
    pub roots: &'a [Root],
    /// Its nodes.
    pub arena: &'a Arena<'a>,
    /// The data stored beside the stream.
    pub asides: &'a [Aside],
    /// The memory of each extent, on which objects are built.
    pub extents: Vec<M>,
    /// The position of the n-th buffer.
    pub mentions: &'a [Mention],
    /// The cells that may have defined the code objects among them.
    pub cells: &'a dyn CellSources,
}

/// Sources of cells, needed to build code objects that this Python version cannot load.
pub trait CellSources: Debug {
    /// Returns the sources of the user's cells and of trusted cells, each once, nearest to the state first. A source that was not
    /// stored completely is empty. Reads them from the store, so it is called only if they are needed.
    fn sources(&self) -> Vec<String>;
}

/// An implementation without cells, if there is no history.
#[derive(Debug)]
pub struct NoCellSources;

impl CellSources for NoCellSources {
    fn sources(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The members of a co-variable that were not stored and are no longer live.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MissingMembers {
    /// The numbers of their nodes, and of objects that cannot be created without them.
    pub numbers: BTreeSet<u32>,
    /// The paths to them. The path of a missing root is empty.
    pub gaps: Vec<MemberGap>,
}

/// The reason why an object could not be built. Live objects are not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The stored form cannot be turned into an object here (a missing module, a constructor that raised).
    #[error("{0}")]
    Failed(String),
    /// Its code reads an unbound name, which may be restored together with it ([`Kernel::lend`]).
    #[error("{0}")]
    Unbound(String),
    /// There is not enough memory. The whole restore is then cancelled.
    #[error("there is not enough memory")]
    NoMemory,
    /// The user interrupted it.
    #[error("it was interrupted")]
    Interrupted,
}

/// The reason why the live session could not be read or changed. The session is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    /// An operation of the kernel failed.
    #[error("{0}")]
    Failed(String),
    /// There is not enough memory for a look.
    #[error("there is not enough memory")]
    NoMemory,
    /// The user interrupted it.
    #[error("it was interrupted")]
    Interrupted,
}

/// A request to execute a cell again in a sandbox process, which cannot change anything.
#[derive(Debug, Clone, Copy)]
pub struct SandboxRerun<'a> {
    /// The run whose cell is executed. The state before it is loaded first.
    pub run: RunId,
    /// The runs whose cells are executed in one process, in this order, including `run`. The inputs of each are loaded, or
    /// created by an earlier one.
    pub line: &'a [RunId],
    /// The run's number as shown to people.
    pub label: &'a str,
    /// The roots to return, sorted.
    pub roots: &'a [Root],
    /// Whether the user allowed the rerun. The process then need not be restricted.
    pub is_allowed: bool,
}

/// A live root that is not recorded: excluded, or a credential. States contain only that it existed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithheldRoot {
    /// The root.
    pub root: Root,
    /// Why it is not recorded, for people.
    pub why: String,
    /// Identifies the bound object within this kernel only. It reveals nothing about the value outside the kernel.
    pub mark: u64,
    /// Whether the mark changes with every change of the value. Otherwise it changes only if another object is bound, not if the
    /// object is modified.
    pub is_compared: bool,
}

/// The differences of the bindings from those of the last recorded look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingChanges<O> {
    /// Names and outputs that are new, or bound to another object.
    pub roots: Vec<Root>,
    /// Names and outputs that are bound to the same object as one of these, if that puts them into one co-variable.
    pub alike: Vec<Root>,
    /// Names and outputs that are no longer bound.
    pub gone: Vec<Root>,
    /// All roots other than names and outputs. There are few of them, and their changes are not reported.
    pub others: Vec<(Root, O)>,
}

/// The effect of an install on one root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootChange<O> {
    /// Binds the root to a staged, set-aside or live object.
    Bind(O),
    /// Removes the root.
    Unbind,
}

/// Notes and refusals of an install.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstallReport {
    /// Notes for people, by root: which objects still refer to the old object, and what could not be restored in place.
    pub notes: Vec<(Root, String)>,
    /// Roots that could not be changed, with the reasons, for people. They are unchanged.
    pub refused: Vec<(Root, String)>,
}

/// Progress of a restore: reading, then building.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestoreProgress {
    /// Stored data is read and checked.
    Reads {
        /// The bytes of memory and streams.
        bytes: u64,
    },
    /// Objects are built.
    Builds {
        /// The number of values that are built.
        done: usize,
        /// The total number of values to build.
        of: usize,
    },
}

/// A live session as the engine sees it. Implemented by the Python kernel and by the toy kernel of the tests.
pub trait Kernel {
    /// Its objects.
    type Heap: Heap;

    /// The memory on which it builds objects.
    type Memory: ExtentMemory;

    /// Returns its objects, for a walk.
    fn heap(&mut self) -> &mut Self::Heap;

    /// Returns all live roots except the discovered ones, without excluded names. The kernel keeps objects that it created for
    /// this until the heap releases them.
    ///
    /// # Errors
    /// Fails if the roots cannot be determined. The caller must not conclude anything then, since a missing root counts as removed.
    fn roots(&mut self) -> Result<Roots<Self>, KernelError>;

    /// Returns live roots that are not recorded, as found by the last [`Self::roots`]. A restore does not change them, since a
    /// value that was never recorded could not be brought back.
    fn withheld(&mut self) -> Vec<WithheldRoot> {
        Vec::new()
    }

    /// Returns the differences of the bindings from those of the last accepted look ([`Self::settle`]). Its cost is negligible
    /// for any number of bindings. Returns `None` if only [`Self::roots`] can determine the differences: no look was accepted
    /// yet, or the set of excluded names has changed.
    ///
    /// # Errors
    /// Fails as [`Self::roots`] does.
    fn rebound(&mut self) -> Result<Option<BindingChanges<ObjectOf<Self>>>, KernelError>;

    /// Returns those of `roots` that are bound names and outputs, without excluded ones; `None` as for [`Self::rebound`].
    ///
    /// # Errors
    /// Fails as [`Self::roots`] does.
    fn some_roots(&mut self, roots: &BTreeSet<Root>) -> Result<Option<Roots<Self>>, KernelError>;

    /// Reports whether the result of the last [`Self::roots`] or [`Self::rebound`] was accepted. A result that is never settled
    /// counts as not accepted. If a result of [`Self::roots`] was not accepted, the accepted one before it stays valid.
    fn settle(&mut self, is_taken_over: bool);

    /// Imports submodules before a state is built. `of_runs` has the submodules that the state's cells imported, by run, oldest
    /// first. Their packages then have them as attributes before values are assigned to them. Unless `is_whole`, only some values
    /// are built, and only packages that these need are handled. Paths and the environment are already restored.
    ///
    /// # Errors
    /// Fails if the user interrupted it, or if memory ran out. A module that can no longer be imported is skipped.
    fn bring_submodules(&mut self, of_runs: &[Vec<String>], is_whole: bool) -> Result<(), KernelError> {
        let _ = (of_runs, is_whole);
        Ok(())
    }

    /// Builds all roots of a co-variable in the staging area, without binding them, and returns them in order. Definitions that a
    /// staged object needs are staged before it.
    fn build(&mut self, stored: StoredCoVariable<'_, Self::Memory>) -> Result<Vec<ObjectOf<Self>>, BuildError>;

    /// Returns whether the kernel can build a co-variable without some of its objects. Only then are co-variables stored without
    /// them.
    fn builds_around_gaps(&self) -> bool {
        false
    }

    /// Returns the paths from the roots to the nodes of a stream that only identify their object, for people, each with the
    /// reason why the object was not stored. The list may be incomplete, but is not empty if there is such a node.
    fn name_gaps(&mut self, roots: &[Root], stream: &[u8], unstored: &BTreeMap<u32, String>) -> Vec<MemberGap> {
        let _ = (roots, stream, unstored);
        Vec::new()
    }

    /// Returns the objects that the last [`Self::build`] could not find. Placeholders replace them, and raise when they are used.
    fn missing(&mut self) -> MissingMembers {
        MissingMembers::default()
    }

    /// Keeps the live objects that these roots reach for the rest of the session: they are needed for the way back.
    fn set_aside(&mut self, objects: Vec<(Root, ObjectOf<Self>)>) {
        let _ = objects;
    }

    /// Returns the files that cells read, as they are found by cells that are rerun automatically.
    fn inputs(&self) -> Arc<dyn Inputs> {
        Arc::new(UncheckedInputs)
    }

    /// Temporarily binds those of these names that are unbound, while objects are built whose code reads them.
    ///
    /// # Errors
    /// Fails if not all could be bound. The others stay bound until [`Self::take_back`].
    fn lend(&mut self, names: &[(Root, ObjectOf<Self>)]) -> Result<(), KernelError> {
        let _ = names;
        Ok(())
    }

    /// Removes the bindings of [`Self::lend`].
    fn take_back(&mut self) {}

    /// Returns the number of loaded libraries. Loading a library in order to build a value may change settings.
    fn libraries(&mut self) -> usize {
        0
    }

    /// Returns why objects built since the last call may differ from the stored ones, for people.
    fn noticed(&mut self) -> Option<String> {
        None
    }

    /// Returns a remark on the object that was built last, for people, even if it equals the stored one: parts that cannot be stored.
    fn remarked(&mut self) -> Option<String> {
        None
    }

    /// Sets whether handles that cannot connect are replaced by placeholders from now on. Otherwise the values that contain them
    /// fail.
    fn stand_in(&mut self, is_wanted: bool) {
        let _ = is_wanted;
    }

    /// Applies all changes at once. A root that refuses its change does not prevent the others ([`InstallReport::refused`]).
    ///
    /// # Errors
    /// Fails without any change.
    fn install(&mut self, changes: Vec<(Root, RootChange<ObjectOf<Self>>)>) -> Result<InstallReport, KernelError>;

    /// Clears the staging area.
    fn clear_staging(&mut self);

    /// Sets aside, under `ticket`, the live objects of a co-variable that a restore removes and that cannot be stored.
    fn park(&mut self, ticket: u64, objects: Vec<(Root, ObjectOf<Self>)>);

    /// Returns the objects that were set aside under `ticket`.
    fn parked(&mut self, ticket: u64) -> Option<Vec<(Root, ObjectOf<Self>)>>;

    /// Releases the objects that were set aside under `ticket`.
    fn unpark(&mut self, ticket: u64);

    /// Returns which of the live objects, which have no value, refer to which of `items`, as (live object, item): references that
    /// a walk does not find. Runs no user code, and may miss distant references.
    fn referred(&mut self, live: &[ObjectOf<Self>], items: &[ObjectOf<Self>]) -> Vec<(usize, usize)> {
        let _ = (live, items);
        Vec::new()
    }

    /// Prepares the next install to give `old` the contents of `new`, so that references to `old` see them. Returns false if that
    /// is not possible: both must have one type, and only their names may refer to `new`. Nothing changes before the install.
    fn attach(&mut self, old: ObjectOf<Self>, new: ObjectOf<Self>) -> bool {
        let _ = (old, new);
        false
    }

    /// Returns the summary of a value, without calling user code.
    fn summary(&mut self, root: &Root, object: ObjectOf<Self>) -> Summary;

    /// Returns facts about a stream that only the kernel can derive from its kinds ([`crate::graph::stream::bodies`]).
    fn describe_stream(&mut self, stream: &[u8]) -> StreamFacts;

    /// Returns why the objects of a stream of `roots` roots could never be built anywhere, as far as the stream shows; called
    /// before the stream is stored. Returns `None` if there is no such reason.
    fn refusal(&mut self, stream: &[u8], roots: usize) -> Option<String> {
        let _ = (stream, roots);
        None
    }

    /// Returns whether a stream is pure data, even if it is malicious: building, keeping and releasing its objects runs no code
    /// that it names, and imports nothing. Called for untrusted streams; their own claims are ignored.
    fn is_data(&mut self, arena: &Arena<'_>) -> bool;

    /// Reruns a run's source in a scratch namespace seeded with `inputs`, and returns the wanted roots that exist there. A run is
    /// rerun only once until the staging area is cleared; further calls for it use the same namespace.
    fn replay(
        &mut self,
        cell: (RunId, &str),
        inputs: &[(Root, ObjectOf<Self>)],
        wanted: &[Root],
    ) -> Result<Vec<(Root, ObjectOf<Self>)>, BuildError>;

    /// Reruns a cell in a sandbox process, and receives its results. Consecutive calls may use one process, which ends with the
    /// staging area at the latest. It takes bounded time and memory, and changes nothing live.
    ///
    /// # Errors
    /// Returns why that is not possible, for people.
    fn replay_apart(&mut self, apart: &SandboxRerun<'_>) -> Result<CoVariableHandover, BuildError>;

    /// Receives the progress of a long restore, which is only displayed.
    fn hear_progress(&mut self, progress: RestoreProgress) {
        let _ = progress;
    }

    /// Calls `wait`, which waits for threads that do not use the kernel. Other threads may run in the kernel meanwhile.
    fn wait(&mut self, wait: &(dyn Fn() + Sync)) {
        wait();
    }

    /// Returns whether the user interrupted since the last call.
    fn interrupted(&mut self) -> bool;
}

/// Roots of a kernel with their objects.
pub type Roots<K> = Vec<(Root, ObjectOf<K>)>;

/// The object type of a kernel.
pub type ObjectOf<K> = <<K as Kernel>::Heap as Heap>::Object;

/// Facts about a stream that a kernel determines before the stream is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamFacts {
    /// Codecs used, with versions.
    pub codecs: Vec<(String, u32)>,
    /// Definitions to which its instances refer.
    pub definitions: Vec<String>,
    /// Modules that must be importable.
    pub modules: Vec<String>,
    /// Whether building it may run code that the stream names.
    pub code: bool,
}
