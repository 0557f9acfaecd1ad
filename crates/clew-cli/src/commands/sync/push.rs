//! `clew push`: sends what a remote lacks.

use std::path::Path;

use clew_core::id::HistoryId;
use clew_core::store::OutgoingHistory;
use clew_remote::sync;
use serde::Serialize;

use super::transfer;
use super::way::{TransferProgress, check_plain, known, meant, opened_remote, way, writable};
use crate::command_info::{CommandCall, CommandEffect, CommandInfo};
use crate::commands::carry::plan::{CarryPage, PlanOptions};
use crate::context::Context;
use crate::history_view::{StoredHistory, history_name, open_store};
use crate::page::Page;
use crate::problem::{Exit, Problem};
use crate::remotes::Remote;
use crate::text;

/// Send the runs that a remote lacks, with their values.
///
/// If a push was interrupted, repeat it: Clew does not send the same data twice. If two machines push, the runs of both stay.
#[derive(Debug, Clone, clap::Args)]
pub struct Push {
    /// The name of the remote; not needed if there is only one
    #[arg(value_name = "NAME")]
    pub remote: Option<String>,
    /// Send all histories of the store
    #[arg(long)]
    pub all: bool,
    /// Send data of an encrypted store unencrypted
    #[arg(long)]
    pub plain: bool,
    /// Send only values that are cheaper to send than to rerun there, as `move` does
    #[arg(long, conflicts_with = "all")]
    pub plan: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub options: PlanOptions,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "push",
    examples: &[
        ("push lab", "send what the remote lab lacks"),
        ("push lab --plan", "leave out values that are cheaper to rerun there"),
    ],
    calls: &[CommandCall::plain("push lab")],
    changes: CommandEffect::Remote,
    ..CommandInfo::DEFAULT
};

/// The result of the push of one history.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PushedHistory {
    /// The name of the history.
    history: String,
    /// The id of the history.
    id: HistoryId,
    /// The number of bytes of values that are new on the remote, before compression.
    new_bytes: u64,
    /// The number of bytes transferred over the network.
    bytes: u64,
    /// Whether the remote already had everything.
    was_up_to_date: bool,
    /// Items that could not be read on this machine.
    corruption: Vec<String>,
}

/// The result of `push`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PushPage {
    /// The name of the remote.
    remote: String,
    /// Its URL.
    url: String,
    /// The histories that were sent.
    histories: Vec<PushedHistory>,
}

/// Pushes whole histories.
pub fn push(push: &Push, directory: &Path, wanted: Option<&str>, context: &Context) -> Result<PushPage, Problem> {
    if !push.options.is_none() {
        let problem = Problem::usage("`--at`, `--budget`, `--rate` and `--dry-run` need a plan");
        let again = context.command("push --plan");
        return Err(problem.with_hint(format!("{again} creates one, and sends what it chose")));
    }
    let remote = meant(push.remote.as_deref(), directory, context)?;
    push_whole((push.all, push.plain), remote, (directory, wanted), context)
}

/// Pushes what a plan selects.
pub fn push_planned(
    push: &Push,
    directory: &Path,
    wanted: Option<&str>,
    context: &Context,
) -> Result<CarryPage, Problem> {
    let remote = meant(push.remote.as_deref(), directory, context)?;
    transfer::to_remote(&push.options, push.plain, remote, (directory, wanted), context)
}

/// Sends one history or all, completely.
pub(super) fn push_whole(
    (is_all, is_plain): (bool, bool),
    remote: Remote,
    (directory, wanted): (&Path, Option<&str>),
    context: &Context,
) -> Result<PushPage, Problem> {
    let histories = histories(is_all, directory, wanted, context)?;
    let (store, key) = writable(directory, context)?;
    check_plain(&store, is_plain, context)?;
    let remote = known(remote, context)?;
    let backend = opened_remote(&remote, context)?;
    let way = way(&backend, &remote.url, directory, context);
    let telling = TransferProgress::new(format!("Pushing to {}", remote.name));
    let mut sent = Vec::new();
    for (id, name) in histories {
        let outgoing = OutgoingHistory::of(&store, id)?;
        let pushed = sync::push(&outgoing, &way, (&key, context.now), &|progress| telling.tell(progress))?;
        sent.push(PushedHistory {
            history: name,
            id,
            new_bytes: pushed.new,
            bytes: pushed.bytes,
            was_up_to_date: pushed.is_nothing(),
            corruption: pushed.damage,
        });
    }
    Ok(PushPage {
        remote: remote.name,
        url: text::clean(&remote.url),
        histories: sent,
    })
}

impl PushPage {
    /// Returns the transferred bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.histories.iter().map(|sent| sent.bytes).sum()
    }

    /// Returns what could not be read on this machine.
    pub(super) fn damage(&self) -> impl Iterator<Item = &String> {
        self.histories.iter().flat_map(|sent| &sent.corruption)
    }
}

fn histories(
    is_all: bool,
    directory: &Path,
    wanted: Option<&str>,
    context: &Context,
) -> Result<Vec<(HistoryId, String)>, Problem> {
    if !is_all {
        let opened = StoredHistory::open(directory, wanted, context)?;
        return Ok(vec![(opened.id, opened.place().name())]);
    }
    let store = open_store(directory, context)?;
    let all = store.histories()?;
    Ok(all
        .iter()
        .map(|(id, description)| (*id, history_name(*id, description)))
        .collect())
}

impl Page for PushPage {
    fn text(&self, _: &Context) -> String {
        let mut told = String::new();
        for sent in &self.histories {
            let history = text::clean(&sent.history);
            told += &if sent.was_up_to_date {
                format!("{} already has all of {history}.\n", self.remote)
            } else {
                let (new, bytes) = (text::bytes(sent.new_bytes), text::bytes(sent.bytes));
                format!("Pushed {history} to {}: {new} new there, {bytes} sent.\n", self.remote)
            };
            told += &text::unread("not sent", &sent.corruption);
        }
        if self.histories.is_empty() {
            told += "The store has no history yet.\n";
        }
        told
    }

    fn exit(&self) -> Exit {
        Exit::Inexact.unless(self.histories.iter().all(|sent| sent.corruption.is_empty()))
    }
}
