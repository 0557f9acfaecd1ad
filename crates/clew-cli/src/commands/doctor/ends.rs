//! Detects rolled-back histories: whether the user's own logs end where they last ended, or later.

use clew_core::id::HistoryId;
use clew_core::store::{End, Ends, LastSeenFault, LoadedHistory, Store, StoreError};

use super::Check;
use crate::context::Context;
use crate::history_view::history_name;
use crate::rollback_check::{RollbackCheck, last_seen, setbacks_hint};
use crate::text;

const WHAT: &str = "history ends";

/// Compares the recorded ends, read before the histories were, with the current ones, which are recorded in turn. With `accept`, only
/// records the current ones.
pub(super) fn checks(
    store: &Store,
    noted: Result<Ends, StoreError>,
    histories: &[(HistoryId, LoadedHistory)],
    accept: bool,
    context: &Context,
) -> Vec<Check> {
    let named: Vec<(HistoryId, String, &LoadedHistory)> = histories
        .iter()
        .map(|(id, loaded)| (*id, history_name(*id, &loaded.description()), loaded))
        .collect();
    let compared = RollbackCheck::of(noted.as_ref().unwrap_or(&Ends::default()), store, &named);
    if accept {
        return vec![accepted(&compared, store, context)];
    }
    let noted = match noted {
        Ok(noted) => noted,
        Err(error) => return vec![unusable(&error, context)],
    };
    if compared.setbacks.is_empty() {
        return vec![seen(&noted, &noted.news(compared.ends), store, context)];
    }
    let hint = setbacks_hint(context);
    let told = compared.told().map(|told| Check::bad(WHAT, told, hint.clone()));
    told.collect()
}

fn accepted(compared: &RollbackCheck, store: &Store, context: &Context) -> Check {
    let sessions = text::count(compared.ends.len(), "session");
    match last_seen(store.directory(), context).replace(&compared.ends) {
        Ok(()) => Check::fine(WHAT, format!("accepted as they are now: {sessions} of yours")),
        Err(error) => unusable(&error, context),
    }
}

/// Only this check needs the file, so it just reports that the check is impossible.
fn unusable(error: &StoreError, context: &Context) -> Check {
    let anew = context.command("doctor --accept-end");
    let hint = match error {
        StoreError::LastSeen {
            why: LastSeenFault::Newer,
            ..
        } => "`pip install --upgrade clew`, then repeat the command".to_owned(),
        StoreError::LastSeen { .. } => format!("{anew} creates it again, with the current state"),
        _ => "until this is fixed, Clew cannot notice if runs are removed from the store".to_owned(),
    };
    Check::bad(WHAT, error.to_string(), hint)
}

fn seen(noted: &Ends, news: &[End], store: &Store, context: &Context) -> Check {
    if let Err(error) = last_seen(store.directory(), context).advance(news) {
        return unusable(&error, context);
    }
    let sessions = |count| text::count(count, "session");
    let found = match (noted.len(), news.len()) {
        (0, 0) => "none of your sessions was seen here yet".to_owned(),
        (0, new) => format!("{} of yours, noted just now", sessions(new)),
        (known, _) => format!("everything seen before still exists ({} of yours)", sessions(known)),
    };
    Check::fine(WHAT, found)
}
