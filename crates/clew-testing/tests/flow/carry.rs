//! What it would take to carry a state to another place: what is sent, what is replayed there, and what can't be had.

use std::collections::BTreeMap;

use clew_core::format::{
    Action, Encoding, Evidence, FileEvidence, Manifest, Operation, RECORD_VERSION, RunKind, Version, View,
};
use clew_core::history::History;
use clew_core::history::flow::{Flow, ValueSource};
use clew_core::id::{BlobId, Fingerprint, HistoryId, ManifestId, OperationId, Root, RootKind, RunId, SessionId};
use clew_core::plan::carry::{
    CarryObstacle, CarryPlan, CarryRequest, EmptyTarget, LinkSpeed, LoadingSpeed, PlanAlternative, Rates,
    SendableManifest, SentVersion, Stock, Target,
};
use clew_core::plan::cut::{Cost, Optimality, ReplayProhibition, SendObstacle};
use clew_core::session::{PlanError, StoredVersions, plan_move};
use clew_testing::bare_run;

use super::notebook::Notebook;

/// So many bytes a second go over the way there; loading takes next to nothing.
fn rates(bytes_a_second: f64) -> Rates {
    Rates {
        link: LinkSpeed::direct(bytes_a_second),
        loading: LoadingSpeed {
            by_codec: BTreeMap::new(),
            all: 1e12,
        },
        start: Cost::ZERO,
        records: 0,
    }
}

fn plan_to(notebook: &Notebook, target: &dyn Target, rates: &Rates, budget: Option<u64>) -> CarryPlan {
    let store = notebook.store().0;
    let stored = StoredVersions::of(store);
    plan_move((notebook.history(), notebook.at()), &stored, target, rates, budget).unwrap()
}

/// What a plan does, in names and labels.
#[derive(Debug, PartialEq)]
struct Told {
    sent: Vec<String>,
    replayed: Vec<String>,
}

fn told(notebook: &Notebook, plan: &CarryPlan) -> Told {
    let label = |run: &RunId| notebook.label(*run);
    // What was there before any cell goes along in any plan.
    let sent = plan.sent.iter().filter(|sent| sent.roots[0].key != "toy");
    Told {
        sent: sent
            .map(|sent| {
                let roots: Vec<String> = sent.roots.iter().map(ToString::to_string).collect();
                let for_replay = if sent.is_wanted { "" } else { " for a replay" };
                format!("{} of {}{for_replay}", roots.join(" "), label(&sent.run))
            })
            .collect(),
        replayed: plan.replayed.iter().map(|made| label(&made.run)).collect(),
    }
}

fn expect(sent: &[&str], replayed: &[&str]) -> Told {
    let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    Told {
        sent: owned(sent),
        replayed: owned(replayed),
    }
}

/// What stands in the way of a name that can't be had.
fn obstacle(notebook: &Notebook, plan: &CarryPlan, name: &str) -> (SendObstacle, String) {
    let found = plan
        .unattainable
        .iter()
        .find(|lost| lost.roots.iter().any(|root| root.key == name));
    let lost = found.unwrap_or_else(|| panic!("{name} can be had: {plan:?}"));
    let why = match &lost.not_made {
        CarryObstacle::NotReplayed { run, why } => format!("run {}: {why}", notebook.label(*run)),
        other => format!("{other:?}"),
    };
    (lost.not_sent.clone(), why)
}

fn file(path: &str) -> Vec<FileEvidence> {
    vec![FileEvidence {
        path: path.to_owned(),
        size: Some(10),
        ..FileEvidence::default()
    }]
}

const SLOW: f64 = 100.0;

#[test]
fn what_is_quick_to_make_is_replayed_and_what_is_quick_to_send_is_sent() {
    let mut notebook = Notebook::new(1);
    notebook.run_for(1, "big = bytes 60000 7");
    notebook.run_for(3_000, "small = text a number that took an hour to find");
    let plan = plan_to(&notebook, &EmptyTarget, &rates(SLOW), None);
    assert_eq!(told(&notebook, &plan), expect(&["small of 3"], &["2"]));
    assert_eq!(plan.proof, Optimality::Optimal);
    let fast = plan_to(&notebook, &EmptyTarget, &rates(1e9), None);
    assert_eq!(told(&notebook, &fast), expect(&["big of 2", "small of 3"], &[]));
    let (PlanAlternative::Possible { cost: all_sent, bytes }, PlanAlternative::Possible { cost: all_made, .. }) =
        (&plan.send_all, &plan.replay_all)
    else {
        panic!("both would do: {plan:?}")
    };
    assert!(plan.cost < *all_sent && plan.cost < *all_made);
    assert!(plan.bytes < *bytes && *bytes == fast.bytes);
    assert!(all_made.seconds() >= 3_001.0 && all_made.seconds() < 3_002.0);
}

