//! Compares the logs of a store with their last seen ends, which are read before the logs and updated afterwards.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use clew_core::id::HistoryId;
use clew_core::store::disk::RealDisk;
use clew_core::store::{End, Ends, LastSeen, LoadedHistory, LogRollback, Store, StoreError};

use crate::context::Context;
use crate::platform::host;
use crate::text;

/// The most sessions that are named.
const NAMED: usize = 3;

/// Returns the record of the last seen ends of a store.
pub fn last_seen(store: &Path, context: &Context) -> LastSeen {
    LastSeen::new(Arc::new(RealDisk), &context.config, store, &host())
}

/// Formats rollbacks: `Session 3f2a9c10 has 40 operations, and had 57 when it was last seen`.
pub fn setbacks_text(setbacks: &[LogRollback]) -> String {
    let mut told: Vec<String> = setbacks.iter().take(NAMED).map(ToString::to_string).collect();
    if setbacks.len() > NAMED {
        told.push(format!("and {} more", setbacks.len() - NAMED));
    }
    told.join("; ")
}

/// Returns the hint about rollbacks.
pub fn setbacks_hint(context: &Context) -> String {
    format!(
        "if an older copy of the store was restored, put the newer one back, or {} accepts the store as it is now; if not, runs were removed",
        context.command("doctor --accept-end")
    )
}

/// Compares a history's logs with their last seen ends, and records the new ends. If that fails, `doctor` reports it.
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

/// The histories of a store, compared with their last seen ends.
pub(crate) struct RollbackCheck {
    /// For each history its id, its name, and what is missing.
    pub setbacks: Vec<(HistoryId, Option<String>, Vec<LogRollback>)>,
    /// The ends of the user's own sessions.
    pub ends: Vec<End>,
}

impl RollbackCheck {
    /// Checks the named histories, given with the most recently used first.
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

    /// Formats one sentence per history.
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
