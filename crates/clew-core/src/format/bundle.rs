//! A bundle: a store in one file.

use serde::{Deserialize, Serialize};

use super::{Timestamp, is_zero};
use crate::id::{BundledId, HistoryId};

/// The first so many bytes of a bundle are its FILE frame and zeros.
pub const BUNDLE_HEAD: u64 = 4096;
/// The format of bundles that is written here, and the newest that is read.
pub const BUNDLE_FORMAT: u16 = 1;

/// What lies in a bundle, and where: its last frame, signed by who made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The record's version.
    pub version: u16,
    /// When the bundle was made.
    pub time: Timestamp,
    /// The history that it holds, or a part of.
    pub history: HistoryId,
    /// The files of the store, in the order in which they lie.
    pub files: Vec<BundleEntry>,
    /// Files that runs read, whether or not they are in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<BundledInput>,
}

/// A file that runs of the history read, as it was when the bundle was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundledInput {
    /// Where it is to be written below a folder of the recipient's choice, with slashes.
    pub name: String,
    /// Its absolute path where it was read; empty where the bundle tells no paths.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// The hash of its bytes. Where it was taken along, it is the file `inputs/HASH` of the bundle.
    pub hash: BundledId,
}

/// A file of a store, in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleEntry {
    /// Its path in the store, with slashes.
    pub path: String,
    /// Where its first byte lies in the bundle: a multiple of 4,096, so that what can be mapped of a pack still can.
    pub at: u64,
    /// Its length in bytes.
    pub length: u64,
    /// Of a log: how many of its first bytes are not in the bundle, since who gets it has them. What lies in it follows them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub start: u64,
    /// The hash of its bytes, as far as they are in the bundle.
    pub hash: BundledId,
}
