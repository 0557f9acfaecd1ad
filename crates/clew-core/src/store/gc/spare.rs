//! Values that rules of the user's no longer keep.
//!
//! Which these are is worked out from the history, above the store ([`crate::session::spared`]). Here they are let go of:
//! their records and the lists in these stay, what only they lie in is dead, and waits like everything that is. Before any
//! of it goes, an operation in the history says so.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::contents::parts;
use super::mark::Marker;
use super::survey::{Survey, lengths};
use super::sweep::Sweep;
use crate::id::{HistoryId, ManifestId, SessionId};
use crate::store::{Store, StoreError};

/// What of a history need not be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spared {
    /// The history.
    pub history: HistoryId,
    /// How many operations of each session were seen. Where there are more, all of the history stays for now.
    pub seen: BTreeMap<SessionId, u64>,
    /// Values that go, oldest first.
    pub values: Vec<ManifestId>,
    /// Values that go where the store holds more than it may, as long as it does: what to begin with comes first.
    pub cheap: Vec<Cheap>,
}

/// A value whose cell can make it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cheap {
    /// The value.
    pub value: ManifestId,
    /// What its cell may read, which has to stay.
    pub needs: Vec<ManifestId>,
}

/// What is to be kept beside all that is new.
pub struct Keeping<'k> {
    /// What need not be.
    pub spared: Vec<Spared>,
    /// How many bytes the store may hold, before compression.
    pub most: u64,
    /// Says in a history that values were dropped, for sure when it returns.
    pub tell: &'k mut dyn FnMut(HistoryId, Vec<ManifestId>) -> Result<(), StoreError>,
}

/// A value that goes, or will.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// Its history.
    pub history: HistoryId,
    /// The value.
    pub value: ManifestId,
    /// What lies only for it and for those before it, in bytes before compression.
    pub bytes: u64,
    /// Whether any of it goes now.
    pub goes: bool,
}

impl Marker {
    /// Lets go of cheap values until no more than `most` bytes are alive; how many more there are then, if there are.
    pub fn fit(&mut self, store: &Store, keeping: &Keeping<'_>, survey: &Survey) -> u64 {
        let lengths = lengths(&survey.packs);
        let length = |id: &[u8; 32]| lengths.get(id).copied().unwrap_or(0);
        let mut alive: u64 = self.alive.iter().map(length).sum();
        if alive <= keeping.most || keeping.spared.iter().all(|spared| spared.cheap.is_empty()) {
            return alive.saturating_sub(keeping.most);
        }
        let mut uses: FxHashMap<[u8; 32], u32> = FxHashMap::default();
        for value in self.kept() {
            for id in parts(store, *value) {
                *uses.entry(id).or_default() += 1;
            }
        }
        // What was dropped before is made again from what stays, too.
        let all = keeping.spared.iter().flat_map(|spared| &spared.cheap);
        let dropped = all.filter(|cheap| !self.is_kept(&cheap.value));
        let mut needed: FxHashSet<ManifestId> = dropped.flat_map(|cheap| cheap.needs.iter().copied()).collect();
        for spared in &keeping.spared {
            for cheap in &spared.cheap {
                if alive <= keeping.most {
                    return 0;
                }
                let is_kept = |value: &ManifestId| self.is_kept(value);
                if needed.contains(&cheap.value) || !cheap.needs.iter().all(is_kept) {
                    continue;
                }
                if !self.spare(spared.history, cheap.value) {
                    continue;
                }
                needed.extend(&cheap.needs);
                for id in parts(store, cheap.value) {
                    let uses = uses.entry(id).or_default();
                    *uses = uses.saturating_sub(1);
                    if *uses == 0 && self.alive.remove(&id) {
                        alive -= length(&id);
                    }
                }
            }
        }
        alive.saturating_sub(keeping.most)
    }
}

impl Sweep {
    /// Values that need not be kept, with what lies only for them.
    pub fn dropped(&self, store: &Store) -> Vec<Dropped> {
        let lengths = lengths(&self.packs);
        let mut met = FxHashSet::default();
        let mut dropped = Vec::new();
        for (history, value) in self.marker.spared() {
            let mut found = Dropped {
                history,
                value,
                bytes: 0,
                goes: false,
            };
            let mut is_here = false;
            for id in parts(store, value) {
                if !self.is_dead(&id) {
                    continue;
                }
                is_here = true;
                found.goes |= self.goes(&id);
                if met.insert(id) {
                    found.bytes += lengths.get(&id).copied().unwrap_or(0);
                }
            }
            dropped.extend(is_here.then_some(found));
        }
        dropped
    }

    /// Says in the histories which values will miss something.
    pub fn tell_dropped(&self, store: &Store, keeping: &mut Keeping<'_>) -> Result<(), StoreError> {
        let mut told: BTreeMap<HistoryId, Vec<ManifestId>> = BTreeMap::new();
        for dropped in self.dropped(store).iter().filter(|dropped| dropped.goes) {
            told.entry(dropped.history).or_default().push(dropped.value);
        }
        for (history, mut values) in told {
            values.sort_unstable();
            (keeping.tell)(history, values)?;
        }
        Ok(())
    }
}
