//! What a task costs beside its work: the trip there and back, and what it carries.
//!
//! Watch the three parts, in a release build. A thousand trips, one after the other, or one call
//! with a thousand items: the fewer trips, the less waiting. A payload of 8 MB is copied into a
//! worker's memory and decoded there, which takes longer than to add it up. An array in shared
//! memory stays where it is: only a handle travels, and a range.

// ANCHOR: program
use std::hint::black_box;
use std::ops::Range;
use std::time::Instant;

use multiproc::{Executor, Pool, Result, SharedSlice};

/// Everything is measured this often, and the shortest time counts: what is above it, other
/// programs have caused.
const ROUNDS: usize = 5;

const NUMBERS: usize = 1_000_000;

fn negate(n: i64) -> i64 {
    -n
}

fn sum(numbers: Vec<u64>) -> u64 {
    numbers.iter().sum()
}

// ANCHOR: shared
fn sum_shared(numbers: SharedSlice<u64>, part: Range<usize>) -> Result<u64> {
    Ok(numbers.read(part)?.iter().sum())
}
// ANCHOR_END: shared

fn measure(what: &str, mut work: impl FnMut() -> Result<()>) -> Result<()> {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        work()?;
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
    }
    println!("{what:<42} {best:>8.3} ms");
    Ok(())
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(2)?;
    pool.map(negate, 0..2)?; // the workers are up before the clock starts

    measure("1000 numbers, a trip for each", || (0..1000).try_for_each(|n| pool.apply(negate, (n,)).map(drop)))?;
    measure("1000 numbers, one map", || pool.map(negate, 0..1000).map(drop))?;
    measure("1000 numbers, one map, one chunk", || pool.with_chunksize(1000).map(negate, 0..1000).map(drop))?;
    println!();

    let numbers: Vec<u64> = (0..NUMBERS as u64).collect();
    measure("add up 8 bytes, sent along", || pool.apply(sum, (vec![1],)).map(drop))?;
    let mut copies = vec![numbers.clone(); ROUNDS];
    measure("add up 8 MB, sent along", || pool.apply(sum, (copies.pop().unwrap_or_default(),)).map(drop))?;
    println!();

    let shared = SharedSlice::from_slice(&numbers)?;
    measure("add up 8 MB here", || {
        black_box(numbers.iter().sum::<u64>());
        Ok(())
    })?;
    measure("add up 8 MB in shared memory, in two tasks", || {
        let parts = [0..NUMBERS / 2, NUMBERS / 2..NUMBERS].map(|part| (shared.clone(), part));
        pool.starmap(sum_shared, parts)?.into_iter().collect::<Result<Vec<u64>>>().map(drop)
    })
}
// ANCHOR_END: program
