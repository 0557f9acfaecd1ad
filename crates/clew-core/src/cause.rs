//! Every reason of the engine that a report can give for a root: why it is lost, not identical, rerun or not recorded.
//!
//! Reasons begin in lower case and have no full stop, since they follow a word: `df: lost, its value was not recorded`. A table
//! in the tests of `clew-cli` has an example of each reason, and does not compile if one is missing.

/// The reason why a root is neither unchanged nor simply loaded, or why its value was not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cause<'a> {
    /// Only some names of the co-variable were requested.
    #[error("a detached copy: it shared objects with {others} more; `--with-shared` restores all")]
    Detached {
        /// The number of other roots with which it shared objects.
        others: usize,
    },
    /// It was set aside, and its objects no longer exist.
    #[error("it was set aside and has since been released")]
    Released,
    /// It was set aside, and code changed it there.
    #[error("it changed while it was set aside")]
    ChangedAside,
    /// A live object, which has no stored value, stays bound.
    #[error("{NOT_VERIFIED}: a live object cannot be stored, and a cell may have changed it since")]
    NotVerified,
    /// An object that holds a live object stays as it is, and is not equal to the recorded one.
    #[error("it keeps its current value: it holds a live object, which cannot be stored")]
    StaysChanged,
    /// A class that a library has registered, or a value stored with one, stays as it is and is not equal to the recorded one.
    #[error("it keeps its current value: a library has registered its classes in this kernel")]
    StaysRegistered,
    /// A library has registered the live classes in this kernel.
    #[error("a library has registered its classes in this kernel; restore this state in a new kernel")]
    Registered,
    /// A live object still refers to the replaced object.
    #[error("not attached: {users} still refers to the replaced object")]
    NotAttached {
        /// The names of the live objects.
        users: &'a str,
    },
    /// The user's code changed it during the restore.
    #[error("it changed during the restore")]
    ChangedInMove,
    /// The user's code removed it during the restore.
    #[error("it was deleted during the restore")]
    GoneInMove,
    /// The user's code recreated it during the restore.
    #[error("it was recreated during the restore")]
    CameInMove,
    /// A live class could not be fully restored.
    #[error("the live class could not be fully restored")]
    ClassKeeps,
    /// It is an instance of such a class.
    #[error("its class differs")]
    ClassDiffers,
    /// Its class is lost, for the given reason.
    #[error("{CLASS_LOST}{}", after_colon(*why))]
    ClassLost {
        /// Why the class is lost.
        why: Option<&'a str>,
    },
    /// An untrusted key signed it, and building it would run code.
    #[error("untrusted: its history is signed by a key you have not trusted")]
    Untrusted,

    /// An untrusted key signed it, and the value was to be exported under the user's own signature.
    #[error("it is signed by a key you have not trusted, and your signature would vouch for it")]
    StrangersValue,
    /// It did not fit into a bundle.
    #[error("it takes {}, and only {} are left", size(*bytes), size(*room))]
    BeyondSize {
        /// The size of the value in bytes.
        bytes: u64,
        /// The number of bytes that were left.
        room: u64,
    },

    /// A package that the value needs is not installed here.
    #[error("it needs {package}, which is not installed here")]
    NotInstalled {
        /// The package, with the recorded version if there is one.
        package: &'a str,
    },

    /// The live value is excluded or a credential, so Clew could not bring it back if it were replaced.
    #[error("{LEFT_ALONE}{why}")]
    LeftAlone {
        /// Why it is not recorded.
        why: &'a str,
    },
    /// It shared objects with a variable whose live value is excluded or a credential.
    #[error("{LEFT_ALONE}it shared objects with {name}, which is not recorded")]
    LeftWith {
        /// The name of that variable.
        name: &'a str,
    },
    /// The live value is excluded, and is bound to the same object as before.
    #[error("it is excluded from recording, so Clew does not know whether its contents changed")]
    NotLookedAt,
    /// The value in the target state was excluded or a credential.
    #[error("{}; set it again", kept_out(why))]
    KeptOut {
        /// Why it was excluded.
        why: &'a str,
    },
    /// The manifest contains no objects.
    #[error("its value was not recorded")]
    NotRecorded,
    /// The stored value cannot be parsed.
    #[error("its stored value cannot be read: {why}")]
    Unreadable {
        /// The error.
        why: &'a str,
    },
    /// The stored memory does not fit the stream.
    #[error("its stored value cannot be read: its memory does not fit its objects")]
    OddMemory,
    /// The fingerprint of the built objects is not the recorded one.
    #[error("the restored value differs from the recorded one, {}", place(*at))]
    BuiltOtherwise {
        /// The place of the first difference: the root, and positions below it.
        at: Option<&'a str>,
    },
    /// An object that it holds could not be stored, and no longer exists.
    #[error("`{path}` is missing{}: {reason}", and_more(*others))]
    MemberMissing {
        /// The path to that object.
        path: &'a str,
        /// Why it could not be stored.
        reason: &'a str,
        /// The number of other missing objects.
        others: usize,
    },
    /// An object that it holds could not be stored, and is now the current live object.
    #[error("`{path}`{} is the current live object", and_more(*others))]
    MemberLive {
        /// The path to that object.
        path: &'a str,
        /// The number of other such objects.
        others: usize,
    },
    /// A warning: the effect of a run on one root was not recorded.
    #[error("{root} is not recorded: {why}")]
    LeftOut {
        /// The root.
        root: &'a str,
        /// The reason.
        why: &'a str,
    },
    /// Storing it would exceed the budget of the store.
    #[error("{OVER_BUDGET} {new} MB, and the budget of the store (store.budget) has {room} MB left")]
    OverBudget {
        /// The size of its data that is not stored yet, in megabytes.
        new: u64,
        /// The remaining budget in megabytes.
        room: u64,
    },
    /// The walk wrote a stream that cannot be read back.
    #[error("its stored value could not be read back: {why}")]
    Unwritable {
        /// The error.
        why: &'a str,
    },
    /// A file of the store that its memory was mapped from was truncated.
    #[error(
        "part of its memory was lost: the file of the store that it was mapped from was truncated or could not be read"
    )]
    MemoryLost,
    /// A warning that the user must see at once if such memory is lost.
    #[error(
        "part of the memory of {roots} is lost and reads as zeros: a file of the store was truncated or could not be read. \
         Results computed from it since then may be wrong; other variables are not affected. `%clew undo` goes back to the state before, \
         `%clew verify` lists what the store has lost"
    )]
    LostWhileLive {
        /// The roots that use the memory.
        roots: &'a str,
    },
    /// Its memory could not be read at all.
    #[error("its memory could not be read")]
    NoMemory,
    /// Its memory could not be read a second time.
    #[error("its memory was freed while it was recorded")]
    MemoryGone,
    /// Its memory could not be read for the transfer.
    #[error("its memory was freed while it was transferred")]
    MemoryGoneHandingOver,
    /// It was written to between two reads.
    #[error("it was changed by another thread while it was recorded")]
    Torn,
    /// Several of its objects have no value.
    #[error("{first} and {others} more")]
    Several {
        /// The reason of the first one.
        first: &'a str,
        /// The number of other ones.
        others: usize,
    },

    /// The run that created it is missing.
    #[error("the run that created it is missing")]
    RunMissing,
    /// A credential was removed from the source.
    #[error("the source of run {run} is incomplete: {masked} was left out")]
    SourceMasked {
        /// The run.
        run: &'a str,
        /// The removed part.
        masked: &'a str,
    },
    /// The source cannot be read from the store.
    #[error("the source of run {run} cannot be read: {why}")]
    SourceUnreadable {
        /// The run.
        run: &'a str,
        /// The error of the store.
        why: &'a str,
    },
    /// No cell made it.
    #[error("the run that created it has no cell to rerun")]
    NoCell,
    /// A run without a cell, or with a cell that is untrusted or not stored completely.
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
    /// Its cell was rerun and did not create it.
    #[error("the cell of run {run} was rerun and did not create it")]
    NotMade {
        /// The run.
        run: &'a str,
    },
    /// Its cell was rerun in a sandbox process, and did not create the name.
    #[error("its cell did not create {root}")]
    NotMadeApart {
        /// The root.
        root: &'a str,
    },
    /// Its cell created another value.
    #[error("run {run} now gives another value")]
    AnotherValue {
        /// The run.
        run: &'a str,
    },
    /// Its cell created another value, and the user has not allowed code to run to build it.
    #[error("run {run} now gives another value, and building that value would run code")]
    AnotherValueWithCode {
        /// The run.
        run: &'a str,
    },
    /// Its cell created an object that has no recorded value.
    #[error("recreated by run {run}; no value is recorded to compare it with")]
    MadeAnew {
        /// The run.
        run: &'a str,
    },
    /// Its cell created such an object, and later cells used it.
    #[error("{NOT_VERIFIED}: recreated by run {run}; the later runs that used it were not rerun")]
    MadeUnused {
        /// The run.
        run: &'a str,
    },
    /// Its cell recreated it.
    #[error("recreated by run {run}")]
    MadeAgain {
        /// The run.
        run: &'a str,
    },
    /// It would need a sandbox process.
    #[error("its cell would be rerun in a sandbox process, if the sandbox works here")]
    WouldRunApart,
    /// It would need a sandbox process, or the user's permission.
    #[error("its cell would be rerun in a sandbox process, or in this kernel if that is not possible")]
    WouldRunApartOrHere,
    /// It would be rerun in the live session.
    #[error("its cell would be rerun in this kernel, as you allowed")]
    WouldRunHere,
    /// Another person, who is trusted, ran the cell.
    #[error("another person ran its cell, so Clew does not rerun it automatically")]
    CellOfAnother,
    /// The cell failed or was interrupted.
    #[error("its cell did not finish, so Clew does not rerun it automatically")]
    CellUnfinished,
    /// The cell used the network.
    #[error("its cell used the network, so Clew does not rerun it automatically")]
    CellUsedNetwork,
    /// The cell started programs.
    #[error("its cell started other programs, so Clew does not rerun it automatically")]
    CellStartedPrograms,
    /// The value first appeared in a run that is not a cell.
    #[error("Clew did not see which cell created it, so it reruns none automatically")]
    CellUnseen,
    /// A file that the cell read does not exist.
    #[error("its cell read {path}, which does not exist here; `--map OLD=NEW` names its new path")]
    InputGone {
        /// Its path in the recorded run.
        path: &'a str,
    },
    /// The same for a file that was mapped to another path.
    #[error("its cell read {path}, and there is no {place} here")]
    InputNotThere {
        /// Its path in the recorded run.
        path: &'a str,
        /// The path to which it was mapped.
        place: &'a str,
    },
    /// The path contains another file.
    #[error("its cell read {path} ({seen}), and {place} here is another file ({found})")]
    InputOther {
        /// Its path in the recorded run.
        path: &'a str,
        /// Size and hash in the recorded run.
        seen: &'a str,
        /// The path that was checked.
        place: &'a str,
        /// Size and hash of the file at that path.
        found: &'a str,
    },
    /// The option that reruns the cell.
    #[error("`--rerun` reruns its cell")]
    ReplayMay,
}

