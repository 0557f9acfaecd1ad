//! The note of values that a planned push left out: their missing data never arrived, and is not lost.
//!
//! The note is next to the logs of its history and is transferred with them, in bundles too. An import keeps the values that are still
//! incomplete, so a later push of the rest removes the note. The note only excuses missing data, never corrupted data.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::format::{FileDescription, FrameKind, OmittedValues, RECORD_VERSION, Timestamp, encode_record};
use crate::id::{HistoryId, ManifestId};
use crate::store::disk::{atomic_file, if_exists};
use crate::store::layout;
use crate::store::packs::contents::contents;
use crate::store::scan::records;
use crate::store::{Store, StoreError};

/// Values that were left out, each with the earliest time.
pub type OmissionTimes = FxHashMap<ManifestId, Timestamp>;

/// The name of the note's file, in the folder of its history.
pub(in crate::store) const NAME: &str = "left-out";
/// The most entries of one frame, because a frame is decoded at once.
const MOST: usize = 100_000;

impl Store {
    /// Returns the values of a history that its sender left out, with times. An unreadable note counts as empty: the data it excused is
    /// reported as missing then.
    pub fn left_out(&self, history: HistoryId) -> OmissionTimes {
        let path = layout::history_folder(self.directory(), history).join(NAME);
        let told: Vec<OmittedValues> = records(self.disk(), &path, FrameKind::LEFT_OUT);
        let values = told
            .into_iter()
            .flat_map(|told| told.values.into_iter().map(move |value| (value, told.time)));
        values.collect()
    }

    /// Writes the note of a history to the store of a bundle, which has none yet.
    pub(in crate::store) fn tell_left_out(&self, history: HistoryId, left: &OmissionTimes) -> Result<(), StoreError> {
        if left.is_empty() {
            return Ok(());
        }
        let path = layout::history_folder(self.directory(), history).join(NAME);
        atomic_file::write_new(self.disk(), &path, &encoded(left))
    }

    /// Adds newly left-out values to the note, and removes values that are complete by now.
    pub(in crate::store) fn settle_left_out(
        &self,
        history: HistoryId,
        coming: OmissionTimes,
    ) -> Result<(), StoreError> {
        let before = self.left_out(history);
        let mut left = coming;
        left.extend(before.iter().map(|(value, time)| (*value, *time)));
        left.retain(|value, _| self.lacks(*value));
        if left == before {
            return Ok(());
        }
        let folder = layout::history_folder(self.directory(), history);
        if !left.is_empty() {
            return atomic_file::replace(self.disk(), &folder, NAME, &encoded(&left));
        }
        let path = folder.join(NAME);
        match if_exists(self.disk().unlink(&path)).map_err(StoreError::io("delete", &path))? {
            // Another process removed it already.
            None => Ok(()),
            Some(()) => self.disk().sync_folder(&folder),
        }
    }

    /// Returns whether the records of a value exist, and some of its data does not.
    fn lacks(&self, value: ManifestId) -> bool {
        contents(self, value).is_ok_and(|found| {
            let index = self.index();
            found.parts.iter().any(|id| !index.has(id))
        })
    }
}

fn encoded(left: &OmissionTimes) -> Vec<u8> {
    let mut by_time: BTreeMap<Timestamp, Vec<ManifestId>> = BTreeMap::new();
    for (value, time) in left {
        by_time.entry(*time).or_default().push(*value);
    }
    let mut frames = vec![(FrameKind::FILE, encode_record(&FileDescription::Care))];
    for (time, mut values) in by_time {
        values.sort_unstable();
        for values in values.chunks(MOST) {
            let told = OmittedValues {
                version: RECORD_VERSION,
                time,
                values: values.to_vec(),
            };
            frames.push((FrameKind::LEFT_OUT, encode_record(&told)));
        }
    }
    atomic_file::framed(&frames)
}
