//! The help texts that are not doc comments: the list of commands in groups, and the examples.

use std::fmt::Write;

use clap::builder::{ArgPredicate, StyledStr};
use clap::{ColorChoice, Command};

use crate::command_info::Registry;
use crate::context::Context;
use crate::interface::Interface;

const REVISIONS: &str = "A run (REV) is a number (`14`, `14a`), `@` (the current run), `@-` or `@-3` (one or three runs before), a \
branch or a tag, the beginning of an id, an operation (`op:7`) or a time (`\"10m ago\"`).";

/// Returns the grammar of all commands, with help texts for this interface.
pub(crate) fn command(context: &Context) -> Command {
    let interface = context.interface;
    let command = (context.registry.definition)()
        .bin_name(interface.name())
        .color(ColorChoice::Never)
        .term_width(context.width)
        .mut_subcommands(|word| told(word, context.registry, interface).disable_help_subcommand(true))
        .mut_subcommand("log", |log| {
            let most = context.settings.number("log.limit").to_string();
            log.mut_arg("limit", |limit| {
                limit
                    .default_value(most)
                    .default_value_if("html", ArgPredicate::IsPresent, None)
            })
        });
    let words = grouped(&command, context.registry);
    command
        .help_template("{about-with-newline}\n{usage-heading} {usage}{after-help}\nOptions:\n{options}")
        .after_help(format!(
            "{}\n{}\n",
            words.trim_start(),
            folded(REVISIONS, context.width)
        ))
}

/// Adds the examples to a command's help.
fn told(word: Command, registry: &Registry, interface: Interface) -> Command {
    let word = punctuated(word);
    let Some(info) = registry.find(word.get_name()) else {
        return word;
    };
    if info.is_reserved {
        let about = word.get_about().map(ToString::to_string).unwrap_or_default();
        return word
            .about(format!("{about} (to come)"))
            .long_about(format!("{about}. To come."));
    }
    let is_elsewhere = |typed: &str| interface != Interface::Terminal && registry.is_of_terminal(typed);
    let typed = |typed: &str| {
        let place = if is_elsewhere(typed) {
            Interface::Terminal
        } else {
            interface
        };
        format!("{} {typed}", place.name())
    };
    let examples: Vec<_> = info.examples.iter().map(|(words, does)| (typed(words), does)).collect();
    let width = examples
        .iter()
        .map(|(typed, _)| typed.chars().count())
        .max()
        .unwrap_or(0);
    let lines: Vec<String> = examples
        .iter()
        .map(|(typed, does)| format!("  {typed:<width$}   {does}"))
        .collect();
    let all_elsewhere = info.examples.iter().all(|(typed, _)| is_elsewhere(typed));
    let place = if all_elsewhere { ", in a terminal" } else { "" };
    word.after_help(format!("Examples{place}:\n{}", lines.join("\n")))
}

/// Restores the full stop at the end of help texts with several sentences, which clap removes.
fn punctuated(word: Command) -> Command {
    let whole = |text: Option<&StyledStr>| {
        let text = text.map(ToString::to_string).filter(|text| text.contains(". "));
        text.filter(|text| !text.ends_with('.')).map(|text| text + ".")
    };
    let word = word.mut_args(|argument| match whole(argument.get_help()) {
        Some(help) => argument.help(help),
        None => argument,
    });
    match whole(word.get_about()) {
        Some(about) => word.about(about),
        None => word,
    }
}

/// Returns the list of commands with their descriptions, by group.
fn grouped(command: &Command, registry: &Registry) -> String {
    let mut text = String::new();
    for (group, commands) in registry.groups {
        let _ = writeln!(text, "\n{group}:");
        for info in *commands {
            let word = info.name;
            let about = command.find_subcommand(word).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {word:<17} {}", in_short(&about));
        }
    }
    text
}

/// Returns the beginning of a description, up to its first colon or full stop: a long list needs short descriptions.
fn in_short(about: &str) -> &str {
    let end = [": ", ". "].iter().filter_map(|stop| about.find(stop)).min();
    about[..end.unwrap_or(about.len())].trim_end_matches('.')
}

/// Wraps a text into lines of at most `width` columns.
fn folded(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width.min(100) {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::REGISTRY;
    use crate::settings::Settings;
    use crate::style::Style;

    fn somewhere() -> Context {
        Context {
            interface: Interface::Terminal,
            store: "/store".into(),
            config: "/config".into(),
            store_key: None,
            cache: "/cache".into(),
            now: 0,
            uptime: None,
            zone: jiff::tz::TimeZone::UTC,
            width: 100,
            style: Style::default(),
            settings: Settings::default(),
            near: None,
            python: None,
            typed: crate::typed_command::TypedCommand::default(),
            registry: REGISTRY,
        }
    }

    #[test]
    fn every_command_is_declared_as_it_is_typed_and_has_an_example_or_is_reserved() {
        let parsed = (REGISTRY.definition)();
        let parsed: Vec<&str> = parsed.get_subcommands().map(Command::get_name).collect();
        let declared: Vec<&str> = REGISTRY.commands().map(|info| info.name).collect();
        assert_eq!(parsed, declared);
        for info in REGISTRY.commands() {
            assert_eq!(info.examples.is_empty(), info.is_reserved, "{}", info.name);
        }
    }

    #[test]
    fn every_example_and_every_call_can_be_typed() {
        let context = somewhere();
        for info in REGISTRY.commands() {
            let examples = info.examples.iter().map(|(typed, _)| *typed);
            for typed in examples.chain(info.calls.iter().map(|call| call.typed)) {
                let words = shlex::split(typed).unwrap();
                let parsed = crate::parse(&words, &context).unwrap_or_else(|output| panic!("{typed}: {}", output.text));
                assert_eq!(parsed.command.text(), info.name, "{typed}");
            }
        }
    }

    #[test]
    fn log_shows_as_many_runs_as_the_settings_say_and_a_page_all() {
        let context = Context {
            settings: Settings::default().typed("log.limit", "7"),
            ..somewhere()
        };
        let limit = |words: &str| match crate::parse(&shlex::split(words).unwrap(), &context).unwrap().command {
            crate::Subcommand::Log(log) => log.limit,
            _ => panic!("{words} is no log"),
        };
        assert_eq!(
            (limit("log"), limit("log -n 3"), limit("log --html page.html")),
            (Some(7), Some(3), Some(0))
        );
    }

    #[test]
    fn help_lists_the_words_in_groups() {
        insta::assert_snapshot!(command(&somewhere()).render_help());
    }

    #[test]
    fn a_notebook_shows_in_examples_what_works_in_a_terminal_only() {
        let context = Context {
            interface: Interface::Notebook,
            ..somewhere()
        };
        let mut command = command(&context);
        command.build();
        let mut help = |word| command.find_subcommand_mut(word).unwrap().render_help().to_string();
        let run = help("run");
        assert!(
            run.contains("Examples, in a terminal:\n  clew run ") && !run.contains("%clew run f"),
            "{run}"
        );
        let trust = help("trust");
        assert!(
            trust.contains("Examples:\n  %clew trust") && trust.contains("  clew trust add"),
            "{trust}"
        );
    }

    #[test]
    fn the_help_of_a_word_ends_in_examples() {
        let mut command = command(&somewhere());
        command.build();
        let mut text = String::new();
        for word in ["log", "restore", "run", "enable", "config", "push"] {
            text += &format!("{}\n----\n", command.find_subcommand_mut(word).unwrap().render_help());
        }
        insta::assert_snapshot!(text);
    }
}
