//! The trait of a remote that stores packs and logs.

use std::fmt::Debug;
use std::ops::{ControlFlow, Range};

use crate::error::RemoteError;
use crate::name::Name;

/// Called about ten times a second with the bytes moved since the last call, 0 while none move; `Break` cancels the transfer.
pub type TransferCallback<'w> = &'w mut dyn FnMut(u64) -> ControlFlow<()>;

/// A [`TransferCallback`] that ignores progress and never cancels.
pub fn unwatched(_moved: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// The outcome of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteOutcome {
    /// The object did not exist and was created.
    New,
    /// The object existed already, with the same length.
    AlreadyThere,
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedObject {
    /// Its name.
    pub name: Name,
    /// Its length in bytes.
    pub length: u64,
}

/// The version of a head that was read. Only valid in the remote that returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token(pub String);

/// A head and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Its version.
    pub token: Token,
}

/// A multipart upload in progress. The object becomes visible under its name only once it is complete. The fields are plain text, so
/// another process can continue the upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The object's final name.
    pub name: Name,
    /// The remote's id of the upload.
    pub id: String,
    /// The size of each part in bytes; the last part may be smaller.
    pub part: u64,
}

/// The remote's id of an uploaded part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part(pub String);

/// A remote that stores packs and logs.
///
/// *Objects* never change: each is named by its content, so writing one twice is harmless, and a partial object is never visible.
/// *Heads* change by compare-and-swap. Every call blocks and is made once; wrap the backend in [`crate::Patient`] for retries. All methods
/// may be called from many threads and many machines.
pub trait Backend: Debug + Send + Sync {
    /// The location, for display; without credentials.
    fn place(&self) -> String;

    /// Reads a range of an object.
    ///
    /// # Errors
    /// `NotFound`; `Damaged` if the object ends before the range does.
    fn read(&self, name: &Name, range: Range<u64>, watch: TransferCallback<'_>) -> Result<Vec<u8>, RemoteError>;

    /// Returns an object's length in bytes, `None` if it does not exist.
    fn length(&self, name: &Name) -> Result<Option<u64>, RemoteError>;

    /// Writes a small object unless it exists.
    ///
    /// # Errors
    /// `Damaged` if an object of another length exists. After any error the object exists completely or not at all.
    fn write(&self, name: &Name, bytes: &[u8], watch: TransferCallback<'_>) -> Result<WriteOutcome, RemoteError>;

    /// Starts a multipart upload of `length` bytes.
    fn begin(&self, name: &Name, length: u64) -> Result<Upload, RemoteError>;

    /// Writes one part; parts count from 0. Parts may be written in any order, repeatedly, and by several threads.
    ///
    /// # Errors
    /// `NotFound` if the remote no longer knows the upload. A remote without separate uploads (Azure) accepts the part and discards it
    /// after a week.
    fn part(
        &self,
        upload: &Upload,
        number: u32,
        bytes: &[u8],
        watch: TransferCallback<'_>,
    ) -> Result<Part, RemoteError>;

    /// Assembles the parts under the object's name. `parts` are all of them, in order.
    ///
    /// # Errors
    /// `NotFound` if the remote no longer knows the upload, including when this or another process completed it before.
    fn finish(&self, upload: &Upload, parts: &[Part]) -> Result<(), RemoteError>;

    /// Aborts an upload. No error if it does not exist.
    fn abandon(&self, upload: &Upload) -> Result<(), RemoteError>;

    /// Lists all objects and heads in a folder and its subfolders, sorted by name. A missing folder counts as empty.
    fn list(&self, folder: &Name) -> Result<Vec<ListedObject>, RemoteError>;

    /// Removes an object or a head. No error if it does not exist.
    fn remove(&self, name: &Name) -> Result<(), RemoteError>;

    /// Reads a head; `None` if it does not exist.
    fn head(&self, name: &Name) -> Result<Option<Head>, RemoteError>;

    /// Replaces a head if it still has the version `expected` (`None`: it must not exist), and returns its new version. Of several writers
    /// that expect the same version one succeeds.
    ///
    /// No two versions of a head may have the same bytes: most remotes identify versions by content.
    ///
    /// # Errors
    /// `Conflict` if the head has, or may have, another version. A server can also report this for its own earlier write if the first
    /// response was lost; [`crate::Patient`] detects that by the bytes, unless another writer swapped in between. `Conflict` therefore only
    /// means *read again*.
    fn swap(&self, name: &Name, expected: Option<&Token>, bytes: &[u8]) -> Result<Token, RemoteError>;
}
