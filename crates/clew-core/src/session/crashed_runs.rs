//! Crashed runs: a session that finds leftover markers records a run for each, beside the position of the ended kernel.
//!
//! Such a run changes nothing, since its effects are unknown, and no other run continues from it: `resume` continues from the run
//! before.

use super::{Session, SessionError};
use crate::format::{
    CellEnd, CheckedRoots, Death, Ending, Evidence, InFlightMarker, RECORD_VERSION, Run, RunKind, Timestamp,
};
use crate::id::RunId;
use crate::store::{InFlightFile, LeftoverMarker, StoreError};

impl Session {
    /// Registers the leftover markers of crashed runs, to be recorded with the start of this session. The time of each is when
    /// the kernel was last known to run.
    pub fn mourn(&mut self, left: Vec<(LeftoverMarker, Timestamp)>) {
        self.mourned = left;
    }

    /// Returns the runs that were recorded for the markers of [`Session::mourn`].
    pub fn deaths(&self) -> &[RunId] {
        &self.deaths
    }

    /// Writes a marker when a cell begins.
    pub fn note_begun(&self, begun: InFlightMarker, source: Option<&str>) -> Result<InFlightFile, StoreError> {
        self.writer.note_begun(begun, source)
    }

    /// Adds to the marker that the cell ended.
    pub fn note_ended(&self, note: &mut InFlightFile, ended: CellEnd) -> Result<(), StoreError> {
        self.writer.note_ended(note, ended)
    }

    /// Writes the crashed runs, which become visible with the next commit.
    pub(super) fn put_deaths(&mut self) -> Result<Vec<(RunId, Run)>, SessionError> {
        let mut runs = Vec::new();
        if self.mourned.is_empty() {
            // Finding the ends reads all operations, and every recorded run calls this function.
            return Ok(runs);
        }
        let ends = self.history.ends();
        for (left, seen) in self.mourned.clone() {
            // Without a run of its session, its position is unknown.
            if let Some(parent) = ends.get(&left.begun.session) {
                let run = self.death_of(&left, seen, *parent)?;
                runs.push((self.writer.put_run(&run)?, run));
            }
        }
        Ok(runs)
    }

    fn death_of(&mut self, left: &LeftoverMarker, seen: Timestamp, parent: RunId) -> Result<Run, SessionError> {
        let InFlightMarker {
            session,
            started,
            execution_count,
            ref masked,
            ref cell,
            ref ended,
            ..
        } = left.begun;
        let (duration, ending) = match ended {
            Some(ended) => (ended.duration, ended.ending.clone()),
            None => (
                u64::try_from(seen.saturating_sub(started)).unwrap_or(0),
                Ending::Interrupted,
            ),
        };
        let source = left.source.as_deref().map(|text| self.writer.put_blob(text));
        Ok(Run {
            version: RECORD_VERSION,
            number: self.writer.reserve_number()?,
            parent: Some(parent),
            kind: RunKind::Cell,
            source: source.transpose()?,
            cell: cell.clone(),
            execution_count,
            started,
            duration,
            ending,
            death: Some(Death {
                session,
                found: self.clock.now(),
                had_ended: ended.is_some(),
            }),
            evidence: Evidence {
                masked: masked.clone(),
                ..Evidence::default()
            },
            looked: CheckedRoots::Only(Vec::new()),
            ..Run::default()
        })
    }

    /// Removes the markers of recorded runs.
    pub(super) fn bury(&mut self, runs: &[(RunId, Run)]) {
        self.deaths.extend(runs.iter().map(|(id, _)| *id));
        for (left, _) in std::mem::take(&mut self.mourned) {
            self.store.unlink_note(&left.path);
        }
    }
}
