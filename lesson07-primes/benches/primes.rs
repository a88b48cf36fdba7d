//! The steps of the case study, measured by criterion: the test of one number, by trial division
//! and by Miller–Rabin, and the whole list one by one, by `map` and by `split`.
//!
//! `cargo bench -p lesson07-primes`

use std::hint::black_box;

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use multiproc::{Executor, Pool};

#[allow(dead_code, unreachable_pub, reason = "an example, whose task is measured")]
#[path = "../src/is_prime.rs"]
mod is_prime;
#[allow(dead_code, unreachable_pub, reason = "an example, whose task is measured")]
#[path = "../src/miller_rabin.rs"]
mod miller_rabin;
#[allow(dead_code, unreachable_pub, reason = "the examples that choose numbers use more of it")]
#[path = "../src/numbers.rs"]
mod numbers;
#[allow(dead_code, unreachable_pub, reason = "an example, whose calls are measured")]
#[path = "../src/split.rs"]
mod split;

use numbers::NUMBERS;

/// A prime of fourteen digits, the largest on which criterion makes many rounds in a moment.
const PRIME: u64 = 10963707205259;

// ANCHOR: benches
fn one_number(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one number");
    group.bench_function("trial division", |bencher| bencher.iter(|| is_prime::is_prime(black_box(PRIME))));
    group.bench_function("Miller-Rabin", |bencher| bencher.iter(|| miller_rabin::is_prime(black_box(PRIME))));
}

fn all_numbers(criterion: &mut Criterion) {
    let pool = Pool::new().expect("a pool starts");
    let mut group = criterion.benchmark_group("all numbers");
    // A round takes a tenth of a second and more.
    group.sample_size(20).sampling_mode(SamplingMode::Flat);
    group.bench_function("one by one", |bencher| {
        bencher.iter(|| NUMBERS.iter().map(|n| is_prime::is_prime(black_box(*n))).collect::<Vec<_>>());
    });
    group.bench_function("map", |bencher| bencher.iter(|| pool.map(is_prime::is_prime, NUMBERS).unwrap()));
    group.bench_function("split", |bencher| bencher.iter(|| split::primes(&pool, &NUMBERS).unwrap()));
}

criterion_group!(benches, one_number, all_numbers);
criterion_main!(benches);
// ANCHOR_END: benches
