//! `clew log`: lists the runs, newest first.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use clap::builder::ArgPredicate;
use clew_core::format::{Ending, Outline, Run};
use clew_core::history::History;
use clew_core::id::RunId;
use maud::{Markup, html};
use serde::Serialize;

use crate::command_info::{CommandCall, CommandInfo};
use crate::context::Context;
use crate::history_view::HistoryView;
use crate::html::{self, Dot, Drawing};
use crate::in_flight::InFlight;
use crate::lanes::{Row, draw, lanes};
use crate::page::Page;
use crate::problem::Problem;
use crate::run_page::RunPage;
use crate::table::TextTable;
use crate::text;

/// Show the runs that led to the current state, newest first.
///
/// `+x`: the run created `x`. `~x`: it changed `x`. `&x`: `x` kept its value, but shares objects with another variable now. `-x`: the run removed `x`.
#[derive(Debug, Clone, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of the user
pub struct Arguments {
    /// Show at most N runs; 0 shows all
    #[arg(
        short = 'n',
        long = "limit",
        value_name = "N",
        default_value_if("html", ArgPredicate::IsPresent, "0")
    )]
    pub limit: Option<usize>,
    /// Draw how the runs branch
    #[arg(long)]
    pub graph: bool,
    /// Show all runs of the history, also those that you left with undo or switch
    #[arg(long)]
    pub all: bool,
    /// Show only runs that failed or were interrupted
    #[arg(long)]
    pub failed: bool,
    /// Show only runs that created, changed or removed this variable
    #[arg(short = 'v', long = "variable", value_name = "NAME")]
    pub variable: Option<String>,
    /// Write all runs to one HTML page, with source, changes, outputs and plots
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Replace FILE even if it is not a page of Clew
    #[arg(long, requires = "html")]
    pub force: bool,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "log",
    examples: &[
        ("log --all --graph", "all runs, drawn with their branches"),
        ("log -v df -n 0", "every run that created, changed or removed df"),
    ],
    calls: &[CommandCall::new("log -n 3", "log(3)", "Log")],
    method: Some(&["all", "failed"]),
    names_notebook: true,
    ..CommandInfo::DEFAULT
};

impl Arguments {
    /// Returns the most runs to list. A page includes all; the default comes from the settings.
    fn most(&self) -> usize {
        match (self.limit, &self.html) {
            (Some(0), _) | (None, Some(_)) => usize::MAX,
            (None, None) => 20,
            (Some(limit), _) => limit,
        }
    }

    /// Returns the command that lists all of these runs.
    fn whole(&self) -> String {
        let flags = [("--graph", self.graph), ("--all", self.all), ("--failed", self.failed)];
        let flags = flags.iter().filter(|(_, is_typed)| *is_typed);
        let flags: String = flags.map(|(flag, _)| format!(" {flag}")).collect();
        let variable = self.variable.as_deref();
        let variable = variable.map(|name| format!(" -v {}", text::typed(name)));
        format!("log{flags}{} -n 0", variable.unwrap_or_default())
    }
}

/// A run, and the run that is drawn as its parent.
type Line = (RunId, Option<RunId>);

/// The output of `log`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Log {
    /// The name of the history.
    history: String,
    /// The id of the history.
    history_id: String,
    /// The number of runs, including those that `--limit` leaves out.
    total: usize,
    /// The listed runs, newest first.
    runs: Vec<RunPage>,
    #[serde(skip)]
    rows: Vec<Row>,
    #[serde(skip)]
    lines: Vec<Line>,
    #[serde(skip)]
    led_here: HashSet<RunId>,
    /// Cells in flight.
    in_flight: Vec<InFlight>,
    #[serde(skip)]
    damaged: usize,
    #[serde(skip)]
    asked: Arguments,
}

/// Lists the runs.
///
/// # Errors
/// No run ever left a variable of the requested name.
pub fn log(arguments: &Arguments, place: &HistoryView<'_>, context: &Context) -> Result<Log, Problem> {
    let (shown, lines, total) = lines(arguments, place);
    if let Some(name) = arguments
        .variable
        .as_deref()
        .filter(|name| total == 0 && !place.ever_was(name))
    {
        return Err(place.never_was(name, context));
    }
    Ok(Log {
        history: place.name(),
        history_id: place.id.to_string(),
        total,
        runs: shown.iter().map(|(id, run)| RunPage::of(*id, run, place)).collect(),
        rows: draw(&lines, place.at),
        lines,
        led_here: led_here(place),
        in_flight: place.in_flight.to_vec(),
        damaged: place.damage.len(),
        asked: arguments.clone(),
    })
}

