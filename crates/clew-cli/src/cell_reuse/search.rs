//! The search for a recorded run that may be reused for a cell.
//!
//! [`Flow::obstacles`] compares one run with the state that the cell would find; this module chooses among the runs of its code.

mod assignments;
mod codes;
mod comparison;
mod origins;
mod outline;
mod overwritten;
mod reasons;
mod record;
mod retries;

use std::collections::{BTreeMap, HashMap, VecDeque};

use clew_core::format::{Run, Version};
use clew_core::history::State;
use clew_core::history::flow::{ExecutionContext, Flow, ReuseObstacle};
use clew_core::id::{HistoryId, Root, RootKind, RunId};
use clew_core::session::ReusedRun;
use clew_core::store::{Store, StoreError};

use self::assignments::{assignments, changed_assignments, only_assigns};
use self::codes::Likeness;
pub use self::origins::NotebookOrigin;
use self::overwritten::{OverwrittenFile, OverwrittenFiles};
use self::reasons::Reasons;
use self::record::Record;
use super::surroundings::Surroundings;
use super::{CellDecision, NotebookCell, UNKNOWN};
use crate::context::Context;
use crate::history_view::{open_if_any, store_problem};
use crate::problem::Problem;

/// What the author of a cell declares about its repeatability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum AuthorAssurance {
    /// Nothing.
    #[default]
    Nothing,
    /// It is deterministic: time, network, programs and random numbers are ignored.
    Pure,
    /// A recorded result stays valid, whatever has changed since.
    Done,
}

/// What matters about a cell besides its code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// What its author declares.
    pub vouched: AuthorAssurance,
    /// Whether a cell reads results by number, so a result under another number is a different input.
    pub counts_results: bool,
    /// Whether comments and layout matter.
    pub counts_comments: bool,
}

/// The search through the records for the cells of a notebook.
pub(super) struct RunSearch {
    store: Store,
    origin: NotebookOrigin,
    /// The notebook's own history if it exists, and those of notebooks that it may be a copy of.
    records: Vec<Record>,
    /// More histories of the latter kind, read when a cell is not found in the records.
    unread: VecDeque<HistoryId>,
    /// Whether the first record is the notebook's own.
    has_own: bool,
    /// The state that the next cell finds.
    found: ExecutionContext,
    /// Where the notebook runs.
    directory: Option<String>,
    /// Runs that were reused since the last preparation of a kernel.
    pending: Vec<ReusedRun>,
    /// All reused runs, with the `In [n]` of their cells.
    taken: Vec<(RecordedRun, u64)>,
    /// Cells that must be executed because the result of a run could not be restored, by their `In [n]`, with the reason.
    refused: BTreeMap<u64, String>,
    /// Files that several cells wrote.
    overwritten: OverwrittenFiles,
    /// Cells to execute that have not run yet, by the roots that their last run created.
    awaited: HashMap<Root, u64>,
    /// The first of them without a recorded run: it may create any root.
    unknown: Option<u64>,
}

/// A run of one of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordedRun {
    record: usize,
    run: RunId,
}

/// A run that cannot be reused, with the obstacles: none if only its result number differs.
pub(super) type UnfitRun = (RecordedRun, Vec<ReuseObstacle>);

/// A run that can be reused for a cell.
struct MatchingRun {
    run: RunId,
    /// A later run that belongs to it.
    joined: Option<RunId>,
    /// Obstacles that are irrelevant because of the author's declaration.
    ignored: Vec<ReuseObstacle>,
    /// Files that later runs overwrote.
    open: Vec<OverwrittenFile>,
}

impl RunSearch {
    /// Starts the search for a notebook that runs in `directory`; `None` if there is no store yet.
    ///
    /// # Errors
    /// The store cannot be opened or read.
    pub fn of(origin: NotebookOrigin, directory: Option<String>, context: &Context) -> Result<Option<Self>, Problem> {
        let Some(store) = open_if_any(&context.store, context)? else {
            return Ok(None);
        };
        let mut walk = Self {
            store,
            origin,
            records: Vec::new(),
            unread: VecDeque::new(),
            has_own: false,
            found: ExecutionContext {
                directory: directory.clone(),
                ..ExecutionContext::default()
            },
            directory,
            pending: Vec::new(),
            taken: Vec::new(),
            refused: BTreeMap::new(),
            overwritten: OverwrittenFiles::default(),
            awaited: HashMap::new(),
            unknown: None,
        };
        walk.open().map_err(|error| store_problem(&error))?;
        Ok(Some(walk))
    }

