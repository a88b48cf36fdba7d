//! The first pool: workers that wait for tasks. `apply` gives them one, and waits for its result;
//! `apply_async` gives them one, and lets the program decide when to wait.
//!
//! Watch the pids: the task runs in a worker, and so do the next two. They find the worker still
//! there: nothing has to be started for them.

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

    let pool = Pool::with_processes(1)?;
    let (sum, pid) = pool.apply(add, (20, 22))?;
    println!("20 + 22 is {sum}, says worker {pid}");
    let (sum, pid) = pool.apply(add, (1, 1))?;
    println!("1 + 1 is {sum}, says worker {pid}");

    // ANCHOR: wait
    let later = pool.apply_async(add, (2, 3));
    println!("a task is under way, and I go on");
    later.wait();
    let (sum, pid) = later.get()?;
    println!("2 + 3 is {sum}, says worker {pid}");
    // ANCHOR_END: wait
    Ok(())
} // the pool ends with its scope, and so do its workers
// ANCHOR_END: program
