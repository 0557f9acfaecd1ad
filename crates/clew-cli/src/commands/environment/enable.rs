//! `clew enable` and `clew disable`: automatic recording in all kernels of an environment.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Environment, ipython_config, kernelspec};
use crate::command_info::{CommandCall, CommandEffect, CommandInfo, CommandScope};
use crate::context::{Context, Python};
use crate::page::Page;
use crate::problem::{Exit, Problem};
use crate::site::Site;
use crate::text;
use crate::whole_file::{SHARED, StagedFile};

pub(crate) const ENABLE: CommandInfo = CommandInfo {
    name: "enable",
    examples: &[
        ("enable", "record every kernel of this environment"),
        ("enable --user", "record every kernel of all your environments"),
    ],
    calls: &[CommandCall::plain("enable --user")],
    changes: CommandEffect::Setup,
    scope: |_| CommandScope::Nothing,
    ..CommandInfo::DEFAULT
};

pub(crate) const DISABLE: CommandInfo = CommandInfo {
    name: "disable",
    examples: &[("disable", "undo enable")],
    calls: &[CommandCall::plain("disable --user")],
    changes: CommandEffect::Setup,
    scope: |_| CommandScope::Nothing,
    ..CommandInfo::DEFAULT
};

/// The change of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum FileChange {
    Created,
    Changed,
    Removed,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Step {
    /// The change of the file.
    action: FileChange,
    /// The path.
    path: PathBuf,
    /// Its new content.
    #[serde(skip)]
    text: String,
}

/// The result of `enable` or `disable`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EnablePage {
    /// Whether kernels now record from their start.
    is_enabled: bool,
    /// The environment; null for all of yours.
    prefix: Option<PathBuf>,
    /// The files that were written or deleted.
    files: Vec<Step>,
    /// Problems that prevent recording.
    warnings: Vec<String>,
    #[serde(skip)]
    site: Site,
}

/// Obstacles to recording in kernels that were enabled nevertheless.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Warning {
    /// A file of the user sets the same list, with precedence.
    #[error("{why}: {hint}")]
    Overruled {
        /// The file, and its effect.
        why: String,
        /// The change to make in it.
        hint: String,
    },
    /// No kernel could be added to the list of kernels.
    #[error(
        "Clew does not know which Python the kernel {} should start: `%clew enable --user` in a notebook adds it",
        kernelspec::DISPLAY_NAME
    )]
    NoPython,
}

/// Makes every kernel of an environment record from its start.
pub fn enable(arguments: &Environment, context: &Context) -> Result<EnablePage, Problem> {
    let site = Site::asked(arguments.prefix.as_deref(), arguments.user, context)?;
    let runs_here = |python: &Python| site.prefix.as_ref() == Some(&python.prefix);
    if !context.python.as_ref().is_some_and(runs_here) && !site.has_package() {
        return Err(not_installed(&site));
    }
    let mut warnings = Vec::new();
    let mut steps = Vec::new();
    match own_settings(&site) {
        Some(refusal) if site.prefix.is_none() => return Err(refusal),
        Some(refusal) => warnings.push(Warning::Overruled {
            why: refusal.message,
            hint: refusal.hint.unwrap_or_default(),
        }),
        None => {}
    }
    let text = read(&site.config)?;
    let changed = ipython_config::with_clew(text.as_deref()).map_err(|odd| left_alone(&site.config, &odd))?;
    steps.extend(changed.map(|changed| step(&site.config, text.is_some(), changed)));
    match &site.python {
        Some(python) => steps.extend(kernel_steps(&site, python)?),
        None => warnings.push(Warning::NoPython),
    }
    perform(&steps).map_err(|error| {
        steps.iter().for_each(|step| clear_above(&step.path, &site));
        unwritable(&site, &error, "enable")
    })?;
    Ok(EnablePage {
        is_enabled: true,
        prefix: site.prefix.clone(),
        files: steps,
        warnings: warnings.iter().map(ToString::to_string).collect(),
        site,
    })
}

/// Reverts `enable`.
pub fn disable(arguments: &Environment, context: &Context) -> Result<EnablePage, Problem> {
    let site = Site::asked(arguments.prefix.as_deref(), arguments.user, context)?;
    let mut steps = Vec::new();
    if let Some(text) = read(&site.config)? {
        let changed = ipython_config::without_clew(&text).map_err(|odd| left_alone(&site.config, &odd))?;
        steps.extend(changed.map(|changed| step(&site.config, true, changed)));
    }
    if kernelspec::interpreter_of(&site.kernel).is_some() {
        let files = kernelspec::files(&site.kernel, Path::new(""));
        let there = files.iter().filter(|(path, _)| path.exists());
        steps.extend(there.map(|(path, _)| step(path, true, String::new())));
    }
    perform(&steps).map_err(|error| unwritable(&site, &error, "disable"))?;
    steps.iter().for_each(|step| clear_above(&step.path, &site));
    Ok(EnablePage {
        is_enabled: false,
        prefix: site.prefix.clone(),
        files: steps,
        warnings: Vec::new(),
        site,
    })
}

/// Returns the kernel files to write. A kernel of the same name that is not Clew's is not changed.
fn kernel_steps(site: &Site, python: &Path) -> Result<Vec<Step>, Problem> {
    let there = site.kernel.join("kernel.json");
    if there.exists() && kernelspec::interpreter_of(&site.kernel).is_none() {
        let next = format!("move {} away and repeat the command", site.kernel.display());
        return Err(Problem::of(Exit::Refused, format!("{} was not created by Clew", there.display())).with_hint(next));
    }
    let mut steps = Vec::new();
    for (path, wanted) in kernelspec::files(&site.kernel, python) {
        let text = read(&path)?;
        if text.as_deref() != Some(wanted.as_str()) {
            steps.push(step(&path, text.is_some(), wanted));
        }
    }
    Ok(steps)
}

