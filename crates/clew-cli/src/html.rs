//! HTML elements of pages: without scripts or network access, and styled below one class.
//!
//! All data from a store is treated as hostile: `maud` escapes every text, checked at compile time; [`CleanText`] removes characters that
//! could hide or reverse text; and no data from a store becomes a URL, a style or a tag. The text carries all information, so a front end
//! that strips `<style>` and `<svg>` shows the same facts.

mod changes;
mod code;
mod document;
mod graph;
mod outputs;
mod picture;

use maud::{Markup, PreEscaped, Render, html};

pub use changes::{changes, when};
pub use code::{code, code_diff};
pub use document::{document, is_ours};
pub use graph::{Dot, Drawing};
pub use outputs::{PictureBudget, outputs};
pub use picture::picture;

pub use crate::changes::VariableChange;
use crate::run_page::RunPage;
use crate::text;

/// The style sheet. Colours are mixed with the surrounding text colour, so they suit light and dark themes.
const STYLE: &str = include_str!("html/style.css");

/// A text from any source, made safe to display: without control characters and bidirectional overrides, and escaped.
#[derive(Debug, Clone, Copy)]
pub struct CleanText<'a>(pub &'a str);

impl Render for CleanText<'_> {
    fn render_to(&self, buffer: &mut String) {
        text::clean(self.0).as_str().render_to(buffer);
    }
}

/// Returns the HTML that a notebook displays for `body`. It is saved with the notebook, so it includes only the styles that it uses.
pub fn fragment(body: &Markup) -> String {
    html! { div.clew { style { (PreEscaped(style_of(&body.0))) } (body) } }.into_string()
}

/// Returns the rules that apply to `body`, and the variables that these rules use. A rule is one line of the style sheet.
fn style_of(body: &str) -> String {
    let is_met = |part: &str| match part.split_once('.') {
        Some((_, classes)) => classes.split('.').all(|class| class == "clew" || body.contains(class)),
        None => body.contains(&format!("<{part}")),
    };
    let applies = |line: &&str| {
        let selectors = line.split('{').next().unwrap_or_default();
        let parts = |selector: &str| {
            selector
                .split_whitespace()
                .map(|part| part.split(':').next().unwrap_or_default().to_owned())
                .collect::<Vec<_>>()
        };
        selectors
            .split(',')
            .any(|selector| parts(selector).iter().all(|part| is_met(part)))
    };
    let lines = || STYLE.lines().map(str::trim);
    let of_all: Vec<&str> = lines().filter(|line| !line.starts_with(".clew.clew")).collect();
    let rules: String = lines()
        .filter(|line| line.starts_with(".clew.clew"))
        .filter(applies)
        .collect();
    let properties = of_all
        .iter()
        .filter(|line| !line.starts_with("--"))
        .copied()
        .collect::<String>();
    let is_used = |line: &&&str| {
        let used = |text: &str| {
            line.split(':')
                .next()
                .is_some_and(|name| text.contains(&format!("var({name}")))
        };
        !line.starts_with("--") || used(&rules) || used(&properties)
    };
    of_all.iter().filter(is_used).copied().collect::<String>() + &rules
}

/// Returns the whole style sheet.
pub fn style() -> Markup {
    let squeezed: String = STYLE.lines().map(str::trim).collect();
    html! { style { (PreEscaped(squeezed)) } }
}

impl VariableChange {
    fn class(self) -> &'static str {
        match self {
            Self::Added => "clew-add",
            Self::Changed | Self::Shared => "clew-mod",
            Self::Removed | Self::Lost => "clew-del",
        }
    }
}

/// Renders `+df` in the colour of the change.
pub fn marked(mark: VariableChange, name: &str) -> Markup {
    html! { span class=(mark.class()) { code { (mark.sign()) (CleanText(name)) } } }
}

/// Renders a text in the colour of a change, without its sign.
pub fn toned(mark: VariableChange, text: &str) -> Markup {
    html! { span class=(mark.class()) { (CleanText(text)) } }
}

/// Renders the number of a run.
pub fn run(label: &str) -> Markup {
    html! { b.clew-run { (CleanText(label)) } }
}

