//! The native command `clew`: looks at stores without Python.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clew_cli::{Door, Exit, Output, Style, Surroundings, run};

fn main() -> ExitCode {
    let words: Vec<String> = env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let output = run(&words, &surroundings());
    print(&output);
    ExitCode::from(output.exit.code())
}

/// Answers go to standard output, JSON always; failures in words go to standard error.
///
/// A reader that went away (`clew log | head`) is no failure.
fn print(output: &Output) {
    let printed = output.printed();
    let is_failure = output.json.is_none() && matches!(output.exit, Exit::Usage | Exit::Refused);
    let _ = if is_failure {
        io::stderr().write_all(printed.as_bytes())
    } else {
        io::stdout().write_all(printed.as_bytes())
    };
}

fn surroundings() -> Surroundings {
    let is_terminal = io::stdout().is_terminal();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Surroundings {
        door: Door::Terminal,
        store: store(),
        config: folder("XDG_CONFIG_HOME", ".config"),
        now: i64::try_from(now.as_nanos()).unwrap_or(i64::MAX),
        zone: jiff::tz::TimeZone::system(),
        width: width(is_terminal),
        style: Style {
            is_coloured: is_terminal && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        },
    }
}

fn store() -> PathBuf {
    match env::var_os("CLEW_HOME").filter(|home| !home.is_empty()) {
        Some(home) => PathBuf::from(home),
        None => folder("XDG_DATA_HOME", ".local/share"),
    }
}

/// Clew's folder below the one that `variable` names, or below `default` in the user's home.
fn folder(variable: &str, default: &str) -> PathBuf {
    let named = env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let home = || env::home_dir().unwrap_or_default().join(default);
    named.unwrap_or_else(home).join("clew")
}

/// Columns of the terminal; wide when piped, so that nothing is cut for a program.
fn width(is_terminal: bool) -> usize {
    let columns = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    columns.unwrap_or(if is_terminal { 100 } else { 160 })
}
