//! Announces the kernels that record: a small file for each in the store's folder `live`, by which a command in a terminal finds the kernel
//! with the variables.
//!
//! The files are not authoritative for histories. One that its kernel could not remove names a dead process and is ignored; the next kernel
//! that starts removes it.
//!
//! The folder also contains the history of each kernel by the id that its front end gave it: the id survives a restart, while the file name
//! that the restarted kernel receives may by then belong to another notebook.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clew_core::format::{Process, Timestamp};
use clew_core::id::HistoryId;
use clew_core::store::disk::private_folder;
use serde::{Deserialize, Serialize};

use crate::platform::host;
use crate::process::{ProcessStatus, life, this_process};
use crate::whole_file::{PRIVATE, StagedFile, small_text};

/// A recording kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The history it records in.
    pub history: String,
    /// Its session.
    pub session: String,
    /// Its process and machine.
    #[serde(flatten)]
    pub process: Process,
    /// Jupyter's connection file; `None` for an IPython without a kernel.
    pub connection: Option<String>,
    /// Its interpreter.
    pub executable: String,
    /// When the session began.
    pub started: Timestamp,
}

impl Presence {
    /// Returns the presence of this process in a session of a history.
    pub fn of_process(
        history: String,
        session: String,
        connection: Option<String>,
        executable: String,
        started: Timestamp,
    ) -> Self {
        Self {
            history,
            session,
            process: this_process(),
            connection,
            executable,
            started,
        }
    }

    /// Parses an announcement; `None` if the bytes are not one.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Whether it runs on this machine.
    pub fn is_here(&self) -> bool {
        self.process.host == host()
    }

    /// Whether its process is alive, or may be: on other machines this is unknown.
    fn is_alive(&self) -> bool {
        life(&self.process) != ProcessStatus::Gone
    }
}

/// A guard that announces a kernel until it is dropped.
#[derive(Debug)]
pub struct PresenceGuard {
    path: PathBuf,
    pid: u32,
}

impl Drop for PresenceGuard {
    fn drop(&mut self) {
        // The child of a fork has a copy, but was not announced.
        if self.pid == std::process::id() {
            fs::remove_file(&self.path).ok();
        }
    }
}

fn folder(store: &Path) -> PathBuf {
    store.join("live")
}

/// Announces a kernel, and removes the files of dead kernels of this machine.
pub fn announce(store: &Path, presence: &Presence) -> io::Result<PresenceGuard> {
    let folder = folder(store);
    private_folder(&folder)?;
    for (path, other) in all(store) {
        if !other.is_alive() {
            fs::remove_file(path).ok();
        }
    }
    let path = folder.join(format!("{}.json", presence.session));
    StagedFile::new(&path, &serde_json::to_vec_pretty(presence)?, PRIVATE)?.commit()?;
    Ok(PresenceGuard {
        path,
        pid: presence.process.pid,
    })
}

/// Returns the kernels that record in a history now, the latest first, and whether there is a file of a dead one.
pub fn living(store: &Path, history: &str) -> (Vec<Presence>, bool) {
    let of_history = all(store)
        .into_iter()
        .map(|(_, presence)| presence)
        .filter(|presence| presence.history == history);
    let (mut alive, dead): (Vec<Presence>, Vec<Presence>) = of_history.partition(Presence::is_alive);
    alive.sort_by_key(|presence| std::cmp::Reverse(presence.started));
    (alive, !dead.is_empty())
}

/// Returns the histories that kernels record in now.
pub(crate) fn live_histories(store: &Path) -> BTreeSet<String> {
    let alive = all(store).into_iter().filter(|(_, presence)| presence.is_alive());
    alive.map(|(_, presence)| presence.history).collect()
}

/// Whether a kernel of this machine records in a history now, except one session.
pub fn records_here(store: &Path, history: &str, except: &str) -> bool {
    let (alive, _) = living(store, history);
    alive
        .iter()
        .any(|kernel| kernel.session != except && life(&kernel.process) == ProcessStatus::Runs)
}

/// Kernel files are removed after this time without a write: 30 days.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// Returns the id that a front end gave a kernel, from its connection file. A restart keeps it. `None` if the name may be reused.
fn kernel_id(connection: &str) -> Option<&str> {
    let id = Path::new(connection).file_stem()?.to_str()?.strip_prefix("kernel-")?;
    let is_safe = id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    // IPython names connection files by process id.
    let is_number = id.chars().all(|letter| letter.is_ascii_digit());
    (is_safe && !is_number && (16..=64).contains(&id.len())).then_some(id)
}

/// Hashes a path before it is stored: the store may be encrypted, and a file name reveals the subject of the work.
fn hashed(kernel: &str, path: &str) -> String {
    blake3::hash(format!("{kernel}\n{path}").as_bytes())
        .to_hex()
        .to_string()
}

fn note_path(store: &Path, kernel: &str) -> PathBuf {
    folder(store).join(format!("{kernel}.kernel"))
}

