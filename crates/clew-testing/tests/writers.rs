//! Ten processes on one store, with a gc that never rests, one that looks, stops, kills and clocks that jump; and that what
//! counts the losses notices one. `make writers` is the same for ten minutes.

use std::process::{Command, Output};

fn writers(seconds: &str, planted: &str) -> (Output, String) {
    let folder = tempfile_folder(planted);
    let mut command = Command::new(env!("CARGO_BIN_EXE_writers"));
    let output = command
        .env("CLEW_SECONDS", seconds)
        .env("CLEW_PLANT", planted)
        .env("TMPDIR", &folder)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&folder).ok();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    (output, text)
}

fn tempfile_folder(planted: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("clew-test-writers-{}-{planted}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn count(text: &str, what: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{what}: ")));
    line.unwrap_or_else(|| panic!("{what} in\n{text}")).parse().unwrap()
}

#[test]
fn p01_p08_p09_ten_writers_and_a_gc_lose_nothing_and_corrupt_nothing() {
    let seconds = if std::env::var_os("CLEW_LONG").is_some() {
        "120"
    } else {
        "10"
    };
    let (output, text) = writers(seconds, "");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{error}");
    assert_eq!((count(&text, "lost"), count(&text, "corrupt")), (0, 0), "{text}");
    assert_eq!(count(&text, "runs acknowledged"), count(&text, "runs found"), "{text}");
    for what in [
        "runs found",
        "gc passes",
        "packs removed",
        "gc refused where locks lie",
        "looks",
        "branches",
    ] {
        assert!(count(&text, what) > 0, "{what}: {text}");
    }
    println!("{text}");
}

#[test]
fn a_planted_loss_and_planted_damage_are_noticed() {
    for (planted, what) in [("loss", "lost"), ("damage", "corrupt")] {
        let (output, text) = writers("3", planted);
        assert!(!output.status.success() && count(&text, what) > 0, "{planted}: {text}");
    }
}
