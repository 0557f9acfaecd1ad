//! The index of packs: locations of all data of all sessions of a store, so that nothing is stored twice.

mod hash_cache;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::format::{FrameKind, PAGE, TableEntry};
use crate::id::PackId;
use crate::store::disk::{Disk, DiskFile, read_exact_at};
use crate::store::error::StoreError;
use crate::store::layout;
use crate::store::scan::{Payloads, ScannedFrame, UnreadableRange, scan};
use hash_cache::FileHashCache;

/// The location of stored data in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::store) struct PackLocation {
    /// The pack, by its number in the index.
    pub pack: u32,
    /// Offset of its bytes, or of the frame that contains it.
    pub at: u64,
    /// Its plain length.
    pub length: u32,
    pub form: Placement,
}

impl PackLocation {
    /// Returns whether both are raw in one pack, and this one directly follows the other.
    pub fn follows(&self, other: &Self) -> bool {
        self.form == Placement::Raw
            && other.form == Placement::Raw
            && self.pack == other.pack
            && other.at + u64::from(other.length) == self.at
    }

    /// Returns the offset modulo 4,096 in the memory from which it comes; 0 if that is not preserved.
    pub fn phase(&self) -> u64 {
        match self.form {
            Placement::Raw => self.at % PAGE,
            Placement::Framed(_) => 0,
        }
    }
}

/// How data is stored in a pack: as raw bytes, or in a frame with other data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::store) enum Placement {
    /// Raw bytes at `at`.
    Raw,
    /// In the payload of the frame at `at`, from this offset in the plain payload on.
    Framed(u32),
}

impl PackLocation {
    pub fn framed(pack: u32, at: u64, offset: u32, length: u32) -> Self {
        Self {
            pack,
            at,
            length,
            form: Placement::Framed(offset),
        }
    }
}

/// The index's information about one pack.
#[derive(Debug)]
pub(in crate::store) struct Pack {
    pub path: PathBuf,
    /// The end of the scanned bytes.
    end: u64,
    /// The number of bytes that its writer is known to have synced: they are complete.
    marked: u64,
    /// The number of bytes that any process is known to have synced: they survive a power failure as they are.
    synced: u64,
    /// Whether this process writes it: published data is known to be complete.
    is_own: bool,
    /// Whether a flush of it failed: data that was not synced before is not relied on any more, even if it exists.
    is_doubtful: bool,
    /// Whether it was deleted.
    pub is_gone: bool,
    pub gaps: Vec<UnreadableRange>,
    remembered: FileHashCache,
}

/// All packs and their contents.
#[derive(Debug, Default)]
pub(in crate::store) struct PackIndex {
    pub packs: Vec<Pack>,
    numbers: FxHashMap<PackId, u32>,
    places: FxHashMap<[u8; 32], PackLocation>,
    /// Further locations of data that is in several packs.
    others: FxHashMap<[u8; 32], Vec<PackLocation>>,
    /// Locations with wrong content: if data is only there, it is stored again when it is recorded again.
    broken: FxHashSet<PackLocation>,
    /// Packs that a record calls deleted: they may be read, and may disappear at any moment.
    condemned: FxHashSet<u32>,
    is_read: bool,
    /// Packs of which the ends are to be scanned first, the most likely last.
    expected: Vec<PackId>,
    /// Likely locations, from scans of the ends of packs. Such a scan may start inside a payload that looks like frames, so these locations
    /// are only used for reading, and the data is hashed.
    glimpsed: FxHashMap<[u8; 32], PackLocation>,
    /// The number of remembered hashes of all packs.
    remembered: usize,
}

/// Bytes at the end of a pack that are scanned first.
const GLIMPSE: u64 = 256 * 1024;

impl PackIndex {
    /// Scans all packs, the first time only.
    pub fn read(&mut self, disk: &dyn Disk, store: &Path) -> Result<(), StoreError> {
        if self.is_read {
            Ok(())
        } else {
            self.refresh(disk, store)
        }
    }

    /// Sets the packs in which data is expected, the most likely last.
    pub fn expect(&mut self, packs: Vec<PackId>) {
        self.expected = packs;
    }

