//! `clew run`: runs a notebook as a batch job, with papermill's options.
//!
//! This module only defines the arguments. They are passed as one JSON document to an interpreter that has Clew (`python -m clew.run`),
//! which replaces this process: its pipes, signals and exit code are the command's.

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::run_package;
use crate::command_info::{CommandEffect, CommandInfo, CommandScope};
use crate::context::Context;
use crate::interface::Interface;
use crate::interpreter;
use crate::kernel_connection::HandOver;
use crate::problem::Problem;
use crate::shared_options::Shared;
use crate::text::clean;

/// Run a notebook, and write it with its outputs to another file.
///
/// The command takes the options of papermill. Parameters are inserted after the cell tagged `parameters`. IN stays as it is. OUT is written after every cell, also if one fails. In a notebook, `%clew run --stale` reruns the stale cells of the session.
#[derive(Debug, Clone, Args, Serialize)]
#[allow(clippy::struct_excessive_bools, clippy::struct_field_names)] // papermill's switches and names
pub struct Arguments {
    /// The notebook: a file, a percent script, a package, a URL that papermill supports, or `-` for standard input
    #[arg(value_name = "IN")]
    pub input: Option<String>,
    /// The file to write; `-`, or nothing in a pipe, is standard output
    #[arg(value_name = "OUT")]
    pub output: Option<String>,

    // The notebook's parameters.
    /// Set a parameter; numbers, `True`, `False` and `None` are converted
    #[arg(short, long, num_args = 2, value_names = ["NAME", "VALUE"], action = clap::ArgAction::Append, allow_hyphen_values = true)]
    pub parameters: Vec<String>,
    /// Set a parameter that is always a text
    #[arg(short = 'r', long = "parameters_raw", visible_alias = "parameters-raw", num_args = 2, value_names = ["NAME", "VALUE"], action = clap::ArgAction::Append, allow_hyphen_values = true)]
    pub parameters_raw: Vec<String>,
    /// Read parameters from a YAML file
    #[arg(
        short = 'f',
        long = "parameters_file",
        visible_alias = "parameters-file",
        value_name = "FILE"
    )]
    pub parameters_file: Vec<String>,
    /// Set parameters as YAML
    #[arg(
        short = 'y',
        long = "parameters_yaml",
        visible_alias = "parameters-yaml",
        value_name = "YAML",
        allow_hyphen_values = true
    )]
    pub parameters_yaml: Vec<String>,
    /// Set parameters as YAML in base64
    #[arg(
        short = 'b',
        long = "parameters_base64",
        visible_alias = "parameters-base64",
        value_name = "TEXT"
    )]
    pub parameters_base64: Vec<String>,
    /// Set the parameter `PAPERMILL_INPUT_PATH` to the path of IN
    #[arg(long)]
    pub inject_input_path: bool,
    /// Set the parameter `PAPERMILL_OUTPUT_PATH` to the path of OUT
    #[arg(long)]
    pub inject_output_path: bool,
    /// Set both parameters
    #[arg(long)]
    pub inject_paths: bool,
    /// List the notebook's parameters, and execute nothing
    #[arg(long)]
    pub help_notebook: bool,
    /// Write OUT with its parameters, and execute nothing
    #[arg(long, overrides_with = "prepare_execute")]
    pub prepare_only: bool,
    /// Execute it, as without `--prepare-only`
    #[arg(long, hide = true)]
    #[serde(skip)]
    pub prepare_execute: bool,

    // The kernel.
    /// Use this kernel, instead of the notebook's
    #[arg(short, long, value_name = "NAME")]
    pub kernel: Option<String>,
    /// Use this language, instead of the notebook's
    #[arg(short, long, value_name = "NAME")]
    pub language: Option<String>,
    /// Accept `clew`, the engine that always executes the cells
    #[arg(long, hide = true, value_name = "NAME")]
    #[serde(skip)]
    pub engine: Option<String>,
    /// Run in this folder, instead of the current one
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,
    /// Wait at most this many seconds for the kernel to start
    #[arg(long, visible_alias = "start_timeout", value_name = "SECONDS", default_value_t = 60)]
    pub start_timeout: u32,
    /// Stop a cell after this many seconds; by default there is no limit
    #[arg(long, value_name = "SECONDS")]
    pub execution_timeout: Option<u32>,

    // Progress and output.
    /// Show progress on standard error, even if it is no terminal
    #[arg(long, overrides_with = "no_progress_bar")]
    pub progress_bar: bool,
    /// Show no progress
    #[arg(long)]
    pub no_progress_bar: bool,
    /// Also print the output of cells to standard error, cell by cell
    #[arg(long, overrides_with = "no_log_output")]
    pub log_output: bool,
    /// Write it to the notebook only
    #[arg(long, hide = true)]
    #[serde(skip)]
    pub no_log_output: bool,
    /// Set how much is logged to standard error
    #[arg(long, value_name = "LEVEL", ignore_case = true, default_value = "INFO")]
    pub log_level: Level,
    /// Also write what cells print to this file
    #[arg(long, value_name = "FILE")]
    pub stdout_file: Option<String>,
    /// Also write what cells print on standard error to this file
    #[arg(long, value_name = "FILE")]
    pub stderr_file: Option<String>,
    /// Hide the code in OUT
    #[arg(long, overrides_with = "no_report_mode")]
    pub report_mode: bool,
    /// Show the code in OUT
    #[arg(long, hide = true)]
    #[serde(skip)]
    pub no_report_mode: bool,
    /// Also write OUT every so many seconds while a cell runs; 0 turns this off
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub autosave_cell_every: u32,
    /// Write OUT after every cell, as by default
    #[arg(long, hide = true, overrides_with = "no_request_save_on_cell_execute")]
    #[serde(skip)]
    pub request_save_on_cell_execute: bool,
    /// Write OUT only at the end
    #[arg(long)]
    pub no_request_save_on_cell_execute: bool,

    // The cells to execute.
    /// Show which cells were executed, and why
    #[arg(long)]
    pub explain: bool,
    /// Show which cells would be executed, and why; execute nothing
    #[arg(long, conflicts_with_all = ["check", "prepare_only", "help_notebook"])]
    pub plan: bool,
    /// Execute nothing; exit with code 3 if a cell would be executed
    #[arg(long, conflicts_with_all = ["prepare_only", "help_notebook"])]
    pub check: bool,
    /// Execute all cells
    #[arg(long, conflicts_with_all = ["stale", "from"])]
    pub force: bool,
    /// Execute this cell (a number or an id) and all cells below it
    #[arg(long, value_name = "CELL", conflicts_with = "stale")]
    pub from: Option<String>,
    /// Execute only cells that a change affects, even if others depend on the time, the network, programs or random numbers
    #[arg(long)]
    pub stale: bool,
    /// Execute all cells, and compare them with the recorded runs
    #[arg(long, conflicts_with_all = ["plan", "check", "stale", "from", "force"])]
    pub verify: bool,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "run",
    examples: &[
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
    changes: CommandEffect::History,
    scope: |_| CommandScope::Nothing,
    terminal_only: &["run"],
    ..CommandInfo::DEFAULT
};

