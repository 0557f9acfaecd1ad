//! A line after `%clew ` before its execution: its words, and the kind of its effect.

use clap::{ArgMatches, Command, FromArgMatches};

use crate::arguments::Arguments;
use crate::commands::Subcommand;
use crate::grammar;
use crate::session_request::SessionRequest;

/// The kind of a command's effect. Invalid commands count as reading: their answer is an error message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// It changes the live session. While another cell runs it waits, unless it should be refused.
    Moves {
        /// Whether it waits.
        waits: bool,
    },
    /// A sandbox process executes it, which may take a while.
    Asks,
    /// It deletes values from the history, including those that the running cell has created so far.
    Forgets,
    /// It reads or changes settings.
    Sets,
    /// It uses a remote: the native program executes it, whatever is loaded here.
    Carries {
        /// Whether it sends a state according to a plan: pending changes are recorded first, as before a restore.
        state: bool,
    },
    /// Anything else: the live session does not change.
    Looks,
}

/// Returns the kind of a command's effect.
pub fn intent(words: &[String]) -> Intent {
    let all = std::iter::once("clew").chain(words.iter().map(String::as_str));
    let Ok(matches) = grammar::bare().try_get_matches_from_mut(all) else {
        return Intent::Looks;
    };
    let Ok(Arguments { command, .. }) = Arguments::from_arg_matches(&matches) else {
        return Intent::Looks;
    };
    match command.asked() {
        Some(SessionRequest::Move(..)) => Intent::Moves {
            waits: !is_told_to_refuse(&matches),
        },
        _ if command.is_question() => Intent::Asks,
        _ if matches!(command, Subcommand::Forget(_)) => Intent::Forgets,
        _ if matches!(command, Subcommand::Config(_)) => Intent::Sets,
        _ if command.is_carried() => Intent::Carries {
            state: command.carries_state(),
        },
        _ => Intent::Looks,
    }
}

/// Whether `--no-wait` was given to the last subcommand (`op restore`).
fn is_told_to_refuse(matches: &ArgMatches) -> bool {
    match matches.subcommand() {
        Some((_, inner)) => is_told_to_refuse(inner),
        None => matches.try_get_one("no_wait").ok().flatten().copied().unwrap_or(false),
    }
}

/// Why a line cannot be split into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineSyntaxError {
    /// A quote is not closed.
    #[error("A quote is not closed")]
    Quote,
    /// The line ends in a backslash.
    #[error("The line ends in a backslash")]
    Backslash,
}

/// Splits a line into words, as a shell does. For commands that end in an expression (`eval`, `bisect`) the expression is kept as typed:
/// its quotes and brackets are Python's.
pub fn split_line(line: &str) -> Result<Vec<String>, LineSyntaxError> {
    if let Some(words) = with_expression(line) {
        return Ok(words);
    }
    shlex::split(line).ok_or(if line.trim_end().ends_with('\\') {
        LineSyntaxError::Backslash
    } else {
        LineSyntaxError::Quote
    })
}

/// Splits `eval REV EXPR`, `bisect [--from REV] EXPR`: options and the words before the expression, then `--` and the rest as one word.
/// `None` if the command takes no expression.
fn with_expression(line: &str) -> Option<Vec<String>> {
    let command = grammar::bare();
    let mut words = Vec::new();
    let (mut word, mut plain, mut rest) = (None::<&Command>, 0, line);
    while word.is_none() || plain > 0 || rest.trim_start().starts_with("--") {
        let Some((one, after)) = first(rest) else { break };
        rest = after;
        if one == "--" {
            break;
        }
        words.push(one.to_owned());
        if one.starts_with('-') {
            if takes_value(one, &command, word)
                && let Some((value, after)) = first(rest)
            {
                words.push(value.to_owned());
                rest = after;
            }
        } else if word.is_none() {
            let found = command.find_subcommand(one)?;
            plain = before_expression(found)?;
            word = Some(found);
        } else {
            plain -= 1;
        }
    }
    word?;
    let mut expression = rest.trim();
    // If it cannot be Python, an option may follow the expression.
    while let Some((before, option)) = expression.rsplit_once(" --")
        && let Some((name, value)) = option.split_once(['=', ' '])
        && takes_value(name, &command, word)
        && !value.contains(|letter: char| letter.is_whitespace() || "\"'()[]{}".contains(letter))
    {
        words.extend([format!("--{name}"), value.to_owned()]);
        expression = before.trim_end();
    }
    if let Some(before) = expression.strip_suffix("--json")
        && before.ends_with(char::is_whitespace)
    {
        words.push("--json".to_owned());
        expression = before.trim_end();
    }
    if !expression.is_empty() {
        words.extend(["--".to_owned(), unquoted(expression).to_owned()]);
    }
    Some(words)
}

/// Returns the number of words before a command's expression; `None` if it takes none.
fn before_expression(word: &Command) -> Option<usize> {
    word.get_positionals().position(|argument| {
        let names = argument.get_value_names().unwrap_or_default();
        names.iter().any(|name| name == "EXPR")
    })
}

