//! Manifest: one value of a co-variable.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{FrameKind, Summary};
use crate::graph::Mention;
use crate::id::{BlockId, Fingerprint, ManifestId, Root, RootKind, SegmentId};

/// One value of a co-variable, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The record's version.
    pub version: u16,
    /// Version of the rules for the fingerprint.
    pub fingerprint_version: u8,
    /// The co-variable's roots, sorted.
    pub roots: Vec<Root>,
    /// The hash of the value.
    pub fingerprint: Fingerprint,
    /// How to restore the value.
    pub body: Body,
    /// Summaries for display, one for each root.
    pub summaries: Vec<Summary>,
}

impl Manifest {
    /// Returns its stored objects, if they are stored.
    pub fn encoding(&self) -> Option<&Encoding> {
        match &self.body {
            Body::Encoded(encoding) => Some(encoding),
            _ => None,
        }
    }

    /// Returns the classes and functions to which its objects refer.
    pub fn definitions(&self) -> impl Iterator<Item = Root> {
        let ids = self.encoding().into_iter().flat_map(|encoding| &encoding.definitions);
        ids.map(|id| Root::new(RootKind::Definition, id.clone()))
    }

    /// Returns the fingerprint of a root's value alone, if its objects are stored and the fingerprint was recorded.
    pub fn alone(&self, root: &Root) -> Option<Fingerprint> {
        self.encoding()?;
        match self.roots.as_slice() {
            [only] => (only == root).then_some(self.fingerprint),
            _ => self.summary(root)?.alone,
        }
    }

    /// Returns the summary of a root.
    fn summary(&self, root: &Root) -> Option<&Summary> {
        let index = self.roots.iter().position(|other| other == root)?;
        self.summaries.get(index)
    }

    /// Returns whether a root is bound to a class.
    pub fn is_class(&self, root: &Root) -> bool {
        self.summary(root)
            .is_some_and(|summary| summary.text.starts_with("class "))
    }

    /// Returns the modules to which the value of a root belongs, and the module that it is.
    pub(crate) fn modules_of(&self, root: &Root) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(summary) = self.summary(root) {
            found.push(summary.type_name.clone());
            found.extend(summary.text.strip_prefix("module ").map(str::to_owned));
        }
        found.extend(
            self.encoding()
                .into_iter()
                .flat_map(|encoding| encoding.modules.clone()),
        );
        found
    }

    /// Returns the top-level modules that must be importable to build the value.
    pub fn packages(&self) -> BTreeSet<&str> {
        let modules = self.encoding().into_iter().flat_map(|encoding| &encoding.modules);
        let packages = modules.filter_map(|module| module.split('.').next());
        packages.filter(|name| !name.is_empty()).collect()
    }
}

/// Returns the library of a dotted name.
pub(crate) fn first_word(text: &str) -> &str {
    text.split(['.', ':', ' ']).next().unwrap_or(text)
}

/// How a value can be restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant)] // nearly all are encoded
pub enum Body {
    /// Its objects are stored.
    Encoded(Encoding),
    /// It cannot be stored. A rerun of the run that first recorded this manifest recreates it.
    Recipe {
        /// Why it could not be stored, for people.
        why: String,
        /// The manifest that first showed the same live objects, if the run that recorded this one only used them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first: Option<ManifestId>,
    },
    /// It is not stored and cannot be recreated.
    None {
        /// Why, for people.
        why: String,
    },
    /// It was not recorded: excluded, or a credential. Its fingerprint equals no other and reveals nothing about the value.
    Withheld {
        /// Why, for people.
        why: String,
    },
}

/// Stored objects of a co-variable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Encoding {
    /// Codecs used, with their versions (`core` is the walk's own).
    pub codecs: BTreeMap<String, u32>,
    /// The canonical stream, cut into segments.
    pub stream: Vec<SegmentId>,
    /// Data stored next to the stream: for each aside its node, its length, its bytes.
    pub asides: Vec<SegmentId>,
    /// Memory, cut into blocks.
    pub extents: Vec<StoredExtent>,
    /// Where the n-th buffer of the stream is.
    pub mentions: Vec<Mention>,
    /// Definitions to which its instances refer.
    pub definitions: Vec<String>,
    /// Modules that must be importable.
    pub modules: Vec<String>,
    /// Whether building it may run code that the stream names (reducers, functions); else native encodings only.
    pub code: bool,
    /// Plain bytes of stream, asides and extents.
    pub bytes: u64,
    /// Members that could not be stored, up to a limit; empty if everything is stored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<MemberGap>,
}

/// A member of a stored value that could not be stored itself. Its node in the stream identifies the object and reveals nothing about its
/// value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemberGap {
    /// Which of the co-variable's roots leads to it.
    pub root: u32,
    /// The path from that root, for people.
    pub path: String,
    /// Why it could not be stored, for people.
    pub why: String,
}

/// Prefix of the names of codecs whose objects are handles. A handle stands for something outside the session that may no longer exist, so
/// the live object is preferred to one built from the stored data.
pub const HANDLE: &str = "handle.";

/// Prefix of the names of codecs whose objects a library keeps for a class as long as the class lives. The stored data is used only for a
/// rebuilt class, never for a live one (decision 66).
pub const REGISTERED: &str = "registered.";

impl Encoding {
    /// Returns the segments and blocks that contain it.
    pub fn parts(&self) -> impl Iterator<Item = ([u8; 32], FrameKind)> {
        let segments = self.stream.iter().chain(&self.asides);
        let blocks = self.extents.iter().flat_map(|extent| &extent.blocks);
        let segments = segments.map(|id| (id.0, FrameKind::SEGMENT));
        segments.chain(blocks.map(|id| (id.0, FrameKind::BLOCKS)))
    }

    /// Returns whether everything is stored: no member is a gap.
    pub fn is_whole(&self) -> bool {
        self.gaps.is_empty()
    }

    /// Returns whether the stored objects include handles.
    pub fn has_handles(&self) -> bool {
        self.codecs.keys().any(|codec| codec.starts_with(HANDLE))
    }

    /// Returns whether the stored objects include classes that a library has registered.
    pub fn has_registered(&self) -> bool {
        self.codecs.keys().any(|codec| codec.starts_with(REGISTERED))
    }

    /// Returns whether a live object is preferred to one that is built from the stored data.
    pub fn is_better_alive(&self) -> bool {
        self.has_handles() || self.has_registered()
    }

    /// Returns the ids of all segments and blocks of the value, each once.
    pub fn pieces(&self) -> Vec<[u8; 32]> {
        let mut ids: Vec<[u8; 32]> = self.parts().map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// One piece of a co-variable's memory, as blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredExtent {
    /// Length in bytes.
    pub length: u64,
    /// Bytes of one column, at whose multiples blocks restart; 0 for one column.
    pub column: u64,
    /// The blocks in order, cut as [`crate::graph::block_cuts`] cuts.
    pub blocks: Vec<BlockId>,
}
