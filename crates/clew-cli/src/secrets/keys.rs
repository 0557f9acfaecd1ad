//! Private keys, from their first line to their last, and the rest of one whose beginning was cut off.

use std::sync::LazyLock;

use regex::Regex;

use super::place::CredentialSpan;
use super::shapes::PRIVATE_KEY;

/// Longer keys are cut off.
const LONGEST: usize = 20_000;

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("it is a pattern")
}

static BEGINS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\A-----BEGIN (?:[A-Z0-9]+ ){0,8}PRIVATE KEY(?: BLOCK)?-----"));
static ENDS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\A-----END [A-Z0-9 ]{1,80}-----"));
static PRIVATE_ENDS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\A-----END (?:[A-Z0-9]+ ){0,8}PRIVATE KEY(?: BLOCK)?-----"));

/// The key whose first line stands there.
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

/// The end of a key whose last line stands there, and nothing but its data before.
pub(super) fn end_of_one(text: &str, end: usize) -> Option<CredentialSpan> {
    let is_cut_off = end <= LONGEST && !text[..end].contains('-');
    let last = PRIVATE_ENDS.find(&text[end..]).filter(|_| is_cut_off)?;
    Some(CredentialSpan::of(0..end + last.end(), PRIVATE_KEY))
}
