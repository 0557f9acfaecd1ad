//! `clew forget`: deletes values of variables permanently.

use std::collections::BTreeMap;
use std::path::Path;

use clew_core::history::{ErasurePreview, History, Parts};
use clew_core::id::{HistoryId, Root, RootKind, RunId};
use clew_core::session::Session;
use clew_core::store::{CollectionReport, LoadedHistory, Store, Verdict};
use serde::Serialize;

use super::{PieceCount, collect_forgotten};
use crate::command_info::{CommandCall, CommandEffect, CommandInfo};
use crate::context::Context;
use crate::history_view::{StoredHistory, history_name, open_store, root_called};
use crate::kernel_connection;
use crate::page::Page;
use crate::problem::{Exit, Problem};
use crate::text;

/// Delete all stored values of variables for good.
///
/// Clew also deletes the descriptions of these values. The variables in your session stay. The source and the outputs of cells stay too; the answer lists the cells that mention the variables. This cannot be undone, so the command only does it with `--yes`.
#[derive(Debug, Clone, clap::Args)]
pub struct Forget {
    /// The variables
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// Delete them from all your histories in the store
    #[arg(long)]
    pub everywhere: bool,
    /// Show what would be deleted, and delete nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Delete them; without this option, only show what would be deleted
    #[arg(long)]
    pub yes: bool,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "forget",
    examples: &[
        ("forget token --dry-run", "show what would be deleted, and what stays"),
        (
            "forget token --everywhere --yes",
            "delete token from all your histories for good",
        ),
    ],
    calls: &[CommandCall::new(
        "forget x --dry-run",
        "forget('x', dry_run=True)",
        "Forgotten",
    )],
    method: Some(&["yes", "everywhere", "dry_run"]),
    changes: CommandEffect::RecordedValues,
    ..CommandInfo::DEFAULT
};

/// The effects of `forget` in one history.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct AffectedHistory {
    /// The name of the history.
    history: String,
    /// The id of the history.
    id: HistoryId,
    /// The number of values.
    values: usize,
    /// The runs that recorded them.
    runs: Vec<String>,
    /// Values that were forgotten before.
    already_forgotten: u64,
    /// Their size in bytes.
    bytes: u64,
    /// Variables that are deleted with them, because they share objects.
    shares_with: Vec<Shared>,
    /// Runs whose source mentions a variable. Clew does not delete the source.
    cells: Vec<String>,
}

/// Another variable that shares objects or data, and the first run at which this is so.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Shared {
    /// The variable.
    name: String,
    /// The first run at which this is so.
    run: String,
    /// Its history; null for this one.
    history: Option<String>,
}

/// The result of `forget`, or its preview.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ForgetPage {
    /// The variables.
    variables: Vec<String>,
    /// Whether the values are deleted from all your histories.
    everywhere: bool,
    /// Whether you typed `--dry-run`.
    dry_run: bool,
    /// Whether the values were deleted. This needs `--yes`.
    is_done: bool,
    /// The histories with these variables.
    histories: Vec<AffectedHistory>,
    /// Histories that were skipped, because other people also recorded in them.
    skipped: Vec<String>,
    /// Other variables with the same data, which are not deleted.
    also_in: Vec<Shared>,
    /// The deleted data.
    removed: PieceCount,
    /// Forgotten data in files that a kernel is writing.
    remaining: PieceCount,
    /// The reason why some data could not be deleted yet.
    why_left: Option<String>,
}

/// A history to search.
struct Target {
    id: HistoryId,
    name: String,
    loaded: LoadedHistory,
    history: History,
    /// Hides values that were forgotten earlier in this history.
    store: Store,
    is_own: bool,
}

impl Target {
    fn of(id: HistoryId, directory: &Path, context: &Context) -> Result<Self, Problem> {
        let store = open_store(directory, context)?;
        let loaded = store.load(id)?;
        let history = History::of(&loaded);
        history.tell(&store);
        let mut operations = loaded.sessions.values().flat_map(|session| &session.operations);
        Ok(Self {
            id,
            name: text::clean(&history_name(id, &loaded.description())),
            is_own: operations.all(|loaded| loaded.verdict == Verdict::Own),
            loaded,
            history,
            store,
        })
    }
}

