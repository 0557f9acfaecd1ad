//! What `--help` says beyond the doc comments: the words in groups, an example or two for each, those to come.

use std::fmt::Write;

use clap::builder::{ArgPredicate, StyledStr};
use clap::{ColorChoice, Command, CommandFactory};

use crate::arguments::Arguments;
use crate::surroundings::{Door, Surroundings};

/// The words in groups, as people look for them.
const GROUPS: [(&str, &[&str]); 6] = [
    (
        "Look",
        &[
            "status", "log", "show", "diff", "vars", "annotate", "extract", "stale", "op",
        ],
    ),
    ("Move", &["undo", "redo", "switch", "restore", "resume"]),
    ("Name", &["branch", "tag", "describe", "history"]),
    ("Run", &["run", "eval", "bisect"]),
    (
        "Carry",
        &[
            "remote", "push", "pull", "clone", "move", "watch", "export", "import", "package", "serve", "trust",
        ],
    ),
    (
        "Care",
        &[
            "enable",
            "disable",
            "pause",
            "resume-recording",
            "exclude",
            "init",
            "config",
            "list",
            "doctor",
            "verify",
            "gc",
            "forget",
            "panel",
            "completions",
            "man",
        ],
    ),
];

/// Words to come, with what they will do.
pub(crate) const LATER: [(&str, &str); 1] = [("panel", "Shows the history beside the notebook")];

/// An example or two for each word: what is typed, and what it does.
const EXAMPLES: [(&str, &[(&str, &str)]); 46] = [
    (
        "status",
        &[("status", "where this session is, and whether all is saved")],
    ),
    (
        "log",
        &[
            ("log --all --graph", "all lines of runs, drawn"),
            ("log -v df -n 0", "every run that touched df"),
        ],
    ),
    (
        "show",
        &[
            ("show 14", "what run 14 ran and changed"),
            ("show @-", "the run before this one"),
        ],
    ),
    (
        "diff",
        &[
            ("diff 12 14", "all that differs between two runs"),
            ("diff 12 -- df", "what happened to df since run 12"),
        ],
    ),
    (
        "vars",
        &[("vars 14", "the names that run 14 left, without loading them")],
    ),
    ("annotate", &[("annotate df", "the runs that made df what it is")]),
    (
        "extract",
        &[(
            "extract model -o model.py --check",
            "the cells that made model, proven by running them",
        )],
    ),
    (
        "push",
        &[
            ("push lab", "sends what the remote `lab` has not"),
            (
                "push lab --plan",
                "the same without what is cheaper to make again there",
            ),
        ],
    ),
    ("pull", &[("pull lab", "takes in what others pushed there")]),
    (
        "clone",
        &[(
            "clone ssh://host/data/flights",
            "a project with the histories of that place",
        )],
    ),
    (
        "watch",
        &[
            ("watch lab --all", "what the kernels of a job record goes to lab"),
            ("watch --every 1", "each run goes at once"),
        ],
    ),
    (
        "export",
        &[
            (
                "export state.clew",
                "the variables you have now, in one file for somebody else",
            ),
            ("export all.clew --all", "every run, with its cell and its values"),
            ("export state.clew --with-files", "and the files that its cells read"),
        ],
    ),
    (
        "package",
        &[
            ("package nb.ipynb", "nb.crate.zip: the notebook, its runs, its files"),
            ("package nb.ipynb --dry-run", "what would go out"),
            (
                "package nb.ipynb --embed -o out.ipynb",
                "a notebook that carries its own history",
            ),
        ],
    ),
    (
        "import",
        &[
            ("import nb.crate.zip --preview", "what is in a package"),
            ("import state.clew --preview", "what is in it, by whom; nothing runs"),
            ("import state.clew", "takes it into the store"),
            (
                "import state.clew --files data",
                "and writes the files in it below `data`",
            ),
            (
                "import all.clew --preview --map /home/ada/data=/mnt/data",
                "whether its files lie there",
            ),
        ],
    ),
    (
        "move",
        &[
            ("move lab", "sends what is cheaper to send than to make again there"),
            (
                "move --dry-run --rate 10MB",
                "what would be sent, and what replayed there",
            ),
            (
                "move --dry-run --rate 10MB --budget 1GB",
                "the same, with no more than 1 GB sent",
            ),
        ],
    ),
    ("stale", &[("stale", "cells whose inputs changed since they ran")]),
    (
        "op",
        &[
            ("op log", "everything that was done, moves too"),
            ("op restore op:7", "back to where operation 7 led"),
        ],
    ),
    (
        "undo",
        &[
            ("undo", "takes the last run back"),
            ("undo 3 --dry-run", "shows what three steps would do"),
        ],
    ),
    ("redo", &[("redo", "takes again what was undone")]),
    (
        "switch",
        &[
            ("switch 14", "everything as run 14 left it"),
            ("switch \"10m ago\"", "everything as it was ten minutes ago"),
        ],
    ),
    (
        "restore",
        &[("restore 14 -- df", "only df, as run 14 left it; the rest stays")],
    ),
    (
        "resume",
        &[
            ("resume", "takes up the last state in a new kernel"),
            ("resume 14", "takes up the history at run 14"),
            (
                "resume --map /home/ada/data=/mnt/data",
                "and finds there what its cells read",
            ),
        ],
    ),
    (
        "branch",
        &[
            ("branch trees", "begins a branch here"),
            ("branch -m trees forest", "calls it forest from now on"),
            ("branch", "lists branches"),
        ],
    ),
    (
        "tag",
        &[
            ("tag clean 14", "calls run 14 clean from now on"),
            ("tag -d clean", "takes the tag away"),
        ],
    ),
    (
        "describe",
        &[(
            "describe 14 -m \"before the outliers\"",
            "says in your words what run 14 did",
        )],
    ),
    (
        "history",
        &[
            ("history", "which history this notebook belongs to"),
            ("history flights", "goes on in the one called flights"),
            ("history rename flights delays", "calls it delays from now on"),
            ("history delete delays", "shows what would be deleted"),
        ],
    ),
    (
        "run",
        &[
            ("run flights.ipynb out.ipynb", "the notebook with its outputs"),
            (
                "run flights.ipynb out.ipynb -p month 3",
                "the same with another parameter",
            ),
            ("run flights.ipynb --plan", "which cells would be executed, and why"),
        ],
    ),
    (
        "eval",
        &[("eval 14 \"len(df)\"", "how long df was after run 14; nothing moves")],
    ),
    (
        "bisect",
        &[(
            "bisect \"df.isna().any().any()\"",
            "the first run after which df had holes",
        )],
    ),
    (
        "enable",
        &[
            ("enable", "kernels of this environment record from their start"),
            ("enable --user", "the same for all of yours"),
        ],
    ),
    ("disable", &[("disable", "takes back what enable did")]),
    (
        "init",
        &[("init", "notebooks in this folder and below record in its .clew")],
    ),
    (
        "config",
        &[
            ("config", "every setting, and where it comes from"),
            ("config record.exclude \"token,*_key\"", "never records such names"),
        ],
    ),
    ("pause", &[("pause", "records nothing for now")]),
    ("resume-recording", &[("resume-recording", "records again")]),
    (
        "exclude",
        &[
            ("exclude token \"*_key\"", "keeps these names out of the store"),
            ("exclude -d token", "records it again"),
            ("exclude", "lists them"),
        ],
    ),
    ("list", &[("list", "all histories of the store")]),
    (
        "doctor",
        &[
            ("doctor", "what is wrong here, and the command that mends it"),
            (
                "doctor --for state.clew",
                "what a bundle was recorded with and is not here",
            ),
        ],
    ),
    (
        "verify",
        &[("verify --read-data", "reads and checks all that was saved")],
    ),
    (
        "trust",
        &[
            ("trust", "your key, those you trust, those that signed something here"),
            (
                "trust add 9f86d081884c7d65 --label Ada",
                "shows the key and what it would mean; with `--yes` trusts it",
            ),
        ],
    ),
    (
        "gc",
        &[
            ("gc --dry-run", "what nothing needs any more"),
            ("gc", "notes it, and removes what was noted long enough ago"),
        ],
    ),
    (
        "forget",
        &[
            ("forget token --dry-run", "which values would go, and what stays"),
            (
                "forget token --everywhere --yes",
                "takes token out of all histories for good",
            ),
        ],
    ),
    (
        "remote",
        &[
            (
                "remote add lab s3://bucket/clew",
                "calls that place lab, and asks it whether heads can be shared there",
            ),
            ("remote add nas ssh://nas/data/clew", "the same of a folder behind ssh"),
            ("remote", "lists them"),
        ],
    ),
    (
        "serve",
        &[(
            "serve --stdio /data/clew",
            "what ssh starts here for a remote in that folder",
        )],
    ),
    (
        "completions",
        &[("completions bash", "in ~/.bashrc: source <(clew completions bash)")],
    ),
    (
        "man",
        &[
            ("man", "the page of clew, to be read with: clew man | man -l -"),
            ("man log", "the page of one word"),
        ],
    ),
];

