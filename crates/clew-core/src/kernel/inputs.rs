//! Files that cells read, as a cell that runs again would find them.

use std::fmt::Debug;

use crate::format::FileEvidence;

/// What there is of the files that cells read, where they would run again.
pub trait Inputs: Debug + Send + Sync {
    /// Why a cell that read a file would not find it as it was, for people; nothing where it would, as far as that can be told.
    fn obstacle(&self, file: &FileEvidence) -> Option<String>;
}

/// Inputs that are not checked: only the result tells whether they are the same.
#[derive(Debug, Clone, Copy, Default)]
pub struct UncheckedInputs;

impl Inputs for UncheckedInputs {
    fn obstacle(&self, _: &FileEvidence) -> Option<String> {
        None
    }
}
