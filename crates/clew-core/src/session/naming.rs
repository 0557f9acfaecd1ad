//! Names and descriptions of runs, recorded as operations.

use super::{Session, SessionError, UndoStep};
use crate::format::{Action, Naming, Position, View};
use crate::history::NameError;
use crate::id::RunId;

/// A request to assign or remove a name or a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameRequest {
    /// Create a branch at a revision; or at the current run, and switch to the branch.
    Branch {
        /// Its name.
        name: String,
        /// The revision.
        at: Option<String>,
    },
    /// Delete a branch.
    DeleteBranch(String),
    /// Rename a branch.
    RenameBranch {
        /// The old name; `None` means the current branch.
        from: Option<String>,
        /// The new name.
        to: String,
    },
    /// Tag a run.
    Tag {
        /// The tag.
        name: String,
        /// The revision.
        at: String,
    },
    /// Delete a tag.
    DeleteTag(String),
    /// Describe a run; an empty text removes the description.
    Describe {
        /// The revision.
        at: String,
        /// The description.
        text: String,
    },
}

/// The result of naming a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamingResult {
    /// The named run.
    pub run: String,
    /// The current branch of the session.
    pub branch: Option<String>,
}

impl Session {
    /// Assigns or removes a name. A session without a position of its own, such as that of a command, names the runs of other
    /// sessions: `@` is then the position of the latest one.
    ///
    /// # Errors
    /// Fails without a change if the name cannot be assigned or does not exist, if the revision matches no run, or if writing fails.
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

    /// Returns the change, the branch of the session after it, and the named run.
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

    /// Returns the current branch; that of the latest session if this one has no position.
    fn branch_here(&self) -> Option<String> {
        match self.moves.at() {
            Some(_) => self.moves.branch().map(str::to_owned),
            None => self.history.latest_position(None, self.clock.now())?.branch.clone(),
        }
    }

    /// Follows changes by other sessions: if the current branch was renamed, the session is on the new name, and if it was
    /// deleted, on no branch.
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

    /// Returns the change that removed a branch's name at or after the operation `since`, and the index of that operation.
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
