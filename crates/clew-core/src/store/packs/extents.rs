//! Loading extents into memory: mapped where the kernel supports it, otherwise read once; each block is hashed once in a session.
//!
//! [`Store::begin`] locates the blocks and allocates or maps the memory. [`PendingExtent::jobs`] returns the parts to read and hash, for
//! any threads. [`PendingExtent::finish`] replaces wrong blocks by other copies, and returns the memory.
//!
//! Mapped bytes are checked by reading the same file, not through the mapping: disk errors are reported then instead of killing the
//! process, and only requested pages are mapped. Hashes of blocks that this process checked or wrote are remembered by location, as long as
//! no other process changes the file.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::index::{PackLocation, Placement};
use crate::format::{FrameKind, StoredExtent};
use crate::graph::{BLOCK_LENGTH, ExtentMemory, FilePiece, HashedBlock, block_cuts};
use crate::id::BlockId;
use crate::store::disk::{DiskFile, read_exact_at};
use crate::store::{Fault, Store, StoreError, VerifiedValue};

/// The most bytes that a job reads between two checks whether the user cancelled.
const JOB: u64 = 1 << 20;
/// Shorter extents are read: a mapping costs more than copying them.
pub const LEAST_MAPPED: u64 = 64 * 1024;

/// How blocks are verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Check {
    /// By id (BLAKE3) when a session first reads the block; later by the fingerprint of the value.
    #[default]
    Once,
    /// Only by the fingerprint (XXH3) of the value, which is compared in any case.
    Fingerprint,
    /// Always by id, without remembered hashes.
    Anew,
}

/// The verification state of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Not verified yet, or wrong.
    Open,
    /// Verified as far as required: the hash of the block, and how it was verified.
    Right { hash: u128, by: By },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// By its id, in this session.
    Id,
    /// Not verified; the comparison of the fingerprint remains.
    Nothing,
}

/// Consecutive raw blocks in one file.
#[derive(Debug)]
struct Run {
    file: Arc<dyn DiskFile>,
    /// Offset in the file.
    at: u64,
    /// Offset in the extent.
    offset: u64,
    length: u64,
    /// The first block and the number of blocks.
    first: usize,
    count: usize,
}

/// An extent whose memory exists and is not completely filled or verified yet.
#[derive(Debug)]
pub struct PendingExtent<M> {
    store: Store,
    check: Check,
    ids: Vec<BlockId>,
    places: Vec<PackLocation>,
    lengths: Vec<u32>,
    runs: Vec<Run>,
    found: Vec<Found>,
    memory: M,
    is_mapped: bool,
}

/// A part of the work on an extent. Any thread may run it.
#[derive(Debug)]
pub struct Job<'l> {
    file: &'l dyn DiskFile,
    at: u64,
    length: usize,
    check: Check,
    ids: &'l [BlockId],
    lengths: &'l [u32],
    found: &'l mut [Found],
    /// The memory to fill; `None` if it is mapped.
    target: Option<&'l mut [u8]>,
}

impl Store {
    /// Starts to load an extent.
    ///
    /// # Errors
    /// It is longer than its blocks, or a block is missing, or there is not enough memory.
    pub fn begin<M: ExtentMemory>(&self, extent: &StoredExtent, check: Check) -> Result<PendingExtent<M>, StoreError> {
        let most = (extent.blocks.len() as u64).saturating_mul(BLOCK_LENGTH);
        // The number of blocks limits the length, so a forged length cannot allocate more memory.
        if extent.length > most {
            return Err(StoreError::TooLarge {
                what: "A piece of memory",
                length: extent.length,
                most,
            });
        }
        let places = self.places_of(&extent.blocks)?;
        let cuts = block_cuts(extent.length, extent.column).map(|(_, length)| length as u32);
        if !cuts.eq(places.iter().map(|place| place.length)) {
            return Err(self.misfit(extent));
        }
        let runs = self.runs(&places);
        let mapped: Option<M> = mapped(extent.length, &runs);
        let is_mapped = mapped.is_some();
        let memory = mapped.or_else(|| M::new(extent.length));
        let mut loading = PendingExtent {
            store: self.clone(),
            check,
            ids: extent.blocks.clone(),
            lengths: places.iter().map(|place| place.length).collect(),
            found: vec![Found::Open; places.len()],
            places,
            runs,
            memory: memory.ok_or(StoreError::NoMemory { length: extent.length })?,
            is_mapped,
        };
        loading.recall();
        Ok(loading)
    }

