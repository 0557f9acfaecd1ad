//! What has to be there before a run is replayed.

use std::collections::BTreeSet;

use super::{Flow, RunPosition};
use crate::format::{Evidence, Run};
use crate::id::{Root, RootKind};

impl<'a> Flow<'a> {
    /// Roots that a replay of the run at `place` has to find as they were, of those that were there: what it may have read, and what
    /// it left without having bound it anew. What was changed in place is of these, what may have been, and what only shared objects
    /// with something that the run took elsewhere.
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

/// Whether nobody watched what a run read and wrote, or nobody can tell whether there was anything to see.
pub(crate) fn is_unwatched(evidence: &Evidence) -> bool {
    evidence.reads.is_empty() && evidence.writes.is_empty() && !evidence.reads_known
}

/// Whether what a run left of a root does not depend on what that was before.
pub(super) fn is_bound_anew(run: &Run, root: &Root) -> bool {
    match root.kind {
        RootKind::Name => run.evidence.binds.contains(&root.key),
        RootKind::Random => run.evidence.seeded.contains(&root.key),
        RootKind::Environment | RootKind::Option | RootKind::Setting => true,
        _ => false,
    }
}
