//! The co-variables of the last look, by their roots.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::live_parts::{LivePart, LiveParts};
use crate::format::Version;
use crate::graph::{MemberFingerprints, SubgraphMark, is_output};
use crate::history::State;
use crate::id::{BlockId, Fingerprint, ManifestId, Root, RootKind};
use crate::store::StoredSegment;

/// A live co-variable, as the last look found it.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // independent facts
pub(crate) struct LiveCoVariable {
    pub version: Arc<Version>,
    /// The hash computed by the look, for values that have no fingerprint of their own.
    pub seen: Fingerprint,
    /// Whether it contains an object without a value.
    pub is_opaque: bool,
    /// Whether its objects are stored.
    pub is_encoded: bool,
    /// Why it is not recorded, if that is so.
    pub withheld: Option<String>,
    /// Whether `seen` changes with every change of its value.
    pub is_compared: bool,
    /// The live objects that it contains, if any.
    pub parts: Option<Arc<LiveParts>>,
    /// The manifest under which these objects were first recorded, if it is another one.
    pub first: Option<ManifestId>,
    /// Hash and id of each stored block.
    pub blocks: Arc<FxHashMap<u128, BlockId>>,
    /// The segments of its stream, as far as known.
    pub pieces: Arc<Vec<StoredSegment>>,
    /// The fingerprints of its members, if it has several roots or an output.
    pub members: Option<Arc<MemberFingerprints>>,
    /// Whether `seen` detects every change of its value.
    pub is_whole: bool,
    /// The mark of the subgraph of the roots that a run touched last, if these are not all roots.
    pub subgraph: Option<Arc<SubgraphMark>>,
}

impl LiveCoVariable {
    /// Marks it as not stored.
    pub fn forget(&mut self) {
        self.is_encoded = false;
        self.blocks = Arc::default();
        self.pieces = Arc::default();
    }
}

/// The live co-variables of a session. A look at some roots changes only these roots, so the cost of a run does not depend on how
/// many other variables exist.
#[derive(Debug, Clone, Default)]
pub(crate) struct LiveState {
    known: Vec<Option<LiveCoVariable>>,
    /// Free indices of `known`.
    free: Vec<usize>,
    by_root: HashMap<Root, usize>,
    /// Roots that are not recorded.
    withheld: BTreeSet<Root>,
    /// Roots whose bindings are not watched.
    unbound: BTreeSet<Root>,
}

impl LiveCoVariable {
    /// Returns the live part of one of its roots.
    pub fn part(&self, root: &Root) -> Option<&LivePart> {
        let at = self.version.roots.iter().position(|other| other == root)?;
        self.parts.as_ref()?.parts.get(at)
    }

    /// Returns whether it is stored without its live objects.
    pub fn has_gaps(&self) -> bool {
        self.is_opaque && self.is_encoded
    }

    /// Returns the fingerprint of one of its variables alone, if that determines its value.
    pub fn alone(&self, root: &Root) -> Option<Fingerprint> {
        match self.version.roots.as_slice() {
            [only] => (self.is_whole && only == root).then_some(self.seen),
            _ => self.members.as_ref()?.alone.get(root).copied(),
        }
    }

    /// Returns whether one of its variables directly shares objects or memory with another one.
    pub fn shares(&self, root: &Root) -> bool {
        let shares = self.members.as_ref().and_then(|members| members.shares.get(root));
        let roots = &self.version.roots;
        let is_name = |place: &u32| {
            roots
                .get(*place as usize)
                .is_some_and(|root| root.kind == RootKind::Name)
        };
        shares.is_some_and(|shares| shares.iter().any(is_name))
    }

    /// Returns the co-variables that its variables would form without the outputs, with their fingerprints; `None` if these are
    /// unknown.
    pub fn without_outputs(&self) -> Option<Vec<(Vec<Root>, Fingerprint)>> {
        let roots = &self.version.roots;
        if !roots.iter().any(is_output) {
            return self.is_whole.then(|| vec![(roots.clone(), self.seen)]);
        }
        Some(self.members.as_ref()?.groups.clone())
    }
}

