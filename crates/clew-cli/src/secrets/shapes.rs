//! Shapes of credentials: what they look like wherever they stand.

use std::sync::LazyLock;

use regex::Regex;

use super::replace::{Found, replace};
use super::{Written, mark};

/// The one shape that code has, too: `password = ask(); ...`.
const IN_WORDS: &str = "a password in a text";
const PRIVATE_KEY: &str = "a private key";
const KEY_OF_A_SERVICE: &str = "an API key";

/// What credentials look like, and what each is called.
const SHAPES: [(&str, &str); 19] = [
    (PRIVATE_KEY, r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    (
        "an AWS access key",
        r"(?-u:\b)(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?-u:\b)",
    ),
    ("a GitHub token", r"(?-u:\b)gh[pousr]_[A-Za-z0-9]{36,255}(?-u:\b)"),
    ("a GitHub token", r"(?-u:\b)github_pat_[A-Za-z0-9_]{60,255}(?-u:\b)"),
    ("a GitLab token", r"(?-u:\b)gl(?:pat|ptt|rt|cbt)-[A-Za-z0-9_-]{20,}"),
    (
        "a Slack token",
        r"(?-u:\b)xox[abeoprs]-[A-Za-z0-9-]{10,}|(?-u:\b)xapp-\d-[A-Za-z0-9-]{20,}",
    ),
    (
        "a Slack webhook",
        r"https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/+_-]{20,}",
    ),
    (KEY_OF_A_SERVICE, r"(?-u:\b)sk-[A-Za-z_-]{0,60}[0-9][A-Za-z0-9_-]*"),
    ("a Stripe key", r"(?-u:\b)[rsp]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    ("a Google API key", r"(?-u:\b)AIza[A-Za-z0-9_-]{35}(?-u:\b)"),
    ("a Google token", r"(?-u:\b)ya29\.[A-Za-z0-9_-]{20,}"),
    ("a Hugging Face token", r"(?-u:\b)hf_[A-Za-z0-9]{30,}(?-u:\b)"),
    (
        "a package index token",
        r"(?-u:\b)pypi-[A-Za-z0-9_-]{50,}|(?-u:\b)npm_[A-Za-z0-9]{36}(?-u:\b)",
    ),
    ("a SendGrid key", r"(?-u:\b)SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    (
        "a signed token",
        r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    ),
    (
        "a storage key",
        r"(?-u:\b)(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{32,}={0,2}",
    ),
    (
        "an address with a password",
        r#"(?-u:\b)[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@'"]{0,100}:[^\s/@'"]{3,200}@[^\s/]"#,
    ),
    (
        "an authorization header",
        r#"(?i)(?-u:\b)authorization['"]?\s*[:=]\s*['"]?(?:bearer|basic|token)\s+[A-Za-z0-9+/=._-]{8,}"#,
    ),
    (
        IN_WORDS,
        r#"(?i)(?-u:\b)(?:password|passwd|pwd|secret|api[_-]?key|token)\s?=\s?[^\s;,'"&)({\[]{6,200}(?:;|&|\z)"#,
    ),
];

struct Shape {
    what: &'static str,
    pattern: Regex,
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("it is a pattern")
}

static PATTERNS: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    let shape = |(what, text)| Shape {
        what,
        pattern: pattern(text),
    };
    SHAPES.map(shape).into()
});

/// What stands, but for the case of letters, in every text of these shapes: one look for it is much cheaper than one for
/// each.
static TRACES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i-u)private key|a[ks]ia|abia|acca|gh[pousr]_|github_pat_|gl(?:pat|ptt|rt|cbt)-|xox|xapp-|hooks\.slack|sk-|k_(?:live|test)_|aiza|ya29\.|hf_|pypi-|npm_|sg\.|eyj|accountkey=|accesskey=|://|authorization|passw|pwd|secret|token|api[_-]?key",
    )
});

/// The shortest key of a service; what has no digit near its beginning is a word with dashes.
const SHORTEST_KEY: usize = 23;

