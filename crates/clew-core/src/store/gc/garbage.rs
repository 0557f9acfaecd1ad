//! The file in which gc notes what is dead (`garbage`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rustc_hash::FxHashMap;

use crate::format::{
    ClockReading, FileDescription, FrameKind, Garbage, GarbageEntry, RECORD_VERSION, Timestamp, Uptime, encode_record,
};
use crate::id::BlockId;
use crate::store::StoreError;
use crate::store::disk::Disk;
use crate::store::disk::atomic_file;
use crate::store::scan::records;

/// The note's file.
const GARBAGE: &str = "garbage";

/// Ids of the data that is known to be garbage, each with the time since when.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownGarbage {
    pub dead: FxHashMap<[u8; 32], Timestamp>,
    /// How long the machine had been up at these times.
    pub uptimes: BTreeMap<Timestamp, Uptime>,
}

impl KnownGarbage {
    /// For how long something has been known to be dead, and since when; `None` where it is not known, or where clocks
    /// contradict each other so that it has to wait anew. A clock that people set is believed only where the machine was
    /// started since, or another one made the note.
    pub fn age(&self, id: &[u8; 32], now: Timestamp, uptime: Option<Uptime>) -> Option<(Timestamp, i64)> {
        let since = *self.dead.get(id)?;
        if since == GarbageEntry::FORGOTTEN {
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

    fn moments_of(&self, dead: &[GarbageEntry]) -> Vec<ClockReading> {
        let times: BTreeSet<Timestamp> = dead.iter().map(|dead| dead.since).collect();
        let known = times
            .into_iter()
            .filter_map(|time| Some((time, *self.uptimes.get(&time)?)));
        known.map(|(time, uptime)| ClockReading { time, uptime }).collect()
    }
}

/// Since when things are known to be dead. A note that can't be read is none: its things are found again, and wait anew.
pub(super) fn read(disk: &dyn Disk, store: &Path) -> KnownGarbage {
    let mut noted = KnownGarbage::default();
    for garbage in records::<Garbage>(disk, &store.join(GARBAGE), FrameKind::GARBAGE) {
        let dead = garbage.dead.iter().map(|dead| (dead.id.0, dead.since));
        noted.dead.extend(dead);
        let uptimes = garbage.noted.iter().map(|noted| (noted.time, noted.uptime));
        noted.uptimes.extend(uptimes);
    }
    noted
}

/// The most entries of one frame: it is decoded at once.
const MOST: usize = 100_000;

/// Writes the note anew, whole or not at all.
pub(super) fn write(disk: &dyn Disk, store: &Path, noted: &KnownGarbage) -> Result<(), StoreError> {
    if noted.dead.is_empty() && disk.open(&store.join(GARBAGE)).is_err() {
        return Ok(());
    }
    let mut dead: Vec<GarbageEntry> = noted
        .dead
        .iter()
        .map(|(id, since)| GarbageEntry {
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
