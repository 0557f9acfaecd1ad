//! `clew annotate`: the runs that a variable's value depends on.

mod rows;

use std::collections::BTreeSet;

use clew_core::history::State;
use clew_core::history::flow::{Flow, GapKind, SliceGap, SliceStep};
use clew_core::id::{Root, RootKind, RunId};
use serde::Serialize;

use self::rows::{AnnotationRow, rows};
use super::extract::python::names;
use super::vars::{Variable, variable};
use crate::command_info::{CommandCall, CommandInfo};
use crate::context::Context;
use crate::history_view::HistoryView;
use crate::page::Page;
use crate::problem::Problem;
use crate::run_page::RunPage;
use crate::table::TextTable;
use crate::text;

/// Show the runs that a variable's value depends on, as a tree.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// The variable
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The run whose state to show
    #[arg(value_name = "REV", default_value = "@")]
    pub revision: String,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "annotate",
    examples: &[("annotate df", "the runs that the value of df depends on")],
    calls: &[CommandCall::new("annotate x", "annotate('x')", "Log")],
    method: Some(&[]),
    names_notebook: true,
    ..CommandInfo::DEFAULT
};

/// The effect of a run on one variable.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RunEffect {
    /// The root.
    #[serde(flatten)]
    root: Root,
    /// `created`, `bound` (to a new value), `changed` (in place) or `removed`. Without a cell: `found` (when recording began),
    /// `external_change` or `moved`.
    effect: &'static str,
    /// The type with its module.
    type_name: String,
    /// The length of each dimension.
    shape: Vec<u64>,
    #[serde(skip)]
    shown: String,
}

/// A variable that a run may have read.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InputVariable {
    /// The root.
    #[serde(flatten)]
    root: Root,
    /// The last run that changed the input.
    run: String,
}

/// One run that contributed to the value of a variable.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ContributingRun {
    /// The run.
    #[serde(flatten)]
    run: RunPage,
    /// The effects of the run on the variable and on its inputs.
    effects: Vec<RunEffect>,
    /// Variables and other session state that the run may have read.
    inputs: Vec<InputVariable>,
}

/// The runs that a variable's value depends on.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Annotate {
    /// The variable.
    variable: String,
    /// The run whose state is shown.
    at: String,
    /// The runs that its value depends on, oldest first.
    runs: Vec<ContributingRun>,
    /// A run whose record is missing. Its effects and the runs before it are unknown.
    missing: Option<String>,
    #[serde(skip)]
    root: Root,
}

/// Lists the runs that a variable's value depends on.
pub fn annotate(arguments: &Arguments, place: &HistoryView<'_>, context: &Context) -> Result<Annotate, Problem> {
    let at = place.resolve(&arguments.revision, context)?;
    let root = place.root(&arguments.name, at, context)?;
    let flow = place.flow();
    let slice = flow.slice(at, std::slice::from_ref(&root));
    let mut runs: Vec<ContributingRun> = slice
        .steps
        .iter()
        .filter_map(|step| maker(step, &flow, place))
        .collect();
    for gap in slice.gaps.iter().filter(|gap| gap.kind.is_fatal()) {
        runs.extend(found(gap, place));
    }
    runs.sort_by_key(|maker| (maker.run.time, maker.run.run.clone()));
    Ok(Annotate {
        variable: root.to_string(),
        at: place.history.label(&at),
        runs,
        missing: place.missing_in_line(at),
        root,
    })
}

fn maker(step: &SliceStep, flow: &Flow<'_>, place: &HistoryView<'_>) -> Option<ContributingRun> {
    let run = place.history.run(&step.run)?;
    let before = flow.place(step.run).before();
    let state = place.history.state(step.run);
    let did = step.made.iter().map(|root| {
        let was_there = before.as_ref().is_some_and(|before| flow.maker(root, before).is_some());
        let is_bound = root.kind == RootKind::Name && run.evidence.binds.contains(&root.key);
        let is_there = flow.maker(root, &flow.place(step.run)).is_some();
        let word = match (was_there, is_there, is_bound) {
            (_, false, _) => "removed",
            (false, true, _) => "created",
            (true, true, true) => "bound",
            (true, true, false) => "changed",
        };
        did(root, word, step.run, &state, place)
    });
    let inputs = step.inputs.iter().filter_map(|(root, maker)| {
        Some(InputVariable {
            root: root.clone(),
            run: place.history.label(maker.as_ref()?),
        })
    });
    Some(ContributingRun {
        effects: did.collect(),
        inputs: inputs.collect(),
        run: RunPage::of(step.run, run, place),
    })
}

