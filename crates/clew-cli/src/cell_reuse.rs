//! Decides which cells of a notebook `clew run` executes, and which it restores from a recorded run.
//!
//! Input: the cells, the user's options, and facts about this machine ([`EnvironmentFacts`]). Output: for each cell the reused run, or why
//! it is executed ([`CellDecision`]); what a kernel needs before a cell is executed ([`KernelPreparation`]); the differences between an
//! executed cell's run and the recorded one. The caller acts on the decisions, and reports which run the kernel is at.

mod retries;
mod search;
mod surroundings;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clew_core::id::{HistoryId, RunId};
use clew_core::session::ReusedRun;
use serde::Deserialize;

pub use self::search::NotebookOrigin;
use self::search::{AuthorAssurance, RunSearch, Terms};
use self::surroundings::Surroundings;
pub use self::surroundings::{EnvironmentFacts, Machine};
use crate::context::Context;
use crate::history_view::store_problem;
use crate::problem::Problem;

/// Tags by which a cell's author overrides the decision.
const ALWAYS: &str = "clew:always";
const PURE: &str = "clew:pure";
const NEVER: &str = "clew:never";

const UNKNOWN: &str = "this notebook has no recorded runs";
const MACRO: &str = "it is a macro: it runs the text of other cells";
const ANNOTATED: &str = "a cell reads annotations of variables";
const READ: &str = "a cell may read the source of functions, and this cell defines some";
/// The value that cannot be restored, and why.
const OVERWRITTEN: (&str, &str) = ("a file that a cell wrote", "a later cell overwrote it");

/// A code cell of the notebook in its current form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct NotebookCell {
    /// Its id, if it has one.
    pub id: Option<String>,
    /// Its code.
    pub source: String,
    /// Its `In [n]` if all cells run.
    #[serde(rename = "number")]
    pub execution_count: u64,
    /// Its tags.
    pub tags: Vec<String>,
    /// Behaviour of its code that no record contains.
    pub traits: BTreeSet<CodeTrait>,
    /// Modules that it imports.
    pub imports: Vec<String>,
    /// Names that it binds to the text of other cells (`%macro`).
    pub macros: Vec<String>,
}

/// Behaviour of code that no record contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeTrait {
    /// It reads results by number, so a result under another number is a different input.
    ReadsResults,
    /// It reads the text of cells, so a kernel needs the text of all cells.
    ReadsSources,
    /// It displays lines of code, so comments and layout matter.
    Quotes,
    /// It reads the source of functions, which is only available if their cell was executed.
    ReadsFunctions,
    /// It defines functions.
    Defines,
    /// It reads the type annotations of variables in cells.
    ReadsAnnotations,
    /// It annotates variables with types.
    Annotates,
}

/// The cells that the user wants executed, in addition to those affected by changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReuseOptions {
    /// Executes this cell and all after it: an id, or a number.
    pub first: Option<String>,
    /// Whether sources of nondeterminism are ignored.
    pub only_stale: bool,
    /// Whether all cells are executed, to compare them with the recorded runs.
    pub verify: bool,
}

/// The decision about a cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CellDecision {
    /// Whether the cell is restored from `run`. Otherwise it is executed.
    pub is_restored: bool,
    /// Why it is executed. For a restored cell, changes that its author declared irrelevant.
    pub why: Vec<String>,
    /// The reused run, or the run to compare an executed cell with: its number, or its id if it belongs to another history.
    pub run: Option<String>,
    /// The ids of the reused run's history and of the run.
    pub end: Option<(HistoryId, RunId)>,
    /// The outputs of the reused run, as a JSON array of nbformat outputs.
    pub output: Option<String>,
    /// The duration of the reused run, or of an executed cell's last run if known. In nanoseconds.
    pub duration: Option<u64>,
}

impl CellDecision {
    fn executed(why: &str) -> Self {
        Self {
            why: vec![why.to_owned()],
            ..Self::default()
        }
    }
}

