//! What `--help` says beyond the doc comments: the words in groups, an example or two for each, those to come.

use std::fmt::Write;

use clap::builder::{ArgPredicate, StyledStr};
use clap::{ColorChoice, Command, CommandFactory};

use crate::arguments::Arguments;
use crate::context::{Context, Interface};

/// The words in groups, as people look for them: those of docs/guide/commands.md.
const GROUPS: [(&str, &[&str]); 6] = [
    (
        "Inspect",
        &[
            "status", "log", "show", "diff", "vars", "annotate", "extract", "stale", "op", "eval", "bisect", "list",
            "verify",
        ],
    ),
    ("Restore", &["undo", "redo", "switch", "restore", "resume"]),
    ("Label", &["branch", "tag", "describe", "history"]),
    ("Run", &["run"]),
    (
        "Share",
        &[
            "export", "import", "package", "remote", "push", "pull", "watch", "clone", "serve", "move",
        ],
    ),
    (
        "Manage",
        &[
            "enable",
            "disable",
            "pause",
            "resume-recording",
            "exclude",
            "init",
            "config",
            "doctor",
            "gc",
            "forget",
            "trust",
            "panel",
            "completions",
            "man",
        ],
    ),
];

/// Words to come, with what they will do.
pub(crate) const LATER: [(&str, &str); 1] = [("panel", "Show the history beside the notebook")];

