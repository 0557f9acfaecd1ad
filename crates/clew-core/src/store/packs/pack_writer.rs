//! Packs: append-only files of blocks, segments, texts and manifests, each written by one session.

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

/// Small frames are gathered up to this many bytes before they are written.
const MAX_GATHERED: usize = 4 << 20;
/// The most plain bytes of small blocks, or of segments, that share a frame: reading one decodes all.
const MAX_SHARED: usize = 256 * 1024;

/// Small frames that are not written yet, and the locations of their contents.
#[derive(Debug, Default)]
pub(in crate::store) struct FrameBuffer {
    bytes: Vec<u8>,
    /// Frames are counted from the first gathered byte; the pack is filled in when they are written.
    places: Vec<([u8; 32], PackLocation)>,
    held: FxHashSet<[u8; 32]>,
    /// Frames that still take what comes: of blocks, of segments.
    open: [Shared; 2],
}

/// What goes into one frame.
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

/// Kinds of which several things share a frame.
const SHARED: [FrameKind; 2] = [FrameKind::BLOCKS, FrameKind::SEGMENT];

impl FrameBuffer {
    /// Whether `id` is gathered and not written yet.
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

/// Writes one pack.
#[derive(Debug)]
pub(in crate::store) struct PackWriter {
    pub id: PackId,
    /// Its number in the index.
    pub number: u32,
    pub path: PathBuf,
    pub file: Arc<dyn DiskFile>,
    /// Everything before is whole frames that were written.
    pub end: u64,
    /// What goes before the gathered frames: the file's description, marks.
    ahead: Vec<u8>,
    pub gathered: FrameBuffer,
    encoder: FrameEncoder,
    /// Keeps the pack from being taken away while it is written.
    _lease: Option<Lease>,
}

impl PackWriter {
    /// Makes the pack's file. Its description goes with the first write.
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

    /// Compresses harder from now on: nobody waits.
    pub fn take_time(&mut self) {
        self.encoder = FrameEncoder::of_level(COLD_LEVEL);
    }

    /// Gathers a frame of one thing. It is written with the next flush.
    pub fn put(&mut self, kind: FrameKind, id: [u8; 32], plain: &[u8]) {
        let at = self.gathered.bytes.len() as u64;
        self.encoder.frame(kind, id, b"", plain, &mut self.gathered.bytes);
        let place = PackLocation::framed(self.number, at, 0, plain.len() as u32);
        self.gathered.hold(id, place);
    }

    /// Whether so much is gathered that it should be written.
    pub fn is_due(&self) -> bool {
        self.gathered.length() >= MAX_GATHERED
    }

    /// Gathers the blocks of a short stretch into a shared frame.
    pub fn put_small(&mut self, stretch: &Stretch<'_>) {
        let mut rest = stretch.bytes;
        for (id, length) in &stretch.blocks {
            let (bytes, later) = rest.split_at(*length as usize);
            self.put_shared(FrameKind::BLOCKS, id.0, bytes);
            rest = later;
        }
    }

    /// Gathers a segment into a shared frame.
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

    /// Makes a frame of what goes into one.
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

    /// Writes stretches of at most [`MAX_RUN`] blocks as one run of raw bytes. Each lies as far behind a multiple of
    /// 4,096 in the file as in its piece of memory, so that its whole pages can be mapped, neighbours together. What was
    /// gathered must have been flushed.
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

    /// Writes bytes of another pack as they lay at `from` there, damaged frames or none at all, as far behind a multiple
    /// of 4,096: what a header among them says of where its frame ends then holds here too. What was gathered must have
    /// been flushed.
    pub fn write_as_it_lay(&mut self, bytes: &[u8], from: u64) -> Result<(), WriteError> {
        let at = in_phase(self.end, from);
        let ahead = vec![0; (at - self.end) as usize];
        self.append(&[ahead.as_slice(), bytes].concat(), self.end)?;
        self.end = at + bytes.len() as u64;
        Ok(())
    }

    /// Gathers a whole frame of another pack whose payload can't be decoded. Its place says nothing of where it ends.
    pub fn put_frame_as_it_lay(&mut self, frame: &[u8]) {
        self.gathered.bytes.extend_from_slice(frame);
    }

    /// Writes what was gathered, and says where it lies. On an error it stays gathered and goes with the next flush.
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

    /// Says in the pack that its first `synced` bytes were synced. Goes with the next flush.
    pub fn mark(&mut self, synced: u64) {
        self.encoder
            .frame(FrameKind::MARK, [0; 32], b"", &synced.to_le_bytes(), &mut self.ahead);
    }

    fn append(&self, bytes: &[u8], at: u64) -> Result<(), WriteError> {
        append(&*self.file, &self.path, bytes, at, self.end)
    }
}

/// The first byte from `end` on that lies as far behind a multiple of 4,096 as `offset` does.
fn in_phase(end: u64, offset: u64) -> u64 {
    end + (offset % PAGE + PAGE - end % PAGE) % PAGE
}

/// The table of a run of stretches, and where the last one ends.
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
