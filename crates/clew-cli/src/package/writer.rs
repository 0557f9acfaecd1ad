//! Writes a package: a zip that is reproducible, as its bytes depend only on its contents.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use clew_core::format::PAGE;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::text;

/// The description of a file in a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its name in the package, with slashes.
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
    /// The SHA-256 of its bytes in hexadecimal, for other tools.
    pub sha256: String,
}

impl Member {
    /// Describes a text.
    pub fn of(name: &str, bytes: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            size: bytes.len() as u64,
            sha256: text::hexadecimal(&Sha256::digest(bytes)),
        }
    }

    /// Describes a file, reading it to its end.
    pub fn read(name: &str, bytes: &mut dyn Read) -> io::Result<Self> {
        Self::copy(name, bytes, &mut io::sink())
    }

    /// Describes a file while copying it.
    fn copy(name: &str, bytes: &mut dyn Read, to: &mut dyn Write) -> io::Result<Self> {
        let (mut hasher, mut buffer, mut size) = (Sha256::new(), vec![0; 1 << 20], 0);
        loop {
            let count = bytes.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            to.write_all(&buffer[..count])?;
            hasher.update(&buffer[..count]);
            size += count as u64;
        }
        Ok(Self {
            name: name.to_owned(),
            size,
            sha256: text::hexadecimal(&hasher.finalize()),
        })
    }
}

/// A package that is being written. Deleted on drop.
pub(crate) struct PackageWriter {
    zip: ZipWriter<NamedTempFile>,
}

impl PackageWriter {
    /// Starts a package in its target folder.
    pub fn begin(folder: &Path) -> io::Result<Self> {
        let file = tempfile::Builder::new().prefix(".clew-").tempfile_in(folder)?;
        Ok(Self {
            zip: ZipWriter::new(file),
        })
    }

    /// Adds a text.
    pub fn text(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.zip
            .start_file(name, options(bytes.len() as u64, CompressionMethod::Deflated))?;
        self.zip.write_all(bytes)
    }

    /// Adds a file, compressed.
    ///
    /// # Errors
    /// The file no longer matches `member`, or cannot be read or written.
    pub fn file(&mut self, member: &Member, file: File) -> io::Result<()> {
        self.copy(member, file, options(member.size, CompressionMethod::Deflated))
    }

    /// Adds a bundle uncompressed and aligned to pages, so that it can be read in place.
    ///
    /// # Errors
    /// Those of [`PackageWriter::file`].
    pub fn bundle(&mut self, member: &Member, file: File) -> io::Result<()> {
        let stored = options(member.size, CompressionMethod::Stored);
        self.copy(member, file, stored.with_alignment(PAGE as u16))
    }

    fn copy(&mut self, member: &Member, file: File, options: SimpleFileOptions) -> io::Result<()> {
        self.zip.start_file(&*member.name, options)?;
        let copied = Member::copy(&member.name, &mut file.take(member.size + 1), &mut self.zip)?;
        if copied != *member {
            return Err(io::Error::other(format!("{} changed while it was packed", member.name)));
        }
        Ok(())
    }

    /// Moves the file to its final path; returns its length in bytes.
    pub fn finish(self, path: &Path) -> io::Result<u64> {
        let file = self.zip.finish()?;
        file.as_file().sync_all()?;
        let length = file.as_file().metadata()?.len();
        file.persist(path).map_err(|error| error.error)?;
        Ok(length)
    }
}

/// Options without time and owner, which do not depend on the contents.
fn options(size: u64, method: CompressionMethod) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(method)
        .unix_permissions(0o644)
        .large_file(size >= u64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clew_core::store::disk::{Disk, DiskFile, RealDisk};

    use super::*;
    use crate::package::archive::Archive;

    fn written(folder: &Path, name: &str) -> Vec<u8> {
        let bundle = folder.join("bundle");
        std::fs::write(&bundle, "bundled".repeat(1000)).unwrap();
        let member = Member::read("clew/history.clew", &mut File::open(&bundle).unwrap()).unwrap();
        let mut package = PackageWriter::begin(folder).unwrap();
        package.text("README.md", b"read me").unwrap();
        package.bundle(&member, File::open(&bundle).unwrap()).unwrap();
        let length = package.finish(&folder.join(name)).unwrap();
        let bytes = std::fs::read(folder.join(name)).unwrap();
        assert_eq!(bytes.len() as u64, length);
        bytes
    }

    #[test]
    fn the_same_files_make_the_same_bytes_and_the_bundle_begins_on_a_page() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = written(folder.path(), "one.zip");
        assert_eq!(bytes, written(folder.path(), "two.zip"));
        let start = bytes.windows(7).position(|seven| seven == b"bundled").unwrap();
        assert!((start as u64).is_multiple_of(PAGE), "{start}");
        let file: Arc<dyn DiskFile> = Arc::from(RealDisk.open(&folder.path().join("one.zip")).unwrap());
        let archive = Archive::open(file).unwrap();
        assert_eq!(archive.part("clew/history.clew").unwrap().length().unwrap(), 7000);
        assert_eq!(archive.small("README.md", 10).unwrap(), b"read me");
    }

    #[test]
    fn a_file_that_changes_while_it_is_packed_is_no_package() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("input");
        std::fs::write(&path, "before").unwrap();
        let member = Member::read("inputs/input", &mut File::open(&path).unwrap()).unwrap();
        std::fs::write(&path, "behind").unwrap();
        let mut package = PackageWriter::begin(folder.path()).unwrap();
        let error = package.file(&member, File::open(&path).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "inputs/input changed while it was packed");
        drop(package);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
