//! A state that is carried to another store by a plan, and resumed there: each name arrives as it was, sent or replayed as the plan said.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use clew_core::format::{Ending, RunKind};
use clew_core::history::History;
use clew_core::id::{HistoryId, ManifestId, Root, RootKind};
use clew_core::plan::carry::{CarryPlan, EmptyTarget, LinkSpeed, LoadingSpeed, Rates};
use clew_core::plan::cut::Cost;
use clew_core::plan::{Outcome, OutcomeKind, Report};
use clew_core::record::RunInput;
use clew_core::session::{Request, RestoreOptions, StoredVersions, plan_move};
use clew_core::store::{OutgoingHistory, Store, Trust};
use clew_testing::disk::SimDisk;
use clew_testing::machine::other_process;
use clew_testing::recording::{key_of, session_of, store_of};
use clew_testing::toy::{ToyKernel, World, run_cell};
use clew_testing::{Dice, Flavour, evidence_of, random_cell};

use super::notebook::{KEY, Notebook};

/// A way over which so many bytes go a second, to a place where a process takes that long to start.
fn rates(bytes_a_second: f64, start: f64) -> Rates {
    Rates {
        link: LinkSpeed::direct(bytes_a_second),
        loading: LoadingSpeed {
            by_codec: BTreeMap::new(),
            all: 1e12,
        },
        start: Cost::of_seconds(start),
        records: 0,
    }
}

const SLOW: f64 = 100.0;

/// Cells that do what they say.
const QUIET: Flavour = Flavour {
    hostile: false,
    live: false,
    failing: false,
    process: false,
};

/// Another machine's disk, and the history that was carried there.
struct There {
    disk: SimDisk,
    history: HistoryId,
    lives: u64,
}

/// What came of a resume in a new process.
struct Resumed {
    report: Report,
    world: World,
    replays: u64,
}

fn plan_of(notebook: &Notebook, rates: &Rates, budget: Option<u64>) -> CarryPlan {
    let stored = StoredVersions::of(notebook.store().0);
    plan_move(
        (notebook.history(), notebook.at()),
        &stored,
        &EmptyTarget,
        rates,
        budget,
    )
    .unwrap()
}

fn carry(from: &Store, plan: &CarryPlan, there: Option<There>) -> There {
    let (history, _) = from.histories().unwrap().into_iter().next().unwrap();
    let there = there.unwrap_or_else(|| There {
        disk: SimDisk::new(9),
        history,
        lives: 50,
    });
    let kept: BTreeSet<ManifestId> = plan.sent.iter().map(|sent| sent.manifest).collect();
    let outgoing = OutgoingHistory::with(from, history, &|value| kept.contains(value)).unwrap();
    there.take(&outgoing);
    there
}

impl There {
    fn store(&self) -> Store {
        store_of(&self.disk, &key_of(KEY))
    }

    fn take(&self, outgoing: &OutgoingHistory) {
        let goes_on = &mut |_| ControlFlow::Continue(());
        let carried = self.store().receive_from(outgoing, 9, goes_on).unwrap();
        assert_eq!((carried.damage.len(), carried.contradictions.len()), (0, 0));
        // What the plan left out is told from what is lost.
        assert_eq!(self.store().verify(true).unwrap().damage, []);
    }

    fn kernel(&mut self) -> ToyKernel {
        self.lives += 1;
        let mut kernel = ToyKernel::new(self.lives);
        let trust = Trust::own(key_of(KEY).public());
        kernel.others.run = Some(other_process(&self.disk, self.history, self.lives, &trust));
        kernel
    }

    /// A new process resumes, and runs a cell if it is told one.
    fn resumes(&mut self, more: Option<&dyn Fn(&World) -> String>) -> Resumed {
        let mut session = session_of(&self.disk, &key_of(KEY), self.history);
        let mut kernel = self.kernel();
        session.start(&mut kernel).unwrap();
        let report = session.perform(&mut kernel, &Request::Resume(None), RestoreOptions::default());
        let report = report.unwrap();
        if let Some(more) = more {
            let source = more(&kernel.world);
            let evidence = evidence_of(&kernel.world, &source, 90);
            let ended = run_cell(&mut kernel.world, &source, 90);
            let input = RunInput {
                source: Some(source),
                execution_count: Some(90),
                ending: ended.map_or(Ending::Interrupted, |()| Ending::Done),
                evidence,
                ..RunInput::silent(RunKind::Cell, 0)
            };
            session.record(&mut kernel, input).unwrap();
        }
        Resumed {
            replays: kernel.others.count,
            report,
            world: kernel.world,
        }
    }
}

