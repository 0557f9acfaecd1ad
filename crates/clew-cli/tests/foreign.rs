//! What a stranger made, given to the real command: bundles that would fill the disk, and stores that would steer a terminal.

mod recorded;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use assert_cmd::Command;
use clew_core::format::{BundledInput, Ending, Evidence, FileEvidence, HistoryDescription};
use clew_core::id::HistoryId;
use clew_core::limits;
use clew_core::record::RunInput;
use clew_core::session::{Request, RestoreOptions};
use clew_core::store::BundleMaker;
use clew_core::store::disk::{Disk, RealDisk};
use recorded::{BEGAN, cell, named, recorded};
use serde_json::Value;
use tempfile::TempDir;

fn quiet(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// A folder with a person's home in it, and whatever else a test puts there.
struct Desk {
    root: TempDir,
}

/// What a command said.
struct Said {
    exit: i32,
    out: String,
    error: String,
}

impl Desk {
    fn new() -> Self {
        let desk = Self {
            // A folder whose name begins with a dot is hidden, and files in it are taken nowhere.
            root: tempfile::Builder::new().prefix("clew-").tempdir().unwrap(),
        };
        fs::create_dir(desk.home()).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn home(&self) -> PathBuf {
        self.path("home")
    }

    fn clew<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Said {
        let output = Command::cargo_bin("clew")
            .unwrap()
            .env_clear()
            .env("HOME", self.home())
            .env("CLEW_HOME", self.home().join("store"))
            .env("XDG_CONFIG_HOME", self.home().join("config"))
            .env("XDG_CACHE_HOME", self.home().join("cache"))
            .current_dir(self.root.path())
            .args(words)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said {
            exit: output.status.code().unwrap(),
            out: text(output.stdout),
            error: text(output.stderr),
        }
    }

    /// Everything in the home.
    fn at_home(&self) -> BTreeSet<PathBuf> {
        files(&self.home()).into_keys().collect()
    }
}

/// Every file and folder below a folder, with the bytes of files.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path));
            found.insert(path, Vec::new());
        } else {
            let bytes = fs::read(&path).unwrap();
            found.insert(path, bytes);
        }
    }
    found
}

/// A file with these bytes that runs read.
fn input(name: &str, bytes: &[u8]) -> BundledInput {
    let hashed = BundledInput::hash_of(&mut &*bytes, &mut quiet, &mut |_| Ok(())).unwrap();
    let (hash, size) = hashed.unwrap();
    BundledInput {
        name: name.to_owned(),
        path: String::new(),
        size,
        hash,
    }
}

/// Writes a bundle of a stranger's, in which so many names have the same bytes.
fn bundle_of_copies(desk: &Desk, copies: usize, bytes: &[u8]) -> PathBuf {
    let (theirs, path) = (desk.path("theirs"), desk.path("a bundle.clew"));
    let written = recorded(
        &theirs.join("store"),
        &theirs,
        &named("theirs"),
        vec![cell("a = int 5")],
    );
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let mut maker = BundleMaker::begin(disk, &path).unwrap();
    written
        .store
        .carry_history(written.history, maker.store(), &mut quiet)
        .unwrap();
    for number in 0..copies {
        let input = input(&format!("data/{number}.csv"), bytes);
        if bytes.is_empty() {
            maker.list_input(input);
        } else {
            assert!(maker.take_input(input, &mut &*bytes, &mut quiet).unwrap());
        }
    }
    maker.finish(written.history, &written.key, BEGAN).unwrap();
    path
}

#[test]
fn p14_a_bundle_whose_files_share_one_content_does_not_fill_the_disk() {
    let desk = Desk::new();
    let bytes = vec![b'7'; 100_000];
    let path = bundle_of_copies(&desk, 1_000, &bytes);
    assert!(fs::metadata(&path).unwrap().len() < 200_000);
    let path = path.to_str().unwrap();
    let out = desk.home().join("read here");
    let refused = desk.clew(["import", path, "--files", out.to_str().unwrap()]);
    assert_eq!((refused.exit, refused.out.as_str()), (2, ""));
    assert_eq!(
        refused.error,
        "Error: The files in it would need 100 MB, but it contains only 100 kB: many names share one content. \
         Nothing was changed.\nNext: import it without `--files`, and copy the files that you need by hand\n"
    );
    assert_eq!(desk.at_home(), BTreeSet::new(), "nothing was written, not even a key");
    // What it says to type works, and leaves them where they are.
    let imported = desk.clew(["import", path, "--json"]);
    let page: Value = serde_json::from_str(&imported.out).unwrap();
    assert_eq!(
        (page["new_runs"].as_u64(), page["files"].as_array().map(Vec::len)),
        (Some(2), Some(1_000)),
        "{}",
        imported.error
    );
    assert!(!out.exists());
}

