//! `clew diff`: the differences between two runs, in state and code. Uses stored data only; restores and runs nothing.

mod code;
mod detail;
mod html;
mod state;

use clew_core::id::RootKind;
use clew_value::compare::Detail;
use serde::Serialize;

use self::code::CellDifference;
use self::state::VariableDifference;
use super::vars::Variable;
use crate::command_info::{CommandCall, CommandInfo};
use crate::context::Context;
use crate::history_view::HistoryView;
use crate::outputs::CellOutput;
use crate::page::Page;
use crate::problem::Problem;
use crate::table::TextTable;
use crate::text;

/// Show the differences between two runs.
///
/// Without a run: what the last run changed. With one run: the differences between that run and the current one.
#[derive(Debug, Clone, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of the user
pub struct Arguments {
    /// The runs, older first
    #[arg(value_name = "REV", num_args = 0..=2)]
    pub revisions: Vec<String>,
    /// Show only the code of cells
    #[arg(long, conflicts_with = "state")]
    pub code: bool,
    /// Show only variables
    #[arg(long)]
    pub state: bool,
    /// Show only the outputs of cells
    #[arg(long, conflicts_with_all = ["state", "code"])]
    pub output: bool,
    /// Read large values completely, if you or a person you trust recorded them
    #[arg(long)]
    pub deep: bool,
    /// Show only these variables
    #[arg(value_name = "NAME", last = true)]
    pub names: Vec<String>,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "diff",
    examples: &[
        ("diff 12 14", "all differences between two runs"),
        ("diff 12 -- df", "the changes of df since run 12"),
    ],
    calls: &[CommandCall::new("diff 2 3", "diff(2, 3)", "Diff")],
    method: Some(&[]),
    names_notebook: true,
    ..CommandInfo::DEFAULT
};

/// The differences between two runs.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Diff {
    /// The older run.
    from: String,
    /// The newer run.
    to: String,
    /// Variables that differ; null if you asked only for code or outputs.
    state: Option<Vec<VariableDifference>>,
    /// Cells whose code differs; null if you asked only for variables or outputs.
    code: Option<Vec<CellDifference<String>>>,
    /// With `--output`: cells whose outputs differ.
    output: Option<Vec<CellDifference<Vec<CellOutput>>>>,
    /// A run whose record is missing. Cells up to this run are not compared.
    missing: Option<String>,
}

/// Compares two runs.
pub fn diff(arguments: &Arguments, place: &HistoryView<'_>, context: &Context) -> Result<Diff, Problem> {
    let (from, to) = match arguments.revisions.as_slice() {
        [] => ("@-", "@"),
        [from] => (from.as_str(), "@"),
        [from, to, ..] => (from.as_str(), to.as_str()),
    };
    let from = place.resolve_whole(from, context)?;
    let to = place.resolve_whole(to, context)?;
    let is_there = |name: &String| {
        let mut states = [from, to].into_iter().map(|run| place.history.state(run));
        states.any(|state| state.roots().any(|root| root.to_string() == *name))
    };
    if let Some(name) = arguments
        .names
        .iter()
        .find(|name| !is_there(name) && !place.ever_was(name))
    {
        return Err(place.never_was(name, context));
    }
    Ok(Diff {
        from: place.history.label(&from),
        to: place.history.label(&to),
        state: (!arguments.code && !arguments.output)
            .then(|| state::state(from, to, &arguments.names, arguments.deep, place)),
        code: (!arguments.state && !arguments.output && arguments.names.is_empty())
            .then(|| code::code(from, to, place)),
        output: arguments.output.then(|| code::output(from, to, place)),
        missing: place.missing_in_line(from).or_else(|| place.missing_in_line(to)),
    })
}

impl Page for Diff {
    fn html(&self, _: &Context) -> Option<String> {
        Some(crate::html::fragment(&html::body(self)))
    }

    fn text(&self, context: &Context) -> String {
        let mut text = format!("From run {} to run {}: {}\n", self.from, self.to, self.totals());
        if let Some(state) = self.state.as_ref().filter(|state| !state.is_empty()) {
            text += &state_text(state, context);
        }
        for cell in self.code.iter().flatten() {
            text += &cell.text(context);
        }
        for cell in self.output.iter().flatten() {
            text += &cell.text(context);
        }
        if let Some(missing) = &self.missing {
            text += &text::not_known(missing);
        }
        text
    }
}

/// The roots that are neither variables nor outputs, in the summary.
const OTHER: &str = "other session state";

