//! The native command `clew`.

use clap::Parser;

/// Undo, branches and resume for notebook sessions.
#[derive(Parser)]
#[command(name = "clew", version)]
struct Arguments {}

fn main() {
    Arguments::parse();
}
