//! Taking away what nothing refers to any more: `gc`, and the second half of `forget`.
//!
//! In: all logs and packs of a store. Out: what is dead, and, where enough time has passed, packs without it. Two steps:
//! what is found dead is written down with its time (the file `garbage`); a later gc, after a grace period, takes it away.
//! What was forgotten goes at once.
//!
//! Nothing is cut off or overwritten. What is alive in a pack with dead things is written to a new pack, which is synced
//! together with its folder; then, with the gate closed ([`super::gc_lock`]), a record of the packs that are to go is written
//! and synced ([`crate::format::Removal`]), the generation gets another number, the logs are read to their ends once more,
//! and the names of packs that nothing needs are taken away. In this order, since the gate may keep out nobody on another
//! machine (decision 23). A crash leaves things in two packs, or packs that were said to go: the next gc clears that up.
//!
//! On the way raw memory that no newest state holds is compressed, where that pays.
//!
//! What can't be judged stays ([`mark::UnreadableRecords`]). Where a log can't be read whole, every manifest and text in the packs
//! counts as alive. Where a manifest that is alive can't be read, or a log holds what this Clew does not know, nobody can
//! tell what it names, and only what was forgotten goes. What is damaged and alive is carried over as it lies. A pack that
//! holds what this Clew does not know stays as it is.

mod cold;
mod delete;
mod garbage;
mod mark;
mod spare;
mod sweep;

use std::collections::BTreeSet;

use super::error::StoreError;
use super::packs::removals;
use super::packs::survey::{self, Survey};
use super::{Damage, Store, gc_lock};
use crate::format::{FrameKind, RECORD_VERSION, Removal, Timestamp, Uptime};
use crate::id::PackId;
pub(super) use mark::Marker;

use sweep::Sweep;

pub use spare::{DroppedValue, HistoryRetention, RecreatableValue, RetentionRequest};

/// What a collection is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collection {
    /// Now.
    pub now: Timestamp,
    /// How long the machine has been up, where that is known: nothing goes before the grace period has passed by this
    /// clock, too.
    pub uptime: Option<Uptime>,
    /// How long things stay that were found dead, in nanoseconds.
    pub grace: i64,
    /// Only what was forgotten is looked at; else everything.
    pub forgotten_only: bool,
    /// Whatever nothing needs counts as forgotten: what is forgotten can't be read, and its parts are among that.
    pub with_dead: bool,
    /// Nothing is written or taken away.
    pub dry_run: bool,
}

/// Some things, and how many bytes they have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub things: u64,
    /// Plain bytes.
    pub bytes: u64,
}

impl Tally {
    pub(super) fn add(&mut self, length: u64) {
        self.things += 1;
        self.bytes += length;
    }
}

/// What a collection found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CollectionReport {
    /// What is alive.
    pub alive: Tally,
    /// Dead things that are old enough to go, or were forgotten. With `dry_run` they would have gone.
    pub gone: Tally,
    /// Of these, what was forgotten.
    pub forgotten: Tally,
    /// Dead things that were found by an earlier gc and are not old enough.
    pub waiting: Tally,
    /// Dead things that were not known before.
    pub found: Tally,
    /// Dead or forgotten things in packs that somebody writes; they are looked at when these are finished.
    pub in_use: Tally,
    /// Of these, what was forgotten.
    pub forgotten_in_use: Tally,
    /// Memory that only older states hold and that was compressed.
    pub compressed: Tally,
    /// About how many bytes that saves, before it is done.
    pub compressible: u64,
    /// When the first of those that wait may go.
    pub next: Option<Timestamp>,
    /// Packs that were taken away.
    pub packs_removed: u64,
    /// Packs that were written for what was alive in these.
    pub packs_written: u64,
    /// Bytes by which the packs' files got fewer.
    pub freed: u64,
    /// Values that rules of the user's no longer keep, and of which something is there.
    pub dropped: Vec<DroppedValue>,
    /// How many bytes more than the store may hold are needed all the same, before compression.
    pub beyond: u64,
    /// What is damaged and may be needed, and was carried over to a new pack as it lay.
    pub carried: Tally,
    /// What was damaged and could not be told apart from what was forgotten: it went, too.
    pub lost: Tally,
    /// What was forgotten and lies in packs that had to stay.
    pub forgotten_kept: Tally,
    /// Packs that stay as they are, and why.
    pub kept: Vec<Damage>,
    /// What can't be read, or is not known here: whatever may be needed for it stays.
    pub doubts: Vec<Damage>,
}

impl CollectionReport {
    /// Whether something that nothing needs is left for a later gc.
    pub fn waits(&self) -> bool {
        self.found.things + self.waiting.things > 0
    }
}

impl Store {
    /// Finds what is dead, and takes away what has been so for long enough. `again` says, each time that a kernel is found
    /// recording, whether to wait for it.
    ///
    /// # Errors
    /// The store was opened to read only (unless for a dry run), another gc is at work, a kernel is recording all the
    /// time, there are no locks, or the disk refuses. What was alive is there all the same.
    pub fn collect(&self, order: Collection, again: &mut dyn FnMut() -> bool) -> Result<CollectionReport, StoreError> {
        let mut everything = RetentionRequest {
            spared: Vec::new(),
            most: u64::MAX,
            tell: &mut |_, _| Ok(()),
        };
        self.collect_keeping(order, &mut everything, again)
    }

