//! `clew export`: a state, or a whole history, in a signed file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_core::id::{Root, RootKind, RunId};
use clew_core::restore;
use clew_core::session::{self, ExportReport};
use clew_core::store::disk::RealDisk;
use clew_core::store::{BundleMaker, CopyCallback, SigningKey, Store};
use serde::Serialize;

use super::inputs::{self, InputPage};
use super::progress::ByteCounter;
use crate::command_info::{CommandCall, CommandInfo};
use crate::context::Context;
use crate::history_view::{HistoryView, open_store};
use crate::page::Page;
use crate::problem::{Exit, Problem};
use crate::settings;
use crate::text;
use crate::whole_file::{cannot_write, is_folder, refuse_notebook};

/// Export a state to a bundle, one signed file that others can import.
///
/// Without `--all`, the bundle contains the values of one state, and the names of the packages that they were created with. Of the cells, it contains only those that define functions and classes. It contains no outputs and no paths of this machine. No bundle contains forgotten values, excluded variables or detected credentials.
#[derive(Debug, Clone, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // each is an option of the user
pub struct Export {
    /// The file to write, such as `state.clew`
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Export the state after this run
    #[arg(long, value_name = "REV", default_value = "@")]
    pub at: String,
    /// Export all runs of the history, with their cells, outputs and stored values
    #[arg(long, conflicts_with_all = ["at", "names", "max_size"])]
    pub all: bool,
    /// Export only these variables, with those that share objects with them
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    pub names: Vec<String>,
    /// Leave out large values until the rest fits
    #[arg(long, value_name = "SIZE")]
    pub max_size: Option<String>,
    /// Leave out the cells that define functions and classes; other versions of Python need them
    #[arg(long, conflicts_with = "all")]
    pub without_cells: bool,
    /// Add the files that the cells read, if they have not changed since
    #[arg(long)]
    pub with_files: bool,
    /// Replace an existing file
    #[arg(long)]
    pub force: bool,
    /// Write data of an encrypted store unencrypted
    #[arg(long)]
    pub plain: bool,
    /// Always lists these files with their hashes: they are stored beside the bundle
    #[arg(skip)]
    pub lists_files: bool,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "export",
    examples: &[
        ("export state.clew", "the current variables, in one file"),
        ("export all.clew --all", "every run, with its cell, outputs and values"),
        ("export state.clew --with-files", "add the files that the cells read"),
    ],
    calls: &[CommandCall::plain("export s.clew --force")],
    ..CommandInfo::DEFAULT
};

/// A value of an exported state.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct BundleValue {
    /// The variables of the value.
    pub roots: Vec<Root>,
    /// The number of bytes that it adds to the bundle, before compression.
    bytes: u64,
    /// The reason why it is not in the bundle.
    pub why: Option<String>,
}

/// The result of `export`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ExportPage {
    /// The bundle.
    pub(super) file: PathBuf,
    /// Its size in bytes.
    pub(super) bytes: u64,
    /// The name of the history.
    pub(super) history: String,
    /// The run whose state was exported; null with `--all`.
    pub(super) run: Option<String>,
    /// With `--all`: the number of exported runs.
    pub(super) runs: u64,
    /// The values of the state.
    pub(super) values: Vec<BundleValue>,
    /// Runs whose cells are in the bundle, because they define functions and classes.
    pub(super) cells: Vec<String>,
    /// Files that the cells read.
    pub(super) files: Vec<InputPage>,
    /// Missing or corrupted items that could not be exported.
    pub(super) corruption: Vec<String>,
    /// The key that signed the bundle.
    pub(super) key: String,
}

/// The bytes that records take besides the values: a fixed number, and a number per variable.
const RECORDS: u64 = 64 << 10;
const RECORD: u64 = 2 << 10;

/// Writes a bundle.
pub fn export(export: &Export, place: &HistoryView<'_>, context: &Context) -> Result<ExportPage, Problem> {
    check_file(&export.file, "clew", export.force, context)?;
    check_plain(export.plain, place, context)?;
    let run = place.resolve(&export.at, context)?;
    let store = open_store(place.store, context)?;
    let disk = Arc::new(RealDisk);
    let key = SigningKey::load_or_create(&*disk, &context.config)?;
    let mut maker = BundleMaker::begin(disk, &export.file)?;
    let mut counting = ByteCounter::new("Exporting", context);
    let mut watch = |bytes| counting.count(bytes);
    let exported = if export.all {
        ExportReport {
            carried: store.carry_history(place.id, maker.store(), &mut watch)?,
            ..ExportReport::default()
        }
    } else {
        state(export, (place, run), &store, (&maker, &key), context, &mut watch)?
    };
    let wanted = inputs::InputSelection {
        is_history: export.all,
        takes_files: export.with_files,
        lists_files: export.lists_files,
    };
    let files = inputs::put(wanted, (place, run), &mut maker, &mut watch)?;
    let bytes = maker.finish(place.id, &key, context.now)?;
    let damage = exported.carried.damage.iter();
    let corruption = damage.map(|damage| format!("{}: {}", damage.path.display(), damage.what));
    let values = exported.values.into_iter().map(|value| BundleValue {
        roots: value.roots,
        bytes: value.bytes,
        why: value.why,
    });
    Ok(ExportPage {
        file: export.file.clone(),
        bytes,
        history: place.name(),
        run: (!export.all).then(|| place.history.label(&run)),
        runs: exported.carried.runs,
        values: values.collect(),
        cells: exported.cells.iter().map(|run| place.history.label(run)).collect(),
        files,
        corruption: corruption.collect(),
        key: key.public().to_string(),
    })
}

