//! Formats the reasons why a cell must be executed.

use std::collections::{BTreeSet, HashMap};

use clew_core::format::{FileEvidence, Manifest, Version};
use clew_core::history::History;
use clew_core::history::flow::{ReuseObstacle, THREADS};
use clew_core::id::{Root, RootKind};
use clew_core::store::Store;

use crate::cell_reuse::surroundings::{ALL, IMPORTED, NOT_IMPORTED};
use crate::commands::stale::{change_of, file_changed};
use crate::text;

/// Longer values are not displayed.
pub(super) const LONGEST: usize = 40;

/// The context for the reasons.
pub(super) struct Reasons<'a> {
    pub store: &'a Store,
    /// The history of the compared runs.
    pub history: &'a History,
    /// Cells to execute that have not run yet, by the roots that their last run created.
    pub awaited: &'a HashMap<Root, u64>,
    /// The first of them without a recorded run.
    pub unknown: Option<u64>,
}

impl Reasons<'_> {
    /// Returns the reasons without duplicates.
    pub fn told(&self, obstacles: &[ReuseObstacle]) -> Vec<String> {
        let mut told: Vec<String> = obstacles.iter().map(|obstacle| self.why(obstacle)).collect();
        let mut met = BTreeSet::new();
        told.retain(|why| met.insert(why.clone()));
        told
    }

    fn why(&self, obstacle: &ReuseObstacle) -> String {
        match obstacle {
            ReuseObstacle::Unfinished => "it did not finish when it last ran".to_owned(),
            ReuseObstacle::Untrusted => "another person recorded it, whose key is not trusted".to_owned(),
            ReuseObstacle::Masked => "its source is incomplete".to_owned(),
            ReuseObstacle::WentOn { run } => {
                format!(
                    "background work that it started continued after it (run {})",
                    self.history.label(run)
                )
            }
            ReuseObstacle::Input { root, then, now } => self.changed(root, then.as_ref(), now.as_ref()),
            ReuseObstacle::Uncertain { root } => format!("Clew did not check {} just before it ran", quoted(root)),
            ReuseObstacle::FileRead(file) => format!("input {}", file_told(file)),
            ReuseObstacle::FileWritten(file) => format!("output {}", file_told(file)),
            ReuseObstacle::Code(file) => format!("module {}", file_told(file)),
            ReuseObstacle::Module { then, .. } if then.name == ALL => {
                "it reads all modules or classes, and earlier cells now import other ones".to_owned()
            }
            ReuseObstacle::Module { then, .. } if then.digest.as_deref() == Some(IMPORTED) => {
                format!("no earlier cell imports `{}`", text::clean(&then.name))
            }
            ReuseObstacle::Module { then, .. } if then.digest.as_deref() == Some(NOT_IMPORTED) => {
                format!("an earlier cell now imports `{}`", text::clean(&then.name))
            }
            ReuseObstacle::Module { then, now } if now.is_empty() => {
                format!("{} is not installed", text::clean(&then.name))
            }
            ReuseObstacle::Module { then, .. } if then.is_lookup() => {
                format!("`{}` can be imported now", text::clean(&then.name))
            }
            ReuseObstacle::Module { then, now } => format!(
                "{} {} → {}",
                text::clean(then.distribution.as_deref().unwrap_or(&then.name)),
                text::clean(then.version.as_deref().unwrap_or_default()),
                text::clean(now)
            ),
            ReuseObstacle::Python { then, now } => format!("Python {} → {}", text::clean(then), text::clean(now)),
            ReuseObstacle::Directory { then, now } => {
                format!(
                    "it depends on the working directory: {} → {}",
                    text::clean(then),
                    text::clean(now)
                )
            }
            ReuseObstacle::Variable { name, then, now } => variable_told(name, then.as_deref(), now.as_deref()),
            ReuseObstacle::Network => "it used the network".to_owned(),
            ReuseObstacle::Programs => "it started programs".to_owned(),
            ReuseObstacle::Random => "it draws random numbers without a seed".to_owned(),
            ReuseObstacle::Asked(what) => format!("it depends on {}", text::clean(what)),
            ReuseObstacle::Patched(set) if set == THREADS => {
                "a thread that a cell started continued after it".to_owned()
            }
            ReuseObstacle::Patched(set) => format!("a cell sets `{}`, which Clew cannot restore", text::clean(set)),
            ReuseObstacle::Unstored { roots } => {
                let names: Vec<String> = roots.iter().map(quoted).collect();
                format!("{} cannot be stored", names.join(", "))
            }
        }
    }

    /// Formats a changed input, with its values if they are short.
    fn changed(&self, root: &Root, then: Option<&Version>, now: Option<&Version>) -> String {
        let summary = |version: Option<&Version>| version.and_then(|version| self.summary(root, version));
        let (kind, before) = summary(then).unwrap_or_default();
        let (kind_now, after) = summary(now).unwrap_or_default();
        let called = match root.kind {
            RootKind::Definition => {
                let text = if before.is_empty() { &after } else { &before };
                text::clean(text)
            }
            _ => quoted(root),
        };
        let maker = self.awaited.get(root).copied().or(self.unknown);
        match (then, now) {
            (_, None) if let Some(cell) = maker => return format!("{called} comes from cell {cell}, which runs"),
            (_, None) if root.kind == RootKind::Random => {
                return format!("it draws random numbers ({called}) that no cell seeded");
            }
            (_, None) => return format!("{called} does not exist"),
            (None, Some(_)) => return format!("{called} is there now"),
            _ => {}
        }
        let kind = if kind == kind_now { kind } else { String::new() };
        let is_short = |text: &str| !text.is_empty() && text.chars().count() <= LONGEST;
        match kind.as_str() {
            "function" => format!("function {called} changed"),
            _ if is_short(&before) && is_short(&after) && before != after => {
                format!("{called} {} → {}", text::clean(&before), text::clean(&after))
            }
            _ => format!("{called} changed"),
        }
    }

    /// Returns the type and the short text of a version's value under a root.
    fn summary(&self, root: &Root, version: &Version) -> Option<(String, String)> {
        let manifest: Manifest = self.store.manifest(version.manifest).ok()?.into_inner();
        let index = manifest.roots.iter().position(|other| other == root)?;
        let summary = manifest.summaries.get(index)?;
        Some((summary.type_name.clone(), summary.text.clone()))
    }
}

pub(super) fn quoted(root: &Root) -> String {
    format!("`{}`", text::clean(&root.to_string()))
}

/// Formats `data/a.csv changed`, with the path that the cell uses.
fn file_told(file: &FileEvidence) -> String {
    file_changed(file.given.as_deref().unwrap_or(&file.path), change_of(file))
}

/// Formats `environment variable MODE "fast" → "slow"`.
fn variable_told(name: &str, then: Option<&str>, now: Option<&str>) -> String {
    let name = text::clean(name);
    let is_long = |value: Option<&str>| value.is_some_and(|value| value.chars().count() > LONGEST);
    if is_long(then) || is_long(now) {
        return format!("environment variable {name} changed");
    }
    let told =
        |value: Option<&str>| value.map_or_else(|| "not set".to_owned(), |value| format!("\"{}\"", text::clean(value)));
    format!("environment variable {name} {} → {}", told(then), told(now))
}
