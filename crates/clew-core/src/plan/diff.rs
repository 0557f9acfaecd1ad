//! The diff: by fingerprint, nothing loaded. What differs becomes steps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::format::{Body, Manifest, Version};
use crate::history::State;
use crate::id::{Fingerprint, ManifestId, Root};

/// How a co-variable of the target state, or a live one, is dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepKind {
    /// The live objects are right.
    Keep,
    /// Build it from the store.
    Load {
        /// Plain bytes to read.
        bytes: u64,
    },
    /// Take the objects parked under this ticket.
    Unpark {
        /// The ticket.
        ticket: u64,
    },
    /// Run cells again.
    Replay,
    /// It can't be had.
    Lose {
        /// Why, for people.
        why: String,
    },
    /// It does not exist in the target state.
    Remove,
}

/// One step of a plan, for all roots of one co-variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The roots it is about: those of the co-variable that the move is to touch.
    pub roots: Vec<Root>,
    /// What is done.
    pub kind: StepKind,
    /// The version to reach; `None` for removals.
    pub version: Option<Version>,
}

/// Which roots a move is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// Only these names, wherever they are; the others stay. A co-variable in part comes as a detached copy.
    Names(BTreeSet<Root>),
}

impl Scope {
    fn holds(&self, root: &Root) -> bool {
        match self {
            Self::All => true,
            Self::Names(names) => names.contains(root),
        }
    }
}

/// What is at hand for a plan besides live objects.
pub trait Held {
    /// A manifest by its id; else why it is not at hand.
    fn manifest(&self, id: &ManifestId) -> Result<Arc<Manifest>, String>;

    /// The ticket under which this value is parked, untouched.
    fn ticket(&self, roots: &[Root], fingerprint: &Fingerprint) -> Option<u64>;

    /// Why the version may not be built here: its history is not trusted, its manifest is damaged.
    fn refusal(&self, version: &Version, manifest: &Manifest) -> Option<String>;

    /// Whether the cell that made the version may be run again: consent was given and its source is known.
    fn may_replay(&self, version: &Version) -> bool;
}

/// The steps from a live state to a target state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which they are performed: context first, then definitions, then values.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Bytes to be read from the store.
    pub fn bytes(&self) -> u64 {
        self.steps
            .iter()
            .map(|step| {
                if let StepKind::Load { bytes } = step.kind {
                    bytes
                } else {
                    0
                }
            })
            .sum()
    }
}

/// Plans the way from `live` to `target`. `excluded` roots are left alone, whatever they are.
pub fn plan(live: &State, target: &State, scope: &Scope, held: &impl Held) -> Plan {
    let mut steps = Vec::new();
    let mut covered: BTreeSet<&Root> = BTreeSet::new();
    for version in target.versions() {
        let roots: Vec<Root> = version.roots.iter().filter(|root| scope.holds(root)).cloned().collect();
        if roots.is_empty() {
            continue;
        }
        covered.extend(version.roots.iter().filter(|root| scope.holds(root)));
        let kind = if live.holds(version) {
            StepKind::Keep
        } else {
            way_to(version, held)
        };
        steps.push(Step {
            roots,
            kind,
            version: Some(version.clone()),
        });
    }
    let mut removed: BTreeMap<&Root, Vec<Root>> = BTreeMap::new();
    for version in live.versions() {
        let gone: Vec<Root> = version
            .roots
            .iter()
            .filter(|root| scope.holds(root) && !covered.contains(root))
            .cloned()
            .collect();
        if let (Some(first), false) = (version.roots.first(), gone.is_empty()) {
            removed.insert(first, gone);
        }
    }
    steps.extend(removed.into_values().map(|roots| Step {
        roots,
        kind: StepKind::Remove,
        version: None,
    }));
    steps.sort_by_key(|step| step.roots.iter().map(|root| root.kind.rank()).min());
    Plan { steps }
}

fn way_to(version: &Version, held: &impl Held) -> StepKind {
    if let Some(ticket) = held.ticket(&version.roots, &version.fingerprint) {
        return StepKind::Unpark { ticket };
    }
    let manifest = match held.manifest(&version.manifest) {
        Ok(manifest) => manifest,
        Err(why) => return StepKind::Lose { why },
    };
    if let Some(why) = held.refusal(version, &manifest) {
        return StepKind::Lose { why };
    }
    match &manifest.body {
        Body::Encoded(encoding) => StepKind::Load { bytes: encoding.bytes },
        Body::Recipe { .. } if held.may_replay(version) => StepKind::Replay,
        Body::Recipe { why } | Body::None { why } => StepKind::Lose { why: why.clone() },
    }
}