/// Renders a tag or branch.
pub fn name(name: &str) -> Markup {
    html! { span.clew-name { (CleanText(name)) } }
}

/// Renders less important text.
pub fn faint(text: &str) -> Markup {
    html! { span.clew-faint { (CleanText(text)) } }
}

/// Renders a line of text.
pub fn line(body: &Markup) -> Markup {
    html! { p { (body) } }
}

/// Renders the first line of a page: what happened, or what the page shows.
pub fn title(body: &Markup) -> Markup {
    html! { p.clew-title { (body) } }
}

/// Renders rows below a header row; without it if `header` is empty.
pub fn table(header: &[&str], rows: &[Vec<Markup>]) -> Markup {
    html! {
        table.clew-table {
            @if !header.is_empty() {
                thead { tr { @for heading in header { th { (heading) } } } }
            }
            tbody { @for row in rows { tr { @for cell in row { td { (cell) } } } } }
        }
    }
}

/// Renders a short text in a table cell on one line; the browser truncates it, and its tooltip contains the whole text.
pub fn cut(text: &str) -> Markup {
    html! { @if !text.is_empty() { span.clew-cut title=(CleanText(text)) { code { (CleanText(text)) } } } }
}

/// Renders a remark like [`cut`], in the colour of a change or faint.
pub fn cut_remark(mark: Option<VariableChange>, text: &str) -> Markup {
    let tone = mark.map_or("clew-faint", VariableChange::class);
    html! { @if !text.is_empty() { span class={ "clew-cut " (tone) } title=(CleanText(text)) { (CleanText(text)) } } }
}

/// Renders a run's line in a list: its description as text, else its source as code.
pub fn headline(run: &RunPage) -> Markup {
    let line = run.headline();
    match &run.description {
        Some(words) => html! { span.clew-cut title=(CleanText(words)) { (CleanText(&line)) } },
        None => cut(&line),
    }
}

/// Renders a long part collapsed.
pub fn folded(summary: &Markup, body: &Markup) -> Markup {
    html! { details { summary { (summary) } (body) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "<script>alert(1)</script>\" onload=\"x()' <svg onload=x>&\x1b[31m\u{202e}\0javascript:";

    /// Whether no tag, attribute end or bidirectional override from the hostile text remains.
    fn is_harmless(html: &str) -> bool {
        let has = |what: &str| html.contains(what);
        !(has("<script") || has("<svg onload") || has("\" onload") || has("\x1b") || has("\u{202e}") || has("\0"))
    }

    #[test]
    fn every_piece_escapes_and_cleans_what_it_is_given() {
        let pieces = [
            marked(VariableChange::Added, HOSTILE),
            toned(VariableChange::Lost, HOSTILE),
            run(HOSTILE),
            name(HOSTILE),
            faint(HOSTILE),
            cut(HOSTILE),
            code(HOSTILE),
            code_diff("", HOSTILE),
            code_diff(HOSTILE, "x = 1"),
        ];
        for piece in pieces {
            assert!(is_harmless(&piece.0), "{}", piece.0);
            assert!(piece.0.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{}", piece.0);
        }
    }

    #[test]
    fn a_mark_says_in_letters_what_its_colour_says() {
        assert_eq!(
            marked(VariableChange::Removed, "df").0,
            r#"<span class="clew-del"><code>-df</code></span>"#
        );
        let signs = [
            VariableChange::Added,
            VariableChange::Changed,
            VariableChange::Shared,
            VariableChange::Removed,
            VariableChange::Lost,
        ]
        .map(VariableChange::sign);
        assert_eq!(signs, ['+', '~', '&', '-', '!']);
    }

    #[test]
    fn the_looks_name_nothing_outside_and_no_id() {
        let style = style().0;
        for forbidden in ["url(", "@import", "http", "#clew", "expression", "<script"] {
            assert!(!style.contains(forbidden), "{forbidden}");
        }
        let rules = style.trim_start_matches("<style>").trim_end_matches("</style>");
        for rule in rules.split('}').filter(|rule| !rule.is_empty()) {
            assert!(rule.starts_with(".clew"), "a rule outside the class: {rule}");
        }
    }
}
