//! Stores that older versions wrote, as they lie: they open for ever.
//!
//! A new format gets a new folder, written by `CLEW_WRITE_GOLDEN=1 cargo test -p clew-core --test store golden` (`--test encrypted`); the
//! folder of a released format is never written again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_core::id::HistoryId;
use clew_core::store::disk::RealDisk;
use clew_core::store::{Access, Store, Trust, Verdict};

use crate::story::{STORE, Told, begin, check_never_wrong, description, key};

const HISTORY: &str = "golden";

fn folder(format: u16) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/format-{format}"))
}

/// What this version writes: two sessions, a rename, all sizes of memory, what was synced and what was not.
fn written() -> BTreeMap<PathBuf, Vec<u8>> {
    let (disk, store, history) = begin(2026);
    for numbers in [[1, 2, 3], [4, 5, 6]] {
        let mut writer = store.writer(history, store.new_session(), &key()).unwrap();
        for number in numbers {
            assert_eq!(writer.reserve_number().unwrap(), number);
            Told::new(number).record(&mut writer).unwrap();
        }
        writer.sync().unwrap();
    }
    let mut renamed = description(HISTORY);
    renamed.time = 2;
    store.describe_history(history, &renamed).unwrap();
    let files = disk.files().into_iter();
    files
        .map(|(path, bytes)| (path.strip_prefix(STORE).unwrap().to_owned(), bytes))
        .collect()
}

fn write(folder: &Path) {
    for (path, bytes) in written() {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// Who changes a byte of what is written makes a new format, or a new version of a frame, a record or the fingerprint, and
/// a new golden store.
#[test]
fn p13_the_same_session_is_written_as_the_same_bytes() {
    let folder = folder(crate::FORMAT);
    for (path, bytes) in written() {
        // Locks are empty, and git keeps no empty files apart from what is missing.
        let before = std::fs::read(folder.join(&path)).unwrap_or_default();
        assert!(before == bytes, "{} is written otherwise now", path.display());
    }
}

#[test]
fn p13_a_store_of_a_released_format_opens_and_everything_in_it_comes_back() {
    let folder = folder(crate::FORMAT);
    if std::env::var_os("CLEW_WRITE_GOLDEN").is_some() {
        // No file there yet, and none left: what is there may be an older store.
        std::fs::remove_dir_all(&folder).ok();
        write(&folder);
    }
    let store = Store::open_with(Arc::new(RealDisk), &folder, Access::ReadOnly, &crate::keys()).unwrap();
    let store = store.with_trust(Trust::own(key().public()));
    let histories = store.histories().unwrap();
    assert_eq!(histories.len(), 1);
    assert_eq!(histories[0].1.name, HISTORY);
    check(&store, histories[0].0);
}

fn check(store: &Store, history: HistoryId) {
    let loaded = store.load(history).unwrap();
    assert_eq!(loaded.damage, []);
    assert_eq!(loaded.descriptions.len(), 2);
    assert_eq!(check_never_wrong(store, &loaded), [1, 2, 3, 4, 5, 6]);
    for session in loaded.sessions.values() {
        assert_eq!((session.operations.len(), session.synced), (3, 3));
        assert!(
            session
                .operations
                .iter()
                .all(|operation| operation.verdict == Verdict::Own)
        );
    }
    let verification = store.verify(true).unwrap();
    assert_eq!(verification.damage, []);
    assert_eq!(
        (verification.operations, verification.packs, verification.manifests),
        (6, 2, 6)
    );
}
