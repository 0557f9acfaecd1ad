//! Removes credentials from sources of cells, where only literals and comments are checked.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::names::{Strength, strength};
use super::place::{CREDENTIAL, CredentialSpan};
use super::scan;
use super::values::{AssignmentForm, is_credential, is_distinct};
use super::{TextKind, is_one_of_named, is_one_of_row, may_be_of_several, redaction};

/// Matches literal text in a source: string literals, comments, shell lines.
static WRITTEN_OUT: LazyLock<Regex> = LazyLock::new(|| {
    let quoted = r#"'''(?s:.*?)'''|"""(?s:.*?)"""|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*""#;
    let line = r"(?:[^\\\n]|\\(?s:.))*";
    Regex::new(&format!(
        r"(?m){quoted}|#[^\n]*|^[ \t]*(?:[\w, .\[\]]+=[ \t]*)?[%!]{line}"
    ))
    .expect("it is a pattern")
});

/// Matches several names bound to several texts: `user, password = "…", "…"`.
static SEVERAL: LazyLock<Regex> = LazyLock::new(|| {
    let text = r#"[rbuRBU]{0,2}(?:'[^'\n]*'|"[^"\n]*")"#;
    Regex::new(&format!(
        r"(?m)^[ \t]*((?:[\w.]+[ \t]*,[ \t]*)+[\w.]+)[ \t]*=[ \t]*[(\[]?[ \t]*({text}(?:[ \t]*,[ \t]*{text})+)"
    ))
    .expect("it is a pattern")
});
/// Matches a name bound to a list or dictionary of texts: `passwords = ["…", "…"]`, `passwords = {"joe": "…"}`.
static ROW: LazyLock<Regex> = LazyLock::new(|| {
    let texts = r#"(?:'[^'\n]*'|"[^"\n]*"|[^'"()\[\]{}])"#;
    Regex::new(&format!(
        r"([A-Za-z_][\w.]*)[ \t]*(?::[^=\n]{{1,60}})?=[ \t]*(?:\[({texts}*)\]|\(({texts}*)\)|\{{({texts}*)\}})"
    ))
    .expect("it is a pattern")
});
/// Matches a text, and the value of the key if it is one.
static PAIR: LazyLock<Regex> = LazyLock::new(|| {
    let text = |name| format!(r#"(?:'(?<{name}>[^'\n]*)'|"(?<{name}2>[^"\n]*)")"#);
    Regex::new(&format!(
        r"{}(?:\s*:\s*[rbuRBU]{{0,2}}{})?",
        text("first"),
        text("under")
    ))
    .expect("it is a pattern")
});
static QUOTED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"'([^'\n]*)'|"([^"\n]*)""#).expect("it is a pattern"));

/// Matches names bound to the result of a call or look-up that returns credentials.
static GIVEN: LazyLock<Regex> = LazyLock::new(|| {
    let givers = r"getpass|get_password|get_credential|get_secret|get_secret_value|getSecret|access_secret_version|read_secret_version|userdata\.get|dotenv_values|secrets\.get|get_parameter|prompt_password|pass_prompt|get_frozen_credentials|get_token";
    let looked_up =
        r#"(?:environ|getenv|secrets|userdata)(?:\.get)?\s*[\[(]\s*[rf]?['"](?<name>[A-Za-z0-9_.-]{1,60})['"]"#;
    let asked = r#"\binput\(\s*[rf]?['"](?<prompt>[^'"\n]{0,200})['"]"#;
    Regex::new(&format!(r"(?m)(?:^|;)[ \t]*(?<to>[A-Za-z_][A-Za-z0-9_, ]{{0,100}}?)\s*(?::[^=\n]{{1,60}})?=\s*[^\n#]{{0,200}}?(?:(?:{givers})\s*\(|{looked_up}|{asked})"))
        .expect("it is a pattern")
});

static MARKED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[not kept: ([^\]]*)\]").expect("it is a pattern"));

/// A source without its credentials.
pub struct MaskedSource {
    /// The source with placeholders for what was removed.
    pub kept: String,
    /// The kinds of removed credentials, as text.
    pub taken: Vec<String>,
    /// The credentials, if distinctive enough to be recognized elsewhere.
    pub texts: Vec<String>,
}

/// Removes credentials and the `known` texts from a cell's source.
///
/// Code is not output: `token = tokenizer.Encode1(x)` reveals nothing. Therefore only literals and comments are checked, and shapes that do
/// not occur in code.
pub fn masked(source: &str, known: &[String]) -> MaskedSource {
    let is_known = known.iter().any(|secret| source.contains(secret.as_str()));
    if !is_known && !scan::may_be_in(source) {
        return MaskedSource {
            kept: source.to_owned(),
            taken: Vec::new(),
            texts: Vec::new(),
        };
    }
    let places = credentials(source);
    let texts = places
        .iter()
        .map(|place| &source[place.it.clone()])
        .filter(|text| is_known_again(text));
    let texts = texts.map(str::to_owned).collect();
    let kept = scan::without(source.to_owned(), &places);
    let kept = if is_known { without_known(&kept, known) } else { kept };
    let taken = taken(source, &kept);
    MaskedSource { kept, taken, texts }
}

/// Returns names that a source binds to credentials from `getpass`, a key ring, or an environment variable with a telling name.
pub fn given_names(source: &str) -> Vec<String> {
    if !scan::may_be_in(source) {
        return Vec::new();
    }
    let tells = |text: &str| strength(text).is_some_and(|strength| strength > Strength::Vague);
    let found = GIVEN.captures_iter(source).filter(|found| {
        let of = |group| found.name(group).map(|text| text.as_str());
        of("name").or(of("prompt")).is_none_or(tells)
    });
    let names = found.flat_map(|found| {
        found
            .name("to")
            .map_or("", |to| to.as_str())
            .split(',')
            .collect::<Vec<_>>()
    });
    names
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

/// Whether a prompt asks for a credential.
pub fn asks_for_one(prompt: &str) -> bool {
    strength(prompt).is_some_and(|strength| strength > Strength::Vague)
}

/// Returns the credentials in the literals of a source.
fn credentials(source: &str) -> Vec<CredentialSpan> {
    if source.trim_start().starts_with("%%") {
        return scan::places(source, TextKind::ForPeople);
    }
    let traces = scan::traces(source);
    let mut places = scan::places(source, TextKind::AsCode);
    for piece in WRITTEN_OUT.find_iter(source) {
        let first = traces.partition_point(|trace| *trace < piece.start());
        if traces.get(first).is_none_or(|trace| *trace >= piece.end()) {
            continue;
        }
        let inner = inside(piece.as_str());
        let start = piece.start() + inner.start;
        let found = scan::places(&piece.as_str()[inner], TextKind::ForPeople);
        places.extend(found.into_iter().map(|place| CredentialSpan {
            range: place.range.start + start..place.range.end + start,
            it: place.it.start + start..place.it.end + start,
            what: place.what,
        }));
    }
    places.extend(of_several(source));
    places.extend(of_rows(source));
    scan::apart(places)
}

/// Returns the range of a text inside its quotes.
fn inside(piece: &str) -> Range<usize> {
    let quotes = ["\"\"\"", "'''", "\"", "'"]
        .into_iter()
        .find(|quotes| piece.starts_with(quotes));
    let quotes = quotes.map_or(0, str::len);
    quotes..piece.len() - quotes
}

fn of_several(source: &str) -> Vec<CredentialSpan> {
    let mut places = Vec::new();
    for found in SEVERAL.captures_iter(source) {
        let texts = found.get(2).expect("every match has it");
        for (name, text) in found[1].split(',').zip(QUOTED.captures_iter(texts.as_str())) {
            let Some(it) = text.get(1).or(text.get(2)) else {
                continue;
            };
            let range = texts.start() + it.start()..texts.start() + it.end();
            if strength(name.trim()).is_some_and(|strength| is_credential(strength, AssignmentForm::Value, it.as_str()))
            {
                places.push(CredentialSpan::of(range, CREDENTIAL));
            }
        }
    }
    places
}

/// Finds passwords in lists and dictionaries with a telling name.
fn of_rows(source: &str) -> Vec<CredentialSpan> {
    let mut places = Vec::new();
    for row in ROW.captures_iter(source).filter(|row| may_be_of_several(&row[1])) {
        let (name, is_named) = (&row[1], row.get(4).is_some());
        let texts = (2..=4).find_map(|group| row.get(group)).expect("one of them was found");
        let pairs: Vec<_> = PAIR.captures_iter(texts.as_str()).collect();
        for (place, pair) in pairs.iter().enumerate() {
            let of = |one: &str, other: &str| pair.name(one).or(pair.name(other));
            let (it, is_one) = match of("under", "under2") {
                Some(under) => (under, is_named && is_one_of_named(name, under.as_str())),
                None => match of("first", "first2") {
                    Some(text) => (text, is_one_of_row(name, place, pairs.len(), text.as_str())),
                    None => continue,
                },
            };
            if is_one {
                places.push(CredentialSpan::of(
                    texts.start() + it.start()..texts.start() + it.end(),
                    CREDENTIAL,
                ));
            }
        }
    }
    places
}

/// Removes the `known` texts from the literals of a source.
fn without_known(source: &str, known: &[String]) -> String {
    if source.trim_start().starts_with("%%") {
        return redaction::without(source, known);
    }
    let pieces = WRITTEN_OUT.replace_all(source, |piece: &regex::Captures<'_>| {
        let inner = inside(&piece[0]);
        let (start, end) = (inner.start, inner.end);
        format!(
            "{}{}{}",
            &piece[0][..start],
            redaction::without(&piece[0][inner], known),
            &piece[0][end..]
        )
    });
    pieces.into_owned()
}

/// Common default passwords, which also occur as ordinary words.
const COMMON: &[&str] = &[
    "postgres", "admin", "mysql", "oracle", "guest", "public", "jupyter", "python",
];

/// Whether a credential is distinctive enough to be recognized anywhere.
pub(super) fn is_known_again(text: &str) -> bool {
    is_distinct(text) || (text.chars().count() >= 6 && !COMMON.contains(&text))
}

/// Returns the kinds of removed credentials from the placeholders: each once.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_bound_to_a_credential_are_told() {
        let source = "import os, getpass\nx = getpass.getpass('Word: ')\nuser, y = ask(), keyring.get_password('a', 'b')\n\
                      z: str = os.environ['DB_PASS']\nn = os.environ['HOME']\nt = input('API token: ')\nu = input('Name: ')\n";
        assert_eq!(given_names(source), ["x", "user", "y", "z", "t"]);
        assert_eq!(given_names("rows = read('table')"), [""; 0]);
    }

    #[test]
    fn several_names_have_a_text_each() {
        let password = ["hunter", "2!Xy"].concat();
        let masked = masked(&format!("user, pw = 'joe', '{password}'"), &[]);
        assert_eq!(masked.kept, "user, pw = 'joe', '[not kept: a credential]'");
        assert_eq!(masked.texts, [password]);
    }

    #[test]
    fn rows_of_passwords_and_passwords_of_users_are_taken_out() {
        let (one, other) = (["hunter", "2!Xy"].concat(), ["Tr0ub", "4dor&3"].concat());
        let mark = "[not kept: a credential]";
        for (source, kept) in [
            (
                format!("passwords = ['{one}', \"{other}\"]"),
                format!("passwords = ['{mark}', \"{mark}\"]"),
            ),
            (
                format!("db_passwords: list[str] = (\n  r'{one}',\n)"),
                format!("db_passwords: list[str] = (\n  r'{mark}',\n)"),
            ),
            (
                format!("passwords = {{'joe': '{one}', 'ann': '{other}'}}"),
                format!("passwords = {{'joe': '{mark}', 'ann': '{mark}'}}"),
            ),
            (
                format!("session.auth = ('joe', '{one}')"),
                format!("session.auth = ('joe', '{mark}')"),
            ),
            (
                "password_lengths = ['abc', 'def']".to_owned(),
                "password_lengths = ['abc', 'def']".to_owned(),
            ),
            (
                "columns = ['password', 'name']".to_owned(),
                "columns = ['password', 'name']".to_owned(),
            ),
        ] {
            assert_eq!(masked(&source, &[]).kept, kept, "{source}");
        }
    }
}
