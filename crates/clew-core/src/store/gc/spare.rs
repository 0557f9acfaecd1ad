//! Values that rules of the user's no longer keep.
//!
//! Which these are is worked out from the history, above the store ([`crate::session::spared`]). Here they are let go of:
//! their records and the lists in these stay, what only they lie in is dead, and waits like everything that is. Before any
//! of it goes, an operation in the history says so.

use std::collections::BTreeMap;

use crate::id::{HistoryId, ManifestId, SessionId};
use crate::store::StoreError;

/// What of a history need not be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spared {
    /// The history.
    pub history: HistoryId,
    /// How many operations of each session were seen. Where there are more, all of the history stays for now.
    pub seen: BTreeMap<SessionId, u64>,
    /// Values that go, oldest first.
    pub values: Vec<ManifestId>,
    /// Values that go where the store holds more than it may, as long as it does: what to begin with comes first.
    pub cheap: Vec<Cheap>,
}

/// A value whose cell can make it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cheap {
    /// The value.
    pub value: ManifestId,
    /// What its cell may read, which has to stay.
    pub needs: Vec<ManifestId>,
}

/// What is to be kept beside all that is new.
pub struct Keeping<'k> {
    /// What need not be.
    pub spared: Vec<Spared>,
    /// How many bytes the store may hold, before compression.
    pub most: u64,
    /// Says in a history that values were dropped, for sure when it returns.
    pub tell: &'k mut dyn FnMut(HistoryId, Vec<ManifestId>) -> Result<(), StoreError>,
}

/// A value that goes, or will.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// Its history.
    pub history: HistoryId,
    /// The value.
    pub value: ManifestId,
    /// What lies only for it and for those before it, in bytes before compression.
    pub bytes: u64,
    /// Whether any of it goes now.
    pub goes: bool,
}
