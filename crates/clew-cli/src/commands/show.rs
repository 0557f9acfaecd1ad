//! `clew show`: shows one run in full.

use clew_core::format::{Evidence, FileEvidence};
use clew_core::id::RunId;
use maud::{Markup, html};
use serde::Serialize;

use super::vars::{Variable, variable};
use crate::command_info::{CommandCall, CommandInfo};
use crate::context::Context;
use crate::evidence_page;
use crate::history_view::HistoryView;
use crate::html::{self, CleanText, VariableChange};
use crate::in_flight::InFlight;
use crate::outputs::{self, CellOutput, outputs_of};
use crate::page::Page;
use crate::problem::Problem;
use crate::run_page::RunPage;
use crate::table::TextTable;
use crate::text;

/// Show one run: its source, changes, outputs and external effects.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// The run: `@`, `@-3`, `14`, the beginning of an id, a branch or tag, `op:7`, `"10m ago"`
    #[arg(value_name = "REV", default_value = "@")]
    pub revision: String,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "show",
    examples: &[("show 14", "run 14"), ("show @-", "the run before the current one")],
    calls: &[CommandCall::new("show 2", "show(2)", "Shown")],
    method: Some(&[]),
    names_notebook: true,
    ..CommandInfo::DEFAULT
};

/// One run.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Show {
    #[serde(flatten)]
    run: RunPage,
    /// The session that recorded the run.
    session: Option<String>,
    /// The runs that follow it.
    children: Vec<String>,
    /// Cells in flight, if the session is at this run.
    in_flight: Vec<InFlight>,
    /// The variables that the run added or changed.
    values: Vec<Variable>,
    /// The outputs of the cell.
    outputs: Vec<CellOutput>,
    /// The variables, files and other state that the run may have used.
    #[serde(serialize_with = "evidence_page::serialize")]
    #[cfg_attr(test, schemars(with = "evidence_page::EvidencePage<'static>"))]
    evidence: Evidence,
}

/// Shows one run.
pub fn show(arguments: &Arguments, place: &HistoryView<'_>, context: &Context) -> Result<Show, Problem> {
    let id = place.resolve(&arguments.revision, context)?;
    let run = place
        .history
        .run(&id)
        .ok_or_else(|| Problem::usage("This run is missing from the store"))?;
    let page = RunPage::of(id, run, place);
    let values = values(id, &page, place);
    Ok(Show {
        session: place.history.maker(&id).map(|session| session.to_string()),
        children: place
            .history
            .children(&id)
            .iter()
            .map(|child| place.history.label(child))
            .collect(),
        values,
        outputs: outputs_of(run, place),
        evidence: run.evidence.clone(),
        in_flight: if page.is_current {
            place.in_flight.to_vec()
        } else {
            Vec::new()
        },
        run: page,
    })
}

fn values(id: RunId, page: &RunPage, place: &HistoryView<'_>) -> Vec<Variable> {
    let state = place.history.state(id);
    let roots = page.changes.added.iter().chain(&page.changes.changed);
    roots.filter_map(|root| variable(root, id, &state, place)).collect()
}

impl Page for Show {
    fn html(&self, context: &Context) -> Option<String> {
        Some(html::fragment(&self.body(context)))
    }

    fn text(&self, context: &Context) -> String {
        let mut text = self.head(context);
        if let Some(source) = &self.run.source {
            text += &indented("\n", &text::clean(source));
        }
        if let Some(masked) = self.masked() {
            text += &format!("\n{masked}\n");
        }
        text += &self.changes(context);
        text += &evidence_text(&self.evidence);
        text += &outputs::told(&self.outputs);
        for cell in &self.in_flight {
            text += &format!("{}\n", cell.sentence());
        }
        for warning in &self.run.warnings {
            text += &format!("Warning: {}\n", text::clean(warning));
        }
        text
    }
}

impl Show {
    fn head(&self, context: &Context) -> String {
        let run = &self.run;
        let style = context.style;
        let mut facts = self.time(context);
        facts.insert(2, format!("({})", text::ago(run.time, context.now)));
        facts.extend(Some(run.trouble()).filter(|trouble| !trouble.is_empty()));
        let mut text = format!("{}  {}\n", style.strong(&format!("Run {}", run.run)), facts.join("  "));
        for (word, value) in self.facts() {
            text += &format!("{word:6} {value}\n");
        }
        text
    }

    /// Returns the run's origin, start and duration.
    fn time(&self, context: &Context) -> Vec<String> {
        let run = &self.run;
        vec![
            run.origin(),
            text::moment(run.time, &context.zone),
            format!("ran {}", run.lasted()),
        ]
    }

    /// Returns further facts with their labels.
    fn facts(&self) -> Vec<(&'static str, String)> {
        let run = &self.run;
        let mut lines = vec![("id", run.id.to_string())];
        lines.push((
            "after",
            run.parent
                .clone()
                .unwrap_or_else(|| "nothing: a session started here".to_owned()),
        ));
        if !self.children.is_empty() {
            lines.push(("then", self.children.join(", ")));
        }
        if let Some(description) = &run.description {
            lines.push(("what", text::clean(description).replace('\n', "\n       ")));
        }
        if !run.names.is_empty() {
            lines.push(("names", text::clean(&run.names.join(", "))));
        }
        if run.is_current {
            lines.push(("here", "this is the current run".to_owned()));
        }
        if run.is_untrusted {
            lines.push(("trust", "recorded under a key that you have not trusted".to_owned()));
        }
        lines
    }

