//! The program `clew`: reads stores without Python.
//!
//! Two binaries call [`main`]: `src/main.rs`, and the extension module, which the launcher of the wheel loads.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::{CommandOutcome, Context, Exit, HandOver, Interface, Output, continue_as, not_started, not_text, run};

/// The path that the program was called with. Not every C library passes the arguments to a library that is loaded later.
static CALLED: OnceLock<PathBuf> = OnceLock::new();

/// Whether this process is the program `clew`, and no kernel.
pub(crate) fn is_running() -> bool {
    CALLED.get().is_some()
}

/// Returns the path that the program was called with; `None` in a kernel.
pub(crate) fn called() -> Option<PathBuf> {
    CALLED.get().cloned()
}

/// Runs the program with the arguments of its process, the first of which is its own path. Returns the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let mut arguments = arguments.into_iter();
    CALLED.get_or_init(|| arguments.next().unwrap_or_default().into());
    let typed: Vec<OsString> = arguments.collect();
    let words: Vec<String> = typed.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let context = Context::of_process(Interface::of_command());
    // A name that is not UTF-8 would be converted to the name of another file, to read or to write.
    if let Some(output) = not_text(&typed, &words, &context) {
        return print(&output);
    }
    match run(&words, &context) {
        CommandOutcome::Here(output) => print(&output),
        CommandOutcome::By(hand_over) => become_another(&hand_over, &words, &context),
    }
}

/// Lets another program continue in place of this one, with its terminal and its signals.
fn become_another(hand_over: &HandOver, words: &[String], context: &Context) -> u8 {
    if let Some(told) = &hand_over.told {
        // If standard output is closed, the other program reports it.
        write!(io::stdout(), "{told}").ok();
    }
    let mut command = Command::new(&hand_over.program);
    command.args(&hand_over.arguments);
    let failed = continue_as(&mut command);
    match failed {
        Ok(code) => u8::try_from(code).unwrap_or(Exit::Refused.code()),
        Err(error) => print(&not_started(hand_over, &error, words, context)),
    }
}

/// Prints answers and all JSON on standard output; failures as text on standard error.
///
/// A closed pipe (`clew log | head`) is not a failure. Returns the exit code.
fn print(output: &Output) -> u8 {
    let printed = output.printed();
    let written = if output.is_problem {
        printed.write(&mut io::stderr(), false)
    } else {
        printed.write(&mut io::stdout().lock(), false)
    };
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("Error: The answer cannot be written: {error}. Next: free some space, or write it elsewhere");
            Exit::Refused.code()
        }
        _ => output.exit.code(),
    }
}