impl Shape {
    fn is_one(&self, found: &str) -> bool {
        self.what != KEY_OF_A_SERVICE || found.len() >= SHORTEST_KEY
    }

    fn is_in(&self, text: &str) -> bool {
        let mut at = 0;
        while let Some(found) = self.pattern.find_at(text, at) {
            if self.is_one(found.as_str()) {
                return true;
            }
            at = found.start() + 1; // every shape begins with a letter of one byte
        }
        false
    }

    fn without(&self, text: String) -> String {
        replace(text, &self.pattern, |_, found| {
            let place = found.get(0).expect("a match has a place");
            if self.is_one(place.as_str()) {
                Found::Is(mark(self.what))
            } else {
                Found::GoOn(place.start() + 1)
            }
        })
    }
}

/// Whether a credential may stand in a text: a cheap look before the dear ones.
pub(super) fn may_be_in(text: &str) -> bool {
    TRACES.is_match(text)
}

/// What kind of credential stands in the text.
pub fn shape_of(text: &str) -> Option<&'static str> {
    if !may_be_in(text) {
        return None;
    }
    let text = whole_lines(text).0;
    PATTERNS.iter().find(|shape| shape.is_in(text)).map(|shape| shape.what)
}

/// A text without the end of its last line, where a password may end.
fn whole_lines(text: &str) -> (&str, &str) {
    let lines = text.strip_suffix('\n').unwrap_or(text);
    text.split_at(lines.len())
}

/// A text without credentials of these shapes.
pub(super) fn without(text: String, written: Written) -> String {
    if !may_be_in(&text) {
        return text;
    }
    let (lines, end) = whole_lines(&text);
    let kept = without_whole_keys(lines);
    let kept = if written == Written::AsCode {
        kept
    } else {
        without_end_of_key(kept)
    };
    let shapes = PATTERNS
        .iter()
        .filter(|shape| written == Written::ForPeople || shape.what != IN_WORDS);
    shapes.fold(kept, |kept, shape| shape.without(kept)) + end
}

/// Longer keys are cut off.
const LONGEST_KEY: usize = 20_000;

static KEY_BEGINS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"-----BEGIN (?:[A-Z0-9]+ ){0,8}PRIVATE KEY(?: BLOCK)?-----"));
static KEY_ENDS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\A-----END [A-Z0-9 ]{1,80}-----"));
static PRIVATE_KEY_ENDS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\A-----END (?:[A-Z0-9]+ ){0,8}PRIVATE KEY(?: BLOCK)?-----"));

/// A text without private keys, from their first line to their last.
fn without_whole_keys(text: &str) -> String {
    let (mut kept, mut rest) = (String::new(), text);
    while let Some(begins) = KEY_BEGINS.find(rest) {
        kept.push_str(&rest[..begins.start()]);
        kept.push_str(&mark(PRIVATE_KEY));
        rest = &rest[begins.end()..];
        let data = rest.find("-----").unwrap_or(rest.len()).min(LONGEST_KEY);
        rest = &rest[rest.floor_char_boundary(data)..];
        rest = &rest[KEY_ENDS.find(rest).map_or(0, |line| line.end())..];
    }
    kept + rest
}

/// A text without the rest of a private key whose beginning was cut off.
fn without_end_of_key(text: String) -> String {
    let data = text.find('-').filter(|data| *data <= LONGEST_KEY).unwrap_or(0);
    match PRIVATE_KEY_ENDS.find(&text[data..]) {
        Some(line) => mark(PRIVATE_KEY) + &text[data + line.end()..],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_whole_and_so_does_the_end_of_one() {
        let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE-line\n-----END RSA PRIVATE KEY-----";
        let without = |text: &str| without(text.to_owned(), Written::ForPeople);
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
    fn what_is_kept_out_is_called_so() {
        let called: std::collections::BTreeSet<&str> = SHAPES.iter().map(|(what, _)| *what).collect();
        insta::assert_snapshot!(called.into_iter().collect::<Vec<_>>().join("\n"));
    }
}
