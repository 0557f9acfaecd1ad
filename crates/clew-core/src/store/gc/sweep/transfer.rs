//! Copying the remaining data of packs that are deleted.
//!
//! Sound data is read, hashed and written again. Corrupted data that may be needed is copied unchanged after the MARK of the new pack, so
//! that no session relies on it and a later repair finds all of it. Only if a corrupted frame cannot be taken apart and contains forgotten
//! data, it is deleted as a whole.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Sweep;
use crate::id::BlockId;
use crate::store::gc::{CollectionReport, Tally};
use crate::store::packs::index::PackLocation;
use crate::store::packs::pack_reader::PackReader;
use crate::store::packs::read::read_and_hash;
use crate::store::packs::repack::{Copy, RepackedPack};
use crate::store::packs::survey::{PackItem, UnframedBytes};
use crate::store::{Damage, FileFault, Store, StoreError};

/// The result of copying the remaining data of packs that are deleted.
#[derive(Debug)]
pub(super) struct SweepTransfer {
    /// The pack that was written.
    pub copied: Option<RepackedPack>,
    /// Packs that must stay, because data that may be needed could not even be copied unchanged.
    pub stuck: FxHashMap<usize, Damage>,
    /// Data that the old packs need not keep: it is elsewhere, complete or unchanged, or is deleted together with forgotten data.
    held: FxHashSet<[u8; 32]>,
}

impl SweepTransfer {
    /// Returns whether a pack may be deleted.
    pub fn is_done_with(&self, number: usize) -> bool {
        !self.stuck.contains_key(&number)
    }

    /// Returns whether an item need not be kept in its old pack.
    pub fn holds(&self, id: &[u8; 32]) -> bool {
        self.held.contains(id)
    }
}

/// The state of the copying.
pub(super) struct Transfer<'s> {
    sweep: &'s Sweep,
    store: &'s Store,
    copy: Copy<'s>,
    elsewhere: FxHashMap<[u8; 32], (usize, PackLocation)>,
    held: FxHashSet<[u8; 32]>,
    stuck: FxHashMap<usize, Damage>,
    /// Corrupted frames that were copied, by pack and offset.
    frames: FxHashSet<(usize, u64)>,
    collected: &'s mut CollectionReport,
}

impl<'s> Transfer<'s> {
    /// Writes data that stays, and that is complete in no other pack, to a new pack.
    pub fn of(
        sweep: &'s Sweep,
        store: &'s Store,
        collected: &'s mut CollectionReport,
    ) -> Result<SweepTransfer, StoreError> {
        let transfer = Self {
            sweep,
            store,
            copy: Copy::new(store, store),
            elsewhere: sweep.elsewhere(),
            held: FxHashSet::default(),
            stuck: FxHashMap::default(),
            frames: FxHashSet::default(),
            collected,
        };
        transfer.perform()
    }

    fn perform(mut self) -> Result<SweepTransfer, StoreError> {
        let mut damaged = Vec::new();
        for number in &self.sweep.chosen {
            for thing in &self.sweep.packs[*number].things {
                damaged.extend(self.take(*number, thing)?.map(|why| (*number, *thing, why)));
            }
        }
        self.copy.vouch()?;
        for (number, thing, why) in damaged {
            // A later pack may have had a sound copy.
            if !self.held.contains(&thing.id) {
                self.carry(number, &thing, why)?;
            }
        }
        for number in &self.sweep.chosen {
            let pack = &self.sweep.packs[*number];
            if self.sweep.has_needed_gaps(pack) {
                for gap in &pack.gaps {
                    self.carry_gap(*number, gap)?;
                }
            }
        }
        Ok(SweepTransfer {
            copied: self.copy.finish()?,
            stuck: self.stuck,
            held: self.held,
        })
    }

    /// Copies an item that is sound. Returns the fault of a corrupted item that may be needed.
    fn take(&mut self, number: usize, thing: &PackItem) -> Result<Option<String>, StoreError> {
        if self.sweep.goes(&thing.id) || self.held.contains(&thing.id) {
            return Ok(None);
        }
        if self.is_whole_elsewhere(thing) {
            self.held.insert(thing.id);
            return Ok(None);
        }
        let path = &self.sweep.packs[number].path;
        let bytes = match read_and_hash(&mut self.copy.reader, path, &thing.place, &thing.id, thing.kind) {
            Ok(bytes) => bytes,
            // Data that is unneeded and corrupted is dropped.
            Err(why) => return Ok(self.sweep.may_be_needed(&thing.id).then_some(why)),
        };
        self.held.insert(thing.id);
        if self.sweep.is_cold(number, thing) {
            self.collected.compressed.add(thing.place.length.into());
            self.copy.put_cold(thing, &bytes)?;
        } else {
            self.copy.put(*thing, bytes)?;
        }
        Ok(None)
    }

    fn is_whole_elsewhere(&self, thing: &PackItem) -> bool {
        self.elsewhere.get(&thing.id).is_some_and(|(number, place)| {
            let path = &self.sweep.packs[*number].path;
            read_and_hash(
                &mut PackReader::new(self.store.disk()),
                path,
                place,
                &thing.id,
                thing.kind,
            )
            .is_ok()
        })
    }

    /// Copies a corrupted item that may be needed: its own bytes, or otherwise its frame.
    fn carry(&mut self, number: usize, thing: &PackItem, why: String) -> Result<(), StoreError> {
        let pack = &self.sweep.packs[number];
        if let Ok(bytes) = self.copy.reader.read(&pack.path, &thing.place) {
            self.hold(thing);
            return self.copy.put(*thing, bytes);
        }
        if self.frames.contains(&(number, thing.place.at)) {
            self.hold(thing);
            return Ok(());
        }
        let Ok(frame) = self.copy.reader.frame_as_it_lies(&pack.path, &thing.place) else {
            let id = BlockId(thing.id).short();
            self.stuck
                .insert(number, Damage::of(&pack.path, FileFault::NotCopied { id, why }));
            return Ok(());
        };
        let mut beside = pack.things.iter().filter(|other| other.place.at == thing.place.at);
        if beside.any(|other| self.sweep.is_forgotten(&other.id)) {
            self.held.insert(thing.id);
            self.collected.lost.add(thing.place.length.into());
            return Ok(());
        }
        self.frames.insert((number, thing.place.at));
        self.hold(thing);
        self.copy.put_frame_as_it_lay(&frame)
    }

    fn hold(&mut self, thing: &PackItem) {
        self.held.insert(thing.id);
        self.collected.carried.add(thing.place.length.into());
    }

    /// Copies unreadable bytes that may be needed, unless they contain ids of forgotten data.
    fn carry_gap(&mut self, number: usize, gap: &UnframedBytes) -> Result<(), StoreError> {
        let pack = &self.sweep.packs[number];
        let range = self.copy.reader.range(&pack.path, pack.number, (gap.from, gap.to));
        let Ok(bytes) = range else {
            self.stuck.insert(number, gap.damage.clone());
            return Ok(());
        };
        let tally: &mut Tally = if self.sweep.names_forgotten(&bytes) {
            &mut self.collected.lost
        } else {
            self.copy.put_gap(&bytes, gap.from)?;
            &mut self.collected.carried
        };
        tally.add(bytes.len() as u64);
        Ok(())
    }
}
