//! `clew export`, `clew package` and `clew import`: a history, or one of its states, as one file.

pub(crate) mod export;
pub(crate) mod import;
mod inputs;
pub(crate) mod package;
pub mod plan;
mod progress;

pub use export::{Export, export};
pub use import::{Import, import};
pub use package::{Package, package};