#[test]
fn files_that_share_one_content_are_written_out_as_long_as_they_are_few() {
    let desk = Desk::new();
    let path = bundle_of_copies(&desk, 20, &[b'7'; 1000]);
    let out = desk.home().join("read here");
    let said = desk.clew(["import", path.to_str().unwrap(), "--files", out.to_str().unwrap()]);
    assert!(said.error.is_empty(), "{}", said.error);
    let written = files(&out);
    assert_eq!(written.values().filter(|bytes| **bytes == [b'7'; 1000]).count(), 20);
}

#[test]
fn p14_a_bundle_lists_so_many_files_and_no_more() {
    for (count, is_refused) in [(limits::INPUTS, false), (limits::INPUTS + 1, true)] {
        let desk = Desk::new();
        let path = bundle_of_copies(&desk, count, b"");
        let path = path.to_str().unwrap();
        if !is_refused {
            let said = desk.clew(["import", path, "--preview"]);
            assert!(said.error.is_empty(), "{}", said.error);
            continue;
        }
        for words in [
            vec!["import", path, "--preview"],
            vec!["import", path],
            vec!["import", path, "--files", "out"],
        ] {
            let said = desk.clew(words);
            assert_eq!((said.exit, said.out.as_str()), (3, ""));
            assert!(
                said.error
                    .contains("it lists more files that were read than any bundle has")
                    && said.error.contains("Nothing was changed"),
                "{}",
                said.error
            );
            assert_eq!(desk.at_home(), BTreeSet::new());
            assert!(!desk.path("out").exists());
        }
    }
}

/// A history that read more files than a bundle lists can go to others all the same.
#[test]
fn a_history_that_read_more_files_than_a_bundle_lists_is_exported_and_says_which_are_left_behind() {
    let desk = Desk::new();
    let data = desk.path("data");
    fs::create_dir(&data).unwrap();
    let read = |number: usize| {
        let path = data.join(format!("{number:05}.txt"));
        fs::write(&path, b"").unwrap();
        FileEvidence {
            path: path.to_str().unwrap().to_owned(),
            size: Some(0),
            ..FileEvidence::default()
        }
    };
    let evidence = Evidence {
        files_read: (0..limits::INPUTS + 3).map(read).collect(),
        ..Evidence::default()
    };
    let runs = vec![RunInput {
        evidence,
        ..cell("a = int 5")
    }];
    let (store, config) = (desk.home().join("store"), desk.home().join("config/clew"));
    recorded(&store, &config, &named("pictures"), runs);
    let said = desk.clew(["export", "all.clew", "--all"]);
    assert!(
        said.out
            .contains("3 files more that its cells read are not listed: a bundle lists 10,000 at most"),
        "{}{}",
        said.out,
        said.error
    );
    let said = desk.clew(["export", "with.clew", "--all", "--with-files"]);
    assert_eq!(said.exit, 1, "{}{}", said.out, said.error);
    let left = said.out.lines().filter(|line| line.contains("left out"));
    assert_eq!(
        left.collect::<Vec<_>>(),
        ["  3 files are left out: a bundle lists 10,000 at most"]
    );
    for file in ["all.clew", "with.clew"] {
        let said = desk.clew(["import", file, "--preview", "--json"]);
        let page: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(
            page["files"].as_array().map(Vec::len),
            Some(limits::INPUTS),
            "{}",
            said.out
        );
    }
}

#[cfg(unix)]
#[test]
fn a_name_that_is_no_text_means_no_other_file() {
    use std::os::unix::ffi::OsStrExt;
    let desk = Desk::new();
    let (store, config) = (desk.home().join("store"), desk.home().join("config/clew"));
    recorded(&store, &config, &named("mine"), vec![cell("a = int 5")]);
    // What it would be taken for.
    fs::write(desk.path("b\u{fffd}.clew"), b"another one").unwrap();
    let name = OsStr::from_bytes(b"b\xff.clew");
    for words in [["export", "--force"], ["import", "--preview"]] {
        let words = [OsStr::new(words[0]), name, OsStr::new(words[1])];
        let said = desk.clew(words);
        assert_eq!((said.exit, said.out.as_str()), (2, ""), "{words:?}");
        assert_eq!(
            said.error,
            "Error: `b\u{fffd}.clew` is not UTF-8, so Clew cannot use it as a name. Nothing was changed.\n\
             Next: give the file or folder another name\n"
        );
        let said = desk.clew(words.into_iter().chain([OsStr::new("--json")]));
        let page: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!((page["exit"].as_i64(), said.exit), (Some(2), 2), "{page}");
    }
    assert_eq!(fs::read(desk.path("b\u{fffd}.clew")).unwrap(), b"another one");
    assert!(!desk.root.path().join(name).exists());
}

