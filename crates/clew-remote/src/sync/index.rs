//! The contents of bundles in a remote, according to their indexes.

use std::fs;
use std::sync::Arc;

use clew_core::format::{FrameEncoder, FrameKind};
use clew_core::id::BundleId;
use clew_core::store::Bundle;
use clew_core::store::disk::{Disk, RealDisk};
use rustc_hash::FxHashSet;

use super::at_once::{SMALL_AT_ONCE, at_once};
use super::head::{RemoteBundle, plain};
use super::local_copy::{TemporaryFile, named};
use super::{RemoteCache, SyncError};
use crate::backend::{Backend, unwatched};
use crate::error::RemoteError;
use crate::name::Name;
use crate::transfer;

/// Returns the object name of a bundle.
pub(super) fn bundle_name(bundle: BundleId) -> Result<Name, SyncError> {
    Ok(format!("bundles/{bundle}").parse()?)
}

pub(super) fn index_name(bundle: BundleId) -> Result<Name, SyncError> {
    Ok(format!("bundles/{bundle}.index").parse()?)
}

/// Encodes the index of a bundle with these contents.
fn encoded<'i>(ids: impl Iterator<Item = &'i [u8; 32]>) -> Vec<u8> {
    let mut ids: Vec<[u8; 32]> = ids.copied().collect();
    ids.sort_unstable();
    let mut bytes = Vec::new();
    FrameEncoder::default().frame(FrameKind::INDEX, [0; 32], b"", &ids.concat(), &mut bytes);
    bytes
}

/// Caches the contents of a sent bundle, and uploads its index unless it is small.
pub(super) fn write<'i>(
    backend: &dyn Backend,
    memory: &RemoteCache,
    sent: RemoteBundle,
    ids: impl Iterator<Item = &'i [u8; 32]>,
) -> Result<(), SyncError> {
    let bytes = encoded(ids);
    if !sent.is_small() {
        backend.write(&index_name(sent.bundle)?, &bytes, &mut unwatched)?;
    }
    memory.keep_index(sent.bundle, &bytes);
    Ok(())
}

/// Caches the contents of a local bundle.
pub(super) fn keep(memory: &RemoteCache, bundle: BundleId, ids: &[[u8; 32]]) {
    memory.keep_index(bundle, &encoded(ids.iter()));
}

/// Returns the ids of the contents of these bundles. One without an index counts as empty: its contents are sent again.
pub(super) fn ids(
    backend: &dyn Backend,
    memory: &RemoteCache,
    bundles: &[RemoteBundle],
) -> Result<FxHashSet<[u8; 32]>, SyncError> {
    let (mut all, mut unknown) = (FxHashSet::default(), Vec::new());
    for sent in bundles {
        match memory.index(sent.bundle) {
            Some(bytes) => all.extend(parsed(&bytes).unwrap_or_default()),
            None => unknown.push(*sent),
        }
    }
    for ids in at_once(SMALL_AT_ONCE, unknown, |sent| asked(backend, memory, sent))? {
        all.extend(ids);
    }
    Ok(all)
}

/// Fetches the contents of a bundle, once.
fn asked(backend: &dyn Backend, memory: &RemoteCache, sent: RemoteBundle) -> Result<Vec<[u8; 32]>, SyncError> {
    if sent.is_small() {
        return looked_into(backend, memory, sent);
    }
    let Some(bytes) = transfer::read_whole(backend, &index_name(sent.bundle)?)? else {
        // The index is uploaded before the bundle enters a head, or never.
        keep(memory, sent.bundle, &[]);
        return Ok(Vec::new());
    };
    let ids = parsed(&bytes);
    if ids.is_some() {
        memory.keep_index(sent.bundle, &bytes);
    }
    Ok(ids.unwrap_or_default())
}

/// Reads the contents of a small bundle, which has no index. One that is missing or unreadable counts as empty.
fn looked_into(backend: &dyn Backend, memory: &RemoteCache, sent: RemoteBundle) -> Result<Vec<[u8; 32]>, SyncError> {
    let bytes = match backend.read(&bundle_name(sent.bundle)?, 0..sent.length, &mut unwatched) {
        Err(RemoteError::NotFound { .. } | RemoteError::Damaged { .. }) => return Ok(Vec::new()),
        read => read?,
    };
    let path = memory.staging()?;
    let staged = TemporaryFile(path.join(format!("{}.looked-into", sent.bundle)));
    fs::write(&staged.0, bytes)?;
    let is_it = named(&staged.0)? == (sent.bundle, sent.length);
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let Some(bundle) = is_it.then(|| Bundle::open(&disk, &staged.0).ok()).flatten() else {
        return Ok(Vec::new());
    };
    let ids = bundle.ids();
    keep(memory, sent.bundle, &ids);
    Ok(ids)
}

fn parsed(bytes: &[u8]) -> Option<Vec<[u8; 32]>> {
    let plain = plain(bytes, FrameKind::INDEX).ok()?;
    Some(plain.as_chunks::<32>().0.to_vec())
}
