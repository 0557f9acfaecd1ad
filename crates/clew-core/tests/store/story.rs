//! A small session, told run by run, and what of it must come back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_core::format::{
    Action, Body, Encoding, HistoryDescription, Manifest, Position, RECORD_VERSION, Run, Summary, Version, View,
};
use clew_core::graph::{Mention, hash_blocks};
use clew_core::id::{Fingerprint, HistoryId, OperationId, Root, RunId, SegmentId};
use clew_core::store::disk::read_exact_at;
use clew_core::store::{Access, LoadedHistory, SessionWriter, SigningKey, Store, StoreError, StoredSegment, Trust};
use clew_testing::bare_run;
use clew_testing::disk::SimDisk;

pub const STORE: &str = "/home/u/store";

/// The first of the large runs.
pub const LARGE: u64 = 1000;

/// Bytes without a pattern.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// The key of the tests.
pub fn key() -> SigningKey {
    SigningKey::from_secret(&[42; 32])
}

pub fn open(disk: &SimDisk, access: Access) -> Result<Store, StoreError> {
    let store = Store::open_with(Arc::new(disk.clone()), Path::new(STORE), access, &crate::keys())?;
    Ok(store.with_trust(Trust::own(key().public())))
}

/// What run `number` of the story leaves: its stream, its memory, its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub number: u64,
    pub stream: Vec<u8>,
    pub memory: Vec<u8>,
    pub column: u64,
    pub source: String,
}

impl Told {
    /// Runs of all sizes: without memory, with some that is short, long, in columns, and shared between runs; from
    /// [`LARGE`] on so large that the lists of their pieces lie apart.
    pub fn new(number: u64) -> Self {
        if number >= LARGE {
            return Self::large(number);
        }
        let (length, column) = [(0, 0), (300, 0), (70_000, 0), (2 * 20_000, 20_000), (900, 300)][number as usize % 5];
        let byte = |index: usize| (index as u64 / 4096 + index as u64 % 251) as u8;
        Self {
            number,
            stream: format!("stream of run {number}; ").repeat(20).into_bytes(),
            memory: (0..length)
                .map(|index| byte(index).wrapping_add((number / 5) as u8))
                .collect(),
            column,
            source: format!("x = {number}"),
        }
    }

    /// An even run, or one that differs from the run before by an insertion in the stream and a byte of memory.
    fn large(number: u64) -> Self {
        let like = number & !1;
        let mut told = Self {
            number,
            stream: [noise(like, 800_000), vec![5; 600_000], noise(like + 1, 700_000)].concat(),
            memory: noise(like + 2, 5_000_000),
            column: 0,
            source: format!("x = {number}"),
        };
        if number != like {
            told.stream.splice(300_000..300_000, *b"an insertion");
            told.memory[3_000_000] ^= 1;
        }
        told
    }

    fn manifest(&self, writer: &mut SessionWriter) -> Result<Manifest, StoreError> {
        let extent = writer
            .put_extent(&self.memory, self.column, &hash_blocks(&self.memory, self.column), &[])?
            .unwrap();
        let mention = Mention {
            extent: 0,
            offset: 0,
            length: self.memory.len() as u64,
        };
        let encoding = Encoding {
            stream: ids(&writer.put_stream(&self.stream, &[])?),
            extents: vec![extent],
            mentions: vec![mention],
            ..Encoding::default()
        };
        Ok(Manifest {
            version: RECORD_VERSION,
            fingerprint_version: Fingerprint::VERSION,
            roots: vec![Root::name("x")],
            fingerprint: Fingerprint::of(&self.stream),
            body: Body::Encoded(encoding),
            summaries: vec![Summary {
                text: self.source.clone(),
                ..Summary::default()
            }],
        })
    }

