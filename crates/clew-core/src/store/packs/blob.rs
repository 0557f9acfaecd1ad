//! Salted texts: sources and outputs. The salt is part of the hashed bytes, so an id cannot be used to confirm a guess of its text. And the
//! text can be forgotten without breaking a chain that contains its id.

use crate::store::Fault;
use crate::store::disk::Disk;

/// Bytes of the salt before the text.
const SALT_LENGTH: usize = 16;

/// Returns a text with a new salt before it.
pub(in crate::store) fn salted(disk: &dyn Disk, text: &str) -> Vec<u8> {
    let mut salted = vec![0; SALT_LENGTH];
    disk.random(&mut salted);
    salted.extend_from_slice(text.as_bytes());
    salted
}

/// Returns the text after the salt.
pub(in crate::store) fn text(mut salted: Vec<u8>) -> Result<String, Fault> {
    if salted.len() < SALT_LENGTH {
        return Err(Fault::ShortText);
    }
    String::from_utf8(salted.split_off(SALT_LENGTH)).map_err(|_| Fault::NoText)
}
