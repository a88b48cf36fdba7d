//! The pool's calls, watched over time: what a call costs, and what an item of a map does.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use multiproc::{Executor, Pool};

fn identity(n: u64) -> u64 {
    black_box(n)
}

fn length(bytes: Vec<u8>) -> usize {
    bytes.len()
}

fn pool() -> Pool {
    Pool::with_processes(2).expect("a pool of two starts")
}

/// One call after another, without and with a payload.
fn apply(criterion: &mut Criterion) {
    let pool = pool();
    criterion.bench_function("apply", |bencher| bencher.iter(|| pool.apply(identity, (black_box(7),)).unwrap()));
    let mut group = criterion.benchmark_group("apply_bytes");
    for size in [1 << 10, 1 << 16, 1 << 20] {
        let bytes = vec![7_u8; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), &bytes, |bencher, bytes| {
            let call = |bytes| pool.apply(length, (bytes,)).unwrap();
            bencher.iter_batched(|| bytes.clone(), call, BatchSize::LargeInput);
        });
    }
}

/// A map with the default chunks and one with an item a task.
fn map(criterion: &mut Criterion) {
    let pool = pool();
    let mut group = criterion.benchmark_group("map");
    for items in [1_000_u64, 100_000] {
        group.throughput(Throughput::Elements(items));
        group.bench_with_input(BenchmarkId::new("default", items), &items, |bencher, items| {
            bencher.iter(|| pool.map(identity, 0..*items).unwrap());
        });
        group.bench_with_input(BenchmarkId::new("chunk1", items), &items, |bencher, items| {
            bencher.iter(|| pool.with_chunksize(1).map(identity, 0..*items).unwrap());
        });
    }
}

/// The lazy maps, in order and as results come.
fn imap(criterion: &mut Criterion) {
    let pool = pool();
    let items = 10_000_u64;
    let mut group = criterion.benchmark_group("imap");
    group.throughput(Throughput::Elements(items));
    group.bench_function("ordered", |bencher| {
        bencher.iter(|| pool.imap(identity, 0..items).map(Result::unwrap).sum::<u64>());
    });
    group.bench_function("unordered", |bencher| {
        bencher.iter(|| pool.imap_unordered(identity, 0..items).map(Result::unwrap).sum::<u64>());
    });
}

criterion_group!(benches, apply, map, imap);
criterion_main!(benches);
