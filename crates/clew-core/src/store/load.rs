//! Reading a history back from its logs.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use super::Store;
use super::error::StoreError;
use super::seal::{PublicKey, Verdict};
use crate::format::{HistoryDescription, Operation, Run};
use crate::id::{HistoryId, OperationId, RunId, SessionId};

/// One operation as it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedOperation {
    /// Its id.
    pub id: OperationId,
    /// What it says.
    pub operation: Operation,
    /// Who sealed it.
    pub key: PublicKey,
    /// What the seal is worth. Operations with a bad seal are not listed at all; they are in the damage.
    pub verdict: Verdict,
}

/// One session's operations, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadedSession {
    /// Its operations, oldest first.
    pub operations: Vec<LoadedOperation>,
    /// How many of them are known to survive a power cut: those with a lower number.
    pub synced: u64,
}

/// Something in a store that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, for people.
    pub what: String,
}

/// What the logs of one history say. Only what an operation made visible is in here.
#[derive(Debug, Clone, Default)]
pub struct LoadedHistory {
    /// What it is called and where its notebook is: the newest, after all before it.
    pub descriptions: Vec<HistoryDescription>,
    /// Its sessions.
    pub sessions: BTreeMap<SessionId, LoadedSession>,
    /// Its runs.
    pub runs: HashMap<RunId, Run>,
    /// What is missing or damaged. Everything else is here all the same.
    pub damage: Vec<Damage>,
}

impl LoadedHistory {
    /// The newest description.
    pub fn description(&self) -> HistoryDescription {
        self.descriptions.last().cloned().unwrap_or_default()
    }

    /// All operations in the order of their times.
    pub fn operations(&self) -> Vec<&LoadedOperation> {
        let mut all: Vec<_> = self.sessions.values().flat_map(|session| &session.operations).collect();
        all.sort_by_key(|loaded| (loaded.operation.time, loaded.operation.number));
        all
    }
}

impl Store {
    /// Reads a history's logs. Never fails for damage: that is listed.
    pub fn load(&self, history: HistoryId) -> Result<LoadedHistory, StoreError> {
        let mut loaded = LoadedHistory::default();
        self.refresh(history, &mut loaded)?;
        Ok(loaded)
    }

    /// Adds what other sessions wrote since `loaded` was read. Says whether there was anything.
    pub fn refresh(&self, _history: HistoryId, _loaded: &mut LoadedHistory) -> Result<bool, StoreError> {
        todo!()
    }
}
