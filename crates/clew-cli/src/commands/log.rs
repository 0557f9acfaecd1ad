//! `clew log`: the runs, newest first.

use std::collections::HashSet;
use std::path::PathBuf;

use clew_core::format::{Ending, Run};
use clew_core::id::RunId;
use maud::{Markup, html};
use serde::Serialize;

use super::graph::{Row, draw, lanes};
use crate::html::{self, Dot, Drawing};
use crate::page::Page;
use crate::place::Place;
use crate::run_page::RunPage;
use crate::surroundings::Surroundings;
use crate::table::Table;
use crate::text;

/// Lists the runs that led to where you are, newest first.
///
/// `+name` was made by the run, `~name` got another value, `-name` went away.
#[derive(Debug, Clone, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // each is an option that is typed or not
pub struct Arguments {
    /// Shows at most this many runs; 0 shows all
    #[arg(short = 'n', long = "limit", value_name = "N")]
    pub limit: Option<usize>,
    /// Draws how the lines of runs branch
    #[arg(long)]
    pub graph: bool,
    /// Shows the runs of all lines, also those you left by undo or switch
    #[arg(long)]
    pub all: bool,
    /// Shows only runs that failed or were interrupted
    #[arg(long)]
    pub failed: bool,
    /// Shows only runs that made, changed or removed this name
    #[arg(short = 'v', long = "variable", value_name = "NAME")]
    pub variable: Option<String>,
    /// Writes them to a page instead: all runs of all lines with sources, changes, outputs and plots
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Replaces FILE even if it is no page of Clew's
    #[arg(long, requires = "html")]
    pub force: bool,
}

impl Arguments {
    /// How many runs are shown at most. A page has room for all; elsewhere the settings say how many, as the default.
    fn most(&self) -> usize {
        match (self.limit, &self.html) {
            (Some(0), _) | (None, Some(_)) => usize::MAX,
            (None, None) => 20,
            (Some(limit), _) => limit,
        }
    }
}

/// A run and the one it is drawn after.
type Line = (RunId, Option<RunId>);

/// The runs.
#[derive(Debug, Serialize)]
pub struct Log {
    /// The history's name.
    history: String,
    /// The history's id.
    history_id: String,
    /// How many runs there are on the lines that were asked for.
    total: usize,
    /// Those shown, newest first.
    runs: Vec<RunPage>,
    #[serde(skip)]
    rows: Vec<Row>,
    #[serde(skip)]
    lines: Vec<Line>,
    #[serde(skip)]
    led_here: HashSet<RunId>,
    #[serde(skip)]
    is_drawn: bool,
    #[serde(skip)]
    damaged: usize,
}

/// Lists the runs.
pub fn log(arguments: &Arguments, place: &Place<'_>) -> Log {
    let (shown, lines, total) = lines(arguments, place);
    Log {
        history: place.name(),
        history_id: place.id.to_string(),
        total,
        runs: shown.iter().map(|(id, run)| RunPage::of(*id, run, place)).collect(),
        rows: draw(&lines, place.at),
        lines,
        led_here: led_here(place),
        is_drawn: arguments.graph,
        damaged: place.damage.len(),
    }
}

/// The runs that are shown, each with the nearest one before it that is shown too, and how many were asked for.
pub fn lines<'a>(arguments: &Arguments, place: &Place<'a>) -> (Vec<(RunId, &'a Run)>, Vec<Line>, usize) {
    let mut shown = select(arguments, place);
    let total = shown.len();
    shown.truncate(arguments.most());
    let is_shown: HashSet<RunId> = shown.iter().map(|(id, _)| *id).collect();
    let lines = shown.iter().map(|(id, run)| (*id, shown_parent(run, place, &is_shown)));
    let lines = lines.collect();
    (shown, lines, total)
}

/// The runs that were asked for, newest first.
fn select<'a>(arguments: &Arguments, place: &Place<'a>) -> Vec<(RunId, &'a Run)> {
    let history = place.history;
    let line: Vec<(RunId, &Run)> = if arguments.all || arguments.html.is_some() {
        history.runs().rev().map(|(id, run)| (*id, run)).collect()
    } else {
        place.at.map(|at| history.line(at).collect()).unwrap_or_default()
    };
    let is_wanted = |(_, run): &(RunId, &Run)| {
        let is_named = arguments.variable.as_deref().is_none_or(|name| touches(run, name));
        is_named && (!arguments.failed || run.ending != Ending::Done)
    };
    line.into_iter().filter(is_wanted).collect()
}

