//! What it takes to send a value: its pieces as they are stored, and loading it there.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::layout::{Load, Ways};
use super::{Carry, replaying};
use crate::format::{Body, Encoding, Manifest, Run, Version};
use crate::id::{ManifestId, RunId};
use crate::plan::cut::{Cost, Forbidden, Piece, Unsendable};

/// The ways to a place.
pub(super) struct ThereWays<'a> {
    pub carry: Carry<'a>,
    /// Runs of which something else came when they were replayed, or what they left was loaded.
    pub differing: FxHashSet<RunId>,
}

impl Ways for ThereWays<'_> {
    fn manifest(&self, id: &ManifestId) -> Option<Arc<Manifest>> {
        self.carry.stock.manifest(id).ok()
    }

    fn sending(&self, run: RunId, version: &Version) -> Result<Load, Unsendable> {
        let manifest = self.carry.stock.manifest(&version.manifest)?;
        let encoding = match &manifest.body {
            Body::Encoded(encoding) => encoding,
            Body::Recipe { why } | Body::None { why } => return Err(Unsendable::NotStored { why: why.clone() }),
            Body::Withheld { .. } => return Err(Unsendable::Withheld),
        };
        let is_refused = encoding.code || version.roots.iter().any(|root| root.kind.is_surrounding());
        if is_refused && self.carry.history.is_untrusted(&run) {
            return Err(Unsendable::Untrusted);
        }
        self.load(encoding).ok_or(Unsendable::Missing)
    }

    fn replaying(&self, id: RunId, run: &Run) -> Result<Cost, Forbidden> {
        let is_differing = self.differing.contains(&id);
        replaying::forbidden(self.carry.history, self.carry.target, id, run, is_differing)?;
        Ok(Cost::of_nanoseconds(run.duration))
    }
}

impl ThereWays<'_> {
    /// `None` where a piece is not here.
    fn load(&self, encoding: &Encoding) -> Option<Load> {
        let ids = encoding.pieces();
        let Carry {
            stock, target, rates, ..
        } = self.carry;
        let pieces = ids.iter().zip(stock.sizes(&ids)).map(|(id, bytes)| {
            let bytes = bytes?;
            let piece = Piece {
                cost: rates.link.time(bytes),
                bytes,
                is_there: target.has(id),
            };
            Some((*id, piece))
        });
        Some(Load {
            cost: rates.loading.time(encoding),
            pieces: pieces.collect::<Option<_>>()?,
        })
    }
}
