//! `clew import`: previews a bundle, or imports it into a store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_core::cause::Cause;
use clew_core::format::Timestamp;
use clew_core::id::{HistoryId, RootKind, RunId};
use clew_core::session::Visit;
use clew_core::store::disk::{Disk, RealDisk};
use clew_core::store::{Access, KeyTrust, PublicKey, SigningKey, Store, TransferSummary, Trust};
use serde::Serialize;

use super::inputs::{self, ListedPage};
use super::progress::ByteCounter;
use crate::command_info::{CommandCall, CommandEffect, CommandInfo, CommandScope};
use crate::commands::vars::{Variable, variable};
use crate::context::Context;
use crate::history_view::{StoredHistory, key_and_trust};
use crate::package::Carrier;
use crate::page::Page;
use crate::path_maps::{PathMap, PathMaps};
use crate::problem::{Exit, Problem};
use crate::requirements::{Need, StateRequirements};
use crate::table::TextTable;
use crate::text;

/// Import a bundle or a package into the store, or preview it.
///
/// The command runs no code. It checks every byte against the signature, and refuses a bundle that differs anywhere. Everything in the store stays. If the store has the history already, Clew adds the runs that it lacks.
#[derive(Debug, Clone, clap::Args)]
pub struct Import {
    /// A bundle, a package, the folder of an unpacked package, or a notebook with an embedded history
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Show the contents, and import nothing
    #[arg(long)]
    pub preview: bool,
    /// Write the input files, and the notebook of a package, below this folder
    #[arg(long, value_name = "DIR", conflicts_with = "preview")]
    pub files: Option<PathBuf>,
    /// Look at NEW for the file or folder that cells read at OLD, and report whether it is the same
    #[arg(long = "map", value_name = "OLD=NEW")]
    pub maps: Vec<PathMap>,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "import",
    examples: &[
        ("import nb.crate.zip --preview", "show what a package contains"),
        (
            "import state.clew --preview",
            "show what a bundle contains, and who signed it",
        ),
        ("import state.clew", "import the bundle into the store"),
        ("import state.clew --files data", "also write its files below data"),
        (
            "import all.clew --preview --map /home/ada/data=/mnt/data",
            "check whether its files are in /mnt/data",
        ),
    ],
    calls: &[CommandCall::plain("import s.clew --preview")],
    changes: CommandEffect::Store,
    scope: |_| CommandScope::Store,
    ..CommandInfo::DEFAULT
};

/// A variable in a bundle.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Name {
    #[serde(flatten)]
    variable: Variable,
    /// Why the variable cannot be loaded here.
    problem: Option<String>,
}

/// The notebook of a package.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PackedNotebook {
    /// Its name.
    name: String,
    /// The file that `--files` wrote, or that was there already.
    written: Option<PathBuf>,
    /// Why it was not written.
    why: Option<String>,
}

/// The contents of a bundle, and the result of importing it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ImportPage {
    /// The bundle or package.
    file: PathBuf,
    /// Whether nothing was imported.
    is_preview: bool,
    /// Its size in bytes.
    bytes: u64,
    /// The time when it was created.
    created: String,
    /// The key that signed it.
    key: String,
    /// Your decision about the key, as in `clew trust`.
    trust: &'static str,
    /// The name of the history.
    history: String,
    /// The id of the history.
    id: HistoryId,
    /// Whether the store had this history before.
    is_known: bool,
    /// The current run of the history, whose state is restored by default.
    at: Option<String>,
    /// The run of the exported state, if the bundle contains only one state.
    #[serde(skip)]
    state: Option<RunId>,
    /// The number of runs in it.
    runs: usize,
    /// Its variables.
    variables: Vec<Name>,
    /// The interpreter whose packages were checked.
    python: Option<PathBuf>,
    /// Packages that the values need, with the recorded versions.
    packages: Vec<String>,
    /// The packages among them that are not installed.
    missing_packages: Vec<String>,
    /// Files that the cells read.
    files: Vec<ListedPage>,
    /// The notebook of a package.
    notebook: Option<PackedNotebook>,
    #[serde(skip)]
    is_writing: bool,
    /// The path mappings as typed (`--map`).
    #[serde(skip)]
    maps: Vec<PathMap>,
    /// The number of runs that are new here.
    new_runs: u64,
    /// The number of bytes of values that are new here, before compression.
    new_bytes: u64,
    /// The number of conflicts: sessions that continued differently in this store. Clew keeps the runs of this store.
    conflicts: usize,
    /// Items that could not be read and were not imported.
    corruption: Vec<String>,
    #[serde(skip)]
    time: Timestamp,
    /// The modification times of the files that cells read, by path.
    #[serde(skip)]
    times: BTreeMap<String, Timestamp>,
}

