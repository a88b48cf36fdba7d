//! The eight sums of lesson 1 once more, by `submit`: it takes a task, and returns at once. What it
//! returns is a future: a result that will be there later.
//!
//! Watch the first line: all eight tasks are on their way, and the program has time for other
//! things. `get` waits for a result that is not there yet. Then watch the times: with as many CPUs
//! for each, it makes little difference which call gives the sums out.

// ANCHOR: program
use std::thread;
use std::time::Instant;

use multiproc::{Executor, Pool, cpu_count, wait_for_all};

const NUMBERS: usize = 1_000_000;

fn sum(count: usize) -> u64 {
    (0..count).map(|_| fastrand::u64(1..=100)).sum()
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(4)?;

    // ANCHOR: submit
    let futures: Vec<_> = (0..8).map(|_| pool.submit(sum, (NUMBERS,))).collect();
    let ready = futures.iter().filter(|future| future.ready()).count();
    println!("{} tasks are submitted, {ready} results are there", futures.len());

    for (number, future) in futures.into_iter().enumerate() {
        println!("sum {}: {}", number + 1, future.get()?);
    }
    // ANCHOR_END: submit

    // ANCHOR: times
    println!("\neight sums on {} CPUs:", cpu_count());
    let start = Instant::now();
    let threads: Vec<_> = (0..8).map(|_| thread::spawn(|| sum(NUMBERS))).collect();
    threads.into_iter().for_each(|thread| assert!(thread.join().is_ok()));
    println!("8 threads               {:>6.1?}", start.elapsed());

    let start = Instant::now();
    pool.map(sum, [NUMBERS; 8])?;
    println!("Pool::map, {} workers    {:>6.1?}", pool.processes(), start.elapsed());

    let start = Instant::now();
    let futures: Vec<_> = (0..8).map(|_| pool.submit(sum, (NUMBERS,))).collect();
    wait_for_all(&futures);
    println!("submit, {} workers       {:>6.1?}", pool.processes(), start.elapsed());
    // ANCHOR_END: times
    Ok(())
}
// ANCHOR_END: program
