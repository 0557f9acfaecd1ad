//! What it takes to send a value: its pieces as they are stored, and loading it there.

use rustc_hash::FxHashSet;

use super::layout::{Sendable, SendableManifest, VersionTransfer, Ways};
use super::{Carry, rerun_rules};
use crate::format::{Body, Encoding, Run};
use crate::id::{ManifestId, RunId};
use crate::plan::cut::{Cost, Forbidden, SharedPiece, Unsendable};

/// The ways to a place.
pub(super) struct ThereWays<'a> {
    pub carry: Carry<'a>,
    /// Runs of which something else came when they were replayed, or what they left was loaded.
    pub differing: FxHashSet<RunId>,
}

impl Ways for ThereWays<'_> {
    fn manifests(&self, ids: &[ManifestId]) -> Vec<SendableManifest> {
        self.carry.stock.manifests(ids)
    }

    fn sending(&self, versions: &[Sendable<'_>]) -> Vec<Result<VersionTransfer, Unsendable>> {
        let encodings: Vec<_> = versions.iter().map(|version| self.encoding(*version)).collect();
        let pieces: Vec<Vec<[u8; 32]>> = encodings.iter().flatten().map(|encoding| encoding.pieces()).collect();
        // All at once, so that they are looked up in the order in which they lie.
        let sizes = self.carry.stock.sizes(&pieces.concat());
        let (mut pieces, mut sizes) = (pieces.into_iter(), sizes.as_slice());
        let load = |encoding: Result<&Encoding, Unsendable>| {
            let (encoding, ids) = (encoding?, pieces.next().unwrap_or_default());
            let (own, others) = sizes.split_at(ids.len());
            sizes = others;
            self.load(encoding, &ids, own).ok_or(Unsendable::Missing)
        };
        encodings.into_iter().map(load).collect()
    }

    fn replaying(&self, id: RunId, run: &Run) -> Result<Cost, Forbidden> {
        let is_differing = self.differing.contains(&id);
        rerun_rules::forbidden(self.carry.history, self.carry.target, id, run, is_differing)?;
        // What the process in which it runs imports is reckoned once, for all runs.
        let own = run.duration.saturating_sub(run.evidence.importing);
        Ok(Cost::of_nanoseconds(own))
    }
}

impl ThereWays<'_> {
    /// What a version lies in.
    fn encoding<'m>(&self, Sendable { version, run, manifest }: Sendable<'m>) -> Result<&'m Encoding, Unsendable> {
        let encoding = match &manifest.body {
            Body::Encoded(encoding) => encoding,
            Body::Recipe { why, .. } | Body::None { why } => return Err(Unsendable::NotStored { why: why.clone() }),
            Body::Withheld { .. } => return Err(Unsendable::Withheld),
        };
        let is_refused = encoding.code || version.roots.iter().any(|root| root.kind.is_surrounding());
        if is_refused && self.carry.history.is_untrusted(&run) {
            return Err(Unsendable::Untrusted);
        }
        Ok(encoding)
    }

    /// `None` where a piece is not here.
    fn load(&self, encoding: &Encoding, ids: &[[u8; 32]], sizes: &[Option<u64>]) -> Option<VersionTransfer> {
        let Carry { target, rates, .. } = self.carry;
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
