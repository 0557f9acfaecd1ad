//! What lies in the packs.

use std::path::PathBuf;

use crate::format::FrameKind;
use crate::id::PackId;
use crate::store::blocks::{Place, places_in, read_mark};
use crate::store::scan::{Payloads, scan};
use crate::store::{Damage, Flaw, Store, StoreError, gate, pack};

/// One thing in a pack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thing {
    pub id: [u8; 32],
    pub kind: FrameKind,
    pub place: Place,
}

/// One pack, gone over.
#[derive(Debug)]
pub(super) struct Surveyed {
    pub id: PackId,
    pub path: PathBuf,
    pub length: u64,
    pub things: Vec<Thing>,
    /// So many of its bytes are known to have been synced.
    synced: u64,
    pub is_written: bool,
    /// Why it stays as it is, where a later Clew wrote in it.
    pub is_newer: Option<Damage>,
    /// Bytes that are no frames: what a power cut leaves, or damage.
    pub gaps: Vec<Damage>,
}

/// All packs.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub packs: Vec<Surveyed>,
}

impl Survey {
    /// Goes over the packs that are there now. One that is not written by anybody now never will be again.
    pub fn of(store: &Store) -> Result<Self, StoreError> {
        let mut survey = Self::default();
        for id in store.packs_here() {
            let is_written = gate::is_written(store.disk(), store.directory(), id)?;
            survey.packs.push(Surveyed::of(store, id, is_written)?);
        }
        Ok(survey)
    }
}

impl Surveyed {
    fn of(store: &Store, id: PackId, is_written: bool) -> Result<Self, StoreError> {
        let path = pack::path(store.directory(), id);
        let number = store.index().number(store.directory(), id);
        let file = store.disk().open(&path).map_err(StoreError::io("read", &path))?;
        let mut surveyed = Self {
            id,
            length: file.length().map_err(StoreError::io("read", &path))?,
            path: path.clone(),
            things: Vec::new(),
            synced: 0,
            is_written,
            is_newer: None,
            gaps: Vec::new(),
        };
        let scanned = scan(&*file, 0, Payloads::Skip, |frame| {
            let kind = frame.header.kind;
            if kind == FrameKind::MARK {
                let synced = read_mark(&*file, &frame).filter(|synced| *synced <= frame.offset);
                surveyed.synced = surveyed.synced.max(synced.unwrap_or_default());
            } else if !(FrameKind::FILE..=FrameKind::MANIFEST).contains(&kind) {
                surveyed.is_newer = Some(Damage::of(&path, Flaw::Later));
            }
            let things = places_in(number, &frame).into_iter();
            surveyed
                .things
                .extend(things.map(|(id, place)| Thing { id, kind, place }));
        })
        .map_err(StoreError::io("read", &path))?;
        for gap in &scanned.gaps {
            let found = Damage::of(&path, gap.flaw());
            if gap.may_be_torn() {
                surveyed.gaps.push(found);
            } else {
                surveyed.is_newer = Some(found);
            }
        }
        Ok(surveyed)
    }

    /// Whether it is said to be whole: it was synced.
    pub fn is_whole(&self, thing: &Thing) -> bool {
        thing.place.at < self.synced
    }
}
