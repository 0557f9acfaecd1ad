//! Manifest: one version of one co-variable.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{FrameKind, Summary};
use crate::graph::Mention;
use crate::id::{BlockId, Fingerprint, ManifestId, Root, RootKind, SegmentId};

/// One version of one co-variable, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The record's version.
    pub version: u16,
    /// Version of what the fingerprint covers.
    pub fingerprint_version: u8,
    /// The co-variable's roots, sorted.
    pub roots: Vec<Root>,
    /// What the value hashed to.
    pub fingerprint: Fingerprint,
    /// How to get the value back.
    pub body: Body,
    /// What looking may show, one for each root.
    pub summaries: Vec<Summary>,
}

impl Manifest {
    /// Its stored objects, if they are stored.
    pub fn encoding(&self) -> Option<&Encoding> {
        match &self.body {
            Body::Encoded(encoding) => Some(encoding),
            _ => None,
        }
    }

    /// The classes and functions that its objects refer to.
    pub fn definitions(&self) -> impl Iterator<Item = Root> {
        let ids = self.encoding().into_iter().flat_map(|encoding| &encoding.definitions);
        ids.map(|id| Root::new(RootKind::Definition, id.clone()))
    }

    /// What the value of a root hashes to by itself, where its objects are stored and that was recorded.
    pub fn alone(&self, root: &Root) -> Option<Fingerprint> {
        self.encoding()?;
        match self.roots.as_slice() {
            [only] => (only == root).then_some(self.fingerprint),
            _ => self.summary(root)?.alone,
        }
    }

    /// What looking may show of a root.
    fn summary(&self, root: &Root) -> Option<&Summary> {
        let index = self.roots.iter().position(|other| other == root)?;
        self.summaries.get(index)
    }

    /// Whether a root is bound to a class.
    pub fn is_class(&self, root: &Root) -> bool {
        self.summary(root)
            .is_some_and(|summary| summary.text.starts_with("class "))
    }

    /// Modules that the value of a root belongs to or is.
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

    /// Top-level modules that must be importable for it to be built.
    pub fn packages(&self) -> BTreeSet<&str> {
        let modules = self.encoding().into_iter().flat_map(|encoding| &encoding.modules);
        let packages = modules.filter_map(|module| module.split('.').next());
        packages.filter(|name| !name.is_empty()).collect()
    }
}

/// The library of a dotted name.
pub(crate) fn first_word(text: &str) -> &str {
    text.split(['.', ':', ' ']).next().unwrap_or(text)
}

/// How a version can come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant)] // nearly all are encoded
pub enum Body {
    /// Its objects are stored.
    Encoded(Encoding),
    /// It can't be stored; running the run that first shows this manifest again makes it anew.
    Recipe {
        /// Why it could not be stored, for people.
        why: String,
        /// The manifest that first showed the same live objects, where the run that first shows this one only used them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first: Option<ManifestId>,
    },
    /// It is not stored and there is no way to make it.
    None {
        /// Why, for people.
        why: String,
    },
    /// It was kept out of the record: excluded, or a credential. Its fingerprint equals no other and tells nothing of it.
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
    /// What is stored beside the stream: for each aside its node, its length, its bytes.
    pub asides: Vec<SegmentId>,
    /// Memory, cut into blocks.
    pub extents: Vec<StoredExtent>,
    /// Where the n-th buffer of the stream lies.
    pub mentions: Vec<Mention>,
    /// Definitions its instances refer to.
    pub definitions: Vec<String>,
    /// Modules that must be importable.
    pub modules: Vec<String>,
    /// Whether building it may run code that the stream names (reducers, functions); else native encodings only.
    pub code: bool,
    /// Plain bytes of stream, asides and extents.
    pub bytes: u64,
    /// Members that could not be stored, as far as they are listed; empty where everything is stored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<MemberGap>,
}

/// A member of a stored value that could not be stored itself. Its node of the stream says which object it was and nothing of its
/// value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemberGap {
    /// Which of the co-variable's roots reaches it.
    pub root: u32,
    /// How it is reached from there, for people.
    pub path: String,
    /// Why it could not be stored, for people.
    pub why: String,
}

/// What the names of codecs begin with whose objects are handles: what they stand for lives outside the session and may be gone, so that
/// the live object is worth more than what can be made of what is stored.
pub const HANDLE: &str = "handle.";

/// What the names of codecs begin with whose objects a library keeps for a class for as long as the class lives: what is stored makes them
/// for a class that is built anew, and never for one that lives (decision 66).
pub const REGISTERED: &str = "registered.";

impl Encoding {
    /// The segments and blocks that it lies in.
    pub fn parts(&self) -> impl Iterator<Item = ([u8; 32], FrameKind)> {
        let segments = self.stream.iter().chain(&self.asides);
        let blocks = self.extents.iter().flat_map(|extent| &extent.blocks);
        let segments = segments.map(|id| (id.0, FrameKind::SEGMENT));
        segments.chain(blocks.map(|id| (id.0, FrameKind::BLOCKS)))
    }

    /// Whether everything is stored: no member is a gap.
    pub fn is_whole(&self) -> bool {
        self.gaps.is_empty()
    }

    /// Whether handles are among what is stored.
    pub fn has_handles(&self) -> bool {
        self.codecs.keys().any(|codec| codec.starts_with(HANDLE))
    }

    /// Whether classes that a library has registered are among what is stored.
    pub fn has_registered(&self) -> bool {
        self.codecs.keys().any(|codec| codec.starts_with(REGISTERED))
    }

    /// Whether a live object is worth more than one that is built from what is stored.
    pub fn is_better_alive(&self) -> bool {
        self.has_handles() || self.has_registered()
    }

    /// The ids of all segments and blocks that hold the value, each once.
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
