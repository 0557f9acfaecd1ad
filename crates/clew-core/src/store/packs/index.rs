//! Where everything in the packs lies: known across all sessions of a store, so that nothing is stored twice.

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
    /// Where its bytes start, or the frame that holds it.
    pub at: u64,
    /// Its plain length.
    pub length: u32,
    pub form: Placement,
}

impl PackLocation {
    /// Whether both lie raw in one pack, this one right behind the other.
    pub fn follows(&self, other: &Self) -> bool {
        self.form == Placement::Raw
            && other.form == Placement::Raw
            && self.pack == other.pack
            && other.at + u64::from(other.length) == self.at
    }

    /// How far behind a multiple of 4,096 it began in the memory that it comes from; 0 where that is not kept.
    pub fn phase(&self) -> u64 {
        match self.form {
            Placement::Raw => self.at % PAGE,
            Placement::Framed(_) => 0,
        }
    }
}

/// Whether data lies in a pack as raw bytes, or inside a frame with other data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::store) enum Placement {
    /// Raw bytes at `at`.
    Raw,
    /// In the payload of the frame at `at`, from this plain byte on.
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

/// One pack as the index knows it.
#[derive(Debug)]
pub(in crate::store) struct Pack {
    pub path: PathBuf,
    /// How far it was gone over.
    end: u64,
    /// So many of its bytes are known to have been synced by who wrote them: they are whole.
    marked: u64,
    /// So many of its bytes are known to have been synced by anybody: as they are they would survive a power cut.
    synced: u64,
    /// Whether this process writes it: what it published is known to be whole.
    is_own: bool,
    /// Whether a flush of it failed: what was not synced before is not relied on any more, though it may be there.
    is_doubtful: bool,
    /// Whether it was taken away.
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
    /// Further places of what lies in several packs.
    others: FxHashMap<[u8; 32], Vec<PackLocation>>,
    /// Places that were read and did not hold what they should: what lies there only is stored anew when it comes again.
    broken: FxHashSet<PackLocation>,
    /// Packs that were said to go: they may be read, and may be gone any moment.
    condemned: FxHashSet<u32>,
    is_read: bool,
    /// Packs whose ends are to be glimpsed at, the likeliest last.
    expected: Vec<PackId>,
    /// Where things seem to lie, going by the ends of packs. A glimpse may begin in the middle of a payload that looks
    /// like frames, so this is only ever read from, and what is read is hashed.
    glimpsed: FxHashMap<[u8; 32], PackLocation>,
    /// How many blocks are remembered of all packs.
    remembered: usize,
}

/// How much of a pack's end is glimpsed at.
const GLIMPSE: u64 = 256 * 1024;

impl PackIndex {
    /// Goes over the packs, the first time only.
    pub fn read(&mut self, disk: &dyn Disk, store: &Path) -> Result<(), StoreError> {
        if self.is_read {
            Ok(())
        } else {
            self.refresh(disk, store)
        }
    }

    /// Says in which packs things will be asked for, the likeliest last.
    pub fn expect(&mut self, packs: Vec<PackId>) {
        self.expected = packs;
    }

