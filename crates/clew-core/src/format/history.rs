//! Descriptions of a history and of the files of a store.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::id::{HistoryId, KeyId, PackId, SessionId};

/// The notebook to which a history belongs. A rename writes a new description. The newest by time counts; the older ones are the log of
/// renames.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HistoryDescription {
    /// The record's version.
    pub version: u16,
    /// When it was written.
    pub time: Timestamp,
    /// The name of the history; empty if it has none.
    pub name: String,
    /// Absolute path of the notebook, if known.
    pub path: Option<String>,
    /// The id in the notebook file, if it has one.
    pub notebook: Option<String>,
    /// Identifies the notebook file in its file system, independently of its name: its number and its creation time. `None` if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// When the notebook was last found in another folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved: Option<Timestamp>,
    /// The history to which the user added this notebook: its runs are recorded there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joined: Option<HistoryId>,
    /// The kernel that runs it.
    pub kernel: KernelDescription,
}

impl HistoryDescription {
    /// Returns the folder of the notebook, if known.
    pub fn folder(&self) -> Option<&Path> {
        Path::new(self.path.as_deref()?).parent()
    }
}

/// The interpreter with which a history was recorded. Commands that need one start it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KernelDescription {
    /// Name of the kernel spec (`python3`).
    pub name: String,
    /// Absolute path of the interpreter.
    pub executable: String,
    /// The language (`python`).
    pub language: String,
    /// The language's version (`3.13.1`).
    pub version: String,
}

/// The type of a file: the first record of every file of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileDescription {
    /// The file `format`: the folder is a store of that format.
    Store {
        /// The store's format.
        format: u16,
        /// How it is encrypted, if it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        encryption: Option<Encryption>,
    },
    /// A pack.
    Pack {
        /// Its id, also in its name.
        pack: PackId,
        /// The session that writes it.
        session: SessionId,
    },
    /// Notes of gc: unneeded data, deleted packs.
    Care,
    /// An in-flight marker.
    Begun,
    /// A log.
    Log {
        /// The history it belongs to, also in its folder's name.
        history: HistoryId,
        /// The session that writes it, also in its name.
        session: SessionId,
    },
    /// A bundle.
    Bundle {
        /// The bundle's format.
        format: u16,
        /// The length of the whole file in bytes, to detect a truncated file.
        length: u64,
        /// Offset of the CONTENTS frame.
        contents: u64,
    },
}

/// The encryption of a store's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// The cipher's name.
    pub cipher: String,
    /// The key.
    pub key: KeyId,
}

/// In a log: from here on the session writes blocks to that pack. So a missing pack can be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackMention {
    /// The pack.
    pub pack: PackId,
}
