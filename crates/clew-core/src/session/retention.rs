//! The retention rules: which values of a history are kept, and which of the others their cells could recreate.
//!
//! Runs are kept by age, by count and by name, and a value is kept if the state of a kept run contains it. The positions of
//! branches, tags and kernels are always kept. Without a rule, everything is kept. If a history is corrupted, nothing is removed
//! from it: the unreadable part may contain a name that keeps a value.

use rustc_hash::{FxHashMap, FxHashSet};

use super::checkout::{caution, has_cell, has_whole_cell};
use crate::format::{Outline, Run, Timestamp, Version};
use crate::history::History;
use crate::id::{HistoryId, ManifestId, Root, RootKind, RunId};
use crate::restore::may_read;
use crate::store::{HistoryRetention, LoadedHistory, RecreatableValue};

/// The user's retention rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetentionRules {
    /// Keep runs that began at most this number of days before the newest one of their history. `None` means no rule by age.
    pub days: Option<u64>,
    /// Keep this number of newest runs of each history. `None` means no rule by count.
    pub runs: Option<u64>,
    /// Whether the store may exceed its limit, so that recreatable values are needed.
    pub has_limit: bool,
}

const DAY: i64 = 86_400_000_000_000;
/// The maximum duration of a cell that is cheap to rerun, in nanoseconds.
const SHORT: u64 = 10_000_000_000;

/// Returns the values of a history that the rules do not keep. `now` is the time of the gc. `is_live` is whether a kernel may be
/// recording in the history. Such a kernel continues with its live values, so the last run of every session is kept then.
/// Otherwise it is kept only if no other session continued from it.
pub fn spared(
    id: HistoryId,
    loaded: &LoadedHistory,
    rules: &RetentionRules,
    is_live: bool,
    now: Timestamp,
) -> HistoryRetention {
    let history = History::of(loaded);
    let seen = loaded.sessions.iter();
    let mut spared = HistoryRetention {
        history: id,
        seen: seen
            .map(|(session, content)| {
                (
                    *session,
                    content.operations.last().map_or(0, |last| last.operation.number + 1),
                )
            })
            .collect(),
        values: Vec::new(),
        cheap: Vec::new(),
    };
    let fixed = fixed_runs(&history, is_live, now);
    let by_rules = ruled_runs(&history, rules, now);
    let is_whole = |run: &RunId| history.missing_ancestor(*run).is_none();
    if !loaded.damage.is_empty() || !fixed.iter().chain(by_rules.iter().flatten()).all(is_whole) {
        return spared;
    }
    let mut kept = needed(&history, &fixed);
    if let Some(ruled) = &by_rules {
        kept.extend(needed(&history, ruled));
        spared.values = others(&history, &kept);
    }
    if rules.has_limit {
        let gone: FxHashSet<ManifestId> = spared.values.iter().copied().collect();
        spared.cheap = cheap(&history, &|value| kept.contains(value) || gone.contains(value));
    }
    spared
}

/// Returns runs that every rule keeps: the positions of branches and tags, and the last positions of kernels.
fn fixed_runs(history: &History, is_live: bool, now: Timestamp) -> Vec<RunId> {
    let ends = history.ends();
    let passed = history.passed(&ends);
    let positions = ends.into_values();
    let positions = positions.filter(|run| is_live || !passed.contains(run));
    let latest = history.latest_position(None, now).map(|at| at.run);
    positions
        .chain(latest)
        .chain(history.names().all().map(|(_, run)| *run))
        .collect()
}

