//! Names and words for runs: what a person calls them, written down as operations.

use super::{Session, SessionError, UndoStep};
use crate::format::{Action, Naming, Position, View};
use crate::history::NameError;
use crate::id::RunId;

/// A name or a description to be given or taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameRequest {
    /// Begin a branch at a revision, or where the session is and be on it from now on.
    Branch {
        /// Its name.
        name: String,
        /// The revision.
        at: Option<String>,
    },
    /// Take a branch's name away.
    DeleteBranch(String),
    /// Give a branch another name.
    RenameBranch {
        /// What it is called; without it, the one that the session is on.
        from: Option<String>,
        /// What it is to be called.
        to: String,
    },
    /// Give a run a tag.
    Tag {
        /// The tag.
        name: String,
        /// The revision.
        at: String,
    },
    /// Take a tag away.
    DeleteTag(String),
    /// Say what a run did; no words take the description away.
    Describe {
        /// The revision.
        at: String,
        /// The words.
        text: String,
    },
}

/// The result of naming a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamingResult {
    /// The run that is meant.
    pub run: String,
    /// The branch that the session is on now.
    pub branch: Option<String>,
}

impl Session {
    /// Gives or takes a name. A session that has no position of its own, a command that only writes, names what others
    /// recorded: `@` is then where the last of them is.
    ///
    /// # Errors
    /// The name can't be given, or is not there; the revision names nothing; the store refused. Nothing was changed.
    pub fn name(&mut self, request: &NameRequest) -> Result<NamingResult, SessionError> {
        self.refresh()?;
        let planned = self.naming_of(request);
        let (naming, branch, run) = planned.inspect_err(|_| self.writer.abandon())?;
        let at = self.moves.at().map(|run| Position { run, branch });
        let view = View {
            at: at.clone(),
            confirmed: None,
        };
        let committed = self
            .writer
            .commit(Action::Name, vec![naming.clone()], view, self.clock.now());
        let (id, operation) = committed.inspect_err(|_| self.writer.abandon())?;
        self.history.add_operation(id, operation);
        self.moves.hear(&naming);
        if let Some(at) = at {
            self.moves.take(UndoStep::Along, at);
        }
        Ok(NamingResult {
            run: self.history.label(&run),
            branch: self.moves.branch().map(str::to_owned),
        })
    }

    /// The change, the branch that the session is on afterwards, and the run that is meant.
    fn naming_of(&mut self, request: &NameRequest) -> Result<(Naming, Option<String>, RunId), SessionError> {
        let names = self.history.names();
        let current = self.moves.branch().map(str::to_owned);
        let resolve = |revision: &str| -> Result<RunId, SessionError> {
            let at = self.moves.at();
            let at = at.or_else(|| {
                self.history
                    .latest_position(None, self.clock.now())
                    .map(|position| position.run)
            });
            Ok(self.history.resolve(revision, at, self.clock.now())?)
        };
        Ok(match request {
            NameRequest::Branch { name, at } => {
                names.check_free(name)?;
                let run = resolve(at.as_deref().unwrap_or("@"))?;
                let name = name.clone();
                let branch = if at.is_none() { Some(name.clone()) } else { current };
                (Naming::Branch { name, run }, branch, run)
            }
            NameRequest::DeleteBranch(name) => {
                names.check_branch(name)?;
                let branch = current.filter(|current| current != name);
                (Naming::Remove { name: name.clone() }, branch, names.branches()[name])
            }
            NameRequest::RenameBranch { from, to } => {
                let from = from.clone().or_else(|| self.branch_here());
                let from = from.ok_or_else(|| NameError::NoBranch { to: to.clone() })?;
                names.check_branch(&from)?;
                names.check_free(to)?;
                let branch = current.map(|current| if current == from { to.clone() } else { current });
                let run = names.branches()[&from];
                (Naming::Rename { from, to: to.clone() }, branch, run)
            }
            NameRequest::Tag { name, at } => {
                names.check_free(name)?;
                let run = resolve(at)?;
                let name = name.clone();
                (Naming::Tag { name, run }, current, run)
            }
            NameRequest::DeleteTag(name) => {
                names.check_tag(name)?;
                (Naming::Remove { name: name.clone() }, current, names.tags()[name])
            }
            NameRequest::Describe { at, text } => {
                let run = resolve(at)?;
                let text = (!text.trim().is_empty())
                    .then(|| self.writer.put_blob(text.trim()))
                    .transpose()?;
                (Naming::Describe { run, text }, current, run)
            }
        })
    }

    /// The branch that the session is on, or that the last one was where this has no position of its own.
    fn branch_here(&self) -> Option<String> {
        match self.moves.at() {
            Some(_) => self.moves.branch().map(str::to_owned),
            None => self.history.latest_position(None, self.clock.now())?.branch.clone(),
        }
    }

    /// Other sessions may have given the branch another name, which is followed, or taken it away.
    pub(super) fn hear_of_the_branch(&mut self) {
        let mut since = 0;
        while let Some(gone) = self.branch_that_is_gone() {
            let (place, naming) = self.what_became_of(gone, since);
            since = place + 1;
            self.moves.hear(&naming);
        }
    }

    fn branch_that_is_gone(&self) -> Option<String> {
        let branch = self.moves.branch()?;
        let is_there = self.history.names().branches().contains_key(branch);
        (!is_there).then(|| branch.to_owned())
    }

    /// What took a branch's name away, not before the operation at `since`, and the place of that operation.
    fn what_became_of(&self, gone: String, since: usize) -> (usize, Naming) {
        let takes = |naming: &&Naming| match naming {
            Naming::Rename { from, .. } => *from == gone,
            Naming::Remove { name } => *name == gone,
            _ => false,
        };
        let operations = self.history.operations().iter().enumerate().skip(since);
        let mut newest = operations.rev();
        let found =
            newest.find_map(|(place, (_, operation))| Some((place, operation.naming.iter().find(takes)?.clone())));
        found.unwrap_or((since, Naming::Remove { name: gone }))
    }
}
