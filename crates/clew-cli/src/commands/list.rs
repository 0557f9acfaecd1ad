//! `clew list`: all histories of a store.

use std::path::Path;

use clew_core::format::Timestamp;
use clew_core::id::HistoryId;
use clew_core::store::LoadedHistory;
use maud::{Markup, html};
use serde::Serialize;

use crate::command_info::{CommandCall, CommandInfo, CommandScope};
use crate::context::Context;
use crate::history_view::{by_recency, history_name, last_time, open_indexed, where_it_lies};
use crate::html::{self, CleanText, VariableChange};
use crate::page::Page;
use crate::presence::live_histories;
use crate::problem::Problem;
use crate::table::TextTable;
use crate::text;

/// List all histories in the store, most recently used first.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "list",
    examples: &[("list", "all histories of the store")],
    calls: &[CommandCall::new("list", "list()", "Histories")],
    method: Some(&[]),
    scope: |_| CommandScope::Store,
    ..CommandInfo::DEFAULT
};

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Entry {
    /// The name of the history.
    history: String,
    /// The id of the history.
    id: HistoryId,
    /// The path of the notebook.
    notebook: Option<String>,
    /// The language and its version.
    kernel: String,
    /// The number of its runs.
    runs: usize,
    /// The number of its sessions.
    sessions: usize,
    /// When it was last used.
    last_used: String,
    /// Whether something in it is corrupted.
    is_corrupted: bool,
    #[serde(skip)]
    time: Timestamp,
}

/// All histories.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct List {
    /// The folder of the store.
    store: String,
    /// Whether the store is encrypted.
    is_encrypted: bool,
    /// All histories, most recently used first.
    histories: Vec<Entry>,
}

/// Lists all histories.
pub fn list(directory: &Path, context: &Context) -> Result<List, Problem> {
    let store = open_indexed(directory, context)?;
    let live = live_histories(directory);
    let histories = by_recency(&store)?
        .iter()
        .map(|(id, loaded)| entry(*id, loaded, live.contains(&id.to_string())))
        .collect();
    Ok(List {
        store: directory.display().to_string(),
        is_encrypted: store.key().is_some(),
        histories,
    })
}

fn entry(id: HistoryId, loaded: &LoadedHistory, is_live: bool) -> Entry {
    let description = loaded.description();
    let description = if is_live {
        where_it_lies(&description).into_owned()
    } else {
        description
    };
    let time = last_time(loaded);
    let kernel = &description.kernel;
    Entry {
        history: history_name(id, &description),
        id,
        kernel: format!("{} {}", kernel.language, kernel.version).trim().to_owned(),
        notebook: description.path.clone(),
        runs: loaded.runs.len(),
        sessions: loaded.sessions.len(),
        last_used: text::rfc3339(time),
        is_corrupted: !loaded.damage.is_empty(),
        time,
    }
}

/// The note about an encrypted store.
const ENCRYPTED: &str = "The store is encrypted.";

/// The column headings.
const HEADER: [&str; 6] = ["history", "id", "runs", "last", "notebook", ""];

impl Page for List {
    fn html(&self, context: &Context) -> Option<String> {
        let row = |entry: &Entry| -> Vec<Markup> {
            vec![
                html! { b { (CleanText(&entry.history)) } },
                html! { code { (entry.id.short()) } },
                html! { (text::grouped(entry.runs as u64)) },
                html::when(entry.time, context),
                html! { (CleanText(entry.notebook.as_deref().unwrap_or(""))) },
                html! { @if entry.is_corrupted { (html::toned(VariableChange::Lost, "corrupted")) } },
            ]
        };
        let rows: Vec<Vec<Markup>> = self.histories.iter().map(row).collect();
        let content = html! {
            (html::table(&HEADER, &rows))
            @if self.is_encrypted { div { (ENCRYPTED) } }
        };
        (!rows.is_empty()).then(|| html::fragment(&content))
    }

    fn text(&self, context: &Context) -> String {
        if self.histories.is_empty() {
            let encrypted = if self.is_encrypted { ", which is encrypted," } else { "" };
            return format!("The store in {}{encrypted} has no history yet.\n", self.store);
        }
        let mut table = TextTable::default().with_header(&HEADER).flexible(4);
        for entry in &self.histories {
            table.push(vec![
                context.style.strong(&text::clean(&entry.history)),
                entry.id.short(),
                text::grouped(entry.runs as u64),
                text::ago(entry.time, context.now),
                text::clean(entry.notebook.as_deref().unwrap_or("")),
                if entry.is_corrupted {
                    context.style.gone("corrupted")
                } else {
                    String::new()
                },
            ]);
        }
        let mut text = table.render(context);
        if self.is_encrypted {
            text += &format!("{ENCRYPTED}\n");
        }
        text
    }
}
