//! Which kernels record right now: a small file for each in the store's folder `live`, so that a command typed in a
//! terminal finds the kernel that holds the variables.
//!
//! The files are no truth about histories. One that its kernel could not take away names a process that is gone, and
//! counts for nothing; the next kernel that begins removes it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clew_core::format::Timestamp;
use clew_core::store::disk::private_folder;
use serde::{Deserialize, Serialize};

use crate::whole_file::{PRIVATE, Staged, small_text};

/// A kernel that records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The history it records in.
    pub history: String,
    /// Its session.
    pub session: String,
    /// Its process.
    pub pid: u32,
    /// When that process began, as the system counts it: a number given again names another process. 0 where unknown.
    pub began: u64,
    /// The machine it runs on.
    pub host: String,
    /// Jupyter's connection file; `None` for an IPython without a kernel.
    pub connection: Option<String>,
    /// Its interpreter.
    pub executable: String,
    /// When the session began.
    pub started: Timestamp,
}

impl Presence {
    /// This process, recording in a session of a history.
    pub fn of_process(
        history: String,
        session: String,
        connection: Option<String>,
        executable: String,
        started: Timestamp,
    ) -> Self {
        let pid = std::process::id();
        Self {
            history,
            session,
            pid,
            began: began(pid).unwrap_or(0),
            host: host(),
            connection,
            executable,
            started,
        }
    }

    /// What a kernel announced; `None` if these bytes are nothing of that kind.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Whether it runs on this machine.
    pub fn is_here(&self) -> bool {
        self.host == host()
    }

    /// Whether its process is still there. Of other machines nobody can tell.
    fn is_alive(&self) -> bool {
        !self.is_here() || began(self.pid).is_some_and(|began| self.began == 0 || began == self.began)
    }
}

/// A presence that is announced as long as this lives.
#[derive(Debug)]
pub struct Announced {
    path: PathBuf,
    pid: u32,
}

impl Drop for Announced {
    fn drop(&mut self) {
        // The child of a fork holds a copy, and is not what was announced.
        if self.pid == std::process::id() {
            fs::remove_file(&self.path).ok();
        }
    }
}

fn folder(store: &Path) -> PathBuf {
    store.join("live")
}

/// Announces a kernel, and removes what kernels of this machine that are gone left behind.
pub fn announce(store: &Path, presence: &Presence) -> io::Result<Announced> {
    let folder = folder(store);
    private_folder(&folder)?;
    for (path, other) in all(store) {
        if !other.is_alive() {
            fs::remove_file(path).ok();
        }
    }
    let path = folder.join(format!("{}.json", presence.session));
    Staged::new(&path, &serde_json::to_vec_pretty(presence)?, PRIVATE)?.commit()?;
    Ok(Announced {
        path,
        pid: presence.pid,
    })
}

/// Kernels that record in a history now, the one that began last first; and whether one left its file behind and is gone.
pub fn living(store: &Path, history: &str) -> (Vec<Presence>, bool) {
    let of_history = all(store)
        .into_iter()
        .map(|(_, presence)| presence)
        .filter(|presence| presence.history == history);
    let (mut alive, dead): (Vec<Presence>, Vec<Presence>) = of_history.partition(Presence::is_alive);
    alive.sort_by_key(|presence| std::cmp::Reverse(presence.started));
    (alive, !dead.is_empty())
}

/// Everything that is announced. What can't be read is passed over.
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

/// When a process began, in ticks since the machine did; `None` if it is not there.
#[cfg(target_os = "linux")]
fn began(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, the program's name, may hold anything but ends at the last parenthesis; the 22nd is the time.
    let after = &stat[stat.rfind(')')? + 1..];
    let mut fields = after.split_ascii_whitespace();
    let is_zombie = fields.next()? == "Z";
    fields.nth(18)?.parse().ok().filter(|_| !is_zombie)
}

/// Elsewhere only whether it is there is known.
#[cfg(all(unix, not(target_os = "linux")))]
fn began(pid: u32) -> Option<u64> {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed())?;
    rustix::process::test_kill_process(pid).ok().map(|()| 0)
}

#[cfg(not(unix))]
fn began(_: u32) -> Option<u64> {
    Some(0)
}

#[cfg(unix)]
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
pub(crate) fn host() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
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
        let gone = Presence {
            pid: child.id(),
            ..presence("gone")
        };
        child.wait().unwrap();
        let other = Presence {
            began: 1,
            ..presence("other")
        };
        let left: Vec<Announced> = [&gone, &other]
            .into_iter()
            .map(|presence| announce(store.path(), presence).unwrap())
            .collect();
        assert_eq!(living(store.path(), "h"), (Vec::new(), true));
        left.into_iter().for_each(std::mem::forget);
        let _announced = announce(store.path(), &presence("new")).unwrap();
        assert_eq!(fs::read_dir(folder(store.path())).unwrap().count(), 1);
    }

    #[test]
    fn what_lies_in_the_folder_and_is_no_presence_is_passed_over() {
        let store = tempfile::tempdir().unwrap();
        fs::create_dir(folder(store.path())).unwrap();
        fs::write(folder(store.path()).join("x.json"), "{\"history\": 3}").unwrap();
        assert_eq!(living(store.path(), "h"), (Vec::new(), false));
    }
}
