//! Merges small bundles of this key's own pushes.
//!
//! A push replaces many of its own adjacent bundles in the head by one. The head is swapped first. The replaced bundles remain for a time,
//! listed in the head, since another machine may be reading them; a later push removes them, and then their entries in the list. A process
//! that finds a bundle in neither the bundles nor the list therefore finds it removed too, and does not add it to a head again.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use clew_core::store::disk::{Disk, RealDisk};
use clew_core::store::{Bundle, StoreError};

use super::head::{HistoryHead, RemoteBundle};
use super::memory::{HAD, own};
use super::push::{PushTask, read};
use super::{SyncError, index};
use crate::backend::{Token, unwatched};
use crate::error::RemoteError;
use crate::nonce::nonce;

/// Fewer bundles than this are not merged.
const MANY: usize = 32;
/// A merged bundle is at least this many times as long as each of its parts, so that each byte is sent again only a few times.
const GROWTH: u64 = 8;
/// The most bytes that are merged.
const MOST: u64 = 32 << 20;
/// Attempts to swap the head.
const ATTEMPTS: usize = 10;

/// Returns the bundles to merge: many adjacent own bundles, none of which makes up a large share of their total size.
fn due(bundles: &[RemoteBundle], own: &BTreeSet<RemoteBundle>) -> Option<Range<usize>> {
    let mut end = bundles.len();
    while end > 0 {
        let run = bundles[..end]
            .iter()
            .rev()
            .take_while(|sent| own.contains(sent))
            .count();
        let found = (end - run..end).find(|start| is_worth_it(&bundles[*start..end]));
        if let Some(start) = found {
            return Some(start..end);
        }
        end -= run.max(1);
    }
    None
}

fn is_worth_it(several: &[RemoteBundle]) -> bool {
    let (sum, longest) = several.iter().fold((0, 0), |(sum, longest): (u64, u64), sent| {
        (sum + sent.length, longest.max(sent.length))
    });
    several.len() >= MANY && sum <= MOST && sum >= longest.saturating_mul(GROWTH)
}

impl PushTask<'_> {
    /// Merges small bundles if there are many; returns their number.
    pub(super) fn merge(&self, head: HistoryHead, token: Token) -> Result<u64, SyncError> {
        let (history, own) = (self.history(), own(self.key.public()));
        let Some(range) = due(&head.bundles, &self.memory.bundles(history, &own)) else {
            return Ok(0);
        };
        let several = head.bundles[range].to_vec();
        let Some(one) = self.made_one(&several)? else {
            // The notes are wrong, or the bundles cannot be merged: delete the notes, else each push would try again.
            self.memory.forget(history, &own);
            return Ok(0);
        };
        let had = self.memory.bundles(history, HAD);
        if several.iter().all(|sent| had.contains(sent)) {
            self.memory.note(history, HAD, &[one]);
        }
        let is_in_place = self.put_in_place(&several, one, (head, token))?;
        Ok(if is_in_place { several.len() as u64 } else { 0 })
    }

    /// Replaces the bundles in the head by one. `false` if they are no longer in it, or if others push all the time.
    fn put_in_place(
        &self,
        several: &[RemoteBundle],
        one: RemoteBundle,
        read_last: (HistoryHead, Token),
    ) -> Result<bool, SyncError> {
        let (mut head, mut token) = read_last;
        for _ in 0..ATTEMPTS {
            if !head.replace(several, one, self.now) {
                // An earlier swap may have succeeded without a response, before another process changed the head.
                return Ok(head.bundles.contains(&one));
            }
            (head.nonce, head.time) = (nonce(), self.now);
            match head.swap(self.backend, Some(&token)) {
                Ok(_) => return Ok(true),
                Err(SyncError::Remote(RemoteError::Conflict { .. })) => (),
                Err(error) => return Err(error),
            }
            let (newer, Some(newer_token)) = read(self.backend, self.history())? else {
                return Ok(false);
            };
            (head, token) = (newer, newer_token);
        }
        Ok(false)
    }

    /// Sends one bundle with the contents of several; `None` if they cannot be merged.
    fn made_one(&self, several: &[RemoteBundle]) -> Result<Option<RemoteBundle>, SyncError> {
        let fetched = self.fetching().fetch_all(several)?;
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let bundles: Result<Vec<Bundle>, StoreError> =
            fetched.iter().map(|staged| Bundle::open(&disk, &staged.0)).collect();
        let bundles = bundles?;
        let is_own = |bundle: &Bundle| bundle.key() == self.key.public() && bundle.history() == self.history();
        if !bundles.iter().all(is_own) {
            return Ok(None);
        }
        let (maker, staged) = self.begin()?;
        if !maker.merge(&bundles, &mut unwatched)? {
            return Ok(None);
        }
        let ids: BTreeSet<[u8; 32]> = bundles.iter().flat_map(Bundle::ids).collect();
        let one = self.send_bundle(maker, &staged)?;
        index::write(self.backend, self.memory, one, ids.iter())?;
        Ok(Some(one))
    }
}

