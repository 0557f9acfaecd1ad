//! Completion for shells: answers the scripts of `clew completions`.

use super::{Candidate, complete};
use crate::context::Context;

/// The internal command that the scripts call. It is not listed in the help.
pub(crate) const WORD: &str = "__complete";
/// bash's default word separators.
const BASH_BREAKS: &str = " \t\n\"'@><=;|&(:";

/// Answers a script: `__complete SHELL WORDS…`, the last word being completed. bash splits words at `@` and `:`, so its script sends the
/// whole line and the separators.
pub(crate) fn answer(asked: &[String], context: &Context) -> String {
    match asked {
        [shell, line, breaks @ ..] if shell == "bash" => {
            let breaks = breaks.first().map_or(BASH_BREAKS, String::as_str);
            bash(line, breaks, context)
        }
        [shell, words @ ..] => {
            let parted = if shell == "zsh" { zsh } else { fish };
            complete(words, None, context).iter().map(parted).collect()
        }
        [] => String::new(),
    }
}

fn zsh(candidate: &Candidate) -> String {
    let text = candidate.text.replace('\\', "\\\\").replace(':', "\\:");
    format!("{text}:{}\n", candidate.about.as_deref().unwrap_or_default())
}

fn fish(candidate: &Candidate) -> String {
    format!(
        "{}\t{}\n",
        candidate.text,
        candidate.about.as_deref().unwrap_or_default()
    )
}

/// bash inserts the text after the last separator; what comes before is on the line already.
fn bash(line: &str, breaks: &str, context: &Context) -> String {
    let (mut words, raw) = typed_words(line);
    // Variables before the program (`CLEW_HOME=… clew`), and the program itself.
    let program = words.iter().position(|word| !is_assignment(word)).unwrap_or(0);
    words.drain(..=program.min(words.len() - 1));
    if words.is_empty() {
        return String::new();
    }
    let is_quoted = raw.starts_with(['"', '\'']);
    let kept = match raw.rfind(|letter| breaks.contains(letter)) {
        // These separate words too, but bash counts them as part of the following word.
        Some(last) if raw[last..].starts_with(['@', '$']) => last,
        Some(last) if !is_quoted => raw[last..].chars().next().map_or(0, |letter| last + letter.len_utf8()),
        _ => 0,
    };
    let quoted = |text: String| match shlex::try_quote(&text) {
        Ok(quoted) if !is_quoted && kept == 0 => quoted.into_owned(),
        _ => text,
    };
    complete(&words, None, context)
        .into_iter()
        .filter_map(|candidate| candidate.text.get(kept..).map(str::to_owned))
        .map(|text| format!("{}\n", quoted(text)))
        .collect()
}

fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty()
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// Splits a line up to the cursor into words, the last of which may be empty or have an open quote; returns this last one also as typed.
pub(crate) fn typed_words(line: &str) -> (Vec<String>, &str) {
    let mut start = 0;
    let (mut quote, mut is_escaped, mut is_between) = (None, false, true);
    for (index, letter) in line.char_indices() {
        if is_between && !letter.is_whitespace() {
            (start, is_between) = (index, false);
        }
        match (quote, letter) {
            _ if is_escaped => is_escaped = false,
            (None | Some('"'), '\\') => is_escaped = true,
            (Some(open), _) if open == letter => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, _) if letter.is_whitespace() => is_between = true,
            _ => {}
        }
    }
    let raw = if is_between { "" } else { &line[start..] };
    let before = &line[..line.len() - raw.len()];
    let mut words = shlex::split(before).unwrap_or_default();
    let closed = format!(
        "{}{}",
        raw.trim_end_matches('\\'),
        quote.map(String::from).unwrap_or_default()
    );
    words.push(
        shlex::split(&closed)
            .and_then(|words| words.into_iter().next())
            .unwrap_or_default(),
    );
    (words, raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(line: &str) -> (usize, String, &str) {
        let (words, raw) = typed_words(line);
        (words.len(), words.last().unwrap().clone(), raw)
    }

    #[test]
    fn the_last_word_is_the_one_being_typed() {
        assert_eq!(last("clew swi"), (2, "swi".to_owned(), "swi"));
        assert_eq!(last("clew switch "), (3, String::new(), ""));
        assert_eq!(last("clew switch @-"), (3, "@-".to_owned(), "@-"));
        assert_eq!(last("clew switch \"10m a"), (3, "10m a".to_owned(), "\"10m a"));
        assert_eq!(
            last("clew --history=My\\ no"),
            (2, "--history=My no".to_owned(), "--history=My\\ no")
        );
        assert_eq!(last(""), (1, String::new(), ""));
        assert_eq!(last("a 'b"), (2, "b".to_owned(), "'b"));
        assert_eq!(last("a b\\"), (2, "b".to_owned(), "b\\"));
    }
}
