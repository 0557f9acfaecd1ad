//! Settings that a restore keeps, and that a library changed when it was loaded to build another value.

use super::{PlanExecutor, RestoreError, Staged, unbuilt};
use crate::kernel::{Kernel, ObjectOf};
use crate::plan::{OutcomeKind, PlanStep, RerunPermission, StepKind};

impl PlanExecutor<'_> {
    /// Stages the settings of libraries that the plan keeps, so that they are installed with everything else. If one cannot be
    /// built, the look after the restore reports the difference.
    ///
    /// # Errors
    /// Fails if the user interrupted it, or if there is not enough memory.
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
            // Untrusted settings are never restored.
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
