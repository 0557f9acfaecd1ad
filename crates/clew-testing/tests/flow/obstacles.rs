//! A notebook that is run again after an edit: cells that nothing reaches do not run, and all comes out as if every cell had run.

use std::collections::BTreeSet;

use clew_core::format::{Ending, HistoryDescription, RunKind};
use clew_core::history::flow::{ExecutionContext, Flow, ReuseObstacle};
use clew_core::history::{Environments, State};
use clew_core::id::{HistoryId, Root, RunId};
use clew_core::record::RunInput;
use clew_core::session::{Request, RestoreOptions, ReusedRun, Session};
use clew_core::store::Store;
use clew_testing::disk::SimDisk;
use clew_testing::recording::{key_of, session_of, store_of};
use clew_testing::toy::{CellError, ToyKernel, World, run_cell};
use clew_testing::{Dice, Flavour, Unchanged, evidence_of, random_cell};

use super::notebook::KEY;

/// Cells that do what they say.
const QUIET: Flavour = Flavour {
    hostile: false,
    live: false,
    failing: false,
    process: false,
};

/// A notebook's history, and how often it was run.
struct Desk {
    disk: SimDisk,
    history: HistoryId,
}

/// What came of running a notebook.
#[derive(Debug)]
struct Ran {
    world: World,
    /// Cells that ran, by their places.
    executed: Vec<usize>,
    taken: usize,
    /// Values that were still in the store when a cell ran.
    left: usize,
    is_done: bool,
}

/// What is brought before a cell runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bringing {
    All,
    /// What it may read.
    Needed,
}

impl Desk {
    fn new(seed: u64) -> Self {
        let disk = SimDisk::new(seed);
        let store = store_of(&disk, &key_of(KEY));
        let history = store.create_history(&HistoryDescription::default()).unwrap();
        Self { disk, history }
    }

    fn store(&self) -> Store {
        store_of(&self.disk, &key_of(KEY))
    }

    /// Runs a notebook in a new kernel, but for the cells that need not run.
    fn run(&self, cells: &[String], bringing: Bringing) -> Ran {
        let store = self.store();
        let mut session = session_of(&self.disk, &key_of(KEY), self.history);
        let mut kernel = ToyKernel::new(1);
        session.start(&mut kernel).unwrap();
        let mut found = ExecutionContext {
            state: session.live_state(),
            ..ExecutionContext::default()
        };
        let (mut pending, mut executed, mut taken, mut left) = (Vec::new(), Vec::new(), 0, 0);
        let mut is_done = true;
        for (place, cell) in cells.iter().enumerate() {
            if let Some(run) = stands_for(&session, &store, cell, place, &found) {
                found.reuse(session.history(), &run);
                let (cell, execution_count) = (None, Some(place as u64 + 1));
                pending.push(ReusedRun {
                    run,
                    history: self.history,
                    cell,
                    execution_count,
                    directory: None,
                });
                taken += 1;
                continue;
            }
            let needed = (bringing == Bringing::Needed).then(|| named(cells, place));
            bring(&mut session, &mut kernel, &mut pending, &found, needed);
            left += session.left().versions().count();
            executed.push(place);
            is_done = record(&mut session, &mut kernel, cell, place);
            found.state = State::clone(&session.history().state(session.at().unwrap()));
            if !is_done {
                break;
            }
        }
        bring(&mut session, &mut kernel, &mut pending, &found, None);
        let world = kernel.world;
        Ran {
            world,
            executed,
            taken,
            left,
            is_done,
        }
    }
}

/// What a cell may read or bind where all before it ran.
fn named(cells: &[String], place: usize) -> BTreeSet<Root> {
    let evidence = evidence_of(&full(&cells[..place]), &cells[place], place as u64 + 1);
    let names = evidence
        .reads
        .iter()
        .chain(&evidence.writes)
        .chain(&evidence.binds)
        .chain(&evidence.later);
    names.map(Root::name).collect()
}

/// The newest run of the same code, in the same place of the notebook, that may be taken.
fn stands_for(session: &Session, store: &Store, cell: &str, place: usize, found: &ExecutionContext) -> Option<RunId> {
    let history = session.history();
    let flow = Flow::new(history, store);
    let environments = Environments::of(history);
    let is_of_cell = |run: &clew_core::format::Run| {
        let source = run.source.and_then(|source| store.blob(source).ok());
        run.execution_count == Some(place as u64 + 1) && source.is_some_and(|source| *source == *cell)
    };
    let recorded = history.runs().rev().filter(|(_, run)| is_of_cell(run));
    recorded.map(|(id, _)| *id).find(|id| {
        flow.obstacles(&flow.place(*id), found, &environments, &Unchanged)
            .is_empty()
    })
}

