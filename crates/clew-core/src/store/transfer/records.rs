//! Copying logs from one store to another unchanged, with their signatures.
//!
//! The recipient judges every operation by its signature. The copied logs name packs that do not exist there, as after a gc, and a removal
//! record names the packs with their data ([`crate::format::Removal`]).
//!
//! A session has one writer, so of two copies of its log one begins with the other, and the longer one counts. This is enough to merge what
//! two machines recorded in one history.

use std::collections::BTreeSet;
use std::ops::Range;

use super::copy::TransferSummary;
use crate::format::{RECORD_VERSION, Removal, Timestamp};
use crate::id::{HistoryId, PackId, SessionId};
use crate::store::disk::atomic_file;
use crate::store::disk::{read_range, read_whole};
use crate::store::layout;
use crate::store::logs::numbers;
use crate::store::packs::removals;
use crate::store::{LoadedHistory, LogEnds, OmissionTimes, Store, StoreError};

/// The transfer of the runs and operations of a history.
pub(in crate::store) struct RecordTransfer<'s> {
    pub from: &'s Store,
    pub to: &'s Store,
    pub history: HistoryId,
    /// The values that were left out; `None` for a bundle, whose note is written separately because it may contain only a part of the
    /// history.
    pub left: Option<OmissionTimes>,
}

impl RecordTransfer<'_> {
    pub fn carry(
        &self,
        loaded: &LoadedHistory,
        packs: &[PackId],
        now: Timestamp,
        carried: &mut TransferSummary,
    ) -> Result<(), StoreError> {
        let (disk, directory) = (self.to.disk(), self.to.directory());
        let folder = layout::history_folder(directory, self.history);
        disk.make_folder(&folder)?;
        let here = match self.to.load(self.history) {
            Ok(here) => here,
            Err(StoreError::NoHistory(_)) => LoadedHistory::default(),
            Err(error) => return Err(error),
        };
        let coming = self.coming(loaded, &here, carried)?;
        self.excuse_packs(loaded, &here, packs, now)?;
        self.carry_descriptions()?;
        // Before the logs: otherwise missing data that the logs need would count as lost.
        if let Some(left) = &self.left {
            self.to.settle_left_out(self.history, left.clone())?;
        }
        for (name, bytes) in coming {
            atomic_file::replace(disk, &folder, &name, &bytes)?;
        }
        for folder in [&layout::histories_folder(directory), directory] {
            disk.sync_folder(folder)?;
        }
        let last = loaded.runs.values().map(|run| run.outline().number).max();
        match numbers::raise(disk, directory, self.history, last.unwrap_or(0)) {
            // The file is only a shortcut: without locks the logs count.
            Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::Unsupported => Ok(()),
            raised => raised.map(drop),
        }
    }

    /// Writes the part of each log after `there`, to a store that is empty.
    pub fn carry_behind(
        &self,
        loaded: &LoadedHistory,
        there: &LogEnds,
        carried: &mut TransferSummary,
    ) -> Result<(), StoreError> {
        let (disk, directory) = (self.to.disk(), self.to.directory());
        let folder = layout::history_folder(directory, self.history);
        disk.make_folder(&folder)?;
        self.carry_descriptions()?;
        for ((session, part), end) in loaded.ends() {
            let start = there.get(&(session, part)).copied().unwrap_or(0);
            if start < end {
                let bytes = read_log(self.from, self.history, (session, part), start..end)?;
                let path = layout::log_path(directory, self.history, session, part);
                atomic_file::write_new(disk, &path, &bytes)?;
                carried.sessions += 1;
            }
        }
        Ok(())
    }

    /// Returns the logs to write, by file name.
    fn coming(
        &self,
        loaded: &LoadedHistory,
        here: &LoadedHistory,
        carried: &mut TransferSummary,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let (mut coming, mut sessions) = (Vec::new(), BTreeSet::new());
        let known: LogEnds = here.ends().collect();
        for ((session, part), end) in loaded.ends() {
            let theirs = read_log(self.from, self.history, (session, part), 0..end)?;
            let ours = match known.get(&(session, part)) {
                Some(end) => read_log(self.to, self.history, (session, part), 0..*end)?,
                None => Vec::new(),
            };
            if ours.starts_with(&theirs) {
                continue;
            }
            if !theirs.starts_with(&ours) {
                carried.contradictions.push(session);
                continue;
            }
            let path = layout::log_path(self.to.directory(), self.history, session, part);
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            coming.push((name, theirs));
            sessions.insert(session);
        }
        for session in &sessions {
            let count = |history: &LoadedHistory| history.sessions.get(session).map_or(0, |it| it.operations.len());
            carried.operations += count(loaded).saturating_sub(count(here)) as u64;
        }
        carried.sessions += sessions.len() as u64;
        carried.runs += loaded.runs.keys().filter(|run| !here.runs.contains_key(*run)).count() as u64;
        Ok(coming)
    }

    /// Records for the packs that the new logs name which packs have their needed data. Packs that were missing here before still count as
    /// missing.
    fn excuse_packs(
        &self,
        loaded: &LoadedHistory,
        here: &LoadedHistory,
        packs: &[PackId],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (disk, directory) = (self.to.disk(), self.to.directory());
        let lacking = self.to.missing_packs();
        let is_new = |pack: &&PackId| !here.packs().contains(*pack) && !lacking.contains(*pack);
        let named: Vec<PackId> = loaded.packs().iter().filter(is_new).copied().collect();
        let removed = removals::without_removed(disk, directory, named, &self.to.packs_here());
        if removed.is_empty() {
            return Ok(());
        }
        let removal = Removal {
            version: RECORD_VERSION,
            time: now,
            removed,
            written: packs.to_vec(),
        };
        removals::tell_removal(disk, directory, &removal)?;
        self.to.forget_missing();
        Ok(())
    }

    /// Copies the descriptions, which are files that are written once.
    fn carry_descriptions(&self) -> Result<(), StoreError> {
        let (from, to) = (
            layout::history_folder(self.from.directory(), self.history),
            layout::history_folder(self.to.directory(), self.history),
        );
        let names = self.from.disk().list(&from).map_err(StoreError::io("list", &from))?;
        let here = self.to.disk().list(&to).map_err(StoreError::io("list", &to))?;
        for name in names
            .iter()
            .filter(|name| layout::is_description(name) && !here.contains(name))
        {
            let bytes = read_whole(self.from.disk(), &from.join(name))?;
            atomic_file::write_new(self.to.disk(), &to.join(name), &bytes)?;
        }
        Ok(())
    }
}

fn read_log(
    store: &Store,
    history: HistoryId,
    (session, part): (SessionId, u32),
    range: Range<u64>,
) -> Result<Vec<u8>, StoreError> {
    let path = layout::log_path(store.directory(), history, session, part);
    let file = store.disk().open(&path).map_err(StoreError::io("read", &path))?;
    read_range(&*file, &path, range)
}
