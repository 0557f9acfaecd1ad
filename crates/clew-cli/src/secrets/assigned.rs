//! A telling name and its value, as they are shown or written: `password = …`, `'token': '…'`.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::replace::{Found, replace};
use super::{Written, is_named_like_one, mark};

/// Longer words are no names.
const LONGEST_NAME: usize = 60;

static ANYWHERE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"([\w.-]+)(['"]?\s{0,3}[:=]\s{0,3}['"]?)([^\s'",;]{8,200})"#).expect("it is a pattern")
});

/// The same in a source: `password = '...'`, `headers["X-Api-Key"] = "..."`, `connect(token="...")`.
static IN_QUOTES: LazyLock<Regex> = LazyLock::new(|| {
    let annotation = r"(?:\s{0,3}:\s{0,3}[\w.\[\]|]+)?";
    let quote = r#"[rbuRBU]{0,2}['"]{1,3}"#;
    Regex::new(&format!(
        r#"([\w.-]+)(['"]?\]?{annotation}\s{{0,3}}(?:[:=]|[=!]=)\s{{0,3}}{quote})([^\s'",;]{{8,200}})"#
    ))
    .expect("it is a pattern")
});

/// What stands in names of credentials, but for the case of letters.
static TRACES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("(?i-u)key|token|secret|passw|pwd|passphrase|credential|auth|bearer|dsn|conn|cookie|session")
        .expect("it is a pattern")
});

/// Whether such a name may stand in a text: a cheap look before the dear one.
pub(super) fn may_be_in(text: &str) -> bool {
    TRACES.is_match(text)
}

/// A text with the values of telling names taken out.
pub(super) fn without(text: String, written: Written) -> String {
    if !may_be_in(&text) {
        return text;
    }
    let pattern = match written {
        Written::ForPeople => &ANYWHERE,
        Written::AsCode => &IN_QUOTES,
    };
    replace(text, pattern, without_value)
}

fn without_value(text: &str, found: &Captures<'_>) -> Found {
    let [name, between, value] = [1, 2, 3].map(|group| found.get(group).expect("every match has three parts"));
    let is_in_word = text[..name.start()].chars().next_back().is_some_and(is_of_name);
    if is_in_word || name.as_str().chars().count() > LONGEST_NAME {
        return Found::GoOn(name.end());
    }
    if is_named_like_one(name.as_str(), value.as_str()) {
        return Found::Is(format!("{}{}{}", name.as_str(), between.as_str(), mark("a credential")));
    }
    Found::Stays
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '.' | '-')
}
