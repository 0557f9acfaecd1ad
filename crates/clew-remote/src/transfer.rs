//! Objects of any size, in parts: what was cut goes on where it was.

use std::io::Write;
use std::ops::Range;

use clew_core::store::disk::{DiskFile, read_exact_at};

use crate::backend::{Backend, Part, TransferCallback, Upload, WriteOutcome, unwatched};
use crate::error::RemoteError;
use crate::name::Name;

/// Objects up to so many bytes go in one call, longer ones in parts that have as many at least.
pub const PART: u64 = 8 << 20;
/// The most parts that the object stores take.
const MOST_PARTS: u64 = 10_000;

/// The bytes of each part of an object but the last.
pub(crate) fn part_of(length: u64) -> u64 {
    let mut part = PART;
    while length.div_ceil(part) > MOST_PARTS {
        part *= 2;
    }
    part
}

/// How far an object was sent: the next call continues from here, in this process or another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UploadProgress {
    /// What the place knows it by; none before its first part.
    pub upload: Option<Upload>,
    /// The parts that arrived, from the first.
    pub parts: Vec<Part>,
}

/// Sends an object, unless it is there. After an error `sending` is where the next call goes on.
///
/// # Errors
/// As [`Backend::write`]; a place that is full has been rid of the parts it had, so that they don't keep it full.
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
            // Full is what the caller has to hear of, whatever comes of this.
            backend.abandon(upload).ok();
            *sending = UploadProgress::default();
        }
        // Somebody else sent it meanwhile: where all who send an object share its parts, who comes later finds none.
        (result, Some(_)) if forgets(result) && is_whole(backend, name, length)? => {
            return Ok(sent_by_another(backend, sending));
        }
        // The place forgets what nobody goes on with for a time.
        (Err(RemoteError::NotFound { .. }), Some(_)) if is_taken_up => {
            *sending = UploadProgress::default();
            return send_parts(backend, name, content, length, sending, watch);
        }
        _ => (),
    }
    result
}

/// Some bytes of what is to be sent, each maybe more than once.
fn read(content: &dyn DiskFile, range: Range<u64>) -> Result<Vec<u8>, RemoteError> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    read_exact_at(content, &mut bytes, range.start).map_err(|error| RemoteError::here(&error))?;
    Ok(bytes)
}

/// Lets go of what was begun.
fn sent_by_another(backend: &dyn Backend, sending: &mut UploadProgress) -> WriteOutcome {
    if let Some(upload) = std::mem::take(sending).upload {
        // It is there, whatever comes of this.
        backend.abandon(&upload).ok();
    }
    WriteOutcome::AlreadyThere
}

/// Whether an object is there.
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

/// Fetches an object of `length` bytes from where `arrived` says, which is moved on with all that the sink took: after
/// an error the next call goes on there.
///
/// # Errors
/// As [`Backend::read`]; `Here` if the sink refused.
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

/// Reads a small object whole; `None` if it is not there.
pub fn read_whole(backend: &dyn Backend, name: &Name) -> Result<Option<Vec<u8>>, RemoteError> {
    let Some(length) = backend.length(name)? else {
        return Ok(None);
    };
    backend.read(name, 0..length, &mut unwatched).map(Some)
}
