//! `clew diff`: what lies between two runs, in names and in code. Nothing is decoded.

use std::collections::BTreeMap;

use clew_core::format::RunKind;
use clew_core::id::{RootKind, RunId};
use serde::Serialize;
use similar::TextDiff;

use super::vars::{Variable, variable};
use crate::changes::Changes;
use crate::page::Page;
use crate::place::Place;
use crate::problem::Problem;
use crate::surroundings::Surroundings;
use crate::table::Table;
use crate::text;

/// Shows what lies between two runs: names that are new, changed or gone, and cells whose code differs.
///
/// With no run: between the last run and the one before it. With one: between it and where you are.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// The runs, older first
    #[arg(value_name = "REV", num_args = 0..=2)]
    pub revisions: Vec<String>,
    /// Shows only cells
    #[arg(long, conflicts_with = "state")]
    pub code: bool,
    /// Shows only names
    #[arg(long)]
    pub state: bool,
    /// Shows only these names
    #[arg(value_name = "NAME", last = true)]
    pub names: Vec<String>,
}

/// One name that differs.
#[derive(Debug, Serialize)]
struct Difference {
    /// `added`, `changed` or `removed`.
    change: &'static str,
    /// As the older run left it.
    before: Option<Variable>,
    /// As the newer run left it.
    after: Option<Variable>,
}

/// One cell whose code differs.
#[derive(Debug, Serialize)]
struct CellDifference {
    /// The front end's cell id, else the run that ran it.
    cell: String,
    /// Its code on the older run's line.
    before: Option<String>,
    /// Its code on the newer run's line.
    after: Option<String>,
}

/// What lies between two runs.
#[derive(Debug, Serialize)]
pub struct Diff {
    from: String,
    to: String,
    /// Names; `null` if only code was asked for.
    state: Option<Vec<Difference>>,
    /// Cells; `null` if only names were asked for.
    code: Option<Vec<CellDifference>>,
}

/// Shows what lies between two runs.
pub fn diff(arguments: &Arguments, place: &Place<'_>, surroundings: &Surroundings) -> Result<Diff, Problem> {
    let (from, to) = match arguments.revisions.as_slice() {
        [] => ("@-", "@"),
        [from] => (from.as_str(), "@"),
        [from, to, ..] => (from.as_str(), to.as_str()),
    };
    let (from, to) = (place.resolve(from, surroundings)?, place.resolve(to, surroundings)?);
    Ok(Diff {
        from: place.history.label(&from),
        to: place.history.label(&to),
        state: (!arguments.code).then(|| state(from, to, &arguments.names, place)),
        code: (!arguments.state && arguments.names.is_empty()).then(|| code(from, to, place)),
    })
}

fn state(from: RunId, to: RunId, names: &[String], place: &Place<'_>) -> Vec<Difference> {
    let (before, after) = (place.history.state(from), place.history.state(to));
    let changes = Changes::between(&before, &after);
    let words = [
        ("added", &changes.added),
        ("changed", &changes.changed),
        ("removed", &changes.removed),
    ];
    let pairs = words
        .into_iter()
        .flat_map(|(word, roots)| roots.iter().map(move |root| (word, root)));
    pairs
        .filter(|(_, root)| names.is_empty() || names.contains(&root.to_string()))
        .map(|(change, root)| Difference {
            change,
            before: variable(root, from, &before, place),
            after: variable(root, to, &after, place),
        })
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

fn code(from: RunId, to: RunId, place: &Place<'_>) -> Vec<CellDifference> {
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

impl Page for Diff {
    fn text(&self, surroundings: &Surroundings) -> String {
        let mut text = format!("From run {} to run {}: {}\n", self.from, self.to, self.totals());
        if let Some(state) = self.state.as_ref().filter(|state| !state.is_empty()) {
            text += &state_text(state, surroundings);
        }
        for cell in self.code.iter().flatten() {
            text += &cell_text(cell, surroundings);
        }
        text
    }
}

impl Diff {
    /// `3 names, 2 other roots and 1 cell differ`.
    fn totals(&self) -> String {
        let state = self.state.iter().flatten();
        let (names, others): (Vec<_>, Vec<_>) = state.partition(|change| change.is_name());
        let mut parts: Vec<String> = Vec::new();
        if self.state.is_some() {
            parts.push(text::count(names.len(), "name"));
        }
        if !others.is_empty() {
            parts.push(text::count(others.len(), "other root"));
        }
        parts.extend(self.code.as_ref().map(|code| text::count(code.len(), "cell")));
        let verb = if parts.len() == 1 && parts[0].starts_with("1 ") {
            "differs"
        } else {
            "differ"
        };
        format!("{} {verb}", text::listing(&parts, 3))
    }
}

impl Difference {
    fn is_name(&self) -> bool {
        self.before
            .as_ref()
            .or(self.after.as_ref())
            .is_some_and(|variable| variable.root.kind == RootKind::Name)
    }
}

fn state_text(state: &[Difference], surroundings: &Surroundings) -> String {
    let style = surroundings.style;
    let mut table = Table::default().flexible(2);
    for difference in state {
        let paint = |text: &str| match difference.change {
            "added" => style.added(text),
            "removed" => style.gone(text),
            _ => style.careful(text),
        };
        let Some(variable) = difference.after.as_ref().or(difference.before.as_ref()) else {
            continue;
        };
        let mark = match difference.change {
            "added" => '+',
            "removed" => '-',
            _ => '~',
        };
        table.push(vec![
            paint(&format!("  {mark}{}", variable.label())),
            kinds(difference),
            values(difference),
        ]);
    }
    table.render(surroundings)
}

/// `one`, or `one → other` where they differ.
fn arrow(before: Option<String>, after: Option<String>) -> String {
    match (before, after) {
        (Some(before), Some(after)) if before != after => format!("{before} → {after}"),
        (before, after) => after.or(before).unwrap_or_default(),
    }
}

fn kinds(difference: &Difference) -> String {
    let kind = |variable: &Option<Variable>| variable.as_ref().map(Variable::type_and_shape);
    arrow(kind(&difference.before), kind(&difference.after))
}

fn values(difference: &Difference) -> String {
    let value = |variable: &Option<Variable>| variable.as_ref().map(|variable| text::shorten(&variable.text(), 60));
    arrow(value(&difference.before), value(&difference.after))
}

fn cell_text(cell: &CellDifference, surroundings: &Surroundings) -> String {
    let before = text::clean(cell.before.as_deref().unwrap_or_default());
    let after = text::clean(cell.after.as_deref().unwrap_or_default());
    let mut text = format!("\ncell {}\n", text::clean(&cell.cell));
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