/// The runs, texts and imports that a kernel needs before it executes the next cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelPreparation {
    /// Runs that were reused since the last preparation of a kernel.
    pub runs: Vec<ReusedRun>,
    /// The texts of the cells before, if a cell may read them.
    pub texts: Vec<String>,
    /// Modules that the cells before import.
    pub imports: Vec<String>,
}

/// The cells of a notebook, and the properties of their code that affect all of them.
struct Notebook {
    cells: Vec<NotebookCell>,
    traits: BTreeSet<CodeTrait>,
    macros: BTreeSet<String>,
}

impl Notebook {
    fn has(&self, code_trait: CodeTrait) -> bool {
        self.traits.contains(&code_trait)
    }

    fn before(&self, number: u64) -> impl Iterator<Item = &NotebookCell> {
        self.cells.iter().filter(move |cell| cell.execution_count < number)
    }
}

/// The decisions about the cells of a notebook.
pub struct CellReuse {
    notebook: Arc<Notebook>,
    wanted: ReuseOptions,
    machine: Machine,
    context: Context,
    /// The notebook's origin and working directory; or why its records cannot be used.
    origin: Result<(NotebookOrigin, Option<String>), String>,
    /// The search in its records, once a store exists.
    search: Option<RunSearch>,
    /// Whether the first cell from which on all are executed was reached.
    is_behind_first: bool,
    /// Recorded runs to compare executed cells with, by `In [n]`.
    compared: BTreeMap<u64, String>,
    /// Whether files are unchanged, cached as long as nothing is executed.
    files: RefCell<surroundings::KnownFiles>,
}

impl CellReuse {
    /// Starts the decisions for a notebook that runs in a directory (`origin`), or that has no usable records, with the reason.
    ///
    /// # Errors
    /// The store cannot be opened or read.
    pub fn of(
        cells: Vec<NotebookCell>,
        wanted: ReuseOptions,
        origin: Result<(NotebookOrigin, Option<String>), Option<String>>,
        machine: Machine,
        context: Context,
    ) -> Result<Self, Problem> {
        let notebook = Notebook {
            traits: cells.iter().flat_map(|cell| cell.traits.iter().copied()).collect(),
            macros: cells.iter().flat_map(|cell| cell.macros.iter().cloned()).collect(),
            cells,
        };
        let mut reuse = Self {
            notebook: Arc::new(notebook),
            wanted,
            machine,
            context,
            origin: origin.map_err(|why| why.unwrap_or_else(|| UNKNOWN.to_owned())),
            search: None,
            is_behind_first: false,
            compared: BTreeMap::new(),
            files: RefCell::default(),
        };
        reuse.open()?;
        Ok(reuse)
    }

    /// Opens the records if there is a store.
    fn open(&mut self) -> Result<(), Problem> {
        if let Ok((origin, directory)) = &self.origin {
            self.search = RunSearch::of(origin.clone(), directory.clone(), &self.context)?;
        }
        Ok(())
    }

    /// Decides about the cell with this `In [n]`. Call it once for each cell, in order. For cells after an executed one, call it after
    /// [`Self::stand_at`].
    pub fn decide(&mut self, number: u64, facts: &dyn EnvironmentFacts) -> CellDecision {
        let notebook = Arc::clone(&self.notebook);
        let Some(cell) = notebook.cells.iter().find(|cell| cell.execution_count == number) else {
            return CellDecision::executed(UNKNOWN);
        };
        let first = self.wanted.first.as_deref();
        self.is_behind_first |=
            first.is_some_and(|first| first == number.to_string() || Some(first) == cell.id.as_deref());
        if let Some(decision) = self.why_executed(cell).map(CellDecision::executed) {
            // What the cell creates is unknown until it has run, regardless of its recorded run.
            if let Some(search) = &mut self.search {
                search.await_cell(cell, None);
            }
            return decision;
        }
        let Some(search) = &mut self.search else {
            return CellDecision::executed(UNKNOWN);
        };
        let terms = Terms {
            vouched: self.wanted.vouched_for(cell),
            counts_results: notebook.has(CodeTrait::ReadsResults),
            counts_comments: notebook.has(CodeTrait::ReadsSources) || notebook.has(CodeTrait::Quotes),
        };
        let surroundings = Surroundings {
            machine: &self.machine,
            facts,
            notebook: &notebook,
            number,
            files: &self.files,
        };
        let mut decision = search.choose(cell, terms, &surroundings);
        if decision.is_restored && self.wanted.verify {
            search.take_pending();
            self.compared.extend(decision.run.clone().map(|run| (number, run)));
            return CellDecision {
                run: decision.run,
                ..CellDecision::executed("--verify")
            };
        }
        if decision.is_restored && !decision.why.is_empty() {
            decision.why.insert(0, format!("tagged {NEVER}"));
        }
        decision
    }

