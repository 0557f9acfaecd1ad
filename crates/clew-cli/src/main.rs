//! The native command `clew`: looks at stores without Python.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use clew_cli::{Door, Exit, Output, Surroundings, run};

fn main() -> ExitCode {
    let words: Vec<String> = env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let output = run(&words, &Surroundings::of_process(Door::Terminal));
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
