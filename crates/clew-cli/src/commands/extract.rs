//! `clew extract`: the cells that created a variable, as a script.

mod cell;
mod header;
pub mod python;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use clew_core::format::{Body, Outline, RunKind};
use clew_core::history::flow::{GapKind, Slice, SliceGap};
use clew_core::id::{Fingerprint, Root, RootKind, RunId};
use serde::Serialize;

use self::cell::ScriptCell;
use crate::command_info::{CommandCall, CommandInfo};
use crate::context::Context;
use crate::history_view::HistoryView;
use crate::page::Page;
use crate::problem::{Exit, Problem};
use crate::secrets;
use crate::text;
use crate::whole_file::{cannot_write, is_folder};

/// Print a script with only the cells that made some variables.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// The variables
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// Use the state after this run
    #[arg(long, value_name = "REV", default_value = "@")]
    pub at: String,
    /// Write the script to this file, which must not exist
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Run the script in a sandbox process, and compare the variables with the recorded ones
    #[arg(long)]
    pub check: bool,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "extract",
    examples: &[(
        "extract model -o model.py --check",
        "write a script that makes model, and run it to check",
    )],
    calls: &[CommandCall::new(
        "extract x --check",
        "extract('x', check=True)",
        "Script",
    )],
    ..CommandInfo::DEFAULT
};

/// A script and its target variables, as a sandbox process needs them to verify it.
#[derive(Debug, Clone)]
pub struct ExtractedScript {
    /// The script.
    pub script: String,
    /// Whether it needs IPython: some cells use its syntax.
    pub is_ipython: bool,
    /// The variables that it must recreate.
    pub wanted: Vec<TargetVariable>,
    page: Extract,
}

/// A variable that a script must recreate.
#[derive(Debug, Clone)]
pub struct TargetVariable {
    /// The variable.
    pub root: Root,
    /// The variable, and all that share objects with it.
    group: Vec<Root>,
    /// Their recorded fingerprint.
    pub fingerprint: Fingerprint,
}

impl TargetVariable {
    /// Whether a fresh process can recreate the whole group: it only contains variables.
    pub fn is_comparable(&self) -> bool {
        self.group.iter().all(|root| root.kind == RootKind::Name)
    }

    /// Returns the names of the group.
    pub fn names(&self) -> Vec<String> {
        self.group.iter().map(|root| root.key.clone()).collect()
    }
}

/// The result of running a script in a sandbox process.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ScriptCheck {
    /// Whether all variables have the recorded values.
    pub is_same: bool,
    /// The differences: for each, the variable and a description.
    pub differs: Vec<(String, String)>,
}

/// A script of the cells that created some variables.
#[derive(Debug, Clone, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Extract {
    /// The variables.
    variables: Vec<String>,
    /// The run whose state the script recreates.
    at: String,
    /// The runs in the script, in its order.
    runs: Vec<String>,
    /// The number of runs of cells up to `at`.
    cells: usize,
    /// The script; null if it was written to a file.
    script: Option<String>,
    /// The file.
    output: Option<PathBuf>,
    /// Whether the script needs IPython.
    needs_ipython: bool,
    /// Packages that it imports.
    packages: Vec<header::ImportedPackage>,
    /// Files that its cells may read.
    reads: Vec<String>,
    /// Files that its cells may write.
    writes: Vec<String>,
    /// Reasons why the script may give another result, and other notes.
    notes: Vec<String>,
    /// Whether the script may give another result.
    may_differ: bool,
    /// With `--check`: the result of the check.
    checked: Option<ScriptCheck>,
}

/// Prints or writes the script.
pub fn extract(arguments: &Arguments, place: &HistoryView<'_>, context: &Context) -> Result<Extract, Problem> {
    finish(arguments, &prepare(arguments, place, context)?, None, context)
}

