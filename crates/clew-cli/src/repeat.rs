//! Which cells of a notebook need to run again, for whoever runs it: a walk from its first cell to its last.
//!
//! In: the cells as they are now. Out: for each a recorded run that may be taken for it, with what it showed, or why it has to run. What
//! may be taken is decided by the engine ([`Flow::obstacles`]); here are the choice among recorded runs, and the words.

use std::collections::HashMap;

use clew_core::format::{FileEvidence, Manifest, Run, RunKind, Version};
use clew_core::history::flow::{Flow, Obstacle, Outside};
use clew_core::history::{Belonging, Environments, History, Notebook, State, belonging};
use clew_core::id::{HistoryId, Root, RootKind, RunId};
use clew_core::session::Repeated;
use clew_core::store::{LoadedHistory, Store, StoreError, Verified};

use crate::commands::stale::{change_of, file_changed};
use crate::place::{open_store, store_problem};
use crate::problem::Problem;
use crate::surroundings::Surroundings;
use crate::text;

/// So many runs of the same code are held against what is there, the newest first.
const MOST: usize = 16;
/// A text of a value that is longer is not shown beside what it is now.
const LONGEST: usize = 40;

/// A cell of the notebook, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Its id, where it has one.
    pub id: Option<String>,
    /// Its code.
    pub source: String,
    /// The `In [n]` that it has where all cells run.
    pub execution_count: u64,
    /// Whether its author says that it always does the same: the time, the network, programs and random numbers do not count.
    pub is_pure: bool,
}

/// What is to be done about a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// It need not run: what this run left is taken for what it would leave.
    Taken {
        /// The run.
        run: String,
        /// What it showed, as a JSON array of nbformat outputs.
        output: Option<String>,
        /// How long it ran, in nanoseconds.
        duration: u64,
    },
    /// It has to run, for these reasons.
    Executed(Vec<String>),
}

/// A walk over a notebook.
pub struct Repeat {
    store: Store,
    id: HistoryId,
    loaded: LoadedHistory,
    history: History,
    environments: Environments,
    /// What the next cell finds.
    found: State,
    /// What was taken since somebody last brought it to a kernel.
    pending: Vec<Repeated>,
    texts: HashMap<RunId, Option<String>>,
    /// Cells that have to run and did not yet, by what they made when they last ran.
    awaited: HashMap<Root, u64>,
    /// The first of them of which nothing is recorded: it may make anything.
    unknown: Option<u64>,
}

impl Repeat {
    /// A walk over the notebook of this path and id; `None` where nothing is recorded of it.
    ///
    /// # Errors
    /// The store can't be opened or read.
    pub fn of(path: &str, id: Option<&str>, surroundings: &Surroundings) -> Result<Option<Self>, Problem> {
        if !surroundings.store.exists() {
            return Ok(None);
        }
        let store = open_store(&surroundings.store, surroundings)?;
        let problem = |error: &StoreError| store_problem(error);
        let histories = store.histories().map_err(|error| problem(&error))?;
        let notebook = Notebook {
            path: Some(path.to_owned()),
            id: id.map(str::to_owned),
            ..Notebook::default()
        };
        let exists = |path: &str| std::path::Path::new(path).exists();
        let id = match belonging(&histories, &notebook, exists) {
            Belonging::Known(id) | Belonging::Renamed(id) | Belonging::Copied(id) => id,
            Belonging::New => return Ok(None),
        };
        let loaded = store.load(id).map_err(|error| problem(&error))?;
        let history = History::of(&loaded);
        Ok(Some(Self {
            store,
            id,
            loaded,
            environments: Environments::of(&history),
            history,
            found: State::default(),
            pending: Vec::new(),
            texts: HashMap::new(),
            awaited: HashMap::new(),
            unknown: None,
        }))
    }

    /// What is to be done about the next cell. `is_same_code` says whether two texts are the same code, where they are not the same text.
    pub fn decide(&mut self, cell: &Cell, outside: &dyn Outside, is_same_code: &dyn Fn(&str, &str) -> bool) -> Decided {
        let candidates = self.candidates(cell, is_same_code);
        let flow = Flow::new(&self.history, &self.store);
        let mut best: Option<(RunId, Vec<Obstacle>)> = None;
        for id in candidates {
            let mut obstacles = flow.obstacles(&flow.place(id), &self.found, &self.environments, outside);
            obstacles.retain(|obstacle| !(cell.is_pure && is_vouched_for(obstacle)));
            if obstacles.is_empty() {
                if let Some(taken) = self.take(id, cell) {
                    return taken;
                }
                return Decided::Executed(vec!["what it showed was not kept whole".to_owned()]);
            }
            if best.as_ref().is_none_or(|(_, known)| obstacles.len() < known.len()) {
                best = Some((id, obstacles));
            }
        }
        let why = match &best {
            Some((_, obstacles)) => self.told(obstacles),
            None => vec![self.unknown(cell)],
        };
        let last = best.map(|(id, _)| id).or_else(|| self.last_of(cell));
        self.await_cell(last, cell.execution_count);
        Decided::Executed(why)
    }

