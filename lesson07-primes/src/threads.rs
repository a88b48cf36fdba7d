//! The same on threads, with rayon: what processes cost, and what they buy.
//!
//! In a project of your own, bring `is_prime` from `is_prime.rs`, and put a list of yours in place
//! of `numbers()`.

// ANCHOR: program
use std::time::Instant;

use multiproc::{Executor, Pool};
use rayon::prelude::*;

use crate::is_prime::is_prime;
use crate::numbers::numbers;

/// So many small tasks that the time of the call itself does not show.
const SMALL: u64 = 10_000;

/// The worst a task can do.
fn crash() -> bool {
    std::process::abort()
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::new()?;
    let numbers = numbers();

    let start = Instant::now();
    let by_threads: Vec<bool> = numbers.par_iter().map(|n| is_prime(*n)).collect();
    let large = start.elapsed();
    let start = Instant::now();
    (0..SMALL).into_par_iter().map(is_prime).collect::<Vec<_>>();
    let small = start.elapsed() / SMALL as u32;
    println!("threads:   the numbers {large:.1?}, a small task {small:.0?}");

    let start = Instant::now();
    let by_processes = pool.map(is_prime, numbers)?;
    let large = start.elapsed();
    let start = Instant::now();
    pool.with_chunksize(1).map(is_prime, 0..SMALL)?;
    let small = start.elapsed() / SMALL as u32;
    println!("processes: the numbers {large:.1?}, a small task {small:.1?}");
    assert_eq!(by_threads, by_processes);

    // ANCHOR: crash
    // In a thread of this program, this would be the end of all of it.
    if let Err(error) = pool.apply(crash, ()) {
        println!("a task that aborts fails alone: {error}");
    }
    // ANCHOR_END: crash
    println!("and the pool goes on: 97 is {}", if pool.apply(is_prime, (97,))? { "prime" } else { "not prime" });
    Ok(())
}
// ANCHOR_END: program
