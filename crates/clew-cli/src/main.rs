//! The native program `clew`.

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(clew_cli::program::main(env::args_os()))
}
