//! What the movers say: one line first, then the exceptions.

use crate::sample::terminal;
use clew_cli::{Context, Exit, Interface, ResumeReport};
use clew_core::cause::Cause;
use clew_core::history::RevisionError;
use clew_core::id::{Root, RootKind, SessionId};
use clew_core::plan::{Outcome, OutcomeKind, Report, TakenStep, UnrestoredEffects};
use clew_core::restore::RestoreError;
use clew_core::session::SessionError;
use clew_core::store::LogRollback;
use insta::assert_snapshot;

fn notebook() -> Context {
    Context {
        interface: Interface::Notebook,
        ..terminal()
    }
}

fn outcome(root: Root, kind: OutcomeKind, why: Option<&str>) -> Outcome {
    Outcome {
        root,
        kind,
        unverified: false,
        why: why.map(str::to_owned),
        is_detached: false,
    }
}

fn step(action: &str, to: &str) -> TakenStep {
    TakenStep {
        action: action.to_owned(),
        to: to.to_owned(),
    }
}

fn report(action: &str, outcomes: Vec<Outcome>) -> Report {
    Report {
        action: action.to_owned(),
        from: "17".to_owned(),
        to: "14".to_owned(),
        branch: None,
        at: "14".to_owned(),
        runs: vec!["17".to_owned(), "16".to_owned()],
        steps: match action {
            "undo" => vec![step("run", "17"), step("run", "16")],
            _ => Vec::new(),
        },
        skipped: 0,
        keep: Vec::new(),
        other_kernels: Vec::new(),
        left_run: None,
        batch_run: None,
        unreachable: None,
        missing: None,
        included_changes: Vec::new(),
        set_by_imports: Vec::new(),
        external_change: None,
        unrestored: Vec::new(),
        outcomes,
        dry_run: false,
        bytes: 12_400_000,
        compare_nanoseconds: 3_000_000,
        restore_nanoseconds: 80_000_000,
    }
}

fn exact() -> Vec<Outcome> {
    vec![
        outcome(Root::name("a"), OutcomeKind::Unchanged, None),
        outcome(Root::name("b"), OutcomeKind::Unchanged, None),
        outcome(Root::name("df"), OutcomeKind::Restored, None),
        outcome(Root::name("plot"), OutcomeKind::Rerun, None),
        outcome(Root::name("x"), OutcomeKind::Removed, None),
        outcome(Root::new(RootKind::Random, "numpy"), OutcomeKind::Restored, None),
        outcome(Root::new(RootKind::Out, "17"), OutcomeKind::Removed, None),
    ]
}

fn inexact() -> Vec<Outcome> {
    let mut outcomes = exact();
    outcomes.push(outcome(
        Root::name("conn"),
        OutcomeKind::Lost,
        Some("sqlite3.Connection, made in run 3"),
    ));
    outcomes.push(outcome(
        Root::name("geo"),
        OutcomeKind::NotIdentical,
        Some("geo.py changed"),
    ));
    outcomes[2].why = Some("the old list is still held by thread-3".to_owned());
    outcomes[3].unverified = true;
    outcomes
}

fn said(words: &str, report: &Report) -> clew_cli::Output {
    let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    let arguments = clew_cli::parse(&words, &notebook()).unwrap();
    clew_cli::report(report, &ResumeReport::default(), &arguments, &notebook())
}

#[test]
fn p11_resume_says_which_record_is_missing_whatever_the_last_run_is_called() {
    let line = |unreachable: &str, missing: &str| {
        let mut report = report("resume", exact());
        report.unreachable = Some(unreachable.to_owned());
        report.missing = Some(missing.to_owned());
        let printed = said("resume", &report).text.to_string();
        let line = printed.lines().find(|line| line.contains("This is not where"));
        line.unwrap().to_owned()
    };
    // A change outside any cell has a letter, and an id may have only decimal digits.
    for (unreachable, missing) in [("19", "12"), ("19a", "12"), ("19", "46022136")] {
        let told = line(unreachable, missing);
        assert!(told.contains(&format!(
            "that was run {unreachable}, and a record before it is missing"
        )));
        assert!(told.contains(&format!("`%clew vars {unreachable}` lists the known variables")));
    }
    for id in ["46022136", "4602a136"] {
        let told = line(id, id);
        assert!(told.contains("the record of its last run cannot be read") && !told.contains(id));
    }
}