/// Creates the script, with the variables that it must recreate.
pub fn prepare(arguments: &Arguments, place: &HistoryView<'_>, context: &Context) -> Result<ExtractedScript, Problem> {
    let at = place.resolve(&arguments.at, context)?;
    let names = arguments.names.iter();
    let roots: Result<Vec<Root>, Problem> = names.map(|name| place.root(name, at, context)).collect();
    let roots = roots?;
    if let Some(missing) = place.missing_in_line(at) {
        let why = format!("the record of run {missing} is missing, and a cell may need its changes");
        return Err(no_script(&why, &roots, at, place, context));
    }
    let slice = place.flow().slice(at, &roots);
    if let Some(gap) = slice.gaps.iter().find(|gap| gap.kind.is_fatal()) {
        return Err(impossible(gap, &roots, at, place, context));
    }
    let cells = cells_of(&slice, &roots, at, place, context)?;
    let is_ipython = cells.iter().any(ScriptCell::needs_ipython);
    let is_cell = |(_, outline): &(RunId, &Outline)| outline.kind == RunKind::Cell;
    let mut page = Extract {
        variables: roots.iter().map(ToString::to_string).collect(),
        at: place.history.label(&at),
        runs: cells.iter().map(|cell| cell.run.clone()).collect(),
        cells: place.history.ancestry(at).filter(is_cell).count(),
        needs_ipython: is_ipython,
        ..Extract::default()
    };
    header::describe(&mut page, &slice, &cells, at, place);
    let comment = header::comment(&page, &slice, at, place, context);
    let script = comment + &cells.iter().map(ScriptCell::text).collect::<String>();
    page.script = Some(script.clone());
    let state = place.history.state(at);
    let wanted = roots.iter().filter_map(|root| {
        let version = state.version(root)?;
        Some(TargetVariable {
            root: root.clone(),
            group: version.roots.clone(),
            fingerprint: version.fingerprint,
        })
    });
    Ok(ExtractedScript {
        script,
        is_ipython,
        wanted: wanted.collect(),
        page,
    })
}

/// Writes the script to its destination, and returns the page.
pub fn finish(
    arguments: &Arguments,
    extracted: &ExtractedScript,
    checked: Option<ScriptCheck>,
    context: &Context,
) -> Result<Extract, Problem> {
    let mut page = Extract {
        checked,
        ..extracted.page.clone()
    };
    if let Some(path) = &arguments.output {
        if extracted.is_ipython && path.extension().is_some_and(|ending| ending == "py") {
            let ipy = path.with_extension("ipy");
            return Err(
                Problem::usage("Some of the cells use IPython's syntax, which a .py file cannot").with_hint(format!(
                    "{} writes a script for `ipython`",
                    context.again(&format!("-o {}", text::typed_path(ipy)))
                )),
            );
        }
        write_new(path, &extracted.script, context)?;
        page.output = Some(path.clone());
        page.script = None;
    }
    Ok(page)
}

fn write_new(path: &PathBuf, script: &str, context: &Context) -> Result<(), Problem> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(script.as_bytes()));
    written.map_err(|error| {
        if error.kind() != std::io::ErrorKind::AlreadyExists {
            return cannot_write(path, &error);
        }
        if path.is_dir() {
            return is_folder(path);
        }
        let shown = text::path(path);
        Problem::of(Exit::Refused, format!("{shown} already exists"))
            .with_hint(format!("{} writes another file", context.again("-o FILE")))
    })
}

fn cells_of(
    slice: &Slice,
    roots: &[Root],
    at: RunId,
    place: &HistoryView<'_>,
    context: &Context,
) -> Result<Vec<ScriptCell>, Problem> {
    let runs = slice.steps.iter().filter_map(|step| place.history.run(&step.run));
    runs.map(|run| {
        let source = run
            .source
            .ok_or_else(|| Problem::usage("A cell's source was not recorded"))?;
        if !run.evidence.masked.is_empty() {
            let problem = not_whole(&run.label(), &run.evidence.masked);
            return Err(problem.with_hint(instead(roots, at, place, context)));
        }
        let source = place.records.text(&source)?;
        Ok(ScriptCell::of(run, &source))
    })
    .collect()
}

/// The error for an incomplete source: the script would run, but do something else.
fn not_whole(run: &str, masked: &[String]) -> Problem {
    let left_out = secrets::left_out(masked);
    let message = format!("Run {run} is needed, and its source is incomplete: {left_out} of it");
    Problem::of(Exit::Refused, text::clean(&message))
}

