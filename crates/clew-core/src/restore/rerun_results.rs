//! What cells made that ran again one after another, kept as the walk wrote it down: for those after them, and to be handed over.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use crate::id::{ManifestId, RunId};
use crate::kernel::CoVariableHandover;

/// The values that reruns created, by manifest. They are equal to the recorded values, or not identical.
#[derive(Debug, Default)]
pub(crate) struct RerunResults {
    values: RefCell<HashMap<ManifestId, CoVariableHandover>>,
    /// The run whose cell ran last, and what it made is live.
    last: Cell<Option<RunId>>,
}

impl RerunResults {
    /// Keeps what was made of a manifest.
    pub fn keep(&self, manifest: ManifestId, made: CoVariableHandover) {
        self.values.borrow_mut().insert(manifest, made);
    }

    /// What was made of a manifest.
    pub fn of(&self, manifest: &ManifestId) -> Option<CoVariableHandover> {
        self.values.borrow().get(manifest).cloned()
    }

    /// The run whose cell ran last.
    pub fn last(&self) -> Option<RunId> {
        self.last.get()
    }

    /// Says whose cell ran last.
    pub fn set_last(&self, run: Option<RunId>) {
        self.last.set(run);
    }
}
