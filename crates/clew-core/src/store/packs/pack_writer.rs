//! Writing packs: append-only files of blocks, segments, texts and manifests, each written by one session.

use std::path::PathBuf;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::block_run::{MAX_RUN, Stretch};
use super::index::{PackLocation, Placement};
use crate::format::{COLD_LEVEL, FileDescription, FrameEncoder, FrameKind, PAGE, TableEntry, encode_record, raw_run};
use crate::id::{PackId, SegmentId, SessionId};
use crate::store::Store;
use crate::store::disk::DiskFile;
use crate::store::disk::append::{WriteError, append};
use crate::store::error::StoreError;
use crate::store::gc_lock::Lease;
use crate::store::layout;

/// Small frames are buffered up to this number of bytes before they are written.
const MAX_GATHERED: usize = 4 << 20;
/// The most plain bytes of small blocks, or of segments, that share a frame: reading one item decodes the whole frame.
const MAX_SHARED: usize = 256 * 1024;

/// Small frames that are not written yet, and the locations of their contents.
#[derive(Debug, Default)]
pub(in crate::store) struct FrameBuffer {
    bytes: Vec<u8>,
    /// Offsets count from the first buffered byte; the position in the pack is added when the frames are written.
    places: Vec<([u8; 32], PackLocation)>,
    held: FxHashSet<[u8; 32]>,
    /// Frames that are not complete yet: one of blocks, one of segments.
    open: [Shared; 2],
}

/// The content of a shared frame.
#[derive(Debug, Default)]
struct Shared {
    table: Vec<TableEntry>,
    plain: Vec<u8>,
}

impl Shared {
    fn put(&mut self, id: [u8; 32], bytes: &[u8]) {
        self.table.push(TableEntry {
            id,
            offset: self.plain.len() as u64,
            length: bytes.len() as u32,
        });
        self.plain.extend_from_slice(bytes);
    }
}

/// Kinds of which several items share a frame.
const SHARED: [FrameKind; 2] = [FrameKind::BLOCKS, FrameKind::SEGMENT];

impl FrameBuffer {
    /// Returns whether `id` is buffered and not written yet.
    pub fn holds(&self, id: &[u8; 32]) -> bool {
        self.held.contains(id)
    }

    pub fn is_empty(&self) -> bool {
        self.length() == 0
    }

    fn length(&self) -> usize {
        self.bytes.len() + self.open.iter().map(|open| open.plain.len()).sum::<usize>()
    }

    fn hold(&mut self, id: [u8; 32], place: PackLocation) {
        self.held.insert(id);
        self.places.push((id, place));
    }
}

/// The writer of one pack.
#[derive(Debug)]
pub(in crate::store) struct PackWriter {
    pub id: PackId,
    /// Its number in the index.
    pub number: u32,
    pub path: PathBuf,
    pub file: Arc<dyn DiskFile>,
    /// The end of the complete frames that were written.
    pub end: u64,
    /// Frames to write before the buffered frames: the file's description, marks.
    ahead: Vec<u8>,
    pub gathered: FrameBuffer,
    encoder: FrameEncoder,
    /// Prevents the deletion of the pack while it is written.
    _lease: Option<Lease>,
}

impl PackWriter {
    /// Creates the pack's file. Its description is written with the first write.
    pub fn create(store: &Store, session: SessionId) -> Result<Self, StoreError> {
        let (disk, directory) = (&store.inner.disk, store.directory());
        let id = PackId(disk.random_bytes());
        let number = store.index().number(directory, id);
        let folder = layout::packs_folder(directory);
        disk.make_folder(&folder)?;
        let lease = Lease::take(disk, directory, id)?;
        let path = layout::pack_path(directory, id);
        let file = disk.create_new(&path).map_err(StoreError::io("make", &path))?;
        let mut encoder = FrameEncoder::default();
        let mut ahead = Vec::new();
        let description = encode_record(&FileDescription::Pack { pack: id, session });
        encoder.frame(FrameKind::FILE, [0; 32], b"", &description, &mut ahead);
        Ok(Self {
            id,
            number,
            path,
            file: Arc::from(file),
            end: 0,
            ahead,
            gathered: FrameBuffer::default(),
            encoder,
            _lease: lease,
        })
    }

    /// Switches to the higher compression level, for uses where speed does not matter.
    pub fn take_time(&mut self) {
        self.encoder = FrameEncoder::of_level(COLD_LEVEL);
    }

    /// Buffers a frame of one item. It is written with the next flush.
    pub fn put(&mut self, kind: FrameKind, id: [u8; 32], plain: &[u8]) {
        let at = self.gathered.bytes.len() as u64;
        self.encoder.frame(kind, id, b"", plain, &mut self.gathered.bytes);
        let place = PackLocation::framed(self.number, at, 0, plain.len() as u32);
        self.gathered.hold(id, place);
    }

    /// Returns whether enough is buffered to be written.
    pub fn is_due(&self) -> bool {
        self.gathered.length() >= MAX_GATHERED
    }

    /// Buffers the blocks of a short stretch in a shared frame.
    pub fn put_small(&mut self, stretch: &Stretch<'_>) {
        let mut rest = stretch.bytes;
        for (id, length) in &stretch.blocks {
            let (bytes, later) = rest.split_at(*length as usize);
            self.put_shared(FrameKind::BLOCKS, id.0, bytes);
            rest = later;
        }
    }

