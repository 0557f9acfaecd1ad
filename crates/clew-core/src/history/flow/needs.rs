//! The roots that must exist before a run is rerun.

use std::collections::BTreeSet;

use super::{Flow, RunPosition};
use crate::format::{Evidence, Run};
use crate::id::{Root, RootKind};

impl<'a> Flow<'a> {
    /// Returns the roots that a rerun of the run at `place` needs in their earlier state, if they existed. These are the roots
    /// that it may have read, and those that it recorded without certainly rebinding them. The latter include roots that were
    /// changed in place, may have been, or only came to share objects with something else.
    pub fn needs(&self, place: &RunPosition<'a>) -> BTreeSet<Root> {
        let Some(before) = place.before() else {
            return BTreeSet::new();
        };
        let run = place.recorded();
        let mut found = self.inputs(place);
        if is_unwatched(&run.evidence) {
            let is_value = |root: &&Root| matches!(root.kind, RootKind::Name | RootKind::Definition);
            found.extend(before.line.roots(before.depth).filter(is_value).cloned());
        }
        let is_taken_up = |root: &&Root| !is_bound_anew(run, root) && before.line.is_there(root, before.depth);
        found.extend(run.changed_roots().filter(is_taken_up).cloned());
        found.extend(run.evidence.used.iter().cloned());
        found
    }
}

/// Returns whether the reads and writes of a run were not recorded, or could not be determined.
pub(crate) fn is_unwatched(evidence: &Evidence) -> bool {
    evidence.reads.is_empty() && evidence.writes.is_empty() && !evidence.reads_known
}

/// Returns whether the new value of a root does not depend on the value before.
pub(super) fn is_bound_anew(run: &Run, root: &Root) -> bool {
    match root.kind {
        RootKind::Name => run.evidence.binds.contains(&root.key),
        RootKind::Random => run.evidence.seeded.contains(&root.key),
        RootKind::Environment | RootKind::Option | RootKind::Setting => true,
        _ => false,
    }
}
