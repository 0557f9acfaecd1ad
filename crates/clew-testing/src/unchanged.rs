//! An environment in which no external state has changed.

use clew_core::format::{FileEvidence, ModuleEvidence};
use clew_core::history::flow::ExternalInputs;

/// Reports that no external state has changed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unchanged;

impl ExternalInputs for Unchanged {
    fn has_file(&self, _: &FileEvidence) -> bool {
        true
    }

    fn other_module(&self, _: &ModuleEvidence) -> Option<String> {
        None
    }

    fn python(&self) -> Option<&str> {
        None
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn is_builtin(&self, _: &str) -> bool {
        false
    }
}
