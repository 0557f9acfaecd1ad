//! Which of what lies in the packs may go, and the taking away of packs with it.

use rustc_hash::{FxHashMap, FxHashSet};

use super::cold::{is_cold, saving};
use super::copy::{Copied, Copy, Stopped};
use super::mark::Marker;
use super::survey::{Survey, Surveyed, Thing};
use super::{Collected, Collection, Tally, notes};
use crate::format::{Dead, FrameKind, RECORD_VERSION, Removal, Timestamp};
use crate::id::{BlockId, ManifestId, PackId};
use crate::store::blocks::Place;
use crate::store::pack_reader::PackReader;
use crate::store::read::read_and_hash;
use crate::store::{Damage, Flaw, Store, StoreError, gate, pack};

/// What becomes of a thing that is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It goes now; since when it was known to be dead.
    Goes(Timestamp),
    /// It waits, and since when.
    Waits(Timestamp),
}

/// What is to be done.
#[derive(Debug)]
pub(super) struct Sweep {
    packs: Vec<Surveyed>,
    marker: Marker,
    dead: FxHashMap<[u8; 32], Fate>,
    /// Forgotten, but in a pack that is written.
    left: FxHashSet<[u8; 32]>,
    /// Packs that are to go.
    chosen: Vec<usize>,
    /// What the newest states hold: it stays raw.
    newest: FxHashSet<[u8; 32]>,
    /// Packs of which the rest is compressed.
    cold: FxHashSet<usize>,
    /// Packs that went.
    gone: Vec<usize>,
}

impl Sweep {
    /// Tells the dead from the living, and which packs are to go.
    pub fn plan(
        store: &Store,
        survey: Survey,
        marker: Marker,
        noted: &FxHashMap<[u8; 32], Timestamp>,
        order: Collection,
        collected: &mut Collected,
    ) -> Self {
        let mut sweep = Self {
            packs: survey.packs,
            marker,
            dead: FxHashMap::default(),
            left: FxHashSet::default(),
            chosen: Vec::new(),
            newest: FxHashSet::default(),
            cold: FxHashSet::default(),
            gone: Vec::new(),
        };
        let forgotten = sweep.forgotten(store);
        let is_all_here = sweep.judge(&forgotten, noted, order, collected);
        // Who was killed between saying that packs go and taking them away is helped.
        let removals = notes::removals(store.disk(), store.directory());
        let told = removals.into_iter().flat_map(|removal| removal.removed).collect();
        let open = sweep.choose(order, &told, is_all_here, collected);
        if !order.forgotten_only {
            sweep.choose_cold(store, &open, collected);
        }
        sweep
    }