/// Whether the run made, changed or removed what is called `name`.
fn touches(run: &Run, name: &str) -> bool {
    let changed = run.changed.iter().flat_map(|version| &version.roots);
    changed.chain(&run.removed).any(|root| root.to_string() == name)
}

/// The nearest run before `run` that is shown.
fn shown_parent(run: &Run, place: &Place<'_>, is_shown: &HashSet<RunId>) -> Option<RunId> {
    let line = run.parent.into_iter().flat_map(|parent| place.history.line(parent));
    line.map(|(id, _)| id).find(|id| is_shown.contains(id))
}

/// The runs on the way to where the session is.
pub fn led_here(place: &Place<'_>) -> HashSet<RunId> {
    let line = place.at.into_iter().flat_map(|at| place.history.line(at));
    line.map(|(id, _)| id).collect()
}

impl Page for Log {
    fn html(&self, surroundings: &Surroundings) -> Option<String> {
        (!self.runs.is_empty()).then(|| html::fragment(&self.body(surroundings)))
    }

    fn text(&self, surroundings: &Surroundings) -> String {
        if self.runs.is_empty() {
            return format!("No runs to show in {}.\n", self.history);
        }
        let notes = self.notes(surroundings).into_iter().map(|note| note + "\n");
        self.table(surroundings).render(surroundings) + &notes.collect::<String>()
    }
}

impl Log {
    /// What to know besides the runs.
    fn notes(&self, surroundings: &Surroundings) -> Vec<String> {
        let mut notes = Vec::new();
        if self.total > self.runs.len() {
            let more = surroundings.door.command("log -n 0");
            let total = text::count(self.total, "run");
            notes.push(format!("{} of {total}; {more} shows all", self.runs.len()));
        }
        if self.damaged > 0 {
            let verify = surroundings.door.command("verify");
            let places = text::count(self.damaged, "place");
            notes.push(format!("The store is damaged in {places}; {verify} tells more"));
        }
        notes
    }

    fn body(&self, surroundings: &Surroundings) -> Markup {
        let dots = self.runs.iter().map(|run| Dot::of(run, &self.led_here)).collect();
        let drawing = Drawing::of(lanes(&self.lines), dots);
        let rows: Vec<Vec<Markup>> = (self.runs.iter().enumerate())
            .map(|(index, run)| row(drawing.row(index), run, surroundings))
            .collect();
        html! {
            div.clew-log { (html::table(&[], &rows)) }
            @for note in self.notes(surroundings) { p.clew-faint { (html::Clean(&note)) } }
        }
    }

    fn table(&self, surroundings: &Surroundings) -> Table {
        let mut table = Table::default().flexible(5);
        for row in &self.rows {
            match row {
                Row::Join(lanes) if self.is_drawn => table.push(vec![lanes.clone()]),
                Row::Join(_) => {}
                Row::Run(lanes, index) => table.push(self.cells(lanes, &self.runs[*index], surroundings)),
            }
        }
        table
    }

    fn cells(&self, lanes: &str, run: &RunPage, surroundings: &Surroundings) -> Vec<String> {
        let style = surroundings.style;
        let mark = match (self.is_drawn, run.is_here) {
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
            style.faint(&text::ago(run.time, surroundings.now)),
            style.faint(&text::duration(run.nanoseconds)),
            format!("{names}{}", run.headline()),
            format!("{trouble}{}", run.changes.short(4)),
        ]
    }
}

/// A line of the list as cells of a table.
fn row(drawing: Markup, run: &RunPage, surroundings: &Surroundings) -> Vec<Markup> {
    vec![
        drawing,
        html! { @if run.is_here { "@ " } (html::run(&run.run)) },
        html! { (html::Clean(&run.origin())) },
        html::when(run.time, surroundings),
        html::faint(&text::duration(run.nanoseconds)),
        html! { @for name in &run.names { (html::name(name)) } (html::cut(&run.headline())) },
        html! {
            @if !run.trouble().is_empty() { (html::toned(html::Mark::Lost, &run.trouble())) " " }
            (html::changes(&run.changes, 4))
        },
    ]
}
