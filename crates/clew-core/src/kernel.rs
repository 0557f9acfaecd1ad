//! The seam to a live session: its roots, building and installing objects, running cells again.

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

/// The roots that a run may have touched, as the hooks report. A hint for objects that cannot be compared; objects that can be are
/// always compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TouchedRoots {
    /// Nobody can tell: all of them.
    All,
    /// These.
    Only(BTreeSet<Root>),
}

impl TouchedRoots {
    /// Whether `root` is among them.
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
    /// What was stored beside the stream.
    pub asides: &'a [Aside],
    /// Each extent, to be built over.
    pub extents: Vec<M>,
    /// Where the n-th buffer lies.
    pub mentions: &'a [Mention],
    /// The cells that may have defined what code there is among them.
    pub cells: &'a dyn CellSources,
}

/// Sources of cells, needed to build code objects that this Python version cannot load.
pub trait CellSources: Debug {
    /// Sources of the user's cells and of those they trust, each once, nearest to the state first; an empty one where any was not kept
    /// whole. Reads them from the store: who has no need of them does not ask.
    fn sources(&self) -> Vec<String>;
}

/// Sources of cells where no history exists: none.
#[derive(Debug)]
pub struct NoCellSources;

impl CellSources for NoCellSources {
    fn sources(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What was not stored of a co-variable and is not live either.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MissingMembers {
    /// The numbers of its nodes: objects that were not stored, and those that can't be made without them.
    pub numbers: BTreeSet<u32>,
    /// How they are reached. A root that is missing itself has an empty path.
    pub gaps: Vec<MemberGap>,
}

/// Why an object could not be built. What was live is untouched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The stored form can't be turned into an object here (a missing module, a constructor that raised).
    #[error("{0}")]
    Failed(String),
    /// Its code reads a name that is not bound. That may be one that is brought back with it ([`Kernel::lend`]).
    #[error("{0}")]
    Unbound(String),
    /// There is not so much memory. No other value is brought back either: the move does not happen.
    #[error("there is not enough memory")]
    NoMemory,
    /// The user asked to stop.
    #[error("it was interrupted")]
    Interrupted,
}

/// Why the live session could not be read or changed. It is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    /// Something in the kernel refused.
    #[error("{0}")]
    Failed(String),
    /// There is not so much memory as a look takes.
    #[error("there is not enough memory")]
    NoMemory,
    /// The user asked to stop.
    #[error("it was interrupted")]
    Interrupted,
}

/// A request to execute a cell again in a sandbox process, which cannot change anything.
#[derive(Debug, Clone, Copy)]
pub struct SandboxRerun<'a> {
    /// The run whose cell it is. What the run before it left is loaded there first.
    pub run: RunId,
    /// Runs whose cells run in one process, in this order; it is one of them. Each finds what it read as it read it: loaded, or
    /// as one before it made it.
    pub line: &'a [RunId],
    /// The run's number as people write it.
    pub label: &'a str,
    /// The roots to hand over, sorted.
    pub roots: &'a [Root],
    /// Whether the user allowed it: then the process need not be locked in.
    pub is_allowed: bool,
}

/// A live root that is not recorded: excluded, or a credential. States contain only that it existed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithheldRoot {
    /// The root.
    pub root: Root,
    /// Why it is kept out, for people.
    pub why: String,
    /// Tells what it is bound to from what it was bound to before, in this kernel and nowhere else. Says nothing of the
    /// value to anyone else.
    pub mark: u64,
    /// Whether the mark tells every change of the value. Else only what it is bound to is told: what changes inside is not.
    pub is_compared: bool,
}

/// How bindings differ from those of the last look that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingChanges<O> {
    /// Names and outputs that are new, or bound to another object.
    pub roots: Vec<Root>,
    /// Names and outputs that are bound to the same object as one of these, where that makes them belong together.
    pub alike: Vec<Root>,
    /// Names and outputs that are bound no more.
    pub gone: Vec<Root>,
    /// All roots that are neither name nor output. They are few, and nobody tells when they change.
    pub others: Vec<(Root, O)>,
}

/// The effect of an install on one root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootChange<O> {
    /// Binds it to a staged, parked or live object.
    Bind(O),
    /// Takes it away.
    Unbind,
}

/// Notes and refusals of an install.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstallReport {
    /// Notes for people, by root: who still holds the old object, what could not be put back in place.
    pub notes: Vec<(Root, String)>,
    /// Roots that could not be changed, with the reasons, for people: they are as they were.
    pub refused: Vec<(Root, String)>,
}

/// Progress of a restore: reading, then building.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestoreProgress {
    /// What is stored is read and checked: so many bytes.
    Reads {
        /// Bytes of memory and of streams.
        bytes: u64,
    },
    /// Objects are built: so many of so many values are there.
    Builds {
        /// How many are.
        done: usize,
        /// How many are to be.
        of: usize,
    },
}

