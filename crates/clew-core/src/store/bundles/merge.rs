//! Merging bundles of one maker into one: their data, and their records from the start of the first bundle on.
//!
//! Logs keep the signatures of their recorders. The merged bundle is signed by the maker of the original bundles, so no signature covers
//! anything new.

use std::path::Path;

use super::set::{FileParts, left_out, name, put_together};
use crate::id::HistoryId;
use crate::store::disk::atomic_file;
use crate::store::layout;
use crate::store::logs::omissions as note;
use crate::store::packs::survey::Survey;
use crate::store::transfer::copy::{CopyCallback, TransferSummary, copy_all};
use crate::store::{Bundle, BundleMaker, Store, StoreError};

impl BundleMaker {
    /// Copies everything in these bundles, which are of one history and were sent one after the other. Returns `false` if they cannot be
    /// merged; the caller must discard what was written then.
    ///
    /// # Errors
    /// A bundle differs from what its maker signed, or a disk operation failed.
    pub fn merge(&self, bundles: &[Bundle], watch: CopyCallback<'_>) -> Result<bool, StoreError> {
        let Some(first) = bundles.first() else { return Ok(false) };
        let history = first.history();
        let is_alike = |bundle: &Bundle| bundle.key() == first.key() && bundle.history() == history;
        if !bundles
            .iter()
            .all(|bundle| is_alike(bundle) && has_nothing_else(bundle))
        {
            return Ok(false);
        }
        bundles.iter().try_for_each(Bundle::check)?;
        let Some(pieces) = put_together(bundles, |_, start| Ok((start, Vec::new())))? else {
            return Ok(false);
        };
        let mut carried = TransferSummary::default();
        let surveys: Vec<Survey> = bundles.iter().map(|bundle| Survey::to_read(bundle.store())).collect();
        let all: Vec<_> = bundles.iter().map(Bundle::store).zip(&surveys).collect();
        copy_all(&all, self.store(), None, &mut carried, watch)?;
        if !carried.damage.is_empty() {
            return Ok(false);
        }
        tell(self, history, &pieces)?;
        self.store().tell_left_out(history, &left_out(bundles, history))?;
        Ok(true)
    }
}

fn tell(to: &BundleMaker, history: HistoryId, pieces: &FileParts) -> Result<(), StoreError> {
    let store: &Store = to.store();
    let folder = layout::history_folder(store.directory(), history);
    store.disk().make_folder(&folder)?;
    for (inner, (start, bytes)) in pieces {
        let path = store.directory().join(inner);
        atomic_file::write_new(store.disk(), &path, bytes)?;
        if *start > 0 {
            to.begin_behind(&path, *start);
        }
    }
    Ok(())
}

/// Returns whether the bundle contains only files that a push writes: unknown files would be lost.
fn has_nothing_else(bundle: &Bundle) -> bool {
    let folder = layout::history_folder(Path::new(""), bundle.history());
    let is_known = |inner: &Path| {
        let name = name(inner);
        match inner.parent() {
            Some(parent) if parent == folder => {
                layout::log_part(name).is_some() || layout::is_description(name) || name == note::NAME
            }
            Some(parent) if parent == layout::packs_folder(Path::new("")) => {
                inner.extension().is_some_and(|extension| extension == "pack")
            }
            _ => inner == Path::new("format"),
        }
    };
    bundle.inputs().is_empty() && bundle.inner_paths().all(is_known)
}
