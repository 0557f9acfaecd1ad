//! What strangers record: their word counts for nothing, not even that of a manifest that names no code.

use clew_core::format::{Action, Body, HistoryDescription, Position, Version, View};
use clew_core::history::History;
use clew_core::id::{HistoryId, Root};
use clew_core::plan::{OutcomeKind, Report};
use clew_core::session::{Request, RestoreOptions};
use clew_testing::disk::SimDisk;
use clew_testing::recording::{key_of as key, record_cell, session_of as session, store_of as open};
use clew_testing::toy::ToyKernel;

/// Recorded by a stranger, honestly: `r` is made by a reducer, `plain` is data.
fn recorded() -> (SimDisk, HistoryId) {
    let disk = SimDisk::new(1);
    let store = open(&disk, &key(1));
    let history = store.create_history(&HistoryDescription::default()).unwrap();
    let mut session = session(&disk, &key(1), history);
    let mut kernel = ToyKernel::new(1);
    session.start(&mut kernel).unwrap();
    let source = "z = bytes 300 1\nr = reduced z\nplain = list";
    record_cell(&mut session, &mut kernel, source);
    (disk, history)
}

/// Adds a run of the stranger's in which every manifest says that it names no code; with `in_full` no run says that it
/// changed them, only that they were there.
fn forge(disk: &SimDisk, history: HistoryId, in_full: bool) {
    let store = open(disk, &key(1));
    let loaded = store.load(history).unwrap();
    let known = History::of(&loaded);
    let (id, run) = known.runs().next_back().unwrap();
    let mut writer = store.writer(history, store.new_session(), &key(1)).unwrap();
    let mut run = run.clone();
    let mut forged = Vec::new();
    for version in known.state(*id).versions() {
        let mut manifest = store.manifest(version.manifest).unwrap().into_inner();
        if let Body::Encoded(encoding) = &mut manifest.body {
            encoding.code = false;
            // Another manifest in any case.
            encoding.bytes += 1;
        }
        forged.push(Version {
            manifest: writer.put_manifest(manifest).unwrap(),
            ..version.clone()
        });
    }
    run.number = writer.reserve_number().unwrap();
    run.parent = Some(*id);
    (run.changed, run.full) = if in_full {
        (Vec::new(), Some(forged))
    } else {
        (forged, None)
    };
    let at = writer.put_run(&run).unwrap();
    let view = View {
        at: Some(Position { run: at, branch: None }),
        confirmed: None,
    };
    writer.commit(Action::Run, Vec::new(), view, i64::MAX - 1).unwrap();
}

fn resume(disk: &SimDisk, history: HistoryId, own: u8, run: &str) -> Report {
    let mut session = session(disk, &key(own), history);
    let mut kernel = ToyKernel::new(2);
    session.start(&mut kernel).unwrap();
    let request = Request::Resume(Some(run.to_owned()));
    session
        .perform(&mut kernel, &request, RestoreOptions::default())
        .unwrap()
}

fn word(report: &Report, name: &str) -> (OutcomeKind, Option<String>) {
    let root = Root::name(name);
    let found = report.outcomes.iter().find(|outcome| outcome.root == root).unwrap();
    (found.kind, found.why.clone())
}

#[test]
fn p11_a_manifest_that_hides_the_code_that_its_stream_names_is_not_believed() {
    for forging in [None, Some(false), Some(true)] {
        let (disk, history) = recorded();
        if let Some(in_full) = forging {
            forge(&disk, history, in_full);
        }
        let run = if forging.is_some() { "3" } else { "2" };
        let report = resume(&disk, history, 2, run);
        let (lost, why) = word(&report, "r");
        assert_eq!(lost, OutcomeKind::Lost, "{forging:?}");
        assert!(why.is_some_and(|why| why.starts_with("untrusted")), "{forging:?}");
        assert_eq!(word(&report, "plain").0, OutcomeKind::Restored, "{forging:?}");
        // Of one's own it is what it was.
        let report = resume(&disk, history, 1, run);
        assert_eq!(word(&report, "r"), (OutcomeKind::Restored, None), "{forging:?}");
    }
}
