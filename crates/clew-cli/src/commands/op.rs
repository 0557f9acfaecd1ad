//! `clew op`: everything that was done to a history, and going back to where an operation led.

use super::movers::Options;

/// Lists what was done to the history, or goes back to where an operation led.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    #[allow(missing_docs)]
    pub word: OpWord,
}

/// What to do with operations.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum OpWord {
    /// Lists operations, newest first: runs, moves, names
    Log {
        /// Shows at most this many; 0 shows all
        #[arg(short = 'n', long = "limit", value_name = "N", default_value_t = 20)]
        limit: usize,
    },
    /// Goes to where an operation led, with the names that were then
    Restore {
        /// The operation: `op:7` or `7`
        #[arg(value_name = "OP")]
        operation: String,
        #[command(flatten)]
        #[allow(missing_docs)]
        options: Options,
    },
}