/// The values to forget, and the effects.
struct ForgetPlan {
    roots: Vec<Root>,
    /// All histories of the store.
    all: Vec<Target>,
    /// The values to forget, with the index of their history.
    found: Vec<(usize, ErasurePreview)>,
    page: ForgetPage,
}

/// Forgets the variables, or previews the effects.
pub fn forget(
    forget: &Forget,
    live: Option<&mut Session>,
    directory: &Path,
    wanted: Option<&str>,
    context: &Context,
) -> Result<ForgetPage, Problem> {
    let first = match &live {
        Some(session) => session.history_id(),
        None => StoredHistory::open(directory, wanted, context)?.only(context)?.id,
    };
    let plan = plan(forget, first, directory, context)?;
    if forget.yes {
        plan.perform(live, directory, context)
    } else {
        Ok(plan.page)
    }
}

/// Finds the values of the variables, in one history or in all.
fn plan(forget: &Forget, first: HistoryId, directory: &Path, context: &Context) -> Result<ForgetPlan, Problem> {
    let roots: Vec<Root> = forget.names.iter().map(|name| root_called(name)).collect();
    let all = targets(first, directory, context)?;
    let mut found: Vec<(usize, ErasurePreview)> = Vec::new();
    let mut skipped = Vec::new();
    for (index, target) in all.iter().enumerate() {
        let is_meant = target.id == first || forget.everywhere;
        if !is_meant {
            continue;
        }
        let forgettable = target.history.forgettable(&roots, &target.store)?;
        if forgettable.unknown.len() == roots.len() {
            continue;
        }
        if target.is_own {
            found.push((index, forgettable));
        } else {
            skipped.push(target.name.clone());
        }
    }
    check_known(&roots, &found, &all[0].name, &skipped, context)?;
    let page = ForgetPage {
        variables: roots.iter().map(ToString::to_string).collect(),
        everywhere: forget.everywhere,
        dry_run: forget.dry_run,
        is_done: false,
        histories: found
            .iter()
            .map(|(index, found)| AffectedHistory::of(found, &all[*index]))
            .collect(),
        skipped,
        also_in: also_in(&found, &all),
        removed: PieceCount::default(),
        remaining: PieceCount::default(),
        why_left: None,
    };
    Ok(ForgetPlan {
        roots,
        all,
        found,
        page,
    })
}

impl ForgetPlan {
    /// Forgets the values, and deletes their bytes.
    fn perform(
        self,
        mut live: Option<&mut Session>,
        directory: &Path,
        context: &Context,
    ) -> Result<ForgetPage, Problem> {
        let (all, mut page) = (self.all, self.page);
        let is_readable = self
            .found
            .iter()
            .all(|(index, found)| found.versions.keys().all(|id| all[*index].store.manifest(*id).is_ok()));
        let meant: Vec<HistoryId> = self.found.iter().map(|(index, _)| all[*index].id).collect();
        for target in all {
            if !meant.contains(&target.id) {
                continue;
            }
            match &mut live {
                Some(session) if session.history_id() == target.id => done(session.forget(&self.roots), context)?,
                _ => {
                    let mut session = kernel_connection::begin(target.id, target.loaded, directory, context)?;
                    done(session.forget(&self.roots), context)?;
                }
            }
        }
        page.is_done = true;
        page.remove(is_readable, directory, context);
        Ok(page)
    }
}

fn done<T>(result: Result<T, clew_core::session::SessionError>, context: &Context) -> Result<(), Problem> {
    result
        .map(drop)
        .map_err(|error| crate::session_problem(&error, context))
}

/// Returns all histories of the store, the selected one first: others may contain the same data.
fn targets(first: HistoryId, directory: &Path, context: &Context) -> Result<Vec<Target>, Problem> {
    let store = open_store(directory, context)?;
    let all = store.histories()?;
    let others = all.into_iter().map(|(id, _)| id).filter(|id| *id != first);
    std::iter::once(first)
        .chain(others)
        .map(|id| Target::of(id, directory, context))
        .collect()
}