/// A word of a stranger's that sets a terminal's title, clears it, colours it, and turns the direction of writing.
const STEERING: &str = "\x1b]0;title\x07\x1b[2J\x1b[31mred\u{9b}1m\u{202e}\u{fdd0}x";

/// A store of a stranger's that has the word wherever there is room for one: in texts, names of variables and files.
fn steering(store: &Path, config: &Path) -> HistoryId {
    let description = HistoryDescription {
        path: Some(format!("/home/ada/{STEERING}.ipynb")),
        ..named(STEERING)
    };
    let source = format!("{STEERING} = int 5\nb = bytes 70000 1");
    let output = serde_json::json!([
        {"output_type": "stream", "name": "stdout", "text": STEERING},
        {"output_type": "error", "ename": STEERING, "evalue": STEERING, "traceback": [STEERING]},
        {"output_type": "execute_result", "data": {"text/plain": STEERING, STEERING: STEERING}},
    ]);
    let evidence = Evidence {
        reads: vec![STEERING.to_owned()],
        files_read: vec![FileEvidence {
            path: format!("/{STEERING}"),
            size: Some(1),
            ..FileEvidence::default()
        }],
        sockets: vec![STEERING.to_owned()],
        processes: vec![STEERING.to_owned()],
        environment: vec![STEERING.to_owned()],
        ..Evidence::default()
    };
    let failed = |source: &str| RunInput {
        output: Some(output.to_string()),
        cell: Some(STEERING.to_owned()),
        ending: Ending::Failed {
            exception: STEERING.to_owned(),
        },
        evidence: evidence.clone(),
        ..cell(source)
    };
    let second = format!("c = list b {STEERING}");
    let mut written = recorded(store, config, &description, vec![failed(&source), failed(&second)]);
    let options = RestoreOptions::default();
    written
        .session
        .perform(&mut written.kernel, &Request::Undo(1), options)
        .unwrap();
    written.session.sync().unwrap();
    // What lies where only files of Clew's should is named, too.
    for folder in ["packs", "live", &format!("histories/{}", written.history)] {
        fs::create_dir_all(store.join(folder)).unwrap();
        for ending in ["pack", "log", "json"] {
            fs::write(store.join(folder).join(format!("{STEERING}.{ending}")), STEERING).unwrap();
        }
    }
    written.history
}

/// Commands that only look, with every way to name what they look at: what is there, and what is not.
const LOOKING: &[&[&str]] = &[
    &["status"],
    &["log"],
    &["log", "--all", "--graph"],
    &["log", "--failed", "--all"],
    &["log", "-v", "x"],
    &["log", "-v", STEERING],
    &["log", "--failed", "-v", "x"],
    &["show", "2"],
    &["show", "3", "--source"],
    &["show", "99"],
    &["show", STEERING],
    &["diff", "2", "3"],
    &["diff", "1", "3", "--output"],
    &["vars"],
    &["vars", "3", "--all"],
    &["annotate", "b"],
    &["annotate", STEERING],
    &["annotate", "nothing"],
    &["extract", "c"],
    &["extract", STEERING],
    &["stale"],
    &["op", "log"],
    &["branch"],
    &["tag"],
    &["history"],
    &["list"],
    &["config"],
    &["doctor"],
    &["verify"],
    &["verify", "--read-data"],
    &["trust"],
    &["remote"],
    &["gc", "--dry-run"],
    &["forget", "b", "--dry-run"],
    &["forget", STEERING, "--dry-run"],
    &["undo", "--dry-run"],
    &["switch", "1", "--dry-run"],
    &["eval", "2", STEERING],
    &["bisect", STEERING],
    &["import", "theirs.clew", "--preview"],
    &["nothing"],
    &[STEERING],
];

#[test]
fn p10_nothing_of_a_strangers_store_steers_the_terminal_of_the_one_who_looks() {
    let desk = Desk::new();
    let store = desk.path("theirs");
    let history = steering(&store, &desk.path("their config"));
    let bundle = desk.clew(["--store", "theirs", "export", "theirs.clew", "--all"]);
    assert!(desk.path("theirs.clew").exists(), "{}", bundle.error);
    for words in LOOKING {
        for more in [
            &["--history", STEERING][..],
            &["--history", &history.to_string()],
            &["--json"],
        ] {
            let words: Vec<&str> = [&["--store", "theirs"], *words, more].concat();
            let said = desk.clew(words.iter().copied());
            assert!(!said.out.is_empty() || !said.error.is_empty(), "{words:?}");
            for text in [&said.out, &said.error] {
                let steers = |letter: char| (letter.is_control() && !"\n\t".contains(letter)) || letter == '\u{202e}';
                assert!(!text.contains(steers), "{words:?}: {text:?}");
            }
        }
    }
    let shown = desk.clew(["--store", "theirs", "show", "2"]).out;
    assert!(
        shown.contains("[31mred"),
        "the words are shown, without what steers: {shown}"
    );
}
