//! `clew run` up to the interpreter: what is typed, the document that is handed over, what passes through.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use assert_cmd::Command;

/// An interpreter in whose place a shell script stands, which finds the document in `$4`.
fn interpreter(home: &Path, script: &str) -> std::path::PathBuf {
    let path = home.join("python");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn clew(home: &Path) -> Command {
    let mut command = Command::cargo_bin("clew").unwrap();
    command.env_clear().env("HOME", home).current_dir(home);
    command
}

/// What an interpreter is handed for these words.
fn handed(words: &[&str]) -> serde_json::Value {
    let home = tempfile::tempdir().unwrap();
    let python = interpreter(home.path(), "printf %s \"$4\"");
    let output = clew(home.path())
        .env("CLEW_PYTHON", python)
        .arg("run")
        .args(words)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{words:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn what_is_typed_is_handed_over_as_one_document() {
    let words = "in.ipynb out.ipynb -p alpha 0.5 -p n -3 -r code 007 -f a.yaml -y {b:1} -b YTogMQ== --inject-paths -k ir -l R --cwd work \
         --progress-bar --log-output --log-level warning --autosave-cell-every 5 --start-timeout 9 --execution-timeout 8 --report-mode \
         --stdout-file o.txt --stderr-file e.txt --no-request-save-on-cell-execute --explain --from 3 --json --store s";
    let words: Vec<&str> = words.split_whitespace().collect();
    insta::assert_snapshot!(serde_json::to_string_pretty(&handed(&words)).unwrap());
}

#[test]
fn what_is_not_typed_is_as_papermill_has_it() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&handed(&["in.ipynb"])).unwrap());
}

#[test]
fn of_two_switches_that_contradict_each_other_the_last_counts() {
    let last = |words: &[&str], name: &str| handed(words)[name].clone();
    assert_eq!(last(&["--progress-bar", "--no-progress-bar"], "progress_bar"), false);
    assert_eq!(last(&["--no-progress-bar", "--progress-bar"], "no_progress_bar"), false);
    assert_eq!(last(&["--log-output", "--no-log-output"], "log_output"), false);
    assert_eq!(last(&["--no-report-mode", "--report-mode"], "report_mode"), true);
    assert_eq!(last(&["--prepare-only", "--prepare-execute"], "prepare_only"), false);
    let saves = ["--no-request-save-on-cell-execute", "--request-save-on-cell-execute"];
    assert_eq!(last(&saves, "no_request_save_on_cell_execute"), false);
}

#[test]
fn papermills_other_spellings_are_understood() {
    let words = [
        "--parameters",
        "a",
        "1",
        "--parameters_raw",
        "b",
        "2",
        "--start_timeout",
        "7",
    ];
    let told = handed(&words);
    assert_eq!(told["parameters"], serde_json::json!(["a", "1"]));
    assert_eq!(told["parameters_raw"], serde_json::json!(["b", "2"]));
    assert_eq!(told["start_timeout"], 7);
}

#[test]
fn input_output_and_exit_code_pass_through() {
    let home = tempfile::tempdir().unwrap();
    let python = interpreter(home.path(), "cat; echo said >&2; exit 138");
    let output = clew(home.path())
        .env("CLEW_PYTHON", python)
        .args(["run", "-", "-"])
        .write_stdin("a notebook")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(138));
    assert_eq!(
        (output.stdout.as_slice(), output.stderr.as_slice()),
        (b"a notebook" as &[u8], b"said\n" as &[u8])
    );
}

#[test]
fn the_first_interpreter_on_the_path_that_has_clew_is_taken() {
    let home = tempfile::tempdir().unwrap();
    let (without, with) = (home.path().join("without"), home.path().join("with"));
    fs::create_dir_all(&without).unwrap();
    fs::create_dir_all(&with).unwrap();
    interpreter(&without, "exit 1");
    interpreter(&with, "echo here");
    let path = std::env::join_paths([&without, &with, &"/bin".into()]).unwrap();
    let output = clew(home.path())
        .env("PATH", path)
        .args(["run", "a.ipynb"])
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"here\n");
}

#[test]
fn one_that_clew_is_installed_for_is_taken_without_asking_it() {
    let home = tempfile::tempdir().unwrap();
    let (bin, package) = (
        home.path().join("bin"),
        home.path().join("lib/python3.11/site-packages/clew/run"),
    );
    fs::create_dir_all(&bin).unwrap();
    fs::create_dir_all(&package).unwrap();
    fs::write(package.join("__main__.py"), "").unwrap();
    interpreter(&bin, "[ $3 = clew.run ] && echo here");
    let output = clew(home.path())
        .env("VIRTUAL_ENV", home.path())
        .args(["run", "a.ipynb"])
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"here\n");
}

#[test]
fn an_interpreter_that_is_named_and_is_not_there_is_said() {
    let home = tempfile::tempdir().unwrap();
    let output = clew(home.path())
        .env("CLEW_PYTHON", "/nowhere/python")
        .args(["run", "a.ipynb"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("/nowhere/python cannot be started") && said.contains("CLEW_PYTHON"),
        "{said}"
    );
}

#[test]
fn what_can_not_be_run_is_said_with_a_next_step() {
    let home = tempfile::tempdir().unwrap();
    let said = |words: &[&str]| {
        let output = clew(home.path()).args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let typed = [
        &["run", "in.ipynb", "out.ipynb"] as &[&str],
        &["run", "in.ipynb", "--history", "flights"],
        &["run", "in.ipynb", "--plan", "--check"],
        &["run", "in.ipynb", "-p", "alpha"],
        &["run", "in.ipynb", "--engine", "nbclient"],
        &["run", "in.ipynb", "--execution-timeout", "soon"],
        &["undo", "--kernel", "python3"],
    ];
    let all: Vec<String> = typed
        .map(|words| format!("$ clew {}\n{}", words.join(" "), said(words)))
        .to_vec();
    insta::assert_snapshot!(all.join("\n"));
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}
