//! Readers of stores, and of the small files in and beside them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use clew_cli::{Context, Interface, Settings, StoredHistory, Style, TypedCommand};
use clew_core::format::{Body, Encoding, HistoryDescription};
use clew_core::graph::{Arena, ArenaLimits};
use clew_core::history::History;
use clew_core::store::disk::RealDisk;
use clew_core::store::{Access, End, LastSeen, LogIndex, SigningKey, Store, Trust};
use clew_testing::disk::SimDisk;

use super::is_clear;
use crate::{files_of, mended};

pub(super) const STORE: &str = "/store";

/// Returns the key with which operations in inputs are signed.
pub(crate) fn key() -> SigningKey {
    SigningKey::from_secret(&[42; 32])
}

/// Opens a store with these files, which trusts its own key.
pub(super) fn opened(files: &BTreeMap<PathBuf, Vec<u8>>) -> Option<Store> {
    let disk = Arc::new(SimDisk::with_files(files));
    match Store::open(disk, Path::new(STORE), Access::ReadOnly) {
        Ok(store) => Some(store.with_trust(Trust::own(key().public()))),
        Err(error) => {
            is_clear(&error);
            None
        }
    }
}

/// Returns the files of an input. Unless its first byte is `=`, checksums and ids are repaired first.
pub(super) fn files(bytes: &[u8], root: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    match bytes.split_first() {
        Some((b'=', bytes)) => files_of(bytes, Path::new(root)),
        _ => files_of(&mended(bytes, &key()), Path::new(root)),
    }
}

/// Reads all data of a store.
pub(super) fn store(bytes: &[u8]) {
    let Some(store) = opened(&files(bytes, STORE)) else {
        return;
    };
    match store.verify(true) {
        Ok(verification) => verification.damage.iter().for_each(|damage| is_clear(&damage.what)),
        Err(error) => is_clear(&error),
    }
    for (id, _) in store.histories().expect("a simulated disk lists") {
        let loaded = store.load(id).expect("damage is no error");
        loaded.damage.iter().for_each(|damage| is_clear(&damage.what));
        let history = History::of(&loaded);
        let runs: Vec<_> = history.outlines().map(|(id, _)| id).collect();
        for id in runs {
            let state = history.state(id);
            state.versions().for_each(|version| read(&store, version.manifest));
            let _ = (
                history.label(&id),
                history.line(id).count(),
                history.ancestry(id).count(),
            );
            let Some(run) = history.run(&id) else { continue };
            for blob in run.source.iter().chain(&run.output) {
                if let Err(error) = store.blob(*blob) {
                    is_clear(&error);
                }
            }
        }
    }
}

fn read(store: &Store, id: clew_core::id::ManifestId) {
    let manifest = match store.manifest(id) {
        Ok(manifest) => manifest,
        Err(error) => return is_clear(&error),
    };
    let Body::Encoded(encoding) = &manifest.body else {
        return;
    };
    if let Err(error) = parts(store, encoding, manifest.roots.len()) {
        is_clear(&error);
    }
}

fn parts(store: &Store, encoding: &Encoding, roots: usize) -> Result<(), clew_core::store::StoreError> {
    let stream = store.stream(&encoding.stream)?;
    if let Err(error) = Arena::parse(&stream, roots, ArenaLimits::default()) {
        is_clear(&error);
    }
    store.stream(&encoding.asides)?;
    for extent in &encoding.extents {
        store.extent(extent)?;
    }
    Ok(())
}

/// Commands that only read.
const WORDS: [&str; 13] = [
    "log",
    "log --all --json",
    "show @",
    "show @- --json",
    "diff @- @",
    "diff @- @ --json",
    "vars",
    "vars --json",
    "annotate x",
    "stale",
    "op log",
    "extract x",
    "list",
];

/// Runs every command that only reads on an untrusted store.
pub(super) fn looking(bytes: &[u8]) {
    let Some(store) = opened(&files(bytes, STORE)) else {
        return;
    };
    let Ok(opened) = StoredHistory::of(store, None, 0) else {
        return;
    };
    let (place, context) = (opened.place(), context());
    for words in WORDS {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let arguments = clew_cli::parse(&words, context);
        drop(arguments.map(|arguments| clew_cli::look(&arguments, &place, context)));
    }
}

/// Returns a context that never changes.
pub(crate) fn context() -> &'static Context {
    static DESK: OnceLock<Context> = OnceLock::new();
    DESK.get_or_init(|| Context {
        interface: Interface::Notebook,
        store: PathBuf::from(STORE),
        config: PathBuf::from("/nothing/config"),
        store_key: None,
        cache: PathBuf::from("/nothing/cache"),
        now: 1_800_000_000_000_000_000,
        uptime: None,
        zone: jiff::tz::TimeZone::UTC,
        width: 100,
        style: Style { is_coloured: false },
        settings: Settings::default(),
        near: None,
        python: None,
        typed: TypedCommand::default(),
        registry: clew_cli::REGISTRY,
    })
}

