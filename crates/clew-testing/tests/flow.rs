//! Slices are sufficient: on a fresh kernel the runs of a slice, and no others, make equal values with the same aliases.

mod flow {
    mod carry;
    mod environments;
    mod moved;
    pub mod notebook;
    mod obstacles;
}

use std::collections::BTreeSet;

use clew_core::format::{Evidence, FileEvidence};
use clew_core::history::flow::{Flow, GapKind, Reason};
use clew_core::id::{Root, RootKind};
use clew_core::session::Request;
use clew_testing::toy::{World, run_cell};
use clew_testing::{Dice, Flavour, random_cell, same};

use self::flow::notebook::Notebook;

const FLAVOUR: Flavour = Flavour {
    hostile: false,
    live: false,
    failing: true,
    process: false,
};

fn slice_of(notebook: &Notebook, names: &[&str]) -> Vec<String> {
    let roots: Vec<Root> = names.iter().map(|name| Root::name(*name)).collect();
    let slice = notebook.flow().slice(notebook.at(), &roots);
    assert!(slice.gaps.iter().all(|gap| !gap.kind.is_fatal()), "{:?}", slice.gaps);
    slice.steps.iter().map(|step| notebook.label(step.run)).collect()
}

fn ran(cells: &[&str]) -> Notebook {
    let mut notebook = Notebook::new(1);
    cells.iter().for_each(|cell| notebook.run(cell));
    notebook
}

#[test]
fn a_slice_leaves_out_what_a_value_does_not_depend_on() {
    let notebook = ran(&[
        "a = int 1",
        "b = int 2",
        "c = list a",
        "append c b",
        "a = int 5",
        "d = list",
    ]);
    assert_eq!(slice_of(&notebook, &["c"]), ["2", "3", "4", "5"]);
    assert_eq!(slice_of(&notebook, &["a"]), ["6"]);
    assert_eq!(slice_of(&notebook, &["a", "d"]), ["6", "7"]);
}

#[test]
fn a_cell_that_only_makes_something_share_objects_with_a_value_is_left_out() {
    let notebook = ran(&["a = list", "m = deep 9", "r = list a m", "append a a"]);
    assert_eq!(slice_of(&notebook, &["a"]), ["2", "5"]);
    assert_eq!(slice_of(&notebook, &["r"]), ["2", "3", "4", "5"]);
}

#[test]
fn a_change_through_an_alias_is_followed_to_the_name_it_was_made_through() {
    let notebook = ran(&["a = list", "b = is a", "x = int 7", "append b x", "b = int 1"]);
    assert_eq!(slice_of(&notebook, &["a"]), ["2", "3", "4", "5"]);
    assert_eq!(slice_of(&notebook, &["b"]), ["6"]);
}

#[test]
fn a_name_bound_to_an_equal_list_shares_it_no_more() {
    let notebook = ran(&["a = list", "b = is a", "a = list", "x = int 7", "append b x"]);
    assert_eq!(slice_of(&notebook, &["a", "b"]), ["2", "3", "4", "5", "6"]);
    assert_eq!(slice_of(&notebook, &["b"]), ["2", "3", "5", "6"]);
}

#[test]
fn a_class_comes_with_what_was_counted_on_it_and_a_call_with_what_the_function_reads() {
    let notebook = ran(&[
        "class C",
        "i = new C",
        "z = deep 3",
        "count C n",
        "k = int 3",
        "def f reads k i",
        "y = call f",
    ]);
    assert_eq!(slice_of(&notebook, &["i"]), ["2", "3", "5"]);
    assert_eq!(slice_of(&notebook, &["y"]), ["2", "3", "5", "6", "7", "8"]);
}

#[test]
fn a_name_that_was_looked_for_in_vain_stays_away() {
    let notebook = ran(&["c = list", "def f reads c", "del c", "y = int 1\ny = call f"]);
    assert_eq!(slice_of(&notebook, &["y"]), ["2", "3", "4", "5"]);
}

