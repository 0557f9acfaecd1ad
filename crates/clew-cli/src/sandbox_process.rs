//! The sandbox process, from the side of its parent process.
//!
//! The parent starts the interpreter of the history, which enters a sandbox before it reads a value or runs any code, restores the state
//! after a run, and answers requests over a pipe (`python/clew/scratch` is its side). Nothing in it can affect the live session, the store
//! or a file. Its answers may come from any user code: their size is limited, and they are not trusted.

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
    /// The exception that it raised; earlier results exist nevertheless.
    pub error: Option<RaisedException>,
    /// The fingerprint of each group of variables; `None` if a variable does not exist or has no comparable value.
    pub fingerprints: Vec<Option<Fingerprint>>,
    /// What the sandbox does not block on this machine.
    pub gaps: Vec<String>,
}

/// Runs a script in a fresh sandbox process, and returns the fingerprints of the created variables, each group computed together like the
/// roots of a version.
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
    /// It exceeded its time limit.
    #[error("The sandbox process took longer than {0} s and was stopped")]
    TooLong(u64),
    /// Its files exceeded their size limit (bytes).
    #[error("The files of the sandbox process took more than {}, so it was stopped", crate::text::bytes(*.0))]
    TooMuch(u64),
    /// The user cancelled.
    #[error("Interrupted; the sandbox process was stopped")]
    Interrupted,
    /// It reported an error.
    #[error("{0}")]
    Refused(String),
}

/// How a sandbox process broke its protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SandboxFailure {
    /// It has no pipes.
    #[error("it has no pipes")]
    NoPipes,
    /// It did not report on its sandbox.
    #[error("it did not report whether its sandbox works")]
    NotLockedIn,
    /// It sent an invalid answer.
    #[error("its answer is not valid")]
    NoAnswer,
    /// It sent too long an answer.
    #[error("its answer is too long")]
    LongAnswer,
    /// The handed over value is not a file.
    #[error("the transferred value is not a file")]
    NoFile,
    /// The value exceeds the memory limit of the process.
    #[error("the transferred value is too large")]
    TooMuch,
    /// A signal ended it.
    #[error("signal {0} ended it")]
    Signal(i32),
    /// It exited.
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
