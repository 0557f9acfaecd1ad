//! Runs that a kernel died in: who finds what it left writes a run of each, beside where that kernel was.
//!
//! Such a run changes nothing, since nobody saw what it did, and nobody goes on from it: `resume` takes up the run before.

use super::{Session, SessionError};
use crate::format::{
    CellEnd, CheckedRoots, Death, Ending, Evidence, InFlightMarker, RECORD_VERSION, Run, RunKind, Timestamp,
};
use crate::id::RunId;
use crate::store::{InFlightFile, LeftoverMarker, StoreError};

impl Session {
    /// Has runs written of these, which their kernels died in, together with the start of this session. `seen` tells of
    /// each when it was last known to run.
    pub fn mourn(&mut self, left: Vec<(LeftoverMarker, Timestamp)>) {
        self.mourned = left;
    }

    /// The runs that were written of what [`Session::mourn`] was told.
    pub fn deaths(&self) -> &[RunId] {
        &self.deaths
    }

    /// Notes that a cell begins.
    pub fn note_begun(&self, begun: InFlightMarker, source: Option<&str>) -> Result<InFlightFile, StoreError> {
        self.writer.note_begun(begun, source)
    }

    /// Notes that the cell ended.
    pub fn note_ended(&self, note: &mut InFlightFile, ended: CellEnd) -> Result<(), StoreError> {
        self.writer.note_ended(note, ended)
    }

    /// Puts the runs; they go with the next commit.
    pub(super) fn put_deaths(&mut self) -> Result<Vec<(RunId, Run)>, SessionError> {
        let mut runs = Vec::new();
        if self.mourned.is_empty() {
            // To find the ends goes through all that was ever done, and every run that is recorded comes by here.
            return Ok(runs);
        }
        let ends = self.history.ends();
        for (left, seen) in self.mourned.clone() {
            // Without a run of its session nobody knows where it was.
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

    /// The runs are written: what was left of them is taken away.
    pub(super) fn bury(&mut self, runs: &[(RunId, Run)]) {
        self.deaths.extend(runs.iter().map(|(id, _)| *id));
        for (left, _) in std::mem::take(&mut self.mourned) {
            self.store.unlink_note(&left.path);
        }
    }
}
