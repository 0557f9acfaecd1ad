//! Cells that started without a recorded run: those that are running, those whose kernel died, and those whose state is unknown on this
//! machine.

use std::path::Path;
use std::time::SystemTime;

use clew_core::format::{InFlightMarker, RECORD_VERSION, Run, Timestamp};
use clew_core::history::History;
use clew_core::id::{HistoryId, SessionId};
use clew_core::store::disk::RealDisk;
use clew_core::store::{LeftoverMarker, SigningKey, Store};
use serde::Serialize;

use crate::context::Context;
use crate::input_files::modified_at;
use crate::process::{ProcessStatus, life, this_process};
use crate::text;

/// A cell in flight.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InFlight {
    /// The session of the kernel.
    session: String,
    /// The `In [n]` of the shell.
    execution_count: Option<u64>,
    /// The cell id of the front end.
    cell: Option<String>,
    /// When it started.
    started: String,
    /// The minimum number of seconds that it ran.
    seconds: f64,
    /// `running`; `ended` (Clew is recording it); `crashed` (its kernel is gone); `unknown` (its kernel is on another machine or in
    /// another container).
    state: &'static str,
    /// The code; null if Clew must not store it.
    source: Option<String>,
    #[serde(skip)]
    told: InFlightMessage,
}

/// A message about a cell that is, or was, in flight.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InFlightMessage {
    /// The cell is running.
    #[error("{cell} has been running for {duration}")]
    Runs { cell: String, duration: String },
    /// Its kernel died.
    #[error("{cell}, started {ago}, was interrupted by kernel death{least}. Its changes are not recorded")]
    Died { cell: String, ago: String, least: String },
    /// Its kernel died after the cell had finished.
    #[error("{cell}, started {ago}, had finished when its kernel died, but its changes were not recorded yet")]
    DiedBehind { cell: String, ago: String },
    /// It has finished, and its kernel is alive.
    #[error("{cell} has finished; its changes are being recorded")]
    Ended { cell: String },
    /// Its kernel is on another machine.
    #[error(
        "{cell} was running on {host} at its last sign of life, {ago}. Clew cannot check from here whether it still runs; its changes are not recorded"
    )]
    Unheard { cell: String, host: String, ago: String },
    /// A crashed run was recorded for it.
    #[error("{cell} was interrupted by kernel death{least}. Its changes are not recorded; it is run {run}")]
    Written { cell: String, least: String, run: String },
    /// A crashed run was recorded for it, and the cell had finished.
    #[error("{cell} had finished when its kernel died, but its changes were not recorded yet; it is run {run}")]
    WrittenBehind { cell: String, run: String },
}

/// The most characters of a source in a sentence.
const LONGEST: usize = 60;

/// Creates the marker of this process for a cell that starts; the caller adds the cell.
pub fn begun(history: HistoryId, session: SessionId) -> InFlightMarker {
    InFlightMarker {
        version: RECORD_VERSION,
        history,
        session,
        process: this_process(),
        source: None,
        masked: Vec::new(),
        cell: None,
        execution_count: None,
        started: 0,
        ended: None,
    }
}

/// Updates a marker to show that its cell is still running.
pub fn goes_on(note: &Path) {
    // Not critical: if it fails, the cell's reported duration is shorter.
    let file = std::fs::File::options().write(true).open(note);
    file.and_then(|file| file.set_modified(SystemTime::now())).ok();
}

/// Returns when a marker was last updated.
fn seen(left: &LeftoverMarker) -> Timestamp {
    let modified = std::fs::metadata(&left.path).ok().and_then(|found| modified_at(&found));
    modified.unwrap_or(0).max(left.begun.started)
}

/// Returns the markers of a history without a recorded run.
fn left(store: &Store, id: HistoryId, history: &History, context: &Context) -> Vec<LeftoverMarker> {
    let Some(key) = SigningKey::load(&RealDisk, &context.config).ok().flatten() else {
        return Vec::new();
    };
    let notes = store.begun(&key).into_iter();
    notes
        .filter(|left| left.begun.history == id && !history.has_recorded(&left.begun))
        .collect()
}

