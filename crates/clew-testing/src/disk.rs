//! A simulated disk: live data, durable data, and every possible difference between them after a crash.
//!
//! A write is live at once, and durable after a sync of its file. A name is durable after a sync of its folder. Effects (all changes, and
//! syncs) are counted. So a test can make the n-th effect fail, or cut the power before it, for every n. [`SimDisk::crash`] then returns
//! the disk that the machine would find after a restart.

mod crash;
mod file;
mod lying;
mod machines;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clew_core::store::disk::{Disk, DiskFile, DiskLock};

pub use crash::Surviving;
use file::{Inode, SimFile, SimLock};
pub use lying::LyingDisk;
use machines::Machine;
pub use machines::Turns;

/// The fault at the n-th effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails with an I/O error and has no effect. The next effects succeed.
    Error,
    /// It fails, and so do all later effects that need space: the disk is full. Half of a write is executed first.
    Full,
    /// It is executed partially (a short write, half of the bytes), and then fails.
    Short,
    /// It fails, and so does the next one (the rollback).
    Stuck,
    /// It is executed, but reports an error. The next effect (the rollback) fails and is not executed.
    Phantom,
    /// The power fails: it and all later effects fail.
    PowerCut,
    /// The program panics before the effect.
    Panic,
    /// The program panics after the effect if it is a write, otherwise before it.
    PanicAfter,
}

/// The kind of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Write,
    Sync,
    Name,
    Truncate,
}

/// A change of a folder's names.
#[derive(Debug, Clone)]
enum NameChange {
    Set(PathBuf, usize),
    Remove(PathBuf),
}

#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // each is a property that a disk may have
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    /// Changes of names since the last sync of their folder, in order.
    name_changes: Vec<NameChange>,
    /// Folders count as durable as soon as they are created: no test depends on the loss of an empty one.
    folders: BTreeSet<PathBuf>,
    effects: u64,
    lists: u64,
    fault: Option<(u64, Fault)>,
    is_off: bool,
    is_full: bool,
    is_read_only: bool,
    only_says_synced: bool,
    open_to_others: Vec<PathBuf>,
    /// If enabled: files of which a byte was overwritten with another value.
    rewritten: Option<BTreeSet<usize>>,
    random: u64,
}

/// A simulated disk. Clones are handles of the same disk.
#[derive(Debug, Clone, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    /// The machine to which this handle belongs, if there are several.
    machine: Option<Arc<Machine>>,
}

impl SimDisk {
    /// Creates an empty disk whose random bytes are determined by `seed`.
    pub fn new(seed: u64) -> Self {
        let disk = Self::default();
        disk.state().random = seed;
        disk
    }

    /// Makes the n-th effect from now on fail, counted from 0.
    pub fn fail_at(&self, n: u64, fault: Fault) {
        let mut state = self.state();
        state.fault = Some((state.effects + n, fault));
    }

    /// Cancels [`SimDisk::fail_at`]. A full disk has space again. A power cut remains.
    pub fn heal(&self) {
        let mut state = self.state();
        state.fault = None;
        state.is_full = false;
    }

    /// Returns the number of effects so far.
    pub fn effects(&self) -> u64 {
        self.state().effects
    }

    /// Returns how often folders were listed.
    pub fn lists(&self) -> u64 {
        self.state().lists
    }

    /// Makes every effect fail as on a read-only file system.
    pub fn set_read_only(&self, is_read_only: bool) {
        self.state().is_read_only = is_read_only;
    }

    /// Makes syncs of files do nothing from now on, and report success.
    pub fn only_say_synced(&self) {
        self.state().only_says_synced = true;
    }

    /// Starts to track overwritten bytes.
    pub fn watch_places(&self) {
        self.state().rewritten = Some(BTreeSet::new());
    }

    /// Returns the named files of which a byte was overwritten with another value since [`SimDisk::watch_places`], even if the file was
    /// truncated in between.
    pub fn rewritten(&self) -> Vec<PathBuf> {
        let state = self.state();
        let is_rewritten = |inode: &usize| state.rewritten.as_ref().is_some_and(|all| all.contains(inode));
        let names = state.names.iter().filter(|(_, inode)| is_rewritten(inode));
        names.map(|(path, _)| path.clone()).collect()
    }

