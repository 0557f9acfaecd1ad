//! `clew gc`: marks data that nothing in a store needs any more, and deletes it later.

use std::collections::BTreeMap;
use std::path::Path;

use clew_core::format::Timestamp;
use clew_core::history::History;
use clew_core::id::ManifestId;
use clew_core::session::RetentionRules;
use clew_core::store::{Budget, Collection, CollectionReport, Damage, DroppedValue};
use serde::Serialize;

use super::{CollectionResult, HOUR, PieceCount, collect};
use crate::command_info::{CommandCall, CommandEffect, CommandInfo, CommandScope};
use crate::context::Context;
use crate::history_view::history_name;
use crate::page::Page;
use crate::problem::{Exit, Problem};
use crate::settings::SettingValue;
use crate::text;

/// Delete data that no run needs, in two steps.
///
/// The first `gc` marks the data. A `gc` a day or more later deletes it (`clew config gc.grace`). Forgotten values are deleted at once.
///
/// Clew keeps all runs, values and texts of every history, unless you set a rule (`clew config gc.keep_days`, `gc.keep_runs`, `gc.size`). With a rule, `gc` deletes other values in the same two steps. The runs themselves stay. Memory that only older states need is compressed if this saves space.
#[derive(Debug, Clone, clap::Args)]
pub struct Gc {
    /// Show what would be deleted, and delete nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Keep the values of runs of this many days, as `gc.keep_days` does; 0 sets no rule
    #[arg(long, value_name = "DAYS")]
    pub keep_days: Option<u64>,
    /// Keep the values of this many runs of each history, as `gc.keep_runs` does; 0 sets no rule
    #[arg(long, value_name = "RUNS")]
    pub keep_runs: Option<u64>,
    /// Delete values that cells can recreate until the store has this size, as `gc.size` does
    #[arg(long, value_name = "SIZE")]
    pub size: Option<String>,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "gc",
    examples: &[
        ("gc --dry-run", "show what would be deleted"),
        ("gc", "mark unneeded data, and delete what was marked before"),
    ],
    calls: &[CommandCall::new("gc --dry-run", "gc(dry_run=True)", "Garbage")],
    method: Some(&["dry_run"]),
    changes: CommandEffect::RecordedValues,
    scope: |_| CommandScope::Store,
    ..CommandInfo::DEFAULT
};

/// A run whose values are deleted, or will be.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DroppedRun {
    /// The name of the history.
    history: String,
    /// The run.
    run: String,
    /// The number of values.
    values: usize,
    /// Their size in bytes.
    bytes: u64,
    /// Whether they are deleted now. If not, they are deleted after the grace period.
    is_due: bool,
}

/// A file that cannot be read.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct UnreadableFile {
    /// The file.
    place: String,
    /// The problem.
    what: String,
}

/// The result of `gc`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct GcPage {
    /// Whether nothing was deleted.
    dry_run: bool,
    /// The setting `gc.grace`.
    grace_hours: u64,
    /// Needed data.
    needed: PieceCount,
    /// Deleted data; with `--dry-run`, data that would be deleted.
    removed: PieceCount,
    /// The part of `removed` that was forgotten.
    forgotten: PieceCount,
    /// Data that this `gc` found unneeded, and that a later one deletes.
    marked: PieceCount,
    /// Data that an earlier `gc` found unneeded, and that a later one deletes.
    waiting: PieceCount,
    /// Unneeded data in files that a kernel is writing.
    in_use: PieceCount,
    /// Data that only older states need, and that this `gc` compressed.
    compressed: PieceCount,
    /// The approximate number of bytes that compression saves.
    compressible_bytes: u64,
    /// The earliest time at which waiting data may be deleted.
    next_deletion: Option<String>,
    /// The number of deleted pack files.
    packs_removed: u64,
    /// The number of written pack files.
    packs_written: u64,
    /// The number of bytes by which the files shrank.
    freed_bytes: u64,
    /// Corrupted data that may be needed, and was kept.
    corrupted_kept: PieceCount,
    /// Corrupted data that was deleted, because it could not be separated from forgotten values.
    corrupted_deleted: PieceCount,
    /// Runs whose values your retention rules delete.
    dropped: Vec<DroppedRun>,
    /// The number of bytes by which the needed values exceed the size limit.
    over_limit: u64,
    /// Files that `gc` could not rewrite and left unchanged.
    kept_files: Vec<UnreadableFile>,
    /// Files that cannot be read. Data that they may need was kept.
    unreadable: Vec<UnreadableFile>,
    #[serde(skip)]
    due: Option<Timestamp>,
}

