//! The diff: by fingerprint, nothing loaded. What differs becomes steps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cause::Cause;
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
    /// Run the cell that made it again.
    Replay {
        /// Why it can't be loaded, for people.
        why: String,
        /// Whether what the cell makes has a value that another process can hand over.
        apart: bool,
    },
    /// It can't be had.
    Lose {
        /// Why, for people.
        why: String,
    },
    /// The live object is kept out of the record, so nothing could bring it back: it stays.
    Leave {
        /// Why, for people.
        why: String,
    },
    /// The live object cannot be stored, and is the one that was bound: it stays bound, or is bound again.
    Stay {
        /// The root that is bound to it now.
        at: Root,
        /// What is known of its value.
        value: LiveObjectComparison,
    },
    /// It does not exist in the target state.
    Remove,
}

/// Whether the value of a live object that cannot be stored is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveObjectComparison {
    /// It is what it was.
    Same,
    /// As far as it can be compared it is what it was.
    Unverified,
    /// It is not what it was.
    Changed,
}

/// Whether the cell that made a version may be executed again, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RerunPermission {
    /// Nowhere: there is none, or it is a stranger's.
    Never,
    /// Only where the user allows it, which they did not: its cell can't be expected to do the same again unasked, for this reason.
    Refused(String),
    /// In a process that is locked in and can change nothing: for that nobody need be asked.
    Unasked,
    /// There, and where that can't be in the live session: the user allowed it.
    Allowed,
}

impl RerunPermission {
    /// Why something is lost, and what the user can type so that its cell may run. `apart` says whether what the cell
    /// makes can be handed over by another process, so that it could have run unasked.
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
    /// The roots it is about: those of the co-variable that the move is to touch.
    pub roots: Vec<Root>,
    /// What is done.
    pub kind: StepKind,
    /// The version to reach; `None` for removals.
    pub version: Option<Version>,
    /// Where its cell may run again, should what is stored of it turn out to be damaged.
    pub again: RerunPermission,
}

/// Which roots a move is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// Only these names, wherever they are; the others stay. A co-variable in part comes as a detached copy.
    Names(BTreeSet<Root>),
    /// All but these, which stay as they are.
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
    /// A manifest by its id; else why it is not at hand.
    fn manifest(&self, id: &ManifestId) -> Result<Arc<Manifest>, String>;

    /// The ticket under which this value is parked, untouched.
    fn ticket(&self, roots: &[Root], fingerprint: &Fingerprint) -> Option<u64>;

    /// Why the version may not be built here: its history is not trusted, its manifest is damaged.
    fn refusal(&self, version: &Version, manifest: &Manifest) -> Option<String>;

    /// Why the live root is kept out of the record, if it is.
    fn withheld(&self, root: &Root) -> Option<String> {
        let _ = root;
        None
    }

    /// Whether classes of the version live, and a library has registered them for good: they can't be built beside themselves.
    fn is_registered(&self, version: &Version) -> bool {
        let _ = version;
        false
    }

    /// Whether a live object is the one that `root` was bound to in `version`, though no store has it: how it stays bound.
    fn stays(&self, root: &Root, version: &Version) -> Option<StepKind> {
        let _ = (root, version);
        None
    }

    /// Where the cell that made the version may run again.
    fn again(&self, version: &Version) -> RerunPermission;
}

/// The steps from a live state to a target state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which they are performed: context first, then definitions, then values.
    pub steps: Vec<PlanStep>,
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

/// Plans the way from `live` to `target`. Roots that are kept out of the record are left alone, and what they would come
/// together with; they neither go nor come.
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

/// The steps to some roots of a version that is not live. What no store has, and is alive, stays: each root by itself.
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
        // What surrounds values stays as it is here.
        return if version.roots.iter().any(|root| root.kind.is_surrounding()) {
            StepKind::Leave { why }
        } else {
            StepKind::Lose { why }
        };
    }
    match &manifest.body {
        Body::Encoded(encoding) => StepKind::Load { bytes: encoding.bytes },
        // What had no value when it was recorded has none in another process either; what had no room has.
        Body::Recipe { why, .. } => run_again(why.clone(), Cause::is_over_budget(why), again),
        Body::None { why } => run_again(why.clone(), true, again),
        Body::Withheld { why } => StepKind::Lose {
            why: Cause::KeptOut { why }.into(),
        },
    }
}

impl PlanStep {
    /// Its cell does not run unasked, for the reason `cause`.
    pub fn hold_back(&mut self, cause: String) {
        self.again = RerunPermission::Refused(cause);
        if let StepKind::Replay { why, apart } = &self.kind {
            self.kind = run_again(why.clone(), *apart, &self.again);
        }
    }

    /// What becomes of a step whose value turns out not to be readable, for the reason `why`.
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
