//! The cost of sending a value: its pieces as stored, and loading it at the target.

use rustc_hash::FxHashSet;

use super::layout::{SendableManifest, StoredVersion, TransferCosts, VersionTransfer};
use super::{CarryRequest, rerun_rules};
use crate::format::{Body, Encoding, Run};
use crate::id::{ManifestId, RunId};
use crate::plan::cut::{Cost, ReplayProhibition, SendObstacle, SharedPiece};

/// The costs of a transfer to a remote.
pub(super) struct RemoteTransferCosts<'a> {
    pub carry: CarryRequest<'a>,
    /// Runs that gave another value when they were rerun, or when their values were loaded.
    pub differing: FxHashSet<RunId>,
}

impl TransferCosts for RemoteTransferCosts<'_> {
    fn manifests(&self, ids: &[ManifestId]) -> Vec<SendableManifest> {
        self.carry.stock.manifests(ids)
    }

    fn sending(&self, versions: &[StoredVersion<'_>]) -> Vec<Result<VersionTransfer, SendObstacle>> {
        let encodings: Vec<_> = versions.iter().map(|version| self.encoding(*version)).collect();
        let pieces: Vec<Vec<[u8; 32]>> = encodings.iter().flatten().map(|encoding| encoding.pieces()).collect();
        // All at once, so that they are looked up in the order in which they are stored.
        let sizes = self.carry.stock.sizes(&pieces.concat());
        let (mut pieces, mut sizes) = (pieces.into_iter(), sizes.as_slice());
        let load = |encoding: Result<&Encoding, SendObstacle>| {
            let (encoding, ids) = (encoding?, pieces.next().unwrap_or_default());
            let (own, others) = sizes.split_at(ids.len());
            sizes = others;
            self.load(encoding, &ids, own).ok_or(SendObstacle::Missing)
        };
        encodings.into_iter().map(load).collect()
    }

    fn replaying(&self, id: RunId, run: &Run) -> Result<Cost, ReplayProhibition> {
        let is_differing = self.differing.contains(&id);
        rerun_rules::forbidden(self.carry.history, self.carry.target, id, run, is_differing)?;
        // The imports of the process in which it runs are counted once, for all runs.
        let own = run.duration.saturating_sub(run.evidence.importing);
        Ok(Cost::of_nanoseconds(own))
    }
}

impl RemoteTransferCosts<'_> {
    /// Returns the encoding of a version.
    fn encoding<'m>(
        &self,
        StoredVersion { version, run, manifest }: StoredVersion<'m>,
    ) -> Result<&'m Encoding, SendObstacle> {
        let encoding = match &manifest.body {
            Body::Encoded(encoding) => encoding,
            Body::Recipe { why, .. } | Body::None { why } => return Err(SendObstacle::NotStored { why: why.clone() }),
            Body::Withheld { .. } => return Err(SendObstacle::Withheld),
        };
        let is_refused = encoding.code || version.roots.iter().any(|root| root.kind.is_surrounding());
        if is_refused && self.carry.history.is_untrusted(&run) {
            return Err(SendObstacle::Untrusted);
        }
        Ok(encoding)
    }

    /// Returns `None` if a piece is missing.
    fn load(&self, encoding: &Encoding, ids: &[[u8; 32]], sizes: &[Option<u64>]) -> Option<VersionTransfer> {
        let CarryRequest { target, rates, .. } = self.carry;
        let pieces = ids.iter().zip(sizes).map(|(id, bytes)| {
            let bytes = (*bytes)?;
            let piece = SharedPiece {
                cost: rates.link.time(bytes),
                bytes,
                is_there: target.has(id),
            };
            Some((*id, piece))
        });
        Some(VersionTransfer {
            cost: rates.loading.time(encoding),
            pieces: pieces.collect::<Option<_>>()?,
        })
    }
}
