//! Reads zip files from other people, as far as packages use the format.
//!
//! Input: any bytes. Output: a list of files with their ranges, or an error. Nothing is extracted, and no name from the zip is used as a
//! path. The whole zip is refused if its list contains anything that no package has: names that lead out of the folder, duplicate names,
//! overlapping files, links, devices, encryption, or too many files.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use clew_core::limits;
use clew_core::store::disk::{DiskFile, FilePart};
use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

/// Bytes that a highly compressed file may have at least.
const LITTLE: u64 = 1 << 20;

/// The contents of a zip.
#[derive(Debug)]
pub(super) struct Archive {
    file: Arc<dyn DiskFile>,
    entries: BTreeMap<String, Entry>,
}

/// A file in a zip.
#[derive(Debug)]
struct Entry {
    /// The range of its bytes.
    range: Range<u64>,
    is_deflated: bool,
}

impl Archive {
    /// Reads the list of files.
    ///
    /// # Errors
    /// The file is not a zip, is truncated, or contains something that no package has; as text.
    pub fn open(file: Arc<dyn DiskFile>) -> Result<Self, String> {
        let reader = BoundedReader::of(Arc::clone(&file), limits::PACKAGE_LIST);
        let mut zip = ZipArchive::new(reader).map_err(|error| told(&error))?;
        if zip.len() > limits::PACKAGED {
            return Err(format!("it lists {} files, which is too many for a package", zip.len()));
        }
        if zip.has_duplicate_names() {
            return Err("two files in it have the same name".to_owned());
        }
        if zip.has_overlapping_entries().map_err(|error| told(&error))? {
            return Err("files in it overlap".to_owned());
        }
        let mut entries = BTreeMap::new();
        for index in 0..zip.len() {
            let file = zip.by_index_raw(index).map_err(|error| told(&error))?;
            let name = file.name().map_err(|error| told(&error))?.into_owned();
            if let Some(why) = oddity(&name, &file) {
                return Err(format!("`{}` in it {why}", shown(&name)));
            }
            let start = file.data_start().ok_or("its file offsets are missing")?;
            let end = start
                .checked_add(file.compressed_size())
                .ok_or("its lengths are invalid")?;
            let entry = Entry {
                range: start..end,
                is_deflated: file.compression() == CompressionMethod::Deflated,
            };
            entries.insert(name, entry);
        }
        Ok(Self { file, entries })
    }

    /// Whether it contains a file with this name.
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Returns the names of its files, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Returns the stored size of a file.
    fn length(&self, name: &str) -> u64 {
        self.entries
            .get(name)
            .map_or(0, |entry| entry.range.end - entry.range.start)
    }

    /// Returns the range of a file; `None` if it does not exist or is compressed.
    pub fn part(&self, name: &str) -> Option<FilePart> {
        let entry = self.entries.get(name).filter(|entry| !entry.is_deflated)?;
        Some(FilePart::new(Arc::clone(&self.file), entry.range.clone()))
    }

    /// Returns a reader for the bytes of a file. Its length is unlimited, so the caller must set a limit.
    pub fn bytes(&self, name: &str) -> Option<Box<dyn Read>> {
        let entry = self.entries.get(name)?;
        let part = Arc::new(FilePart::new(Arc::clone(&self.file), entry.range.clone()));
        let raw = BoundedReader::of(part, u64::MAX);
        Some(if entry.is_deflated {
            Box::new(DeflateDecoder::new(raw))
        } else {
            Box::new(raw)
        })
    }

    /// Reads a small file completely.
    ///
    /// # Errors
    /// It does not exist, is longer than `most`, or is corrupted; as text.
    pub fn small(&self, name: &str, most: u64) -> Result<Vec<u8>, String> {
        let bytes = self.bytes(name).ok_or(format!("it has no `{}`", shown(name)))?;
        // A file that expands more than any text does is refused, regardless of its limit.
        let most = most.min(self.length(name).saturating_mul(limits::FILE_RATIO) + LITTLE);
        let mut read = Vec::new();
        let found = bytes.take(most + 1).read_to_end(&mut read);
        found.map_err(|_| format!("`{}` in it is corrupted", shown(name)))?;
        if read.len() as u64 > most {
            return Err(format!("`{}` in it is too long", shown(name)));
        }
        Ok(read)
    }
}

/// Returns why a package may not contain the file.
fn oddity<R: Read>(name: &str, file: &zip::read::ZipFile<'_, R>) -> Option<&'static str> {
    let is_regular = file
        .unix_mode()
        .is_none_or(|mode| matches!(mode & 0o170_000, 0 | 0o100_000 | 0o040_000));
    let is_known = matches!(
        file.compression(),
        CompressionMethod::Stored | CompressionMethod::Deflated
    );
    match () {
        () if !is_inside(name) => Some("has a path outside the package"),
        () if file.is_symlink() || !is_regular => Some("is a link or a device"),
        () if file.encrypted() => Some("is encrypted"),
        () if !is_known => Some("uses an unsupported compression"),
        () => None,
    }
}

/// Whether a name stays below the folder of extraction, on any system.
fn is_inside(name: &str) -> bool {
    let path = name.strip_suffix('/').unwrap_or(name);
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    let is_odd = |letter: char| letter.is_control() || matches!(letter, '\\' | ':');
    name.len() <= limits::INPUT_NAME + 64 && path.split('/').all(is_part) && !name.chars().any(is_odd)
}

/// Returns the beginning of a name, for an error.
fn shown(name: &str) -> String {
    let begins: String = name.chars().take(60).collect();
    crate::text::clean(&begins)
}

/// Formats an error without quoting the file's content.
fn told(error: &zip::result::ZipError) -> String {
    match error {
        zip::result::ZipError::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => error.to_string(),
        zip::result::ZipError::Io(_) => "it is truncated or corrupted".to_owned(),
        _ => "its list of files is corrupted, or it is truncated".to_owned(),
    }
}

/// Reads a file with seeking, up to a total number of bytes.
#[derive(Debug)]
struct BoundedReader {
    file: Arc<dyn DiskFile>,
    at: u64,
    left: u64,
}

impl BoundedReader {
    fn of(file: Arc<dyn DiskFile>, left: u64) -> Self {
        Self { file, at: 0, left }
    }
}

impl Read for BoundedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.left.min(buffer.len() as u64) as usize;
        if most == 0 && !buffer.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "its list of files is too long",
            ));
        }
        let count = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

