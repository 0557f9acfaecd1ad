//! A disk that stores all files with data encrypted.
//!
//! Each file has its own key, derived from the store's key and the random bytes in the file's header. It is encrypted with AES-256 in
//! counter mode, which allows reading from any offset. No two files share a key, so equal plaintexts in them have unrelated ciphertexts. A
//! key must never encrypt two different contents at one offset. So each offset of a file is written once, in ascending order, and none
//! after a failed write; the writer continues in another file then.
//!
//! A stream cipher ensures confidentiality, not integrity: anyone with write access to the disk can flip bits. Stored data is identified by
//! hashes and signed, as in an unencrypted store (decision 21).

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, io};

use aes::Aes256Enc;
use aes::cipher::KeyInit;
use ctr::cipher::{InnerIvInit, StreamCipher, StreamCipherSeek};
use ctr::{Ctr128BE, CtrCore};

use super::store_key::StoreKey;
use super::{Disk, DiskFile, DiskLock, Stamp, read_exact_at, write_all_at};
use crate::format::{ENCRYPTED_HEADER_LENGTH, EncryptedHeader};
use crate::id::KeyId;

const HEADER: u64 = ENCRYPTED_HEADER_LENGTH as u64;
/// Bytes that are encrypted and written at once: they fit the processor's cache.
const PORTION: usize = 256 * 1024;
/// Files without user data: the store's format, and numbers under locks, which are written in place.
const PLAIN: [&str; 3] = ["format", "numbers", "generation"];

/// A disk that encrypts the files it creates, and decrypts the files it reads.
#[derive(Debug, Clone)]
pub struct EncryptedDisk {
    disk: Arc<dyn Disk>,
    key: Arc<StoreKey>,
}

impl EncryptedDisk {
    /// Wraps `disk`, with the store's key.
    pub fn new(disk: Arc<dyn Disk>, key: StoreKey) -> Self {
        Self {
            disk,
            key: Arc::new(key),
        }
    }
}

/// Returns whether a file contains no user data. Its temporary name may have random digits after a dot.
fn is_plain(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    PLAIN.contains(&stem)
}

/// The cipher of one file.
struct Cipher(Aes256Enc);

impl Cipher {
    fn new(key: &StoreKey, header: &EncryptedHeader) -> Self {
        Self(Aes256Enc::new(&key.of_file(&header.nonce).into()))
    }

    /// Encrypts or decrypts bytes that start at `offset`. The counter of blocks starts at 0 and has 128 bits, so no file is too long.
    fn apply(&self, bytes: &mut [u8], offset: u64) {
        let mut stream = Ctr128BE::from_core(CtrCore::inner_iv_init(self.0.clone(), &[0; 16].into()));
        stream.seek(offset);
        stream.apply_keystream(bytes);
    }
}

/// The content of a file, according to its header.
enum Content {
    /// Encrypted with the store's key.
    Encrypted(Box<Cipher>),
    /// Nothing yet: its writer died before the header was complete, or is about to write it.
    Nothing,
    /// Encrypted with another key, or its header is corrupted. The bytes are returned unchanged, so that readers report that they are not
    /// frames of this store.
    Foreign,
}

/// A decrypting view of a file.
struct EncryptedFile {
    file: Box<dyn DiskFile>,
    content: Content,
    /// The end of the written data; `None` if nothing more may be written.
    end: Mutex<Option<u64>>,
}

impl fmt::Debug for EncryptedFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "EncryptedFile({:?})", self.file)
    }
}

impl EncryptedFile {
    fn open(file: Box<dyn DiskFile>, key: &StoreKey) -> io::Result<Self> {
        let content = match header_of(&*file)? {
            Header::Begun => Content::Nothing,
            Header::Sound(header) if header.key == key.id() => Content::Encrypted(Box::new(Cipher::new(key, &header))),
            Header::Sound(_) | Header::None => Content::Foreign,
        };
        Ok(Self {
            file,
            content,
            end: Mutex::new(None),
        })
    }

    /// Returns the offset of its first byte in the underlying file.
    fn start(&self) -> u64 {
        match self.content {
            Content::Encrypted(_) | Content::Nothing => HEADER,
            Content::Foreign => 0,
        }
    }

