//! `clew pull`: imports what a remote has and the store lacks.

use std::path::Path;

use clew_core::id::HistoryId;
use clew_core::store::{Store, StoreError, TransferSummary};
use clew_remote::sync::{self, SyncTarget};
use serde::Serialize;

use super::way::{TransferProgress, meant, opened_remote, way, writable};
use crate::command_info::{CommandCall, CommandEffect, CommandInfo};
use crate::context::Context;
use crate::history_view::{StoredHistory, history_name};
use crate::page::Page;
use crate::problem::{Exit, Problem};
use crate::text;

/// Fetch the runs that the store lacks from a remote.
///
/// The command runs no code, and everything in the store stays. By default, Clew fetches runs of the histories that the store has. `--history` selects one history, `--all` all histories of the remote.
#[derive(Debug, Clone, clap::Args)]
pub struct Pull {
    /// The name of the remote; not needed if there is only one
    #[arg(value_name = "NAME")]
    pub remote: Option<String>,
    /// Fetch all histories of the remote, not only those that the store has
    #[arg(long)]
    pub all: bool,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "pull",
    examples: &[("pull lab", "fetch new runs from the remote lab")],
    calls: &[CommandCall::plain("pull lab")],
    changes: CommandEffect::Store,
    ..CommandInfo::DEFAULT
};

/// The result of the pull of one history.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PulledHistory {
    /// The name of the history.
    pub history: String,
    /// The id of the history.
    pub id: HistoryId,
    /// The number of runs that are new here.
    pub new_runs: u64,
    /// The number of bytes of values that are new here, before compression.
    pub new_bytes: u64,
    /// The number of bytes transferred over the network.
    pub bytes: u64,
    /// The number of conflicts: sessions that continued differently in this store. Clew keeps the runs of this store.
    pub conflicts: usize,
    /// Items that could not be read.
    pub corruption: Vec<String>,
}

/// The result of `pull` or `clone`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PullPage {
    /// The name of the remote.
    pub(super) remote: String,
    /// Its URL.
    pub(super) url: String,
    /// The store on this machine.
    pub(super) store: String,
    /// The histories that were fetched.
    pub(super) histories: Vec<PulledHistory>,
    /// The number of other histories of the remote.
    pub(super) others: usize,
    #[serde(skip)]
    pub(super) is_clone: bool,
}

/// Pulls histories.
pub fn pull(pull: &Pull, directory: &Path, wanted: Option<&str>, context: &Context) -> Result<PullPage, Problem> {
    let remote = meant(pull.remote.as_deref(), directory, context)?;
    let backend = opened_remote(&remote, context)?;
    let there = sync::heads(&backend)?;
    let (store, _) = writable(directory, context)?;
    let here = |id: &HistoryId| store.load(*id).is_ok();
    let chosen: Vec<HistoryId> = match wanted {
        Some(wanted) => vec![named(wanted, &there, directory, context)?],
        None if pull.all => there.clone(),
        None => there.iter().copied().filter(here).collect(),
    };
    let way = way(&backend, &remote.url, directory, context);
    let telling = TransferProgress::new(format!("Pulling from {}", remote.name));
    let histories = take(&store, &chosen, &way, &telling, context)?;
    Ok(PullPage {
        remote: remote.name,
        url: text::clean(&remote.url),
        store: directory.display().to_string(),
        others: there.iter().filter(|id| !chosen.contains(id)).count(),
        histories,
        is_clone: false,
    })
}

/// Returns the selected history: by a prefix of its id in the remote, or by its local name.
fn named(wanted: &str, there: &[HistoryId], directory: &Path, context: &Context) -> Result<HistoryId, Problem> {
    let mut found = there
        .iter()
        .filter(|id| wanted.len() >= 4 && id.to_string().starts_with(wanted));
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(*only),
        _ => Ok(StoredHistory::open(directory, Some(wanted), context)?.id),
    }
}

/// Pulls the histories into the store.
pub(super) fn take(
    store: &Store,
    histories: &[HistoryId],
    way: &SyncTarget<'_>,
    telling: &TransferProgress,
    context: &Context,
) -> Result<Vec<PulledHistory>, Problem> {
    let mut all = Vec::new();
    for id in histories {
        let pulled = sync::pull(store, *id, way, context.now, &|progress| telling.tell(progress))?.unwrap_or_default();
        let name = match store.load(*id) {
            Ok(loaded) => history_name(*id, &loaded.description()),
            Err(StoreError::NoHistory(_)) => id.short(),
            Err(error) => return Err(error.into()),
        };
        let TransferSummary {
            runs,
            bytes,
            contradictions,
            damage,
            ..
        } = pulled.carried;
        all.push(PulledHistory {
            history: name,
            id: *id,
            new_runs: runs,
            new_bytes: bytes,
            bytes: pulled.bytes,
            conflicts: contradictions.len(),
            corruption: damage.into_iter().map(|damage| damage.what).collect(),
        });
    }
    Ok(all)
}

impl Page for PullPage {
    fn text(&self, context: &Context) -> String {
        let mut told = String::new();
        if self.is_clone {
            let histories = text::count(self.histories.len(), "history");
            let url = &self.url;
            told += &format!("Cloned {url} into {}: {histories}.\n", text::clean(&self.store));
        }
        for came in &self.histories {
            let history = text::clean(&came.history);
            told += &if came.new_runs + came.new_bytes == 0 {
                format!("{history} is up to date.\n")
            } else {
                let (runs, bytes) = (text::count(came.new_runs as usize, "run"), text::bytes(came.bytes));
                format!("Pulled {history} from {}: {runs}, {bytes} fetched.\n", self.remote)
            };
            if came.conflicts > 0 {
                let sessions = text::count(came.conflicts, "session");
                told += &format!("  {sessions} differ from those here; those here stay\n");
            }
            for damage in &came.corruption {
                told += &format!("  {}\n", text::clean(damage));
            }
        }
        if self.histories.is_empty() {
            told += &format!("{} has none of the histories in this store.\n", self.remote);
        }
        if self.others > 0 {
            let all = context.command(&format!("pull {} --all", text::typed(&self.remote)));
            let others = text::count(self.others, "history");
            told += &format!("It has {others} more: {all} fetches all.\n");
        } else if self.histories.iter().any(|came| came.new_runs > 0) {
            told +=
                "In a notebook, `%clew history NAME` continues in one, and `%clew resume` restores its variables.\n";
        }
        told
    }

    fn exit(&self) -> Exit {
        let is_whole = |came: &PulledHistory| came.corruption.is_empty() && came.conflicts == 0;
        Exit::Inexact.unless(self.histories.iter().all(is_whole))
    }
}
