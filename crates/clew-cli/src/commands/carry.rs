//! `clew export`, `clew package` and `clew import`: a history, or one of its states, as one file.

mod export;
pub(super) mod import;
mod inputs;
mod package;
pub mod plan;
mod progress;

pub use export::{Export, export};
pub use import::{Import, import};
pub use package::{Package, package};
