//! The rules for which runs may be rerun at another place, judging by their evidence.

use rustc_hash::FxHashSet;

use super::Target;
use crate::format::{Action, Ending, Run, RunKind};
use crate::history::History;
use crate::history::flow::{Patches, is_unwatched};
use crate::id::RunId;
use crate::plan::cut::ReplayProhibition;

/// Returns the first reason why a run may not be rerun, as an error.
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
        // Threads that ran in parallel are recorded in the same way; a rerun cannot reproduce their effects.
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
    // Requirements on the environment are checked by other means: by packages, and by the fingerprint of the result.
    let mut inputs = evidence.files_read.iter().filter(|file| !file.is_of_environment());
    match inputs.find(|file| !target.has_file(file)) {
        Some(file) => Err(ReplayProhibition::MissingFile {
            path: file.path.clone(),
        }),
        None => Ok(()),
    }
}

/// Returns runs whose values a restore did not reproduce: their version in the target state differs from the version after the
/// restore.
///
/// A restore of selected variables intentionally leaves another state, so it is ignored.
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
            // A co-variable of which a part was lost differs for that reason alone.
            let then = then.filter(|then| then.roots == version.roots && then.fingerprint != version.fingerprint);
            found.extend(then.and_then(|then| history.recorded_by(parent, then)));
        }
    }
    found
}
