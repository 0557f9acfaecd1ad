//! Checks the result of a restore: values, aliasing, identity, and whether every reported outcome is true.

use std::collections::{BTreeMap, BTreeSet};

use clew_core::format::{CheckedRoots, Version};
use clew_core::history::{History, State};
use clew_core::id::{Root, RootKind, RunId};
use clew_core::plan::{Outcome, OutcomeKind, Report};
use clew_core::session::Session;

use crate::toy::{Ref, SECRET, ToyKernel, Value, World};
use crate::{same, visibly_same};

/// The live state before a restore.
pub(super) struct Before {
    pub world: World,
    /// The object to which each root was bound.
    pub serials: BTreeMap<Root, u64>,
    /// Objects that were set aside.
    pub parked: BTreeSet<u64>,
    pub tickets: Vec<u64>,
}

/// Checks that a stopped restore changed nothing (promise P4).
pub(super) fn judge_stopped(kernel: &ToyKernel, before: &Before) -> Result<(), String> {
    same(&kernel.world, &before.world, None).map_err(|what| format!("a stopped move left traces: {what}"))?;
    if kernel.world.serials() != before.serials {
        return Err("a stopped move bound other objects".to_owned());
    }
    if kernel.staged() != 0 || kernel.tickets() != before.tickets {
        return Err("a stopped move left something staged or parked".to_owned());
    }
    Ok(())
}

/// Checks a restore of a whole state. Returns whether everything is exactly as in `expected`.
pub(super) fn judge(
    kernel: &ToyKernel,
    session: &Session,
    report: &Report,
    before: &Before,
    expected: &World,
    is_torn: bool,
    secret: Option<(Option<u64>, Option<u64>)>,
) -> Result<bool, String> {
    let mut words = by_root(report)?;
    let word = words.remove(&Root::name(SECRET)).map(|outcome| outcome.kind);
    if let Some((then, now)) = secret {
        judge_secret(then, now, word)?;
    }
    let is_secret_exact = !matches!(word, Some(OutcomeKind::Lost | OutcomeKind::NotIdentical));
    let all: BTreeSet<&Root> = before.serials.keys().chain(expected.bound.keys()).collect();
    if let Some(missing) = all.iter().find(|root| !words.contains_key(**root)) {
        return Err(format!("nothing is said about {missing}"));
    }
    let tainted = tainted(&words);
    let target = session
        .history()
        .runs()
        .find(|(_, run)| run.label() == report.to)
        .map(|(id, _)| *id);
    let target = target.ok_or("the target is no run")?;
    let state = session.history().state(target);
    let in_part = seen_in_part(session.history(), target);
    let mut good: BTreeSet<Root> = BTreeSet::new();
    // Live objects that a cell recreated. The report states that they cannot be compared.
    let mut anew: BTreeSet<Root> = BTreeSet::new();
    for (root, outcome) in words.iter().filter(|(root, _)| root.kind != RootKind::Definition) {
        let together = state
            .version(root)
            .map_or_else(|| vec![(*root).clone()], |version| version.roots.clone());
        let said = (*outcome, is_torn || in_part.contains(root));
        judge_word(kernel, before, expected, said, &together, &tainted).map_err(|what| format!("{root}: {what}"))?;
        let reached = reachable(expected, std::slice::from_ref(*root));
        let is_tainted = reached.iter().any(|object| is_class_of(expected, *object, &tainted));
        if matches!(
            outcome.kind,
            OutcomeKind::Unchanged | OutcomeKind::Restored | OutcomeKind::Rerun
        ) && !outcome.unverified
            && !is_tainted
        {
            good.insert((*root).clone());
            if outcome.kind == OutcomeKind::Rerun && outcome.why.is_some() {
                anew.insert((*root).clone());
            }
        }
    }
    compare(kernel, expected, &good, &anew)?;
    untouched(before, expected, &words, &state, &in_part)?;
    let exact = !words
        .values()
        .any(|outcome| matches!(outcome.kind, OutcomeKind::Lost | OutcomeKind::NotIdentical));
    let inexact = !(exact && is_secret_exact);
    let is_certain = words
        .values()
        .all(|outcome| !outcome.unverified && outcome.kind != OutcomeKind::Rerun);
    if !inexact && is_certain && report.at != report.to {
        let there = session.live_state();
        let odd: Vec<&Root> = there
            .roots()
            .filter(|root| there.version(root) != state.version(root))
            .collect();
        let gone: Vec<&Root> = state.roots().filter(|root| there.version(root).is_none()).collect();
        return Err(format!(
            "all is exact, and yet the session is at {}: {odd:?} differ, {gone:?} are gone: {words:?}",
            report.at
        ));
    }
    if inexact && report.at == report.to {
        return Err("something is lost, and yet the session is at the target".to_owned());
    }
    // The contents of a recreated live object are only known from the object itself.
    Ok(exact && in_part.is_empty() && anew.is_empty() && good.len() == expected.bound.len())
}

