//! The sweep phase: decides which data and which packs may be deleted, and deletes the packs.

mod transfer;

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use super::cold::{is_cold, saving};
use super::garbage::KnownGarbage;
use super::mark::Marker;
use super::spare::DroppedValue;
use super::{Collection, CollectionReport, RetentionRequest, Tally};
use crate::format::{FrameKind, GarbageEntry, RECORD_VERSION, Removal, Timestamp, Uptime};
use crate::id::{HistoryId, ManifestId, PackId};
use crate::store::disk::if_exists;
use crate::store::packs::contents::parts;
use crate::store::packs::index::PackLocation;
use crate::store::packs::pack_reader::PackReader;
use crate::store::packs::removals;
use crate::store::packs::repack::RepackedPack;
use crate::store::packs::survey::{PackItem, PackSurvey, Survey, lengths};
use crate::store::{Store, StoreError, gc_lock, layout};
use transfer::{SweepTransfer, Transfer};

/// The decision about unneeded data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Delete it now; the time since when it is known to be unneeded.
    Goes(Timestamp),
    /// Keep it until the grace period has passed; the time since when it is known to be unneeded.
    Waits(Timestamp),
}

/// The plan of a collection.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    pub packs: Vec<PackSurvey>,
    pub marker: Marker,
    dead: FxHashMap<[u8; 32], Fate>,
    /// Forgotten data in packs that are being written.
    left: FxHashSet<[u8; 32]>,
    /// Forgotten data that no table of a pack lists.
    lost: FxHashSet<[u8; 32]>,
    /// Packs to delete.
    pub chosen: Vec<usize>,
    /// Data of the newest states, which stays raw.
    newest: FxHashSet<[u8; 32]>,
    /// Packs of which the remaining memory is compressed.
    cold: FxHashSet<usize>,
    /// Packs with forgotten data among their unreadable bytes.
    tainted: FxHashSet<usize>,
    /// Whether tables of packs list all needed data.
    is_all_here: bool,
    /// Packs that an earlier record calls deleted, and that may disappear at any moment.
    told: FxHashSet<PackId>,
    /// The names of all removal records before the packs were surveyed.
    removals: BTreeSet<String>,
    /// Packs that were deleted.
    gone: Vec<usize>,
    /// How long the machine had been up when data was noted as unneeded.
    uptimes: BTreeMap<Timestamp, Uptime>,
}

impl Sweep {
    /// Separates unneeded from needed data, and chooses the packs to delete.
    pub fn plan(
        store: &Store,
        survey: Survey,
        marker: Marker,
        noted: &KnownGarbage,
        order: Collection,
        collected: &mut CollectionReport,
    ) -> Self {
        let mut sweep = Self {
            packs: survey.packs,
            marker,
            removals: survey.removals,
            uptimes: noted.uptimes.clone(),
            ..Self::default()
        };
        sweep.uptimes.extend(order.uptime.map(|uptime| (order.now, uptime)));
        let forgotten = sweep.forgotten(store);
        sweep.is_all_here = sweep.judge(&forgotten, noted, order, collected);
        collected.dropped = sweep.dropped(store);
        sweep.find_tainted(store);
        // Completes the deletion of a gc that was killed after it recorded it.
        let removals = removals::removals(store.disk(), store.directory());
        sweep.told = removals.into_iter().flat_map(|removal| removal.removed).collect();
        let open = sweep.choose(order, collected);
        if !order.forgotten_only {
            sweep.choose_cold(store, &open, collected);
        }
        sweep
    }

    /// Adds packs with much memory to compress to the packs to rewrite. `open` are all packs that may be deleted.
    fn choose_cold(&mut self, store: &Store, open: &[usize], collected: &mut CollectionReport) {
        self.newest = self.marker.newest(store);
        for number in open {
            let pack = &self.packs[*number];
            let stays = |thing: &PackItem| self.marker.alive.contains(&thing.id);
            if let Some(saved) = saving(store, pack, &self.newest, stays) {
                collected.compressible += saved;
                self.cold.insert(*number);
                if !self.chosen.contains(number) {
                    self.chosen.push(*number);
                }
            }
        }
    }

