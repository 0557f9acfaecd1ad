//! The sandbox process, from the side of whoever starts it.
//!
//! An interpreter of the history's own is started, locks itself into a sandbox before it reads a value or runs a line,
//! loads what a run left, and answers what it is asked over a pipe (`python/clew/scratch` is its side). Nothing that
//! happens in it can reach the live session, the store or a file. What it answers is what code of the user's says:
//! bounded, and believed by nobody.

mod process;
mod space;
mod wire;

use clew_core::id::Fingerprint;

pub use process::{Environment, ProcessLimits, SandboxConfig, SandboxProcess, StartingProcess};
pub use wire::read as answer;
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

/// Runs a script in a fresh sandbox process and says what the names it made hash to, each group together as the roots of
/// a version are.
pub fn make(
    start: &SandboxConfig,
    source: &str,
    is_ipython: bool,
    groups: &[Vec<String>],
    goes_on: &mut dyn FnMut() -> bool,
) -> Result<ScriptResult, SandboxError> {
    let mut process = SandboxProcess::start(start, goes_on)?;
    Ok(ScriptResult {
        error: process.run(source, is_ipython, goes_on)?,
        fingerprints: process.fingerprints(groups, goes_on)?,
        gaps: process.gaps().to_vec(),
    })
}

/// Why a sandbox process did not answer. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    /// It could not be started.
    #[error("The sandbox process did not start: {0}")]
    NotStarted(String),
    /// It ended before it answered.
    #[error("The sandbox process ended before it answered: {0}")]
    Died(String),
    /// It took longer than it may.
    #[error("The sandbox process took longer than {0} s and was stopped")]
    TooLong(u64),
    /// Its files take more than they may (bytes).
    #[error("The files of the sandbox process took more than {}, so it was stopped", crate::text::bytes(*.0))]
    TooMuch(u64),
    /// The user asked to stop.
    #[error("Interrupted; the sandbox process was stopped")]
    Interrupted,
    /// It could not do what it was asked for, as it says itself.
    #[error("{0}")]
    Refused(String),
}

/// How a sandbox process broke its protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SandboxFailure {
    /// There is nothing to ask it through.
    #[error("it has no pipes")]
    NoPipes,
    /// It said nothing of its sandbox.
    #[error("it did not report whether its sandbox works")]
    NotLockedIn,
    /// It answered what can't be read.
    #[error("its answer is not valid")]
    NoAnswer,
    /// It answers without an end.
    #[error("its answer is too long")]
    LongAnswer,
    /// Where a value was to be is something else.
    #[error("the transferred value is not a file")]
    NoFile,
    /// The value takes more memory than the process may.
    #[error("the transferred value is too large")]
    TooMuch,
    /// A signal ended it.
    #[error("signal {0} ended it")]
    Signal(i32),
    /// It ended by itself.
    #[error("it exited")]
    Exited,
}

impl From<SandboxFailure> for SandboxError {
    fn from(odd: SandboxFailure) -> Self {
        Self::Died(odd.to_string())
    }
}

impl From<SandboxFailure> for std::io::Error {
    fn from(odd: SandboxFailure) -> Self {
        Self::other(odd)
    }
}