#[test]
fn a_global_rebound_later_is_sent_as_it_was_when_it_was_read() {
    let mut notebook = Notebook::new(1);
    notebook.run_for(1_000, "k = text what took long to find the first time");
    notebook.run_for(1_000, "def f reads k");
    notebook.run_for(1, "y = call f\nbig = bytes 60000 7");
    notebook.run_for(1_000, "k = text what it was bound to later");
    let plan = plan_to(&notebook, &EmptyTarget, &rates(SLOW), None);
    assert_eq!(
        told(&notebook, &plan),
        expect(&["k of 2 for a replay", "f of 3", "k of 5"], &["4"])
    );
}

#[test]
fn a_value_that_was_changed_in_place_is_made_from_what_it_was() {
    let mut notebook = Notebook::new(1);
    notebook.run_for(1, "a = bytes 60000 7");
    notebook.run_for(1, "b = is a");
    notebook.run_for(1, "poke b 3 9");
    notebook.run_for(1, "b = int 5000");
    // What was bound to `b` is let go of, and `a` stays what it was: that run makes no `a` without one.
    let plan = plan_to(&notebook, &EmptyTarget, &rates(SLOW), None);
    assert_eq!(told(&notebook, &plan), expect(&[], &["2", "3", "4", "5"]));
    assert!(plan.bytes < 100, "{plan:?}");
}

#[test]
fn a_class_goes_along_so_that_its_cell_makes_it_again_as_what_it_was() {
    let mut notebook = Notebook::new(1);
    notebook.run_for(1, "class C\nbig = bytes 60000 7");
    notebook.run_for(1, "i = new C");
    let plan = plan_to(&notebook, &EmptyTarget, &rates(SLOW), None);
    let has_class = |sent: &&SentVersion| sent.roots.iter().any(|root| root.kind == RootKind::Definition);
    let class = plan.sent.iter().find(has_class).unwrap();
    assert!(class.is_wanted && class.bytes > 0, "{class:?}");
    assert!(plan.bytes < 1_000 && !plan.replayed.is_empty(), "{plan:?}");
}

#[test]
fn a_cell_that_appends_to_a_file_is_never_replayed() {
    let mut notebook = Notebook::new(1);
    let writes = |evidence: &mut Evidence| evidence.files_written = file("/work/log.txt");
    notebook.run_with("a = bytes 60000 7", writes);
    let plan = plan_to(&notebook, &EmptyTarget, &rates(SLOW), None);
    assert_eq!(told(&notebook, &plan), expect(&["a of 2"], &[]));
    let PlanAlternative::Impossible { why, .. } = &plan.replay_all else {
        panic!("{plan:?}")
    };
    let path = "/work/log.txt".to_owned();
    assert!(matches!(why, CarryObstacle::NotReplayed { why, .. } if *why == ReplayProhibition::WroteFile { path }));
}

#[test]
fn numbers_that_were_drawn_are_sent_and_not_drawn_again() {
    let mut notebook = Notebook::new(1);
    let drawn = |evidence: &mut Evidence| {
        evidence
            .random
            .insert("random".to_owned(), ("a".to_owned(), "b".to_owned()));
    };
    notebook.run_with("a = bytes 60000 7", drawn);
    notebook.run_with("b = bytes 60000 8", |evidence| {
        drawn(evidence);
        evidence.seeded.push("random".to_owned());
    });
    let plan = plan_to(&notebook, &EmptyTarget, &rates(SLOW), None);
    assert_eq!(told(&notebook, &plan), expect(&["a of 2"], &["3"]));
}

#[test]
fn an_input_file_that_the_place_lacks_keeps_its_reader_from_being_replayed() {
    struct HasFiles;
    impl Target for HasFiles {
        fn has(&self, _: &[u8; 32]) -> bool {
            false
        }
        fn has_file(&self, file: &FileEvidence) -> bool {
            file.size == Some(10)
        }
    }
    let mut notebook = Notebook::new(1);
    notebook.run_with("a = bytes 60000 7", |evidence| {
        evidence.files_read = file("/work/a.csv");
    });
    let there = plan_to(&notebook, &HasFiles, &rates(SLOW), None);
    assert_eq!(told(&notebook, &there), expect(&[], &["2"]));
    let not_there = plan_to(&notebook, &EmptyTarget, &rates(SLOW), None);
    assert_eq!(told(&notebook, &not_there), expect(&["a of 2"], &[]));
}