    fn find_tainted(&mut self, store: &Store) {
        let mut reader = PackReader::new(store.disk());
        for (number, pack) in self.packs.iter().enumerate() {
            let mut gaps = pack.gaps.iter();
            let is_tainted = gaps.any(|gap| {
                let bytes = reader.range(&pack.path, pack.number, (gap.from, gap.to));
                bytes.is_ok_and(|bytes| self.names_forgotten(&bytes))
            });
            if is_tainted {
                self.tainted.insert(number);
            }
        }
    }

    fn forgotten(&self, store: &Store) -> FxHashSet<[u8; 32]> {
        let mut forgotten = self.marker.forgotten_things(store);
        let things = self.packs.iter().flat_map(|pack| &pack.things);
        for thing in things.filter(|thing| thing.kind == FrameKind::MANIFEST) {
            if !self.marker.alive.contains(&thing.id) && !forgotten.contains(&thing.id) {
                forgotten.extend(self.marker.left_of_forgotten(store, ManifestId(thing.id)));
            }
        }
        forgotten
    }

    /// Decides about all data in the packs. Returns whether all needed data exists.
    fn judge(
        &mut self,
        forgotten: &FxHashSet<[u8; 32]>,
        noted: &KnownGarbage,
        order: Collection,
        collected: &mut CollectionReport,
    ) -> bool {
        let mut met: FxHashMap<[u8; 32], (u64, bool, bool)> = FxHashMap::default();
        for pack in &self.packs {
            for thing in &pack.things {
                let entry = met
                    .entry(thing.id)
                    .or_insert((u64::from(thing.place.length), false, false));
                entry.1 |= pack.is_written;
                entry.2 |= !pack.is_written;
            }
        }
        let is_all_here = self.marker.alive.iter().all(|id| met.contains_key(id));
        self.lost = forgotten.iter().filter(|id| !met.contains_key(*id)).copied().collect();
        for (id, (length, in_written, in_finished)) in met {
            if self.marker.alive.contains(&id) {
                collected.alive.add(length);
                continue;
            }
            let known = noted.age(&id, order.now, order.uptime);
            let since = known.map(|(since, _)| since);
            let age = known.map_or(0, |(_, age)| age);
            let may_be_forgotten = order.with_dead && !self.is_unsure();
            let is_forgotten = may_be_forgotten || forgotten.contains(&id) || since == Some(GarbageEntry::FORGOTTEN);
            if in_written && (is_forgotten || !in_finished) {
                collected.in_use.add(length);
                if is_forgotten {
                    collected.forgotten_in_use.add(length);
                    self.left.insert(id);
                }
            }
            if !in_finished {
                continue;
            }
            let is_old = since.is_some() && age >= order.grace;
            let fate = if is_forgotten {
                collected.forgotten.add(length);
                Fate::Goes(GarbageEntry::FORGOTTEN)
            } else if is_old && !order.forgotten_only && !self.is_unsure() {
                Fate::Goes(since.unwrap_or_default())
            } else {
                Fate::Waits(since.unwrap_or(order.now))
            };
            match (fate, since) {
                (Fate::Goes(_), _) => collected.gone.add(length),
                // A collection of forgotten data only notes nothing new.
                (Fate::Waits(_), None) if order.forgotten_only && !order.with_dead => continue,
                (Fate::Waits(_), None) => collected.found.add(length),
                (Fate::Waits(_), Some(_)) => collected.waiting.add(length),
            }
            if let Fate::Waits(_) = fate {
                let due = order.now.saturating_add(order.grace.saturating_sub(age));
                collected.next = Some(collected.next.map_or(due, |next| next.min(due)));
            }
            self.dead.insert(id, fate);
        }
        is_all_here
    }

    /// Returns whether data is unneeded, as far as known.
    pub fn is_dead(&self, id: &[u8; 32]) -> bool {
        self.dead.contains_key(id)
    }

