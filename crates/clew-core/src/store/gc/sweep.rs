//! Which of what lies in the packs may go, and the taking away of packs with it.

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

/// What becomes of a thing that is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It goes now; since when it was known to be dead.
    Goes(Timestamp),
    /// It waits, and since when.
    Waits(Timestamp),
}

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    pub packs: Vec<PackSurvey>,
    pub marker: Marker,
    dead: FxHashMap<[u8; 32], Fate>,
    /// Forgotten, but in a pack that is written.
    left: FxHashSet<[u8; 32]>,
    /// Forgotten, and in no pack that tells so.
    lost: FxHashSet<[u8; 32]>,
    /// Packs that are to go.
    pub chosen: Vec<usize>,
    /// What the newest states hold: it stays raw.
    newest: FxHashSet<[u8; 32]>,
    /// Packs of which the rest is compressed.
    cold: FxHashSet<usize>,
    /// Packs with something forgotten among bytes that are no frames.
    tainted: FxHashSet<usize>,
    /// Whether everything alive is named by some pack.
    is_all_here: bool,
    /// Packs that were said to go before, and may be gone any moment.
    told: FxHashSet<PackId>,
    /// All that was said of packs that go before these here were gone over.
    removals: BTreeSet<String>,
    /// Packs that went.
    gone: Vec<usize>,
    /// How long the machine had been up when something was noted.
    uptimes: BTreeMap<Timestamp, Uptime>,
}

impl Sweep {
    /// Tells the dead from the living, and which packs are to go.
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
        // Who was killed between saying that packs go and taking them away is helped.
        let removals = removals::removals(store.disk(), store.directory());
        sweep.told = removals.into_iter().flat_map(|removal| removal.removed).collect();
        let open = sweep.choose(order, collected);
        if !order.forgotten_only {
            sweep.choose_cold(store, &open, collected);
        }
        sweep
    }

    /// Adds packs with much to compress to those that are to go. `open` are all that may.
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

    /// What becomes of everything in the packs; says whether everything alive is there.
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
                // Who only forgets finds nothing new.
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

    /// Whether nothing needs it, as far as can be told.
    pub fn is_dead(&self, id: &[u8; 32]) -> bool {
        self.dead.contains_key(id)
    }

    /// Whether it goes.
    pub fn goes(&self, id: &[u8; 32]) -> bool {
        matches!(self.dead.get(id), Some(Fate::Goes(_)))
    }

    /// Whether it goes since it was forgotten.
    pub fn is_forgotten(&self, id: &[u8; 32]) -> bool {
        self.dead.get(id) == Some(&Fate::Goes(GarbageEntry::FORGOTTEN))
    }

    /// Whether bytes name what was forgotten, as tables and headers of frames do.
    pub fn names_forgotten(&self, bytes: &[u8]) -> bool {
        let forgotten = self.dead.keys().filter(|id| self.is_forgotten(id));
        let all: Vec<&[u8; 32]> = forgotten.chain(&self.lost).collect();
        all.iter().any(|id| memchr::memmem::find(bytes, *id).is_some())
    }

    /// Whether nobody can tell what is needed; then only what was forgotten goes.
    fn is_unsure(&self) -> bool {
        !self.marker.doubts.contents.is_empty()
    }

    /// Whether something may be needed, as far as can be told.
    pub fn may_be_needed(&self, id: &[u8; 32]) -> bool {
        self.is_unsure() || self.marker.alive.contains(id)
    }

    /// Whether bytes that are no frames may hold what is needed.
    pub fn has_needed_gaps(&self, pack: &PackSurvey) -> bool {
        !pack.gaps.is_empty() && (self.is_unsure() || !self.is_all_here)
    }

    /// Whether what stays of a pack is seldom asked for, this part of it too.
    pub fn is_cold(&self, number: usize, thing: &PackItem) -> bool {
        self.cold.contains(&number) && is_cold(thing, &self.newest)
    }

    /// Packs with something that goes; and those of which everything lies in others too, as a gc leaves that was killed.
    /// One with bytes that can't be read stays where something needed may be in there, unless something in it was forgotten.
    /// Gives all that may go.
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
        // How often each thing lies whole in packs that stay.
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

    /// Whether nobody said that the pack goes.
    fn stays(&self, number: usize) -> bool {
        !self.chosen.contains(&number) && !self.told.contains(&self.packs[number].id)
    }

    /// What is said to lie whole in packs that stay, and in which of them.
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

    /// Writes what stays of the chosen packs to a new one, and takes them away.
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

    /// Says which packs are to go, before it is looked for the last time whether they may: who records and was not kept out
    /// either comes before that look, or reads this. Gives the name of the file in which it is said.
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

    /// Follows what was recorded meanwhile. `false` where more can't be judged than before: what was judged with less doubt
    /// may be needed. The next gc knows.
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

    /// Whether no gc of another machine came in between: it may take away what this one relies on, as this one may what
    /// that one relies on. Whichever of them says so last sees it.
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

    /// Whether nothing was taken up again in a pack, or written to it, since it was gone over.
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
            // A gc of another machine may have been at the same.
            if_exists(store.disk().unlink(path)).map_err(StoreError::io("take away", path))?;
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

    /// Packs that did not go.
    fn staying(&self) -> impl Iterator<Item = &PackSurvey> {
        let packs = self.packs.iter().enumerate();
        packs
            .filter(|(number, _)| !self.gone.contains(number))
            .map(|(_, pack)| pack)
    }

    /// What is dead and still there, with its time: what waits, what is in packs that stayed, what was forgotten and is in
    /// a pack that is written.
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
        // What waits was written to the new pack.
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
    /// Values that need not be kept, with what lies only for them.
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

    /// Says in the histories which values will miss something.
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
