//! `clew doctor`: problems of the environment, the hooks, the store and the keys, and commands that fix them.

mod ends;
mod environment;
pub(crate) mod environment_check;
mod hooks;
mod store;
mod trust;

use std::path::{Path, PathBuf};

pub use environment_check::compared;
pub(crate) use environment_check::{requirements, requirements_text};
use serde::Serialize;

use crate::command_info::{CommandCall, CommandEffect, CommandInfo, CommandScope};
use crate::context::Context;
use crate::page::Page;
use crate::problem::Exit;
use crate::text;

/// Check the installation, settings, store and keys, and suggest fixes.
///
/// The command changes nothing without `--rebuild`, `--accept-end` or `--requirements`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Rebuild missing or wrong files of the store from its other files
    #[arg(long)]
    pub rebuild: bool,
    /// Accept that histories end where they do now, not where you last saw them end
    #[arg(long)]
    pub accept_end: bool,
    /// Compare the environment of a bundle, or of a history in the store, with this one
    #[arg(long = "for", value_name = "BUNDLE", conflicts_with_all = ["rebuild", "accept_end"])]
    pub bundle: Option<String>,
    /// With `--for`: write the recorded packages and versions to a file for `pip install -r`
    #[arg(long, value_name = "FILE", requires = "bundle")]
    pub requirements: Option<PathBuf>,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "doctor",
    examples: &[
        ("doctor", "find problems, and the commands that fix them"),
        (
            "doctor --for state.clew",
            "compare the environment of a bundle with this one",
        ),
    ],
    calls: &[CommandCall::new("doctor", "doctor()", "Examined")],
    method: Some(&["rebuild", "accept_end"]),
    changes: CommandEffect::Store,
    scope: |_| CommandScope::Store,
    ..CommandInfo::DEFAULT
};

/// The groups of checks, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Group {
    Environment,
    Hooks,
    Store,
    Trust,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct GroupedCheck {
    /// The group of the check.
    group: Group,
    #[serde(flatten)]
    check: Check,
}

/// One check.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Check {
    /// The name of the check.
    what: &'static str,
    /// Whether no problem was found.
    is_fine: bool,
    /// The result of the check.
    found: String,
    /// The command, or the change, that fixes the problem.
    hint: Option<String>,
}

impl Check {
    fn fine(what: &'static str, found: impl Into<String>) -> Self {
        Self {
            what,
            is_fine: true,
            found: found.into(),
            hint: None,
        }
    }

    fn bad(what: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            what,
            is_fine: false,
            found: found.into(),
            hint: Some(hint.into()).filter(|hint: &String| !hint.is_empty()),
        }
    }
}

/// The results of all checks.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Doctor {
    /// Clew's version.
    version: &'static str,
    /// The folder of the store.
    store: String,
    /// The checks and their results.
    checks: Vec<GroupedCheck>,
    #[serde(skip)]
    is_damaged: bool,
}

/// Checks the machine and the store.
pub fn doctor(arguments: &Arguments, directory: &Path, context: &Context) -> Doctor {
    let stored = store::checks(directory, arguments, context);
    let groups = [
        (Group::Environment, environment::checks(context)),
        (Group::Hooks, hooks::checks(context)),
        (Group::Store, stored.checks),
        (Group::Trust, trust::checks(stored.has_histories, context)),
    ];
    let mut checks = Vec::new();
    for (group, found) in groups {
        checks.extend(found.into_iter().map(|check| {
            let hint = check.hint.as_deref().map(|hint| context.told(hint));
            let check = Check { hint, ..check };
            GroupedCheck { group, check }
        }));
    }
    Doctor {
        version: env!("CARGO_PKG_VERSION"),
        store: directory.display().to_string(),
        checks,
        is_damaged: stored.is_damaged,
    }
}

impl Page for Doctor {
    fn text(&self, context: &Context) -> String {
        let bad = self.checks.iter().filter(|found| !found.check.is_fine).count();
        let verdict = match bad {
            0 => "all is well".to_owned(),
            _ => format!("{} to check", text::count(bad, "thing")),
        };
        let mut text = format!("Clew {} with the store {}: {verdict}.\n", self.version, self.store);
        for GroupedCheck { check, .. } in &self.checks {
            let mark = if check.is_fine {
                context.style.added("ok")
            } else {
                context.style.gone("!!")
            };
            text += &format!("  {mark} {}: {}\n", check.what, text::clean(&check.found));
            if let Some(hint) = &check.hint {
                text += &format!("     {}\n", text::clean(hint));
            }
        }
        text
    }

    fn exit(&self) -> Exit {
        match (self.is_damaged, self.checks.iter().all(|found| found.check.is_fine)) {
            (true, _) => Exit::Damaged,
            (false, true) => Exit::Done,
            (false, false) => Exit::Inexact,
        }
    }
}
