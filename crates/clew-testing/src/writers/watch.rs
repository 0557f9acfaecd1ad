//! The supervisor: starts, stops and kills the other processes, and compares their reports with the store.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use clew_core::format::{HistoryDescription, RECORD_VERSION};
use clew_core::id::{HistoryId, RunId};
use clew_core::store::Store;

use super::roles::open;
use super::value;
use crate::Dice;
use crate::life::files_of;

/// The parameters of a test.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The folder for the stores.
    pub folder: PathBuf,
    /// The duration of the test.
    pub duration: Duration,
    /// The number of recorders, two for each history.
    pub writers: u64,
    /// A fault to inject into the store before it is checked.
    pub planted: Option<Planted>,
}

/// An injected fault that the check must detect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// A log is deleted.
    Loss,
    /// Bytes in packs are changed.
    Damage,
}

/// The result of a test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// The number of recorder processes, including replacements of killed ones.
    pub writers: u64,
    /// Runs that were reported as saved.
    pub acknowledged: u64,
    /// The runs among these that exist and are unchanged.
    pub found: u64,
    /// Garbage collections that finished.
    pub collections: u64,
    /// Packs that the collections deleted.
    pub packs_removed: u64,
    /// Bytes by which the collections shrank the packs.
    pub bytes_removed: u64,
    /// Garbage collections that were refused because locks do not work.
    pub refused: u64,
    /// Complete reads of the store during the test.
    pub looks: u64,
    /// Processes that were stopped and continued.
    pub stopped: u64,
    /// Processes that were killed.
    pub killed: u64,
    /// Branches: ends of run sequences beyond the first one of each history.
    pub branches: u64,
    /// Runs that were reported as saved and do not exist.
    pub lost: u64,
    /// Data that differs from the written data, and processes that failed.
    pub corrupt: Vec<String>,
}

impl Counts {
    /// Whether the test passed.
    pub fn is_good(&self) -> bool {
        self.lost == 0 && self.corrupt.is_empty()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = [
            ("writers", self.writers),
            ("runs acknowledged", self.acknowledged),
            ("runs found", self.found),
            ("gc passes", self.collections),
            ("packs removed", self.packs_removed),
            ("bytes removed", self.bytes_removed),
            ("gc refused where locks lie", self.refused),
            ("looks", self.looks),
            ("writers stopped and gone on", self.stopped),
            ("writers killed", self.killed),
            ("branches", self.branches),
            ("lost", self.lost),
            ("corrupt", self.corrupt.len() as u64),
        ];
        for (what, count) in lines {
            writeln!(out, "{what}: {count}")?;
        }
        for what in self.corrupt.iter().take(20) {
            writeln!(out, "  {what}")?;
        }
        Ok(())
    }
}

/// The reports of the other processes so far.
#[derive(Debug, Default)]
struct Heard {
    saved: BTreeMap<(HistoryId, RunId), u64>,
    counts: Counts,
}

type Shared = Arc<Mutex<Heard>>;

fn heard(shared: &Shared) -> std::sync::MutexGuard<'_, Heard> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running process, and the thread that reads its output.
struct Playing {
    child: Child,
    listener: JoinHandle<()>,
    words: Vec<String>,
}

fn hear(line: &str, shared: &Shared) {
    let mut heard = heard(shared);
    let counts = &mut heard.counts;
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["saved", history, run, seed] => {
            if let (Ok(history), Ok(run), Ok(seed)) = (history.parse(), run.parse(), seed.parse()) {
                heard.saved.insert((history, run), seed);
            }
        }
        ["collected", packs, bytes] => {
            counts.collections += 1;
            counts.packs_removed += packs.parse::<u64>().unwrap_or(0);
            counts.bytes_removed += bytes.parse::<u64>().unwrap_or(0);
        }
        ["refused"] => counts.refused += 1,
        ["looked"] => counts.looks += 1,
        ["corrupt", ..] => counts.corrupt.push(line.to_owned()),
        _ => {}
    }
}

fn start(words: Vec<String>, shared: &Shared) -> Playing {
    let mut command = Command::new(std::env::current_exe().expect("this program has a place"));
    let mut child = command
        .args(&words)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process starts");
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).split(b'\n');
    let shared = Arc::clone(shared);
    let listener = thread::spawn(move || {
        let mut last: Option<Vec<u8>> = None;
        for line in lines.map_while(Result::ok) {
            if let Some(line) = last.replace(line) {
                hear(&String::from_utf8_lossy(&line), &shared);
            }
        }
        // The last line of a killed process may be incomplete. Only complete lines are parsed.
        if let Some(line) = last {
            hear(&String::from_utf8_lossy(&line), &shared);
        }
    });
    Playing { child, listener, words }
}

fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "kill {signal}");
}

/// Runs the test, then checks the stores.
///
/// # Panics
/// The machine cannot provide the processes or files that the supervisor needs.
pub fn watch(plan: &Plan) -> Counts {
    let shared = Shared::default();
    // If locks do not work, nothing may be deleted, and nothing is lost. A short test is enough.
    let lying = plan.folder.join("lying");
    play_store(&lying, true, plan.duration / 5, plan.writers.min(3), &shared);
    let store = plan.folder.join("store");
    play_store(&store, false, plan.duration * 4 / 5, plan.writers, &shared);
    if let Some(planted) = plan.planted {
        plant(&store, planted);
    }
    let mut heard = std::mem::take(&mut *heard(&shared));
    for (folder, is_lying) in [(&lying, true), (&store, false)] {
        judge(folder, is_lying, &mut heard);
    }
    heard.counts.acknowledged = heard.saved.len() as u64;
    heard.counts
}