const REVISIONS: &str = "Runs are named by number (`14`, `14a`), by place (`@` is here, `@-` the one before, `@-3`), by \
branch or tag, by the beginning of an id, by operation (`op:7`), or by time (`\"10m ago\"`).";

/// Everything that can be typed, with its help, as it is told at this door.
pub(crate) fn command(surroundings: &Surroundings) -> Command {
    let door = surroundings.door;
    let command = Arguments::command()
        .bin_name(door.name())
        .color(ColorChoice::Never)
        .term_width(surroundings.width)
        .mut_subcommands(|word| told(word, door))
        .mut_subcommand("history", |history| history.disable_help_subcommand(true))
        .mut_subcommand("op", |op| op.disable_help_subcommand(true))
        .mut_subcommand("trust", |trust| trust.disable_help_subcommand(true))
        .mut_subcommand("remote", |remote| remote.disable_help_subcommand(true))
        .mut_subcommand("log", |log| {
            let most = surroundings.settings.log_limit().to_string();
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
            folded(REVISIONS, surroundings.width)
        ))
}

/// One word with its examples.
fn told(word: Command, door: Door) -> Command {
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
        .map(|(typed, does)| format!("  {} {typed:<width$}   {does}", door.name()))
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
    let end = [": ", ". ", ", and offers"]
        .iter()
        .filter_map(|stop| about.find(stop))
        .min();
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

    fn somewhere() -> Surroundings {
        Surroundings {
            door: Door::Terminal,
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
        let surroundings = somewhere();
        for (word, examples) in EXAMPLES {
            for (typed, _) in examples {
                let words = shlex::split(typed).unwrap();
                let parsed =
                    crate::parse(&words, &surroundings).unwrap_or_else(|output| panic!("{typed}: {}", output.text));
                assert_eq!(parsed.word.text(), word, "{typed}");
            }
        }
    }

    #[test]
    fn log_shows_as_many_runs_as_the_settings_say_and_a_page_all() {
        let surroundings = Surroundings {
            settings: Settings::default().typed("log.limit", "7"),
            ..somewhere()
        };
        let limit = |words: &str| match crate::parse(&shlex::split(words).unwrap(), &surroundings).unwrap().word {
            crate::Word::Log(log) => log.limit,
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
