//! What gc writes down: what is dead and since when, and which packs were taken away.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::id::{BlockId, ManifestId, PackId};

/// Packs that were taken away, written and synced before the first of them is. Logs go on naming them, and nobody misses
/// what is here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// The record's version.
    pub version: u16,
    /// When.
    pub time: Timestamp,
    /// The packs.
    pub removed: Vec<PackId>,
    /// Where what was alive in them lies now.
    pub written: Vec<PackId>,
}

/// Values that the sender of a history left out: their data is missing here, and was never here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OmittedValues {
    /// The record's version.
    pub version: u16,
    /// When it was sent.
    pub time: Timestamp,
    /// The values, sorted.
    pub values: Vec<ManifestId>,
}

/// What nothing refers to any more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Garbage {
    /// The record's version.
    pub version: u16,
    /// The dead, sorted by their ids.
    pub dead: Vec<GarbageEntry>,
    /// How long the machine had been up at the times since when something here is dead, where that is known, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub noted: Vec<ClockReading>,
}

/// A moment on two clocks: the system's clock, which users can set, and the uptime, which they cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClockReading {
    /// The time.
    pub time: Timestamp,
    /// How long the machine that noted it had been up.
    pub uptime: Uptime,
}

/// How long a machine has been up, by a clock that nobody sets and that goes on while it sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Uptime {
    /// Which start of which machine it counts from. Readings of two say nothing of each other.
    pub boot: [u8; 16],
    /// Nanoseconds.
    pub nanoseconds: u64,
}

impl Uptime {
    /// The time since an earlier reading; `None` where they do not count from the same start.
    pub fn since(&self, earlier: &Self) -> Option<i64> {
        let passed = self.nanoseconds.checked_sub(earlier.nanoseconds);
        i64::try_from(passed.filter(|_| self.boot == earlier.boot)?).ok()
    }
}

/// One piece of data that is known to be garbage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GarbageEntry {
    /// Its id. All kinds of things count as blocks here: a segment, a text and a manifest too.
    pub id: BlockId,
    /// Since when that is known; [`GarbageEntry::FORGOTTEN`] where no time has to pass.
    pub since: Timestamp,
}

impl GarbageEntry {
    /// The time of what was forgotten and could not be removed at once.
    pub const FORGOTTEN: Timestamp = 0;
}