fn play_store(folder: &Path, is_lying: bool, duration: Duration, writers: u64, shared: &Shared) {
    let store = open(folder, is_lying).expect("the store is made");
    let histories: Vec<HistoryId> = (0..writers.div_ceil(2))
        .map(|number| {
            let description = HistoryDescription {
                version: RECORD_VERSION,
                time: 1,
                name: format!("notebook {number}"),
                ..HistoryDescription::default()
            };
            store.create_history(&description).expect("a history is made")
        })
        .collect();
    let words = |part: &str, seed: u64| -> Vec<String> {
        let lying = if is_lying { "lying" } else { "honest" };
        let store = folder.display().to_string();
        vec![part.to_owned(), store, lying.to_owned(), seed.to_string()]
    };
    let mut recording: Vec<Playing> = (0..writers)
        .map(|number| {
            let mut words = words("record", number);
            words.push(histories[(number / 2) as usize].to_string());
            start(words, shared)
        })
        .collect();
    heard(shared).counts.writers += writers;
    let others = vec![
        start(words("collect", 1000), shared),
        start(words("look", 1001), shared),
    ];
    disturb(&mut recording, duration, shared);
    std::fs::write(folder.with_extension("stop"), "").expect("they are told to stop");
    for mut playing in recording.into_iter().chain(others) {
        let status = playing.child.wait().expect("it ends");
        playing.listener.join().ok();
        if !status.success() {
            let what = format!("{} ended with {status}", playing.words.join(" "));
            heard(shared).counts.corrupt.push(what);
        }
    }
}

/// Pauses processes, or kills them and starts replacements, until the time is over.
fn disturb(recording: &mut [Playing], duration: Duration, shared: &Shared) {
    let began = Instant::now();
    let mut dice = Dice::new(duration.as_secs());
    let mut next_seed = 2000;
    while began.elapsed() < duration {
        thread::sleep(Duration::from_millis(200));
        let index = dice.below(recording.len() as u64) as usize;
        let playing = &mut recording[index];
        if dice.one_in(2) {
            signal(&playing.child, "-STOP");
            thread::sleep(Duration::from_millis(200 + dice.below(1500)).min(duration));
            signal(&playing.child, "-CONT");
            heard(shared).counts.stopped += 1;
        } else {
            let mut words = playing.words.clone();
            words[3] = next_seed.to_string();
            next_seed += 1;
            playing.child.kill().expect("it is killed");
            playing.child.wait().expect("it ends");
            let killed = std::mem::replace(playing, start(words, shared));
            killed.listener.join().ok();
            let counts = &mut heard(shared).counts;
            (counts.killed, counts.writers) = (counts.killed + 1, counts.writers + 1);
        }
    }
}

/// Returns the files of a store with this extension, the smallest first.
fn files(store: &Path, extension: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let all = files_of(store).expect("they are read").into_iter();
    let mut found: Vec<_> = all
        .filter(|(path, _)| path.extension().is_some_and(|found| found == extension))
        .collect();
    found.sort_by_key(|(_, bytes)| bytes.len());
    found
}

fn plant(store: &Path, planted: Planted) {
    match planted {
        Planted::Loss => {
            let (largest, _) = files(store, "log").pop().expect("there is one");
            std::fs::remove_file(largest).expect("it goes");
        }
        // In every pack, because much of the data in one pack is unneeded.
        Planted::Damage => {
            for (pack, mut bytes) in files(store, "pack") {
                let part = bytes.len() / 4;
                let middle = bytes[part..3 * part].iter_mut();
                middle.step_by(1000).for_each(|byte| *byte ^= 1);
                std::fs::write(pack, bytes).expect("it is written");
            }
        }
    }
}

fn judge(folder: &Path, is_lying: bool, heard: &mut Heard) {
    let store: Store = open(folder, is_lying).expect("the store opens");
    for damage in store.verify(true).expect("damage is no error").damage {
        heard
            .counts
            .corrupt
            .push(format!("{}: {}", damage.path.display(), damage.what));
    }
    for (history, _) in store.histories().expect("the histories are listed") {
        let loaded = store.load(history).expect("the history is there");
        let parents: BTreeSet<Option<RunId>> = loaded.runs.values().map(|run| run.outline().parent).collect();
        let ends = loaded.runs.keys().filter(|id| !parents.contains(&Some(**id))).count();
        heard.counts.branches += ends.saturating_sub(1) as u64;
        let of_history = heard
            .saved
            .range((history, RunId([0; 32]))..=(history, RunId([255; 32])));
        for ((_, id), seed) in of_history {
            let Some(run) = loaded.runs.get(id).and_then(|stored| stored.run()) else {
                heard.counts.lost += 1;
                continue;
            };
            match value::check(&store, run, *seed) {
                Ok(()) => heard.counts.found += 1,
                Err(why) => heard.counts.corrupt.push(format!("run {}: {why}", run.number)),
            }
        }
    }
}