/// Whether an option takes the next word as its value.
fn takes_value(option: &str, command: &Command, word: Option<&Command>) -> bool {
    let name = option.trim_start_matches('-');
    let arguments = command
        .get_arguments()
        .chain(word.into_iter().flat_map(Command::get_arguments));
    arguments
        .filter(|argument| argument.get_long() == Some(name))
        .any(|argument| argument.get_action().takes_values())
}

/// Splits off the first word, which may be quoted.
fn first(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let quote = text.chars().next()?;
    if matches!(quote, '"' | '\'')
        && let Some((word, after)) = text[1..].split_once(quote)
    {
        return Some((word, after));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    Some(text.split_at(end))
}

/// Removes quotes around a whole expression, as used in a shell: a string literal alone would be no meaningful expression.
fn unquoted(expression: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .filter_map(|quote| {
            expression
                .strip_prefix(quote)?
                .strip_suffix(quote)
                .map(|inner| (quote, inner))
        })
        .find(|(quote, inner)| !inner.is_empty() && !inner.contains(*quote))
        .map_or(expression, |(_, inner)| inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(line: &str) -> Intent {
        intent(&split_line(line).unwrap())
    }

    #[test]
    fn movers_are_known_wherever_their_word_stands() {
        for line in [
            "undo",
            "--history x undo",
            "--store=/x --kernel 7 switch 3",
            "op restore op:3",
            "restore 2 -- undo",
            "resume --fresh",
        ] {
            assert_eq!(meant(line), Intent::Moves { waits: true }, "{line}");
        }
        for line in [
            "undo --no-wait",
            "op restore op:3 --no-wait",
            "--history x redo --no-wait",
        ] {
            assert_eq!(meant(line), Intent::Moves { waits: false }, "{line}");
        }
        // A variable with the name of the option is a variable.
        assert_eq!(meant("restore 2 -- --no-wait"), Intent::Moves { waits: true });
    }

    #[test]
    fn questions_settings_and_looks_are_told_from_movers() {
        for line in ["eval 3 x", "--history undo eval 3 x", "bisect x", "extract x --check"] {
            assert_eq!(meant(line), Intent::Asks, "{line}");
        }
        assert_eq!(meant("config log.limit 3"), Intent::Sets);
        for line in [
            "",
            "log",
            "--history undo log",
            "op log",
            "extract x",
            "branch undo",
            "undo --help",
            "undo five",
            "nonsense",
        ] {
            assert_eq!(meant(line), Intent::Looks, "{line}");
        }
    }

    #[test]
    fn words_are_parted_as_a_shell_does() {
        let words = |line| split_line(line).unwrap();
        assert_eq!(
            words("restore '10m ago' -- x $x {y}"),
            ["restore", "10m ago", "--", "x", "$x", "{y}"]
        );
        assert_eq!(words("undo 2 # two"), ["undo", "2"]);
        assert_eq!(words(" "), [""; 0]);
        assert_eq!(split_line("log 'open"), Err(LineSyntaxError::Quote));
        assert_eq!(split_line("log \\"), Err(LineSyntaxError::Backslash));
    }

    #[test]
    fn an_expression_is_taken_as_it_was_typed() {
        let words = |line: &str| split_line(line).unwrap();
        let expression = r#"df["it's"].mean() > 3"#;
        for (line, before) in [
            ("eval 12 EXPR", vec!["eval", "12"]),
            ("eval --json '10m ago' EXPR", vec!["eval", "--json", "10m ago"]),
            ("eval 12 -- EXPR", vec!["eval", "12"]),
            ("bisect EXPR", vec!["bisect"]),
            ("bisect --from 3 --to=9 EXPR", vec!["bisect", "--from", "3", "--to=9"]),
            ("--history eval eval 12 EXPR", vec!["--history", "eval", "eval", "12"]),
            ("eval 12 EXPR --json", vec!["eval", "12", "--json"]),
            ("bisect EXPR --from 3", vec!["bisect", "--from", "3"]),
            (
                "bisect EXPR --from 3 --to=@",
                vec!["bisect", "--to", "@", "--from", "3"],
            ),
        ] {
            let mut expected = before;
            expected.extend(["--", expression]);
            assert_eq!(words(&line.replace("EXPR", expression)), expected, "{line}");
        }
        assert_eq!(words("eval 12 'len(df)'"), ["eval", "12", "--", "len(df)"]);
        assert_eq!(words("eval 12 'a' + 'b'"), ["eval", "12", "--", "'a' + 'b'"]);
        assert_eq!(words("bisect 'a --to b' == x"), ["bisect", "--", "'a --to b' == x"]);
        assert_eq!(words("bisect x --y == 3"), ["bisect", "--", "x --y == 3"]);
        assert_eq!(words("bisect -x > 3"), ["bisect", "--", "-x > 3"]);
        assert_eq!(words("eval 12"), ["eval", "12"]);
    }
}
