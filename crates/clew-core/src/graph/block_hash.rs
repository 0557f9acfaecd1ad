//! Hashing of memory by blocks, on all cores if there is much of it, and only of blocks whose hash is not known.

use std::slice::ChunksMut;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::extent::{Extent, block_cuts};
use super::halt::Halt;
use super::heap::Heap;
use crate::cores::cores;

/// Less memory is hashed on the calling thread: other threads would cost more than they save.
const WORTH_THREADS: u64 = 8 << 20;
/// The maximum number of threads: a few threads already use the whole memory bandwidth.
const MOST_THREADS: usize = 8;

/// The number of blocks hashed between two checks whether to halt: one megabyte, some hundred microseconds.
const BLOCKS_A_QUESTION: usize = 16;

/// A block that is not hashed yet.
struct Open<'b> {
    bytes: &'b [u8],
    hash: &'b mut u128,
}

/// Computes the XXH3-128 of each block of `bytes`, cut by [`block_cuts`].
pub fn hash_blocks(bytes: &[u8], column: u64) -> Vec<u128> {
    hash_others(bytes, column, &[], None)
}

/// Does the same, but skips blocks with a known hash. `known` may be shorter than the number of blocks. If the look was halted,
/// some hashes are missing.
fn hash_others(bytes: &[u8], column: u64, known: &[Option<u128>], halt: Option<&Halt>) -> Vec<u128> {
    let cuts: Vec<(u64, u64)> = block_cuts(bytes.len() as u64, column).collect();
    let of = |index: usize| known.get(index).copied().flatten();
    let mut hashes: Vec<u128> = (0..cuts.len()).map(|index| of(index).unwrap_or_default()).collect();
    let open = hashes.iter_mut().zip(&cuts).enumerate();
    let open = open.filter(|(index, _)| of(*index).is_none());
    let mut open: Vec<Open<'_>> = open
        .map(|(_, (hash, (offset, length)))| Open {
            bytes: &bytes[*offset as usize..(offset + length) as usize],
            hash,
        })
        .collect();
    hash_all(&mut open, halt);
    hashes
}

/// Computes the hashes of the blocks of an extent; returns `None` if its memory cannot be read.
pub(super) fn hash_memory<H: Heap>(heap: &H, extent: &Extent) -> Option<Vec<u128>> {
    if extent.length == 0 {
        return Some(Vec::new());
    }
    // Untouched pages are determined before the others are read, so that the next look detects writes in between.
    let known = heap.untouched(extent);
    let bytes = heap.bytes(extent.address, extent.length)?;
    let halt = heap.halt();
    let hashes = hash_others(bytes, extent.column, &known, halt);
    // If the look was halted, some hashes are missing.
    if !halt.is_some_and(Halt::was_wanted) {
        heap.remember(extent, &hashes);
    }
    Some(hashes)
}

fn hash_all(open: &mut [Open<'_>], halt: Option<&Halt>) {
    let bytes: u64 = open.iter().map(|block| block.bytes.len() as u64).sum();
    let threads = cores().min(MOST_THREADS);
    if bytes < WORTH_THREADS || threads == 1 {
        hash_some(open, halt);
        return;
    }
    let share = open.len().div_ceil(threads);
    let parts = Mutex::new(open.chunks_mut(share));
    let work = || {
        while let Some(part) = next(&parts) {
            hash_some(part, halt);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            // If no thread can be started, this thread does all the work.
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
}

fn next<'p, T>(parts: &Mutex<ChunksMut<'p, T>>) -> Option<&'p mut [T]> {
    parts.lock().unwrap_or_else(PoisonError::into_inner).next()
}

fn hash_some(open: &mut [Open<'_>], halt: Option<&Halt>) {
    for some in open.chunks_mut(BLOCKS_A_QUESTION) {
        if halt.is_some_and(Halt::is_wanted) {
            return;
        }
        some.iter_mut().for_each(Open::hash);
    }
}

impl Open<'_> {
    fn hash(&mut self) {
        *self.hash = xxhash_rust::xxh3::xxh3_128(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::BLOCK_LENGTH;

    #[test]
    fn many_threads_find_the_same_hashes_in_the_same_order() {
        let bytes: Vec<u8> = (0..WORTH_THREADS + 100).map(|at| (at / 777) as u8).collect();
        let hashes = hash_blocks(&bytes, 0);
        let one_by_one = bytes.chunks(BLOCK_LENGTH as usize).map(xxhash_rust::xxh3::xxh3_128);
        assert!(hashes.iter().copied().eq(one_by_one));
    }

    #[test]
    fn what_is_known_is_not_hashed() {
        let bytes = vec![1; 3 * BLOCK_LENGTH as usize];
        let hashes = hash_others(&bytes, 0, &[None, Some(7)], None);
        assert_eq!(hashes[1], 7);
        assert_eq!((hashes[0], hashes.len()), (hashes[2], 3));
    }
}
