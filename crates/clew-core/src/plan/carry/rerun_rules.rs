//! Which runs may be replayed at another place, as far as what was seen of them tells.

use rustc_hash::FxHashSet;

use super::Target;
use crate::format::{Action, Ending, Run, RunKind};
use crate::history::History;
use crate::history::flow::{Patches, is_unwatched};
use crate::id::RunId;
use crate::plan::cut::ReplayProhibition;

/// Whether a run may not be replayed, for the first reason that is found.
pub(super) fn forbidden(
    history: &History,
    target: &dyn Target,
    id: RunId,
    run: &Run,
    is_differing: bool,
) -> Result<(), ReplayProhibition> {
    let evidence = &run.evidence;
    let reasons = [
        (run.kind != RunKind::Cell, ReplayProhibition::NoCell),
        (
            run.source.is_none() || !evidence.masked.is_empty(),
            ReplayProhibition::NoSource,
        ),
        (run.ending != Ending::Done, ReplayProhibition::Unfinished),
        (!history.is_own(&id), ReplayProhibition::Foreign),
        (!evidence.sockets.is_empty(), ReplayProhibition::UsedNetwork),
        (!evidence.processes.is_empty(), ReplayProhibition::StartedPrograms),
        (is_differing, ReplayProhibition::Differs),
        // Another thread that ran beside it is said in the same way: what came of that, no replay brings back.
        (
            evidence.reads_all() || is_unwatched(evidence),
            ReplayProhibition::ReadsUnknown,
        ),
    ];
    if let Some((_, why)) = reasons.into_iter().find(|(holds, _)| *holds) {
        return Err(why);
    }
    if let Some(file) = evidence.files_written.first() {
        let path = file.path.clone();
        return Err(ReplayProhibition::WroteFile { path });
    }
    if let Some(what) = evidence.patched.first() {
        let what = Patches::name_of(what).to_owned();
        return Err(ReplayProhibition::Patched { what });
    }
    // What it needs of the environment there is told by other means: packages, and the fingerprint of what it makes.
    let mut inputs = evidence.files_read.iter().filter(|file| !file.is_of_environment());
    match inputs.find(|file| !target.has_file(file)) {
        Some(file) => Err(ReplayProhibition::MissingFile {
            path: file.path.clone(),
        }),
        None => Ok(()),
    }
}

/// Runs of which something else came in a move: whose version in the state that was asked for is not what was there afterwards.
///
/// A move that brings names from elsewhere leaves another state on purpose, and tells nothing.
pub(super) fn differing(history: &History) -> FxHashSet<RunId> {
    let moves = history.operations().iter().map(|(_, operation)| operation);
    let whole = moves.filter(|operation| operation.action.is_move() && operation.action != Action::Restore);
    let mut found = FxHashSet::default();
    for id in whole.flat_map(|operation| &operation.runs) {
        let Some(run) = history.run(id).filter(|run| run.kind == RunKind::Moved) else {
            continue;
        };
        let Some(parent) = run.parent else { continue };
        let asked = history.state(parent);
        for version in &run.changed {
            let then = version.roots.first().and_then(|root| asked.version(root));
            // A co-variable of which a part was lost is another one for that alone.
            let then = then.filter(|then| then.roots == version.roots && then.fingerprint != version.fingerprint);
            found.extend(then.and_then(|then| history.recorded_by(parent, then)));
        }
    }
    found
}
