//! The scratch process, from the side of whoever starts it.
//!
//! An interpreter of the history's own is started, locks itself into a sandbox before it reads a value or runs a line,
//! loads what a run left, and answers what it is asked over a pipe (`python/clew/scratch` is its side). Nothing that
//! happens in it can reach the live session, the store or a file. What it answers is what code of the user's says:
//! bounded, and believed by nobody.

mod process;
mod space;
mod wire;

use clew_core::id::Fingerprint;

pub use process::{Environment, ProcessLimits, SandboxConfig, Scratch, StartingProcess};
pub(crate) use wire::read as answer;
pub use wire::{ExpressionValue, InexactRoot, LoadResult, RaisedException};

/// The result of a script in a new sandbox process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptResult {
    /// What it raised; what came before that is made all the same.
    pub error: Option<RaisedException>,
    /// What each group of names hashes to; `None` where one is not there or has no value that could be compared.
    pub fingerprints: Vec<Option<Fingerprint>>,
    /// What the sandbox lacks on this machine.
    pub gaps: Vec<String>,
}

/// Runs a script in a fresh scratch process and says what the names it made hash to, each group together as the roots of
/// a version are.
pub fn make(
    start: &SandboxConfig,
    source: &str,
    is_ipython: bool,
    groups: &[Vec<String>],
    goes_on: &mut dyn FnMut() -> bool,
) -> Result<ScriptResult, ScratchError> {
    let mut scratch = Scratch::start(start, goes_on)?;
    Ok(ScriptResult {
        error: scratch.run(source, is_ipython, goes_on)?,
        fingerprints: scratch.fingerprints(groups, goes_on)?,
        gaps: scratch.gaps().to_vec(),
    })
}

/// Why a scratch process did not answer. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScratchError {
    /// It could not be started.
    NotStarted(String),
    /// It ended before it answered.
    Died(String),
    /// It took longer than it may.
    TooLong(u64),
    /// Its files take more than they may (bytes).
    TooMuch(u64),
    /// The user asked to stop.
    Interrupted,
    /// It could not do what it was asked for, as it says itself.
    Refused(String),
}

impl std::fmt::Display for ScratchError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotStarted(why) => write!(formatter, "The sandbox process did not start: {why}"),
            Self::Died(why) => write!(formatter, "The sandbox process ended before it answered: {why}"),
            Self::TooLong(seconds) => write!(
                formatter,
                "The sandbox process took longer than {seconds} s and was stopped"
            ),
            Self::TooMuch(bytes) => write!(
                formatter,
                "The files of the sandbox process took more than {}, so it was stopped",
                crate::text::bytes(*bytes)
            ),
            Self::Interrupted => formatter.write_str("Interrupted; the sandbox process was stopped"),
            Self::Refused(why) => formatter.write_str(why),
        }
    }
}

/// How a sandbox process broke its protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxFailure {
    /// There is nothing to ask it through.
    NoPipes,
    /// It said nothing of its sandbox.
    NotLockedIn,
    /// It answered what can't be read.
    NoAnswer,
    /// It answers without an end.
    LongAnswer,
    /// Where a value was to be is something else.
    NoFile,
    /// The value takes more memory than the process may.
    TooMuch,
    /// A signal ended it.
    Signal(i32),
    /// It ended by itself.
    Exited,
}

impl std::fmt::Display for SandboxFailure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::NoPipes => "it has no pipes",
            Self::NotLockedIn => "it did not report whether its sandbox works",
            Self::NoAnswer => "its answer is not valid",
            Self::LongAnswer => "its answer is too long",
            Self::NoFile => "the transferred value is not a file",
            Self::TooMuch => "the transferred value is too large",
            Self::Signal(signal) => return write!(formatter, "signal {signal} ended it"),
            Self::Exited => "it exited",
        })
    }
}

impl From<SandboxFailure> for ScratchError {
    fn from(odd: SandboxFailure) -> Self {
        Self::Died(odd.to_string())
    }
}

impl From<SandboxFailure> for std::io::Error {
    fn from(odd: SandboxFailure) -> Self {
        Self::other(odd.to_string())
    }
}
