//! Compares values that differed when they were built once more, after everything is installed.

use super::PlanExecutor;
use crate::graph::{CoVariable, look};
use crate::kernel::Kernel;
use crate::plan::{Outcome, OutcomeKind, Plan, StepKind};

impl PlanExecutor<'_> {
    /// Sets the outcome to restored for values that differed when they were built and are equal to the recorded ones now. A
    /// reducer of the user's may read state that was not installed yet. Everything is installed already, so nothing may fail any
    /// more: if the look fails, the outcomes stay.
    pub(super) fn settle_differences<K: Kernel>(kernel: &mut K, plan: &Plan, outcomes: &mut [Outcome]) {
        let loaded = plan
            .steps
            .iter()
            .filter(|step| matches!(step.kind, StepKind::Load { .. }));
        let wanted = |outcome: &Outcome| {
            let mut loaded = loaded.clone();
            loaded.find(|step| step.roots.contains(&outcome.root))?.version.as_ref()
        };
        let differing: Vec<_> = outcomes
            .iter_mut()
            .filter(|outcome| outcome.kind == OutcomeKind::NotIdentical)
            .filter_map(|outcome| wanted(outcome).map(|version| (outcome, version)))
            .collect();
        if differing.is_empty() {
            return;
        }
        let Ok(roots) = kernel.roots() else { return };
        let looked = look(kernel.heap(), roots);
        for (outcome, version) in differing {
            let is_it = |seen: &CoVariable| seen.is_whole_but_for_leaves() && seen.roots.contains(&outcome.root);
            let seen = looked.covariables.iter().find(|seen| is_it(seen));
            if seen.is_some_and(|seen| seen.fingerprint == version.fingerprint) {
                (outcome.kind, outcome.why) = (OutcomeKind::Restored, None);
            }
        }
    }
}
