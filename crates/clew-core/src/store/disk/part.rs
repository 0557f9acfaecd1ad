//! Files that are not files of the operating system: a part of another file, and bytes in memory. Both are read-only.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::{DiskFile, Stamp};

/// A part of a file, read as a file, for example a bundle in a package.
#[derive(Debug, Clone)]
pub struct FilePart {
    file: Arc<dyn DiskFile>,
    range: Range<u64>,
}

impl FilePart {
    /// Creates a view of the bytes of `file` in `range`.
    pub fn new(file: Arc<dyn DiskFile>, range: Range<u64>) -> Self {
        Self { file, range }
    }
}

/// Bytes in memory, read as a file.
#[derive(Debug, Clone)]
pub struct MemoryFile(pub Arc<[u8]>);

impl DiskFile for FilePart {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let length = self.range.end.saturating_sub(self.range.start);
        let most = length.saturating_sub(offset).min(buffer.len() as u64) as usize;
        if most == 0 {
            return Ok(0);
        }
        self.file.read_at(&mut buffer[..most], self.range.start + offset)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        // The range may extend beyond a truncated file.
        let end = self.range.end.min(self.file.length()?);
        Ok(end.saturating_sub(self.range.start))
    }

    fn truncate(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn stamp(&self) -> Option<Stamp> {
        self.file.stamp()
    }
}

impl DiskFile for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = offset.min(self.0.len() as u64) as usize;
        let there = &self.0[start..];
        let count = there.len().min(buffer.len());
        buffer[..count].copy_from_slice(&there[..count]);
        Ok(count)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn truncate(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p14_a_part_of_a_file_ends_where_it_ends_or_where_the_file_does() {
        let whole: Arc<dyn DiskFile> = Arc::new(MemoryFile(Arc::from(*b"0123456789")));
        let read = |range: Range<u64>, offset| {
            let part = FilePart::new(Arc::clone(&whole), range);
            let mut buffer = [0; 8];
            let count = part.read_at(&mut buffer, offset).unwrap();
            (
                part.length().unwrap(),
                String::from_utf8(buffer[..count].to_vec()).unwrap(),
            )
        };
        assert_eq!(read(2..5, 0), (3, "234".to_owned()));
        assert_eq!(read(2..5, 2), (3, "4".to_owned()));
        assert_eq!(read(2..5, 9), (3, String::new()));
        assert_eq!(read(8..20, 0), (2, "89".to_owned()));
        assert_eq!(read(20..30, 0), (0, String::new()));
        #[allow(clippy::reversed_empty_ranges)] // a corrupted list may contain this
        let empty = read(5..2, 0);
        assert_eq!(empty, (0, String::new()));
    }
}
