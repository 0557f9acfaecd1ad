//! A bundle: a store in one file.

use serde::{Deserialize, Serialize};

use super::{Timestamp, is_zero};
use crate::id::{BundledId, HistoryId};

/// Length of the head of a bundle: its FILE frame, padded with zeros.
pub const BUNDLE_HEAD: u64 = 4096;
/// The bundle format that this version writes, and the newest that it reads.
pub const BUNDLE_FORMAT: u16 = 1;

/// The table of contents of a bundle: its last frame, signed by its maker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The record's version.
    pub version: u16,
    /// When the bundle was made.
    pub time: Timestamp,
    /// The history that the bundle contains, completely or in part.
    pub history: HistoryId,
    /// The files of the store, in the order in which they are in the bundle.
    pub files: Vec<BundleEntry>,
    /// Files that runs read, whether or not the bundle contains them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<BundledInput>,
}

/// A file that runs of the history read, as it was when the bundle was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundledInput {
    /// Where to write the file below a folder of the recipient's choice, with slashes.
    pub name: String,
    /// Its absolute path where it was read; empty if the bundle contains no paths.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// The hash of its bytes. If the bundle contains the file, it is `inputs/HASH` there.
    pub hash: BundledId,
}

/// A file of a store, in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleEntry {
    /// Its path in the store, with slashes.
    pub path: String,
    /// Offset of its first byte in the bundle: a multiple of 4,096, so that the mappable parts of a pack stay mappable.
    pub at: u64,
    /// Its length in bytes.
    pub length: u64,
    /// Only for logs: how many of its first bytes are not in the bundle, because the recipient has them. The bytes in the bundle follow
    /// these.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub start: u64,
    /// The hash of those of its bytes that are in the bundle.
    pub hash: BundledId,
}
