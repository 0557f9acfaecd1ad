//! The state of a disk after a crash.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::file::{Change, apply};
use super::{NameChange, SimDisk, State};

/// Disks tear writes at multiples of this size.
const SECTOR: usize = 512;

/// The unsynced data that survives a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surviving {
    /// All of it: the process was killed, but the machine kept running.
    All,
    /// None of it.
    Nothing,
    /// A random subset, determined by a seed: some sectors, some lengths of files, and a prefix of the changes of names.
    Some(u64),
}

impl SimDisk {
    /// Returns the disk that the machine finds after a restart. The crashed disk does not change.
    #[must_use]
    pub fn crash(&self, surviving: Surviving) -> Self {
        let state = self.state();
        let mut draw = match surviving {
            Surviving::Some(seed) => seed.wrapping_mul(2).wrapping_add(1),
            _ => 1,
        };
        let names = surviving_names(&state, surviving, &mut draw);
        let mut files = BTreeMap::new();
        for (path, inode) in names {
            let inode = &state.inodes[inode];
            let bytes = match surviving {
                Surviving::All => inode.live.clone(),
                Surviving::Nothing => inode.durable.clone(),
                Surviving::Some(_) => torn(&inode.durable, &inode.changes, &mut draw),
            };
            files.insert(path, bytes);
        }
        let folders = state.folders.clone();
        // The restarted machine gets random bytes that no earlier one had.
        let random = state.random;
        drop(state);
        let disk = Self::with_files(&files);
        disk.state().folders.extend(folders);
        disk.state().random = random;
        disk
    }
}

fn surviving_names(state: &State, surviving: Surviving, draw: &mut u64) -> BTreeMap<PathBuf, usize> {
    let mut names = state.durable_names.clone();
    let count = match surviving {
        Surviving::All => state.name_changes.len(),
        Surviving::Nothing => 0,
        Surviving::Some(_) => next_random(draw) as usize % (state.name_changes.len() + 1),
    };
    for change in &state.name_changes[..count] {
        apply_name(&mut names, change);
    }
    names
}

pub(super) fn apply_name(names: &mut BTreeMap<PathBuf, usize>, change: &NameChange) {
    match change {
        NameChange::Set(path, inode) => {
            names.insert(path.clone(), *inode);
        }
        NameChange::Remove(path) => {
            names.remove(path);
        }
    }
}

/// Returns the durable bytes with some sectors of some changes, which may reach the disk in any order.
fn torn(durable: &[u8], changes: &[Change], draw: &mut u64) -> Vec<u8> {
    let mut bytes = durable.to_vec();
    // A third of the draws keep a prefix of the changes, as most file systems do. The others keep any subset.
    let style = next_random(draw) % 3;
    let kept = next_random(draw) as usize % (changes.len() + 1);
    for (number, change) in changes.iter().enumerate() {
        let is_kept = match style {
            0 => number < kept,
            1 => next_random(draw).is_multiple_of(2),
            _ => true,
        };
        match change {
            _ if !is_kept => {}
            Change::Truncate(_) => apply(&mut bytes, change),
            Change::Write(offset, written) => tear(&mut bytes, *offset, written, style, draw),
        }
    }
    bytes
}

fn tear(bytes: &mut Vec<u8>, offset: u64, written: &[u8], style: u64, draw: &mut u64) {
    let mut at = 0;
    while at < written.len() {
        let sector_end = SECTOR - (offset as usize + at) % SECTOR;
        let end = written.len().min(at + sector_end);
        let whole = Change::Write(offset + at as u64, written[at..end].to_vec());
        if style == 0 || !next_random(draw).is_multiple_of(4) {
            apply(bytes, &whole);
        } else if next_random(draw).is_multiple_of(2) {
            // The length grew, but the bytes were not written.
            let length = bytes.len().max(offset as usize + end);
            bytes.resize(length, 0);
        }
        at = end;
    }
}

/// Returns the next number of a small generator (xorshift*). It is good enough to sample crash images, and repeatable.
pub(super) fn next_random(state: &mut u64) -> u64 {
    if *state == 0 {
        *state = 0x9e37_79b9_7f4a_7c15;
    }
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 24
}
