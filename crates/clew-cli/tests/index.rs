//! The command answers with an index over the logs what it answers without, whatever happened to either.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use assert_cmd::Command;
use clew_core::store::disk::RealDisk;
use clew_core::store::{Access, SigningKey, Store, Trust};
use clew_testing::LongHistory;
use tempfile::TempDir;

const QUESTIONS: [&[&str]; 9] = [
    &["log"],
    &["log", "-n", "0", "--all", "--graph"],
    &["log", "-n", "0", "--all", "--json"],
    &["log", "-v", "n3"],
    &["log", "--failed"],
    &["status"],
    &["show", "@-7"],
    &["vars", "--json"],
    &["list", "--json"],
];

struct Home(TempDir);

impl Home {
    fn recorded() -> Self {
        let home = tempfile::tempdir().unwrap();
        let disk = Arc::new(RealDisk);
        let key = SigningKey::load_or_create(&*disk, &home.path().join("config/clew")).unwrap();
        let store = Store::open(disk, home.path().join("store"), Access::ReadWrite).unwrap();
        let long = LongHistory {
            cells: 400,
            sessions: 2,
            names: 20,
            line: 30,
            seed: 3,
        };
        let store = store.with_trust(Trust::own(key.public()));
        long.record(&store, &key, "long").unwrap();
        Self(home)
    }

    fn answer(&self, words: &[&str], cache: &str) -> (Option<i32>, String) {
        let home = self.0.path();
        let output = Command::cargo_bin("clew")
            .unwrap()
            .env_clear()
            .env("CLEW_HOME", home.join("store"))
            .env("HOME", home)
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_CACHE_HOME", home.join(cache))
            .args(words)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }

    /// What is answered without an index: where its folder would be lies a file.
    fn without(&self, words: &[&str]) -> (Option<i32>, String) {
        fs::write(self.0.path().join("nowhere"), "").unwrap();
        self.answer(words, "nowhere")
    }

    fn index(&self) -> Option<PathBuf> {
        let mut files = fs::read_dir(self.0.path().join("cache/clew/index")).ok()?;
        Some(files.next()?.unwrap().path())
    }

    fn check(&self, when: &str) {
        for words in QUESTIONS {
            let (with, without) = (self.answer(words, "cache"), self.without(words));
            assert_eq!(told(with), told(without), "{words:?} {when}");
        }
    }
}

/// An answer without how long ago things were, which goes on while the test runs.
fn told((exit, text): (Option<i32>, String)) -> (Option<i32>, String) {
    let is_moment = |word: &&str| !word.ends_with("ago") && word.parse::<u64>().is_err();
    (exit, text.split(' ').filter(is_moment).collect::<Vec<_>>().join(" "))
}

#[test]
fn p03_every_question_has_the_same_answer_with_an_index_and_without() {
    let home = Home::recorded();
    assert_eq!(home.index(), None);
    home.check("while there is none");
    let index = home.index().expect("it was made by looking");
    home.check("with it");
    let sound = fs::read(&index).unwrap();
    for at in (0..sound.len()).step_by(sound.len() / 7) {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        fs::write(&index, &bytes).unwrap();
        let words = &["log", "-n", "0", "--all", "--json"];
        assert_eq!(home.answer(words, "cache"), home.without(words), "byte {at}");
    }
}

#[test]
fn p03_a_run_that_its_log_lost_after_it_was_indexed_is_not_told_of() {
    let home = Home::recorded();
    home.check("sound");
    let logs = |path: &PathBuf| path.extension().is_some_and(|end| end == "log");
    let history = fs::read_dir(home.0.path().join("store/histories"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    for log in fs::read_dir(history)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(logs)
    {
        let mut bytes = fs::read(&log).unwrap();
        // Runs come first in every batch: some of these bytes are a run's.
        let middle = bytes.len() / 2;
        bytes[middle..middle + 3000].fill(7);
        fs::write(&log, bytes).unwrap();
    }
    let words = &["log", "-n", "0", "--all", "--json"];
    assert_eq!(home.answer(words, "cache"), home.without(words));
    assert_eq!(home.answer(&["verify"], "cache").0, Some(4));
}

#[test]
fn doctor_compares_the_index_with_the_logs_and_makes_it_anew() {
    let home = Home::recorded();
    let found = |words: &[&str]| {
        let (_, text) = home.answer(words, "cache");
        let line = text.lines().find(|line| line.contains("index:"));
        line.unwrap_or_default().trim().to_owned()
    };
    // Comparing is looking, which makes one.
    assert_eq!(found(&["doctor"]), "ok index: just created from the logs");
    assert_eq!(found(&["doctor"]), "ok index: consistent with the logs");
    fs::write(home.index().unwrap(), "torn").unwrap();
    assert_eq!(found(&["doctor", "--rebuild"]), "ok index: recreated from the logs");
    assert!(fs::metadata(home.index().unwrap()).unwrap().len() > 4);
}

#[test]
fn doctor_says_what_lies_in_the_place_of_the_index_and_how_to_move_it_away() {
    let home = Home::recorded();
    assert_eq!(home.answer(&["doctor"], "cache").0, home.answer(&["doctor"], "cache").0);
    let path = home.index().unwrap();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    for words in [&["doctor"] as &[&str], &["doctor", "--rebuild"]] {
        let (exit, text) = home.answer(words, "cache");
        let told = format!("!! index: {} is not a file, so there is no index", path.display());
        assert!(exit == Some(1) && text.contains(&told), "{text}");
    }
    let (_, text) = home.answer(&["doctor"], "cache");
    let mend = text
        .split('`')
        .find(|piece| piece.starts_with("mv "))
        .unwrap()
        .to_owned();
    let done = std::process::Command::new("sh").args(["-c", &mend]).status().unwrap();
    assert!(done.success(), "{mend}");
    let (_, text) = home.answer(&["doctor"], "cache");
    assert!(text.contains("ok index: just created from the logs"), "{text}");
    // A file where its folder would be.
    home.without(&["log"]);
    let (_, text) = home.answer(&["doctor"], "nowhere");
    assert!(text.contains("nowhere is not a folder, so there is no index"), "{text}");
}
