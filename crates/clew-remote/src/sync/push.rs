//! Pushing a history to a remote.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use clew_core::format::{FileEvidence, Timestamp};
use clew_core::id::HistoryId;
use clew_core::plan::carry::Target;
use clew_core::store::disk::RealDisk;
use clew_core::store::{
    BundleMaker, LogEnds, OutgoingHistory, SigningKey, StoreError, TransferPortion, TransferSummary,
};
use rustc_hash::FxHashSet;

use super::at_once::{AT_ONCE, at_once};
use super::head::{HistoryHead, RemoteBundle, SMALL};
use super::local_copy::{Meter, TemporaryFile, named};
use super::memory::{BEGUN, HAD, own};
use super::pull::PullTask;
use super::{ProgressCallback, RemoteCache, SyncError, SyncTarget, index, replaced_bundles};
use crate::backend::{Backend, Token, Upload, unwatched};
use crate::error::RemoteError;
use crate::nonce::{in_digits, nonce};
use crate::transfer::{self, UploadProgress};

/// Attempts to swap the head.
const ATTEMPTS: usize = 50;

/// The result of a push.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushSummary {
    /// Bundles that were sent.
    pub bundles: u64,
    /// Bytes that went over the network.
    pub bytes: u64,
    /// Bytes of values that the remote did not have, before compression.
    pub new: u64,
    /// Sessions with new data for the remote.
    pub sessions: u64,
    /// Small bundles of earlier pushes that were merged.
    pub merged: u64,
    /// Objects that could not be read on this machine and were not sent.
    pub damage: Vec<String>,
}

impl PushSummary {
    /// Whether the remote had everything already.
    pub fn is_nothing(&self) -> bool {
        self.sessions == 0 && self.bundles == 0
    }
}

/// What a remote has of a history, including bundles of earlier, incomplete pushes. Input files count as missing there, since it is unknown
/// whether the other machine has them.
#[derive(Debug)]
pub struct RemoteContents {
    ids: FxHashSet<[u8; 32]>,
    ends: LogEnds,
}

impl RemoteContents {
    /// Returns the end of each log in the remote.
    pub fn ends(&self) -> &LogEnds {
        &self.ends
    }
}

impl Target for RemoteContents {
    fn has(&self, id: &[u8; 32]) -> bool {
        self.ids.contains(id)
    }

    fn has_file(&self, _: &FileEvidence) -> bool {
        false
    }
}

/// Reads what a remote has of a history.
///
/// # Errors
/// The remote failed.
pub fn there(history: HistoryId, way: &SyncTarget<'_>) -> Result<RemoteContents, SyncError> {
    let (head, _) = read(way.backend, history)?;
    let begun = still_there(way.backend, &way.memory, history)?;
    Ok(RemoteContents {
        ids: known(&head, &begun, way)?,
        ends: head.ends(),
    })
}

fn known(head: &HistoryHead, begun: &[RemoteBundle], way: &SyncTarget<'_>) -> Result<FxHashSet<[u8; 32]>, SyncError> {
    let all: Vec<RemoteBundle> = head.bundles.iter().chain(begun).copied().collect();
    index::ids(way.backend, &way.memory, &all)
}

