//! Crashed runs.

use super::History;
use crate::format::{Ending, InFlightMarker, RunKind};
use crate::id::RunId;

impl History {
    /// Returns whether the cell of an in-flight marker has a recorded run, so that the marker is obsolete.
    pub fn has_recorded(&self, begun: &InFlightMarker) -> bool {
        let is_its = |id: &RunId| self.maker(id) == Some(begun.session);
        let is_interrupted = |id: &RunId| self.outline(id).is_some_and(|it| it.ending == Ending::Interrupted);
        let candidates = self
            .outlines()
            .map(|(id, _)| id)
            .filter(|id| is_its(id) || is_interrupted(id));
        candidates
            .filter_map(|id| Some((id, self.run(&id)?)))
            .any(|(id, run)| match run.death {
                Some(death) => death.session == begun.session && run.started == begun.started,
                // A Clew command inside a cell splits it into several runs, which start one after another.
                None => is_its(&id) && run.kind == RunKind::Cell && run.started >= begun.started,
            })
    }

    /// Returns the crashed runs that are not on a line of ancestors, but whose parent is. No other run continues from them.
    pub fn deaths_beside(&self, is_on_line: impl Fn(&RunId) -> bool) -> Vec<RunId> {
        let interrupted = self
            .outlines()
            .filter(|(_, outline)| outline.ending == Ending::Interrupted);
        let beside = interrupted.filter(|(id, outline)| {
            let follows = outline.parent.is_some_and(|parent| is_on_line(&parent));
            follows && !is_on_line(id)
        });
        let is_death = |id: &RunId| self.run(id).is_some_and(|run| run.death.is_some());
        beside.map(|(id, _)| id).filter(is_death).collect()
    }
}