/// The prefix of the reason for a live object that stays or was recreated: Clew cannot compare its contents.
const NOT_VERIFIED: &str = "unverified";

/// The prefix of the reason for a value that is lost with its class.
const CLASS_LOST: &str = "its class cannot be restored";

/// The reason for a value that the user excluded.
pub const EXCLUDED: &str = "it is excluded";

/// The reason for a variable that keeps its value because it was excluded in the state to restore.
pub(crate) const WAS_EXCLUDED: &str = "it was excluded in that state";

fn kept_out(why: &str) -> String {
    match why {
        EXCLUDED => "it was excluded".to_owned(),
        _ => format!("it was excluded from recording: {why}"),
    }
}

/// The prefix of the reason for a root that keeps its live value because Clew could not bring it back.
const LEFT_ALONE: &str = "keeps its current value: ";

/// The prefix of the reason for a value that was not stored because it exceeds the budget.
const OVER_BUDGET: &str = "storing it takes";

impl Cause<'_> {
    /// Returns whether a text is the reason of a value that was not stored because of the budget. Its cell can recreate it in any
    /// process.
    pub fn is_over_budget(text: &str) -> bool {
        text.starts_with(OVER_BUDGET)
    }

    /// Returns whether a text is the reason of a value that the user excluded.
    pub fn is_excluded(text: &str) -> bool {
        text == Cause::KeptOut { why: EXCLUDED }.to_string()
    }

    /// Returns why a value is not recorded, if the text is the reason of a root that keeps its live value because of that.
    pub fn left_alone(text: &str) -> Option<&str> {
        text.strip_prefix(LEFT_ALONE)
    }

    /// Returns the text before the offer to rerun the cell, if the text ends with that offer.
    pub fn may_replay(text: &str) -> Option<&str> {
        text.strip_suffix(&Cause::ReplayMay.behind(""))
    }

    /// Returns whether a text is the reason of a value that is lost with its class.
    pub fn is_class_lost(text: &str) -> bool {
        text.starts_with(CLASS_LOST)
    }

    /// Returns whether a text itself states why a value is unverified.
    pub fn is_of_doubt(text: &str) -> bool {
        // The statement may follow the reason why the value could not be read.
        let mut reasons = text.split("; ");
        reasons.any(|reason| reason.starts_with(NOT_VERIFIED)) || text == Self::NotLookedAt.to_string()
    }

    /// Appends this reason to another one: `first; then`.
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

/// Formats a number of bytes for people.
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