impl Resumed {
    fn word(&self, name: &str) -> OutcomeKind {
        let found = self
            .report
            .outcomes
            .iter()
            .find(|outcome| outcome.root == Root::name(name));
        found
            .unwrap_or_else(|| panic!("{name} has no outcome: {:?}", self.report))
            .kind
    }

    fn why(&self, name: &str) -> &str {
        let found = self
            .report
            .outcomes
            .iter()
            .find(|outcome| outcome.root == Root::name(name));
        found.and_then(|outcome| outcome.why.as_deref()).unwrap_or_default()
    }
}

/// Holds what came of each root against what the plan said of it.
fn hold_against(plan: &CarryPlan, resumed: &Resumed, here: &BTreeSet<Root>) {
    let word = |root: &Root| resumed.report.outcomes.iter().find(|outcome| outcome.root == *root);
    let is_told = |root: &&Root| matches!(root.kind, RootKind::Name | RootKind::Out);
    let sent = plan
        .sent
        .iter()
        .filter(|sent| sent.is_wanted)
        .flat_map(|sent| &sent.roots);
    for root in sent.filter(is_told) {
        let found = word(root).unwrap_or_else(|| panic!("{root} was sent and has no outcome"));
        assert_eq!(
            (found.kind, &found.why),
            (OutcomeKind::Restored, &None),
            "{root} was sent"
        );
    }
    for root in plan.replayed.iter().flat_map(|made| &made.roots).filter(is_told) {
        let found = word(root).unwrap_or_else(|| panic!("{root} was left out and has no outcome"));
        // Of what was left out everything may be there all the same, as a part of what was sent.
        let expected = if here.contains(root) {
            OutcomeKind::Restored
        } else {
            OutcomeKind::Rerun
        };
        assert_eq!(found.kind, expected, "{root} was left out: {:?}", found.why);
    }
    for root in plan.unattainable.iter().flat_map(|lost| &lost.roots).filter(is_told) {
        let found = word(root).unwrap_or_else(|| panic!("{root} is lost and nobody says so"));
        assert!(
            found.kind == OutcomeKind::Lost && found.why.is_some(),
            "{root}: {found:?}"
        );
    }
}

/// A cell; a plain one has no tuples and no long texts. Which of them two co-variables share is nowhere on record, so what a replay makes of
/// two such values may have two where there was one, and is then said to be another. Nor has it classes: in the toy's other process they
/// get other ids.
fn cell(dice: &mut Dice, world: &World, flavour: Flavour, is_plain: bool) -> String {
    let cell = random_cell(dice, world, flavour);
    if is_plain {
        let cell = cell.replace("text a text that is longer than that,", "int");
        let cell = cell.replace("= tuple", "= list");
        let lines = cell.lines().filter(|line| !line.starts_with("class "));
        return lines.collect::<Vec<_>>().join("\n");
    }
    cell
}

/// A random session of cells that take random times; some names change between cells, and some moves.
fn play(dice: &mut Dice, seed: u64, is_plain: bool) -> Notebook {
    let flavour = Flavour {
        // What no constructor builds is lost at home, too.
        hostile: false,
        live: false,
        failing: seed.is_multiple_of(2),
        process: false,
    };
    let mut notebook = Notebook::new(seed);
    for _ in 0..8 {
        match dice.below(12) {
            0 => notebook.go(&Request::Undo(1 + dice.below(2))),
            1 => {
                let cell = cell(dice, notebook.world(), QUIET, is_plain);
                // What a thread can't do it does not.
                if run_cell(&mut notebook.world().clone(), &cell, 0).is_ok() {
                    notebook.outside(&cell);
                }
            }
            _ => {
                let cell = cell(dice, notebook.world(), flavour, is_plain);
                notebook.run_for([0, 1, 1, 30][dice.below(4) as usize], &cell);
            }
        }
    }
    notebook
}