/// Returns the runs that are kept by age or count; `None` if there is no such rule.
fn ruled_runs(history: &History, rules: &RetentionRules, now: Timestamp) -> Option<Vec<RunId>> {
    if rules.days.is_none() && rules.runs.is_none() {
        return None;
    }
    // A clock that jumped ahead, during the gc or a run, must not make everything old.
    let started: Vec<Timestamp> = history.outlines().map(|(_, outline)| outline.started).collect();
    let newest = started.iter().copied().filter(|started| *started <= now).max();
    let age = rules
        .days
        .map(|days| i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(DAY));
    let since = age
        .zip(newest.or_else(|| started.iter().copied().min()))
        .map(|(age, newest)| newest.saturating_sub(age));
    let count = usize::try_from(rules.runs.unwrap_or(0)).unwrap_or(usize::MAX);
    let of_count = history.len().saturating_sub(count);
    let runs = history.outlines().enumerate();
    // Numbers increase independently of clocks: a run after a recent one is more recent.
    let is_young = |started: Timestamp| since.is_some_and(|since| started >= since);
    let first_young = started.iter().position(|started| is_young(*started) && *started <= now);
    let is_kept = |(place, (_, outline)): &(usize, (RunId, &Outline))| {
        *place >= of_count || is_young(outline.started) || first_young.is_some_and(|first| *place >= first)
    };
    Some(runs.filter(is_kept).map(|(_, (id, _))| id).collect())
}

/// Returns every value in the states of these runs.
fn needed(history: &History, runs: &[RunId]) -> FxHashSet<ManifestId> {
    let mut needed = FxHashSet::default();
    for run in runs {
        needed.extend(history.state(*run).versions().map(|version| version.manifest));
    }
    needed
}

/// Returns recorded values that are not among these, oldest first.
fn others(history: &History, kept: &FxHashSet<ManifestId>) -> Vec<ManifestId> {
    let of_runs = history
        .runs()
        .flat_map(|(_, run)| run.versions())
        .map(|version| version.manifest);
    let of_operations = history
        .operations()
        .iter()
        .flat_map(|(_, operation)| operation.manifests.iter().copied());
    let mut met = FxHashSet::default();
    of_runs
        .chain(of_operations)
        .filter(|value| !kept.contains(value) && !history.forgotten().contains_key(value) && met.insert(*value))
        .collect()
}

/// Returns values that their cells could recreate cheaply and, as far as known, without other effects, oldest first. If several
/// runs created a value independently, any of them must be able to recreate it.
fn cheap(history: &History, is_fixed: &dyn Fn(&ManifestId) -> bool) -> Vec<RecreatableValue> {
    let mut found: Vec<RecreatableValue> = Vec::new();
    let mut places: FxHashMap<ManifestId, usize> = FxHashMap::default();
    let mut barred = FxHashSet::default();
    for (id, run) in history.runs() {
        let is_pure = is_pure(run);
        let may_go =
            |version: &&Version| is_pure && !is_fixed(&version.manifest) && is_made_again(history, *id, version);
        let (going, staying): (Vec<&Version>, Vec<&Version>) = run.changed.iter().partition(may_go);
        barred.extend(staying.iter().map(|version| version.manifest));
        if going.is_empty() {
            continue;
        }
        let before = run.parent.map(|parent| history.state(parent)).unwrap_or_default();
        let read = before.versions().filter(|version| may_read(run, version));
        let needs: Vec<ManifestId> = read.map(|version| version.manifest).collect();
        for version in going {
            let place = *places.entry(version.manifest).or_insert(found.len());
            if place == found.len() {
                found.push(RecreatableValue {
                    value: version.manifest,
                    needs: Vec::new(),
                });
            }
            found[place].needs.extend(&needs);
        }
    }
    found.retain(|cheap| !barred.contains(&cheap.value) && !cheap.needs.contains(&cheap.value));
    found
}

/// Returns whether a cell was short and, as far as known, neither changed nor depended on anything but variables.
fn is_pure(run: &Run) -> bool {
    let evidence = &run.evidence;
    run.duration <= SHORT
        && !evidence.touched_all
        && evidence.files_read.is_empty()
        && evidence.files_written.is_empty()
        && evidence.environment.is_empty()
        && evidence.patched.is_empty()
        && evidence
            .random
            .keys()
            .all(|generator| evidence.seeded.contains(generator))
}

fn is_made_again(history: &History, run: RunId, version: &Version) -> bool {
    let is_variable = |root: &Root| matches!(root.kind, RootKind::Name | RootKind::Out);
    version.roots.iter().all(is_variable)
        && !history.forgotten().contains_key(&version.manifest)
        && has_cell(history, run, version)
        && has_whole_cell(history, run, version)
        && caution(history, run, version).is_none()
}
