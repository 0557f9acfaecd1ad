//! Transfers of objects of any size, in parts, resumable after an interruption.

use std::io::Write;
use std::ops::Range;

use clew_core::store::disk::{DiskFile, read_exact_at};

use crate::backend::{Backend, Part, TransferCallback, Upload, WriteOutcome, unwatched};
use crate::error::RemoteError;
use crate::name::Name;

/// Objects up to this size are sent in one call, longer ones in parts of at least this size.
pub const PART: u64 = 8 << 20;
/// The most parts that object stores allow.
const MOST_PARTS: u64 = 10_000;

/// Returns the size of each part of an object but the last.
pub(crate) fn part_of(length: u64) -> u64 {
    let mut part = PART;
    while length.div_ceil(part) > MOST_PARTS {
        part *= 2;
    }
    part
}

/// The progress of an upload: the next call continues from here, in this process or another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UploadProgress {
    /// The remote's upload; none before the first part.
    pub upload: Option<Upload>,
    /// The parts that arrived, from the first.
    pub parts: Vec<Part>,
}

/// Sends an object unless it exists. After an error the next call continues from `sending`.
///
/// # Errors
/// As [`Backend::write`]. If the remote is full, its parts of this upload are removed to free the space.
pub fn send(
    backend: &dyn Backend,
    name: &Name,
    content: &dyn DiskFile,
    sending: &mut UploadProgress,
    watch: TransferCallback<'_>,
) -> Result<WriteOutcome, RemoteError> {
    let length = content.length().map_err(|error| RemoteError::here(&error))?;
    if length <= PART {
        let bytes = read(content, 0..length)?;
        return backend.write(name, &bytes, watch);
    }
    if is_whole(backend, name, length)? {
        return Ok(sent_by_another(backend, sending));
    }
    let is_taken_up = sending.upload.is_some();
    let forgets = |result: &Result<WriteOutcome, RemoteError>| matches!(result, Err(RemoteError::NotFound { .. }));
    let result = send_parts(backend, name, content, length, sending, watch);
    match (&result, &sending.upload) {
        (Err(RemoteError::Full { .. }), Some(upload)) => {
            // Report that the remote is full even if the abort fails.
            backend.abandon(upload).ok();
            *sending = UploadProgress::default();
        }
        // Another process completed the object: if its writers share the parts, later ones find none.
        (result, Some(_)) if forgets(result) && is_whole(backend, name, length)? => {
            return Ok(sent_by_another(backend, sending));
        }
        // The remote discarded the abandoned upload.
        (Err(RemoteError::NotFound { .. }), Some(_)) if is_taken_up => {
            *sending = UploadProgress::default();
            return send_parts(backend, name, content, length, sending, watch);
        }
        _ => (),
    }
    result
}

/// Reads a range of the content. Called several times for the same range if a part is retried.
fn read(content: &dyn DiskFile, range: Range<u64>) -> Result<Vec<u8>, RemoteError> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    read_exact_at(content, &mut bytes, range.start).map_err(|error| RemoteError::here(&error))?;
    Ok(bytes)
}

/// Aborts the upload of an object that another process completed.
fn sent_by_another(backend: &dyn Backend, sending: &mut UploadProgress) -> WriteOutcome {
    if let Some(upload) = std::mem::take(sending).upload {
        // The object exists even if the abort fails.
        backend.abandon(&upload).ok();
    }
    WriteOutcome::AlreadyThere
}

/// Whether an object exists with this length.
///
/// # Errors
/// `Damaged` if it has another length.
fn is_whole(backend: &dyn Backend, name: &Name, length: u64) -> Result<bool, RemoteError> {
    let found = backend.length(name)?;
    found.map_or(Ok(false), |found| {
        same_length(backend, name, found, length).map(|()| true)
    })
}

/// # Errors
/// `Damaged` if the two differ.
pub(crate) fn same_length(backend: &dyn Backend, name: &Name, found: u64, length: u64) -> Result<(), RemoteError> {
    if found == length {
        return Ok(());
    }
    let why = format!("it has {found} bytes instead of {length}");
    Err(RemoteError::damaged(backend.place(), name, why))
}

fn send_parts(
    backend: &dyn Backend,
    name: &Name,
    content: &dyn DiskFile,
    length: u64,
    sending: &mut UploadProgress,
    watch: TransferCallback<'_>,
) -> Result<WriteOutcome, RemoteError> {
    let upload = match &sending.upload {
        Some(upload) => upload.clone(),
        None => sending.upload.insert(backend.begin(name, length)?).clone(),
    };
    for number in sending.parts.len() as u64..length.div_ceil(upload.part) {
        let start = number * upload.part;
        let bytes = read(content, start..length.min(start + upload.part))?;
        sending.parts.push(backend.part(&upload, number as u32, &bytes, watch)?);
    }
    backend.finish(&upload, &sending.parts)?;
    if !is_whole(backend, name, length)? {
        return Err(RemoteError::NotFound {
            place: backend.place(),
            name: name.clone(),
        });
    }
    *sending = UploadProgress::default();
    Ok(WriteOutcome::New)
}

/// Fetches an object of `length` bytes, starting at `arrived`, which advances with all that the sink accepted: after an error the next call
/// continues there.
///
/// # Errors
/// As [`Backend::read`]; `Here` if the sink failed.
pub fn fetch(
    backend: &dyn Backend,
    name: &Name,
    length: u64,
    arrived: &mut u64,
    sink: &mut dyn Write,
    watch: TransferCallback<'_>,
) -> Result<(), RemoteError> {
    while *arrived < length {
        let range = *arrived..length.min(*arrived + PART);
        let bytes = backend.read(name, range, watch)?;
        sink.write_all(&bytes).map_err(|error| RemoteError::here(&error))?;
        *arrived += bytes.len() as u64;
    }
    Ok(())
}

/// Reads a small object completely; `None` if it does not exist.
pub fn read_whole(backend: &dyn Backend, name: &Name) -> Result<Option<Vec<u8>>, RemoteError> {
    let Some(length) = backend.length(name)? else {
        return Ok(None);
    };
    backend.read(name, 0..length, &mut unwatched).map(Some)
}
