//! The values of runs. A seed determines a value completely, so another process can check a restored value.

use clew_core::format::{Body, Encoding, Manifest, RECORD_VERSION, Run, Timestamp, Version};
use clew_core::graph::{Mention, hash_blocks};
use clew_core::id::{Fingerprint, Root, RunId};
use clew_core::store::{SessionWriter, Store, StoreError};

use crate::run::bare_run;

/// The number of different values. It is small, so most values are already stored by another process.
pub const DIFFERENT: u64 = 60;

fn bytes(seed: u64) -> (Vec<u8>, Vec<u8>) {
    let stream = format!("the objects of {seed}; ").repeat(30).into_bytes();
    let length = [0, 400, 30_000, 150_000][(seed % 4) as usize];
    let byte = |index: u64| (index.wrapping_mul(index | 1).wrapping_add(seed / 2 * 7919) >> 3) as u8;
    (stream, (0..length).map(byte).collect())
}

fn manifest(seed: u64, writer: &mut SessionWriter) -> Result<Manifest, StoreError> {
    let (stream, memory) = bytes(seed);
    let extent = writer.put_extent(&memory, 0, &hash_blocks(&memory, 0), &[])?;
    let encoding = Encoding {
        stream: writer.put_stream(&stream, &[])?.iter().map(|piece| piece.id).collect(),
        mentions: vec![Mention {
            extent: 0,
            offset: 0,
            length: memory.len() as u64,
        }],
        extents: extent.into_iter().collect(),
        ..Encoding::default()
    };
    Ok(Manifest {
        version: RECORD_VERSION,
        fingerprint_version: Fingerprint::VERSION,
        roots: vec![Root::name("x")],
        fingerprint: Fingerprint::of(&stream),
        body: Body::Encoded(encoding),
        summaries: Vec::new(),
    })
}

/// Writes a run that creates the value of `seed`.
pub fn put(
    writer: &mut SessionWriter,
    (seed, number): (u64, u64),
    parent: Option<RunId>,
    started: Timestamp,
) -> Result<RunId, StoreError> {
    let manifest = manifest(seed, writer)?;
    let version = Version {
        roots: manifest.roots.clone(),
        fingerprint: manifest.fingerprint,
        manifest: writer.put_manifest(manifest)?,
    };
    let source = writer.put_blob(&format!("x = {seed}"))?;
    writer.put_run(&Run {
        parent,
        source: Some(source),
        changed: vec![version],
        ..bare_run(number, started)
    })
}

/// Checks that a run created the value of `seed`, and that all of it can be read.
///
/// # Errors
/// The value differs or cannot be read.
pub fn check(store: &Store, run: &Run, seed: u64) -> Result<(), String> {
    let told = |error: StoreError| error.to_string();
    let manifest = store.manifest(run.changed[0].manifest).map_err(told)?;
    let Body::Encoded(encoding) = &manifest.body else {
        return Err("its value is not encoded".to_owned());
    };
    let stream = store.stream(&encoding.stream).map_err(told)?.into_inner();
    let mut memory = Vec::new();
    for extent in &encoding.extents {
        memory.extend(store.extent(extent).map_err(told)?.into_inner());
    }
    let source = run.source.ok_or("it has no source")?;
    let source = store.blob(source).map_err(told)?.into_inner();
    if (stream, memory) == bytes(seed) && source == format!("x = {seed}") {
        Ok(())
    } else {
        Err("it is another value".to_owned())
    }
}
