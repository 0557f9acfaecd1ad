//! The diff of two states by fingerprint, without loading values. Differences become steps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cause::Cause;
use crate::format::{Body, Manifest, Version};
use crate::history::State;
use crate::id::{Fingerprint, ManifestId, Root};

/// The step for a co-variable of the target state, or for a live one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepKind {
    /// The live objects already have the recorded value.
    Keep,
    /// Build it from the store.
    Load {
        /// The number of plain bytes to read.
        bytes: u64,
    },
    /// Bind the objects that were set aside under this ticket.
    Unpark {
        /// The ticket.
        ticket: u64,
    },
    /// Rerun the cell that created it.
    Replay {
        /// Why it cannot be loaded, for people.
        why: String,
        /// Whether another process can return the value that the cell creates.
        apart: bool,
    },
    /// It cannot be restored.
    Lose {
        /// The reason, for people.
        why: String,
    },
    /// The live object is not recorded, so it could not be brought back: it stays.
    Leave {
        /// The reason, for people.
        why: String,
    },
    /// The live object cannot be stored, and is the recorded one: it stays bound, or is bound again.
    Stay {
        /// The root that is bound to it now.
        at: Root,
        /// The result of the comparison of its value.
        value: LiveObjectComparison,
    },
    /// It does not exist in the target state.
    Remove,
}

/// Whether the value of a live object that cannot be stored is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveObjectComparison {
    /// It is unchanged.
    Same,
    /// It is unchanged as far as it can be compared.
    Unverified,
    /// It has changed.
    Changed,
}

/// Whether the cell that created a version may be rerun, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RerunPermission {
    /// Nowhere: there is no cell, or it is untrusted.
    Never,
    /// Only with the user's permission, which was not given. Its cell cannot be expected to give the same value, for this reason.
    Refused(String),
    /// In a sandbox process, which needs no permission.
    Unasked,
    /// In a sandbox process, or in the live session if that is not possible: the user allowed it.
    Allowed,
}

impl RerunPermission {
    /// Returns why a root is lost, with the option that allows its cell to run. `apart` is whether another process could return
    /// the value, so that it could have been rerun without permission.
    pub fn reason(&self, why: &str, apart: bool) -> String {
        match self {
            Self::Refused(cause) if apart => Cause::ReplayMay.behind(&format!("{why}; {cause}")),
            Self::Refused(_) | Self::Unasked => Cause::ReplayMay.behind(why),
            Self::Never | Self::Allowed => why.to_owned(),
        }
    }
}

/// One step of a plan, for all roots of one co-variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanStep {
    /// The roots of the step: those of the co-variable that the restore covers.
    pub roots: Vec<Root>,
    /// The kind of the step.
    pub kind: StepKind,
    /// The version to restore; `None` for removals.
    pub version: Option<Version>,
    /// Where its cell may be rerun if its stored value turns out to be corrupted.
    pub again: RerunPermission,
}

/// The roots that a restore covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All roots.
    All,
    /// Only these names, in any co-variable; the others stay. Parts of a co-variable are restored as a detached copy.
    Names(BTreeSet<Root>),
    /// All roots except these, which stay as they are.
    Except(BTreeSet<Root>),
}

impl Scope {
    fn holds(&self, root: &Root) -> bool {
        match self {
            Self::All => true,
            Self::Names(names) => names.contains(root),
            Self::Except(names) => !names.contains(root),
        }
    }
}

/// The recorded values that a plan can use besides live objects.
pub trait AvailableValues {
    /// Returns a manifest by its id; otherwise the reason why it is not available.
    fn manifest(&self, id: &ManifestId) -> Result<Arc<Manifest>, String>;

    /// Returns the ticket under which this value is set aside, if it is unchanged.
    fn ticket(&self, roots: &[Root], fingerprint: &Fingerprint) -> Option<u64>;

    /// Returns why the version may not be built here: its history is untrusted, or its manifest is corrupted.
    fn refusal(&self, version: &Version, manifest: &Manifest) -> Option<String>;

    /// Returns why the live root is not recorded, if that is so.
    fn withheld(&self, root: &Root) -> Option<String> {
        let _ = root;
        None
    }

    /// Returns whether the version contains live classes that a library has registered permanently. They cannot be built a second
    /// time.
    fn is_registered(&self, version: &Version) -> bool {
        let _ = version;
        false
    }

    /// Returns how `root` stays bound to a live object that cannot be stored, if it is the one to which it was bound in `version`.
    fn stays(&self, root: &Root, version: &Version) -> Option<StepKind> {
        let _ = (root, version);
        None
    }

    /// Returns where the cell that created the version may be rerun.
    fn again(&self, version: &Version) -> RerunPermission;
}

/// The steps from a live state to a target state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The steps in the order in which they are performed: state that affects imports first, then definitions, then values.
    pub steps: Vec<PlanStep>,
}

