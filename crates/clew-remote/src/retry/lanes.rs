//! The number of concurrent transfers: as many as requested, fewer on a connection that breaks.
//!
//! Transfers that share a connection break together. Four parts of 8 MiB at once never arrive over a connection that is reset after 20 MB;
//! one at a time they do. The limit is halved with each break and doubled after enough successes, like TCP's congestion window.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::LOOK;
use crate::backend::TransferCallback;
use crate::error::RemoteError;

/// More than callers ever request.
const MANY: usize = 64;
/// Successful transfers per lane before the number of lanes is doubled.
const PROOF: usize = 4;

#[derive(Debug)]
struct State {
    under_way: usize,
    most: usize,
    arrived: usize,
}

#[derive(Debug)]
pub(super) struct Lanes {
    state: Mutex<State>,
    changed: Condvar,
}

/// One transfer in progress.
pub(super) struct Lane<'l>(&'l Lanes);

impl Default for Lanes {
    fn default() -> Self {
        let state = State {
            under_way: 0,
            most: MANY,
            arrived: 0,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }
}

impl Lanes {
    fn state(&self) -> MutexGuard<'_, State> {
        // The numbers stay consistent if a thread panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a free lane.
    ///
    /// # Errors
    /// `GivenUp` if cancelled.
    pub fn enter(&self, watch: TransferCallback<'_>) -> Result<Lane<'_>, RemoteError> {
        let mut state = self.state();
        while state.under_way >= state.most {
            let waited = self.changed.wait_timeout(state, LOOK);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
            if watch(0).is_break() {
                return Err(RemoteError::GivenUp);
            }
            state = self.state();
        }
        state.under_way += 1;
        Ok(Lane(self))
    }

    /// Records the outcome of a transfer.
    pub fn note<T>(&self, result: &Result<T, RemoteError>) {
        let mut state = self.state();
        match result {
            Ok(_) if state.most < MANY => {
                state.arrived += 1;
                if state.arrived >= PROOF * state.most {
                    (state.most, state.arrived) = (state.most * 2, 0);
                }
            }
            Err(RemoteError::Unreachable { .. }) => {
                (state.most, state.arrived) = ((state.under_way / 2).clamp(1, state.most), 0);
            }
            _ => (),
        }
    }
}

impl Drop for Lane<'_> {
    fn drop(&mut self) {
        self.0.state().under_way -= 1;
        self.0.changed.notify_all();
    }
}
