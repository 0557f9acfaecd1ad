//! The carrying over of what stays of packs that are to go.
//!
//! What is whole is read, hashed and written anew. What may be needed and is damaged is carried over as it lies, behind
//! what the new pack vouches for, so that nobody relies on it: whoever can mend it one day finds all that there was. Only
//! where a damaged frame can't be taken apart, and something in it was forgotten, all of it goes.

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

/// The result of moving data that is needed out of packs that are deleted.
#[derive(Debug)]
pub(super) struct SweepTransfer {
    /// The pack that was written.
    pub copied: Option<RepackedPack>,
    /// Packs that must stay, since something that may be needed could not even be carried over.
    pub stuck: FxHashMap<usize, Damage>,
    /// What lies where it stays: whole, or as it lay; or is lost with what was forgotten.
    held: FxHashSet<[u8; 32]>,
}

impl SweepTransfer {
    /// Whether a pack may go.
    pub fn is_done_with(&self, number: usize) -> bool {
        !self.stuck.contains_key(&number)
    }

    /// Whether something need not be kept where it lay.
    pub fn holds(&self, id: &[u8; 32]) -> bool {
        self.held.contains(id)
    }
}

/// The work.
pub(super) struct Transfer<'s> {
    sweep: &'s Sweep,
    store: &'s Store,
    copy: Copy<'s>,
    elsewhere: FxHashMap<[u8; 32], (usize, PackLocation)>,
    held: FxHashSet<[u8; 32]>,
    stuck: FxHashMap<usize, Damage>,
    /// Damaged frames that were carried over, by their packs and places.
    frames: FxHashSet<(usize, u64)>,
    collected: &'s mut CollectionReport,
}

impl<'s> Transfer<'s> {
    /// Writes what does not go, and lies whole nowhere else, to a new pack.
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
            // It may have been whole in a later pack.
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

    /// Takes over what is whole; gives what is wrong with what may be needed and is not.
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
            // What is dead and damaged is let go of.
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

    /// Carries over what is damaged and may be needed: its own bytes, else the frame that holds it.
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

    /// Carries over bytes that may hold what is needed, unless they name what was forgotten.
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