/// An example or two for each word: what is typed, and what it does.
const EXAMPLES: [(&str, &[(&str, &str)]); 46] = [
    ("status", &[("status", "the current run, and what is not saved")]),
    (
        "log",
        &[
            ("log --all --graph", "all runs, drawn with their branches"),
            ("log -v df -n 0", "every run that created, changed or removed df"),
        ],
    ),
    (
        "show",
        &[("show 14", "run 14"), ("show @-", "the run before the current one")],
    ),
    (
        "diff",
        &[
            ("diff 12 14", "all differences between two runs"),
            ("diff 12 -- df", "the changes of df since run 12"),
        ],
    ),
    (
        "vars",
        &[("vars 14", "the variables after run 14, without loading them")],
    ),
    (
        "annotate",
        &[("annotate df", "the runs that the value of df depends on")],
    ),
    (
        "extract",
        &[(
            "extract model -o model.py --check",
            "write a script that makes model, and run it to check",
        )],
    ),
    (
        "push",
        &[
            ("push lab", "send what the remote lab lacks"),
            ("push lab --plan", "leave out values that are cheaper to rerun there"),
        ],
    ),
    ("pull", &[("pull lab", "fetch new runs from the remote lab")]),
    (
        "clone",
        &[(
            "clone ssh://host/data/flights",
            "create a project with the histories of this remote",
        )],
    ),
    (
        "watch",
        &[
            (
                "watch lab --all",
                "push everything that the kernels of a job record to lab",
            ),
            ("watch --every 1", "push after every run"),
        ],
    ),
    (
        "export",
        &[
            ("export state.clew", "the current variables, in one file"),
            ("export all.clew --all", "every run, with its cell, outputs and values"),
            ("export state.clew --with-files", "add the files that the cells read"),
        ],
    ),
    (
        "package",
        &[
            (
                "package nb.ipynb",
                "write nb.crate.zip: the notebook, its runs and its files",
            ),
            ("package nb.ipynb --dry-run", "show what would be packed"),
            (
                "package nb.ipynb --embed -o out.ipynb",
                "write a notebook that contains its history",
            ),
        ],
    ),
    (
        "import",
        &[
            ("import nb.crate.zip --preview", "show what a package contains"),
            (
                "import state.clew --preview",
                "show what a bundle contains, and who signed it",
            ),
            ("import state.clew", "import the bundle into the store"),
            ("import state.clew --files data", "also write its files below data"),
            (
                "import all.clew --preview --map /home/ada/data=/mnt/data",
                "check whether its files are in /mnt/data",
            ),
        ],
    ),
    (
        "move",
        &[
            ("move lab", "send values that are cheaper to send than to rerun"),
            (
                "move --dry-run --rate 10MB",
                "show what would be sent, and what rerun there",
            ),
            (
                "move --dry-run --rate 10MB --budget 1GB",
                "the same, with at most 1 GB sent",
            ),
        ],
    ),
    ("stale", &[("stale", "cells whose inputs changed since they ran")]),
    (
        "op",
        &[
            ("op log", "all operations, restores too"),
            ("op restore op:7", "restore the state after operation 7"),
        ],
    ),
    (
        "undo",
        &[
            ("undo", "undo the last run"),
            ("undo 3 --dry-run", "show what undoing three steps would change"),
        ],
    ),
    ("redo", &[("redo", "redo what was undone last")]),
    (
        "switch",
        &[
            ("switch 14", "restore the state after run 14"),
            ("switch \"10m ago\"", "restore the state of ten minutes ago"),
        ],
    ),
    (
        "restore",
        &[("restore 14 -- df", "restore only df, as it was after run 14")],
    ),
    (
        "resume",
        &[
            ("resume", "restore the last state in a new kernel"),
            ("resume 14", "restore the state after run 14"),
            (
                "resume --map /home/ada/data=/mnt/data",
                "look for input files in /mnt/data",
            ),
        ],
    ),
    (
        "branch",
        &[
            ("branch trees", "create a branch at the current run"),
            ("branch -m trees forest", "rename trees to forest"),
            ("branch", "list branches"),
        ],
    ),
    (
        "tag",
        &[
            ("tag clean 14", "tag run 14 as clean"),
            ("tag -d clean", "delete the tag"),
        ],
    ),
    (
        "describe",
        &[("describe 14 -m \"before the outliers\"", "describe run 14")],
    ),
    (
        "history",
        &[
            ("history", "the history of this notebook"),
            ("history flights", "continue in the history flights"),
            ("history rename flights delays", "rename flights to delays"),
            ("history delete delays", "show what would be deleted"),
        ],
    ),
    (
        "run",
        &[
            ("run flights.ipynb out.ipynb", "write the notebook with its outputs"),
            (
                "run flights.ipynb out.ipynb -p month 3",
                "the same with another parameter",
            ),
            (
                "run flights.ipynb --plan",
                "show which cells would be executed, and why",
            ),
        ],
    ),
    ("eval", &[("eval 14 \"len(df)\"", "the length of df after run 14")]),
    (
        "bisect",
        &[(
            "bisect \"df.isna().any().any()\"",
            "the first run after which df had missing values",
        )],
    ),
    (
        "enable",
        &[
            ("enable", "record every kernel of this environment"),
            ("enable --user", "record every kernel of all your environments"),
        ],
    ),
    ("disable", &[("disable", "undo enable")]),
    (
        "init",
        &[("init", "create a store for notebooks in and below this folder")],
    ),
    (
        "config",
        &[
            ("config", "all settings, and where each comes from"),
            ("config record.exclude \"token,*_key\"", "never record these variables"),
        ],
    ),
    ("pause", &[("pause", "stop recording")]),
    ("resume-recording", &[("resume-recording", "record again")]),
    (
        "exclude",
        &[
            ("exclude token \"*_key\"", "never record these variables"),
            ("exclude -d token", "record token again"),
            ("exclude", "list what is excluded"),
        ],
    ),
    ("list", &[("list", "all histories of the store")]),
    (
        "doctor",
        &[
            ("doctor", "find problems, and the commands that fix them"),
            (
                "doctor --for state.clew",
                "compare the environment of a bundle with this one",
            ),
        ],
    ),
    (
        "verify",
        &[("verify --read-data", "read and check all data of the history")],
    ),
    (
        "trust",
        &[
            ("trust", "your key, trusted keys, and keys that signed data here"),
            (
                "trust add 9f86d081884c7d65 --label Ada",
                "show the key; add --yes to trust it",
            ),
        ],
    ),
    (
        "gc",
        &[
            ("gc --dry-run", "show what would be deleted"),
            ("gc", "mark unneeded data, and delete what was marked before"),
        ],
    ),
    (
        "forget",
        &[
            ("forget token --dry-run", "show what would be deleted, and what stays"),
            (
                "forget token --everywhere --yes",
                "delete token from all your histories for good",
            ),
        ],
    ),
    (
        "remote",
        &[
            (
                "remote add lab s3://bucket/clew",
                "add a bucket, and test it for several machines",
            ),
            ("remote add nas ssh://nas/data/clew", "add a folder behind ssh"),
            ("remote", "list the remotes"),
        ],
    ),
    (
        "serve",
        &[(
            "serve --stdio /data/clew",
            "the command that ssh starts for a remote here",
        )],
    ),
    (
        "completions",
        &[("completions bash", "in ~/.bashrc: source <(clew completions bash)")],
    ),
    (
        "man",
        &[
            ("man", "the page of clew; to read it: clew man | man -l -"),
            ("man log", "the page of one command"),
        ],
    ),
];

