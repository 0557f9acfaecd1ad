//! The cells on the branches of two runs: their code, and their outputs.

use std::collections::BTreeMap;
use std::time::Duration;

use clew_core::format::{Run, RunKind};
use clew_core::id::RunId;
use serde::Serialize;
use similar::TextDiff;

use crate::context::Context;
use crate::history_view::HistoryView;
use crate::outputs::{self, CellOutput, outputs_of};
use crate::text;

/// Timeout after which a comparison falls back to a coarser result: texts from an untrusted store could be crafted to take very long.
const PATIENCE: Duration = Duration::from_millis(500);

/// One cell whose code or outputs differ.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CellDifference<T> {
    /// The cell id, or the run if there is none.
    pub cell: String,
    /// The last run of the cell.
    pub run: String,
    /// Its `In [n]`.
    pub execution_count: Option<u64>,
    /// The code, or the outputs, at the older run.
    pub before: Option<T>,
    /// The code, or the outputs, at the newer run.
    pub after: Option<T>,
}

/// Returns the cells whose code differs between the branches of two runs.
pub fn code(from: RunId, to: RunId, place: &HistoryView<'_>) -> Vec<CellDifference<String>> {
    let source = |run: &Run| {
        run.source?;
        place.source(run).or_else(|| Some("(source not kept)".to_owned()))
    };
    differing(from, to, place, source)
}

/// Returns the cells whose outputs differ between the branches of two runs.
pub fn output(from: RunId, to: RunId, place: &HistoryView<'_>) -> Vec<CellDifference<Vec<CellOutput>>> {
    let shown = |run: &Run| Some(outputs_of(run, place)).filter(|outputs| !outputs.is_empty());
    differing(from, to, place, shown)
}

/// Returns the differences in `read` between the last runs of each cell. Cells with the same last run are not read.
fn differing<T: PartialEq>(
    from: RunId,
    to: RunId,
    place: &HistoryView<'_>,
    read: impl Fn(&Run) -> Option<T>,
) -> Vec<CellDifference<T>> {
    let (before, after) = (cells(from, place), cells(to, place));
    let of = |cells: &[(String, RunId)], wanted: &str| cells.iter().find(|(cell, _)| cell == wanted).map(|(_, id)| *id);
    let gone = before.iter().filter(|(cell, _)| of(&after, cell).is_none());
    let all = gone.chain(&after).map(|(cell, _)| cell.clone());
    let told = |id: Option<RunId>| place.history.run(&id?).and_then(&read);
    all.map(|cell| (of(&before, &cell), of(&after, &cell), cell))
        .filter(|(before, after, _)| before != after)
        .filter_map(|(before, after, cell)| {
            let run = place.history.run(&after.or(before)?)?;
            Some(CellDifference {
                cell,
                run: run.label(),
                execution_count: run.execution_count,
                before: told(before),
                after: told(after),
            })
        })
        .filter(|cell| cell.before != cell.after)
        .collect()
}

/// Returns the last run of every cell on a branch, ordered by the cells' first runs.
fn cells(id: RunId, place: &HistoryView<'_>) -> Vec<(String, RunId)> {
    let mut found: BTreeMap<String, (usize, RunId)> = BTreeMap::new();
    let line: Vec<_> = place.history.line(id).collect();
    let cells = line
        .into_iter()
        .rev()
        .filter(|(_, run)| run.kind == RunKind::Cell && run.source.is_some());
    for (order, (id, run)) in cells.enumerate() {
        let cell = run.cell.clone().unwrap_or_else(|| format!("run {}", run.label()));
        let first = found.get(&cell).map_or(order, |(first, _)| *first);
        found.insert(cell, (first, id));
    }
    let mut ordered: Vec<_> = found.into_iter().map(|(cell, (first, id))| (first, cell, id)).collect();
    ordered.sort();
    ordered.into_iter().map(|(_, cell, id)| (cell, id)).collect()
}

impl<T> CellDifference<T> {
    /// Returns `In [3] (run 4)`, or `cell of run 4` if the front end or the shell provided no cell id.
    pub fn name(&self) -> String {
        match self.execution_count.filter(|_| !self.cell.starts_with("run ")) {
            Some(count) => format!("In [{count}] (run {})", self.run),
            None => format!("cell of run {}", self.run),
        }
    }
}

impl CellDifference<String> {
    /// Formats it as a text diff.
    pub fn text(&self, context: &Context) -> String {
        let texts = [&self.before, &self.after].map(|code| code.as_deref().unwrap_or_default());
        format!("\n{}\n{}", self.name(), unified(texts, context))
    }
}

impl CellDifference<Vec<CellOutput>> {
    /// Formats it as a text diff of the output of `show`.
    pub fn text(&self, context: &Context) -> String {
        let told = [&self.before, &self.after].map(|shown| outputs::told(shown.as_deref().unwrap_or_default()));
        let texts = [told[0].trim_start(), told[1].trim_start()];
        if texts[0] == texts[1] {
            // Two pictures of the same size have the same text.
            return format!("\noutput of {}\nits pictures differ\n", self.name());
        }
        format!("\noutput of {}\n{}", self.name(), unified(texts, context))
    }
}

/// Returns a unified diff with two lines of context.
fn unified(texts: [&str; 2], context: &Context) -> String {
    let [before, after] = texts.map(text::clean);
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(&before, &after);
    let mut text = String::new();
    for line in diff.unified_diff().context_radius(2).to_string().lines() {
        let painted = match line.as_bytes().first() {
            Some(b'+') => context.style.added(line),
            Some(b'-') => context.style.gone(line),
            Some(b'\\') => continue,
            _ => line.to_owned(),
        };
        text += &format!("{painted}\n");
    }
    text
}
