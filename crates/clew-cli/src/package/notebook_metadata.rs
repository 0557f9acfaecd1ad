//! A package in a notebook's own metadata: the bundle in base64, under `clew`.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clew_core::store::disk::MemoryFile;
use serde::{Deserialize, Serialize};

/// The content of a notebook's metadata under `clew`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EmbeddedMetadata {
    /// The version of these fields.
    pub schema: u32,
    /// The id of the history.
    pub history: String,
    /// The number of the run that the notebook was packaged at.
    #[serde(default)]
    pub run: String,
    /// The version of Clew that packaged it.
    pub version: String,
    /// The bundle, if it is embedded in the notebook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<String>,
}

/// A notebook, reduced to this metadata.
#[derive(Deserialize)]
struct Notebook {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    clew: Option<EmbeddedMetadata>,
}

impl EmbeddedMetadata {
    /// Reads the metadata of a notebook; `None` if it is not a notebook or has no such metadata.
    pub fn read(notebook: &[u8]) -> Option<Self> {
        let read: Notebook = serde_json::from_slice(notebook).ok()?;
        read.metadata.clew
    }

    /// Returns the metadata with the bundle in it.
    pub fn with_bundle(mut self, bytes: &[u8]) -> Self {
        self.bundle = Some(STANDARD.encode(bytes));
        self
    }

    /// Decodes the bundle; `None` if there is none, or if it is not base64.
    pub fn bytes(&self) -> Option<MemoryFile> {
        let bytes = STANDARD.decode(self.bundle.as_deref()?).ok()?;
        Some(MemoryFile(Arc::from(bytes)))
    }
}
