//! Generates parts of the guide: the reference of commands, of interfaces and of settings.
//!
//! In a page of docs, `<!-- generated: WHAT -->` and `<!-- end -->` enclose a part. WHAT is `options`, `interfaces`, `settings`, or names
//! of commands; the name of a group stands for its commands that no other part of the page contains. With `CLEW_UPDATE=1` this test writes
//! the parts; without, it fails if they differ.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};

use crate::REGISTRY;
use crate::command_info::CommandInfo;
use crate::context::Context;
use crate::help;
use crate::interface::Interface;
use crate::settings::{SETTINGS, Setting};

const BEGIN: &str = "<!-- generated: ";
const END: &str = "<!-- end -->";

#[test]
fn the_guide_has_the_reference_of_every_command_once() {
    let page = check("guide/commands.md");
    for info in REGISTRY.commands() {
        let heading = format!("\n### `{}`\n", info.name);
        assert_eq!(page.matches(&heading).count(), 1, "{}", info.name);
    }
}

#[test]
fn the_guide_has_the_table_of_interfaces() {
    check("guide/interfaces.md");
}

#[test]
fn the_guide_has_the_table_of_settings() {
    check("guide.md");
}

fn path(page: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page)
}

/// Compares the generated parts of a page, or writes them; returns the page.
fn check(page: &str) -> String {
    let path = path(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let named: Vec<&str> = text
        .split(BEGIN)
        .skip(1)
        .filter_map(|part| part.split(" -->").next())
        .collect();
    let named: Vec<&str> = named.iter().flat_map(|what| what.split(' ')).collect();
    let mut pieces = text.split(BEGIN);
    let mut written = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (what, rest) = piece.split_once(" -->\n").expect("a part says what it has");
        let (_, rest) = rest.split_once(END).expect("a part has an end");
        write!(
            written,
            "{BEGIN}{what} -->\n\n{}\n\n{END}{rest}",
            part(what, &named).trim_end()
        )
        .unwrap();
    }
    if std::env::var_os("CLEW_UPDATE").is_some() {
        std::fs::write(&path, &written).unwrap();
    } else {
        assert!(
            written == text,
            "docs/{page} is not what the code says: CLEW_UPDATE=1 cargo test -p clew-cli reference writes it"
        );
    }
    written
}

/// Returns one generated part.
fn part(what: &str, named: &[&str]) -> String {
    let context = Context {
        settings: crate::Settings::default(),
        ..Context::of_process(Interface::Terminal)
    };
    let mut command = help::command(&context);
    command.build();
    match what {
        "options" => table("option", command.get_arguments().filter(|argument| is_listed(argument))),
        "settings" => settings(),
        "interfaces" => interfaces(&command),
        _ => commands(what, named)
            .map(|info| section(info.name, command.find_subcommand(info.name).unwrap(), 3))
            .collect(),
    }
}

/// Returns the commands in a part.
fn commands<'a>(what: &'a str, named: &'a [&str]) -> impl Iterator<Item = &'static CommandInfo> + use<'a> {
    let of = move |name: &'a str| {
        let group = REGISTRY.groups.iter().find(|(group, _)| *group == name);
        let all = group.map_or_else(Vec::new, |(_, commands)| commands.to_vec());
        let others = all.into_iter().filter(|info| !named.contains(&info.name));
        others.chain(REGISTRY.find(name))
    };
    what.split(' ').flat_map(of)
}

