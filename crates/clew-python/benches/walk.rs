//! What the walk costs an object, by kind, and what hashing memory costs: `cargo bench -p clew-python --bench walk`.
//!
//! Objects are walked in the order in which they were made, and shuffled: then each lies on another page than the one
//! before. `nanoseconds an object` are the inverse of the throughput that is printed (20 ns are 50 Melem/s); leaves count.
//! `memory/sum` is what reading costs, in the same run: the limit for hashing.

use std::hint::black_box;

use _engine::raw::{Object, PythonHeap};
use clew_core::graph::{Heap, hash_blocks, look_jointly};
use clew_core::id::Root;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// What makes a list `value` of objects of one kind, each with what it holds.
const KINDS: [(&str, &str); 12] = [
    ("small ints", "value = [i % 200 for i in range(N)]"),
    ("ints", "value = [i * 1_000_003 for i in range(N)]"),
    ("floats", "value = [i / 7 for i in range(N)]"),
    ("short strings", "value = [f'item {i}' for i in range(N)]"),
    ("long strings", "value = [f'{i:0100}' for i in range(N)]"),
    ("lists of a float", "value = [[i / 7] for i in range(N // 2)]"),
    ("tuples", "value = [(i, i / 7) for i in range(N // 3)]"),
    (
        "dicts",
        "value = [{'id': i, 'x': i / 7, 'tag': f'item {i}'} for i in range(N // 7)]",
    ),
    (
        "shared lists",
        "one = [[i / 7] for i in range(N // 4)]; value = one + one",
    ),
    (
        "instances",
        "class Point:\n    def __init__(self, i): self.x = i / 7; self.y = i\nvalue = [Point(i) for i in range(N // 3)]",
    ),
    (
        "instances with slots",
        "class Slim:\n    __slots__ = ('x', 'y')\n    def __init__(self, i): self.x = i / 7; self.y = i\n\
         value = [Slim(i) for i in range(N // 3)]",
    ),
    ("sets", "value = [{i, i + 1} for i in range(N // 3)]"),
];

/// How many objects there are about.
const OBJECTS: usize = 600_000;
/// Bytes of memory that are hashed: more than any cache holds.
const MEMORY: usize = 512 << 20;

const SHUFFLE: &str = "import random; random.Random(1).shuffle(value)";

fn walk(criterion: &mut Criterion) {
    Python::initialize();
    Python::attach(|py| {
        for (name, setup) in KINDS {
            let mut group = criterion.benchmark_group(format!("walk/{name}"));
            group.sample_size(10);
            for (order, then) in [("in order", ""), ("shuffled", SHUFFLE)] {
                walk_one(py, &mut group, order, &format!("N = {OBJECTS}\n{setup}\n{then}"));
            }
            group.finish();
        }
    });
}

fn walk_one(py: Python<'_>, group: &mut BenchmarkGroup<'_, WallTime>, order: &str, setup: &str) {
    let namespace = PyDict::new(py);
    let source = std::ffi::CString::new(setup).expect("a source holds no zero");
    namespace.set_item("__name__", "__main__").expect("a dict takes names");
    py.run(&source, Some(&namespace), Some(&namespace))
        .expect("the cell runs");
    let value = namespace.get_item("value").ok().flatten().expect("the cell makes it");
    let mut heap = PythonHeap::new(&namespace, None).expect("this Python is known");
    let mut look = || {
        let found = look_jointly(&mut heap, vec![(Root::name("value"), Object::of(&value))]);
        heap.release();
        assert!(found.opaque.is_empty());
        found.nodes
    };
    group.throughput(Throughput::Elements(u64::from(look())));
    group.bench_function(order, |bencher| bencher.iter(|| black_box(look())));
}

fn memory(criterion: &mut Criterion) {
    let bytes: Vec<u8> = (0..MEMORY / 8)
        .flat_map(|number| (number as u64).to_le_bytes())
        .collect();
    let mut group = criterion.benchmark_group("memory");
    group.sample_size(10).throughput(Throughput::Bytes(MEMORY as u64));
    group.bench_function("sum", |bencher| bencher.iter(|| black_box(sum(&bytes))));
    group.bench_function("hash", |bencher| bencher.iter(|| black_box(hash_blocks(&bytes, 0))));
    group.finish();
}

fn sum(bytes: &[u8]) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    words
        .iter()
        .fold(0, |sum, word| u64::wrapping_add(sum, u64::from_le_bytes(*word)))
}

criterion_group!(benches, walk, memory);
criterion_main!(benches);
