//! Removal of merged bundles that no machine reads any more.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use clew_core::format::Timestamp;

use super::at_once::{SMALL_AT_ONCE, at_once};
use super::head::{HistoryHead, RemoteBundle, ReplacedBundle};
use super::{SyncError, index};
use crate::backend::Backend;

/// How long a replaced bundle is kept, in nanoseconds: an hour.
const GRACE: Timestamp = 3600 * 1_000_000_000;

/// Removes bundles that were replaced long enough ago, and their entries in the head.
pub(super) fn take_away_replaced(backend: &dyn Backend, head: &mut HistoryHead, now: Timestamp) {
    let in_use: BTreeSet<_> = head.bundles.iter().map(|sent| sent.bundle).collect();
    let is_due = |it: &&ReplacedBundle| it.time.saturating_add(GRACE) <= now && !in_use.contains(&it.bundle);
    let due: Vec<ReplacedBundle> = head.replaced.iter().filter(is_due).copied().collect();
    // Without permission to remove, one failure stands for all.
    let is_refused = AtomicBool::new(false);
    let gone = at_once(SMALL_AT_ONCE, due, |replaced| {
        let is_gone = !is_refused.load(Ordering::Relaxed) && take_away(backend, replaced).is_ok();
        is_refused.fetch_or(!is_gone, Ordering::Relaxed);
        Ok((replaced, is_gone))
    });
    let gone: Vec<ReplacedBundle> = gone
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(replaced, is_gone)| is_gone.then_some(replaced))
        .collect();
    head.replaced.retain(|replaced| !gone.contains(replaced));
}

fn take_away(backend: &dyn Backend, ReplacedBundle { bundle, length, .. }: ReplacedBundle) -> Result<(), SyncError> {
    if !(RemoteBundle { bundle, length }).is_small() {
        backend.remove(&index::index_name(bundle)?)?;
    }
    Ok(backend.remove(&index::bundle_name(bundle)?)?)
}
