//! Finds places in a text and puts something else there, or not.

use regex::{Captures, Regex};

/// What becomes of a place that was found.
pub(super) enum Found {
    /// It is replaced.
    Is(String),
    /// It stays, and the search goes on behind it.
    Stays,
    /// It is none; the search goes on at this byte.
    GoOn(usize),
}

/// A text with the places that `pattern` finds and `judge` takes for what is looked for replaced.
pub(super) fn replace(text: String, pattern: &Regex, judge: impl Fn(&str, &Captures<'_>) -> Found) -> String {
    let (mut kept, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(found) = pattern.captures_at(&text, at) {
        let place = found.get(0).expect("a match has a place").range();
        match judge(&text, &found) {
            Found::Is(instead) => {
                kept.push_str(&text[copied..place.start]);
                kept.push_str(&instead);
                (copied, at) = (place.end, place.end);
            }
            Found::Stays => at = place.end,
            Found::GoOn(next) => at = next,
        }
    }
    if copied == 0 {
        return text;
    }
    kept.push_str(&text[copied..]);
    kept
}