/// Checks that names are bound to their live objects again, if these objects were bound to some name before the restore.
pub(super) fn judge_live(kernel: &ToyKernel, before: &Before, handles: &BTreeMap<Root, u64>) -> Result<(), String> {
    let now = kernel.world.serials();
    let unbound = handles
        .iter()
        .find(|(root, serial)| is_bound(before, **serial) && now.get(*root) != Some(serial));
    match unbound {
        Some((root, _)) => Err(format!(
            "{root} was bound to an object that lives, and is not bound to it"
        )),
        None => Ok(()),
    }
}

fn is_bound(before: &Before, serial: u64) -> bool {
    before.serials.values().any(|bound| *bound == serial)
}

/// Checks the reported outcome of the excluded name, given its value in the target state and its value now. Restores do not change it.
fn judge_secret(then: Option<u64>, now: Option<u64>, word: Option<OutcomeKind>) -> Result<(), String> {
    let is_true = match (then, now, word) {
        (None, None, None) | (Some(_), None, Some(OutcomeKind::Lost)) => true,
        (Some(then), Some(now), Some(OutcomeKind::Unchanged)) => then == now,
        // It may have had another value in between: marks cannot show that the same value was bound again.
        (_, Some(_), Some(OutcomeKind::NotIdentical)) => true,
        _ => false,
    };
    if is_true {
        return Ok(());
    }
    Err(format!("the secret was {then:?} and is {now:?}, and {word:?} is said"))
}

/// Checks a restore of some names: bound names must have the expected values, the outcomes must be true, and all other names must be
/// unchanged.
pub(super) fn judge_restored(
    kernel: &ToyKernel,
    report: &Report,
    before: &Before,
    expected: &World,
) -> Result<(), String> {
    let words = by_root(report)?;
    let tainted = tainted(&words);
    for (root, serial) in &before.serials {
        if !words.contains_key(root) && kernel.world.serial(root) != Some(*serial) {
            return Err(format!("{root} was not asked for and is another object now"));
        }
    }
    // Unverified values need not exist. A weak reference to one is then dead in the reference model only.
    let is_unsure = words.values().any(|outcome| outcome.unverified);
    let fits = |root: &&Root| {
        let said = words
            .get(*root)
            .is_none_or(|outcome| !outcome.unverified && outcome.kind != OutcomeKind::NotIdentical);
        let reached = reachable(expected, std::slice::from_ref(*root));
        let detached = words.get(*root).is_some_and(|outcome| outcome.why.is_some());
        let weak = reached
            .iter()
            .any(|object| matches!(expected.heap.value(*object), Value::Weak(_)));
        let doubtful = detached || is_unsure || reaches_unbound(&kernel.world, root);
        said && !(doubtful && weak) && !reached.iter().any(|object| is_class_of(expected, *object, &tainted))
    };
    let good: BTreeSet<Root> = expected.bound.keys().filter(fits).cloned().collect();
    compare(kernel, expected, &good, &BTreeSet::new())
}

/// Returns the roots that a run checked, if the check was not complete. Sharing with other roots is unknown then. So these roots may be
/// restored or lost although a complete check would have allowed a better outcome.
fn seen_in_part(history: &History, target: RunId) -> Vec<Root> {
    match history.run(&target).map(|run| &run.looked) {
        Some(CheckedRoots::Only(roots)) if !history.is_checked(&target) => roots.clone(),
        _ => Vec::new(),
    }
}

fn by_root(report: &Report) -> Result<BTreeMap<&Root, &Outcome>, String> {
    let words: BTreeMap<&Root, &Outcome> = report.outcomes.iter().map(|outcome| (&outcome.root, outcome)).collect();
    if words.len() < report.outcomes.len() {
        return Err("something is said twice about a root".to_owned());
    }
    Ok(words)
}

fn compare(kernel: &ToyKernel, expected: &World, good: &BTreeSet<Root>, anew: &BTreeSet<Root>) -> Result<(), String> {
    let compared: BTreeSet<Root> = good.difference(anew).cloned().collect();
    let result = same(&kernel.world, expected, Some(&compared));
    let result = result.and_then(|()| visibly_same(&kernel.world, expected, Some(good)));
    result.map_err(|what| format!("wrong value: {what}"))
}

/// Returns the ids of classes that were not restored exactly.
fn tainted(words: &BTreeMap<&Root, &Outcome>) -> BTreeSet<String> {
    let lost = words.values().filter(|outcome| {
        let is_inexact = matches!(outcome.kind, OutcomeKind::Lost | OutcomeKind::NotIdentical) || outcome.unverified;
        outcome.root.kind == RootKind::Definition && is_inexact
    });
    lost.map(|outcome| outcome.root.key.clone()).collect()
}

fn is_class_of(world: &World, object: Ref, ids: &BTreeSet<String>) -> bool {
    matches!(world.heap.value(object), Value::Class { id, .. } if ids.contains(id))
}

