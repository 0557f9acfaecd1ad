//! The files that gc writes: what is dead (`garbage`), which packs were taken away (`removed/`).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use crate::format::{
    Dead, FileDescription, FrameKind, Garbage, Noted, RECORD_VERSION, Removal, Timestamp, Uptime, decode_record,
    encode_record,
};
use crate::id::{BlockId, PackId, SessionId};
use crate::store::disk::Disk;
use crate::store::scan::{Payloads, scan};
use crate::store::{StoreError, atomic_file};

/// The note's file.
const GARBAGE: &str = "garbage";

fn garbage_path(store: &Path) -> PathBuf {
    store.join(GARBAGE)
}

fn removed_folder(store: &Path) -> PathBuf {
    store.join("removed")
}

/// What is known to be dead, and since when.
#[derive(Debug, Clone, Default)]
pub(super) struct Note {
    pub dead: FxHashMap<[u8; 32], Timestamp>,
    /// How long the machine had been up at these times.
    pub uptimes: BTreeMap<Timestamp, Uptime>,
}

impl Note {
    /// For how long something has been known to be dead, and since when; `None` where it is not known, or where clocks
    /// contradict each other so that it has to wait anew. A clock that people set is believed only where the machine was
    /// started since, or another one made the note.
    pub fn age(&self, id: &[u8; 32], now: Timestamp, uptime: Option<Uptime>) -> Option<(Timestamp, i64)> {
        let since = *self.dead.get(id)?;
        if since == Dead::FORGOTTEN {
            return Some((since, i64::MAX));
        }
        let (then, uptime) = (self.uptimes.get(&since), uptime.as_ref());
        let of_one_start = then.zip(uptime).filter(|(then, uptime)| then.boot == uptime.boot);
        let age = match of_one_start {
            Some((then, uptime)) => uptime.since(then)?,
            None => now.saturating_sub(since),
        };
        (age >= 0).then_some((since, age))
    }

    fn moments_of(&self, dead: &[Dead]) -> Vec<Noted> {
        let times: BTreeSet<Timestamp> = dead.iter().map(|dead| dead.since).collect();
        let known = times
            .into_iter()
            .filter_map(|time| Some((time, *self.uptimes.get(&time)?)));
        known.map(|(time, uptime)| Noted { time, uptime }).collect()
    }
}

/// Since when things are known to be dead. A note that can't be read is none: its things are found again, and wait anew.
pub(super) fn read(disk: &dyn Disk, store: &Path) -> Note {
    let mut noted = Note::default();
    let Ok(file) = disk.open(&garbage_path(store)) else {
        return noted;
    };
    let _ = scan(&*file, 0, Payloads::Read, |frame| {
        if frame.header.kind == FrameKind::GARBAGE
            && let Ok(garbage) = decode_record::<Garbage>(&frame.payload)
        {
            noted
                .dead
                .extend(garbage.dead.iter().map(|dead| (dead.id.0, dead.since)));
            noted
                .uptimes
                .extend(garbage.noted.iter().map(|noted| (noted.time, noted.uptime)));
        }
    });
    noted
}

/// The most entries of one frame: it is decoded at once.
const MOST: usize = 100_000;

/// Writes the note anew, whole or not at all.
pub(super) fn write(disk: &dyn Disk, store: &Path, noted: &Note) -> Result<(), StoreError> {
    let path = garbage_path(store);
    if noted.dead.is_empty() && disk.open(&path).is_err() {
        return Ok(());
    }
    let mut dead: Vec<Dead> = noted
        .dead
        .iter()
        .map(|(id, since)| Dead {
            id: BlockId(*id),
            since: *since,
        })
        .collect();
    dead.sort_unstable();
    let mut frames = vec![(FrameKind::FILE, encode_record(&FileDescription::Care))];
    for dead in dead.chunks(MOST) {
        let garbage = Garbage {
            version: RECORD_VERSION,
            dead: dead.to_vec(),
            noted: noted.moments_of(dead),
        };
        frames.push((FrameKind::GARBAGE, encode_record(&garbage)));
    }
    atomic_file::replace(disk, store, GARBAGE, &atomic_file::framed(&frames))
}

/// Writes down that packs are about to go, in a file whose name it gives. Synced when it returns.
pub(in crate::store) fn tell_removal(disk: &dyn Disk, store: &Path, removal: &Removal) -> Result<String, StoreError> {
    let folder = removed_folder(store);
    disk.create_dir(&folder).map_err(StoreError::io("make", &folder))?;
    let name = format!("{}.removal", random_name(disk));
    let path = folder.join(&name);
    let frames = [
        (FrameKind::FILE, encode_record(&FileDescription::Care)),
        (FrameKind::REMOVAL, encode_record(removal)),
    ];
    atomic_file::write_new(disk, &path, &atomic_file::framed(&frames))?;
    for folder in [&folder, store] {
        disk.sync_dir(folder).map_err(StoreError::io("sync", folder))?;
    }
    Ok(name)
}

/// The names of the files in which it is written which packs go.
pub(super) fn removal_names(disk: &dyn Disk, store: &Path) -> BTreeSet<String> {
    disk.list(&removed_folder(store))
        .unwrap_or_default()
        .into_iter()
        .collect()
}

/// All removals there were. One that can't be read is passed over: its packs are then missed, which is said.
pub(super) fn removals(disk: &dyn Disk, store: &Path) -> Vec<Removal> {
    let names = removal_names(disk, store);
    names.iter().flat_map(|name| read_removal(disk, store, name)).collect()
}

fn read_removal(disk: &dyn Disk, store: &Path, name: &str) -> Vec<Removal> {
    let mut removals = Vec::new();
    let Ok(file) = disk.open(&removed_folder(store).join(name)) else {
        return removals;
    };
    let _: io::Result<_> = scan(&*file, 0, Payloads::Read, |frame| {
        if frame.header.kind == FrameKind::REMOVAL {
            removals.extend(decode_record::<Removal>(&frame.payload));
        }
    });
    removals
}

/// Packs that were said to go in files that were not met before. They may be there, and may be gone any moment. A file that
/// says nothing yet is met again.
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

/// Those of `missing` that nobody took away, and those packs written in the place of others that are not here.
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

fn random_name(disk: &dyn Disk) -> String {
    let mut id = SessionId([0; 16]);
    disk.random(&mut id.0);
    id.to_string()
}
