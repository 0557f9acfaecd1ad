//! Cells that rerun in a sandbox process, from the side of the session that is being restored.
//!
//! A process is started for the first value that must be recreated, serves all values of the same run, and ends with
//! the restore. All processes of a restore together may take as long as one sandbox process.

use std::time::{Duration, Instant};

use clew_cli::clean;
use clew_cli::sandbox_process::{ProcessLimits, RaisedException, SandboxConfig, SandboxError, SandboxProcess};
use clew_core::id::RunId;
use clew_core::kernel::{BuildError, CoVariableHandover, SandboxRerun};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

/// Shorter work is not reported.
const PATIENCE: Duration = Duration::from_secs(1);

/// The sandbox processes of one restore.
pub(crate) struct Processes {
    start: SandboxConfig,
    /// When the first one was started.
    begun: Option<Instant>,
    /// The cells that ran last, and their process, or why there is none.
    last: Option<(Vec<RunId>, Result<CellProcess, String>)>,
    /// The reason why no cell runs automatically, once it is known.
    gaps: Option<String>,
}

/// A sandbox process that has run a sequence of cells.
struct CellProcess {
    scratch: SandboxProcess,
    /// Cells that did not run to their ends, with the reasons.
    failed: Vec<(RunId, CellFailure)>,
}

impl CellProcess {
    fn hand_over(
        &mut self,
        apart: &SandboxRerun<'_>,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<CoVariableHandover, StopReason> {
        if let Some((_, short)) = self.failed.iter().find(|(run, _)| *run == apart.run) {
            return Err(short.told(apart.label).into());
        }
        let handed = self.scratch.hand_over(&apart.run.to_string(), apart.roots, goes_on);
        handed.map_err(hand_over_failed)
    }
}

/// The reason why a cell did not run to its end.
enum CellFailure {
    Raised(RaisedException),
    Refused(String),
}

impl CellFailure {
    fn told(&self, label: &str) -> RerunFailure {
        match self {
            Self::Raised(raised) => raised_again(label, raised),
            Self::Refused(why) => RerunFailure::CantRun(why.clone()),
        }
    }
}

impl Processes {
    /// Creates the processes that a session in a history may start.
    pub fn new(start: SandboxConfig) -> Self {
        Self {
            start,
            begun: None,
            last: None,
            gaps: None,
        }
    }

    /// Reruns a cell and takes its values of some roots. Other threads run meanwhile; Ctrl+C cancels it.
    pub fn replay(&mut self, py: Python<'_>, apart: &SandboxRerun<'_>) -> Result<CoVariableHandover, BuildError> {
        let begun = *self.begun.get_or_insert_with(Instant::now);
        let mut waiting = InterruptMonitor::new(begun, apart.label);
        let result = py.detach(|| self.replay_detached(apart, begun, &mut || waiting.goes_on()));
        result.map_err(|error| match error {
            StopReason::Interrupted => BuildError::Interrupted,
            StopReason::Failed(why) => BuildError::Failed(why),
        })
    }

