//! Cells that run again in a scratch process, from the side of the session that a mover moves.
//!
//! A process is started when the first value has to be made again, serves all that the same run made, and ends with the
//! move. All of one move together take no longer than one scratch process may.

use std::time::{Duration, Instant};

use clew_cli::clean;
use clew_cli::scratch::{Failed, Limits, Scratch, ScratchError, Start};
use clew_core::id::RunId;
use clew_core::kernel::{Apart, BuildError, HandedOver};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

/// Work shorter than this is not talked about.
const PATIENCE: Duration = Duration::from_secs(1);

/// The scratch processes of one move.
pub(crate) struct Processes {
    start: Start,
    /// When the first was started.
    begun: Option<Instant>,
    /// What ran last, and the process in which it did, or why there is none.
    last: Option<(RunId, Result<Scratch, String>)>,
    /// Why no cell runs unasked, once that is known.
    gaps: Option<String>,
}

impl Processes {
    /// Those that a session in a history may start.
    pub fn new(start: Start) -> Self {
        Self {
            start,
            begun: None,
            last: None,
            gaps: None,
        }
    }

    /// Runs a cell again and takes what it made of some roots. Other threads run meanwhile; Ctrl+C gives up.
    pub fn replay(&mut self, py: Python<'_>, apart: &Apart<'_>) -> Result<HandedOver, BuildError> {
        let begun = *self.begun.get_or_insert_with(Instant::now);
        let mut waiting = Waiting::new(begun, apart.label);
        let result = py.detach(|| self.replay_detached(apart, begun, &mut || waiting.goes_on()));
        result.map_err(|error| match error {
            Stopped::Interrupted => BuildError::Interrupted,
            Stopped::Failed(why) => BuildError::Failed(why),
        })
    }

    fn replay_detached(
        &mut self,
        apart: &Apart<'_>,
        begun: Instant,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<HandedOver, Stopped> {
        if self.last.as_ref().is_none_or(|(run, _)| *run != apart.run) {
            // The one before it goes first: two of them would take twice the memory.
            self.last = None;
            let started = match self.run_cell(apart, begun, goes_on) {
                Ok(scratch) => Ok(scratch),
                Err(Stopped::Failed(why)) => Err(why),
                Err(Stopped::Interrupted) => return Err(Stopped::Interrupted),
            };
            self.last = Some((apart.run, started));
        }
        match &mut self.last {
            Some((_, Ok(scratch))) => Ok(scratch.hand_over(apart.roots, goes_on).map_err(hand_over_failed)?),
            Some((_, Err(why))) => Err(Stopped::Failed(why.clone())),
            None => Err(Stopped::Failed("no scratch process runs".to_owned())),
        }
    }

    /// A process in which the cell of the run has run.
    fn run_cell(
        &mut self,
        apart: &Apart<'_>,
        begun: Instant,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<Scratch, Stopped> {
        if let Some(gaps) = self.gaps.as_ref().filter(|_| !apart.is_allowed) {
            return Err(Stopped::Failed(gaps.clone()));
        }
        let limits = self.start.limits;
        let seconds = limits.seconds.saturating_sub(begun.elapsed().as_secs());
        if seconds == 0 {
            return Err(too_long(limits.seconds));
        }
        let start = Start {
            limits: Limits { seconds, ..limits },
            ..self.start.clone()
        };
        let failed = |error| failed(error, limits.seconds);
        let mut scratch = Scratch::start(&start, goes_on).map_err(failed)?;
        if !scratch.gaps().is_empty() && !apart.is_allowed {
            let gaps = clean(&scratch.gaps().join(", "));
            let why = format!("no sandbox holds here to run it in unasked ({gaps})");
            // What the sandbox lacks it lacks for every run of the move.
            self.gaps = Some(why.clone());
            return Err(Stopped::Failed(why));
        }
        match scratch.again(&start, &apart.run.to_string(), goes_on).map_err(failed)? {
            Some(raised) => Err(Stopped::Failed(raised_again(apart.label, &raised))),
            None => Ok(scratch),
        }
    }
}

/// Why nothing was handed over.
enum Stopped {
    Interrupted,
    Failed(String),
}

fn failed(error: ScratchError, seconds: u64) -> Stopped {
    match error {
        ScratchError::Interrupted => Stopped::Interrupted,
        ScratchError::TooLong(_) => too_long(seconds),
        ScratchError::NotStarted(why) => Stopped::Failed(format!("no scratch process starts: {why}")),
        ScratchError::Died(why) => Stopped::Failed(format!("the scratch process ended: {why}")),
        ScratchError::Refused(why) => Stopped::Failed(format!("it can't run again in a scratch process: {why}")),
    }
}

fn hand_over_failed(error: ScratchError) -> Stopped {
    match error {
        ScratchError::Refused(why) => Stopped::Failed(format!("a scratch process can't hand it over: {why}")),
        ScratchError::TooLong(seconds) => too_long(seconds),
        other => failed(other, 0),
    }
}

fn too_long(seconds: u64) -> Stopped {
    Stopped::Failed(format!(
        "running again took longer than {seconds} s; `%clew config scratch.seconds` sets how long it may"
    ))
}

fn raised_again(label: &str, raised: &Failed) -> String {
    let (exception, message) = (clean(&raised.exception), clean(&raised.message));
    let lines = message.lines().next().unwrap_or_default();
    format!("in a scratch process the cell of run {label} raised {exception}: {lines}")
}

/// Waits in a cell: listens for Ctrl+C, and says once what takes so long.
struct Waiting {
    begun: Instant,
    told: Option<String>,
}

impl Waiting {
    fn new(begun: Instant, label: &str) -> Self {
        Self {
            begun,
            told: Some(format!(
                "Running the cell of run {label} again in a scratch process ..."
            )),
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
