//! Reading one log: which operations are signed and in order, and which runs they make visible.

use std::path::Path;

use super::content::{FrameContent, UnverifiedOperation};
use super::{Chain, LoadedHistory, LoadedOperation, Tail};
use crate::format::{FileDescription, RecordDecodeError};
use crate::id::{HistoryId, OperationId, RunId, SessionId};
use crate::store::FileFault;
use crate::store::logs::signatures::PublicKey;
use crate::store::logs::trust::{Trust, Verdict};

/// The state of reading a log's new frames.
pub(super) struct LogReading<'l> {
    pub path: &'l Path,
    pub history: HistoryId,
    pub session: SessionId,
    pub part: u32,
    pub loaded: &'l mut LoadedHistory,
    pub tail: Tail,
    pub chain: Chain,
    /// Operations whose signatures were not checked yet, with their offsets.
    pub met: Vec<(u64, UnverifiedOperation)>,
}

impl LogReading<'_> {
    pub fn take(&mut self, offset: u64, content: FrameContent) {
        match content {
            FrameContent::Run(id, Ok(run)) => {
                self.tail.waiting.insert(id, run);
            }
            FrameContent::Run(id, Err(error)) => self.report_record(&error, run_unreadable(id, &error)),
            FrameContent::Operation(met) => self.met.push((offset, *met)),
            FrameContent::Malformed(Some(id), error) => {
                let (id, why) = (id.short(), error.to_string());
                self.report_record(&error, FileFault::OperationUnreadable { id, why });
            }
            FrameContent::Malformed(None, error) => {
                let why = error.to_string();
                self.report_record(&error, FileFault::OperationAt { offset, why });
            }
            FrameContent::Pack(pack) => {
                self.loaded.packs.insert(pack);
                self.tail.packs.push(pack);
            }
            FrameContent::Mark(synced) => self.tail.synced = self.tail.synced.max(synced.min(offset)),
            FrameContent::File(description) => self.file(description.as_ref()),
            FrameContent::Damaged(gap) => self.loaded.report_gap(self.path, &gap, (self.session, self.part)),
            FrameContent::Other => {}
        }
    }

    fn file(&mut self, found: Option<&FileDescription>) {
        let expected = FileDescription::Log {
            history: self.history,
            session: self.session,
        };
        if found != Some(&expected) {
            self.report(FileFault::OtherFile);
        }
    }

    /// Checks the signatures and makes visible what they cover.
    pub fn finish(mut self, trust: &Trust) {
        let met = std::mem::take(&mut self.met);
        let sound = judge(&met);
        for ((offset, met), is_sound) in met.into_iter().zip(sound) {
            if is_sound {
                self.admit(offset, met, trust);
            } else {
                self.report(FileFault::NotSealed { id: met.id.short() });
            }
        }
        self.loaded.chains.insert(self.session, self.chain);
        self.loaded.tails.insert((self.session, self.part), self.tail);
    }

    /// Handles a log that continues in a later part after a disk failure. Its first operation replaces one of the same number in the part
    /// before, which was written, never acknowledged, and could not be truncated.
    fn supersede(&mut self, number: u64) {
        if self.part == 1 || !self.tail.offsets.is_empty() || number >= self.chain.next {
            return;
        }
        let Some(session) = self.loaded.sessions.get_mut(&self.session) else {
            return;
        };
        let kept = session
            .operations
            .partition_point(|loaded| loaded.operation.number < number);
        for dropped in session.operations.split_off(kept) {
            for run in dropped.operation.runs {
                self.loaded.runs.remove(&run);
            }
        }
        self.chain = Chain {
            previous: session.operations.last().map(|loaded| loaded.id),
            next: session
                .operations
                .last()
                .map_or(0, |loaded| loaded.operation.number.saturating_add(1)),
        };
    }

    fn admit(&mut self, offset: u64, met: UnverifiedOperation, trust: &Trust) {
        let operation = &met.operation;
        if (operation.history, operation.session) != (self.history, self.session) {
            return self.report(FileFault::OtherSession { id: met.id.short() });
        }
        self.supersede(operation.number);
        if operation.number < self.chain.next {
            let (id, number) = (met.id.short(), operation.number);
            return self.report(FileFault::Second { id, number });
        }
        if operation.number > self.chain.next || operation.previous != self.chain.previous {
            let (number, session) = (operation.number, self.session.short());
            self.report_torn(offset, FileFault::OperationsMissing { number, session });
        }
        self.chain = Chain {
            previous: Some(met.id),
            next: operation.number.saturating_add(1),
        };
        self.tail.offsets.push(offset);
        let key = PublicKey(met.signed.key);
        let verdict = trust.verdict(key);
        for id in &operation.runs {
            self.reveal(*id, verdict, offset);
        }
        let session = self.loaded.sessions.entry(self.session).or_default();
        session.operations.push(LoadedOperation {
            id: met.id,
            operation: met.operation,
            key,
            verdict,
        });
    }

    fn reveal(&mut self, id: RunId, verdict: Verdict, offset: u64) {
        if let Some(run) = self.tail.waiting.remove(&id) {
            match run.check(verdict) {
                Ok(()) => {
                    self.loaded.runs.insert(id, run);
                }
                Err(error) => self.report_record(&error, run_unreadable(id, &error)),
            }
        } else if !self.loaded.runs.contains_key(&id) {
            self.report_torn(offset, FileFault::RunMissing { id: id.short() });
        }
    }

    /// Reports damage that a power failure may also leave: data before `offset` that was not synced.
    fn report_torn(&mut self, offset: u64, flaw: FileFault) {
        self.loaded
            .report_torn(self.path, flaw, (self.session, self.part, offset));
    }

    /// Reports an unreadable record: damage, or a record of a later version of Clew.
    fn report_record(&mut self, error: &RecordDecodeError, flaw: FileFault) {
        match error {
            RecordDecodeError::Newer(_) => self.loaded.report_later(self.path, flaw),
            RecordDecodeError::Malformed(_) => self.report(flaw),
        }
    }

    fn report(&mut self, flaw: FileFault) {
        self.loaded.report(self.path, flaw);
    }
}

/// Returns which operations are signed. A signature covers everything to which its operation leads back under the same key, so a log of any
/// length costs one signature check.
fn judge(met: &[(u64, UnverifiedOperation)]) -> Vec<bool> {
    let mut sound = vec![false; met.len()];
    let mut vouched: Option<(OperationId, [u8; 32])> = None;
    for ((_, met), sound) in met.iter().zip(&mut sound).rev() {
        *sound = vouched == Some((met.id, met.signed.key)) || PublicKey::has_signed(&met.signed);
        vouched = if *sound {
            met.operation.previous.map(|previous| (previous, met.signed.key))
        } else {
            None
        };
    }
    sound
}

fn run_unreadable(id: RunId, error: &impl ToString) -> FileFault {
    let (id, why) = (id.short(), Some(error.to_string()));
    FileFault::RunUnreadable { id, why }
}
