//! The code of two runs' lines, cell by cell.

use std::collections::BTreeMap;

use clew_core::format::RunKind;
use clew_core::id::RunId;
use serde::Serialize;
use similar::TextDiff;

use crate::place::Place;
use crate::surroundings::Surroundings;
use crate::text;

/// One cell whose code differs.
#[derive(Debug, Serialize)]
pub struct CellDifference {
    /// The front end's cell id, else the run that ran it.
    cell: String,
    /// Its code on the older run's line.
    before: Option<String>,
    /// Its code on the newer run's line.
    after: Option<String>,
}

/// The cells whose code differs between the lines of two runs.
pub fn code(from: RunId, to: RunId, place: &Place<'_>) -> Vec<CellDifference> {
    let (before, after) = (cells(from, place), cells(to, place));
    let of = |cells: &[(String, String)], wanted: &str| {
        cells
            .iter()
            .find(|(cell, _)| cell == wanted)
            .map(|(_, text)| text.clone())
    };
    let gone = before.iter().filter(|(cell, _)| of(&after, cell).is_none());
    let all = gone.chain(&after).map(|(cell, _)| cell.clone());
    all.map(|cell| CellDifference {
        before: of(&before, &cell),
        after: of(&after, &cell),
        cell,
    })
    .filter(|cell| cell.before != cell.after)
    .collect()
}

/// The last code of every cell on a line of runs, in the order in which cells first ran.
fn cells(id: RunId, place: &Place<'_>) -> Vec<(String, String)> {
    let mut found: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let line: Vec<_> = place.history.line(id).collect();
    for (order, (_, run)) in line.into_iter().rev().enumerate() {
        let Some(source) = run.source.filter(|_| run.kind == RunKind::Cell) else {
            continue;
        };
        let text = place
            .records
            .text(&source)
            .unwrap_or_else(|_| "(source not kept)".to_owned());
        let cell = run.cell.clone().unwrap_or_else(|| format!("run {}", run.label()));
        let first = found.get(&cell).map_or(order, |(first, _)| *first);
        found.insert(cell, (first, text));
    }
    let mut ordered: Vec<_> = found
        .into_iter()
        .map(|(cell, (first, text))| (first, cell, text))
        .collect();
    ordered.sort();
    ordered.into_iter().map(|(_, cell, text)| (cell, text)).collect()
}

impl CellDifference {
    /// It as a text diff.
    pub fn text(&self, surroundings: &Surroundings) -> String {
        let before = text::clean(self.before.as_deref().unwrap_or_default());
        let after = text::clean(self.after.as_deref().unwrap_or_default());
        let name = match self.cell.strip_prefix("run ") {
            Some(run) => format!("cell of run {run}"),
            None => format!("cell {}", self.cell),
        };
        let mut text = format!("\n{}\n", text::clean(&name));
        for line in TextDiff::from_lines(&before, &after)
            .unified_diff()
            .context_radius(2)
            .to_string()
            .lines()
        {
            let painted = match line.as_bytes().first() {
                Some(b'+') => surroundings.style.added(line),
                Some(b'-') => surroundings.style.gone(line),
                Some(b'\\') => continue,
                _ => line.to_owned(),
            };
            text += &format!("{painted}\n");
        }
        text
    }
}
