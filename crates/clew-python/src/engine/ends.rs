//! Where the logs of one's own sessions end: held against what was last seen when a history is opened, noted when something
//! is synced, and never while a cell waits.

use std::collections::BTreeSet;

use clew_cli::{Context, last_seen, setbacks_text};
use clew_core::id::HistoryId;
use clew_core::session::Session;
use clew_core::store::{End, Ends, LastSeen, LoadedHistory, LogRollback, Store, StoreError};

use super::EngineMessage;

/// The ends that were on record before the logs were read.
pub(super) struct PriorEnds {
    last_seen: LastSeen,
    ends: Result<Ends, StoreError>,
}

impl PriorEnds {
    /// Of the store that is about to be opened.
    pub fn read(context: &Context) -> Self {
        let last_seen = last_seen(&context.store, context);
        let ends = last_seen.read();
        Self { last_seen, ends }
    }

    /// Holds it against a store, the histories that are `here`, and the one that was read.
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

/// The ends of the logs in the store that is open.
pub(super) struct WatchedEnds {
    last_seen: LastSeen,
    /// Ends of other sessions that are still to be noted.
    news: Vec<End>,
    /// This session's end that was noted last.
    own: Option<End>,
    /// What of the history was seen before and is not there any more.
    pub setbacks: Vec<LogRollback>,
    /// What the user has to know of it.
    pub said: Vec<EngineMessage>,
    has_failed: bool,
}

impl WatchedEnds {
    /// The store was removed, by whomever, and made again: what was in it is said once.
    fn begin_anew(&mut self, ends: &Ends, store: &Store) {
        if ends.is_empty() {
            return;
        }
        self.said.push(EngineMessage::MadeAnew {
            store: store.directory().display().to_string(),
            sessions: sessions(ends.len()),
        });
        // Where that can't be written it is said again, in other words.
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

    /// What is to be noted now, if anything is.
    pub fn unnoted(&mut self, session: &Session) -> Option<PendingEnds> {
        let own = session.synced_end().filter(|end| Some(*end) != self.own);
        self.own = own.or(self.own);
        let mut ends = std::mem::take(&mut self.news);
        ends.extend(own);
        let last_seen = self.last_seen.clone();
        (!ends.is_empty()).then_some(PendingEnds { last_seen, ends })
    }

    /// Says that nothing can be noted, once.
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
    /// Writes them; the disk is waited for.
    pub fn write(&self) -> Result<(), StoreError> {
        self.last_seen.advance(&self.ends)
    }
}
