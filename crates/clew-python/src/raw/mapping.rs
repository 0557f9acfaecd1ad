//! Files of the store as private memory: pages are read on access, and copied when they are written to. Writes never
//! reach a file.
//!
//! A range is reserved, and the whole pages of each piece are mapped over it. If two pieces meet within a page, that
//! page is copied. The range starts within a page if the first piece does, so that columns can be mapped from any
//! position.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use clew_core::graph::{FilePiece, HashedBlock};

use super::page_faults::Guard;
use super::{local_files, pages};

/// Bytes of a page of memory.
const PAGE: u64 = 4096;
/// The alignment that suffices for items of any type.
const ALIGNMENT: u64 = 16;
/// Extents of more pieces are read: each piece costs some microseconds to map and to unmap.
const MOST_PIECES: usize = 2000;
/// Clew may use this fraction (1 / n) of the mappings that the system grants a process.
const SHARE_OF_MAPPINGS: usize = 2;
/// The number of mappings that systems usually grant, if it is unknown.
const USUAL_MAPPINGS: usize = 65_530;

/// The number of pieces mapped in this process.
static PIECES: AtomicUsize = AtomicUsize::new(0);

/// Memory mapped from files.
#[derive(Debug)]
pub(super) struct Mapping {
    base: NonNull<u8>,
    reserved: usize,
    /// The offset of the extent in the first page.
    phase: u64,
    /// The pieces that are counted against the limit of the process.
    count: Count,
    /// Handles truncated files under the mapping; dropped before the range is unmapped.
    guard: Option<Guard>,
    /// The files, each with its required length.
    files: Vec<MappedFile>,
    /// The bytes of the range that are mapped from files, in order; adjacent ranges are merged.
    shown: Vec<Range<u64>>,
    /// Blocks with known hashes whose pages are all mapped from files, in order.
    blocks: Vec<HashedBlock>,
}

/// A file that is mapped up to some byte, identified by name: open files count against the user's limit.
#[derive(Debug, PartialEq, Eq)]
struct MappedFile {
    path: PathBuf,
    id: (u64, u64),
    end: u64,
}

impl MappedFile {
    fn of(file: &File, end: u64) -> Option<Self> {
        let metadata = file.metadata().ok()?;
        Some(Self {
            path: std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()?,
            id: (metadata.dev(), metadata.ino()),
            end,
        })
    }

    /// Returns whether it is shorter by now. A file without a name cannot be found, and so not truncated, by others.
    fn is_cut(&self) -> bool {
        let now = std::fs::metadata(&self.path);
        now.is_ok_and(|now| (now.dev(), now.ino()) == self.id && now.len() < self.end)
    }
}

/// Pieces that are counted while this exists.
#[derive(Debug)]
struct Count(usize);

impl Count {
    /// Counts `pieces`, if the limit allows as many more.
    fn take(pieces: usize) -> Option<Self> {
        let count = Self(pieces);
        let before = PIECES.fetch_add(pieces, Ordering::Relaxed);
        (before + pieces <= most_mappings() / SHARE_OF_MAPPINGS).then_some(count)
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        PIECES.fetch_sub(self.0, Ordering::Relaxed);
    }
}

fn most_mappings() -> usize {
    static MOST: OnceLock<usize> = OnceLock::new();
    *MOST.get_or_init(|| {
        let says = std::fs::read_to_string("/proc/sys/vm/max_map_count");
        says.ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(USUAL_MAPPINGS)
    })
}

