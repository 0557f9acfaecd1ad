//! Pushing a history to a place.

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

/// How often somebody else may come first.
const ATTEMPTS: usize = 50;

/// The result of a push.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushSummary {
    /// Bundles that were sent.
    pub bundles: u64,
    /// Bytes that went over the network.
    pub bytes: u64,
    /// Values' bytes that are new there, before compression.
    pub new: u64,
    /// Sessions of which something is new there.
    pub sessions: u64,
    /// Small bundles of earlier pushes that were made one.
    pub merged: u64,
    /// What could not be read here, and was not sent.
    pub damage: Vec<String>,
}

impl PushSummary {
    /// Whether the place had everything.
    pub fn is_nothing(&self) -> bool {
        self.sessions == 0 && self.bundles == 0
    }
}

/// What a place has of a history, with what an earlier push sent that never came to its end. Whether whoever resumes there has an
/// input file nobody knows, so they have none.
#[derive(Debug)]
pub struct RemoteContents {
    ids: FxHashSet<[u8; 32]>,
    ends: LogEnds,
}

impl RemoteContents {
    /// How far each log goes there.
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

/// What a place has of a history.
///
/// # Errors
/// The place refused.
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

/// Sends what the place has not of what is to go out.
///
/// # Errors
/// The place or this machine's disk refused, or the user gave up. What was sent is not sent again by the next push.
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
    // What is small goes with the logs: it is a push after each run that has nothing else.
    let has_news = outgoing.has_news(&head.ends());
    let small = portions.pop_if(|portion| has_news && portion.bytes() <= SMALL);
    let mut sent = begun;
    sent.extend(push.send_all(portions, &mut pushed)?);
    // What is new in the logs, behind what the place had of them: it goes on behind more as well.
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
                // What was pushed is there: whatever keeps this from its end, the next push does it.
                pushed.merged = push.merge(head, token).unwrap_or(0);
                return Ok(push.done(pushed));
            }
            Err(SyncError::Remote(RemoteError::Conflict { .. })) => {
                (head, token) = read(backend, history)?;
                // Somebody who has the same key may have put another in the place of what a push left whose answer was lost.
                let lengths = still_there(backend, memory, history)?;
                sent.retain(|sent| lengths.contains(sent) && !head.has_replaced(sent));
            }
            Err(error) => return Err(error),
        }
    }
    Err(SyncError::Crowded { place: backend.place() })
}

/// Whether what was to come behind `of` can come behind `there`.
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

/// Bundles that an earlier push sent, which never came to its end.
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

/// Lets go of what a push began in parts that was cut: nobody goes on with it, and who keeps the place is paid for it.
fn abandon_left(backend: &dyn Backend, memory: &RemoteCache) {
    let left = memory.uploads();
    if !left.is_empty() {
        let stays = |upload: &Upload| backend.abandon(upload).is_err();
        memory.keep_uploads(&left.into_iter().filter(stays).collect::<Vec<_>>());
    }
}

/// A bundle that was sent, and the parts of its portion that could not be read.
type DeliveredBundle = (RemoteBundle, Vec<String>);

/// What of a portion the place has then. What can't be read here may be whole on another machine, or later: the place must not be said
/// to have it.
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

    /// What fetches into the folder where bundles are made.
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

    /// Sends the portions, several at once; gives up at the first that fails.
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

    /// Sends what is new in the logs, and what is small and goes with it; `None` if nothing is new.
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
        // Before it is in a head: the answer to that may be lost.
        self.memory.note(self.history(), &own(self.key.public()), &[sent]);
        let file = File::open(&staged.0)?;
        let name = index::bundle_name(bundle)?;
        let mut watch = |bytes| self.meter.add(bytes);
        let mut sending = UploadProgress::default();
        if length > transfer::PART {
            let upload = self.backend.begin(&name, length)?;
            // Before its first part: whatever cuts this, the next push lets go of it.
            self.memory.note_upload(&upload);
            sending.upload = Some(upload);
        }
        transfer::send(self.backend, &name, &file, &mut sending, &mut watch)?;
        Ok(sent)
    }
}
