//! `clew run`: a notebook as a batch job, with papermill's options.
//!
//! Here is only what can be typed. All of it goes as one JSON document to an interpreter that has Clew (`python -m clew.run`),
//! which takes this process's place: its pipes, its signals and its exit code are the command's.

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::run_package;
use crate::arguments::Shared;
use crate::interpreter;
use crate::kernel_connection::HandOver;
use crate::problem::Problem;
use crate::surroundings::{Door, Surroundings};
use crate::text::clean;

/// Runs a notebook from top to bottom, as papermill does, and writes it with its outputs to another file.
///
/// Parameters go behind the cell tagged `parameters`. IN stays as it is; OUT is written after every cell, also when one fails.
#[derive(Debug, Clone, Args, Serialize)]
#[allow(clippy::struct_excessive_bools)] // papermill's switches
pub struct Arguments {
    /// The notebook: a file, a percent script, a package, an address that papermill knows, or `-` for standard input
    #[arg(value_name = "IN")]
    pub input: Option<String>,
    /// Where it goes with its outputs; `-`, or nothing in a pipe, is standard output
    #[arg(value_name = "OUT")]
    pub output: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub parameters: Parameters,
    #[command(flatten)]
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub kernel: Kernel,
    #[command(flatten)]
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub told: Told,
    #[command(flatten)]
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub chosen: Chosen,
}

/// What the notebook is given.
#[derive(Debug, Clone, Args, Serialize)]
#[allow(clippy::struct_excessive_bools, clippy::struct_field_names)] // papermill's names
pub struct Parameters {
    /// A parameter; numbers, `True`, `False` and `None` are taken as such
    #[arg(short, long, num_args = 2, value_names = ["NAME", "VALUE"], action = clap::ArgAction::Append, allow_hyphen_values = true)]
    pub parameters: Vec<String>,
    /// A parameter that is text, whatever it looks like
    #[arg(short = 'r', long = "parameters_raw", visible_alias = "parameters-raw", num_args = 2, value_names = ["NAME", "VALUE"], action = clap::ArgAction::Append, allow_hyphen_values = true)]
    pub parameters_raw: Vec<String>,
    /// A YAML file of parameters
    #[arg(
        short = 'f',
        long = "parameters_file",
        visible_alias = "parameters-file",
        value_name = "FILE"
    )]
    pub parameters_file: Vec<String>,
    /// Parameters as YAML
    #[arg(
        short = 'y',
        long = "parameters_yaml",
        visible_alias = "parameters-yaml",
        value_name = "YAML",
        allow_hyphen_values = true
    )]
    pub parameters_yaml: Vec<String>,
    /// Parameters as YAML in base64
    #[arg(
        short = 'b',
        long = "parameters_base64",
        visible_alias = "parameters-base64",
        value_name = "TEXT"
    )]
    pub parameters_base64: Vec<String>,
    /// Gives IN's path as the parameter `PAPERMILL_INPUT_PATH`
    #[arg(long)]
    pub inject_input_path: bool,
    /// Gives OUT's path as the parameter `PAPERMILL_OUTPUT_PATH`
    #[arg(long)]
    pub inject_output_path: bool,
    /// Gives both paths
    #[arg(long)]
    pub inject_paths: bool,
    /// Lists the notebook's parameters, and runs nothing
    #[arg(long)]
    pub help_notebook: bool,
    /// Writes OUT with the parameters in it, and runs nothing
    #[arg(long, overrides_with = "prepare_execute")]
    pub prepare_only: bool,
    /// Runs it, as without `--prepare-only`
    #[arg(long, hide = true)]
    #[serde(skip)]
    pub prepare_execute: bool,
}

/// What it runs in.
#[derive(Debug, Clone, Args, Serialize)]
pub struct Kernel {
    /// The kernel's name, instead of the one in the notebook
    #[arg(id = "kernel", short = 'k', long = "kernel", value_name = "NAME")]
    #[serde(rename = "kernel")]
    pub name: Option<String>,
    /// The notebook's language, instead of the one in it
    #[arg(short, long, value_name = "NAME")]
    pub language: Option<String>,
    /// Who executes the cells: always Clew
    #[arg(long, hide = true, value_name = "NAME")]
    #[serde(skip)]
    pub engine: Option<String>,
    /// The folder to run in, instead of this one
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,
    /// How long the kernel may take to start, in seconds
    #[arg(long, visible_alias = "start_timeout", value_name = "SECONDS", default_value_t = 60)]
    pub start_timeout: u32,
    /// How long a cell may take, in seconds; else as long as it wants
    #[arg(long, value_name = "SECONDS")]
    pub execution_timeout: Option<u32>,
}

