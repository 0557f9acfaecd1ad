//! What may come next on a line that is being typed: one answer for shells and for IPython.
//!
//! Which word stands where is clap's to know; arguments that name something of the store hold a [`Source`], and what
//! that offers is looked up only when the cursor is there. Nothing here fails: what can't be read offers nothing.

mod offers;
pub(crate) mod shells;

use std::ffi::OsString;

use clap::{Arg, Command, ValueHint};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete as complete_by_clap};

use crate::context::Context;
use crate::help;
use crate::history_view::HistoryView;

/// Something that may come next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The word, whole.
    pub text: String,
    /// What it is, in a few words.
    pub about: Option<String>,
}

/// What an argument names.
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

/// A marker stands for what a source offers until that is looked up. No word that people type begins like it.
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

/// What may stand for the last of `words`, which is being typed and may be empty. The words are those after the
/// program's name; `place` is the live session's history, without it the store on disk is asked.
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
    // Options come when they are begun: a list of runs is not to be buried under them.
    if typed.is_empty() && found.iter().any(|candidate| !candidate.text.starts_with('-')) {
        found.retain(|candidate| !candidate.text.starts_with('-'));
    }
    found.retain(|candidate| candidate.text.starts_with(typed) && is_offerable(&candidate.text));
    found
}

/// The same for a line after `%clew `: the piece of it that the candidates stand for, as it was typed, and the words,
/// in quotes where they need some.
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

/// Characters that could steer the terminal are never put onto anybody's line.
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

/// The command with a mark at every argument that names something.
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
