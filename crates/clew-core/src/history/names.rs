//! Names of runs: branches that follow a session, tags that stay, and descriptions.
//!
//! The input is operations in the order of their times. The output is the run that a name refers to. The position of a branch is
//! that of the last session on it. It is derived only from operations, so that two kernels without knowledge of each other lose
//! no names.

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

/// A name that cannot be assigned or does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It could be read as another kind of revision, or cannot be typed.
    #[error("`{name}` cannot be a name: {why}")]
    Invalid {
        /// The given name.
        name: String,
        /// The reason.
        why: NameSyntaxError,
    },
    /// The name is already in use.
    #[error("There is already a {kind} `{name}`")]
    Taken {
        /// The given name.
        name: String,
        /// `branch` or `tag`.
        kind: &'static str,
    },
    /// The name does not exist.
    #[error("There is no {kind} `{name}`")]
    Unknown {
        /// The given name.
        name: String,
        /// `branch` or `tag`.
        kind: &'static str,
    },
    /// The session is not on a branch that could be renamed.
    #[error("You are on no branch that could be renamed to `{to}`")]
    NoBranch {
        /// The given name.
        to: String,
    },
    /// The name belongs to another kind of object.
    #[error("`{name}` is a {kind}")]
    OtherKind {
        /// The given name.
        name: String,
        /// `branch` or `tag`.
        kind: &'static str,
    },
}

impl RunNames {
    /// Applies the changes of names in an operation, and its position of a branch.
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

    /// Returns the run of a branch or tag. If two kernels gave the same name to both, the branch takes precedence.
    pub fn get(&self, name: &str) -> Option<RunId> {
        self.branches.get(name).or_else(|| self.tags.get(name)).copied()
    }

    /// Returns all branches and their runs.
    pub fn branches(&self) -> &BTreeMap<String, RunId> {
        &self.branches
    }

    /// Returns all tags and their runs.
    pub fn tags(&self) -> &BTreeMap<String, RunId> {
        &self.tags
    }

    /// Returns all branches, then all tags.
    pub fn all(&self) -> impl Iterator<Item = (&String, &RunId)> {
        self.branches.iter().chain(&self.tags)
    }

    /// Returns the description that the user gave to a run.
    pub fn description(&self, run: &RunId) -> Option<BlobId> {
        self.descriptions.get(run).copied()
    }

    /// Returns the changes that turn these names into those of `other`.
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

    /// Checks that `name` can be assigned to a run: it is free, can be typed, and is not another kind of revision.
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

    /// Checks that there is a branch with this name.
    pub fn check_branch(&self, name: &str) -> Result<(), NameError> {
        is_there(name, ("branch", &self.branches), ("tag", &self.tags))
    }

    /// Checks that there is a tag with this name.
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
    /// It has no characters.
    #[error("it is empty")]
    Empty,
    /// It is longer than the limit.
    #[error("it is longer than {} bytes", limits::NAME)]
    Long,
    /// It begins with a character that has a meaning.
    #[error("it starts like a revision or an option")]
    Sign,
    /// It begins like an operation.
    #[error("`op:` stands for operations")]
    Operation,
    /// It contains whitespace.
    #[error("it holds spaces")]
    Space,
    /// It contains quotes or backslashes.
    #[error("it holds quotes")]
    Quote,
    /// It could be the number of a run.
    #[error("it looks like the number of a run")]
    Number,
}

/// Returns why a text cannot be a name.
fn fault(name: &str) -> Option<NameSyntaxError> {
    let is_label = || {
        // `14`, `14a`, and `14z1` after 26 runs of one number.
        let rest = name.trim_start_matches(|letter: char| letter.is_ascii_digit());
        let suffix = rest.strip_prefix('z').map_or(rest, |more| {
            more.trim_start_matches(|letter: char| letter.is_ascii_digit())
        });
        rest.len() < name.len() && suffix.chars().all(|letter| letter.is_ascii_lowercase())
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
        for name in [
            "",
            "@x",
            "-d",
            "14",
            "14a",
            "14z",
            "14z1",
            "14z26",
            "op:3",
            "two words",
            "a\tb",
            "\"q\"",
        ] {
            assert!(fault(name).is_some(), "{name:?}");
        }
        for name in ["best", "try-2", "2nd-try", "naïve/baseline", "v1.0", "2x2", "3z1b2"] {
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