fn did(root: &Root, word: &'static str, run: RunId, state: &State, place: &HistoryView<'_>) -> RunEffect {
    let variable = variable(root, run, state, place);
    RunEffect {
        root: root.clone(),
        effect: word,
        shown: variable.as_ref().map(Variable::type_and_shape).unwrap_or_default(),
        type_name: variable.as_ref().map(|it| it.type_name.clone()).unwrap_or_default(),
        shape: variable.map(|it| it.shape).unwrap_or_default(),
    }
}

/// Returns the entry of a value that no cell created.
fn found(gap: &SliceGap, place: &HistoryView<'_>) -> Option<ContributingRun> {
    let run = place.history.run(&gap.run)?;
    let word = match gap.kind {
        GapKind::Start => "found",
        GapKind::Outside => "external_change",
        GapKind::Moved => "moved",
        GapKind::NoSource => "changed",
        GapKind::Tangled | GapKind::NotSeeded => return None,
    };
    Some(ContributingRun {
        effects: vec![did(&gap.root, word, gap.run, &place.history.state(gap.run), place)],
        inputs: Vec::new(),
        run: RunPage::of(gap.run, run, place),
    })
}

impl ContributingRun {
    fn label(&self) -> &str {
        &self.run.run
    }
}

impl RunEffect {
    /// Formats `created DataFrame 3 × 2`.
    fn text(&self, is_name: bool) -> String {
        let word = match self.effect {
            "bound" => "rebound:",
            "changed" => "changed in place:",
            "found" => "existed before recording began:",
            "external_change" => "changed outside any cell:",
            "moved" => "left by a restore:",
            other => other,
        };
        let name = if is_name {
            String::new()
        } else {
            format!("{} ", text::clean(&self.root.to_string()))
        };
        format!("{name}{word} {}", self.shown)
            .trim_end()
            .trim_end_matches(':')
            .to_owned()
    }
}

impl Annotate {
    /// Whether a run affected the variable itself.
    fn is_own(&self, maker: &ContributingRun) -> bool {
        maker.effects.iter().any(|did| did.root == self.root)
    }

    /// Returns a row for each run that affected the variable, followed by the runs that it read from.
    fn table(&self, context: &Context) -> TextTable {
        let mut table = TextTable::default().flexible(4);
        for row in rows(self) {
            self.add(&row, &mut table, context);
        }
        table
    }

    fn add(&self, row: &AnnotationRow<'_>, table: &mut TextTable, context: &Context) {
        let maker = &self.runs[row.index];
        let run = &maker.run;
        let roots: BTreeSet<&Root> = row.roots.iter().copied().collect();
        let told: Vec<String> = maker
            .effects
            .iter()
            .filter(|did| roots.contains(&did.root) && did.root.kind != RootKind::Definition)
            .map(|did| did.text(did.root == self.root))
            .collect();
        table.push(vec![
            format!("{}{}", "  ".repeat(row.depth), context.style.strong(&run.run)),
            run.origin(),
            context.style.faint(&text::ago(run.time, context.now)),
            text::listing(&told, 3),
            line_about(run, &row.roots),
        ]);
    }
}

/// Returns the first line of a run's source that names one of the roots, else its headline.
fn line_about(run: &RunPage, roots: &[&Root]) -> String {
    let lines = run.source.iter().flat_map(|source| source.lines()).map(str::trim);
    let mut lines = lines.filter(|line| !line.starts_with('#'));
    let found = lines.find(|line| roots.iter().any(|root| names(line, &root.key)));
    found.map_or_else(|| run.headline(), |line| text::clean(line).replace('\t', " "))
}

impl Page for Annotate {
    fn text(&self, context: &Context) -> String {
        let own = self.runs.iter().filter(|maker| self.is_own(maker)).count();
        let others = self.runs.len() - own;
        let mut text = format!(
            "`{}` after run {}: it depends on {}",
            text::clean(&self.variable),
            self.at,
            text::count(own, "run")
        );
        if others > 0 {
            let them = if own == 1 { "it" } else { "them" };
            text += &format!(", and through {them} on {}", text::count(others, "other run"));
        }
        text += "\n";
        text += &self.table(context).render(context);
        if let Some(missing) = &self.missing {
            return text + &text::not_known(missing);
        }
        let extract = context.command(&format!("extract {} --at {}", text::typed(&self.variable), self.at));
        text + &format!("{extract} prints the cells as a script\n")
    }
}
