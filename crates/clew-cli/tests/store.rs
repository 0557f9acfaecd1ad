//! The native command over a real store, recorded by the engine from toy cells.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;

use assert_cmd::Command;
use clew_core::clock::Clock;
use clew_core::format::{Ending, HistoryDescription, RunKind, Timestamp};
use clew_core::record::RunInput;
use clew_core::session::{MoveOptions, Request, Session};
use clew_core::store::disk::RealDisk;
use clew_core::store::{Access, LoadedHistory, SigningKey, Store, Trust};
use clew_testing::toy::{ToyKernel, run_cell};
use serde_json::Value;
use tempfile::TempDir;

const BEGAN: Timestamp = 1_795_183_200_000_000_000;

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        BEGAN
    }

    fn monotonic(&self) -> u64 {
        0
    }
}

/// A home with one recorded history: three runs, the second of which failed, then an undo.
struct Recorded {
    home: TempDir,
}

impl Recorded {
    fn new() -> Self {
        let recorded = Self {
            home: tempfile::tempdir().unwrap(),
        };
        recorded.record();
        recorded
    }

    fn store(&self) -> PathBuf {
        self.home.path().join("store")
    }

    fn record(&self) {
        let disk = Arc::new(RealDisk);
        let key = SigningKey::load_or_create(&*disk, &self.home.path().join("config/clew")).unwrap();
        let store = Store::open(disk, self.store(), Access::ReadWrite)
            .unwrap()
            .with_trust(Trust::own(key.public()));
        let description = HistoryDescription {
            name: "toys".to_owned(),
            ..HistoryDescription::default()
        };
        let history = store.create_history(&description).unwrap();
        let id = store.new_session();
        let writer = store.writer(history, id, &key).unwrap();
        let mut session = Session::new(id, store, writer, LoadedHistory::default(), Box::new(Still));
        let mut kernel = ToyKernel::new(1);
        session.start(&mut kernel).unwrap();
        run(&mut session, &mut kernel, 1, "a = int 5\nb = bytes 70000 1");
        run(&mut session, &mut kernel, 2, "c = list a b\nfail");
        run(&mut session, &mut kernel, 3, "del a");
        session
            .perform(&mut kernel, &Request::Undo(1), MoveOptions::default())
            .unwrap();
        session.sync().unwrap();
    }

    fn clew(&self, words: &[&str]) -> Output {
        let mut command = Command::cargo_bin("clew").unwrap();
        let home = self.home.path();
        let home = command.env_clear().env("CLEW_HOME", self.store()).env("HOME", home);
        home.env("XDG_CONFIG_HOME", self.home.path().join("config"))
            .args(words)
            .output()
            .unwrap()
    }

    fn json(&self, words: &[&str]) -> Value {
        let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
        let output = self.clew(&words);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{words:?}: {error}: {output:?}"))
    }
}

fn run(session: &mut Session, kernel: &mut ToyKernel, count: u64, source: &str) {
    let ending = match run_cell(&mut kernel.world, source, count) {
        Ok(()) => Ending::Done,
        Err(_) => Ending::Failed {
            exception: "Failure".to_owned(),
        },
    };
    let input = RunInput {
        source: Some(source.to_owned()),
        execution_count: Some(count),
        ending,
        ..RunInput::silent(RunKind::Cell, BEGAN)
    };
    session.record(kernel, input).unwrap();
}

fn digests(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(digests(&path));
        } else {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn log_shows_the_line_and_all_the_runs_that_were_left() {
    let recorded = Recorded::new();
    let line = recorded.json(&["log"]);
    assert_eq!(line["history"], "toys");
    let labels = |log: &Value| -> Vec<String> {
        log["runs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["run"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = recorded.json(&["log", "--all", "--graph"]);
    assert_eq!(labels(&all).len(), labels(&line).len() + 1);
    assert_eq!(
        recorded.json(&["log", "--failed"])["runs"][0]["source"],
        "c = list a b\nfail"
    );
    assert_eq!(line["runs"][0]["is_here"], true);
}

#[test]
fn vars_show_and_diff_agree_on_what_a_run_changed() {
    let recorded = Recorded::new();
    let here = recorded.json(&["show"]);
    let run = here["run"].as_str().unwrap();
    let names = |vars: &Value| -> Vec<String> {
        vars["variables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|root| root["key"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&recorded.json(&["vars", run])), ["a", "b", "c"]);
    assert_eq!(names(&recorded.json(&["vars", "@-"])), ["a", "b"]);
    let diff = recorded.json(&["diff", "--state"]);
    assert!(
        diff["state"]
            .as_array()
            .unwrap()
            .iter()
            .any(|change| change["after"]["key"] == "c"),
        "{diff}"
    );
}

#[test]
fn p10_looking_changes_no_byte_of_the_store() {
    let recorded = Recorded::new();
    let before = digests(recorded.home.path());
    for words in [
        ["log", "--all"].as_slice(),
        &["show", "@"],
        &["vars"],
        &["status"],
        &["diff"],
        &["verify", "--read-data"],
        &["doctor"],
        &["list"],
        &["undo"],
    ] {
        recorded.clew(words);
    }
    assert_eq!(digests(recorded.home.path()), before);
}

#[test]
fn verify_doctor_and_list_find_a_sound_store_sound() {
    let recorded = Recorded::new();
    for words in [
        ["verify"].as_slice(),
        &["verify", "--read-data"],
        &["doctor"],
        &["list"],
    ] {
        let output = recorded.clew(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
    }
    assert_eq!(recorded.json(&["list"])["histories"][0]["history"], "toys");
}

#[test]
fn p02_a_pack_that_is_gone_is_said_and_the_log_still_opens() {
    let recorded = Recorded::new();
    for pack in std::fs::read_dir(recorded.store().join("packs")).unwrap() {
        std::fs::remove_file(pack.unwrap().path()).unwrap();
    }
    let log = recorded.clew(&["log"]);
    assert_eq!(log.status.code(), Some(0), "{log:?}");
    for words in [["verify"].as_slice(), &["verify", "--read-data"]] {
        let output = recorded.clew(words);
        assert_eq!(output.status.code(), Some(4), "{words:?}: {output:?}");
    }
}

#[test]
fn a_history_is_found_by_name_and_by_the_beginning_of_its_id() {
    let recorded = Recorded::new();
    let id = recorded.json(&["list"])["histories"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for wanted in ["toys", &id, &id[..6]] {
        assert_eq!(
            recorded.json(&["status", "--history", wanted])["history_id"],
            id.as_str()
        );
    }
    let unknown = recorded.clew(&["status", "--history", "cars"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn doctor_finds_run_numbers_that_are_gone_and_makes_them_anew_when_asked() {
    let recorded = Recorded::new();
    let id = recorded.json(&["list"])["histories"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let numbers = recorded.store().join("histories").join(id).join("numbers");
    let before = std::fs::read(&numbers).unwrap();
    std::fs::remove_file(&numbers).unwrap();
    let found = recorded.json(&["doctor"]);
    let check = |doctor: &Value| {
        let checks = doctor["checks"].as_array().unwrap();
        checks
            .iter()
            .find(|check| check["what"] == "run numbers")
            .unwrap()
            .clone()
    };
    assert_eq!(check(&found)["is_fine"], false);
    assert_eq!(check(&found)["hint"], "`clew doctor --rebuild` makes it anew");
    assert!(!numbers.exists(), "looking writes nothing");
    assert_eq!(check(&recorded.json(&["doctor", "--rebuild"]))["is_fine"], true);
    assert_eq!(std::fs::read(&numbers).unwrap(), before);
}
