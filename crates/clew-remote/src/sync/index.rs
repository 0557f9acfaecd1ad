//! What lies in the bundles of a place, by their indexes.

use clew_core::format::{FrameEncoder, FrameKind};
use clew_core::id::BundleId;
use rustc_hash::FxHashSet;

use super::head::{Sent, plain};
use super::{Memory, SyncError};
use crate::backend::{Backend, unwatched};
use crate::name::Name;
use crate::transfer;

/// Where a bundle lies.
pub(super) fn bundle_name(bundle: BundleId) -> Result<Name, SyncError> {
    Ok(format!("bundles/{bundle}").parse()?)
}

fn index_name(bundle: BundleId) -> Result<Name, SyncError> {
    Ok(format!("bundles/{bundle}.index").parse()?)
}

/// Writes the index of a bundle that was sent.
pub(super) fn write<'i>(
    backend: &dyn Backend,
    memory: &Memory,
    bundle: BundleId,
    ids: impl Iterator<Item = &'i [u8; 32]>,
) -> Result<(), SyncError> {
    let mut ids: Vec<[u8; 32]> = ids.copied().collect();
    ids.sort_unstable();
    let mut bytes = Vec::new();
    FrameEncoder::default().frame(FrameKind::INDEX, [0; 32], b"", &ids.concat(), &mut bytes);
    backend.write(&index_name(bundle)?, &bytes, &mut unwatched)?;
    memory.keep_index(bundle, &bytes);
    Ok(())
}

/// The ids of what lies in these bundles. One without an index counts as empty: what is in it is sent again.
pub(super) fn ids(backend: &dyn Backend, memory: &Memory, bundles: &[Sent]) -> Result<FxHashSet<[u8; 32]>, SyncError> {
    let mut all = FxHashSet::default();
    for sent in bundles {
        let known = memory.index(sent.bundle);
        let bytes = match known {
            Some(bytes) => Some(bytes),
            None => transfer::read_whole(backend, &index_name(sent.bundle)?)?,
        };
        let Some(bytes) = bytes else { continue };
        if let Ok(plain) = plain(&bytes, FrameKind::INDEX) {
            all.extend(plain.as_chunks::<32>().0.iter().copied());
            memory.keep_index(sent.bundle, &bytes);
        }
    }
    Ok(all)
}
