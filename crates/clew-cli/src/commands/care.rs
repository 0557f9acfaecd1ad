//! `clew gc` and `clew forget`: the only commands that delete data.

pub mod forget;
pub mod gc;

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::Duration;

use clew_core::format::{Action, Dropping, View};
use clew_core::id::{HistoryId, ManifestId};
use clew_core::session::{RetentionRules, spared};
use clew_core::store::{
    Access, Budget, Collection, CollectionReport, HistoryRetention, LoadedHistory, RetentionRequest, SigningKey, Store,
    StoreError, Verdict,
};
use serde::Serialize;

use crate::context::Context;
use crate::history_view::{open_as, open_store};
use crate::presence::living;
use crate::problem::Problem;
use crate::text;

pub use forget::Forget;
pub use gc::Gc;

/// Retries while a recorder is at work, and the pause between two of them.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);

/// Nanoseconds of an hour.
const HOUR: i64 = 3_600_000_000_000;

/// The number and size of some pieces of data.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PieceCount {
    /// The number of values, texts and runs.
    pieces: u64,
    /// Their size in bytes.
    bytes: u64,
}

impl From<clew_core::store::Tally> for PieceCount {
    fn from(tally: clew_core::store::Tally) -> Self {
        Self {
            pieces: tally.things,
            bytes: tally.bytes,
        }
    }
}

impl PieceCount {
    fn is_none(self) -> bool {
        self.pieces == 0
    }

    /// Formats `1.2 MB`.
    pub(super) fn bytes(self) -> String {
        text::bytes(self.bytes)
    }

    /// Formats `3 pieces (1.2 MB)`.
    fn text(self) -> String {
        let pieces = usize::try_from(self.pieces).unwrap_or(usize::MAX);
        format!("{} ({})", text::count(pieces, "piece"), text::bytes(self.bytes))
    }
}

/// Finds unneeded data in a store, and deletes it; of needed data, deletes what `rules` drop.
pub(super) fn collect(
    directory: &Path,
    order: Collection,
    rules: &RetentionRules,
    limit: Budget,
    context: &Context,
) -> Result<CollectionResult, Problem> {
    // Never creates a store.
    let looking = open_store(directory, context)?;
    let (store, key) = if order.dry_run {
        (looking, None)
    } else {
        // Without the user's key no history counts as theirs, and no rule applies; the key is not created for that.
        open_as(Access::ReadWrite, directory, context)?
    };
    let (spared, histories) = spared_of(&store, rules, context)?;
    let mut tries = TRIES;
    let mut wait = || {
        thread::sleep(PAUSE);
        tries -= 1;
        tries > 0
    };
    let mut tell = |history, manifests| match &key {
        Some(key) => tell(&store, history, manifests, key, context),
        None => Ok(()),
    };
    let mut keeping = RetentionRequest {
        spared,
        most: store.usage(limit).most.filter(|_| rules.has_limit).unwrap_or(u64::MAX),
        tell: &mut tell,
    };
    let collected = store.collect_keeping(order, &mut keeping, &mut wait)?;
    Ok(CollectionResult { collected, histories })
}

/// Deletes forgotten data from a store, and with `with_dead` all other data that nothing needs. Returns what was collected, and the reason
/// why data remains if `is_open` finds such data in the report.
pub(super) fn collect_forgotten(
    directory: &Path,
    with_dead: bool,
    is_open: impl Fn(&CollectionReport) -> bool,
    context: &Context,
) -> (CollectionReport, Option<String>) {
    let order = Collection {
        now: context.now,
        uptime: context.uptime,
        grace: 0,
        forgotten_only: true,
        with_dead,
        dry_run: false,
    };
    let everything = RetentionRules::default();
    match collect(directory, order, &everything, Budget::Bytes(u64::MAX), context) {
        Ok(CollectionResult { collected, .. }) => {
            let mut reasons = collected.kept.iter().chain(&collected.doubts);
            let reason = reasons.next().filter(|_| is_open(&collected));
            let why = reason.map(|damage| format!("the store cannot be read everywhere: {}", damage.what));
            (collected, why)
        }
        Err(problem) => (CollectionReport::default(), Some(problem.message)),
    }
}

/// The result of a garbage collection, and the histories in which retention rules dropped something.
pub(super) struct CollectionResult {
    pub(super) collected: CollectionReport,
    histories: BTreeMap<HistoryId, LoadedHistory>,
}

/// Returns what the rules drop in each of the user's own histories. Histories signed by others are not affected.
fn spared_of(
    store: &Store,
    rules: &RetentionRules,
    context: &Context,
) -> Result<(Vec<HistoryRetention>, BTreeMap<HistoryId, LoadedHistory>), Problem> {
    let mut histories = BTreeMap::new();
    if *rules == RetentionRules::default() {
        return Ok((Vec::new(), histories));
    }
    let mut all = Vec::new();
    let has_writers = store.has_writers();
    for (id, _) in store.histories()? {
        let loaded = store.load(id)?;
        let mut operations = loaded.sessions.values().flat_map(|session| &session.operations);
        if operations.all(|loaded| loaded.verdict == Verdict::Own) {
            let is_live = has_writers || !living(store.directory(), &id.to_string()).0.is_empty();
            all.push(spared(id, &loaded, rules, is_live, context.now));
            histories.insert(id, loaded);
        }
    }
    Ok((all, histories))
}

/// Records in a history, in a new session, that values were dropped.
fn tell(
    store: &Store,
    history: HistoryId,
    manifests: Vec<ManifestId>,
    key: &SigningKey,
    context: &Context,
) -> Result<(), StoreError> {
    let mut writer = store.writer(history, store.new_session(), key)?;
    writer.put_dropping(Dropping { manifests });
    writer.commit(Action::Gc, Vec::new(), View::default(), context.now)?;
    writer.sync()
}
