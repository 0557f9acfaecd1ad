//! Files of the simulated disk.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

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
}

/// Does a change to a file's bytes.
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
        let state = self.disk.state();
        let bytes = state.inodes[self.inode].live.get(offset as usize..).unwrap_or_default();
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        let share = state.effect(Effect::Write)?;
        let count = match share {
            Share::All | Share::Phantom => bytes.len(),
            Share::Half => bytes.len().div_ceil(2),
        };
        let change = Change::Write(offset, bytes[..count].to_vec());
        let inode = &mut state.inodes[self.inode];
        apply(&mut inode.live, &change);
        inode.changes.push(change);
        if share == Share::Phantom {
            return Err(io::Error::other("simulated I/O error"));
        }
        Ok(count)
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        let outcome = state.effect(Effect::Sync);
        if state.is_off {
            return outcome.map(|_| ());
        }
        let inode = &mut state.inodes[self.inode];
        let changes = std::mem::take(&mut inode.changes);
        // After a failed sync the system takes the pages for clean: a later sync succeeds without them.
        outcome?;
        for change in &changes {
            apply(&mut inode.durable, change);
        }
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.state().inodes[self.inode].live.len() as u64)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.effect(Effect::Truncate)?;
        let change = Change::Truncate(length);
        let inode = &mut state.inodes[self.inode];
        apply(&mut inode.live, &change);
        inode.changes.push(change);
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(super) struct LockState {
    is_taken: Mutex<bool>,
    freed: Condvar,
}

#[derive(Debug)]
pub(super) struct SimLock {
    file: SimFile,
    lock: Arc<LockState>,
}

impl SimLock {
    pub fn take(file: SimFile, lock: Arc<LockState>) -> Self {
        let mut is_taken = lock.is_taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *is_taken {
            is_taken = lock.freed.wait(is_taken).unwrap_or_else(PoisonError::into_inner);
        }
        *is_taken = true;
        drop(is_taken);
        Self { file, lock }
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        *self.lock.is_taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.lock.freed.notify_one();
    }
}

impl DiskLock for SimLock {
    fn file(&self) -> &dyn DiskFile {
        &self.file
    }
}