/// The levels of `--log-level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[allow(missing_docs)] // Python's own names
#[serde(rename_all = "UPPERCASE")]
#[value(rename_all = "UPPER")]
pub enum Level {
    Notset,
    Debug,
    Info,
    Warning,
    Error,
    Critical,
}

/// The request to the interpreter.
#[derive(Serialize)]
struct Request<'a> {
    #[serde(flatten)]
    arguments: &'a Arguments,
    /// A line about the imported package.
    said: Option<&'a str>,
    json: bool,
    store: Option<&'a std::path::Path>,
}

/// Clew's name among papermill's engines.
const ENGINE: &str = "clew";

/// The most bytes of the document in one argument: Linux allows 128 KiB.
const LONGEST_PIECE: usize = 100_000;

/// Returns the process that runs the notebook.
pub fn hand_over(arguments: &Arguments, shared: &Shared, context: &Context) -> Result<HandOver, Problem> {
    if let Some(engine) = arguments.engine.as_ref().filter(|engine| *engine != ENGINE) {
        let problem = format!(
            "`run` executes cells itself, not with papermill's engine {}",
            clean(engine)
        );
        return Err(Problem::usage(problem).with_hint("leave `--engine` out, or `papermill --engine NAME IN OUT`"));
    }
    if shared.wanted.is_some() {
        let problem = "`run` records in the notebook's own history, but the command names another one";
        return Err(Problem::usage(problem).with_hint("leave `--history` out"));
    }
    let store = shared.store.as_ref().unwrap_or(&context.store);
    let unpacked = match context.interface {
        Interface::Terminal => {
            let (input, folder) = (arguments.input.as_deref(), arguments.cwd.as_deref());
            run_package::unpacked(input, folder, store, context)?
        }
        _ => None,
    };
    let mut arguments = arguments.clone();
    let said = unpacked.map(|unpacked| {
        arguments.input = Some(unpacked.notebook);
        arguments.cwd = Some(unpacked.folder);
        unpacked.said
    });
    let request = Request {
        arguments: &arguments,
        said: said.as_deref(),
        json: shared.json,
        store: shared.store.as_deref(),
    };
    let document = serde_json::to_string(&request).expect("texts, numbers and flags are JSON");
    let mut handed: Vec<String> = ["-P", "-m", "clew.run"].map(str::to_owned).to_vec();
    handed.extend(pieces(&document));
    Ok(HandOver {
        program: interpreter::found()?,
        arguments: handed,
        told: None,
    })
}

/// Splits a text into pieces that fit into arguments, at character boundaries.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for character in text.chars() {
        if pieces.last().is_some_and(|piece| piece.len() >= LONGEST_PIECE) {
            pieces.push(String::new());
        }
        pieces.last_mut().expect("there is one").push(character);
    }
    pieces
}

/// The error for running a notebook from within a notebook.
pub fn not_here() -> Problem {
    Problem::usage("`run` starts a kernel of its own for a notebook, beside this one")
        .with_hint("`clew run IN.ipynb OUT.ipynb` in a terminal; `%clew run --stale` runs stale cells here")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_document_goes_in_pieces_that_come_together_again() {
        let text = "äb".repeat(LONGEST_PIECE);
        let pieces = pieces(&text);
        assert_eq!(pieces.len(), 3);
        assert!(pieces.iter().all(|piece| piece.len() < 128 * 1024));
        assert_eq!(pieces.concat(), text);
    }
}
