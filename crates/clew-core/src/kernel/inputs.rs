//! Files that cells read, as a rerun cell would find them.

use std::fmt::Debug;

use crate::format::FileEvidence;

/// The current state of the files that cells read, in the place where the cells would be rerun.
pub trait Inputs: Debug + Send + Sync {
    /// Returns why a cell would find a file changed, for people; `None` if it would find it unchanged, as far as that can be
    /// determined.
    fn obstacle(&self, file: &FileEvidence) -> Option<String>;
}

/// An implementation that checks nothing: only the result of the rerun shows whether the inputs are the same.
#[derive(Debug, Clone, Copy, Default)]
pub struct UncheckedInputs;

impl Inputs for UncheckedInputs {
    fn obstacle(&self, _: &FileEvidence) -> Option<String> {
        None
    }
}