    fn replay_detached(
        &mut self,
        apart: &SandboxRerun<'_>,
        begun: Instant,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<CoVariableHandover, StopReason> {
        if self.last.as_ref().is_none_or(|(line, _)| line != apart.line) {
            // The previous process ends first: two of them would take twice the memory.
            self.last = None;
            let started = match self.run_line(apart, begun, goes_on) {
                Ok(ran) => Ok(ran),
                Err(StopReason::Failed(why)) => Err(why),
                Err(StopReason::Interrupted) => return Err(StopReason::Interrupted),
            };
            self.last = Some((apart.line.to_vec(), started));
        }
        match &mut self.last {
            Some((_, Ok(ran))) => ran.hand_over(apart, goes_on),
            Some((_, Err(why))) => Err(StopReason::Failed(why.clone())),
            None => Err(RerunFailure::NoProcess.into()),
        }
    }

    /// Starts a process and runs the cells of the line in it, one after the other.
    fn run_line(
        &mut self,
        apart: &SandboxRerun<'_>,
        begun: Instant,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<CellProcess, StopReason> {
        if let Some(gaps) = self.gaps.as_ref().filter(|_| !apart.is_allowed) {
            return Err(StopReason::Failed(gaps.clone()));
        }
        let limits = self.start.limits;
        let seconds = limits.seconds.saturating_sub(begun.elapsed().as_secs());
        if seconds == 0 {
            return Err(RerunFailure::TooLong(limits.seconds).into());
        }
        let start = SandboxConfig {
            limits: ProcessLimits { seconds, ..limits },
            ..self.start.clone()
        };
        let failed = |error| failed(error, limits.seconds);
        let scratch = SandboxProcess::start(&start, goes_on).map_err(failed)?;
        if !scratch.gaps().is_empty() && !apart.is_allowed {
            let gaps = clean(&scratch.gaps().join(", "));
            let why = RerunFailure::NoSandbox { gaps }.to_string();
            // The sandbox has the same gaps for every run of the restore.
            self.gaps = Some(why.clone());
            return Err(StopReason::Failed(why));
        }
        let mut ran = CellProcess {
            scratch,
            failed: Vec::new(),
        };
        for run in apart.line {
            match ran.scratch.again(&run.to_string(), goes_on) {
                Ok(None) => {}
                Ok(Some(raised)) => ran.failed.push((*run, CellFailure::Raised(raised))),
                // A cell that cannot run does not keep the others from running.
                Err(SandboxError::Refused(why)) => ran.failed.push((*run, CellFailure::Refused(why))),
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(ran)
    }
}

/// The reason why a rerun returned nothing.
enum StopReason {
    Interrupted,
    Failed(String),
}

impl From<RerunFailure> for StopReason {
    fn from(unmade: RerunFailure) -> Self {
        Self::Failed(unmade.to_string())
    }
}

/// The reason why a cell was not rerun in a sandbox process, or did not recreate a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RerunFailure {
    /// No sandbox process can be started here.
    #[error("no sandbox process can be started from here")]
    NoProcess,
    /// The user was not asked, so a complete sandbox is required.
    #[error("no sandbox works here to rerun its cell in automatically ({gaps})")]
    NoSandbox {
        /// The gaps of the sandbox.
        gaps: String,
    },
    /// It did not start.
    #[error("the sandbox process did not start: {0}")]
    NotStarted(String),
    /// It ended before it answered.
    #[error("the sandbox process ended: {0}")]
    Ended(String),
    /// The processes of one restore took too long.
    #[error("the rerun took longer than {0} s; `%clew config scratch.seconds` sets the limit")]
    TooLong(u64),
    /// The process cannot run the cell.
    #[error("it cannot be rerun in a sandbox process: {0}")]
    CantRun(String),
    /// The process cannot return the value that the cell created.
    #[error("the sandbox process cannot return it: {0}")]
    CantHandOver(String),
    /// The cell raised.
    #[error("in a sandbox process the cell of run {run} raised {exception}: {message}")]
    Raised {
        /// The run.
        run: String,
        /// The exception's type.
        exception: String,
        /// The first line of its message.
        message: String,
    },
}

fn failed(error: SandboxError, seconds: u64) -> StopReason {
    let unmade = match error {
        SandboxError::Interrupted => return StopReason::Interrupted,
        SandboxError::TooLong(_) => RerunFailure::TooLong(seconds),
        SandboxError::TooMuch(_) => RerunFailure::Ended(error.to_string()),
        SandboxError::NotStarted(why) => RerunFailure::NotStarted(why),
        SandboxError::Died(why) => RerunFailure::Ended(why),
        SandboxError::Refused(why) => RerunFailure::CantRun(why),
    };
    unmade.into()
}

fn hand_over_failed(error: SandboxError) -> StopReason {
    match error {
        SandboxError::Refused(why) => RerunFailure::CantHandOver(why).into(),
        SandboxError::TooLong(seconds) => RerunFailure::TooLong(seconds).into(),
        other => failed(other, 0),
    }
}

fn raised_again(label: &str, raised: &RaisedException) -> RerunFailure {
    let message = clean(&raised.message);
    RerunFailure::Raised {
        run: label.to_owned(),
        exception: clean(&raised.exception),
        message: message.lines().next().unwrap_or_default().to_owned(),
    }
}

/// Monitors the wait in a cell: checks for Ctrl+C, and prints once what takes so long.
struct InterruptMonitor {
    begun: Instant,
    told: Option<String>,
}

impl InterruptMonitor {
    fn new(begun: Instant, label: &str) -> Self {
        Self {
            begun,
            told: Some(format!("Rerunning the cell of run {label} in a sandbox process ...")),
        }
    }

    fn goes_on(&mut self) -> bool {
        let is_due = self.begun.elapsed() > PATIENCE;
        let told = if is_due { self.told.take() } else { None };
        Python::attach(|py| {
            // Ctrl+C may come while the line is written.
            let said = told.map_or(Ok(()), |told| say(py, &told));
            let is_stopped = said.is_err_and(|error| error.is_instance_of::<PyKeyboardInterrupt>(py));
            !is_stopped && py.check_signals().is_ok()
        })
    }
}

/// Writes a line to standard error, so that programs that read the answer do not treat it as a part of it.
fn say(py: Python<'_>, line: &str) -> PyResult<()> {
    let stream = py.import("sys")?.getattr("stderr")?;
    stream.call_method1("write", (format!("{line}\n"),))?;
    stream.call_method0("flush")?;
    Ok(())
}
