//! Values that are left in the store while cells run that cannot read them: they belong to the session's state, but are not in
//! its kernel.
//!
//! When a notebook is run again, most cells are reused, and their values are often large and not needed by the few executed ones.
//! Before each executed cell, a switch loads the values that the cell may read ([`Request::SwitchFor`]) and leaves the others.
//! These are certainly unchanged, since no live value shares objects with them: co-variables are left as a whole.

use super::{Request, RestoreOptions, Session, SessionError};
use crate::format::{Encoding, Version};
use crate::history::State;
use crate::id::{RootKind, RunId};
use crate::kernel::Kernel;

impl Session {
    /// Returns the values that a switch to `target` leaves in the store: large ones without classes of the notebook, with only
    /// names and outputs as roots, none of which is live or needed.
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
        // A notebook class may have changed by the time when the value is loaded.
        let is_data = |encoding: &Encoding| encoding.bytes >= *at_least && encoding.definitions.is_empty();
        wanted.only(|version| is_unneeded(version) && self.manifests.is_stored_as(version, is_data))
    }

    /// Loads the values that were left.
    pub(super) fn bring_all<K: Kernel>(&mut self, kernel: &mut K) -> Result<(), SessionError> {
        let at = self.moves.at().ok_or(SessionError::NotStarted)?;
        self.perform(kernel, &Request::Switch(at.to_string()), RestoreOptions::default())?;
        Ok(())
    }

    /// Drops values that were left if one of their names was rebound: their other names are then meaningless, too.
    pub(super) fn let_go_of_rebound(&mut self) {
        if !self.left.is_empty() {
            let live = &self.live;
            let is_apart = |version: &Version| version.roots.iter().all(|root| live.holding(root).is_none());
            self.left = self.left.only(is_apart);
        }
    }
}
