//! A self-contained HTML page.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{CleanText, style};

/// The additional styles of a page.
const STYLE: &str = include_str!("page.css");
/// A content security policy: the browser executes and fetches nothing, whatever the page contains.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
/// The generator name in the head, which identifies pages written by Clew.
const GENERATOR: &str = "clew log --html";

/// Renders a page with `body`.
pub fn document(title: &str, body: &Markup) -> String {
    let looks: String = STYLE.lines().map(str::trim).collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="generator" content=(GENERATOR);
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (CleanText(title)) }
                (style())
                style { (PreEscaped(looks)) }
            }
            body { main.clew { (body) } }
        }
    };
    page.into_string() + "\n"
}

/// Whether a file with this beginning was written by [`document`].
pub fn is_ours(beginning: &[u8]) -> bool {
    let ours = document("", &html! {});
    let marked = ours.find(GENERATOR).map_or(0, |place| place + GENERATOR.len());
    beginning.starts_with(&ours.as_bytes()[..marked])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_knows_its_own_kind() {
        assert!(is_ours(document("any", &html! { "text" }).as_bytes()));
        assert!(!is_ours(b"<!DOCTYPE html><html lang=\"en\"><head>") && !is_ours(b""));
    }
}
