//! What people call runs: branches that follow a session, tags that stay, descriptions.
//!
//! In: operations in the order of their times. Out: the run behind a name. A branch is where the session that was last on
//! it is; nothing but the operations says so, so two kernels that know nothing of each other lose no name.

use std::collections::{BTreeMap, HashMap};

use crate::format::{Naming, Operation};
use crate::id::{BlobId, RunId};
use crate::limits;

/// Branches, tags and descriptions of runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunNames {
    branches: BTreeMap<String, RunId>,
    tags: BTreeMap<String, RunId>,
    descriptions: HashMap<RunId, BlobId>,
}

/// A name that can't be given or is not there. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It could be taken for another kind of revision, or can't be typed.
    #[error("`{name}` cannot be a name: {why}")]
    Invalid {
        /// What was typed.
        name: String,
        /// Why not.
        why: NameSyntaxError,
    },
    /// It is taken.
    #[error("There is already a {kind} `{name}`")]
    Taken {
        /// What was typed.
        name: String,
        /// `branch` or `tag`.
        kind: &'static str,
    },
    /// Nothing is called so.
    #[error("There is no {kind} `{name}`")]
    Unknown {
        /// What was typed.
        name: String,
        /// `branch` or `tag`.
        kind: &'static str,
    },
    /// The session is on no branch that could be called otherwise.
    #[error("You are on no branch that could be renamed to `{to}`")]
    NoBranch {
        /// What was typed.
        to: String,
    },
    /// It stands for another kind of thing.
    #[error("`{name}` is a {kind}")]
    OtherKind {
        /// What was typed.
        name: String,
        /// `branch` or `tag`.
        kind: &'static str,
    },
}

impl RunNames {
    /// Takes what an operation says of names, and of where a branch is.
    pub fn take(&mut self, operation: &Operation) {
        for naming in &operation.naming {
            self.change(naming);
        }
        if let Some(position) = &operation.view.at {
            let branch = position.branch.as_ref().and_then(|name| self.branches.get_mut(name));
            if let Some(run) = branch {
                *run = position.run;
            }
        }
    }

    fn change(&mut self, naming: &Naming) {
        match naming {
            Naming::Branch { name, run } => {
                self.branches.insert(name.clone(), *run);
            }
            Naming::Tag { name, run } => {
                self.tags.insert(name.clone(), *run);
            }
            Naming::Remove { name } => {
                self.branches.remove(name);
                self.tags.remove(name);
            }
            Naming::Rename { from, to } => {
                if let Some(run) = self.branches.remove(from) {
                    self.branches.insert(to.clone(), run);
                }
            }
            Naming::Describe { run, text: Some(text) } => {
                self.descriptions.insert(*run, *text);
            }
            Naming::Describe { run, text: None } => {
                self.descriptions.remove(run);
            }
        }
    }

    /// The run that a branch or tag names. Of two kernels that gave one name to both, the branch counts.
    pub fn get(&self, name: &str) -> Option<RunId> {
        self.branches.get(name).or_else(|| self.tags.get(name)).copied()
    }

    /// Branches and where they are.
    pub fn branches(&self) -> &BTreeMap<String, RunId> {
        &self.branches
    }

    /// Tags and their runs.
    pub fn tags(&self) -> &BTreeMap<String, RunId> {
        &self.tags
    }

    /// Branches, then tags.
    pub fn all(&self) -> impl Iterator<Item = (&String, &RunId)> {
        self.branches.iter().chain(&self.tags)
    }

    /// What a run did, in the user's words.
    pub fn description(&self, run: &RunId) -> Option<BlobId> {
        self.descriptions.get(run).copied()
    }

    /// The changes that make these names what `other` has.
    pub fn changes_to(&self, other: &Self) -> Vec<Naming> {
        let mut changes = Vec::new();
        let is_other = |one: &BTreeMap<String, RunId>, other: &BTreeMap<String, RunId>, name: &String| {
            one.get(name) != other.get(name)
        };
        for (name, _) in self.all() {
            if is_other(&self.branches, &other.branches, name) || is_other(&self.tags, &other.tags, name) {
                changes.push(Naming::Remove { name: name.clone() });
            }
        }
        for (name, run) in &other.branches {
            if is_other(&self.branches, &other.branches, name) {
                let (name, run) = (name.clone(), *run);
                changes.push(Naming::Branch { name, run });
            }
        }
        for (name, run) in &other.tags {
            if is_other(&self.tags, &other.tags, name) {
                let (name, run) = (name.clone(), *run);
                changes.push(Naming::Tag { name, run });
            }
        }
        let mut described: Vec<&RunId> = self.descriptions.keys().chain(other.descriptions.keys()).collect();
        described.sort();
        described.dedup();
        for run in described {
            let text = other.description(run);
            if text != self.description(run) {
                changes.push(Naming::Describe { run: *run, text });
            }
        }
        changes
    }

