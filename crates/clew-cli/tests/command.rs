//! The native command as a process.

use assert_cmd::Command;

fn clew(home: &std::path::Path, words: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("clew").unwrap();
    let output = command
        .env_clear()
        .env("CLEW_HOME", home.join("store"))
        .env("HOME", home)
        .args(words)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn version_is_printed_and_exits_with_0() {
    let home = tempfile::tempdir().unwrap();
    let (code, out, _) = clew(home.path(), &["--version"]);
    assert_eq!((code, out), (0, format!("clew {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn an_unknown_word_exits_with_2_and_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (code, out, err) = clew(home.path(), &["statsu"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(
        err.contains("statsu") && err.contains("`clew status`") && err.contains("Nothing was changed"),
        "{err}"
    );
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_mover_where_nothing_was_ever_recorded_says_so_and_makes_no_store() {
    let home = tempfile::tempdir().unwrap();
    for words in [&["switch", "14", "--dry-run"] as &[&str], &["tag", "best"], &["pause"]] {
        let (code, _, err) = clew(home.path(), words);
        assert_eq!(code, 2);
        assert!(err.contains("There is no store in"), "{err}");
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn looking_where_no_store_is_makes_none() {
    let home = tempfile::tempdir().unwrap();
    for word in ["log", "status", "list", "verify"] {
        let (code, _, err) = clew(home.path(), &[word]);
        assert_eq!(code, 2, "{word}");
        assert!(err.contains("There is no store in"), "{word}: {err}");
    }
    assert_eq!(clew(home.path(), &["doctor"]).0, 0);
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn help_about_a_command_that_is_none_leads_to_the_list_of_commands() {
    let home = tempfile::tempdir().unwrap();
    let (code, _, err) = clew(home.path(), &["help", "frobnicate"]);
    assert_eq!(code, 2);
    assert!(
        err.contains("There is no command `frobnicate`") && err.contains("`clew --help` lists the commands"),
        "{err}"
    );
}

#[test]
fn every_help_reads_as_sentences() {
    let home = tempfile::tempdir().unwrap();
    let whole = clew(home.path(), &["--help"]).1;
    let words = whole
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split_once("  "));
    let words: Vec<&str> = words
        .map(|(word, _)| word.trim())
        .filter(|word| !word.is_empty() && !word.starts_with('-'))
        .collect();
    assert!(words.len() > 40, "{words:?}");
    for word in words {
        for option in ["--help", "-h"] {
            let (code, text, _) = clew(home.path(), &[word, option]);
            assert_eq!(code, 0, "{word}");
            let first = text.lines().next().unwrap();
            assert!(
                !first.contains(". ") || first.ends_with('.'),
                "{word} {option}: {first}"
            );
            // What clap itself says of the help: every text here is our own.
            assert!(
                !text.contains("Print this message") && !text.contains("(see "),
                "{word} {option}: {text}"
            );
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_can_not_be_written_is_no_success() {
    let home = tempfile::tempdir().unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("clew"));
    command.env_clear().env("HOME", home.path()).arg("--help").stdout(full);
    let output = command.stderr(std::process::Stdio::piped()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("The answer cannot be written"), "{said}");
}

#[test]
fn a_file_in_the_place_of_a_store_is_no_store_and_its_rights_are_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("notes.txt");
    std::fs::write(&file, "mine").unwrap();
    let (code, out, _) = clew(home.path(), &["doctor", "--store", file.to_str().unwrap()]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("is not a folder") && !out.contains("chmod"), "{out}");
}