#[test]
fn p03_whatever_a_plan_sends_each_name_arrives_equal_sent_or_replayed_as_it_said() {
    let (mut replayed, mut sent, mut lost) = (0, 0, 0);
    for seed in 0..90 {
        let (mut dice, is_plain) = (Dice::new(seed), !seed.is_multiple_of(3));
        let notebook = play(&mut dice, seed, is_plain);
        let rate = *dice.pick(&[1.0, 20.0, SLOW, 1e4, 1e9]);
        let start = if dice.one_in(2) { 0.0 } else { 1.0 };
        let rates = rates(rate, start);
        let free = plan_of(&notebook, &rates, None);
        let budget = dice.one_in(2).then_some(free.bytes * 3 / 4);
        let stored = StoredVersions::of(notebook.store().0);
        let within = plan_move(
            (notebook.history(), notebook.at()),
            &stored,
            &EmptyTarget,
            &rates,
            budget,
        );
        // What is too small for a budget is refused, and nothing goes.
        let plan = within.unwrap_or(free);
        let mut there = carry(notebook.store().0, &plan, None);
        let (store, at) = (there.store(), notebook.at());
        let loaded = store.load(there.history).unwrap();
        let state = History::of(&loaded).state(at);
        let whole = state
            .versions()
            .filter(|version| store.parts_of(version.manifest).is_ok());
        let here: BTreeSet<Root> = whole.flat_map(|version| version.roots.clone()).collect();
        let first = there.resumes(None);
        let is_back = |outcome: &&Outcome| matches!(outcome.kind, OutcomeKind::Restored | OutcomeKind::Rerun);
        let others = first.report.outcomes.iter();
        let mut others = others.filter(|outcome| matches!(outcome.kind, OutcomeKind::NotIdentical | OutcomeKind::Lost));
        assert!(
            others.all(|outcome| outcome.why.is_some()),
            "{seed}: {:?}",
            first.report
        );
        if is_plain {
            hold_against(&plan, &first, &here);
        }
        let back = first.report.outcomes.iter().filter(is_back);
        let good: BTreeSet<Root> = back
            .map(|outcome| outcome.root.clone())
            .filter(|root| root.kind != RootKind::Definition)
            .collect();
        clew_testing::same(&first.world, notebook.world(), Some(&good)).unwrap_or_else(|why| panic!("{seed}: {why}"));
        replayed += first.report.count(OutcomeKind::Rerun);
        sent += first.report.count(OutcomeKind::Restored);
        lost += first.report.count(OutcomeKind::Lost);
        if first.report.is_exact() {
            // What was made there is gone on with, and what comes of that is kept.
            let mut more = Dice::new(seed + 1_000);
            let cell = cell(&mut more, &first.world, QUIET, is_plain);
            let second = there.resumes(Some(&|_| cell.clone()));
            let third = there.resumes(None);
            assert!(third.report.is_exact(), "{seed}: {:?}", third.report);
            clew_testing::same(&third.world, &second.world, None).unwrap_or_else(|why| panic!("{seed}: {why}"));
        }
    }
    println!("{sent} sent, {replayed} replayed, {lost} lost");
    assert!(
        replayed > 30 && sent > 100,
        "{sent} sent, {replayed} replayed, {lost} lost"
    );
}

