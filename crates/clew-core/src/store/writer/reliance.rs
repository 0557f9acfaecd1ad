//! What a session relies on, and what becomes of it where a gc of another machine takes packs away meanwhile.
//!
//! Where locks hold, nothing goes while somebody records. Where they hold on each machine and not between two, a gc may be
//! at work on another one all the time. It says which packs go and writes another generation before it reads the logs for
//! the last time; here the generation is read again after the operation was written. So either that gc reads the operation
//! and leaves what it names, or the packs that go are known here: then all that is relied on is looked up anew, and what
//! lies only in such packs is stored again, from these as long as they can be read.
//!
//! On a network file system another machine reads what was flushed. So the same is done again after each flush, for all
//! that was committed since the one before.

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

/// What has that id.
type Thing = ([u8; 32], FrameKind);
type Things = FxHashSet<Thing>;

/// What was put or found stored for a value, or for what is no value: texts.
#[derive(Debug, Default)]
struct Group {
    value: Option<ManifestId>,
    things: Things,
}

/// What a session relies on.
#[derive(Debug, Default)]
pub(super) struct Reliance {
    /// What was put, or asked for, since the last group was closed.
    open: Things,
    /// What the next operation names.
    values: Vec<Group>,
    /// The same of operations that are not known to be flushed, by their numbers.
    committed: Vec<(u64, Vec<Group>)>,
    /// Packs that were said to go, and the names of the files that said so.
    condemned: BTreeSet<PackId>,
    met: BTreeSet<String>,
    /// How much turned out to be gone after a flush, which no run was told of yet.
    untold: usize,
}

impl Reliance {
    /// Something was put, or found stored.
    pub fn add(&mut self, id: [u8; 32], kind: FrameKind) {
        self.open.insert((id, kind));
    }

    /// What was asked for since the last group was closed is named by nobody: it was not there, or could not be stored.
    pub fn clear_open(&mut self) {
        self.open.clear();
    }

    /// What was put or found stored since the last group was closed is this value, or no value.
    pub fn close(&mut self, value: Option<ManifestId>) {
        let things = std::mem::take(&mut self.open);
        self.values.push(Group { value, things });
    }

    /// The operation that relies on it was written.
    pub fn take(&mut self, operation: u64) {
        self.open.clear();
        self.committed.push((operation, std::mem::take(&mut self.values)));
    }

    /// No operation relies on what was put since the last one.
    pub fn give_up(&mut self) {
        self.open.clear();
        self.values.clear();
    }

    /// The first `synced` operations were flushed, and no packs went before that.
    pub fn let_go(&mut self, synced: u64) {
        self.committed.retain(|(number, _)| *number >= synced);
    }

    /// Values that somebody forgot, or dropped, may go with all that only they need.
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

    /// What is said where these can't be had any more. Nothing is relied on that was said to be gone.
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

/// One thing, and where it lay before packs went.
type Lay = (Thing, Vec<PackLocation>);

/// How often it is tried again where one gc comes after the other.
const TRIES: usize = 8;

impl SessionWriter {
    /// Goes in through the gate, once until the next commit, and takes note of packs that were taken away meanwhile.
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
        // What can't be read may be any number, until a gc writes it again.
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

    /// Sees to it that all that is relied on since the last commit is there, where packs went meanwhile.
    ///
    /// # Errors
    /// Something is not, and can't be read any more.
    pub(super) fn prove_if_moved(&mut self) -> Result<(), StoreError> {
        if self.inside.is_some() && self.has_moved() {
            self.prove()?;
        }
        Ok(())
    }

    /// The same after a flush, for all that was committed since the one before. Gives whether something was stored again,
    /// which is not flushed yet. What is gone is told to the next run.
    pub(super) fn prove_flushed(&mut self) -> Result<bool, StoreError> {
        // Who relies on nothing has no need of the gate: a gc that says what it drops holds it alone meanwhile.
        if self.reliance.is_empty() || !self.has_moved() {
            return Ok(false);
        }
        let was_inside = self.inside.is_some();
        if !was_inside {
            // Not by `enter`, which would prove, and not say that something was stored.
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

    /// Looks up all that is relied on among the packs that stay, and stores again what is not there.
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

    /// Gives what can't be had any more, and whether something was stored.
    fn store_again(&mut self) -> Result<(Vec<Thing>, bool), StoreError> {
        let things = self.reliance.all();
        let lay: Vec<Lay> = {
            let index = self.store.index();
            let lay = things.into_iter().map(|thing| (thing, index.places(&thing.0)));
            lay.collect()
        };
        let left = self.take_note()?;
        let needed = self.reliance.all();
        // What is asked for here counts as put for the value to come; it is not.
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

    /// Takes note of packs that went or are to go. Gives the one that this session wrote, if that is among them: another
    /// machine does not see its lease.
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