impl Plan {
    /// Returns the number of bytes to read from the store.
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

/// Returns the plan from `live` to `target`. Roots that are not recorded keep their live values, and so do roots that would share
/// objects with them; they are neither removed nor restored.
pub fn plan(live: &State, target: &State, scope: &Scope, held: &impl AvailableValues) -> Plan {
    let mut steps = Vec::new();
    let mut covered: BTreeSet<&Root> = BTreeSet::new();
    for version in target.versions() {
        let roots: Vec<Root> = version.roots.iter().filter(|root| scope.holds(root)).cloned().collect();
        if roots.is_empty() {
            continue;
        }
        covered.extend(version.roots.iter().filter(|root| scope.holds(root)));
        if live.holds(version) {
            steps.push(step(version, roots, StepKind::Keep, RerunPermission::Never));
        } else if let Some(kept_out) = version.roots.iter().find(|root| held.withheld(root).is_some()) {
            let with = || {
                String::from(Cause::LeftWith {
                    name: &kept_out.to_string(),
                })
            };
            let leave = |root: Root| {
                let why = held.withheld(&root).unwrap_or_else(with);
                step(version, vec![root], StepKind::Leave { why }, RerunPermission::Never)
            };
            steps.extend(roots.into_iter().map(leave));
        } else {
            steps.extend(ways_to(version, roots, held));
        }
    }
    let mut removed: BTreeMap<&Root, (StepKind, Vec<Root>)> = BTreeMap::new();
    for version in live.versions() {
        let gone: Vec<Root> = version
            .roots
            .iter()
            .filter(|root| scope.holds(root) && !covered.contains(root))
            .cloned()
            .collect();
        if let (Some(first), false) = (version.roots.first(), gone.is_empty()) {
            let withheld = gone.iter().find_map(|root| held.withheld(root));
            let kind = withheld.map_or(StepKind::Remove, |why| StepKind::Leave { why });
            removed.insert(first, (kind, gone));
        }
    }
    steps.extend(removed.into_values().map(|(kind, roots)| PlanStep {
        roots,
        kind,
        version: None,
        again: RerunPermission::Never,
    }));
    steps.sort_by_key(|step| step.roots.iter().map(|root| root.kind.rank()).min());
    Plan { steps }
}

fn step(version: &Version, roots: Vec<Root>, kind: StepKind, again: RerunPermission) -> PlanStep {
    PlanStep {
        roots,
        kind,
        version: Some(version.clone()),
        again,
    }
}

/// Returns the steps for some roots of a version that is not live. Live objects that cannot be stored stay bound, each root in a
/// step of its own.
fn ways_to(version: &Version, mut roots: Vec<Root>, held: &impl AvailableValues) -> Vec<PlanStep> {
    let again = held.again(version);
    let kind = way_to(version, held, &again);
    let kind = match kind {
        StepKind::Load { .. } if held.is_registered(version) => run_again(Cause::Registered.into(), false, &again),
        kind => kind,
    };
    let stays = |root: &Root| Some((root.clone(), held.stays(root, version)?));
    let mut staying: Vec<(Root, StepKind)> = match kind {
        StepKind::Replay { .. } | StepKind::Lose { .. } => roots.iter().filter_map(stays).collect(),
        _ => Vec::new(),
    };
    roots.retain(|root| !staying.iter().any(|(other, _)| other == root));
    let staying = staying.drain(..);
    let mut steps: Vec<PlanStep> = staying
        .map(|(root, kind)| step(version, vec![root], kind, RerunPermission::Never))
        .collect();
    if !roots.is_empty() {
        steps.push(step(version, roots, kind, again));
    }
    steps
}

fn way_to(version: &Version, held: &impl AvailableValues, again: &RerunPermission) -> StepKind {
    if let Some(ticket) = held.ticket(&version.roots, &version.fingerprint) {
        return StepKind::Unpark { ticket };
    }
    let manifest = match held.manifest(&version.manifest) {
        Ok(manifest) => manifest,
        Err(why) => return run_again(why, true, again),
    };
    if let Some(why) = held.refusal(version, &manifest) {
        // State that affects code keeps its current value.
        return if version.roots.iter().any(|root| root.kind.is_surrounding()) {
            StepKind::Leave { why }
        } else {
            StepKind::Lose { why }
        };
    }
    match &manifest.body {
        Body::Encoded(encoding) => StepKind::Load { bytes: encoding.bytes },
        // A value that could not be recorded cannot be returned by another process either. One that exceeded the budget can.
        Body::Recipe { why, .. } => run_again(why.clone(), Cause::is_over_budget(why), again),
        Body::None { why } => run_again(why.clone(), true, again),
        Body::Withheld { why } => StepKind::Lose {
            why: Cause::KeptOut { why }.into(),
        },
    }
}

impl PlanStep {
    /// Refuses to rerun its cell automatically, for the reason `cause`.
    pub fn hold_back(&mut self, cause: String) {
        self.again = RerunPermission::Refused(cause);
        if let StepKind::Replay { why, apart } = &self.kind {
            self.kind = run_again(why.clone(), *apart, &self.again);
        }
    }

    /// Changes the step because its value cannot be read, for the reason `why`.
    pub fn unreadable(&mut self, why: String) {
        self.kind = run_again(why, true, &self.again);
    }
}

fn run_again(why: String, apart: bool, again: &RerunPermission) -> StepKind {
    match again {
        RerunPermission::Allowed => StepKind::Replay { why, apart },
        RerunPermission::Unasked if apart => StepKind::Replay { why, apart },
        RerunPermission::Never | RerunPermission::Unasked | RerunPermission::Refused(_) => StepKind::Lose {
            why: again.reason(&why, apart),
        },
    }
}
