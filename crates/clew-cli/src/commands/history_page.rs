//! A history as an HTML page: the graph of its runs, and each run in full below its line.

use std::collections::HashMap;

use clew_core::format::Run;
use clew_core::id::{Root, RunId};
use maud::{Markup, html};

use super::log::{Arguments, led_here, lines};
use super::show::evidence_html;
use super::vars::described;
use crate::context::Context;
use crate::history_view::HistoryView;
use crate::html::{self, CleanText, Dot, Drawing, PictureBudget, VariableChange};
use crate::outputs::outputs_of;
use crate::run_page::RunPage;
use crate::text;

/// The most bytes of pictures on a page; for further ones only kind and size are shown. The newest are included first.
const PICTURES: u64 = 24_000_000;
/// Variables of one run that are listed without folding.
const NAMES: usize = 30;

/// The page of a history.
pub struct HistoryPage<'a> {
    place: &'a HistoryView<'a>,
    context: &'a Context,
    runs: Vec<(&'a Run, RunPage)>,
    drawing: Drawing,
    /// For each run of a cell, the previous run of that cell.
    earlier: HashMap<RunId, RunId>,
}

impl<'a> HistoryPage<'a> {
    /// Creates the page of the selected runs.
    pub fn of(arguments: &Arguments, place: &'a HistoryView<'a>, context: &'a Context) -> Self {
        let (shown, lines, _) = lines(arguments, place);
        let led_here = led_here(place);
        let runs: Vec<_> = (shown.iter())
            .map(|(id, run)| (*run, RunPage::of(*id, run, place)))
            .collect();
        let dots = runs.iter().map(|(_, page)| Dot::of(page, &led_here)).collect();
        Self {
            place,
            context,
            drawing: Drawing::of(crate::lanes::lanes(&lines), dots),
            runs,
            earlier: earlier(place),
        }
    }

    /// Returns the number of runs on the page.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Renders the page.
    pub fn html(&self) -> String {
        let mut room = PictureBudget(PICTURES);
        let name = self.place.name();
        let body = html! {
            h1 { (CleanText(&name)) }
            p.clew-lead { (CleanText(&self.lead())) }
            @for index in 0..self.runs.len() { (self.entry(index, &mut room)) }
        };
        html::document(&format!("{name}: history"), &body)
    }

    /// Formats `57 runs, newest first. The last session is at run 14. Written on 2026-11-20 14:00:00 by Clew 0.1.0.`
    fn lead(&self) -> String {
        let runs = text::count(self.runs.len(), "run");
        let here = self.place.at.map(|at| self.place.history.label(&at));
        let here = here.map_or(String::new(), |here| format!(" The last session is at run {here}."));
        let now = text::moment(self.context.now, &self.context.zone);
        let version = env!("CARGO_PKG_VERSION");
        format!("{runs}, newest first.{here} Written on {now} by Clew {version}.")
    }

    fn entry(&self, index: usize, room: &mut PictureBudget) -> Markup {
        let (run, page) = &self.runs[index];
        let indent = format!("margin-left:{}px", self.drawing.width() + 30);
        html! {
            details.clew-entry id={ "run-" (page.id) } {
                summary { (self.drawing.row(index)) (self.head(page)) }
                div.clew-body {
                    (self.drawing.rails(index))
                    div style=(indent) { (self.full(run, page, room)) }
                }
            }
        }
    }

    fn head(&self, page: &RunPage) -> Markup {
        let trouble = page.trouble();
        html! {
            span.clew-number { @if page.is_current { "@ " } (html::run(&page.run)) }
            span.clew-origin { (CleanText(&page.origin())) }
            span.clew-time.clew-faint { (text::moment(page.time, &self.context.zone)) }
            span.clew-took.clew-faint { (page.lasted()) }
            span.clew-what { @for name in &page.names { (html::name(name)) } (html::headline(page)) }
            span.clew-did {
                @if !trouble.is_empty() { (html::toned(VariableChange::Lost, &trouble)) " " }
                (html::changes(&page.changes, 3))
            }
        }
    }

    /// Renders the details of a run.
    fn full(&self, run: &Run, page: &RunPage, room: &mut PictureBudget) -> Markup {
        html! {
            p.clew-faint {
                @if let (Some(parent), Some(label)) = (run.parent, &page.parent) {
                    "After " a href={ "#run-" (parent) } { "run " (CleanText(label)) } ". "
                }
                "Id " (page.id.short()) "."
                @if page.is_untrusted { " Recorded under a key that you have not trusted." }
            }
            @for words in page.description.iter().flat_map(|words| words.lines()) { p { (CleanText(words)) } }
            (self.source(page))
            (self.changed(run, page))
            (evidence_html(&run.evidence))
            (html::outputs(&outputs_of(run, self.place), room))
            @for warning in &page.warnings { p { (html::toned(VariableChange::Changed, &format!("Warning: {warning}"))) } }
        }
    }

    /// Renders the source, as a diff against the previous run of the same cell if it changed.
    fn source(&self, page: &RunPage) -> Markup {
        let Some(source) = &page.source else { return html! {} };
        let earlier = self
            .earlier
            .get(&page.id)
            .and_then(|id| Some((*id, self.place.source(self.place.history.run(id)?)?)));
        html! {
            @match earlier {
                Some((id, before)) if before != *source => {
                    p.clew-faint {
                        "Compared with the cell as " a href={ "#run-" (id) } { "run " (CleanText(&self.place.history.label(&id))) }
                        " ran it:"
                    }
                    (html::code_diff(&before, source))
                    (html::folded(&html! { "Whole source" }, &html::code(source)))
                }
                _ => (html::code(source)),
            }
        }
    }

    /// Renders the changes, with descriptions of the values.
    fn changed(&self, run: &Run, page: &RunPage) -> Markup {
        let versions = run.changed.iter();
        let versions: HashMap<&Root, _> = versions
            .flat_map(|version| version.roots.iter().map(move |root| (root, version)))
            .collect();
        let row = |(mark, root): (VariableChange, &Root)| {
            let value = versions.get(root).map(|version| described(root, version, self.place));
            vec![
                html::marked(mark, &root.to_string()),
                html! { @if let Some(value) = &value { (value.type_and_shape()) } },
                html! { @if let Some(value) = &value { (html::cut(&value.text())) } },
            ]
        };
        let rows: Vec<Vec<Markup>> = page.changes.told().map(row).collect();
        html! {
            @if rows.len() > NAMES {
                (html::folded(&html! { (rows.len()) " names changed" }, &html::table(&[], &rows)))
            } @else if !rows.is_empty() {
                p.clew-faint { "Changed:" }
                (html::table(&[], &rows))
            }
        }
    }
}

/// Returns for each run of a cell the previous run of that cell, on any branch.
fn earlier(place: &HistoryView<'_>) -> HashMap<RunId, RunId> {
    let mut last: HashMap<&str, RunId> = HashMap::new();
    let runs = place.history.runs();
    let cells = runs.filter_map(|(id, run)| Some((*id, run.cell.as_deref()?)));
    cells
        .filter_map(|(id, cell)| Some((id, last.insert(cell, id)?)))
        .collect()
}