#[test]
fn draws_come_with_the_draws_before_them() {
    let notebook = ran(&["draw a", "b = int 1", "draw c"]);
    let slice = notebook.flow().slice(notebook.at(), &[Root::name("c")]);
    let runs: Vec<String> = slice.steps.iter().map(|step| notebook.label(step.run)).collect();
    assert_eq!(runs, ["2", "4"]);
    assert_eq!(slice.gaps.len(), 1);
    assert_eq!(slice.gaps[0].kind, GapKind::NotSeeded);
}

#[test]
fn a_file_comes_with_the_run_that_wrote_it() {
    let mut notebook = Notebook::new(1);
    let file = |path: &str| {
        vec![FileEvidence {
            path: path.to_owned(),
            ..FileEvidence::default()
        }]
    };
    notebook.run("x = int 1");
    notebook.run_with("y = int 2", |evidence| evidence.files_written = file("/work/data"));
    notebook.run_with("y = int 3", |evidence| evidence.files_written = file("/work/other.csv"));
    notebook.run_with("z = int 4", |evidence| evidence.files_read = file("/work/data/a.csv"));
    assert_eq!(slice_of(&notebook, &["z"]), ["3", "5"]);
}

#[test]
fn what_no_cell_made_is_a_gap() {
    let mut notebook = ran(&["a = list", "b = list a"]);
    notebook.outside("append a a");
    let slice = notebook.flow().slice(notebook.at(), &[Root::name("b")]);
    assert!(
        slice.gaps.iter().any(|gap| gap.kind == GapKind::Outside),
        "{:?}",
        slice.gaps
    );
}

#[test]
fn what_a_restore_brought_is_followed_to_the_line_it_was_made_on() {
    let mut notebook = ran(&["a = list", "x = int 1000", "append a x"]);
    notebook.go(&Request::Undo(1));
    notebook.run("x = int 2000");
    notebook.restore("4", &["a"]);
    notebook.run("b = list a x");
    assert_eq!(slice_of(&notebook, &["a"]), ["2", "3", "4"]);
    // Run 5 binds `x` anew; run 4 needs the one before, so the order of the runs is that of the lines.
    assert_eq!(slice_of(&notebook, &["b"]), ["2", "3", "4", "5", "6"]);
}

#[test]
fn stale_runs_are_those_whose_inputs_changed_and_what_follows_from_them() {
    let notebook = ran(&[
        "a = int 1",
        "b = list a",
        "c = list b",
        "l = list",
        "append l a",
        "a = int 2",
    ]);
    let flow = notebook.flow();
    let stale = flow.stale(notebook.at(), &notebook.environments(), &|_| true);
    let told: Vec<(String, String)> = stale
        .iter()
        .map(|stale| {
            let reason = match &stale.reasons[0] {
                Reason::Changed { root, by } => format!("{root} changed in {}", notebook.label(*by)),
                Reason::Through { root, run } => format!("{root} through {}", notebook.label(*run)),
                other => format!("{other:?}"),
            };
            (notebook.label(stale.run), reason)
        })
        .collect();
    let expected = [("3", "a changed in 7"), ("4", "b through 3"), ("6", "a changed in 7")];
    assert_eq!(told, expected.map(|(run, why)| (run.to_owned(), why.to_owned())));
}

#[test]
fn a_value_that_is_what_it_was_again_makes_nothing_stale() {
    let notebook = ran(&["a = int 1", "b = list a", "a = int 2", "a = int 1"]);
    assert!(
        notebook
            .flow()
            .stale(notebook.at(), &notebook.environments(), &|_| true)
            .is_empty()
    );
    // Sharing an input is no change of it.
    let notebook = ran(&["a = list", "b = tuple a", "c = list a"]);
    assert!(
        notebook
            .flow()
            .stale(notebook.at(), &notebook.environments(), &|_| true)
            .is_empty()
    );
}

/// What was tried.
#[derive(Default, Debug)]
struct Tally {
    slices: usize,
    gaps: usize,
    runs: usize,
    left_out: usize,
}

