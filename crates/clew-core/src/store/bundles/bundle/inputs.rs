//! Files that runs read, in a bundle next to its store: listed with their hashes, and included on request.
//!
//! They are not part of the store. They are written only on request, under names that cannot lead out of the target folder.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::Path;

use super::{Bundle, BundleMaker, PORTION};
use crate::format::BundledInput;
use crate::id::{BundledHasher, BundledId};
use crate::limits;
use crate::store::disk::{Disk, DiskFile, read_exact_at, write_all_at};
use crate::store::error::StoreError;
use crate::store::transfer::copy::CopyCallback;

/// The folder of the included files in a bundle, each named by its hash.
const FOLDER: &str = "inputs";

impl BundleMaker {
    /// Lists a file that runs read.
    pub fn list_input(&mut self, input: BundledInput) {
        self.inputs.push(input);
    }

    /// Includes the bytes of a file and lists it. Returns whether they match `input`. Nothing can be written to the store after that.
    ///
    /// # Errors
    /// The bytes cannot be read or written, or the user cancelled.
    pub fn take_input(
        &mut self,
        input: BundledInput,
        bytes: &mut dyn Read,
        watch: CopyCallback<'_>,
    ) -> Result<bool, StoreError> {
        let place = self.path.join(FOLDER).join(input.hash.to_string());
        if self.bundled.open(&place).is_err() {
            let file = self.bundled.create_new(&place);
            let file = file.map_err(StoreError::io("write to", &self.path))?;
            let found = hash_while(bytes, watch, &mut |bytes, at| write_all_at(&*file, bytes, at))
                .map_err(StoreError::io("read", Path::new(&input.path)))?;
            let Some(found) = found else {
                return Err(StoreError::GivenUp);
            };
            if found != (input.hash, input.size) {
                // No signature covers these bytes.
                file.truncate(0).map_err(StoreError::io("write to", &self.path))?;
                drop(file);
                self.bundled.unlink(&place).ok();
                return Ok(false);
            }
        }
        self.inputs.push(input);
        Ok(true)
    }
}

impl Bundle {
    /// Returns the files that runs of the history read, as listed by its maker.
    pub fn inputs(&self) -> &[BundledInput] {
        &self.contents.inputs
    }

    /// Returns the total size of the included files in the bundle, where equal contents count once, and their total size as separate files.
    pub fn input_bytes(&self) -> (u64, u64) {
        let (mut met, mut once, mut all) = (BTreeSet::new(), 0_u64, 0_u64);
        for input in self.contents.inputs.iter().filter(|input| self.input(input).is_some()) {
            all = all.saturating_add(input.size);
            if met.insert(input.hash) {
                once = once.saturating_add(input.size);
            }
        }
        (once, all)
    }

    /// Returns a reader for one of them, if it is included. Its hash was signed; the caller compares it.
    pub fn input(&self, input: &BundledInput) -> Option<InputBytes> {
        let place = self.path.join(FOLDER).join(input.hash.to_string());
        let file = self.store.disk().open(&place).ok()?;
        let length = file.length().ok().filter(|length| *length == input.size)?;
        Some(InputBytes { file, at: 0, length })
    }
}

/// A reader for the bytes of a file in a bundle.
#[derive(Debug)]
pub struct InputBytes {
    file: Box<dyn DiskFile>,
    at: u64,
    length: u64,
}

impl Read for InputBytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = (self.length - self.at).min(buffer.len() as u64) as usize;
        read_exact_at(&*self.file, &mut buffer[..most], self.at)?;
        self.at += most as u64;
        Ok(most)
    }
}

impl BundledInput {
    /// Returns the hash of the bytes and their number; `None` if the user cancelled.
    ///
    /// # Errors
    /// They cannot be read, or `each` failed.
    pub fn hash_of(
        bytes: &mut dyn Read,
        watch: CopyCallback<'_>,
        each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<Option<(BundledId, u64)>> {
        hash_while(bytes, watch, &mut |bytes, _| each(bytes))
    }

    /// Returns whether its name stays below the folder to which it is written, on any system.
    pub fn is_safe(&self) -> bool {
        self.name.len() <= limits::INPUT_NAME && self.name.split('/').all(is_part)
    }
}

fn hash_while(
    bytes: &mut dyn Read,
    watch: CopyCallback<'_>,
    each: &mut dyn FnMut(&[u8], u64) -> io::Result<()>,
) -> io::Result<Option<(BundledId, u64)>> {
    let (mut hasher, mut buffer, mut at) = (BundledHasher::default(), vec![0; PORTION], 0);
    loop {
        let count = match bytes.read(&mut buffer) {
            Ok(0) => return Ok(Some((hasher.finish(), at))),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..count]);
        each(&buffer[..count], at)?;
        at += count as u64;
        if watch(count as u64).is_break() {
            return Ok(None);
        }
    }
}

/// Returns whether it is a plain name: not hidden, no parent folder, no device or stream of any system.
fn is_part(part: &str) -> bool {
    let is_odd = |letter: char| letter.is_control() || "\\:*?\"<>|".contains(letter);
    let ends_well = !part.ends_with(['.', ' ']);
    !part.is_empty()
        && !part.starts_with('.')
        && ends_well
        && part.len() <= limits::INPUT_PART
        && !part.chars().any(is_odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p14_no_name_of_an_input_leads_out_of_the_folder_that_it_is_written_to() {
        let is_safe = |name: &str| {
            let input = BundledInput {
                name: name.to_owned(),
                path: String::new(),
                size: 0,
                hash: BundledHasher::default().finish(),
            };
            input.is_safe()
        };
        for name in [
            "",
            "/etc/passwd",
            "../x",
            "a/../x",
            "a//b",
            "./a",
            "a/.",
            ".netrc",
            "a/.ssh/b",
            "a\\b",
            "c:a",
            "a\0",
            "a\nb",
            "a/",
            "a.",
            "a ",
            "nul:",
        ] {
            assert!(!is_safe(name), "{name:?}");
        }
        assert!(!is_safe(&"a/".repeat(600)) && !is_safe(&"a".repeat(256)));
        assert!(is_safe("data/flights 2024.csv") && is_safe("Ärger.parquet"));
    }
}