/// A live session as the engine sees it. Implemented by the Python kernel and by the toy kernel of the tests.
pub trait Kernel {
    /// Its objects.
    type Heap: Heap;

    /// What it builds objects over.
    type Memory: ExtentMemory;

    /// Its objects, to be walked.
    fn heap(&mut self) -> &mut Self::Heap;

    /// All live roots but the discovered ones, excluded names left out. The kernel keeps what it made for this until
    /// the heap releases.
    ///
    /// # Errors
    /// The roots can't be told. Nothing may then be concluded: a root that is not shown counts as gone.
    fn roots(&mut self) -> Result<Roots<Self>, KernelError>;

    /// Live roots that are kept out of the record, as [`Self::roots`] last found them. Movers leave them alone: what was
    /// never recorded could not be brought back.
    fn withheld(&mut self) -> Vec<WithheldRoot> {
        Vec::new()
    }

    /// How bindings differ from those that the last look saw which was taken over ([`Self::settle`]). Costs next to nothing
    /// however many there are. `None` where only [`Self::roots`] can tell: nothing was taken over yet, or something is to
    /// be kept out of the record that was not, or the other way round.
    ///
    /// # Errors
    /// As for [`Self::roots`].
    fn rebound(&mut self) -> Result<Option<BindingChanges<ObjectOf<Self>>>, KernelError>;

    /// Those of `roots` that are bound names and outputs, without what is kept out of the record; `None` as for
    /// [`Self::rebound`].
    ///
    /// # Errors
    /// As for [`Self::roots`].
    fn some_roots(&mut self, roots: &BTreeSet<Root>) -> Result<Option<Roots<Self>>, KernelError>;

    /// What was shown last by [`Self::roots`] or [`Self::rebound`] was taken over, or was not. What is shown without being
    /// settled counts as not taken over. Where it was [`Self::roots`], what was taken over before holds on.
    fn settle(&mut self, is_taken_over: bool);

    /// A state is about to be built whose cells had brought these modules in packages, by run, the oldest first: a package that holds them holds
    /// them again, and has them before values are put in it. Where only some values are built (not `is_whole`), that is for packages that these
    /// need. Paths and the environment are in place.
    ///
    /// # Errors
    /// The user asked to stop, or memory ran out. A module that can't be imported any more is none.
    fn bring_submodules(&mut self, of_runs: &[Vec<String>], is_whole: bool) -> Result<(), KernelError> {
        let _ = (of_runs, is_whole);
        Ok(())
    }