#[test]
fn what_the_environment_has_of_files_is_no_input() {
    let of_library = |path: &str| {
        let mut files = file(path);
        files[0].of_environment = path.starts_with("/opt");
        files
    };
    for path in [
        "/home/ada/.venv/lib/python3.11/site-packages/dateutil/zoneinfo.tar.gz",
        "/usr/share/zoneinfo/Europe/Berlin",
        "/opt/conda/share/fonts/a.ttf",
    ] {
        let mut notebook = Notebook::new(1);
        notebook.run_with("a = bytes 60000 7", |evidence| evidence.files_read = of_library(path));
        let plan = plan_to(&notebook, &EmptyTarget, &rates(SLOW), None);
        assert_eq!(told(&notebook, &plan), expect(&[], &["2"]), "{path}");
    }
}

#[test]
fn a_live_thing_that_a_later_cell_used_is_said_to_be_out_of_reach() {
    let mut notebook = Notebook::new(1);
    notebook.run("g = handle");
    let untouched = plan_to(&notebook, &EmptyTarget, &rates(SLOW), None);
    assert_eq!(told(&notebook, &untouched), expect(&[], &["2"]));
    notebook.run("advance g\nx = int 4000");
    let plan = plan_to(&notebook, &EmptyTarget, &rates(SLOW), None);
    let (not_sent, why) = obstacle(&notebook, &plan, "g");
    assert!(matches!(not_sent, SendObstacle::NotStored { .. }), "{not_sent:?}");
    assert_eq!(why, "run 3: its cell read g, which has no value that could be sent");
    assert_eq!(told(&notebook, &plan), expect(&["x of 3"], &[]));
}

#[test]
fn what_failed_and_what_nobody_watched_is_sent() {
    let mut notebook = Notebook::new(1);
    notebook.run("a = bytes 60000 7\nfail");
    notebook.run_with("b = bytes 60000 8", |evidence| evidence.touched_all = true);
    notebook.outside("c = bytes 60000 9");
    let plan = plan_to(&notebook, &EmptyTarget, &rates(SLOW), None);
    let sent = told(&notebook, &plan).sent;
    assert_eq!(sent, ["a of 2", "b of 3", "c of 4"]);
}

/// A place that has whatever it is asked for.
struct Everything;

impl Target for Everything {
    fn has(&self, _: &[u8; 32]) -> bool {
        true
    }

    fn has_file(&self, _: &FileEvidence) -> bool {
        true
    }
}

#[test]
fn what_the_place_has_costs_nothing_and_shared_pieces_are_sent_once() {
    let mut notebook = Notebook::new(1);
    notebook.run_with("a = bytes 60000 7", |evidence| evidence.files_written = file("/x"));
    let alone = plan_to(&notebook, &EmptyTarget, &rates(SLOW), None);
    notebook.run_with("b = bytes 60000 7", |evidence| evidence.files_written = file("/x"));
    let both = plan_to(&notebook, &EmptyTarget, &rates(SLOW), None);
    assert!(
        both.bytes < alone.bytes + alone.bytes / 2,
        "{} and {}",
        both.bytes,
        alone.bytes
    );
    let there = plan_to(&notebook, &Everything, &rates(SLOW), None);
    assert_eq!((there.bytes, there.replayed.len(), there.sent.len()), (0, 0, 3));
}

#[test]
fn what_a_move_brought_back_is_made_by_the_run_that_made_it_first() {
    let mut notebook = Notebook::new(1);
    notebook.run_for(1, "a = bytes 60000 7");
    notebook.run_for(1, "a = int 4000");
    notebook.restore("2", &["a"]);
    let plan = plan_to(&notebook, &EmptyTarget, &rates(SLOW), None);
    assert_eq!(told(&notebook, &plan), expect(&[], &["2"]));
}

/// A store that has nothing any more.
struct Bare;

impl Stock for Bare {
    fn manifests(&self, ids: &[ManifestId]) -> Vec<SendableManifest> {
        vec![Err(SendObstacle::Missing); ids.len()]
    }

    fn sizes(&self, ids: &[[u8; 32]]) -> Vec<Option<u64>> {
        vec![None; ids.len()]
    }
}

impl ValueSource for Bare {
    fn manifest(&self, _: &ManifestId) -> Option<Manifest> {
        None
    }

    fn stream(&self, _: &Encoding) -> Option<Vec<u8>> {
        None
    }

    fn source(&self, _: BlobId) -> Option<String> {
        None
    }
}

