//! Sources of cells, from which only what is written out is taken.

use std::sync::LazyLock;

use regex::Regex;

use super::replace::{Found, replace};
use super::{Written, assigned, redacted, shapes};

/// What a source says and does not compute: texts in quotes, comments, lines for the shell.
static WRITTEN_OUT: LazyLock<Regex> = LazyLock::new(|| {
    let quoted = r#"'''(?s:.*?)'''|"""(?s:.*?)"""|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*""#;
    Regex::new(&format!(r"(?m){quoted}|#[^\n]*|^[ \t]*[%!][^\n]*")).expect("it is a pattern")
});

static MARKED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[not kept: ([^\]]*)\]").expect("it is a pattern"));

/// A cell's source with what looks like a credential or is one of the `known` texts taken out, and what that was, in words.
///
/// Code is no output: `token = tokenizer.Encode1(x)` shows nothing. So only what is written out counts, and shapes that no
/// code has.
pub fn masked(source: &str, known: &[String]) -> (String, Vec<String>) {
    if !is_suspect(source, known) {
        return (source.to_owned(), Vec::new());
    }
    let kept = shapes::without(source.to_owned(), Written::AsCode);
    let kept = assigned::without(kept, Written::AsCode);
    let kept = if kept.trim_start().starts_with("%%") {
        redacted(&kept, known)
    } else {
        replace(kept, &WRITTEN_OUT, |_, found| piece(&found[0], known))
    };
    let taken = taken(source, &kept);
    (kept, taken)
}

/// Whether a text may hold a credential: a cheap look before the dear ones.
fn is_suspect(text: &str, known: &[String]) -> bool {
    shapes::may_be_in(text) || assigned::may_be_in(text) || known.iter().any(|secret| text.contains(secret.as_str()))
}

/// A text in quotes, a comment or a line for the shell, without its secrets. Quotes stay.
fn piece(piece: &str, known: &[String]) -> Found {
    if !is_suspect(piece, known) {
        return Found::Stays;
    }
    let quotes = ["\"\"\"", "'''", "\"", "'"]
        .into_iter()
        .find(|quotes| piece.starts_with(quotes));
    let quotes = quotes.unwrap_or_default();
    let inner = &piece[quotes.len()..piece.len() - quotes.len()];
    Found::Is(format!("{quotes}{}{quotes}", redacted(inner, known)))
}

/// What was taken out of a text, by what stands there instead: each kind once.
pub(super) fn taken(before: &str, kept: &str) -> Vec<String> {
    let marks = |text| MARKED.captures_iter(text).map(|found| found[1].to_owned());
    let mut written: Vec<String> = marks(before).collect();
    let mut taken: Vec<String> = Vec::new();
    for what in marks(kept) {
        match written.iter().position(|one| *one == what) {
            Some(at) => drop(written.swap_remove(at)),
            None => taken.push(what),
        }
    }
    taken.sort();
    taken.dedup();
    taken
}