/// Has the kernel hold what cells left that did not run; of that what is needed, or all.
fn bring(
    session: &mut Session,
    kernel: &mut ToyKernel,
    pending: &mut Vec<ReusedRun>,
    found: &ExecutionContext,
    needed: Option<BTreeSet<Root>>,
) {
    let last = session.reuse(kernel, pending).unwrap();
    if last.is_none() && session.left().is_empty() {
        return;
    }
    let last = last.or(session.at()).unwrap();
    assert_eq!(*session.history().state(last), found.state);
    let revision = last.to_string();
    let request = match needed {
        None => Request::Switch(revision),
        Some(needed) => Request::SwitchFor {
            revision,
            needed,
            at_least: 0,
        },
    };
    let report = session.perform(kernel, &request, RestoreOptions::default()).unwrap();
    assert!(report.is_exact(), "{report:?}");
    assert_eq!((session.live_state(), session.at()), (found.state.clone(), Some(last)));
    pending.clear();
}

/// Runs a cell; whether it came to its end.
fn record(session: &mut Session, kernel: &mut ToyKernel, cell: &str, place: usize) -> bool {
    let count = place as u64 + 1;
    let evidence = evidence_of(&kernel.world, cell, count);
    let ended = run_cell(&mut kernel.world, cell, count);
    let is_done = ended.is_ok();
    let input = RunInput {
        source: Some(cell.to_owned()),
        execution_count: Some(count),
        ending: match ended {
            Ok(()) => Ending::Done,
            Err(CellError::Interrupted) => Ending::Interrupted,
            Err(CellError::Raised(exception)) => Ending::Failed { exception },
        },
        evidence,
        ..RunInput::silent(RunKind::Cell, 0)
    };
    session.record(kernel, input).unwrap();
    is_done
}

/// All cells in a fresh kernel, up to the first that fails.
fn full(cells: &[String]) -> World {
    let mut world = ToyKernel::new(1).world;
    for (place, cell) in cells.iter().enumerate() {
        if run_cell(&mut world, cell, place as u64 + 1).is_err() {
            break;
        }
    }
    world
}

/// A notebook of random cells, each of which does something in what those before it left.
fn notebook(dice: &mut Dice, cells: usize) -> Vec<String> {
    let mut world = ToyKernel::new(1).world;
    let mut written = Vec::new();
    for place in 0..cells {
        written.push(cell_for(dice, &mut world, place));
    }
    written
}

fn cell_for(dice: &mut Dice, world: &mut World, place: usize) -> String {
    loop {
        // Among few, so that often what is bound is bound so already.
        let plain = |dice: &mut Dice| {
            format!(
                "{} = int {}",
                ["a", "b", "c"][dice.below(3) as usize],
                4000 + dice.below(2)
            )
        };
        let cell = if dice.one_in(3) {
            plain(dice)
        } else {
            random_cell(dice, world, QUIET)
        };
        let mut after = world.clone();
        if run_cell(&mut after, &cell, place as u64 + 1).is_ok() {
            *world = after;
            return cell;
        }
    }
}

/// Changes a cell, puts one in, takes one out, or puts one somewhere else.
fn edit(dice: &mut Dice, cells: &mut Vec<String>) {
    let place = dice.below(cells.len() as u64) as usize;
    let mut world = full(&cells[..place]);
    match dice.below(4) {
        0 | 1 => cells[place] = cell_for(dice, &mut world, place),
        2 => cells.insert(place, cell_for(dice, &mut world, place)),
        _ => {
            let cell = cells.remove(place);
            if dice.one_in(2) {
                let other = dice.below(cells.len() as u64 + 1) as usize;
                cells.insert(other, cell);
            }
        }
    }
}

#[test]
fn p03_an_edited_notebook_comes_out_as_if_every_cell_had_run() {
    let (executed, taken, _) = edited(Bringing::All);
    assert!(taken > executed, "{executed} cells ran, {taken} did not");
}