    /// The same, keeping only what the user's rules say.
    ///
    /// # Errors
    /// As for [`Self::collect`]; or it can't be said in a history that values were dropped. Then nothing is taken away.
    pub fn collect_keeping(
        &self,
        order: Collection,
        keeping: &mut RetentionRequest<'_>,
        again: &mut dyn FnMut() -> bool,
    ) -> Result<CollectionReport, StoreError> {
        if order.dry_run {
            let (collected, _) = self.prepare(order, keeping)?;
            return Ok(collected);
        }
        self.check_writable()?;
        let lock = self.directory().join("gc");
        let alone = gc_lock::alone(self.disk(), &lock, again)?;
        let alone = alone.ok_or(StoreError::Busy {
            who: "Another gc is running",
        })?;
        gc_lock::check_kept_out(self.disk(), &lock, &*alone)?;
        self.clear_deleted();
        let (mut collected, mut sweep) = self.prepare(order, keeping)?;
        sweep.perform(self, order.now, keeping, again, &mut collected)?;
        if order.forgotten_only && collected.packs_removed == 0 {
            // Who records next hears of what was forgotten all the same.
            if let Ok(gate) = gc_lock::close(self.disk(), self.directory(), again) {
                gate.tell(self.disk())?;
            }
        }
        garbage::write(self.disk(), self.directory(), &sweep.note())?;
        Ok(collected)
    }

    fn prepare(
        &self,
        order: Collection,
        keeping: &RetentionRequest<'_>,
    ) -> Result<(CollectionReport, Sweep), StoreError> {
        let survey = Survey::of(self)?;
        let mut marker = Marker::new(&survey, &keeping.spared);
        marker.advance(self)?;
        marker.presume(self, &survey.packs);
        let beyond = marker.fit(self, keeping, &survey);
        let mut collected = CollectionReport {
            beyond,
            doubts: marker.doubts.all(),
            ..CollectionReport::default()
        };
        let noted = garbage::read(self.disk(), self.directory());
        let sweep = Sweep::plan(self, survey, marker, &noted, order, &mut collected);
        Ok((collected, sweep))
    }

    /// Whether a removal of packs was begun and not finished: packs that are there though they were said to be gone.
    pub fn has_unfinished_removal(&self) -> bool {
        let here = self.packs_here();
        let removals = removals::removals(self.disk(), self.directory());
        removals
            .iter()
            .any(|removal| removal.removed.iter().any(|pack| here.contains(pack)))
    }

    /// Whether somebody is writing a pack, as far as can be told: a kernel that recorded and has not ended.
    pub fn has_writers(&self) -> bool {
        let mut packs = self.packs_here().into_iter();
        packs.any(|pack| gc_lock::is_written(self.disk(), self.directory(), pack).unwrap_or(true))
    }

    /// Packs that logs name and that are not there, though everything that is needed is: somebody took them away, and what
    /// told so is lost. None where nobody can tell what is needed.
    ///
    /// # Errors
    /// The histories can't be listed.
    pub fn packs_unneeded(&self) -> Result<Vec<PackId>, StoreError> {
        let missing = self.missing_packs();
        if missing.is_empty() {
            return Ok(missing);
        }
        let survey = Survey::of(self)?;
        let mut marker = Marker::new(&survey, &[]);
        marker.advance(self)?;
        Ok(if marker.has_all() { missing } else { Vec::new() })
    }

    /// Packs that a session wrote and synced, and that no log names: its log is gone. Nobody writes them, no gc wrote them, and
    /// no run names what they hold. None where nobody can tell what is needed, or who writes.
    ///
    /// # Errors
    /// The histories can't be listed.
    pub fn packs_without_log(&self) -> Result<Vec<PackId>, StoreError> {
        let removals = removals::removals(self.disk(), self.directory());
        let mut known: BTreeSet<PackId> = removals.iter().flat_map(|removal| &removal.written).copied().collect();
        for (history, _) in self.histories()? {
            known.extend(self.load(history)?.packs());
        }
        if self.packs_here().is_subset(&known) {
            return Ok(Vec::new());
        }
        let survey = Survey::of(self)?;
        let mut marker = Marker::new(&survey, &[]);
        marker.advance(self)?;
        if marker.doubts != mark::UnreadableRecords::default() {
            return Ok(Vec::new());
        }
        let is_left = |pack: &&survey::PackSurvey| {
            let mut manifests = pack
                .things
                .iter()
                .filter(|thing| thing.kind == FrameKind::MANIFEST)
                .peekable();
            let has_own = manifests.peek().is_some() && manifests.all(|thing| !marker.alive.contains(&thing.id));
            has_own && pack.synced > 0 && !pack.is_written && !known.contains(&pack.id)
        };
        Ok(survey.packs.iter().filter(is_left).map(|pack| pack.id).collect())
    }

    /// Tells of packs that are not there and not needed that they were taken away. Says whether there were any.
    ///
    /// # Errors
    /// The store was opened to read only, or its disk refuses.
    pub fn rebuild_removals(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.check_writable()?;
        let removed = self.packs_unneeded()?;
        if removed.is_empty() {
            return Ok(false);
        }
        let removal = Removal {
            version: RECORD_VERSION,
            time: now,
            removed,
            written: Vec::new(),
        };
        removals::tell_removal(self.disk(), self.directory(), &removal)?;
        self.forget_missing();
        Ok(true)
    }
}
