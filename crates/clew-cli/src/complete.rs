//! Completion of a partial command line: the same answer for shells and for IPython.
//!
//! clap determines which argument is being completed. Arguments that refer to data of the store hold a [`Source`], whose candidates are
//! looked up only when needed. Nothing here fails: unreadable data has no candidates.

mod offers;
pub(crate) mod shells;

use std::ffi::OsString;

use clap::{Arg, Command, ValueHint};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete as complete_by_clap};

use crate::context::Context;
use crate::help;
use crate::history_view::HistoryView;

/// A completion candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The whole word.
    pub text: String,
    /// A short description.
    pub about: Option<String>,
}

/// What an argument refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Revisions,
    Names,
    Branches,
    Tags,
    Histories,
    Operations,
    Inputs,
    Keys,
    Values,
    Nothing,
}

/// The prefix of placeholders, which are replaced by the candidates of a source. No typed word begins like it.
const MARK: &str = "\u{1}";

const SOURCES: [(Source, &str); 10] = [
    (Source::Revisions, "\u{1}revisions"),
    (Source::Names, "\u{1}names"),
    (Source::Branches, "\u{1}branches"),
    (Source::Tags, "\u{1}tags"),
    (Source::Histories, "\u{1}histories"),
    (Source::Operations, "\u{1}operations"),
    (Source::Inputs, "\u{1}inputs"),
    (Source::Keys, "\u{1}keys"),
    (Source::Values, "\u{1}values"),
    (Source::Nothing, "\u{1}nothing"),
];

/// Returns candidates for the last of `words`, which may be empty. The words exclude the program's name; `place` is the live session's
/// history, without it the store on disk is used.
pub fn complete(words: &[String], place: Option<&HistoryView<'_>>, context: &Context) -> Vec<Candidate> {
    let typed = words.last().map_or("", String::as_str);
    let mut found = Vec::new();
    for candidate in by_clap(words, context) {
        let text = candidate.get_value().to_string_lossy().into_owned();
        match text.split_once(MARK) {
            None => found.push(Candidate {
                text,
                about: candidate.get_help().map(|help| first_line(&help.to_string())),
            }),
            Some((before, _)) => {
                let source = SOURCES.iter().find(|(_, mark)| text.ends_with(mark));
                let source = source.map_or(Source::Nothing, |(source, _)| *source);
                let asked = offers::CompletionRequest {
                    words,
                    source,
                    typed: typed.strip_prefix(before).unwrap_or(""),
                };
                let offered = offers::offered(&asked, place, context);
                found.extend(offered.into_iter().map(|candidate| Candidate {
                    text: format!("{before}{}", candidate.text),
                    ..candidate
                }));
            }
        }
    }
    // Options are only offered once they are begun, so that they do not hide a list of runs.
    if typed.is_empty() && found.iter().any(|candidate| !candidate.text.starts_with('-')) {
        found.retain(|candidate| !candidate.text.starts_with('-'));
    }
    found.retain(|candidate| candidate.text.starts_with(typed) && is_offerable(&candidate.text));
    found
}

/// Completes a line after `%clew `. Returns the part of the line that the candidates replace, and the candidates, quoted if necessary.
pub fn complete_line<'a>(line: &'a str, place: Option<&HistoryView<'_>>, context: &Context) -> (&'a str, Vec<String>) {
    let (words, raw) = shells::typed_words(line);
    let quote = raw.chars().next().filter(|first| matches!(first, '"' | '\''));
    let quoted = |text: String| match quote {
        Some(quote) => format!("{quote}{text}"),
        None if text.contains(char::is_whitespace) => shlex::try_quote(&text).map_or(text.clone(), Into::into),
        None => text,
    };
    let found = complete(&words, place, context).into_iter();
    (raw, found.map(|candidate| quoted(candidate.text)).collect())
}

/// Never offers characters that could control the terminal.
fn is_offerable(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|letter| letter != '\n' && letter != '\t' && crate::text::is_harmless(letter))
}

fn by_clap(words: &[String], context: &Context) -> Vec<CompletionCandidate> {
    let mut command = marked(help::command(context));
    let program = std::iter::once(OsString::from(context.interface.name()));
    let all: Vec<OsString> = program.chain(words.iter().map(OsString::from)).collect();
    let last = all.len() - 1;
    complete_by_clap(&mut command, all, last, context.near.as_deref()).unwrap_or_default()
}

/// Adds a placeholder to every argument that has a source.
fn marked(command: Command) -> Command {
    let word = command.get_name().to_owned();
    let command = command.mut_args(|argument| marked_argument(&word, argument));
    command.mut_subcommands(marked)
}

fn marked_argument(word: &str, argument: Arg) -> Arg {
    let takes_values = argument.get_action().takes_values();
    if !takes_values || !argument.get_possible_values().is_empty() {
        return argument;
    }
    let names: Vec<&str> = argument
        .get_value_names()
        .unwrap_or_default()
        .iter()
        .map(AsRef::as_ref)
        .collect();
    let name = names.first().copied().unwrap_or_default();
    let source = match (word, name) {
        (_, "DIR") => return argument.value_hint(ValueHint::DirPath),
        (_, "FILE") => return argument.value_hint(ValueHint::FilePath),
        ("branch", "NAME") => Source::Branches,
        ("tag", "NAME") => Source::Tags,
        ("history", "NAME") | (_, "HISTORY" | "NAME|ID|PATH") => Source::Histories,
        (_, "NAME" | "NAME|PATTERN" | "EXPR") => Source::Names,
        (_, "REV") => Source::Revisions,
        (_, "OP") => Source::Operations,
        ("resume", "OLD=NEW") => Source::Inputs,
        ("config", "KEY") => Source::Keys,
        ("config", "VALUE") => Source::Values,
        _ => Source::Nothing,
    };
    let mark = SOURCES
        .iter()
        .find(|(one, _)| *one == source)
        .map_or("", |(_, mark)| *mark);
    argument.add(ArgValueCompleter::new(move |_: &std::ffi::OsStr| {
        vec![CompletionCandidate::new(mark)]
    }))
}

fn first_line(text: &str) -> String {
    crate::text::clean(text.lines().next().unwrap_or_default())
}