fn state(
    export: &Export,
    (place, run): (&HistoryView<'_>, RunId),
    store: &Store,
    (maker, key): (&BundleMaker, &SigningKey),
    context: &Context,
    watch: CopyCallback<'_>,
) -> Result<ExportReport, Problem> {
    let names = export.names.iter();
    let roots: Result<BTreeSet<Root>, Problem> = names.map(|name| place.root(name.trim(), run, context)).collect();
    let roots = Some(roots?).filter(|roots| !roots.is_empty());
    let records = RECORDS + RECORD * place.history.state(run).len() as u64;
    let most = export.max_size.as_deref().map(most).transpose()?;
    let cells = if export.without_cells {
        Vec::new()
    } else {
        restore::cell_texts(store, place.history, run)
    };
    let origins = clew_value::CellIndex::new(cells.iter().map(|cell| cell.text.as_str()));
    let order = session::ExportRequest {
        history: place.id,
        name: &place.name(),
        description: place.description,
        run,
        roots: roots.as_ref(),
        most: most.map(|most| most.saturating_sub(records)),
        cells: &cells,
        origins: &|stream, roots, asides| origins.origins(stream, roots, asides),
    };
    let written = order.write(store, place.history, maker, (key, context.now), watch);
    written.map_err(|error| crate::session_problem(&error, context))
}

pub(super) fn most(size: &str) -> Result<u64, Problem> {
    settings::bytes(size).ok_or_else(|| {
        Problem::usage(format!("`{}` is not a size", text::clean(size)))
            .with_hint("type a size such as `--max-size 200MB`")
    })
}

pub(super) fn check_file(file: &Path, extension: &str, is_forced: bool, context: &Context) -> Result<(), Problem> {
    if file.is_dir() {
        return Err(is_folder(file));
    }
    refuse_notebook(file, extension)?;
    if file.exists() && !is_forced {
        let shown = text::path(file);
        let problem = Problem::of(Exit::Refused, format!("{shown} already exists"));
        return Err(problem.with_hint(format!("{} replaces it", context.again("--force"))));
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder.map(Path::metadata) {
        Some(Err(error)) => Err(cannot_write(file, &error)),
        _ => Ok(()),
    }
}

/// Refuses to export an encrypted store unencrypted without `--plain`.
pub(super) fn check_plain(is_plain: bool, place: &HistoryView<'_>, context: &Context) -> Result<(), Problem> {
    if !place.records.is_encrypted() || is_plain {
        return Ok(());
    }
    let problem = Problem::of(Exit::Refused, "The store is encrypted, but a bundle is not");
    let again = context.again("--plain");
    Err(problem.with_hint(format!(
        "{again} exports it unencrypted: everyone with the file can read it"
    )))
}

impl ExportPage {
    pub(super) fn said_of_cells(&self) -> String {
        if self.cells.is_empty() {
            return String::new();
        }
        let runs = if self.cells.len() == 1 { "run" } else { "runs" };
        format!(
            "  with it the cells of {runs} {}, which define functions and classes: another version of Python needs them (`--without-cells` leaves them out)\n",
            self.cells.join(", ")
        )
    }

    /// Returns the variables in the bundle, or those left out.
    pub(super) fn names(&self, is_sent: bool) -> impl Iterator<Item = (&Root, &BundleValue)> {
        let values = self.values.iter().filter(move |sent| sent.why.is_none() == is_sent);
        let roots = values.flat_map(|sent| sent.roots.iter().map(move |root| (root, sent)));
        roots.filter(|(root, _)| matches!(root.kind, RootKind::Name | RootKind::ModuleAttribute))
    }
}

impl Page for ExportPage {
    fn text(&self, context: &Context) -> String {
        let history = text::clean(&self.history);
        let file = text::path(&self.file);
        let size = text::bytes(self.bytes);
        let mut told = if let Some(run) = &self.run {
            let sent = text::count(self.names(true).count(), "variable");
            let left = match self.names(false).count() {
                0 => String::new(),
                number => format!(", {number} left out"),
            };
            format!("Exported the state after run {run} of {history} to {file} ({size}): {sent}{left}.\n")
        } else {
            let runs = text::count(self.runs as usize, "run");
            format!("Exported all of {history} to {file} ({size}): {runs}, with cells, outputs and values.\n")
        };
        for (root, sent) in self.names(false) {
            let why = sent.why.as_deref().unwrap_or_default();
            told += &text::clean(&format!("  {root}: left out: {why}\n"));
        }
        told += &text::unread("left out", &self.corruption);
        told += &self.said_of_cells();
        told += &inputs::said(&self.files, context);
        let import = context.command("import FILE");
        let key = &self.key[..16];
        told + &format!("{import} imports it elsewhere. It is signed with your key, {key}.\n")
    }

    fn exit(&self) -> Exit {
        let has_files = self.files.iter().all(|file| !file.is_left());
        let is_whole = has_files && self.corruption.is_empty() && self.names(false).next().is_none();
        Exit::Inexact.unless(is_whole)
    }
}