    /// The cell has to run: what it makes is not known before.
    fn await_cell(&mut self, last: Option<RunId>, cell: u64) {
        let Some(run) = last.and_then(|id| self.history.run(&id)) else {
            self.unknown.get_or_insert(cell);
            return;
        };
        let made = run
            .changed
            .iter()
            .flat_map(|version| &version.roots)
            .chain(&run.removed);
        self.awaited.extend(made.map(|root| (root.clone(), cell)));
    }

    /// The newest run of the cell, whatever its code was.
    fn last_of(&self, cell: &Cell) -> Option<RunId> {
        let is_of_cell = |run: &Run| run.cell.is_some() && run.cell == cell.id && run.kind == RunKind::Cell;
        let mut runs = self.history.runs().rev();
        runs.find(|(_, run)| is_of_cell(run)).map(|(id, _)| *id)
    }

    /// Takes a run for a cell; `None` where what it showed was not kept.
    fn take(&mut self, id: RunId, cell: &Cell) -> Option<Decided> {
        let run = self.history.run(&id)?;
        let output = match run.output {
            Some(output) => Some(self.store.blob(output).ok()?.into_inner()),
            None => None,
        };
        let parsed = output.as_deref().map(crate::outputs::parse).unwrap_or_default();
        if parsed.iter().any(|output| !output.left_out.is_empty()) {
            return None;
        }
        let taken = Decided::Taken {
            run: self.history.label(&id),
            output,
            duration: run.duration,
        };
        self.found.repeat(run);
        self.pending.push(Repeated {
            run: id,
            cell: cell.id.clone(),
            execution_count: Some(cell.execution_count),
        });
        Some(taken)
    }

    /// Runs of the cell's code, the newest first.
    fn candidates(&mut self, cell: &Cell, is_same_code: &dyn Fn(&str, &str) -> bool) -> Vec<RunId> {
        let runs = self.history.runs().rev();
        let cells = runs.filter(|(_, run)| run.kind == RunKind::Cell);
        let cells: Vec<(RunId, bool)> = cells
            .map(|(id, run)| (*id, run.cell.is_some() && run.cell == cell.id))
            .collect();
        let mut same: Vec<RunId> = Vec::new();
        let mut alike: Vec<RunId> = Vec::new();
        for (id, is_of_cell) in cells {
            let Some(text) = self.text(id) else { continue };
            if text == cell.source {
                same.push(id);
            } else if is_of_cell && alike.len() < MOST && is_same_code(&text, &cell.source) {
                alike.push(id);
            }
            if same.len() >= MOST {
                break;
            }
        }
        same.extend(alike);
        same
    }

    fn text(&mut self, id: RunId) -> Option<String> {
        let source = self.history.run(&id)?.source?;
        let read = || self.store.blob(source).ok().map(Verified::into_inner);
        self.texts.entry(id).or_insert_with(read).clone()
    }

    /// What was taken since it was asked last: to be brought to a kernel before the next cell runs there.
    pub fn pending(&mut self) -> Vec<Repeated> {
        std::mem::take(&mut self.pending)
    }

    /// A kernel is at this run now: what was recorded since is read, and the next cell finds what that left.
    ///
    /// # Errors
    /// The logs can't be read.
    pub fn stand_at(&mut self, run: &str) -> Result<bool, StoreError> {
        self.loaded = self.store.load(self.id)?;
        self.history = History::of(&self.loaded);
        self.environments = Environments::of(&self.history);
        let found = self.history.resolve(run, None, 0).ok();
        if let Some(run) = found {
            self.found = State::clone(&self.history.state(run));
            self.awaited.clear();
            self.unknown = None;
        }
        Ok(found.is_some())
    }

    fn unknown(&self, cell: &Cell) -> String {
        match self.last_of(cell) {
            Some(id) => format!("its code changed since run {}", self.history.label(&id)),
            None => "nothing is recorded of it".to_owned(),
        }
    }

