//! The records of several bundles, combined in memory.
//!
//! Each push adds a piece to the end of a log. Importing one bundle after another would read, check and write the whole log for each
//! bundle, n times for a clone after n pushes. A set processes each log once.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::id::HistoryId;
use crate::store::disk::atomic_file;
use crate::store::disk::read_all;
use crate::store::layout;
use crate::store::{Access, Bundle, LoadedHistory, OmissionTimes, Store, StoreError};

/// The combined records of several bundles.
pub(in crate::store) struct BundleSet {
    /// A store without packs.
    pub store: Store,
    /// Its histories, loaded.
    pub histories: Vec<(HistoryId, LoadedHistory)>,
}

impl BundleSet {
    /// Combines the records of `bundles`, following those of `base`. Returns `None` if they are not a simple continuation of the logs. The
    /// bundles must be imported one by one then, to report what is wrong with each.
    ///
    /// # Errors
    /// A disk operation failed.
    pub fn of(bundles: &[Bundle], base: &Store) -> Result<Option<Self>, StoreError> {
        let [first, _, ..] = bundles else { return Ok(None) };
        let Some(files) = put_together(bundles, |inner, _| Ok((0, here(base, inner)?)))? else {
            return Ok(None);
        };
        let store = Store::open(Arc::new(first.beside()), first.path(), Access::ReadWrite)?;
        for (inner, (_, bytes)) in &files {
            let path = store.directory().join(inner);
            let folder = path.parent().unwrap_or(Path::new(""));
            store.disk().make_folder(folder)?;
            atomic_file::write_new(store.disk(), &path, bytes)?;
        }
        let mut histories = Vec::new();
        for (history, _) in store.histories()? {
            let loaded = store.load(history)?;
            let is_whole = |((session, part), end): ((_, _), u64)| {
                let path = layout::log_path(Path::new(""), history, session, part);
                files.get(&path).is_some_and(|(_, bytes)| bytes.len() as u64 == end)
            };
            // Bytes that are not an operation at the end of one piece would precede the next piece.
            if !loaded.ends().all(is_whole) {
                return Ok(None);
            }
            store.tell_left_out(history, &left_out(bundles, history))?;
            histories.push((history, loaded));
        }
        Ok(Some(Self { store, histories }))
    }
}

/// Parts of files by their paths in a store: the offset of the part, and its bytes.
pub(in crate::store) type FileParts = BTreeMap<PathBuf, (u64, Vec<u8>)>;

/// Combines logs and descriptions of consecutive bundles; `None` if a piece of a log does not continue at its end, or differs from known
/// bytes. `begin` returns the offset and bytes before the first piece of a log, which starts at the given byte.
pub(in crate::store) fn put_together(
    bundles: &[Bundle],
    begin: impl Fn(&Path, u64) -> Result<(u64, Vec<u8>), StoreError>,
) -> Result<Option<FileParts>, StoreError> {
    let mut pieces = FileParts::new();
    for bundle in bundles {
        for (inner, start, bytes) in bundle.told()? {
            if layout::is_description(name(&inner)) {
                // A description is written once.
                pieces.entry(inner).or_insert((start, bytes));
            } else if layout::log_part(name(&inner)).is_some() {
                let (from, known) = match pieces.entry(inner) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => {
                        let known = begin(unknown.key(), start)?;
                        unknown.insert(known)
                    }
                };
                let behind = start.checked_sub(*from);
                if !behind.is_some_and(|behind| goes_on(known, behind, &bytes)) {
                    return Ok(None);
                }
            }
        }
    }
    Ok(Some(pieces))
}

/// Returns the name of a file in a bundle.
pub(in crate::store) fn name(inner: &Path) -> &str {
    inner.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Appends the bytes from `start` on that are not known yet. Returns false if there is a gap before them, or known bytes differ.
fn goes_on(known: &mut Vec<u8>, start: u64, bytes: &[u8]) -> bool {
    let Some(met) = known.get(start as usize..) else {
        return false;
    };
    let both = met.len().min(bytes.len());
    if met[..both] != bytes[..both] {
        return false;
    }
    known.extend_from_slice(&bytes[both..]);
    true
}

/// Returns the bytes of a log in a store; empty if the store does not have it.
fn here(base: &Store, inner: &Path) -> Result<Vec<u8>, StoreError> {
    let path = base.directory().join(inner);
    let Ok(file) = base.disk().open(&path) else {
        return Ok(Vec::new());
    };
    read_all(&*file, &path)
}

/// Returns the values that any of the bundles left out, with the earliest time.
pub(in crate::store) fn left_out(bundles: &[Bundle], history: HistoryId) -> OmissionTimes {
    let mut left = OmissionTimes::default();
    for bundle in bundles {
        for (value, time) in bundle.store().left_out(history) {
            left.entry(value).or_insert(time);
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_goes_on_where_it_ended_or_not_at_all() {
        let goes_on = |known: &str, start, bytes: &str| {
            let mut known = known.as_bytes().to_vec();
            goes_on(&mut known, start, bytes.as_bytes()).then(|| String::from_utf8(known).unwrap())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(goes_on("", 0, "abc"), some("abc"));
        assert_eq!(goes_on("abc", 3, "def"), some("abcdef"));
        assert_eq!(goes_on("abc", 1, "bcd"), some("abcd"));
        assert_eq!(goes_on("abc", 0, "ab"), some("abc"));
        assert_eq!(goes_on("abc", 3, ""), some("abc"));
        assert_eq!(goes_on("abc", 4, "e"), None);
        assert_eq!(goes_on("abc", u64::MAX, "e"), None);
        assert_eq!(goes_on("abc", 1, "xc"), None);
    }
}
