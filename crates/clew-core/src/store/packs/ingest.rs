//! Copying live memory for storage: blocks are copied, compared with the recorded hashes, and given ids on other processors, while the
//! caller stores earlier copies.
//!
//! A thread of the user may write to the memory at any moment. So ids are computed from a copy, and the copy is stored: every block matches
//! its id.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::iter::Enumerate;
use std::slice::Chunks;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;

use xxhash_rust::xxh3::xxh3_128;

use crate::cores::cores;
use crate::id::BlockId;

/// Fewer bytes are copied on the calling thread: starting threads takes longer.
const WORTH_HELP: usize = 4 << 20;
/// The most threads: more do not read memory faster.
const MOST_HELPERS: usize = 4;
/// Blocks of one portion: 1 MiB.
const PORTION: usize = 16;
/// Portions that the caller gets at once: 16 MiB. At the end of each such batch, consecutive memory is split in the pack.
const AT_ONCE: usize = 16;

/// A block of live memory with its hash.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct MemoryBlock<'b> {
    pub bytes: &'b [u8],
    /// The hash (XXH3-128) that the walk computed.
    pub hash: u128,
}

/// The error that another thread changed memory after it was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct TornRead;

/// Copies of consecutive blocks.
#[derive(Debug)]
pub(in crate::store) struct BlockBatch {
    pub bytes: Vec<u8>,
    /// The id and length of each block.
    pub blocks: Vec<(BlockId, u32)>,
}

impl BlockBatch {
    /// Copies into `bytes`, whose content is replaced.
    fn copy(seen: &[MemoryBlock<'_>], mut bytes: Vec<u8>) -> Result<Self, TornRead> {
        bytes.clear();
        let mut blocks = Vec::with_capacity(seen.len());
        for block in seen {
            let start = bytes.len();
            bytes.extend_from_slice(block.bytes);
            // Prevents the compiler from reading the original instead of the copy.
            let copy = &black_box(&mut bytes)[start..];
            if xxh3_128(copy) != block.hash {
                return Err(TornRead);
            }
            blocks.push((BlockId::of(copy), copy.len() as u32));
        }
        Ok(Self { bytes, blocks })
    }
}

/// Calls `take` with copies of all blocks, in order, several portions at a time.
///
/// # Errors
/// Another thread wrote to a block: `take` is not called from there on. Or the first error of `take`.
pub(in crate::store) fn each_copy<E: From<TornRead>>(
    blocks: &[MemoryBlock<'_>],
    mut take: impl FnMut(&[BlockBatch]) -> Result<(), E>,
) -> Result<(), E> {
    let bytes: usize = blocks.iter().map(|block| block.bytes.len()).sum();
    let helpers = match bytes {
        0..WORTH_HELP => 0,
        _ => cores().min(MOST_HELPERS),
    };
    let (spare, spares) = mpsc::channel();
    let (sender, made) = mpsc::channel();
    let open = Mutex::new(Open {
        portions: blocks.chunks(PORTION).enumerate(),
        spares,
    });
    thread::scope(|scope| {
        let mut copies = Copies {
            open: &open,
            spare,
            made,
            early: BTreeMap::new(),
            has_help: false,
        };
        for _ in 0..AT_ONCE + 2 * helpers.max(1) {
            copies.give_back(Vec::new());
        }
        for _ in 0..helpers {
            let (sender, open) = (sender.clone(), &open);
            // If no more threads can be started, this one does all the work.
            let helper = thread::Builder::new().spawn_scoped(scope, move || help(open, &sender));
            copies.has_help |= helper.is_ok();
        }
        drop(sender);
        let count = blocks.len().div_ceil(PORTION);
        let mut gathered = Vec::with_capacity(AT_ONCE);
        for number in 0..count {
            gathered.push(copies.get(number).ok_or(TornRead)??);
            if gathered.len() == AT_ONCE || number + 1 == count {
                take(&gathered)?;
                gathered.drain(..).for_each(|portion| copies.give_back(portion.bytes));
            }
        }
        Ok(())
    })
}

/// The blocks that are not copied yet, and free buffers: enough for one batch and a few portions ahead.
struct Open<'b> {
    portions: Enumerate<Chunks<'b, MemoryBlock<'b>>>,
    spares: Receiver<Vec<u8>>,
}

impl Open<'_> {
    /// Takes the next portion when a buffer is free. The order guarantees that the portion that the caller waits for is in progress.
    fn next(open: &Mutex<Self>) -> Option<(usize, &[MemoryBlock<'_>], Vec<u8>)> {
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.portions.len() == 0 {
            return None;
        }
        let spare = open.spares.recv().ok()?;
        let (number, seen) = open.portions.next()?;
        Some((number, seen, spare))
    }
}

type Made = (usize, Result<BlockBatch, TornRead>);

fn help(open: &Mutex<Open<'_>>, sender: &Sender<Made>) {
    while let Some((number, seen, spare)) = Open::next(open) {
        // After an error the receiver is gone.
        if sender.send((number, BlockBatch::copy(seen, spare))).is_err() {
            return;
        }
    }
}

/// The receiving side of copies.
struct Copies<'o, 'b> {
    open: &'o Mutex<Open<'b>>,
    spare: Sender<Vec<u8>>,
    made: Receiver<Made>,
    early: BTreeMap<usize, Result<BlockBatch, TornRead>>,
    has_help: bool,
}

impl Copies<'_, '_> {
    fn give_back(&self, bytes: Vec<u8>) {
        // Fails only if no copying thread is left.
        let _ = self.spare.send(bytes);
    }

