//! Detects rolled-back logs of the user's own sessions. When a history is opened, the ends of its logs are compared
//! with those last seen. After a sync, the new ends are recorded, and no cell waits for that.

use std::collections::BTreeSet;

use clew_cli::{Context, last_seen, setbacks_text};
use clew_core::id::HistoryId;
use clew_core::session::Session;
use clew_core::store::{End, Ends, LastSeen, LoadedHistory, LogRollback, Store, StoreError};

use super::EngineMessage;

/// The log ends that were on record before the logs were read.
pub(super) struct PriorEnds {
    last_seen: LastSeen,
    ends: Result<Ends, StoreError>,
}

impl PriorEnds {
    /// Reads them for the store that is about to be opened.
    pub fn read(context: &Context) -> Self {
        let last_seen = last_seen(&context.store, context);
        let ends = last_seen.read();
        Self { last_seen, ends }
    }

    /// Compares them with a store, the histories that are `here`, and the history that was read.
    pub fn compare(
        self,
        store: &Store,
        here: &BTreeSet<HistoryId>,
        history: HistoryId,
        name: &str,
        loaded: &LoadedHistory,
    ) -> WatchedEnds {
        let mut watched = WatchedEnds {
            last_seen: self.last_seen,
            news: Vec::new(),
            own: None,
            setbacks: Vec::new(),
            said: Vec::new(),
            has_failed: false,
        };
        match self.ends {
            Ok(ends) if store.was_made() => watched.begin_anew(&ends, store),
            Ok(ends) => {
                watched.setbacks = ends.setbacks(store, history, loaded);
                watched.news = ends.news(store.ends(history, loaded));
                watched.say(&ends, store, here, name);
            }
            Err(error) => watched
                .fail(&error)
                .into_iter()
                .for_each(|said| watched.said.push(said)),
        }
        watched
    }
}

/// The ends of the logs in the open store.
pub(super) struct WatchedEnds {
    last_seen: LastSeen,
    /// Ends of other sessions that are still to be recorded.
    news: Vec<End>,
    /// The end of this session that was recorded last.
    own: Option<End>,
    /// Runs of the history that were seen before and are missing now.
    pub setbacks: Vec<LogRollback>,
    /// What the user must be told about it.
    pub said: Vec<EngineMessage>,
    has_failed: bool,
}

impl WatchedEnds {
    /// The store was removed and created again: reports once what it contained.
    fn begin_anew(&mut self, ends: &Ends, store: &Store) {
        if ends.is_empty() {
            return;
        }
        self.said.push(EngineMessage::MadeAnew {
            store: store.directory().display().to_string(),
            sessions: sessions(ends.len()),
        });
        // If this cannot be written, the loss is reported again, in other words.
        self.last_seen.replace(&[]).ok();
    }

    fn say(&mut self, ends: &Ends, store: &Store, here: &BTreeSet<HistoryId>, name: &str) {
        if !self.setbacks.is_empty() {
            let (name, setbacks) = (name.to_owned(), setbacks_text(&self.setbacks));
            self.said.push(EngineMessage::SetBack { name, setbacks });
        }
        let gone = ends.gone(here);
        if !gone.is_empty() {
            let count = gone.values().map(Vec::len).sum();
            self.said.push(EngineMessage::HistoriesGone {
                store: store.directory().display().to_string(),
                sessions: sessions(count),
            });
        }
    }

    /// Returns the ends that are to be recorded now, if any.
    pub fn unnoted(&mut self, session: &Session) -> Option<PendingEnds> {
        let own = session.synced_end().filter(|end| Some(*end) != self.own);
        self.own = own.or(self.own);
        let mut ends = std::mem::take(&mut self.news);
        ends.extend(own);
        let last_seen = self.last_seen.clone();
        (!ends.is_empty()).then_some(PendingEnds { last_seen, ends })
    }

    /// Returns a message that nothing can be recorded, once.
    pub fn fail(&mut self, error: &StoreError) -> Option<EngineMessage> {
        let is_first = !std::mem::replace(&mut self.has_failed, true);
        let why = error.to_string();
        is_first.then_some(EngineMessage::NotNoted { why })
    }
}

fn sessions(count: usize) -> String {
    match count {
        1 => "1 session".to_owned(),
        _ => format!("{count} sessions"),
    }
}

/// Ends of logs that are still to be written to the record of what was last seen.
pub(crate) struct PendingEnds {
    last_seen: LastSeen,
    ends: Vec<End>,
}

impl PendingEnds {
    /// Writes them; blocks until they are on the disk.
    pub fn write(&self) -> Result<(), StoreError> {
        self.last_seen.advance(&self.ends)
    }
}