fn step(path: &Path, exists: bool, text: String) -> Step {
    let deed = match (exists, text.is_empty()) {
        (_, true) => FileChange::Removed,
        (true, false) => FileChange::Changed,
        (false, false) => FileChange::Created,
    };
    Step {
        action: deed,
        path: path.to_owned(),
        text,
    }
}

/// Writes all temporary files first, so that a full or read-only disk is detected before anything changes.
fn perform(steps: &[Step]) -> io::Result<()> {
    let written = steps.iter().filter(|step| step.action != FileChange::Removed);
    let staged: Vec<StagedFile> = written
        .map(|step| StagedFile::new(&step.path, step.text.as_bytes(), SHARED))
        .collect::<io::Result<_>>()?;
    for staged in staged {
        staged.commit()?;
    }
    for step in steps.iter().filter(|step| step.action == FileChange::Removed) {
        std::fs::remove_file(&step.path)?;
    }
    Ok(())
}

/// Removes folders that become empty, up to the first that Clew may not remove.
fn clear_above(path: &Path, site: &Site) {
    let below = |folder: &Path| match &site.prefix {
        Some(prefix) => folder != prefix && folder.starts_with(prefix),
        None => folder == site.kernel,
    };
    for folder in path.ancestors().skip(1).take_while(|folder| below(folder)) {
        // Not empty: it contains other files.
        if std::fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

fn read(path: &Path) -> Result<Option<String>, Problem> {
    match crate::whole_file::small_text(path) {
        Ok(text) => Ok(Some(text)),
        // A file in place of a folder: writing will report it.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(left_alone(path, "it is not text")),
        Err(error) => Err(Problem::of(
            Exit::Refused,
            format!("{} cannot be read: {error}", path.display()),
        )),
    }
}

/// Checks for a user's own `ipython_config.py` that sets the same list: IPython gives it precedence over the environment's file.
fn own_settings(site: &Site) -> Option<Problem> {
    let path = Site::own_settings();
    let text = crate::whole_file::small_text(&path).ok()?;
    if !sets_extensions(&text) {
        return None;
    }
    let message = match site.prefix {
        None => format!("{} sets `extra_extensions` itself", path.display()),
        Some(_) => format!("{} sets `extra_extensions` and may leave Clew out", path.display()),
    };
    let line = "c.IPKernelApp.extra_extensions = [\"clew\"]";
    Some(Problem::of(Exit::Refused, message).with_hint(format!("add \"clew\" to the list there, as in `{line}`")))
}

/// Whether a Python configuration file assigns the list of extensions without Clew.
pub(crate) fn sets_extensions(text: &str) -> bool {
    let code = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let mut lines = code.filter(|line| line.contains("extra_extensions"));
    lines.any(|line| !line.contains("clew") && !line.contains(".append(") && !line.contains(".extend("))
}

fn left_alone(path: &Path, odd: &str) -> Problem {
    Problem::of(
        Exit::Refused,
        format!("{} was not changed: {}", path.display(), text::clean(odd)),
    )
    .with_hint(
        "fix or move that file and repeat the command; or put \"clew\" into its lists \
         `IPKernelApp.extra_extensions` and `TerminalIPythonApp.extra_extensions` yourself",
    )
}

fn not_installed(site: &Site) -> Problem {
    let python = site.python.as_deref().unwrap_or(Path::new("python"));
    let python = text::typed_path(python);
    Problem::of(Exit::Refused, format!("Clew is not installed in {}", site.name()))
        .with_hint(format!("`{python} -m pip install clew`, then repeat the command"))
}

fn unwritable(site: &Site, error: &io::Error, word: &str) -> Problem {
    let problem = Problem::of(Exit::Refused, format!("{} cannot be written to: {error}", site.name()));
    match site.prefix {
        Some(_) => problem.with_hint(format!(
            "`clew {word} --user` does not need to write there; otherwise ask the owner of the environment"
        )),
        None => problem,
    }
}

impl Page for EnablePage {
    fn text(&self, context: &Context) -> String {
        let name = text::clean(&self.site.name());
        let option = self.site.option(context);
        let mut text = match (self.is_enabled, self.files.is_empty()) {
            (true, false) => format!("Enabled for {name}: every kernel and IPython that starts there records.\n"),
            (true, true) => format!("Already enabled for {name}: nothing to do.\n"),
            (false, false) => {
                format!("Disabled for {name}: kernels there record only after `%load_ext clew`. Stores stay.\n")
            }
            (false, true) => format!("Clew is not enabled for {name}: nothing to do.\n"),
        };
        for step in &self.files {
            let deed = match step.action {
                FileChange::Created => "created",
                FileChange::Changed => "changed",
                FileChange::Removed => "removed",
            };
            text += &format!("  {deed:<8} {}\n", step.path.display());
        }
        for warning in &self.warnings {
            text += &format!("Warning: {}\n", text::clean(warning));
        }
        if self.is_enabled && !self.files.is_empty() {
            text += &format!(
                "{} undoes this; a kernel with `CLEW=off` in its environment does not record.\n",
                context.command(&format!("disable{option}"))
            );
        }
        text
    }
}
