//! What is known of a history and of the files that hold it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::id::{HistoryId, KeyId, PackId, SessionId};

/// Which notebook a history belongs to. A rename writes a new one; the newest by time counts, the older ones stay as
/// the log of renames.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HistoryDescription {
    /// The record's version.
    pub version: u16,
    /// When it was written.
    pub time: Timestamp,
    /// What people call it; empty for an anonymous one.
    pub name: String,
    /// Absolute path of the notebook, where known.
    pub path: Option<String>,
    /// The id that the notebook file carries, where it has one.
    pub notebook: Option<String>,
    /// The notebook file as its file system knows it, whatever its name: its number and when it was made. `None` where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// When the notebook was last found in another folder than before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved: Option<Timestamp>,
    /// The history that the user put this notebook into: what it runs is recorded there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joined: Option<HistoryId>,
    /// The kernel that runs it.
    pub kernel: KernelDescription,
}

impl HistoryDescription {
    /// The folder that the notebook lies in, where known.
    pub fn folder(&self) -> Option<&Path> {
        Path::new(self.path.as_deref()?).parent()
    }
}

/// The interpreter that a history was recorded with: what a command that needs it starts.
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

/// What a file is: the first record of every file of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileDescription {
    /// The file `format`: the folder is a store of that format.
    Store {
        /// The store's format.
        format: u16,
        /// With what it is encrypted, if it is.
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
    /// Notes of gc: what is dead, what was removed.
    Care,
    /// What a kernel notes of the cell that it runs.
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
        /// The length of the whole file in bytes, so that one that was cut off says so.
        length: u64,
        /// Where the frame lies that tells its contents.
        contents: u64,
    },
}

/// With what the files of a store are encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// The cipher's name.
    pub cipher: String,
    /// The key.
    pub key: KeyId,
}

/// In a log: from here on the session writes blocks into that pack. A pack that is gone can so be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackMention {
    /// The pack.
    pub pack: PackId,
}
