//! Marks of small files: their user recognizes a file by its mark, and other people learn nothing from it.
//!
//! A plain digest of a small file would let other people confirm a guess of its content. Marks are therefore keyed with the user's key.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use clew_core::store::SigningKey;
use clew_core::store::disk::RealDisk;

use crate::context::config_folder;

/// Returns the mark of a file; `None` if it cannot be read, or if the user has no key yet.
pub fn mark_of(path: &Path) -> Option<String> {
    Some(key()?.mark_of(&fs::read(path).ok()?))
}

/// Whether a file has this mark; `None` if unknown: another user's mark, or an unreadable file.
pub fn is_marked(path: &Path, mark: &str) -> Option<bool> {
    key()?.is_marked(&fs::read(path).ok()?, mark)
}

fn key() -> Option<&'static SigningKey> {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    if let Some(key) = KEY.get() {
        return Some(key);
    }
    // A key created later in the process is used from then on.
    let loaded = SigningKey::load(&RealDisk, &config_folder()).ok().flatten()?;
    Some(KEY.get_or_init(|| loaded))
}