/// Shows the contents of a bundle without creating anything, not even a key.
pub fn preview(import: &Import, directory: &Path, context: &Context) -> Result<ImportPage, Problem> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let carrier = Carrier::open(&disk, &import.file)?;
    let trust = key_and_trust(context).map(|(_, trust)| trust);
    let mut counting = ByteCounter::new("Importing", context);
    ImportPage::of(import, &carrier, trust, (&disk, directory), &mut counting, context)
}

/// Imports a bundle into the store.
pub fn import(import: &Import, directory: &Path, context: &Context) -> Result<ImportPage, Problem> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let carrier = Carrier::open(&disk, &import.file)?;
    if import.files.is_some() {
        inputs::check_size(&carrier)?;
    }
    let key = SigningKey::load_or_create(&*disk, &context.config)?;
    let mut counting = ByteCounter::new("Importing", context);
    let (trust, _) = Trust::load_or_own(&*disk, &context.config, key.public());
    let mut page = ImportPage::of(
        import,
        &carrier,
        Some(trust),
        (&disk, directory),
        &mut counting,
        context,
    )?;
    let store = Store::open_with(disk, directory, Access::ReadWrite, &context.keys())?;
    page.take(&store.receive(&carrier.bundle, context.now, &mut |bytes| counting.count(bytes))?);
    if let Some(folder) = &import.files {
        // The store has imported everything, and every byte was verified against the signature.
        inputs::write_out(&carrier, folder, &page.times, &mut page.files, &mut |bytes| {
            counting.count(bytes)
        })?;
        page.write_notebook(&carrier, folder)?;
    }
    Ok(page)
}

/// Checks that a bundle is signed by the user or a key that the user trusts.
///
/// # Errors
/// The bundle's key is untrusted.
pub(in crate::commands) fn check_is_trusted(carrier: &Carrier, context: &Context) -> Result<(), Problem> {
    let trust = key_and_trust(context).map(|(_, trust)| trust);
    let key = carrier.bundle.key();
    if matches!(standing(trust.as_ref(), key), "own" | "former" | "trusted") {
        return Ok(());
    }
    let file = text::path(carrier.bundle.path());
    let problem = format!("{file} is signed by a key that you do not trust, and running it runs its code");
    let typed = text::typed_path(carrier.bundle.path());
    let [import, trust] = [format!("import {typed} --preview"), format!("trust add {key}")];
    let [import, trust] = [import, trust].map(|words| context.command(&words));
    let hint = format!("{import} shows its contents, {trust} trusts its author");
    Err(Problem::usage(problem).with_hint(hint))
}

/// Returns the name of a package's notebook, if it is a plain file name.
fn notebook_of(carrier: &Carrier) -> Result<Option<PackedNotebook>, Problem> {
    let is_plain =
        |name: &String| Path::new(name).file_name().is_some_and(|own| own == name.as_str()) && !name.starts_with('.');
    let name = carrier.notebook()?.map(|(name, _)| name).filter(is_plain);
    Ok(name.map(|name| PackedNotebook {
        name,
        written: None,
        why: None,
    }))
}

fn is_known(disk: &Arc<dyn Disk>, directory: &Path, history: HistoryId, context: &Context) -> bool {
    let store = Store::open_with(Arc::clone(disk), directory, Access::ReadOnly, &context.keys());
    store.is_ok_and(|store| store.load(history).is_ok())
}

impl ImportPage {
    /// Lists the contents of a bundle, and which of them this machine and the store have.
    fn of(
        import: &Import,
        carrier: &Carrier,
        trust: Option<Trust>,
        (disk, directory): (&Arc<dyn Disk>, &Path),
        counting: &mut ByteCounter,
        context: &Context,
    ) -> Result<Self, Problem> {
        let bundle = &carrier.bundle;
        let standing = standing(trust.as_ref(), bundle.key());
        let store = bundle.store().clone();
        let store = match trust {
            Some(trust) => store.with_trust(trust),
            None => store,
        };
        let wanted = bundle.history().to_string();
        let opened = StoredHistory::of(store, Some(&wanted), context.now)?;
        let visit = Visit::new(opened.store.clone(), &opened.loaded);
        let place = opened.place();
        let mut names = Vec::new();
        let needs = place
            .at
            .map(|at| StateRequirements::of(&opened.store, place.history, at));
        let needs = needs.unwrap_or_default();
        let here = needs.ask(context);
        let missing: Vec<&Need> = here.iter().flat_map(|here| needs.missing(here)).collect();
        if let Some(at) = place.at {
            let state = place.history.state(at);
            for root in state.roots().filter(|root| root.kind == RootKind::Name) {
                let Some(version) = state.version(root) else { continue };
                let missing = || not_installed(missing.iter().copied().filter(|need| need.roots.contains(root)));
                names.extend(variable(root, at, &state, &place).map(|variable| Name {
                    variable,
                    problem: visit.obstacle(at, version).or_else(missing),
                }));
            }
        }
        let maps = PathMaps::from(import.maps.as_slice());
        maps.check(bundle.inputs().iter().map(|input| input.path.as_str()))?;
        Ok(Self {
            file: import.file.clone(),
            is_preview: import.preview,
            bytes: bundle.length(),
            created: text::rfc3339(bundle.time()),
            key: bundle.key().to_string(),
            trust: standing,
            history: place.name(),
            id: place.id,
            is_known: is_known(disk, directory, bundle.history(), context),
            at: place.at.map(|at| place.history.label(&at)),
            state: place.at.filter(|at| place.history.is_exported(at)),
            runs: place.history.len(),
            variables: names,
            packages: packaged(needs.required.iter()),
            missing_packages: missing.into_iter().map(Need::text).collect(),
            python: here.map(|here| here.executable),
            files: inputs::listed(carrier, &maps, &mut |bytes| counting.count(bytes)),
            notebook: notebook_of(carrier)?,
            is_writing: import.files.is_some(),
            maps: import.maps.clone(),
            new_runs: 0,
            new_bytes: 0,
            conflicts: 0,
            corruption: place.damage.iter().map(|damage| damage.what.clone()).collect(),
            time: bundle.time(),
            times: inputs::times(place.history),
        })
    }