    /// Returns the likely location of `id` before all packs are scanned: at the end of an expected pack. So showing the last runs of a long
    /// history reads only the ends of its packs.
    pub fn glimpse(&mut self, disk: &dyn Disk, store: &Path, id: &[u8; 32]) -> Option<PackLocation> {
        if self.is_read {
            return None;
        }
        loop {
            if let Some(place) = self.glimpsed.get(id) {
                return Some(*place);
            }
            let pack = self.expected.pop()?;
            let number = self.number(store, pack);
            self.glimpse_at_end(disk, number);
        }
    }

    fn glimpse_at_end(&mut self, disk: &dyn Disk, number: u32) {
        let Ok(file) = disk.open(&self.packs[number as usize].path) else {
            return;
        };
        let from = file.length().unwrap_or(0).saturating_sub(GLIMPSE);
        let mut places = Vec::new();
        // Data that is not found here is searched in whole packs later, and damage is reported then.
        let _ = scan(&*file, from, Payloads::Skip, |frame| {
            places.extend(places_in(number, &frame));
        });
        self.glimpsed.extend(places);
    }

    /// Scans the bytes that other sessions appended. An unreadable pack is skipped.
    pub fn refresh(&mut self, disk: &dyn Disk, store: &Path) -> Result<(), StoreError> {
        let folder = layout::packs_folder(store);
        let names = disk.list_existing(&folder)?;
        let mut here = Vec::new();
        for id in names.iter().filter_map(|name| layout::pack_id(name)) {
            let number = self.number(store, id);
            here.push(number);
            if !self.packs[number as usize].is_own {
                self.read_pack(disk, number);
            }
        }
        self.drop_gone(&here);
        self.is_read = true;
        Ok(())
    }

    /// Removes the locations in packs that no longer exist. Their needed data is in other packs by now.
    fn drop_gone(&mut self, here: &[u32]) {
        let mut is_gone = vec![true; self.packs.len()];
        for number in here {
            is_gone[*number as usize] = false;
        }
        let mut has_new = false;
        for (pack, is_gone) in self.packs.iter_mut().zip(is_gone) {
            let is_gone = is_gone && !pack.is_own;
            has_new |= is_gone && !pack.is_gone;
            pack.is_gone = is_gone;
        }
        if !has_new {
            return;
        }
        let packs = &self.packs;
        let is_here = |place: &PackLocation| !packs[place.pack as usize].is_gone;
        self.others.retain(|_, places| {
            places.retain(is_here);
            !places.is_empty()
        });
        self.glimpsed.retain(|_, place| is_here(place));
        let others = &mut self.others;
        self.places.retain(|id, place| {
            if !is_here(place) {
                match others.get_mut(id).and_then(Vec::pop) {
                    Some(other) => *place = other,
                    None => return false,
                }
            }
            true
        });
        for pack in self.packs.iter_mut().filter(|pack| pack.is_gone) {
            (pack.end, pack.marked, pack.synced) = (0, 0, 0);
            pack.gaps.clear();
        }
    }

    /// Returns the number of a pack, which is assigned at the first call.
    pub fn number(&mut self, store: &Path, id: PackId) -> u32 {
        *self.numbers.entry(id).or_insert_with(|| {
            self.packs.push(Pack {
                path: layout::pack_path(store, id),
                end: 0,
                marked: 0,
                synced: 0,
                is_own: false,
                is_doubtful: false,
                is_gone: false,
                gaps: Vec::new(),
                remembered: FileHashCache::default(),
            });
            (self.packs.len() - 1) as u32
        })
    }

    /// Marks the pack as written by this process, which publishes its content.
    pub fn own(&mut self, number: u32) {
        self.packs[number as usize].is_own = true;
    }

    /// Marks the pack as no longer written by this process from `end` on, because the disk failed.
    pub fn doubt(&mut self, number: u32, end: u64) {
        let pack = &mut self.packs[number as usize];
        (pack.is_own, pack.is_doubtful, pack.end) = (false, true, end);
    }

    /// Marks the pack as replaced by another process: nothing in it counts as stored.
    pub fn distrust(&mut self, number: u32) {
        let pack = &mut self.packs[number as usize];
        (pack.is_own, pack.is_doubtful) = (false, true);
        (pack.marked, pack.synced) = (0, 0);
    }