    /// Returns whether data is deleted now.
    pub fn goes(&self, id: &[u8; 32]) -> bool {
        matches!(self.dead.get(id), Some(Fate::Goes(_)))
    }

    /// Returns whether data is deleted because it was forgotten.
    pub fn is_forgotten(&self, id: &[u8; 32]) -> bool {
        self.dead.get(id) == Some(&Fate::Goes(GarbageEntry::FORGOTTEN))
    }

    /// Returns whether bytes contain ids of forgotten data, as tables and headers of frames do.
    pub fn names_forgotten(&self, bytes: &[u8]) -> bool {
        let forgotten = self.dead.keys().filter(|id| self.is_forgotten(id));
        let all: Vec<&[u8; 32]> = forgotten.chain(&self.lost).collect();
        all.iter().any(|id| memchr::memmem::find(bytes, *id).is_some())
    }

    /// Returns whether it is unknown which data is needed; only forgotten data is deleted then.
    fn is_unsure(&self) -> bool {
        !self.marker.doubts.contents.is_empty()
    }

    /// Returns whether data may be needed, as far as known.
    pub fn may_be_needed(&self, id: &[u8; 32]) -> bool {
        self.is_unsure() || self.marker.alive.contains(id)
    }

    /// Returns whether unreadable bytes of the pack may be needed data.
    pub fn has_needed_gaps(&self, pack: &PackSurvey) -> bool {
        !pack.gaps.is_empty() && (self.is_unsure() || !self.is_all_here)
    }

    /// Returns whether the remaining memory of the pack is compressed, and this item is part of it.
    pub fn is_cold(&self, number: usize, thing: &PackItem) -> bool {
        self.cold.contains(&number) && is_cold(thing, &self.newest)
    }

    /// Chooses packs with data to delete, and packs of which all data is also in other packs, as a killed gc leaves them. A pack with
    /// unreadable bytes stays if these may be needed data, unless the pack has forgotten data. Returns all packs that may be deleted.
    fn choose(&mut self, order: Collection, collected: &mut CollectionReport) -> Vec<usize> {
        let mut open = Vec::new();
        for (number, pack) in self.packs.iter().enumerate().filter(|(_, pack)| !pack.is_written) {
            let gaps = pack.gaps.iter().map(|gap| &gap.damage);
            let has_forgotten =
                || self.tainted.contains(&number) || pack.things.iter().any(|thing| self.is_forgotten(&thing.id));
            let stays_for_gaps = self.has_needed_gaps(pack) && !has_forgotten();
            let reasons = pack.stays.iter().chain(gaps.filter(|_| stays_for_gaps));
            let before = collected.kept.len();
            collected.kept.extend(reasons.cloned());
            if collected.kept.len() == before {
                open.push(number);
            }
        }
        let goes = |number: &usize| {
            let pack = &self.packs[*number];
            self.told.contains(&pack.id)
                || self.tainted.contains(number)
                || pack.things.iter().any(|thing| self.goes(&thing.id))
        };
        let (chosen, others): (Vec<usize>, Vec<usize>) = open.iter().partition(|number| goes(number));
        self.chosen = chosen;
        if order.forgotten_only {
            return open;
        }
        // The number of complete copies of each item in packs that stay.
        let mut copies: FxHashMap<[u8; 32], u32> = FxHashMap::default();
        for (number, pack) in self.packs.iter().enumerate() {
            if self.stays(number) {
                for thing in pack.things.iter().filter(|thing| pack.is_whole(thing)) {
                    *copies.entry(thing.id).or_default() += 1;
                }
            }
        }
        for number in others {
            let pack = &self.packs[number];
            let own = |thing: &PackItem| u32::from(pack.is_whole(thing));
            let is_needed = |thing: &PackItem| copies.get(&thing.id).copied().unwrap_or(0) <= own(thing);
            if pack.things.iter().any(is_needed) {
                continue;
            }
            for thing in &pack.things {
                if let Some(count) = copies.get_mut(&thing.id) {
                    *count -= own(thing);
                }
            }
            self.chosen.push(number);
        }
        open
    }

