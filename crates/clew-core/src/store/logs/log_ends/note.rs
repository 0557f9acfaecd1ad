//! The format of the file: a line with its type, a line with the store for people, a line for each session, and a line with the hash of
//! everything before it, which detects torn or changed files.

use std::path::Path;

use super::End;
use crate::limits;
use crate::store::error::LastSeenFault;

const HEAD: &str = "clew last-seen";
const VERSION: u32 = 1;

pub(super) fn text(store: &Path, ends: &[End]) -> Vec<u8> {
    let store: String = store
        .to_string_lossy()
        .chars()
        .map(|letter| if letter.is_control() { '?' } else { letter })
        .collect();
    let lines = ends.iter().map(|end| {
        let End {
            history,
            session,
            number,
            operation,
        } = end;
        format!("{history} {session} {number} {operation}\n")
    });
    let said = [format!("{HEAD} {VERSION}\nstore {store}\n")].into_iter().chain(lines);
    let said = said.collect::<Vec<_>>().concat();
    let hash = blake3::hash(said.as_bytes()).to_hex();
    format!("{said}hash {hash}\n").into_bytes()
}

pub(super) fn parse(bytes: &[u8]) -> Result<Vec<End>, LastSeenFault> {
    let text = str::from_utf8(bytes).map_err(|_| LastSeenFault::Damaged)?;
    let mut lines = text.lines();
    let version = lines
        .next()
        .and_then(|line| line.strip_prefix(HEAD)?.trim().parse::<u32>().ok());
    match version {
        Some(VERSION) => {}
        Some(version) if version > VERSION => return Err(LastSeenFault::Newer),
        _ => return Err(LastSeenFault::Damaged),
    }
    ends_of(text).ok_or(LastSeenFault::Damaged)
}

/// Parses a complete file of this version.
fn ends_of(text: &str) -> Option<Vec<End>> {
    let (said, hash) = text.strip_suffix('\n')?.rsplit_once("\nhash ")?;
    let said = &text[..=said.len()];
    if blake3::Hash::from_hex(hash).ok()? != blake3::hash(said.as_bytes()) {
        return None;
    }
    let ends: Option<Vec<End>> = said.lines().skip(2).map(end_of).collect();
    ends.filter(|ends| ends.len() <= limits::SESSIONS_SEEN)
}

/// Parses `HISTORY SESSION NUMBER OPERATION`.
fn end_of(line: &str) -> Option<End> {
    let mut parts = line.split(' ');
    let end = End {
        history: parts.next()?.parse().ok()?,
        session: parts.next()?.parse().ok()?,
        number: parts.next()?.parse().ok()?,
        operation: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some(end)
}