    /// Returns the portion `number`; `None` if the copying threads are gone.
    fn get(&mut self, number: usize) -> Option<Result<BlockBatch, TornRead>> {
        if !self.has_help {
            let (_, seen, spare) = Open::next(self.open)?;
            return Some(BlockBatch::copy(seen, spare));
        }
        loop {
            if let Some(portion) = self.early.remove(&number) {
                return Some(portion);
            }
            let (number, portion) = self.made.recv().ok()?;
            self.early.insert(number, portion);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    enum Failed {
        Torn,
        Refused,
    }

    impl From<TornRead> for Failed {
        fn from(_: TornRead) -> Self {
            Self::Torn
        }
    }

    fn memory(length: usize) -> Vec<u8> {
        (0..length).map(|index| (index / 999) as u8).collect()
    }

    fn seen(bytes: &[u8]) -> Vec<MemoryBlock<'_>> {
        let blocks = bytes.chunks(50_000);
        let seen = |bytes| MemoryBlock {
            bytes,
            hash: xxh3_128(bytes),
        };
        blocks.map(seen).collect()
    }

    #[test]
    fn copies_come_in_order_whether_others_help_or_not() {
        let bytes = memory(9 * WORTH_HELP + 1_000_000);
        for length in [0, 1000, 3_000_000, bytes.len()] {
            let (mut copy, mut ids) = (Vec::new(), Vec::new());
            let done: Result<(), Failed> = each_copy(&seen(&bytes[..length]), |portions| {
                for portion in portions {
                    copy.extend_from_slice(&portion.bytes);
                    ids.extend_from_slice(&portion.blocks);
                }
                Ok(())
            });
            let blocks = bytes[..length].chunks(50_000);
            let expected: Vec<_> = blocks.map(|block| (BlockId::of(block), block.len() as u32)).collect();
            assert_eq!(done, Ok(()));
            assert!(copy == bytes[..length] && ids == expected);
        }
    }

    #[test]
    fn an_error_ends_it() {
        let bytes = memory(9 * WORTH_HELP);
        let mut taken = 0;
        let done = each_copy(&seen(&bytes), |portions| {
            taken += portions.len();
            Err(Failed::Refused)
        });
        assert_eq!((done, taken), (Err(Failed::Refused), AT_ONCE));
    }

    #[test]
    fn p03_what_is_not_as_it_was_seen_is_not_taken() {
        let bytes = memory(9 * WORTH_HELP);
        for (length, torn) in [(3_000_000, 41), (bytes.len(), 700)] {
            let mut blocks = seen(&bytes[..length]);
            blocks[torn].hash ^= 1;
            let mut taken = 0;
            let done = each_copy(&blocks, |portions| {
                taken += portions.iter().map(|portion| portion.blocks.len()).sum::<usize>();
                Ok(())
            });
            assert_eq!(done, Err(Failed::Torn));
            assert!(taken <= torn);
        }
    }
}
