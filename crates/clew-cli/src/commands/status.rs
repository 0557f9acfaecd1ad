//! `clew status`: the current state of the session, and whether its data is safe.

use std::collections::BTreeSet;

use clew_core::format::{Body, Timestamp};
use clew_core::id::{Root, RootKind};
use maud::{Markup, html};
use serde::Serialize;

use super::stale::stale_runs;
use super::vars::class_not_stored;
use crate::command_info::{CommandCall, CommandInfo};
use crate::context::Context;
use crate::history_view::HistoryView;
use crate::html::{self, CleanText, VariableChange};
use crate::in_flight::InFlight;
use crate::interface::Interface;
use crate::page::Page;
use crate::presence::living;
use crate::problem::Exit;
use crate::run_page::RunPage;
use crate::text;

/// Show the current run, and what is not saved or is set aside.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "status",
    examples: &[("status", "the current run, and what is not saved")],
    calls: &[CommandCall::new("status", "status()", "Status")],
    method: Some(&[]),
    names_notebook: true,
    ..CommandInfo::DEFAULT
};

/// The state of a session.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Status {
    /// The name of the history.
    history: String,
    /// The id of the history.
    history_id: String,
    /// The path of the notebook.
    notebook: Option<String>,
    /// The folder of the store.
    store: String,
    /// The setting that chose the store: `built in`, `user`, `project`, `environment` or `program`; null for a store that no setting
    /// names.
    store_from: Option<&'static str>,
    /// Whether the store is encrypted.
    is_encrypted: bool,
    /// The size of the store in bytes.
    store_bytes: Option<u64>,
    /// The maximum size of the store in bytes; null without a limit.
    budget_bytes: Option<u64>,
    /// Free bytes on the disk of the store.
    free_bytes: Option<u64>,
    /// The number of all runs of the history.
    runs: usize,
    /// The run at which the session is.
    at: Option<RunPage>,
    /// The branch on which the session is.
    branch: Option<String>,
    /// Whether Clew records runs; null outside a kernel.
    is_recording: Option<bool>,
    /// Whether you paused recording; null outside a kernel.
    is_paused: Option<bool>,
    /// Whether everything saved survives a power failure; null outside a kernel.
    is_synced: Option<bool>,
    /// Why some runs are not saved; null if all are.
    unsaved: Option<String>,
    /// The number of steps that can be undone.
    undo: u64,
    /// The number of steps that can be redone.
    redo: u64,
    /// Variables, or parts of them, that are not stored.
    not_stored: Vec<String>,
    /// The last runs of cells whose inputs have changed since.
    stale: Vec<String>,
    /// Objects that Clew set aside.
    set_aside: Vec<String>,
    /// Excluded variables and patterns.
    excluded: Vec<String>,
    /// When the last operation in the history happened.
    last_operation: Option<String>,
    /// Problems, such as a full disk.
    warnings: Vec<String>,
    /// Missing or corrupted items of the store.
    corruption: Vec<String>,
    /// Cells in flight.
    in_flight: Vec<InFlight>,
    #[serde(skip)]
    ran: Option<Timestamp>,
    #[serde(skip)]
    is_temporary: bool,
    /// Whether a kernel records in it.
    #[serde(skip)]
    is_live: bool,
}

/// Free bytes below which a store cannot record runs.
const FULL: u64 = 64 << 10;

