//! `clew history`: shows, changes, renames and deletes the history of a notebook.

use std::path::Path;

use clew_core::format::HistoryDescription;
use clew_core::history::History;
use clew_core::id::HistoryId;
use clew_core::store::{Access, CollectionReport, Ends, Store};
use serde::Serialize;

use super::care::{PieceCount, collect_forgotten};
use crate::command_info::{CommandCall, CommandEffect, CommandInfo, CommandScope};
use crate::context::Context;
use crate::history_view::{called, history_name, no_history, open_as, open_store, typed_name};
use crate::page::Page;
use crate::presence::living;
use crate::problem::{Exit, Problem};
use crate::rollback_check::last_seen;
use crate::session_request::SessionRequest;
use crate::text;

/// Show or change a notebook's history; rename or delete histories.
#[derive(Debug, Clone, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct HistoryOf {
    /// Continue in this history: a name, a notebook's file name or path, or an id
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Start a new history with this name
    #[arg(long, requires = "name")]
    pub new: bool,
    #[command(subcommand)]
    #[allow(missing_docs)]
    pub word: Option<HistoryCommand>,
}

/// A subcommand of `history`.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum HistoryCommand {
    /// Rename a history; the notebook file keeps its name
    Rename {
        /// The history: its name, its notebook's file name or path, or its id
        #[arg(value_name = "HISTORY")]
        history: String,
        /// The new name
        #[arg(value_name = "NEW")]
        new: String,
    },
    /// Delete a history and the values that only it needs, not the notebook
    Delete {
        /// The history: its name, its notebook's file name or path, or its id
        #[arg(value_name = "HISTORY")]
        history: String,
        /// Delete it; without this option, only show what would be deleted
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "history",
    examples: &[
        ("history", "the history of this notebook"),
        ("history flights", "continue in the history flights"),
        ("history rename flights delays", "rename flights to delays"),
        ("history delete delays", "show what would be deleted"),
    ],
    calls: &[CommandCall::plain("history")],
    changes: CommandEffect::History,
    scope: |word| match word {
        Some("delete" | "rename") => CommandScope::Store,
        _ => CommandScope::Kernel,
    },
    ..CommandInfo::DEFAULT
};

impl HistoryOf {
    /// Returns the request to a live session.
    pub(super) fn request(&self) -> Option<SessionRequest> {
        match (&self.word, &self.name) {
            (Some(_), _) => None,
            (None, None) => Some(SessionRequest::History),
            (None, Some(name)) if self.new => Some(SessionRequest::Begin(name.clone())),
            (None, Some(name)) => Some(SessionRequest::Join(name.clone())),
        }
    }

    /// Returns a name among its arguments that is stored and displayed.
    pub(super) fn given_name(&self) -> Option<&str> {
        match &self.word {
            Some(HistoryCommand::Rename { new, .. }) => Some(new),
            Some(HistoryCommand::Delete { .. }) => None,
            None => self.name.as_deref(),
        }
    }
}

/// A history that was renamed.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RenamedHistory {
    /// The new name.
    history: String,
    /// The id of the history.
    id: HistoryId,
    /// The old name.
    old_name: String,
}

/// A history that was deleted, or would be.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DeletedHistory {
    /// The name of the history.
    history: String,
    /// The id of the history.
    id: HistoryId,
    /// The path of its notebook.
    notebook: Option<String>,
    /// Whether it was deleted. This needs `--yes`.
    is_done: bool,
    /// The number of its runs.
    runs: usize,
    /// Data that only this history needs.
    exclusive: PieceCount,
    /// Deleted data.
    removed: PieceCount,
    /// The reason why some of its data is still in the store.
    why_left: Option<String>,
    /// The command that deletes it.
    #[serde(skip)]
    typed: String,
}

type Histories = Vec<(HistoryId, HistoryDescription)>;

/// Returns all histories of a store, and the id of the selected one.
fn meant(wanted: &str, store: &Store, context: &Context) -> Result<(Histories, HistoryId), Problem> {
    let all = store.histories()?;
    let list = context.command("list");
    let none = || no_history(wanted, &all, &format!("{list} shows all histories"));
    let id = called(&all, wanted)?.ok_or_else(none)?;
    Ok((all, id))
}

/// Renames a history.
pub fn rename(wanted: &str, new: &str, directory: &Path, context: &Context) -> Result<RenamedHistory, Problem> {
    // Never creates a store.
    let (all, id) = meant(wanted, &open_store(directory, context)?, context)?;
    let new = new.trim();
    if new.is_empty() {
        return Err(Problem::usage("A name needs at least one character"));
    }
    if called(&all, new)?.is_some_and(|other| other != id) {
        return Err(taken(new, context));
    }
    let (store, _) = open_as(Access::ReadWrite, directory, context)?;
    let before = store.description(id);
    let renamed = HistoryDescription {
        // The newest description wins, regardless of clock differences between machines.
        time: context.now.max(before.time.saturating_add(1)),
        name: new.to_owned(),
        ..before.clone()
    };
    store.describe_history(id, &renamed)?;
    Ok(RenamedHistory {
        history: text::clean(new),
        id,
        old_name: text::clean(&history_name(id, &before)),
    })
}

