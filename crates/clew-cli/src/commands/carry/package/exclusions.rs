//! Removes from the copy of the notebook what runs did not record of excluded variables: in the sources of cells and in their outputs.

use clew_core::format::{Run, RunKind};
use regex::Regex;

use crate::history_view::HistoryView;
use crate::outputs::outputs_of;
use crate::package::NotebookFile;
use crate::secrets::mark;

/// The text in a run's evidence that marks a source recorded without the values of excluded variables (`clew/shell/redaction.py`).
const EXCLUDED: &str = "an excluded value";

/// Removes from a notebook's cells what their runs did not record.
pub(super) fn leave_out(notebook: &mut NotebookFile, place: &HistoryView<'_>) {
    let runs = place.history.outlines().filter_map(|(id, _)| place.history.run(&id));
    let mut runs: Vec<&Run> = runs.filter(|run| run.kind == RunKind::Cell).collect();
    // The last run of a cell is most similar to its current source.
    runs.sort_by_key(|run| std::cmp::Reverse(run.number));
    for run in runs {
        let source = is_in_source(run).then(|| recorded(run, place));
        let pattern = source.as_deref().and_then(pattern);
        for at in 0..notebook.cells().len() {
            let cell = &notebook.cells()[at];
            let is_of_run = cell.id.is_some() && cell.id == run.cell;
            let is_written_alike = || pattern.as_ref().is_some_and(|pattern| pattern.is_match(&cell.source));
            let is_told = cell.left_out.iter().any(|what| what == EXCLUDED);
            if !cell.is_code || is_told || !(is_of_run || is_written_alike()) {
                continue;
            }
            if source.is_some() || shows_nothing_of_it(run, place) {
                notebook.leave_out(at, source.clone(), EXCLUDED);
            }
        }
    }
}

fn is_in_source(run: &Run) -> bool {
    run.evidence.masked.iter().any(|what| what == EXCLUDED)
}

fn recorded(run: &Run, place: &HistoryView<'_>) -> String {
    place.source(run).unwrap_or_else(|| mark(EXCLUDED))
}

/// Returns a pattern that matches the sources that were recorded as `recorded`.
fn pattern(recorded: &str) -> Option<Regex> {
    let mark = mark(EXCLUDED);
    if recorded == mark {
        return None;
    }
    let quoted = recorded.replace(&format!("'{mark}'"), &mark);
    let parts: Vec<String> = quoted.split(&*mark).map(regex::escape).collect();
    Regex::new(&format!(r"\A{}\z", parts.join(r"[\s\S]*?"))).ok()
}

/// Whether none of a run's outputs were recorded.
fn shows_nothing_of_it(run: &Run, place: &HistoryView<'_>) -> bool {
    let outputs = outputs_of(run, place);
    matches!(&*outputs, [one] if one.text.is_empty() && one.data.is_empty() && one.left_out.iter().any(|left| left.what == "outputs"))
}
