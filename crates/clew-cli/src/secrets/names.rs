//! Names that tell of a credential, and texts under them that could be one.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

/// Words in names of variables that hold credentials, in lower case with `_` between words; an `s` may follow.
#[rustfmt::skip]
const TELLING: &[&str] = &[
    "api_key", "apikey", "access_key", "accesskey", "private_key", "privatekey", "secret_key", "secretkey",
    "signing_key", "signingkey", "auth_key", "authkey", "token", "secret", "passwd", "password", "pwd", "passphrase",
    "credential", "authorization", "bearer",
];

/// Words behind them that tell of something else: a count of tokens, the path of a key.
#[rustfmt::skip]
const OF_SOMETHING_ELSE: &[&str] = &[
    "count", "counts", "path", "paths", "file", "files", "id", "ids", "hash", "hashes", "name", "names", "type", "types",
    "url", "urls", "length", "lengths", "len", "size", "sizes", "index", "indices", "limit", "limits", "column",
    "columns", "col", "cols", "dir", "dirs", "folder", "folders", "ttl", "mask", "masks", "embedding", "embeddings",
    "position", "positions", "min", "max",
];
const EXPIRY: &str = "expir";

/// Words that stand in names of credentials now and then; only long random texts under them are taken for one.
const VAGUE: &[&str] = &["key", "auth", "cookie", "session_id", "sessionid"];

/// Lengths of texts that can be a credential, in characters.
const LENGTHS: std::ops::RangeInclusive<usize> = 8..=4096;

static PLACEHOLDERS: LazyLock<Regex> = LazyLock::new(|| {
    let words = r"changeme|example|your[_-]|placeholder|none|null";
    Regex::new(&format!(r"(?i)[<{{\[(].*[>}}\])]|x{{4,}}|\*{{3,}}|\.{{3,}}|{words}")).expect("it is a pattern")
});

/// Dates, and paths of files.
static PLAIN: LazyLock<Regex> = LazyLock::new(|| {
    let endings = "csv|tsv|parquet|json|jsonl|txt|md|py|ipynb|db|sqlite|h5|npy|npz|pkl|zip|gz|png|jpe?g|pdf|xlsx?|ya?ml|toml|log|html?";
    let date = r"\d{4}-\d\d-\d\d(?:[T ][\d:.,+Z-]+)?";
    Regex::new(&format!(r"\A(?:{date}|(?:[\w.-]+/)*[\w.-]+\.(?:{endings}))\z")).expect("it is a pattern")
});

/// Whether a text is a credential by the name that it has.
pub fn is_named_like_one(name: &str, text: &str) -> bool {
    let words = in_words(name);
    if stands_in(&words, TELLING, is_something_else) {
        return could_be_one(text);
    }
    stands_in(&words, VAGUE, |_| false) && !is_plain_words(text) && could_be_one(text)
}

/// A name in lower case with `_` between its words.
fn in_words(name: &str) -> String {
    let mut words = String::new();
    let mut may_end = false;
    for letter in name.chars() {
        if may_end && letter.is_ascii_uppercase() {
            words.push('_');
        }
        may_end = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        words.extend(
            letter
                .to_lowercase()
                .map(|letter| if letter == '-' { '_' } else { letter }),
        );
    }
    words
}

/// Whether one of the `telling` words stands by itself, and what comes behind it does not take that back.
fn stands_in(words: &str, telling: &[&str], takes_back: fn(&str) -> bool) -> bool {
    let ends = |after: &str| {
        let mut letters = after.chars();
        letters
            .next()
            .is_none_or(|first| parts(first) && !takes_back(letters.as_str()))
    };
    let tells = |rest: &str| {
        let mut behind = telling.iter().filter_map(|word| rest.strip_prefix(word));
        behind.any(|after| ends(after) || after.strip_prefix('s').is_some_and(ends))
    };
    let starts = words.char_indices().filter(|(_, letter)| parts(*letter));
    tells(words) || starts.map(|(at, letter)| &words[at + letter.len_utf8()..]).any(tells)
}

/// Whether a character parts words.
fn parts(letter: char) -> bool {
    !letter.is_alphabetic()
}

fn is_something_else(after: &str) -> bool {
    let mut behind = OF_SOMETHING_ELSE.iter().filter_map(|word| after.strip_prefix(word));
    after.starts_with(EXPIRY) || behind.any(|rest| rest.chars().next().is_none_or(parts))
}

/// Whether a text is short, or the name of a column, a file and the like: words and small numbers.
fn is_plain_words(text: &str) -> bool {
    let is_word = |part: &str| {
        let letters = part.trim_end_matches(|letter: char| letter.is_ascii_digit());
        part.len() - letters.len() <= 4 && letters.chars().all(|letter| letter.is_ascii_alphabetic())
    };
    text.chars().count() < 20 || text.split(['_', '.', ' ', '-']).all(is_word)
}

/// Whether a text under a telling name is a credential and no ordinary word, sentence or placeholder.
fn could_be_one(text: &str) -> bool {
    let text = text.trim();
    let length = text.chars().take(LENGTHS.end() + 1).count();
    if !LENGTHS.contains(&length) || text.contains(char::is_whitespace) || text.starts_with('/') {
        return false;
    }
    if PLACEHOLDERS.is_match(text) || PLAIN.is_match(text) {
        return false;
    }
    let has = |test: fn(char) -> bool| text.contains(test);
    let kinds = [
        has(char::is_lowercase),
        has(char::is_uppercase),
        has(char::is_numeric),
        has(|letter| !letter.is_alphanumeric()),
    ];
    let different = kinds.iter().filter(|is_there| **is_there).count();
    different >= 3 || (kinds[2] && different >= 2 && length >= 16 && entropy(text) >= 2.75)
}

/// Bits a character.
fn entropy(text: &str) -> f64 {
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
