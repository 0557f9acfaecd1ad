//! The data on which a session relies, and its recovery if a gc on another machine deletes packs meanwhile.
//!
//! If locks work, nothing is deleted while a session records. If they work within each machine and not between machines, a gc may run on
//! another machine at any time. It records the packs to delete and writes another generation before it reads the logs a last time; the
//! session reads the generation again after its operation is written. So either that gc reads the operation and keeps its data, or the
//! session learns which packs are deleted. The session then looks up all data on which it relies again. Data that is only in such packs is
//! stored again, as long as it can still be read.
//!
//! On a network file system another machine sees only flushed data. So the same check is repeated after each flush, for everything that was
//! committed since the one before.

use std::collections::BTreeSet;

use rustc_hash::FxHashSet;

use super::SessionWriter;
use crate::format::FrameKind;
use crate::id::{BlockId, ManifestId, PackId, SegmentId};
use crate::store::packs::block_run::Stretch;
use crate::store::packs::index::PackLocation;
use crate::store::packs::pack_reader::PackReader;
use crate::store::packs::pack_writer::PackWriter;
use crate::store::packs::read::read_and_hash;
use crate::store::packs::removals;
use crate::store::{StoreError, gc_lock};

/// The id and kind of an item.
type Thing = ([u8; 32], FrameKind);
type Things = FxHashSet<Thing>;

/// Items that were stored, or found stored, for a value, or for texts.
#[derive(Debug, Default)]
struct Group {
    value: Option<ManifestId>,
    things: Things,
}

/// The data on which a session relies.
#[derive(Debug, Default)]
pub(super) struct Reliance {
    /// Items that were stored or looked up since the last group was closed.
    open: Things,
    /// Groups to which the next operation refers.
    values: Vec<Group>,
    /// Groups of operations that are not known to be flushed, by operation number.
    committed: Vec<(u64, Vec<Group>)>,
    /// Packs that are being deleted, and the names of their removal records.
    condemned: BTreeSet<PackId>,
    met: BTreeSet<String>,
    /// The number of items that were found missing after a flush and are not reported to a run yet.
    untold: usize,
}

impl Reliance {
    /// Adds an item that was stored, or found stored.
    pub fn add(&mut self, id: [u8; 32], kind: FrameKind) {
        self.open.insert((id, kind));
    }

    /// Discards the items since the last group was closed: no record refers to them, because they were not found or could not be stored.
    pub fn clear_open(&mut self) {
        self.open.clear();
    }

    /// Closes a group: the items since the last group belong to this value, or to no value.
    pub fn close(&mut self, value: Option<ManifestId>) {
        let things = std::mem::take(&mut self.open);
        self.values.push(Group { value, things });
    }

    /// Assigns the closed groups to an operation that was written.
    pub fn take(&mut self, operation: u64) {
        self.open.clear();
        self.committed.push((operation, std::mem::take(&mut self.values)));
    }

    /// Discards everything since the last operation.
    pub fn give_up(&mut self) {
        self.open.clear();
        self.values.clear();
    }

    /// Discards the groups of the first `synced` operations, which were flushed before any pack was deleted.
    pub fn let_go(&mut self, synced: u64) {
        self.committed.retain(|(number, _)| *number >= synced);
    }

    /// Discards the groups of values that were forgotten or dropped, which may be deleted.
    fn excuse(&mut self, gone: &FxHashSet<ManifestId>) {
        let stays = |group: &Group| group.value.is_none_or(|value| !gone.contains(&value));
        for (_, groups) in &mut self.committed {
            groups.retain(stays);
        }
        self.values.retain(stays);
    }

    fn groups(&self) -> impl Iterator<Item = &Group> {
        let committed = self.committed.iter().flat_map(|(_, groups)| groups);
        committed.chain(&self.values)
    }

    fn is_empty(&self) -> bool {
        self.open.is_empty() && self.groups().all(|group| group.things.is_empty())
    }

    fn all(&self) -> Things {
        let closed = self.groups().flat_map(|group| &group.things);
        closed.chain(&self.open).copied().collect()
    }

    /// Returns the error for items that cannot be read any more, and discards the operations that need them, so that they are reported
    /// once.
    fn gone(&mut self, lost: &[Thing]) -> StoreError {
        let is_needed = |(_, groups): &(u64, Vec<Group>)| {
            let has = |thing| groups.iter().any(|group| group.things.contains(thing));
            lost.iter().any(has)
        };
        let is_earlier = self.committed.iter().any(is_needed);
        self.committed.retain(|operation| !is_needed(operation));
        StoreError::TakenAway {
            count: lost.len(),
            is_earlier,
        }
    }
}

/// One item, and its locations before packs were deleted.
type Lay = (Thing, Vec<PackLocation>);

/// The most attempts, if gcs follow one another.
const TRIES: usize = 8;

impl SessionWriter {
    /// Enters the gate, once until the next commit, and handles packs that were deleted meanwhile.
    pub(super) fn enter(&mut self) -> Result<(), StoreError> {
        if self.inside.is_some() {
            return Ok(());
        }
        if self.check_names().is_err() {
            self.ready()?;
        }
        let inside = gc_lock::enter(self.store.disk(), self.store.directory())?;
        let generation = inside.generation;
        self.inside = Some(inside);
        // An unreadable generation counts as changed, until a gc writes it again.
        if generation != Some(self.generation) {
            self.prove()?;
        }
        match std::mem::take(&mut self.reliance.untold) {
            0 => Ok(()),
            count => Err(StoreError::TakenAway {
                count,
                is_earlier: true,
            }),
        }
    }

