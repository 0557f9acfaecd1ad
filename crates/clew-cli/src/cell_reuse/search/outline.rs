//! A hash of a cell's text without comments and layout: equal for most texts with the same code, and fast to compute.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Returns a hash that texts with the same code have in common, unless their strings or numbers are written differently (`"a" "b"`,
/// `1_000`). Different code may have the same hash, so callers must parse the texts to be certain.
pub(super) fn outline(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => {
                let (length, within) = string(rest, first);
                within.hash(&mut hasher);
                length
            }
            _ if is_of_word(first) => {
                let word = rest.find(|letter| !is_of_word(letter)).unwrap_or(rest.len());
                rest[..word].hash(&mut hasher);
                word
            }
            _ => {
                if !is_layout(first) {
                    first.hash(&mut hasher);
                }
                first.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    hasher.finish()
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Characters that may be added or removed by formatting.
fn is_layout(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '(' | ')' | ',' | ';' | '\\')
}

/// Returns the length of the string literal at the start of `text`, and its content.
fn string(text: &str, quote: char) -> (usize, &str) {
    let triple = [quote; 3].iter().collect::<String>();
    let mark = if text.starts_with(&triple) { 3 } else { 1 };
    let bytes = text.as_bytes();
    let mut at = mark;
    while at < bytes.len() {
        if bytes[at] == b'\\' {
            at += 2;
        } else if bytes[at..].starts_with(&triple.as_bytes()[..mark]) {
            return (at + mark, &text[mark..at]);
        } else if mark == 1 && bytes[at] == b'\n' {
            // Not a string: an apostrophe in the text of a magic.
            break;
        } else {
            at += 1;
        }
    }
    (1, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_layout_make_no_difference_and_code_does() {
        let text = "def f(a, b):\n    return {'x': a + b}[\"#no\"]";
        let same = [
            "def f(a, b):  # adds\n\n    return {'x': a + b}['#no']",
            "# it's\ndef f(\n    a,\n    b,\n):\n    return (\n        {\"x\": (a + b)}[\"#no\"]\n    )  # \"",
        ];
        for other in same {
            assert_eq!(outline(text), outline(other), "{other}");
        }
        let others = [
            "def f(a, b):\n    return {'x': a + b}[\"#on\"]",
            "def f(a, b):\n    return {'x': a - b}[\"#no\"]",
            "def f(b, a):\n    return {'x': a + b}[\"#no\"]",
        ];
        for other in others {
            assert_ne!(outline(text), outline(other), "{other}");
        }
    }

    #[test]
    fn any_text_has_one() {
        for text in ["", "'", "\"\"\"", "'\\", "%%bash\nit's # é\u{1f600}", "'é\\é'", "''''"] {
            outline(text);
        }
        assert_ne!(outline("ab"), outline("a b"));
        assert_eq!(outline("'''a'''"), outline("'a'"));
    }
}
