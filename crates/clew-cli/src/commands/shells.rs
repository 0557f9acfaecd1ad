//! `clew completions` and `clew man`: shell completions and manual pages.

use std::path::PathBuf;

use clap_mangen::Man as Manual;
use serde::Serialize;

use crate::command_info::{CommandCall, CommandInfo, CommandScope};
use crate::context::Context;
use crate::help;
use crate::interface::Interface;
use crate::page::Page;
use crate::problem::Problem;
use crate::text;
use crate::whole_file::{SHARED, StagedFile, cannot_write};

/// The shells, with the script for each.
const SCRIPTS: [(&str, &str); 3] = [
    ("bash", include_str!("shells/clew.bash")),
    ("zsh", include_str!("shells/clew.zsh")),
    ("fish", include_str!("shells/clew.fish")),
];

/// Print the completion script for bash, zsh or fish.
#[derive(Debug, Clone, clap::Args)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_parser = ["bash", "zsh", "fish"])]
    pub shell: String,
}

pub(crate) const COMPLETIONS: CommandInfo = CommandInfo {
    name: "completions",
    examples: &[("completions bash", "in ~/.bashrc: source <(clew completions bash)")],
    calls: &[CommandCall::plain("completions bash")],
    scope: |_| CommandScope::Nothing,
    ..CommandInfo::DEFAULT
};

/// Print the manual page of `clew` or of a command.
#[derive(Debug, Clone, clap::Args)]
pub struct Man {
    /// The command; without it, print the page of `clew`
    #[arg(value_name = "COMMAND")]
    pub word: Option<String>,
    /// Write all pages to this folder
    #[arg(long, value_name = "DIR", conflicts_with = "word")]
    pub to: Option<PathBuf>,
}

pub(crate) const MAN: CommandInfo = CommandInfo {
    name: "man",
    examples: &[
        ("man", "the page of clew; to read it: clew man | man -l -"),
        ("man log", "the page of one command"),
    ],
    calls: &[CommandCall::plain("man")],
    scope: |_| CommandScope::Nothing,
    ..CommandInfo::DEFAULT
};

/// A text that a command prints as it is.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PrintedText {
    /// What the command prints without `--json`.
    text: String,
}

impl Page for PrintedText {
    fn text(&self, _: &Context) -> String {
        self.text.clone()
    }
}

/// Prints the completion script of a shell.
pub fn completions(arguments: &Completions) -> PrintedText {
    let script = SCRIPTS.iter().find(|(shell, _)| *shell == arguments.shell);
    PrintedText {
        text: script.map(|(_, script)| (*script).to_owned()).unwrap_or_default(),
    }
}

/// Prints a manual page, or writes all of them.
pub fn man(arguments: &Man, context: &Context) -> Result<PrintedText, Problem> {
    // The pages document the program `clew`, in every interface.
    let context = Context {
        interface: Interface::Terminal,
        ..context.clone()
    };
    let mut command = help::command(&context);
    command.build();
    if let Some(folder) = &arguments.to {
        return write_all(&command, folder);
    }
    let Some(word) = &arguments.word else {
        return Ok(PrintedText { text: page(&command) });
    };
    match command.find_subcommand(word) {
        Some(word) => Ok(PrintedText { text: page(word) }),
        None => Err(Problem::usage(format!("There is no command `{}`", text::clean(word)))
            .with_hint("`clew --help` lists the commands")),
    }
}

fn write_all(command: &clap::Command, folder: &std::path::Path) -> Result<PrintedText, Problem> {
    let words = command
        .get_subcommands()
        .filter(|word| !word.is_hide_set() && word.get_name() != "help");
    let pages: Vec<&clap::Command> = std::iter::once(command).chain(words).collect();
    for one in &pages {
        let path = folder.join(format!("{}.1", name(one)));
        StagedFile::write(&path, page(one).as_bytes(), SHARED).map_err(|error| cannot_write(&path, &error))?;
    }
    Ok(PrintedText {
        text: format!("Wrote {} to {}\n", text::count(pages.len(), "page"), folder.display()),
    })
}

/// Returns the name of a page: `clew`, `clew-log`.
fn name(command: &clap::Command) -> String {
    match command.get_name() {
        "clew" => "clew".to_owned(),
        word => format!("clew-{word}"),
    }
}

fn page(command: &clap::Command) -> String {
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let command = command.clone().name(name(command)).display_name(name(command));
    let manual = Manual::new(command)
        .source(format!("Clew {}", env!("CARGO_PKG_VERSION")))
        .manual("Clew".to_owned());
    let mut bytes = Vec::new();
    // Writing to memory cannot fail.
    let _ = manual
        .render_title(&mut bytes)
        .and_then(|()| manual.render_name_section(&mut bytes))
        .and_then(|()| manual.render_synopsis_section(&mut bytes))
        .and_then(|()| manual.render_description_section(&mut bytes))
        .and_then(|()| manual.render_options_section(&mut bytes));
    format!("{}{}", String::from_utf8_lossy(&bytes), as_it_is(&examples))
}

/// Formats a text under its own heading, preserving line breaks.
fn as_it_is(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let (heading, lines) = match text.strip_prefix("Examples:\n") {
        Some(examples) => ("EXAMPLES", examples.to_owned()),
        None => (
            "COMMANDS AND REVISIONS",
            format!("Each command has a page of its own: man clew-log.\n{text}"),
        ),
    };
    // A line that begins with a dot or a quote would be a macro.
    let escaped = lines
        .lines()
        .map(|line| format!("\\&{}\n", line.replace('\\', "\\e").replace('-', "\\-")));
    format!(".SH {heading}\n.nf\n{}.fi\n", escaped.collect::<String>())
}
