//! Errors for invalid command lines: what is wrong, and what to type instead.

use std::error::Error;
use std::path::Path;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clew_core::history::{either, is_one_slip};

use crate::command_info::CommandEffect;
use crate::context::Context;
use crate::interface::Interface;
use crate::notebook_identity::is_notebook;
use crate::problem::Problem;
use crate::text::{clean, listing, typed};

/// Commands of Git, jj and similar tools, and their equivalents here. Commands are in backticks.
const HABITS: [(&[&str], &str); 15] = [
    (
        &["checkout", "co", "goto", "go", "edit"],
        "`switch REV` goes to a run or a branch, `restore REV -- NAME` restores one variable",
    ),
    (
        &["revert", "reset", "rollback", "back"],
        "`undo` undoes the last run, `restore REV -- NAME` restores one variable",
    ),
    (&["forward"], "`redo` redoes what was undone"),
    (
        &["commit", "save", "add", "snapshot", "checkpoint"],
        "every run is recorded already; `tag NAME` gives this one a name",
    ),
    (
        &["stash", "new"],
        "`branch NAME` creates a branch at the current run; Clew keeps all states",
    ),
    (
        &["fork"],
        "`clew.session().fork(REV)` in a cell starts a second kernel at a run; `branch NAME` creates a branch at the current run",
    ),
    (
        &["merge", "rebase", "cherry-pick", "squash"],
        "`restore REV -- NAME` restores a variable from another branch; branches cannot be merged",
    ),
    (&["reflog"], "`op log` lists all operations"),
    (&["blame"], "`annotate NAME` lists the runs that a variable depends on"),
    (&["ls", "who"], "`vars` lists the variables, `list` all histories"),
    (&["fetch"], "use `pull` instead"),
    (&["fsck"], "`verify` checks all saved data"),
    (&["prune"], "use `gc` instead"),
    (
        &["rm", "delete"],
        "`del NAME` in a cell deletes a variable; `undo` restores it",
    ),
    (&["version"], "`--version` prints it"),
];

/// Beginnings of Python code, which is also in backticks above.
const OF_PYTHON: [&str; 2] = ["del ", "clew."];

fn is_python(piece: &str) -> bool {
    OF_PYTHON.iter().any(|begin| piece.starts_with(begin))
}

/// Explains what is wrong with `words`, from clap's error.
pub(crate) fn mistake(error: &clap::Error, words: &[String], command: &Command, context: &Context) -> Problem {
    let typed = TypedWords {
        path: path(words, command),
        asks_help: words.first().is_some_and(|word| word == "help"),
        words,
        context,
        error,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => typed.unknown_word(command),
        ErrorKind::UnknownArgument | ErrorKind::TooManyValues => typed.unknown_argument(command),
        ErrorKind::MissingRequiredArgument => typed.missing(command),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => typed.wrong_value(),
        ErrorKind::WrongNumberOfValues | ErrorKind::TooFewValues => typed.too_few(),
        ErrorKind::ArgumentConflict => typed.conflict(),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => typed.no_word(),
        _ => typed.other(),
    }
}

/// The error for an option after `--`, where everything is a variable, with the correct form. `None` if a program passed it.
pub(crate) fn behind_names(words: &[String], command: &Command, context: &Context) -> Option<Problem> {
    if context.interface == Interface::Python {
        return None;
    }
    let (before, behind) = words.split_at(words.iter().position(|word| word == "--")?);
    let inner = at_end(&path(before, command), command);
    let takes = |argument: &&clap::Arg, name| {
        argument
            .get_value_names()
            .unwrap_or_default()
            .iter()
            .any(|taken| taken == name)
    };
    if !inner.get_positionals().any(|argument| takes(&argument, "NAME"))
        || inner.get_positionals().any(|argument| takes(&argument, "EXPR"))
    {
        return None;
    }
    let (mut options, mut names, mut is_value) = (Vec::new(), Vec::new(), false);
    for word in behind.iter().skip(1) {
        let name = word
            .strip_prefix("--")
            .map(|name| name.split('=').next().unwrap_or(name));
        let arguments = || command.get_arguments().chain(inner.get_arguments());
        let option = name.and_then(|name| arguments().find(|argument| argument.get_long() == Some(name)));
        let list = if option.is_some() || is_value {
            &mut options
        } else {
            &mut names
        };
        list.push(typed(word));
        is_value = option.is_some_and(|option| option.get_action().takes_values()) && !word.contains('=');
    }
    let first = options.first()?;
    let problem = Problem::usage(format!(
        "`{}` is after `--`, where only variables are allowed",
        clean(first)
    ));
    let before = before.iter().map(|word| typed(word)).chain(options.iter().cloned());
    let names = (!names.is_empty()).then(|| std::iter::once("--".to_owned()).chain(names));
    let line: Vec<String> = before.chain(names.into_iter().flatten()).collect();
    Some(problem.with_hint(format!("did you mean {}?", context.command(&clean(&line.join(" "))))))
}

