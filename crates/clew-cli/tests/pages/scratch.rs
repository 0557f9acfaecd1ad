//! What `eval` and `bisect` say, with interpreters that answer what they were told to.
#![cfg(unix)]

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::sample::{Sample, terminal};
use clew_cli::{Exit, Output, ProgressMonitor, parse, question, work_out};
use insta::assert_snapshot;

/// Nobody who waits.
struct Nobody;

impl ProgressMonitor for Nobody {
    fn goes_on(&mut self) -> bool {
        true
    }

    fn tell(&mut self, _: &str) {}
}

/// An interpreter that answers each process with the next of `answers`, and the last one from then on.
fn interpreter(folder: &Path, answers: &[&[&str]]) -> PathBuf {
    let mut script =
        "#!/bin/sh\nn=$(cat \"$0.count\" 2>/dev/null || echo 0)\necho $((n + 1)) > \"$0.count\"\n".to_owned();
    script += "case $n in\n";
    for (number, frames) in answers.iter().enumerate() {
        let pattern = if number + 1 == answers.len() {
            "*".to_owned()
        } else {
            number.to_string()
        };
        let name = format!("answer-{number}");
        let bytes: Vec<u8> = frames
            .iter()
            .flat_map(|frame| [&(frame.len() as u32).to_le_bytes(), frame.as_bytes()].concat())
            .collect();
        fs::write(folder.join(&name), bytes).unwrap();
        writeln!(script, "{pattern}) cat '{}' ;;", folder.join(name).display()).unwrap();
    }
    script += "esac\n";
    let path = folder.join("python");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn asked(words: &[&str], executable: Option<PathBuf>) -> Output {
    let sample = Sample::flights();
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let arguments = parse(&words, &terminal()).unwrap();
    match question(&arguments, &sample.place(), executable, &terminal()) {
        Ok(question) => work_out(&question, &mut Nobody, &arguments, &terminal()),
        Err(output) => output,
    }
}

fn answered(words: &[&str], answers: &[&[&str]]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    asked(words, Some(interpreter(folder.path(), answers)))
}

const SHUT: &str = r#"{"gaps": []}"#;
const EXACT: &str = r#"{"inexact": []}"#;
const WITHOUT: &str = r#"{"inexact": [{"kind": "name", "key": "conn", "outcome": "lost", "why": "a live connection"},
    {"kind": "random", "key": "numpy", "outcome": "not_identical", "why": "another\u001b version"}]}"#;
const TRUE: &str = r#"{"value": {"is_true": true}}"#;
const FALSE: &str = r#"{"value": {"is_true": false}}"#;
const RAISED: &str = r#"{"value": {"error": {"exception": "NameError", "message": "name 'df' is not defined"}}}"#;
const VALUE: &str = r#"{"value": {"text": "   a\n0  1", "is_cut": true, "summary":
    {"type_name": "pandas.DataFrame", "shape": [1, 1], "size": 8, "columns": ["a"], "text": "1 row"}}}"#;

#[test]
fn eval_prints_the_value_and_then_what_the_state_lacked() {
    let output = answered(&["eval", "5", "df.head(1)"], &[&[SHUT, WITHOUT, VALUE]]);
    assert_eq!(output.exit, Exit::Done);
    assert_snapshot!(output.text);
}

#[test]
fn eval_in_json_has_the_value_its_summary_and_what_was_lost() {
    let output = answered(&["eval", "5", "df.head(1)", "--json"], &[&[SHUT, WITHOUT, VALUE]]);
    let mut json = output.data.unwrap();
    assert!(json["seconds"].take().is_number());
    assert_snapshot!(format!("{json:#}"));
}

#[test]
fn eval_says_where_the_sandbox_does_not_hold() {
    let open = r#"{"gaps": ["this Linux kernel has no Landlock", "files can be written"]}"#;
    assert_snapshot!(answered(&["eval", "5", "df.head(1)"], &[&[open, EXACT, VALUE]]).text);
}

#[test]
fn eval_says_what_an_expression_raised_and_what_was_missing() {
    let output = answered(&["eval", "5", "df.head(1)"], &[&[SHUT, WITHOUT, RAISED]]);
    assert_eq!(output.exit, Exit::Usage);
    assert_snapshot!(output.text);
}

#[test]
fn what_is_no_expression_is_said_to_be_none() {
    let syntax =
        r#"{"value": {"error": {"exception": "SyntaxError", "message": "invalid syntax", "is_syntax": true}}}"#;
    assert_snapshot!(answered(&["eval", "5", "x", "=", "5"], &[&[SHUT, EXACT, syntax]]).text);
}

#[test]
fn bisect_says_the_first_run_and_every_state_it_asked() {
    let answers: &[&[&str]] = &[
        &[SHUT, EXACT, RAISED],
        &[SHUT, WITHOUT, TRUE],
        &[SHUT, EXACT, FALSE],
        &[SHUT, EXACT, TRUE],
    ];
    let output = answered(&["bisect", "len(df) < 3"], answers);
    assert_eq!(output.exit, Exit::Done);
    assert_snapshot!(output.text);
    let mut json = answered(&["bisect", "--json", "len(df) < 3"], answers).data.unwrap();
    assert!(json["seconds"].take().is_number());
    assert_snapshot!(format!("{json:#}"));
}

#[test]
fn bisect_says_where_it_always_was_or_never_is() {
    let always = answered(&["bisect", "True"], &[&[SHUT, EXACT, TRUE]]);
    let never = answered(&["bisect", "False"], &[&[SHUT, EXACT, FALSE]]);
    assert_eq!((always.exit, never.exit), (Exit::Inexact, Exit::Inexact));
    assert_snapshot!(format!("{}\n{}", always.text, never.text));
}

#[test]
fn bisect_from_a_run_of_another_line_is_a_mistake() {
    assert_snapshot!(asked(&["bisect", "--from", "4", "--to", "2a", "x"], Some("python".into())).text);
}

#[test]
fn an_interpreter_that_can_t_answer_is_named_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let lacking = folder.path().join("python");
    fs::write(
        &lacking,
        "#!/bin/sh\necho 'python: No module named clew.scratch' >&2\nexit 1\n",
    )
    .unwrap();
    fs::set_permissions(&lacking, fs::Permissions::from_mode(0o755)).unwrap();
    let output = asked(&["eval", "5", "x"], Some(lacking));
    assert_eq!(output.exit, Exit::Refused);
    let said = output.text.replace(&folder.path().display().to_string(), "/opt");
    assert_snapshot!(said);
    assert_snapshot!(asked(&["eval", "5", "x"], None).text);
}
