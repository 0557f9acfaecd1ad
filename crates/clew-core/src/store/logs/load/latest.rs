//! Finding the time of the last operation of a history at the ends of its logs.

use crate::format::{FrameKind, Operation, SignedRecord, Timestamp, decode_record};
use crate::id::HistoryId;
use crate::store::disk::DiskFile;
use crate::store::logs::stored_run::payload_at;
use crate::store::scan::{Payloads, scan};
use crate::store::{Store, StoreError, layout};

/// Bytes at a log's end that are searched for an operation: first few, then more.
const ENDS: [u64; 3] = [16 << 10, 1 << 20, u64::MAX];

impl Store {
    /// Returns the approximate time of the last operation of a history. Unlike loading the history, it does not check signatures. Returns
    /// `None` if no operation is found.
    pub fn last_moment(&self, history: HistoryId) -> Result<Option<Timestamp>, StoreError> {
        let folder = layout::history_folder(self.directory(), history);
        let names = self.names_in(history)?;
        let logs = names.iter().filter(|name| layout::log_part(name).is_some());
        Ok(logs
            .filter_map(|name| last_operation(&*self.disk().open(&folder.join(name)).ok()?))
            .map(|operation| operation.time)
            .max())
    }
}

/// Returns the last operation of a log.
fn last_operation(log: &dyn DiskFile) -> Option<Operation> {
    let length = log.length().ok()?;
    ENDS.iter().find_map(|end| {
        let mut last = None;
        let scanned = scan(log, length.saturating_sub(*end), Payloads::Skip, |frame| {
            if frame.header.kind == FrameKind::OPERATION {
                last = Some(frame.offset);
            }
        });
        operation(log, scanned.ok().and(last)?)
    })
}

fn operation(log: &dyn DiskFile, offset: u64) -> Option<Operation> {
    let signed: SignedRecord = decode_record(&payload_at(log, offset, FrameKind::OPERATION)?).ok()?;
    decode_record(&signed.bytes).ok()
}