/// Returns the status.
pub fn status(place: &HistoryView<'_>, context: &Context) -> Status {
    let history = place.history;
    let (undo, redo) = place.depth();
    let at = place
        .at
        .and_then(|id| history.run(&id).map(|run| RunPage::of(id, run, place)));
    let last_time = history.operations().iter().map(|(_, operation)| operation.time).max();
    let live = place.live;
    let usage = place.records.usage(context.settings.budget("store.budget"));
    let is_live = live.is_some() || !living(place.store, &place.id.to_string()).0.is_empty();
    let mut warnings = live.map(|live| live.warnings.clone()).unwrap_or_default();
    // Only the kernel knows what it could not record.
    let is_full = usage.and_then(|usage| usage.free).is_some_and(|free| free < FULL);
    if is_full && live.is_none() && is_live {
        warnings.push("the disk of the store is full: new runs are not recorded until there is free space".to_owned());
    }
    Status {
        history: place.name(),
        history_id: place.id.to_string(),
        notebook: place.description.path.clone(),
        store: place.store.display().to_string(),
        store_from: store_from(place, context),
        is_encrypted: place.records.is_encrypted(),
        store_bytes: usage.map(|usage| usage.used),
        budget_bytes: usage.and_then(|usage| usage.most).filter(|most| *most < u64::MAX),
        free_bytes: usage.and_then(|usage| usage.free),
        runs: history.len(),
        at,
        branch: place.branch.clone(),
        is_recording: live.map(|live| live.is_recording),
        is_paused: live.map(|live| live.is_paused),
        is_synced: live.map(|live| live.is_synced),
        unsaved: live.and_then(|live| live.unsaved.clone()),
        undo,
        redo,
        not_stored: not_stored(place),
        stale: stale_runs(place).iter().map(|run| history.label(run)).collect(),
        set_aside: live.map(set_aside).unwrap_or_default(),
        excluded: live.map(|live| live.excluded.clone()).unwrap_or_default(),
        last_operation: last_time.map(text::rfc3339),
        warnings,
        corruption: place
            .damage
            .iter()
            .map(|damage| format!("{}: {}", damage.path.display(), damage.what))
            .collect(),
        in_flight: place.in_flight.to_vec(),
        ran: place.at.and_then(|at| Some(history.run(&at)?.started)),
        is_temporary: live.is_some_and(|live| live.is_temporary),
        is_live,
    }
}

