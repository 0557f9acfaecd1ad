//! Live objects, which have no value: the versions that contained them, and whether a cell may have used them since.
//!
//! A fingerprint does not describe such an object. But this kernel knows the identity of the object. Two states that contain the
//! same object can both be restored with it, although it is not stored. This data is not written to the store, since no other
//! kernel has the object.

use std::collections::{BTreeSet, HashMap};

use super::live::LiveCoVariable;
use super::live_parts::LivePart;
use crate::format::Version;
use crate::id::{ManifestId, Root, RunId};

/// Every version with live objects that this kernel recorded, and when it used the objects.
#[derive(Debug, Default)]
pub(crate) struct LiveObjects {
    recorded: HashMap<ManifestId, LiveCoVariable>,
    /// The last observation that found an object used, by its serial number.
    used: HashMap<u64, u64>,
    /// The observation that recorded a run.
    runs: HashMap<RunId, u64>,
}

impl LiveObjects {
    /// Records the live co-variables of an observation, and the objects that it found used.
    pub fn note<'k>(&mut self, live: impl Iterator<Item = &'k LiveCoVariable>, used: &BTreeSet<u64>, observation: u64) {
        for known in live.filter(|known| known.parts.is_some()) {
            let recorded = self.recorded.entry(known.version.manifest);
            recorded.or_insert_with(|| known.clone());
        }
        self.used.extend(used.iter().map(|serial| (*serial, observation)));
    }

    /// Records which observation recorded a run.
    pub fn note_run(&mut self, run: RunId, observation: u64) {
        self.runs.insert(run, observation);
    }

    /// Returns the live co-variable of a version as recorded.
    pub fn of(&self, version: &Version) -> Option<&LiveCoVariable> {
        self.recorded(&version.manifest)
    }

    /// Does the same by manifest.
    pub fn recorded(&self, manifest: &ManifestId) -> Option<&LiveCoVariable> {
        self.recorded.get(manifest)
    }

    /// Marks versions as not stored.
    pub fn forget(&mut self, is_forgotten: impl Fn(&ManifestId) -> bool) {
        let recorded = self.recorded.iter_mut();
        recorded
            .filter(|(manifest, _)| is_forgotten(manifest))
            .for_each(|(_, known)| known.forget());
    }

    /// Returns whether a root of a version reaches a live object that a cell may have used since the run whose state is restored.
    pub fn is_doubtful(&self, target: RunId, version: &Version, root: &Root) -> bool {
        let (Some(known), Some(then)) = (self.of(version), self.runs.get(&target)) else {
            return false;
        };
        let is_opaque = known.part(root).is_some_and(LivePart::is_opaque);
        let mut serials = known.parts.iter().flat_map(|parts| parts.serials());
        is_opaque && serials.any(|serial| self.used.get(&serial).is_some_and(|used| used > then))
    }
}