    /// Where `id` seems to lie, before all packs were gone over: at the end of a pack in which it is expected. Who looks
    /// at the last runs of a long history so reads as much of its packs as they filled.
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
        // What is not found here is looked for in the whole pack, and damage is reported then.
        let _ = scan(&*file, from, Payloads::Skip, |frame| {
            places.extend(places_in(number, &frame));
        });
        self.glimpsed.extend(places);
    }

    /// Goes over what other sessions appended since. A pack that can't be read is left out; the rest works.
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

    /// Forgets what lay in packs that are not there any more. What was alive in them lies in others by now.
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

    /// The number of a pack, given when it is first met.
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

    /// Says that this process writes the pack, and publishes what it holds.
    pub fn own(&mut self, number: u32) {
        self.packs[number as usize].is_own = true;
    }

    /// Says that this process stopped writing the pack at `end`, since the disk failed.
    pub fn doubt(&mut self, number: u32, end: u64) {
        let pack = &mut self.packs[number as usize];
        (pack.is_own, pack.is_doubtful, pack.end) = (false, true, end);
    }

    /// Says that somebody replaced the pack: nothing that it held is taken for stored.
    pub fn distrust(&mut self, number: u32) {
        let pack = &mut self.packs[number as usize];
        (pack.is_own, pack.is_doubtful) = (false, true);
        (pack.marked, pack.synced) = (0, 0);
    }

    /// Says that packs are to go: nothing in them is taken for stored any more. What was never met needs no mention.
    pub fn condemn<'i>(&mut self, packs: impl IntoIterator<Item = &'i PackId>) {
        let numbers = packs.into_iter().filter_map(|id| self.numbers.get(id));
        self.condemned.extend(numbers);
    }

    /// Whether a pack was said to go.
    pub fn is_condemned(&self, number: u32) -> bool {
        self.condemned.contains(&number)
    }

    /// Packs that are shorter than they were gone over or, this process's own, written.
    pub fn cut_short(&self, disk: &dyn Disk, own: Option<(u32, u64)>) -> Vec<u32> {
        let is_cut = |number: &u32| {
            let pack = &self.packs[*number as usize];
            let written = own.filter(|(own, _)| own == number).map_or(pack.end, |(_, end)| end);
            let length = disk.open(&pack.path).and_then(|file| file.length());
            !pack.is_gone && length.is_ok_and(|length| length < written)
        };
        (0..self.packs.len() as u32).filter(is_cut).collect()
    }

    /// Packs that lay in the folder when it was read last, and are not among these files.
    pub fn missing(&self, there: &BTreeSet<String>) -> Vec<u32> {
        let is_missing = |number: &u32| {
            let pack = &self.packs[*number as usize];
            let name = pack.path.file_name().and_then(|name| name.to_str());
            let was_there = pack.is_own || pack.end > 0;
            was_there && !pack.is_gone && name.is_some_and(|name| !there.contains(name))
        };
        (0..self.packs.len() as u32).filter(is_missing).collect()
    }

    /// Says that this process, which wrote the pack up to `end`, writes to another one from now on.
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
        // What can't be read now is missing when it is asked for, and said then.
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

    /// Adds what was written.
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

    /// How far a pack was gone over.
    pub fn reach(&self, number: u32) -> u64 {
        self.packs[number as usize].end
    }

    /// Which of these packs hold something that is not known to survive a power cut.
    pub fn unsynced<'i>(&self, ids: impl IntoIterator<Item = &'i PackId>) -> Vec<u32> {
        let is_unsynced = |number: &u32| {
            let pack = &self.packs[*number as usize];
            pack.synced < pack.end && !pack.is_own
        };
        let numbers = ids.into_iter().filter_map(|id| self.numbers.get(id).copied());
        numbers.filter(is_unsynced).collect()
    }

    /// Says that who wrote the first `synced` bytes of a pack flushed them.
    pub fn mark(&mut self, number: u32, synced: u64) {
        self.set_synced(number, synced);
        let pack = &mut self.packs[number as usize];
        pack.marked = pack.marked.max(synced);
    }

    /// Says that the first `synced` bytes of a pack survive a power cut as they are. What an earlier one left of them is no
    /// more whole for it.
    pub fn set_synced(&mut self, number: u32, synced: u64) {
        let pack = &mut self.packs[number as usize];
        pack.synced = pack.synced.max(synced);
    }

    /// Says that a place was read and does not hold what it should.
    pub fn give_up(&mut self, place: PackLocation) {
        self.broken.insert(place);
    }

    /// Every place of `id`.
    pub fn places(&self, id: &[u8; 32]) -> Vec<PackLocation> {
        let first = self.places.get(id).copied();
        first
            .into_iter()
            .chain(self.others.get(id).into_iter().flatten().copied())
            .collect()
    }

    /// The place of `id` that is tried first.
    pub fn first(&self, id: &[u8; 32]) -> Option<PackLocation> {
        self.places.get(id).copied()
    }

    /// A place of `id` that may be relied on, one that is known to be whole if there is any.
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

    /// Whether anything by that id was met.
    pub fn has(&self, id: &[u8; 32]) -> bool {
        self.places.contains_key(id)
    }

    /// Whether the bytes at `place` are known to be whole: this process wrote them, or they were synced before a mark
    /// that is there. Anything else may be what a power cut left, a table without its blocks.
    pub fn is_whole(&self, place: &PackLocation) -> bool {
        let pack = &self.packs[place.pack as usize];
        pack.is_own || place.at < pack.marked
    }

    /// Whether what lies at `place` would survive a power cut, as far as is known.
    pub fn is_synced(&self, place: &PackLocation) -> bool {
        place.at < self.packs[place.pack as usize].synced
    }
}

/// Where everything lies that a frame of a pack holds.
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

/// The number of bytes that a mark says were synced.
pub(in crate::store) fn read_mark(file: &dyn DiskFile, frame: &ScannedFrame) -> Option<u64> {
    let mut bytes = [0; 8];
    if frame.header.stored_length != 8 {
        return None;
    }
    read_exact_at(file, &mut bytes, frame.header.payload_at(frame.offset)).ok()?;
    frame.header.check_payload(&bytes).ok()?;
    Some(u64::from_le_bytes(bytes))
}
