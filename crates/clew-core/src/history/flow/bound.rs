//! What a run bound anew and left as it was. Its record has only what came out otherwise, so whoever takes the run for its cell elsewhere has to know
//! the rest: `x = 1` where `x` is 1 changes nothing, and where `x` is 2 it does.

use std::borrow::Cow;

use crate::format::{Run, Version};
use crate::history::History;
use crate::id::{Root, RootKind, RunId};

/// Versions that a run certainly bound anew and that are as they were before it; each is alone in its co-variable, so that it means the
/// same beside anything else.
pub(crate) fn bound_again(history: &History, id: &RunId) -> Vec<Version> {
    let Some((run, parent)) = history.run(id).and_then(|run| Some((run, run.parent?))) else {
        return Vec::new();
    };
    let before = history.state(parent);
    let certain = run.evidence.binds.iter().map(Root::name).chain(seeded(run));
    let found = certain
        .filter(|root| !is_changed(run, root))
        .filter_map(|root| before.version(&root));
    found.filter(|version| version.roots.len() == 1).cloned().collect()
}

/// A run as it stands for running its cell again: without the generators that came with an import. Each process has those in a state of its
/// own, so whoever draws from one has nothing on record that would decide what comes of it.
pub(crate) fn as_reused(run: &Run) -> Cow<'_, Run> {
    if run.evidence.undrawn.is_empty() {
        return Cow::Borrowed(run);
    }
    let mut run = run.clone();
    let is_undrawn = |version: &Version| version.roots.iter().all(|root| run.evidence.is_undrawn(root));
    run.changed = run
        .changed
        .iter()
        .filter(|version| !is_undrawn(version))
        .cloned()
        .collect();
    Cow::Owned(run)
}

/// Roots that a run may have bound or taken away, and that its record says nothing of.
pub(super) fn written_again(run: &Run) -> Vec<Root> {
    let all = run.evidence.writes.iter().map(Root::name).chain(seeded(run));
    all.filter(|root| !is_changed(run, root)).collect()
}

fn seeded(run: &Run) -> impl Iterator<Item = Root> {
    let seeded = run.evidence.seeded.iter();
    seeded.map(|generator| Root::new(RootKind::Random, generator.clone()))
}

fn is_changed(run: &Run, root: &Root) -> bool {
    run.removed.contains(root) || run.changed.iter().any(|version| version.roots.contains(root))
}