fn store_from(place: &HistoryView<'_>, context: &Context) -> Option<&'static str> {
    let settings = &context.settings;
    (place.store == settings.store()).then(|| settings.store_origin().word())
}

fn set_aside(live: &crate::history_view::SessionStatus) -> Vec<String> {
    live.parked.iter().flatten().map(ToString::to_string).collect()
}

/// Returns variables in the current state that are not stored, and paths of members that are not stored.
fn not_stored(place: &HistoryView<'_>) -> Vec<String> {
    let Some(at) = place.at else { return Vec::new() };
    let state = place.history.state(at);
    let (mut missing, mut classes): (BTreeSet<String>, BTreeSet<String>) = Default::default();
    for version in state.versions() {
        let (definitions, others): (Vec<&Root>, Vec<&Root>) =
            version.roots.iter().partition(|root| root.kind == RootKind::Definition);
        match place.records.manifest(&version.manifest).map(|manifest| manifest.body) {
            Ok(Body::Encoded(_)) if class_not_stored(version, &state, place).is_some() => {
                missing.extend(others.into_iter().map(ToString::to_string));
            }
            Ok(Body::Encoded(encoding)) => missing.extend(encoding.gaps.into_iter().map(|gap| gap.path)),
            _ => {
                missing.extend(others.into_iter().map(ToString::to_string));
                classes.extend(definitions.into_iter().map(ToString::to_string));
            }
        }
    }
    // A class is listed by the variables that need it, if there are any.
    let said = if missing.is_empty() { classes } else { missing };
    said.iter().map(|name| text::clean(name)).collect()
}

impl Page for Status {
    fn html(&self, context: &Context) -> Option<String> {
        Some(html::fragment(&self.body(context)))
    }

    fn text(&self, context: &Context) -> String {
        let ago = self.ran.map(|time| text::ago(time, context.now));
        let mut text = format!("{}\n", self.first_line(ago, context));
        text += &format!("History {}\n", self.extent());
        text += &format!("Store {}\n", self.which_store());
        for (what, names) in self.sorts() {
            text += &format!("{what}: {names}\n");
        }
        for cell in &self.in_flight {
            text += &format!("{}\n", cell.sentence());
        }
        for warning in &self.warnings {
            text += &format!("Warning: {}\n", text::clean(warning));
        }
        for damage in &self.corruption {
            text += &format!("Corrupted: {}\n", text::clean(damage));
        }
        text
    }

    fn exit(&self) -> Exit {
        Exit::Damaged.unless(self.corruption.is_empty())
    }
}

impl Status {
    /// Returns what selected this store, if worth mentioning.
    fn whose_store(&self) -> &'static str {
        match self.store_from {
            Some("project") => " (this project's)",
            Some("user") => " (set by `clew config`)",
            _ => "",
        }
    }

    /// Formats `/data/clew (this project's), encrypted: 12 MB of 4.1 GB, 37 GB free on its disk`.
    fn which_store(&self) -> String {
        let encrypted = if self.is_encrypted { ", encrypted" } else { "" };
        let size = self.store_bytes.map(|used| format!(": {}", text::bytes(used)));
        let size = size.map(|size| match self.budget_bytes {
            // On a full disk, a limit given as a share of the free space is below the used space.
            Some(most) if Some(most) <= self.store_bytes => format!("{size}, which is the limit"),
            Some(most) => format!("{size} of {}", text::bytes(most)),
            None => size,
        });
        let free = self
            .free_bytes
            .map(|free| format!(", {} free on its disk", text::bytes(free)));
        let (size, free) = (size.unwrap_or_default(), free.unwrap_or_default());
        format!("{}{}{encrypted}{size}{free}", self.store, self.whose_store())
    }

    /// Formats `flights.ipynb: 7 runs, 2 to undo, 0 to redo`.
    fn extent(&self) -> String {
        let runs = text::count(self.runs, "run");
        let history = text::clean(&self.history);
        format!("{history}: {runs}, {} to undo, {} to redo", self.undo, self.redo)
    }

    /// Returns the non-empty lists of variables and runs that need attention.
    fn sorts(&self) -> Vec<(&'static str, String)> {
        let stale: Vec<String> = self.stale.iter().map(|run| format!("run {run}")).collect();
        let sorts = [
            ("Not stored", &self.not_stored),
            ("Stale", &stale),
            ("Set aside", &self.set_aside),
            ("Not recorded", &self.excluded),
        ];
        let some = sorts.into_iter().filter(|(_, names)| !names.is_empty());
        some.map(|(what, names)| (what, text::clean(&text::listing(names, 8))))
            .collect()
    }

    fn body(&self, context: &Context) -> Markup {
        let mut facts = vec![("History", self.extent()), ("Store", self.which_store())];
        facts.extend(self.sorts());
        // The output is saved with the notebook.
        let moment = self.ran.map(|time| text::moment(time, &context.zone));
        let row = |(word, value): &(&str, String)| vec![html::faint(word), html! { (CleanText(value)) }];
        html! {
            (html::title(&html! { (CleanText(&self.first_line(moment, context))) }))
            (html::table(&[], &facts.iter().map(row).collect::<Vec<_>>()))
            @for cell in &self.in_flight { p { (CleanText(&cell.sentence())) } }
            @for warning in &self.warnings { p { (html::toned(VariableChange::Changed, &format!("Warning: {warning}"))) } }
            @for damage in &self.corruption { p { (html::toned(VariableChange::Lost, &format!("Corrupted: {damage}"))) } }
        }
    }

    /// Returns the line about the session's position, with the time `when` that run began.
    fn first_line(&self, when: Option<String>, context: &Context) -> String {
        let Some(at) = &self.at else {
            return "Nothing is recorded yet.".to_owned();
        };
        let who = match context.interface {
            Interface::Notebook | Interface::Forwarded | Interface::Python => "You are at",
            Interface::Terminal if self.is_live => "The session is at",
            Interface::Terminal => "The last session ended at",
        };
        let position = context.style.strong(&format!("run {}", at.run));
        let branch = self
            .branch
            .as_ref()
            .map(|branch| format!(" on branch {}", text::clean(branch)));
        let branch = branch.unwrap_or_default();
        let when = when.map(|when| format!(", {when}")).unwrap_or_default();
        format!(
            "{who} {position}{branch} ({}{when}). {}",
            at.origin(),
            self.safety(context)
        )
        .trim_end()
        .to_owned()
    }

    fn safety(&self, context: &Context) -> String {
        if let Some(why) = &self.unsaved {
            let why = text::clean(why);
            return if self.is_temporary {
                format!("Nothing of this session is saved: {why}.")
            } else {
                format!("Not everything is saved: {why}. The next run records all current variables.")
            };
        }
        let said = match (self.is_recording, self.is_synced) {
            _ if self.is_paused == Some(true) => {
                return format!(
                    "Recording is paused; {} starts it again.",
                    context.command("resume-recording")
                );
            }
            (Some(false), _) => "Runs are not being recorded.",
            (_, Some(true)) if self.not_stored.is_empty() => "Everything is saved and synced.",
            (_, Some(false)) if self.not_stored.is_empty() => "Everything is saved.",
            (_, Some(true)) => "Everything that can be stored is saved and synced.",
            (_, Some(false)) => "Everything that can be stored is saved.",
            (_, None) => "",
        };
        said.to_owned()
    }
}
