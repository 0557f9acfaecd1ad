//! Ids of many blocks, made on other processors while their caller stores those that came before.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use crate::id::BlockId;

/// Fewer bytes are hashed here and now: starting threads takes longer.
const WORTH_HELP: usize = 4 << 20;
/// The most threads: more than these read memory no faster.
const MOST_HELPERS: usize = 4;
/// So many blocks are hashed at a time: 4 MiB.
const PORTION: usize = 64;

/// Calls `take` with the number and the id of each of `pieces`, in order.
///
/// # Errors
/// The first one of `take`'s.
pub(super) fn each_id<E>(pieces: &[&[u8]], mut take: impl FnMut(usize, BlockId) -> Result<(), E>) -> Result<(), E> {
    let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
    if bytes < WORTH_HELP {
        let mut ids = pieces.iter().map(|piece| BlockId::of(piece)).enumerate();
        return ids.try_for_each(|(number, id)| take(number, id));
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let portions: Vec<&[&[u8]]> = pieces.chunks(PORTION).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (sender, made) = mpsc::channel();
        for _ in 0..processors.min(MOST_HELPERS) {
            let (sender, next, portions) = (sender.clone(), &next, &portions);
            scope.spawn(move || {
                while let Some((portion, pieces)) = take_next(next, portions) {
                    let ids: Vec<BlockId> = pieces.iter().map(|piece| BlockId::of(piece)).collect();
                    // Nobody listens any more after an error.
                    if sender.send((portion, ids)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let (mut early, mut number) = (BTreeMap::new(), 0);
        for (portion, ids) in made {
            early.insert(portion, ids);
            while let Some(ids) = early.remove(&(number / PORTION)) {
                for id in ids {
                    take(number, id)?;
                    number += 1;
                }
            }
        }
        Ok(())
    })
}

fn take_next<'p, T>(next: &AtomicUsize, portions: &[&'p [T]]) -> Option<(usize, &'p [T])> {
    let portion = next.fetch_add(1, Ordering::Relaxed);
    portions.get(portion).map(|pieces| (portion, *pieces))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_in_order_whether_others_help_or_not() {
        let bytes: Vec<u8> = (0..WORTH_HELP + 1_000_000).map(|index| (index / 999) as u8).collect();
        for length in [1000, bytes.len()] {
            let pieces: Vec<&[u8]> = bytes[..length].chunks(50_000).collect();
            let mut seen = Vec::new();
            let done: Result<(), ()> = each_id(&pieces, |number, id| {
                seen.push((number, id));
                Ok(())
            });
            let expected: Vec<_> = pieces.iter().map(|piece| BlockId::of(piece)).enumerate().collect();
            assert_eq!((done, seen), (Ok(()), expected));
        }
    }

    #[test]
    fn an_error_ends_it() {
        let bytes = vec![1; 3 * WORTH_HELP];
        let pieces: Vec<&[u8]> = bytes.chunks(50_000).collect();
        assert_eq!(
            each_id(&pieces, |number, _| if number < 70 { Ok(()) } else { Err(number) }),
            Err(70)
        );
    }
}
