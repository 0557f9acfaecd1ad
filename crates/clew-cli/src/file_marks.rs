//! Marks of small files: by them their user knows them again, and nobody else learns anything.
//!
//! A digest of a small file tells what lies in it to whoever guesses. So it is keyed with what only this user has.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use clew_core::store::SigningKey;
use clew_core::store::disk::RealDisk;

use crate::context::config_folder;

/// The mark of a file; none where it can't be read, or where the user has no key yet.
pub fn mark_of(path: &Path) -> Option<String> {
    Some(key()?.mark_of(&fs::read(path).ok()?))
}

/// Whether a file is the one that has this mark; none where that can't be told: somebody else marked it, or it can't be read.
pub fn is_marked(path: &Path, mark: &str) -> Option<bool> {
    key()?.is_marked(&fs::read(path).ok()?, mark)
}

fn key() -> Option<&'static SigningKey> {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    if let Some(key) = KEY.get() {
        return Some(key);
    }
    // One that is made later in the process counts from then on.
    let loaded = SigningKey::load(&RealDisk, &config_folder()).ok().flatten()?;
    Some(KEY.get_or_init(|| loaded))
}
