//! What gc writes down: what is dead and since when, and which packs were taken away.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::id::{BlockId, PackId};

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

/// What nothing refers to any more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Garbage {
    /// The record's version.
    pub version: u16,
    /// The dead, sorted by their ids.
    pub dead: Vec<Dead>,
}

/// One dead thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dead {
    /// Its id. All kinds of things count as blocks here: a segment, a text and a manifest too.
    pub id: BlockId,
    /// Since when that is known; [`Dead::FORGOTTEN`] where no time has to pass.
    pub since: Timestamp,
}

impl Dead {
    /// The time of what was forgotten and could not be removed at once.
    pub const FORGOTTEN: Timestamp = 0;
}