impl Mapping {
    /// Maps `length` bytes from `pieces`; `None` if they must be read.
    pub fn of(length: u64, pieces: &[FilePiece<'_>]) -> Option<Self> {
        let is_fit = pieces.len() <= MOST_PIECES && page_length() == PAGE && local_files::are_local(pieces);
        if !is_fit {
            return None;
        }
        let phase = phase_of(pieces)?;
        let count = Count::take(2 * pieces.len())?;
        let reserved = (phase + length).next_multiple_of(PAGE);
        let base = reserve(usize::try_from(reserved).ok()?)?;
        let start = base.as_ptr() as u64;
        let mut mapping = Self {
            base,
            reserved: reserved as usize,
            phase,
            count,
            guard: Guard::over(&(start..start + reserved)),
            files: Vec::new(),
            shown: Vec::new(),
            blocks: Vec::new(),
        };
        // After a failure, the range is unmapped with the mapping.
        mapping.guard.as_ref()?;
        pieces.iter().try_for_each(|piece| mapping.show(piece, length)).ok()?;
        Some(mapping)
    }

    /// Returns the start of the extent.
    pub fn start(&self) -> NonNull<u8> {
        // SAFETY: the phase is within the first page.
        unsafe { self.base.add(self.phase as usize) }
    }

    /// Maps the whole pages of a piece, and copies the rest of it.
    fn show(&mut self, piece: &FilePiece<'_>, length: u64) -> io::Result<()> {
        let (start, end) = (self.phase + piece.offset, self.phase + piece.offset + piece.length);
        // There is nothing else on the first page before the extent, or on the last one after it.
        let from = if piece.offset == 0 {
            0
        } else {
            start.next_multiple_of(PAGE)
        };
        let to = if piece.offset + piece.length == length {
            end.next_multiple_of(PAGE)
        } else {
            end / PAGE * PAGE
        };
        if phase(piece) != self.phase || from >= to {
            return self.copy(piece, start..end);
        }
        self.put(piece.file, (piece.at + from) - start, from..to)?;
        self.copy(piece, start..from.max(start))?;
        self.copy(piece, to.min(end)..end)
    }

    /// Maps pages of a file over a part of the range.
    fn put(&mut self, file: &File, at: u64, part: Range<u64>) -> io::Result<()> {
        debug_assert!(at.is_multiple_of(PAGE) && part.start.is_multiple_of(PAGE));
        let address = self.at(part.start);
        // SAFETY: the part is in the range, which nothing else uses.
        let mapped = unsafe { map(Some(address), (part.end - part.start) as usize, Some((file, at))) };
        if mapped.is_none() {
            return Err(io::Error::last_os_error());
        }
        let length = file.metadata()?.len();
        if let Some(needed) = MappedFile::of(file, length.min(at + part.end - part.start)) {
            match self.files.iter_mut().find(|known| known.id == needed.id) {
                Some(known) => known.end = known.end.max(needed.end),
                None => self.files.push(needed),
            }
        }
        match self.shown.last_mut() {
            Some(last) if last.end == part.start => last.end = part.end,
            _ => self.shown.push(part),
        }
        Ok(())
    }

    /// Reads a part of a piece into the range.
    fn copy(&self, piece: &FilePiece<'_>, part: Range<u64>) -> io::Result<()> {
        if part.is_empty() {
            return Ok(());
        }
        let length = (part.end - part.start) as usize;
        // SAFETY: the part is in the range, which nothing else uses yet.
        let target = unsafe { std::slice::from_raw_parts_mut(self.at(part.start).as_ptr(), length) };
        let skipped = part.start - (self.phase + piece.offset);
        piece.file.read_exact_at(target, piece.at + skipped)
    }

    fn at(&self, offset: u64) -> NonNull<u8> {
        // SAFETY: callers stay within the range.
        unsafe { self.base.add(offset as usize) }
    }

    /// Notes the hashes of blocks of the extent.
    pub fn note(&mut self, blocks: Vec<HashedBlock>) {
        let is_shown = |block: &HashedBlock| {
            let (start, end) = (self.phase + block.offset, self.phase + block.offset + block.length);
            let after = self.shown.partition_point(|shown| shown.end < end);
            self.shown
                .get(after)
                .is_some_and(|shown| shown.start <= start / PAGE * PAGE && end <= shown.end)
        };
        self.blocks = blocks.into_iter().filter(is_shown).collect();
    }

    /// Returns the hashes of the blocks at these offsets of the extent (in order, with their lengths), if they are
    /// known and the blocks were not written to.
    pub fn untouched(&self, cuts: &[(u64, u64)]) -> Vec<Option<u128>> {
        let (Some(first), Some(last)) = (cuts.first(), cuts.last()) else {
            return Vec::new();
        };
        // At the truncated end of a file, the system also drops pages that were written to: they look unwritten.
        if self.blocks.is_empty() || self.files.iter().any(MappedFile::is_cut) {
            return Vec::new();
        }
        let address = self.start().as_ptr() as u64;
        let Some(written) = pages::written(address + first.0..address + last.0 + last.1) else {
            return Vec::new();
        };
        let mut written = written.iter().peekable();
        let mut blocks = self.blocks.iter().peekable();
        let known = cuts.iter().map(|(offset, length)| {
            while blocks.next_if(|block| block.offset < *offset).is_some() {}
            let block = blocks.next_if(|block| block.offset == *offset && block.length == *length)?;
            let (start, end) = (address + offset, address + offset + length);
            while written.next_if(|range| range.end <= start).is_some() {}
            let is_written = written.peek().is_some_and(|range| range.start < end);
            (!is_written).then_some(block.hash)
        });
        known.collect()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // Other code may use these addresses from now on.
        self.guard = None;
        // SAFETY: the whole range, to which nothing refers any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.reserved) };
        debug_assert!(self.count.0 > 0);
    }
}

/// Returns the offset of the extent in a page if this piece's pages are mapped.
fn phase(piece: &FilePiece<'_>) -> u64 {
    piece.at.wrapping_sub(piece.offset) % PAGE
}

/// Returns the phase with which most bytes can be mapped.
fn phase_of(pieces: &[FilePiece<'_>]) -> Option<u64> {
    let mut bytes: Vec<(u64, u64)> = Vec::new();
    for piece in pieces.iter().filter(|piece| phase(piece).is_multiple_of(ALIGNMENT)) {
        match bytes.iter_mut().find(|(known, _)| *known == phase(piece)) {
            Some((_, sum)) => *sum += piece.length,
            None => bytes.push((phase(piece), piece.length)),
        }
    }
    let most = bytes.into_iter().max_by_key(|(_, sum)| *sum);
    most.map(|(phase, _)| phase)
}

fn page_length() -> u64 {
    rustix::param::page_size() as u64
}

fn reserve(length: usize) -> Option<NonNull<u8>> {
    // SAFETY: a new range, wherever the system puts it.
    unsafe { map(None, length, None) }
}

/// Maps private memory: zeros, or a file from a byte on; anywhere, or over existing memory at `address`.
///
/// # Safety
/// No other code may use the memory at `address`.
unsafe fn map(address: Option<NonNull<u8>>, length: usize, file: Option<(&File, u64)>) -> Option<NonNull<u8>> {
    let place: *mut c_void = address.map_or(std::ptr::null_mut(), |address| address.as_ptr().cast());
    let fixed = if address.is_some() { libc::MAP_FIXED } else { 0 };
    let (kind, descriptor, at) = match file {
        Some((file, at)) => (0, file.as_raw_fd(), libc::off_t::try_from(at).ok()?),
        None => (libc::MAP_ANONYMOUS, -1, 0),
    };
    let flags = libc::MAP_PRIVATE | libc::MAP_NORESERVE | fixed | kind;
    // SAFETY: as the caller promises.
    let mapped = unsafe { libc::mmap(place, length, libc::PROT_READ | libc::PROT_WRITE, flags, descriptor, at) };
    if mapped == libc::MAP_FAILED {
        return None;
    }
    NonNull::new(mapped.cast())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::page_faults;
    use super::*;

    /// Makes a file of this many pages; its bytes alternate between the number of their page and their position in
    /// it.
    fn file(pages: u64) -> File {
        let mut file = File::from(rustix::fs::memfd_create("pack", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
        let bytes: Vec<u8> = (0..pages * PAGE).map(byte).collect();
        file.write_all(&bytes).unwrap();
        file
    }

    fn byte(at: u64) -> u8 {
        if at.is_multiple_of(2) {
            (at / PAGE) as u8
        } else {
            (at / 16) as u8
        }
    }

    fn pieces<'f>(file: &'f File, cuts: &[(u64, u64)]) -> (u64, Vec<FilePiece<'f>>) {
        let mut offset = 0;
        let pieces = cuts.iter().map(|(at, length)| {
            offset += length;
            FilePiece {
                file,
                at: *at,
                offset: offset - length,
                length: *length,
            }
        });
        let pieces = pieces.collect();
        (offset, pieces)
    }

    fn bytes(mapping: &Mapping, length: u64) -> &[u8] {
        // SAFETY: this number of bytes was mapped.
        unsafe { std::slice::from_raw_parts(mapping.start().as_ptr(), length as usize) }
    }

    /// Maps pieces and compares the memory with the file; returns how many bytes are mapped.
    fn shown(cuts: &[(u64, u64)]) -> u64 {
        let file = file(64);
        let (length, pieces) = pieces(&file, cuts);
        let mapping = Mapping::of(length, &pieces).unwrap();
        let expected: Vec<u8> = cuts
            .iter()
            .flat_map(|(at, length)| (*at..at + length).map(byte))
            .collect();
        assert_eq!(bytes(&mapping, length), expected);
        assert_eq!(mapping.start().as_ptr() as u64 % ALIGNMENT, 0);
        mapping.shown.iter().map(|range| range.end - range.start).sum()
    }

    #[test]
    fn whole_pages_are_shown_and_pages_of_two_pieces_copied() {
        assert_eq!(shown(&[(0, 8 * PAGE)]), 8 * PAGE);
        assert_eq!(
            shown(&[(0, 8 * PAGE), (32 * PAGE, PAGE), (9 * PAGE, PAGE + 100)]),
            11 * PAGE
        );
        // They meet within a page, and have the same offsets in their pages.
        assert_eq!(shown(&[(0, 2 * PAGE + 64), (20 * PAGE + 64, 2 * PAGE)]), 4 * PAGE);
    }

    #[test]
    fn a_column_is_shown_wherever_in_a_page_it_begins() {
        assert_eq!(shown(&[(PAGE + 48, 4 * PAGE)]), 5 * PAGE);
        assert_eq!(shown(&[(48, 100)]), PAGE);
    }

    #[test]
    fn what_lies_otherwise_in_its_pages_is_copied() {
        assert_eq!(shown(&[(0, 8 * PAGE), (16 * PAGE + 32, 2 * PAGE)]), 8 * PAGE);
        assert_eq!(shown(&[(32, PAGE), (16 * PAGE, 8 * PAGE)]), 8 * PAGE);
    }

    #[test]
    fn odd_addresses_are_not_for_items() {
        let file = file(8);
        let (length, pieces) = pieces(&file, &[(7, 4 * PAGE)]);
        assert!(Mapping::of(length, &pieces).is_none());
    }

    #[test]
    fn what_is_written_stays_here_and_is_told() {
        let file = file(32);
        let (length, pieces) = pieces(&file, &[(0, 16 * PAGE), (20 * PAGE, 4 * PAGE)]);
        let (mut one, mut other) = (
            Mapping::of(length, &pieces).unwrap(),
            Mapping::of(length, &pieces).unwrap(),
        );
        let cuts: Vec<(u64, u64)> = (0..5).map(|block| (block * 4 * PAGE, 4 * PAGE)).collect();
        let blocks = cuts.iter().map(|(offset, length)| HashedBlock {
            offset: *offset,
            length: *length,
            hash: u128::from(*offset),
        });
        one.note(blocks.clone().collect());
        other.note(blocks.collect());
        let read: u64 = bytes(&one, length).iter().map(|byte| u64::from(*byte)).sum();
        assert!(read > 0);
        // SAFETY: within the mapping.
        unsafe { one.start().add(5 * PAGE as usize).write_volatile(77) };
        let known = |mapping: &Mapping| -> Vec<bool> { mapping.untouched(&cuts).iter().map(Option::is_some).collect() };
        if pages::written(0..0).is_some() {
            assert_eq!(known(&one), [true, false, true, true, true]);
            assert_eq!(known(&other), [true; 5]);
        } else {
            assert!(known(&one).is_empty());
        }
        assert_eq!(bytes(&other, length)[5 * PAGE as usize], byte(5 * PAGE));
        let mut there = [0];
        file.read_exact_at(&mut there, 5 * PAGE).unwrap();
        assert_eq!(there[0], byte(5 * PAGE));
    }

    #[test]
    fn blocks_on_copied_pages_have_no_known_hash() {
        let file = file(64);
        let (length, pieces) = pieces(&file, &[(0, 2 * PAGE + 64), (20 * PAGE + 64, 2 * PAGE)]);
        let mut mapping = Mapping::of(length, &pieces).unwrap();
        let block = |offset, length| HashedBlock {
            offset,
            length,
            hash: 1,
        };
        mapping.note(vec![
            block(0, 2 * PAGE),
            block(2 * PAGE, 64),
            block(2 * PAGE + 64, 2 * PAGE),
        ]);
        assert_eq!(mapping.blocks, [block(0, 2 * PAGE)]);
    }

    #[test]
    fn p03_a_file_cut_short_leaves_zeros_that_are_known_to_be_lost() {
        let file = file(64);
        let (length, pieces) = pieces(&file, &[(0, 16 * PAGE)]);
        let (cut, whole) = (Mapping::of(length, &pieces).unwrap(), file_pages_apart());
        let at = |mapping: &Mapping, page: u64| mapping.start().as_ptr() as u64 + page * PAGE;
        // SAFETY: within the mapping.
        unsafe { cut.start().add(9 * PAGE as usize).write_volatile(77) };
        let before = page_faults::lost_pages();
        file.set_len(4 * PAGE + 100).unwrap();
        let bytes = bytes(&cut, length);
        assert_eq!(bytes[3 * PAGE as usize + 1], byte(3 * PAGE + 1));
        assert!(!page_faults::is_lost(&(at(&cut, 0)..at(&cut, 16))));
        assert_eq!(bytes[7 * PAGE as usize], 0);
        // SAFETY: within the mapping.
        unsafe { cut.start().add(12 * PAGE as usize).write_volatile(5) };
        // The system also drops what was written there.
        assert_eq!((bytes[12 * PAGE as usize], bytes[9 * PAGE as usize]), (5, 0));
        assert!(page_faults::lost_pages() >= before + 3);
        assert!(page_faults::is_lost(&(at(&cut, 0)..at(&cut, 16))));
        assert!(
            !page_faults::is_lost(&(at(&cut, 0)..at(&cut, 7))) && !page_faults::is_lost(&(at(&cut, 13)..at(&cut, 16)))
        );
        assert!(!page_faults::is_lost(&(at(&whole, 0)..at(&whole, 4))));
    }

    #[test]
    fn p03_nothing_is_known_of_memory_whose_file_was_cut_short() {
        let path = std::env::temp_dir().join(format!("clew-cut-{}.pack", std::process::id()));
        std::fs::write(&path, vec![3; 16 * PAGE as usize]).unwrap();
        let named = File::options().read(true).write(true).open(&path).unwrap();
        let (length, pieces) = pieces(&named, &[(0, 16 * PAGE)]);
        let mut mapping = Mapping::of(length, &pieces).unwrap();
        mapping.note(vec![HashedBlock {
            offset: 0,
            length: 4 * PAGE,
            hash: 1,
        }]);
        let cuts = [(0, 4 * PAGE)];
        let before = mapping.untouched(&cuts);
        assert!(before == [Some(1)] || before.is_empty());
        named.set_len(9 * PAGE).unwrap();
        let after = mapping.untouched(&cuts);
        std::fs::remove_file(&path).unwrap();
        assert!(after.is_empty());
    }

    /// Maps four pages of another file.
    fn file_pages_apart() -> Mapping {
        let file = file(4);
        let (length, pieces) = pieces(&file, &[(0, 4 * PAGE)]);
        Mapping::of(length, &pieces).unwrap()
    }

    #[test]
    fn too_many_pieces_are_read() {
        let file = file(8);
        let cuts = vec![(0, PAGE); MOST_PIECES + 1];
        let (length, pieces) = pieces(&file, &cuts);
        assert!(Mapping::of(length, &pieces).is_none());
        let before = PIECES.load(Ordering::Relaxed);
        assert!(Count::take(most_mappings()).is_none());
        assert!(PIECES.load(Ordering::Relaxed) < before + most_mappings());
    }

    #[test]
    fn more_than_there_is_is_not_mapped() {
        assert!(reserve(usize::MAX / 4096 * 4096).is_none());
    }
}