impl LiveState {
    pub fn add(&mut self, known: LiveCoVariable) {
        let at = self.free.pop().unwrap_or(self.known.len());
        for root in &known.version.roots {
            self.by_root.insert(root.clone(), at);
            if known.withheld.is_some() {
                self.withheld.insert(root.clone());
            }
            if !is_watched(root) && root.kind != RootKind::Definition {
                self.unbound.insert(root.clone());
            }
        }
        match self.known.get_mut(at) {
            Some(place) => *place = Some(known),
            None => self.known.push(Some(known)),
        }
    }

    /// Removes the co-variable that contains `root`.
    fn take(&mut self, root: &Root) {
        let Some(at) = self.by_root.get(root).copied() else {
            return;
        };
        let gone = self.known[at].take();
        self.free.push(at);
        for root in gone.iter().flat_map(|known| &known.version.roots) {
            self.by_root.remove(root);
            self.withheld.remove(root);
            self.unbound.remove(root);
        }
    }

    /// Replaces all co-variables with one of the `looked` roots by `found`. Roots that are not recorded stay.
    pub fn replace(&mut self, looked: &BTreeSet<Root>, found: Self) {
        for root in looked {
            if !self.withheld.contains(root) {
                self.take(root);
            }
        }
        found.known.into_iter().flatten().for_each(|known| self.add(known));
    }

    /// Returns a copy with `known` in place of the co-variables that share a root with it.
    #[must_use]
    pub fn with(&self, known: LiveCoVariable) -> Self {
        let mut live = self.clone();
        known.version.roots.iter().for_each(|root| live.take(root));
        // It was not walked now.
        live.add(LiveCoVariable {
            subgraph: None,
            ..known
        });
        live
    }

    pub fn state(&self) -> State {
        State::of(self.iter().map(|known| Arc::clone(&known.version)))
    }

    /// Returns the co-variable with exactly these roots.
    pub fn of(&self, roots: &[Root]) -> Option<&LiveCoVariable> {
        self.holding(roots.first()?)
            .filter(|known| known.version.roots == roots)
    }

    /// Returns the co-variable that contains `root`.
    pub fn holding(&self, root: &Root) -> Option<&LiveCoVariable> {
        self.known[*self.by_root.get(root)?].as_ref()
    }

    /// Returns the live part of `root`, if its co-variable contains live objects.
    pub fn part(&self, root: &Root) -> Option<&LivePart> {
        self.holding(root)?.part(root)
    }

    pub fn iter(&self) -> impl Iterator<Item = &LiveCoVariable> {
        self.known.iter().flatten()
    }

    /// Returns all roots, in any order.
    pub fn roots(&self) -> impl Iterator<Item = &Root> {
        self.by_root.keys()
    }

    /// Returns the roots that are not recorded.
    pub fn withheld(&self) -> &BTreeSet<Root> {
        &self.withheld
    }

    /// Returns the roots that are neither names nor outputs, without classes: their rebinding is not reported.
    pub fn unbound(&self) -> &BTreeSet<Root> {
        &self.unbound
    }

    /// Returns whether this version is live: the same roots together, with the same value.
    pub fn holds(&self, version: &Version) -> bool {
        self.of(&version.roots)
            .is_some_and(|known| known.version.fingerprint == version.fingerprint)
    }

    /// Marks versions as not stored.
    pub fn forget(&mut self, is_forgotten: impl Fn(&Version) -> bool) {
        let known = self.known.iter_mut().flatten();
        known
            .filter(|known| is_forgotten(&known.version))
            .for_each(LiveCoVariable::forget);
    }

    /// Replaces fresh versions by equal versions of `state`.
    pub fn adopt(&mut self, state: &State, fresh: &[(Version, bool)]) {
        for known in self.known.iter_mut().flatten() {
            let is_fresh = fresh.iter().any(|(version, _)| *version == *known.version);
            let adopted = known.version.roots.first().and_then(|root| state.version(root));
            if is_fresh
                && state.holds(&known.version)
                && let Some(version) = adopted
            {
                known.version = Arc::new(version.clone());
            }
        }
    }
}

/// Returns whether the kernel reports when a root is rebound.
pub(super) fn is_watched(root: &Root) -> bool {
    matches!(root.kind, RootKind::Name | RootKind::Out)
}