/// Returns the listed runs, each with its nearest selected ancestor, and the number of selected runs.
pub fn lines<'a>(arguments: &Arguments, place: &HistoryView<'a>) -> (Vec<(RunId, &'a Run)>, Vec<Line>, usize) {
    let found = select(arguments, place);
    let shown: Vec<(RunId, &Run)> = found
        .iter()
        .filter_map(|id| Some((*id, place.history.run(id)?)))
        .take(arguments.most())
        .collect();
    let lines = with_parents(&shown, &found, place.history);
    let total = found.len();
    (shown, lines, total)
}

/// Returns the selected runs, newest first.
fn select(arguments: &Arguments, place: &HistoryView<'_>) -> Vec<RunId> {
    let history = place.history;
    let line: Vec<(RunId, &Outline)> = if arguments.all || arguments.html.is_some() {
        history.outlines().rev().collect()
    } else {
        line_here(place)
    };
    let is_wanted = |(id, outline): &(RunId, &Outline)| {
        let is_named = || {
            arguments
                .variable
                .as_deref()
                .is_none_or(|name| touches(id, name, history))
        };
        (!arguments.failed || outline.ending != Ending::Done) && is_named()
    };
    line.into_iter().filter(is_wanted).map(|(id, _)| id).collect()
}

/// Returns the runs on the current branch, and crashed runs beside it; newest first.
fn line_here<'a>(place: &HistoryView<'a>) -> Vec<(RunId, &'a Outline)> {
    let history = place.history;
    let Some(at) = place.at else { return Vec::new() };
    let mut line: Vec<(RunId, &Outline)> = history.ancestry(at).collect();
    let is_on_line: HashSet<RunId> = line.iter().map(|(id, _)| *id).collect();
    let deaths = history.deaths_beside(|id| is_on_line.contains(id)).into_iter();
    for (id, outline) in deaths.filter_map(|id| Some((id, history.outline(&id)?))) {
        let after = line.iter().position(|(_, other)| other.number < outline.number);
        line.insert(after.unwrap_or(line.len()), (id, outline));
    }
    line
}

/// Whether the run created, changed or removed `name`.
fn touches(id: &RunId, name: &str, history: &History) -> bool {
    let is_it = |run: &Run| {
        let changed = run.changed.iter().flat_map(|version| &version.roots);
        changed.chain(&run.removed).any(|root| root.to_string() == name)
    };
    // A root's display form ends with its key, apart from a bracket.
    let key = name.rsplit([':', '[']).next().unwrap_or(name).trim_end_matches(']');
    let may = history.stored(id).is_some_and(|stored| stored.may_name(key));
    may && history.run(id).is_some_and(is_it)
}

/// Returns each run with its nearest selected ancestor. The ancestor may be beyond the limit: the lane then continues to the end, and no
/// other run appears as the parent.
fn with_parents(shown: &[(RunId, &Run)], found: &[RunId], history: &History) -> Vec<Line> {
    let is_found: HashSet<RunId> = found.iter().copied().collect();
    // Each ancestor is visited once.
    let mut nearest: HashMap<RunId, Option<RunId>> = HashMap::new();
    let mut parent_of = |id: &RunId| {
        let (mut between, mut found) = (Vec::new(), None);
        for (id, _) in history.ancestry(*id).skip(1) {
            if is_found.contains(&id) {
                found = Some(id);
                break;
            }
            if let Some(known) = nearest.get(&id) {
                found = *known;
                break;
            }
            between.push(id);
        }
        nearest.extend(between.into_iter().map(|id| (id, found)));
        found
    };
    shown.iter().map(|(id, _)| (*id, parent_of(id))).collect()
}

/// Returns the runs that led to the current state.
pub fn led_here(place: &HistoryView<'_>) -> HashSet<RunId> {
    let line = place.at.into_iter().flat_map(|at| place.history.ancestry(at));
    line.map(|(id, _)| id).collect()
}

