//! The index in SQLite: one table of authenticated pieces.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, params};

use super::{IndexPiece, LogIndex};
use crate::id::{HistoryId, SessionId};
use crate::limits;
use crate::store::disk::{private, private_folder};

/// The version of the layout. A file with another one is recreated.
const LAYOUT: i32 = 1;
const SCHEMA: &str = "
    CREATE TABLE piece (
        history BLOB NOT NULL,
        session BLOB NOT NULL,
        start INTEGER NOT NULL,
        end INTEGER NOT NULL,
        plain INTEGER NOT NULL,
        content BLOB NOT NULL,
        seal BLOB NOT NULL,
        PRIMARY KEY (history, session, start)
    );";

/// Why the index cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IndexFault {
    /// Another process writes it, or a disk operation failed: it is not changed.
    Busy,
    /// It is not a readable index of this version.
    Wrong,
}

impl From<rusqlite::Error> for IndexFault {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Wrong,
            // A missing table or column, or a value of the wrong type.
            Some(ErrorCode::Unknown | ErrorCode::TypeMismatch | ErrorCode::ConstraintViolation) | None => Self::Wrong,
            Some(_) => Self::Busy,
        }
    }
}

/// Reads the pieces of a history. A piece that is not sound or does not follow the one before makes the whole index wrong.
pub(super) fn read(index: &LogIndex, history: HistoryId) -> Result<BTreeMap<SessionId, Vec<IndexPiece>>, IndexFault> {
    let connection = open(&index.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    if layout(&connection)? != LAYOUT {
        return Err(IndexFault::Wrong);
    }
    let mut found: BTreeMap<SessionId, Vec<IndexPiece>> = BTreeMap::new();
    let mut statement = connection.prepare(
        "SELECT session, start, end, plain, content, seal FROM piece WHERE history = ?1 ORDER BY session, start",
    )?;
    let mut rows = statement.query([&history.0[..]])?;
    while let Some(row) = rows.next()? {
        let session = SessionId(row.get(0)?);
        let number = |column| row.get::<_, i64>(column).map(|number| number as u64);
        let (start, end, plain) = (number(1)?, number(2)?, number(3)?);
        let content = row.get_ref(4)?.as_blob().map_err(|_| IndexFault::Wrong)?;
        let seal: [u8; 32] = row.get(5)?;
        if plain > limits::INDEX_PIECE || index.seal(history, session, [start, end, plain], content) != seal {
            return Err(IndexFault::Wrong);
        }
        let pieces = found.entry(session).or_default();
        if pieces.last().map_or(0, |piece| piece.end) != start {
            return Err(IndexFault::Wrong);
        }
        let piece = IndexPiece::parse(start, end, content, plain as usize);
        pieces.push(piece.ok_or(IndexFault::Wrong)?);
    }
    Ok(found)
}

/// Adds pieces, and removes those of sessions that no longer exist.
pub(super) fn write(
    index: &LogIndex,
    history: HistoryId,
    pieces: &[(SessionId, IndexPiece)],
    present: &BTreeSet<SessionId>,
) -> Result<(), IndexFault> {
    make_file(&index.path).map_err(|_| IndexFault::Busy)?;
    let mut connection = open(&index.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Nothing is synced: an index that a power failure tore is recreated.
    connection.pragma_update(None, "synchronous", "OFF")?;
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    match layout(&transaction)? {
        LAYOUT => {}
        0 => {
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "user_version", LAYOUT)?;
        }
        _ => return Err(IndexFault::Wrong),
    }
    for session in sessions(&transaction, history)?.difference(present) {
        let place = params![&history.0[..], &session.0[..]];
        transaction.execute("DELETE FROM piece WHERE history = ?1 AND session = ?2", place)?;
    }
    for (session, piece) in pieces {
        put(index, &transaction, history, *session, piece)?;
    }
    Ok(transaction.commit()?)
}

fn put(
    index: &LogIndex,
    connection: &Connection,
    history: HistoryId,
    session: SessionId,
    piece: &IndexPiece,
) -> Result<(), IndexFault> {
    let Some((content, plain)) = piece.bytes() else {
        return Ok(());
    };
    let numbers = [piece.start, piece.end, plain as u64];
    let seal = index.seal(history, session, numbers, &content);
    let [start, end, plain] = numbers.map(|number| number as i64);
    // A piece that starts earlier replaces all later pieces, because its log was read from there.
    let place = params![&history.0[..], &session.0[..], start];
    connection.execute(
        "DELETE FROM piece WHERE history = ?1 AND session = ?2 AND start >= ?3",
        place,
    )?;
    connection.execute(
        "INSERT INTO piece (history, session, start, end, plain, content, seal) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![&history.0[..], &session.0[..], start, end, plain, content, &seal[..]],
    )?;
    Ok(())
}

/// Opens the file. It does not wait for locks, because reading the logs is faster.
fn open(path: &Path, how: OpenFlags) -> Result<Connection, IndexFault> {
    let connection = Connection::open_with_flags(path, how | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::ZERO)?;
    Ok(connection)
}

fn layout(connection: &Connection) -> Result<i32, IndexFault> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

fn sessions(connection: &Connection, history: HistoryId) -> Result<BTreeSet<SessionId>, IndexFault> {
    let mut statement = connection.prepare("SELECT DISTINCT session FROM piece WHERE history = ?1")?;
    let sessions = statement.query_map([&history.0[..]], |row| row.get::<_, [u8; 16]>(0))?;
    let sessions: Result<BTreeSet<SessionId>, _> = sessions.map(|session| session.map(SessionId)).collect();
    Ok(sessions?)
}

/// Creates the file, accessible to the user only, if it does not exist.
fn make_file(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        private_folder(folder)?;
    }
    private().create(true).truncate(false).open(path)?;
    Ok(())
}