/// Checks that every name had a value in some run: a mistyped name must not appear to be forgotten.
fn check_known(
    roots: &[Root],
    found: &[(usize, ErasurePreview)],
    history: &str,
    skipped: &[String],
    context: &Context,
) -> Result<(), Problem> {
    let is_known = |root: &&Root| found.iter().any(|(_, found)| !found.unknown.contains(root));
    let unknown: Vec<String> = roots
        .iter()
        .filter(|root| !is_known(root))
        .map(|root| text::clean(&format!("`{root}`")))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    if found.is_empty() && !skipped.is_empty() {
        let whose = format!(
            "{} also contains runs of other people, so Clew does not forget anything there",
            text::listing(skipped, 4)
        );
        return Err(Problem::of(Exit::Refused, whose));
    }
    let where_ = if found.is_empty() { history } else { "these histories" };
    let log = context.command("log --all");
    let problem = format!("No run of {where_} has {}", text::listing(&unknown, 4));
    Err(Problem::usage(problem).with_hint(format!("{log} lists the runs and their variables")))
}

impl AffectedHistory {
    fn of(found: &ErasurePreview, target: &Target) -> Self {
        let history = &target.history;
        let mut runs: Vec<RunId> = found.versions.values().copied().collect();
        let order = |id: &RunId| {
            history
                .outline(id)
                .map(|outline| (outline.number, outline.suffix.clone()))
        };
        runs.sort_by_key(order);
        runs.dedup();
        Self {
            history: target.name.clone(),
            id: target.id,
            values: found.versions.len(),
            runs: runs.iter().map(|run| history.label(run)).collect(),
            already_forgotten: found.already,
            bytes: found.bytes,
            shares_with: named(&found.shared, history, None),
            cells: cells(found, target),
        }
    }
}

/// Returns the variables and outputs among the roots, with the runs.
fn named(roots: &BTreeMap<Root, RunId>, history: &History, name: Option<&str>) -> Vec<Shared> {
    let shown = roots
        .iter()
        .filter(|(root, _)| matches!(root.kind, RootKind::Name | RootKind::Out));
    shown
        .map(|(root, run)| Shared {
            name: root.to_string(),
            run: history.label(run),
            history: name.map(str::to_owned),
        })
        .collect()
}

/// Returns variables in all histories that share data with the forgotten values and are not forgotten themselves.
fn also_in(found: &[(usize, ErasurePreview)], all: &[Target]) -> Vec<Shared> {
    let mut parts = Parts::default();
    for (index, found) in found {
        parts.add(found, &all[*index].store);
    }
    let mut also = Vec::new();
    for (index, target) in all.iter().enumerate() {
        let own = found.iter().find(|(other, _)| *other == index).map(|(_, own)| own);
        let sharers = target.history.sharers(&parts, own, &target.store);
        let name = (index > 0).then_some(target.name.as_str());
        also.extend(named(&sharers, &target.history, name));
    }
    also
}

/// Returns runs whose source names the forgotten variables.
fn cells(found: &ErasurePreview, target: &Target) -> Vec<String> {
    let names: Vec<&str> = found
        .roots
        .iter()
        .filter(|root| root.kind == RootKind::Name)
        .map(|root| root.key.as_str())
        .collect();
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let names_it = |source: &str| {
        source
            .split(|letter| !is_word(letter))
            .any(|word| names.contains(&word))
    };
    let runs = target.history.runs().filter(|(_, run)| {
        let source = run.source.and_then(|source| target.store.blob(source).ok());
        source.is_some_and(|source| names_it(&source))
    });
    runs.map(|(_, run)| run.label()).collect()
}

impl ForgetPage {
    /// Deletes the bytes from the packs. If that is not possible now, reports it; `gc` does it later. If the record of a value cannot be
    /// read, its bytes are among those that nothing needs.
    fn remove(&mut self, is_readable: bool, directory: &Path, context: &Context) {
        let is_open =
            |collected: &CollectionReport| collected.forgotten_kept.things > 0 || (!is_readable && collected.waits());
        let (collected, why_left) = collect_forgotten(directory, !is_readable, is_open, context);
        (self.removed, self.remaining) = (collected.gone.into(), collected.forgotten_in_use.into());
        self.why_left = why_left;
    }

    fn all_names(&self) -> String {
        let names: Vec<String> = self.variables.iter().map(|name| text::clean(name)).collect();
        text::listing(&names, 8)
    }

    /// Returns the subject and object pronouns for the variables.
    fn pronouns(&self) -> (&'static str, &'static str) {
        if self.variables.len() == 1 {
            ("It", "it")
        } else {
            ("They", "them")
        }
    }

    fn values(&self) -> usize {
        self.histories.iter().map(|history| history.values).sum()
    }

