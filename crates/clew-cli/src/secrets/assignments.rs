//! Finds names and values of credentials in code, settings, shell commands, queries and prose: `password = …`, `"token": "…"`,
//! `--api-key …`, `<secret>…</secret>`.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::TextKind;
use super::names::{Strength, strength};
use super::place::{CREDENTIAL, CredentialSpan};
use super::values::{AssignmentForm, is_credential};

const IN_WORDS: &str = "a password in a text";

/// Longer words are not names.
const LONGEST_NAME: usize = 60;
/// The longest unquoted value (bytes).
const LONGEST_BARE: usize = 600;
/// The most bytes that are read after a name.
const NEAR: usize = 5000;

/// Calls that return their argument's text unchanged, or encoded.
#[rustfmt::skip]
const CALLS: &[&str] = &["SecretStr", "SecretBytes", "Secret", "str", "bytes", "Field", "quote", "quote_plus", "dedent", "b64encode"];

/// Names of passwords in connection strings, where they may end the text: `host=db;password=…;`.
const BARE: &[&str] = &[
    "password", "passwd", "pwd", "secret", "api_key", "api-key", "apikey", "token",
];

/// Matches what may precede a name at the beginning of a line.
static BEGINS_LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:\A|\n)[ \t]*(?:[-*#;$>]+[ \t]*)?(?:(?:export|set|setx|env|let|declare -x)[ \t]+)?\z")
        .expect("it is a pattern")
});
/// Matches other fields of a database connection string in the same line.
static CONNECTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(?-u:\b)(?:user|uid|user id|username|host|server|dbname|database|data source)\s?=")
        .expect("it is a pattern")
});
/// Matches what precedes a name as an argument of a call, first or after an object: `setenv("…`, `setattr(it, "…`.
static IN_CALL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"\(\s*(?:['"]?[\w.-]+['"]?\s*,\s*)?[rbu]?['"]\z"#).expect("it is a pattern"));
static OF_ENVIRONMENT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)(?:%(?:set_)?env|setx|(?:\A|\n)ENV)[ \t]+\z").expect("it is a pattern"));

/// Returns the value of the name around a trace, if it is a credential. `seen` is the end of the last name.
pub(super) fn at(text: &str, trace: Range<usize>, seen: &mut usize, written: TextKind) -> Option<CredentialSpan> {
    if trace.start < *seen {
        return None;
    }
    let end = trace.end + length(text[trace.end..].chars());
    let start = trace.start - length(text[..trace.start].chars().rev());
    *seen = end;
    let name = &text[start..end];
    if !may_have_value(&text[..start], name, &text[end..]) || name.chars().count() > LONGEST_NAME {
        return None;
    }
    let strength = strength(name)?;
    let found = Assignment::read(text, start..end)?;
    let form = found.form(strength, written)?;
    let strength = if strength == Strength::Vague && found.is_parameter() {
        Strength::Telling
    } else {
        strength
    };
    let it = found.value.clone();
    if strength == Strength::Vague && form == AssignmentForm::Prose {
        return None;
    }
    if !is_credential(strength, form, &text[it.clone()]) {
        return None;
    }
    let is_in_words = written == TextKind::ForPeople && found.is_in_words();
    Some(if is_in_words {
        CredentialSpan {
            range: start..it.end,
            it,
            what: IN_WORDS,
        }
    } else {
        CredentialSpan::of(it, CREDENTIAL)
    })
}

/// Returns the length of a name in bytes.
fn length(letters: impl Iterator<Item = char>) -> usize {
    let of_name = letters.take_while(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '.' | '-'));
    of_name.take(2 * LONGEST_NAME).map(char::len_utf8).sum()
}

/// Checks quickly whether a name may have a value.
fn may_have_value(before: &str, name: &str, behind: &str) -> bool {
    let mut letters = behind.chars();
    match letters.next() {
        Some('"' | '\'' | '\\' | '=' | ':' | '!' | '\u{94}' | '\u{8c}') => true,
        Some('>') => before.ends_with('<'),
        Some(' ' | '\t') => {
            let next = letters.find(|letter| !matches!(letter, ' ' | '\t'));
            let is_followed = next.is_some_and(|next| ":=!'\"".contains(next));
            is_followed
                || name.starts_with('-')
                || before.ends_with("env ")
                || before.ends_with("ENV ")
                || before.ends_with("setx ")
        }
        _ => false,
    }
}

/// The text between a name and its value.
#[derive(Default)]
struct Separator<'a> {
    /// Whether a quote ends the name.
    is_closed: bool,
    sign: &'a str,
    /// The quote that begins the value.
    quote: Option<&'a str>,
    length: usize,
}