    /// Finds the relevant histories, and reads the notebook's own.
    fn open(&mut self) -> Result<(), StoreError> {
        let (own, others) = self.origin.histories(&self.store)?;
        let own_record = own.map(|id| Record::of(&self.store, id)).transpose()?;
        self.records = own_record.into_iter().collect();
        self.unread = others.into();
        self.has_own = own.is_some();
        Ok(())
    }

    /// Whether a record with this index exists. Unreadable histories are skipped.
    fn has_record(&mut self, number: usize) -> bool {
        while self.records.len() <= number {
            let Some(id) = self.unread.pop_front() else {
                return false;
            };
            self.records.extend(Record::of(&self.store, id));
        }
        true
    }

    /// Returns the reused run for the next cell, or the reasons why there is none.
    pub fn choose(&mut self, cell: &NotebookCell, terms: Terms, surroundings: &Surroundings<'_>) -> CellDecision {
        self.find(cell, terms, surroundings).unwrap_or_else(|why| CellDecision {
            why,
            duration: self.last_duration(cell),
            ..CellDecision::default()
        })
    }

    /// Records that a cell was executed without a record of its effects.
    pub fn lose_track(&mut self, number: u64) {
        self.found.state = State::default();
        self.unknown.get_or_insert(number);
    }

    fn find(
        &mut self,
        cell: &NotebookCell,
        terms: Terms,
        surroundings: &Surroundings<'_>,
    ) -> Result<CellDecision, Vec<String>> {
        if let Some(why) = self.refused.get(&cell.execution_count).cloned() {
            self.await_cell(cell, None);
            return Err(vec![why]);
        }
        let mut best: Option<UnfitRun> = None;
        let mut record = 0;
        while self.has_record(record) {
            match self.weigh(record, cell, terms, surroundings) {
                Ok(fitting) => {
                    let restored = self.take(record, fitting, cell);
                    return restored.ok_or_else(|| vec![NOT_KEPT.to_owned()]);
                }
                Err(nearest) => best = nearer(best, nearest),
            }
            record += 1;
        }
        let why = match &best {
            Some((_, obstacles)) if obstacles.is_empty() => vec![RENUMBERED.to_owned()],
            Some((candidate, obstacles)) => self.told(candidate.record, obstacles),
            None => self.unknown(cell),
        };
        self.await_cell(cell, best);
        Err(why)
    }

