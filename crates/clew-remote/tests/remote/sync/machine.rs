//! A machine: a store on its disk, a kernel that records, and what it remembers of a place.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_core::format::{HistoryDescription, RunKind, Timestamp};
use clew_core::history::History;
use clew_core::id::{HistoryId, RootKind};
use clew_core::kernel::Kernel;
use clew_core::record::RunInput;
use clew_core::session::{Request, RestoreOptions, Session};
use clew_core::store::disk::RealDisk;
use clew_core::store::{Access, LoadedHistory, OutgoingHistory, SigningKey, Store, Trust};
use clew_remote::sync::{PullSummary, PushSummary, RemoteCache, SyncError, SyncProgress, SyncTarget, pull, push};
use clew_remote::{Backend, Directory};
use clew_testing::Still;
use clew_testing::toy::{ToyKernel, run_cell};
use tempfile::TempDir;

/// So many bytes go into one bundle here.
pub const PORTION: u64 = 100_000;

/// A place in a folder.
pub fn place(folder: &TempDir) -> Directory {
    Directory::create(folder.path()).unwrap()
}

/// A cell that makes memory of which no two blocks are alike.
pub fn large(name: &str, bytes: usize, seed: usize) -> String {
    let poke = |(nth, at): (usize, usize)| format!("poke {name} {} {}", at + (seed + nth) % 60, 200 + nth % 50);
    let pokes: Vec<String> = (0..bytes).step_by(65_536).enumerate().map(poke).collect();
    format!("{name} = bytes {bytes} {seed}\n{}", pokes.join("\n"))
}

/// Another machine that has taken in what `one` pushed there.
pub fn clone_of(one: &Machine, there: &dyn Backend) -> Machine {
    let mut other = Machine::new();
    other.history = one.history;
    other.pull(there).unwrap().unwrap();
    other
}

/// Copies a folder.
pub fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copied(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}

/// A machine of one person, who has one key on all of them.
pub struct Machine {
    folder: TempDir,
    pub history: Option<HistoryId>,
    /// So many bytes go into one bundle.
    pub portion: u64,
    /// Whose it is.
    pub person: u8,
    pub now: Timestamp,
}

fn quiet(_: SyncProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

impl Machine {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            history: None,
            portion: PORTION,
            person: 7,
            now: 9,
        }
    }

    /// Another one with the same on its disk.
    pub fn copied(&self) -> Self {
        let other = Self {
            folder: tempfile::tempdir().unwrap(),
            ..*self
        };
        copied(self.folder.path(), other.folder.path());
        other
    }

    fn key(&self) -> SigningKey {
        SigningKey::from_secret(&[self.person; 32])
    }

    pub fn store(&self) -> Store {
        let store = Store::open(Arc::new(RealDisk), self.folder.path().join("store"), Access::ReadWrite).unwrap();
        store.with_trust(Trust::own(self.key().public()))
    }

    /// A machine with a history, and a kernel that goes on in it.
    pub fn with_history() -> (Self, Working) {
        let mut machine = Self::new();
        machine.history = Some(machine.store().create_history(&HistoryDescription::default()).unwrap());
        let working = machine.works();
        (machine, working)
    }

    /// A new kernel in the history.
    pub fn works(&self) -> Working {
        let (store, history) = (self.store(), self.history.unwrap());
        let id = store.new_session();
        let loaded = store.load(history).unwrap_or_default();
        let writer = store.writer(history, id, &self.key()).unwrap();
        let mut working = Working {
            session: Session::new(id, store, writer, loaded, Box::new(Still)),
            kernel: ToyKernel::new(3),
        };
        working.session.start(&mut working.kernel).unwrap();
        working
    }

    pub fn way<'w>(&self, backend: &'w dyn Backend) -> SyncTarget<'w> {
        SyncTarget {
            portion: self.portion,
            ..SyncTarget::new(backend, RemoteCache::new(&self.folder.path().join("memory")))
        }
    }

    pub fn push(&self, backend: &dyn Backend) -> Result<PushSummary, SyncError> {
        self.pushes(&OutgoingHistory::of(&self.store(), self.history.unwrap())?, backend)
    }

    /// Pushes what goes out.
    pub fn pushes(&self, outgoing: &OutgoingHistory, backend: &dyn Backend) -> Result<PushSummary, SyncError> {
        push(outgoing, &self.way(backend), (&self.key(), self.now), &quiet)
    }

    pub fn pull(&self, backend: &dyn Backend) -> Result<Option<PullSummary>, SyncError> {
        pull(
            &self.store(),
            self.history.unwrap(),
            &self.way(backend),
            self.now,
            &quiet,
        )
    }

    /// Forgets what it knew of every place.
    pub fn forgets(&self) {
        std::fs::remove_dir_all(self.folder.path().join("memory")).ok();
    }

    /// Loses what lies in its packs.
    pub fn loses_packs(&self) {
        for entry in std::fs::read_dir(self.folder.path().join("store/packs")).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }

    /// Changes a byte in the middle of each pack; what the packs were.
    pub fn spoils_packs(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = std::fs::read_dir(self.folder.path().join("store/packs")).unwrap();
        let packs = entries.map(|entry| entry.unwrap().path());
        let packs = packs.filter(|path| path.extension().is_some_and(|extension| extension == "pack"));
        let spoil = |path: PathBuf| {
            let whole = std::fs::read(&path).unwrap();
            let mut bytes = whole.clone();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            (path, whole)
        };
        packs.map(spoil).collect()
    }

    pub fn loaded(&self) -> LoadedHistory {
        self.store().load(self.history.unwrap()).unwrap()
    }

    /// The first lines of all cells, in the order of their numbers; all that is stored is sound.
    pub fn cells(&self) -> Vec<String> {
        let (store, loaded) = (self.store(), self.loaded());
        assert_eq!(loaded.damage, []);
        assert_eq!(store.verify(true).unwrap().damage, []);
        let history = History::of(&loaded);
        let sources = history.runs().filter_map(|(_, run)| run.source);
        let line = |cell: String| cell.lines().next().unwrap_or_default().to_owned();
        sources
            .map(|blob| line(store.blob(blob).unwrap().into_inner()))
            .collect()
    }

    /// Resumes in a new kernel; the names it has then, and what is in them.
    pub fn resumed(&self) -> Vec<String> {
        let mut working = self.works();
        let report = working
            .session
            .perform(&mut working.kernel, &Request::Resume(None), RestoreOptions::default());
        assert!(report.as_ref().unwrap().is_exact(), "{report:?}");
        working.names()
    }

    pub fn memory(&self) -> &Path {
        self.folder.path()
    }
}

/// A kernel that records.
pub struct Working {
    session: Session,
    kernel: ToyKernel,
}

impl Working {
    pub fn runs(&mut self, source: &str) {
        run_cell(&mut self.kernel.world, source, 1).unwrap();
        let input = RunInput {
            source: Some(source.to_owned()),
            ..RunInput::silent(RunKind::Cell, 0)
        };
        self.session.record(&mut self.kernel, input).unwrap();
    }

    pub fn names(&mut self) -> Vec<String> {
        let roots = self.kernel.roots().unwrap();
        let names = roots.iter().filter(|(root, _)| root.kind == RootKind::Name);
        names.map(|(root, _)| root.to_string()).collect()
    }
}