    /// Returns the names as typed.
    fn typed_names(&self) -> String {
        let names: Vec<String> = self.variables.iter().map(|name| text::typed(name)).collect();
        names.join(" ")
    }

    /// Returns the command that performs it.
    fn command(&self, context: &Context) -> String {
        let everywhere = if self.everywhere { " --everywhere" } else { "" };
        context.command(&format!("forget {}{everywhere} --yes", self.typed_names()))
    }

    fn in_histories(&self) -> String {
        let mut lines = String::new();
        let has_several = self.everywhere;
        for history in &self.histories {
            let mut line = format!(
                "{} of {} ({})",
                text::count(history.values, "value"),
                text::runs(&history.runs),
                text::bytes(history.bytes)
            );
            if history.values == 0 {
                "nothing".clone_into(&mut line);
            }
            if history.already_forgotten > 0 {
                line += &format!(", {} forgotten before", history.already_forgotten);
            }
            let before = if has_several {
                format!("{}: ", history.history)
            } else {
                String::new()
            };
            lines += &format!("  {before}{line}\n");
            if !history.shares_with.is_empty() {
                let names = shared(&history.shares_with);
                lines += &format!("  Shares objects with it, and is forgotten too: {names}\n");
            }
            if !history.cells.is_empty() {
                lines += &format!(
                    "  Not deleted: the source and outputs of {}, which mention {}\n",
                    text::runs(&history.cells),
                    self.pronouns().1
                );
            }
        }
        lines
    }
}

fn shared(names: &[Shared]) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|shared| {
            let history = shared.history.as_ref().map(|history| format!(" of {history}"));
            format!("{} (run {}{})", shared.name, shared.run, history.unwrap_or_default())
        })
        .collect();
    text::clean(&text::listing(&names, 5))
}

impl Page for ForgetPage {
    fn text(&self, context: &Context) -> String {
        let names = self.all_names();
        let mut text = match (self.is_done, self.values()) {
            (true, 0) => format!("Nothing new to forget of {names}:\n"),
            (true, _) => format!("Forgot {names}:\n"),
            (false, _) => format!("Would forget {names}:\n"),
        };
        text += &self.in_histories();
        if !self.also_in.is_empty() {
            text += &format!(
                "  Not deleted: the same data under other names: {}\n",
                shared(&self.also_in)
            );
        }
        if !self.skipped.is_empty() {
            let skipped = text::listing(&self.skipped, 4);
            text += &format!("  Skipped, because it contains runs of other people: {skipped}\n");
        }
        if !self.is_done {
            let command = self.command(context);
            return text + &format!("Nothing was changed. {command} deletes the data. This cannot be undone.\n");
        }
        let (subject, object) = self.pronouns();
        if let Some(why) = &self.why_left {
            let gc = context.command("gc");
            text += &format!(
                "{subject} cannot be loaded or shown any more. The data is still in the store: {}. {gc} deletes it once that is resolved.\n",
                text::clean(why)
            );
        } else if self.remaining.is_none() && self.removed.is_none() {
            text += &format!("{subject} cannot be loaded or shown any more, and its data is deleted from the store.\n");
        } else if self.remaining.is_none() {
            text += &format!(
                "{subject} cannot be loaded or shown any more, and the data is deleted: {}.\n",
                self.removed.text()
            );
        } else {
            let gc = context.command("gc");
            text += &format!(
                "{subject} cannot be loaded or shown any more. Still in files that a kernel is writing: {}. \
                 `%clew forget {} --yes` in its notebook deletes that at once, {gc} when the kernel has ended.\n",
                self.remaining.text(),
                self.typed_names()
            );
        }
        text += &format!(
            "A copy of {object} inside another value (a list, a dict, a frame) stays: forget that value, too.\n"
        );
        let keep_out = context.command(&format!("exclude {}", self.typed_names()));
        text + &format!(
            "Your variables do not change. A cell that shows or changes {object} records it again, unless you exclude it: {keep_out}.\n"
        )
    }

    fn exit(&self) -> Exit {
        match (self.is_done, self.dry_run, &self.why_left) {
            (false, false, _) => Exit::Refused,
            (true, _, Some(_)) => Exit::Inexact,
            (true, _, None) if !self.remaining.is_none() => Exit::Inexact,
            _ => Exit::Done,
        }
    }
}
