//! Ten tasks, and wait for all: `map` calls the function for each item, on all workers, and returns
//! the results.
//!
//! Watch the order. Each task reports when it is done, and the reports come as they come, different
//! each time. The results are always in the order of the items.

// ANCHOR: program
use std::time::{Duration, Instant};
use std::{process, thread};

use multiproc::{Executor, Pool};

// ANCHOR: task
fn double(n: u64) -> u64 {
    thread::sleep(Duration::from_millis(fastrand::u64(50..=150))); // some work, not always as much
    println!("worker {}: {n} doubled is {}", process::id(), 2 * n);
    2 * n
}
// ANCHOR_END: task

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(4)?;

    let start = Instant::now();
    // ANCHOR: map
    let results = pool.map(double, 1..=10)?;
    println!("{results:?}");
    // ANCHOR_END: map
    println!("ten tasks of 0.1 s each, on four workers: {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
// ANCHOR_END: program
