//! Writing a pack with data of other packs: of the same store, or of another.

use super::block_run::{Stretch, by_length, runs};
use super::pack_reader::PackReader;
use super::pack_writer::PackWriter;
use super::survey::PackItem;
use crate::format::FrameKind;
use crate::id::{BlockId, PackId, SegmentId};
use crate::store::layout;
use crate::store::{Store, StoreError};

/// The pack that a repack wrote.
#[derive(Debug)]
pub(in crate::store) struct RepackedPack {
    pub id: PackId,
    /// Bytes of its file.
    pub length: u64,
}

/// The writer of a pack with data of other packs.
pub(in crate::store) struct Copy<'s> {
    to: &'s Store,
    pub reader: PackReader<'s>,
    pack: Option<PackWriter>,
    /// Blocks that wait for the blocks that followed them.
    blocks: Vec<(PackItem, Vec<u8>)>,
}

/// The most blocks that are copied at once.
const MOST_BLOCKS: usize = 512;

impl<'s> Copy<'s> {
    /// Creates a writer. The pack is created with the first data.
    pub fn new(from: &'s Store, to: &'s Store) -> Self {
        Self {
            to,
            reader: PackReader::new(from.disk()),
            pack: None,
            blocks: Vec::new(),
        }
    }

    /// Continues with data of another store.
    pub fn go_on_from(&mut self, from: &'s Store) -> Result<(), StoreError> {
        self.put_blocks()?;
        self.reader = PackReader::new(from.disk());
        Ok(())
    }

    fn pack(&mut self) -> Result<&mut PackWriter, StoreError> {
        let pack = if let Some(pack) = self.pack.take() {
            pack
        } else {
            let mut pack = PackWriter::create(self.to, self.to.new_session())?;
            pack.take_time();
            pack
        };
        Ok(self.pack.insert(pack))
    }

    /// Adds a block that is rarely needed from now on: compressed, with others.
    pub fn put_cold(&mut self, thing: &PackItem, bytes: &[u8]) -> Result<(), StoreError> {
        let pack = self.pack()?;
        pack.put_small(&Stretch {
            offset: 0,
            bytes,
            blocks: vec![(BlockId(thing.id), thing.place.length)],
        });
        if pack.is_due() {
            pack.flush()?;
        }
        Ok(())
    }

    /// Adds a frame that cannot be decoded, unchanged.
    pub fn put_frame_as_it_lay(&mut self, frame: &[u8]) -> Result<(), StoreError> {
        self.pack()?.put_frame_as_it_lay(frame);
        Ok(())
    }

    /// Adds bytes, at `from` in their pack, that are not frames, unchanged.
    pub fn put_gap(&mut self, bytes: &[u8], from: u64) -> Result<(), StoreError> {
        self.put_blocks()?;
        let pack = self.pack()?;
        pack.flush()?;
        Ok(pack.write_as_it_lay(bytes, from)?)
    }

    /// Adds an item of a pack.
    pub fn put(&mut self, thing: PackItem, bytes: Vec<u8>) -> Result<(), StoreError> {
        if thing.kind == FrameKind::BLOCKS {
            self.blocks.push((thing, bytes));
            return if self.blocks.len() < MOST_BLOCKS {
                Ok(())
            } else {
                self.put_blocks()
            };
        }
        let pack = self.pack()?;
        if thing.kind == FrameKind::SEGMENT {
            pack.put_segment(SegmentId(thing.id), &bytes);
        } else {
            pack.put(thing.kind, thing.id, &bytes);
        }
        if pack.is_due() {
            pack.flush()?;
        }
        Ok(())
    }

    /// Writes the waiting blocks. Consecutive blocks stay consecutive, and keep their offset modulo the page size.
    fn put_blocks(&mut self) -> Result<(), StoreError> {
        let blocks = std::mem::take(&mut self.blocks);
        let neighbours: Vec<_> = blocks
            .chunk_by(|(before, _), (thing, _)| thing.place.follows(&before.place))
            .map(|blocks| {
                (
                    blocks,
                    blocks
                        .iter()
                        .map(|(_, bytes)| bytes.as_slice())
                        .collect::<Vec<_>>()
                        .concat(),
                )
            })
            .collect();
        let stretches = neighbours.iter().map(|(blocks, bytes)| Stretch {
            offset: blocks[0].0.place.phase(),
            bytes,
            blocks: blocks
                .iter()
                .map(|(thing, _)| (BlockId(thing.id), thing.place.length))
                .collect(),
        });
        let (small, large) = by_length(stretches.collect());
        for stretch in small {
            self.pack()?.put_small(&stretch);
        }
        for run in runs(large) {
            let pack = self.pack()?;
            pack.flush()?;
            pack.write_run(&run)?;
        }
        Ok(())
    }

    /// Syncs the data that was added, and writes a MARK, so that sessions may rely on it. Data that is added later must be read and hashed
    /// before a session relies on it.
    pub fn vouch(&mut self) -> Result<(), StoreError> {
        self.put_blocks()?;
        let Some(pack) = &mut self.pack else { return Ok(()) };
        pack.flush()?;
        sync(pack)?;
        let synced = pack.end;
        pack.mark(synced);
        pack.flush()?;
        Ok(())
    }

    /// Syncs the whole pack, and its name.
    pub fn finish(mut self) -> Result<Option<RepackedPack>, StoreError> {
        self.put_blocks()?;
        let Some(mut pack) = self.pack.take() else {
            return Ok(None);
        };
        let folder = layout::packs_folder(self.to.directory());
        pack.flush()?;
        sync(&pack)?;
        let disk = self.to.disk();
        disk.sync_folder(&folder)?;
        Ok(Some(RepackedPack {
            id: pack.id,
            length: pack.end,
        }))
    }
}

fn sync(pack: &PackWriter) -> Result<(), StoreError> {
    pack.file.sync().map_err(StoreError::io("sync", &pack.path))
}
