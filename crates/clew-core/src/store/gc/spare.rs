//! Values that rules of the user's no longer keep.
//!
//! Which these are is worked out from the history, above the store ([`crate::session::spared`]). Here they are let go of:
//! their records and the lists in these stay, what only they lie in is dead, and waits like everything that is. Before any
//! of it goes, an operation in the history says so.

use std::collections::BTreeMap;

use crate::id::{HistoryId, ManifestId, SessionId};
use crate::store::StoreError;

/// The values of a history that need not be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRetention {
    /// The history.
    pub history: HistoryId,
    /// How many operations of each session were seen. Where there are more, all of the history stays for now.
    pub seen: BTreeMap<SessionId, u64>,
    /// Values that go, oldest first.
    pub values: Vec<ManifestId>,
    /// Values that go where the store holds more than it may, as long as it does: what to begin with comes first.
    pub cheap: Vec<RecreatableValue>,
}

/// A value that its cell can recreate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecreatableValue {
    /// The value.
    pub value: ManifestId,
    /// What its cell may read, which has to stay.
    pub needs: Vec<ManifestId>,
}

/// What a collection keeps besides all new data, and how large the store may be.
pub struct RetentionRequest<'k> {
    /// What need not be.
    pub spared: Vec<HistoryRetention>,
    /// How many bytes the store may hold, before compression.
    pub most: u64,
    /// Says in a history that values were dropped, for sure when it returns.
    pub tell: &'k mut dyn FnMut(HistoryId, Vec<ManifestId>) -> Result<(), StoreError>,
}

/// A value that garbage collection drops, now or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DroppedValue {
    /// Its history.
    pub history: HistoryId,
    /// The value.
    pub value: ManifestId,
    /// What lies only for it and for those before it, in bytes before compression.
    pub bytes: u64,
    /// Whether any of it goes now.
    pub goes: bool,
}
