//! The native command over a real store, recorded by the engine from toy cells.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;

use assert_cmd::Command;
use clew_core::clock::Clock;
use clew_core::format::{Ending, HistoryDescription, RunKind, Timestamp};
use clew_core::history::History;
use clew_core::id::Root;
use clew_core::record::RunInput;
use clew_core::session::{Request, RestoreOptions, Session};
use clew_core::store::disk::RealDisk;
use clew_core::store::{Access, LoadedHistory, SigningKey, Store, Trust};
use clew_testing::evidence_of;
use clew_testing::raw::holds;
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
        recorded.record("toys");
        recorded
    }

    fn store(&self) -> PathBuf {
        self.home.path().join("store")
    }

    fn record(&self, name: &str) {
        let cells = ["a = int 5\nb = bytes 70000 1", "c = list a b\nfail", "del a"];
        let mut recording = self.record_cells(name, &cells);
        let (session, kernel) = &mut recording;
        session
            .perform(kernel, &Request::Undo(1), RestoreOptions::default())
            .unwrap();
        session.sync().unwrap();
    }

    fn record_cells(&self, name: &str, cells: &[&str]) -> (Session, ToyKernel) {
        let (mut session, mut kernel) = self.begin(name);
        for (cell, count) in cells.iter().zip(1..) {
            run(&mut session, &mut kernel, count, cell);
        }
        session.sync().unwrap();
        (session, kernel)
    }

    /// Cells that took so many seconds each, and of which it is known what they read.
    fn record_watched(&self, name: &str, cells: &[(u64, &str)]) {
        let (mut session, mut kernel) = self.begin(name);
        for ((seconds, cell), count) in cells.iter().zip(1..) {
            let evidence = evidence_of(&kernel.world, cell, count);
            let input = RunInput {
                evidence,
                duration: seconds * 1_000_000_000,
                ..ran(&mut kernel, count, cell)
            };
            session.record(&mut kernel, input).unwrap();
        }
        session.sync().unwrap();
    }

    fn begin(&self, name: &str) -> (Session, ToyKernel) {
        let disk = Arc::new(RealDisk);
        let key = SigningKey::load_or_create(&*disk, &self.home.path().join("config/clew")).unwrap();
        let store = Store::open(disk, self.store(), Access::ReadWrite)
            .unwrap()
            .with_trust(Trust::own(key.public()));
        let description = HistoryDescription {
            name: name.to_owned(),
            ..HistoryDescription::default()
        };
        let history = store.create_history(&description).unwrap();
        let id = store.new_session();
        let writer = store.writer(history, id, &key).unwrap();
        let mut session = Session::new(id, store, writer, LoadedHistory::default(), Box::new(Still));
        let mut kernel = ToyKernel::new(1);
        session.start(&mut kernel).unwrap();
        (session, kernel)
    }

    fn without_packs(&self) {
        for pack in std::fs::read_dir(self.store().join("packs")).unwrap() {
            std::fs::remove_file(pack.unwrap().path()).unwrap();
        }
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

    /// What a command says, with its exit code where it is not 0.
    fn said(&self, words: &[&str]) -> String {
        let output = self.clew(words);
        let text = [output.stdout, output.stderr].concat();
        let mut text = String::from_utf8(text).unwrap();
        // The command's clock is the machine's.
        for word in ["forgotten on ", "deleted by gc on "] {
            while let Some(at) = text.find(&format!("{word}2")) {
                let day = at + word.len();
                text.replace_range(day..day + 10, "DAY");
            }
        }
        match output.status.code() {
            Some(0) => text,
            code => format!("{text}[exit {}]\n", code.unwrap_or(-1)),
        }
    }

    fn json(&self, words: &[&str]) -> Value {
        let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
        let output = self.clew(&words);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{words:?}: {error}: {output:?}"))
    }
}

fn run(session: &mut Session, kernel: &mut ToyKernel, count: u64, source: &str) {
    let input = ran(kernel, count, source);
    session.record(kernel, input).unwrap();
}

