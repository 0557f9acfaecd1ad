//! What lies in the bundles of a place, by their indexes.

use clew_core::format::{FrameEncoder, FrameKind};
use clew_core::id::BundleId;
use rustc_hash::FxHashSet;

use super::at_once::{SMALL_AT_ONCE, at_once};
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

/// The index of a bundle in which these lie.
fn encoded<'i>(ids: impl Iterator<Item = &'i [u8; 32]>) -> Vec<u8> {
    let mut ids: Vec<[u8; 32]> = ids.copied().collect();
    ids.sort_unstable();
    let mut bytes = Vec::new();
    FrameEncoder::default().frame(FrameKind::INDEX, [0; 32], b"", &ids.concat(), &mut bytes);
    bytes
}

/// Writes the index of a bundle that was sent.
pub(super) fn write<'i>(
    backend: &dyn Backend,
    memory: &Memory,
    bundle: BundleId,
    ids: impl Iterator<Item = &'i [u8; 32]>,
) -> Result<(), SyncError> {
    let bytes = encoded(ids);
    backend.write(&index_name(bundle)?, &bytes, &mut unwatched)?;
    memory.keep_index(bundle, &bytes);
    Ok(())
}

/// Remembers that a bundle has no index: there is nothing in it but ends of logs.
pub(super) fn keep_none(memory: &Memory, bundle: BundleId) {
    memory.keep_index(bundle, &encoded(std::iter::empty()));
}

/// The ids of what lies in these bundles. One without an index counts as empty: what is in it is sent again.
pub(super) fn ids(backend: &dyn Backend, memory: &Memory, bundles: &[Sent]) -> Result<FxHashSet<[u8; 32]>, SyncError> {
    let (mut all, mut unknown) = (FxHashSet::default(), Vec::new());
    for sent in bundles {
        match memory.index(sent.bundle) {
            Some(bytes) => all.extend(parsed(&bytes).unwrap_or_default()),
            None => unknown.push(sent.bundle),
        }
    }
    for ids in at_once(SMALL_AT_ONCE, unknown, |bundle| asked(backend, memory, bundle))? {
        all.extend(ids);
    }
    Ok(all)
}

/// What the index of a bundle says there; it is asked for once.
fn asked(backend: &dyn Backend, memory: &Memory, bundle: BundleId) -> Result<Vec<[u8; 32]>, SyncError> {
    let Some(bytes) = transfer::read_whole(backend, &index_name(bundle)?)? else {
        // It was sent before its bundle came into a head, or never is.
        keep_none(memory, bundle);
        return Ok(Vec::new());
    };
    let ids = parsed(&bytes);
    if ids.is_some() {
        memory.keep_index(bundle, &bytes);
    }
    Ok(ids.unwrap_or_default())
}

fn parsed(bytes: &[u8]) -> Option<Vec<[u8; 32]>> {
    let plain = plain(bytes, FrameKind::INDEX).ok()?;
    Some(plain.as_chunks::<32>().0.to_vec())
}