#[test]
fn p11_resume_says_what_is_not_there_any_more_of_what_it_takes_up() {
    let setbacks = vec![
        LogRollback::Gone {
            session: SessionId([0x77; 16]),
            seen: 3,
        },
        LogRollback::Shorter {
            session: SessionId([0x3f; 16]),
            seen: 57,
            left: 40,
        },
    ];
    let taken_up = ResumeReport {
        rolled_back: setbacks,
        edited_files: vec!["geo.py".to_owned()],
        ..ResumeReport::default()
    };
    let said = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        let arguments = clew_cli::parse(&words, &notebook()).unwrap();
        clew_cli::report(&report("resume", exact()), &taken_up, &arguments, &notebook())
    };
    let output = said(&["resume"]);
    assert_eq!(output.exit, Exit::Done, "what was taken up is exactly as it was there");
    assert_snapshot!(output.text);
    assert!(output.html.unwrap().contains("had 57 when it was last seen"));
    assert_eq!(
        said(&["resume", "--json"]).data.unwrap()["rolled_back"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn resume_in_a_program_names_calls_in_all_lines() {
    let taken_up = ResumeReport {
        rolled_back: vec![LogRollback::Gone {
            session: SessionId([0x77; 16]),
            seen: 3,
        }],
        edited_files: vec!["geo.py".to_owned()],
        is_damaged: true,
        ..ResumeReport::default()
    };
    let context = Context {
        interface: Interface::Python,
        ..terminal()
    };
    let arguments = clew_cli::parse(&["resume".to_owned()], &context).unwrap();
    let output = clew_cli::report(&report("resume", exact()), &taken_up, &arguments, &context);
    assert_eq!(output.text.matches("`clew.session().").count(), 3, "{}", output.text);
    assert!(!output.text.contains("%clew"), "{}", output.text);
}

#[test]
fn p06_an_exact_switch_is_one_line_and_what_is_no_name() {
    let output = said("switch 14", &report("switch", exact()));
    assert_eq!(output.exit, Exit::Done);
    assert_snapshot!(output.text);
}

#[test]
fn p06_a_switch_that_loses_something_says_what_why_and_where_you_are() {
    let moved = Report {
        at: "14a".to_owned(),
        external_change: Some("18".to_owned()),
        unrestored: Vec::new(),
        ..report("switch", inexact())
    };
    let output = said("switch 14", &moved);
    assert_eq!(output.exit, Exit::Inexact);
    assert_snapshot!(output.text);
}

#[test]
fn a_switch_that_leaves_variables_says_which() {
    let moved = Report {
        at: "14a".to_owned(),
        keep: vec![Root::name("results"), Root::name("depth")],
        ..report("switch", exact())
    };
    let text = said("switch 14", &moved).text;
    assert!(
        text.contains(" You are at 14a: 14 with results and depth left as before."),
        "{text}"
    );
}

#[test]
fn p06_what_is_kept_out_is_left_alone_and_nobody_says_that_it_differs() {
    let mut outcomes = exact();
    let why = Cause::LeftAlone { why: "it is excluded" }.to_string();
    outcomes.push(outcome(Root::name("key"), OutcomeKind::NotIdentical, Some(&why)));
    let moved = Report {
        at: "14a".to_owned(),
        ..report("undo", outcomes)
    };
    let output = said("undo", &moved);
    assert_eq!(output.exit, Exit::Inexact);
    assert!(
        output.text.contains(", 1 excluded: key (it is excluded), "),
        "{}",
        output.text
    );
    assert!(
        output.text.contains(" You are at 14a: 14 with key left as before."),
        "{}",
        output.text
    );
    assert!(!output.text.contains("differ"), "{}", output.text);
}

#[test]
fn p06_a_move_across_runs_that_changed_what_nothing_restores_names_them() {
    let crossed = |run: &str, what: &[&str]| UnrestoredEffects {
        run: run.to_owned(),
        what: what.iter().map(|&what| what.to_owned()).collect(),
    };
    let runs = vec![
        crossed("6", &["codecs.register"]),
        crossed("4", &["gc.freeze", "codecs.register"]),
    ];
    let moved = Report {
        unrestored: runs,
        ..report("undo", exact())
    };
    let text = said("undo 2", &moved).text;
    let line = "Runs 4 and 6 may have changed state that Clew does not restore: gc.freeze and codecs.register\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn a_value_that_its_cell_can_make_again_names_the_whole_command_in_text_and_in_the_view() {
    let why = Cause::ReplayMay.behind("a live connection");
    let lost = |name| outcome(Root::name(name), OutcomeKind::Lost, Some(&why));
    for (words, command) in [
        ("undo", "`%clew switch 14 --rerun` reruns their cells"),
        ("resume", "`%clew resume --rerun` reruns their cells"),
        (
            "restore 14 -- conn db",
            "`%clew restore 14 --rerun -- conn db` reruns their cells",
        ),
    ] {
        let action = words.split(' ').next().unwrap();
        let output = said(words, &report(action, vec![lost("conn"), lost("db")]));
        let text = output.text.to_string();
        for told in [&text, output.html.as_ref().unwrap()] {
            assert!(told.contains(command), "{told}");
        }
        assert!(!text.contains("reruns its cell"), "{text}");
    }
}

#[test]
fn undo_says_which_runs_it_took_back() {
    assert_snapshot!(said("undo 2", &report("undo", exact())).text);
}

#[test]
fn undo_says_which_moves_it_took_back_and_how_many_runs_it_skipped() {
    let over = |steps: Vec<TakenStep>, skipped| Report {
        steps,
        skipped,
        ..report("undo", exact())
    };
    let first = |report: &Report| {
        said("undo", report)
            .text
            .split(". ")
            .take(2)
            .collect::<Vec<_>>()
            .join(". ")
    };
    let texts = [
        first(&over(vec![step("switch", "4")], 0)),
        first(&over(
            vec![step("run", "17"), step("switch", "forest"), step("restore", "9")],
            1,
        )),
        first(&over(vec![step("resume-recording", "9")], 2)),
        first(&Report {
            action: "redo".to_owned(),
            ..over(vec![step("resume", "4"), step("op restore", "3")], 0)
        }),
    ];
    assert_snapshot!(texts.join("\n"));
}

#[test]
fn redo_restore_and_resume_say_what_they_did() {
    let names = vec![outcome(Root::name("df"), OutcomeKind::Restored, None)];
    let texts = [
        said(
            "redo",
            &Report {
                runs: vec!["14".to_owned()],
                steps: vec![step("run", "14")],
                ..report("redo", exact())
            },
        )
        .text,
        said(
            "restore 14 -- df",
            &Report {
                at: "19".to_owned(),
                ..report("restore", names)
            },
        )
        .text,
        said("resume", &report("resume", exact())).text,
    ];
    assert_snapshot!(texts.map(|text| text.to_string()).concat());
}

#[test]
fn a_dry_run_says_what_would_happen_and_that_nothing_did() {
    let planned = Report {
        dry_run: true,
        ..report("switch", exact())
    };
    assert_snapshot!(said("switch 14 --dry-run", &planned).text);
}

#[test]
fn many_lost_names_are_counted_and_each_is_accounted_for() {
    let lost = |name: &str| outcome(Root::name(name), OutcomeKind::Lost, Some("a live connection"));
    let outcomes = ["c1", "c2", "c3", "c4", "c5", "c6"].map(lost).to_vec();
    let moved = Report {
        at: "14a".to_owned(),
        ..report("switch", outcomes)
    };
    assert_snapshot!(said("switch 14", &moved).text);
}

#[test]
fn a_report_as_json_has_one_outcome_for_every_root() {
    let json = said("switch 14 --json", &report("switch", inexact())).data.unwrap();
    assert_eq!(json["outcomes"].as_array().unwrap().len(), inexact().len());
    assert_snapshot!(format!("{json:#}"));
}

#[test]
fn refusals_say_what_happened_what_is_untouched_and_what_to_type() {
    let words = ["undo".to_owned()];
    let arguments = clew_cli::parse(&words, &notebook()).unwrap();
    let errors = [
        SessionError::NothingToUndo { asked: 3, available: 1 },
        SessionError::NoSuchName {
            run: "14".to_owned(),
            names: vec!["x".to_owned()],
        },
        SessionError::Revision(RevisionError::Ambiguous {
            text: "14".to_owned(),
            candidates: vec!["14 (3f2a9c10)".to_owned(), "14b (77b0e1d4)".to_owned()],
        }),
        SessionError::Restore(RestoreError::Interrupted),
    ];
    let outputs = errors
        .iter()
        .map(|error| clew_cli::refuse(error, &arguments, &notebook()));
    let texts: Vec<String> = outputs
        .map(|output| format!("{} {}", output.exit.code(), output.text))
        .collect();
    assert_snapshot!(texts.concat());
}

#[test]
fn movers_are_asked_for_as_they_were_typed() {
    let asked = |words: &str| {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        format!("{:?}", clew_cli::parse(&words, &notebook()).unwrap().command.asked())
    };
    let all = [
        "undo",
        "redo 2 --rerun",
        "switch @-3 --dry-run",
        "restore 14 --with-shared -- df x",
        "resume",
        "resume 14",
        "exclude token *_key",
        "history",
    ];
    assert_snapshot!(all.map(asked).join("\n"));
}