#[test]
fn p03_what_a_cell_can_not_read_stays_in_the_store_and_all_comes_out_as_if_every_cell_had_run() {
    let (executed, _, left) = edited(Bringing::Needed);
    assert!(
        left > executed,
        "{left} values stayed in the store while {executed} cells ran"
    );
}

/// Edits notebooks and runs them; how many cells ran, how many did not, and how many values stayed in the store meanwhile.
fn edited(bringing: Bringing) -> (usize, usize, usize) {
    let (mut executed, mut taken, mut left) = (0, 0, 0);
    for seed in 0..150 {
        let mut dice = Dice::new(seed);
        let desk = Desk::new(seed);
        let mut cells = notebook(&mut dice, 8);
        let first = desk.run(&cells, bringing);
        assert_eq!((first.executed.len(), first.is_done), (cells.len(), true), "{seed}");
        let same = desk.run(&cells, bringing);
        assert_eq!((same.executed.as_slice(), same.taken), (&[][..], cells.len()), "{seed}");
        for step in 0..4 {
            edit(&mut dice, &mut cells);
            let ran = desk.run(&cells, bringing);
            let told = || format!("{seed}, {step}: {ran:?}\n{}", cells.join("---\n"));
            clew_testing::same(&ran.world, &full(&cells), None).unwrap_or_else(|why| panic!("{why}\n{}", told()));
            executed += ran.executed.len();
            taken += ran.taken;
            left += ran.left;
            if !ran.is_done {
                break;
            }
        }
    }
    println!("{executed} cells ran, {taken} did not, {left} values stayed in the store");
    (executed, taken, left)
}

#[test]
fn p03_a_run_that_left_a_name_as_it_was_leaves_it_where_it_is_another() {
    let desk = Desk::new(2);
    let cells: Vec<String> = ["a = int 4000", "b = list a"].map(str::to_owned).to_vec();
    let store = desk.store();
    let mut session = session_of(&desk.disk, &key_of(KEY), desk.history);
    let mut kernel = ToyKernel::new(1);
    session.start(&mut kernel).unwrap();
    // All cells twice in one session: the second time `a` gets what it had.
    for _ in 0..2 {
        for (place, cell) in cells.iter().enumerate() {
            assert!(record(&mut session, &mut kernel, cell, place));
        }
    }
    let second = session
        .history()
        .runs()
        .rfind(|(_, run)| run.execution_count == Some(1));
    let (second, run) = second.unwrap();
    assert!(run.changed.is_empty(), "{run:?}");
    let flow = Flow::new(session.history(), &store);
    let environments = Environments::of(session.history());
    let mut found = ExecutionContext::default();
    assert_eq!(
        flow.obstacles(&flow.place(*second), &found, &environments, &Unchanged),
        []
    );
    found.reuse(session.history(), second);
    let state = session.history().state(*second);
    assert_eq!(found.state.version(&Root::name("a")), state.version(&Root::name("a")));
    drop(flow);
    drop(session);
    let ran = desk.run(&cells, Bringing::All);
    clew_testing::same(&ran.world, &full(&cells), None).unwrap();
}

#[test]
fn what_stands_against_a_run_says_which_input_it_is() {
    let desk = Desk::new(1);
    let cells: Vec<String> = ["a = int 4000", "b = list a", "c = int 6000"]
        .map(str::to_owned)
        .to_vec();
    desk.run(&cells, Bringing::All);
    let mut edited = cells.clone();
    edited[0] = "a = int 5000".to_owned();
    let ran = desk.run(&edited, Bringing::All);
    // What reads `a` runs, what does not need not.
    assert_eq!(ran.executed, [0, 1]);
    let store = desk.store();
    let session = session_of(&desk.disk, &key_of(KEY), desk.history);
    let flow = Flow::new(session.history(), &store);
    let of_b = session.history().runs().find(|(_, run)| run.execution_count == Some(2));
    let place = flow.place(*of_b.unwrap().0);
    let environments = Environments::of(session.history());
    let obstacles = flow.obstacles(&place, &ExecutionContext::default(), &environments, &Unchanged);
    let inputs: Vec<Root> = obstacles
        .into_iter()
        .filter_map(|obstacle| match obstacle {
            ReuseObstacle::Input { root, now: None, .. } => Some(root),
            _ => None,
        })
        .collect();
    assert!(inputs.contains(&Root::name("a")), "{inputs:?}");
    // Back to what it was: what was recorded first stands for all.
    assert_eq!(desk.run(&cells, Bringing::All).executed, [0; 0]);
}
