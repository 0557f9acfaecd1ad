//! Taking away what nothing refers to any more: `gc`, and the second half of `forget`.
//!
//! In: all logs and packs of a store. Out: what is dead, and, where enough time has passed, packs without it. Two steps:
//! what is found dead is written down with its time (the file `garbage`); a later gc, after a grace period, takes it away.
//! What was forgotten goes at once.
//!
//! Nothing is cut off or overwritten. What is alive in a pack with dead things is written to a new pack, which is synced
//! together with its folder; then, with the gate closed ([`super::gate`]), the logs are read to their ends once more, a
//! record of the packs that will be gone is written and synced ([`crate::format::Removal`]), and their names are taken
//! away. A crash before that leaves things in two packs, which costs room and is cleared up by the next gc; a crash after
//! it leaves what a gc leaves that went through.
//!
//! On the way raw memory that no newest state holds is compressed, where that pays.
//!
//! What can't be judged stays: where a log or a manifest can't be read, or holds what this Clew does not know, nobody can
//! tell what is alive, and nothing is taken away. A pack that holds what this Clew does not know stays as it is.

mod cold;
mod copy;
mod mark;
mod notes;
mod survey;
mod sweep;

use super::error::StoreError;
use super::{Access, Damage, Store, gate};
use crate::format::Timestamp;
use mark::Marker;
use survey::Survey;
use sweep::Sweep;

pub(super) use notes::without_removed;

/// What a collection is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collection {
    /// Now.
    pub now: Timestamp,
    /// How long things stay that were found dead, in nanoseconds.
    pub grace: i64,
    /// Only what was forgotten is looked at; else everything.
    pub forgotten_only: bool,
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
    fn add(&mut self, length: u64) {
        self.things += 1;
        self.bytes += length;
    }
}

/// What a collection found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
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
    /// Packs that stay as they are, and why.
    pub kept: Vec<Damage>,
    /// Why nothing is taken away: what can't be read, or is not known here.
    pub doubts: Vec<Damage>,
}

impl Store {
    /// Finds what is dead, and takes away what has been so for long enough. `again` says, each time that a kernel is found
    /// recording, whether to wait for it.
    ///
    /// # Errors
    /// The store was opened to read only (unless for a dry run), another gc is at work, a kernel is recording all the
    /// time, there are no locks, or the disk refuses. What was alive is there all the same.
    pub fn collect(&self, order: Collection, again: &mut dyn FnMut() -> bool) -> Result<Collected, StoreError> {
        if order.dry_run {
            let (collected, _) = self.prepare(order)?;
            return Ok(collected);
        }
        if self.inner.access == Access::ReadOnly {
            return Err(StoreError::ReadOnly {
                path: self.directory().to_owned(),
            });
        }
        let lock = self.directory().join("gc");
        let alone = gate::alone(self.disk(), &lock, again)?;
        let _alone = alone.ok_or(StoreError::Busy {
            who: "Another gc is at work",
        })?;
        let (mut collected, mut sweep) = self.prepare(order)?;
        if !collected.doubts.is_empty() {
            return Ok(collected);
        }
        sweep.perform(self, order.now, again, &mut collected)?;
        notes::write(self.disk(), self.directory(), &sweep.note())?;
        Ok(collected)
    }

    fn prepare(&self, order: Collection) -> Result<(Collected, Sweep), StoreError> {
        let survey = Survey::of(self)?;
        let mut marker = Marker::default();
        marker.advance(self)?;
        let mut collected = Collected {
            doubts: marker.doubts.clone(),
            ..Collected::default()
        };
        let noted = notes::read(self.disk(), self.directory());
        let sweep = Sweep::plan(self, survey, marker, &noted, order, &mut collected);
        Ok((collected, sweep))
    }

    /// Whether a removal of packs was begun and not finished: packs that are there though they were said to be gone.
    pub fn has_unfinished_removal(&self) -> bool {
        let here = self.packs_here();
        let removals = notes::removals(self.disk(), self.directory());
        removals
            .iter()
            .any(|removal| removal.removed.iter().any(|pack| here.contains(pack)))
    }
}