/// The error for an existing name.
pub(crate) fn taken(name: &str, context: &Context) -> Problem {
    let join = context.command(&format!("history {}", text::typed(name)));
    let name = text::clean(name);
    Problem::usage(format!("There is already a history `{name}`")).with_hint(format!("{join} continues in it"))
}

/// Deletes a history, or previews the deletion.
pub fn delete(wanted: &str, yes: bool, directory: &Path, context: &Context) -> Result<DeletedHistory, Problem> {
    let store = open_store(directory, context)?;
    let (all, id) = meant(wanted, &store, context)?;
    let description = store.description(id);
    let name = text::clean(&history_name(id, &description));
    check_free(directory, id, &name)?;
    let loaded = store.load(id)?;
    let held = store.held_only_by(id)?;
    let mut deleted = DeletedHistory {
        history: name,
        id,
        typed: typed_name(id, &all),
        notebook: description.path,
        is_done: false,
        runs: History::of(&loaded).len(),
        exclusive: held.into(),
        removed: PieceCount::default(),
        why_left: None,
    };
    if yes {
        deleted.perform(directory, context)?;
    }
    Ok(deleted)
}

/// Refuses to delete a history in which a kernel records.
fn check_free(directory: &Path, id: HistoryId, name: &str) -> Result<(), Problem> {
    let (kernels, _) = living(directory, &id.to_string());
    let Some(kernel) = kernels.first() else {
        return Ok(());
    };
    let pid = kernel.process.pid;
    let problem = if kernel.is_here() {
        Problem::of(Exit::Refused, format!("A kernel records in {name}: process {pid}"))
            .with_hint("shut this kernel down, and repeat the command")
    } else {
        let host = text::clean(&kernel.process.host);
        let note = directory.join("live").join(format!("{}.json", kernel.session));
        Problem::of(
            Exit::Refused,
            format!("A kernel on {host} records in {name}: process {pid}"),
        )
        .with_hint(format!(
            "shut this kernel down, and repeat the command; if it was killed, remove {} first",
            text::path(note)
        ))
    };
    Err(problem)
}

impl DeletedHistory {
    fn perform(&mut self, directory: &Path, context: &Context) -> Result<(), Problem> {
        let (store, key) = open_as(Access::ReadWrite, directory, context)?;
        // Before the deletion: otherwise the rollback check would later report it as missing.
        let seen = last_seen(directory, context);
        let others = seen.read().map(|ends: Ends| {
            let others = ends.iter().filter(|end| end.history != self.id).copied();
            others.collect::<Vec<_>>()
        });
        if let Ok(others) = others {
            seen.replace(&others)?;
        }
        store.delete_history(self.id)?;
        self.is_done = true;
        // In-flight markers of its crashed runs.
        for left in key.map(|key| store.begun(&key)).unwrap_or_default() {
            if left.begun.history == self.id {
                store.unlink_note(&left.path);
            }
        }
        let (collected, why_left) = collect_forgotten(directory, true, CollectionReport::waits, context);
        (self.removed, self.why_left) = (collected.gone.into(), why_left);
        Ok(())
    }

    /// Formats `flights.ipynb (3f2a9c10, of /home/me/flights.ipynb): 14 runs, 1.2 GB that no other history needs`.
    fn what(&self) -> String {
        let notebook = self.notebook.as_deref().map(text::clean);
        let notebook = notebook.map_or(String::new(), |path| format!(", of {path}"));
        let runs = text::count(self.runs, "run");
        let held = self.exclusive.bytes();
        format!(
            "{} ({}{notebook}): {runs}, {held} that no other history needs",
            self.history,
            self.id.short()
        )
    }
}

impl Page for RenamedHistory {
    fn text(&self, _: &Context) -> String {
        format!("{} is now called {}.\n", self.old_name, self.history)
    }
}

impl Page for DeletedHistory {
    fn text(&self, context: &Context) -> String {
        let what = self.what();
        if !self.is_done {
            let command = context.command(&format!("history delete {} --yes", self.typed));
            return format!(
                "Would delete {what}.\nNothing was changed. {command} deletes it. This cannot be undone.\n"
            );
        }
        let mut text = format!("Deleted {what}.\n");
        if let Some(why) = &self.why_left {
            let gc = context.command("gc");
            text += &format!(
                "Its values are still in the store: {}. {gc} deletes them later.\n",
                text::clean(why)
            );
        }
        text
    }

    fn exit(&self) -> Exit {
        match self.why_left {
            _ if !self.is_done => Exit::Refused,
            Some(_) => Exit::Inexact,
            None => Exit::Done,
        }
    }
}
