//! Uploads parts in smaller pieces over a connection that breaks repeatedly.
//!
//! While nothing fails, a part is sent as one piece. Each break halves the piece size, and arrived pieces are kept, so every attempt makes
//! progress on a connection that lets one piece per thread through.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::backend::Upload;
use crate::error::RemoteError;
use crate::transfer::PART;

/// The smallest piece size in bytes.
const LEAST: u64 = 64 << 10;
/// Successful pieces before the size is doubled.
const PROOF: u32 = 16;

/// A byte range of a part, and its coordinates for the server side: number `number` of parts of `size` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PieceRange {
    pub start: u64,
    pub end: u64,
    pub size: u64,
    pub number: u32,
}

#[derive(Debug)]
struct State {
    /// `LEAST` times a power of two.
    size: u64,
    arrived: u32,
    /// The arrived bytes of each part, by upload and number.
    parts: HashMap<(String, u32), u64>,
}

/// How much of each part has arrived.
#[derive(Debug)]
pub(super) struct PartProgress(Mutex<State>);

impl Default for PartProgress {
    fn default() -> Self {
        Self(Mutex::new(State {
            size: PART,
            arrived: 0,
            parts: HashMap::new(),
        }))
    }
}

impl PartProgress {
    fn state(&self) -> MutexGuard<'_, State> {
        // Each change under the lock is atomic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the next piece of a part of `length` bytes; `None` when all arrived, which also resets the part.
    pub fn next(&self, upload: &Upload, number: u32, length: u64) -> Option<PieceRange> {
        let mut state = self.state();
        let key = (upload.id.clone(), number);
        let start = state.parts.get(&key).copied().unwrap_or(0);
        if start >= length {
            state.parts.remove(&key);
            return None;
        }
        let at = u64::from(number) * upload.part + start;
        // Without a failure, and where piece offsets would not be multiples of the piece size, the whole part is sent.
        let is_whole = start == 0 && state.size >= PART.min(length);
        if is_whole || !upload.part.is_multiple_of(LEAST) {
            return Some(PieceRange {
                start: 0,
                end: length,
                size: upload.part,
                number,
            });
        }
        let mut size = state.size;
        while !at.is_multiple_of(size) {
            size /= 2;
        }
        Some(PieceRange {
            start,
            end: length.min(start + size),
            size,
            // Objects have far fewer pieces: 2^32 pieces of the smallest size are 256 TiB.
            number: u32::try_from(at / size).unwrap_or(u32::MAX),
        })
    }

    /// Records the outcome of a piece.
    pub fn note<T>(&self, upload: &Upload, number: u32, piece: &PieceRange, came: &Result<T, RemoteError>) {
        let mut state = self.state();
        match came {
            Ok(_) => {
                state.parts.insert((upload.id.clone(), number), piece.end);
                state.arrived += 1;
                if state.arrived >= PROOF {
                    (state.size, state.arrived) = ((state.size * 2).min(PART), 0);
                }
            }
            Err(RemoteError::Unreachable { .. }) => {
                (state.size, state.arrived) = ((state.size / 2).max(LEAST), 0);
            }
            Err(_) => (),
        }
    }

    /// Removes the progress of an upload.
    pub fn forget(&self, upload: &Upload) {
        self.state().parts.retain(|(id, _), _| *id != upload.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(part: u64) -> Upload {
        Upload {
            name: "pack".parse().expect("a name"),
            id: "one".to_owned(),
            part,
        }
    }

    fn cut() -> Result<(), RemoteError> {
        Err(RemoteError::Unreachable {
            place: "there".to_owned(),
            said: "reset".to_owned(),
            wait: None,
        })
    }

    /// Sends three parts over a connection that breaks after every `budget` bytes; returns the arrived ranges and the number of breaks.
    fn through(budget: u64, upload: &Upload, lengths: [u64; 3]) -> (Vec<(u64, u64)>, u32) {
        let (pieces, mut arrived, mut left, mut cuts) = (PartProgress::default(), Vec::new(), budget, 0);
        for (number, length) in (0..).zip(lengths) {
            while let Some(piece) = pieces.next(upload, number, length) {
                let bytes = piece.end - piece.start;
                if bytes > left {
                    (left, cuts) = (budget, cuts + 1);
                    assert!(cuts < 1000, "it gets no further");
                    pieces.note(upload, number, &piece, &cut());
                    continue;
                }
                left -= bytes;
                arrived.push((u64::from(piece.number) * piece.size, bytes));
                pieces.note(upload, number, &piece, &Ok(()));
            }
        }
        (arrived, cuts)
    }

    #[test]
    fn every_byte_arrives_once_and_where_it_belongs_however_often_the_line_is_cut() {
        for part in [PART, 2 * PART] {
            let lengths = [part, part, 77];
            for budget in [LEAST, 3 * LEAST, 1 << 20, 3_000_000, 20_000_000] {
                let (mut arrived, _) = through(budget, &upload(part), lengths);
                arrived.sort_unstable();
                let end = arrived.iter().fold(0, |end, (start, bytes)| {
                    assert_eq!(end, *start, "cut every {budget} bytes");
                    end + bytes
                });
                assert_eq!(end, 2 * part + 77, "cut every {budget} bytes");
            }
        }
    }

    #[test]
    fn a_line_that_is_never_cut_takes_whole_parts() {
        let (arrived, cuts) = through(u64::MAX, &upload(PART), [PART, PART, 77]);
        assert_eq!((arrived.len(), cuts), (3, 0));
    }

    #[test]
    fn parts_of_an_odd_size_are_not_taken_apart() {
        let (arrived, cuts) = through(1000, &upload(999), [999, 999, 3]);
        assert_eq!(arrived, [(0, 999), (999, 999), (1998, 3)]);
        assert_eq!(cuts, 2);
    }
}
