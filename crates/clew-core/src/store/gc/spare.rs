//! Values that the user's retention rules no longer keep.
//!
//! They are selected from the history, above the store ([`crate::session::spared`]). The collection drops them: their records and the lists
//! in these stay, and data that only they need becomes unneeded, with the usual grace period. Before any of it is deleted, an operation in
//! the history records that.

use std::collections::BTreeMap;

use crate::id::{HistoryId, ManifestId, SessionId};
use crate::store::StoreError;

/// The values of a history that need not be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRetention {
    /// The history.
    pub history: HistoryId,
    /// The number of operations of each session that were considered. If there are more now, the whole history stays for the time being.
    pub seen: BTreeMap<SessionId, u64>,
    /// Values to drop, oldest first.
    pub values: Vec<ManifestId>,
    /// Values to drop only while the store exceeds its size limit, in this order.
    pub cheap: Vec<RecreatableValue>,
}

/// A value that its cell can recreate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecreatableValue {
    /// The value.
    pub value: ManifestId,
    /// The values that its cell may read and that therefore must stay.
    pub needs: Vec<ManifestId>,
}

/// The retention rules of a collection, and the size limit of the store.
pub struct RetentionRequest<'k> {
    /// The values that need not be kept.
    pub spared: Vec<HistoryRetention>,
    /// The size limit of the store in bytes, before compression.
    pub most: u64,
    /// Records in a history that values were dropped. The record is synced when this returns.
    pub tell: &'k mut dyn FnMut(HistoryId, Vec<ManifestId>) -> Result<(), StoreError>,
}

/// A value that garbage collection drops, now or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DroppedValue {
    /// Its history.
    pub history: HistoryId,
    /// The value.
    pub value: ManifestId,
    /// Bytes before compression that only this value and the values before it in the list need.
    pub bytes: u64,
    /// Whether any of its data is deleted now.
    pub goes: bool,
}
