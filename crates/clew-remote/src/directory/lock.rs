//! A lock on a head, between threads, processes, and machines if the file system supports it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::disk::private;

/// A lock is only held during one swap, unless its process is suspended.
const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN: Duration = Duration::from_millis(2);

/// A lock held until it is dropped; the system releases it when the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock on a file, and creates the file if necessary.
    ///
    /// # Errors
    /// `Unsupported` if the file system's locks do not exclude others, `TimedOut` if another process keeps the lock.
    pub fn take(path: &Path) -> io::Result<Self> {
        let file = private().create(true).truncate(false).open(path)?;
        let end = Instant::now() + PATIENCE;
        while !is_taken(&file)? {
            if Instant::now() > end {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "another process keeps it locked",
                ));
            }
            std::thread::sleep(BETWEEN);
        }
        check_kept_out(path)?;
        Ok(Self { _file: file })
    }
}

fn is_taken(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Checks that the lock excludes others: some file systems grant every lock.
fn check_kept_out(path: &Path) -> io::Result<()> {
    let other = OpenOptions::new().read(true).write(true).open(path)?;
    if is_taken(&other)? {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "its file locks do not work"));
    }
    Ok(())
}
