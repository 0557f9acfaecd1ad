//! The seam to a place where packs and logs can live.

use std::fmt::Debug;
use std::ops::{ControlFlow, Range};

use crate::error::RemoteError;
use crate::name::Name;

/// Called with the number of bytes moved since the last call, 0 while none move, about ten times a second; `Break` cancels the transfer.
pub type TransferCallback<'w> = &'w mut dyn FnMut(u64) -> ControlFlow<()>;

/// For a [`TransferCallback`] that nobody looks at.
pub fn unwatched(_moved: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// The outcome of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It was not there and is now.
    New,
    /// It was there, with as many bytes.
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

/// Which version of a head somebody read. Means nothing outside of the place it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token(pub String);

/// A head as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// What it says.
    pub bytes: Vec<u8>,
    /// Which version that is.
    pub token: Token,
}

/// A large object on its way, which nobody sees under its name before it is whole. As text, so that another process can go on with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The name that it will have.
    pub name: Name,
    /// What the place calls it until then.
    pub id: String,
    /// The bytes of each part but the last, which may have fewer.
    pub part: u64,
}

/// A part that arrived, as the place knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part(pub String);

/// A place where packs and logs can live.
///
/// *Objects* never change: whoever writes one names it by what it holds, so writing it twice is harmless, and a half of one is never seen.
/// *Heads* change, each only by who has read what it said last. Every call blocks and is made once: who wants it tried
/// again wraps the place in [`crate::Patient`]. All calls may be made from many threads, and from many machines.
pub trait Backend: Debug + Send + Sync {
    /// Where it is, for people; without credentials.
    fn place(&self) -> String;

    /// Reads a part of an object or all of it.
    ///
    /// # Errors
    /// `NotFound`; `Damaged` if the object ends before the range does.
    fn read(&self, name: &Name, range: Range<u64>, watch: TransferCallback<'_>) -> Result<Vec<u8>, RemoteError>;

    /// How many bytes an object has; `None` if it is not there.
    fn length(&self, name: &Name) -> Result<Option<u64>, RemoteError>;

    /// Writes a small object, unless it is there.
    ///
    /// # Errors
    /// `Damaged` if one of another length is there. After any error all of it may be there or nothing.
    fn write(&self, name: &Name, bytes: &[u8], watch: TransferCallback<'_>) -> Result<WriteOutcome, RemoteError>;

    /// Begins a large object of `length` bytes.
    fn begin(&self, name: &Name, length: u64) -> Result<Upload, RemoteError>;

    /// Writes one part, counted from 0. In any order, again, and by several threads.
    ///
    /// # Errors
    /// `NotFound` if the place has forgotten the upload. One that keeps no uploads apart (Azure) takes the part, and forgets it in a week.
    fn part(
        &self,
        upload: &Upload,
        number: u32,
        bytes: &[u8],
        watch: TransferCallback<'_>,
    ) -> Result<Part, RemoteError>;

    /// Puts the parts together under the object's name. `parts` are all of them, in order.
    ///
    /// # Errors
    /// `NotFound` if the place has forgotten the upload, also since it was finished before, there also by somebody else.
    fn finish(&self, upload: &Upload, parts: &[Part]) -> Result<(), RemoteError>;

    /// Lets go of an upload that nobody will go on with. No error if it is gone.
    fn abandon(&self, upload: &Upload) -> Result<(), RemoteError>;

    /// All objects and heads in a folder and those below it, sorted by name. A folder that is not there is empty.
    fn list(&self, folder: &Name) -> Result<Vec<ListedObject>, RemoteError>;

    /// Takes an object or a head away. No error if it is not there.
    fn remove(&self, name: &Name) -> Result<(), RemoteError>;

    /// Reads a head; `None` if it is not there.
    fn head(&self, name: &Name) -> Result<Option<Head>, RemoteError>;

    /// Changes a head that still is the version of `expected` (`None`: that is not there), and gives its new version back. Of several who
    /// expect the same version one wins.
    ///
    /// No two versions of a head may hold the same bytes: most places tell versions apart by them.
    ///
    /// # Errors
    /// `Conflict` if it is another version, or may be. A server can answer so to what it did a moment before, if its first answer was
    /// lost; [`crate::Patient`] finds that out by the bytes, unless somebody swapped on top of it. So *read again* is all
    /// that `Conflict` means.
    fn swap(&self, name: &Name, expected: Option<&Token>, bytes: &[u8]) -> Result<Token, RemoteError>;
}
