//! What storing costs a byte: `cargo bench -p clew-core --bench storing`.
//!
//! Streams and memory that are new, that are as before, and that differ in one place; on the real disk, in a folder that is
//! taken away. Throughput is that of the value, not of what is written: where nothing changed it is that of XXH3. Memory also in
//! an encrypted store, and read from both: what encryption costs (decision 21).

use std::sync::Arc;

use clew_core::format::HistoryDescription;
use clew_core::graph::hash_blocks;
use clew_core::store::disk::{Disk, EncryptedDisk, RealDisk, read_exact_at, write_all_at};
use clew_core::store::{Access, Keyring, SessionWriter, SigningKey, Store, StoreKey};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

/// Bytes of each value.
const LENGTH: usize = 32 << 20;

/// Bytes that compress as streams do: short words of a few kinds, with numbers in them. Other ones for each `seed`.
fn words(seed: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(LENGTH + 64);
    let mut number = seed;
    while bytes.len() < LENGTH {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        bytes.extend_from_slice(b"\x19\x08name");
        bytes.extend_from_slice(&number.to_le_bytes()[5..]);
        bytes.extend_from_slice(b"\x0d\x01\x02");
    }
    bytes
}

/// Bytes without a pattern. Other ones for each `seed`.
fn noise(seed: u64) -> Vec<u8> {
    let mut number = seed;
    let next = || {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (number ^ number >> 29).to_le_bytes()
    };
    std::iter::repeat_with(next).take(LENGTH / 8).flatten().collect()
}

/// A store that is made here is encrypted, or not.
fn open(folder: &std::path::Path, is_encrypted: bool) -> Store {
    let keys = Keyring::holding(StoreKey::from_secret(&[2; 32])).for_new(is_encrypted);
    Store::open_with(Arc::new(RealDisk), folder, Access::ReadWrite, &keys).expect("a store")
}

fn writer(store: &Store) -> SessionWriter {
    let history = store.create_history(&HistoryDescription::default()).expect("a history");
    let key = SigningKey::from_secret(&[1; 32]);
    store.writer(history, store.new_session(), &key).expect("a writer")
}

fn streams(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = writer(&open(&folder.path().join("store"), false));
    let mut group = criterion.benchmark_group("stream");
    group.throughput(Throughput::Bytes(LENGTH as u64)).sample_size(10);
    let mut seed = 0;
    let mut put_new = |bytes: &dyn Fn(u64) -> Vec<u8>, bencher: &mut criterion::Bencher<'_>| {
        let fresh = || {
            seed += 1;
            bytes(seed)
        };
        bencher.iter_batched(fresh, |bytes| writer.put_stream(&bytes, &[]), BatchSize::PerIteration);
    };
    group.bench_function("new, of words", |bencher| put_new(&words, bencher));
    group.bench_function("new, of noise", |bencher| put_new(&noise, bencher));
    let bytes = words(0);
    let before = writer.put_stream(&bytes, &[]).expect("a stream");
    let mut edited = bytes.clone();
    edited.splice(LENGTH / 2..LENGTH / 2, *b"an insertion");
    group.bench_function("as before", |bencher| {
        bencher.iter(|| writer.put_stream(&bytes, &before));
    });
    group.bench_function("with an insertion", |bencher| {
        bencher.iter(|| writer.put_stream(&edited, &before));
    });
    group.bench_function("as in another session", |bencher| {
        bencher.iter(|| writer.put_stream(&bytes, &[]));
    });
}

fn memory(criterion: &mut Criterion) {
    memory_of(criterion, "memory", false);
    memory_of(criterion, "memory, encrypted", true);
}

fn memory_of(criterion: &mut Criterion, name: &str, is_encrypted: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder.path().join("store"), is_encrypted);
    let mut writer = writer(&store);
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(LENGTH as u64)).sample_size(10);
    let mut seed = 0;
    let mut fresh = || {
        seed += 1;
        let bytes = noise(seed);
        let hashes = hash_blocks(&bytes, 0);
        (bytes, hashes)
    };
    group.bench_function("new", |bencher| {
        bencher.iter_batched(
            &mut fresh,
            |(bytes, hashes)| writer.put_extent(&bytes, 0, &hashes, &[]),
            BatchSize::PerIteration,
        );
    });
    let bytes = noise(0);
    let hashes = hash_blocks(&bytes, 0);
    let extent = writer
        .put_extent(&bytes, 0, &hashes, &[])
        .expect("a disk")
        .expect("an extent");
    let known: Vec<_> = extent.blocks.iter().copied().map(Some).collect();
    group.bench_function("as before", |bencher| {
        bencher.iter(|| writer.put_extent(&bytes, 0, &hashes, &known));
    });
    // Unmapped, on one thread, each block held against its id.
    group.bench_function("read", |bencher| bencher.iter(|| store.extent(&extent)));
    drop(group);
    files(criterion, name, &folder.path().join("file"), is_encrypted);
}

/// The files alone: no hash, no frame.
fn files(criterion: &mut Criterion, name: &str, path: &std::path::Path, is_encrypted: bool) {
    let disk: Arc<dyn Disk> = if is_encrypted {
        Arc::new(EncryptedDisk::new(Arc::new(RealDisk), StoreKey::from_secret(&[2; 32])))
    } else {
        Arc::new(RealDisk)
    };
    let mut group = criterion.benchmark_group(format!("file of {name}"));
    group.throughput(Throughput::Bytes(LENGTH as u64)).sample_size(10);
    let mut bytes = noise(0);
    let fresh = || {
        disk.unlink(path).ok();
        disk.create_new(path).expect("a file")
    };
    group.bench_function("write", |bencher| {
        bencher.iter_batched(fresh, |file| write_all_at(&*file, &bytes, 0), BatchSize::PerIteration);
    });
    let file = disk.open(path).expect("the file");
    group.bench_function("read", |bencher| {
        bencher.iter(|| read_exact_at(&*file, &mut bytes, 0));
    });
}

criterion_group!(benches, streams, memory);
criterion_main!(benches);
