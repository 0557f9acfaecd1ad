//! Stretches: new blocks that are consecutive in memory.

use crate::id::BlockId;

/// Shorter stretches are compressed in shared frames: aligned to pages they would waste more space than they use.
const SMALL: usize = 16 * 1024;
/// The most blocks of one run, to limit the length of its table.
pub(in crate::store) const MAX_RUN: usize = 4096;

/// New blocks that are consecutive in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Stretch<'a> {
    /// Its offset in its piece of memory. The file preserves the offset modulo the page size.
    pub offset: u64,
    /// The bytes of all its blocks.
    pub bytes: &'a [u8],
    /// The id and length of each block.
    pub blocks: Vec<(BlockId, u32)>,
}

impl<'a> Stretch<'a> {
    /// Splits the stretch after the first `count` blocks.
    fn split(self, count: usize) -> (Self, Self) {
        let (first, rest) = self.blocks.split_at(count);
        let length: usize = first.iter().map(|(_, length)| *length as usize).sum();
        let (bytes, later) = self.bytes.split_at(length);
        let part = |offset, bytes: &'a [u8], blocks: &[_]| Self {
            offset,
            bytes,
            blocks: blocks.to_vec(),
        };
        let end = self.offset + length as u64;
        (part(self.offset, bytes, first), part(end, later, rest))
    }
}

/// Separates short stretches, which are compressed together, from longer ones, which are stored raw.
pub(in crate::store) fn by_length(stretches: Vec<Stretch<'_>>) -> (Vec<Stretch<'_>>, Vec<Stretch<'_>>) {
    stretches.into_iter().partition(|stretch| stretch.bytes.len() < SMALL)
}

/// Combines stretches to runs of at most [`MAX_RUN`] blocks, and splits stretches where necessary.
pub(in crate::store) fn runs(stretches: Vec<Stretch<'_>>) -> Vec<Vec<Stretch<'_>>> {
    let mut runs = Vec::new();
    let (mut run, mut room) = (Vec::new(), MAX_RUN);
    for mut stretch in stretches {
        while stretch.blocks.len() > room {
            let (first, rest) = stretch.split(room);
            run.push(first);
            runs.push(std::mem::take(&mut run));
            (stretch, room) = (rest, MAX_RUN);
        }
        room -= stretch.blocks.len();
        run.push(stretch);
    }
    if !run.is_empty() {
        runs.push(run);
    }
    runs.iter_mut()
        .for_each(|run| run.retain(|stretch| !stretch.blocks.is_empty()));
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_run_has_too_many_blocks_and_none_is_lost() {
        let bytes = vec![0; 3 * MAX_RUN];
        let stretch = |offset: usize, blocks: usize| Stretch {
            offset: offset as u64,
            bytes: &bytes[offset..offset + blocks],
            blocks: vec![(BlockId([0; 32]), 1); blocks],
        };
        let runs = runs(vec![
            stretch(0, 10),
            stretch(20, 2 * MAX_RUN),
            stretch(3 * MAX_RUN - 5, 5),
        ]);
        let found: Vec<Vec<(u64, usize)>> = runs
            .iter()
            .map(|run| run.iter().map(|part| (part.offset, part.bytes.len())).collect())
            .collect();
        let most = MAX_RUN as u64;
        let expected = [
            vec![(0, 10), (20, MAX_RUN - 10)],
            vec![(most + 10, MAX_RUN)],
            vec![(2 * most + 10, 10), (3 * most - 5, 5)],
        ];
        assert_eq!(found, expected);
    }
}
