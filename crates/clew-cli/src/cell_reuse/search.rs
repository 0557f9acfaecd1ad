//! The search for a recorded run that may be reused for a cell.
//!
//! [`Flow::obstacles`] compares one run with what the cell would find; here is the choice among the runs of its code.

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
    /// It always does the same: the time, the network, programs and random numbers do not count.
    Pure,
    /// What it left once is good, whatever changed since.
    Done,
}

/// What counts for a cell beside its code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// What its author vouches for.
    pub vouched: AuthorAssurance,
    /// Whether a cell reads results by their numbers: then a result under another number is not the same.
    pub counts_results: bool,
    /// Whether only the same text is the same code.
    pub counts_comments: bool,
}

/// A walk over the cells of a notebook that has records.
pub(super) struct RunSearch {
    store: Store,
    origin: NotebookOrigin,
    /// The notebook's own history, once there is one, and those of notebooks that it may be a copy of.
    records: Vec<Record>,
    /// More of the latter, which are read when a cell is not found in those before.
    unread: VecDeque<HistoryId>,
    /// Whether the first of them is the notebook's own.
    has_own: bool,
    /// What the next cell finds.
    found: ExecutionContext,
    /// Where the notebook runs.
    directory: Option<String>,
    /// What was taken since somebody last brought it to a kernel.
    pending: Vec<ReusedRun>,
    /// All that was taken, with the `In [n]` of its cell.
    taken: Vec<(RecordedRun, u64)>,
    /// Cells that have to be executed, by their `In [n]`, since what a run left did not come back, and why.
    refused: BTreeMap<u64, String>,
    /// Files that several cells wrote.
    overwritten: OverwrittenFiles,
    /// Cells that have to run and did not yet, by what they made when they last ran.
    awaited: HashMap<Root, u64>,
    /// The first of them of which nothing is recorded: it may make anything.
    unknown: Option<u64>,
}

/// A run of one of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordedRun {
    record: usize,
    run: RunId,
}

/// A run that can't be reused, and what stands against it: nothing, if its result had another number.
pub(super) type UnfitRun = (RecordedRun, Vec<ReuseObstacle>);

/// A run that can be reused for a cell.
struct MatchingRun {
    run: RunId,
    /// The run behind it that belongs to it.
    joined: Option<RunId>,
    /// What does not count for whoever vouches for the cell.
    ignored: Vec<ReuseObstacle>,
    /// Files that later runs wrote over.
    open: Vec<OverwrittenFile>,
}

impl RunSearch {
    /// A walk over a notebook that runs in `directory`; `None` where there is no store yet.
    ///
    /// # Errors
    /// The store can't be opened or read.
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

    /// Finds the histories that count, and reads the notebook's own.
    fn open(&mut self) -> Result<(), StoreError> {
        let (own, others) = self.origin.histories(&self.store)?;
        let own_record = own.map(|id| Record::of(&self.store, id)).transpose()?;
        self.records = own_record.into_iter().collect();
        self.unread = others.into();
        self.has_own = own.is_some();
        Ok(())
    }

    /// Whether there is a record of that number. One that can't be read is none.
    fn has_record(&mut self, number: usize) -> bool {
        while self.records.len() <= number {
            let Some(id) = self.unread.pop_front() else {
                return false;
            };
            self.records.extend(Record::of(&self.store, id));
        }
        true
    }

    /// The run that is reused for the next cell, or why there is none.
    pub fn choose(&mut self, cell: &NotebookCell, terms: Terms, surroundings: &Surroundings<'_>) -> CellDecision {
        self.find(cell, terms, surroundings).unwrap_or_else(|why| CellDecision {
            why,
            duration: self.last_duration(cell),
            ..CellDecision::default()
        })
    }

    /// A cell was executed, and nothing is recorded of what it did.
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

    /// Compares the runs of the cell's code in one of the records with what the cell would find: one that may be reused, else the one against
    /// which least stands, if there are any.
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
                    // Who vouches for the cell may have others than it shared objects with.
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

    /// The cell has to run: what it makes is not known before. `best` is the run against which least stands, with that.
    pub fn await_cell(&mut self, cell: &NotebookCell, best: Option<UnfitRun>) {
        let (last, obstacles) = best.map_or((self.last_of(cell), None), |(last, obstacles)| {
            (Some(last), Some(obstacles))
        });
        let recorded = last.and_then(|last| Some((last.run, self.records[last.record].history.run(&last.run)?)));
        // Cells behind it find what it will have made, which nobody knows yet, and not what was there before.
        let assigned: Vec<Root> = assignments(&cell.source)
            .map(|(name, _)| Root::new(RootKind::Name, name))
            .collect();
        let awaited = |root: &Root| (root.clone(), cell.execution_count);
        self.awaited.extend(assigned.iter().map(awaited));
        self.found.state.forget(&assigned);
        // Whatever it made when it had other parameters, it makes nothing but these now.
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
        // What it finds is what it found then, so it sets the same.
        let sets_same = obstacles.is_some_and(|all| all.iter().all(|obstacle| obstacle.is_own_patch(run)));
        self.found.patched.await_run(&run.evidence, sets_same.then_some(id));
    }

    /// The newest run of the cell, whatever its code was.
    fn last_of(&self, cell: &NotebookCell) -> Option<RecordedRun> {
        let mut records = self.records.iter().enumerate();
        records.find_map(|(record, its)| its.last_of(cell).map(|run| RecordedRun { record, run }))
    }

    /// How long the cell took when it ran last, whatever its code was then (nanoseconds).
    fn last_duration(&self, cell: &NotebookCell) -> Option<u64> {
        let last = self.last_of(cell)?;
        Some(self.records[last.record].history.run(&last.run)?.duration)
    }

    /// Takes a run for a cell; `None` where what it showed was not kept.
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

    /// Runs that were reused since a kernel was given some last.
    pub fn take_pending(&mut self) -> Vec<ReusedRun> {
        std::mem::take(&mut self.pending)
    }

    /// A run of the notebook's own history, by what a kernel calls it.
    pub fn own_run(&self, run: &str) -> Option<RunId> {
        let own = self.records.first().filter(|_| self.has_own)?;
        own.history.resolve(run, None, 0).ok()
    }

    /// A kernel is at this run now, in this directory: what was recorded since is read, and the next cell finds what that left.
    ///
    /// # Errors
    /// The logs can't be read.
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

    /// Why a cell runs of whose code no run is recorded.
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

/// The run against which less stands, of a newer one and another. That this one did not come to its end says nothing of a cell that ran since.
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

/// Whether what a run showed last is kept under another number than the cell has now.
fn is_renumbered(run: &Run, cell: &NotebookCell) -> bool {
    let number = cell.execution_count.to_string();
    let is_other = |root: &Root| root.kind == RootKind::Out && root.key != number;
    run.changed.iter().flat_map(|version| &version.roots).any(is_other)
}

/// What stands against taking a run, and what of that does not count for whoever vouches for the cell.
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

/// Whether an author who says that a cell always does the same means this, too.
fn is_chance(obstacle: &ReuseObstacle) -> bool {
    match obstacle {
        ReuseObstacle::Network | ReuseObstacle::Programs | ReuseObstacle::Random | ReuseObstacle::Asked(_) => true,
        ReuseObstacle::Input { root, .. } => root.kind == RootKind::Random,
        _ => false,
    }
}

/// Whether what a run left can't be had, whoever vouches for it: it is not there, not to be trusted, or a part of something that is
/// another now.
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