    /// Whether `name` can be given to a run: it is free, can be typed, and is no other kind of revision.
    pub fn check_free(&self, name: &str) -> Result<(), NameError> {
        let taken = |kind| NameError::Taken {
            name: name.to_owned(),
            kind,
        };
        if let Some(why) = fault(name) {
            return Err(NameError::Invalid {
                name: name.to_owned(),
                why,
            });
        }
        match (self.branches.contains_key(name), self.tags.contains_key(name)) {
            (true, _) => Err(taken("branch")),
            (_, true) => Err(taken("tag")),
            _ => Ok(()),
        }
    }

    /// Whether there is a branch of that name.
    pub fn check_branch(&self, name: &str) -> Result<(), NameError> {
        is_there(name, ("branch", &self.branches), ("tag", &self.tags))
    }

    /// Whether there is a tag of that name.
    pub fn check_tag(&self, name: &str) -> Result<(), NameError> {
        is_there(name, ("tag", &self.tags), ("branch", &self.branches))
    }
}

type Kind<'a> = (&'static str, &'a BTreeMap<String, RunId>);

fn is_there(name: &str, wanted: Kind<'_>, other: Kind<'_>) -> Result<(), NameError> {
    let name = || name.to_owned();
    match (wanted.1.contains_key(&name()), other.1.contains_key(&name())) {
        (true, _) => Ok(()),
        (_, true) => Err(NameError::OtherKind {
            name: name(),
            kind: other.0,
        }),
        _ => Err(NameError::Unknown {
            name: name(),
            kind: wanted.0,
        }),
    }
}

/// Why a text is not a valid name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameSyntaxError {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It is longer than a name may be.
    #[error("it is longer than {} bytes", limits::NAME)]
    Long,
    /// It begins with a sign that means something.
    #[error("it starts like a revision or an option")]
    Sign,
    /// It begins like an operation.
    #[error("`op:` stands for operations")]
    Operation,
    /// It would be two words.
    #[error("it holds spaces")]
    Space,
    /// It could not be typed as it is.
    #[error("it holds quotes")]
    Quote,
    /// It could be a run.
    #[error("it looks like the number of a run")]
    Number,
}

/// Why a text can't be a name.
fn fault(name: &str) -> Option<NameSyntaxError> {
    let is_label = || {
        let rest = name.trim_start_matches(|letter: char| letter.is_ascii_digit());
        rest.len() < name.len() && rest.chars().all(|letter| letter.is_ascii_lowercase())
    };
    match name {
        "" => Some(NameSyntaxError::Empty),
        _ if name.len() > limits::NAME => Some(NameSyntaxError::Long),
        _ if name.starts_with(['@', '-', '+']) => Some(NameSyntaxError::Sign),
        _ if name.starts_with("op:") => Some(NameSyntaxError::Operation),
        _ if name.chars().any(|letter| letter.is_whitespace() || letter.is_control()) => Some(NameSyntaxError::Space),
        _ if name.contains(['`', '"', '\'', '\\']) => Some(NameSyntaxError::Quote),
        _ if is_label() => Some(NameSyntaxError::Number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_another_revision_is_no_name() {
        for name in ["", "@x", "-d", "14", "14a", "op:3", "two words", "a\tb", "\"q\""] {
            assert!(fault(name).is_some(), "{name:?}");
        }
        for name in ["best", "try-2", "2nd-try", "naïve/baseline", "v1.0"] {
            assert_eq!(fault(name), None, "{name:?}");
        }
    }

    #[test]
    fn the_changes_from_one_set_of_names_to_another_lead_there() {
        let run = |n: u8| RunId([n; 32]);
        let blob = |n: u8| BlobId([n; 32]);
        let made = |changes: &[Naming]| {
            let mut names = RunNames::default();
            changes.iter().for_each(|naming| names.change(naming));
            names
        };
        let branch = |name: &str, n| Naming::Branch {
            name: name.to_owned(),
            run: run(n),
        };
        let tag = |name: &str, n| Naming::Tag {
            name: name.to_owned(),
            run: run(n),
        };
        let describe = |n, text: Option<u8>| Naming::Describe {
            run: run(n),
            text: text.map(blob),
        };
        let one = made(&[branch("a", 1), branch("b", 2), tag("t", 3), describe(1, Some(1))]);
        let other = made(&[branch("a", 4), tag("b", 2), tag("t", 3), describe(2, Some(2))]);
        let mut changed = one.clone();
        one.changes_to(&other).iter().for_each(|naming| changed.change(naming));
        assert_eq!(changed, other);
        assert_eq!(other.changes_to(&other), []);
    }
}