/// Sends what the remote lacks of the outgoing history.
///
/// # Errors
/// The remote or this machine's disk failed, or the user cancelled. The next push does not send the same data again.
pub fn push(
    outgoing: &OutgoingHistory,
    way: &SyncTarget<'_>,
    (key, now): (&SigningKey, Timestamp),
    telling: ProgressCallback<'_>,
) -> Result<PushSummary, SyncError> {
    let (backend, memory) = (way.backend, &way.memory);
    let _alone = way.alone()?;
    memory.sweep();
    let history = outgoing.history();
    let (mut head, mut token) = read(backend, history)?;
    let mut begun = still_there(backend, memory, history)?;
    begun.retain(|sent| !head.has_replaced(sent));
    let ids = known(&head, &begun, way)?;
    abandon_left(backend, memory);
    let mut portions = outgoing.portions(&|id| ids.contains(id), way.portion);
    let push = PushTask {
        outgoing,
        backend,
        memory,
        key,
        now,
        staging: memory.staging()?,
        meter: Meter::new(portions.iter().map(TransferPortion::bytes).sum(), telling),
    };
    let mut pushed = PushSummary {
        new: portions.iter().map(TransferPortion::bytes).sum(),
        ..PushSummary::default()
    };
    // A small portion is sent with the log records: most pushes after a run consist of nothing else.
    let has_news = outgoing.has_news(&head.ends());
    let small = portions.pop_if(|portion| has_news && portion.bytes() <= SMALL);
    let mut sent = begun;
    sent.extend(push.send_all(portions, &mut pushed)?);
    // The records bundle, and the log ends that it continues: it also fits onto logs that have grown since.
    let mut told: Option<(LogEnds, Option<RemoteBundle>)> = None;
    for _ in 0..ATTEMPTS {
        let there = head.ends();
        let records = match &told {
            Some((of, records)) if goes_on_behind(of, &there) => *records,
            _ => push.send_records(&there, small.as_ref(), &mut pushed)?,
        };
        told = Some((there, records));
        if records.is_none() && sent.iter().all(|sent| head.bundles.contains(sent)) {
            memory.forget(history, BEGUN);
            return Ok(push.done(pushed));
        }
        let bundles: Vec<RemoteBundle> = sent.iter().chain(&records).copied().collect();
        replaced_bundles::take_away_replaced(backend, &mut head, now);
        head.add(&bundles, &outgoing.ends());
        (head.nonce, head.time) = (nonce(), now);
        match head.swap(backend, token.as_ref()) {
            Ok(token) => {
                memory.forget(history, BEGUN);
                memory.keep_uploads(&[]);
                memory.note(history, HAD, &bundles);
                // The push is complete: if the merge fails, the next push retries it.
                pushed.merged = push.merge(head, token).unwrap_or(0);
                return Ok(push.done(pushed));
            }
            Err(SyncError::Remote(RemoteError::Conflict { .. })) => {
                (head, token) = read(backend, history)?;
                // Another process with the same key may have merged bundles of a push whose response was lost.
                let lengths = still_there(backend, memory, history)?;
                sent.retain(|sent| lengths.contains(sent) && !head.has_replaced(sent));
            }
            Err(error) => return Err(error),
        }
    }
    Err(SyncError::Crowded { place: backend.place() })
}

/// Whether records that continue the logs at `of` can be appended at `there`.
fn goes_on_behind(of: &LogEnds, there: &LogEnds) -> bool {
    of.iter()
        .all(|(log, end)| there.get(log).is_some_and(|there| there >= end))
}

pub(super) fn read(backend: &dyn Backend, history: HistoryId) -> Result<(HistoryHead, Option<Token>), SyncError> {
    Ok(match HistoryHead::read(backend, history)? {
        Some((head, token)) => (head, Some(token)),
        None => (HistoryHead::new(history), None),
    })
}

/// Returns the bundles that an earlier, incomplete push sent and the remote still has.
fn still_there(
    backend: &dyn Backend,
    memory: &RemoteCache,
    history: HistoryId,
) -> Result<Vec<RemoteBundle>, SyncError> {
    let mut there = Vec::new();
    for sent in memory.bundles(history, BEGUN) {
        if backend.length(&index::bundle_name(sent.bundle)?)? == Some(sent.length) {
            there.push(sent);
        }
    }
    Ok(there)
}

/// Aborts multipart uploads of an interrupted push: nothing continues them, and the remote's owner pays for their storage.
fn abandon_left(backend: &dyn Backend, memory: &RemoteCache) {
    let left = memory.uploads();
    if !left.is_empty() {
        let stays = |upload: &Upload| backend.abandon(upload).is_err();
        memory.keep_uploads(&left.into_iter().filter(stays).collect::<Vec<_>>());
    }
}

/// A sent bundle, and messages about contents that could not be read.
type DeliveredBundle = (RemoteBundle, Vec<String>);

/// Returns the objects of a portion that the remote then has. Objects that cannot be read here may be intact on another machine or later,
/// so they must not be counted.
fn had<'p>(portion: &'p TransferPortion, carried: &'p TransferSummary) -> impl Iterator<Item = &'p [u8; 32]> {
    portion.things().filter(|id| !carried.unread.contains(id))
}

