//! Lazy values, whose data is read when it is used, in ways that Clew does not observe. A cell that uses one may read the files
//! that the value's own cell read.

use std::collections::BTreeSet;

use super::{Flow, RunPosition};
use crate::format::{FileEvidence, first_word};
use crate::id::{Root, RootKind};

/// Libraries with such values.
const LAZY: [&str; 12] = [
    "polars", "pyarrow", "duckdb", "dask", "xarray", "zarr", "h5py", "ibis", "vaex", "intake", "fsspec", "datasets",
];

/// Types of these libraries that contain their data.
const WHOLE: [&str; 5] = [
    "polars.DataFrame",
    "polars.Series",
    "pyarrow.Table",
    "pyarrow.RecordBatch",
    "pyarrow.ChunkedArray",
];

impl<'a> Flow<'a> {
    /// Returns files read by the cells that created the lazy values among `needed`, the roots that the run at `place` may have
    /// read, and by the cells behind these.
    pub(super) fn behind_lazy(&self, place: &RunPosition<'a>, needed: &BTreeSet<Root>) -> Vec<&'a FileEvidence> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let mut waiting = self.makers_of_lazy(place, needed);
        while let Some(maker) = waiting.pop() {
            if seen.insert(maker.depth) {
                found.extend(&maker.recorded().evidence.files_read);
                let inputs = self.inputs(&maker);
                waiting.extend(self.makers_of_lazy(&maker, &inputs));
            }
        }
        found
    }

    fn makers_of_lazy(&self, place: &RunPosition<'a>, roots: &BTreeSet<Root>) -> Vec<RunPosition<'a>> {
        let Some(before) = place.before() else {
            return Vec::new();
        };
        let is_value = |root: &&Root| matches!(root.kind, RootKind::Name | RootKind::Out);
        let lazy = roots.iter().filter(is_value).filter(|root| self.is_lazy(root, &before));
        lazy.filter_map(|root| self.maker(root, &before)).collect()
    }

    fn is_lazy(&self, root: &Root, place: &RunPosition<'a>) -> bool {
        let version = self.version(root, place);
        let Some(manifest) = version.and_then(|version| self.manifest(version)) else {
            return false;
        };
        let modules = manifest.modules_of(root);
        let is_whole = modules.first().is_some_and(|name| WHOLE.contains(&name.as_str()));
        // The summary of a module object contains its own name.
        let is_module = modules.first().is_some_and(|name| name == "module");
        !is_whole && !is_module && modules.iter().any(|name| LAZY.contains(&first_word(name)))
    }
}
