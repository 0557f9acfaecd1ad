//! A package in a notebook's own metadata: the bundle in base64, under `clew`.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clew_core::store::disk::MemoryFile;
use serde::{Deserialize, Serialize};

/// The metadata of a notebook under `clew`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EmbeddedMetadata {
    /// The version of these fields.
    pub schema: u32,
    /// The id of the history.
    pub history: String,
    /// The run that the notebook was packed at: its number.
    #[serde(default)]
    pub run: String,
    /// The version of Clew that packed it.
    pub version: String,
    /// The bundle, where it lies in the notebook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<String>,
}

/// A notebook, of which only that is read.
#[derive(Deserialize)]
struct Notebook {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    clew: Option<EmbeddedMetadata>,
}

impl EmbeddedMetadata {
    /// What the metadata of a notebook say, if it is one and they say anything.
    pub fn read(notebook: &[u8]) -> Option<Self> {
        let read: Notebook = serde_json::from_slice(notebook).ok()?;
        read.metadata.clew
    }

    /// The same with the bundle in it.
    pub fn with_bundle(mut self, bytes: &[u8]) -> Self {
        self.bundle = Some(STANDARD.encode(bytes));
        self
    }

    /// The bundle in it; `None` where there is none, or it is no base64.
    pub fn bytes(&self) -> Option<MemoryFile> {
        let bytes = STANDARD.decode(self.bundle.as_deref()?).ok()?;
        Some(MemoryFile(Arc::from(bytes)))
    }
}