    /// Formats what was removed from its source.
    fn masked(&self) -> Option<String> {
        let masked = &self.evidence.masked;
        let what = text::clean(&text::listing(masked, 4));
        (!masked.is_empty()).then(|| format!("Left out of its source: {what}; Clew never reruns it"))
    }

    fn body(&self, context: &Context) -> Markup {
        let run = &self.run;
        let facts: Vec<Vec<Markup>> = (self.facts().iter())
            .map(|(word, value)| vec![html::faint(word), html! { (CleanText(value)) }])
            .collect();
        html! {
            (html::title(&html! {
                b { "Run " (CleanText(&run.run)) } "  " (CleanText(&self.time(context).join("  "))) "  "
                (html::toned(VariableChange::Lost, &run.trouble()))
            }))
            (html::table(&[], &facts))
            @if let Some(source) = &run.source { (html::code(source)) }
            @if let Some(masked) = self.masked() { p.clew-faint { (CleanText(&masked)) } }
            (self.changes_table())
            (evidence_html(&self.evidence))
            (html::outputs(&self.outputs, &mut html::PictureBudget(u64::MAX)))
            @for cell in &self.in_flight { p { (CleanText(&cell.sentence())) } }
            @for warning in &run.warnings { p { (html::toned(VariableChange::Changed, &format!("Warning: {warning}"))) } }
        }
    }

    /// Returns the text for a run without recorded changes.
    fn nothing(&self) -> &'static str {
        match &self.run.crash {
            Some(_) => "Its changes are not recorded: its kernel died before Clew checked the variables.",
            None => "Changed nothing.",
        }
    }

    fn changes_table(&self) -> Markup {
        let changes = &self.run.changes;
        if changes.is_empty() {
            return html::line(&html! { (self.nothing()) });
        }
        let is_new = |value: &Variable| changes.added.contains(&value.root);
        let left = self.values.iter().map(|value| {
            let mark = if is_new(value) {
                VariableChange::Added
            } else {
                VariableChange::Changed
            };
            vec![
                html::marked(mark, &value.label()),
                html! { (value.type_and_shape()) },
                html::cut(&value.told()),
            ]
        });
        let gone = changes.removed.iter();
        let gone = gone.map(|root| {
            vec![
                html::marked(VariableChange::Removed, &root.to_string()),
                html! {},
                html! {},
            ]
        });
        html! { p.clew-faint { "Changed:" } (html::table(&[], &left.chain(gone).collect::<Vec<_>>())) }
    }

    fn changes(&self, context: &Context) -> String {
        let changes = &self.run.changes;
        if changes.is_empty() {
            return format!("\n{}\n", self.nothing());
        }
        let mut table = TextTable::default().flexible(2);
        for value in &self.values {
            let mark = if changes.added.contains(&value.root) { "+" } else { "~" };
            table.push(vec![
                format!("  {mark}{}", value.label()),
                value.type_and_shape(),
                value.told(),
            ]);
        }
        for root in &changes.removed {
            table.push(vec![format!("  -{}", text::clean(&root.to_string()))]);
        }
        format!("\nChanged:\n{}", table.render(context))
    }
}

fn indented(before: &str, source: &str) -> String {
    let lines = source.trim_end().lines().map(|line| format!("    {line}\n"));
    format!("{before}{}", lines.collect::<String>())
}

/// Formats what a run may have accessed outside the session. The evidence never proves an access.
fn evidence_lines(evidence: &Evidence) -> Vec<(&'static str, String)> {
    let paths = |files: &[FileEvidence], is_wanted: &dyn Fn(&FileEvidence) -> bool| -> Vec<String> {
        let wanted = files.iter().filter(|file| is_wanted(file));
        wanted.map(|file| file.path.clone()).collect()
    };
    let lines = [
        ("read files", paths(&evidence.files_read, &|file| file.size.is_some())),
        (
            "looked for missing files",
            paths(&evidence.files_read, &|file| file.size.is_none()),
        ),
        ("written files", paths(&evidence.files_written, &|_| true)),
        (
            "read environment variables",
            evidence.variables.keys().cloned().collect(),
        ),
        ("set environment variables", evidence.environment.clone()),
        ("connected to", evidence.sockets.clone()),
        ("started programs", evidence.processes.clone()),
        ("drawn random numbers", evidence.random.keys().cloned().collect()),
        ("patched", evidence.patched.clone()),
        ("computed", evidence.tasks.iter().map(ToString::to_string).collect()),
    ];
    let lines = lines.iter().filter(|(_, items)| !items.is_empty());
    lines
        .map(|(what, items)| (*what, text::clean(&text::listing(items, 6))))
        .collect()
}

/// Renders the evidence folded: most of it comes from imports.
pub fn evidence_html(evidence: &Evidence) -> Markup {
    let lines = evidence_lines(evidence);
    if lines.is_empty() {
        return html! {};
    }
    let what: Vec<String> = lines.iter().map(|(what, _)| (*what).to_owned()).collect();
    html::folded(
        &html! { "May have " (text::listing(&what, 9)) },
        &html! { ul { @for (what, items) in &lines { li { (what) ": " (CleanText(items)) } } } },
    )
}

fn evidence_text(evidence: &Evidence) -> String {
    let lines = evidence_lines(evidence).into_iter();
    let text: String = lines.map(|(what, items)| format!("  {what}: {items}\n")).collect();
    if text.is_empty() {
        text
    } else {
        format!("\nMay have:\n{text}")
    }
}
