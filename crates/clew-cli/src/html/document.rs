//! A page that stands alone: everything it needs is in the file.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{CleanText, style};

/// What the looks of a page have beside those of a piece.
const STYLE: &str = include_str!("page.css");
/// A browser that follows it runs nothing and fetches nothing, whatever stands in the page.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
/// By this word in its head a page is known as one of ours.
const GENERATOR: &str = "clew log --html";

/// A page with `body`.
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

/// Whether a file that begins so was written by [`document`].
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
