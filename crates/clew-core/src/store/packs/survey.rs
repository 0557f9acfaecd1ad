//! A survey of the contents of packs.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use rustc_hash::FxHashMap;

use super::index::{PackLocation, places_in, read_mark};
use super::removals;
use crate::format::FrameKind;
use crate::id::PackId;
use crate::store::disk::Disk;
use crate::store::scan::{Payloads, scan};
use crate::store::{Damage, FileFault, Store, StoreError, gc_lock, layout};

/// One item in a pack.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct PackItem {
    pub id: [u8; 32],
    pub kind: FrameKind,
    pub place: PackLocation,
}

/// The contents of one pack.
#[derive(Debug)]
pub(in crate::store) struct PackSurvey {
    pub id: PackId,
    /// Its number in the index.
    pub number: u32,
    pub path: PathBuf,
    pub length: u64,
    pub things: Vec<PackItem>,
    /// The number of bytes known to be synced.
    pub synced: u64,
    pub is_written: bool,
    /// Why the pack stays as it is: it contains data of a later version of Clew, or cannot be read at all.
    pub stays: Option<Damage>,
    /// Bytes that are not frames: the result of a power failure, or corruption.
    pub gaps: Vec<UnframedBytes>,
}

/// Bytes of a pack that are not frames.
#[derive(Debug)]
pub(in crate::store) struct UnframedBytes {
    pub from: u64,
    pub to: u64,
    /// The description for reports.
    pub damage: Damage,
}

/// All packs.
#[derive(Debug, Default)]
pub(in crate::store) struct Survey {
    pub packs: Vec<PackSurvey>,
    /// The names of the records of deleted packs, read before the survey.
    pub removals: BTreeSet<String>,
}

impl Survey {
    /// Surveys the packs that exist now. A pack that is not being written now will never be written again.
    pub fn of(store: &Store) -> Result<Self, StoreError> {
        let mut survey = Self {
            packs: Vec::new(),
            removals: removals::removal_names(store.disk(), store.directory()),
        };
        for id in store.packs_here() {
            let is_written = gc_lock::is_written(store.disk(), store.directory(), id)?;
            survey.packs.push(PackSurvey::of(store, id, is_written));
        }
        Ok(survey)
    }

    /// Surveys the packs that exist now, for callers that delete none and need not know which are being written.
    pub fn to_read(store: &Store) -> Self {
        let packs = store.packs_here().into_iter();
        Self {
            packs: packs.map(|id| PackSurvey::of(store, id, false)).collect(),
            removals: BTreeSet::new(),
        }
    }
}

impl PackSurvey {
    fn of(store: &Store, id: PackId, is_written: bool) -> Self {
        let path = layout::pack_path(store.directory(), id);
        let mut surveyed = Self {
            id,
            number: store.index().number(store.directory(), id),
            length: 0,
            path: path.clone(),
            things: Vec::new(),
            synced: 0,
            is_written,
            stays: None,
            gaps: Vec::new(),
        };
        if let Err(error) = surveyed.go_over(store.disk()) {
            surveyed.stays = Some(Damage::of(&path, FileFault::Unreadable(error.to_string())));
        }
        surveyed
    }

    fn go_over(&mut self, disk: &dyn Disk) -> io::Result<()> {
        let file = disk.open(&self.path)?;
        self.length = file.length()?;
        let scanned = scan(&*file, 0, Payloads::Skip, |frame| {
            let kind = frame.header.kind;
            if kind == FrameKind::MARK {
                let synced = read_mark(&*file, &frame).filter(|synced| *synced <= frame.offset);
                self.synced = self.synced.max(synced.unwrap_or_default());
            } else if !(FrameKind::FILE..=FrameKind::MANIFEST).contains(&kind) {
                self.stays = Some(Damage::of(&self.path, FileFault::Later));
            }
            let things = places_in(self.number, &frame).into_iter();
            self.things
                .extend(things.map(|(id, place)| PackItem { id, kind, place }));
        })?;
        for gap in &scanned.gaps {
            let damage = Damage::of(&self.path, gap.flaw());
            if gap.may_be_torn() {
                let (from, to) = (gap.from, gap.to);
                self.gaps.push(UnframedBytes { from, to, damage });
            } else {
                self.stays = Some(damage);
            }
        }
        Ok(())
    }

    /// Returns whether its length is unchanged since the survey: no session writes it, not even on a machine whose locks are not visible
    /// here.
    pub fn is_as_it_was(&self, disk: &dyn Disk) -> bool {
        let length = disk.open(&self.path).and_then(|file| file.length());
        length.is_ok_and(|length| length == self.length)
    }

    /// Returns whether an item counts as complete: it was synced.
    pub fn is_whole(&self, thing: &PackItem) -> bool {
        thing.place.at < self.synced
    }
}

/// Returns the lengths of all data in these packs, before compression.
pub(in crate::store) fn lengths(packs: &[PackSurvey]) -> FxHashMap<[u8; 32], u64> {
    let things = packs.iter().flat_map(|pack| &pack.things);
    things.map(|thing| (thing.id, thing.place.length.into())).collect()
}
