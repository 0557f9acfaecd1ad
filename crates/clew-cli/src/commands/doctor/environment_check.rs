//! `clew doctor --for`: compares the environment of a bundle or a history with this one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_core::format::Interpreter;
use clew_core::id::{HistoryId, Root, RootKind};
use clew_core::store::disk::{Disk, RealDisk};
use serde::Serialize;

use super::Arguments;
use crate::context::Context;
use crate::history_view::StoredHistory;
use crate::package::Carrier;
use crate::page::Page;
use crate::problem::{Exit, Problem};
use crate::requirements::{LocalInterpreter, Need, StateRequirements, devices, is_alike};
use crate::text;
use crate::whole_file::{self, StagedFile};

/// The kinds of compared items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// Python, and its version.
    Python,
    /// The system, the processor and its byte order.
    Machine,
    /// A package.
    Package,
    /// A module of an unknown package.
    Module,
    /// A device of tensors.
    Device,
}

/// One compared item.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ComparedItem {
    /// The kind of the item.
    kind: Kind,
    /// Its name.
    what: String,
    /// Whether it does not differ in a way that can affect values.
    is_fine: bool,
    /// The recorded value.
    recorded: Option<String>,
    /// The value on this machine.
    here: Option<String>,
    /// The variables that it affects.
    affects: Vec<Root>,
}

/// The result of a comparison.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ComparedPage {
    /// The bundle or history, as typed.
    bundle: String,
    /// The name of the history.
    history: String,
    /// The id of the history.
    id: HistoryId,
    /// The current run of the history, whose state is restored by default.
    at: Option<String>,
    /// The interpreter that was checked; null if there is none.
    python: Option<PathBuf>,
    /// The compared items.
    compared: Vec<ComparedItem>,
    /// The requirements file that was written.
    requirements: Option<PathBuf>,
    /// The number of packages for this file.
    packages: usize,
}

/// Compares the environment of a bundle or a history with this one.
pub fn compared(
    wanted: &str,
    arguments: &Arguments,
    directory: &Path,
    context: &Context,
) -> Result<ComparedPage, Problem> {
    let opened = opened(wanted, directory, context)?;
    let place = opened.place();
    let needs = place
        .at
        .map(|at| StateRequirements::of(&opened.store, place.history, at));
    let needs = needs.unwrap_or_default();
    let here = needs.ask(context);
    let requirements = requirements(&needs);
    if let Some(file) = &arguments.requirements {
        write(file, &requirements, &needs)?;
    }
    let recorded_version = Some(place.description.kernel.version.as_str()).filter(|version| !version.is_empty());
    let mut compared = interpreters(&needs, recorded_version, here.as_ref());
    compared.extend(needs.required.iter().filter_map(|need| package(need, here.as_ref())));
    compared.extend(needs.devices.iter().map(|(name, roots)| device(name, roots)));
    Ok(ComparedPage {
        bundle: wanted.to_owned(),
        history: place.name(),
        id: place.id,
        at: place.at.map(|at| place.history.label(&at)),
        python: here.map(|here| here.executable),
        compared,
        requirements: arguments.requirements.clone(),
        packages: requirements.len(),
    })
}

/// Opens a bundle or package file; otherwise a history by name, including a notebook without an embedded package.
fn opened(wanted: &str, directory: &Path, context: &Context) -> Result<StoredHistory, Problem> {
    let path = Path::new(wanted);
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let by_name = || StoredHistory::open(directory, Some(wanted), context);
    if !path.is_file() && !Carrier::is_unpacked(path) {
        return by_name();
    }
    let bundle = match Carrier::open(&disk, path) {
        Ok(carrier) => carrier.bundle,
        Err(problem) if path.extension().is_some_and(|ending| ending == "ipynb") => {
            return by_name().map_err(|_| problem);
        }
        Err(problem) => return Err(problem),
    };
    let history = bundle.history().to_string();
    StoredHistory::of(bundle.store().clone(), Some(&history), context.now)
}

fn interpreters(
    needs: &StateRequirements,
    version: Option<&str>,
    here: Option<&LocalInterpreter>,
) -> Vec<ComparedItem> {
    let recorded = needs.interpreter.as_ref();
    let here = here.map(|here| &here.interpreter);
    let python = |told: &Interpreter| match told.implementation.as_str() {
        "cpython" | "" => told.version.clone(),
        other => format!("{} ({other})", told.version),
    };
    let (was, is) = (recorded.map(python).or(version.map(str::to_owned)), here.map(python));
    let is_same = match (&was, &is) {
        (Some(was), Some(is)) => {
            is_alike(was, is)
                && recorded.is_none_or(|it| it.implementation == here.map_or("", |here| &here.implementation))
        }
        _ => true,
    };
    let mut found = vec![ComparedItem {
        kind: Kind::Python,
        what: "Python".to_owned(),
        is_fine: is_same,
        recorded: was,
        here: is,
        affects: if is_same { Vec::new() } else { names(&needs.code) },
    }];
    if let Some(recorded) = recorded {
        let machine = |told: &Interpreter| {
            let order = if told.byte_order == "big" { ", big endian" } else { "" };
            format!("{} on {}{order}", told.platform, told.machine)
        };
        found.push(ComparedItem {
            kind: Kind::Machine,
            what: "machine".to_owned(),
            // Values are stored in native byte order; system and processor can affect the result of a rerun.
            is_fine: here.is_none_or(|here| here.byte_order == recorded.byte_order),
            recorded: Some(machine(recorded)),
            here: here.map(machine),
            affects: Vec::new(),
        });
    }
    found
}

