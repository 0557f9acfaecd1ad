//! Versions that a run rebound without changing them. A run records only differences, so reusing the run in another state needs
//! these, too: `x = 1` changes nothing if `x` is 1, but it does if `x` is 2.

use std::borrow::Cow;

use crate::format::{Run, Version};
use crate::history::History;
use crate::id::{Root, RootKind, RunId};

/// Returns versions that a run certainly rebound, and that are the same as before it. Each is alone in its co-variable, so that
/// it has the same meaning in any other state.
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

/// Returns a run as a replacement for executing its cell: without random generators that imports created and that it did not draw
/// from. Each process has its own state of those, so no recorded state determines what a later draw returns.
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

/// Returns roots that a run may have rebound or removed, and that are not among its recorded changes.
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