    /// Makes the file readable for other users.
    pub fn open_to_others(&self, path: &Path) {
        self.state().open_to_others.push(path.to_owned());
    }

    /// Returns all files with their live bytes.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.state();
        let live = |inode: &usize| state.inodes[*inode].live.clone();
        state
            .names
            .iter()
            .map(|(path, inode)| (path.clone(), live(inode)))
            .collect()
    }

    /// Creates a disk with these files, all of them durable.
    pub fn with_files(files: &BTreeMap<PathBuf, Vec<u8>>) -> Self {
        let disk = Self::new(0x5eed);
        let mut state = disk.state();
        for (path, bytes) in files {
            state.folders.extend(path.ancestors().skip(1).map(Path::to_owned));
            state.inodes.push(Inode::durable(bytes.clone()));
            let inode = state.inodes.len() - 1;
            state.names.insert(path.clone(), inode);
            state.durable_names.insert(path.clone(), inode);
        }
        drop(state);
        disk
    }

    /// Flips bits of one byte of a file silently, as a defective disk does.
    pub fn rot(&self, path: &Path, at: usize, bits: u8) {
        let mut state = self.state();
        let Some(inode) = state.names.get(path).copied() else {
            return;
        };
        let inode = &mut state.inodes[inode];
        for bytes in [&mut inode.live, &mut inode.durable] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= bits;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts an effect, and returns how much of it is executed before it fails.
    fn effect(&mut self, effect: Effect) -> Result<Share, io::Error> {
        if self.is_off {
            return Err(power_cut());
        }
        if self.is_read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        let number = self.effects;
        self.effects += 1;
        let needs_space = matches!(effect, Effect::Write | Effect::Name);
        if self.is_full && needs_space {
            return Err(io::ErrorKind::StorageFull.into());
        }
        match self.fault {
            Some((at, fault)) if at == number => self.fail(effect, fault),
            _ => Ok(Share::All),
        }
    }

    fn fail(&mut self, effect: Effect, fault: Fault) -> Result<Share, io::Error> {
        match fault {
            Fault::PowerCut => {
                self.is_off = true;
                Err(power_cut())
            }
            Fault::PanicAfter if effect == Effect::Write => Ok(Share::Panicking),
            Fault::Panic | Fault::PanicAfter => panic!("simulated panic"),
            Fault::Short if effect == Effect::Write => {
                self.fault = Some((self.effects, Fault::Error));
                Ok(Share::Half)
            }
            Fault::Stuck => {
                self.fault = Some((self.effects, Fault::Error));
                Err(io::Error::other("simulated I/O error"))
            }
            Fault::Phantom => {
                self.fault = Some((self.effects, Fault::Error));
                if effect == Effect::Write {
                    Ok(Share::Phantom)
                } else {
                    Err(io::Error::other("simulated I/O error"))
                }
            }
            Fault::Full if effect == Effect::Write => {
                self.is_full = true;
                Ok(Share::Half)
            }
            Fault::Full => {
                self.is_full = true;
                if effect == Effect::Name {
                    Err(io::ErrorKind::StorageFull.into())
                } else {
                    Ok(Share::All)
                }
            }
            Fault::Error | Fault::Short => Err(io::Error::other("simulated I/O error")),
        }
    }

    fn inode(&self, path: &Path) -> io::Result<usize> {
        self.names
            .get(path)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn check_folder(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new(""));
        self.check_is_folder(folder)
    }

    fn check_is_folder(&self, path: &Path) -> io::Result<()> {
        let is_there = self.folders.contains(path);
        is_there.then_some(()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn set_name(&mut self, path: &Path, inode: usize) {
        self.names.insert(path.to_owned(), inode);
        self.name_changes.push(NameChange::Set(path.to_owned(), inode));
    }

    fn remove_name(&mut self, path: &Path) {
        self.names.remove(path);
        self.name_changes.push(NameChange::Remove(path.to_owned()));
    }

    /// Moved folders count as durable at once, like created ones.
    fn move_folder(&mut self, from: &Path, to: &Path) {
        let moved = |path: PathBuf| path.strip_prefix(from).map_or(path.clone(), |rest| to.join(rest));
        for names in [&mut self.names, &mut self.durable_names] {
            let all = std::mem::take(names).into_iter();
            *names = all.map(|(path, inode)| (moved(path), inode)).collect();
        }
        for change in &mut self.name_changes {
            let (NameChange::Set(path, _) | NameChange::Remove(path)) = change;
            *path = moved(std::mem::take(path));
        }
        self.folders = std::mem::take(&mut self.folders).into_iter().map(moved).collect();
    }

    fn make(&mut self, path: &Path) -> usize {
        self.inodes.push(Inode::default());
        let inode = self.inodes.len() - 1;
        self.set_name(path, inode);
        inode
    }
}

/// The part of an effect that is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    All,
    Half,
    /// All of it, followed by an error.
    Phantom,
    /// All of it, followed by a panic.
    Panicking,
}

fn power_cut() -> io::Error {
    io::Error::other("the power is off")
}

impl Disk for SimDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.come();
        let state = self.state();
        if state.is_off {
            return Err(power_cut());
        }
        Ok(Box::new(SimFile::new(self, state.inode(path)?)))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.come();
        let mut state = self.state();
        state.check_folder(path)?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.effect(Effect::Name)?;
        let inode = state.make(path);
        Ok(Box::new(SimFile::new(self, inode)))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.come();
        let mut state = self.state();
        if state.folders.contains(path) {
            return Ok(());
        }
        state.effect(Effect::Name)?;
        state.folders.extend(path.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.come();
        let mut state = self.state();
        if state.folders.contains(from) {
            state.effect(Effect::Name)?;
            state.move_folder(from, to);
            return Ok(());
        }
        let inode = state.inode(from)?;
        state.check_folder(to)?;
        state.effect(Effect::Name)?;
        state.remove_name(from);
        state.set_name(to, inode);
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.come();
        let mut state = self.state();
        if state.names.keys().any(|name| name.starts_with(path)) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        state.effect(Effect::Truncate)?;
        state.folders.remove(path);
        Ok(())
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.come();
        let mut state = self.state();
        state.inode(path)?;
        // Removing a name needs no space.
        state.effect(Effect::Truncate)?;
        state.remove_name(path);
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.come();
        let mut state = self.state();
        state.lists += 1;
        if state.is_off {
            return Err(power_cut());
        }
        state.check_is_folder(path)?;
        let files = state.names.keys();
        let inside = files.chain(&state.folders).filter(|entry| entry.parent() == Some(path));
        let mut names: Vec<String> = inside
            .filter_map(|entry| Some(entry.file_name()?.to_str()?.to_owned()))
            .collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.come();
        let mut state = self.state();
        state.check_is_folder(path)?;
        state.effect(Effect::Sync)?;
        let changes = std::mem::take(&mut state.name_changes);
        for change in changes {
            let (NameChange::Set(name, _) | NameChange::Remove(name)) = &change;
            if name.parent() == Some(path) {
                crash::apply_name(&mut state.durable_names, &change);
            } else {
                state.name_changes.push(change);
            }
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        Ok(Box::new(self.lock_as(path, false)?))
    }

    fn lock_shared(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        Ok(Box::new(self.lock_as(path, true)?))
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        self.come();
        let state = self.state();
        if state.is_off {
            return Err(power_cut());
        }
        let inode = state.inode(path)?;
        let lock = self.lock_of(&state, inode);
        drop(state);
        let taken = SimLock::attempt(SimFile::new(self, inode), lock);
        Ok(taken.map(|lock| -> Box<dyn DiskLock> { Box::new(lock) }))
    }

    fn is_open_to_others(&self, path: &Path) -> io::Result<bool> {
        Ok(self.state().open_to_others.iter().any(|open| open == path))
    }

    fn random(&self, bytes: &mut [u8]) {
        let mut state = self.state();
        for byte in bytes {
            *byte = crash::next_random(&mut state.random) as u8;
        }
    }
}

impl SimDisk {
    fn lock_as(&self, path: &Path, is_shared: bool) -> io::Result<SimLock> {
        self.come();
        let mut state = self.state();
        state.check_folder(path)?;
        let inode = if let Ok(inode) = state.inode(path) {
            if state.is_off {
                return Err(power_cut());
            }
            inode
        } else {
            state.effect(Effect::Name)?;
            state.make(path)
        };
        let lock = self.lock_of(&state, inode);
        drop(state);
        Ok(SimLock::take(SimFile::new(self, inode), lock, is_shared))
    }
}
