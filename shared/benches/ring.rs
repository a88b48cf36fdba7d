//! The ring alone, with both ends in one thread: what copying in, showing and copying out cost.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use multiproc::__parts::Ring;

/// The size of a pool's rings.
const CAPACITY: usize = 256 * 1024;

fn ring(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ring");
    for size in [8, 64, 1024, 64 * 1024] {
        let mut ring = Ring::new(CAPACITY).expect("shared memory for a ring");
        let message = vec![7; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_with_input(BenchmarkId::new("pass", size), &message, |bencher, message| {
            bencher.iter(|| ring.pass(message));
        });
    }
    group.finish();
}

criterion_group!(benches, ring);
criterion_main!(benches);
