//! Small tasks in batches: what a trip to a worker costs is shared by all tasks that travel
//! together.
//!
//! In a project of your own, bring `is_prime` from `is_prime.rs`, and put `(1..=1000).collect()` in
//! place of `chosen()…`.

// ANCHOR: program
use std::time::Instant;

use multiproc::{Executor, Pool, Result};

use crate::is_prime::is_prime;
use crate::numbers::chosen;

/// Every line is measured this often, and the shortest time counts: what is above it, other
/// programs have caused.
const ROUNDS: u32 = 20;

/// Runs `work`, and prints a line of the table.
fn measure(label: &str, batches: usize, work: impl Fn() -> Result<Vec<bool>>) -> Result<()> {
    let mut best = f64::INFINITY;
    let mut primes = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let answers = work()?;
        best = best.min(start.elapsed().as_secs_f64() * 1e6);
        primes = answers.iter().filter(|prime| **prime).count();
    }
    println!("{label:>10}  {batches:>7}  {primes:>6}  {best:>8.1} µs");
    Ok(())
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::new()?;
    let numbers: Vec<u64> = chosen().unwrap_or_else(|| (1..=1000).collect());

    println!("chunk size  batches  primes         time");
    // ANCHOR: sizes
    for size in [1, 4, 20, 100, 250, 500, 1000] {
        let batches = numbers.len().div_ceil(size);
        measure(&size.to_string(), batches, || pool.with_chunksize(size).map(is_prime, numbers.clone()))?;
    }
    // ANCHOR_END: sizes
    measure("no pool", 0, || Ok(numbers.iter().map(|n| is_prime(*n)).collect()))
}
// ANCHOR_END: program