const REVISIONS: &str = "A run (REV) is a number (`14`, `14a`), `@` (the current run), `@-` or `@-3` (one or three runs before), a \
branch or a tag, the beginning of an id, an operation (`op:7`) or a time (`\"10m ago\"`).";

/// Everything that can be typed, with its help, as it is told at this interface.
pub(crate) fn command(context: &Context) -> Command {
    let interface = context.interface;
    let command = Arguments::command()
        .bin_name(interface.name())
        .color(ColorChoice::Never)
        .term_width(context.width)
        .mut_subcommands(|word| told(word, interface))
        .mut_subcommand("history", |history| history.disable_help_subcommand(true))
        .mut_subcommand("op", |op| op.disable_help_subcommand(true))
        .mut_subcommand("trust", |trust| trust.disable_help_subcommand(true))
        .mut_subcommand("remote", |remote| remote.disable_help_subcommand(true))
        .mut_subcommand("log", |log| {
            let most = context.settings.log_limit().to_string();
            log.mut_arg("limit", |limit| {
                limit
                    .default_value(most)
                    .default_value_if("html", ArgPredicate::IsPresent, None)
            })
        });
    let words = grouped(&command);
    command
        .help_template("{about-with-newline}\n{usage-heading} {usage}{after-help}\nOptions:\n{options}")
        .after_help(format!(
            "{}\n{}\n",
            words.trim_start(),
            folded(REVISIONS, context.width)
        ))
}

/// One word with its examples.
fn told(word: Command, interface: Interface) -> Command {
    let word = punctuated(word);
    let name = word.get_name().to_owned();
    if let Some((_, about)) = LATER.iter().find(|(later, _)| *later == name) {
        return word
            .about(format!("{about} (to come)"))
            .long_about(format!("{about}. To come."));
    }
    let Some((_, examples)) = EXAMPLES.iter().find(|(one, _)| *one == name) else {
        return word;
    };
    let width = examples
        .iter()
        .map(|(typed, _)| typed.chars().count())
        .max()
        .unwrap_or(0);
    let lines: Vec<String> = examples
        .iter()
        .map(|(typed, does)| format!("  {} {typed:<width$}   {does}", interface.name()))
        .collect();
    word.after_help(format!("Examples:\n{}", lines.join("\n")))
}

/// The same with a full stop behind every text that has one within: clap takes the last one away.
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

/// All words with what they do, group by group.
fn grouped(command: &Command) -> String {
    let mut text = String::new();
    for (group, words) in GROUPS {
        let _ = writeln!(text, "\n{group}:");
        for word in words {
            let about = command.find_subcommand(word).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {word:<17} {}", in_short(&about));
        }
    }
    text
}

/// The first thing a sentence says: in a list of fifty words nobody reads on.
fn in_short(about: &str) -> &str {
    let end = [": ", ". "].iter().filter_map(|stop| about.find(stop)).min();
    about[..end.unwrap_or(about.len())].trim_end_matches('.')
}

/// Lines of at most `width` columns.
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
    use std::collections::BTreeSet;

    use super::*;
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
        }
    }

    #[test]
    fn every_word_stands_in_one_group_and_has_an_example_or_is_to_come() {
        let declared: BTreeSet<String> = Arguments::command()
            .get_subcommands()
            .map(|word| word.get_name().to_owned())
            .collect();
        let grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, words)| *words).copied().collect();
        assert_eq!(grouped.len(), declared.len());
        assert_eq!(
            grouped.iter().map(ToString::to_string).collect::<BTreeSet<_>>(),
            declared
        );
        let told = EXAMPLES
            .iter()
            .map(|(word, _)| *word)
            .chain(LATER.iter().map(|(word, _)| *word));
        assert_eq!(told.map(str::to_owned).collect::<BTreeSet<_>>(), declared);
    }

    #[test]
    fn every_example_can_be_typed() {
        let context = somewhere();
        for (word, examples) in EXAMPLES {
            for (typed, _) in examples {
                let words = shlex::split(typed).unwrap();
                let parsed = crate::parse(&words, &context).unwrap_or_else(|output| panic!("{typed}: {}", output.text));
                assert_eq!(parsed.command.text(), word, "{typed}");
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