impl<'a> Separator<'a> {
    fn read(text: &'a str) -> Self {
        let mut rest = text;
        let is_closed = quote(rest).is_some_and(|quote| {
            rest = &rest[quote.len()..];
            true
        });
        rest = after(rest, 2, |letter| matches!(letter, ']' | ')'));
        rest = after(rest, 3, char::is_whitespace);
        let sign = sign(rest);
        rest = &rest[sign.len()..];
        rest = after(rest, 40, |letter| letter.is_whitespace() || letter == '\\');
        rest = within_call(rest);
        rest = after(rest, 1, |letter| letter == '(');
        rest = after(rest, 20, char::is_whitespace);
        let bare = after(rest, 2, |letter| "rbfuRBFU".contains(letter));
        let quote = quote(bare);
        if let Some(quote) = quote {
            rest = &bare[quote.len()..];
        } else if let Some(ended) = text[..text.len() - rest.len()].rfind('\\') {
            // A backslash that does not end the line belongs to the value.
            rest = &text[ended..];
        }
        Self {
            is_closed,
            sign,
            quote,
            length: text.len() - rest.len(),
        }
    }
}

/// Returns the rest of a text after at most `most` letters of a kind.
fn after(text: &str, most: usize, is_one: fn(char) -> bool) -> &str {
    let count: usize = text
        .chars()
        .take(most)
        .take_while(|letter| is_one(*letter))
        .map(char::len_utf8)
        .sum();
    &text[count..]
}

/// Returns the quote that a text begins with, including its escapes within another literal.
fn quote(text: &str) -> Option<&str> {
    let escapes = text.bytes().take(3).take_while(|letter| *letter == b'\\').count();
    let rest = &text[escapes..];
    let quotes = ["\'\'\'", "\"\"\"", "\'", "\""]
        .into_iter()
        .find(|quotes| rest.starts_with(quotes))?;
    Some(&text[..escapes + quotes.len()])
}

/// Returns the sign between a name and a value, if there is one.
fn sign(text: &str) -> &str {
    if text.starts_with(':')
        && let Some(end) = text.bytes().take(64).position(|letter| letter == b'=')
        && end > 1
        && text[1..end]
            .trim_start()
            .starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
        && text[1..end]
            .bytes()
            .all(|letter| letter.is_ascii_alphanumeric() || b"_.[]| ".contains(&letter))
    {
        return &text[..=end];
    }
    let signs = [":=", "=>", "->", "==", "!=", "=", ":", ",", ">", "value=", "value ="];
    signs
        .into_iter()
        .find(|sign| text.starts_with(sign))
        .map_or("", |sign| &text[..sign.len()])
}

/// Returns the argument of a call that does not change its text.
fn within_call(text: &str) -> &str {
    let path = after(text, 60, |letter| {
        letter.is_alphanumeric() || matches!(letter, '_' | '.')
    });
    let name = &text[..text.len() - path.len()];
    let is_one = path.starts_with('(') && CALLS.contains(&name.rsplit('.').next().unwrap_or_default());
    if !is_one {
        return text;
    }
    let given = after(&path[1..], 20, char::is_whitespace);
    given.strip_prefix("default=").unwrap_or(given)
}

/// A name, and the value that follows it.
struct Assignment<'a> {
    text: &'a str,
    name: Range<usize>,
    value: Range<usize>,
    sign: &'a str,
    /// Whether the name and the value are quoted.
    is_name_quoted: bool,
    is_quoted: bool,
}

impl<'a> Assignment<'a> {
    fn read(text: &'a str, name: Range<usize>) -> Option<Self> {
        let near = &text[name.end..text.floor_char_boundary(name.end + NEAR)];
        if let Some(value) = pickled(near) {
            let value = name.end + value.start..name.end + value.end;
            return Some(Self {
                text,
                name,
                value,
                sign: "=",
                is_name_quoted: true,
                is_quoted: true,
            });
        }
        let Separator {
            is_closed,
            sign,
            quote: open,
            length,
        } = Separator::read(near);
        let start = name.end + length;
        let rest = &near[length..];
        let length = match open {
            Some(quote) => ended(rest, quote),
            None if sign == ">" => rest.find(['<', '\n'])?,
            None => bare(
                &rest[..rest.floor_char_boundary(LONGEST_BARE)],
                text[..name.start].ends_with(['?', '&']),
                sign,
            )?,
        };
        Some(Self {
            text,
            value: start..start + length,
            sign,
            is_name_quoted: is_closed,
            is_quoted: open.is_some(),
            name,
        })
        .filter(|found| length > 0 && (!found.sign.is_empty() || found.between().starts_with(char::is_whitespace)))
    }

