//! Settings that a move keeps, and that a library changed as it was loaded to build something else.

use super::{PlanExecutor, RestoreError, Staged, unbuilt};
use crate::kernel::{Kernel, ObjectOf};
use crate::plan::{OutcomeKind, PlanStep, RerunPermission, StepKind};

impl PlanExecutor<'_> {
    /// Stages settings of libraries that are kept, so that they are put back with all the rest. What can't be built is left
    /// to the look that follows, which says what differs.
    ///
    /// # Errors
    /// The user asked to stop, or there is not so much memory.
    pub(super) fn put_settings_back<K: Kernel>(
        &self,
        kernel: &mut K,
        performed: &mut [(&PlanStep, Staged<ObjectOf<K>>)],
    ) -> Result<(), RestoreError> {
        let is_setting = |step: &PlanStep| step.roots.iter().all(|root| root.kind.is_of_library());
        let kept = performed
            .iter_mut()
            .filter(|(step, _)| matches!(step.kind, StepKind::Keep) && is_setting(step));
        for (step, staged) in kept {
            // Settings of strangers are never taken over.
            let version = step.version.as_ref();
            let Some(version) = version.filter(|version| !self.history.is_strangers(self.target, version)) else {
                continue;
            };
            match self.fetch_and_load(kernel, version, &RerunPermission::Never) {
                Ok(loaded) if loaded.kind == OutcomeKind::Restored => {
                    *staged = Staged {
                        kind: OutcomeKind::Unchanged,
                        ..loaded
                    };
                }
                Ok(_) => {}
                Err(error) => {
                    unbuilt(error)?;
                }
            }
        }
        Ok(())
    }
}
