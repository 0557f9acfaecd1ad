//! Values that stay in the store while cells run that can't read them: the session has them, its kernel does not.
//!
//! Where a notebook is run again, most cells are not executed, and what they made is often large and of no use to the few that are. So
//! before each of these a move brings what it may read ([`Request::SwitchFor`]) and leaves the rest. Whatever was left is as unchanged as it
//! lies in the store, since nothing live shares an object with it: co-variables are left whole.

use super::{Request, RestoreOptions, Session, SessionError};
use crate::format::{Encoding, Version};
use crate::history::State;
use crate::id::{RootKind, RunId};
use crate::kernel::Kernel;

impl Session {
    /// What a move to `target` leaves in the store: what is large, comes from no cell's class, is named by nothing but names and outputs, is
    /// not live in any version, and is not needed.
    pub(super) fn leave(&self, request: &Request, target: RunId) -> State {
        let Request::SwitchFor { needed, at_least, .. } = request else {
            return State::default();
        };
        let is_unneeded = |version: &Version| {
            let mut roots = version.roots.iter();
            roots.all(|root| {
                matches!(root.kind, RootKind::Name | RootKind::Out)
                    && !needed.contains(root)
                    && self.live.holding(root).is_none()
            })
        };
        let wanted = self.history.state(target);
        // A class of the notebook's may be another by the time that the value is brought.
        let is_data = |encoding: &Encoding| encoding.bytes >= *at_least && encoding.definitions.is_empty();
        wanted.only(|version| is_unneeded(version) && self.manifests.is_stored_as(version, is_data))
    }

    /// Brings what was left.
    pub(super) fn bring_all<K: Kernel>(&mut self, kernel: &mut K) -> Result<(), SessionError> {
        let at = self.moves.at().ok_or(SessionError::NotStarted)?;
        self.perform(kernel, &Request::Switch(at.to_string()), RestoreOptions::default())?;
        Ok(())
    }

    /// What was left is gone where something bound one of its names anew: then its other names mean nothing either.
    pub(super) fn let_go_of_rebound(&mut self) {
        if !self.left.is_empty() {
            let live = &self.live;
            let is_apart = |version: &Version| version.roots.iter().all(|root| live.holding(root).is_none());
            self.left = self.left.only(is_apart);
        }
    }
}