/// Checks whether the outcome of one root is true.
fn judge_word(
    kernel: &ToyKernel,
    before: &Before,
    expected: &World,
    (outcome, is_excused): (&Outcome, bool),
    together: &[Root],
    tainted: &BTreeSet<String>,
) -> Result<(), String> {
    let root = &outcome.root;
    let now = kernel.world.serial(root);
    let belongs = expected.bound.contains_key(root) || outcome.unverified;
    let is_true = match outcome.kind {
        // A live object may have been bound to another name in between.
        OutcomeKind::Unchanged => {
            now.is_some_and(|now| is_bound(before, now) || before.parked.contains(&now)) && belongs
        }
        OutcomeKind::Restored | OutcomeKind::Rerun | OutcomeKind::NotIdentical => now.is_some() && belongs,
        OutcomeKind::Removed => now.is_none() && (!expected.bound.contains_key(root) || outcome.unverified),
        OutcomeKind::Lost => now.is_none() && belongs,
    };
    if !is_true {
        return Err(format!("{} is not true", outcome.kind.text()));
    }
    if matches!(outcome.kind, OutcomeKind::Lost | OutcomeKind::NotIdentical) {
        let why = outcome.why.as_deref().unwrap_or_default();
        let reached = reachable(expected, together);
        let excused = why.contains("its maker raised")
            || is_excused
            || outcome.unverified
            || reached
                .iter()
                .any(|object| is_excuse(expected, *object) || is_class_of(expected, *object, tainted));
        if why.is_empty() || !excused {
            return Err(format!("{} without need: {why}", outcome.kind.text()));
        }
    }
    Ok(())
}

fn is_excuse(world: &World, object: Ref) -> bool {
    matches!(
        world.heap.value(object),
        Value::Handle { .. } | Value::Raising | Value::Unbuildable(_)
    )
}

/// Checks that roots with the same co-variable before and after are reported as unchanged, with the same objects.
fn untouched(
    before: &Before,
    expected: &World,
    words: &BTreeMap<&Root, &Outcome>,
    state: &State,
    in_part: &[Root],
) -> Result<(), String> {
    let is_recorded = |version: &&Version| !version.roots.contains(&Root::name(SECRET));
    for version in state.versions().filter(is_recorded) {
        let roots: BTreeSet<Root> = version
            .roots
            .iter()
            .filter(|root| root.kind != RootKind::Definition)
            .cloned()
            .collect();
        let was_joined = same(&before.world, expected, Some(&roots)).is_ok();
        let alone = is_closed(&before.world, &roots) && is_closed(expected, &roots);
        let pattern = |world: &World| -> Vec<bool> {
            let objects: Vec<Ref> = roots.iter().filter_map(|root| world.bound.get(root).copied()).collect();
            objects
                .iter()
                .flat_map(|one| objects.iter().map(move |other| one == other))
                .collect()
        };
        let alone = alone && pattern(&before.world) == pattern(expected);
        if roots.is_empty() || roots.len() < version.roots.len() || !was_joined || !alone {
            continue;
        }
        let hostile = reachable(expected, &version.roots)
            .iter()
            .any(|object| is_excuse(expected, *object));
        for root in &roots {
            let outcome = words[root];
            let is_excused = hostile || outcome.unverified || in_part.contains(root);
            if outcome.kind != OutcomeKind::Unchanged && !is_excused {
                return Err(format!("{root} did not change and is {}", outcome.kind.text()));
            }
        }
    }
    Ok(())
}

/// Whether no other root reaches objects that these roots reach, and these roots reach no memory.
fn is_closed(world: &World, roots: &BTreeSet<Root>) -> bool {
    let chosen: Vec<Root> = roots.iter().cloned().collect();
    let others: Vec<Root> = world
        .bound
        .keys()
        .filter(|root| !roots.contains(*root))
        .cloned()
        .collect();
    let (inside, outside) = (reachable(world, &chosen), reachable(world, &others));
    let has_memory = |object: &Ref| world.heap.value(*object).region().is_some();
    let is_class = |object: &Ref| matches!(world.heap.value(*object), Value::Class { .. });
    !inside
        .iter()
        .any(|object| outside.contains(object) || has_memory(object) || is_class(object))
}

/// Whether a root reaches, through a weak reference, an object that no root keeps alive. Only objects that are set aside and threads keep
/// such objects alive, and the reference model does not know these.
fn reaches_unbound(world: &World, root: &Root) -> bool {
    let kept = world.heap.reachable(world.bound.values().copied());
    !reachable(world, std::slice::from_ref(root)).is_subset(&kept)
}

fn reachable(world: &World, roots: &[Root]) -> BTreeSet<Ref> {
    let object = |root: &Root| match root.kind {
        RootKind::Definition => world.heap.class(&root.key),
        _ => world.bound.get(root).copied(),
    };
    let mut open: Vec<Ref> = roots.iter().filter_map(object).collect();
    let mut reached = BTreeSet::new();
    while let Some(object) = open.pop() {
        if reached.insert(object) {
            let value = world.heap.value(object);
            open.extend(value.children());
            if let Value::Weak(Some(target)) = value {
                open.push(*target);
            }
        }
    }
    reached
}
