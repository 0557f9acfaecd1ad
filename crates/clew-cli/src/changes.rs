//! The changes of a run, grouped for display: new, changed, shared and removed variables.

use std::collections::BTreeSet;

use clew_core::format::{Body, Run};
use clew_core::graph::is_output;
use clew_core::history::{History, State};
use clew_core::id::{Root, RootKind};
use serde::Serialize;

use crate::history_view::HistoryView;

/// How a variable changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariableChange {
    /// It is new.
    Added,
    /// It has another value.
    Changed,
    /// It has the same value, and now shares objects with another variable.
    Shared,
    /// It was removed, as intended.
    Removed,
    /// It is lost.
    Lost,
}

impl VariableChange {
    /// The sign before the name: the same on all pages; colour only repeats it.
    pub fn sign(self) -> char {
        match self {
            Self::Added => '+',
            Self::Changed => '~',
            Self::Shared => '&',
            Self::Removed => '-',
            Self::Lost => '!',
        }
    }
}

/// The roots that a run added, changed, made share objects, or removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Changes {
    /// New roots.
    pub added: Vec<Root>,
    /// Roots with another value.
    pub changed: Vec<Root>,
    /// Roots with the same value that share objects with another variable since this run.
    pub shared: Vec<Root>,
    /// Roots that no longer exist.
    pub removed: Vec<Root>,
}

impl Changes {
    /// Returns the changes of `run` against the state before it.
    pub fn of(run: &Run, history: &History) -> Self {
        let touched = || run.changed.iter().flat_map(|version| &version.roots);
        let before = run
            .parent
            .map(|parent| history.present(parent, touched()))
            .unwrap_or_default();
        let mut changes = Self {
            shared: run.shared.clone(),
            removed: run.removed.clone(),
            ..Self::default()
        };
        for root in touched() {
            if !before.contains(root) {
                changes.added.push(root.clone());
            } else if run.unchanged.binary_search(root).is_err() {
                changes.changed.push(root.clone());
            }
        }
        changes.added.retain(|root| !run.evidence.is_set_by_import(root));
        changes.changed.retain(|root| !run.evidence.is_set_by_import(root));
        changes.added.sort();
        changes.changed.sort();
        changes
    }

    /// Replaces changed classes, which are not variables themselves, by the names of the classes.
    #[must_use]
    pub fn with_names_of_classes(mut self, state: &State, place: &HistoryView<'_>) -> Self {
        let classes = self.changed.iter().filter(|root| root.kind == RootKind::Definition);
        let classes: BTreeSet<String> = classes.map(|root| root.key.clone()).collect();
        if classes.is_empty() {
            return self;
        }
        let (mut told, mut names) = (BTreeSet::new(), BTreeSet::new());
        for version in state.versions() {
            let Ok(manifest) = place.records.manifest(&version.manifest) else {
                continue;
            };
            let Body::Encoded(encoding) = &manifest.body else {
                continue;
            };
            let held: Vec<&String> = encoding.definitions.iter().filter(|id| classes.contains(*id)).collect();
            let is_class = |root: &&Root| root.kind == RootKind::Name && manifest.is_class(root);
            for name in version.roots.iter().filter(|_| !held.is_empty()).filter(is_class) {
                names.insert(name.clone());
                told.extend(held.iter().map(|id| (*id).clone()));
            }
        }
        self.changed
            .retain(|root| root.kind != RootKind::Definition || !told.contains(&root.key));
        let is_there = |name: &Root| self.added.contains(name) || self.changed.contains(name);
        let new: Vec<Root> = names.into_iter().filter(|name| !is_there(name)).collect();
        self.changed.extend(new);
        self.changed.sort();
        self
    }

    /// Returns the differences between two states.
    pub fn between(before: &State, after: &State) -> Self {
        let is_new = |root: &&Root| before.version(root).is_none();
        let is_other = |root: &&Root| match (before.version(root), after.version(root)) {
            (Some(one), Some(other)) => one.fingerprint != other.fingerprint || one.roots != other.roots,
            _ => false,
        };
        Self {
            shared: Vec::new(),
            added: after.roots().filter(is_new).cloned().collect(),
            changed: after.roots().filter(is_other).cloned().collect(),
            removed: before
                .roots()
                .filter(|root| after.version(root).is_none())
                .cloned()
                .collect(),
        }
    }

    /// Returns the new roots worth listing. A session always has a working directory, so a new one is not listed.
    pub fn news(&self) -> impl Iterator<Item = &Root> {
        let added = self.added.iter();
        added.filter(|root| is_telling(root) && root.kind != RootKind::Directory)
    }

    /// Whether there are no changes.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.shared.is_empty() && self.removed.is_empty()
    }

    /// Returns the summary of a run that is not a cell's.
    pub fn of_no_cell(&self) -> &'static str {
        let mut values = self.added.iter().chain(&self.changed).chain(&self.removed);
        if values.any(|root| !is_output(root)) {
            "(changed outside any cell)"
        } else if self.shared.is_empty() {
            "(no variable changed)"
        } else {
            "(found to share objects)"
        }
    }

    /// Returns the roots worth displaying, with their changes.
    pub fn told(&self) -> impl Iterator<Item = (VariableChange, &Root)> {
        let changed = self.changed.iter().filter(|root| is_telling(root));
        let shared = self.shared.iter().filter(|root| is_telling(root));
        let removed = self.removed.iter().filter(|root| is_telling(root));
        (self.news().map(|root| (VariableChange::Added, root)))
            .chain(changed.map(|root| (VariableChange::Changed, root)))
            .chain(shared.map(|root| (VariableChange::Shared, root)))
            .chain(removed.map(|root| (VariableChange::Removed, root)))
    }

    /// Formats the changes for a list: `+model ~df &y -x`. Omits `Out[n]` and definitions, which belong to listed names.
    pub fn short(&self, most: usize) -> String {
        let words: Vec<String> = self
            .told()
            .map(|(change, root)| format!("{}{root}", change.sign()))
            .collect();
        let mut text = words.iter().take(most).cloned().collect::<Vec<_>>().join(" ");
        if words.len() > most {
            text += &format!(" and {} more", words.len() - most);
        }
        crate::text::clean(&text)
    }
}

/// Whether a root is worth listing. Random states, settings and search paths change with every import.
pub fn is_telling(root: &Root) -> bool {
    matches!(
        root.kind,
        RootKind::Name | RootKind::ModuleAttribute | RootKind::Directory | RootKind::Environment
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_session_began_is_no_news_and_where_it_went_is() {
        let directory = Root::new(RootKind::Directory, "cwd");
        let began = Changes {
            added: vec![Root::name("df"), directory.clone()],
            ..Changes::default()
        };
        assert_eq!(began.short(4), "+df");
        let went = Changes {
            changed: vec![directory],
            ..Changes::default()
        };
        assert_eq!(went.short(4), "~directory:cwd");
    }
}