/// Returns the markers of a history's dead kernels, for the session `by` that records them: each with the time of its last update.
pub fn take_died(
    store: &Store,
    id: HistoryId,
    history: &History,
    by: SessionId,
    context: &Context,
) -> Vec<(LeftoverMarker, Timestamp)> {
    let died = left(store, id, history, context).into_iter();
    let died = died.filter(|left| life(&left.begun.process) == ProcessStatus::Gone);
    died.filter_map(|left| {
        let seen = seen(&left);
        Some((store.claim(left, by)?, seen))
    })
    .collect()
}

/// Returns cells of a history that started without a recorded run, except those of the session `own`.
pub fn in_flight(
    store: &Store,
    id: HistoryId,
    history: &History,
    own: Option<SessionId>,
    context: &Context,
) -> Vec<InFlight> {
    let left = left(store, id, history, context).into_iter();
    let mut found: Vec<LeftoverMarker> = left.filter(|left| Some(left.begun.session) != own).collect();
    found.sort_by_key(|left| left.begun.started);
    found.into_iter().map(|left| InFlight::of(left, context)).collect()
}

impl InFlight {
    fn of(left: LeftoverMarker, context: &Context) -> Self {
        let (seen, begun) = (seen(&left), left.begun);
        let so_long = u64::try_from(seen.saturating_sub(begun.started)).unwrap_or(0);
        let lasted = begun.ended.as_ref().map_or(so_long, |ended| ended.duration);
        let cell = called(begun.execution_count, left.source.as_deref());
        let ago = |time| text::ago(time, context.now);
        let is_over = begun.ended.is_some();
        let (state, told) = match life(&begun.process) {
            ProcessStatus::Runs if is_over => ("ended", InFlightMessage::Ended { cell }),
            ProcessStatus::Gone if is_over => {
                let ago = ago(begun.started);
                ("crashed", InFlightMessage::DiedBehind { cell, ago })
            }
            ProcessStatus::Runs => {
                let so_far = u64::try_from(context.now.saturating_sub(begun.started)).unwrap_or(0);
                let duration = text::duration(so_far);
                ("running", InFlightMessage::Runs { cell, duration })
            }
            ProcessStatus::Gone => {
                let (ago, least) = (ago(begun.started), at_least(lasted));
                ("crashed", InFlightMessage::Died { cell, ago, least })
            }
            ProcessStatus::Unknown => {
                let (host, ago) = (text::clean(&begun.process.host), ago(seen));
                ("unknown", InFlightMessage::Unheard { cell, host, ago })
            }
        };
        Self {
            session: begun.session.to_string(),
            execution_count: begun.execution_count,
            cell: begun.cell,
            started: text::rfc3339(begun.started),
            seconds: lasted as f64 / 1e9,
            state,
            source: left.source,
            told,
        }
    }

    /// Returns the description in one or two sentences.
    pub fn sentence(&self) -> String {
        format!("{}.", self.told)
    }
}

/// Describes a crashed run.
pub fn death(run: &Run, source: Option<&str>) -> String {
    let (cell, label) = (called(run.execution_count, source), run.label());
    let told = if run.death.is_some_and(|death| death.had_ended) {
        InFlightMessage::WrittenBehind { cell, run: label }
    } else {
        let least = at_least(run.duration);
        InFlightMessage::Written {
            cell,
            least,
            run: label,
        }
    };
    told.to_string()
}

/// Formats the known duration: the first update comes after a second.
fn at_least(nanoseconds: u64) -> String {
    match nanoseconds {
        0..1_000_000_000 => String::new(),
        _ => format!(", at least {} after it started", text::duration(nanoseconds)),
    }
}

/// Formats a cell: `In [9] (x = 3)`.
fn called(execution_count: Option<u64>, source: Option<&str>) -> String {
    let name = execution_count.map_or_else(|| "A cell".to_owned(), |count| format!("In [{count}]"));
    match source {
        Some(source) => format!("{name} ({})", text::shorten(&text::headline(source), LONGEST)),
        None => format!("{name} (source not kept)"),
    }
}