/// Records the history of a kernel's notebook with the path that the kernel received. Not critical: if it fails, the history is determined
/// by other evidence after a restart.
pub fn note_kernel(store: &Path, connection: &str, path: Option<&str>, history: HistoryId) {
    let Some(kernel) = kernel_id(connection) else { return };
    private_folder(&folder(store)).ok();
    for entry in fs::read_dir(folder(store)).into_iter().flatten().flatten() {
        let age = entry
            .metadata()
            .ok()
            .and_then(|file| file.modified().ok()?.elapsed().ok());
        let is_note = entry.path().extension().is_some_and(|extension| extension == "kernel");
        if is_note && age.is_some_and(|age| age > KEPT) {
            fs::remove_file(entry.path()).ok();
        }
    }
    let note = format!("{history}\n{}", hashed(kernel, path.unwrap_or_default()));
    let staged = StagedFile::new(&note_path(store, kernel), note.as_bytes(), PRIVATE);
    staged.and_then(StagedFile::commit).ok();
}

/// Returns the history of this kernel's notebook before its restart. If the front end passes another path, it is another notebook.
pub fn restarted(store: &Path, connection: &str, path: Option<&str>) -> Option<HistoryId> {
    let kernel = kernel_id(connection)?;
    let text = small_text(note_path(store, kernel)).ok()?;
    let (history, then) = text.split_once('\n')?;
    let is_same = path.is_none_or(|path| hashed(kernel, path) == then);
    history.parse().ok().filter(|_| is_same)
}

/// Returns all announcements; skips unreadable ones.
fn all(store: &Path) -> Vec<(PathBuf, Presence)> {
    let Ok(entries) = fs::read_dir(folder(store)) else {
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    files
        .filter_map(|path| {
            let presence = Presence::read(small_text(&path).ok()?.as_bytes())?;
            Some((path, presence))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence(session: &str) -> Presence {
        Presence::of_process("h".to_owned(), session.to_owned(), None, "python".to_owned(), 7)
    }

    #[test]
    fn a_kernel_is_found_while_it_lives_and_no_longer() {
        let store = tempfile::tempdir().unwrap();
        let announced = announce(store.path(), &presence("a")).unwrap();
        assert_eq!(living(store.path(), "h"), (vec![presence("a")], false));
        assert_eq!(living(store.path(), "other"), (Vec::new(), false));
        drop(announced);
        assert_eq!(living(store.path(), "h"), (Vec::new(), false));
    }

    #[test]
    fn a_process_that_is_gone_or_another_one_of_its_number_is_no_kernel() {
        let store = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let (mut gone, mut other) = (presence("gone"), presence("other"));
        gone.process.pid = child.id();
        child.wait().unwrap();
        other.process.began = 1;
        let left: Vec<PresenceGuard> = [&gone, &other]
            .into_iter()
            .map(|presence| announce(store.path(), presence).unwrap())
            .collect();
        assert_eq!(living(store.path(), "h"), (Vec::new(), true));
        left.into_iter().for_each(std::mem::forget);
        let _announced = announce(store.path(), &presence("new")).unwrap();
        assert_eq!(fs::read_dir(folder(store.path())).unwrap().count(), 1);
    }

    #[test]
    fn a_kernel_that_is_restarted_finds_the_history_that_it_was_in() {
        let store = tempfile::tempdir().unwrap();
        let of = |name: &str| format!("/run/jupyter/kernel-{name}.json");
        let (one, other) = (of("1f0c9a52-6f0e-4f0b-9d43-0a4f0a1f9a11"), of("v2-3141KQyZ0aBcDeF"));
        let note = |name: &str, path, history| note_kernel(store.path(), name, path, HistoryId([history; 16]));
        let restarted = |name: &str, path| restarted(store.path(), name, path).map(|id| id.0[0]);
        note(&one, Some("/a.ipynb"), 1);
        note(&other, None, 2);
        assert_eq!(restarted(&one, Some("/a.ipynb")), Some(1));
        note(&one, Some("/a.ipynb"), 3);
        assert_eq!(restarted(&one, Some("/a.ipynb")), Some(3));
        assert_eq!(restarted(&one, None), Some(3), "the path may come later");
        assert_eq!(
            restarted(&one, Some("/b.ipynb")),
            None,
            "another notebook in one kernel"
        );
        assert_eq!(restarted(&other, None), Some(2));
        for name in ["4711", "12345678901234567890", "../../etc-passwd-and-more", "short"] {
            note(&of(name), None, 1);
            assert_eq!(restarted(&of(name), None), None, "{name}");
        }
        assert_eq!(living(store.path(), "h"), (Vec::new(), false));
    }

    #[test]
    fn what_lies_in_the_folder_and_is_no_presence_is_passed_over() {
        let store = tempfile::tempdir().unwrap();
        fs::create_dir(folder(store.path())).unwrap();
        fs::write(folder(store.path()).join("x.json"), "{\"history\": 3}").unwrap();
        assert_eq!(living(store.path(), "h"), (Vec::new(), false));
    }
}