    fn told(&self, obstacles: &[Obstacle]) -> Vec<String> {
        let mut told: Vec<String> = obstacles.iter().map(|obstacle| self.why(obstacle)).collect();
        let mut met = std::collections::BTreeSet::new();
        told.retain(|why| met.insert(why.clone()));
        told
    }

    fn why(&self, obstacle: &Obstacle) -> String {
        match obstacle {
            Obstacle::Unfinished => "it did not come to its end when it last ran".to_owned(),
            Obstacle::Untrusted => "somebody else recorded it, whose key is not trusted".to_owned(),
            Obstacle::Masked => "its source was not kept whole".to_owned(),
            Obstacle::WentOn { run } => {
                format!(
                    "something that it began went on behind it (run {})",
                    self.history.label(run)
                )
            }
            Obstacle::Input { root, then, now } => self.changed(root, then.as_ref(), now.as_ref()),
            Obstacle::Uncertain { root } => format!("nobody looked at {} just before it ran", quoted(root)),
            Obstacle::FileRead(file) => format!("input {}", file_told(file)),
            Obstacle::FileWritten(file) => format!("output {}", file_told(file)),
            Obstacle::Code(file) => format!("module {}", file_told(file)),
            Obstacle::Module { then, now } if now.is_empty() => format!("{} is not installed", text::clean(&then.name)),
            Obstacle::Module { then, now } => format!(
                "{} {} → {}",
                text::clean(then.distribution.as_deref().unwrap_or(&then.name)),
                text::clean(then.version.as_deref().unwrap_or_default()),
                text::clean(now)
            ),
            Obstacle::Python { then, now } => format!("Python {} → {}", text::clean(then), text::clean(now)),
            Obstacle::Network => "it used the network".to_owned(),
            Obstacle::Programs => "it started programs".to_owned(),
            Obstacle::Random => "it draws random numbers that depend on nothing".to_owned(),
            Obstacle::Asked(what) => format!("it asks for {}", text::clean(what)),
            Obstacle::Unstored { roots } => {
                let names: Vec<String> = roots.iter().map(quoted).collect();
                format!("{} can't be stored", names.join(", "))
            }
        }
    }

    /// That an input is another: with its values, where they are short.
    fn changed(&self, root: &Root, then: Option<&Version>, now: Option<&Version>) -> String {
        let summary = |version: Option<&Version>| version.and_then(|version| self.summary(root, version));
        let (kind, before) = summary(then).unwrap_or_default();
        let (kind_now, after) = summary(now).unwrap_or_default();
        let called = match root.kind {
            RootKind::Definition => {
                let text = if before.is_empty() { &after } else { &before };
                text::clean(text)
            }
            _ => quoted(root),
        };
        let maker = self.awaited.get(root).or(self.unknown.as_ref());
        match (then, now) {
            (_, None) if let Some(cell) = maker => return format!("{called} comes from cell {cell}, which runs"),
            (_, None) if root.kind == RootKind::Random => {
                return format!("it draws random numbers ({called}) that no cell seeded");
            }
            (_, None) => return format!("{called} is not there"),
            (None, Some(_)) => return format!("{called} is there now"),
            _ => {}
        }
        let kind = if kind == kind_now { kind } else { String::new() };
        let is_short = |text: &str| !text.is_empty() && text.chars().count() <= LONGEST;
        match kind.as_str() {
            "function" => format!("function {called} changed"),
            _ if is_short(&before) && is_short(&after) && before != after => {
                format!("{called} {} → {}", text::clean(&before), text::clean(&after))
            }
            _ => format!("{called} changed"),
        }
    }

    /// The type of what a version holds under a root, and a short text of it.
    fn summary(&self, root: &Root, version: &Version) -> Option<(String, String)> {
        let manifest: Manifest = self.store.manifest(version.manifest).ok()?.into_inner();
        let index = manifest.roots.iter().position(|other| other == root)?;
        let summary = manifest.summaries.get(index)?;
        Some((summary.type_name.clone(), summary.text.clone()))
    }
}

/// Whether an author who says that a cell always does the same means this, too.
fn is_vouched_for(obstacle: &Obstacle) -> bool {
    match obstacle {
        Obstacle::Network | Obstacle::Programs | Obstacle::Random | Obstacle::Asked(_) => true,
        Obstacle::Input { root, .. } => root.kind == RootKind::Random,
        _ => false,
    }
}

fn quoted(root: &Root) -> String {
    format!("`{}`", text::clean(&root.to_string()))
}

/// `data/a.csv changed`.
fn file_told(file: &FileEvidence) -> String {
    file_changed(&file.path, change_of(file))
}
