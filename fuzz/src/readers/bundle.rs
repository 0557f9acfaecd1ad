//! The reader of bundles.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use clew_core::format::{BUNDLE_FORMAT, BUNDLE_HEAD, FileDescription, FrameEncoder, FrameKind, encode_record};
use clew_core::id::HistoryId;
use clew_core::store::disk::Disk;
use clew_core::store::{Access, Bundle, BundleMaker, Store, StoreError, Trust};
use clew_testing::disk::SimDisk;

use super::is_clear;
use super::store::{STORE, files, key, opened};

const FILE: &str = "/b.clew";
/// The number of bytes between the first and last frame of a bundle; the fuzzed contents describe them.
const BODY: usize = 16 << 10;

/// After `#`, the input is the signed table of contents of a malicious bundle. Otherwise it is a store, which is exported to a bundle and
/// imported again.
pub(super) fn bundle(bytes: &[u8]) {
    if let Some(contents) = bytes.strip_prefix(b"#") {
        look_into(&signed(contents));
        return;
    }
    let Some(store) = opened(&files(bytes, STORE)) else {
        return;
    };
    for (history, _) in store.histories().expect("a simulated disk lists") {
        if let Err(error) = there_and_back(&store, history) {
            is_clear(&error);
        }
    }
}

/// Returns a correctly signed bundle with this table of contents.
fn signed(contents: &[u8]) -> Vec<u8> {
    let frame = |kind, plain: Vec<u8>| {
        let mut frame = Vec::new();
        FrameEncoder::default().frame(kind, [0; 32], b"", &plain, &mut frame);
        frame
    };
    let told = frame(
        FrameKind::CONTENTS,
        encode_record(&key().sign_bundle(contents.to_vec())),
    );
    let at = BUNDLE_HEAD + BODY as u64;
    let description = FileDescription::Bundle {
        format: BUNDLE_FORMAT,
        length: at + told.len() as u64,
        contents: at,
    };
    let mut head = frame(FrameKind::FILE, encode_record(&description));
    head.resize(BUNDLE_HEAD as usize, 0);
    [head, vec![0; BODY], told].concat()
}

fn look_into(bytes: &[u8]) {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::with_files(&BTreeMap::from([(FILE.into(), bytes.to_vec())])));
    let looked = Bundle::open(&disk, Path::new(FILE)).and_then(|bundle| {
        bundle.store().histories()?;
        for input in bundle.inputs() {
            assert!(input.is_safe(), "{input:?}");
            if let Some(mut bytes) = bundle.input(input) {
                std::io::copy(&mut bytes, &mut std::io::sink()).ok();
            }
        }
        bundle.check()
    });
    if let Err(error) = looked {
        is_clear(&error);
    }
}

/// Exports a history to a bundle and imports it. All readable data must be the same afterwards.
fn there_and_back(store: &Store, history: HistoryId) -> Result<(), StoreError> {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(1));
    disk.create_dir(Path::new("/")).expect("a simulated disk makes folders");
    let maker = BundleMaker::begin(Arc::clone(&disk), Path::new(FILE))?;
    let went = store.carry_history(history, maker.store(), &mut |_| ControlFlow::Continue(()))?;
    maker.finish(history, &key(), 7)?;
    let bundle = Bundle::open(&disk, Path::new(FILE))?;
    let before = store.load(history)?;
    // The user's own runs are decoded when they are needed, and other people's runs before they are displayed.
    let readable = before.runs.values().filter(|run| run.run().is_some()).count() as u64;
    let to =
        Store::open(Arc::clone(&disk), Path::new(STORE), Access::ReadWrite)?.with_trust(Trust::own(key().public()));
    let came = to.receive(&bundle, 9, &mut |_| ControlFlow::Continue(()))?;
    assert_eq!((came.things, came.runs), (went.things, readable));
    assert!(readable <= went.runs, "{readable} of {} runs", went.runs);
    assert!(came.damage.is_empty(), "{:?}", came.damage);
    let after = to.load(history)?;
    assert!(before.runs.keys().all(|run| after.runs.contains_key(run)));
    Ok(())
}