    /// Returns ranges of files with whole blocks of an extent, as far as these are raw and the files can be opened.
    fn runs(&self, places: &[PackLocation]) -> Vec<Run> {
        let mut files: FxHashMap<u32, Option<Arc<dyn DiskFile>>> = FxHashMap::default();
        let (mut runs, mut first, mut offset) = (Vec::new(), 0, 0);
        while first < places.len() {
            let place = &places[first];
            let count = neighbours(&places[first..]);
            let length = places[first..first + count]
                .iter()
                .map(|place| u64::from(place.length))
                .sum();
            let file = files.entry(place.pack).or_insert_with(|| self.open_pack(place.pack));
            if let Some(file) = file.as_ref().filter(|_| place.form == Placement::Raw) {
                runs.push(Run {
                    file: Arc::clone(file),
                    at: place.at,
                    offset,
                    length,
                    first,
                    count,
                });
            }
            first += count;
            offset += length;
        }
        runs
    }

    /// Opens a pack. Its remembered hashes are dropped if another process changed it.
    fn open_pack(&self, number: u32) -> Option<Arc<dyn DiskFile>> {
        let path = self.index().packs[number as usize].path.clone();
        let file: Arc<dyn DiskFile> = Arc::from(self.disk().open(&path).ok()?);
        self.index().hold_against(number, file.stamp());
        Some(file)
    }

    /// Loads an extent on this thread only.
    pub fn extent(&self, extent: &StoredExtent) -> Result<VerifiedValue<Vec<u8>>, StoreError> {
        let mut loading = self.begin::<Vec<u8>>(extent, Check::Anew)?;
        loading.jobs().into_iter().for_each(|job| job.run(&mut Vec::new()));
        loading.finish()
    }

    fn misfit(&self, extent: &StoredExtent) -> StoreError {
        let first = extent.blocks.first().map(|id| id.0).unwrap_or_default();
        self.damaged(&first, FrameKind::BLOCKS, Fault::OddExtent.into())
    }
}

/// Maps runs of blocks, if that is possible.
fn mapped<M: ExtentMemory>(length: u64, runs: &[Run]) -> Option<M> {
    if length < LEAST_MAPPED {
        return None;
    }
    let mut pieces = Vec::with_capacity(runs.len());
    for run in runs {
        let file = run.file.system_file()?;
        // Access to a page after the end of a file kills the process.
        if run.file.length().ok()? < run.at + run.length {
            return None;
        }
        pieces.push(FilePiece {
            file,
            at: run.at,
            offset: run.offset,
            length: run.length,
        });
    }
    if pieces.is_empty() {
        return None;
    }
    M::mapped(length, &pieces)
}

impl<M: ExtentMemory> PendingExtent<M> {
    /// Looks up remembered hashes of blocks.
    fn recall(&mut self) {
        if self.check == Check::Anew {
            return;
        }
        let index = self.store.index();
        for run in &self.runs {
            for block in run.first..run.first + run.count {
                if let Some(hash) = index.remembered(&self.places[block]) {
                    self.found[block] = Found::Right { hash, by: By::Id };
                }
            }
        }
    }

    /// Returns whether blocks are accepted without comparing them with their ids now.
    pub fn is_trusting(&self) -> bool {
        self.check != Check::Anew && (self.check == Check::Fingerprint || self.found.iter().any(Found::is_right))
    }