#[cfg(test)]
mod tests {
    use clew_core::id::BundleId;

    use super::*;

    fn bundles(lengths: &[u64]) -> Vec<RemoteBundle> {
        let sent = |(number, length): (usize, &u64)| RemoteBundle {
            bundle: BundleId([number as u8; 32]),
            length: *length,
        };
        lengths.iter().enumerate().map(sent).collect()
    }

    fn due_of(lengths: &[u64], foreign: &[usize]) -> Option<Range<usize>> {
        let all = bundles(lengths);
        let own = all.iter().enumerate().filter(|(number, _)| !foreign.contains(number));
        due(&all, &own.map(|(_, sent)| *sent).collect())
    }

    #[test]
    fn many_of_ones_own_that_lie_together_become_one() {
        assert_eq!(due_of(&[20; MANY - 1], &[]), None);
        assert_eq!(due_of(&[20; MANY], &[]), Some(0..MANY));
        assert_eq!(due_of(&[20; 80], &[5]), Some(6..80));
        assert_eq!(due_of(&[20; 80], &[60]), Some(0..60));
        assert_eq!(due_of(&[20; 80], &[25, 51]), None);
        assert_eq!(due_of(&[2 << 20; MANY], &[]), None, "too much");
    }

    #[test]
    fn what_is_long_stays_until_there_is_much_behind_it() {
        let behind = |many: usize| {
            let mut lengths = vec![20; many];
            lengths[0] = 160;
            due_of(&lengths, &[])
        };
        assert_eq!(behind(MANY), None);
        assert_eq!(behind(MANY + 1), Some(1..MANY + 1));
        // As long as all bundles after it, and more.
        assert_eq!(behind(60), Some(0..60));
    }

    #[test]
    fn no_byte_goes_more_often_than_its_bundle_can_grow() {
        let (mut all, mut sent, own) = (Vec::new(), 0, |all: &[RemoteBundle]| all.iter().copied().collect());
        for number in 0..5_000_u32 {
            let mut id = [0; 32];
            id[..4].copy_from_slice(&number.to_le_bytes());
            all.push(RemoteBundle {
                bundle: BundleId(id),
                length: 20,
            });
            if let Some(range) = due(&all, &own(&all)) {
                let length = all[range.clone()].iter().map(|sent| sent.length).sum();
                let mut id = [1; 32];
                id[..4].copy_from_slice(&number.to_le_bytes());
                all.splice(
                    range,
                    [RemoteBundle {
                        bundle: BundleId(id),
                        length,
                    }],
                );
                sent += length;
            }
        }
        assert!(all.len() < 4 * MANY, "{} are left of 5,000", all.len());
        assert!(sent < 5 * 5_000 * 20, "{sent} bytes were sent again of {}", 5_000 * 20);
    }
}
