//! Extents on their way into memory: mapped where the kernel can, else read once; each block hashed once a session.
//!
//! [`Store::begin`] finds out where the blocks lie and has the kernel make the memory. [`PendingExtent::jobs`] are what is to be
//! read and hashed, in parts that any thread may do. [`PendingExtent::finish`] gets from elsewhere what was not right, and hands
//! the memory out.
//!
//! Mapped bytes are checked through reads of the same file, not through the mapping: what the disk can't give is then an
//! error, and no page is mapped that nobody asked for. What was checked, or written by this process, is remembered by its
//! place, as long as nobody else changed the file.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::index::{PackLocation, Placement};
use crate::format::{FrameKind, StoredExtent};
use crate::graph::{BLOCK_LENGTH, ExtentMemory, FilePiece, HashedBlock, block_cuts};
use crate::id::BlockId;
use crate::store::disk::{DiskFile, read_exact_at};
use crate::store::{Fault, Store, StoreError, VerifiedValue};

/// The most bytes that a job reads: so many are read between two looks at whether the user asked to stop.
const JOB: u64 = 1 << 20;
/// Shorter extents are read: a mapping costs more than copying so many bytes.
pub const LEAST_MAPPED: u64 = 64 * 1024;

/// How blocks are held against their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Check {
    /// Each block by its id (BLAKE3) when it is first met in a session; later by the fingerprint of what is made of it.
    #[default]
    Once,
    /// By the fingerprint (XXH3) of what is made of it, which is compared in any case.
    Fingerprint,
    /// Each block by its id, whatever is remembered of it.
    Anew,
}

/// What is known of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Nothing yet, or that it is not where it should be.
    Open,
    /// It is right, as far as was to be checked: what it hashes to, by what it was told.
    Right { hash: u128, by: By },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// By its id, in this session.
    Id,
    /// By nothing but what the fingerprint will tell.
    Nothing,
}

/// Neighbours that lie raw in one file.
#[derive(Debug)]
struct Run {
    file: Arc<dyn DiskFile>,
    /// Where in the file they start.
    at: u64,
    /// Where in the extent.
    offset: u64,
    length: u64,
    /// Which blocks.
    first: usize,
    count: usize,
}

/// An extent whose memory exists and is still to be filled or checked.
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

/// A part of the work on an extent. Any thread may do it.
#[derive(Debug)]
pub struct Job<'l> {
    file: &'l dyn DiskFile,
    at: u64,
    length: usize,
    check: Check,
    ids: &'l [BlockId],
    lengths: &'l [u32],
    found: &'l mut [Found],
    /// Where the bytes go; nowhere if they are mapped.
    target: Option<&'l mut [u8]>,
}

impl Store {
    /// Begins to load an extent.
    ///
    /// # Errors
    /// It is longer than its blocks, or one of them is nowhere, or there is not so much memory.
    pub fn begin<M: ExtentMemory>(&self, extent: &StoredExtent, check: Check) -> Result<PendingExtent<M>, StoreError> {
        let most = (extent.blocks.len() as u64).saturating_mul(BLOCK_LENGTH);
        // Each block says how long the extent is at most, so no length is believed that nothing stands for.
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

    /// Stretches of files that hold whole blocks of an extent, as far as they are raw and the files can be opened.
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

    /// A pack, opened. What is remembered of it is forgotten if somebody else changed it.
    fn open_pack(&self, number: u32) -> Option<Arc<dyn DiskFile>> {
        let path = self.index().packs[number as usize].path.clone();
        let file: Arc<dyn DiskFile> = Arc::from(self.disk().open(&path).ok()?);
        self.index().hold_against(number, file.stamp());
        Some(file)
    }

    /// A piece of memory, on this thread alone.
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

/// Memory that shows runs of blocks, where that can be had.
fn mapped<M: ExtentMemory>(length: u64, runs: &[Run]) -> Option<M> {
    if length < LEAST_MAPPED {
        return None;
    }
    let mut pieces = Vec::with_capacity(runs.len());
    for run in runs {
        let file = run.file.system_file()?;
        // Touching a page behind the end of a file kills the process.
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
    /// Looks up what is known of blocks already.
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

    /// Whether blocks are taken for right that were not held against their ids now.
    pub fn is_trusting(&self) -> bool {
        self.check != Check::Anew && (self.check == Check::Fingerprint || self.found.iter().any(Found::is_right))
    }

    /// What is to be read or hashed. Done in any order, on any threads, or not at all: then it is done at the end.
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

    /// The memory, complete.
    ///
    /// # Errors
    /// A block is nowhere as its id says.
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

    /// Remembers blocks that were held against their ids, in files that nobody else changed meanwhile.
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

/// How many blocks, from the first on, go into one job, and how many bytes they are.
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

/// How many of `places`, from the first on, lie raw and one after another in one pack.
fn neighbours(places: &[PackLocation]) -> usize {
    1 + places.windows(2).take_while(|pair| pair[1].follows(&pair[0])).count()
}

impl Found {
    fn is_right(&self) -> bool {
        matches!(self, Self::Right { .. })
    }
}

impl Job<'_> {
    /// How many bytes it reads.
    pub fn bytes(&self) -> u64 {
        self.length as u64
    }

    /// Does it. `scratch` is memory to work in, best used again for the next job of the thread. What can't be read, or
    /// does not hash to its id, stays open.
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
