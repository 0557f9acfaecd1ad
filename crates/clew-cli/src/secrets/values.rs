//! Decides whether a text can be a credential, given a telling name or context: not a placeholder, word, path, number or code.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::names::{Strength, strength};

/// The form in which a text assigns a value to a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AssignmentForm {
    /// As a separate value: quoted, under a name, or as a line of a settings file.
    Value,
    /// The rest of a line that begins with its name.
    Line,
    /// After `=`, followed by other text.
    Equals,
    /// After `:` in a text, which may be prose.
    Prose,
}

/// Lengths of possible credentials, in characters.
const LONGEST: usize = 4096;
const SHORTEST_PASSWORD: usize = 4;
const SHORTEST_WORD: usize = 6;
const SHORTEST: usize = 8;
/// With a vague name.
const SHORTEST_VAGUE: usize = 20;

static PLACEHOLDERS: LazyLock<Regex> = LazyLock::new(|| {
    let words = r"change_?me|example|your[_-]|placeholder|none|null|undefined|dummy|redacted|masked|hidden|todo|replace|insert|fake|goes[_-]?here|not kept:";
    let mine = r"(?:my|some|the|a|test|new|old)[_-]?(?:secret|super[_-]?secret|password|passwd|pass|token|api[_-]?key|key)\W?\z";
    Regex::new(&format!(
        r"(?i)[<{{\[(].*[>}}\])]|\A[\[<({{$%&*]|\$\{{|%\(|%s|x{{4,}}|\*{{3,}}|\.{{3,}}|…|{words}|\A{mine}"
    ))
    .expect("it is a pattern")
});

/// Matches dates, paths and names of files, and URLs.
static PLAIN: LazyLock<Regex> = LazyLock::new(|| {
    let endings = "csv|tsv|parquet|json|jsonl|txt|md|py|ipynb|db|sqlite|h5|npy|npz|pkl|zip|gz|png|jpe?g|pdf|xlsx?|ya?ml|toml|log|html?|pem|key|crt|env|cfg|ini|conf";
    let date = r"\d{4}-\d\d-\d\d(?:[T ][\d:.,+Z-]+)?";
    let path = r"(?:~|\.{1,2}|[A-Za-z]:)?[\\/].*";
    let place = r"[A-Za-z][A-Za-z0-9+.-]*://.*";
    Regex::new(&format!(
        r"\A(?:{date}|(?:[\w.-]+/)*[\w.-]+\.(?:{endings})|{path}|{place})\z"
    ))
    .expect("it is a pattern")
});

static NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\A[-+]?[\d.,:/%eE_]+\z").expect("it is a pattern"));

/// Matches expressions in code: `self.password`, `args.token`, `os.environ`.
static CODE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\A[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\z|[(){}\[\]]").expect("it is a pattern"));

/// Words that occur under names of passwords without being one.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "string", "strings", "integer", "boolean", "object", "varchar", "required", "optional", "default", "prompt", "missing",
    "invalid", "incorrect", "wrong", "correct", "unknown", "secret", "secrets", "login", "username", "enabled", "disabled",
    "strong", "weak", "failed", "success", "expired", "changed", "header", "cookie", "basic", "bearer", "digest", "oauth", "oauth2",
    "query", "stdin", "getpass", "keyring", "environ", "environment", "config", "credentials", "random", "column", "unset", "empty",
    "false", "needed", "accepted", "denied", "normal", "value", "values", "character", "characters", "encrypted", "static",
];

/// Words of sentences, which do not occur in passphrases.
#[rustfmt::skip]
const OF_SENTENCES: &[&str] = &[
    "the", "a", "an", "is", "are", "was", "for", "of", "to", "your", "my", "please", "enter", "must", "should", "not", "and", "or", "in",
    "with", "this", "that", "it", "be", "has", "have", "if", "no", "user", "password", "passphrase", "token", "key", "secret",
];

/// Whether a text under a name of this strength is a credential.
pub(super) fn is_credential(strength: Strength, form: AssignmentForm, text: &str) -> bool {
    let text = text.trim();
    if text.len() < SHORTEST_PASSWORD || text.chars().nth(LONGEST).is_some() {
        return false;
    }
    if text.contains(char::is_whitespace) {
        return strength >= Strength::Abbreviated && form == AssignmentForm::Value && is_passphrase(text);
    }
    if is_placeholder(text)
        || PLAIN.is_match(text)
        || names_one(text)
        || (form != AssignmentForm::Value && CODE.is_match(text))
    {
        return false;
    }
    match strength {
        Strength::Certain => is_password(form, text),
        Strength::Abbreviated => !is_short_word(text) && is_password(form, text),
        Strength::Telling => is_no_word(text),
        Strength::Vague => !is_plain_words(text) && is_no_word(text),
    }
}

/// Whether a text is a placeholder.
pub(super) fn is_placeholder(text: &str) -> bool {
    PLACEHOLDERS.is_match(text)
}

/// Whether a text is itself the name of a credential, such as a label or column.
pub(super) fn names_one(text: &str) -> bool {
    let is_name = text
        .chars()
        .all(|letter| letter.is_alphabetic() || matches!(letter, '_' | '-' | '.' | ':'));
    is_name && strength(text).is_some_and(|strength| strength > Strength::Vague)
}

/// Whether a text is short and consists of letters only: `green`, `mean`.
fn is_short_word(text: &str) -> bool {
    text.len() < SHORTEST_WORD && text.chars().all(char::is_alphabetic)
}