    fn write_notebook(&mut self, carrier: &Carrier, folder: &Path) -> Result<(), Problem> {
        let beside = carrier
            .has_notebook_beside()
            .then(|| carrier.notebook())
            .transpose()?
            .flatten();
        if let (Some((_, bytes)), Some(page)) = (beside, &mut self.notebook) {
            match inputs::write_notebook(&page.name, &bytes, folder) {
                Ok(path) => page.written = Some(path),
                Err(error) => page.why = Some(error.to_string()),
            }
        }
        Ok(())
    }

    /// Returns the notebook's path in the output folder, including one that existed before.
    pub(in crate::commands) fn notebook_in(&self, folder: &Path) -> Option<PathBuf> {
        let notebook = self.notebook.as_ref()?;
        let path = notebook.written.clone().unwrap_or_else(|| folder.join(&notebook.name));
        path.is_file().then_some(path)
    }

    /// Summarizes the import in one line.
    pub(in crate::commands) fn taken_in(&self) -> String {
        let file = text::path(&self.file);
        let runs = text::count(usize::try_from(self.new_runs).unwrap_or(usize::MAX), "run");
        let left: Vec<String> = self.files.iter().filter_map(ListedPage::unwritten).collect();
        let stayed = if left.is_empty() {
            String::new()
        } else {
            format!("; not written: {}", text::listing(&left, 3))
        };
        if self.new_runs == 0 {
            format!("All runs of {file} already exist here{stayed}")
        } else {
            format!("Imported {file}: {runs}{stayed}")
        }
    }

    /// Formats the notebook's status.
    fn said_of_notebook(&self) -> String {
        let Some(notebook) = &self.notebook else {
            return String::new();
        };
        let name = text::clean(&notebook.name);
        match (&notebook.written, &notebook.why) {
            (Some(path), _) => format!("Its notebook is at {}.\n", text::path(path)),
            (None, Some(why)) => format!("Its notebook {name} was not written: {}\n", text::clean(why)),
            (None, None) => format!("Its notebook is {name}, which is not signed.\n"),
        }
    }

    fn take(&mut self, carried: &TransferSummary) {
        self.new_runs = carried.runs;
        self.new_bytes = carried.bytes;
        self.conflicts = carried.contradictions.len();
        self.corruption
            .extend(carried.damage.iter().map(|damage| damage.what.clone()));
    }

    fn headline(&self, context: &Context) -> String {
        let history = text::clean(&self.history);
        let runs = text::count(self.runs, "run");
        let made = text::ago(self.time, context.now);
        let who = match self.trust {
            "own" | "former" => "you".to_owned(),
            "trusted" => format!("key {}, which you trust", &self.key[..16]),
            _ => format!("key {}, which you have not trusted", &self.key[..16]),
        };
        let size = text::bytes(self.bytes);
        format!("{history}, {runs}, {size}, created {made} by {who}")
    }

    fn table(&self, context: &Context) -> String {
        let mut table = TextTable::default().with_header(&HEADER).flexible(4);
        for name in &self.variables {
            let variable = &name.variable;
            let shape: Vec<String> = variable.shape.iter().map(ToString::to_string).collect();
            let told = match &name.problem {
                Some(why) => context.style.gone(&text::clean(why)),
                None => text::clean(&variable.value),
            };
            table.push(vec![
                context.style.strong(&variable.label()),
                text::clean(&variable.type_name),
                shape.join(" × "),
                text::bytes(variable.size),
                told,
            ]);
        }
        table.render(context)
    }

