//! Where the files of a store lie, and what their names mean.

use std::path::{Path, PathBuf};

use crate::id::{HistoryId, PackId, SessionId};

/// The folder of a store's packs.
pub(super) fn packs_folder(store: &Path) -> PathBuf {
    store.join("packs")
}

/// Where the pack `id` lies.
pub(super) fn pack_path(store: &Path, id: PackId) -> PathBuf {
    packs_folder(store).join(format!("{id}.pack"))
}

/// The pack that a file's name stands for.
pub(super) fn pack_id(name: &str) -> Option<PackId> {
    name.strip_suffix(".pack")?.parse().ok()
}

/// The folder of all histories.
pub(super) fn histories_folder(store: &Path) -> PathBuf {
    store.join("histories")
}

/// The folder of one history.
pub(super) fn history_folder(store: &Path, history: HistoryId) -> PathBuf {
    histories_folder(store).join(history.to_string())
}

/// The session and the part of its log that a file's name stands for.
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

/// The session whose log lies there, if one does.
pub(super) fn session_of_log(path: &Path) -> Option<SessionId> {
    log_part(path.file_name()?.to_str()?).map(|(session, _)| session)
}

/// Whether a file's name is that of a description.
pub(super) fn is_description(name: &str) -> bool {
    name.strip_suffix(".description")
        .is_some_and(|id| id.parse::<SessionId>().is_ok())
}

/// Where a part of a session's log lies. A session has one part, unless the disk failed under it.
pub(super) fn log_path(store: &Path, history: HistoryId, session: SessionId, part: u32) -> PathBuf {
    let name = if part == 1 {
        format!("{session}.log")
    } else {
        format!("{session}.{part}.log")
    };
    history_folder(store, history).join(name)
}

/// Where a description lies, which is a log of one record.
pub(super) fn description_path(store: &Path, history: HistoryId, writer: SessionId) -> PathBuf {
    history_folder(store, history).join(format!("{writer}.description"))
}

/// Where the last number of a history lies.
pub(super) fn numbers_path(store: &Path, history: HistoryId) -> PathBuf {
    history_folder(store, history).join("numbers")
}