/// What is said and written meanwhile.
#[derive(Debug, Clone, Args, Serialize)]
#[allow(clippy::struct_excessive_bools)]
pub struct Told {
    /// Draws progress on standard error also where no terminal sees it
    #[arg(long, overrides_with = "no_progress_bar")]
    pub progress_bar: bool,
    /// Draws none
    #[arg(long)]
    pub no_progress_bar: bool,
    /// Says what cells print on standard error too, cell by cell
    #[arg(long, overrides_with = "no_log_output")]
    pub log_output: bool,
    /// Keeps it in the notebook
    #[arg(long, hide = true)]
    #[serde(skip)]
    pub no_log_output: bool,
    /// How much is said on standard error
    #[arg(long, value_name = "LEVEL", ignore_case = true, default_value = "INFO")]
    pub log_level: Level,
    /// Writes what cells print to this file too
    #[arg(long, value_name = "FILE")]
    pub stdout_file: Option<String>,
    /// Writes what cells print on standard error to this file too
    #[arg(long, value_name = "FILE")]
    pub stderr_file: Option<String>,
    /// Hides the code in OUT
    #[arg(long, overrides_with = "no_report_mode")]
    pub report_mode: bool,
    /// Leaves the code in OUT to be seen
    #[arg(long, hide = true)]
    #[serde(skip)]
    pub no_report_mode: bool,
    /// How often OUT is written while a cell runs, in seconds; 0 never
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub autosave_cell_every: u32,
    /// Writes OUT after every cell, which it does anyway
    #[arg(long, hide = true, overrides_with = "no_request_save_on_cell_execute")]
    #[serde(skip)]
    pub request_save_on_cell_execute: bool,
    /// Writes OUT at the end only
    #[arg(long)]
    pub no_request_save_on_cell_execute: bool,
}

/// Which cells are executed.
#[derive(Debug, Clone, Args, Serialize)]
#[allow(clippy::struct_excessive_bools)]
pub struct Chosen {
    /// Says of every cell what became of it, and why
    #[arg(long)]
    pub explain: bool,
    /// Says what would become of every cell, and runs nothing
    #[arg(long, conflicts_with_all = ["check", "prepare_only", "help_notebook"])]
    pub plan: bool,
    /// Runs nothing; the exit code is 3 if something would run
    #[arg(long, conflicts_with_all = ["prepare_only", "help_notebook"])]
    pub check: bool,
    /// Executes every cell, whatever is known of it
    #[arg(long, conflicts_with_all = ["stale", "from"])]
    pub force: bool,
    /// Executes this cell (its number, or its id) and those behind it
    #[arg(long, value_name = "CELL", conflicts_with = "stale")]
    pub from: Option<String>,
    /// Executes only cells that a change reaches: the time, the network, programs and random numbers count as what they were
    #[arg(long)]
    pub stale: bool,
    /// Executes every cell and compares what it makes with what was recorded
    #[arg(long, conflicts_with_all = ["plan", "check", "stale", "from", "force"])]
    pub verify: bool,
}

/// How much is said.
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

/// What the interpreter is told.
#[derive(Serialize)]
struct Request<'a> {
    #[serde(flatten)]
    arguments: &'a Arguments,
    /// What became of a package, in a line.
    said: Option<&'a str>,
    json: bool,
    store: Option<&'a std::path::Path>,
}

/// What Clew is called among papermill's engines.
const ENGINE: &str = "clew";

/// So many bytes of the document stand in one argument: Linux takes 128 KiB.
const LONGEST_PIECE: usize = 100_000;

/// Who runs the notebook.
pub fn hand_over(arguments: &Arguments, shared: &Shared, surroundings: &Surroundings) -> Result<HandOver, Problem> {
    if let Some(engine) = arguments.kernel.engine.as_ref().filter(|engine| *engine != ENGINE) {
        let problem = format!(
            "`run` executes cells itself, not by papermill's engine {}",
            clean(engine)
        );
        return Err(Problem::usage(problem).with_hint("leave `--engine` out, or `papermill --engine NAME IN OUT`"));
    }
    if shared.wanted.is_some() {
        let problem = "`run` records in the notebook's own history, and another one is named";
        return Err(Problem::usage(problem).with_hint("leave `--history` out"));
    }
    let store = shared.store.as_ref().unwrap_or(&surroundings.store);
    let unpacked = match surroundings.door {
        Door::Terminal => run_package::unpacked(arguments, store, surroundings)?,
        _ => None,
    };
    let request = Request {
        arguments: unpacked.as_ref().map_or(arguments, |unpacked| &unpacked.arguments),
        said: unpacked.as_ref().map(|unpacked| unpacked.said.as_str()),
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

/// A text in pieces that fit into arguments, cut between characters.
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

/// Says why a notebook can't be run from within one.
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