/// Compares a package or module. An importable module that belongs to no recorded package is skipped.
fn package(need: &Need, here: Option<&LocalInterpreter>) -> Option<ComparedItem> {
    let is_packaged = need.package.is_some() || need.version.is_some();
    let version = here.and_then(|here| here.version(need));
    let is_lacking = here.is_some_and(|here| here.lacks_module(need));
    if !is_packaged && !is_lacking {
        return None;
    }
    let differs = match (&need.version, version) {
        (Some(was), Some(is)) => !is_alike(was, is),
        _ => false,
    };
    let is_there = here.is_some() && !is_lacking;
    Some(ComparedItem {
        kind: if is_packaged { Kind::Package } else { Kind::Module },
        what: need.name().to_owned(),
        is_fine: !differs && !is_lacking,
        recorded: need.version.clone(),
        here: version
            .map(str::to_owned)
            .or(is_there.then(|| "of an unknown version".to_owned())),
        affects: names(&need.roots),
    })
}

/// Checks for a device that tensors were on. Without a device of the same kind they are restored on the CPU.
fn device(name: &str, roots: &BTreeSet<Root>) -> ComparedItem {
    let is_here = devices::is_here(name);
    ComparedItem {
        kind: Kind::Device,
        what: devices::called(name),
        is_fine: is_here,
        recorded: Some(name.to_owned()),
        here: Some(if is_here { "there is one" } else { "none" }.to_owned()),
        affects: names(roots),
    }
}

/// Returns the variables among the roots.
fn names(roots: &BTreeSet<Root>) -> Vec<Root> {
    let names = roots.iter().filter(|root| root.kind == RootKind::Name);
    names.cloned().collect()
}

/// Returns the requirements for pip: the packages that values need and cells imported, each in its last recorded version.
pub(crate) fn requirements(needs: &StateRequirements) -> Vec<String> {
    let known = needs.required.iter().chain(&needs.imported);
    let mut met = BTreeSet::new();
    let mut lines: Vec<String> = known
        .filter(|need| met.insert(need.package.clone()))
        .filter_map(Need::requirement)
        .collect();
    lines.sort();
    lines
}

/// Returns the content of a file for `pip install -r`.
pub(crate) fn requirements_text(requirements: &[String], needs: &StateRequirements) -> String {
    let python = needs
        .interpreter
        .as_ref()
        .map(|told| format!("# Python {}\n", text::clean(&told.version).replace(['\n', '\r'], " ")));
    let lines: String = requirements.iter().map(|line| format!("{line}\n")).collect();
    format!(
        "# The packages that a history was recorded with, according to its author: check them before you install them.\n{}{lines}",
        python.unwrap_or_default()
    )
}

fn write(file: &Path, requirements: &[String], needs: &StateRequirements) -> Result<(), Problem> {
    if file.exists() {
        let shown = text::path(file);
        let problem = Problem::of(Exit::Refused, format!("{shown} already exists"));
        return Err(problem.with_hint("name a file that does not exist"));
    }
    let whole = requirements_text(requirements, needs);
    let done = StagedFile::write(file, whole.as_bytes(), whole_file::SHARED);
    done.map_err(|error| whole_file::cannot_write(file, &error))
}

impl ComparedItem {
    /// Formats the item as a line, and the affected variables as another. `is_asked`: whether the environment was checked.
    fn text(&self, is_asked: bool, context: &Context) -> String {
        let mark = match (is_asked, self.is_fine) {
            (false, _) => "--".to_owned(),
            (true, true) => context.style.added("ok"),
            (true, false) => context.style.gone("!!"),
        };
        let recorded = self.recorded.as_deref().unwrap_or("of an unknown version");
        let here = match (self.here.as_deref(), self.is_fine) {
            (Some(here), _) => format!(", here {here}"),
            (None, false) => ", not installed here".to_owned(),
            (None, true) => String::new(),
        };
        let what = text::clean(&format!("{}: recorded {recorded}{here}", self.what));
        let mut told = format!("  {mark} {what}\n");
        if !self.is_fine && !self.affects.is_empty() {
            let names: Vec<String> = self.affects.iter().map(|root| text::clean(&root.to_string())).collect();
            told += &format!("     touches {}\n", text::listing(&names, 8));
        }
        told
    }
}

impl Page for ComparedPage {
    fn text(&self, context: &Context) -> String {
        let bundle = text::clean(&self.bundle);
        let history = text::clean(&self.history);
        let differing = self.compared.iter().filter(|compared| !compared.is_fine).count();
        let verdict = match (&self.python, differing) {
            (None, _) => "this command is not in a Python environment, so nothing was compared".to_owned(),
            (Some(_), 0) => "everything that its values need is here".to_owned(),
            (Some(_), number) => text::count(number, "difference"),
        };
        let place = if history == bundle {
            String::new()
        } else {
            format!(" in {bundle}")
        };
        let mut told = format!("{history}{place}: {verdict}.\n");
        for compared in &self.compared {
            told += &compared.text(self.python.is_some(), context);
        }
        let packages = text::count(self.packages, "package");
        match &self.requirements {
            Some(file) => {
                let file = text::typed_path(file);
                told +=
                    &format!("{packages} in {file}. `pip install -r {file}` installs them; check the file first.\n");
            }
            None if self.packages > 0 => {
                let words = format!("doctor --for {} --requirements FILE", text::typed(&bundle));
                let command = context.command(&words);
                told += &format!("{command} writes {packages} to a file for pip, in the recorded versions.\n");
            }
            None => {}
        }
        told
    }

    fn exit(&self) -> Exit {
        let is_well = self.python.is_some() && self.compared.iter().all(|compared| compared.is_fine);
        Exit::Inexact.unless(is_well)
    }
}
