//! Live objects without a value: which of them a version held, and whether a cell may have used them since.
//!
//! A fingerprint says nothing of such an object. What this kernel knows besides is which object it is: two states that hold
//! the same one can both have it, although no store has it. Nothing of this is written down, since no other kernel has the
//! object.

use std::collections::{BTreeSet, HashMap};

use super::live::LiveCoVariable;
use super::live_parts::LivePart;
use crate::format::Version;
use crate::id::{ManifestId, Root, RunId};

/// Every version that this kernel recorded of objects without a value, and when it used them.
#[derive(Debug, Default)]
pub(crate) struct LiveObjects {
    recorded: HashMap<ManifestId, LiveCoVariable>,
    /// The last observation that found an object used, by its serial.
    used: HashMap<u64, u64>,
    /// The observation that recorded a run.
    runs: HashMap<RunId, u64>,
}

impl LiveObjects {
    /// Takes note of what an observation found live, and which objects it found used.
    pub fn note<'k>(&mut self, live: impl Iterator<Item = &'k LiveCoVariable>, used: &BTreeSet<u64>, observation: u64) {
        for known in live.filter(|known| known.parts.is_some()) {
            let recorded = self.recorded.entry(known.version.manifest);
            recorded.or_insert_with(|| known.clone());
        }
        self.used.extend(used.iter().map(|serial| (*serial, observation)));
    }

    /// Takes note of which observation recorded a run.
    pub fn note_run(&mut self, run: RunId, observation: u64) {
        self.runs.insert(run, observation);
    }

    /// What was known of a version when it was recorded.
    pub fn of(&self, version: &Version) -> Option<&LiveCoVariable> {
        self.recorded(&version.manifest)
    }

    /// The same, by its manifest.
    pub fn recorded(&self, manifest: &ManifestId) -> Option<&LiveCoVariable> {
        self.recorded.get(manifest)
    }

    /// Counts versions as not stored.
    pub fn forget(&mut self, is_forgotten: impl Fn(&ManifestId) -> bool) {
        let recorded = self.recorded.iter_mut();
        recorded
            .filter(|(manifest, _)| is_forgotten(manifest))
            .for_each(|(_, known)| known.forget());
    }

    /// Whether a root of a version reaches an object without a value that a cell may have used since the run that the
    /// version is brought back from.
    pub fn is_doubtful(&self, target: RunId, version: &Version, root: &Root) -> bool {
        let (Some(known), Some(then)) = (self.of(version), self.runs.get(&target)) else {
            return false;
        };
        let is_opaque = known.part(root).is_some_and(LivePart::is_opaque);
        let mut serials = known.parts.iter().flat_map(|parts| parts.serials());
        is_opaque && serials.any(|serial| self.used.get(&serial).is_some_and(|used| used > then))
    }
}