/// Returns commands to use instead: one that restores the variables, or one that shows their origin if they were not recorded.
fn instead(roots: &[Root], at: RunId, place: &HistoryView<'_>, context: &Context) -> String {
    let state = place.history.state(at);
    let is_withheld = |root: &&Root| {
        let manifest = state
            .version(root)
            .map(|version| place.records.manifest(&version.manifest));
        manifest.is_some_and(|manifest| manifest.is_ok_and(|manifest| matches!(manifest.body, Body::Withheld { .. })))
    };
    let names = |roots: Vec<&Root>| {
        roots
            .into_iter()
            .map(|root| text::typed(&root.to_string()))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let withheld: Vec<&Root> = roots.iter().filter(is_withheld).collect();
    if let Some(one) = withheld.first() {
        let annotate = context.command(&format!("annotate {}", names(vec![one])));
        let values = if withheld.len() == 1 { "value is" } else { "values are" };
        return format!("the {values} not recorded either, so rerun the cells; {annotate} lists them");
    }
    let label = place.history.label(&at);
    let restore = context.command(&format!("restore {label} -- {}", names(roots.iter().collect())));
    let values = if roots.len() == 1 { "value" } else { "values" };
    format!("{restore} restores the recorded {values}")
}

/// The error for variables that no script can recreate.
fn impossible(gap: &SliceGap, roots: &[Root], at: RunId, place: &HistoryView<'_>, context: &Context) -> Problem {
    let why = reason(gap.kind, &quoted(&gap.root), &place.history.label(&gap.run));
    no_script(&why, roots, at, place, context)
}

fn no_script(why: &str, roots: &[Root], at: RunId, place: &HistoryView<'_>, context: &Context) -> Problem {
    let asked: Vec<String> = roots.iter().map(quoted).collect();
    let message = format!("No script can recreate {}: {why}", text::listing(&asked, 3));
    Problem::of(Exit::Refused, message).with_hint(instead(roots, at, place, context))
}

fn quoted(root: &Root) -> String {
    format!("`{}`", text::clean(&root.to_string()))
}

/// Returns why no cells create a root as a run left it.
pub(crate) fn reason(kind: GapKind, root: &str, run: &str) -> String {
    match kind {
        GapKind::Start => format!("{root} existed before recording began"),
        GapKind::Outside => format!("{root} was changed outside any cell (run {run})"),
        GapKind::Moved => format!("{root} was changed by a restore (run {run}), not by a cell"),
        GapKind::NoSource => format!("the source of run {run}, which changed {root}, was not recorded"),
        GapKind::Tangled | GapKind::NotSeeded => {
            format!("{root} was created on several branches, and no order of their cells recreates it")
        }
    }
}

impl Page for Extract {
    fn text(&self, _: &Context) -> String {
        let mut text = match (&self.script, &self.output) {
            (Some(script), _) => text::clean(script),
            (None, Some(path)) => {
                let runs = text::count(self.runs.len(), "cell");
                let mut text = format!("Wrote {runs} of {} to {}\n", self.cells, text::path(path));
                for note in &self.notes {
                    text += &format!("Note: {}\n", text::clean(note));
                }
                text
            }
            (None, None) => String::new(),
        };
        if let Some(checked) = &self.checked {
            text += &checked.text(&self.variables);
        }
        text
    }

    fn exit(&self) -> Exit {
        match &self.checked {
            Some(checked) if checked.is_same => Exit::Done,
            Some(_) => Exit::Inexact,
            None if self.may_differ => Exit::Inexact,
            None => Exit::Done,
        }
    }
}

impl ScriptCheck {
    fn text(&self, names: &[String]) -> String {
        if self.is_same {
            return format!(
                "# Checked: a fresh process made the same {}.\n",
                text::clean(&text::listing(names, 6))
            );
        }
        let differs = self
            .differs
            .iter()
            .map(|(name, why)| format!("# Checked: {name} differs: {why}\n"));
        text::clean(&differs.collect::<String>())
    }
}
