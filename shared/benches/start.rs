//! Starting and stopping pools, by each method: from nothing to two answers and back to nothing.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use multiproc::{Executor, Pool, Process, StartMethod};

fn identity(n: u64) -> u64 {
    black_box(n)
}

fn run_a_pool(method: StartMethod) -> multiproc::Result<Vec<u64>> {
    let pool = Pool::builder().processes(2).start_method(method).build()?;
    let found = pool.with_chunksize(1).map(identity, [1, 2])?;
    pool.close();
    pool.join()?;
    Ok(found)
}

/// A pool of two.
fn pool(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("start_pool");
    for method in [StartMethod::Fork, StartMethod::Spawn, StartMethod::ForkServer] {
        group.bench_function(BenchmarkId::from_parameter(format!("{method:?}")), |bencher| {
            bencher.iter(|| run_a_pool(method).unwrap());
        });
    }
}

/// A single process with one function to run.
fn process(criterion: &mut Criterion) {
    criterion.bench_function("start_process", |bencher| {
        bencher.iter(|| Process::new(identity, (7,)).start().and_then(|child| child.join()).unwrap());
    });
}

criterion_group!(benches, pool, process);
criterion_main!(benches);
