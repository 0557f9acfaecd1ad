//! What several bundles tell of histories, put together in memory.
//!
//! Each push tells the new end of a log. Taken in one bundle after another, each would have the whole log read, judged and written
//! again: who clones after n pushes would pay for n logs. Together each log is that once.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::id::HistoryId;
use crate::store::disk::atomic_file;
use crate::store::disk::read_all;
use crate::store::layout;
use crate::store::{Access, Bundle, LoadedHistory, OmissionTimes, Store, StoreError};

/// The combined content of several bundles.
pub(in crate::store) struct BundleSet {
    /// A store without packs.
    pub store: Store,
    /// Its histories, as they were read.
    pub histories: Vec<(HistoryId, LoadedHistory)>,
}

impl BundleSet {
    /// Puts together what `bundles` tell, behind what `base` has. `None` where that is more than one log going on behind the
    /// other: then each of them is to be taken in alone, and to be told what is wrong with it.
    ///
    /// # Errors
    /// A disk refused.
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
            // What is no operation at the end of one piece would stand before the next.
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

/// Logs and descriptions as bundles tell them one after another; `None` where a log does not go on where it ended, or says otherwise
/// than before. `begin` says what comes before the first piece of a log, which starts at that byte.
pub(in crate::store) fn put_together(
    bundles: &[Bundle],
    begin: impl Fn(&Path, u64) -> Result<(u64, Vec<u8>), StoreError>,
) -> Result<Option<FileParts>, StoreError> {
    let mut pieces = FileParts::new();
    for bundle in bundles {
        for (inner, start, bytes) in bundle.told()? {
            if layout::is_description(name(&inner)) {
                // It is written once.
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

/// What a file of a bundle is called.
pub(in crate::store) fn name(inner: &Path) -> &str {
    inner.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Adds what comes behind `start` and is not known; not where that is unknown, or another.
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

/// What a store has of a log: nothing, where it has none.
fn here(base: &Store, inner: &Path) -> Result<Vec<u8>, StoreError> {
    let path = base.directory().join(inner);
    let Ok(file) = base.disk().open(&path) else {
        return Ok(Vec::new());
    };
    read_all(&*file, &path)
}

/// What any of them says was left out, and when first.
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
