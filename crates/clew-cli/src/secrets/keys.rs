//! Private keys, from their first line to their last, and the rest of a key whose beginning is missing.

use std::sync::LazyLock;

use regex::Regex;

use super::place::CredentialSpan;
use super::shapes::PRIVATE_KEY;

/// Longer keys are truncated.
const LONGEST: usize = 20_000;

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("it is a pattern")
}

static BEGINS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\A-----BEGIN (?:[A-Z0-9]+ ){0,8}PRIVATE KEY(?: BLOCK)?-----"));
static ENDS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\A-----END [A-Z0-9 ]{1,80}-----"));
static PRIVATE_ENDS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\A-----END (?:[A-Z0-9]+ ){0,8}PRIVATE KEY(?: BLOCK)?-----"));

/// Returns the span of the key whose first line is at `start`.
pub(super) fn whole(text: &str, start: usize) -> Option<CredentialSpan> {
    let first = BEGINS.find(&text[start..])?;
    let rest = &text[start + first.end()..];
    let data = rest.find("-----").unwrap_or(rest.len()).min(LONGEST);
    let data = rest.floor_char_boundary(data);
    let last = ENDS.find(&rest[data..]).map_or(0, |line| line.end());
    Some(CredentialSpan::of(
        start..start + first.end() + data + last,
        PRIVATE_KEY,
    ))
}

/// Returns the span of the end of a key whose last line is at `end`, if only its data precedes it.
pub(super) fn end_of_one(text: &str, end: usize) -> Option<CredentialSpan> {
    let is_cut_off = end <= LONGEST && !text[..end].contains('-');
    let last = PRIVATE_ENDS.find(&text[end..]).filter(|_| is_cut_off)?;
    Some(CredentialSpan::of(0..end + last.end(), PRIVATE_KEY))
}
