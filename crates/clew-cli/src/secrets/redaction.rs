//! Removes texts that are known to be secret, wherever they occur.

use super::is_named_like_one;
use super::mark;
use super::values::is_distinct;

/// Returns values of environment variables that look like credentials, if distinctive enough not to occur by chance.
pub fn secret_variables() -> Vec<String> {
    let variables = std::env::vars_os().map(|(name, value)| (lossy(&name), lossy(&value)));
    let secret = variables.filter(|(name, value)| is_named_like_one(name, value) && is_distinct(value));
    secret.map(|(_, value)| value).collect()
}

/// Whether a text contains one of the `known` texts.
pub fn holds_known(text: &str, known: &[String]) -> bool {
    known.iter().any(|secret| {
        !secret.is_empty() && !matches!(without(text, std::slice::from_ref(secret)), kept if kept == text)
    })
}

fn lossy(text: &std::ffi::OsStr) -> String {
    text.to_string_lossy().into_owned()
}

/// Removes the `known` texts, the longest first, as one may contain another.
pub(super) fn without(text: &str, known: &[String]) -> String {
    let mut known: Vec<&String> = known.iter().filter(|secret| !secret.is_empty()).collect();
    known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    let mark = mark("a secret");
    known.into_iter().fold(text.to_owned(), |text, secret| {
        if text.contains(secret.as_str()) {
            with_instead(&text, secret, &mark)
        } else {
            text
        }
    })
}

/// Replaces the secret where it is a whole word: `prod` in `products` stays.
fn with_instead(text: &str, secret: &str, instead: &str) -> String {
    let is_word = secret.chars().all(char::is_alphanumeric);
    let touches = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    let (mut kept, mut copied) = (String::new(), 0);
    for (start, _) in text.match_indices(secret) {
        let (before, after) = (&text[..start], &text[start + secret.len()..]);
        if is_word && (touches(before.chars().next_back()) || touches(after.chars().next())) {
            continue;
        }
        kept.push_str(&text[copied..start]);
        kept.push_str(instead);
        copied = start + secret.len();
    }
    kept + &text[copied..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_word_that_is_secret_leaves_longer_words_alone() {
        let known = ["prod".to_owned(), "a prod!".to_owned()];
        assert_eq!(
            without("products in prod, prod_2 and a prod! é", &known),
            "products in [not kept: a secret], prod_2 and [not kept: a secret] é"
        );
    }
}
