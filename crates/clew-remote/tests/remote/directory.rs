//! A folder as a place: what is its own, besides the suite.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clew_remote::transfer::{PART, UploadProgress, read_whole};
use clew_remote::{Backend, Directory, Name, RemoteError, WriteOutcome, unwatched};

use crate::{conformance, send, swaps};

fn folder() -> (tempfile::TempDir, PathBuf) {
    let outer = tempfile::tempdir().expect("a folder");
    let root = outer.path().join("shared/remote");
    (outer, root)
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// What lies in a folder and below, without what is there from the beginning.
fn left(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("it can be listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path != root.join(".clew-remote") {
                found.push(path.strip_prefix(root).expect("below").display().to_string());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_folder_keeps_the_contract() {
    let (_outer, root) = folder();
    let place: Arc<dyn Backend> = Arc::new(Directory::create(&root).expect("it is made"));
    conformance::check(&place);
    let parts: Vec<String> = left(&root)
        .into_iter()
        .filter(|path| path.starts_with(".parts"))
        .collect();
    // Those of the two transfers that were cut and taken up by nobody.
    assert_eq!(parts.len(), 1, "{parts:?}");
}

#[cfg(unix)]
#[test]
fn a_folder_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (_outer, root) = folder();
    let place = Directory::create(&root).expect("it is made");
    place
        .write(&name("packs/in/a"), b"x", &mut unwatched)
        .expect("it is written");
    place.swap(&name("heads/main"), None, b"x").expect("it is made");
    let upload = place.begin(&name("packs/b"), 2 * PART).expect("it begins");
    place.part(&upload, 0, b"x", &mut unwatched).expect("it arrives");
    let mode = |path: &str| fs::metadata(root.join(path)).expect(path).permissions().mode() & 0o777;
    for file in left(&root) {
        assert_eq!(mode(&file), 0o600, "{file}");
    }
    for folder in ["", "packs", "packs/in", "heads", ".parts", ".locks"] {
        assert_eq!(mode(folder), 0o700, "{folder}");
    }
}

#[test]
fn a_folder_that_is_not_mounted_is_not_an_empty_one() {
    let (outer, root) = folder();
    let opened = Directory::open(outer.path());
    assert!(matches!(opened, Err(RemoteError::NoPlace { .. })), "{opened:?}");
    let place = Directory::create(&root).expect("it is made");
    place.swap(&name("main"), None, b"one").expect("it is made");

    // What is mounted goes away, and the folder that it was mounted on is there, as empty as before.
    fs::rename(&root, outer.path().join("elsewhere")).expect("it goes away");
    fs::create_dir(&root).expect("the mount point");
    let is_away = |error: RemoteError| error.is_passing();
    assert!(is_away(place.head(&name("main")).expect_err("no head is not said")));
    assert!(is_away(place.length(&name("main")).expect_err("no object is not said")));
    assert!(is_away(place.list(&name("packs")).expect_err("no list is not said")));
    assert!(is_away(
        place
            .swap(&name("main"), None, b"other")
            .expect_err("nothing is swapped")
    ));
    assert!(is_away(
        place
            .write(&name("a"), b"x", &mut unwatched)
            .expect_err("nothing is written")
    ));
    assert!(is_away(place.begin(&name("a"), PART).expect_err("nothing is begun")));
    assert_eq!(left(&root), [""; 0]);

    fs::remove_dir(&root).expect("it is empty");
    fs::rename(outer.path().join("elsewhere"), &root).expect("it comes back");
    assert_eq!(
        place
            .head(&name("main"))
            .expect("it can be read")
            .expect("it is there")
            .bytes,
        b"one"
    );
}

#[test]
fn what_was_begun_and_forgotten_is_swept_and_nothing_else() {
    let (_outer, root) = folder();
    let place = Directory::create(&root).expect("it is made");
    let begin = |text: &str| {
        let upload = place.begin(&name(text), 3 * PART).expect("it begins");
        place.part(&upload, 0, b"a part", &mut unwatched).expect("it arrives");
        upload
    };
    let (forgotten, young) = (begin("forgotten"), begin("young"));
    let day = Duration::from_hours(24);
    let touch = |id: &str, age: Duration| {
        let file = fs::File::options()
            .write(true)
            .open(root.join(".parts").join(id))
            .expect("it is there");
        file.set_modified(SystemTime::now() - age).expect("it is touched");
    };
    touch(&forgotten.id, 8 * day);
    touch(&young.id, 6 * day);
    Directory::open(&root).expect("it is a remote");
    assert_eq!(left(&root), [format!(".parts/{}", young.id)]);
}

/// The test `inner`, which is run by no one else, in a process of its own.
fn process(inner: &str, root: &Path, through: &[&str]) -> Child {
    let binary = std::env::current_exe().expect("this test");
    let binary = binary.to_str().expect("a path").to_owned();
    let arguments = ["--ignored", "--exact", inner, "--nocapture"].map(str::to_owned);
    let all: Vec<String> = through
        .iter()
        .map(|word| (*word).to_owned())
        .chain([binary])
        .chain(arguments)
        .collect();
    let mut command = Command::new(&all[0]);
    command
        .args(&all[1..])
        .env("CLEW_TEST_REMOTE", root)
        .stdout(Stdio::null());
    command.spawn().expect("it starts")
}

fn told() -> PathBuf {
    std::env::var_os("CLEW_TEST_REMOTE").expect("told where").into()
}

#[test]
fn eight_processes_make_one_chain() {
    let (_outer, root) = folder();
    let place = Directory::create(&root).expect("it is made");
    let processes: Vec<Child> = (0..8).map(|_| process("directory::one_of_eight", &root, &[])).collect();
    for mut process in processes {
        assert!(process.wait().expect("it ends").success());
    }
    let head = place.head(&name("main")).expect("it can be read").expect("it is there");
    swaps::assert_chain(&head.bytes, 8, 20);
}

#[test]
#[ignore = "a process of another test"]
fn one_of_eight() {
    let place = Directory::open(&told()).expect("it is a remote");
    let writer = std::process::id() as usize;
    assert_eq!(swaps::write(&place, &name("main"), writer, 20), 20);
}

#[test]
fn a_swap_that_is_killed_leaves_the_head_to_others() {
    let (_outer, root) = folder();
    let place = Directory::create(&root).expect("it is made");
    for round in 0..20_u64 {
        let mut process = process("directory::one_without_end", &root, &[]);
        let before = place
            .head(&name("main"))
            .expect("it can be read")
            .map(|head| head.bytes);
        let has_moved = || {
            place
                .head(&name("main"))
                .expect("it can be read")
                .map(|head| head.bytes)
                != before
        };
        kill_after(&mut process, &has_moved, Duration::from_micros(round * 370));
        let head = place.head(&name("main")).expect("it can be read").expect("it is there");
        let text = String::from_utf8(head.bytes).expect("whole lines");
        assert!(text.ends_with('\n'), "{text:?}");
        place
            .swap(&name("main"), Some(&head.token), format!("{round}\n").as_bytes())
            .expect("nobody holds it");
    }
}

/// Kills a process that goes on until then, a while after it has done something.
fn kill_after(process: &mut std::process::Child, has_begun: &dyn Fn() -> bool, a_while: Duration) {
    while !has_begun() {
        assert!(
            process.try_wait().expect("it is asked").is_none(),
            "it goes on until it is killed"
        );
    }
    std::thread::sleep(a_while);
    process.kill().expect("it is killed");
    process.wait().expect("it ends");
}

#[test]
#[ignore = "a process of another test"]
fn one_without_end() {
    let place = Directory::open(&told()).expect("it is a remote");
    swaps::write(&place, &name("main"), 0, usize::MAX);
}

/// What the `number`-th object of a killed process holds.
fn pack(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(1 << 18)
}

#[test]
fn an_object_whose_writer_is_killed_is_whole_or_not_there() {
    let (_outer, root) = folder();
    let place = Directory::create(&root).expect("it is made");
    let packs = || place.list(&name("packs")).expect("it can be listed");
    for round in 0..20_u64 {
        let before = packs().len();
        let mut process = process("directory::one_that_writes", &root, &[]);
        let has_written = || packs().len() != before;
        kill_after(&mut process, &has_written, Duration::from_micros(round * 730));
    }
    let found = packs();
    assert!(found.len() >= 20, "{}", found.len());
    for (number, one) in found.iter().enumerate() {
        assert_eq!(one.name, name(&format!("packs/{number:08}")));
        let bytes = read_whole(&place, &one.name).expect("it can be read");
        assert!(bytes == Some(pack(number as u64)), "{}", one.name);
    }
}

#[test]
#[ignore = "a process of another test"]
fn one_that_writes() {
    let place = Directory::open(&told()).expect("it is a remote");
    let next = place.list(&name("packs")).expect("it can be listed").len() as u64;
    for number in next.. {
        let name = name(&format!("packs/{number:08}"));
        let written = place.write(&name, &pack(number), &mut unwatched);
        assert_eq!(written, Ok(WriteOutcome::New));
    }
}

/// A limit on the length of files fails as a full disk does, and takes no rights: some bytes go, then none.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_nothing_half_written() {
    let (_outer, root) = folder();
    Directory::create(&root).expect("it is made");
    let limit = "trap '' XFSZ; ulimit -f 4096; exec \"$@\"";
    let mut process = process("directory::one_on_a_full_disk", &root, &["sh", "-c", limit, "sh"]);
    assert!(process.wait().expect("it ends").success());
    assert_eq!(left(&root), [".locks/main", "main", "packs/small"]);
}

#[test]
#[ignore = "a process of another test"]
fn one_on_a_full_disk() {
    let place = Directory::open(&told()).expect("it is a remote");
    let head = place.swap(&name("main"), None, b"one").expect("there is room");
    // 4,096 blocks of 512 bytes, or of 1,024, as the shell counts.
    let much = vec![7; 5 << 20];
    let is_full = |error: RemoteError| matches!(error, RemoteError::Full { .. });
    assert!(is_full(
        place
            .write(&name("packs/large"), &much, &mut unwatched)
            .expect_err("it is full")
    ));
    assert!(is_full(
        place.swap(&name("main"), Some(&head), &much).expect_err("it is full")
    ));
    assert_eq!(
        place
            .head(&name("main"))
            .expect("it can be read")
            .expect("it is there")
            .bytes,
        b"one"
    );
    let huge = vec![7; (2 * PART) as usize];
    let mut sending = UploadProgress::default();
    let sent = send(&place, &name("packs/huge"), &huge, &mut sending, &mut unwatched);
    assert!(is_full(sent.expect_err("it is full")));
    assert_eq!(sending, UploadProgress::default(), "there is nothing to go on with");
    assert_eq!(
        place.write(&name("packs/small"), b"x", &mut unwatched),
        Ok(WriteOutcome::New)
    );
}