#[test]
fn p05_aliases_and_views_are_one_again_where_they_were_made_there() {
    let mut notebook = Notebook::new(1);
    notebook.run_for(1, "a = bytes 60000 7\nv = view a 8 16");
    notebook.run_for(
        1,
        "d = dict k=a m=v\nn = int 5\nm = int 5\nbig = int 7000\nsame = is big",
    );
    notebook.run_for(3_000, "small = text a number that took an hour to find");
    let plan = plan_of(&notebook, &rates(SLOW, 0.0), None);
    assert!(plan.bytes < 1_000 && plan.replayed.len() == 2, "{plan:?}");
    let mut there = carry(notebook.store().0, &plan, None);
    let resumed = there.resumes(None);
    assert!(resumed.report.is_exact(), "{:?}", resumed.report);
    for name in ["a", "v", "d"] {
        assert_eq!(resumed.word(name), OutcomeKind::Rerun);
    }
    assert_eq!(resumed.word("small"), OutcomeKind::Restored);
    clew_testing::same(&resumed.world, notebook.world(), None).unwrap();
    clew_testing::bound_alike(&resumed.world, notebook.world()).unwrap();
    assert!(resumed.replays > 0);
    // The rest comes later, and then nothing has to run.
    let all = OutgoingHistory::of(notebook.store().0, there.history).unwrap();
    there.take(&all);
    let resumed = there.resumes(None);
    assert_eq!((resumed.word("a"), resumed.replays), (OutcomeKind::Restored, 0));
    assert_eq!(there.store().verify(true).unwrap().damage, []);
}

#[test]
fn p06_a_cell_of_which_something_else_comes_there_says_so() {
    let mut notebook = Notebook::new(1);
    notebook.run_otherwise("x = bytes 60000 7", "x = bytes 60000 8");
    notebook.run_for(1_000, "y = text another");
    let plan = plan_of(&notebook, &rates(SLOW, 0.0), None);
    assert_eq!(plan.replayed.len(), 1);
    let mut there = carry(notebook.store().0, &plan, None);
    let resumed = there.resumes(None);
    assert_eq!(resumed.word("x"), OutcomeKind::NotIdentical, "{:?}", resumed.report);
    assert!(!resumed.why("x").is_empty() && !resumed.report.is_exact());
    assert_eq!(resumed.word("y"), OutcomeKind::Restored);
}

#[test]
fn p06_what_a_plan_could_not_have_is_lost_there_and_said() {
    let mut notebook = Notebook::new(1);
    notebook.run("g = handle");
    notebook.run("advance g\nx = int 4000");
    let plan = plan_of(&notebook, &rates(SLOW, 0.0), None);
    assert_eq!(plan.unattainable.len(), 1);
    let mut there = carry(notebook.store().0, &plan, None);
    let resumed = there.resumes(None);
    assert_eq!(
        (resumed.word("g"), resumed.word("x")),
        (OutcomeKind::Lost, OutcomeKind::Restored)
    );
    assert!(!resumed.why("g").is_empty());
}

#[test]
fn p11_somebody_elses_cells_are_not_replayed_there_unasked() {
    let mut notebook = Notebook::new(1);
    notebook.run_for(1, "a = bytes 60000 7");
    let plan = plan_of(&notebook, &rates(SLOW, 0.0), None);
    let there = carry(notebook.store().0, &plan, None);
    let mut session = session_of(&there.disk, &key_of(KEY + 1), there.history);
    let mut kernel = ToyKernel::new(60);
    let trust = Trust::own(key_of(KEY + 1).public());
    kernel.others.run = Some(other_process(&there.disk, there.history, 60, &trust));
    session.start(&mut kernel).unwrap();
    let report = session.perform(&mut kernel, &Request::Resume(None), RestoreOptions::default());
    let report = report.unwrap();
    assert_eq!(
        (report.count(OutcomeKind::Lost), kernel.others.count),
        (1, 0),
        "{report:?}"
    );
}

#[test]
fn what_a_place_has_is_left_out_of_the_next_plan() {
    let mut notebook = Notebook::new(1);
    notebook.run_for(1_000, "a = bytes 60000 7");
    let first = plan_of(&notebook, &rates(1e9, 0.0), None);
    let there = carry(notebook.store().0, &first, None);
    notebook.run_for(1_000, "poke a 30000 9\nb = noise 5000 1");
    let next = plan_of(&notebook, &rates(1e9, 0.0), None);
    let there = carry(notebook.store().0, &next, Some(there));
    let mut there = there;
    let resumed = there.resumes(None);
    assert!(resumed.report.is_exact(), "{:?}", resumed.report);
    assert_eq!((resumed.word("a"), resumed.replays), (OutcomeKind::Restored, 0));
    clew_testing::same(&resumed.world, notebook.world(), None).unwrap();
}