fn said(carried: &TransferSummary) -> Vec<String> {
    let damage = carried.damage.iter();
    damage
        .map(|damage| format!("{}: {}", damage.path.display(), damage.what))
        .collect()
}

pub(super) struct PushTask<'p> {
    outgoing: &'p OutgoingHistory,
    pub backend: &'p dyn Backend,
    pub memory: &'p RemoteCache,
    pub key: &'p SigningKey,
    pub now: Timestamp,
    staging: PathBuf,
    meter: Meter<'p>,
}

impl<'p> PushTask<'p> {
    pub fn history(&self) -> HistoryId {
        self.outgoing.history()
    }

    /// Returns a task that fetches into the staging folder.
    pub fn fetching(&'p self) -> PullTask<'p> {
        PullTask {
            backend: self.backend,
            staging: self.staging.clone(),
            meter: Meter::new(0, &|_| ControlFlow::Continue(())),
        }
    }

    fn done(&self, pushed: PushSummary) -> PushSummary {
        PushSummary {
            bytes: self.meter.moved(),
            ..pushed
        }
    }

    /// Sends the portions in parallel; stops at the first failure.
    fn send_all(
        &self,
        portions: Vec<TransferPortion>,
        pushed: &mut PushSummary,
    ) -> Result<Vec<RemoteBundle>, SyncError> {
        let sent = at_once(AT_ONCE, portions, |portion| self.send(&portion))?;
        pushed.bundles += sent.len() as u64;
        pushed
            .damage
            .extend(sent.iter().flat_map(|(_, damage)| damage.iter().cloned()));
        Ok(sent.into_iter().map(|(sent, _)| sent).collect())
    }

    fn send(&self, portion: &TransferPortion) -> Result<DeliveredBundle, SyncError> {
        let (maker, staged) = self.begin()?;
        let carried = self.outgoing.write(portion, &maker, &mut unwatched)?;
        let sent = self.send_bundle(maker, &staged)?;
        index::write(self.backend, self.memory, sent, had(portion, &carried))?;
        self.memory.note(self.history(), BEGUN, &[sent]);
        Ok((sent, said(&carried)))
    }

    /// Sends the new log records with the small portion; `None` if there are no new records.
    fn send_records(
        &self,
        there: &LogEnds,
        small: Option<&TransferPortion>,
        pushed: &mut PushSummary,
    ) -> Result<Option<RemoteBundle>, SyncError> {
        if !self.outgoing.has_news(there) {
            return Ok(None);
        }
        let (maker, staged) = self.begin()?;
        let none = TransferPortion::default();
        let portion = small.unwrap_or(&none);
        let carried = self.outgoing.write(portion, &maker, &mut unwatched)?;
        pushed.sessions = self.outgoing.write_records(&maker, there, self.now)?.sessions;
        pushed.bundles += 1;
        pushed.damage.extend(said(&carried));
        let sent = self.send_bundle(maker, &staged)?;
        index::write(self.backend, self.memory, sent, had(portion, &carried))?;
        Ok(Some(sent))
    }

    pub fn begin(&self) -> Result<(BundleMaker, TemporaryFile), StoreError> {
        let staged = TemporaryFile(self.staging.join(format!("{}.clew", in_digits(nonce()))));
        let maker = BundleMaker::begin(Arc::new(RealDisk), &staged.0)?;
        Ok((maker, staged))
    }

    pub fn send_bundle(&self, maker: BundleMaker, staged: &TemporaryFile) -> Result<RemoteBundle, SyncError> {
        maker.finish(self.outgoing.history(), self.key, self.now)?;
        let (bundle, length) = named(&staged.0)?;
        let sent = RemoteBundle { bundle, length };
        // Before the bundle enters a head: the response to the swap may be lost.
        self.memory.note(self.history(), &own(self.key.public()), &[sent]);
        let file = File::open(&staged.0)?;
        let name = index::bundle_name(bundle)?;
        let mut watch = |bytes| self.meter.add(bytes);
        let mut sending = UploadProgress::default();
        if length > transfer::PART {
            let upload = self.backend.begin(&name, length)?;
            // Before its first part: after an interruption the next push aborts the upload.
            self.memory.note_upload(&upload);
            sending.upload = Some(upload);
        }
        transfer::send(self.backend, &name, &file, &mut sending, &mut watch)?;
        Ok(sent)
    }
}
