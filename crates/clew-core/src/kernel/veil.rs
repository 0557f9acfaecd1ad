//! Encryption of data that two processes exchange through a file.

use std::fmt;
use std::io::{self, Read, Write};

use aes::Aes256Enc;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};

/// Encrypts the bytes written to `T`, and decrypts the bytes read from it (AES-256 in counter mode, starting at the first byte).
/// The key is created for one file, passed in memory only and never used again. A file that is left on the disk is therefore
/// unreadable.
pub struct EncryptedStream<T> {
    inner: T,
    stream: Ctr128BE<Aes256Enc>,
    portion: Vec<u8>,
}

impl<T> fmt::Debug for EncryptedStream<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Veil")
    }
}

impl<T> EncryptedStream<T> {
    /// Wraps `inner`, starting at its beginning.
    pub fn new(inner: T, key: &[u8; 32]) -> Self {
        Self {
            inner,
            stream: Ctr128BE::new(&(*key).into(), &[0; 16].into()),
            portion: Vec::new(),
        }
    }
}

impl<T: Read> Read for EncryptedStream<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.stream.apply_keystream(&mut buffer[..count]);
        Ok(count)
    }
}

impl<T: Write> Write for EncryptedStream<T> {
    /// Writes one portion completely, since the key stream cannot be rewound.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(PORTION)];
        self.portion.clear();
        self.portion.extend_from_slice(bytes);
        self.stream.apply_keystream(&mut self.portion);
        self.inner.write_all(&self.portion)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The maximum number of bytes that are encrypted at once.
const PORTION: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p12_what_is_veiled_comes_back_with_its_key_and_shows_nothing_without() {
        let plain = b"a value on its way ".repeat(40_000);
        let mut file = Vec::new();
        EncryptedStream::new(&mut file, &[3; 32]).write_all(&plain).unwrap();
        assert_eq!(file.len(), plain.len());
        assert!(memchr::memmem::find(&file, b"on its").is_none());
        let read = |key: u8| {
            let mut bytes = Vec::new();
            EncryptedStream::new(file.as_slice(), &[key; 32])
                .read_to_end(&mut bytes)
                .unwrap();
            bytes
        };
        assert!(read(3) == plain && read(4) != plain);
    }
}