    /// Returns whether neither this gc nor an earlier record deletes the pack.
    fn stays(&self, number: usize) -> bool {
        !self.chosen.contains(&number) && !self.told.contains(&self.packs[number].id)
    }

    /// Returns the items that are complete in packs that stay, according to their tables, and in which of them.
    pub fn elsewhere(&self) -> FxHashMap<[u8; 32], (usize, PackLocation)> {
        let mut elsewhere = FxHashMap::default();
        for (number, pack) in self.packs.iter().enumerate() {
            if self.stays(number) {
                let whole = pack.things.iter().filter(|thing| pack.is_whole(thing));
                elsewhere.extend(whole.map(|thing| (thing.id, (number, thing.place))));
            }
        }
        elsewhere
    }

    /// Copies the remaining data of the chosen packs to a new one, and deletes them.
    pub fn perform(
        &mut self,
        store: &Store,
        now: Timestamp,
        keeping: &mut RetentionRequest<'_>,
        again: &mut dyn FnMut() -> bool,
        collected: &mut CollectionReport,
    ) -> Result<(), StoreError> {
        collected.gone = Tally::default();
        if self.chosen.is_empty() {
            self.count(None, collected);
            return Ok(());
        }
        let transferred = Transfer::of(self, store, collected)?;
        let gate = gc_lock::close(store.disk(), store.directory(), again)?;
        let mut going = self.chosen.clone();
        going.retain(|number| transferred.is_done_with(*number));
        let told = self.tell(store, now, &going, transferred.copied.as_ref(), &gate)?;
        if !self.look_again(store, collected)? {
            return Ok(());
        }
        self.check_alone(store, told.as_deref())?;
        going.retain(|number| self.may_still_go(store, *number, &transferred));
        self.gone = going;
        let SweepTransfer { copied, stuck, .. } = transferred;
        collected.kept.extend(stuck.into_values());
        if !self.gone.is_empty() {
            self.tell_dropped(store, keeping)?;
            self.take_away(store)?;
        }
        gc_lock::clear_leases(store.disk(), store.directory(), &gate);
        drop(gate);
        let folder = layout::packs_folder(store.directory());
        store.disk().sync_folder(&folder)?;
        self.count(copied.as_ref(), collected);
        Ok(())
    }

    /// Records which packs are deleted, before the last check whether that is allowed: a recorder that no lock stops either commits before
    /// that check, or reads this record. Returns the name of the record's file.
    fn tell(
        &self,
        store: &Store,
        now: Timestamp,
        going: &[usize],
        copied: Option<&RepackedPack>,
        gate: &gc_lock::ExclusiveGcLock,
    ) -> Result<Option<String>, StoreError> {
        if going.is_empty() {
            return Ok(None);
        }
        let removal = Removal {
            version: RECORD_VERSION,
            time: now,
            removed: going.iter().map(|number| self.packs[*number].id).collect(),
            written: copied.map(|copied| copied.id).into_iter().collect(),
        };
        let told = removals::tell_removal(store.disk(), store.directory(), &removal)?;
        gate.tell(store.disk())?;
        Ok(Some(told))
    }

    /// Follows operations that were recorded meanwhile. Returns `false` if more records are unreadable than before: earlier decisions may
    /// be wrong then. The next gc decides again.
    fn look_again(&mut self, store: &Store, collected: &mut CollectionReport) -> Result<bool, StoreError> {
        let doubts = self.marker.doubts.clone();
        self.marker.advance(store)?;
        self.marker.presume(store, &self.packs);
        let is_as_sure = self.marker.doubts == doubts;
        if !is_as_sure {
            collected.doubts = self.marker.doubts.all();
        }
        Ok(is_as_sure)
    }