    /// Compares the runs of the cell's code in one record with the state that the cell would find. Returns one that can be reused, else the
    /// one with the fewest obstacles, if there are any.
    fn weigh(
        &mut self,
        number: usize,
        cell: &NotebookCell,
        terms: Terms,
        surroundings: &Surroundings<'_>,
    ) -> Result<MatchingRun, Option<UnfitRun>> {
        let is_same_code =
            |one: &str, other: &str| !terms.counts_comments && surroundings.facts.is_same_code(one, other);
        let record = &mut self.records[number];
        let flow = Flow::knowing(&record.history, &self.store, std::mem::take(&mut record.known));
        let mut weighed = Err(None);
        let unfit = |run, obstacles| Some((RecordedRun { record: number, run }, obstacles));
        'looking: for likeness in Likeness::ALL {
            let source = (&record.history, &self.store);
            for id in record.codes.alike(source, cell, likeness, &is_same_code) {
                let Some(run) = record.history.run(&id) else { continue };
                if terms.counts_results && is_renumbered(run, cell) {
                    weighed = weighed.map_err(|best| nearer(best, unfit(id, Vec::new())));
                    continue;
                }
                let found = flow.obstacles(&flow.place(id), &self.found, &record.environments, surroundings);
                let (obstacles, ignored) = divided(found, terms.vouched, run);
                let of_cell = (id, cell.execution_count);
                let (obstacles, open) = self
                    .overwritten
                    .without(obstacles, &record.history, of_cell, surroundings);
                if obstacles.is_empty() {
                    // With an author's declaration, the cell may share other objects than in the recorded run.
                    let joined = flow.joined(&id).filter(|_| ignored.is_empty());
                    weighed = Ok(MatchingRun {
                        run: id,
                        joined,
                        ignored,
                        open,
                    });
                    break 'looking;
                }
                weighed = weighed.map_err(|best| nearer(best, unfit(id, obstacles)));
            }
        }
        record.known = flow.into_known();
        weighed
    }

    /// Records that the cell must be executed, so that what it creates is unknown until then. `best` is the run with the fewest obstacles,
    /// with these.
    pub fn await_cell(&mut self, cell: &NotebookCell, best: Option<UnfitRun>) {
        let (last, obstacles) = best.map_or((self.last_of(cell), None), |(last, obstacles)| {
            (Some(last), Some(obstacles))
        });
        let recorded = last.and_then(|last| Some((last.run, self.records[last.record].history.run(&last.run)?)));
        // Cells after it find the new values, which are not known yet, and not the old ones.
        let assigned: Vec<Root> = assignments(&cell.source)
            .map(|(name, _)| Root::new(RootKind::Name, name))
            .collect();
        let awaited = |root: &Root| (root.clone(), cell.execution_count);
        self.awaited.extend(assigned.iter().map(awaited));
        self.found.state.forget(&assigned);
        // A cell that only assigns parameters creates exactly these, regardless of earlier runs with other parameters.
        let is_plain = only_assigns(&cell.source);
        let Some((id, run)) = recorded.filter(|_| !is_plain) else {
            if !is_plain {
                self.unknown.get_or_insert(cell.execution_count);
            }
            return;
        };
        let changed = run.changed.iter().flat_map(|version| &version.roots);
        let made = changed.chain(&run.removed);
        self.awaited.extend(made.clone().chain(&run.evidence.used).map(awaited));
        self.found.state.forget(made);
        // If its inputs are those of the recorded run, it changes libraries in the same way.
        let sets_same = obstacles.is_some_and(|all| all.iter().all(|obstacle| obstacle.is_own_patch(run)));
        self.found.patched.await_run(&run.evidence, sets_same.then_some(id));
    }

    /// Returns the newest run of the cell, regardless of its code.
    fn last_of(&self, cell: &NotebookCell) -> Option<RecordedRun> {
        let mut records = self.records.iter().enumerate();
        records.find_map(|(record, its)| its.last_of(cell).map(|run| RecordedRun { record, run }))
    }

    /// Returns the duration of the cell's last run, regardless of its code, in nanoseconds.
    fn last_duration(&self, cell: &NotebookCell) -> Option<u64> {
        let last = self.last_of(cell)?;
        Some(self.records[last.record].history.run(&last.run)?.duration)
    }

    /// Reuses a run for a cell; `None` if the run's outputs were not stored.
    fn take(&mut self, record: usize, fitting: MatchingRun, cell: &NotebookCell) -> Option<CellDecision> {
        let why = self.told(record, &fitting.ignored);
        let candidate = RecordedRun {
            record,
            run: fitting.run,
        };
        let record = &self.records[record];
        let run = record.history.run(&candidate.run)?;
        let output = match run.output {
            Some(output) => Some(self.store.blob(output).ok()?.into_inner()),
            None => None,
        };
        let parsed = output.as_deref().map(crate::outputs::parse).unwrap_or_default();
        if parsed.iter().any(|output| !output.left_out.is_empty()) {
            return None;
        }
        let is_own = self.has_own && candidate.record == 0;
        let label = if is_own {
            record.history.label(&candidate.run)
        } else {
            candidate.run.short()
        };
        let restored = CellDecision {
            is_restored: true,
            why,
            run: Some(label),
            end: Some((record.id, candidate.run)),
            output,
            duration: Some(run.duration),
        };
        self.taken.push((candidate, cell.execution_count));
        let of_cell = (candidate.run, cell.id.clone(), Some(cell.execution_count));
        let joined = fitting.joined.map(|run| (run, None, None));
        for (run, cell, execution_count) in std::iter::once(of_cell).chain(joined) {
            self.pending.push(ReusedRun {
                run,
                history: record.id,
                cell,
                execution_count,
                directory: self.found.directory.clone(),
            });
            self.found.reuse(&record.history, &run);
        }
        self.overwritten.take(&record.history, candidate.run, fitting.open);
        Some(restored)
    }

    /// Returns the runs that were reused since the last preparation of a kernel.
    pub fn take_pending(&mut self) -> Vec<ReusedRun> {
        std::mem::take(&mut self.pending)
    }

    /// Returns a run of the notebook's own history by its label.
    pub fn own_run(&self, run: &str) -> Option<RunId> {
        let own = self.records.first().filter(|_| self.has_own)?;
        own.history.resolve(run, None, 0).ok()
    }

    /// Sets the kernel's current run and directory: reads newer records, and compares the next cell with the state after that run.
    ///
    /// # Errors
    /// The logs cannot be read.
    pub fn stand_at(&mut self, run: &str, directory: Option<String>) -> Result<(), StoreError> {
        match self.records.first_mut().filter(|_| self.has_own) {
            Some(own) => own.refresh(&self.store)?,
            None => self.open()?,
        }
        let Some(at) = self.own_run(run) else { return Ok(()) };
        let record = &mut self.records[0];
        let flow = Flow::knowing(&record.history, &self.store, std::mem::take(&mut record.known));
        self.found = ExecutionContext {
            overlooks_patches: self.found.overlooks_patches,
            state: State::clone(&record.history.state(at)),
            directory: directory.or(self.found.directory.take()),
            patched: flow.patched(&flow.place(at)),
        };
        record.known = flow.into_known();
        self.awaited.clear();
        self.unknown = None;
        Ok(())
    }

    /// Returns why a cell without a recorded run of its code is executed.
    fn unknown(&mut self, cell: &NotebookCell) -> Vec<String> {
        if self.records.is_empty() {
            return vec![UNKNOWN.to_owned()];
        }
        let Some(RecordedRun { record, run }) = self.last_of(cell) else {
            return vec!["no run of it is recorded".to_owned()];
        };
        let Record { history, codes, .. } = &mut self.records[record];
        let before = codes.text(history, &self.store, run);
        before
            .and_then(|before| changed_assignments(&before, &cell.source))
            .unwrap_or_else(|| vec![format!("its code changed since run {}", history.label(&run))])
    }

    fn told(&self, record: usize, obstacles: &[ReuseObstacle]) -> Vec<String> {
        let reasons = Reasons {
            store: &self.store,
            history: &self.records[record].history,
            awaited: &self.awaited,
            unknown: self.unknown,
        };
        reasons.told(obstacles)
    }
}