impl Seek for BoundedReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let found = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.file.length()?.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = found.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use clew_core::store::disk::MemoryFile;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn zipped(make: impl FnOnce(&mut ZipWriter<Cursor<Vec<u8>>>)) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        make(&mut zip);
        zip.finish().unwrap().into_inner()
    }

    fn opened(bytes: &[u8]) -> Result<Archive, String> {
        Archive::open(Arc::new(MemoryFile(Arc::from(bytes))))
    }

    fn why(bytes: &[u8]) -> String {
        opened(bytes).expect_err("it is refused")
    }

    fn named(name: &str) -> Vec<u8> {
        zipped(|zip| {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(b"text").unwrap();
        })
    }

    /// Replaces `old` everywhere: both names have the same length, so all lengths remain valid.
    fn renamed(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
        assert_eq!(old.len(), new.len());
        let mut bytes = bytes.to_vec();
        let places: Vec<usize> = (0..bytes.len() - old.len())
            .filter(|at| bytes[*at..].starts_with(old))
            .collect();
        assert!(places.len() >= 2, "a name stands before its file and in the list");
        for at in places {
            bytes[at..at + new.len()].copy_from_slice(new);
        }
        bytes
    }

    #[test]
    fn what_was_stored_and_what_was_deflated_is_read() {
        let long = "0123456789".repeat(1000);
        let bytes = zipped(|zip| {
            let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
            let deflated = stored.compression_method(CompressionMethod::Deflated);
            for (name, options) in [("a/stored", stored), ("a/deflated", deflated)] {
                zip.start_file(name, options).unwrap();
                zip.write_all(long.as_bytes()).unwrap();
            }
        });
        let archive = opened(&bytes).unwrap();
        assert_eq!(archive.names().collect::<Vec<_>>(), ["a/deflated", "a/stored"]);
        for name in ["a/stored", "a/deflated"] {
            assert_eq!(archive.small(name, 10_000).unwrap(), long.as_bytes());
            assert_eq!(
                archive.small(name, 9_999).unwrap_err(),
                format!("`{name}` in it is too long")
            );
        }
        assert_eq!(archive.part("a/stored").unwrap().length().unwrap(), 10_000);
        assert!(archive.part("a/deflated").is_none() && archive.part("b").is_none());
    }

    #[test]
    fn p14_a_zip_with_what_no_package_has_is_refused_whole() {
        let sound = named("name");
        assert!(opened(&sound).is_ok());
        for (name, reason) in [
            ("../n", "has a path outside the package"),
            ("/etc", "has a path outside the package"),
            ("a//b", "has a path outside the package"),
            ("c:\\n", "has a path outside the package"),
        ] {
            let said = why(&renamed(&sound, b"name", name.as_bytes()));
            assert!(said.contains(reason), "{name}: {said}");
        }
        let link = zipped(|zip| {
            zip.add_symlink("name", "/etc/passwd", SimpleFileOptions::default())
                .unwrap();
        });
        assert_eq!(why(&link), "`name` in it is a link or a device");
        let twice = zipped(|zip| {
            for name in ["name", "eman"] {
                zip.start_file(name, SimpleFileOptions::default()).unwrap();
            }
        });
        assert_eq!(
            why(&renamed(&twice, b"eman", b"name")),
            "two files in it have the same name"
        );
    }

    #[test]
    fn p14_encrypted_entries_are_refused() {
        // Bit 0 of the flags, in the local header and in the central directory.
        let mut bytes = named("name");
        let list = bytes.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
        bytes[6] |= 1;
        bytes[list + 8] |= 1;
        assert_eq!(why(&bytes), "`name` in it is encrypted");
    }

    #[test]
    fn p14_a_list_that_is_too_long_is_not_read_to_its_end() {
        let many = zipped(|zip| {
            for number in 0..=limits::PACKAGED {
                zip.start_file(number.to_string(), SimpleFileOptions::default())
                    .unwrap();
            }
        });
        assert_eq!(why(&many), "it lists 10017 files, which is too many for a package");
        // A file without an end record: the search for it is limited.
        let endless = vec![0; limits::PACKAGE_LIST as usize * 2];
        assert!(why(&endless).contains("list of files"), "{}", why(&endless));
    }

    #[test]
    fn p14_what_was_cut_off_anywhere_is_refused() {
        let bytes = named("name");
        for length in 0..bytes.len() {
            assert!(!why(&bytes[..length]).is_empty());
        }
    }

    #[test]
    fn p14_a_file_that_swells_is_read_no_further_than_asked() {
        let bytes = zipped(|zip| {
            let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
            zip.start_file("bomb", deflated).unwrap();
            zip.write_all(&vec![0; 32 << 20]).unwrap();
        });
        assert!(bytes.len() < 64 << 10, "{}", bytes.len());
        let archive = opened(&bytes).unwrap();
        assert_eq!(archive.small("bomb", 1000).unwrap_err(), "`bomb` in it is too long");
    }
}
