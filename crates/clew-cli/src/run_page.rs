//! One run as commands display it: a line of `log`, the head of `show`.

use clew_core::format::{Death, Ending, Run, RunKind, Timestamp};
use clew_core::id::{RootKind, RunId};
use serde::{Serialize, Serializer};

use crate::changes::Changes;
use crate::history_view::HistoryView;
use crate::text;

/// One run.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RunPage {
    /// Its number.
    pub run: String,
    /// Its id.
    pub id: RunId,
    /// The run before it.
    pub parent: Option<String>,
    /// `start` (recording began), `cell`, `external_change` or `moved` (a restore in which a root was lost or not identical).
    #[serde(serialize_with = "kind_name")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub kind: RunKind,
    /// The `In [n]` of the shell.
    pub execution_count: Option<u64>,
    /// The cell id of the front end.
    pub cell: Option<String>,
    /// When it started.
    pub started: String,
    /// The duration in seconds.
    pub seconds: f64,
    /// `done`, `failed` or `interrupted`.
    pub ending: &'static str,
    /// The type of the exception.
    pub exception: Option<String>,
    /// Set if the kernel died during the run. In this case no changes of the cell are recorded.
    pub crash: Option<CrashPage>,
    /// The code that ran.
    pub source: Option<String>,
    /// The changes.
    #[serde(flatten)]
    pub changes: Changes,
    /// Your description of the run.
    pub description: Option<String>,
    /// The branches and tags of this run.
    pub names: Vec<String>,
    /// Whether the session is at this run.
    pub is_current: bool,
    /// Whether it is signed by a key that you do not trust.
    pub is_untrusted: bool,
    /// Warnings about state that Clew could not record.
    pub warnings: Vec<String>,
    #[serde(skip)]
    pub(crate) time: Timestamp,
    #[serde(skip)]
    pub(crate) nanoseconds: u64,
}

/// The end of a run during which the kernel died.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CrashPage {
    /// The session that ended.
    pub session: String,
    /// When Clew found that the kernel had died.
    pub found: String,
    /// Whether the cell had ended before the kernel died. If not, the cell ran for at least `seconds`.
    pub cell_had_ended: bool,
}

impl CrashPage {
    fn of(death: Death) -> Self {
        Self {
            session: death.session.to_string(),
            found: text::rfc3339(death.found),
            cell_had_ended: death.had_ended,
        }
    }
}

impl RunPage {
    /// Returns its duration; the known minimum if its kernel died during it.
    pub fn lasted(&self) -> String {
        let duration = text::duration(self.nanoseconds);
        match self.crash.as_ref().filter(|death| !death.cell_had_ended) {
            None => duration,
            Some(_) if self.nanoseconds < 1_000_000_000 => "?".to_owned(),
            Some(_) => format!("≥ {duration}"),
        }
    }

    /// Creates the page of `run`.
    pub fn of(id: RunId, run: &Run, place: &HistoryView<'_>) -> Self {
        let (ending, exception) = ending(&run.ending);
        Self {
            run: run.label(),
            id,
            parent: run.parent.map(|parent| place.history.label(&parent)),
            kind: run.kind,
            execution_count: run.execution_count,
            cell: run.cell.clone(),
            started: text::rfc3339(run.started),
            seconds: run.duration as f64 / 1e9,
            ending,
            exception,
            crash: run.death.map(CrashPage::of),
            source: place.source(run),
            changes: changes(id, run, place),
            description: description_of(id, place),
            names: names_of(id, place),
            is_current: place.at == Some(id),
            is_untrusted: place.history.is_untrusted(&id),
            warnings: run.warnings.clone(),
            time: run.started,
            nanoseconds: run.duration,
        }
    }

    /// Returns `In [12]`, or the kind of the run.
    pub fn origin(&self) -> String {
        match (self.kind, self.execution_count) {
            (RunKind::Cell, Some(count)) => format!("In [{count}]"),
            (kind, _) => kind_word(kind).to_owned(),
        }
    }

    /// Returns the most informative line of the source, or what happened instead.
    pub fn headline(&self) -> String {
        if let Some(description) = &self.description {
            return text::headline(description);
        }
        match (&self.source, self.kind) {
            (Some(source), _) => text::headline(source),
            (None, RunKind::Cell) => "(source not kept)".to_owned(),
            (None, RunKind::Start) => "(recording began)".to_owned(),
            (None, RunKind::Outside) => self.changes.of_no_cell().to_owned(),
            (None, RunKind::Moved) => {
                format!("({} after a restore)", self.parent.as_deref().unwrap_or("nothing"))
            }
        }
    }

    /// Returns `failed: ValueError`, `interrupted`, `interrupted by kernel death`, `its kernel died after it`, or nothing.
    pub fn trouble(&self) -> String {
        let death = self.crash.as_ref();
        match &self.exception {
            Some(exception) => format!("failed: {}", text::clean(exception)),
            None if death.is_some_and(|death| death.cell_had_ended) => "its kernel died after it".to_owned(),
            None if death.is_some() => "interrupted by kernel death".to_owned(),
            None if self.ending == "interrupted" => "interrupted".to_owned(),
            None => String::new(),
        }
    }
}

/// Serializes the kind of a run for JSON.
#[allow(clippy::trivially_copy_pass_by_ref)] // required by serde
fn kind_name<S: Serializer>(kind: &RunKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match kind {
        RunKind::Outside => "external_change",
        other => kind_word(*other),
    })
}

/// Returns the word for a kind of run.
pub fn kind_word(kind: RunKind) -> &'static str {
    match kind {
        RunKind::Start => "start",
        RunKind::Cell => "cell",
        RunKind::Outside => "outside",
        RunKind::Moved => "moved",
    }
}

fn ending(ending: &Ending) -> (&'static str, Option<String>) {
    match ending {
        Ending::Done => ("done", None),
        Ending::Failed { exception } => ("failed", Some(exception.clone())),
        Ending::Interrupted => ("interrupted", None),
    }
}

fn description_of(id: RunId, place: &HistoryView<'_>) -> Option<String> {
    let text = place.history.names().description(&id)?;
    place.records.text(&text).ok()
}

fn names_of(id: RunId, place: &HistoryView<'_>) -> Vec<String> {
    let names = place.history.names().all();
    names
        .filter(|(_, run)| **run == id)
        .map(|(name, _)| name.clone())
        .collect()
}

/// Returns the changes of a run. A class that it changed in place is listed by name; only that requires computing the state.
fn changes(id: RunId, run: &Run, place: &HistoryView<'_>) -> Changes {
    let changes = Changes::of(run, place.history);
    if changes.changed.iter().all(|root| root.kind != RootKind::Definition) {
        return changes;
    }
    changes.with_names_of_classes(&place.history.state(id), place)
}