/// Deletes unneeded data of the store.
pub fn gc(gc: &Gc, directory: &Path, context: &Context) -> Result<GcPage, Problem> {
    let settings = &context.settings;
    let hours = settings.number("gc.grace");
    let rule = |given: Option<u64>, set: u64| Some(given.unwrap_or(set)).filter(|number| *number > 0);
    let limit = match &gc.size {
        Some(size) => budget(size, context)?,
        None => settings.budget("gc.size"),
    };
    let rules = RetentionRules {
        days: rule(gc.keep_days, settings.number("gc.keep_days")),
        runs: rule(gc.keep_runs, settings.number("gc.keep_runs")),
        has_limit: limit != Budget::Share(100),
    };
    let order = Collection {
        now: context.now,
        uptime: context.uptime,
        grace: i64::try_from(hours).unwrap_or(i64::MAX).saturating_mul(HOUR),
        forgotten_only: false,
        with_dead: false,
        dry_run: gc.dry_run,
    };
    let found = collect(directory, order, &rules, limit, context)?;
    let mut garbage = GcPage::of(&found.collected, hours, gc.dry_run);
    garbage.dropped = dropped_runs(&found);
    Ok(garbage)
}

/// Parses the size limit of a store.
fn budget(text: &str, context: &Context) -> Result<Budget, Problem> {
    let setting = crate::settings::setting("gc.size").expect("it is one of the table's");
    match setting.parse(text) {
        Ok(SettingValue::Size(bytes)) => Ok(Budget::Bytes(bytes)),
        Ok(SettingValue::Share(share)) => Ok(Budget::Share(share)),
        Ok(_) => Ok(Budget::Share(100)),
        Err(what) => Err(Problem::usage(what).with_hint(context.command("gc --size 2GB"))),
    }
}

/// Returns the dropped values by the runs that recorded them, the oldest of each history first.
fn dropped_runs(found: &CollectionResult) -> Vec<DroppedRun> {
    let mut runs = Vec::new();
    for (id, loaded) in &found.histories {
        let history = History::of(loaded);
        let dropped = found.collected.dropped.iter().filter(|dropped| dropped.history == *id);
        let mut of_history: BTreeMap<ManifestId, &DroppedValue> =
            dropped.map(|dropped| (dropped.value, dropped)).collect();
        if of_history.is_empty() {
            continue;
        }
        let name = text::clean(&history_name(*id, &loaded.description()));
        for (_, run) in history.runs() {
            let versions = run.changed.iter().chain(run.full.iter().flatten());
            let own: Vec<&DroppedValue> = versions
                .filter_map(|version| of_history.remove(&version.manifest))
                .collect();
            if !own.is_empty() {
                runs.push(DroppedRun {
                    history: name.clone(),
                    run: run.label(),
                    values: own.len(),
                    bytes: own.iter().map(|dropped| dropped.bytes).sum(),
                    is_due: own.iter().any(|dropped| dropped.goes),
                });
            }
        }
    }
    runs
}

impl GcPage {
    fn of(collected: &CollectionReport, grace_hours: u64, dry_run: bool) -> Self {
        let unread = |damage: &Damage| UnreadableFile {
            place: damage.path.display().to_string(),
            what: damage.what.clone(),
        };
        Self {
            dry_run,
            grace_hours,
            needed: collected.alive.into(),
            removed: collected.gone.into(),
            forgotten: collected.forgotten.into(),
            marked: collected.found.into(),
            waiting: collected.waiting.into(),
            in_use: collected.in_use.into(),
            compressed: collected.compressed.into(),
            compressible_bytes: collected.compressible,
            next_deletion: collected.next.map(text::rfc3339),
            packs_removed: collected.packs_removed,
            packs_written: collected.packs_written,
            freed_bytes: collected.freed,
            corrupted_kept: collected.carried.into(),
            corrupted_deleted: collected.lost.into(),
            dropped: Vec::new(),
            over_limit: collected.beyond,
            kept_files: collected.kept.iter().map(unread).collect(),
            unreadable: collected.doubts.iter().map(unread).collect(),
            due: collected.next,
        }
    }

    /// Formats the deleted data.
    fn removal(&self) -> String {
        let forgotten = match (self.forgotten.pieces, self.removed.pieces) {
            (0, _) => format!(", unneeded for {} or longer", hours(self.grace_hours)),
            (forgotten, all) if forgotten == all => ", forgotten".to_owned(),
            _ => format!(", {} of them forgotten", self.forgotten.text()),
        };
        let pieces = self.removed.text();
        if self.dry_run {
            return format!("Would delete {pieces}{forgotten}.\n");
        }
        let freed = text::bytes(self.freed_bytes);
        format!("Deleted {pieces}{forgotten}. The store is {freed} smaller.\n")
    }