impl Page for Log {
    fn html(&self, context: &Context) -> Option<String> {
        (!self.runs.is_empty()).then(|| html::fragment(&self.body(context)))
    }

    fn text(&self, context: &Context) -> String {
        let notes = self.notes(context).into_iter().map(|note| note + "\n");
        let runs = if self.runs.is_empty() {
            self.none(context)
        } else {
            self.table(context).render(context)
        };
        runs + &notes.collect::<String>()
    }
}

impl Log {
    /// Formats that no run matches, and how to find some.
    fn none(&self, context: &Context) -> String {
        let Arguments {
            failed, variable, all, ..
        } = &self.asked;
        let failed = if *failed { "failed run" } else { "run" };
        let variable = variable.as_deref().map(text::clean);
        let touched = variable.map(|name| format!(" changed `{name}`")).unwrap_or_default();
        let history = text::clean(&self.history);
        if *all {
            return format!("No {failed}{touched} in {history}.\n");
        }
        let more = context.again("--all");
        format!("No {failed}{touched} on this branch of {history}; {more} searches all branches.\n")
    }

    /// Returns notes below the list.
    fn notes(&self, context: &Context) -> Vec<String> {
        let mut notes = Vec::new();
        if self.total > self.runs.len() {
            let more = context.command(&self.asked.whole());
            let total = text::count(self.total, "run");
            notes.push(format!("{} of {total}; {more} shows all", self.runs.len()));
        }
        notes.extend(self.in_flight.iter().map(InFlight::sentence));
        if self.damaged > 0 {
            let verify = context.command("verify");
            let places = text::count(self.damaged, "place");
            notes.push(format!("The store is corrupted in {places}; {verify} lists details"));
        }
        notes
    }

    fn body(&self, context: &Context) -> Markup {
        let dots = self.runs.iter().map(|run| Dot::of(run, &self.led_here)).collect();
        let drawing = Drawing::of(lanes(&self.lines), dots);
        let rows: Vec<Vec<Markup>> = (self.runs.iter().enumerate())
            .map(|(index, run)| row(drawing.row(index), run, context))
            .collect();
        html! {
            div.clew-log { (html::table(&[], &rows)) }
            @for note in self.notes(context) { p.clew-faint { (html::CleanText(&note)) } }
        }
    }

    fn table(&self, context: &Context) -> TextTable {
        let mut table = TextTable::default().flexible(5);
        for row in &self.rows {
            match row {
                Row::Join(lanes) if self.asked.graph => table.push(vec![lanes.clone()]),
                Row::Join(_) => {}
                Row::Run(lanes, index) => table.push(self.cells(lanes, &self.runs[*index], context)),
            }
        }
        table
    }

    fn cells(&self, lanes: &str, run: &RunPage, context: &Context) -> Vec<String> {
        let style = context.style;
        let mark = match (self.asked.graph, run.is_current) {
            (true, _) => lanes.to_owned(),
            (false, true) => "@".to_owned(),
            (false, false) => String::new(),
        };
        let names = run
            .names
            .iter()
            .map(|name| format!("[{}] ", text::clean(name)))
            .collect::<String>();
        let trouble = run.trouble();
        let trouble = if trouble.is_empty() {
            trouble
        } else {
            format!("{}  ", style.gone(&trouble))
        };
        vec![
            mark,
            style.strong(&run.run),
            run.origin(),
            style.faint(&text::ago(run.time, context.now)),
            style.faint(&run.lasted()),
            format!("{names}{}", run.headline()),
            format!("{trouble}{}", run.changes.short(4)),
        ]
    }
}

/// Renders a line of the list as table cells.
fn row(drawing: Markup, run: &RunPage, context: &Context) -> Vec<Markup> {
    vec![
        drawing,
        html! { @if run.is_current { "@ " } (html::run(&run.run)) },
        html! { (html::CleanText(&run.origin())) },
        html::when(run.time, context),
        html::faint(&run.lasted()),
        html! { @for name in &run.names { (html::name(name)) } (html::headline(run)) },
        html! {
            @if !run.trouble().is_empty() { (html::toned(html::VariableChange::Lost, &run.trouble())) " " }
            (html::changes(&run.changes, 4))
        },
    ]
}
