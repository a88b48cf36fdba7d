//! A slow loop, and the same with `map`: what stands in the loop's body becomes a function, and the
//! loop becomes a call.
//!
//! Watch the speed-up. With two CPUs it is two at best, and a little less: the pool has to start,
//! tasks and results travel, and in the end one worker waits for the other. A loop can be turned
//! like this if no round needs another's result.

// ANCHOR: program
use std::time::Instant;

use multiproc::{Executor, Pool};

/// The number below `limit` that takes most steps to 1, by halving if it is even, and else by three
/// times it plus one.
fn longest_below(limit: u64) -> u64 {
    let steps = |mut n: u64| {
        let mut steps = 0;
        while n != 1 {
            n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
            steps += 1;
        }
        steps
    };
    (1..limit).max_by_key(|n| steps(*n)).unwrap_or(1)
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let limits: Vec<u64> = (1..=20).map(|n| 100_000 + 1000 * n).collect();

    let start = Instant::now();
    // ANCHOR: loop
    let mut looped = Vec::new();
    for limit in &limits {
        looped.push(longest_below(*limit));
    }
    // ANCHOR_END: loop
    let alone = start.elapsed();

    let start = Instant::now();
    // ANCHOR: map
    let pool = Pool::new()?;
    let mapped = pool.map(longest_below, limits)?;
    // ANCHOR_END: map
    let together = start.elapsed();

    println!("the loop: {alone:>8.1?}");
    println!("the pool: {together:>8.1?}, with {} workers", pool.processes());
    println!("the same results: {}", looped == mapped);
    println!("speed-up: {:.2}", alone.as_secs_f64() / together.as_secs_f64());
    Ok(())
}
// ANCHOR_END: program