    /// Puts everything of the run.
    pub fn put(&self, writer: &mut SessionWriter, parent: Option<RunId>) -> Result<RunId, StoreError> {
        let manifest = self.manifest(writer)?;
        let version = Version {
            roots: manifest.roots.clone(),
            fingerprint: manifest.fingerprint,
            manifest: writer.put_manifest(manifest)?,
        };
        let run = Run {
            parent,
            parent_confirmed: parent.is_some(),
            source: Some(writer.put_blob(&self.source)?),
            execution_count: Some(self.number),
            duration: 5,
            changed: vec![version],
            ..bare_run(self.number, 1000 + self.number.cast_signed())
        };
        writer.put_run(&run)
    }

    /// Puts and commits the run.
    pub fn record(&self, writer: &mut SessionWriter) -> Result<(OperationId, RunId), StoreError> {
        let run = self.put(writer, None)?;
        let view = View {
            at: Some(Position { run, branch: None }),
            confirmed: None,
        };
        let (operation, _) = writer.commit(Action::Run, Vec::new(), view, 1000 + self.number.cast_signed())?;
        Ok((operation, run))
    }

    /// Reads what `run` left, or why that can't be.
    pub fn read(store: &Store, run: &Run) -> Result<Self, StoreError> {
        let manifest = store.manifest(run.changed[0].manifest)?;
        let Body::Encoded(encoding) = &manifest.body else {
            panic!("the story's manifests are encoded");
        };
        Ok(Self {
            number: run.number,
            stream: store.stream(&encoding.stream)?.into_inner(),
            memory: store.extent(&encoding.extents[0])?.into_inner(),
            column: encoding.extents[0].column,
            source: store
                .blob(run.source.expect("the story's runs have sources"))?
                .into_inner(),
        })
    }
}

/// All files as the store reads them.
pub fn seen(disk: &SimDisk) -> BTreeMap<PathBuf, Vec<u8>> {
    let through = crate::through(disk);
    let seen = |path: &PathBuf| {
        let file = through.open(path).unwrap();
        let mut bytes = vec![0; file.length().unwrap() as usize];
        read_exact_at(&*file, &mut bytes, 0).unwrap();
        bytes
    };
    let files = disk.files();
    files.into_keys().map(|path| (path.clone(), seen(&path))).collect()
}

/// Bytes of all packs together.
pub fn pack_bytes(disk: &SimDisk) -> usize {
    let files = disk.files();
    let packs = files
        .iter()
        .filter(|(path, _)| path.extension().is_some_and(|extension| extension == "pack"));
    packs.map(|(_, bytes)| bytes.len()).sum()
}

/// What pieces are stored as.
pub fn ids(pieces: &[StoredSegment]) -> Vec<SegmentId> {
    pieces.iter().map(|piece| piece.id).collect()
}

/// A store with one history, on a new disk.
pub fn begin(seed: u64) -> (SimDisk, Store, HistoryId) {
    let disk = SimDisk::new(seed);
    let store = open(&disk, Access::ReadWrite).unwrap();
    let history = store.create_history(&description("flights")).unwrap();
    (disk, store, history)
}

pub fn description(name: &str) -> HistoryDescription {
    HistoryDescription {
        version: RECORD_VERSION,
        time: 1,
        name: name.to_owned(),
        path: Some(format!("/home/u/{name}.ipynb")),
        ..HistoryDescription::default()
    }
}

pub fn writer(store: &Store, history: HistoryId) -> SessionWriter {
    store.writer(history, store.new_session(), &key()).unwrap()
}

/// Every run that comes back is what was told; says which ones did.
pub fn check_never_wrong(store: &Store, loaded: &LoadedHistory) -> Vec<u64> {
    let mut whole = Vec::new();
    for run in loaded.runs.values().filter_map(|stored| stored.run()) {
        if let Ok(told) = Told::read(store, run) {
            assert_eq!(told, Told::new(run.number), "run {} came back wrong", run.number);
            whole.push(run.number);
        }
    }
    whole.sort_unstable();
    whole
}

/// An id that nothing has.
pub fn nothing() -> SegmentId {
    SegmentId([9; 32])
}
