//! The files that record deleted packs (`removed/`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::format::{FileDescription, FrameKind, Removal, encode_record};
use crate::id::{PackId, SessionId};
use crate::store::StoreError;
use crate::store::disk::Disk;
use crate::store::disk::atomic_file;
use crate::store::scan::records;

fn removed_folder(store: &Path) -> PathBuf {
    store.join("removed")
}

/// Records that packs are about to be deleted, in a file of which it returns the name. The file is synced when this returns.
pub(in crate::store) fn tell_removal(disk: &dyn Disk, store: &Path, removal: &Removal) -> Result<String, StoreError> {
    let folder = removed_folder(store);
    disk.make_folder(&folder)?;
    let name = format!("{}.removal", SessionId(disk.random_bytes()));
    let path = folder.join(&name);
    let frames = [
        (FrameKind::FILE, encode_record(&FileDescription::Care)),
        (FrameKind::REMOVAL, encode_record(removal)),
    ];
    atomic_file::write_new(disk, &path, &atomic_file::framed(&frames))?;
    for folder in [&folder, store] {
        disk.sync_folder(folder)?;
    }
    Ok(name)
}

/// Returns the names of the files that record deleted packs.
pub(in crate::store) fn removal_names(disk: &dyn Disk, store: &Path) -> BTreeSet<String> {
    disk.list(&removed_folder(store))
        .unwrap_or_default()
        .into_iter()
        .collect()
}

/// Reads all records of deleted packs. An unreadable one is ignored: its packs are reported as missing then.
pub(in crate::store) fn removals(disk: &dyn Disk, store: &Path) -> Vec<Removal> {
    let names = removal_names(disk, store);
    names.iter().flat_map(|name| read_removal(disk, store, name)).collect()
}

fn read_removal(disk: &dyn Disk, store: &Path, name: &str) -> Vec<Removal> {
    records(disk, &removed_folder(store).join(name), FrameKind::REMOVAL)
}

/// Returns packs in records that are not in `met` yet. They may still exist, and may disappear at any moment. A record that is still empty
/// is read again later.
pub(in crate::store) fn condemned(disk: &dyn Disk, store: &Path, met: &mut BTreeSet<String>) -> Vec<PackId> {
    let mut condemned = Vec::new();
    for name in removal_names(disk, store) {
        if met.contains(&name) {
            continue;
        }
        let removals = read_removal(disk, store, &name);
        if !removals.is_empty() {
            met.insert(name);
        }
        condemned.extend(removals.into_iter().flat_map(|removal| removal.removed));
    }
    condemned
}

/// Returns those of `missing` that no record calls deleted, and missing packs that replaced deleted ones.
pub(in crate::store) fn without_removed(
    disk: &dyn Disk,
    store: &Path,
    missing: Vec<PackId>,
    here: &BTreeSet<PackId>,
) -> Vec<PackId> {
    let removals = removals(disk, store);
    let mut left = BTreeSet::new();
    let mut met = BTreeSet::new();
    let mut open = missing;
    while let Some(pack) = open.pop() {
        if here.contains(&pack) || !met.insert(pack) {
            continue;
        }
        match removals.iter().find(|removal| removal.removed.contains(&pack)) {
            Some(removal) => open.extend(&removal.written),
            None => {
                left.insert(pack);
            }
        }
    }
    left.into_iter().collect()
}
