//! Files that literals name: their contents are a part of a task's inputs.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};

use clew_core::graph::{Arena, ArenaLimits};
use rustc_hash::FxHashMap;

use crate::kinds;
use crate::platform::{FileStamp, file_stamp};

/// Digests of files that were hashed in this process.
static HASHED: LazyLock<Mutex<FxHashMap<FileStamp, [u8; 32]>>> = LazyLock::new(Mutex::default);

/// Longer texts are not names of files.
const LONGEST: usize = 4096;
const PIECE: usize = 1 << 20;

/// Returns the texts of a stream that may name files, each once: those with a dot or a slash. Adjacent parts of a
/// path are joined.
pub(super) fn paths(stream: &[u8]) -> Vec<String> {
    if !stream.iter().any(|byte| matches!(byte, b'.' | b'/')) {
        return Vec::new();
    }
    let Ok(arena) = Arena::parse(stream, 1, ArenaLimits::default()) else {
        return Vec::new();
    };
    let mut found: Vec<String> = Vec::new();
    for number in 0..arena.len() as u32 {
        let node = arena.node(number);
        match node.kind {
            kinds::STR => found.extend(text(node.payload)),
            kinds::TUPLE | kinds::LIST if (2..64).contains(&node.children.len()) => {
                let parts = node.children.iter().map(|child| arena.node(*child));
                let parts: Option<Vec<&str>> = parts
                    .map(|part| (part.kind == kinds::STR).then(|| str::from_utf8(part.payload).ok())?)
                    .collect();
                found.extend(parts.and_then(|parts| text(parts.join("/").as_bytes())));
            }
            _ => {}
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn text(payload: &[u8]) -> Option<String> {
    let text = str::from_utf8(payload).ok()?;
    let may_be = payload.len() <= LONGEST && text.contains(['.', '/']) && !text.contains(['\0', '\n']);
    may_be.then(|| text.strip_prefix("file://").unwrap_or(text).to_owned())
}

/// Returns the hash of a file's content; `None` if there is no file of that name.
///
/// # Errors
/// It cannot be read.
pub(super) fn digest(path: &str) -> io::Result<Option<[u8; 32]>> {
    let Ok(about) = fs::metadata(path) else { return Ok(None) };
    if !about.is_file() {
        return Ok(None);
    }
    // Without a stamp that every change alters, a file is hashed each time.
    let Some(stamp) = file_stamp(&about) else {
        return hash(Path::new(path)).map(Some);
    };
    let known = || HASHED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(hash) = known().get(&stamp) {
        return Ok(Some(*hash));
    }
    let hash = hash(Path::new(path))?;
    known().insert(stamp, hash);
    Ok(Some(hash))
}

fn hash(path: &Path) -> io::Result<[u8; 32]> {
    let (mut file, mut hasher) = (
        fs::File::open(path)?,
        blake3::Hasher::new_derive_key("clew 2026 task input v1"),
    );
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(*hasher.finalize().as_bytes()),
            length => _ = hasher.update(&piece[..length]),
        }
    }
}
