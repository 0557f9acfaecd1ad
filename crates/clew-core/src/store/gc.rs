//! Deleting unneeded data: `gc`, and the second half of `forget`.
//!
//! The input is all logs and packs of a store. The result is the list of unneeded data and, after a grace period, packs without it. This
//! takes two steps: gc notes unneeded data with its time in the file `garbage`; a later gc, after the grace period, deletes it. Forgotten
//! data is deleted at once.
//!
//! Nothing is truncated or overwritten. The order of steps is:
//!
//! 1. Needed data of packs with unneeded data is copied to a new pack, which is synced with its folder.
//! 2. With the gate closed ([`super::gc_lock`]), a record of the packs to delete is written and synced ([`crate::format::Removal`]).
//! 3. The generation gets another number.
//! 4. The logs are read to their ends once more.
//! 5. The packs that nothing needs are unlinked.
//!
//! This order is required because the gate may not stop processes on other machines (decision 23). After a crash, data is in two packs, or
//! packs exist that a record calls deleted: the next gc cleans up.
//!
//! During this, raw memory that is in no newest state is compressed, if that saves enough.
//!
//! Data of which the need is unknown stays ([`mark::UnreadableRecords`]). If a log cannot be read completely, every manifest and text in
//! the packs counts as needed. If a needed manifest cannot be read, or a log has unknown content of a later version, it is unknown what
//! they refer to, and only forgotten data is deleted. Corrupted data that is needed is copied unchanged. A pack with unknown content stays
//! as it is.

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

/// The options of a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collection {
    /// The current time.
    pub now: Timestamp,
    /// How long the machine has been up, if known: the grace period must have passed by this clock, too.
    pub uptime: Option<Uptime>,
    /// The grace period: how long unneeded data stays after it was found, in nanoseconds.
    pub grace: i64,
    /// Whether only forgotten data is collected, and not all unneeded data.
    pub forgotten_only: bool,
    /// Whether all unneeded data counts as forgotten: for forgotten values that cannot be read, so that their parts are unknown.
    pub with_dead: bool,
    /// Whether to write and delete nothing.
    pub dry_run: bool,
}

/// A number of objects, and their size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// The number of objects.
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

/// The result of a collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CollectionReport {
    /// Needed data.
    pub alive: Tally,
    /// Deleted data: old enough, or forgotten. With `dry_run` it would have been deleted.
    pub gone: Tally,
    /// The forgotten part of `gone`.
    pub forgotten: Tally,
    /// Unneeded data that an earlier gc found and that is still in its grace period.
    pub waiting: Tally,
    /// Unneeded data that was found for the first time.
    pub found: Tally,
    /// Unneeded or forgotten data in packs that are being written; a later gc deletes it.
    pub in_use: Tally,
    /// The forgotten part of `in_use`.
    pub forgotten_in_use: Tally,
    /// Memory that is only in older states and that was compressed.
    pub compressed: Tally,
    /// Estimate of the bytes that this saves.
    pub compressible: u64,
    /// When the first of the `waiting` data may be deleted.
    pub next: Option<Timestamp>,
    /// The number of deleted packs.
    pub packs_removed: u64,
    /// The number of packs that were written for the needed data of these.
    pub packs_written: u64,
    /// Bytes by which the pack files shrank.
    pub freed: u64,
    /// Values that the retention rules no longer keep and of which data is still stored.
    pub dropped: Vec<DroppedValue>,
    /// Bytes of needed data that exceed the size limit of the store, before compression.
    pub beyond: u64,
    /// Corrupted data that may be needed, and was copied unchanged to a new pack.
    pub carried: Tally,
    /// Corrupted data that could not be distinguished from forgotten data: it was deleted, too.
    pub lost: Tally,
    /// Forgotten data in packs that had to stay.
    pub forgotten_kept: Tally,
    /// Packs that stay as they are, with the reasons.
    pub kept: Vec<Damage>,
    /// Unreadable or unknown records: data that may be needed for them stays.
    pub doubts: Vec<Damage>,
}

impl CollectionReport {
    /// Returns whether unneeded data is left for a later gc.
    pub fn waits(&self) -> bool {
        self.found.things + self.waiting.things > 0
    }
}

impl Store {
    /// Finds unneeded data, and deletes it after the grace period. `again` decides, each time a recording kernel is found, whether to wait
    /// for it.
    ///
    /// # Errors
    /// The store was opened read-only (except for a dry run), another gc runs, a kernel records all the time, there are no locks, or a disk
    /// operation failed. Needed data is never lost.
    pub fn collect(&self, order: Collection, again: &mut dyn FnMut() -> bool) -> Result<CollectionReport, StoreError> {
        let mut everything = RetentionRequest {
            spared: Vec::new(),
            most: u64::MAX,
            tell: &mut |_, _| Ok(()),
        };
        self.collect_keeping(order, &mut everything, again)
    }

    /// Like [`Self::collect`], but drops values that the user's retention rules do not keep.
    ///
    /// # Errors
    /// As for [`Self::collect`], or the history cannot record that values were dropped. Nothing is deleted then.
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
            // Recorders must still learn that something was forgotten.
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

    /// Returns whether a deletion of packs was started and not completed: packs exist that a record calls deleted.
    pub fn has_unfinished_removal(&self) -> bool {
        let here = self.packs_here();
        let removals = removals::removals(self.disk(), self.directory());
        removals
            .iter()
            .any(|removal| removal.removed.iter().any(|pack| here.contains(pack)))
    }

    /// Returns whether a process, such as a recording kernel, holds the lease of a pack; true if that is unknown.
    pub fn has_writers(&self) -> bool {
        let mut packs = self.packs_here().into_iter();
        packs.any(|pack| gc_lock::is_written(self.disk(), self.directory(), pack).unwrap_or(true))
    }

    /// Returns packs that logs name and that are missing although all needed data exists: they were deleted, and the record of that is
    /// lost. Returns none if it is unknown which data is needed.
    ///
    /// # Errors
    /// The histories cannot be listed.
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

    /// Returns packs that a session wrote and synced and that no log names: its log is gone. They are not being written, no gc wrote them,
    /// and no run names their data. Returns none if it is unknown which data is needed, or which packs are being written.
    ///
    /// # Errors
    /// The histories cannot be listed.
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

    /// Records unneeded missing packs as deleted. Returns whether there were any.
    ///
    /// # Errors
    /// The store was opened read-only, or a disk operation failed.
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
