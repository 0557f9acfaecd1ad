//! When something was done last in a history, told from the ends of its logs.

use crate::format::{FrameKind, Operation, SignedRecord, Timestamp, decode_record};
use crate::id::HistoryId;
use crate::store::disk::DiskFile;
use crate::store::logs::stored_run::payload_at;
use crate::store::scan::{Payloads, scan};
use crate::store::{Store, StoreError, layout};

/// How much of a log's end is looked at, at first and then if no operation lies there.
const ENDS: [u64; 3] = [16 << 10, 1 << 20, u64::MAX];

impl Store {
    /// About when something was done last in a history, which loading it tells for sure: the seals of operations are
    /// not judged. `None` where no operation can be found.
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

/// The last operation of a log.
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