    /// Returns the jobs to read or hash. They may run in any order, on any threads, or not at all: `finish` does what remains.
    pub fn jobs(&mut self) -> Vec<Job<'_>> {
        let mut jobs = Vec::new();
        let mut bytes = self.memory.bytes_mut();
        let (mut found, mut block, mut offset) = (self.found.as_mut_slice(), 0, 0);
        for run in &self.runs {
            (found, block) = (&mut found[run.first - block..], run.first);
            let (end, mut at) = (run.first + run.count, run.at);
            bytes = &mut bytes[(run.offset - offset) as usize..];
            offset = run.offset;
            while block < end {
                let (count, length) = first_job(&self.lengths[block..end]);
                let (own_found, rest_found) = found.split_at_mut(count);
                let (own_bytes, rest_bytes) = bytes.split_at_mut(length);
                if !self.is_mapped || !own_found.iter().all(Found::is_right) {
                    jobs.push(Job {
                        file: &*run.file,
                        at,
                        length,
                        check: self.check,
                        ids: &self.ids[block..block + count],
                        lengths: &self.lengths[block..block + count],
                        found: own_found,
                        target: (!self.is_mapped).then_some(own_bytes),
                    });
                }
                (found, bytes) = (rest_found, rest_bytes);
                (block, at, offset) = (block + count, at + length as u64, offset + length as u64);
            }
        }
        jobs
    }

    /// Returns the complete memory.
    ///
    /// # Errors
    /// No sound copy of a block exists.
    pub fn finish(mut self) -> Result<VerifiedValue<M>, StoreError> {
        let mut reader = self.store.reader();
        let mut offset = 0;
        let mut hashed = Vec::new();
        for (index, (id, length)) in self.ids.iter().zip(&self.lengths).enumerate() {
            match self.found[index] {
                Found::Open => {
                    let block = self.store.fetch_with(&mut reader, &id.0, FrameKind::BLOCKS)?;
                    self.memory.bytes_mut()[offset..offset + block.len()].copy_from_slice(&block);
                }
                Found::Right { hash, .. } => hashed.push(HashedBlock {
                    offset: offset as u64,
                    length: u64::from(*length),
                    hash,
                }),
            }
            offset += *length as usize;
        }
        self.remember();
        if self.is_mapped {
            self.memory.note(hashed);
        }
        Ok(VerifiedValue::new(self.memory))
    }

    /// Remembers the hashes of blocks that were compared with their ids, in files that no other process changed meanwhile.
    fn remember(&self) {
        let mut index = self.store.index();
        for run in &self.runs {
            let pack = self.places[run.first].pack;
            if index.is_held_against(pack, run.file.stamp()) {
                for block in run.first..run.first + run.count {
                    if let Found::Right { hash, by: By::Id } = self.found[block] {
                        index.remember(&self.places[block], hash);
                    }
                }
            }
        }
    }
}

/// Returns the number of blocks, and of bytes, of the first job.
fn first_job(lengths: &[u32]) -> (usize, usize) {
    let (mut count, mut bytes) = (0, 0);
    for length in lengths {
        if count > 0 && bytes + u64::from(*length) > JOB {
            break;
        }
        (count, bytes) = (count + 1, bytes + u64::from(*length));
    }
    (count, bytes as usize)
}

/// Returns how many of the first `places` are raw and consecutive in one pack.
fn neighbours(places: &[PackLocation]) -> usize {
    1 + places.windows(2).take_while(|pair| pair[1].follows(&pair[0])).count()
}

impl Found {
    fn is_right(&self) -> bool {
        matches!(self, Self::Right { .. })
    }
}

impl Job<'_> {
    /// Returns how many bytes it reads.
    pub fn bytes(&self) -> u64 {
        self.length as u64
    }

    /// Runs the job. `scratch` is working memory that the thread should reuse for its next job. Blocks that cannot be read, or do not match
    /// their ids, stay open.
    pub fn run(self, scratch: &mut Vec<u8>) {
        scratch.resize(scratch.len().max(self.target.as_ref().map_or(self.length, |_| 0)), 0);
        let bytes = self.target.unwrap_or_else(|| &mut scratch[..self.length]);
        if read_exact_at(self.file, bytes, self.at).is_err() {
            self.found.fill(Found::Open);
            return;
        }
        let mut rest = &*bytes;
        for ((id, length), found) in self.ids.iter().zip(self.lengths).zip(self.found) {
            let (block, others) = rest.split_at(*length as usize);
            if *found == Found::Open {
                *found = checked(block, id, self.check);
            }
            rest = others;
        }
    }
}

fn checked(block: &[u8], id: &BlockId, check: Check) -> Found {
    let hash = || xxhash_rust::xxh3::xxh3_128(block);
    match check {
        Check::Fingerprint => Found::Right {
            hash: hash(),
            by: By::Nothing,
        },
        _ if BlockId::of(block) == *id => Found::Right {
            hash: hash(),
            by: By::Id,
        },
        _ => Found::Open,
    }
}
