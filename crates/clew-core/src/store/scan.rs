//! Scanning the frames of a file, past corrupted ones too.
//!
//! Headers and meta sections are read, payloads of packs never: the cost of opening a store is that of its tables. If bytes are not a
//! frame, the next sound frame is searched, and the range between is reported. A file that ends inside a frame was left by a killed writer
//! (or is being written right now). Zeros up to the end were left by a power failure, for bytes that were not synced. Neither counts as
//! damage.

use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::FileFault;
use super::disk::{Disk, DiskFile, read_exact_at};
use crate::format::{FRAME_MAGIC, FrameError, FrameHeader, FrameKind, HEADER_LENGTH, decode_record};
use crate::limits;

const WINDOW: usize = 64 * 1024;

/// A frame whose header and meta section are sound.
#[derive(Debug, Clone)]
pub(super) struct ScannedFrame {
    /// Offset in its file.
    pub offset: u64,
    pub header: FrameHeader,
    pub meta: Vec<u8>,
    /// The payload, if it was requested: plain, or as stored.
    pub payload: Vec<u8>,
}

/// A range of a file that contains no valid frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnreadableRange {
    pub from: u64,
    pub to: u64,
    pub why: FrameError,
}

impl UnreadableRange {
    /// Returns whether a power failure may have caused it. Otherwise a later version of Clew, or one with another key, wrote there.
    pub fn may_be_torn(&self) -> bool {
        !matches!(
            self.why,
            FrameError::Newer(_) | FrameError::Unknown { .. } | FrameError::Encrypted
        )
    }

    /// Returns the fault of the file.
    pub fn flaw(&self) -> FileFault {
        FileFault::Gap {
            from: self.from,
            to: self.to,
            why: self.why.to_string(),
        }
    }
}

/// The result of a scan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// Where to continue when the file has grown: after the last complete frame.
    pub end: u64,
    /// Corrupted ranges. The last one may extend to the end of the file.
    pub gaps: Vec<UnreadableRange>,
}

/// Whether a scan reads payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payloads {
    /// Reads, checks and decodes them; a frame with an unsound payload counts as a corrupted range.
    Read,
    /// Reads and checks them, and returns them as stored. Decoding them later may reveal more corruption.
    Stored,
    /// Skips them.
    Skip,
}

/// Calls `visit` with every sound frame of `file` from byte `from` on, in order.
pub(super) fn scan(
    file: &dyn DiskFile,
    from: u64,
    payloads: Payloads,
    mut visit: impl FnMut(ScannedFrame),
) -> io::Result<Scan> {
    let length = file.length()?;
    let mut window = Window::new(file, length);
    let mut scan = Scan {
        end: from,
        gaps: Vec::new(),
    };
    let mut at = from;
    while at < length {
        match read_frame(&mut window, at, payloads)? {
            Found::Frame(frame) => {
                at = frame.header.end(at);
                scan.end = at;
                visit(frame);
            }
            Found::CutOff => break,
            Found::Damaged { why, resume } => {
                let next = next_frame(&mut window, resume)?;
                if next.is_none() && file.is_blank(at..length)? {
                    break;
                }
                scan.gaps.push(UnreadableRange {
                    from: at,
                    to: next.unwrap_or(length),
                    why,
                });
                match next {
                    Some(next) => at = next,
                    None => break,
                }
            }
        }
    }
    Ok(scan)
}

/// Returns the records of one kind in a file, as far as they are readable; none if the file cannot be read.
pub(super) fn records<T: DeserializeOwned>(disk: &dyn Disk, path: &Path, kind: FrameKind) -> Vec<T> {
    let mut records = Vec::new();
    if let Ok(file) = disk.open(path) {
        let _ = scan(&*file, 0, Payloads::Read, |frame| {
            if frame.header.kind == kind {
                records.extend(decode_record(&frame.payload));
            }
        });
    }
    records
}

/// Calls `visit` with the sound frames of `file` at the given offsets, which are sorted. Small gaps between them are read too, so that many
/// small frames need one read.
pub(super) fn visit_at(
    file: &dyn DiskFile,
    places: &[u64],
    payloads: Payloads,
    mut visit: impl FnMut(ScannedFrame),
) -> io::Result<()> {
    let mut window = Window::new(file, file.length()?);
    for (index, at) in places.iter().enumerate() {
        let next = places.get(index + 1).map(|next| next - at);
        window.ahead = next.filter(|next| *next < WINDOW as u64).map_or(0, |_| WINDOW);
        if let Found::Frame(frame) = read_frame(&mut window, *at, payloads)? {
            visit(frame);
        }
    }
    Ok(())
}

enum Found {
    Frame(ScannedFrame),
    /// The file ends before the frame does.
    CutOff,
    /// Not a frame; the next one starts at `resume` or later.
    Damaged {
        why: FrameError,
        resume: u64,
    },
}

