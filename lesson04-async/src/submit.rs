//! The eight sums of lesson 1 once more, by `submit`: it takes a task, and returns at once. What it
//! returns is a future: a result that will be there later.
//!
//! Watch the first line: all eight tasks are on their way, and the program has time for other
//! things. `get` waits for a result that is not there yet.

// ANCHOR: program
use multiproc::{Executor, Pool};

fn sum(count: usize) -> u64 {
    (0..count).map(|_| fastrand::u64(1..=100)).sum()
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(4)?;

    // ANCHOR: submit
    let futures: Vec<_> = (0..8).map(|_| pool.submit(sum, (1_000_000,))).collect();
    let ready = futures.iter().filter(|future| future.ready()).count();
    println!("{} tasks are submitted, {ready} results are there", futures.len());

    for (number, future) in futures.into_iter().enumerate() {
        println!("sum {}: {}", number + 1, future.get()?);
    }
    // ANCHOR_END: submit
    Ok(())
}
// ANCHOR_END: program