    /// Formats the runs whose values the retention rules drop.
    fn dropping(&self) -> String {
        const SHOWN: usize = 20;
        if self.dropped.is_empty() {
            return String::new();
        }
        let values = text::count(self.dropped.iter().map(|run| run.values).sum(), "value");
        let runs = text::count(self.dropped.len(), "run");
        let mut text = format!("Your retention rules delete {values} of {runs}; the runs themselves stay:\n");
        for run in self.dropped.iter().take(SHOWN) {
            let when = match (run.is_due, self.dry_run) {
                (true, true) => "would be deleted now",
                (true, false) => "deleted",
                (false, _) => "later",
            };
            let (values, bytes) = (text::count(run.values, "value"), text::bytes(run.bytes));
            text += &format!("  {}: run {}, {values}, {bytes}: {when}\n", run.history, run.run);
        }
        if self.dropped.len() > SHOWN {
            text += &format!("  and {} more\n", text::count(self.dropped.len() - SHOWN, "run"));
        }
        text
    }

    /// Formats by how much the store exceeds its size limit.
    fn too_much(&self, context: &Context) -> String {
        if self.over_limit == 0 {
            return String::new();
        }
        let beyond = text::bytes(self.over_limit);
        let [runs, name] = ["gc --keep-runs N", "forget NAME"].map(|words| context.command(words));
        format!(
            "The store needs {beyond} more than its limit. Values at branches, tags and kernels always stay, and so do \
             values that no cell can recreate. Next: {runs} deletes older values, {name} those of one variable.\n"
        )
    }

    /// Formats the compressed data.
    fn compression(&self) -> String {
        if self.dry_run && self.compressible_bytes > 0 {
            let saved = text::bytes(self.compressible_bytes);
            return format!("Would compress memory that only older states need, which saves about {saved}.\n");
        }
        if self.compressed.is_none() {
            return String::new();
        }
        let pieces = self.compressed.text();
        let smaller = if self.removed.is_none() {
            format!(" The store is {} smaller.", text::bytes(self.freed_bytes))
        } else {
            String::new()
        };
        format!("Compressed {pieces} that only older states need.{smaller}\n")
    }

    /// Formats the corrupted data.
    fn damage(&self) -> String {
        let mut text = String::new();
        if !self.corrupted_kept.is_none() {
            text += &format!(
                "Kept, because it may be needed: {}, corrupted.\n",
                self.corrupted_kept.text()
            );
        }
        if !self.corrupted_deleted.is_none() {
            text += &format!(
                "Deleted with the forgotten values, because it could belong to them: {}, corrupted.\n",
                self.corrupted_deleted.text()
            );
        }
        text
    }

    /// Formats unreadable places and their effect on the deletion.
    fn doubt(&self, context: &Context) -> String {
        if self.unreadable.is_empty() {
            return String::new();
        }
        let places = text::count(self.unreadable.len(), "place");
        let mut text = format!(
            "{places} of the store cannot be read. Data that they may need stays; forgotten values are deleted.\n"
        );
        for doubt in &self.unreadable {
            text += &text::clean(&format!("  {}: {}\n", doubt.place, doubt.what));
        }
        text + &format!("Next: {} lists details.\n", context.command("verify"))
    }

    fn rest(&self, context: &Context) -> String {
        let mut text = String::new();
        let (verb, after) = if self.dry_run {
            ("Would mark", "would then delete")
        } else {
            ("Marked", "deletes")
        };
        if !self.marked.is_none() {
            text += &format!(
                "{verb} {} as unneeded: {}, {} or more from now, {after} {}.\n",
                self.marked.text(),
                context.command("gc"),
                hours(self.grace_hours),
                if self.marked.pieces == 1 { "it" } else { "them" }
            );
        }
        if let (Some(due), false) = (self.due, self.waiting.is_none()) {
            let due = text::moment(due, &context.zone);
            text += &format!(
                "Marked before and kept for now: {}, the first until {due}.\n",
                self.waiting.text()
            );
        }
        if !self.in_use.is_none() {
            text += &format!(
                "Skipped: {} in files that a kernel is writing; gc checks them when the kernel has ended.\n",
                self.in_use.text()
            );
        }
        text
    }
}

impl Page for GcPage {
    fn text(&self, context: &Context) -> String {
        let mut text = String::new();
        if !self.removed.is_none() {
            text += &self.removal();
        }
        text += &self.dropping();
        text += &self.too_much(context);
        text += &self.compression();
        text += &self.rest(context);
        if text.is_empty() {
            text = format!("Nothing to delete: {} in the store, all needed.\n", self.needed.text());
        }
        text += &self.damage();
        for kept in &self.kept_files {
            text += &text::clean(&format!("Kept: {}: {}\n", kept.place, kept.what));
        }
        text + &self.doubt(context)
    }

    fn exit(&self) -> Exit {
        Exit::Damaged.unless(self.unreadable.is_empty())
    }
}

fn hours(hours: u64) -> String {
    text::count(usize::try_from(hours).unwrap_or(usize::MAX), "hour")
}
