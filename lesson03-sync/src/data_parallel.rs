//! Threads that share a slice, by rayon, beside the pool: the same sum and the same long tasks in
//! each.
//!
//! Watch the two parts, in a release build. To add up numbers that are in memory takes so little
//! that what counts is how they get to whoever adds them: a thread borrows them where they are.
//! Long tasks take the same time on either, for it is the CPUs that they need.

// ANCHOR: program
use std::hint::black_box;
use std::ops::Range;
use std::time::Instant;

use multiproc::{Executor, Pool, Result, SharedSlice, cpu_count};
use rayon::prelude::*;

const NUMBERS: usize = 8_000_000;

/// Each is measured this often, and the shortest time counts: what is above it, other programs have
/// caused.
const ROUNDS: usize = 5;

fn sum(numbers: Vec<u64>) -> u64 {
    numbers.iter().sum()
}

fn sum_shared(numbers: SharedSlice<u64>, part: Range<usize>) -> Result<u64> {
    Ok(numbers.read(part)?.iter().sum())
}

/// Returns how many of the numbers below `limit` are prime, by division.
fn primes_below(limit: u32) -> usize {
    (2..limit).filter(|n| (2..).take_while(|d| d * d <= *n).all(|d| n % d != 0)).count()
}

/// Prints the shortest time that `work` takes, without that of `prepare`.
fn measure<T>(what: &str, mut prepare: impl FnMut() -> T, mut work: impl FnMut(T) -> Result<u64>) -> Result<()> {
    let (mut best, mut result) = (f64::INFINITY, 0);
    for _ in 0..ROUNDS {
        let input = prepare();
        let start = Instant::now();
        result = black_box(work(input)?);
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
    }
    println!("{what:<34} {best:>8.2} ms  {result}");
    Ok(())
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::new()?;
    let workers = pool.processes();
    pool.map(primes_below, vec![10; workers])?; // the workers are up before the clock starts
    println!("{} CPUs, {} threads, {workers} workers", cpu_count(), rayon::current_num_threads());

    let numbers: Vec<u64> = (0..NUMBERS as u64).collect();
    let part = NUMBERS.div_ceil(workers);
    measure("a sum, by a loop", || (), |()| Ok(numbers.iter().sum()))?;
    // ANCHOR: slice
    measure("a sum, by rayon", || (), |()| Ok(numbers.par_iter().sum()))?;
    // ANCHOR_END: slice
    // ANCHOR: pool
    let parts = || numbers.chunks(part).map(<[u64]>::to_vec).collect::<Vec<_>>();
    measure("a sum, by the pool, sent", parts, |parts| Ok(pool.map(sum, parts)?.iter().sum()))?;

    let shared = SharedSlice::from_slice(&numbers)?;
    let ranges = || (0..NUMBERS).step_by(part).map(|from| (shared.clone(), from..NUMBERS.min(from + part)));
    measure("a sum, by the pool, shared", ranges, |ranges| pool.starmap(sum_shared, ranges)?.into_iter().sum())?;
    // ANCHOR_END: pool
    println!();

    // ANCHOR: long
    let limits = vec![60_000_u32; 20];
    measure("long tasks, by rayon", || (), |()| Ok(limits.par_iter().map(|limit| primes_below(*limit) as u64).sum()))?;
    measure(
        "long tasks, by the pool",
        || limits.clone(),
        |limits| Ok(pool.with_chunksize(1).map(primes_below, limits)?.iter().sum::<usize>() as u64),
    )
    // ANCHOR_END: long
}
// ANCHOR_END: program