    /// Marks packs as being deleted: nothing in them counts as stored any more. Unknown packs are ignored.
    pub fn condemn<'i>(&mut self, packs: impl IntoIterator<Item = &'i PackId>) {
        let numbers = packs.into_iter().filter_map(|id| self.numbers.get(id));
        self.condemned.extend(numbers);
    }

    /// Returns whether a record calls the pack deleted.
    pub fn is_condemned(&self, number: u32) -> bool {
        self.condemned.contains(&number)
    }

    /// Returns packs that are shorter than their scanned part, or than the written part of this process's own pack.
    pub fn cut_short(&self, disk: &dyn Disk, own: Option<(u32, u64)>) -> Vec<u32> {
        let is_cut = |number: &u32| {
            let pack = &self.packs[*number as usize];
            let written = own.filter(|(own, _)| own == number).map_or(pack.end, |(_, end)| end);
            let length = disk.open(&pack.path).and_then(|file| file.length());
            !pack.is_gone && length.is_ok_and(|length| length < written)
        };
        (0..self.packs.len() as u32).filter(is_cut).collect()
    }

    /// Returns packs that existed in the last scan, and are not among these files.
    pub fn missing(&self, there: &BTreeSet<String>) -> Vec<u32> {
        let is_missing = |number: &u32| {
            let pack = &self.packs[*number as usize];
            let name = pack.path.file_name().and_then(|name| name.to_str());
            let was_there = pack.is_own || pack.end > 0;
            was_there && !pack.is_gone && name.is_some_and(|name| !there.contains(name))
        };
        (0..self.packs.len() as u32).filter(is_missing).collect()
    }

    /// Marks the pack, which this process wrote up to `end`, as no longer written: the process writes to another one.
    pub fn release(&mut self, number: u32, end: u64) {
        let pack = &mut self.packs[number as usize];
        (pack.is_own, pack.end) = (false, end);
    }

    fn read_pack(&mut self, disk: &dyn Disk, number: u32) {
        let (path, from) = {
            let pack = &self.packs[number as usize];
            (pack.path.clone(), pack.end)
        };
        let Ok(file) = disk.open(&path) else { return };
        let mut frames = Vec::new();
        // Unreadable data counts as missing when it is requested, and is reported then.
        let Ok(scanned) = scan(&*file, from, Payloads::Skip, |frame| frames.push(frame)) else {
            return;
        };
        for frame in frames {
            self.add_frame(&*file, number, &frame);
        }
        let pack = &mut self.packs[number as usize];
        pack.end = scanned.end;
        pack.gaps.extend(scanned.gaps);
    }

    fn add_frame(&mut self, file: &dyn DiskFile, number: u32, frame: &ScannedFrame) {
        let header = &frame.header;
        if header.kind == FrameKind::MARK {
            let synced = read_mark(file, frame).filter(|synced| *synced <= frame.offset);
            self.mark(number, synced.unwrap_or_default());
        } else {
            self.publish(places_in(number, frame));
        }
    }

    /// Adds data that was written.
    pub fn publish(&mut self, written: impl IntoIterator<Item = ([u8; 32], PackLocation)>) {
        for (id, place) in written {
            match self.places.entry(id) {
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(place);
                }
                std::collections::hash_map::Entry::Occupied(entry) if *entry.get() != place => {
                    self.others.entry(id).or_default().push(place);
                }
                std::collections::hash_map::Entry::Occupied(_) => {}
            }
        }
    }

    /// Returns the end of a pack's scanned bytes.
    pub fn reach(&self, number: u32) -> u64 {
        self.packs[number as usize].end
    }

    /// Returns those of these packs with data that is not known to survive a power failure.
    pub fn unsynced<'i>(&self, ids: impl IntoIterator<Item = &'i PackId>) -> Vec<u32> {
        let is_unsynced = |number: &u32| {
            let pack = &self.packs[*number as usize];
            pack.synced < pack.end && !pack.is_own
        };
        let numbers = ids.into_iter().filter_map(|id| self.numbers.get(id).copied());
        numbers.filter(is_unsynced).collect()
    }

    /// Records that the writer of a pack flushed its first `synced` bytes.
    pub fn mark(&mut self, number: u32, synced: u64) {
        self.set_synced(number, synced);
        let pack = &mut self.packs[number as usize];
        pack.marked = pack.marked.max(synced);
    }

    /// Records that the first `synced` bytes of a pack survive a power failure as they are. Bytes that an earlier power failure damaged are
    /// not complete for that reason.
    pub fn set_synced(&mut self, number: u32, synced: u64) {
        let pack = &mut self.packs[number as usize];
        pack.synced = pack.synced.max(synced);
    }

    /// Records that the content at a location is wrong.
    pub fn give_up(&mut self, place: PackLocation) {
        self.broken.insert(place);
    }

    /// Returns all locations of `id`.
    pub fn places(&self, id: &[u8; 32]) -> Vec<PackLocation> {
        let first = self.places.get(id).copied();
        first
            .into_iter()
            .chain(self.others.get(id).into_iter().flatten().copied())
            .collect()
    }

    /// Returns the location of `id` that is tried first.
    pub fn first(&self, id: &[u8; 32]) -> Option<PackLocation> {
        self.places.get(id).copied()
    }

    /// Returns a reliable location of `id`, one that is known to be complete if there is any.
    pub fn best(&self, id: &[u8; 32]) -> Option<PackLocation> {
        let first = self.places.get(id)?;
        if self.is_whole(first) && !self.broken.contains(first) && !self.is_condemned(first.pack) {
            return Some(*first);
        }
        let others = self.others.get(id).into_iter().flatten();
        let mut reliable: Vec<&PackLocation> = std::iter::once(first).chain(others).collect();
        reliable.retain(|place| self.is_synced(place) || !self.packs[place.pack as usize].is_doubtful);
        reliable.retain(|place| !self.broken.contains(place) && !self.is_condemned(place.pack));
        let whole = reliable.iter().find(|place| self.is_whole(place));
        whole.or(reliable.first()).map(|place| **place)
    }

    /// Returns whether any location of `id` is known.
    pub fn has(&self, id: &[u8; 32]) -> bool {
        self.places.contains_key(id)
    }

    /// Returns whether the bytes at `place` are known to be complete: this process wrote them, or they were synced before an existing MARK.
    /// Others may be the result of a power failure, such as a table without its blocks.
    pub fn is_whole(&self, place: &PackLocation) -> bool {
        let pack = &self.packs[place.pack as usize];
        pack.is_own || place.at < pack.marked
    }

    /// Returns whether the data at `place` is known to survive a power failure.
    pub fn is_synced(&self, place: &PackLocation) -> bool {
        place.at < self.packs[place.pack as usize].synced
    }
}