/// Returns the run with fewer obstacles, of a newer one and another. An older run that did not finish is irrelevant for a cell that has run
/// since.
fn nearer(newer: Option<UnfitRun>, other: Option<UnfitRun>) -> Option<UnfitRun> {
    let is_other = match (&newer, &other) {
        (Some((_, known)), Some((_, obstacles))) => {
            obstacles.len() < known.len() && *obstacles != [ReuseObstacle::Unfinished]
        }
        (newer, _) => newer.is_none(),
    };
    if is_other { other } else { newer }
}

const NOT_KEPT: &str = "its recorded output is incomplete";
const RENUMBERED: &str = "its result now has another number, and a cell reads results by number";

/// Whether the run's result has another number than the cell has now.
fn is_renumbered(run: &Run, cell: &NotebookCell) -> bool {
    let number = cell.execution_count.to_string();
    let is_other = |root: &Root| root.kind == RootKind::Out && root.key != number;
    run.changed.iter().flat_map(|version| &version.roots).any(is_other)
}

/// Splits obstacles into those that prevent the reuse of a run, and those that the author's declaration makes irrelevant.
fn divided(all: Vec<ReuseObstacle>, vouched: AuthorAssurance, run: &Run) -> (Vec<ReuseObstacle>, Vec<ReuseObstacle>) {
    let is_ignored = |obstacle: &ReuseObstacle| match vouched {
        AuthorAssurance::Nothing => false,
        AuthorAssurance::Pure => is_chance(obstacle),
        AuthorAssurance::Done => !is_final(obstacle, run),
    };
    let (ignored, obstacles): (Vec<_>, Vec<_>) = all.into_iter().partition(is_ignored);
    let ignored = ignored
        .into_iter()
        .filter(|_| vouched == AuthorAssurance::Done)
        .collect();
    (obstacles, ignored)
}

/// Whether the declaration that a cell is deterministic covers this obstacle.
fn is_chance(obstacle: &ReuseObstacle) -> bool {
    match obstacle {
        ReuseObstacle::Network | ReuseObstacle::Programs | ReuseObstacle::Random | ReuseObstacle::Asked(_) => true,
        ReuseObstacle::Input { root, .. } => root.kind == RootKind::Random,
        _ => false,
    }
}

/// Whether a run's result cannot be used regardless of any declaration: it is missing, untrusted, or part of an object that has changed.
fn is_final(obstacle: &ReuseObstacle, run: &Run) -> bool {
    match obstacle {
        ReuseObstacle::Unfinished
        | ReuseObstacle::Untrusted
        | ReuseObstacle::Masked
        | ReuseObstacle::Patched(_)
        | ReuseObstacle::Unstored { .. }
        | ReuseObstacle::Python { .. } => true,
        ReuseObstacle::Input { root, .. } | ReuseObstacle::Uncertain { root } => {
            let is_left = |version: &Version| version.roots.contains(root);
            run.changed.iter().any(is_left) || run.removed.contains(root) || run.evidence.used.contains(root)
        }
        _ => false,
    }
}
