//! Every sentence of the engine's that can stand behind a root in a report: why it is lost, differs, was made again, or
//! was not recorded.
//!
//! They begin small and have no full stop, since they follow a word: `df: lost, its value was not recorded`. A table
//! among the tests of the command holds an example of each and does not compile without.

/// Why a root is not simply kept or loaded, or why its value was not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cause<'a> {
    /// Some names of a co-variable were asked for, not all.
    #[error("a detached copy: it shared objects with {others} more; `--with-shared` restores all")]
    Detached {
        /// How many other roots it shared objects with.
        others: usize,
    },
    /// It was parked, and its objects are gone.
    #[error("it was set aside and has since been released")]
    Released,
    /// It was parked, and something used it there.
    #[error("it changed while it was set aside")]
    ChangedAside,
    /// A live object without a value stays bound.
    #[error("{NOT_VERIFIED}: a live object cannot be stored, and a cell may have changed it since")]
    NotVerified,
    /// What holds such an object stays, and it is not what it was.
    #[error("it keeps its current value: it holds a live object, which cannot be stored")]
    StaysChanged,
    /// It is a class that a library has registered, or is stored with one, and it is not what it was.
    #[error("it keeps its current value: a library has registered its classes in this kernel")]
    StaysRegistered,
    /// Its classes live, and a library has them registered.
    #[error("a library has registered its classes in this kernel; restore this state in a new kernel")]
    Registered,
    /// A live object goes on with the object that was replaced.
    #[error("not attached: {users} still refers to the replaced object")]
    NotAttached {
        /// The names of the live objects.
        users: &'a str,
    },
    /// Code of the user's changed it during the move.
    #[error("it changed during the restore")]
    ChangedInMove,
    /// Code of the user's took it away during the move.
    #[error("it was deleted during the restore")]
    GoneInMove,
    /// Code of the user's made it again during the move.
    #[error("it was recreated during the restore")]
    CameInMove,
    /// A live class kept what it had.
    #[error("the live class could not be fully restored")]
    ClassKeeps,
    /// An instance of such a class.
    #[error("its class differs")]
    ClassDiffers,
    /// Its class is lost, for the reason that is given.
    #[error("{CLASS_LOST}{}", after_colon(*why))]
    ClassLost {
        /// Why the class is.
        why: Option<&'a str>,
    },
    /// Who recorded it is not trusted, and to build it runs code.
    #[error("untrusted: its history is signed by a key you have not trusted")]
    Untrusted,

    /// The same of a value that was to be written down for others.
    #[error("it is signed by a key you have not trusted, and your signature would vouch for it")]
    StrangersValue,
    /// It did not fit into a bundle.
    #[error("it takes {}, and only {} are left", size(*bytes), size(*room))]
    BeyondSize {
        /// How many bytes it takes.
        bytes: u64,
        /// How many there was room for.
        room: u64,
    },

    /// A package is not installed where it is to come back.
    #[error("it needs {package}, which is not installed here")]
    NotInstalled {
        /// The package, with the version that was recorded where one was.
        package: &'a str,
    },

    /// The live value is excluded or a credential, so that nothing could bring it back.
    #[error("{LEFT_ALONE}{why}")]
    LeftAlone {
        /// What keeps it out of the record.
        why: &'a str,
    },
    /// It shared objects with a name whose live value is excluded or a credential.
    #[error("{LEFT_ALONE}it shared objects with {name}, which is not recorded")]
    LeftWith {
        /// That name.
        name: &'a str,
    },
    /// The live value is kept out of the record, and bound to what it was bound to.
    #[error("it is excluded from recording, so Clew does not know whether its contents changed")]
    NotLookedAt,
    /// What was there was excluded or a credential.
    #[error("{}; set it again", kept_out(why))]
    KeptOut {
        /// What kept it out.
        why: &'a str,
    },
    /// A manifest without objects.
    #[error("its value was not recorded")]
    NotRecorded,
    /// What is stored does not parse.
    #[error("its stored value cannot be read: {why}")]
    Unreadable {
        /// What is wrong with it.
        why: &'a str,
    },
    /// The memory that is stored is not what the stream speaks of.
    #[error("its stored value cannot be read: its memory does not fit its objects")]
    OddMemory,
    /// Objects that were built hash to something else.
    #[error("the restored value differs from the recorded one, {}", place(*at))]
    BuiltOtherwise {
        /// Where the first difference is: the root, and positions below it.
        at: Option<&'a str>,
    },
    /// An object that it holds could not be stored, and is not live any more.
    #[error("`{path}` is missing{}: {reason}", and_more(*others))]
    MemberMissing {
        /// How it is reached.
        path: &'a str,
        /// Why it could not be stored.
        reason: &'a str,
        /// How many others are missing.
        others: usize,
    },
    /// An object that it holds could not be stored, and is the live one.
    #[error("`{path}`{} is the current live object", and_more(*others))]
    MemberLive {
        /// How it is reached.
        path: &'a str,
        /// How many others are.
        others: usize,
    },
    /// A warning: what a run did to one root has not become a part of the record.
    #[error("{root} is not recorded: {why}")]
    LeftOut {
        /// The root.
        root: &'a str,
        /// Why.
        why: &'a str,
    },
    /// It would go beyond the store's budget.
    #[error("{OVER_BUDGET} {new} MB, and the budget of the store (store.budget) has {room} MB left")]
    OverBudget {
        /// Megabytes that are not stored yet.
        new: u64,
        /// Megabytes that may still be stored.
        room: u64,
    },
    /// The walk wrote what can't be read again.
    #[error("its stored value could not be read back: {why}")]
    Unwritable {
        /// What is wrong with it.
        why: &'a str,
    },
    /// A file of the store was cut short under memory that showed it.
    #[error(
        "part of its memory was lost: the file of the store that it was mapped from was truncated or could not be read"
    )]
    MemoryLost,
    /// A warning: what the user has to know at once of such memory.
    #[error(
        "part of the memory of {roots} is lost and reads as zeros: a file of the store was truncated or could not be read. \
         Results computed from it since then may be wrong; other variables are not affected. `%clew undo` goes back to the state before, \
         `%clew verify` lists what the store has lost"
    )]
    LostWhileLive {
        /// The roots whose memory it is.
        roots: &'a str,
    },
    /// Its memory could not be read at all.
    #[error("its memory could not be read")]
    NoMemory,
    /// Its memory could not be read a second time.
    #[error("its memory was freed while it was recorded")]
    MemoryGone,
    /// Its memory could not be read to hand it over.
    #[error("its memory was freed while it was transferred")]
    MemoryGoneHandingOver,
    /// It was written to between two readings.
    #[error("it was changed by another thread while it was recorded")]
    Torn,
    /// Several of its objects have no value.
    #[error("{first} and {others} more")]
    Several {
        /// What the first one is.
        first: &'a str,
        /// How many others there are.
        others: usize,
    },

    /// The run that made it can't be found.
    #[error("the run that created it is missing")]
    RunMissing,
    /// A credential was left out of the source.
    #[error("the source of run {run} is incomplete: {masked} was left out")]
    SourceMasked {
        /// The run.
        run: &'a str,
        /// What was left out.
        masked: &'a str,
    },
    /// The store refused the source.
    #[error("the source of run {run} cannot be read: {why}")]
    SourceUnreadable {
        /// The run.
        run: &'a str,
        /// What the store says.
        why: &'a str,
    },
    /// No cell made it.
    #[error("the run that created it has no cell to rerun")]
    NoCell,
    /// A run without a cell, or whose cell is a stranger's or not kept whole.
    #[error("run {run} has no cell that may be rerun")]
    MayNotRun {
        /// The run.
        run: &'a str,
    },
    /// Its cell changes a class in place.
    #[error("run {run} changed a class, and rerunning it here would change the live one")]
    ChangesClass {
        /// The run.
        run: &'a str,
    },
    /// Its cell ran again without making it.
    #[error("the cell of run {run} was rerun and did not create it")]
    NotMade {
        /// The run.
        run: &'a str,
    },
    /// Its cell ran again, in a scratch process, and the name is not there.
    #[error("its cell did not create {root}")]
    NotMadeApart {
        /// The root.
        root: &'a str,
    },
    /// Its cell made another value.
    #[error("run {run} now gives another value")]
    AnotherValue {
        /// The run.
        run: &'a str,
    },
    /// Its cell made another value, which nobody allowed to be built.
    #[error("run {run} now gives another value, and building that value would run code")]
    AnotherValueWithCode {
        /// The run.
        run: &'a str,
    },
    /// Its cell made a thing that has no value.
    #[error("recreated by run {run}; no value is recorded to compare it with")]
    MadeAnew {
        /// The run.
        run: &'a str,
    },
    /// Its cell made such a thing, which other cells used after it.
    #[error("{NOT_VERIFIED}: recreated by run {run}; the later runs that used it were not rerun")]
    MadeUnused {
        /// The run.
        run: &'a str,
    },
    /// Its cell made it.
    #[error("recreated by run {run}")]
    MadeAgain {
        /// The run.
        run: &'a str,
    },
    /// What it would take: a process of its own.
    #[error("its cell would be rerun in a sandbox process, if the sandbox works here")]
    WouldRunApart,
    /// What it would take: a process of its own, or the user's leave.
    #[error("its cell would be rerun in a sandbox process, or in this kernel if that is not possible")]
    WouldRunApartOrHere,
    /// What it would take: the live session.
    #[error("its cell would be rerun in this kernel, as you allowed")]
    WouldRunHere,
    /// Who ran it is trusted, and somebody else.
    #[error("another person ran its cell, so Clew does not rerun it automatically")]
    CellOfAnother,
    /// It failed or was interrupted.
    #[error("its cell did not finish, so Clew does not rerun it automatically")]
    CellUnfinished,
    /// It reached for the network.
    #[error("its cell used the network, so Clew does not rerun it automatically")]
    CellUsedNetwork,
    /// It started programs.
    #[error("its cell started other programs, so Clew does not rerun it automatically")]
    CellStartedPrograms,
    /// It was found after something else than a cell.
    #[error("Clew did not see which cell created it, so it reruns none automatically")]
    CellUnseen,
    /// A file that it read is not there.
    #[error("its cell read {path}, which does not exist here; `--map OLD=NEW` names its new path")]
    InputGone {
        /// Its path where it was read.
        path: &'a str,
    },
    /// The same of one that was said to lie elsewhere.
    #[error("its cell read {path}, and there is no {place} here")]
    InputNotThere {
        /// Its path where it was read.
        path: &'a str,
        /// Where it was said to lie.
        place: &'a str,
    },
    /// Another file lies there.
    #[error("its cell read {path} ({seen}), and {place} here is another file ({found})")]
    InputOther {
        /// Its path where it was read.
        path: &'a str,
        /// Size and hash, as the run saw them.
        seen: &'a str,
        /// Where it is looked for.
        place: &'a str,
        /// Size and hash of what is there.
        found: &'a str,
    },
    /// What the user can type.
    #[error("`--rerun` reruns its cell")]
    ReplayMay,
}

