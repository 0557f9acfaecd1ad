//! What a session wrote, read again beside the work, so that a load need not hash it.

use std::sync::{Arc, Mutex, PoisonError};

use super::{SessionWriter, SyncJob};
use crate::id::BlockId;
use crate::store::blocks::{Form, Place};
use crate::store::disk::{DiskFile, read_exact_at};

/// Blocks that were written and not read since.
#[derive(Debug)]
pub(super) struct Unread {
    file: Arc<dyn DiskFile>,
    /// The pack, by its number in the index, and how often somebody else had changed it.
    number: u32,
    changes: u64,
    /// What each was seen to hash to, in the order in which they lie.
    blocks: Vec<(Place, u128)>,
    /// Which of them do; as many as were read.
    is_right: Mutex<Vec<bool>>,
}

impl SessionWriter {
    /// Says what blocks were seen to hash to that were put. What lies in the pack that is written is read again after the
    /// next flush ([`SyncJob::read_again`]): if it is that, who maps it need not hash it.
    pub fn expect<'i>(&mut self, blocks: impl IntoIterator<Item = (&'i u128, &'i BlockId)>) {
        let Some(pack) = self.pack.as_ref().filter(|pack| pack.file.stamp().is_some()) else {
            return;
        };
        let index = self.store.index();
        for (hash, id) in blocks {
            let place = index.first(&id.0);
            let is_unread = |place: &Place| {
                place.pack == pack.number && place.form == Form::Raw && index.remembered(place).is_none()
            };
            if let Some(place) = place.filter(is_unread) {
                self.unread.insert(place, *hash);
            }
        }
    }

    /// What is to be read again of what was written.
    pub(super) fn unread(&mut self) -> Option<Unread> {
        let written = std::mem::take(&mut self.unread);
        let pack = self.pack.as_ref()?;
        let mut blocks: Vec<(Place, u128)> = written.into_iter().collect();
        blocks.retain(|(place, _)| place.pack == pack.number);
        blocks.sort_unstable_by_key(|(place, _)| place.at);
        Some(Unread {
            file: Arc::clone(&pack.file),
            number: pack.number,
            changes: self.store.index().changes(pack.number),
            blocks,
            is_right: Mutex::default(),
        })
    }

    /// Remembers what was read again and found to be what was seen. Anything else is stored anew when it comes again.
    pub(super) fn remember(&self, unread: &Unread) {
        let mut index = self.store.index();
        let is_right = unread.is_right.lock().unwrap_or_else(PoisonError::into_inner);
        let is_ours = index.is_held_against(unread.number, unread.file.stamp());
        if !is_ours || index.changes(unread.number) != unread.changes {
            return;
        }
        for ((place, hash), is_right) in unread.blocks.iter().zip(&*is_right) {
            if *is_right {
                index.remember(place, *hash);
            } else {
                index.give_up(*place);
            }
        }
    }
}

impl SyncJob {
    /// Reads what was written, from the system's cache as a rule. Who maps it later need not hash it: a thread of the
    /// user's may have written to the memory between its hash and its way to the disk, and back again before it was hashed
    /// once more.
    pub fn read_again(&self) {
        let Some(unread) = &self.unread else { return };
        let mut bytes = Vec::new();
        let is_right = unread.blocks.iter().map(|(place, hash)| {
            bytes.resize(place.length as usize, 0);
            let read = read_exact_at(&*unread.file, &mut bytes, place.at);
            read.is_ok() && xxhash_rust::xxh3::xxh3_128(&bytes) == *hash
        });
        let is_right = is_right.collect();
        *unread.is_right.lock().unwrap_or_else(PoisonError::into_inner) = is_right;
    }
}
