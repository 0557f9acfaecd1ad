//! Determines which runs are rerun to recreate values that cannot be loaded, in an order in which each finds its inputs.

use std::collections::BTreeSet;

use crate::format::{Body, Encoding, Run, Version};
use crate::history::History;
use crate::history::flow::Flow;
use crate::id::{ManifestId, RunId, SegmentId};
use crate::plan::carry::{ChoiceLayout, SendableManifest, StoredVersion, TransferCosts, VersionTransfer};
use crate::plan::cut::{Cost, ReplayProhibition, SendObstacle};
use crate::plan::{Plan, RerunPermission, StepKind};
use crate::store::{FrameLengths, Manifests, Store};

/// The options for recreating versions: a choice in which stored values cost nothing.
pub(crate) struct Replays<'a> {
    pub store: &'a Store,
    pub manifests: &'a Manifests,
    pub history: &'a History,
    /// Whether the cell of a run may be rerun.
    pub may_run: &'a dyn Fn(&RunId) -> bool,
    /// Versions that cannot be loaded, even if the store seems to contain them.
    pub missing: &'a BTreeSet<ManifestId>,
}

impl Replays<'_> {
    /// Returns the runs to rerun in order to recreate the missing versions of the state after `target`. Versions that cannot be
    /// recreated in this way are ignored.
    pub fn line(&self, target: RunId) -> Vec<RunId> {
        if self.missing.is_empty() || self.history.missing_ancestor(target).is_some() {
            return Vec::new();
        }
        let flow = Flow::new(self.history, self.store).coarse();
        let is_wanted = |version: &Version| self.missing.contains(&version.manifest);
        let laid = ChoiceLayout::of(&flow, target, self, &is_wanted);
        let decision = laid.choice.decide();
        decision.replayed.iter().map(|run| laid.runs[*run]).collect()
    }
}

impl Replays<'_> {
    /// Returns whether a value can be loaded here. Reads its objects, but only checks that its memory exists, since reading that
    /// would load it twice.
    fn is_here(&self, encoding: &Encoding) -> bool {
        let is_read = |ids: &[SegmentId]| self.store.stream(ids).is_ok();
        let blocks = encoding.extents.iter().flat_map(|extent| &extent.blocks);
        let sizes = self.store.sizes(blocks.map(|id| &id.0), &mut FrameLengths::default());
        let has_memory = sizes.is_ok_and(|sizes| sizes.iter().all(Option::is_some));
        has_memory && is_read(&encoding.stream) && is_read(&encoding.asides)
    }
}

impl TransferCosts for Replays<'_> {
    fn manifests(&self, ids: &[ManifestId]) -> Vec<SendableManifest> {
        let known = |id: &ManifestId| {
            if self.history.forgotten().contains_key(id) {
                return Err(SendObstacle::Forgotten);
            }
            self.manifests.get(id).map_err(|_| SendObstacle::Missing)
        };
        ids.iter().map(known).collect()
    }

    fn sending(&self, versions: &[StoredVersion<'_>]) -> Vec<Result<VersionTransfer, SendObstacle>> {
        let load = |sendable: &StoredVersion<'_>| match &sendable.manifest.body {
            Body::Withheld { .. } => Err(SendObstacle::Withheld),
            Body::Encoded(encoding) if !self.missing.contains(&sendable.version.manifest) && self.is_here(encoding) => {
                Ok(VersionTransfer::default())
            }
            _ => Err(SendObstacle::Missing),
        };
        versions.iter().map(load).collect()
    }

    fn replaying(&self, id: RunId, run: &Run) -> Result<Cost, ReplayProhibition> {
        if (self.may_run)(&id) {
            Ok(Cost::of_nanoseconds(run.duration.max(1)))
        } else {
            Err(ReplayProhibition::NoCell)
        }
    }
}

/// Returns the versions of a plan that are recreated in a sandbox process: those for which that is planned, and those that turned
/// out to be unreadable.
pub(crate) fn to_make(plan: &Plan, is_unreadable: impl Fn(&ManifestId) -> bool) -> BTreeSet<ManifestId> {
    let may_run = plan
        .steps
        .iter()
        .filter(|step| matches!(step.again, RerunPermission::Unasked | RerunPermission::Allowed));
    let found = may_run.filter_map(|step| {
        let manifest = step.version.as_ref()?.manifest;
        let is_made = match &step.kind {
            StepKind::Replay { apart, .. } => *apart,
            StepKind::Load { .. } => is_unreadable(&manifest),
            _ => false,
        };
        is_made.then_some(manifest)
    });
    found.collect()
}
