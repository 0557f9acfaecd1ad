//! URLs with a password, or with a token as the user: `postgresql://me:…@db/x`.

use super::names::Strength;
use super::place::CredentialSpan;
use super::values::{AssignmentForm, is_credential, is_distinct, is_placeholder, names_one};

const WITH_PASSWORD: &str = "an address with a password";
/// The longest scheme, and the longest part before the host (bytes).
const SCHEME: usize = 20;
const LONGEST: usize = 600;
/// The shortest password, and the shortest token in a URL.
const PASSWORD: usize = 3;
const TOKEN: usize = 20;

/// Returns the span of the URL whose `://` is at `colon`, up to its host, if it contains a credential.
pub(super) fn at(text: &str, colon: usize) -> Option<CredentialSpan> {
    let letters = text.as_bytes()[..colon].iter().rev().take(SCHEME);
    let scheme = letters
        .take_while(|letter| letter.is_ascii_alphanumeric() || b"+.-".contains(letter))
        .count();
    let after = colon + "://".len();
    let near = &text[after..text.floor_char_boundary(after + LONGEST)];
    let end = near.find(|letter: char| letter.is_whitespace() || "/'\"<>`\\".contains(letter));
    let login = near[..end.unwrap_or(near.len())].rsplit_once('@')?;
    if scheme < 2 || login.1.is_empty() {
        return None;
    }
    let (it, is_one) = match login.0.split_once(':') {
        Some((user, password)) => (user.len() + 1..login.0.len(), is_password(password)),
        None => (0..login.0.len(), is_token(login.0)),
    };
    is_one.then(|| CredentialSpan {
        range: colon - scheme..after + login.0.len() + 1,
        it: after + it.start..after + it.end,
        what: WITH_PASSWORD,
    })
}

fn is_password(text: &str) -> bool {
    text.chars().count() >= PASSWORD
        && !text.starts_with('$')
        && !text.contains(['[', ']'])
        && !is_placeholder(text)
        && !names_one(text)
}

fn is_token(text: &str) -> bool {
    text.len() >= TOKEN && is_distinct(text) && is_credential(Strength::Telling, AssignmentForm::Value, text)
}