/// Returns the locations of all data in a frame of a pack.
pub(in crate::store) fn places_in(number: u32, frame: &ScannedFrame) -> Vec<([u8; 32], PackLocation)> {
    let header = &frame.header;
    match header.kind {
        FrameKind::BLOCKS | FrameKind::SEGMENT => places_of_table(number, frame),
        FrameKind::BLOB | FrameKind::MANIFEST => u32::try_from(header.plain_length)
            .map(|length| (header.id, PackLocation::framed(number, frame.offset, 0, length)))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

fn places_of_table(number: u32, frame: &ScannedFrame) -> Vec<([u8; 32], PackLocation)> {
    let header = &frame.header;
    let payload_at = header.payload_at(frame.offset);
    let place = |entry: &TableEntry| {
        if header.is_covered() {
            PackLocation::framed(number, frame.offset, entry.offset as u32, entry.length)
        } else {
            PackLocation {
                pack: number,
                at: payload_at + entry.offset,
                length: entry.length,
                form: Placement::Raw,
            }
        }
    };
    let table = TableEntry::parse_table(&frame.meta, header).unwrap_or_default();
    table.iter().map(|entry| (entry.id, place(entry))).collect()
}

/// Reads the number of synced bytes from a MARK.
pub(in crate::store) fn read_mark(file: &dyn DiskFile, frame: &ScannedFrame) -> Option<u64> {
    let mut bytes = [0; 8];
    if frame.header.stored_length != 8 {
        return None;
    }
    read_exact_at(file, &mut bytes, frame.header.payload_at(frame.offset)).ok()?;
    frame.header.check_payload(&bytes).ok()?;
    Some(u64::from_le_bytes(bytes))
}