/// Formats a command with its arguments and examples, and its subcommands.
fn section(name: &str, command: &Command, level: usize) -> String {
    let about = command
        .get_long_about()
        .or(command.get_about())
        .map(ToString::to_string);
    let about = about.unwrap_or_default();
    let end = if about.ends_with('.') { "" } else { "." };
    let mut text = format!("{} `{name}`\n\n{about}{end}\n", "#".repeat(level));
    let inner: Vec<&Command> = command.get_subcommands().collect();
    if inner.is_empty() || command.get_positionals().next().is_some() {
        let usage = command.clone().render_usage().to_string();
        let lines = usage.trim_start_matches("Usage: ").lines().map(str::trim);
        writeln!(text, "\n```\n{}\n```", lines.collect::<Vec<_>>().join("\n")).unwrap();
    }
    let arguments = command.get_positionals().filter(|argument| is_listed(argument));
    let is_own = |argument: &&Arg| !argument.is_positional() && !argument.is_global_set() && is_listed(argument);
    let options = command.get_arguments().filter(is_own);
    let rows = table("argument", arguments.chain(options));
    if !rows.is_empty() {
        write!(text, "\n{rows}").unwrap();
    }
    if let Some(examples) = command.get_after_help().map(ToString::to_string) {
        let lines = examples.lines().skip(1).map(|line| format!("{}\n", line.trim_start()));
        write!(text, "\nExamples:\n\n```\n{}```\n", lines.collect::<String>()).unwrap();
    }
    text.push('\n');
    for inner in inner {
        text += &section(&format!("{name} {}", inner.get_name()), inner, level + 1);
    }
    text
}

fn is_listed(argument: &Arg) -> bool {
    !argument.is_hide_set() && !matches!(argument.get_action(), ArgAction::Version)
}

/// Formats arguments with their help as a table.
fn table<'a>(heading: &str, arguments: impl Iterator<Item = &'a Arg>) -> String {
    let rows: Vec<String> = arguments.map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("| {heading} | |\n|---|---|\n{}", rows.concat())
}

fn row(argument: &Arg) -> String {
    let takes_values = argument.get_action().takes_values();
    let values = argument.get_value_names().unwrap_or_default().join(" ");
    let value = if takes_values && !argument.is_positional() {
        format!(" {values}")
    } else {
        String::new()
    };
    let mut forms: Vec<String> = Vec::new();
    if argument.is_positional() {
        forms.push(values);
    }
    forms.extend(argument.get_short().map(|short| format!("-{short}")));
    let longs = argument
        .get_long()
        .into_iter()
        .chain(argument.get_visible_aliases().unwrap_or_default());
    forms.extend(longs.map(|long| format!("--{long}{value}")));
    let forms: Vec<String> = forms
        .iter()
        .map(|form| format!("`{}`", form.replace('|', "\\|")))
        .collect();
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let default: Vec<String> = argument
        .get_default_values()
        .iter()
        .map(|value| format!("`{}`", value.to_string_lossy()))
        .collect();
    let default = match default.as_slice() {
        _ if argument.is_hide_default_value_set() || !takes_values => String::new(),
        [] => String::new(),
        some => format!(" (default: {})", some.join(" ")),
    };
    format!("| {} | {}{default} |\n", forms.join(", "), help.replace('|', "\\|"))
}

/// Formats each command for each interface.
fn interfaces(command: &Command) -> String {
    let mut text = "| command | magic | terminal | Python | changes |\n|---|---|---|---|---|\n".to_owned();
    for info in REGISTRY.commands() {
        for call in info.calls {
            let inner = command.find_subcommand(info.name);
            let second = call.typed.split(' ').nth(1);
            let second = second.filter(|second| inner.is_some_and(|inner| inner.find_subcommand(second).is_some()));
            let name = std::iter::once(info.name).chain(second).collect::<Vec<_>>().join(" ");
            let words: Vec<String> = call.typed.split(' ').map(|word| format!("'{word}'")).collect();
            let plain = format!("command({})", words.join(", "));
            let (python, result) = call.method.unwrap_or((&plain, "Result"));
            let (typed, changes) = (call.typed, info.changes.text());
            writeln!(
                text,
                "| `{name}` | `%clew {typed}` | `clew {typed}` | `s.{python}` → `{result}` | {changes} |"
            )
            .unwrap();
        }
    }
    text
}

fn settings() -> String {
    let mut text = "| setting | meaning | default |\n|---|---|---|\n".to_owned();
    for Setting {
        key,
        about,
        default,
        more,
        ..
    } in SETTINGS
    {
        let default = match (*key, *default) {
            ("store", _) => "the platform's".to_owned(),
            (_, "") => "none".to_owned(),
            (_, default) => format!("`{default}`"),
        };
        let more = more.map(|page| format!(" ([details]({page}))")).unwrap_or_default();
        writeln!(text, "| `{key}` | {about}{more} | {default} |").unwrap();
    }
    text
}
