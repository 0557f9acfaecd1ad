//! Which stored values nobody has built again yet, and what came of it where somebody did.
//!
//! What the walk writes itself is read back by the same rules. What a library's own code wrote (`reduce`, pickles) is only
//! known to be had again once it was built, and is best tried while the object still lives: restic and borg learned to read
//! what they wrote before they call it kept.

use super::Session;
use crate::format::Proof;
use crate::id::{ManifestId, Root, RunId};

/// A stored value whose building needs code, and that was not built yet as a check. Handles are not built: the other end would
/// notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnprovedValue {
    /// Its roots.
    pub roots: Vec<Root>,
    /// Its record.
    pub manifest: ManifestId,
    /// Its plain bytes.
    pub bytes: u64,
}

impl Session {
    /// Values of the run that the session is at which are to be proved, the smallest first, of at most so many bytes
    /// together, and that run. Nothing where there are none, or where what is live was not recorded yet.
    pub fn unproved(&self, most: u64) -> Option<(RunId, Vec<UnprovedValue>)> {
        let at = self.moves.at()?;
        let state = self.history.state(at);
        let mut found: Vec<UnprovedValue> = state
            .versions()
            .filter(|version| self.history.proof(&version.manifest).is_none())
            .filter_map(|version| {
                let manifest = self.manifests.get(&version.manifest).ok()?;
                let encoding = manifest.encoding()?;
                (encoding.code && !encoding.has_handles() && encoding.is_whole()).then(|| UnprovedValue {
                    roots: version.roots.clone(),
                    manifest: version.manifest,
                    bytes: encoding.bytes,
                })
            })
            .collect();
        found.sort_by_key(|unproved| (unproved.bytes, unproved.manifest));
        let mut sum: u64 = 0;
        found.retain(|unproved| {
            sum = sum.saturating_add(unproved.bytes);
            sum <= most
        });
        (!found.is_empty()).then_some((at, found))
    }

    /// Takes over what came of it; the next commit writes it down.
    pub fn note_proofs(&mut self, proofs: Vec<Proof>) {
        for proof in &proofs {
            self.history.add_proof(proof);
        }
        self.writer.put_proofs(proofs);
    }
}
