//! The file in which gc notes unneeded data (`garbage`).

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

/// The name of the file.
const GARBAGE: &str = "garbage";

/// Ids of unneeded data, each with the time when it was found.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownGarbage {
    pub dead: FxHashMap<[u8; 32], Timestamp>,
    /// How long the machine had been up at these times.
    pub uptimes: BTreeMap<Timestamp, Uptime>,
}

impl KnownGarbage {
    /// Returns since when data is known to be unneeded, and for how long. Returns `None` if it is not known, or if contradictory clocks
    /// restart its grace period. The system clock, which users can set, is used only if the machine was rebooted since, or another machine
    /// made the note.
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

/// Reads the note. An unreadable note counts as empty: its data is found again, and its grace period restarts.
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

/// The most entries of one frame, because a frame is decoded at once.
const MOST: usize = 100_000;

/// Replaces the note atomically.
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