impl Diff {
    /// Formats the summary: `3 variables, 2 outputs and 1 cell differ`. Omits what does not differ.
    fn totals(&self) -> String {
        let state = self.state.iter().flatten();
        let (names, others): (Vec<_>, Vec<_>) = state.partition(|change| change.is_name());
        let is_output = |change: &&VariableDifference| change.is_of(RootKind::Out);
        let (outputs, others): (Vec<_>, Vec<_>) = others.into_iter().partition(is_output);
        let cells = self.code.as_ref().map_or(0, Vec::len);
        let counted = |count: usize, what: &str| (count > 0).then(|| text::count(count, what));
        let mut parts: Vec<String> = counted(names.len(), "variable").into_iter().collect();
        parts.extend(counted(outputs.len(), "output"));
        parts.extend((!others.is_empty()).then(|| OTHER.to_owned()));
        parts.extend(counted(cells, "cell"));
        if let Some(output) = self.output.as_ref().filter(|output| !output.is_empty()) {
            parts.push(format!("outputs of {}", text::count(output.len(), "cell")));
        }
        let verb = match parts.as_slice() {
            [] => return "nothing differs".to_owned(),
            [only] if only.starts_with("1 ") || only == OTHER => "differs",
            _ => "differ",
        };
        format!("{} {verb}", text::listing(&parts, parts.len()))
    }
}

/// Formats a headline for each variable with its details below it; other roots in one line.
fn state_text(state: &[VariableDifference], context: &Context) -> String {
    let names: Vec<_> = state.iter().filter(|difference| difference.is_name()).collect();
    let mut table = TextTable::default().flexible(2);
    for difference in &names {
        table.push(headline(difference, context));
    }
    let rendered = table.render(context);
    let mut text = String::new();
    for (line, difference) in rendered.lines().zip(&names) {
        text += &format!("{line}\n");
        let label = difference.variable().map(Variable::label).unwrap_or_default();
        for line in difference
            .detail
            .iter()
            .flat_map(|detail| detail::lines(&label, detail))
        {
            text += &format!(
                "      {}\n",
                painted(&text::shorten(&line, context.width.saturating_sub(6)), context)
            );
        }
    }
    text += &others(state).map(|others| format!("  {others}\n")).unwrap_or_default();
    text
}

/// Formats the roots that are not variables, in one line.
fn others(state: &[VariableDifference]) -> Option<String> {
    let others = state.iter().filter(|difference| !difference.is_name());
    let labels: Vec<String> = others
        .filter_map(|difference| Some(difference.variable()?.label()))
        .collect();
    (!labels.is_empty()).then(|| format!("also: {}", text::listing(&labels, 8)))
}

fn painted(line: &str, context: &Context) -> String {
    match line.trim_start().as_bytes() {
        [b'+', b' ', ..] => context.style.added(line),
        [b'-', b' ', ..] => context.style.gone(line),
        _ => line.to_owned(),
    }
}

/// Returns sign and name, type and shape, and the value if it is short.
fn headline(difference: &VariableDifference, context: &Context) -> Vec<String> {
    let style = context.style;
    let label = difference.variable().map(Variable::label).unwrap_or_default();
    let name = match difference.change {
        "added" => style.added(&format!("  +{label}")),
        "removed" => style.gone(&format!("  -{label}")),
        _ => style.careful(&format!("  ~{label}")),
    };
    vec![name, kinds(difference), values(difference)]
}

/// Returns type and shape; both versions if they differ.
fn kinds(difference: &VariableDifference) -> String {
    let kind = Variable::type_and_shape;
    match (&difference.before, &difference.after) {
        (Some(before), Some(after)) if kind(before) != kind(after) => {
            let shape = kind(after);
            let rest = if before.type_name == after.type_name && !before.shape.is_empty() && !after.shape.is_empty() {
                shape.split_once(' ').map_or(shape.as_str(), |(_, rest)| rest)
            } else {
                &shape
            };
            format!("{} → {rest}", kind(before))
        }
        _ => difference.variable().map(kind).unwrap_or_default(),
    }
}

/// Returns the value before and after if it fits on the line.
fn values(difference: &VariableDifference) -> String {
    match &difference.detail {
        Some(Detail::Value(pair)) if detail::is_short(pair) => text::clean(&detail::arrow(pair)),
        Some(Detail::Unread { .. }) => told(difference),
        Some(_) => String::new(),
        None => difference
            .variable()
            .map_or_else(String::new, |variable| text::shorten(&variable.told(), 60)),
    }
}

/// Returns the summaries if the values themselves cannot be compared.
fn told(difference: &VariableDifference) -> String {
    let text = |variable: &Variable| text::shorten(&variable.told(), 60);
    match (&difference.before, &difference.after) {
        (Some(before), Some(after)) if text(before) != text(after) => format!("{} → {}", text(before), text(after)),
        _ => difference.variable().map_or_else(String::new, text),
    }
}