    /// Returns why a cell is executed regardless of its records.
    fn why_executed(&self, cell: &NotebookCell) -> Option<&str> {
        let has = |code_trait| cell.traits.contains(&code_trait);
        let is_typed = || has(CodeTrait::Annotates) || has(CodeTrait::ReadsAnnotations);
        match &self.origin {
            _ if self.is_behind_first => Some("--from"),
            _ if cell.tags.iter().any(|tag| tag == ALWAYS) => Some("tagged clew:always"),
            Err(why) => Some(why),
            Ok(_) if self.search.is_none() => Some(UNKNOWN),
            Ok(_) if self.notebook.has(CodeTrait::ReadsFunctions) && has(CodeTrait::Defines) => Some(READ),
            Ok(_) if self.notebook.has(CodeTrait::ReadsAnnotations) && is_typed() => Some(ANNOTATED),
            Ok(_) if self.notebook.macros.contains(cell.source.trim()) => Some(MACRO),
            Ok(_) => None,
        }
    }

    /// Returns what a kernel needs before the cell with this `In [n]` is executed. If a value cannot be restored, returns the value and the
    /// reason: the decisions must then be repeated ([`Self::begin_again`]).
    pub fn before_execution(&mut self, number: u64) -> Result<KernelPreparation, (&'static str, &'static str)> {
        if self.search.as_mut().is_some_and(|search| !search.settle_overwritten()) {
            return Err(OVERWRITTEN);
        }
        let counts_texts = self.notebook.has(CodeTrait::ReadsSources);
        let texts = self.notebook.before(number).filter(|_| counts_texts);
        let imports = self.notebook.before(number).flat_map(|cell| &cell.imports);
        Ok(KernelPreparation {
            texts: texts.map(|cell| cell.source.clone()).collect(),
            imports: imports.cloned().collect(),
            runs: self.pending(),
        })
    }

    /// Returns runs that were reused since the last preparation of a kernel.
    pub fn pending(&mut self) -> Vec<ReusedRun> {
        self.searched(RunSearch::take_pending)
    }

    /// Sets the kernel's current run and directory: the next cell is compared with the state after that run.
    ///
    /// # Errors
    /// The store cannot be opened or read.
    pub fn stand_at(&mut self, run: &str, directory: Option<String>) -> Result<(), Problem> {
        if self.search.is_none() {
            self.open()?;
        }
        let standing = self.search.as_mut().map(|search| search.stand_at(run, directory));
        standing.transpose().map_err(|error| store_problem(&error))?;
        Ok(())
    }

    /// Records that the cell with this `In [n]` was executed, and which run the kernel is `at` if it records. Returns the differences from
    /// the run to compare with, as text; `None` if there is none.
    pub fn executed(&mut self, number: u64, at: Option<&str>) -> Option<Vec<String>> {
        // The cell may have written files.
        self.files.borrow_mut().clear();
        let search = self.search.as_mut()?;
        if at.and_then(|at| search.own_run(at)).is_none() {
            search.lose_track(number);
        }
        search.differences(self.compared.get(&number)?, at?)
    }
}