    /// Checks that all data on which the session relies since the last commit still exists, if packs were deleted meanwhile.
    ///
    /// # Errors
    /// Some data is missing, and cannot be read any more.
    pub(super) fn prove_if_moved(&mut self) -> Result<(), StoreError> {
        if self.inside.is_some() && self.has_moved() {
            self.prove()?;
        }
        Ok(())
    }

    /// Repeats the check after a flush, for everything that was committed since the one before. Returns whether data was stored again,
    /// which is not flushed yet. Missing data is reported to the next run.
    pub(super) fn prove_flushed(&mut self) -> Result<bool, StoreError> {
        // A session that relies on nothing must not enter the gate: a gc holds it exclusively while a session records dropped values.
        if self.reliance.is_empty() || !self.has_moved() {
            return Ok(false);
        }
        let was_inside = self.inside.is_some();
        if !was_inside {
            // Not by `enter`, which would do the check without returning whether data was stored.
            self.inside = Some(gc_lock::enter(self.store.disk(), self.store.directory())?);
        }
        let proved = self.prove();
        if !was_inside {
            self.inside = None;
        }
        if let Err(StoreError::TakenAway { count, .. }) = &proved {
            self.reliance.untold = *count;
            self.is_doubtful = true;
        }
        proved
    }

    fn has_moved(&self) -> bool {
        gc_lock::generation(self.store.disk(), self.store.directory()) != Some(self.generation)
    }

    /// Looks up all data on which the session relies in the packs that stay, and stores missing data again.
    fn prove(&mut self) -> Result<bool, StoreError> {
        let mut has_stored = false;
        for _ in 0..TRIES {
            let generation = gc_lock::generation(self.store.disk(), self.store.directory());
            let (lost, stored) = self.store_again()?;
            has_stored |= stored;
            if gc_lock::generation(self.store.disk(), self.store.directory()) != generation {
                continue;
            }
            self.generation = generation.unwrap_or(self.generation);
            return match lost.as_slice() {
                [] => Ok(has_stored),
                lost => Err(self.reliance.gone(lost)),
            };
        }
        Err(StoreError::Busy {
            who: "Gcs on other machines are running",
        })
    }

    /// Returns the items that cannot be read any more, and whether any were stored again.
    fn store_again(&mut self) -> Result<(Vec<Thing>, bool), StoreError> {
        let things = self.reliance.all();
        let lay: Vec<Lay> = {
            let index = self.store.index();
            let lay = things.into_iter().map(|thing| (thing, index.places(&thing.0)));
            lay.collect()
        };
        let left = self.take_note()?;
        let needed = self.reliance.all();
        // The lookups below must not count as items of the next value.
        let open = std::mem::take(&mut self.reliance.open);
        let (mut lost, mut stored) = (Vec::new(), false);
        for ((id, kind), places) in lay {
            if !needed.contains(&(id, kind)) || self.is_stored(&id, kind)? {
                continue;
            }
            match self.read_where_it_lay(&id, kind, &places, left.as_ref()) {
                Some((place, bytes)) => {
                    self.put_again(id, kind, &place, &bytes)?;
                    stored = true;
                }
                None => lost.push((id, kind)),
            }
        }
        self.reliance.open = open;
        self.flush()?;
        Ok((lost, stored))
    }

    /// Handles packs that were or are being deleted. Returns the pack that this session wrote, if it is among them: a gc on another machine
    /// does not see its lease.
    fn take_note(&mut self) -> Result<Option<PackWriter>, StoreError> {
        let (disk, directory) = (self.store.disk(), self.store.directory());
        let condemned = removals::condemned(disk, directory, &mut self.reliance.met);
        self.reliance.condemned.extend(condemned);
        let mut index = self.store.index();
        index.refresh(disk, directory)?;
        index.condemn(&self.reliance.condemned);
        let is_condemned = self.pack.as_ref().is_some_and(|pack| index.is_condemned(pack.number));
        let mut left = self.pack.take_if(|_| is_condemned);
        if let Some(pack) = &mut left {
            index.release(pack.number, pack.end);
            self.carried = std::mem::take(&mut pack.gathered);
        }
        drop(index);
        self.checked.clear();
        let gone = self.note_forgotten();
        self.reliance.excuse(&gone);
        Ok(left)
    }

    fn read_where_it_lay(
        &self,
        id: &[u8; 32],
        kind: FrameKind,
        places: &[PackLocation],
        left: Option<&PackWriter>,
    ) -> Option<(PackLocation, Vec<u8>)> {
        places.iter().find_map(|place| {
            let path = self.store.index().packs[place.pack as usize].path.clone();
            let mut reader = match left.filter(|left| left.number == place.pack) {
                Some(left) => PackReader::over(self.store.disk(), left.number, std::sync::Arc::clone(&left.file)),
                None => PackReader::new(self.store.disk()),
            };
            let bytes = read_and_hash(&mut reader, &path, place, id, kind).ok()?;
            Some((*place, bytes))
        })
    }

    fn put_again(
        &mut self,
        id: [u8; 32],
        kind: FrameKind,
        place: &PackLocation,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let pack = self.pack()?;
        match kind {
            FrameKind::SEGMENT => pack.put_segment(SegmentId(id), bytes),
            FrameKind::BLOCKS => pack.put_small(&Stretch {
                offset: place.phase(),
                bytes,
                blocks: vec![(BlockId(id), place.length)],
            }),
            _ => pack.put(kind, id, bytes),
        }
        self.flush_if_due()
    }
}
