//! The paths of the files of a store, and the meaning of their names.

use std::path::{Path, PathBuf};

use crate::id::{HistoryId, PackId, SessionId};

/// Returns the folder of a store's packs.
pub(super) fn packs_folder(store: &Path) -> PathBuf {
    store.join("packs")
}

/// Returns the path of the pack `id`.
pub(super) fn pack_path(store: &Path, id: PackId) -> PathBuf {
    packs_folder(store).join(format!("{id}.pack"))
}

/// Returns the pack for a file name.
pub(super) fn pack_id(name: &str) -> Option<PackId> {
    name.strip_suffix(".pack")?.parse().ok()
}

/// Returns the folder of all histories.
pub(super) fn histories_folder(store: &Path) -> PathBuf {
    store.join("histories")
}

/// Returns the folder of one history.
pub(super) fn history_folder(store: &Path, history: HistoryId) -> PathBuf {
    histories_folder(store).join(history.to_string())
}

/// Returns the session and the part of its log for a file name.
pub(super) fn log_part(name: &str) -> Option<(SessionId, u32)> {
    let name = name.strip_suffix(".log")?;
    match name.split_once('.') {
        None => Some((name.parse().ok()?, 1)),
        Some((session, part)) => {
            let number: u32 = part.parse().ok().filter(|number| *number > 1)?;
            (part == number.to_string()).then_some((session.parse().ok()?, number))
        }
    }
}

/// Returns the session of a log with this path.
pub(super) fn session_of_log(path: &Path) -> Option<SessionId> {
    log_part(path.file_name()?.to_str()?).map(|(session, _)| session)
}

/// Returns whether a file name is that of a description.
pub(super) fn is_description(name: &str) -> bool {
    name.strip_suffix(".description")
        .is_some_and(|id| id.parse::<SessionId>().is_ok())
}

/// Returns the path of a part of a session's log. A session has one part, unless the disk failed during writing.
pub(super) fn log_path(store: &Path, history: HistoryId, session: SessionId, part: u32) -> PathBuf {
    let name = if part == 1 {
        format!("{session}.log")
    } else {
        format!("{session}.{part}.log")
    };
    history_folder(store, history).join(name)
}

/// Returns the path of a description, which is a log of one record.
pub(super) fn description_path(store: &Path, history: HistoryId, writer: SessionId) -> PathBuf {
    history_folder(store, history).join(format!("{writer}.description"))
}

/// Returns the path of the file with a history's last run number.
pub(super) fn numbers_path(store: &Path, history: HistoryId) -> PathBuf {
    history_folder(store, history).join("numbers")
}