/// Returns the recognized subcommands: `op`, `restore`.
fn path(words: &[String], command: &Command) -> Vec<String> {
    let (mut path, mut command) = (Vec::new(), command);
    let words = words.iter().filter(|word| !word.starts_with('-'));
    // `help` takes other commands as arguments.
    for word in words.skip_while(|word| *word == "help") {
        let Some(inner) = command.find_subcommand(word) else {
            break;
        };
        path.push(word.clone());
        command = inner;
    }
    path
}

/// Returns the command at the end of a path.
fn at_end<'c>(path: &[String], command: &'c Command) -> &'c Command {
    path.iter().fold(command, |command, word| {
        command.find_subcommand(word).unwrap_or(command)
    })
}

struct TypedWords<'a> {
    path: Vec<String>,
    asks_help: bool,
    /// The whole command line.
    words: &'a [String],
    context: &'a Context,
    error: &'a clap::Error,
}

impl TypedWords<'_> {
    fn unknown_word(&self, command: &Command) -> Problem {
        let word = self.one(ContextKind::InvalidSubcommand);
        let problem = Problem::usage(if self.path.is_empty() {
            format!("There is no command `{word}`")
        } else {
            format!("{} has no command `{word}`", self.command(""))
        });
        let habit = HABITS.iter().find(|(words, _)| words.contains(&word.as_str()));
        if let (Some((_, instead)), true) = (habit, self.path.is_empty()) {
            return problem.with_hint(self.told(instead));
        }
        let mut alike = self.many(ContextKind::SuggestedSubcommand);
        let is_slip = |alike: &&String| is_one_slip(&word, alike);
        if !alike.iter().any(|alike| is_slip(&alike)) {
            let all = at_end(&self.path, command)
                .get_subcommands()
                .filter(|other| !other.is_hide_set())
                .map(|other| other.get_name().to_owned());
            alike.extend(all.filter(|other| is_slip(&other)));
        }
        if let Some(lower) = at_end(&self.path, command).find_subcommand(word.to_lowercase()) {
            alike = vec![lower.get_name().to_owned()];
        }
        // The closest matches exclude all others.
        if alike.iter().any(|alike| is_slip(&alike)) {
            alike.retain(|alike| is_slip(&alike));
        }
        if alike.is_empty() && !self.path.is_empty() && command.find_subcommand(&word).is_some() {
            let meant = format!("{word}{}", self.behind(&word));
            return problem.with_hint(format!("did you mean {}?", self.context.command(&meant)));
        }
        // A mistyped command does not suggest one that deletes data permanently, unless it is the closest match.
        let deletes = |name: &str| {
            let info = self.context.registry.find(name);
            info.is_some_and(|info| info.changes == CommandEffect::RecordedValues)
        };
        let may_be_meant = |alike: &&String| !deletes(alike) || is_slip(alike);
        let alike = alike.iter().rev().filter(may_be_meant).take(3);
        let help = if self.asks_help { "help " } else { "" };
        let behind = self.behind(&word);
        let alike: Vec<String> = alike
            .map(|word| {
                let command = format!("{help}{}{behind}", self.words(word));
                self.context.interface.command(&command)
            })
            .collect();
        problem.with_hint(if alike.is_empty() {
            format!("{} lists the commands", self.command("--help"))
        } else {
            format!("did you mean {}?", either(&alike))
        })
    }

    /// Returns the words before a word, quoted as necessary.
    fn before(&self, word: &str) -> String {
        let words = self.words.iter().take_while(|typed| *typed != word);
        words.map(|word| typed(word)).collect::<Vec<_>>().join(" ")
    }

    /// Returns the words after a word, quoted as necessary.
    fn behind(&self, word: &str) -> String {
        let words = self.words.iter().skip_while(|typed| *typed != word).skip(1);
        words.map(|word| format!(" {}", clean(&typed(word)))).collect()
    }

    fn unknown_argument(&self, command: &Command) -> Problem {
        let argument = self.one(match self.error.kind() {
            ErrorKind::TooManyValues => ContextKind::InvalidValue,
            _ => ContextKind::InvalidArg,
        });
        let problem = Problem::usage(if argument.starts_with('-') {
            format!("{} has no option `{argument}`", self.command(""))
        } else {
            format!("{} does not expect `{argument}`", self.command(""))
        });
        if let Some(instead) = self.meant_instead(&argument) {
            return problem.with_hint(self.told(&instead));
        }
        match self.one(ContextKind::SuggestedArg).as_str() {
            "" => problem.with_hint(self.form()),
            alike => {
                let inner = at_end(&self.path, command);
                let is_it = |argument: &&clap::Arg| {
                    Some(alike) == argument.get_long().map(|long| format!("--{long}")).as_deref()
                };
                let option = command.get_arguments().chain(inner.get_arguments()).find(is_it);
                let values = option
                    .filter(|option| option.get_action().takes_values())
                    .and_then(clap::Arg::get_value_names)
                    .unwrap_or_default();
                let words: Vec<&str> = std::iter::once(alike)
                    .chain(values.iter().map(clap::builder::Str::as_str))
                    .collect();
                problem.with_hint(format!("did you mean {}?", self.command(&words.join(" "))))
            }
        }
    }

    /// Returns what was probably meant by an argument that the command does not take.
    fn meant_instead(&self, argument: &str) -> Option<String> {
        let is_number = |text: &str| !text.is_empty() && text.chars().all(|letter| letter.is_ascii_digit());
        let is_name = argument.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
        let count = argument.strip_prefix('-').filter(|count| is_number(count));
        let command = self.path.join(" ");
        if is_notebook(Path::new(argument)) {
            return Some(format!("`{command} --history {}` is about a notebook", typed(argument)));
        }
        match (command.as_str(), count) {
            ("log", _) if is_number(argument) => Some(format!(
                "`log -n {argument}` shows the last {argument} runs, `show {argument}` shows run {argument}"
            )),
            ("log" | "op log", Some(count)) => Some(format!("`{command} -n {count}` shows the last {count}")),
            ("log", None) if is_name => Some(format!("`log -v {argument}` shows the runs that changed a variable")),
            ("undo" | "redo", Some(count)) => Some(format!("`{command} {count}` (without the dash)")),
            ("show" | "switch" | "vars" | "resume", Some(count)) => {
                Some(format!("`{command} @-{count}` counts back from the current run"))
            }
            ("describe", _) if is_name => {
                // An argument that begins with a letter is more likely the text's first word than a branch.
                let mut said = self.words.iter().skip_while(|typed| *typed != "describe").skip(1);
                let first = said.find(|word| !word.starts_with('-'));
                let first = first.filter(|first| first.starts_with(char::is_alphabetic));
                let first = first.map_or(argument, String::as_str);
                let said = self.words.iter().skip_while(|typed| *typed != first);
                let said: Vec<&str> = said.map(String::as_str).collect();
                let said = typed(&said.join(" "));
                Some(format!("`{} -m {said}` describes the run", self.before(first)))
            }
            ("config", _) => {
                let mut behind = self.words.iter().skip_while(|typed| *typed != "config").skip(1);
                let verb = behind
                    .next()
                    .filter(|verb| ["set", "get", "unset"].contains(&verb.as_str()))?;
                Some(format!("`{}{}`", self.before(verb), self.behind(verb)))
            }
            ("status", _) if is_name => Some(format!("`show {argument}` shows a run")),
            // Variables follow `--`.
            ("restore" | "diff", _) if is_name && !is_number(argument) => {
                let (before, behind) = (self.before(argument), self.behind(argument));
                Some(format!("`{before} -- {argument}{behind}`, if that is a variable"))
            }
            _ => None,
        }
    }

    fn missing(&self, command: &Command) -> Problem {
        let needed: Vec<String> = self
            .many(ContextKind::InvalidArg)
            .iter()
            .map(|name| bare(name))
            .collect();
        let problem = Problem::usage(format!("{} needs {}", self.command(""), listing(&needed, 4)));
        // For an argument with few values, they are more helpful than the usage.
        let inner = at_end(&self.path, command);
        let of_values = inner
            .get_positionals()
            .find(|argument| !argument.get_possible_values().is_empty());
        let values = of_values
            .filter(|_| needed.len() == 1)
            .map(clap::Arg::get_possible_values);
        let values: Vec<String> = values
            .unwrap_or_default()
            .iter()
            .map(|value| self.command(value.get_name()))
            .collect();
        problem.with_hint(if values.is_empty() {
            self.form()
        } else {
            either(&values)
        })
    }

    fn wrong_value(&self) -> Problem {
        let (argument, value) = (
            bare(&self.one(ContextKind::InvalidArg)),
            self.one(ContextKind::InvalidValue),
        );
        let problem = Problem::usage(match value.as_str() {
            "" => format!("{argument} needs a value"),
            value => format!("{} does not accept `{value}` for {argument}", self.command("")),
        });
        let allowed = self.many(ContextKind::ValidValue);
        if allowed.is_empty() {
            // Clew's own value parsers explain what is valid.
            let source = self.error.source().map(ToString::to_string);
            let told = source.filter(|why| why.starts_with("it is "));
            return problem.with_hint(told.unwrap_or_else(|| self.help()));
        }
        let allowed: Vec<String> = allowed.iter().map(|value| format!("`{value}`")).collect();
        problem.with_hint(format!("use one of {}", either(&allowed)))
    }

    /// The error for an option with too few values: `-p NAME VALUE` with a name only.
    fn too_few(&self) -> Problem {
        let option = self.one(ContextKind::InvalidArg);
        let values: Vec<String> = option.split_whitespace().skip(1).map(bare).collect();
        Problem::usage(format!("{} needs {}", bare(&option), listing(&values, 4))).with_hint(self.help())
    }

    fn conflict(&self) -> Problem {
        let (one, others) = (
            bare(&self.one(ContextKind::InvalidArg)),
            self.many(ContextKind::PriorArg),
        );
        let others: Vec<String> = others.iter().map(|name| bare(name)).collect();
        let problem = Problem::usage(if others.is_empty() || others == [one.clone()] {
            format!("{one} was typed twice")
        } else {
            format!("{one} and {} cannot be used together", listing(&others, 4))
        });
        problem.with_hint(self.help())
    }

    fn no_word(&self) -> Problem {
        Problem::usage(format!("{} needs a command", self.command("")))
            .with_hint(format!("{} lists the commands", self.command("--help")))
    }

    fn other(&self) -> Problem {
        let text = clean(&self.error.render().to_string());
        let first = text.lines().next().unwrap_or_default();
        Problem::usage(first.trim_start_matches("error: ").to_owned()).with_hint(self.form())
    }

    /// Returns the usage of the command.
    fn form(&self) -> String {
        match self.error.get(ContextKind::Usage) {
            Some(ContextValue::StyledStr(usage)) if self.context.interface != Interface::Python => {
                let usage = clean(&usage.to_string());
                let form = usage.trim().trim_start_matches("Usage:").trim();
                format!("usage: `{form}`")
            }
            _ => self.help(),
        }
    }

    fn help(&self) -> String {
        format!("{} explains the arguments", self.command("--help"))
    }

    /// Formats the recognized command, with `more` after it.
    fn command(&self, more: &str) -> String {
        match self.words(more).as_str() {
            "" => format!("`{}`", self.context.interface.name()),
            words => self.context.interface.command(words),
        }
    }

    fn words(&self, more: &str) -> String {
        let words: Vec<&str> = self.path.iter().map(String::as_str).chain([more]).collect();
        words.join(" ").trim().to_owned()
    }

    /// Converts the commands in backticks to this interface.
    fn told(&self, text: &str) -> String {
        let pieces = text.split('`').enumerate();
        pieces
            .map(|(at, piece)| match at % 2 {
                1 if is_python(piece) => format!("`{piece}`"),
                1 => self.context.command(piece),
                _ => piece.to_owned(),
            })
            .collect()
    }

    fn one(&self, kind: ContextKind) -> String {
        self.many(kind).into_iter().next().unwrap_or_default()
    }

    fn many(&self, kind: ContextKind) -> Vec<String> {
        match self.error.get(kind) {
            Some(ContextValue::String(one)) => vec![clean(one)],
            Some(ContextValue::Strings(many)) => many.iter().map(|one| clean(one)).collect(),
            _ => Vec::new(),
        }
    }
}

