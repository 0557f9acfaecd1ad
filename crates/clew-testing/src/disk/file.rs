//! Files of the simulated disk.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use clew_core::store::disk::{DiskFile, DiskLock};

use super::{Effect, Share, SimDisk};

/// A change of a file's bytes.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Write(u64, Vec<u8>),
    Truncate(u64),
}

#[derive(Debug, Default)]
pub(super) struct Inode {
    pub live: Vec<u8>,
    pub durable: Vec<u8>,
    /// Changes since the last sync, in order.
    pub changes: Vec<Change>,
    /// The last byte that was written at each offset, plus 256; 0 if none was.
    ever: Vec<u16>,
    pub lock: Arc<LockState>,
}

impl Inode {
    pub fn durable(bytes: Vec<u8>) -> Self {
        Self {
            live: bytes.clone(),
            durable: bytes,
            ..Self::default()
        }
    }

    /// Records a write. Returns whether it overwrites an earlier byte with another value, even if the file was truncated in between.
    fn note(&mut self, offset: usize, bytes: &[u8]) -> bool {
        let end = offset + bytes.len();
        if self.ever.len() < end {
            self.ever.resize(end, 0);
        }
        let mut is_other = false;
        for (before, byte) in self.ever[offset..end].iter_mut().zip(bytes) {
            let now = 256 + u16::from(*byte);
            is_other |= *before != 0 && *before != now;
            *before = now;
        }
        is_other
    }
}

/// Applies a change to a file's bytes.
pub(super) fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(offset, written) => {
            let end = *offset as usize + written.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*offset as usize..end].copy_from_slice(written);
        }
        Change::Truncate(length) => bytes.resize(*length as usize, 0),
    }
}

#[derive(Debug)]
pub(super) struct SimFile {
    disk: SimDisk,
    inode: usize,
}

impl SimFile {
    pub fn new(disk: &SimDisk, inode: usize) -> Self {
        Self {
            disk: disk.clone(),
            inode,
        }
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.come_to_read(self.inode);
        let state = self.disk.state();
        let seen = self.disk.seen(&state, self.inode);
        let bytes = seen.as_ref().unwrap_or(&state.inodes[self.inode].live);
        let bytes = bytes.get(offset as usize..).unwrap_or_default();
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.disk.come();
        let mut state = self.disk.state();
        let share = state.effect(Effect::Write)?;
        let count = match share {
            Share::All | Share::Phantom | Share::Panicking => bytes.len(),
            Share::Half => bytes.len().div_ceil(2),
        };
        let change = Change::Write(offset, bytes[..count].to_vec());
        if self.disk.keep_back(self.inode, &change) {
            return Ok(count);
        }
        let is_watched = state.rewritten.is_some();
        let inode = &mut state.inodes[self.inode];
        if is_watched && inode.note(offset as usize, &bytes[..count]) {
            state.rewritten.get_or_insert_default().insert(self.inode);
        }
        let inode = &mut state.inodes[self.inode];
        apply(&mut inode.live, &change);
        inode.changes.push(change);
        match share {
            Share::Phantom => Err(io::Error::other("simulated I/O error")),
            Share::Panicking => panic!("simulated panic"),
            Share::All | Share::Half => Ok(count),
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.come();
        let mut state = self.disk.state();
        let outcome = state.effect(Effect::Sync);
        if state.is_off || state.only_says_synced {
            return outcome.map(|_| ());
        }
        let inode = &mut state.inodes[self.inode];
        for change in self.disk.let_out(self.inode) {
            apply(&mut inode.live, &change);
            inode.changes.push(change);
        }
        let changes = std::mem::take(&mut inode.changes);
        // After a failed sync the system marks the pages as clean: a later sync succeeds without them.
        outcome?;
        for change in &changes {
            apply(&mut inode.durable, change);
        }
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        self.disk.come_to_read(self.inode);
        let state = self.disk.state();
        let seen = self.disk.seen(&state, self.inode);
        Ok(seen.as_ref().unwrap_or(&state.inodes[self.inode].live).len() as u64)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.disk.come();
        let mut state = self.disk.state();
        state.effect(Effect::Truncate)?;
        let change = Change::Truncate(length);
        if self.disk.keep_back(self.inode, &change) {
            return Ok(());
        }
        let inode = &mut state.inodes[self.inode];
        apply(&mut inode.live, &change);
        inode.changes.push(change);
        Ok(())
    }
}

/// The holders of a lock: one exclusive or several shared ones.
#[derive(Debug, Default)]
struct Holders {
    is_taken: bool,
    sharing: u32,
}

#[derive(Debug, Default)]
pub(super) struct LockState {
    holders: Mutex<Holders>,
    freed: Condvar,
}

impl LockState {
    fn holders(&self) -> MutexGuard<'_, Holders> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(super) struct SimLock {
    file: SimFile,
    lock: Arc<LockState>,
    is_shared: bool,
}

impl SimLock {
    pub fn take(file: SimFile, lock: Arc<LockState>, is_shared: bool) -> Self {
        let mut holders = lock.holders();
        while holders.is_taken || (!is_shared && holders.sharing > 0) {
            holders = lock.freed.wait(holders).unwrap_or_else(PoisonError::into_inner);
        }
        if is_shared {
            holders.sharing += 1;
        } else {
            holders.is_taken = true;
        }
        drop(holders);
        Self { file, lock, is_shared }
    }

    /// Takes the lock exclusively, if it is free.
    pub fn attempt(file: SimFile, lock: Arc<LockState>) -> Option<Self> {
        let mut holders = lock.holders();
        let is_free = !holders.is_taken && holders.sharing == 0;
        holders.is_taken |= is_free;
        drop(holders);
        // Not `then_some`: a lock that was not taken must not be released.
        is_free.then(|| Self {
            file,
            lock,
            is_shared: false,
        })
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut holders = self.lock.holders();
        if self.is_shared {
            holders.sharing -= 1;
        } else {
            holders.is_taken = false;
        }
        drop(holders);
        self.lock.freed.notify_all();
    }
}

impl DiskLock for SimLock {
    fn file(&self) -> &dyn DiskFile {
        &self.file
    }
}
