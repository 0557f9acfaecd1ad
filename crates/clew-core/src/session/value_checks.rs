//! Checks of stored values: which values have not been built as a check yet, and the results of the checks.
//!
//! The output of the walk itself is read back by the same rules. The output of a library's code (`reduce`, pickles) is only known
//! to be restorable once it was built. This is best tried while the object is still live, as backup programs such as restic and
//! borg read back written data before they count it as stored.

use super::Session;
use crate::format::Proof;
use crate::id::{ManifestId, Root, RunId};

/// A stored value whose building needs code, and that was not built as a check yet. Handles are not built: the other end would
/// notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnprovedValue {
    /// Its roots.
    pub roots: Vec<Root>,
    /// Its manifest.
    pub manifest: ManifestId,
    /// Its size in plain bytes.
    pub bytes: u64,
}

impl Session {
    /// Returns the current run, and its values that were not checked yet, smallest first, of at most `most` bytes together.
    /// Returns `None` if there are no such values, or if the session has no run yet.
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

    /// Stores the results of checks; the next commit records them.
    pub fn note_proofs(&mut self, proofs: Vec<Proof>) {
        for proof in &proofs {
            self.history.add_proof(proof);
        }
        self.writer.put_proofs(proofs);
    }
}
