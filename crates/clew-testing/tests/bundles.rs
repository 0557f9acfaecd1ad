//! A state goes to somebody else in a bundle: what arrives is what was there, and what stayed behind says why.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use clew_core::format::HistoryDescription;
use clew_core::history::History;
use clew_core::id::{HistoryId, Root, RootKind};
use clew_core::kernel::Kernel;
use clew_core::plan::{OutcomeKind, Report};
use clew_core::session::{ExportReport, ExportRequest, Request, RestoreOptions, SessionError};
use clew_core::store::disk::Disk;
use clew_core::store::{Bundle, BundleMaker, SigningKey};
use clew_testing::disk::SimDisk;
use clew_testing::recording::{key_of as key, record_cell, session_of as session, store_of as open};
use clew_testing::toy::ToyKernel;

const FILE: &str = "/state.clew";

/// A history of two cells, recorded with the first key.
fn recorded(disk: &SimDisk) -> HistoryId {
    let history = open(disk, &key(1))
        .create_history(&HistoryDescription::default())
        .unwrap();
    let mut session = session(disk, &key(1), history);
    let mut kernel = ToyKernel::new(1);
    session.start(&mut kernel).unwrap();
    record_cell(
        &mut session,
        &mut kernel,
        "x = int 1\na = bytes 300000 1\nl = list x\nalso = is l",
    );
    record_cell(
        &mut session,
        &mut kernel,
        "b = bytes 5000 2\nc = bytes 300 3\nr = reduced c\ndel c",
    );
    history
}

/// What of the history's last state goes into a bundle.
fn export(
    disk: &SimDisk,
    key: &SigningKey,
    history: HistoryId,
    roots: Option<&[&str]>,
    most: Option<u64>,
) -> Result<ExportReport, SessionError> {
    let store = open(disk, key);
    let loaded = store.load(history).unwrap();
    let known = History::of(&loaded);
    let roots: Option<BTreeSet<Root>> = roots.map(|names| names.iter().map(|name| Root::name(*name)).collect());
    let (run, _) = known.runs().next_back().unwrap();
    let export = ExportRequest {
        history,
        name: "story",
        description: &HistoryDescription::default(),
        run: *run,
        roots: roots.as_ref(),
        most,
        cells: &[],
        origins: &|_, _, _| BTreeSet::new(),
    };
    disk.unlink(Path::new(FILE)).ok();
    let maker = BundleMaker::begin(Arc::new(disk.clone()), Path::new(FILE)).unwrap();
    let exported = export.write(&store, &known, &maker, (key, 7), &mut |_| ControlFlow::Continue(()))?;
    maker.finish(history, key, 7).unwrap();
    Ok(exported)
}

