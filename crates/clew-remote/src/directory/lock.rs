//! A lock on a head, between threads, processes, and machines where their file system says so.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::disk::private;

/// Nobody holds it longer than a swap takes, unless it was stopped in the middle.
const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN: Duration = Duration::from_millis(2);

/// Held until it is dropped; the system lets go of it when the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock on a file, which is made if it is not there.
    ///
    /// # Errors
    /// `Unsupported` where locks keep nobody out, `TimedOut` where somebody does not let go.
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

/// There are folders in which every lock is given to everybody.
fn check_kept_out(path: &Path) -> io::Result<()> {
    let other = OpenOptions::new().read(true).write(true).open(path)?;
    if is_taken(&other)? {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "its file locks do not work"));
    }
    Ok(())
}