/// A random session: cells, undo, redo, switches, restores.
fn play(dice: &mut Dice, seed: u64) -> Notebook {
    let mut notebook = Notebook::new(seed);
    for _ in 0..14 {
        match dice.below(12) {
            0 => notebook.go(&Request::Undo(1 + dice.below(3))),
            1 => notebook.go(&Request::Redo(1)),
            2 => {
                let labels = notebook.labels();
                let label = dice.pick(&labels).clone();
                notebook.go(&Request::Switch(label));
            }
            3 => {
                let labels = notebook.labels();
                let label = dice.pick(&labels).clone();
                notebook.restore(&label, &[*dice.pick(&["a", "b", "c", "d"])]);
            }
            _ => {
                let cell = random_cell(dice, notebook.world(), FLAVOUR);
                // What only a weak reference sees die, and memory that a frame copies or not by who else sees it, no name
                // tells.
                let is_told = |line: &&str| !["weak", "frame", "columns"].iter().any(|word| line.contains(word));
                let cell: Vec<&str> = cell.lines().filter(is_told).collect();
                notebook.run(&cell.join("\n"));
            }
        }
    }
    notebook
}

/// Replays the slice of `roots` on a fresh kernel and compares.
fn check(notebook: &Notebook, flow: &Flow<'_>, roots: &[Root], tally: &mut Tally) -> Result<(), String> {
    let slice = flow.slice(notebook.at(), roots);
    if slice.gaps.iter().any(|gap| gap.kind.is_fatal()) {
        tally.gaps += 1;
        return Ok(());
    }
    let mut fresh = World::new(1);
    let mut script = String::new();
    for step in &slice.steps {
        let (source, count) = notebook.source(step.run);
        let _ = run_cell(&mut fresh, &source, count);
        script.extend(["# run ", &notebook.label(step.run), "\n", &source, "\n"]);
    }
    tally.slices += 1;
    tally.runs += slice.steps.len();
    tally.left_out += notebook.cells_on_line() - slice.steps.len().min(notebook.cells_on_line());
    let wanted: BTreeSet<Root> = roots.iter().cloned().collect();
    same(notebook.world(), &fresh, Some(&wanted)).map_err(|what| format!("{roots:?}: {what}\n{script}"))
}

#[test]
fn p05_replaying_only_the_slice_gives_equal_values_for_random_programs() {
    let mut tally = Tally::default();
    let first = std::env::var("CLEW_SEED").map_or(0, |seed| seed.parse().unwrap_or(0));
    let programs = if std::env::var_os("CLEW_LONG").is_some() {
        5_000
    } else {
        120
    };
    for seed in first..programs {
        let mut dice = Dice::new(seed);
        let notebook = play(&mut dice, seed);
        let flow = notebook.flow();
        let bound = notebook.world().bound.keys().filter(|root| root.kind == RootKind::Name);
        let names: Vec<Root> = bound.cloned().collect();
        let mut asked: Vec<Vec<Root>> = names.iter().map(|name| vec![name.clone()]).collect();
        asked.extend(names.chunks(2).map(<[Root]>::to_vec));
        asked.push(names);
        for roots in asked.iter().filter(|roots| !roots.is_empty()) {
            check(&notebook, &flow, roots, &mut tally)
                .unwrap_or_else(|what| panic!("seed {seed}: {what}\nwhole:\n{}", notebook.told()));
        }
    }
    println!("{programs} programs: {tally:?}");
    assert!(tally.slices > 10 * tally.gaps, "{tally:?}");
    assert!(tally.left_out > tally.runs / 2, "slices leave little out: {tally:?}");
}

#[test]
fn evidence_of_a_toy_cell_tells_what_it_read_before_it_bound_it() {
    let mut world = World::new(1);
    run_cell(&mut world, "a = list\nb = list", 1).unwrap();
    let found: Evidence = clew_testing::evidence_of(&world, "a = list b\nappend a b\nc = is a\nfail\nd = is a", 2);
    assert_eq!(found.reads, ["b"]);
    assert_eq!(found.binds, ["a", "c"]);
}
