//! Detects credentials by name and by shape, so that they are never stored.
//!
//! A name alone is not enough: `key = "a"` is data. A telling name requires a text that could be a credential; a telling shape is
//! sufficient alone. Python decides which objects are checked (`clew/secrets.py`); texts are only classified here, since commands in a
//! terminal run without Python.

mod addresses;
mod assignments;
mod contexts;
mod keys;
mod names;
mod place;
mod redaction;
mod scan;
mod shapes;
mod source;
mod values;

pub use redaction::{holds_known, secret_variables};
pub use source::{MaskedSource, asks_for_one, given_names, masked};
pub use values::is_distinct;

use self::place::{CREDENTIAL, CredentialSpan};
use crate::text::listing;

/// The kind of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TextKind {
    /// Text for people and programs: everything is checked.
    ForPeople,
    /// Code: only literals and comments are checked, not expressions. `token = tokenizer.Encode1(x)` reveals nothing.
    AsCode,
}

/// Returns the placeholder for removed text.
pub(crate) fn mark(what: &str) -> String {
    format!("[not kept: {what}]")
}

/// Returns why a text with this name is a credential, judged by name and text.
pub fn judged(name: &str, text: &str) -> Option<&'static str> {
    shape_of(text).or_else(|| is_named_like_one(name, text).then_some("its name suggests a credential"))
}

/// Returns the kind of the first credential in the text.
pub fn shape_of(text: &str) -> Option<&'static str> {
    scan::places(text, TextKind::ForPeople).first().map(|place| place.what)
}

/// Whether a text is a credential because of its name.
pub fn is_named_like_one(name: &str, text: &str) -> bool {
    names::strength(name).is_some_and(|strength| values::is_credential(strength, values::AssignmentForm::Value, text))
}

/// Returns the credentials in a text with this name, if distinctive enough to be recognized elsewhere.
pub fn credentials_in(name: &str, text: &str) -> Vec<String> {
    let mut found = scan::places(text, TextKind::ForPeople);
    if found.is_empty() && is_named_like_one(name, text) {
        found.push(CredentialSpan::of(0..text.len(), CREDENTIAL));
    }
    let texts = found.into_iter().map(|place| text[place.it].to_owned());
    texts.filter(|text| source::is_known_again(text)).collect()
}

/// Whether an element of a sequence with `count` elements under a name is a credential: one of several passwords, or the second of user and
/// password.
pub fn is_one_of_row(name: &str, place: usize, count: usize, text: &str) -> bool {
    ((names::is_of_a_login(name) && place == 1 && count == 2) || names::is_of_passwords(name)) && is_password(text)
}

/// Whether a value of a dictionary under a name is a credential: `passwords = {"joe": ...}`.
pub fn is_one_of_named(name: &str, text: &str) -> bool {
    names::is_of_named_passwords(name) && is_password(text)
}

fn is_password(text: &str) -> bool {
    values::is_credential(names::Strength::Certain, values::AssignmentForm::Value, text)
}

/// Whether elements without names of their own under a name may be credentials.
pub fn may_be_of_several(name: &str) -> bool {
    // A fast check first: most names are irrelevant, and all are checked.
    scan::may_be_in(name) && (names::is_of_a_login(name) || names::is_of_passwords(name))
}

/// Removes credentials and the `known` texts from an output or a written text.
///
/// Checks the whole text, however long: a single printed key must not be stored.
pub fn redacted(text: &str, known: &[String]) -> String {
    let text = redaction::without(text, known);
    let places = scan::places(&text, TextKind::ForPeople);
    scan::without(text, &places)
}

/// Removes credentials from a typed description or name of a run; returns the rest, and what was removed.
pub(crate) fn kept(typed: &str, known: &[String]) -> (String, Vec<String>) {
    let kept = redacted(typed, known);
    let taken = source::taken(typed, &kept);
    (kept, taken)
}

/// Formats the kinds of removed credentials at the beginning of a sentence: `an API key was left out`.
pub fn left_out(taken: &[String]) -> String {
    let verb = if taken.len() == 1 { "was" } else { "were" };
    format!("{} {verb} left out", listing(taken, taken.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(kinds: &[&str]) -> String {
        left_out(&kinds.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn one_was_left_out_and_several_were() {
        assert_eq!(sentence(&["an API key"]), "an API key was left out");
        assert_eq!(
            sentence(&["a credential", "an API key"]),
            "a credential and an API key were left out"
        );
        assert_eq!(sentence(&["a", "b", "c"]), "a, b and c were left out");
    }

    #[test]
    fn what_stood_in_a_sentence_is_taken_out_and_the_sentence_stays() {
        let key = format!("ghp_{}", "a1B2".repeat(9));
        assert_eq!(
            redacted(&format!("with the token {key}, which is mine\n"), &[]),
            "with the token [not kept: a GitHub token], which is mine\n"
        );
        assert_eq!(
            redacted("the token of run 14 was better", &[]),
            "the token of run 14 was better"
        );
    }

    #[test]
    fn a_key_goes_whole_and_so_does_the_end_of_one() {
        let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE-line\n-----END RSA PRIVATE KEY-----";
        let without = |text: &str| redacted(text, &[]);
        assert_eq!(
            without(&format!("a\n{key}\nb\n{key}\nc\n")),
            "a\n[not kept: a private key]\nb\n[not kept: a private key]\nc\n"
        );
        assert_eq!(
            without("MIIE\n-----END PRIVATE KEY-----\nb"),
            "[not kept: a private key]\nb"
        );
        assert_eq!(without("a-----b is a private key"), "a-----b is a private key");
    }

    #[test]
    fn words_with_dashes_are_no_keys_and_a_key_behind_them_is_one() {
        let words = "sk-learn-estimators-and-pipelines";
        assert_eq!(shape_of(words), None);
        let text = format!("{words} {}", "a".repeat(60) + &format!(" sk-{}", "a1B2".repeat(10)));
        assert_eq!(shape_of(&text), Some("an API key"));
    }

    #[test]
    fn every_shape_leaves_a_trace() {
        for text in [
            "AKIAIOSFODNN7ABCDEFG",
            "host=db;user=me;password=s3cr3t99;",
            "x xoxb-1234567890-abcdefghij",
            "postgresql://me:hunter22@db.example.org/x",
            "Authorization: Bearer abcdefgh12345678",
        ] {
            assert!(shape_of(text).is_some(), "{text}");
        }
    }

    #[test]
    fn a_name_tells_unless_what_follows_is_about_something_else() {
        let text = "hunter2!Xy7";
        for name in [
            "password",
            "API_KEY",
            "X-Api-Key",
            "myToken",
            "db_passwords",
            "token2",
            "token_count_secret",
        ] {
            assert!(is_named_like_one(name, text), "{name}");
        }
        for name in [
            "password_hash",
            "token_count",
            "tokenCount",
            "tokenizer",
            "passport",
            "token_expires_at",
            "",
            "x",
        ] {
            assert!(!is_named_like_one(name, text), "{name}");
        }
    }

    #[test]
    fn a_vague_name_takes_a_long_random_text() {
        assert!(is_named_like_one("session_id", "a8f5f167f44f4964e6c998dee827110c"));
        for text in ["customer_id", "departure_delay_2020", "hunter2!Xy7"] {
            assert!(!is_named_like_one("key", text), "{text}");
        }
    }
}