    /// Buffers a segment in a shared frame.
    pub fn put_segment(&mut self, id: SegmentId, bytes: &[u8]) {
        self.put_shared(FrameKind::SEGMENT, id.0, bytes);
    }

    fn put_shared(&mut self, kind: FrameKind, id: [u8; 32], bytes: &[u8]) {
        let number = usize::from(kind == FrameKind::SEGMENT);
        if self.gathered.open[number].plain.len() + bytes.len() > MAX_SHARED {
            self.close(number);
        }
        self.gathered.open[number].put(id, bytes);
        self.gathered.held.insert(id);
    }

    /// Completes a shared frame.
    fn close(&mut self, number: usize) {
        let Shared { table, plain } = std::mem::take(&mut self.gathered.open[number]);
        if table.is_empty() {
            return;
        }
        let at = self.gathered.bytes.len() as u64;
        let place = |entry: &TableEntry| {
            let place = PackLocation::framed(self.number, at, entry.offset as u32, entry.length);
            (entry.id, place)
        };
        self.gathered.places.extend(table.iter().map(place));
        let meta = TableEntry::write_table(&table);
        self.encoder
            .frame(SHARED[number], [0; 32], &meta, &plain, &mut self.gathered.bytes);
    }

    /// Writes stretches of at most [`MAX_RUN`] blocks as one run of raw bytes. Each keeps its offset modulo 4,096 from its piece of memory,
    /// so that its whole pages can be mapped, together with those of adjacent stretches. The buffer must have been flushed.
    pub fn write_run(&mut self, stretches: &[Stretch<'_>]) -> Result<Vec<([u8; 32], PackLocation)>, WriteError> {
        let (table, end) = table_of(stretches);
        debug_assert!(self.gathered.is_empty() && table.len() <= MAX_RUN);
        let head = raw_run(&table, end);
        let payload_at = (self.end + head.len() as u64).next_multiple_of(PAGE);
        self.append(&head, self.end)?;
        let mut at = 0;
        for stretch in stretches {
            at = in_phase(at, stretch.offset);
            self.append(stretch.bytes, payload_at + at)?;
            at += stretch.bytes.len() as u64;
        }
        self.end = payload_at + end;
        let places = table.iter().map(|entry| {
            let place = PackLocation {
                pack: self.number,
                at: payload_at + entry.offset,
                length: entry.length,
                form: Placement::Raw,
            };
            (entry.id, place)
        });
        Ok(places.collect())
    }

    /// Writes bytes of another pack, at `from` there, unchanged, whether they are corrupted frames or no frames. They keep their offset
    /// modulo 4,096, so that a header among them still gives the right end of its frame. The buffer must have been flushed.
    pub fn write_as_it_lay(&mut self, bytes: &[u8], from: u64) -> Result<(), WriteError> {
        let at = in_phase(self.end, from);
        let ahead = vec![0; (at - self.end) as usize];
        self.append(&[ahead.as_slice(), bytes].concat(), self.end)?;
        self.end = at + bytes.len() as u64;
        Ok(())
    }

    /// Buffers a whole frame of another pack with a payload that cannot be decoded. Its end does not depend on its offset.
    pub fn put_frame_as_it_lay(&mut self, frame: &[u8]) {
        self.gathered.bytes.extend_from_slice(frame);
    }

    /// Writes the buffer, and returns the locations of its content. After an error the content stays buffered for the next flush.
    pub fn flush(&mut self) -> Result<Vec<([u8; 32], PackLocation)>, WriteError> {
        (0..SHARED.len()).for_each(|number| self.close(number));
        let bytes = [self.ahead.as_slice(), &self.gathered.bytes].concat();
        self.append(&bytes, self.end)?;
        let base = self.end + self.ahead.len() as u64;
        self.end += bytes.len() as u64;
        self.ahead.clear();
        let mut places = std::mem::take(&mut self.gathered).places;
        for (_, place) in &mut places {
            place.at += base;
            place.pack = self.number;
        }
        Ok(places)
    }

    /// Queues a MARK that the first `synced` bytes of the pack were synced. It is written with the next flush.
    pub fn mark(&mut self, synced: u64) {
        self.encoder
            .frame(FrameKind::MARK, [0; 32], b"", &synced.to_le_bytes(), &mut self.ahead);
    }

    fn append(&self, bytes: &[u8], at: u64) -> Result<(), WriteError> {
        append(&*self.file, &self.path, bytes, at, self.end)
    }
}

/// Returns the first offset from `end` on that is equal to `offset` modulo 4,096.
fn in_phase(end: u64, offset: u64) -> u64 {
    end + (offset % PAGE + PAGE - end % PAGE) % PAGE
}

/// Returns the table of a run of stretches, and the end of the last one.
fn table_of(stretches: &[Stretch<'_>]) -> (Vec<TableEntry>, u64) {
    let mut table = Vec::new();
    let mut end = 0;
    for stretch in stretches {
        end = in_phase(end, stretch.offset);
        for (id, length) in &stretch.blocks {
            table.push(TableEntry {
                id: id.0,
                offset: end,
                length: *length,
            });
            end += u64::from(*length);
        }
    }
    (table, end)
}