impl ReuseOptions {
    /// Returns what the author or the user declares about a cell.
    fn vouched_for(&self, cell: &NotebookCell) -> AuthorAssurance {
        let is_tagged = |wanted: &str| cell.tags.iter().any(|tag| tag == wanted);
        if is_tagged(NEVER) && !self.verify {
            return AuthorAssurance::Done;
        }
        if is_tagged(PURE) || self.only_stale {
            AuthorAssurance::Pure
        } else {
            AuthorAssurance::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clew_core::store::disk::RealDisk;
    use clew_core::store::{Access, SigningKey, Store, Trust};
    use clew_testing::Rounds;

    use super::surroundings::tests::Here;
    use super::*;
    use crate::interface::Interface;

    const NOTEBOOK: &str = "/home/u/rounds.ipynb";
    const ROUNDS: Rounds = Rounds { cells: 4, rounds: 1 };

    fn recorded() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        let disk = Arc::new(RealDisk);
        let key = SigningKey::load_or_create(&*disk, &home.path().join("config")).unwrap();
        let store = Store::open(disk, home.path().join("store"), Access::ReadWrite).unwrap();
        let store = store.with_trust(Trust::own(key.public()));
        ROUNDS.record(&store, &key, NOTEBOOK).unwrap();
        home
    }

    fn cells() -> Vec<NotebookCell> {
        let sources = ROUNDS.sources(0).into_iter().zip(1..);
        let cells = sources.map(|(source, number)| NotebookCell {
            id: Some(format!("cell-{}", number - 1)),
            source,
            execution_count: number,
            ..NotebookCell::default()
        });
        cells.collect()
    }

    fn reuse(home: &Path, cells: Vec<NotebookCell>, wanted: ReuseOptions) -> CellReuse {
        reuse_at(NOTEBOOK, home, cells, wanted)
    }

    fn reuse_at(path: &str, home: &Path, cells: Vec<NotebookCell>, wanted: ReuseOptions) -> CellReuse {
        let origin = NotebookOrigin {
            path: path.to_owned(),
            ..NotebookOrigin::default()
        };
        let context = Context {
            store: home.join("store"),
            config: home.join("config"),
            cache: home.join("cache"),
            ..Context::of_process(Interface::Python)
        };
        let reuse = CellReuse::of(cells, wanted, Ok((origin, None)), Machine::default(), context);
        reuse.map_err(|problem| problem.message).unwrap()
    }

    /// Returns why cells are executed; empty for restored ones.
    fn reasons(reuse: &mut CellReuse) -> Vec<Vec<String>> {
        reuse.look_ahead(&Here);
        (1..=ROUNDS.cells)
            .map(|number| reuse.decide(number, &Here).why)
            .collect()
    }

    #[test]
    fn cells_are_restored_unless_something_about_their_code_or_the_users_wishes_speaks_against_it() {
        let home = recorded();
        let why = |change: &dyn Fn(&mut Vec<NotebookCell>), wanted: ReuseOptions| {
            let mut cells = cells();
            change(&mut cells);
            reasons(&mut reuse(home.path(), cells, wanted))
        };
        let last = |code_trait| {
            move |cells: &mut Vec<NotebookCell>| {
                cells[3].traits.insert(code_trait);
            }
        };
        let nothing = vec![Vec::<String>::new(); 4];
        assert_eq!(why(&|_| {}, ReuseOptions::default()), nothing);
        let from = |first: &str| ReuseOptions {
            first: Some(first.to_owned()),
            ..ReuseOptions::default()
        };
        for first in ["3", "cell-2"] {
            let found = why(&|_| {}, from(first));
            assert_eq!(found[..2], nothing[..2]);
            assert_eq!(found[2..], [["--from"], ["--from"]]);
        }
        let tagged = |cells: &mut Vec<NotebookCell>| cells[0].tags.push(ALWAYS.to_owned());
        assert_eq!(why(&tagged, ReuseOptions::default())[0], ["tagged clew:always"]);
        let makes = |reads, makes| {
            move |cells: &mut Vec<NotebookCell>| {
                last(reads)(cells);
                cells[0].traits.insert(makes);
            }
        };
        let functions = makes(CodeTrait::ReadsFunctions, CodeTrait::Defines);
        assert_eq!(why(&functions, ReuseOptions::default())[0], [READ]);
        let defines_only = |cells: &mut Vec<NotebookCell>| {
            cells[0].traits.insert(CodeTrait::Defines);
        };
        assert_eq!(why(&defines_only, ReuseOptions::default()), nothing);
        let types = makes(CodeTrait::ReadsAnnotations, CodeTrait::Annotates);
        let typed = why(&types, ReuseOptions::default());
        assert_eq!(
            (&typed[0], &typed[3]),
            (&vec![ANNOTATED.to_owned()], &vec![ANNOTATED.to_owned()])
        );
        let is_macro = |cells: &mut Vec<NotebookCell>| {
            let name = cells[0].source.clone();
            cells[3].macros.push(name);
        };
        assert_eq!(why(&is_macro, ReuseOptions::default())[0], [MACRO]);
        let verify = ReuseOptions {
            verify: true,
            ..ReuseOptions::default()
        };
        assert_eq!(why(&|_| {}, verify), vec![vec!["--verify"]; 4]);
    }

    #[test]
    fn what_an_executed_cell_makes_is_not_known_before_it_ran() {
        let home = recorded();
        let mut cells = cells();
        cells[0].tags.push(ALWAYS.to_owned());
        let mut reuse = reuse(home.path(), cells, ReuseOptions::default());
        reuse.decide(1, &Here);
        assert_eq!(reuse.decide(2, &Here).why, ["`n0` comes from cell 1, which runs"]);
        assert!(reuse.decide(3, &Here).is_restored);
    }

    #[test]
    fn behind_a_cell_that_a_kernel_executed_without_a_record_nothing_is_known() {
        let home = recorded();
        let mut cells = cells();
        cells[2].tags.push(ALWAYS.to_owned());
        cells[3].source = cells[1].source.clone();
        for at in [None, Some("no such run")] {
            let mut reuse = reuse(home.path(), cells.clone(), ReuseOptions::default());
            assert!((1..=2).all(|number| reuse.decide(number, &Here).is_restored));
            assert!(!reuse.decide(3, &Here).is_restored);
            if let Some(at) = at {
                reuse.stand_at(at, None).unwrap();
            }
            assert_eq!(reuse.executed(3, at), None);
            assert_eq!(reuse.decide(4, &Here).why, ["`n0` comes from cell 3, which runs"]);
        }
    }

    #[test]
    fn what_was_reused_is_loaded_once_and_what_is_verified_is_compared_instead() {
        let home = recorded();
        let mut all = reuse(home.path(), cells(), ReuseOptions::default());
        reasons(&mut all);
        let load = all.before_execution(3).unwrap();
        assert_eq!((load.runs.len(), load.texts.len()), (4, 0));
        assert!(all.pending().is_empty());
        let wanted = ReuseOptions {
            verify: true,
            ..ReuseOptions::default()
        };
        let mut verified = reuse(home.path(), cells(), wanted);
        let decided = verified.decide(1, &Here);
        let run = decided.run.filter(|_| !decided.is_restored).unwrap();
        assert!(verified.pending().is_empty());
        assert_eq!(verified.executed(1, Some(&run)), Some(Vec::new()));
        assert_eq!(verified.executed(2, Some(&run)), None);
    }

    #[test]
    fn what_is_verified_is_not_compared_with_itself_where_only_the_notebook_that_this_one_is_a_copy_of_is_recorded() {
        let home = recorded();
        let wanted = ReuseOptions {
            verify: true,
            ..ReuseOptions::default()
        };
        let mut copy = reuse_at("/home/v/rounds.ipynb", home.path(), cells(), wanted);
        let run = copy.decide(1, &Here).run.unwrap();
        assert_eq!(copy.executed(1, Some(&run)), None);
    }

    #[test]
    fn without_a_store_or_a_usable_record_all_is_executed() {
        let home = tempfile::tempdir().unwrap();
        let mut none = reuse(home.path(), cells(), ReuseOptions::default());
        assert_eq!(reasons(&mut none), vec![vec![UNKNOWN]; 4]);
        none.stand_at("1", None).unwrap();
        assert!(none.begin_again(&[("a".to_owned(), "lost".to_owned())]).is_empty());
        none.origin = Err("nobody knows".to_owned());
        assert_eq!(reasons(&mut none), vec![vec!["nobody knows"]; 4]);
    }
}
