//! `clew op`: lists the operations on a history, and restores the state after one of them.

use clew_core::format::{Action, Naming, Operation, Timestamp};
use clew_core::session::Request;
use serde::Serialize;

use super::movers::CommonOptions;
use crate::command_info::{CommandCall, CommandEffect, CommandInfo, CommandScope};
use crate::context::Context;
use crate::history_view::HistoryView;
use crate::page::Page;
use crate::session_request::SessionRequest;
use crate::table::TextTable;
use crate::text;

/// List operations on the history, or restore the state after one.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    #[allow(missing_docs)]
    pub word: OpCommand,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "op",
    examples: &[
        ("op log", "all operations, restores too"),
        ("op restore op:7", "restore the state after operation 7"),
    ],
    calls: &[
        CommandCall::plain("op log -n 3"),
        CommandCall::plain("op restore op:1 --dry-run"),
    ],
    changes: CommandEffect::Session,
    scope: |word| match word {
        Some("restore") => CommandScope::Kernel,
        _ => CommandScope::History,
    },
    names_notebook: true,
    ..CommandInfo::DEFAULT
};

/// A subcommand of `op`.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum OpCommand {
    /// List all operations, newest first: runs, restores, branches, tags
    Log {
        /// Show at most N operations; 0 shows all
        #[arg(short = 'n', long = "limit", value_name = "N", default_value_t = 20)]
        limit: usize,
    },
    /// Restore the state, the branches and the tags after an operation
    Restore {
        /// The operation: `op:7` or `7`
        #[arg(value_name = "OP")]
        operation: String,
        #[command(flatten)]
        #[allow(missing_docs)]
        options: CommonOptions,
    },
}

impl Arguments {
    /// Returns the most operations to list; `None` if none are listed.
    pub(super) fn limit(&self) -> Option<usize> {
        match self.word {
            OpCommand::Log { limit } => Some(limit),
            OpCommand::Restore { .. } => None,
        }
    }

    /// Returns the request to a live session.
    pub(super) fn request(&self) -> Option<SessionRequest> {
        match &self.word {
            OpCommand::Log { .. } => None,
            OpCommand::Restore { operation, options } => Some(options.request(Request::Operation(operation.clone()))),
        }
    }
}

/// One operation.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Entry {
    /// Its revision: `op:7`.
    operation: String,
    /// Its id.
    id: String,
    /// When it happened.
    time: String,
    /// The session that recorded it: the first digits of its id.
    session: String,
    /// Whether this is your session.
    is_own: bool,
    /// `run`, `undo`, `switch` and so on.
    action: &'static str,
    /// A description of the operation.
    what: String,
    /// The run at which the session was afterwards.
    at: Option<String>,
    /// The branch on which the session was afterwards.
    branch: Option<String>,
    #[serde(skip)]
    when: Timestamp,
}

/// The operations of a history.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OpLog {
    /// The name of the history.
    history: String,
    /// The number of operations, including those that `--limit` leaves out.
    total: usize,
    /// The listed operations, newest first.
    operations: Vec<Entry>,
}

/// Lists operations.
pub fn log(limit: usize, place: &HistoryView<'_>) -> OpLog {
    let all = place.history.operations();
    let most = if limit == 0 { usize::MAX } else { limit };
    let numbered = all.iter().enumerate().rev().take(most);
    OpLog {
        history: place.name(),
        total: all.len(),
        operations: numbered
            .map(|(number, (id, operation))| Entry {
                operation: format!("op:{number}"),
                id: id.to_string(),
                time: text::rfc3339(operation.time),
                session: operation.session.short(),
                is_own: place.session == Some(operation.session),
                action: operation.action.word(),
                what: what(operation, place),
                at: operation.view.at.as_ref().map(|at| place.history.label(&at.run)),
                branch: operation.view.at.as_ref().and_then(|at| at.branch.clone()),
                when: operation.time,
            })
            .collect(),
    }
}

fn what(operation: &Operation, place: &HistoryView<'_>) -> String {
    let runs: Vec<String> = operation.runs.iter().map(|run| place.history.label(run)).collect();
    let runs = text::listing(&runs, 4);
    let at = || {
        let at = operation.view.at.as_ref();
        at.map_or_else(|| "nowhere".to_owned(), |at| place.history.label(&at.run))
    };
    match &operation.action {
        Action::Start => format!("started recording: run {runs}"),
        Action::Run => format!("run {runs}"),
        Action::Export => format!("exported: run {runs}"),
        Action::Check => format!("checked {}", at()),
        Action::Unpause => format!("recorded again after a pause: run {runs}"),
        Action::Undo(steps) => format!("undid {}, to {}", text::count(*steps as usize, "step"), at()),
        Action::Redo(steps) => format!("redid {}, to {}", text::count(*steps as usize, "step"), at()),
        Action::Switch => format!("switched to {}", at()),
        Action::Restore => format!("restored variables: {}", at()),
        Action::Resume => format!("resumed at {}", at()),
        Action::Operation(number) => format!("went back to op:{number}: {}", at()),
        Action::Forget => {
            let roots = operation.forgetting.iter().flat_map(|forgetting| &forgetting.roots);
            let roots: Vec<String> = roots.map(|root| text::clean(&root.to_string())).collect();
            format!("forgot {}", text::listing(&roots, 4))
        }
        Action::Gc => {
            let dropped = operation.dropping.iter().flat_map(|dropping| &dropping.manifests);
            format!(
                "deleted {}, by the retention rules",
                text::count(dropped.count(), "value")
            )
        }
        Action::Name => {
            let changes: Vec<String> = operation.naming.iter().map(|naming| named(naming, place)).collect();
            text::listing(&changes, 3)
        }
    }
}

fn named(naming: &Naming, place: &HistoryView<'_>) -> String {
    let label = |run| place.history.label(run);
    let text = match naming {
        Naming::Branch { name, run } => format!("branch {name} at {}", label(run)),
        Naming::Tag { name, run } => format!("tag {name} at {}", label(run)),
        Naming::Remove { name } => format!("deleted the name {name}"),
        Naming::Rename { from, to } => format!("renamed {from} to {to}"),
        Naming::Describe { run, text: Some(_) } => format!("described {}", label(run)),
        Naming::Describe { run, text: None } => format!("deleted the description of {}", label(run)),
    };
    text::clean(&text)
}

impl Page for OpLog {
    fn text(&self, context: &Context) -> String {
        let mut table = TextTable::default().flexible(3);
        let has_others = self.operations.iter().any(|entry| !entry.is_own);
        for entry in &self.operations {
            let style = context.style;
            let branch = entry.branch.as_ref().map(|branch| format!("[{}]", text::clean(branch)));
            let mut row = vec![
                style.strong(&entry.operation),
                style.faint(&text::ago(entry.when, context.now)),
            ];
            if has_others {
                row.push(if entry.is_own {
                    "here".to_owned()
                } else {
                    entry.session.clone()
                });
            }
            row.push(entry.what.clone());
            row.extend(branch);
            table.push(row);
        }
        let mut text = table.render(context);
        if self.total > self.operations.len() {
            let more = context.command("op log -n 0");
            let total = text::count(self.total, "operation");
            text += &format!("{} of {total}; {more} shows all\n", self.operations.len());
        }
        text
    }
}
