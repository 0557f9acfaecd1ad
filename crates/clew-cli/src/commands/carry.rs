//! `clew export`, `clew package` and `clew import`: a history, or one of its states, as a single file.

pub mod export;
pub mod import;
mod inputs;
pub mod package;
pub mod plan;
mod progress;