    fn next(&self, context: &Context) -> String {
        let command = |words: &str| context.command(words);
        let untrusted = Cause::Untrusted.to_string();
        let is_untrusted = |name: &Name| name.problem.as_ref() == Some(&untrusted);
        let trust = if self.variables.iter().any(is_untrusted) {
            format!(
                "{} also allows values whose restore runs code; get a key only from its owner.\n",
                command(&format!("trust add {}", self.key))
            )
        } else {
            String::new()
        };
        let file = text::typed_path(&self.file);
        let next = if self.is_preview {
            format!(
                "Nothing was changed. {} imports it.\n",
                command(&format!("import {file}"))
            )
        } else {
            let (id, mut resume) = (self.id.short(), "%clew resume".to_owned());
            // A new kernel continues from the local state.
            if let Some(state) = self.state.filter(|_| self.is_known) {
                resume += &format!(" {}", state.short());
            }
            for map in &self.maps {
                resume += &format!(" --map {}", text::typed(&map.to_string()));
            }
            format!("In a notebook, `%clew history {id}` continues in it, and `{resume}` restores its variables.\n")
        };
        trust + &self.environment(context) + &next
    }

    /// Formats which packages to install, or that they could not be checked.
    fn environment(&self, context: &Context) -> String {
        let file = text::typed_path(&self.file);
        let needs = text::listing(&self.packages, 6);
        let doctor = context.command(&format!("doctor --for {file}"));
        match &self.python {
            _ if self.packages.is_empty() => String::new(),
            None => {
                format!(
                    "Its values need {needs}; this command is not in a Python environment, so Clew cannot check them.\n"
                )
            }
            Some(_) if self.missing_packages.is_empty() => String::new(),
            Some(_) => format!("{doctor} lists what differs here, and what to install.\n"),
        }
    }
}

/// Returns the missing requirements of a value, as a reason.
fn not_installed<'n>(missing: impl Iterator<Item = &'n Need>) -> Option<String> {
    let missing: Vec<String> = missing.map(Need::text).collect();
    let package = &text::listing(&missing, 3);
    (!missing.is_empty()).then(|| Cause::NotInstalled { package }.into())
}

/// Returns those that are packages.
fn packaged<'n>(needs: impl Iterator<Item = &'n Need>) -> Vec<String> {
    let packages = needs.filter(|need| need.package.is_some());
    packages.map(Need::text).collect()
}

/// Returns the user's trust in a key.
fn standing(trust: Option<&Trust>, key: PublicKey) -> &'static str {
    match trust {
        Some(trust) if trust.own_key() == Some(key) => "own",
        Some(trust) => match trust.of(key).map(|said| said.standing) {
            Some(standing @ (KeyTrust::Former | KeyTrust::Trusted | KeyTrust::Removed)) => standing.text(),
            None => "untrusted",
        },
        None => "untrusted",
    }
}

const HEADER: [&str; 5] = ["name", "type", "shape", "size", "value"];

impl Page for ImportPage {
    fn text(&self, context: &Context) -> String {
        let headline = self.headline(context);
        let mut told = if self.is_preview {
            let file = text::path(&self.file);
            format!("{file} contains {headline}.\n{}", self.table(context))
        } else if self.new_runs + self.new_bytes == 0 {
            format!("All of it already exists here: {headline}.\n")
        } else {
            let new = text::count(self.new_runs as usize, "run");
            let bytes = text::bytes(self.new_bytes);
            format!("Imported {headline}. New here: {new}, {bytes}.\n")
        };
        if !self.is_preview {
            for name in self.variables.iter().filter(|name| name.problem.is_some()) {
                let why = name.problem.as_deref().unwrap_or_default();
                told += &text::clean(&format!("  {}: cannot be loaded: {why}\n", name.variable.root));
            }
        }
        for damage in &self.corruption {
            told += &format!("  {}\n", text::clean(damage));
        }
        if self.conflicts > 0 {
            let logs = text::count(self.conflicts, "session");
            told += &format!("  {logs} in it have other runs than here; the runs here stay\n");
        }
        told += &inputs::told(&self.files, self.is_writing, &self.file.display().to_string(), context);
        told += &self.said_of_notebook();
        told + &self.next(context)
    }

    fn exit(&self) -> Exit {
        let is_whole = self.corruption.is_empty() && self.conflicts == 0;
        let has_all = self.variables.iter().all(|name| name.problem.is_none());
        let has_notebook = self.notebook.as_ref().is_none_or(|notebook| notebook.why.is_none());
        Exit::Inexact.unless(is_whole && has_all && has_notebook && !inputs::is_any_left(&self.files))
    }
}
