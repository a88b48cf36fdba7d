//! The first pool: workers that wait for tasks. `apply` gives them one, and waits for its result.
//!
//! Watch the pids: the task runs in a worker, and so does a second one. It finds the worker still
//! there: nothing has to be started for it.

// ANCHOR: program
use std::process;

use multiproc::{Executor, Pool};

fn add(a: u64, b: u64) -> (u64, u32) {
    (a + b, process::id())
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    println!("I am {}", process::id());

    // ANCHOR: pool
    let pool = Pool::with_processes(1)?;
    let (sum, pid) = pool.apply(add, (20, 22))?;
    println!("20 + 22 is {sum}, says worker {pid}");
    // ANCHOR_END: pool
    let (sum, pid) = pool.apply(add, (1, 1))?;
    println!("1 + 1 is {sum}, says worker {pid}");
    Ok(())
} // the pool ends with its scope, and so do its workers
// ANCHOR_END: program
