//! Forgetting: values that cannot be restored any more.

use super::{Session, SessionError, UndoStep};
use crate::format::{Action, Position, View};
use crate::history::ErasurePreview;
use crate::id::Root;
use crate::record::LiveCoVariable;
use crate::store::StoreError;

impl Session {
    /// Forgets every value that `roots` have had so far, in all runs. The live variables stay. Their current values cannot be
    /// loaded any more either, so a restore sets them aside. If there is nothing to forget, nothing is written.
    ///
    /// Afterwards, the session leaves its current pack, so that the forgotten data can be removed from it.
    ///
    /// # Errors
    /// Fails if writing fails. Nothing is forgotten then, unless only the flush failed.
    pub fn forget(&mut self, roots: &[Root]) -> Result<ErasurePreview, SessionError> {
        self.refresh()?;
        let found = self.forgettable(roots)?;
        if !found.versions.is_empty() {
            let at = self.moves.at().map(|run| Position {
                run,
                branch: self.moves.branch().map(str::to_owned),
            });
            let view = View {
                at: at.clone(),
                confirmed: None,
            };
            self.writer.put_forgetting(found.forgetting());
            let committed = self.writer.commit(Action::Forget, Vec::new(), view, self.clock.now());
            let (id, operation) = committed.inspect_err(|_| self.writer.abandon())?;
            self.history.add_operation(id, operation);
            if let Some(at) = at {
                self.moves.take(UndoStep::Along, at);
            }
            self.hear_forgotten();
        }
        self.writer.leave_pack()?;
        Ok(found)
    }

    /// Returns what [`Session::forget`] would forget.
    pub fn forgettable(&self, roots: &[Root]) -> Result<ErasurePreview, StoreError> {
        self.history.forgettable(roots, &self.store)
    }

    /// Stops using forgotten values, and no longer treats them as stored.
    pub(super) fn hear_forgotten(&mut self) {
        self.history.tell(&self.store);
        let forgotten = self.history.forgotten();
        if forgotten.is_empty() {
            return;
        }
        self.manifests.forget(forgotten.keys().copied());
        self.by_value
            .retain(|_, version| !forgotten.contains_key(&version.manifest));
        self.live.forget(|version| forgotten.contains_key(&version.manifest));
        self.live_objects.forget(|manifest| forgotten.contains_key(manifest));
        let parked = self.parked.iter_mut().map(|parked| &mut parked.known);
        parked
            .filter(|known| forgotten.contains_key(&known.version.manifest))
            .for_each(LiveCoVariable::forget);
    }
}
