//! The values created by cells that were rerun one after another, as written by a walk: inputs of later cells, and results to return.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use crate::id::{ManifestId, RunId};
use crate::kernel::CoVariableHandover;

/// The values that reruns created, by manifest. They are equal to the recorded values, or not identical.
#[derive(Debug, Default)]
pub(crate) struct RerunResults {
    values: RefCell<HashMap<ManifestId, CoVariableHandover>>,
    /// The run whose cell was executed last and whose results are live.
    last: Cell<Option<RunId>>,
}

impl RerunResults {
    /// Stores the value created for a manifest.
    pub fn keep(&self, manifest: ManifestId, made: CoVariableHandover) {
        self.values.borrow_mut().insert(manifest, made);
    }

    /// Returns the value created for a manifest.
    pub fn of(&self, manifest: &ManifestId) -> Option<CoVariableHandover> {
        self.values.borrow().get(manifest).cloned()
    }

    /// Returns the run whose cell was executed last.
    pub fn last(&self) -> Option<RunId> {
        self.last.get()
    }

    /// Sets the run whose cell was executed last.
    pub fn set_last(&self, run: Option<RunId>) {
        self.last.set(run);
    }
}