/// Takes the bundle to another disk, and resumes there.
fn arrive(from: &SimDisk, to: &SimDisk, key: &SigningKey) -> (ToyKernel, Report) {
    let disk: Arc<dyn Disk> = Arc::new(from.clone());
    let bundle = Bundle::open(&disk, Path::new(FILE)).unwrap();
    let carried = open(to, key)
        .receive(&bundle, 9, &mut |_| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!(carried.damage, []);
    let mut session = session(to, key, bundle.history());
    let mut kernel = ToyKernel::new(5);
    session.start(&mut kernel).unwrap();
    let report = session.perform(&mut kernel, &Request::Resume(None), RestoreOptions::default());
    (kernel, report.unwrap())
}

fn words(report: &Report) -> Vec<(String, OutcomeKind)> {
    let words = report.outcomes.iter();
    words.map(|outcome| (outcome.root.to_string(), outcome.kind)).collect()
}

fn names(kernel: &mut ToyKernel) -> Vec<String> {
    let roots = kernel.roots().unwrap();
    let names = roots.iter().filter(|(root, _)| root.kind == RootKind::Name);
    names.map(|(root, _)| root.to_string()).collect()
}

#[test]
fn a_state_arrives_with_its_aliases_and_without_its_past() {
    let (here, there) = (SimDisk::new(1), SimDisk::new(2));
    let history = recorded(&here);
    let exported = export(&here, &key(1), history, None, None).unwrap();
    assert!(exported.values.iter().all(|value| value.why.is_none()), "{exported:?}");
    let together: Vec<usize> = exported.values.iter().map(|value| value.roots.len()).collect();
    assert!(together.contains(&2), "`l` and `also` are one: {exported:?}");
    let (mut kernel, report) = arrive(&here, &there, &key(1));
    assert!(report.is_exact(), "{report:?}");
    assert_eq!(names(&mut kernel), ["a", "also", "b", "l", "r", "x"]);
    let store = open(&there, &key(1));
    let loaded = store.load(history).unwrap();
    // One run came, under the number it has there, and the session that resumed has two.
    let labels: BTreeSet<u64> = loaded.runs.values().map(|run| run.outline().number).collect();
    assert!(labels.contains(&3), "{labels:?}");
    assert!(
        loaded
            .runs
            .values()
            .filter_map(|run| run.run())
            .all(|run| run.source.is_none())
    );
    assert_eq!(loaded.description().name, "story");
}

#[test]
fn only_the_names_that_were_asked_for_go_with_what_they_share() {
    let here = SimDisk::new(1);
    let history = recorded(&here);
    let exported = export(&here, &key(1), history, Some(&["l"]), None).unwrap();
    let roots: Vec<String> = exported
        .values
        .iter()
        .flat_map(|value| &value.roots)
        .map(ToString::to_string)
        .collect();
    assert_eq!(roots, ["also", "l"]);
    let (mut kernel, report) = arrive(&here, &SimDisk::new(2), &key(1));
    assert_eq!((names(&mut kernel).len(), report.is_exact()), (2, true));
    let error = export(&here, &key(1), history, Some(&["l", "nothing"]), None).unwrap_err();
    assert!(matches!(error, SessionError::NoSuchName { names, .. } if names == ["nothing"]));
}

#[test]
fn p06_what_does_not_fit_stays_behind_and_says_so_there() {
    let here = SimDisk::new(1);
    let history = recorded(&here);
    let exported = export(&here, &key(1), history, None, Some(100_000)).unwrap();
    let left: Vec<_> = exported.values.iter().filter(|value| value.why.is_some()).collect();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].roots, [Root::name("a")]);
    assert!(exported.carried.bytes < 100_000, "{}", exported.carried.bytes);
    let (mut kernel, report) = arrive(&here, &SimDisk::new(2), &key(1));
    assert_eq!(names(&mut kernel), ["also", "b", "l", "r", "x"]);
    let outcome = report
        .outcomes
        .iter()
        .find(|outcome| outcome.root == Root::name("a"))
        .unwrap();
    assert_eq!(
        (outcome.kind, outcome.why.as_deref()),
        (OutcomeKind::Lost, left[0].why.as_deref())
    );
}

#[test]
fn p11_what_a_stranger_signed_keeps_its_maker_on_the_way() {
    let (stranger, mine, third) = (SimDisk::new(1), SimDisk::new(2), SimDisk::new(3));
    let history = recorded(&stranger);
    export(&stranger, &key(1), history, None, None).unwrap();
    // `r` names code: for who does not trust the key it is lost, all else is data.
    let (_, report) = arrive(&stranger, &mine, &key(2));
    let lost: Vec<_> = words(&report)
        .into_iter()
        .filter(|(_, word)| *word == OutcomeKind::Lost)
        .collect();
    assert_eq!(lost, [("r".to_owned(), OutcomeKind::Lost)]);
    // Nor does it get a signature on the way through a second store.
    let store = open(&mine, &key(2));
    let known = History::of(&store.load(history).unwrap());
    let run = known
        .runs()
        .find(|(run, _)| known.is_untrusted(run))
        .map(|(run, _)| *run)
        .unwrap();
    let export = ExportRequest {
        history,
        name: "story",
        description: &HistoryDescription::default(),
        run,
        roots: None,
        most: None,
        cells: &[],
        origins: &|_, _, _| BTreeSet::new(),
    };
    let maker = BundleMaker::begin(Arc::new(mine.clone()), Path::new(FILE)).unwrap();
    let exported = export
        .write(&store, &known, &maker, (&key(2), 7), &mut |_| ControlFlow::Continue(()))
        .unwrap();
    maker.finish(history, &key(2), 7).unwrap();
    let left: Vec<_> = exported.values.iter().filter(|value| value.why.is_some()).collect();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].roots, [Root::name("r")]);
    let (mut kernel, _) = arrive(&mine, &third, &key(2));
    assert_eq!(names(&mut kernel), ["a", "also", "b", "l", "x"]);
}