/// What stands in the way of making `a` where a cell made it, and a move was recorded as an operation of that kind.
fn after_a_move(action: Action) -> Option<ReplayProhibition> {
    let version = |fill: u8| Version {
        roots: vec![Root::name("a")],
        fingerprint: Fingerprint([fill; 16]),
        manifest: ManifestId([fill; 32]),
    };
    let (cell, moved) = (RunId([1; 32]), RunId([2; 32]));
    let mut made = bare_run(1, 0);
    made.source = Some(BlobId([1; 32]));
    made.evidence.writes = vec!["a".to_owned()];
    made.changed = vec![version(1)];
    let mut other = bare_run(1, 1);
    "a".clone_into(&mut other.suffix);
    other.kind = RunKind::Moved;
    other.parent = Some(cell);
    other.changed = vec![version(2)];
    let session = SessionId([3; 16]);
    let mut history = History::default();
    history.add_run(cell, made, session);
    history.add_run(moved, other, session);
    let operation = Operation {
        version: RECORD_VERSION,
        history: HistoryId([4; 16]),
        session,
        number: 0,
        previous: None,
        time: 2,
        action,
        runs: vec![cell, moved],
        manifests: Vec::new(),
        naming: Vec::new(),
        forgetting: None,
        dropping: None,
        proofs: Vec::new(),
        view: View::default(),
    };
    history.add_operation(OperationId([5; 32]), operation);
    let flow = Flow::new(&history, &Bare).coarse();
    let carry = CarryRequest {
        history: &history,
        flow: &flow,
        run: cell,
        stock: &Bare,
        target: &EmptyTarget,
        rates: &rates(SLOW),
    };
    let plan = carry.plan(None).unwrap();
    plan.unattainable.into_iter().find_map(|lost| match lost.not_made {
        CarryObstacle::NotReplayed { why, .. } => Some(why),
        _ => None,
    })
}

#[test]
fn a_run_of_which_something_else_came_in_a_move_is_not_replayed() {
    assert_eq!(after_a_move(Action::Switch), Some(ReplayProhibition::Differs));
    // A move of some names leaves another state on purpose.
    assert_eq!(after_a_move(Action::Restore), None);
}

#[test]
fn what_is_paid_once_decides_where_it_is_dearer_than_what_it_saves() {
    let mut notebook = Notebook::new(1);
    notebook.run_for(1, "big = bytes 60000 7");
    let mut dear = rates(SLOW);
    let quick = plan_to(&notebook, &EmptyTarget, &dear, None);
    assert_eq!(told(&notebook, &quick), expect(&[], &["2"]));
    dear.start = Cost::of_seconds(3600.0);
    let sent = plan_to(&notebook, &EmptyTarget, &dear, None);
    assert_eq!(told(&notebook, &sent), expect(&["big of 2"], &[]));
    // What can't be had either way changes nothing of that.
    let mut lacking = Notebook::new(1);
    lacking.run_for(1, "big = bytes 60000 7");
    lacking.run("g = handle\nfail");
    let plan = plan_to(&lacking, &EmptyTarget, &dear, None);
    assert_eq!((plan.unattainable.len(), plan.replayed.len()), (1, 0), "{plan:?}");
    assert_eq!(
        PlanAlternative::Possible {
            cost: sent.cost,
            bytes: sent.bytes
        },
        sent.send_all
    );
}

#[test]
fn what_a_cell_imported_is_imported_once_by_the_kernel_and_once_by_the_process_that_replays() {
    let mut notebook = Notebook::new(1);
    notebook.run_importing(9, 8, "big = bytes 60000 7");
    notebook.run_importing(5, 3, "other = bytes 60000 8");
    let plan = plan_to(&notebook, &EmptyTarget, &rates(SLOW), None);
    assert_eq!(told(&notebook, &plan), expect(&[], &["2", "3"]));
    let seconds = plan.cost.seconds();
    assert!(
        (25.0..26.0).contains(&seconds),
        "{seconds} s, where 2 * 11 and 1 + 2 are due"
    );
}

#[test]
fn a_budget_has_more_replayed_and_says_that_it_is_one() {
    let mut notebook = Notebook::new(1);
    notebook.run_for(10_000, "a = bytes 60000 7");
    notebook.run_for(1_000, "b = bytes 50000 8");
    let free = plan_to(&notebook, &EmptyTarget, &rates(1e9), None);
    let within = plan_to(&notebook, &EmptyTarget, &rates(1e9), Some(free.bytes * 2 / 3));
    assert!(
        within.bytes <= free.bytes * 2 / 3 && within.replayed.len() == 1,
        "{within:?}"
    );
    assert!(matches!(within.proof, Optimality::Budget(_)));
    // What goes along in any plan counts too.
    let stored = StoredVersions::of(notebook.store().0);
    let none = plan_move(
        (notebook.history(), notebook.at()),
        &stored,
        &EmptyTarget,
        &rates(1e9),
        Some(1),
    );
    assert!(
        matches!(none, Err(PlanError::OverBudget(over)) if over.least > 1),
        "{none:?}"
    );
}
