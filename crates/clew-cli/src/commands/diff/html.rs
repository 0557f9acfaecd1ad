//! A diff as HTML: the same text, with examples in small tables, and pictures side by side.

use clew_value::compare::{Change, ColumnDetail, Detail, MembersDetail, TableDetail, TextDetail};
use maud::{Markup, html};

use super::code::CellDifference;
use super::state::VariableDifference;
use super::{Diff, detail, kinds, others, values};
use crate::commands::vars::Variable;
use crate::html::{
    CleanText, PictureBudget, VariableChange, code_diff, faint, line, marked, outputs, table, title, toned,
};
use crate::outputs::CellOutput;

/// The most bytes of pictures on one page.
const PICTURES: u64 = 8 << 20;

/// Renders a diff.
pub fn body(diff: &Diff) -> Markup {
    let names = diff.state.iter().flatten().filter(|difference| difference.is_name());
    let mut room = PictureBudget(PICTURES);
    html! {
        (title(&html! { "From run " (crate::html::run(&diff.from)) " to run " (crate::html::run(&diff.to)) ": " (diff.totals()) }))
        @for difference in names { (name(difference)) }
        @if let Some(others) = diff.state.as_deref().and_then(others) { (line(&faint(&others))) }
        @for cell in diff.code.iter().flatten() { (code(cell)) }
        @for cell in diff.output.iter().flatten() { (shown(cell, &mut room)) }
        @if let Some(missing) = &diff.missing { (line(&html! { (crate::text::not_known(missing)) })) }
    }
}

fn name(difference: &VariableDifference) -> Markup {
    let mark = match difference.change {
        "added" => VariableChange::Added,
        "removed" => VariableChange::Removed,
        _ => VariableChange::Changed,
    };
    let label = difference.variable().map(Variable::label).unwrap_or_default();
    html! {
        p { (marked(mark, &label)) " " (faint(&kinds(difference))) " " code { (CleanText(&values(difference))) } }
        @if let Some(found) = &difference.detail { (told(&label, found)) }
    }
}

fn told(name: &str, found: &Detail) -> Markup {
    match found {
        Detail::Table(found) => frame(found),
        Detail::Members(found) => members(name, found),
        Detail::Text(found) => text(found),
        found => lines(&detail::lines(name, found)),
    }
}

/// Renders lines of text; added and removed ones in colour.
fn lines(lines: &[String]) -> Markup {
    let toned = |words: &str| match words.as_bytes() {
        [b'+', b' ', ..] => toned(VariableChange::Added, words),
        [b'-', b' ', ..] => toned(VariableChange::Removed, words),
        _ => html! { (CleanText(words)) },
    };
    html! { @for words in lines { (line(&toned(words))) } }
}

fn text(found: &TextDetail) -> Markup {
    let all = detail::text_lines(found);
    let shown = |words: &str| match words.trim_start().as_bytes().first() {
        Some(b'+') => html! { span.clew-add { (CleanText(words.trim_start())) } "\n" },
        Some(b'-') => html! { span.clew-del { (CleanText(words.trim_start())) } "\n" },
        _ => html! { (CleanText(words.strip_prefix("    ").unwrap_or(words))) "\n" },
    };
    html! {
        (lines(&all[..1]))
        pre { code { @for words in &all[1..] { (shown(words)) } } }
    }
}

/// Renders row and column changes as lines, and examples of each changed column as a table.
fn frame(found: &TableDetail) -> Markup {
    let (changed, left_out) = detail::shown_columns(found);
    html! {
        (lines(&detail::table_heads(found)))
        @for column in changed { (examples(column, found)) }
        (lines(&left_out))
    }
}

fn examples(column: &ColumnDetail, found: &TableDetail) -> Markup {
    let rows: Vec<Vec<Markup>> = column
        .examples
        .iter()
        .map(|example| {
            vec![
                html! { code { (CleanText(&format!("[{}]", example.row))) } },
                html! { code { (CleanText(&example.before)) } },
                html! { "→ " code { (CleanText(&example.after)) } },
            ]
        })
        .collect();
    html! {
        (line(&html! { (CleanText(&detail::column_head(column, found))) }))
        @if !rows.is_empty() { (table(&[], &rows)) }
    }
}

fn members(name: &str, found: &MembersDetail) -> Markup {
    let is_plain = |change: &&Change| change.detail.is_none();
    let (plain, rich): (Vec<&Change>, Vec<&Change>) = detail::shown_changes(found).iter().partition(is_plain);
    let side = |mark: VariableChange, text: Option<&String>| html! { @if let Some(text) = text { code { (toned(mark, text)) } } };
    let row = |change: &Change| {
        let mark = if change.before.is_none() {
            "+ "
        } else if change.after.is_none() {
            "- "
        } else {
            ""
        };
        vec![
            html! { code { (mark) (CleanText(&detail::path_of(name, change))) } },
            side(VariableChange::Removed, change.before.as_ref()),
            html! { @if change.before.is_some() && change.after.is_some() { "→" } },
            side(VariableChange::Added, change.after.as_ref()),
        ]
    };
    let rows: Vec<Vec<Markup>> = plain.into_iter().map(row).collect();
    html! {
        @if !rows.is_empty() { (table(&[], &rows)) }
        @for change in rich { (lines(&detail::change_lines(name, change))) }
        (lines(&detail::members_rest(found)))
    }
}

fn code(cell: &CellDifference<String>) -> Markup {
    let text = |code: &Option<String>| code.clone().unwrap_or_default();
    html! {
        (line(&faint(&cell.name())))
        (code_diff(&text(&cell.before), &text(&cell.after)))
    }
}

/// Renders a cell's outputs on both branches side by side.
fn shown(cell: &CellDifference<Vec<CellOutput>>, room: &mut PictureBudget) -> Markup {
    let side = |shown: &Option<Vec<CellOutput>>, room: &mut PictureBudget| match shown {
        Some(shown) => outputs(shown, room),
        None => faint("nothing"),
    };
    let (before, after) = (side(&cell.before, room), side(&cell.after, room));
    html! {
        (line(&faint(&format!("output of {}", cell.name()))))
        (table(&["before", "after"], &[vec![before, after]]))
    }
}