    /// Makes live what is bound to no root yet: builds all roots of a co-variable into the staging area and returns
    /// them in order. Definitions that a staged object needs are staged before it.
    fn build(&mut self, stored: StoredCoVariable<'_, Self::Memory>) -> Result<Vec<ObjectOf<Self>>, BuildError>;

    /// Whether it can build a co-variable around objects that were not stored. Only then such are stored without them.
    fn builds_around_gaps(&self) -> bool {
        false
    }

    /// How the nodes of a stream that say no more than which object was there are reached from its roots, for people; of each with why it
    /// was not stored. Not necessarily all of them, and at least one where there is one.
    fn name_gaps(&mut self, roots: &[Root], stream: &[u8], unstored: &BTreeMap<u32, String>) -> Vec<MemberGap> {
        let _ = (roots, stream, unstored);
        Vec::new()
    }

    /// What [`Self::build`] last found no object for. In its place stands something that says so when it is used.
    fn missing(&mut self) -> MissingMembers {
        MissingMembers::default()
    }

    /// Keeps the objects without a value that these roots reach, as long as the session lives: the way back needs them.
    fn set_aside(&mut self, objects: Vec<(Root, ObjectOf<Self>)>) {
        let _ = objects;
    }

    /// The files that cells read, as they are where cells run again unasked.
    fn inputs(&self) -> Arc<dyn Inputs> {
        Arc::new(UncheckedInputs)
    }

    /// Binds those of these names that are not bound, while others are built whose code reads them.
    ///
    /// # Errors
    /// Not all are bound. Those that are stay so until [`Self::take_back`].
    fn lend(&mut self, names: &[(Root, ObjectOf<Self>)]) -> Result<(), KernelError> {
        let _ = names;
        Ok(())
    }

    /// Takes back what was lent: nothing is bound that was not.
    fn take_back(&mut self) {}

    /// How many libraries are loaded. One that is loaded to build a value may change settings.
    fn libraries(&mut self) -> usize {
        0
    }

    /// What the kernel noticed since it was last asked that keeps what it built from being what was stored, for people.
    fn noticed(&mut self) -> Option<String> {
        None
    }

    /// What there is to say of what was built last although it is what was stored, for people: parts that no store holds.
    fn remarked(&mut self) -> Option<String> {
        None
    }

    /// Says whether handles that reach nothing are stood in for from now on, instead of failing what they are part of.
    fn stand_in(&mut self, is_wanted: bool) {
        let _ = is_wanted;
    }

    /// Applies all changes at once. One root that refuses its change keeps none of the others from theirs ([`InstallReport::refused`]).
    ///
    /// # Errors
    /// Nothing has changed.
    fn install(&mut self, changes: Vec<(Root, RootChange<ObjectOf<Self>>)>) -> Result<InstallReport, KernelError>;

    /// Forgets the staging area, whatever became of it.
    fn clear_staging(&mut self);

    /// Keeps a co-variable's live objects, which a mover takes away and no store can bring back, under `ticket`.
    fn park(&mut self, ticket: u64, objects: Vec<(Root, ObjectOf<Self>)>);

    /// The objects parked under `ticket`.
    fn parked(&mut self, ticket: u64) -> Option<Vec<(Root, ObjectOf<Self>)>>;

    /// Lets go of what is parked under `ticket`.
    fn unpark(&mut self, ticket: u64);

    /// Which of `items` live objects refer to that have no value, as (live object, item): what a walk does not see. Runs no
    /// code of the user's; what is far away may be missed.
    fn referred(&mut self, live: &[ObjectOf<Self>], items: &[ObjectOf<Self>]) -> Vec<(usize, usize)> {
        let _ = (live, items);
        Vec::new()
    }

    /// Whether the next install can give `old` the contents of `new`, so that whoever refers to `old` sees them: both are of one
    /// type, and nothing but their names refers to `new`. Nothing changes before the install.
    fn attach(&mut self, old: ObjectOf<Self>, new: ObjectOf<Self>) -> bool {
        let _ = (old, new);
        false
    }

    /// What looking may show of a value. Calls no code of the user's.
    fn summary(&mut self, root: &Root, object: ObjectOf<Self>) -> Summary;

    /// Facts about a stream that only the kernel can read off its kinds ([`crate::graph::stream::bodies`]).
    fn describe_stream(&mut self, stream: &[u8]) -> StreamFacts;

    /// Why objects of a stream of so many roots could never be built again, wherever that is tried, as far as the stream tells;
    /// asked before it is stored. `None` where nothing speaks against it.
    fn refusal(&mut self, stream: &[u8], roots: usize) -> Option<String> {
        let _ = (stream, roots);
        None
    }

    /// Whether a stream is data whoever wrote it: building it, having what was built and letting go of it runs nothing that
    /// it names, and imports nothing. Asked of what strangers recorded; what they say of it themselves counts for nothing.
    fn is_data(&mut self, arena: &Arena<'_>) -> bool;

    /// Runs a run's source again in a scratch namespace seeded with `inputs`, and returns the wanted roots found there. Once until the
    /// staging area is cleared: whoever asks for more of the same run gets it from there.
    fn replay(
        &mut self,
        cell: (RunId, &str),
        inputs: &[(Root, ObjectOf<Self>)],
        wanted: &[Root],
    ) -> Result<Vec<(Root, ObjectOf<Self>)>, BuildError>;

    /// Runs a cell again in a process of its own, and takes what it hands over. What is asked for of one run after
    /// another may come from one process, which ends with the staging area at the latest. Takes bounded time and memory,
    /// and changes nothing live.
    ///
    /// # Errors
    /// Why it can't be had that way, for people.
    fn replay_apart(&mut self, apart: &SandboxRerun<'_>) -> Result<CoVariableHandover, BuildError>;

    /// Hears how far a move is that may take long. Nothing follows from it but what people are told.
    fn hear_progress(&mut self, progress: RestoreProgress) {
        let _ = progress;
    }

    /// Calls `wait`, which waits for threads that have nothing to do with the kernel. Others may run in the kernel
    /// meanwhile.
    fn wait(&mut self, wait: &(dyn Fn() + Sync)) {
        wait();
    }

    /// Whether the user asked to stop since the last call.
    fn interrupted(&mut self) -> bool;
}

/// Roots of a kernel with their objects.
pub type Roots<K> = Vec<(Root, ObjectOf<K>)>;

/// The object type of a kernel.
pub type ObjectOf<K> = <<K as Kernel>::Heap as Heap>::Object;

/// What a kernel can tell of a stream before it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamFacts {
    /// Codecs used, with versions.
    pub codecs: Vec<(String, u32)>,
    /// Definitions its instances refer to.
    pub definitions: Vec<String>,
    /// Modules that must be importable.
    pub modules: Vec<String>,
    /// Whether building it may run code that the stream names.
    pub code: bool,
}