    /// Adds packs with much to compress to those that are to go. `open` are all that may.
    fn choose_cold(&mut self, store: &Store, open: &[usize], collected: &mut Collected) {
        self.newest = self.marker.newest(store);
        for number in open {
            let pack = &self.packs[*number];
            let stays = |thing: &Thing| self.marker.alive.contains(&thing.id);
            if let Some(saved) = saving(store, pack, &self.newest, stays) {
                collected.compressible += saved;
                self.cold.insert(*number);
                if !self.chosen.contains(number) {
                    self.chosen.push(*number);
                }
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
        noted: &FxHashMap<[u8; 32], Timestamp>,
        order: Collection,
        collected: &mut Collected,
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
        for (id, (length, in_written, in_finished)) in met {
            if self.marker.alive.contains(&id) {
                collected.alive.add(length);
                continue;
            }
            let since = noted.get(&id).copied();
            let is_forgotten = forgotten.contains(&id) || since == Some(Dead::FORGOTTEN);
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
            let is_old = since.is_some_and(|since| since.saturating_add(order.grace) <= order.now);
            let fate = if is_forgotten {
                collected.forgotten.add(length);
                Fate::Goes(Dead::FORGOTTEN)
            } else if is_old && !order.forgotten_only {
                Fate::Goes(since.unwrap_or_default())
            } else {
                Fate::Waits(since.unwrap_or(order.now))
            };
            match (fate, since) {
                (Fate::Goes(_), _) => collected.gone.add(length),
                // Who only forgets finds nothing new.
                (Fate::Waits(_), None) if order.forgotten_only => continue,
                (Fate::Waits(_), None) => collected.found.add(length),
                (Fate::Waits(_), Some(_)) => collected.waiting.add(length),
            }
            if let Fate::Waits(since) = fate {
                let due = since.saturating_add(order.grace);
                collected.next = Some(collected.next.map_or(due, |next| next.min(due)));
            }
            self.dead.insert(id, fate);
        }
        is_all_here
    }

    fn goes(&self, id: &[u8; 32]) -> bool {
        matches!(self.dead.get(id), Some(Fate::Goes(_)))
    }

    /// Packs with something that goes; and those of which everything lies in others too, as a gc leaves that was killed.
    /// One with bytes that can't be read stays where something alive is missing, which may be in there.
    /// Gives all that may go.
    fn choose(
        &mut self,
        order: Collection,
        told: &FxHashSet<PackId>,
        is_all_here: bool,
        collected: &mut Collected,
    ) -> Vec<usize> {
        let mut open = Vec::new();
        for (number, pack) in self.packs.iter().enumerate().filter(|(_, pack)| !pack.is_written) {
            let reasons = pack.is_newer.iter().chain(pack.gaps.iter().filter(|_| !is_all_here));
            let before = collected.kept.len();
            collected.kept.extend(reasons.cloned());
            if collected.kept.len() == before {
                open.push(number);
            }
        }
        let goes = |number: &usize| {
            let pack = &self.packs[*number];
            told.contains(&pack.id) || pack.things.iter().any(|thing| self.goes(&thing.id))
        };
        let (chosen, others): (Vec<usize>, Vec<usize>) = open.iter().partition(|number| goes(number));
        self.chosen = chosen;
        if order.forgotten_only {
            return open;
        }
        // How often each thing lies whole in packs that stay.
        let mut copies: FxHashMap<[u8; 32], u32> = FxHashMap::default();
        for (number, pack) in self.packs.iter().enumerate() {
            if !self.chosen.contains(&number) {
                for thing in pack.things.iter().filter(|thing| pack.is_whole(thing)) {
                    *copies.entry(thing.id).or_default() += 1;
                }
            }
        }
        for number in others {
            let pack = &self.packs[number];
            let own = |thing: &Thing| u32::from(pack.is_whole(thing));
            let is_needed = |thing: &Thing| copies.get(&thing.id).copied().unwrap_or(0) <= own(thing);
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

    /// What is said to lie whole in packs that stay, and in which of them.
    fn elsewhere(&self) -> FxHashMap<[u8; 32], (usize, Place)> {
        let mut elsewhere = FxHashMap::default();
        for (number, pack) in self.packs.iter().enumerate() {
            if !self.chosen.contains(&number) {
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
        again: &mut dyn FnMut() -> bool,
        collected: &mut Collected,
    ) -> Result<(), StoreError> {
        collected.gone = Tally::default();
        if self.chosen.is_empty() {
            return Ok(());
        }
        let mut kept = FxHashSet::default();
        let copied = match self.copy(store, &mut kept, &mut collected.compressed) {
            Ok(copied) => copied,
            Err(Stopped::Doubt(doubt)) => {
                collected.doubts.push(doubt);
                return Ok(());
            }
            Err(Stopped::Failed(error)) => return Err(error),
        };
        let gate = gate::close(store.disk(), store.directory(), again)?;
        self.marker.advance(store)?;
        if !self.marker.doubts.is_empty() {
            collected.doubts.clone_from(&self.marker.doubts);
            return Ok(());
        }
        self.gone = self.chosen.clone();
        let alive = &self.marker.alive;
        let packs = &self.packs;
        // What a recorder took up again meanwhile keeps its pack.
        self.gone.retain(|number| {
            let mut things = packs[*number].things.iter();
            things.all(|thing| !alive.contains(&thing.id) || kept.contains(&thing.id))
        });
        if !self.gone.is_empty() {
            self.take_away(store, now, copied.as_ref(), &gate)?;
        }
        gate::clear_leases(store.disk(), store.directory(), &gate);
        drop(gate);
        let folder = pack::folder(store.directory());
        store
            .disk()
            .sync_dir(&folder)
            .map_err(StoreError::io("sync", &folder))?;
        self.count(copied.as_ref(), collected);
        Ok(())
    }

    fn take_away(
        &self,
        store: &Store,
        now: Timestamp,
        copied: Option<&Copied>,
        gate: &gate::Alone,
    ) -> Result<(), StoreError> {
        let removal = Removal {
            version: RECORD_VERSION,
            time: now,
            removed: self.gone.iter().map(|number| self.packs[*number].id).collect(),
            written: copied.map(|copied| copied.id).into_iter().collect(),
        };
        notes::tell_removal(store.disk(), store.directory(), &removal)?;
        gate.tell()?;
        for number in &self.gone {
            let path = &self.packs[*number].path;
            store.disk().unlink(path).map_err(StoreError::io("take away", path))?;
        }
        Ok(())
    }

    fn count(&self, copied: Option<&Copied>, collected: &mut Collected) {
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
    }

    /// What is dead and still there, with its time: what waits, what is in packs that stayed, what was forgotten and is in
    /// a pack that is written.
    pub fn note(&self) -> FxHashMap<[u8; 32], Timestamp> {
        let mut noted = FxHashMap::default();
        let staying = self
            .packs
            .iter()
            .enumerate()
            .filter(|(number, _)| !self.gone.contains(number));
        for thing in staying.flat_map(|(_, pack)| &pack.things) {
            let since = match self.dead.get(&thing.id) {
                Some(Fate::Goes(since) | Fate::Waits(since)) => *since,
                None if self.left.contains(&thing.id) => Dead::FORGOTTEN,
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
        noted
    }

    /// Writes what does not go, and lies whole nowhere else, to a new pack. `kept` then has all that lies whole, read and
    /// hashed, where it stays.
    fn copy(
        &self,
        store: &Store,
        kept: &mut FxHashSet<[u8; 32]>,
        compressed: &mut Tally,
    ) -> Result<Option<Copied>, Stopped> {
        let elsewhere = self.elsewhere();
        let mut copy = Copy::new(store);
        for number in &self.chosen {
            let pack = &self.packs[*number];
            for thing in &pack.things {
                if self.goes(&thing.id) || kept.contains(&thing.id) {
                    continue;
                }
                let other = elsewhere.get(&thing.id).is_some_and(|(number, place)| {
                    let path = &self.packs[*number].path;
                    read_and_hash(&mut PackReader::new(store.disk()), path, place, &thing.id, thing.kind).is_ok()
                });
                if other {
                    kept.insert(thing.id);
                    continue;
                }
                let read = read_and_hash(&mut copy.reader, &pack.path, &thing.place, &thing.id, thing.kind);
                let bytes = match read {
                    Ok(bytes) => bytes,
                    Err(why) if self.marker.alive.contains(&thing.id) => {
                        let (id, why) = (BlockId(thing.id).short(), why);
                        return Err(Stopped::Doubt(Damage::of(&pack.path, Flaw::NotCopied { id, why })));
                    }
                    // Dead and damaged.
                    Err(_) => continue,
                };
                kept.insert(thing.id);
                if self.cold.contains(number) && is_cold(thing, &self.newest) {
                    compressed.add(thing.place.length.into());
                    copy.put_cold(thing, &bytes)?;
                } else {
                    copy.put(*thing, bytes)?;
                }
            }
        }
        copy.finish()
    }
}
