//! Marks of small files: by them their user knows them again, and nobody else learns anything.
//!
//! A digest of a small file tells what lies in it to whoever guesses. So it is keyed with what only this user has.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use clew_core::store::SigningKey;
use clew_core::store::disk::RealDisk;

use crate::surroundings::config_folder;

/// The mark of a file; none where it can't be read, or where the user has no key yet.
pub fn mark_of(path: &Path) -> Option<String> {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    let key = if let Some(key) = KEY.get() {
        key
    } else {
        // One that is made later in the process counts from then on.
        let loaded = SigningKey::load(&RealDisk, &config_folder()).ok().flatten()?;
        KEY.get_or_init(|| loaded)
    };
    Some(key.mark_of(&fs::read(path).ok()?))
}
