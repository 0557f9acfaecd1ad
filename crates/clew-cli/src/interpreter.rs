//! Finds a Python with Clew for a command that needs one without a kernel.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::problem::{Exit, Problem};

/// The variable that overrides the search for the interpreter.
const VARIABLE: &str = "CLEW_PYTHON";
/// The hint if there is none.
pub const HINT: &str =
    "`pip install \"clew[run]\"` in the notebook's environment, or set CLEW_PYTHON to its interpreter";
/// The variables with the folder of the active environment.
const ENVIRONMENTS: [&str; 2] = ["VIRTUAL_ENV", "CONDA_PREFIX"];
const NAMES: [&str; 2] = ["python3", "python"];

/// Returns the interpreter in `CLEW_PYTHON`, else the one that this program was installed with, else the first with Clew in the active
/// environment and on PATH.
pub fn found() -> Result<String, Problem> {
    if let Some(named) = env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        return Ok(named.to_string_lossy().into_owned());
    }
    let command = env::current_exe().ok();
    let beside = command
        .as_deref()
        .and_then(Path::parent)
        .map(within)
        .into_iter()
        .flatten();
    let active = ENVIRONMENTS
        .iter()
        .filter_map(env::var_os)
        .flat_map(|folder| within(&Path::new(&folder).join("bin")));
    let found = beside.chain(active).chain(on_path()).find(|python| has_clew(python));
    found
        .map(|python| python.to_string_lossy().into_owned())
        .ok_or_else(none)
}

/// Returns the interpreters in a folder of programs.
fn within(folder: &Path) -> Vec<PathBuf> {
    let there = NAMES.iter().map(|name| folder.join(name));
    there.filter(|python| python.is_file()).collect()
}

fn on_path() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).flat_map(|folder| within(&folder)).collect()
}

/// Whether an interpreter has Clew. Starting it is slow, so its folders are checked first.
fn has_clew(python: &Path) -> bool {
    is_installed(python) || says_so(python)
}

fn is_installed(python: &Path) -> bool {
    let library = python.parent().and_then(Path::parent).map(|prefix| prefix.join("lib"));
    let versions = library
        .and_then(|library| library.read_dir().ok())
        .into_iter()
        .flatten()
        .flatten();
    let mut packages = versions
        .filter(|version| version.file_name().to_string_lossy().starts_with("python3"))
        .map(|version| version.path().join("site-packages/clew/run/__main__.py"));
    packages.any(|runner| runner.is_file())
}

fn says_so(python: &Path) -> bool {
    let asked = Command::new(python)
        .args(["-P", "-c", "import clew.run"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}

fn none() -> Problem {
    Problem::of(
        Exit::Usage,
        "No Python with Clew was found: not beside this command, not in the active environment, not on PATH",
    )
    .with_hint(HINT)
}