    /// Writes after all data written before; skipped bytes are filled with encrypted zeros.
    fn append(&self, cipher: &Cipher, bytes: &[u8], from: u64, offset: u64) -> io::Result<()> {
        let mut portion = Vec::new();
        let mut put = |bytes: Option<&[u8]>, count: usize, at: u64| {
            portion.clear();
            match bytes {
                Some(bytes) => portion.extend_from_slice(bytes),
                None => portion.resize(count, 0),
            }
            cipher.apply(&mut portion, at);
            write_all_at(&*self.file, &portion, HEADER + at)
        };
        let mut at = from;
        while at < offset {
            let count = (offset - at).min(PORTION as u64) as usize;
            put(None, count, at)?;
            at += count as u64;
        }
        for bytes in bytes.chunks(PORTION) {
            put(Some(bytes), 0, at)?;
            at += bytes.len() as u64;
        }
        Ok(())
    }
}

/// The header of a file.
enum Header {
    /// The file is too short for one.
    Begun,
    Sound(EncryptedHeader),
    None,
}

fn header_of(file: &dyn DiskFile) -> io::Result<Header> {
    let mut bytes = [0; ENCRYPTED_HEADER_LENGTH];
    match read_exact_at(file, &mut bytes, 0) {
        Ok(()) => Ok(EncryptedHeader::parse(&bytes).map_or(Header::None, Header::Sound)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Header::Begun),
        Err(error) => Err(error),
    }
}

/// Returns the key id of an encrypted file; `None` if the file is not encrypted.
pub(in crate::store) fn key_of(disk: &dyn Disk, path: &Path) -> Option<KeyId> {
    match header_of(&*disk.open(path).ok()?).ok()? {
        Header::Sound(header) => Some(header.key),
        Header::Begun | Header::None => None,
    }
}

impl DiskFile for EncryptedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = |buffer: &mut [u8]| self.file.read_at(buffer, offset.saturating_add(self.start()));
        match &self.content {
            Content::Encrypted(cipher) => {
                let count = read(buffer)?;
                cipher.apply(&mut buffer[..count], offset);
                Ok(count)
            }
            Content::Nothing => Ok(0),
            Content::Foreign => read(buffer),
        }
    }

    /// Writes all bytes, or refuses all further writes.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken first: after an error it is unknown which offsets were written.
        let (Content::Encrypted(cipher), Some(from)) = (&self.content, end.take()) else {
            return Err(refused());
        };
        if offset < from {
            *end = Some(from);
            return Err(refused());
        }
        self.append(cipher, bytes, from, offset)?;
        *end = Some(offset + bytes.len() as u64);
        Ok(bytes.len())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn length(&self) -> io::Result<u64> {
        if matches!(self.content, Content::Nothing) {
            return Ok(0);
        }
        Ok(self.file.length()?.saturating_sub(self.start()))
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.truncate(length.saturating_add(self.start()))
    }

    fn stamp(&self) -> Option<Stamp> {
        self.file.stamp()
    }

    fn is_blank(&self, range: Range<u64>) -> io::Result<bool> {
        self.file.is_blank(range.start + self.start()..range.end + self.start())
    }

    fn is_written_once(&self) -> bool {
        true
    }

    fn beneath(&self) -> Option<&dyn DiskFile> {
        Some(&*self.file)
    }
}

fn refused() -> io::Error {
    io::Error::new(
        io::ErrorKind::PermissionDenied,
        "no place of an encrypted file is written twice",
    )
}

impl Disk for EncryptedDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.disk.open(path)?;
        if is_plain(path) {
            return Ok(file);
        }
        Ok(Box::new(EncryptedFile::open(file, &self.key)?))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.disk.create_new(path)?;
        if is_plain(path) {
            return Ok(file);
        }
        let mut header = EncryptedHeader {
            key: self.key.id(),
            nonce: [0; 24],
        };
        self.disk.random(&mut header.nonce);
        if let Err(error) = write_all_at(&*file, &header.to_bytes(), 0) {
            // A file without a complete header has no content; if it cannot be deleted, readers find it empty.
            self.disk.unlink(path).ok();
            return Err(error);
        }
        Ok(Box::new(EncryptedFile {
            file,
            content: Content::Encrypted(Box::new(Cipher::new(&self.key, &header))),
            end: Mutex::new(Some(0)),
        }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_dir(path)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.disk.unlink(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.disk.list(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_dir(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.disk.lock(path)
    }

    fn lock_shared(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.disk.lock_shared(path)
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        self.disk.try_lock(path)
    }

    fn names(&self, path: &Path, file: &dyn DiskFile) -> bool {
        self.disk.names(path, file.beneath().unwrap_or(file))
    }

    fn free(&self, path: &Path) -> io::Result<u64> {
        self.disk.free(path)
    }

    fn is_open_to_others(&self, path: &Path) -> io::Result<bool> {
        self.disk.is_open_to_others(path)
    }

    fn random(&self, bytes: &mut [u8]) {
        self.disk.random(bytes);
    }
}
