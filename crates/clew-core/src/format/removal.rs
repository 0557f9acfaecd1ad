//! Notes of gc: unneeded data with the time since when it is unneeded, and deleted packs.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::id::{BlockId, ManifestId, PackId};

/// Deleted packs. The note is written and synced before the first of them is deleted. Logs still name them, and packs in this note do not
/// count as missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// The record's version.
    pub version: u16,
    /// When.
    pub time: Timestamp,
    /// The deleted packs.
    pub removed: Vec<PackId>,
    /// The packs that have their needed data now.
    pub written: Vec<PackId>,
}

/// Values that the sender of a history left out: their data was never in this store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OmittedValues {
    /// The record's version.
    pub version: u16,
    /// When the history was sent.
    pub time: Timestamp,
    /// The values, sorted.
    pub values: Vec<ManifestId>,
}

/// Unneeded data: no operation leads to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Garbage {
    /// The record's version.
    pub version: u16,
    /// The unneeded data, sorted by id.
    pub dead: Vec<GarbageEntry>,
    /// How long the machine had been up at the times in `dead`, where that is known, sorted.
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

/// How long a machine has been up, by a clock that cannot be set and that also runs during sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Uptime {
    /// The boot and the machine from which it counts. Readings with different ids cannot be compared.
    pub boot: [u8; 16],
    /// Nanoseconds.
    pub nanoseconds: u64,
}

impl Uptime {
    /// Returns the time since an earlier reading; `None` if they are from different boots.
    pub fn since(&self, earlier: &Self) -> Option<i64> {
        let passed = self.nanoseconds.checked_sub(earlier.nanoseconds);
        i64::try_from(passed.filter(|_| self.boot == earlier.boot)?).ok()
    }
}

/// One piece of unneeded data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GarbageEntry {
    /// Its id. Data of all kinds counts as a block here: segments, blobs and manifests too.
    pub id: BlockId,
    /// When it was found to be unneeded; [`GarbageEntry::FORGOTTEN`] if no grace period applies.
    pub since: Timestamp,
}

impl GarbageEntry {
    /// The time of forgotten data that could not be deleted at once.
    pub const FORGOTTEN: Timestamp = 0;
}