    /// Checks that no gc on another machine ran in between: each could delete copies on which the other relies. The one that wrote its
    /// record last sees the record of the other.
    fn check_alone(&self, store: &Store, told: Option<&str>) -> Result<(), StoreError> {
        if told.is_none() {
            return Ok(());
        }
        let now = removals::removal_names(store.disk(), store.directory());
        let mut others = now
            .difference(&self.removals)
            .filter(|name| told != Some(name.as_str()));
        if others.next().is_some() {
            return Err(StoreError::Busy {
                who: "A gc on another machine is running",
            });
        }
        Ok(())
    }

    /// Returns whether a pack is unchanged since the survey, and none of its data is needed that is not held elsewhere.
    fn may_still_go(&self, store: &Store, number: usize, transferred: &SweepTransfer) -> bool {
        let pack = &self.packs[number];
        let alive = &self.marker.alive;
        let mut things = pack.things.iter();
        pack.is_as_it_was(store.disk())
            && things.all(|thing| !alive.contains(&thing.id) || transferred.holds(&thing.id))
    }

    fn take_away(&self, store: &Store) -> Result<(), StoreError> {
        for number in &self.gone {
            let path = &self.packs[*number].path;
            // A gc on another machine may have deleted the same pack.
            if_exists(store.disk().unlink(path)).map_err(StoreError::io("delete", path))?;
        }
        Ok(())
    }

    fn count(&self, copied: Option<&RepackedPack>, collected: &mut CollectionReport) {
        let mut met = FxHashSet::default();
        for number in &self.gone {
            let pack = &self.packs[*number];
            for thing in pack.things.iter().filter(|thing| self.goes(&thing.id)) {
                if met.insert(thing.id) {
                    collected.gone.add(thing.place.length.into());
                }
            }
            collected.freed += pack.length;
        }
        collected.packs_removed = self.gone.len() as u64;
        collected.packs_written = u64::from(copied.is_some());
        let written = copied.map_or(0, |copied| copied.length);
        collected.freed = collected.freed.saturating_sub(written);
        let staying = self.staying().filter(|pack| !pack.is_written);
        for thing in staying.flat_map(|pack| &pack.things) {
            if self.is_forgotten(&thing.id) {
                collected.forgotten_kept.add(thing.place.length.into());
            }
        }
    }

    /// Returns the packs that were not deleted.
    fn staying(&self) -> impl Iterator<Item = &PackSurvey> {
        let packs = self.packs.iter().enumerate();
        packs
            .filter(|(number, _)| !self.gone.contains(number))
            .map(|(_, pack)| pack)
    }

    /// Returns the unneeded data that still exists, with its time: data in its grace period, data in packs that stayed, and forgotten data
    /// in packs that are being written.
    pub fn note(&self) -> KnownGarbage {
        let mut noted = FxHashMap::default();
        for thing in self.staying().flat_map(|pack| &pack.things) {
            let since = match self.dead.get(&thing.id) {
                Some(Fate::Goes(since) | Fate::Waits(since)) => *since,
                None if self.left.contains(&thing.id) => GarbageEntry::FORGOTTEN,
                None => continue,
            };
            if !self.marker.alive.contains(&thing.id) {
                noted.insert(thing.id, since);
            }
        }
        // Data in its grace period was copied to the new pack.
        for (id, fate) in &self.dead {
            if let Fate::Waits(since) = fate {
                noted.insert(*id, *since);
            }
        }
        KnownGarbage {
            dead: noted,
            uptimes: self.uptimes.clone(),
        }
    }
}

impl Sweep {
    /// Returns the values that need not be kept, with the size of the data that only they need.
    pub fn dropped(&self, store: &Store) -> Vec<DroppedValue> {
        let lengths = lengths(&self.packs);
        let mut met = FxHashSet::default();
        let mut dropped = Vec::new();
        for (history, value) in self.marker.spared() {
            let mut found = DroppedValue {
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

    /// Records in the histories which values lose data.
    pub fn tell_dropped(&self, store: &Store, keeping: &mut RetentionRequest<'_>) -> Result<(), StoreError> {
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