/// Reads a store with these bytes as its index. The result must be the same as without an index.
pub(super) fn log_index(bytes: &[u8]) {
    static LOGS: OnceLock<(tempfile::TempDir, Store)> = OnceLock::new();
    let (folder, store) = LOGS.get_or_init(|| {
        let folder = tempfile::tempdir().expect("there is room for a store");
        for (path, bytes) in files_of(&mended(STORED, &key()), folder.path()) {
            std::fs::create_dir_all(path.parent().expect("files lie in folders")).expect("there is room for a folder");
            std::fs::write(path, bytes).expect("there is room for a file");
        }
        let store = Store::open(Arc::new(RealDisk), folder.path(), Access::ReadOnly).expect("it is a store");
        (folder, store.with_trust(Trust::own(key().public())))
    });
    let index = LogIndex::new(&folder.path().join("cache"), folder.path(), &key()).keeping_from(1);
    std::fs::create_dir_all(index.path().parent().expect("it lies in a folder")).expect("there is room for a folder");
    std::fs::write(index.path(), bytes).expect("there is room for a file");
    let indexed = store.clone().with_index(index);
    for (id, _) in store.histories().expect("it can be listed") {
        let (with, without) = (indexed.load(id), store.load(id));
        let (with, without) = (with.expect("damage is no error"), without.expect("damage is no error"));
        assert_eq!(
            with.runs.keys().collect::<Vec<_>>(),
            without.runs.keys().collect::<Vec<_>>()
        );
        assert_eq!(with.operations().len(), without.operations().len());
        assert_eq!(with.damage, without.damage);
    }
}

/// A store for the readers that need one.
pub(crate) const STORED: &[u8] = include_bytes!("../../stored.bin");

/// The first half of the input is the file `numbers`, the second half is `generation`.
pub(super) fn counters(bytes: &[u8]) {
    let disk = SimDisk::new(1);
    let open = |disk: &SimDisk| Store::open(Arc::new(disk.clone()), Path::new(STORE), Access::ReadWrite);
    let store = open(&disk).expect("a simulated disk has room");
    let history = store
        .create_history(&HistoryDescription::default())
        .expect("a simulated disk has room");
    let mut files = disk.files();
    let (numbers, generation) = bytes.split_at(bytes.len() / 2);
    files.insert(
        Path::new(STORE).join(format!("histories/{history}/numbers")),
        numbers.to_vec(),
    );
    files.insert(Path::new(STORE).join("generation"), generation.to_vec());
    let store = open(&SimDisk::with_files(&files)).expect("counters are no obstacle");
    let mut writer = store
        .writer(history, store.new_session(), &key())
        .expect("counters are no obstacle");
    let (one, two) = (writer.reserve_number(), writer.reserve_number());
    let (one, two) = (one.expect("a number is given"), two.expect("a number is given"));
    assert!(
        one >= 1 && (two > one || one == u64::MAX),
        "{one} was given before {two}"
    );
}

/// The first 32 bytes are the key, the rest is the list of trusted keys. A shorter input is a key of the wrong length.
pub(super) fn keys(bytes: &[u8]) {
    let config = Path::new("/config");
    let (secret, trusted) = bytes.split_at(bytes.len().min(32));
    let files = BTreeMap::from([
        (config.join("signing.key"), secret.to_vec()),
        (config.join("trusted.keys"), trusted.to_vec()),
    ]);
    let disk = SimDisk::with_files(&files);
    let own = match SigningKey::load(&disk, config) {
        Ok(key) => key.expect("there is a file").public(),
        Err(error) => {
            is_clear(&error);
            key().public()
        }
    };
    match Trust::load(&disk, config, own) {
        Ok(trust) => assert!(trust.said().count() <= trusted.len() / 64 + 1),
        Err(error) => is_clear(&error),
    }
}

/// If the input ends in an unfinished hash, the correct hash is added, so that fuzzing gets past its check.
pub(super) fn last_seen(bytes: &[u8]) {
    let (config, store) = (Path::new("/config"), Path::new(STORE));
    let path = LastSeen::new(Arc::new(SimDisk::new(1)), config, store, "machine").path();
    let bytes = match bytes.strip_suffix(b"hash ") {
        Some(said) => [bytes, blake3::hash(said).to_hex().as_bytes(), b"\n"].concat(),
        None => bytes.to_vec(),
    };
    let disk = Arc::new(SimDisk::with_files(&BTreeMap::from([(path, bytes)])));
    let last_seen = LastSeen::new(disk, config, store, "machine");
    let ends = match last_seen.read() {
        Ok(ends) => ends,
        Err(error) => return is_clear(&error),
    };
    let before: Vec<End> = ends.iter().copied().collect();
    last_seen.replace(&before).expect("a simulated disk has room");
    let after: Vec<End> = last_seen.read().expect("it was just written").iter().copied().collect();
    assert!(
        after.iter().all(|end| before.contains(end)),
        "what is written comes back"
    );
}