/// Returns the name of an argument without brackets: `REV` of `<REV>`, `--at` of `--at <REV>`.
fn bare(argument: &str) -> String {
    let name = argument
        .split(['=', ' '])
        .find(|piece| piece.len() > 2 || !piece.starts_with('-'));
    let name = name.unwrap_or(argument).trim_end_matches("...");
    name.trim_matches(['<', '>', '[', ']']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::help;

    /// Returns the answer to each line at an interface.
    fn answers(lines: &[&str], interface: Interface) -> String {
        let context = Context::of_process(interface);
        let mut text = String::new();
        for line in lines {
            let words = shlex::split(line).unwrap();
            let Err(output) = crate::parse(&words, &context) else {
                panic!("`{line}` is understood");
            };
            text += &format!("> {line}\n{}\n", output.text);
        }
        text
    }

    #[test]
    fn words_that_do_not_exist_are_told_what_comes_near() {
        let lines = ["undos", "op foo", "switches 3", "frobnicate", "--history x frobnicate"];
        insta::assert_snapshot!(answers(&lines, Interface::Notebook));
    }

    #[test]
    fn words_of_other_tools_are_told_ours() {
        let lines: Vec<&str> = HABITS.iter().filter_map(|(words, _)| words.first().copied()).collect();
        insta::assert_snapshot!(answers(&lines, Interface::Terminal));
    }

    #[test]
    fn nobody_is_led_to_a_word_that_takes_something_away_for_good() {
        let lines = ["fork", "fxrget x", "forge x", "format x", "frget x", "get x"];
        insta::assert_snapshot!(answers(&lines, Interface::Notebook));
        for (one, other) in [
            ("forgt", "forget"),
            ("forgetx", "forget"),
            ("fogret", "forget"),
            ("c", "gc"),
        ] {
            assert!(is_one_slip(one, other) && is_one_slip(other, one), "{one} {other}");
        }
        assert!(!is_one_slip("fork", "forget") && !is_one_slip("format", "forget"));
    }

    #[test]
    fn every_command_that_is_told_instead_exists() {
        let command = help::command(&Context::of_process(Interface::Terminal));
        for (words, instead) in HABITS {
            for word in words {
                assert!(command.find_subcommand(word).is_none(), "`{word}` is a word of ours");
            }
            for (at, piece) in instead.split('`').enumerate() {
                let word = piece.split(' ').next().unwrap_or_default();
                let is_known = command.find_subcommand(word).is_some() || word.starts_with("--");
                assert!(at % 2 == 0 || is_known || is_python(piece), "{piece}");
            }
        }
    }

    #[test]
    fn arguments_that_are_wrong_say_how_the_command_is_typed() {
        let lines = [
            "switch",
            "restore 2 df",
            "restore",
            "undo many",
            "undo 0",
            "diff 1 2 3",
            "log --fail",
            "log --foo",
            "log -n",
            "resume 3 --fresh",
            "resume --map /home/ada",
            "resume --map data=/mnt/data",
            "move --dry-run --rate fast",
            "completions tcsh",
        ];
        insta::assert_snapshot!(answers(&lines, Interface::Notebook));
    }

    #[test]
    fn a_word_that_needs_another_shows_its_help_to_people_and_an_error_to_programs() {
        let said = |words: &[&str], interface| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            crate::parse(&words, &Context::of_process(interface)).unwrap_err().text
        };
        for words in [&[][..], &["op"]] {
            assert!(said(words, Interface::Terminal).contains("Usage: clew"));
        }
        assert_eq!(
            &*said(&["op"], Interface::Python),
            "Error: `clew.session().command(\"op\")` needs a command. Nothing was changed.\nNext: `clew.session().command(\"op\", \"--help\")` lists the commands\n"
        );
    }
}