fn is_password(form: AssignmentForm, text: &str) -> bool {
    let bare = text.trim_end_matches(['.', '!', '?', ':', ')']);
    match form {
        AssignmentForm::Value => match kinds(text) {
            Kinds {
                count: 1,
                has_digits: true,
            } => true,
            Kinds { count: 1, .. } => text.is_ascii() && !WORDS.contains(&text.to_lowercase().as_str()),
            _ => !is_word(text),
        },
        AssignmentForm::Line | AssignmentForm::Equals => {
            let kinds = kinds(bare);
            bare.len() >= SHORTEST_WORD
                && !NUMBER.is_match(bare)
                && (kinds.count >= 3 || kinds.has_digits && kinds.count >= 2)
        }
        AssignmentForm::Prose => !NUMBER.is_match(bare) && is_no_word(bare),
    }
}

/// Whether it is a capitalized word, or one followed by punctuation: `Required`, `required:`.
fn is_word(text: &str) -> bool {
    let bare = text.trim_end_matches(|letter: char| !letter.is_alphanumeric());
    let mut letters = bare.chars();
    letters.next();
    letters.all(char::is_lowercase) && (WORDS.contains(&bare.to_lowercase().as_str()) || text.ends_with(':'))
}

/// Whether words are a passphrase and not a sentence: `correct horse battery staple`, and Google's app passwords.
fn is_passphrase(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    let are_plain = words
        .iter()
        .all(|word| word.len() >= 3 && word.bytes().all(|letter| letter.is_ascii_lowercase()));
    (4..=12).contains(&words.len()) && are_plain && !words.iter().any(|word| OF_SENTENCES.contains(word))
}

/// Whether a text is unlikely to be a word, a number or a name.
pub(super) fn is_no_word(text: &str) -> bool {
    let length = text.chars().count();
    if length < SHORTEST {
        return false;
    }
    let Kinds { count, has_digits } = kinds(text);
    let is_random = || entropy(text) >= 2.75;
    count >= 3
        || (has_digits && count >= 2 && length >= 16 && is_random())
        || (count == 2 && length >= SHORTEST_VAGUE && changes_of_case(text) >= 6 && entropy(text) >= 3.5)
}

/// Whether a text is distinctive enough to be recognized as a credential anywhere.
pub fn is_distinct(text: &str) -> bool {
    let Kinds { count, has_digits } = kinds(text);
    text.len() >= SHORTEST
        && (count >= 3 || (has_digits && count >= 2))
        && !is_plain_words(text)
        && !PLAIN.is_match(text)
        || is_no_word(text)
}

/// Whether a text is short, or consists of words and small numbers like names of columns or files. Generated names in libraries
/// (`_Proxy_items_140305`) begin with an underscore.
fn is_plain_words(text: &str) -> bool {
    let is_own = text.starts_with('_');
    let is_word = |part: &str| {
        let letters = part.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let is_number = part.len() - letters.len() <= 4 || (is_own && letters.is_empty());
        is_number && letters.chars().all(|letter| letter.is_ascii_alphabetic())
    };
    text.chars().count() < SHORTEST_VAGUE || text.split(['_', '.', ' ', '-']).all(is_word)
}

/// The kinds of characters in a text: lower and upper case letters, digits, others.
struct Kinds {
    count: usize,
    has_digits: bool,
}

fn kinds(text: &str) -> Kinds {
    let has = |test: fn(char) -> bool| text.contains(test);
    let has_digits = has(char::is_numeric);
    let kinds = [
        has(char::is_lowercase),
        has(char::is_uppercase),
        has_digits,
        has(|letter| !letter.is_alphanumeric()),
    ];
    Kinds {
        count: kinds.into_iter().filter(|is_there| *is_there).count(),
        has_digits,
    }
}

fn changes_of_case(text: &str) -> usize {
    let letters: Vec<bool> = text.chars().map(char::is_uppercase).collect();
    letters.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// Returns the entropy in bits per character.
pub(super) fn entropy(text: &str) -> f64 {
    let mut counts: HashMap<char, f64> = HashMap::new();
    for letter in text.chars() {
        *counts.entry(letter).or_default() += 1.0;
    }
    let all: f64 = counts.values().sum();
    counts.values().map(|count| -(count / all) * (count / all).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::judged;

    #[test]
    fn short_and_simple_passwords_are_passwords() {
        let is = |text| is_credential(Strength::Certain, AssignmentForm::Value, text);
        for text in ["again", "1234", "root", "admin", "geheim"] {
            assert!(is(text), "{text}");
        }
        let is_abbreviated = |text| is_credential(Strength::Abbreviated, AssignmentForm::Value, text);
        for text in ["green", "mean", "data", "grid"] {
            assert!(!is_abbreviated(text), "{text}");
        }
        for text in ["1234", "geheim", "r00t", "hunter2"] {
            assert!(is_abbreviated(text), "{text}");
        }
        for text in [
            "",
            "abc",
            "string",
            "required",
            "Required",
            "password",
            "none",
            "****",
            "<password>",
        ] {
            assert!(!is(text), "{text}");
        }
    }

    #[test]
    fn numbers_that_libraries_give_names_are_no_credentials() {
        for text in ["_AssociationProxy_names_140305867203728", "_Proxy_items_1"] {
            assert_eq!(judged("key", text), None, "{text}");
        }
        for text in [
            "_8fGh2kLq9ZxW4vBn7RtY",
            "AKx_140305867203728_q7",
            "140305867203728_x9Kq2LmW8",
        ] {
            assert!(is_credential(Strength::Vague, AssignmentForm::Value, text), "{text}");
        }
    }
}