fn read_frame(window: &mut Window<'_>, at: u64, payloads: Payloads) -> io::Result<Found> {
    let Some(bytes) = window.get(at, HEADER_LENGTH)? else {
        return Ok(Found::CutOff);
    };
    let header = match FrameHeader::parse(bytes.try_into().unwrap_or(&[0; HEADER_LENGTH])) {
        Ok(header) => header,
        Err(why) => return Ok(Found::Damaged { why, resume: at + 1 }),
    };
    let Some(meta) = window.get(at + HEADER_LENGTH as u64, header.meta_length as usize)? else {
        return Ok(Found::CutOff);
    };
    let meta = meta.to_vec();
    let end = header.end(at);
    if end > window.length {
        return Ok(Found::CutOff);
    }
    // The header's lengths are valid from here on, so the search continues after the frame.
    if let Err(why) = header.check_meta(&meta) {
        return Ok(Found::Damaged { why, resume: end });
    }
    let mut payload = Vec::new();
    if payloads != Payloads::Skip {
        let Some(left) = window.plain_left.checked_sub(header.plain_length) else {
            let why = FrameError::OutOfBounds("payload");
            return Ok(Found::Damaged { why, resume: end });
        };
        window.plain_left = left;
        let stored = window.get(header.payload_at(at), header.stored_length as usize)?;
        let stored = stored.unwrap_or_default().to_vec();
        let sound = match payloads {
            Payloads::Stored => header.check_payload(&stored).map(|()| stored),
            _ => header.decode(stored),
        };
        match sound {
            Ok(sound) => payload = sound,
            Err(why) => return Ok(Found::Damaged { why, resume: end }),
        }
    }
    Ok(Found::Frame(ScannedFrame {
        offset: at,
        header,
        meta,
        payload,
    }))
}

/// Returns the offset of the next sound header at or after `from`.
fn next_frame(window: &mut Window<'_>, from: u64) -> io::Result<Option<u64>> {
    let mut at = from;
    loop {
        let bytes = window.ahead(at)?;
        if bytes.len() < HEADER_LENGTH {
            return Ok(None);
        }
        let Some(position) = memchr::memmem::find(bytes, &FRAME_MAGIC) else {
            // The magic may cross the end of the buffer.
            at += (bytes.len() - (FRAME_MAGIC.len() - 1)) as u64;
            continue;
        };
        at += position as u64;
        let Some(header) = window.get(at, HEADER_LENGTH)? else {
            return Ok(None);
        };
        match FrameHeader::parse(header.try_into().unwrap_or(&[0; HEADER_LENGTH])) {
            Err(FrameError::NoFrame) => at += 1,
            _ => return Ok(Some(at)),
        }
    }
}

/// A buffered part of a file.
struct Window<'f> {
    file: &'f dyn DiskFile,
    /// The file's length when the scan began; later bytes are left for the next scan.
    length: u64,
    /// The number of plain bytes that may still be decoded.
    plain_left: u64,
    /// The least number of bytes to read at once, unless the file ends before.
    ahead: usize,
    start: u64,
    bytes: Vec<u8>,
}

impl<'f> Window<'f> {
    fn new(file: &'f dyn DiskFile, length: u64) -> Self {
        Self {
            file,
            length,
            plain_left: limits::FILE_PLAIN.saturating_add(length.saturating_mul(limits::FILE_RATIO)),
            ahead: WINDOW,
            start: 0,
            bytes: Vec::new(),
        }
    }

    /// Returns the buffered bytes from `at` on: at least the length of a header, unless the file ends before. A search reads every byte of
    /// a file once, regardless of the number of false magics.
    fn ahead(&mut self, at: u64) -> io::Result<&[u8]> {
        let least = self.length.saturating_sub(at).min(HEADER_LENGTH as u64) as usize;
        if self.get(at, least)?.is_none() {
            return Ok(&[]);
        }
        Ok(&self.bytes[(at - self.start) as usize..])
    }

    /// Returns `count` bytes at `at`; `None` if the file ends before.
    fn get(&mut self, at: u64, count: usize) -> io::Result<Option<&[u8]>> {
        if at.checked_add(count as u64).is_none_or(|end| end > self.length) {
            return Ok(None);
        }
        let is_inside = at >= self.start && at + count as u64 <= self.start + self.bytes.len() as u64;
        if !is_inside {
            let ahead = (self.length - at).min(count.max(self.ahead) as u64);
            self.bytes.resize(ahead as usize, 0);
            self.start = at;
            if let Err(error) = read_exact_at(self.file, &mut self.bytes, at) {
                self.bytes.clear();
                return if error.kind() == io::ErrorKind::UnexpectedEof {
                    Ok(None)
                } else {
                    Err(error)
                };
            }
        }
        let from = (at - self.start) as usize;
        Ok(Some(&self.bytes[from..from + count]))
    }
}
