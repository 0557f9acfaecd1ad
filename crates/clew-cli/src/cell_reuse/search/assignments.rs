//! The simple assignments of a cell (`limit = 20`): its parameters, and which of them changed.

use super::reasons::LONGEST;
use crate::{secrets, text};

/// Returns the names that unindented lines of the source assign, each with the text after the `=`.
pub(super) fn assignments(source: &str) -> impl Iterator<Item = (&str, &str)> {
    source.lines().filter_map(assignment)
}

/// Returns the changed parameters, each as `` `limit` 20 → 30 ``; `None` if the sources differ in anything else, or contain a credential.
pub(super) fn changed_assignments(before: &str, after: &str) -> Option<Vec<String>> {
    let has_credential = |source| !secrets::masked(source, &[]).taken.is_empty();
    let (then, now) = (all_assignments(before)?, all_assignments(after)?);
    if !then.iter().map(|(name, _)| name).eq(now.iter().map(|(name, _)| name))
        || [before, after].into_iter().any(has_credential)
    {
        return None;
    }
    let changed = then.iter().zip(&now).filter(|(then, now)| then != now);
    let is_long = |value: &str| value.chars().count() > LONGEST;
    let shown = changed.map(|((name, then), (_, now))| match [then, now] {
        values if values.iter().any(|value| is_long(value)) => format!("`{name}` changed"),
        _ => format!("`{name}` {} → {}", text::clean(then), text::clean(now)),
    });
    Some(shown.collect::<Vec<_>>()).filter(|shown| !shown.is_empty())
}

/// Whether a source only assigns literals, as a cell of parameters does.
pub(super) fn only_assigns(source: &str) -> bool {
    all_assignments(source).is_some_and(|all| !all.is_empty() && all.iter().all(|(_, value)| is_literal(value)))
}

/// Whether a value is a literal: numbers, strings, `True`, `False` and `None`, and lists and dictionaries of these. In doubt `false`.
fn is_literal(value: &str) -> bool {
    let mut letters = value.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' | '\'' => {
                let is_closed = letters.by_ref().find(|inner| *inner == letter || *inner == '\\');
                if is_closed != Some(letter) {
                    return false;
                }
            }
            _ if letter.is_ascii_digit() => {
                while letters
                    .next_if(|next| next.is_ascii_alphanumeric() || "._".contains(*next))
                    .is_some()
                {}
            }
            _ if letter.is_alphabetic() => {
                let mut word = String::from(letter);
                while let Some(next) = letters.next_if(|next| next.is_alphanumeric() || *next == '_') {
                    word.push(next);
                }
                if !["True", "False", "None"].contains(&word.as_str()) {
                    return false;
                }
            }
            _ if " ,+-:[]{}".contains(letter) => {}
            _ => return false,
        }
    }
    !value.is_empty()
}

/// Returns the names with their values, if the source contains only such lines.
fn all_assignments(source: &str) -> Option<Vec<(&str, &str)>> {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    source.lines().filter(is_code).map(assignment).collect()
}

fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    // papermill keeps the annotation of the notebook's parameters and writes `limit: int = 20`.
    let name = name.split_once(':').map_or(name, |(name, _)| name).trim_end();
    let is_name = name.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    (is_name && !value.starts_with('=')).then(|| (name, without_comment(value).trim()))
}

/// A `#` inside quotes starts no comment. If there are both quotes and a `#`, the value is not parsed and stays complete.
fn without_comment(value: &str) -> &str {
    let code = value.split('#').next().unwrap_or(value);
    if code.contains(['"', '\'']) { value } else { code }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_changed_is_shown_with_both_values() {
        let before = "# Parameters\nlimit = 20\npath: str = \"a.csv\"\n";
        let changed = |after: &str| changed_assignments(before, after);
        let path = "\npath: str = \"a.csv\"";
        assert_eq!(
            changed(&format!("limit = 30  # was 20{path}")),
            Some(vec!["`limit` 20 → 30".to_owned()])
        );
        let long = "1".repeat(50);
        assert_eq!(
            changed(&format!("limit = {long}{path}")),
            Some(vec!["`limit` changed".to_owned()])
        );
        for other in [
            "limit = 30",
            "limit = 30\nprint(limit)",
            "limit == 30\npath = 1",
            "limit += 1\npath = 1",
            "    limit = 30\npath = 1",
        ] {
            assert_eq!(changed(other), None, "{other}");
        }
        assert_eq!(changed_assignments("password = \"a\"", "password = \"hunter22\""), None);
    }

    #[test]
    fn a_cell_of_parameters_does_nothing_else() {
        assert!(only_assigns("# Parameters\nlimit = 20\nname: str = \"a\"\n"));
        assert!(only_assigns(
            "a = [1, -2.5e-3, 'x; y = (z)', None]\nb = {'k': True}\nc = 0x1F"
        ));
        for other in [
            "",
            "a = b = 5",
            "a = 3; b = 5",
            "a = [b := 9]",
            "a = d.v",
            "a = d[0]",
            "a = !echo 5",
            "a = %pwd",
            "a = f'{b()}'",
            "a = 'it\\'s'",
            "a = 'x' if b else 'y'",
            "limit = 20\nprint(limit)",
            "limit = ask()",
            "limit += 1",
            "import os\nlimit = 1",
        ] {
            assert!(!only_assigns(other), "{other}");
        }
    }

    #[test]
    fn names_that_lines_assign_are_found() {
        let source = "import os\nlimit = 1\nif limit == 1:\n    inner = 2\nd['a'] = 3\nwhole: int = 4";
        let names: Vec<&str> = assignments(source).map(|(name, _)| name).collect();
        assert_eq!(names, ["limit", "whole"]);
    }
}