    fn before(&self) -> &'a str {
        let from = self.text.floor_char_boundary(self.name.start.saturating_sub(400));
        &self.text[from..self.name.start]
    }

    fn behind(&self) -> &'a str {
        &self.text[self.value.end..]
    }

    fn between(&self) -> &'a str {
        &self.text[self.name.end..self.value.start]
    }

    /// Returns how the value is assigned; `None` if the name has no value.
    fn form(&self, strength: Strength, written: TextKind) -> Option<AssignmentForm> {
        let before = self.before();
        let is_flag = self.text[self.name.clone()].starts_with('-');
        match self.sign {
            "," if !(self.is_name_quoted && self.is_quoted) => None,
            // A call that sets a name to a value, or a list of words.
            "," if is_flag || IN_CALL.is_match(before) => Some(AssignmentForm::Value),
            "," => Some(AssignmentForm::Prose),
            ">" => (written == TextKind::ForPeople && before.ends_with('<') && self.behind().starts_with('<'))
                .then_some(AssignmentForm::Value),
            "" if written == TextKind::AsCode || self.is_name_quoted => None,
            "" if self.is_quoted => (strength > Strength::Vague).then_some(AssignmentForm::Equals),
            "" if OF_ENVIRONMENT.is_match(before) => Some(AssignmentForm::Line),
            "" => (is_flag && !self.text[self.value.clone()].starts_with('-')).then_some(AssignmentForm::Equals),
            _ if self.is_quoted => Some(AssignmentForm::Value),
            _ if written == TextKind::AsCode => None,
            _ if self.is_line() => Some(AssignmentForm::Line),
            sign => Some(match sign.ends_with('=') {
                true if self.is_in_words() || self.connects() => AssignmentForm::Value,
                true => AssignmentForm::Equals,
                false => AssignmentForm::Prose,
            }),
        }
    }

    /// Whether name and value are a line of their own, as in settings files.
    fn is_line(&self) -> bool {
        let rest = self.behind();
        let rest = rest[..rest.floor_char_boundary(LONGEST_NAME)]
            .split('\n')
            .next()
            .unwrap_or_default()
            .trim();
        let line = self.before();
        let line = &line[line.rfind('\n').unwrap_or(0)..];
        (rest.is_empty() || rest.starts_with('#')) && line.len() <= LONGEST_NAME && BEGINS_LINE.is_match(line)
    }

    /// Whether the same line contains other fields of a database connection.
    fn connects(&self) -> bool {
        let line = self.text[..self.name.start].rfind('\n').map_or(0, |end| end + 1);
        let line = self
            .text
            .floor_char_boundary(line.max(self.name.start.saturating_sub(400)));
        let end = self.text.floor_char_boundary(self.value.end + 400);
        let behind = self.text[self.value.end..end].split('\n').next().unwrap_or_default();
        self.between() == "=" && (CONNECTS.is_match(&self.text[line..self.name.start]) || CONNECTS.is_match(behind))
    }

    /// Whether it is a query parameter of a URL.
    fn is_parameter(&self) -> bool {
        self.sign == "=" && !self.is_quoted && self.before().ends_with(['?', '&'])
    }

    /// Whether it is a field of a connection string.
    fn is_in_words(&self) -> bool {
        let name = self.text[self.name.clone()].to_lowercase();
        let behind = self.behind();
        let ends = behind.trim_end_matches('\n').is_empty() || behind.starts_with([';', '&']);
        self.sign == "=" && !self.is_quoted && !self.is_name_quoted && ends && BARE.contains(&name.as_str())
    }
}

/// Returns the end of a quoted text.
fn ended(rest: &str, quote: &str) -> usize {
    let is_escaped = |at: usize| quote.len() == 1 && rest[..at].ends_with('\\') && !rest[..at].ends_with("\\\\");
    let ends = rest.match_indices(quote).map(|(at, _)| at).find(|at| !is_escaped(*at));
    // An unclosed quote ends at the next space.
    ends.unwrap_or_else(|| rest.find(char::is_whitespace).unwrap_or(rest.len()))
}

/// Returns the length of an unquoted value; `None` if it is as long as data.
fn bare(rest: &str, is_parameter: bool, sign: &str) -> Option<usize> {
    let ends =
        |letter: &u8| letter.is_ascii_whitespace() || matches!(letter, b'\'' | b'"' | b',' | b';' | b'\\' | b'`');
    let end = rest.as_bytes().iter().position(ends).unwrap_or(rest.len());
    if end == LONGEST_BARE {
        return None;
    }
    let next = rest[..end].find('&').filter(|_| is_parameter || sign == "=");
    Some(next.unwrap_or(end))
}

/// Returns the range of the text that follows a name in a pickle.
fn pickled(behind: &str) -> Option<Range<usize>> {
    let rest = behind.strip_prefix('\u{94}').unwrap_or(behind);
    let rest = rest.strip_prefix('\u{8c}')?;
    let count = rest.chars().next()?;
    let start = behind.len() - rest.len() + count.len_utf8();
    let length: usize = behind[start..].chars().take(count as usize).map(char::len_utf8).sum();
    Some(start..start + length)
}
