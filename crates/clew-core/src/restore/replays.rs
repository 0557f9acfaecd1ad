//! Which runs are replayed to make what the store can't give, in an order in which each finds what it read.

use std::collections::BTreeSet;

use crate::format::{Body, Encoding, Run, Version};
use crate::history::History;
use crate::history::flow::Flow;
use crate::id::{ManifestId, RunId, SegmentId};
use crate::plan::carry::{ChoiceLayout, SendableManifest, StoredVersion, TransferCosts, VersionTransfer};
use crate::plan::cut::{Cost, ReplayProhibition, SendObstacle};
use crate::plan::{Plan, RerunPermission, StepKind};
use crate::store::{FrameLengths, Manifests, Store};

/// What there is to make versions again from: a choice in which what lies here costs nothing.
pub(crate) struct Replays<'a> {
    pub store: &'a Store,
    pub manifests: &'a Manifests,
    pub history: &'a History,
    /// Whether the cell of a run may run again.
    pub may_run: &'a dyn Fn(&RunId) -> bool,
    /// Versions that can't be loaded, whatever the store says that it has.
    pub missing: &'a BTreeSet<ManifestId>,
}

impl Replays<'_> {
    /// The runs to replay so that the missing versions of the state that `target` left are made; of versions that can't be
    /// made that way none.
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
    /// Whether a value can be loaded here: its objects are read, of its memory it is asked whether it is there. To read that too would
    /// be to load it twice.
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

/// Versions of a plan that are made in another process: those for which that is planned, and those that turned out not to be readable.
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