/// How the reason begins of a live object that stays, or that was recreated: Clew cannot compare its contents.
const NOT_VERIFIED: &str = "unverified";

/// How the reason begins of what is lost with its class.
const CLASS_LOST: &str = "its class cannot be restored";

/// Why a value is not recorded that the user excluded.
pub const EXCLUDED: &str = "it is excluded";

fn kept_out(why: &str) -> String {
    match why {
        EXCLUDED => "it was excluded".to_owned(),
        _ => format!("it was excluded from recording: {why}"),
    }
}

/// How the reason begins of what keeps its live value because nothing could bring it back.
const LEFT_ALONE: &str = "keeps its current value: ";

/// How the reason begins of what was not stored for want of room.
const OVER_BUDGET: &str = "storing it takes";

impl Cause<'_> {
    /// Whether a text is the reason of a value that was there and was not stored for want of room: its cell makes it in any
    /// process.
    pub fn is_over_budget(text: &str) -> bool {
        text.starts_with(OVER_BUDGET)
    }

    /// Whether a text is the reason of one that the user excluded.
    pub fn is_excluded(text: &str) -> bool {
        text == Cause::KeptOut { why: EXCLUDED }.to_string()
    }

    /// What keeps a value out of the record, where a text is the reason of one that was left as it is for that.
    pub fn left_alone(text: &str) -> Option<&str> {
        text.strip_prefix(LEFT_ALONE)
    }

    /// What stands before the offer to replay, where a text ends in it.
    pub fn may_replay(text: &str) -> Option<&str> {
        text.strip_suffix(&Cause::ReplayMay.behind(""))
    }

    /// Whether a text is the reason of something that is lost with its class.
    pub fn is_class_lost(text: &str) -> bool {
        text.starts_with(CLASS_LOST)
    }

    /// Whether a text says itself why nobody can be sure of a value.
    pub fn is_of_doubt(text: &str) -> bool {
        // It may stand behind why the value could not be read.
        let mut reasons = text.split("; ");
        reasons.any(|reason| reason.starts_with(NOT_VERIFIED)) || text == Self::NotLookedAt.to_string()
    }

    /// The reason behind another one: `first; then`.
    #[must_use]
    pub fn behind(self, first: &str) -> String {
        format!("{first}; {self}")
    }
}

impl From<Cause<'_>> for String {
    fn from(cause: Cause<'_>) -> Self {
        cause.to_string()
    }
}

/// A number of bytes, for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} KB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

fn after_colon(why: Option<&str>) -> String {
    why.map(|why| format!(": {why}")).unwrap_or_default()
}

fn and_more(others: usize) -> String {
    match others {
        0 => String::new(),
        others => format!(" (and {others} more)"),
    }
}

fn place(at: Option<&str>) -> String {
    at.map_or_else(|| "in its memory".to_owned(), |at| format!("at {at}"))
}