/// What is to be recorded of a cell that is run now.
fn ran(kernel: &mut ToyKernel, count: u64, source: &str) -> RunInput {
    let ending = match run_cell(&mut kernel.world, source, count) {
        Ok(()) => Ending::Done,
        Err(_) => Ending::Failed {
            exception: "Failure".to_owned(),
        },
    };
    RunInput {
        source: Some(source.to_owned()),
        execution_count: Some(count),
        ending,
        ..RunInput::silent(RunKind::Cell, BEGAN)
    }
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
fn a_branch_can_be_called_otherwise_by_both_names_or_by_the_new_one_alone() {
    let recorded = Recorded::new();
    insta::assert_snapshot!(recorded.said(&["branch", "-m", "later"]));
    recorded.clew(&["branch", "trees"]);
    assert_eq!(
        recorded.said(&["branch", "-m", "trees", "forest"]),
        "Branch trees is now called forest; it is at run 3.\n"
    );
    recorded.said(&["branch", "-m", "forest", "wood"]);
    assert_eq!(recorded.json(&["branch"])["names"][0]["name"], "wood");
}

#[test]
fn p12_a_credential_that_is_typed_about_a_run_is_nowhere_in_the_store() {
    let recorded = Recorded::new();
    let token = format!("ghp_{}", "a1B2".repeat(9));
    let text = format!("with the token {token}, and it works");
    assert_eq!(
        recorded.said(&["describe", "2", "-m", &text]),
        "Run 2: with the token [not kept: a GitHub token], and it works.\n\
         In your text, a GitHub token was left out; it is not stored.\n"
    );
    assert_eq!(
        recorded.json(&["describe", "2", "-m", &text])["removed_credentials"][0],
        "a GitHub token"
    );
    assert!(
        recorded
            .said(&["show", "2"])
            .contains("with the token [not kept: a GitHub token], and it works")
    );
    for words in [
        &["tag", &token] as &[&str],
        &["branch", &token],
        &["branch", "-m", "trees", &token],
        &["history", &token],
    ] {
        let said = recorded.said(words);
        assert!(
            said.starts_with(
                "Error: Names are stored and displayed, and this one looks like a GitHub token. Nothing was changed."
            ),
            "{said}"
        );
    }
    for (path, bytes) in digests(&recorded.store()) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(&token[..20]), "{}", path.display());
    }
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
    assert_eq!(line["runs"][0]["is_current"], true);
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
    // What was seen is noted in one's own folder of settings.
    let all = || {
        let mut all = digests(recorded.home.path());
        all.retain(|(path, _)| !path.starts_with(recorded.home.path().join("config/clew/last-seen")));
        all
    };
    let before = all();
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
    assert_eq!(all(), before);
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
fn p02_doctor_names_the_packs_of_sessions_whose_logs_are_gone() {
    let recorded = Recorded::new();
    for history in std::fs::read_dir(recorded.store().join("histories")).unwrap() {
        for file in std::fs::read_dir(history.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "log") {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
    let output = recorded.clew(&["doctor"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_ne!(output.status.code(), Some(0), "{said}");
    for words in [
        "1 pack of sessions whose logs are missing: ",
        ".pack",
        "from a backup",
        "clew gc",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn p02_a_pack_that_is_gone_is_said_and_the_log_still_opens() {
    let recorded = Recorded::new();
    recorded.without_packs();
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
    assert_eq!(check(&found)["hint"], "`clew doctor --rebuild` recreates it");
    assert!(!numbers.exists(), "looking writes nothing");
    assert_eq!(check(&recorded.json(&["doctor", "--rebuild"]))["is_fine"], true);
    assert_eq!(std::fs::read(&numbers).unwrap(), before);
}

fn history_ends(doctor: &Value) -> Value {
    let mut checks = doctor["checks"].as_array().unwrap().iter();
    checks.find(|check| check["what"] == "history ends").unwrap().clone()
}

#[test]
fn p11_runs_that_are_taken_out_of_a_store_are_said_until_that_is_accepted() {
    let recorded = Recorded::new();
    let (mut session, mut kernel) = recorded.record_cells("cars", &["a = int 5", "a = int 6"]);
    let earlier = raw(&recorded);
    run(&mut session, &mut kernel, 3, "a = int 7");
    session.sync().unwrap();
    drop(session);
    let found = |words: &[&str]| history_ends(&recorded.json(words))["found"].clone();
    assert_eq!(found(&["doctor"]), "2 sessions of yours, noted just now");
    assert_eq!(
        found(&["doctor"]),
        "everything seen before still exists (2 sessions of yours)"
    );
    for (path, bytes) in earlier {
        if path.extension().is_some_and(|extension| extension == "log") {
            std::fs::write(path, bytes).unwrap();
        }
    }
    for _ in 0..2 {
        let doctor = recorded.json(&["doctor"]);
        assert_eq!(doctor["exit"], 1);
        let check = history_ends(&doctor);
        let told = check["found"].as_str().unwrap();
        assert!(told.starts_with("cars is not as you last saw it: Session "), "{told}");
        assert!(
            told.ends_with(" has 3 operations, and had 4 when it was last seen"),
            "{told}"
        );
        assert!(check["hint"].as_str().unwrap().contains("`clew doctor --accept-end`"));
        let verify = recorded.json(&["verify", "--history", "cars"]);
        assert_eq!(
            (&verify["exit"], &verify["findings"]),
            (&1.into(), &Value::Array(Vec::new()))
        );
        assert_eq!(verify["rolled_back"].as_array().unwrap().len(), 1);
        assert_eq!(recorded.json(&["verify", "--history", "toys"])["exit"], 0);
    }
    assert_eq!(
        found(&["doctor", "--accept-end"]),
        "accepted as they are now: 2 sessions of yours"
    );
    assert_eq!(recorded.json(&["doctor"])["exit"], 0);
    assert_eq!(recorded.json(&["verify", "--history", "cars"])["exit"], 0);
}

#[test]
fn what_was_last_seen_and_can_not_be_used_is_said_by_doctor_and_stops_nothing() {
    let recorded = Recorded::new();
    recorded.json(&["doctor"]);
    let folder = recorded.home.path().join("config/clew/last-seen");
    let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let path = names.into_iter().find(|path| path.extension().is_some()).unwrap();
    std::fs::write(&path, "anything").unwrap();
    let check = history_ends(&recorded.json(&["doctor"]));
    assert!(
        check["found"]
            .as_str()
            .unwrap()
            .ends_with("cannot be used: it is corrupted"),
        "{check}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"anything");
    assert_eq!(recorded.json(&["verify"])["exit"], 0);
    assert_eq!(
        history_ends(&recorded.json(&["doctor", "--accept-end"]))["is_fine"],
        true
    );
    assert_eq!(recorded.json(&["doctor"])["exit"], 0);

    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "no folder").unwrap();
    for words in [["doctor"].as_slice(), &["doctor", "--accept-end"]] {
        let check = history_ends(&recorded.json(words));
        assert_eq!(check["is_fine"], false, "{check}");
    }
    assert_eq!(recorded.json(&["verify"])["exit"], 0);
}

#[test]
fn p11_a_store_that_is_gone_is_missed_until_that_is_accepted() {
    let recorded = Recorded::new();
    recorded.json(&["doctor"]);
    std::fs::rename(recorded.store(), recorded.home.path().join("elsewhere")).unwrap();
    let store = |words: &[&str]| {
        let doctor = recorded.json(words);
        let mut checks = doctor["checks"].as_array().unwrap().iter();
        let check = checks.find(|check| check["what"] == "store").unwrap().clone();
        (doctor["exit"].clone(), check)
    };
    for _ in 0..2 {
        let (exit, check) = store(&["doctor"]);
        assert_eq!(exit, 1);
        assert_eq!(check["found"], "it is missing, with what you last saw in it: 1 session");
        assert!(check["hint"].as_str().unwrap().contains("`clew doctor --accept-end`"));
        for words in [["verify"], ["status"], ["log"]] {
            let error = recorded.json(&words)["error"].clone();
            assert!(
                error["message"].as_str().unwrap().ends_with(" any more")
                    && error["hint"].as_str().unwrap().starts_with("`clew doctor`"),
                "{words:?}: {error}"
            );
        }
    }
    std::fs::rename(recorded.home.path().join("elsewhere"), recorded.store()).unwrap();
    assert_eq!(recorded.json(&["doctor"])["exit"], 0);
    std::fs::remove_dir_all(recorded.store()).unwrap();
    assert_eq!(store(&["doctor", "--accept-end"]).1["is_fine"], true);
    let (exit, check) = store(&["doctor"]);
    assert_eq!((exit, &check["is_fine"]), (0.into(), &true.into()), "{check}");
}

#[test]
fn a_push_to_a_folder_that_is_gone_says_how_to_go_on() {
    let recorded = Recorded::new();
    let place = recorded.home.path().join("nas");
    let place = place.to_str().unwrap();
    recorded.clew(&["remote", "add", "nas", place]);
    std::fs::remove_dir_all(place).unwrap();
    for words in [
        &["push", "nas"] as &[&str],
        &["push"],
        &["pull", "nas"],
        &["move", "nas"],
        &["push", "nas", "--plan"],
    ] {
        let error = recorded.json(words)["error"].clone();
        let hint = error["hint"].as_str().unwrap();
        let anew = format!("create an empty one with `clew remote remove nas` and then `clew remote add nas {place}`");
        assert!(
            hint.starts_with("mount it") && hint.ends_with(&anew),
            "{words:?}: {error}"
        );
    }
    recorded.clew(&["remote", "remove", "nas"]);
    recorded.clew(&["remote", "add", "nas", place]);
    assert_eq!(recorded.json(&["push", "nas", "--all"])["exit"], 0);
}

#[test]
fn p12_forget_shows_first_then_takes_the_values_and_says_what_stays() {
    let recorded = Recorded::new();
    insta::assert_snapshot!("forget_dry_run", recorded.said(&["forget", "b", "--dry-run"]));
    insta::assert_snapshot!("forget_unconfirmed", recorded.said(&["forget", "b"]));
    let packs = recorded.store().join("packs");
    let before = digests(&packs);
    recorded.clew(&["forget", "a", "b"]);
    assert_eq!(digests(&packs), before, "without --yes nothing goes");
    insta::assert_snapshot!("forget", recorded.said(&["forget", "b", "--yes"]));
    insta::assert_snapshot!("forget_again", recorded.said(&["forget", "b", "--yes"]));
    insta::assert_snapshot!("forget_vars", recorded.said(&["vars", "2"]));
    let shown = recorded.said(&["show", "2"]);
    assert!(shown.contains("+b") && shown.contains("forgotten on DAY"), "{shown}");
    insta::assert_snapshot!("forget_verify", recorded.said(&["verify", "--read-data"]));
    insta::assert_snapshot!("forget_unknown", recorded.said(&["forget", "bb", "--yes"]));
    let log = recorded.said(&["op", "log"]);
    assert!(log.contains("forgot b"), "{log}");
    assert_eq!(recorded.clew(&["doctor"]).status.code(), Some(0));
}

#[test]
fn what_is_forgotten_of_several_names_is_told_of_them() {
    let recorded = Recorded::new();
    let said = recorded.said(&["forget", "a", "b", "--yes"]);
    assert!(
        said.contains("They cannot be loaded")
            && said.contains("A copy of them")
            && said.contains("which mention them"),
        "{said}"
    );
    assert!(!said.contains("It cannot") && !said.contains("mention it"), "{said}");
}

#[test]
fn p12_forget_everywhere_reaches_all_histories_and_here_only_this_one() {
    let recorded = Recorded::new();
    recorded.record("cars");
    let done = recorded.json(&["forget", "b", "--history", "toys", "--yes"]);
    assert_eq!(done["histories"].as_array().unwrap().len(), 1);
    assert_eq!(done["also_in"][0]["history"], "cars", "{done}");
    let why = |history: &str| recorded.json(&["vars", "2", "--history", history])["variables"][1]["stored"].clone();
    let verified = || {
        let output = recorded.clew(&["verify", "--read-data", "--history", "cars"]);
        output.status.code()
    };
    assert_eq!((why("toys"), why("cars")), ("forgotten".into(), "encoded".into()));
    assert_eq!(verified(), Some(0));
    insta::assert_snapshot!(
        "forget_everywhere",
        recorded.said(&["forget", "b", "--everywhere", "--yes", "--history", "toys"])
    );
    assert_eq!(why("cars"), "forgotten");
    assert_eq!(verified(), Some(0));
}

#[test]
fn p08_gc_says_what_it_finds_and_takes_nothing_that_is_needed() {
    let recorded = Recorded::new();
    insta::assert_snapshot!("gc_dry_run", recorded.said(&["gc", "--dry-run"]));
    insta::assert_snapshot!("gc", recorded.said(&["gc"]));
    // A session that died before it wrote its operation leaves what nothing needs.
    for file in digests(&recorded.store().join("histories")) {
        if file.0.extension().is_some_and(|extension| extension == "log") {
            std::fs::remove_file(file.0).unwrap();
        }
    }
    let found = recorded.json(&["gc"]);
    assert!(found["marked"]["pieces"].as_u64().unwrap() > 5, "{found}");
    assert_eq!(
        (&found["removed"]["pieces"], &found["packs_removed"]),
        (&0.into(), &0.into())
    );
    let waits = recorded.json(&["gc"]);
    assert_eq!(waits["waiting"], found["marked"]);
    let text = recorded.said(&["gc", "--dry-run"]);
    assert!(text.starts_with("Marked before and kept for now: "), "{text}");
    std::fs::create_dir_all(recorded.home.path().join("config/clew")).unwrap();
    recorded.clew(&["config", "gc.grace", "0"]);
    let removed = recorded.said(&["gc"]);
    assert!(
        removed.starts_with("Deleted ") && removed.contains("smaller"),
        "{removed}"
    );
    let packs = digests(&recorded.store().join("packs"));
    assert!(
        packs
            .iter()
            .all(|(path, _)| path.extension().is_none_or(|extension| extension != "pack")),
        "{packs:?}"
    );
}

#[test]
fn p08_gc_says_what_it_can_not_judge_and_loses_nothing_by_it() {
    let recorded = Recorded::new();
    recorded.without_packs();
    let told = recorded.said(&["gc"]);
    assert!(
        told.contains("cannot be read. Data that they may need") && told.contains("[exit 4]"),
        "{told}"
    );
}

/// The files of the store, and of the index over its logs.
fn raw(recorded: &Recorded) -> BTreeMap<PathBuf, Vec<u8>> {
    fn add(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                add(&path, files);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                files.insert(path, bytes);
            }
        }
    }
    let mut files = BTreeMap::new();
    add(recorded.home.path(), &mut files);
    files
}

#[test]
fn p12_what_is_forgotten_everywhere_is_in_no_byte_of_any_history_compressed_or_not_and_whatever_is_damaged() {
    let secret = [1; 5000];
    // Whole; with a byte changed in a pack behind the value; with the last byte of a log changed.
    for damaged in [None, Some("pack"), Some("log")] {
        let recorded = Recorded::new();
        recorded.record("cars");
        // The index holds something, too.
        recorded.clew(&["log", "--history", "cars"]);
        if let Some(extension) = damaged {
            let is_it = |path: &&PathBuf| path.extension().is_some_and(|found| found == extension);
            let files = raw(&recorded);
            let path = files.keys().find(is_it).unwrap();
            let mut bytes = files[path].clone();
            let at = bytes.len() - 30;
            bytes[at] ^= 1;
            std::fs::write(path, bytes).unwrap();
        }
        assert!(holds(&raw(&recorded), &secret));
        let here = recorded.json(&["forget", "b", "--history", "toys", "--yes"]);
        assert_eq!(here["is_done"], true, "{here}");
        assert!(holds(&raw(&recorded), &secret), "the other history has it still");
        let done = recorded.json(&["forget", "b", "--history", "toys", "--everywhere", "--yes"]);
        assert_eq!(done["why_left"], Value::Null, "{damaged:?}: {done}");
        assert!(!holds(&raw(&recorded), &secret), "{damaged:?}: {done}");
    }
}

#[test]
fn p08_keep_rules_show_what_goes_by_run_then_drop_it_in_two_steps_and_say_so() {
    let recorded = Recorded::new();
    std::fs::create_dir_all(recorded.home.path().join("config/clew")).unwrap();
    recorded.clew(&["config", "gc.grace", "0"]);
    drop(recorded.record_cells(
        "cars",
        &["a = bytes 70000 2", "b = bytes 900 3", "a = bytes 50000 4", "a = int 5"],
    ));
    let before = digests(&recorded.store());
    insta::assert_snapshot!("keep_dry_run", recorded.said(&["gc", "--dry-run", "--keep-runs", "1"]));
    assert_eq!(digests(&recorded.store()), before);
    insta::assert_snapshot!("keep_first", recorded.said(&["gc", "--keep-runs", "1"]));
    insta::assert_snapshot!("keep_second", recorded.said(&["gc", "--keep-runs", "1"]));
    insta::assert_snapshot!("keep_verify", recorded.said(&["verify", "--read-data"]));
    let said = recorded.said(&["op", "log", "-n", "1"]);
    assert!(said.contains("deleted 2 values, by the retention rules"), "{said}");
    assert_eq!(recorded.clew(&["doctor"]).status.code(), Some(0));
    assert!(recorded.said(&["gc"]).starts_with("Nothing to delete"));
    let refused = recorded.said(&["gc", "--size", "1 kB"]);
    assert!(refused.contains("gc.size must be a size of at least"), "{refused}");
}

/// A home with a history of a big value that is quickly made, and a small one that took an hour.
fn worked() -> Recorded {
    let recorded = Recorded {
        home: tempfile::tempdir().unwrap(),
    };
    let cells = [
        (1, "big = noise 300000 1"),
        (3_600, "small = text what took an hour to find"),
    ];
    recorded.record_watched("work", &cells);
    recorded
}

impl Recorded {
    fn path(&self, name: &str) -> String {
        self.home.path().join(name).display().to_string()
    }
}

/// Whether a store has all that a value of the last run lies in.
fn has(store: &Path, name: &str) -> bool {
    let disk = Arc::new(RealDisk);
    let store = Store::open(disk, store, Access::ReadOnly).unwrap();
    let (id, _) = store.histories().unwrap().into_iter().next().unwrap();
    let history = History::of(&store.load(id).unwrap());
    let last = history.outlines().last().unwrap().0;
    let manifest = history.state(last).version(&Root::name(name)).unwrap().manifest;
    store.parts_of(manifest).is_ok()
}

fn roots(page: &Value) -> Vec<&str> {
    let all = page.as_array().unwrap().iter();
    let roots = all.flat_map(|one| one["roots"].as_array().unwrap());
    let names = roots.filter(|root| root["kind"] == "name");
    names.map(|root| root["key"].as_str().unwrap()).collect()
}

#[test]
fn a_planned_push_sends_what_is_dear_to_make_and_leaves_out_what_is_dear_to_send() {
    let recorded = worked();
    let lab = recorded.path("lab");
    recorded.said(&["remote", "add", "lab", &lab]);
    let planned = recorded.json(&["push", "--plan", "--rate", "10KB", "--dry-run"]);
    assert_eq!((&planned["done"], &planned["exit"]), (&Value::Null, &Value::from(0)));
    assert!(!Path::new(&lab).join("bundles").exists(), "a dry run sends nothing");
    let page = recorded.json(&["push", "--plan", "--rate", "10KB"]);
    assert_eq!(
        (roots(&page["sent"]), roots(&page["rerun"])),
        (vec!["small"], vec!["big"])
    );
    assert!(page["done"]["new_bytes"].as_u64().unwrap() < 100_000, "{page}");
    assert_eq!(
        (&page["target"], &page["command"]),
        (&Value::from("lab"), &Value::from("push"))
    );
    let (there, again) = (recorded.path("there"), recorded.path("there/.clew"));
    assert!(recorded.said(&["clone", &lab, &there]).contains("1 history"));
    let there = Path::new(&again);
    assert_eq!((has(there, "big"), has(there, "small")), (false, true));
    // A plain push brings the rest.
    assert!(recorded.said(&["push", "lab"]).contains("Pushed work to lab"));
    recorded.said(&["pull", "--store", &again]);
    assert!(has(there, "big"));
    assert!(recorded.said(&["push", "lab"]).contains("lab already has all of work"));
    let nothing = recorded.said(&["move", "lab", "--rate", "10KB"]);
    assert!(
        nothing.starts_with("Moved run 3 to lab: 0 B sent, 0 runs to rerun there"),
        "{nothing}"
    );
}

#[test]
fn a_state_moves_to_a_store_of_this_machine() {
    let recorded = worked();
    let store = recorded.path("other");
    Store::open(Arc::new(RealDisk), &store, Access::ReadWrite).unwrap();
    let said = recorded.said(&["move", &store, "--rate", "10KB"]);
    assert!(said.starts_with(&format!("Moved run 3 to {store}: ")), "{said}");
    assert!(
        said.contains("1 run to rerun there") && said.contains("`%clew resume 3`"),
        "{said}"
    );
    let there = Path::new(&store);
    assert_eq!((has(there, "big"), has(there, "small")), (false, true));
    assert!(recorded.said(&["log", "--store", &store]).contains("what took an hour"));
    // Over a way that is measured all of it goes.
    let said = recorded.said(&["move", &store]);
    assert!(said.contains("Measured just now: "), "{said}");
    assert!(has(there, "big"));
    assert!(
        recorded
            .said(&["verify", "--read-data", "--store", &store])
            .contains("is intact")
    );
}

#[test]
fn the_way_to_a_remote_is_measured_and_remembered() {
    let recorded = worked();
    let lab = recorded.path("lab");
    recorded.said(&["remote", "add", "lab", &lab]);
    let first = recorded.json(&["move", "lab", "--dry-run"]);
    assert!(
        first["rate"].as_u64().unwrap() > 0 && first["rate_back"].as_u64().unwrap() > 0,
        "{first}"
    );
    let again = recorded.json(&["move", &lab]);
    assert_eq!(again["measured"], first["measured"]);
    assert!(first["measured"].is_string());
    let probes = Path::new(&lab).join("probes");
    assert!(!probes.exists() || std::fs::read_dir(probes).unwrap().next().is_none());
}

#[test]
fn what_can_not_move_is_refused_and_nothing_is_sent() {
    let recorded = worked();
    let lab = recorded.path("lab");
    recorded.said(&["remote", "add", "lab", &lab]);
    let store = recorded.store().display().to_string();
    let refused = [
        (2, "needs a target", vec!["move"]),
        (
            2,
            "There is no remote `labb`, and no store in that folder",
            vec!["move", "labb"],
        ),
        (2, "That is the store itself", vec!["move", store.as_str()]),
        (2, "need a plan", vec!["push", "lab", "--rate", "10KB"]),
        (2, "cannot be used together", vec!["push", "lab", "--plan", "--all"]),
        (2, "There is no run `99`", vec!["move", "lab", "--at", "99"]),
        (3, "too small", vec!["move", "lab", "--budget", "1", "--rate", "10KB"]),
    ];
    for (exit, says, words) in refused {
        let said = recorded.said(&words);
        assert!(
            said.contains(says) && said.ends_with(&format!("[exit {exit}]\n")),
            "{words:?}: {said}"
        );
    }
    assert!(!Path::new(&lab).join("bundles").exists());
    assert!(!Path::new(&recorded.path("labb")).exists());
}

#[test]
fn p06_a_name_that_would_be_lost_is_said_and_the_rest_goes() {
    let recorded = Recorded {
        home: tempfile::tempdir().unwrap(),
    };
    recorded.record_watched("work", &[(1, "g = handle"), (1, "advance g\nx = int 4000")]);
    let lab = recorded.path("lab");
    recorded.said(&["remote", "add", "lab", &lab]);
    let output = recorded.clew(&["move", "lab", "--rate", "1MB"]);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("g would be lost: "), "{output:?}");
    assert!(text(&output.stdout).contains("g would be lost: "), "{output:?}");
    let there = recorded.path("there");
    recorded.said(&["clone", &lab, &there]);
    assert!(has(&Path::new(&there).join(".clew"), "x"));
}
