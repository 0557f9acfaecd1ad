//! Copying data in packs from one store to another.
//!
//! The data is read, hashed and written to a new pack; data that the other store has is skipped.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use rustc_hash::FxHashSet;

use crate::id::{BlockId, SessionId};
use crate::store::packs::index::PackLocation;
use crate::store::packs::read::read_and_hash;
use crate::store::packs::repack::{Copy, RepackedPack};
use crate::store::packs::survey::{PackItem, Survey};
use crate::store::{Damage, FileFault, Store, StoreError};

/// Called with the number of further bytes that were processed; `Break` stops the transfer.
pub type CopyCallback<'w> = &'w mut dyn FnMut(u64) -> ControlFlow<()>;

/// The result of a transfer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransferSummary {
    /// Blocks, segments, texts and manifests that the other store did not have.
    pub things: u64,
    /// Their size in bytes before compression.
    pub bytes: u64,
    /// Bytes that the other store already had, before compression.
    pub known: u64,
    /// Sessions with new records.
    pub sessions: u64,
    /// New operations.
    pub operations: u64,
    /// New runs.
    pub runs: u64,
    /// Data that could not be read and was not transferred.
    pub damage: Vec<Damage>,
    /// The ids of this data.
    pub unread: Vec<[u8; 32]>,
    /// Logs that contradict the existing ones, which were kept.
    pub contradictions: Vec<SessionId>,
}

impl TransferSummary {
    /// Adds the result of a later transfer.
    pub fn add(&mut self, after: Self) {
        self.things += after.things;
        self.bytes += after.bytes;
        self.known += after.known;
        self.sessions += after.sessions;
        self.operations += after.operations;
        self.runs += after.runs;
        self.damage.extend(after.damage);
        self.unread.extend(after.unread);
        self.contradictions.extend(after.contradictions);
    }
}

/// Copies `wanted` data (`None`: everything) that `to` lacks from stores to one pack. Corrupted data is not copied, but reported.
pub(in crate::store) fn copy_all(
    all: &[(&Store, &Survey)],
    to: &Store,
    wanted: Option<&FxHashSet<[u8; 32]>>,
    carried: &mut TransferSummary,
    watch: CopyCallback<'_>,
) -> Result<Option<RepackedPack>, StoreError> {
    let Some((first, _)) = all.first() else { return Ok(None) };
    let mut copying = Copying {
        to,
        copy: Copy::new(first, to),
        met: FxHashSet::default(),
        unsynced: BTreeSet::new(),
        damaged: Vec::new(),
    };
    for (from, survey) in all {
        copying.copy.go_on_from(from)?;
        copying.take(survey, wanted, carried, watch)?;
    }
    copying.finish(carried)
}

/// The state of copying to one pack.
struct Copying<'s> {
    to: &'s Store,
    copy: Copy<'s>,
    met: FxHashSet<[u8; 32]>,
    /// Packs of the target store that the transferred data needs and that are not synced.
    unsynced: BTreeSet<u32>,
    damaged: Vec<([u8; 32], Damage)>,
}

impl Copying<'_> {
    fn take(
        &mut self,
        survey: &Survey,
        wanted: Option<&FxHashSet<[u8; 32]>>,
        carried: &mut TransferSummary,
        watch: CopyCallback<'_>,
    ) -> Result<(), StoreError> {
        for pack in &survey.packs {
            for thing in &pack.things {
                let is_wanted = wanted.is_none_or(|wanted| wanted.contains(&thing.id));
                if !is_wanted || self.met.contains(&thing.id) {
                    continue;
                }
                let length = u64::from(thing.place.length);
                if let Some((place, is_synced)) = self.to.whole_place(thing) {
                    self.met.insert(thing.id);
                    if !is_synced {
                        self.unsynced.insert(place.pack);
                    }
                    carried.known += length;
                    tell(watch, length)?;
                    continue;
                }
                match read_and_hash(&mut self.copy.reader, &pack.path, &thing.place, &thing.id, thing.kind) {
                    Ok(bytes) => {
                        self.met.insert(thing.id);
                        carried.things += 1;
                        carried.bytes += length;
                        self.copy.put(*thing, bytes)?;
                    }
                    // Another pack may have a sound copy.
                    Err(why) => self
                        .damaged
                        .push((thing.id, Damage::of(&pack.path, not_copied(thing, why)))),
                }
                tell(watch, length)?;
            }
        }
        Ok(())
    }

    fn finish(mut self, carried: &mut TransferSummary) -> Result<Option<RepackedPack>, StoreError> {
        let met = &self.met;
        self.damaged.retain(|(id, _)| !met.contains(id));
        for (id, damage) in self.damaged {
            carried.unread.push(id);
            damage.join(&mut carried.damage);
        }
        self.copy.vouch()?;
        self.to.sync_packs(&self.unsynced)?;
        self.copy.finish()
    }
}

fn tell(watch: CopyCallback<'_>, length: u64) -> Result<(), StoreError> {
    match watch(length) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(StoreError::GivenUp),
    }
}

fn not_copied(thing: &PackItem, why: String) -> FileFault {
    FileFault::NotCopied {
        id: BlockId(thing.id).short(),
        why,
    }
}

impl Store {
    fn sync_packs(&self, numbers: &BTreeSet<u32>) -> Result<(), StoreError> {
        let index = self.index();
        let paths = numbers.iter().map(|number| index.packs[*number as usize].path.clone());
        let paths: Vec<_> = paths.collect();
        drop(index);
        for path in paths {
            let file = self.disk().open(&path).map_err(StoreError::io("read", &path))?;
            file.sync().map_err(StoreError::io("sync", &path))?;
        }
        Ok(())
    }

    /// Returns the location of a complete copy of an item in this store, according to its writer or after reading it, and whether it was
    /// synced.
    fn whole_place(&self, thing: &PackItem) -> Option<(PackLocation, bool)> {
        let index = self.index();
        let place = index.best(&thing.id)?;
        let (is_whole, is_synced) = (index.is_whole(&place), index.is_synced(&place));
        drop(index);
        let is_here = is_whole || self.read_place(&place, &thing.id, thing.kind).is_ok();
        is_here.then_some((place, is_synced))
    }
}
