//! Cells that run again in a scratch process, from the side of the session that a mover moves.
//!
//! A process is started when the first value has to be made again, serves all that the same run made, and ends with the
//! move. All of one move together take no longer than one scratch process may.

use std::time::{Duration, Instant};

use clew_cli::clean;
use clew_cli::sandbox_process::{ProcessLimits, RaisedException, SandboxConfig, SandboxError, SandboxProcess};
use clew_core::id::RunId;
use clew_core::kernel::{BuildError, CoVariableHandover, SandboxRerun};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

/// Work shorter than this is not talked about.
const PATIENCE: Duration = Duration::from_secs(1);

/// The scratch processes of one move.
pub(crate) struct Processes {
    start: SandboxConfig,
    /// When the first was started.
    begun: Option<Instant>,
    /// What ran last, and the process in which it did, or why there is none.
    last: Option<(Vec<RunId>, Result<CellProcess, String>)>,
    /// Why no cell runs unasked, once that is known.
    gaps: Option<String>,
}

/// A sandbox process that has run a sequence of cells.
struct CellProcess {
    scratch: SandboxProcess,
    /// Cells that did not run to their ends.
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

/// Why a cell did not run to its end.
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
    /// Those that a session in a history may start.
    pub fn new(start: SandboxConfig) -> Self {
        Self {
            start,
            begun: None,
            last: None,
            gaps: None,
        }
    }

    /// Runs a cell again and takes what it made of some roots. Other threads run meanwhile; Ctrl+C gives up.
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
            // The one before it goes first: two of them would take twice the memory.
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

    /// A process in which the cells of the line have run, one after the other.
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
            // What the sandbox lacks it lacks for every run of the move.
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
                // What one cell can't do is no reason for the others not to run.
                Err(SandboxError::Refused(why)) => ran.failed.push((*run, CellFailure::Refused(why))),
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(ran)
    }
}

/// Why a rerun handed nothing over.
enum StopReason {
    Interrupted,
    Failed(String),
}

impl From<RerunFailure> for StopReason {
    fn from(unmade: RerunFailure) -> Self {
        Self::Failed(unmade.to_string())
    }
}

/// Why a cell was not rerun in a sandbox process, or did not recreate a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RerunFailure {
    /// None is started from where this runs.
    #[error("no sandbox process can be started from here")]
    NoProcess,
    /// Nobody was asked, so the sandbox must hold.
    #[error("no sandbox works here to rerun its cell in automatically ({gaps})")]
    NoSandbox {
        /// What it lacks.
        gaps: String,
    },
    /// It did not start.
    #[error("the sandbox process did not start: {0}")]
    NotStarted(String),
    /// It ended before it answered.
    #[error("the sandbox process ended: {0}")]
    Ended(String),
    /// All of one move took too long.
    #[error("the rerun took longer than {0} s; `%clew config scratch.seconds` sets the limit")]
    TooLong(u64),
    /// The process says that it can't run the cell.
    #[error("it cannot be rerun in a sandbox process: {0}")]
    CantRun(String),
    /// The process says that it can't give what the cell made.
    #[error("the sandbox process cannot return it: {0}")]
    CantHandOver(String),
    /// The cell raised.
    #[error("in a sandbox process the cell of run {run} raised {exception}: {message}")]
    Raised {
        /// The run.
        run: String,
        /// The exception's type.
        exception: String,
        /// The first line of what it says.
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

/// Monitors the wait in a cell: listens for Ctrl+C, and prints once what takes so long.
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
            // Ctrl+C may come while it is said.
            let said = told.map_or(Ok(()), |told| say(py, &told));
            let is_stopped = said.is_err_and(|error| error.is_instance_of::<PyKeyboardInterrupt>(py));
            !is_stopped && py.check_signals().is_ok()
        })
    }
}

/// Writes a line to standard error, which a program that reads the answer does not take for a part of it.
fn say(py: Python<'_>, line: &str) -> PyResult<()> {
    let stream = py.import("sys")?.getattr("stderr")?;
    stream.call_method1("write", (format!("{line}\n"),))?;
    stream.call_method0("flush")?;
    Ok(())
}
