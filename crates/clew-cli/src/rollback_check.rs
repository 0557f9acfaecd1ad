//! What was last seen of a store: read before its logs are, held against them, and moved on with what they hold now.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use clew_core::id::HistoryId;
use clew_core::store::disk::RealDisk;
use clew_core::store::{End, Ends, LastSeen, LoadedHistory, LogRollback, Store, StoreError};

use crate::context::Context;
use crate::process;
use crate::text;

/// So many sessions are named where there are more.
const NAMED: usize = 3;

/// Where it is noted what was last seen of a store.
pub fn last_seen(store: &Path, context: &Context) -> LastSeen {
    LastSeen::new(Arc::new(RealDisk), &context.config, store, &process::host())
}

/// What was found, in words: `Session 3f2a9c10 has 40 operations, and had 57 when it was last seen`.
pub fn setbacks_text(setbacks: &[LogRollback]) -> String {
    let mut told: Vec<String> = setbacks.iter().take(NAMED).map(ToString::to_string).collect();
    if setbacks.len() > NAMED {
        told.push(format!("and {} more", setbacks.len() - NAMED));
    }
    told.join("; ")
}

/// What to do about setbacks.
pub fn setbacks_hint(context: &Context) -> String {
    format!(
        "if an older copy of the store was restored, put the newer one back, or {} accepts the store as it is now; if not, runs were removed",
        context.command("doctor --accept-end")
    )
}

/// What a history's logs came to, beside what was seen of them before they were read. What is seen now is noted; where that
/// can't be, `doctor` says so.
pub(crate) fn compare(
    noted: &Result<Ends, StoreError>,
    store: &Store,
    id: HistoryId,
    loaded: &LoadedHistory,
    context: &Context,
) -> Vec<LogRollback> {
    let Ok(noted) = noted else { return Vec::new() };
    let news = noted.news(store.ends(id, loaded));
    last_seen(store.directory(), context).advance(&news).ok();
    noted.setbacks(store, id, loaded)
}

/// The histories of a store, compared with what was last seen of them.
pub(crate) struct RollbackCheck {
    /// By history: its id, what it is called, and what is not there any more.
    pub setbacks: Vec<(HistoryId, Option<String>, Vec<LogRollback>)>,
    /// Where the user's own sessions end.
    pub ends: Vec<End>,
}

impl RollbackCheck {
    /// Of histories with what they are called, the one in which something was done last first.
    pub fn of(noted: &Ends, store: &Store, histories: &[(HistoryId, String, &LoadedHistory)]) -> Self {
        let here: BTreeSet<HistoryId> = histories.iter().map(|(id, ..)| *id).collect();
        let gone = noted.gone(&here).into_iter().map(|(id, gone)| (id, None, gone));
        let left = histories
            .iter()
            .map(|(id, name, loaded)| (*id, Some(name.clone()), noted.setbacks(store, *id, loaded)));
        let ends = histories
            .iter()
            .rev()
            .flat_map(|(id, _, loaded)| store.ends(*id, loaded));
        Self {
            ends: ends.collect(),
            setbacks: left.chain(gone).filter(|(.., setbacks)| !setbacks.is_empty()).collect(),
        }
    }

    /// One sentence a history.
    pub fn told(&self) -> impl Iterator<Item = String> {
        self.setbacks.iter().map(|(id, name, setbacks)| match name {
            Some(name) => format!(
                "{} is not as you last saw it: {}",
                text::clean(name),
                setbacks_text(setbacks)
            ),
            None => format!(
                "history {} is missing, with {} of yours",
                id.short(),
                text::count(setbacks.len(), "session")
            ),
        })
    }
}
